//! How a request gets a place and room in the ring.

use nexus_mmio::SharedMut;
use nexus_ring::{Refused, Submission};
use nexus_rt::Deadline;
use zerocopy::IntoBytes;

use super::Session;
use crate::request::{Ask, Class, TARGET};
use crate::room::Part;
use crate::slots::Slot;
use crate::{Error, Link, Socket, Token};

impl<L: Link<M>, M: SharedMut> Session<L, M> {
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
        if self.room.whole(needs) > ask.class().most_bytes(self.room.most()) && !is_some {
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
        let part = self.part(class, needs, is_some).ok_or(Error::NoRoom)?;
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

    /// Room for so many bytes, or for some of them. None where there is none now.
    fn part(&mut self, class: Class, needs: u32, is_some: bool) -> Option<Part> {
        if needs == 0 {
            return Some(Part::default());
        }
        let (left, share) = (self.left(class), self.share(class));
        let part =
            if is_some { self.room.take_some(1, needs.min(share)) } else { self.room.take(needs) }?;
        if part.len > left {
            self.room.give(part);
            return None;
        }
        Some(part)
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
    pub(super) const fn count(&mut self, class: Class) -> Option<&mut u32> {
        match class {
            Class::Soon | Class::Ends => None,
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
}
