//! How requests and sockets are let go.

use nexus_mmio::SharedMut;
use nexus_rt::Deadline;

use super::Session;
use crate::answer::Kept;
use crate::request::Ask;
use crate::{Error, Link, Socket, Token};

impl<L: Link<M>, M: SharedMut> Session<L, M> {
    /// Nobody takes the answer to a request any more. What it opens is let go.
    pub(crate) fn abandon(&mut self, token: Token) {
        let Some(slot) = self.slots.of(token) else { return };
        slot.unwanted = true;
        if let Some(answer) = slot.answer {
            self.unwanted(answer);
            self.release(token.id);
        }
    }

    pub(super) fn unwanted(&mut self, answer: Result<Kept, Error>) {
        if let Ok(Kept::Opened(opened) | Kept::Accepted(opened, _)) = answer {
            self.close(opened.socket, true);
        }
    }

    /// Lets a socket go, once what is being sent by it was sent: by `token`, where there is one.
    pub(crate) fn close_after(&mut self, of: Socket, token: Option<Token>) {
        let slot = token.and_then(|token| self.slots.of(token));
        if let Some(slot) = slot.filter(|slot| slot.answer.is_none()) {
            (slot.unwanted, slot.then_close) = (true, true);
            if let Some(token) = token {
                self.slots.calm.remove(token.id);
                self.lingering.add(token, of);
            }
            return self.break_off();
        }
        if let Some(token) = token {
            self.abandon(token);
        }
        self.close(of, false);
    }

    /// Breaks off connections that were dropped and are still sent, where they take too long, or are too many: so peers
    /// that take nothing have little of the room for what others take.
    pub(super) fn break_off(&mut self) {
        while let Some((send, of)) = self.lingering.over() {
            if let Some(slot) = self.slots.of(send) {
                slot.then_close = false;
            }
            self.close(of, true);
        }
    }

    /// Lets a socket go. Nobody waits until that is done.
    pub(crate) fn close(&mut self, of: Socket, reset: bool) {
        match self.submit(&Ask::Close { of, reset }, Deadline::at(0)) {
            Ok(token) => {
                self.slots.calm.insert(token.id);
                self.abandon(token);
            }
            Err(Error::NoRoom) => self.closing.push((of, reset)),
            // It is gone.
            Err(_) => {}
        }
    }
}
