//! What disk, card, network, store and log count, and what init says of lines, pools and memory, where all of them answer.

use nexus_abi::{Message, PAGE_SIZE};
use nexus_proto::init::{self, DmaState, EndKind, Last, OwnerState, ServiceState};
use nexus_proto::policy::{NO_LINE, NO_RULE};
use nexus_proto::socket::Link;
use nexus_proto::state::Standing;
use nexus_proto::{
    Name, Operation, Registers, ReplyError, Request as _, ServiceError, Subject, Zero, disk,
    encode_error, ids, log, net, rtc, socket, state,
};

use super::Collector;
use crate::ask::{Ask, NoAnswer};
use crate::facts::Facts;
use crate::model::{Card, Disk, Frames, Line, Log, Memory, Network, Pool, Snapshot, Store, Use};

/// Services that all answer; a tick is a quarter of a millisecond.
struct All {
    ticks: u64,
    /// The clock was read then, and it was so late.
    clock: (u64, u64),
    /// Who has the frames of the card.
    consumer: u32,
    /// The tick at which all was ready.
    ready: u64,
    /// Of the service, how it stands.
    stands: ServiceState,
    /// The last tick at which the line rang, and how often it has.
    rang: (u64, u64),
}

impl All {
    fn new() -> All {
        All {
            ticks: 40_000,
            clock: (20_000, 1_795_987_200_000_999_999),
            consumer: 1,
            ready: 800,
            stands: ServiceState::Ready,
            rang: (36_000, 9),
        }
    }

    fn snapshot(self) -> Snapshot {
        Collector::new(self).snapshot()
    }

    fn answer(&self, service: u32, message: &Message) -> Message {
        match service {
            ids::INIT => self.init(init::Request::decode(message).unwrap()),
            ids::RTCD => {
                let rtc::Request::Now(ask) = rtc::Request::decode(message).unwrap();
                let (ticks, unix_ns) = self.clock;
                ask.answer(Ok(rtc::Time { unix_ns, ticks }))
            }
            ids::VIRTIOBLKD => blkd(disk::Request::decode(message).unwrap()),
            ids::VIRTIONETD => self.netd(net::Request::decode(message).unwrap()),
            ids::NETSTACKD => stackd(socket::Request::decode(message).unwrap()),
            ids::STATEFSD => stated(state::Request::decode(message).unwrap()),
            ids::LOGD => logd(log::Request::decode(message).unwrap()),
            _ => encode_error(ServiceError::Denied),
        }
    }

    fn init(&self, request: init::Request) -> Message {
        let service = Subject { id: 1, incarnation: 3 };
        match request {
            init::Request::Services(ask) => ask.answer(Ok(init::ServiceInfo {
                next: 0,
                service,
                state: self.stands,
                priority: 16,
                zero: Zero::ZERO,
                name: Name::new("one"),
            })),
            init::Request::Lives(ask) => ask.answer(Ok(init::LifeInfo {
                next: 0,
                lives: 3,
                service,
                state: self.stands,
                end: EndKind::None,
                last: Last::None,
                zero: Zero::ZERO,
                deaths: 2,
                code: 0,
                since: 10_000,
                again: 0,
            })),
            init::Request::Owners(ask) => ask.answer(Ok(owner(service))),
            init::Request::Irqs(ask) => ask.answer(Ok(init::IrqEntry {
                next: 0,
                device: 4,
                line: 7,
                owner: service,
                delivered: self.rang.1,
                held_back: 2,
                last: self.rang.0,
                interval: 0,
                strays: 0,
                state: 2,
                zero: Zero::ZERO,
            })),
            init::Request::Dma(ask) => ask.answer(Ok(init::DmaEntry {
                next: 0,
                device: 4,
                pool: 2,
                owner: service,
                len: 8192,
                reach: 5000,
                digest: 0,
                state: DmaState::InUse,
                zero: Zero::ZERO,
            })),
            init::Request::Stat(ask) => ask.answer(Ok(init::ServiceStat {
                service,
                frames: 5,
                frames_limit: 10,
                objects: 3,
                objects_limit: 8,
                state: self.stands,
                end: EndKind::None,
                zero: Zero::ZERO,
                code: 0,
                address: 0,
                pc: 0,
                root: 0,
            })),
            init::Request::Mem(ask) => ask.answer(Ok(init::MemInfo {
                frames: 7,
                frames_free: 11,
                frames_given: 13,
                objects: 0,
                objects_free: 0,
                objects_given: 0,
            })),
            init::Request::Ready(ask) => ask.answer(Ok(init::Readiness {
                owners_ready: 1,
                owners: 2,
                services_started: 3,
                services: 4,
                dropped: 0,
                distributed: true,
                zero: Zero::ZERO,
                ready_ticks: self.ready,
                owners_lost: 5,
                zero_end: Zero::ZERO,
            })),
            _ => encode_error(ServiceError::NotFound),
        }
    }

    fn netd(&self, request: net::Request) -> Message {
        match request {
            net::Request::Info(ask) => ask.answer(Ok(net::Card {
                mac: [0x52, 0x54, 0, 1, 2, 0xfe],
                mtu: 1500,
                consumer: self.consumer,
                link: true,
                zero: Zero::ZERO,
            })),
            net::Request::Stats(ask) => {
                let first = if ask.direction == net::Direction::In { 10 } else { 20 };
                ask.answer(Ok(net::Counters {
                    frames: first,
                    bytes: 100 * first,
                    no_buffer: first + 1,
                    too_short: 1,
                    too_long: 20,
                    not_for_us: 300,
                    split: 4000 * first,
                }))
            }
            other => panic!("{other:?} is nothing to ask"),
        }
    }
}

fn owner(owner: Subject) -> init::OwnerInfo {
    init::OwnerInfo {
        next: 0,
        device: 4,
        rights: 0,
        owner,
        base: 0,
        len: 4096,
        rule: NO_RULE,
        state: OwnerState::Held,
        dma: true,
        line: NO_LINE,
        registers: Registers::UNMASKED,
        zero: Zero::ZERO,
        name: Name::new("device"),
    }
}

fn blkd(request: disk::Request) -> Message {
    match request {
        disk::Request::Info(ask) => ask.answer(Ok(disk::DiskInfo {
            sectors: 100,
            block: 512,
            can: 0,
            serial: Name::new("serial"),
        })),
        disk::Request::Stats(ask) => ask.answer(Ok(disk::DiskStats {
            reads: 1,
            writes: 2,
            read_bytes: 3,
            written_bytes: 4,
            batches: 0,
            doorbells: 0,
            flushes: 5,
            errors: 6,
            ranges: 0,
            in_flight: 7,
            most: 0,
        })),
        other => panic!("{other:?} is nothing to ask"),
    }
}

fn stackd(request: socket::Request) -> Message {
    match request {
        socket::Request::Info(ask) => ask.answer(Ok(socket::NetInfo {
            link: Link::Up,
            mtu: 1500,
            mac: [0; 6],
            zero: Zero::ZERO,
            gateway4: [0; 4],
            addresses: 0,
            gateway6: [0; 16],
            lease: 0,
            sockets: 8,
        })),
        socket::Request::Stats(ask) => {
            let (connections, denied, dropped) = (9, 10, 11);
            ask.answer(Ok(socket::NetStats { connections, denied, dropped, ..Default::default() }))
        }
        other => panic!("{other:?} is nothing to ask"),
    }
}

fn stated(request: state::Request) -> Message {
    match request {
        state::Request::Info(ask) => ask.answer(Ok(state::StoreInfo {
            standing: Standing::Ready,
            reason: state::Reason::Fine,
            detail: 0,
            guid: [0; 16],
            bytes: 12,
            format: 1,
            trees: 13,
            orphans: 0,
            clients: 0,
        })),
        other => panic!("{other:?} is nothing to ask"),
    }
}

fn logd(request: log::Request) -> Message {
    match request {
        log::Request::Stats(ask) => ask.answer(Ok(log::Counts {
            lines: 14,
            limited: 15,
            overwritten: 0,
            proofs: 0,
            records: 0,
            room: 16,
            refused: 17,
        })),
        _ => encode_error(ServiceError::NotFound),
    }
}

impl Ask for All {
    fn ask<O: Operation>(&mut self, service: u32, op: &O) -> Result<O::Reply, NoAnswer> {
        O::decode_reply(&self.answer(service, &op.encode())).map_err(|error| match error {
            ReplyError::Service(ServiceError::NotFound) => NoAnswer::NotFound,
            ReplyError::Service(_) => NoAnswer::Refused,
            ReplyError::Malformed(_) => NoAnswer::Silent,
        })
    }

    fn ticks(&self) -> u64 {
        self.ticks
    }

    fn ms(&self, ticks: u64) -> u64 {
        ticks / 4
    }
}

#[test]
fn what_each_counts_is_in_the_snapshot() {
    let all = All::new().snapshot();
    let disk = Disk {
        bytes: 51_200,
        reads: 1,
        writes: 2,
        flushes: 5,
        read_bytes: 3,
        written_bytes: 4,
        errors: 6,
        in_flight: 7,
    };
    assert_eq!(all.disk, Some(disk));
    let frames = |first| Frames {
        frames: first,
        bytes: 100 * first,
        no_buffer: first + 1,
        dropped: 321 + 4000 * first,
    };
    let (link, mac, consumer) = (true, "52:54:00:01:02:fe".into(), Some("one".into()));
    let card = Card { link, mac, consumer, received: frames(10), sent: frames(20) };
    assert_eq!(all.card, Some(card));
    let link = "up".into();
    let network = Network { link, sockets: 8, connections: 9, denied: 10, dropped: 11 };
    assert_eq!(all.network, Some(network));
    assert_eq!(all.store, Some(Store { standing: "ready".into(), bytes: 12, trees: 13 }));
    assert_eq!(all.log, Some(Log { lines: 14, limited: 15, refused: 17, room: 16 }));
    // Of those who answer nothing lacks.
    for what in ["disk", "card", "network", "store", "log", "time"] {
        assert!(!all.behind.iter().any(|lacks| lacks == what), "{what}");
    }
}

#[test]
fn the_time_is_that_of_the_clock_and_what_has_passed_since() {
    // Five seconds, and what is no whole millisecond is left out.
    assert_eq!(All::new().snapshot().unix_ms, Some(1_795_987_205_000));
    // Read later than now: nothing has passed.
    let later = All { clock: (50_000, 7_999_999), ..All::new() };
    assert_eq!(later.snapshot().unix_ms, Some(7));
}

#[test]
fn a_card_whose_frames_nobody_has_says_so() {
    let none = All { consumer: 0, ..All::new() }.snapshot();
    assert_eq!(none.card.map(|card| card.consumer), Some(None));
}

#[test]
fn what_init_says_of_lines_pools_and_memory() {
    let all = All::new().snapshot();
    let memory = Memory { init: 7 * PAGE_SIZE, services: 13 * PAGE_SIZE, free: 11 * PAGE_SIZE };
    assert_eq!(all.memory, Some(memory));
    let ready = all.ready.unwrap();
    assert_eq!((ready.owners_ready, ready.owners, ready.owners_lost), (1, 2, 5));
    assert_eq!((ready.services_started, ready.services), (3, 4));
    assert_eq!((ready.distributed, ready.after_ms), (true, Some(200)));
    let device = &all.devices[0];
    let (number, state) = (7, "armed".into());
    let line = Line { number, state, delivered: 9, held_back: 2, last_ms: Some(9_000) };
    assert_eq!(device.line, Some(line));
    let pool = Pool { state: "in use".into(), bytes: 8192, reach: 5000 };
    assert_eq!(device.pool, Some(pool));
    let service = &all.services[0];
    assert_eq!(service.memory, Some(Use { used: 5 * PAGE_SIZE, most: 10 * PAGE_SIZE }));
    assert_eq!(service.objects, Some(Use { used: 3, most: 8 }));
    assert_eq!((service.for_ms, service.lives, service.deaths), (7_500, 3, 2));
}

#[test]
fn what_has_not_happened_has_no_time() {
    let all = All { ready: 0, rang: (36_000, 0), ..All::new() }.snapshot();
    assert_eq!(all.ready.unwrap().after_ms, None);
    assert_eq!(all.devices[0].line.as_ref().unwrap().last_ms, None);
    // Once, and it has.
    let all = All { ready: 4, rang: (36_000, 1), ..All::new() }.snapshot();
    assert_eq!(all.ready.unwrap().after_ms, Some(1));
    assert_eq!(all.devices[0].line.as_ref().unwrap().last_ms, Some(9_000));
}

#[test]
fn of_a_service_that_does_not_run_nobody_asks_what_it_uses() {
    for (stands, uses, well) in [
        (ServiceState::Started, true, true),
        (ServiceState::Ready, true, true),
        (ServiceState::Failed, true, false),
        (ServiceState::Ended, false, false),
        (ServiceState::Stopped, false, false),
    ] {
        let all = All { stands, ..All::new() }.snapshot();
        let service = &all.services[0];
        assert_eq!((service.memory.is_some(), service.well), (uses, well), "{stands:?}");
    }
}
