//! busd as init meets it: it has one device, and hands over what it must, or a lie.

use nexus_abi::{Error, Handle, Message, Received, Rights, Sender};
use nexus_init::board::Range;
use nexus_init::grant::Piece;
use nexus_proto::bus::{Prepare, Prepared, REGISTERS as ALL, Release};
use nexus_proto::{Operation, ServiceError, encode_with_caps};

use crate::outside::{Cap, Fate, Lie, Outside};
use crate::system::{BUSD, BUSD_PROCESS, REACHING, REGISTERS, memory};

const MEMORY: Rights =
    Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::GRANT).union(Rights::REVOKE);

impl Outside {
    /// A call of init to busd.
    pub(crate) fn call_busd(
        &mut self,
        does: impl FnOnce(&mut Outside) -> Message,
    ) -> Result<Received, Error> {
        if self.takes(Fate::BusGone) || self.busd_ended {
            return Err(Error::PeerGone);
        }
        if self.takes(Fate::BusRefuses) {
            let message = nexus_proto::encode_error(ServiceError::DeviceFailed);
            return Ok(Received { message, sender: BUSD, reply: Handle::NONE });
        }
        let mut message = does(self);
        let late = self.takes(Fate::BusLate);
        if late || self.takes(Fate::BusLost) {
            // What an answer carries that does not arrive is nobody's.
            self.caps.retain(|cap| !message.caps().any(|carried| carried == cap.handle));
            return Err(if late { Error::TimedOut } else { Error::PeerGone });
        }
        if self.takes(Fate::Garbled) {
            message.words[0] ^= 1;
        }
        let incarnation = BUSD.incarnation + u32::from(self.takes(Fate::Stranger));
        Ok(Received { message, sender: Sender { incarnation, ..BUSD }, reply: Handle::NONE })
    }

    /// Sets its device up, for whoever is asked for.
    pub(crate) fn set_up(&mut self, ask: &Prepare) -> Message {
        let window = self.busds(Piece::Window);
        self.see(!self.set_up, "a device is to be set up before it was at rest");
        let Some(window) = window.filter(|_| ask.device == REACHING && !self.set_up) else {
            return ask.answer(Err(ServiceError::Busy));
        };
        self.set_up = true;
        let memory = memory();
        let operating = Rights::MAP | Rights::READ | Rights::WRITE;
        let operating = operating | Rights::GRANT | Rights::REVOKE | Rights::MANAGE;
        let lie = match self.fate {
            Fate::BusLies(lie) => Some(lie),
            _ => None,
        };
        if lie.is_some() {
            self.fate = Fate::Fine;
        }
        let window = self.hand(window, operating, |cap| cap.limit = Some(REGISTERS));
        let pool = self.memory(Piece::Pool, memory.pool);
        let pool = self.hand(pool, MEMORY, |_| {});
        let used = self.memory(Piece::Used, memory.used);
        let used = self.hand(used, MEMORY.difference(Rights::WRITE), |_| {});
        for cap in &mut self.caps {
            match lie {
                Some(Lie::Window) if cap.handle == window => cap.range.base += 0x1000,
                Some(Lie::Mask) if cap.handle == window => cap.limit = Some(ALL),
                Some(Lie::Rights) if cap.handle == window => cap.rights |= Rights::PLACE,
                Some(Lie::Pool) if cap.handle == pool => cap.range.len += 0x1000,
                Some(Lie::Used) if cap.handle == used => cap.rights |= Rights::WRITE,
                _ => {}
            }
        }
        let prepared = Prepared { nonce: ask.nonce, features: 0, digest: memory.digest };
        encode_with_caps(0, &prepared, [window, pool, used])
    }

    /// Resets its device, once nobody else has a part of it.
    pub(crate) fn reset(&mut self, ask: &Release) -> Message {
        let is_busds = |cap: &Cap| cap.holder == Some(BUSD_PROCESS);
        let busds: Vec<Handle> =
            self.caps.iter().filter(|cap| is_busds(cap)).map(|cap| cap.handle).collect();
        let others = self.caps.iter().filter(|cap| !is_busds(cap));
        let shared = others.filter_map(|cap| cap.parent).any(|parent| busds.contains(&parent));
        self.see(!shared, "a device is to be reset of which somebody has a part");
        if shared {
            return ask.answer(Err(ServiceError::Busy));
        }
        self.set_up = false;
        ask.answer(Ok(()))
    }

    fn busds(&self, piece: Piece) -> Option<Handle> {
        let own = |cap: &&Cap| cap.holder == Some(BUSD_PROCESS) && cap.piece == piece;
        self.caps.iter().find(own).map(|cap| cap.handle)
    }

    /// Memory of its device, made once.
    fn memory(&mut self, piece: Piece, len: u64) -> Handle {
        self.busds(piece).unwrap_or_else(|| {
            self.next += 1;
            let handle = Handle(self.next);
            let range = Range { base: 0, len };
            let (holder, rights) = (Some(BUSD_PROCESS), Rights::all());
            let (limit, epoch, parent) = (None, self.epoch, None);
            self.caps.push(Cap { piece, handle, holder, rights, range, limit, epoch, parent });
            handle
        })
    }

    /// A child of what busd has, for init.
    fn hand(&mut self, from: Handle, rights: Rights, change: fn(&mut Cap)) -> Handle {
        let range = self.caps.iter().find(|cap| cap.handle == from).map(|cap| cap.range);
        let range = range.unwrap_or(Range { base: 0, len: 0 });
        let child = self.child(from, None, rights, range).unwrap_or(Handle::NONE);
        self.caps.iter_mut().filter(|cap| cap.handle == child).for_each(change);
        child
    }
}
