//! A network card that is not there, with a network behind it: for host tests.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use nexus_abi::Sender;
use nexus_mmio::fake::{Device, FakeBus, FakeMemory, FakeShared};
use nexus_mmio::{ReadOnly, ReadWrite, Registers};
use nexus_sysdesc::testing::{service, system};
use nexus_sysdesc::{Description, Permission, Profile, Queue, Shape};
use nexus_virtio::fake::{FakeDevice, FakeDoorbell, Layout};
use nexus_virtio::net::config::{self, REGISTERS};
use nexus_virtio::net::{self, HEADER, Mac};
use nexus_virtio::{Doorbell, Feature, Notices, Sealed};

use crate::receive::{self, Receiver};
use crate::server::Server;
use crate::transmit::Transmitter;

/// The address of the card.
pub const MAC: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
/// Bytes that the frames of a class of transmit heads have at most, and how many heads: as in the standard
/// system.
pub const CLASSES: [(u16, u32); 6] =
    [(32, 64), (8, 128), (8, 256), (8, 512), (8, 1024), (64, 1514)];
/// What its features are.
pub const FEATURES: [Feature; 3] = [Feature::NET_MAC, Feature::NET_STATUS, Feature::NET_MTU];

/// Memory of the pool, and of the used rings.
pub type Pool = FakeShared<ReadWrite>;
/// Memory of the used rings.
pub type Used = FakeShared<ReadOnly>;
/// The driver of such a card.
pub type FakeServer = Server<FakeBus<CardRegisters>, Pool, Used>;

/// What the card was given to send: the head, its header, and all of its frame piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Number of the head.
    pub head: u16,
    /// The header.
    pub header: Vec<u8>,
    /// All bytes that the card sends.
    pub frame: Vec<u8>,
}

/// The card, as the network and the test see it.
pub struct FakeCard {
    /// All of its memory.
    pub memory: FakeMemory,
    /// Its receive queue.
    pub receive: FakeDevice,
    /// Its transmit queue.
    pub transmit: FakeDevice,
    /// Its registers.
    pub doorbell: FakeDoorbell,
    /// Its configuration: address, status, pairs of queues, MTU.
    pub config: Rc<RefCell<[u8; 12]>>,
    layout: Layout,
    notices: Notices,
    sent: Rc<RefCell<Vec<Sent>>>,
}

/// The registers of a card.
pub struct CardRegisters {
    doorbell: FakeDoorbell,
    config: Rc<RefCell<[u8; 12]>>,
}

/// The queues of a card.
#[must_use]
pub fn queues() -> [Queue; 2] {
    let shape =
        |(heads, len)| Shape { heads, reads: [HEADER as u32, len].into(), writes: Vec::new() };
    [
        Layout::queue(receive::HEADS as u16, &[], &[HEADER as u32, 1514]),
        Queue { shapes: CLASSES.map(shape).into() },
    ]
}

impl FakeCard {
    /// A card that was just set up, with its link up.
    #[must_use]
    pub fn new(notices: Notices) -> FakeCard {
        let layout = Layout::of(&queues());
        let memory = layout.memory();
        let sent = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&sent);
        let take = move |head, bytes: &[u8]| {
            let (header, frame) = bytes.split_at(HEADER);
            let (header, frame) = (header.to_vec(), frame.to_vec());
            log.borrow_mut().push(Sent { head, header, frame });
            Vec::new()
        };
        let receive = FakeDevice::new(&memory, &layout, net::RECEIVE, notices, |_, _| Vec::new());
        let doorbell = receive.doorbell();
        let transmit = FakeDevice::new(&memory, &layout, net::TRANSMIT, notices, take);
        let transmit = transmit.with_doorbell(&doorbell);
        let [a, b, c, d, e, f] = MAC.0;
        let config = Rc::new(RefCell::new([a, b, c, d, e, f, 1, 0, 1, 0, 0xdc, 5]));
        FakeCard { memory, receive, transmit, doorbell, config, layout, notices, sent }
    }

    /// Its registers, for the driver.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn registers(&self) -> Registers<FakeBus<CardRegisters>, REGISTERS> {
        let (doorbell, config) = (self.doorbell.clone(), Rc::clone(&self.config));
        let bus = FakeBus::new(0x1000, CardRegisters { doorbell, config });
        Registers::new(bus).expect("a page")
    }

    /// Its queues, for the driver.
    #[must_use]
    pub fn sealed(&self) -> Sealed<Pool, Used> {
        self.layout.sealed(&self.memory, self.notices)
    }

    /// Its driver, for those whom `description` permits it.
    ///
    /// # Panics
    /// The configuration is of no use.
    #[must_use]
    pub fn driver(&self, description: Description) -> FakeServer {
        self.driver_that(true, description)
    }

    /// The same; the card interrupts, or is looked at.
    ///
    /// # Panics
    /// The configuration is of no use.
    #[must_use]
    pub fn driver_that(&self, interrupts: bool, description: Description) -> FakeServer {
        let regs = self.registers();
        let config = config::read(&regs, |one| FEATURES.contains(&one)).expect("a configuration");
        let mut sealed = self.sealed();
        let input = sealed.queue(net::RECEIVE).expect("a receive queue");
        let output = sealed.queue(net::TRANSMIT).expect("a transmit queue");
        let input = Receiver::new(input, config.mac, config.longest());
        let output = Transmitter::new(output, config.longest());
        Server::new(regs, config, input, output, interrupts, description)
    }

    /// A frame comes from the network. False when the card has no buffer for it: the network loses it.
    pub fn arrive(&mut self, frame: &[u8]) -> bool {
        self.arrive_as(frame, 1, (HEADER + frame.len()) as u32)
    }

    /// The same, with the card saying in how many buffers it is, and how many bytes it wrote.
    pub fn arrive_as(&mut self, frame: &[u8], buffers: u16, len: u32) -> bool {
        self.put(&buffers.to_le_bytes(), frame, len)
    }

    /// The same from a card that does not write in how many buffers it is, as QEMU before 9.2.1 does not.
    pub fn arrive_unsaid(&mut self, frame: &[u8]) -> bool {
        self.receive.collect();
        let Some(head) = self.receive.next() else { return false };
        let header = self.layout.piece(net::RECEIVE, head, net::HEADER_PIECE);
        let said = self.memory.device_read(header.end - 2..header.end);
        self.put(&said, frame, (HEADER + frame.len()) as u32)
    }

    fn put(&mut self, buffers: &[u8], frame: &[u8], len: u32) -> bool {
        let bytes = [&[0; HEADER - 2], buffers, frame].concat();
        let taken = self.receive.collect() && self.receive.give(&bytes, len);
        self.memory.settle();
        taken
    }

    /// Sends what it was told of, and tells what.
    pub fn run(&mut self) -> Vec<Sent> {
        self.transmit.run();
        self.memory.settle();
        self.sent.take()
    }
}

impl Device for CardRegisters {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        let config = self.config.borrow();
        match (offset, width) {
            (0x60, 4) => self.doorbell.status(),
            (0xfc, 4) => 0,
            (0x100..0x10c, 1 | 2) => {
                let bytes = config[offset - 0x100..].iter().take(width).rev();
                bytes.fold(0, |word, byte| word << 8 | u32::from(*byte))
            }
            _ => panic!("a driver has no reason to load {width} bytes at {offset:#x}"),
        }
    }

    fn write(&mut self, offset: usize, width: usize, value: u32) {
        let written = match (offset, width) {
            (0x50, 4) => self.doorbell.notify(value as u16),
            (0x64, 4) => self.doorbell.acknowledge(value),
            _ => panic!("a driver may not store {width} bytes at {offset:#x}"),
        };
        written.expect("no register is refused");
    }
}

/// The service that may have the frames, and one that may not.
pub const CONSUMER: Sender = Sender { service_id: 12, incarnation: 1 };
/// The one that may not.
pub const STRANGER: Sender = Sender { service_id: 13, incarnation: 1 };

/// A system with both.
#[must_use]
pub fn description() -> Description {
    let consumer = service(CONSUMER.service_id, "consumer", &[Permission::Net]);
    system(Profile::Prod, [consumer, service(STRANGER.service_id, "stranger", &[])].into())
}
