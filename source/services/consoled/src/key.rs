//! From bytes off the wire to keys: UTF-8, control codes and terminal escape sequences.
//!
//! Whatever arrives, the parser neither fails nor grows: bytes that form no key are dropped.

use crate::render::NARROWEST;

/// What a person did on the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The terminal says how many columns it has.
    Columns(u8),
    /// A printable character.
    Char(char),
    /// End of line.
    Enter,
    /// Completion.
    Tab,
    /// Delete before the cursor.
    Backspace,
    /// Delete under the cursor.
    Delete,
    /// One character back.
    Left,
    /// One character on.
    Right,
    /// One word back.
    WordLeft,
    /// One word on.
    WordRight,
    /// Start of the line.
    Home,
    /// End of the line.
    End,
    /// The line before in the history.
    Up,
    /// The line after in the history.
    Down,
    /// Delete from the cursor to the end.
    KillToEnd,
    /// Delete from the start to the cursor.
    KillToStart,
    /// Delete the word before the cursor.
    KillWord,
    /// Insert what was cut last.
    Yank,
    /// Look for a line in the history; once more, for one before it.
    Search,
    /// Leave that.
    Abandon,
    /// Clear the screen.
    Clear,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D: end of input on an empty line, else delete under the cursor.
    EndOfInput,
}

const ESC: u8 = 0x1b;
/// Longest control string (window titles and the like) that is swallowed before the parser takes
/// the rest for text again.
const MAX_STRING: u8 = 128;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// A carriage return came: a line feed right after it is the same key.
    AfterReturn,
    /// In a UTF-8 character: bytes so far, and how many it needs.
    Utf8 {
        bytes: [u8; 4],
        have: usize,
        need: usize,
    },
    Escape,
    /// After `ESC [`: the first two numbers, and which one is being read.
    Csi {
        numbers: [u8; 2],
        index: usize,
    },
    /// After `ESC O`.
    Ss3,
    /// In a control string that ends with BEL or `ESC \`.
    ControlString {
        seen: u8,
    },
}

/// Turns bytes into keys, one byte at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyParser {
    state: State,
}

impl KeyParser {
    /// Takes the next byte; returns the key that it completes, if any.
    pub fn push(&mut self, byte: u8) -> Option<Key> {
        let state = core::mem::take(&mut self.state);
        match state {
            State::Ground => self.ground(byte),
            State::AfterReturn if byte == b'\n' => None,
            State::AfterReturn => self.ground(byte),
            State::Utf8 { bytes, have, need } => self.utf8(bytes, have, need, byte),
            State::Escape => self.escape(byte),
            State::Csi { numbers, index } => self.csi(numbers, index, byte),
            State::Ss3 => cursor_key(byte),
            State::ControlString { seen } => self.control_string(seen, byte),
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'\r' => {
                self.state = State::AfterReturn;
                Some(Key::Enter)
            }
            ESC => {
                self.state = State::Escape;
                None
            }
            0x20..=0x7e => Some(Key::Char(char::from(byte))),
            0x80.. => {
                self.begin_utf8(byte);
                None
            }
            _ => control_key(byte),
        }
    }

    fn begin_utf8(&mut self, lead: u8) {
        let need = match lead {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return,
        };
        self.state = State::Utf8 { bytes: [lead, 0, 0, 0], have: 1, need };
    }

    fn utf8(&mut self, mut bytes: [u8; 4], have: usize, need: usize, byte: u8) -> Option<Key> {
        if byte & 0xc0 != 0x80 {
            return self.ground(byte);
        }
        *bytes.get_mut(have)? = byte;
        if have + 1 < need {
            self.state = State::Utf8 { bytes, have: have + 1, need };
            return None;
        }
        let text = core::str::from_utf8(bytes.get(..need)?).ok()?;
        text.chars().next().filter(|c| !c.is_control()).map(Key::Char)
    }

    fn escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => self.state = State::Csi { numbers: [0; 2], index: 0 },
            b'O' => self.state = State::Ss3,
            b']' | b'P' | b'X' | b'^' | b'_' => self.state = State::ControlString { seen: 0 },
            ESC => self.state = State::Escape,
            b'b' => return Some(Key::WordLeft),
            b'f' => return Some(Key::WordRight),
            0x7f | 0x08 => return Some(Key::KillWord),
            0x00..=0x1f => return self.ground(byte),
            _ => {}
        }
        None
    }

    fn csi(&mut self, mut numbers: [u8; 2], mut index: usize, byte: u8) -> Option<Key> {
        match byte {
            b'0'..=b'9' => {
                if let Some(number) = numbers.get_mut(index) {
                    *number = number.saturating_mul(10).saturating_add(byte - b'0');
                }
            }
            b';' => index = (index + 1).min(2),
            0x20..=0x3f => {}
            0x40..=0x7e => return csi_key(numbers, byte),
            _ => return self.ground(byte),
        }
        self.state = State::Csi { numbers, index };
        None
    }

    fn control_string(&mut self, seen: u8, byte: u8) -> Option<Key> {
        match byte {
            0x07 => {}
            ESC => self.state = State::Escape,
            b'\r' | b'\n' => return self.ground(byte),
            _ if seen < MAX_STRING => self.state = State::ControlString { seen: seen + 1 },
            _ => {}
        }
        None
    }
}

fn control_key(byte: u8) -> Option<Key> {
    Some(match byte {
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Interrupt,
        0x04 => Key::EndOfInput,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x07 => Key::Abandon,
        0x08 | 0x7f => Key::Backspace,
        0x09 => Key::Tab,
        0x0a => Key::Enter,
        0x0b => Key::KillToEnd,
        0x0c => Key::Clear,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x12 => Key::Search,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWord,
        0x19 => Key::Yank,
        _ => return None,
    })
}

/// The keys that `ESC O` and `ESC [` without numbers share.
fn cursor_key(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'F' => Key::End,
        b'H' => Key::Home,
        _ => return None,
    })
}

/// `ESC [ <number> ; <modifier> <last>`. Modifier 3 is Alt, 5 is Ctrl.
fn csi_key([number, modifier]: [u8; 2], last: u8) -> Option<Key> {
    match (last, number, modifier) {
        (b'C', _, 3 | 5) => Some(Key::WordRight),
        (b'D', _, 3 | 5) => Some(Key::WordLeft),
        (b'R', _, columns @ NARROWEST..) => Some(Key::Columns(columns)),
        (b'~', 1 | 7, _) => Some(Key::Home),
        (b'~', 3, _) => Some(Key::Delete),
        (b'~', 4 | 8, _) => Some(Key::End),
        _ => cursor_key(last),
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
