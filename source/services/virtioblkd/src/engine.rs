//! Who asks, by messages and through the ring, and the one device that does it.

use alloc::vec::Vec;

use nexus_mmio::{Exact, Shared, SharedMut};
use nexus_proto::disk::{Attach, DiskInfo, DiskStats, can};
use nexus_proto::{Name, Operation, ServiceError};
use nexus_ring::{Driver, Ended, NotBegun};
use nexus_virtio::block::{Op, SERIAL};
use nexus_virtio::{Doorbell, Misbehaved};

use crate::calls::{Answer, Ask, Calls};
use crate::disk::{Disk, Request};
use crate::requests::{ENTRIES, Requests, Whose};
use crate::tag::Tag;

/// Looks at everything in one turn, so that none who asks without end keeps the others waiting.
const ROUNDS: usize = 4;

/// What is to be done after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until somebody asks or the device interrupts.
    Wait,
    /// Another turn, when those who wait for the process have had theirs.
    Again,
}

/// The disk, and those who ask. `W` is who waits for the answer to a message, `R` the memory of the ring.
#[derive(Debug)]
pub struct Engine<A, U, P: Exact, R, W, const HEADS: usize> {
    disk: Disk<A, U, P, HEADS>,
    ring: Option<Requests<R>>,
    calls: Calls<W>,
    /// Who has attached, and is not told yet.
    attaching: Option<W>,
    answers: Vec<Answer<W>>,
    serial: Name<24>,
    /// The device has done something.
    alive: bool,
    /// What the device did, until it was told; and what the consumer did.
    trouble: Trouble,
}

/// What went wrong since it was last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// What the device did: it is of no use any more.
    pub device: Option<Misbehaved>,
    /// What the consumer at the ring did: nothing that it asks is done until it attaches again.
    pub consumer: Option<Ended>,
}

impl<A: SharedMut, U: Shared, P: Exact, R: SharedMut, W, const HEADS: usize>
    Engine<A, U, P, R, W, HEADS>
{
    /// Nobody has asked yet. The device is asked for its serial number in the first turn.
    pub fn new(mut disk: Disk<A, U, P, HEADS>, ring: Option<Driver<R, ENTRIES>>) -> Self {
        let request = Request { op: Op::Serial, sector: 0, sectors: 1, tag: Tag::Serial.code() };
        // Without a head for it there is none to tell.
        let _ = disk.submit(request, |_, _| Ok(()));
        let (ring, calls) = (ring.map(Requests::new), Calls::default());
        let (answers, serial) = (Vec::new(), Name::default());
        let (alive, trouble) = (false, Trouble::default());
        Engine { disk, ring, calls, attaching: None, answers, serial, alive, trouble }
    }

    /// Takes what a message asks; it is answered by [`answers`](Self::answers), after a turn.
    pub fn ask(&mut self, who: W, ask: Ask) {
        let can_write = self.disk.config().writes;
        self.answers.extend(self.calls.push(who, ask, can_write).err());
    }

    /// The answers that there are now.
    pub fn answers(&mut self) -> impl Iterator<Item = Answer<W>> {
        core::mem::take(&mut self.answers).into_iter()
    }

    /// What went wrong since the last time.
    pub fn trouble(&mut self) -> Trouble {
        core::mem::take(&mut self.trouble)
    }

    /// This life of the consumer at the ring attaches anew, and is told so by [`answers`](Self::answers): not
    /// before the device is done with all that was asked before, so that no write of a life before comes
    /// after one of this. Refused with `BadState` when it has begun no attachment.
    pub fn attach(&mut self, who: W, life: u32) {
        let attached = self
            .ring
            .as_mut()
            .ok_or(ServiceError::Denied)
            .and_then(|ring| ring.attach(life).map_err(|NotBegun| ServiceError::BadState));
        match attached {
            // Whoever waits for an attachment before this one waits no more.
            Ok(()) => {
                self.attaching = Some(who);
                self.attached();
            }
            Err(error) => self.answers.push((who, Attach {}.answer(Err(error)))),
        }
    }

    /// The disk has become larger or smaller.
    pub const fn resize(&mut self, sectors: u64) {
        self.disk.resize(sectors);
    }

    /// True when the device has done what it was asked, once at least.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.alive
    }

    /// True while the device has something to do.
    #[must_use]
    pub const fn busy(&self) -> bool {
        self.disk.in_flight() > 0
    }

    /// What the disk is.
    #[must_use]
    pub fn info(&self) -> DiskInfo {
        let config = self.disk.config();
        let offers = [
            (Op::Write, can::WRITE),
            (Op::Flush, can::FLUSH),
            (Op::Discard, can::DISCARD),
            (Op::Zeroes, can::ZEROES),
        ];
        let offered = offers.iter().filter(|(op, _)| config.offers(*op));
        let can = offered.fold(0, |bits, (_, bit)| bits | bit);
        DiskInfo { sectors: config.sectors, block: config.block, can, serial: self.serial }
    }

    /// What was done.
    #[must_use]
    pub fn stats(&self) -> DiskStats {
        self.disk.stats()
    }

    /// Takes what the device has completed, gives it what is asked, and tells both sides. `notify` tells the
    /// consumer at the ring. What `spin` gives says for how long the one request that the device has, if it is
    /// the only one, is looked for before an interrupt is asked for: it is asked after each look.
    ///
    /// # Errors
    /// Of the doorbell: it is rung in the next turn.
    pub fn turn<D: Doorbell, G: FnMut() -> bool>(
        &mut self,
        doorbell: &mut D,
        mut notify: impl FnMut(),
        spin: impl Fn() -> G,
    ) -> Result<Next, D::Error> {
        for _ in 0..ROUNDS {
            self.completed();
            let told = self.give_and_tell(doorbell);
            if let Some(ring) = &mut self.ring {
                ring.ring(&mut notify);
            }
            told?;
            if self.may_wait(spin()) {
                return Ok(Next::Wait);
            }
        }
        Ok(Next::Again)
    }

    fn completed(&mut self) {
        for _ in 0..HEADS {
            match self.complete() {
                Ok(true) => {}
                Ok(false) => return,
                Err(what) => return self.fail(what),
            }
        }
    }

    /// Tells who has attached, once nothing is under way of what was asked before.
    #[cold]
    fn attached(&mut self) {
        if self.ring.as_ref().is_some_and(Requests::is_settled)
            && let Some(who) = self.attaching.take()
        {
            self.answers.push((who, Attach {}.answer(Ok(()))));
        }
    }

    /// Takes one completion; false when there is none.
    fn complete(&mut self) -> Result<bool, Misbehaved> {
        let Engine { disk, ring, calls, serial, .. } = self;
        let done = disk.complete(|done, memory, len| match (Tag::from_code(done.tag), ring) {
            (Tag::Call, _) => calls.take(memory, len),
            (Tag::Serial, _) => *serial = serial_number(memory),
            (tag, Some(ring)) => ring.take(tag, memory, len),
            (Tag::Ring { .. }, None) => {}
        })?;
        let Some(done) = done else { return Ok(false) };
        self.alive |= done.result.is_ok();
        match Tag::from_code(done.tag) {
            Tag::Call => self.answers.extend(self.calls.done(&done)),
            Tag::Serial => {}
            tag => {
                if let Some(ring) = &mut self.ring
                    && ring.done(tag, &done) == Whose::Nobodys
                {
                    self.attached();
                }
            }
        }
        Ok(true)
    }

    /// Gives the device what is asked, and tells it once; of much to write at once, so that it works while more
    /// is copied.
    fn give_and_tell<D: Doorbell>(&mut self, doorbell: &mut D) -> Result<(), D::Error> {
        loop {
            self.given();
            let more = self.disk.is_urgent();
            self.disk.ring(doorbell)?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Gives the device what is asked.
    fn given(&mut self) {
        while let Some(answer) = self.calls.give(&mut self.disk) {
            self.answers.push(answer);
        }
        let Some(ring) = &mut self.ring else { return };
        match ring.give(&mut self.disk) {
            // Whoever has begun anew attaches; it did nothing wrong.
            Ok(()) | Err(Ended::Before | Ended::PeerGone) => {}
            Err(what) => self.trouble.consumer = Some(what),
        }
    }

    /// True when there is nothing to do now, and each side will tell when there is.
    fn may_wait(&mut self, goes_on: impl FnMut() -> bool) -> bool {
        let device = match self.disk.may_wait(goes_on) {
            Ok(waits) => waits,
            Err(what) => {
                self.fail(what);
                true
            }
        };
        // Where one has something, nobody waits, and the other need not tell.
        device && self.ring.as_mut().is_none_or(Requests::may_wait)
    }

    /// The device is of no use: everybody is told.
    fn fail(&mut self, what: Misbehaved) {
        if what == Misbehaved::Before {
            return;
        }
        self.trouble.device = Some(what);
        self.answers.extend(self.calls.fail());
        if let Some(ring) = &mut self.ring {
            ring.fail();
        }
        self.attached();
    }
}

/// The serial number in the memory of the device: printable characters up to the first that is none.
fn serial_number(memory: &impl Shared) -> Name<24> {
    let mut bytes = [0; SERIAL as usize];
    if memory.copy_out(0, &mut bytes).is_err() {
        return Name::default();
    }
    let used = bytes.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(bytes.len());
    let text = bytes.get(..used).and_then(|text| core::str::from_utf8(text).ok());
    text.map(Name::new).unwrap_or_default()
}
