//! `random`.

use alloc::string::String;
use core::fmt::Write as _;

/// Bytes of a line: what fits a terminal of 40 columns.
const LINE: usize = 16;

/// Bytes in hexadecimal.
#[must_use]
pub fn random(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(LINE) {
        for byte in line {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_lines() {
        assert_eq!(random(&[0, 1, 0xfe]), "0001fe\n");
        let text = random(&[7; 33]);
        assert_eq!(text.lines().map(str::len).collect::<alloc::vec::Vec<_>>(), [32, 32, 2]);
    }
}
