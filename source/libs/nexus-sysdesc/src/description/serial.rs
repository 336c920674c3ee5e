//! The serial number of a disk (virtio 1.2, 5.2.6).

use core::fmt;

use serde::{Deserialize, Serialize};

use super::bounds::is_text;

/// Bytes of it as the device tells it.
pub const SERIAL_LEN: usize = 20;

/// A serial number: 1 to 20 printable ASCII characters, the rest zeroes. There is no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; SERIAL_LEN]", into = "[u8; SERIAL_LEN]")]
pub struct Serial([u8; SERIAL_LEN]);

/// These bytes are no serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSerial;

impl fmt::Display for NoSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a serial number is 1 to 20 printable ASCII characters")
    }
}

impl core::error::Error for NoSerial {}

impl TryFrom<[u8; SERIAL_LEN]> for Serial {
    type Error = NoSerial;

    fn try_from(bytes: [u8; SERIAL_LEN]) -> Result<Serial, NoSerial> {
        let len = bytes.iter().take_while(|byte| matches!(byte, b' '..=b'~')).count();
        let rest = bytes.iter().skip(len).all(|byte| *byte == 0);
        if len > 0 && rest { Ok(Serial(bytes)) } else { Err(NoSerial) }
    }
}

impl From<Serial> for [u8; SERIAL_LEN] {
    fn from(serial: Serial) -> [u8; SERIAL_LEN] {
        serial.0
    }
}

impl Serial {
    /// The serial number with this text.
    ///
    /// # Errors
    /// It has none, more than 20 characters, or others than printable ASCII.
    pub fn new(text: &str) -> Result<Serial, NoSerial> {
        let mut bytes = [0; SERIAL_LEN];
        let place = bytes.get_mut(..text.len()).filter(|_| is_text(text, SERIAL_LEN));
        place.ok_or(NoSerial)?.copy_from_slice(text.as_bytes());
        Ok(Serial(bytes))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default().trim_end_matches('\0')
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &[u8]) -> [u8; SERIAL_LEN] {
        core::array::from_fn(|at| text.get(at).copied().unwrap_or(0))
    }

    #[test]
    fn a_text_of_1_to_20_printable_characters_is_one() {
        for text in ["a", " ", "~", "nexus 1/2", "12345678901234567890"] {
            let serial = Serial::new(text).unwrap();
            assert_eq!((serial.as_str(), serial), (text, Serial(bytes(text.as_bytes()))));
        }
        for text in ["", "123456789012345678901", "a\tb", "\u{e4}", "\u{7f}", "a\0", "a\0b", "\0a"]
        {
            assert_eq!(Serial::new(text), Err(NoSerial), "{text:?}");
        }
    }

    // attack 80 U: a device tells bytes that are no text, or hides some behind the end of one; no serial number; broken: serial-behind-its-end
    #[test]
    fn what_a_device_tells_is_text_and_then_zeroes() {
        let told = |text: &[u8]| Serial::try_from(bytes(text));
        assert_eq!(told(b"nexus-1"), Serial::new("nexus-1"));
        for odd in [&b""[..], b"nexus\0-1", b"\0nexus-1", b"nexus\x1b[2J", b"\xff", b"n\x80"] {
            assert_eq!(told(odd), Err(NoSerial), "{odd:?}");
        }
        let mut last = bytes(b"nexus-1");
        last[SERIAL_LEN - 1] = b'x';
        assert_eq!(Serial::try_from(last), Err(NoSerial));
    }
}
