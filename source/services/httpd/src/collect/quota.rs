//! What one snapshot may ask.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::{Operation, Text};

use crate::ask::{Ask, NoAnswer};

/// Most questions of one snapshot.
pub const QUESTIONS: u32 = 512;
/// Milliseconds after which a snapshot asks nothing more. One question can take longer than what is left: its own
/// time, a tenth of a second.
pub const PATIENCE_MS: u64 = 300;
/// Most items of a list.
pub const MOST_ITEMS: usize = 64;
/// Most pieces of a text: 47 bytes each.
const MOST_PIECES: usize = 16;

/// Asks for one snapshot, and no more than it may.
pub(super) struct Quota<'a, A> {
    ask: &'a mut A,
    asked: u32,
    until: u64,
    silent: Vec<u32>,
    behind: Vec<String>,
}

impl<'a, A: Ask> Quota<'a, A> {
    pub(super) fn new(ask: &'a mut A) -> Quota<'a, A> {
        let until = ask.ms(ask.ticks()).saturating_add(PATIENCE_MS);
        Quota { ask, asked: 0, until, silent: Vec::new(), behind: Vec::new() }
    }

    /// Asks a service. One that was silent once is not asked again.
    pub(super) fn ask<O: Operation>(&mut self, service: u32, op: &O) -> Result<O::Reply, NoAnswer> {
        if self.silent.contains(&service) {
            return Err(NoAnswer::Silent);
        }
        if self.asked >= QUESTIONS || self.now_ms() >= self.until {
            return Err(NoAnswer::Spent);
        }
        self.asked += 1;
        let answer = self.ask.ask(service, op);
        if answer == Err(NoAnswer::Silent) {
            self.silent.push(service);
        }
        answer
    }

    /// Reads a list from its beginning, item by item: `next` tells the cursor after one. What could be read
    /// of it, and whether that is all.
    pub(super) fn list<O: Operation>(
        &mut self,
        service: u32,
        item: impl Fn(u64) -> O,
        next: impl Fn(&O::Reply) -> u64,
    ) -> Result<Vec<O::Reply>, NoAnswer> {
        let mut items = Vec::new();
        let mut cursor = 0;
        while items.len() < MOST_ITEMS {
            match self.ask(service, &item(cursor)) {
                Ok(item) => {
                    cursor = next(&item);
                    items.push(item);
                }
                Err(NoAnswer::NotFound) => break,
                Err(error) => return Err(error),
            }
            if cursor == 0 {
                break;
            }
        }
        Ok(items)
    }

    /// Reads a text, piece by piece; cut to a bound.
    pub(super) fn text<O: Operation<Reply = Text>>(
        &mut self,
        service: u32,
        piece: impl Fn(u32) -> O,
    ) -> Result<String, NoAnswer> {
        let mut bytes = Vec::new();
        for _ in 0..MOST_PIECES {
            let piece =
                self.ask(service, &piece(u32::try_from(bytes.len()).unwrap_or(u32::MAX)))?;
            bytes.extend_from_slice(piece.as_bytes());
            if !piece.more() {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).to_string())
    }

    /// Notes that something could not be had, or not all of it.
    pub(super) fn lacks(&mut self, what: &str) {
        if !self.behind.iter().any(|known| known == what) {
            self.behind.push(what.to_string());
        }
    }

    /// What there is of an answer; without one, that it lacks.
    pub(super) fn had<T>(&mut self, what: &str, answer: Result<T, NoAnswer>) -> Option<T> {
        if answer.is_err() {
            self.lacks(what);
        }
        answer.ok()
    }

    /// Questions that were asked, and what lacks.
    pub(super) fn end(self) -> (u32, Vec<String>) {
        (self.asked, self.behind)
    }

    /// Questions that are left.
    pub(super) fn left(&self) -> u32 {
        QUESTIONS.saturating_sub(self.asked)
    }

    pub(super) fn ticks(&self) -> u64 {
        self.ask.ticks()
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.ask.ms(self.ask.ticks())
    }

    pub(super) fn ms(&self, ticks: u64) -> u64 {
        self.ask.ms(ticks)
    }
}
