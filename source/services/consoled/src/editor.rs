//! One line being edited: keys in, text and terminal output out. No device, no clock.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::history::History;
use crate::key::Key;
use crate::render;

/// Most bytes in a line.
pub const MAX_LINE: usize = 192;

/// Most bytes of what is looked for in the history.
const MAX_WANTED: usize = 40;

const BELL: u8 = 0x07;

/// What is said of a line that is longer, or of which a part was lost on the way.
const TOO_LONG: &[u8] = b"(not run: a part of the line is missing, 192 bytes fit)\r\n";

/// What a key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Still editing.
    Editing,
    /// The line is complete.
    Line,
    /// Completion was asked for; editing goes on afterwards.
    Tab,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfInput,
}

/// Prompt, text, cursor, and where the history stands.
#[derive(Debug)]
pub struct Editor {
    /// Columns of the terminal.
    columns: u8,
    prompt: String,
    text: String,
    /// Byte index into `text`, always between two characters.
    cursor: usize,
    /// Steps back in the history; 0 is the line being typed.
    back: usize,
    /// The line being typed, kept while the history is shown.
    draft: String,
    /// Something that was typed is not in the text.
    incomplete: bool,
    /// A line with this in it is looked for in the history; the text is the one that was found last.
    wanted: Option<String>,
}

impl Editor {
    /// An empty line on a row of so many columns.
    #[must_use]
    pub fn new(columns: u8) -> Editor {
        Editor {
            columns,
            prompt: String::new(),
            text: String::new(),
            cursor: 0,
            back: 0,
            draft: String::new(),
            incomplete: false,
            wanted: None,
        }
    }

    /// The row has another width: draws the line anew where it has.
    pub fn set_columns(&mut self, columns: u8, out: &mut Vec<u8>) {
        if self.columns != columns {
            self.columns = columns;
            self.draw(out);
        }
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Byte index of the cursor.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Gives the line another prompt; returns true when it differs.
    pub fn set_prompt(&mut self, prompt: &str) -> bool {
        let differs = self.prompt != prompt;
        if differs {
            self.prompt = String::from(prompt);
        }
        differs
    }

    /// Draws the line on its row.
    pub fn draw(&self, out: &mut Vec<u8>) {
        match &self.wanted {
            None => render::draw(out, self.columns, &self.prompt, &self.text, self.cursor),
            Some(wanted) => {
                let prompt = format!("(search `{wanted}`) ");
                render::draw(out, self.columns, &prompt, &self.text, self.cursor);
            }
        }
    }

    /// Puts text before the cursor as if typed, control characters left out: all of it, or nothing
    /// when it does not fit.
    pub fn insert(&mut self, text: &str, out: &mut Vec<u8>) {
        if self.text.len() + text.len() > MAX_LINE {
            out.push(BELL);
            return;
        }
        for c in text.chars().filter(|c| !c.is_control()) {
            self.put(c, out);
        }
    }

    /// Something that was typed is lost: the line is not what a person meant, and is refused.
    pub fn lose(&mut self, out: &mut Vec<u8>) {
        self.incomplete = true;
        out.push(BELL);
    }

    /// Applies a key and appends to `out` what the terminal must show for it.
    pub fn apply(&mut self, key: Key, history: &mut History, out: &mut Vec<u8>) -> Outcome {
        if let Some(wanted) = self.wanted.take()
            && self.search(key, wanted, history, out)
        {
            return Outcome::Editing;
        }
        match key {
            Key::Char(c) => self.put(c, out),
            Key::Backspace => self.backspace(out),
            Key::Delete => self.delete(self.cursor, self.right(), out),
            Key::Left => self.go(self.left(), out),
            Key::Right => self.go(self.right(), out),
            Key::WordLeft => self.go(self.word_left(), out),
            Key::WordRight => self.go(self.word_right(), out),
            Key::Home => self.go(0, out),
            Key::End => self.go(self.text.len(), out),
            Key::KillToEnd => self.cut(self.cursor, self.text.len(), history, out),
            Key::KillToStart => self.cut(0, self.cursor, history, out),
            Key::KillWord => self.cut(self.word_left(), self.cursor, history, out),
            Key::Yank if history.cut().is_empty() => out.push(BELL),
            Key::Yank => self.insert(history.cut(), out),
            Key::Search => {
                self.wanted = Some(String::new());
                self.draw(out);
            }
            Key::Abandon => out.push(BELL),
            Key::Up => self.recall(self.back + 1, history, out),
            Key::Down => self.recall_newer(history, out),
            Key::Clear => {
                out.extend_from_slice(b"\x1b[H\x1b[2J");
                self.draw(out);
            }
            Key::Columns(columns) => self.set_columns(columns, out),
            Key::Tab => return Outcome::Tab,
            Key::EndOfInput if !self.text.is_empty() => {
                self.delete(self.cursor, self.right(), out);
            }
            Key::Enter if self.incomplete => self.refuse(out),
            Key::Enter => return end(Outcome::Line, b"\r\n", out),
            Key::Interrupt => return end(Outcome::Interrupt, b"^C\r\n", out),
            Key::EndOfInput => return end(Outcome::EndOfInput, b"\r\n", out),
        }
        Outcome::Editing
    }

    /// A key while a line is looked for. False when that is over, and the key is one for the line that was found.
    fn search(
        &mut self,
        key: Key,
        mut wanted: String,
        history: &History,
        out: &mut Vec<u8>,
    ) -> bool {
        let from = match key {
            Key::Search => self.back + 1,
            Key::Char(c) if wanted.len() + c.len_utf8() <= MAX_WANTED => {
                wanted.push(c);
                self.back
            }
            Key::Char(_) => usize::MAX,
            Key::Backspace => {
                wanted.pop();
                1
            }
            Key::Columns(columns) => {
                self.wanted = Some(wanted);
                self.set_columns(columns, out);
                return true;
            }
            Key::Abandon => {
                self.recall_draft();
                self.draw(out);
                return true;
            }
            _ => {
                self.draw(out);
                return false;
            }
        };
        let found = history.find(&wanted, from);
        let is_empty = wanted.is_empty();
        self.wanted = Some(wanted);
        match found {
            Some(back) if !is_empty => self.recall(back, history, out),
            None if !is_empty => {
                out.push(BELL);
                self.draw(out);
            }
            _ => {
                self.recall_draft();
                self.draw(out);
            }
        }
        true
    }

    fn put(&mut self, c: char, out: &mut Vec<u8>) {
        if self.text.len() + c.len_utf8() > MAX_LINE {
            self.lose(out);
            return;
        }
        let at_end = self.cursor == self.text.len();
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
        if at_end && render::fits(self.columns, &self.prompt, &self.text) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            self.draw(out);
        }
    }

    /// A line of which a part is missing is thrown away, and the next one begins.
    fn refuse(&mut self, out: &mut Vec<u8>) {
        out.push(BELL);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(TOO_LONG);
        let prompt = core::mem::take(&mut self.prompt);
        *self = Editor { prompt, ..Editor::new(self.columns) };
        self.draw(out);
    }

    fn backspace(&mut self, out: &mut Vec<u8>) {
        let from = self.left();
        let simple = self.cursor == self.text.len()
            && !self.incomplete
            && render::fits(self.columns, &self.prompt, &self.text)
            && self.text[from..].bytes().all(|byte| byte.is_ascii());
        if simple && from < self.cursor {
            self.text.truncate(from);
            self.cursor = from;
            out.extend_from_slice(b"\x08 \x08");
        } else {
            self.delete(from, self.cursor, out);
        }
    }

    fn delete(&mut self, from: usize, to: usize, out: &mut Vec<u8>) {
        if from == to {
            out.push(BELL);
            return;
        }
        self.text.replace_range(from..to, "");
        // Whoever shortens a line has heard the bell, and sees what is left.
        self.incomplete = false;
        self.cursor = from;
        self.draw(out);
    }

    /// Deletes it, and keeps it for [`Key::Yank`].
    fn cut(&mut self, from: usize, to: usize, history: &mut History, out: &mut Vec<u8>) {
        if from < to {
            history.set_cut(&self.text[from..to]);
        }
        self.delete(from, to, out);
    }

    fn go(&mut self, to: usize, out: &mut Vec<u8>) {
        if to != self.cursor {
            self.cursor = to;
            self.draw(out);
        }
    }

    fn recall(&mut self, back: usize, history: &History, out: &mut Vec<u8>) {
        let Some(line) = history.get(back) else {
            out.push(BELL);
            return;
        };
        if self.back == 0 {
            self.draft = core::mem::take(&mut self.text);
        }
        self.back = back;
        self.replace(String::from(line));
        self.draw(out);
    }

    fn recall_newer(&mut self, history: &History, out: &mut Vec<u8>) {
        match self.back {
            0 => out.push(BELL),
            1 => {
                self.recall_draft();
                self.draw(out);
            }
            back => self.recall(back - 1, history, out),
        }
    }

    /// Back to the line that was being typed.
    fn recall_draft(&mut self) {
        if self.back > 0 {
            self.back = 0;
            let draft = core::mem::take(&mut self.draft);
            self.replace(draft);
        }
    }

    fn replace(&mut self, text: String) {
        self.text = text;
        self.incomplete = false;
        self.cursor = self.text.len();
    }

    fn left(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(index, _)| index)
    }

    fn right(&self) -> usize {
        self.text[self.cursor..].chars().next().map_or(self.cursor, |c| self.cursor + c.len_utf8())
    }

    fn word_left(&self) -> usize {
        let trimmed = self.text[..self.cursor].trim_end();
        trimmed.rfind(char::is_whitespace).map_or(0, |index| next_boundary(trimmed, index))
    }

    fn word_right(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let start = rest.len() - rest.trim_start().len();
        let word = &rest[start..];
        self.cursor + start + word.find(char::is_whitespace).unwrap_or(word.len())
    }
}

/// The index after the character that begins at `index`.
fn next_boundary(text: &str, index: usize) -> usize {
    index + text[index..].chars().next().map_or(0, char::len_utf8)
}

fn end(outcome: Outcome, echo: &[u8], out: &mut Vec<u8>) -> Outcome {
    out.extend_from_slice(echo);
    outcome
}

#[cfg(test)]
#[path = "editor_tests.rs"]
mod tests;
