//! The half of a card by which frames go: out by the ring of virtionetd, or back to this machine.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::SharedMut;
use nexus_proto::net::{MAX_FRAME, TRANSMIT};
use nexus_ring::{Consumer, Ended, Submission};
use smoltcp::phy::TxToken;

use super::{BUFFER, ENTRIES, REPLIES};
use crate::frame;
use crate::sum::Frame;

/// The half by which frames go.
#[derive(Debug)]
pub(super) struct Out<M> {
    pub(super) ring: Consumer<M, ENTRIES>,
    pub(super) frame: Frame,
    /// Those of this machine's to itself, which are looked at as if they came.
    pub(super) to_itself: VecDeque<Vec<u8>>,
    pub(super) places: u16,
    pub(super) left: u16,
    pub(super) replies: u16,
    /// Those that answer one that came, and have not gone yet: a bit for each place.
    pub(super) answers: u64,
    pub(super) went: u64,
    pub(super) bytes: u64,
    pub(super) no_room: u64,
}

impl<M: SharedMut> Out<M> {
    pub(super) fn new(ring: Consumer<M, ENTRIES>) -> Out<M> {
        let places = u16::try_from((ring.data_len() as usize / BUFFER).min(ENTRIES)).unwrap_or(0);
        let (frame, to_itself) = (Frame::new(MAX_FRAME), VecDeque::new());
        let (replies, answers) = (0, 0);
        Out {
            ring,
            frame,
            to_itself,
            places,
            left: 0,
            replies,
            answers,
            went: 0,
            bytes: 0,
            no_room: 0,
        }
    }

    /// Takes what has gone.
    pub(super) fn settle(&mut self) -> Result<(), Ended> {
        while let Some(done) = self.ring.pop()? {
            self.answers &= !bit(done.id);
        }
        Ok(())
    }

    /// The attachment is over: of those that have not gone none will.
    pub(super) const fn forget(&mut self) {
        self.answers = 0;
    }

    /// A place for a frame.
    pub(super) fn place(&self) -> Option<u16> {
        self.ring.free_id().filter(|id| *id < self.places && self.left > 0)
    }

    /// True when one more may go at once, in answer: of all that have not gone yet, too, so many at most.
    pub(super) const fn may_answer(&self) -> bool {
        self.replies > 0 && self.answers.count_ones() < REPLIES as u32
    }

    pub(super) fn send(&mut self, len: usize, id: u16) {
        if frame::is_to_itself(self.frame.get(len).unwrap_or_default()) {
            self.answers &= !bit(id);
            self.hand_back(len);
            return;
        }
        let (offset, bytes) = (u32::from(id) * BUFFER as u32, len as u32);
        self.frame.fill(len);
        let frame = self.frame.get(len).unwrap_or_default();
        let request = Submission { id, op: TRANSMIT, len: bytes, offset, arg: 0 };
        // When the driver ends, that is seen when something is taken.
        let sent = self.ring.write(offset, frame).is_ok() && self.ring.submit(request).is_ok();
        self.left = self.left.saturating_sub(1);
        if sent {
            self.went += 1;
            self.bytes += u64::from(bytes);
        } else {
            self.no_room += 1;
        }
    }

    /// A frame of this machine's to itself comes next: no card brings it back.
    pub(super) fn hand_back(&mut self, len: usize) {
        // All that a turn sends is looked at in the next, first of what comes.
        self.left = self.left.saturating_sub(1);
        self.to_itself.extend(self.frame.get(len).map(Vec::from));
    }
}

/// Room for a frame that goes.
#[derive(Debug)]
pub struct Goes<'a, M> {
    pub(super) out: &'a mut Out<M>,
    /// It answers one that came.
    pub(super) reply: bool,
}

impl<M: SharedMut> TxToken for Goes<'_, M> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        let Goes { out, reply } = self;
        let Some(frame) = out.frame.get_mut(len) else {
            // smoltcp makes none that is longer than the card says; it is lost like a packet.
            out.no_room += 1;
            return f(&mut vec![0; len]);
        };
        let result = f(frame);
        match out.place() {
            Some(id) if !reply || out.may_answer() => {
                out.replies -= u16::from(reply);
                out.answers |= if reply { bit(id) } else { 0 };
                out.send(len, id);
            }
            _ => out.no_room += 1,
        }
        result
    }
}

/// The bit of a place.
const fn bit(id: u16) -> u64 {
    1_u64.wrapping_shl(id as u32)
}
