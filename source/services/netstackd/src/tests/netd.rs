//! The side of virtionetd, and how netstackd is bound to it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_proto::Zero;
use nexus_proto::net::{Card as Says, RECEIVE, TRANSMIT};
use nexus_ring::{DONE, Driver, Ops};

use super::MAC;
use crate::road::Road;

/// Bytes of the rings of the card.
pub(super) const CARD: usize = 2 * (4096 + 64 * 2048);

/// The side of virtionetd.
pub(super) struct Netd {
    pub(super) memory: FakeMemory,
    pub(super) receive: Driver<FakePeer, 64>,
    pub(super) transmit: Driver<FakePeer, 64>,
    pub(super) answers: bool,
    pub(super) link: bool,
    /// It takes what is to go.
    pub(super) takes: bool,
    pub(super) tells: u64,
    pub(super) bell: Bell,
}

/// Set when somebody told netstackd of something.
pub(super) type Bell = Rc<Cell<bool>>;

/// Tells it, for the rings, where it wants to be told.
pub(super) fn rings(bell: &Bell) -> impl FnOnce() -> Result<(), ()> + '_ {
    || {
        bell.set(true);
        Ok(())
    }
}

impl Netd {
    pub(super) fn new(memory: &FakeMemory, bell: Bell) -> Netd {
        let half = CARD / 2;
        let side = |range, op| Driver::new(memory.peer(range), Ops::of(&[op])).unwrap();
        Netd {
            memory: memory.clone(),
            receive: side(0..half, RECEIVE),
            transmit: side(half..CARD, TRANSMIT),
            answers: true,
            link: true,
            takes: true,
            tells: 0,
            bell,
        }
    }

    /// It ends, and is another, who tells that it is there.
    pub(super) fn restart(&mut self) {
        let tells = self.tells;
        self.bell.set(true);
        *self = Netd { tells, ..Netd::new(&self.memory.clone(), Rc::clone(&self.bell)) };
    }

    /// Frames that went out.
    pub(super) fn went(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while self.takes
            && let Ok(Some(request)) = self.transmit.take()
        {
            let len = request.submission().len;
            let mut frame = vec![0; len as usize];
            self.transmit.read(&request, 0, &mut frame).unwrap();
            self.transmit.complete(request, DONE, len).unwrap();
            frames.push(frame);
        }
        let _ = self.transmit.ring(rings(&self.bell));
        frames
    }

    /// A frame comes. False when there is no buffer for it.
    pub(super) fn comes(&mut self, frame: &[u8]) -> bool {
        let Ok(Some(request)) = self.receive.take() else { return false };
        self.receive.write(&request, 0, frame).unwrap();
        let came = self.receive.complete(request, DONE, frame.len() as u32).is_ok();
        let _ = self.receive.ring(rings(&self.bell));
        came
    }
}

#[derive(Clone)]
pub(super) struct FakeRoad(pub(super) Rc<RefCell<Netd>>);

impl std::fmt::Debug for FakeRoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeRoad")
    }
}

impl Road for FakeRoad {
    fn tell(&mut self) {
        self.0.borrow_mut().tells += 1;
    }

    fn is_over(&self) -> bool {
        false
    }

    fn info(&mut self) -> Option<Says> {
        let netd = self.0.borrow();
        let card = Says { mac: MAC, mtu: 1500, consumer: 14, link: netd.link, zero: Zero::ZERO };
        netd.answers.then_some(card)
    }

    fn join(&mut self) -> bool {
        let mut netd = self.0.borrow_mut();
        netd.answers && netd.receive.attach(1).is_ok() && netd.transmit.attach(1).is_ok()
    }
}
