//! Requests in the ring and their answers, whichever life of netstackd gives them.

use alloc::vec::Vec;
use core::mem;

use nexus_mmio::SharedMut;
use nexus_proto::socket::ring::{self as wire, ENTRIES};
use nexus_ring::{Completion, Consumer, Ended, Refused, Submission};
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline};
use zerocopy::IntoBytes;

use crate::answer::{self, Garbled, Kept};
use crate::request::{Ask, Class, OPENED, TARGET};
use crate::room::Room;
use crate::slots::{Slot, Slots};
use crate::wake::Wakers;
use crate::{Error, Link, Outcome, Socket, Token};

/// Milliseconds that netstackd has to attach.
const ATTACH_MS: u64 = 1000;
/// Bytes that a request for bytes has, where nobody says how many.
const RECEIVE: u32 = 2048;

/// A ring with netstackd.
#[derive(Debug)]
pub(crate) struct Session<L, M> {
    link: L,
    side: Consumer<M, ENTRIES>,
    /// netstackd has joined the attachment.
    attached: bool,
    /// Which attachment: sockets of others are gone.
    attachment: u32,
    slots: Slots,
    room: Room,
    /// Bytes that requests have which wait for something to come, and for something to go.
    comes: u32,
    goes: u32,
    /// Bytes that one of them is to have.
    pub(crate) receive: u32,
    /// Sockets to let go that there was no room to let go yet, and whether by a reset.
    closing: Vec<(Socket, bool)>,
    /// Requests that were answered since somebody waited last.
    fresh: usize,
    /// Somebody had no room.
    lacked: bool,
    /// Somebody had no room, and there is some since.
    freed: bool,
    pub(crate) wakers: Wakers,
    /// When the first of them wants to be woken, whatever is done.
    #[cfg(feature = "async")]
    pub(crate) alarm: Deadline,
}

/// What netstackd did that no peer does, or that another life of it is there.
const fn ended(why: Ended) -> Error {
    match why {
        Ended::PeerGone | Ended::Before => Error::Gone,
        Ended::Index { .. } | Ended::NotInFlight { .. } => Error::Garbled,
    }
}

impl<L: Link<M>, M: SharedMut> Session<L, M> {
    pub(crate) fn new(link: L, memory: M, life: u32) -> Result<Self, Error> {
        let side = Consumer::new(memory, life).map_err(|_| Error::NoRing(None))?;
        let room = Room::new(side.data_len());
        Ok(Session {
            link,
            side,
            attached: false,
            attachment: 0,
            slots: Slots::new(),
            room,
            comes: 0,
            goes: 0,
            receive: RECEIVE,
            closing: Vec::new(),
            fresh: 0,
            lacked: false,
            freed: false,
            wakers: Wakers::default(),
            #[cfg(feature = "async")]
            alarm: Deadline::NEVER,
        })
    }

    /// Gives a request to netstackd, which is told when this process waits, or by [`tell`](Self::tell).
    pub(crate) fn submit(&mut self, ask: &Ask<'_>, deadline: Deadline) -> Result<Token, Error> {
        ask.check()?;
        let needs = u32::try_from(ask.needs()).map_err(|_| Error::TooLong)?;
        match ask.socket() {
            None => self.attach(deadline)?,
            Some(of) => self.is_here(of)?,
        }
        if let Some(of) = ask.socket()
            && ask.is_alone()
            && self.slots.has(of, ask.op())
        {
            return Err(Error::Already);
        }
        let is_some = matches!(ask, Ask::Receive { .. });
        if needs > ask.class().most_bytes(self.room.most()) && !is_some {
            return Err(Error::TooLong);
        }
        let given = self.give(ask, needs, is_some);
        self.lacked |= given == Err(Error::NoRoom);
        given
    }

    /// That a socket is of this attachment: in another its number means another one.
    const fn is_here(&self, of: Socket) -> Result<(), Error> {
        let is_here = self.attached && of.attachment == self.attachment;
        if is_here { Ok(()) } else { Err(Error::Gone) }
    }

    fn give(&mut self, ask: &Ask<'_>, needs: u32, is_some: bool) -> Result<Token, Error> {
        let class = ask.class();
        let id = self.slots.next(class).ok_or(Error::NoRoom)?;
        let (left, share) = (self.left(class), self.share(class));
        let part =
            if is_some { self.room.take_some(1, needs.min(share)) } else { self.room.take(needs) };
        let part = part.ok_or(Error::NoRoom)?;
        if part.len > left {
            self.room.give(part);
            return Err(Error::NoRoom);
        }
        let (offset, len) = (part.offset, needs.min(part.len));
        let head = ask.head();
        let at = offset + head.map_or(0, |_| TARGET as u32);
        // There is room for them: `needs`.
        let _ = head.map(|head| self.side.write(offset, head.as_bytes()));
        let _ = self.side.write(at, ask.bytes());
        let arg = ask.socket().map_or(0, |of| of.number);
        let submission = Submission { id, op: ask.op(), len, offset, arg };
        if let Err(why) = self.side.submit(submission) {
            self.room.give(part);
            return Err(self.refused(why));
        }
        self.count(class).into_iter().for_each(|bytes| *bytes += part.len);
        let (op, socket) = (ask.op(), ask.socket());
        let slot = Slot { op, socket, class, part, given: len, ..Slot::default() };
        Ok(self.slots.insert(id, slot))
    }

    /// The ring refuses a request: the attachment is over, or this side has lost count.
    fn refused(&mut self, why: Refused) -> Error {
        let why = match why {
            Refused::Over => Error::Gone,
            Refused::Id | Refused::Outside => Error::Garbled,
        };
        self.leave(why);
        why
    }

    /// Bytes that requests of a class have, where they are counted.
    const fn count(&mut self, class: Class) -> Option<&mut u32> {
        match class {
            Class::Soon => None,
            Class::Comes => Some(&mut self.comes),
            Class::Goes => Some(&mut self.goes),
        }
    }

    /// Bytes that the next requests of a class have, together: others find room, whatever peers do.
    fn left(&mut self, class: Class) -> u32 {
        let most = class.most_bytes(self.room.most());
        most.saturating_sub(self.count(class).map_or(0, |bytes| *bytes))
    }

    /// Bytes that the next request of a class has: of what is left, when each after it has a block, a part.
    fn share(&mut self, class: Class) -> u32 {
        let others = self.slots.left(class).saturating_sub(1);
        let spare = self.left(class).saturating_sub(others * self.room.least());
        class.share(spare).max(self.room.least())
    }

    /// The first of these bytes, to a connection, as many as there is room for; how many.
    pub(crate) fn send(&mut self, of: Socket, bytes: &[u8]) -> Result<(Token, usize), Error> {
        self.is_here(of)?;
        let share = self.share(Class::Goes);
        let most = u32::try_from(bytes.len().saturating_add(TARGET)).unwrap_or(u32::MAX).min(share);
        let part = self.room.take_some(1, most).unwrap_or_default();
        let some = (most.min(part.len) as usize).saturating_sub(TARGET);
        // Taken again at once.
        self.room.give(part);
        let Some(bytes) = bytes.get(..some).filter(|bytes| !bytes.is_empty()) else {
            self.lacked = true;
            return Err(Error::NoRoom);
        };
        let token = self.submit(&Ask::Send { of, bytes }, Deadline::at(0))?;
        self.slots.calm.insert(token.id);
        Ok((token, some))
    }

    /// Sends no more by a connection, behind what is being sent.
    pub(crate) fn finish(&mut self, of: Socket) -> Result<Token, Error> {
        let token = self.submit(&Ask::Finish { of }, Deadline::at(0));
        // Until somebody looks for it.
        token.inspect(|token| self.slots.calm.insert(token.id))
    }

    fn attach(&mut self, deadline: Deadline) -> Result<(), Error> {
        if self.attached {
            return Ok(());
        }
        let deadline = deadline.min(Deadline::after_ms(ATTACH_MS));
        self.link.attach(&mut self.side, deadline)?;
        self.attached = true;
        Ok(())
    }

    /// Leaves the attachment, and begins the next: whatever was in flight ends for this reason.
    fn leave(&mut self, why: Error) {
        drop(self.side.begin());
        self.attached = false;
        self.attachment = self.attachment.wrapping_add(1);
        self.closing.clear();
        for id in mem::take(&mut self.slots.flying).each() {
            self.done(id, Err(why));
        }
    }

    /// Tells netstackd of what was asked since it was told last, if it wants that.
    pub(crate) fn tell(&mut self) {
        if self.side.ring(|| self.link.tell()).is_err() {
            self.leave(Error::Gone);
        }
    }

    /// Takes every answer that there is; how many were none before. At most as many as bytes are in flight.
    pub(crate) fn poll(&mut self) -> usize {
        while self.attached {
            let over = match self.side.pop() {
                Ok(Some(done)) => self.take_in(done).err().map(|Garbled| Error::Garbled),
                Ok(None) => break,
                Err(why) => Some(ended(why)),
            };
            if let Some(why) = over {
                self.leave(why);
            }
        }
        for (of, reset) in mem::take(&mut self.closing) {
            self.close(of, reset);
        }
        mem::take(&mut self.fresh)
    }

    /// A request is done.
    fn take_in(&mut self, done: Completion) -> Result<(), Garbled> {
        let slot = self.slots.get(done.id).ok_or(Garbled)?;
        let data = (slot.part.offset, slot.given);
        let answer = answer::answer(&self.side, done, slot.op, data, self.attachment)?;
        self.slots.flying.remove(done.id);
        self.done(done.id, answer);
        Ok(())
    }

    /// A request, in flight no more, has its answer. Where nobody takes that, what it opened is let go.
    fn done(&mut self, id: u16, answer: Result<Kept, Error>) {
        let Some(slot) = self.slots.get(id) else { return };
        if !slot.unwanted {
            slot.answer = Some(answer);
            self.slots.news.insert(id);
            self.fresh += 1;
            return self.wakers.wake();
        }
        let closes = slot.socket.filter(|_| slot.then_close);
        self.release(id);
        self.unwanted(answer);
        if let Some(of) = closes {
            self.close(of, answer.is_err());
        }
    }

    fn unwanted(&mut self, answer: Result<Kept, Error>) {
        if let Ok(Kept::Opened(opened) | Kept::Accepted(opened, _)) = answer {
            self.close(opened.socket, true);
        }
    }

    /// A request is over.
    fn release(&mut self, id: u16) {
        let class = self.slots.get(id).map_or(Class::Soon, |slot| slot.class);
        let part = self.slots.remove(id);
        self.count(class).into_iter().for_each(|bytes| *bytes -= part.len);
        if part.len > 0 {
            self.room.give(part);
        }
        if mem::take(&mut self.lacked) {
            self.freed = true;
            self.wakers.wake();
        }
    }

    /// Waits until there are answers, takes them, and tells how many; 0 where somebody lacked room, and there is some
    /// now, or where nothing is in flight, and this process was told of something.
    pub(crate) fn wait(&mut self, deadline: Deadline) -> Result<usize, Error> {
        loop {
            let count = self.poll();
            if count > 0 || mem::take(&mut self.freed) {
                return Ok(count);
            }
            let attached = self.attached;
            // Whoever tells waits in the same step, and so says first that it waits.
            if attached && !self.may_wait() {
                continue;
            }
            let told = self.tell_and_wait(deadline);
            // What came at the last moment is for the caller to find.
            if attached && !self.may_wait() {
                continue;
            }
            match told {
                // Whoever tells without an end keeps nobody for longer.
                Ok(()) if deadline.has_passed() => return Err(Error::TimedOut),
                Ok(()) if attached => {}
                Ok(()) => return Ok(0),
                Err(KernelError::TimedOut) => return Err(Error::TimedOut),
                Err(KernelError::PeerGone | KernelError::BadHandle) => {
                    self.leave(Error::Gone);
                    if self.fresh == 0 {
                        return Err(Error::Gone);
                    }
                }
                Err(why) => return Err(Error::Call(CallError::Kernel(why))),
            }
        }
    }

    /// Tells netstackd of what was asked since it was told last, if it wants that, and waits.
    fn tell_and_wait(&mut self, deadline: Deadline) -> Result<(), KernelError> {
        // Who wants room, or has a socket to let go, wants whatever gives some.
        let calm = !self.lacked && self.closing.is_empty() && self.slots.are_calm();
        let Session { side, link, .. } = self;
        if side.ring(|| link.tell_and_wait(calm, deadline))? {
            return Ok(());
        }
        link.wait(deadline)
    }

    /// True when netstackd is to tell of the next answer, and there is none now.
    fn may_wait(&mut self) -> bool {
        self.side.may_wait().unwrap_or_else(|why| {
            self.leave(ended(why));
            false
        })
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

    /// Nobody takes the answer to a request any more. What it opens is let go.
    pub(crate) fn abandon(&mut self, token: Token) {
        let Some(slot) = self.slots.of(token) else { return };
        slot.unwanted = true;
        if let Some(answer) = slot.answer {
            self.unwanted(answer);
            self.release(token.id);
        }
    }

    /// Lets a socket go, once what is being sent by it was sent: by `token`, where there is one.
    pub(crate) fn close_after(&mut self, of: Socket, token: Option<Token>) {
        let slot = token.and_then(|token| self.slots.of(token));
        if let Some(slot) = slot.filter(|slot| slot.answer.is_none()) {
            (slot.unwanted, slot.then_close) = (true, true);
            if let Some(token) = token {
                self.slots.calm.remove(token.id);
            }
            return;
        }
        if let Some(token) = token {
            self.abandon(token);
        }
        self.close(of, false);
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

    /// That no request has anything, and that all of the data is free.
    #[cfg(any(test, feature = "fake"))]
    pub(crate) fn is_idle(&mut self) -> bool {
        let all = self.room.most();
        let part = self.room.take(all);
        let free = part.is_some();
        part.into_iter().for_each(|part| self.room.give(part));
        free && self.slots.is_empty() && self.comes + self.goes == 0 && self.closing.is_empty()
    }
}
