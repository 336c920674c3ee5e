//! Draws the line being edited on one row of the terminal.

use alloc::format;
use alloc::vec::Vec;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a terminal that does not say how many it has. The last one stays free: a character
/// there would make some terminals wrap.
pub const USUAL: u8 = 80;
/// Fewest columns that are believed: F3 with Shift looks like a report of two.
pub const NARROWEST: u8 = 20;

/// Asks the terminal for its width: it remembers the cursor, goes as far right as it can, reports where
/// that is, and comes back.
pub const ASK_WIDTH: &[u8] = b"\x1b7\x1b[999C\x1b[6n\x1b8";

/// Back to the first column, and clear to the end of the row.
pub const ERASE: &[u8] = b"\r\x1b[K";

/// Columns that `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// True when `prompt` and `text` fit whole on a row of so many columns.
#[must_use]
pub fn fits(columns: u8, prompt: &str, text: &str) -> bool {
    width(prompt) + width(text) < columns.into()
}

/// Draws prompt and text anew and puts the cursor before byte `cursor` of the text. A line that
/// is too long shows the part before the cursor.
pub fn draw(out: &mut Vec<u8>, columns: u8, prompt: &str, text: &str, cursor: usize) {
    let room = usize::from(columns).saturating_sub(1 + width(prompt));
    let (before, after) = text.split_at_checked(cursor).unwrap_or((text, ""));
    let before = tail(before, room);
    let after = head(after, room - width(before).min(room));
    out.extend_from_slice(ERASE);
    out.extend_from_slice(prompt.as_bytes());
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(after.as_bytes());
    let back = width(after);
    if back > 0 {
        out.extend_from_slice(format!("\x1b[{back}D").as_bytes());
    }
}

/// The longest end of `text` that fits in `room` columns.
fn tail(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (index, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > room {
            return &text[index + c.len_utf8()..];
        }
    }
    text
}

/// The longest beginning of `text` that fits in `room` columns.
fn head(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (index, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > room {
            return &text[..index];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(prompt: &str, text: &str, cursor: usize) -> String {
        let mut out = Vec::new();
        draw(&mut out, USUAL, prompt, text, cursor);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn puts_the_cursor_inside_the_text() {
        assert_eq!(drawn("> ", "abc", 3), "\r\x1b[K> abc");
        assert_eq!(drawn("> ", "abc", 1), "\r\x1b[K> abc\x1b[2D");
        assert_eq!(drawn("> ", "a€€", 4), "\r\x1b[K> a€€\x1b[1D");
        assert_eq!(drawn("> ", "a漢", 1), "\r\x1b[K> a漢\x1b[2D");
    }

    #[test]
    fn a_long_line_shows_what_stands_before_the_cursor() {
        let text = format!("{}END", "x".repeat(100));
        assert_eq!(drawn("> ", &text, text.len()), format!("\r\x1b[K> {}END", "x".repeat(74)));
        assert_eq!(drawn("> ", &text, 0), format!("\r\x1b[K> {}\x1b[77D", "x".repeat(77)));
    }

    #[test]
    fn a_prompt_wider_than_the_row_leaves_no_room_and_no_panic() {
        let prompt = "p".repeat(90);
        assert_eq!(drawn(&prompt, "abc", 1), format!("\r\x1b[K{prompt}"));
    }

    #[test]
    fn fits_up_to_the_last_but_one_column() {
        assert!(fits(USUAL, "> ", &"x".repeat(77)));
        assert!(!fits(USUAL, "> ", &"x".repeat(78)));
    }
}
