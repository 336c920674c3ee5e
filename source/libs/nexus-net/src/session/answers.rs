//! What becomes of an answer.

use core::mem;

use nexus_mmio::SharedMut;
use nexus_proto::socket::ring as wire;
use nexus_ring::Completion;

use super::Session;
use crate::answer::{self, Garbled, Kept};
use crate::request::{Class, OPENED, TARGET};
use crate::{Error, Link, Outcome, Token};

impl<L: Link<M>, M: SharedMut> Session<L, M> {
    /// A request is done.
    pub(super) fn take_in(&mut self, done: Completion) -> Result<(), Garbled> {
        let slot = self.slots.get(done.id).ok_or(Garbled)?;
        let data = (slot.part.offset, slot.given);
        let answer = answer::answer(&self.side, done, slot.op, data, self.attachment)?;
        self.slots.flying.remove(done.id);
        self.done(done.id, answer);
        Ok(())
    }

    /// A request, in flight no more, has its answer. Where nobody takes that, what it opened is let go.
    pub(super) fn done(&mut self, id: u16, answer: Result<Kept, Error>) {
        let Some(slot) = self.slots.get(id) else { return };
        if !slot.unwanted {
            slot.answer = Some(answer);
            self.slots.news.insert(id);
            self.fresh += 1;
            return self.wakers.wake();
        }
        let closes = slot.socket.filter(|_| slot.then_close);
        self.lingering.remove(id);
        self.release(id);
        self.unwanted(answer);
        if let Some(of) = closes {
            self.close(of, answer.is_err());
        }
    }

    /// A request is over.
    pub(super) fn release(&mut self, id: u16) {
        let class = self.slots.get(id).map_or(Class::Soon, |slot| slot.class);
        let part = self.slots.remove(id);
        self.count(class).into_iter().for_each(|bytes| *bytes -= part.len);
        self.room.give(part);
        if mem::take(&mut self.lacked) {
            self.freed = true;
            self.wakers.wake();
        }
    }

    /// One of the requests that were answered since it was asked for last.
    pub(crate) fn next(&mut self) -> Option<Token> {
        let id = self.slots.news.first()?;
        self.slots.news.remove(id);
        let serial = self.slots.get(id)?.serial;
        Some(Token { id, serial })
    }

    /// The answer to a request; none where there is none yet.
    pub(crate) fn take(&mut self, token: Token, into: &mut [u8]) -> Option<Result<Outcome, Error>> {
        let Some(slot) = self.slots.of(token) else { return Some(Err(Error::NoRequest)) };
        let (answer, offset) = (slot.answer, slot.part.offset);
        let Some(answer) = answer else {
            // Somebody waits for it from now on.
            self.slots.calm.remove(token.id);
            return None;
        };
        let kept = match answer {
            Ok(kept) => kept,
            Err(why) => {
                self.release(token.id);
                return Some(Err(why));
            }
        };
        let outcome = match kept {
            Kept::Bytes(from, end) => {
                let len = into.len().min((end - from) as usize);
                self.copy(offset + from, into, len);
                let from = from + len as u32;
                if from < end {
                    let slot = self.slots.of(token)?;
                    slot.answer = Some(Ok(Kept::Bytes(from, end)));
                    return Some(Ok(Outcome::Received { len, left: (end - from) as usize }));
                }
                Outcome::Received { len, left: 0 }
            }
            Kept::Datagram(from, here, had) => {
                let len = into.len().min(here as usize);
                self.copy(offset + TARGET as u32, into, len);
                Outcome::Datagram { from, len, had: had as usize }
            }
            Kept::Addresses(count) => {
                Outcome::Addresses(answer::addresses(&self.side, offset, count))
            }
            Kept::Opened(opened) => Outcome::Opened(opened),
            Kept::Accepted(opened, end) => {
                let slot = self.slots.of(token)?;
                slot.answer = Some(Ok(Kept::Bytes(OPENED as u32, end)));
                return Some(Ok(Outcome::Accepted(opened)));
            }
            Kept::Echo(wire::Echo { micros, len }) => Outcome::Echo { micros, len },
            Kept::Done => Outcome::Done,
        };
        self.release(token.id);
        Some(Ok(outcome))
    }

    fn copy(&self, from: u32, into: &mut [u8], len: usize) {
        if let Some(into) = into.get_mut(..len) {
            // They are inside: the part has them.
            let _ = self.side.read(from, into);
        }
    }
}
