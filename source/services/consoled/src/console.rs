//! The console: lines of many writers above, the line being edited below.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use nexus_abi::Sender;
use nexus_proto::console::LineEventKind;

use crate::client::Clients;
use crate::editor::{Editor, Outcome};
use crate::guard::{self, Line};
use crate::key::{Key, KeyParser};
use crate::output::{Output, Writers};
use crate::render::{ASK_WIDTH, ERASE, USUAL};

/// Most bytes typed ahead of a reader; more are dropped.
pub const MAX_TYPED_AHEAD: usize = 1024;
/// Most readers at a time.
pub const MAX_READERS: usize = 4;
/// Stands where typed bytes were dropped. No byte of UTF-8, and so none that is typed.
const LOST: u8 = 0xff;
/// Free output space that a writer must find, for the largest piece of output of one message.
const WRITE_ROOM: usize = 2048;

/// The request cannot be taken now; holds whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy<T>(pub T);

/// What a reader that waited gets. `T` is the means to answer it.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// Whom to answer.
    pub to: T,
    /// Why.
    pub event: LineEventKind,
    /// The line.
    pub text: String,
    /// Byte index of the cursor.
    pub cursor: usize,
    /// Columns of the terminal.
    pub columns: u8,
}

/// Who asks for input. A test program that reports to the host comes before people; of equals, the
/// one that asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// May ask: a shell.
    Person,
    /// May report.
    Host,
}

/// What the row of the cursor shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// Nothing.
    Clean,
    /// The line being edited.
    Edited,
    /// A part of it: there was no room for the rest.
    Stale,
}

/// Somebody who waits for input until a tick.
#[derive(Debug)]
struct Wait<T> {
    to: T,
    deadline: u64,
}

#[derive(Debug)]
struct Reader<T> {
    sender: Sender,
    rank: Rank,
    editor: Editor,
    /// The terminal is to be asked for its width when the line is drawn first.
    asks: bool,
    /// `None` after Tab: the line stays until its reader comes back for it.
    waiting: Option<Wait<T>>,
}

/// All state of the console but the device.
#[derive(Debug)]
pub struct Console<T> {
    /// Who reads lines, by rank. The last one has the keyboard.
    readers: Vec<Reader<T>>,
    /// Who waits for a single byte.
    key_reader: Option<(Sender, Rank, Wait<T>)>,
    /// Who has the keyboard also between two bytes that it waits for.
    holder: Option<u32>,
    clients: Clients,
    writers: Writers,
    input: VecDeque<u8>,
    keys: KeyParser,
    output: Output,
    /// Columns of the terminal.
    columns: u8,
    row: Row,
}

impl<T> Default for Console<T> {
    fn default() -> Self {
        Console {
            readers: Vec::new(),
            key_reader: None,
            holder: None,
            clients: Clients::default(),
            writers: Writers::default(),
            input: VecDeque::new(),
            keys: KeyParser::default(),
            output: Output::default(),
            columns: USUAL,
            row: Row::Clean,
        }
    }
}

/// Output.
impl<T> Console<T> {
    /// What waits for the wire.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// True when a writer's message or a log line can be taken.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.output.room() >= WRITE_ROOM
    }

    /// Takes what `sender` wrote; whole lines go out. `reports`: it may begin records.
    ///
    /// # Errors
    /// [`Busy`] when too much output waits; nothing was taken.
    pub fn write(&mut self, sender: Sender, bytes: &[u8], reports: bool) -> Result<(), Busy<()>> {
        if !self.has_room() {
            return Err(Busy(()));
        }
        for line in self.writers.push(sender, reports, bytes) {
            self.print(&line);
        }
        Ok(())
    }

    /// Shows a whole line above the one being edited.
    pub fn print(&mut self, line: &Line) {
        self.hide();
        let line = [line.as_str().as_bytes(), b"\r\n"].concat();
        // What does not fit is counted; a line is there whole or not at all.
        let _ = self.output.push(&line);
    }

    /// Draws the line being edited again after lines were printed. Call it when no more are
    /// expected at once.
    pub fn settle(&mut self) {
        if self.row == Row::Edited || !self.line_is_read() {
            return;
        }
        let Some(reader) = self.readers.last_mut() else { return };
        let mut out = Vec::new();
        reader.editor.draw(&mut out);
        // A program at the other end has no use for the question.
        if core::mem::take(&mut reader.asks) && reader.rank == Rank::Person {
            out.extend_from_slice(ASK_WIDTH);
        }
        self.row = if self.output.push(&out) { Row::Edited } else { Row::Stale };
    }

    /// Shows a change of the line being edited, where it is shown whole: a change alone would stand at
    /// the beginning of a row.
    fn show(&mut self, change: &[u8]) {
        if self.row == Row::Edited && !self.output.push(change) {
            self.row = Row::Stale;
        }
    }

    fn hide(&mut self) {
        if self.row != Row::Clean && self.output.push(ERASE) {
            self.row = Row::Clean;
        }
    }
}

/// Input.
impl<T> Console<T> {
    /// What the console keeps of each service that reads.
    pub fn clients(&mut self) -> &mut Clients {
        &mut self.clients
    }

    /// True while somebody waits for input.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.key_reader.is_some() || self.line_is_read()
    }

    fn line_is_read(&self) -> bool {
        self.holder.is_none() && self.readers.last().is_some_and(|one| one.waiting.is_some())
    }

    /// `sender` waits for a line until the tick `deadline`; it goes on with the one that it got on
    /// Tab. It has the keyboard when nobody of its rank or a higher one has. Returns whoever waited
    /// for the same service before, who has to be let go.
    ///
    /// # Errors
    /// [`Busy`] when too many others read.
    pub fn read_line(
        &mut self,
        sender: Sender,
        rank: Rank,
        deadline: u64,
        to: T,
    ) -> Result<Option<T>, Busy<T>> {
        if let Some(line) = self.writers.end(sender) {
            self.print(&line);
        }
        self.holder.take_if(|holder| *holder == sender.service_id);
        let index = self.readers.iter().position(|r| r.sender.service_id == sender.service_id);
        if index.is_none() && self.readers.len() == MAX_READERS {
            return Err(Busy(to));
        }
        let columns = self.columns;
        let begin =
            || Reader { sender, rank, editor: Editor::new(columns), asks: true, waiting: None };
        let mut reader = index.map_or_else(begin, |index| self.readers.remove(index));
        let below = || self.readers.iter().take_while(|other| other.rank < rank).count();
        let place = index.unwrap_or_else(below);
        let another = index.is_none() || reader.sender != sender;
        if another {
            reader = Reader { waiting: reader.waiting, ..begin() };
        }
        let prompt = guard::prompt(self.clients.prompt(sender.service_id), rank == Rank::Host);
        let changed = reader.editor.set_prompt(&prompt) || another;
        if changed && place == self.readers.len() {
            self.hide();
        }
        let replaced = reader.waiting.replace(Wait { to, deadline });
        self.readers.insert(place, reader);
        self.settle();
        Ok(replaced.map(|wait| wait.to))
    }

    /// `sender` waits for one byte until the tick `deadline`. A test program has the keyboard from then
    /// on until it reads a line: what is typed between two bytes is for nobody else. Returns whoever waited for the same
    /// service before, who has to be let go.
    ///
    /// # Errors
    /// [`Busy`] when another service waits for one.
    pub fn read_key(
        &mut self,
        sender: Sender,
        rank: Rank,
        deadline: u64,
        to: T,
    ) -> Result<Option<T>, Busy<T>> {
        let other = |reader: &Sender| reader.service_id != sender.service_id;
        if self.key_reader.as_ref().is_some_and(|(reader, ..)| other(reader)) {
            return Err(Busy(to));
        }
        if rank == Rank::Host {
            self.holder = Some(sender.service_id);
        }
        let replaced = self.key_reader.replace((sender, rank, Wait { to, deadline }));
        Ok(replaced.map(|(.., wait)| wait.to))
    }

    /// Puts text into the line that `sender` got on Tab, as if typed; nothing when it reads none.
    pub fn insert(&mut self, sender: Sender, text: &str) {
        let Some(reader) = self.readers.last_mut().filter(|reader| reader.sender == sender) else {
            return;
        };
        let mut out = Vec::new();
        reader.editor.insert(text, &mut out);
        self.show(&out);
    }

    /// Takes a byte from the wire. Where there is no room for it stands `LOST`: the line that it was a
    /// part of must not be run without it.
    pub fn type_byte(&mut self, byte: u8) {
        if self.input.len() < MAX_TYPED_AHEAD {
            self.input.extend(Some(byte).filter(|byte| *byte != LOST));
        } else {
            self.lose_bytes();
        }
    }

    /// Bytes that can be typed before some are dropped.
    #[must_use]
    pub fn typing_room(&self) -> usize {
        MAX_TYPED_AHEAD.saturating_sub(self.input.len())
    }

    /// Bytes were lost on the wire before the next one.
    pub fn lose_bytes(&mut self) {
        if self.input.back() != Some(&LOST) {
            self.input.push_back(LOST);
        }
    }

    fn next_byte(&mut self) -> Option<u8> {
        loop {
            let byte = self.input.pop_front()?;
            if byte != LOST {
                return Some(byte);
            }
        }
    }

    /// Whoever waits for a byte, and the byte.
    pub fn next_key(&mut self) -> Option<(T, u8)> {
        let (_, rank, _) = self.key_reader.as_ref()?;
        if self.readers.iter().any(|reader| reader.rank > *rank) {
            return None;
        }
        let byte = self.next_byte()?;
        self.key_reader.take().map(|(.., wait)| (wait.to, byte))
    }

    /// Works through the input until a reader has to be answered, or none is left.
    pub fn next_line(&mut self) -> Option<Answer<T>> {
        while self.line_is_read() {
            let byte = self.input.pop_front()?;
            if byte == LOST {
                self.lose();
                continue;
            }
            let Some(key) = self.keys.push(byte) else { continue };
            if let Key::Columns(columns) = key {
                self.columns = columns;
            }
            self.settle();
            let reader = self.readers.last_mut()?;
            let history = self.clients.history(reader.sender.service_id);
            let mut out = Vec::new();
            let outcome = reader.editor.apply(key, history, &mut out);
            self.show(&out);
            let event = match outcome {
                Outcome::Editing => continue,
                Outcome::Line => LineEventKind::Entered,
                Outcome::Tab => LineEventKind::Tab,
                Outcome::Interrupt => LineEventKind::Interrupted,
                Outcome::EndOfInput => LineEventKind::EndOfInput,
            };
            let index = self.readers.len() - 1;
            return self.answer(index, event);
        }
        None
    }

    /// A part of what was typed is not here.
    fn lose(&mut self) {
        self.keys = KeyParser::default();
        let mut out = Vec::new();
        if let Some(reader) = self.readers.last_mut() {
            reader.editor.lose(&mut out);
        }
        self.show(&out);
    }

    /// A reader of lines whose deadline has passed at the tick `now`; its line stays.
    pub fn next_late_line(&mut self, now: u64) -> Option<Answer<T>> {
        let late = |r: &Reader<T>| r.waiting.as_ref().is_some_and(|wait| wait.deadline <= now);
        let index = self.readers.iter().position(late)?;
        self.answer(index, LineEventKind::TimedOut)
    }

    /// Whoever waited for a byte until a tick that has passed at `now`.
    pub fn next_late_key(&mut self, now: u64) -> Option<T> {
        self.key_reader.take_if(|(.., wait)| wait.deadline <= now).map(|(.., wait)| wait.to)
    }

    fn answer(&mut self, index: usize, event: LineEventKind) -> Option<Answer<T>> {
        let reader = self.readers.get_mut(index)?;
        let to = reader.waiting.take()?.to;
        let text = String::from(reader.editor.text());
        let cursor = reader.editor.cursor();
        let id = reader.sender.service_id;
        self.clients.set_line(id, &text);
        if event == LineEventKind::Entered {
            self.clients.history(id).add(&text);
        }
        if !matches!(event, LineEventKind::Tab | LineEventKind::TimedOut) {
            self.readers.remove(index);
            self.row = Row::Clean;
        }
        Some(Answer { to, event, text, cursor, columns: self.columns })
    }
}

#[cfg(test)]
#[path = "console_tests.rs"]
mod tests;
