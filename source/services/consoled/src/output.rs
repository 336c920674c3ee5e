//! What waits to go out, bounded, and the lines that writers have begun.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::Sender;

/// Most bytes that wait for the wire.
pub const MAX_WAITING: usize = 16 * 1024;
/// Longest line of a writer, in bytes; a longer one is broken.
pub const MAX_LINE: usize = 256;
/// Most writers with a line begun; the one that began first is shown as it stands.
pub const MAX_WRITERS: usize = 16;

/// Bytes on their way to the wire. What does not fit is dropped and counted.
#[derive(Debug, Default)]
pub struct Output {
    waiting: VecDeque<u8>,
    dropped: u64,
}

impl Output {
    /// Appends bytes, all or none.
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.len() > self.room() {
            self.dropped = self.dropped.saturating_add(1);
        } else {
            self.waiting.extend(bytes);
        }
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_WAITING.saturating_sub(self.waiting.len())
    }

    /// Pieces that were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The bytes that wait, oldest first, for the transmitter to take from.
    pub fn waiting(&mut self) -> &mut VecDeque<u8> {
        &mut self.waiting
    }
}

/// Lines begun and not yet ended, by writer.
#[derive(Debug, Default)]
pub struct Writers {
    begun: Vec<(Sender, Vec<u8>)>,
}

impl Writers {
    /// Adds what `sender` wrote and returns the lines that are now complete.
    pub fn push(&mut self, sender: Sender, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = self.take(sender);
        for byte in bytes {
            if *byte == b'\n' {
                lines.push(clean(&core::mem::take(&mut line)));
                continue;
            }
            if line.len() == MAX_LINE {
                lines.push(clean(&core::mem::take(&mut line)));
            }
            line.push(*byte);
        }
        if !line.is_empty() {
            if self.begun.len() == MAX_WRITERS {
                let (_, oldest) = self.begun.remove(0);
                lines.push(clean(&oldest));
            }
            self.begun.push((sender, line));
        }
        lines
    }

    /// Ends the line that `sender` has begun, if any.
    pub fn end(&mut self, sender: Sender) -> Option<String> {
        let line = self.take(sender);
        (!line.is_empty()).then(|| clean(&line))
    }

    fn take(&mut self, sender: Sender) -> Vec<u8> {
        let index = self.begun.iter().position(|(writer, _)| *writer == sender);
        index.map_or_else(Vec::new, |index| self.begun.remove(index).1)
    }
}

/// A line fit for a terminal: no control characters, so that no writer can move the cursor,
/// change the terminal or fake a line of another.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let visible = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '?',
        c => c,
    };
    String::from_utf8_lossy(bytes).chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Sender = Sender { service_id: 7, incarnation: 1 };
    const B: Sender = Sender { service_id: 8, incarnation: 1 };

    // attack 46 U: two writers at once; neither ends the other's line
    #[test]
    fn lines_of_two_writers_do_not_mix() {
        let mut writers = Writers::default();
        assert!(writers.push(A, b"first ").is_empty());
        assert_eq!(writers.push(B, b"second\nthi"), ["second"]);
        assert_eq!(writers.push(A, b"half\n"), ["first half"]);
        assert_eq!(writers.push(B, b"rd\n\n"), ["third", ""]);
    }

    #[test]
    fn another_life_of_a_service_is_another_writer() {
        let mut writers = Writers::default();
        writers.push(A, b"old");
        let again = Sender { incarnation: 2, ..A };
        assert_eq!(writers.push(again, b"new\n"), ["new"]);
        assert_eq!(writers.end(A).as_deref(), Some("old"));
        assert_eq!(writers.end(A), None);
    }

    #[test]
    fn a_line_is_broken_at_its_bound() {
        let mut writers = Writers::default();
        assert!(writers.push(A, &[b'x'; MAX_LINE]).is_empty());
        assert_eq!(writers.push(A, b"y\n"), ["x".repeat(MAX_LINE), "y".into()]);
    }

    #[test]
    fn too_many_writers_show_the_first_one_begun() {
        let mut writers = Writers::default();
        for id in 0..MAX_WRITERS {
            let sender = Sender { service_id: u32::try_from(id).unwrap(), incarnation: 1 };
            assert!(writers.push(sender, &[b'a' + u8::try_from(id).unwrap()]).is_empty());
        }
        assert_eq!(writers.push(Sender { service_id: 99, incarnation: 1 }, b"z"), ["a"]);
    }

    // attack 46 U: control characters in output; shown as question marks
    #[test]
    fn control_characters_and_bad_utf8_lose_their_power() {
        assert_eq!(clean(b"a\x1b[2Jb\tc\r"), "a?[2Jb c");
        assert_eq!(clean(b"a\rb"), "a?b");
        assert_eq!(clean(b"\xff\xc2\x9b"), "\u{fffd}?");
    }

    #[test]
    fn output_is_bounded_and_counts_what_it_drops() {
        let mut out = Output::default();
        out.push(&[b'x'; MAX_WAITING - 1]);
        out.push(b"yz");
        assert_eq!((out.room(), out.dropped()), (1, 1));
        out.push(b"y");
        assert_eq!((out.room(), out.dropped(), out.waiting().len()), (0, 1, MAX_WAITING));
    }
}
