//! Frames by the rings of the card: echoes that QEMU's user network answers, many under way.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use nexus_abi::Error;
use nexus_mmio::{ReadWrite, SharedMemory, Split};
use nexus_proto::ids;
use nexus_proto::net::{AttachRings, Info, Net, RECEIVE, TRANSMIT};
use nexus_ring::{Completion, Consumer, DONE, Ended, PAGE, Submission};
use nexus_rt::{Client, Ring, StartError, attach, startup};
use nexus_test::Failed;

use crate::frames::{self, Mac};
use crate::load::Load;
use crate::tally::{Tally, soon};

/// Entries of a ring.
const ENTRIES: usize = 64;
/// Echoes under way.
const DEPTH: u16 = 8;
/// Buffers for what comes, and bytes of each and of one that goes.
const BUFFERS: u16 = 32;
const BUFFER: u32 = 2048;
/// Bytes of the data of an echo.
const BYTES: usize = 56;

type Half = Consumer<SharedMemory<ReadWrite>, ENTRIES>;

/// Both rings.
pub(crate) struct Frames {
    ring: Ring,
    card: Client<Net>,
    receive: Half,
    transmit: Half,
    /// This side, and the gateway, once it is known, in this attachment.
    sides: Option<(Mac, Mac)>,
    number: u64,
}

impl Frames {
    pub(crate) fn new() -> Result<Frames, Failed> {
        let start = startup();
        let ring = start.ring(ids::VIRTIONETD).ok_or(StartError::NoMemory)?;
        let half = ring.bytes() as usize / 2 / PAGE * PAGE;
        let (receive, transmit) = ring.map()?.split(half).map_err(|_| StartError::BadMemory)?;
        let life = start.block().incarnation;
        let side = |memory| Consumer::new(memory, life).map_err(|_| StartError::BadMemory);
        let (receive, transmit) = (side(receive)?, side(transmit)?);
        let card = start.client(ids::VIRTIONETD)?;
        let mut rings = Frames { ring, card, receive, transmit, sides: None, number: 0 };
        rings.attach()?;
        Ok(rings)
    }

    /// The frames are this process's, and there are buffers for them.
    fn attach(&mut self) -> Result<(), Failed> {
        attach(&self.card, &AttachRings {}, [&mut self.receive, &mut self.transmit], soon())?;
        (0..BUFFERS).for_each(|id| self.give(id));
        Ok(())
    }

    /// A buffer, which is filled with what comes.
    fn give(&mut self, id: u16) {
        let offset = u32::from(id) * BUFFER;
        // There is an entry for each, and memory. When the driver ends, that is seen when something is taken.
        let _ = self.receive.submit(Submission { id, op: RECEIVE, len: BUFFER, offset, arg: 0 });
    }

    fn send(&mut self, id: u16, frame: &[u8]) {
        let (offset, len) = (u32::from(id) * BUFFER, frame.len() as u32);
        // As above.
        let _ = self.transmit.write(offset, frame);
        let _ = self.transmit.submit(Submission { id, op: TRANSMIT, len, offset, arg: 0 });
    }

    /// Who has the address of the gateway?
    fn resolve(&mut self, tally: &Tally) -> Result<(), Ended> {
        let Some(card) = tally.ended(self.card.call(&Info {}, soon())) else { return Ok(()) };
        self.send(0, &frames::arp_request(card.mac));
        let mut gateway = None;
        self.until(tally, |frame| {
            gateway = gateway.or_else(|| frames::gateway(frame));
            gateway.is_some()
        })?;
        self.sides = gateway.map(|gateway| (card.mac, gateway));
        Ok(())
    }

    /// As many echoes as are under way at once. How many are still to be answered is in `left`.
    fn echoes(
        &mut self,
        (own, gateway): (Mac, Mac),
        left: &mut Vec<u64>,
        tally: &Tally,
    ) -> Result<(), Ended> {
        for id in 0..DEPTH {
            self.number += 1;
            self.send(id, &frames::echo(own, gateway, self.number, BYTES));
            left.push(self.number);
        }
        self.until(tally, |frame| {
            if let Some((number, whole)) = frames::answered(frame, BYTES) {
                let before = left.len();
                left.retain(|one| *one != number);
                tally.is_done((before - left.len()) as u64);
                tally.check(whole.then_some(()).ok_or("an echo with other data"));
            }
            left.is_empty()
        })
    }

    /// Looks at what comes until that is all that is wanted, and all that was sent has gone.
    fn until(&mut self, tally: &Tally, mut all: impl FnMut(&[u8]) -> bool) -> Result<(), Ended> {
        let mut came = false;
        loop {
            // Whoever cannot be told has ended, which the rings say.
            let _ = self.receive.ring(|| self.ring.tell().tell());
            let _ = self.transmit.ring(|| self.ring.tell().tell());
            while let Some(done) = self.transmit.pop()? {
                tally.is_good(done.status == DONE, format_args!("a frame ends with {done:?}"));
            }
            while let Some(done) = self.receive.pop()? {
                came |= all(&self.taken(done, tally));
                self.give(done.id);
            }
            if came && self.transmit.in_flight() == 0 {
                return Ok(());
            }
            if !self.wait(tally)? {
                return Ok(());
            }
        }
    }

    /// The bytes of a frame that came.
    fn taken(&self, done: Completion, tally: &Tally) -> Vec<u8> {
        tally.is_good(done.status == DONE, format_args!("a buffer ends with {done:?}"));
        let mut frame = vec![0; done.len as usize];
        // It is inside, as all buffers are.
        let _ = self.receive.read(u32::from(done.id) * BUFFER, &mut frame);
        frame
    }

    /// Waits until there is something, or the driver ends. False when nothing came in time.
    fn wait(&mut self, tally: &Tally) -> Result<bool, Ended> {
        if !self.receive.may_wait()? || !self.transmit.may_wait()? {
            return Ok(true);
        }
        match self.ring.wait(soon()) {
            Ok(_) => Ok(true),
            Err(Error::TimedOut) => {
                tally.is_late();
                Ok(false)
            }
            Err(error) => {
                tally.is_wrong(format_args!("the wait for the rings: {error:?}"));
                Ok(false)
            }
        }
    }

    /// The driver has ended: buffers are given anew, and what was sent may have gone or not.
    fn resume(&mut self, tally: &Tally) {
        drop((self.receive.begin(), self.transmit.begin()));
        self.sides = None;
        if let Err(why) = self.attach() {
            tally.is_wrong(format!("no attachment: {why:?}"));
        }
    }
}

impl Load for Frames {
    fn turn(&mut self, tally: &Tally) {
        let mut left = Vec::new();
        let ended = match self.sides {
            None => self.resolve(tally),
            Some(sides) => self.echoes(sides, &mut left, tally),
        };
        match ended {
            Ok(()) => {}
            Err(Ended::PeerGone) => {
                tally.is_gone(left.len() as u64);
                self.resume(tally);
            }
            Err(why) => tally.is_wrong(format_args!("the driver: {why:?}")),
        }
    }
}
