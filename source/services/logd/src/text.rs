//! Text of a log line: bounded, and harmless on a terminal.

/// Longest line in bytes. What does not fit is cut off.
pub const LINE_BYTES: usize = 144;

/// A line under way or complete. Only printable ASCII gets in, so that no line can hold another
/// line, move a cursor or colour a screen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    bytes: [u8; LINE_BYTES],
    len: usize,
    cut: bool,
}

impl Default for Text {
    fn default() -> Text {
        Text::EMPTY
    }
}

impl Text {
    /// No text.
    pub const EMPTY: Text = Text { bytes: [0; LINE_BYTES], len: 0, cut: false };

    /// Appends `bytes`, with `?` for everything that is not printable ASCII.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let harmless = matches!(byte, b' '..=b'~');
            let clean = if harmless { *byte } else { b'?' };
            match self.bytes.get_mut(self.len) {
                Some(slot) => {
                    *slot = clean;
                    self.len += 1;
                }
                None => self.cut = true,
            }
        }
    }

    /// What was kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// True when something was cut off.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 46 U: control characters in a line; replaced; broken: logd-text
    #[test]
    fn control_characters_do_not_survive() {
        let mut text = Text::EMPTY;
        text.push(b"ok\r\n@nx 00 proof\x1b[2J\x00\x7f\xc2\x9b~");
        assert_eq!(text.as_bytes(), b"ok??@nx 00 proof?[2J????~");
        let mut every = Text::EMPTY;
        every.push(&(0..=255).collect::<Vec<u8>>());
        assert!(every.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte)));
    }

    #[test]
    fn length_is_bounded_and_the_cut_shows() {
        let mut text = Text::EMPTY;
        text.push(&[b'a'; LINE_BYTES]);
        text.push(b"");
        assert!(!text.is_cut(), "exactly full is not cut");
        text.push(b"b");
        assert!(text.is_cut());
        assert_eq!(text.as_bytes(), [b'a'; LINE_BYTES]);
    }
}
