//! The driver of the disk with a disk that is not there, which dies when a test says so.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::vec::Vec;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_proto::disk::{Attach, DiskInfo};
use nexus_proto::{Operation, ReplyError, ServiceError};
use nexus_ring::{Consumer, Driver, memory_len};
use nexus_rt::abi::Error;
use nexus_rt::{CallError, Deadline};
use nexus_virtio::Notices;
use nexus_virtio::block::Config;
use nexus_virtio::fake::{FakeDevice, FakeDoorbell, Order};
use virtioblkd::engine::{Engine, Next};
use virtioblkd::fake::{CONFIG, FakeEngine, LIFE, Parts, Platter, parts_with};
use virtioblkd::requests::OPS;

use crate::disk::{Disk, ENTRIES, NoDisk};
use crate::road::Road;

/// Bytes of the data area: four requests of a page.
const ROOM: usize = 16 << 10;

/// The disk of a test.
pub(crate) type FakeDisk = Disk<FakePeer, FakeRoad>;

/// When the driver dies, and what the device does then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deaths {
    /// At these steps of driver and device.
    pub(crate) at: BTreeSet<usize>,
    /// What the device has by then is done before the next life begins, or never.
    pub(crate) finishes: bool,
    /// There is no next life.
    pub(crate) last: bool,
}

/// One life of the driver, and the device as it drives it.
struct Life {
    memory: FakeMemory,
    device: FakeDevice,
    doorbell: FakeDoorbell,
    engine: FakeEngine<usize>,
}

/// Everything that is behind the ring.
pub(crate) struct Stage {
    shared: FakeMemory,
    pub(crate) platter: Platter,
    config: Config,
    /// The order in which the device does what it has.
    order: Order,
    life: Option<Life>,
    pub(crate) deaths: Deaths,
    /// Steps so far, and lives.
    pub(crate) steps: usize,
    pub(crate) lives: usize,
    /// It has no next life.
    pub(crate) over: bool,
    /// The device does nothing any more.
    pub(crate) stuck: bool,
    pub(crate) clock: u64,
    /// The driver waits to be told, by the consumer or the device.
    rests: bool,
    /// Waits so far that only looked.
    pub(crate) looks: usize,
    /// How often each of the two told the other: the consumer the driver, and the driver the consumer.
    pub(crate) told: (usize, usize),
}

/// The way to it.
#[derive(Clone)]
pub(crate) struct FakeRoad(pub(crate) Rc<RefCell<Stage>>);

impl core::fmt::Debug for FakeRoad {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("FakeRoad")
    }
}

impl Stage {
    /// A driver that has not begun, of a disk with these bytes.
    pub(crate) fn new(bytes: Vec<u8>, deaths: Deaths) -> Stage {
        let config = Config { sectors: bytes.len() as u64 / 512, ..CONFIG };
        Stage {
            shared: FakeMemory::new(memory_len(ROOM)),
            platter: Platter::of(bytes),
            config,
            order: Order::Oldest,
            life: None,
            deaths,
            steps: 0,
            lives: 0,
            over: false,
            stuck: false,
            clock: 0,
            rests: false,
            looks: 0,
            told: (0, 0),
        }
    }

    /// The same, whose device does what it has in this order.
    pub(crate) fn in_order(self, order: Order) -> Stage {
        Stage { order, ..self }
    }

    /// The disk that it is, attached.
    pub(crate) fn disk(self) -> Result<(FakeDisk, FakeRoad), NoDisk> {
        let ring = Consumer::<_, ENTRIES>::new(self.shared.peer(0..memory_len(ROOM)), LIFE);
        let road = FakeRoad(Rc::new(RefCell::new(self)));
        Ok((Disk::new(ring.unwrap(), road.clone())?, road))
    }

    fn life(&mut self) -> &mut Life {
        if self.life.is_none() {
            self.lives += 1;
            self.rests = false;
            let (config, order) = (self.config, self.order);
            let Parts { memory, device, disk, .. } =
                parts_with(self.platter.clone(), config, Notices::EventIndex, order);
            let ring = Driver::new(self.shared.part(0..memory_len(ROOM)), OPS).unwrap();
            self.shared.settle();
            let (doorbell, engine) = (device.doorbell(), Engine::new(disk, Some(ring)));
            self.life = Some(Life { memory, device, doorbell, engine });
        }
        self.life.as_mut().unwrap()
    }

    fn die(&mut self) {
        let Some(mut life) = self.life.take() else { return };
        if self.deaths.finishes {
            life.device.run();
        }
        self.over = self.deaths.last;
    }

    /// One step: of the driver, or of the device. False when it had nothing to do.
    fn step(&mut self) -> bool {
        if self.over || self.stuck {
            return false;
        }
        self.steps += 1;
        if self.deaths.at.contains(&self.steps) {
            self.die();
            return true;
        }
        self.life();
        let (is_device, mut rests) = (self.steps.is_multiple_of(2), self.rests);
        let Life { memory, device, doorbell, engine } = self.life();
        let mut told = false;
        let goes_on = if is_device {
            let did = device.step();
            rests &= !did;
            did
        } else if rests {
            false
        } else {
            rests = engine.turn(doorbell, || told = true, || || false).unwrap() != Next::Again;
            !rests
        };
        memory.settle();
        let goes_on = goes_on || told || engine.busy();
        self.rests = rests;
        self.told.1 += usize::from(told);
        self.shared.settle();
        goes_on
    }

    /// Time passes until somebody did something, or until then.
    fn pass(&mut self, until: u64) {
        // Both have had two turns.
        let done = (0..4).any(|_| self.step());
        self.clock = if done { self.clock + 1 } else { until };
    }

    /// What a call by which the consumer attaches comes to.
    fn join(&mut self, until: u64) -> Result<(), CallError> {
        let of = {
            self.life().engine.attach(7, LIFE);
            self.rests = false;
            self.lives
        };
        loop {
            if self.over {
                return Err(CallError::Service(ServiceError::Gone));
            }
            if self.life.is_none() || self.lives != of {
                return Err(CallError::Kernel(Error::PeerGone));
            }
            if let Some((7, message)) = self.life().engine.answers().last() {
                return Attach::decode_reply(&message).map_err(|error| match error {
                    ReplyError::Service(error) => CallError::Service(error),
                    ReplyError::Malformed(error) => CallError::Malformed(error),
                });
            }
            if self.clock >= until {
                return Err(CallError::Kernel(Error::TimedOut));
            }
            self.pass(until);
        }
    }
}

impl Road for FakeRoad {
    fn tell(&mut self) -> bool {
        let mut stage = self.0.borrow_mut();
        stage.rests = false;
        stage.told.0 += 1;
        !stage.over
    }

    fn is_over(&self) -> bool {
        self.0.borrow().over
    }

    fn info(&mut self, _: Deadline) -> Result<DiskInfo, CallError> {
        let mut stage = self.0.borrow_mut();
        if stage.over {
            return Err(CallError::Service(ServiceError::Gone));
        }
        Ok(stage.life().engine.info())
    }

    fn join(&mut self, until: Deadline) -> Result<(), CallError> {
        self.0.borrow_mut().join(until.ticks())
    }

    fn wait(&mut self, until: Deadline) -> Result<(), Error> {
        let mut stage = self.0.borrow_mut();
        if until.ticks() <= stage.clock {
            stage.looks += 1;
        } else {
            stage.pass(until.ticks());
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.0.borrow().clock
    }
}
