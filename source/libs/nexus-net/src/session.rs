//! Requests in the ring and their answers, whichever life of netstackd gives them.

mod answers;
mod ask;
mod close;

use alloc::vec::Vec;
use core::mem;

use nexus_mmio::SharedMut;
use nexus_proto::socket::ring::ENTRIES;
use nexus_ring::{Consumer, Ended};
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline};

use crate::answer::Garbled;
use crate::linger::Lingering;
use crate::room::Room;
use crate::slots::Slots;
use crate::wake::Wakers;
use crate::{Error, Link, Socket};

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
    pub(crate) lingering: Lingering,
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
            lingering: Lingering::new(),
            fresh: 0,
            lacked: false,
            freed: false,
            wakers: Wakers::default(),
            #[cfg(feature = "async")]
            alarm: Deadline::NEVER,
        })
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
            // What is answered by now is all that comes.
            self.take_answers();
            self.leave(Error::Gone);
        }
    }

    /// Takes every answer that there is: at most as many as requests are in flight.
    fn take_answers(&mut self) {
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
    }

    /// Takes every answer that there is, and lets go what there was no room to let go before; how many answers came
    /// since somebody waited last.
    pub(crate) fn poll(&mut self) -> usize {
        self.take_answers();
        for (of, reset) in mem::take(&mut self.closing) {
            self.close(of, reset);
        }
        self.break_off();
        mem::take(&mut self.fresh)
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

    /// That no request has anything, and that all of the data is free.
    #[cfg(any(test, feature = "fake"))]
    pub(crate) fn is_idle(&mut self) -> bool {
        let all = self.room.most();
        let part = self.room.take(all);
        let free = part.is_some();
        part.into_iter().for_each(|part| self.room.give(part));
        free && self.slots.is_empty()
            && self.comes == 0
            && self.goes == 0
            && self.closing.is_empty()
            && self.lingering.is_empty()
    }
}
