//! The system that is explored: two owners, two devices, of which the first has an interrupt line and
//! a mask of registers, and the second reaches memory by itself; and more asked than is allowed.

use nexus_abi::{Handle, Rights, Sender};
use nexus_init::board::{Line, Range};
use nexus_init::grant::{Bus, Memory};
use nexus_init::init::{Init, Lines, Root};
use nexus_init::registry::Registry;
use nexus_proto::init::ServiceState;
use nexus_sysdesc::{
    Danger, Description, Device, Need, Permission, Profile, Queue, Restart, Rule, Service, Shape,
    testing,
};

use crate::outside::Outside;

/// The root task.
pub const INIT: Sender = Sender { service_id: 1, incarnation: 1 };
/// policyd in its first life.
pub const POLICYD: Sender = Sender { service_id: 2, incarnation: 1 };
/// The service id of logd.
pub const LOGD: u32 = 3;
/// A service that may ask init about others, and policyd nothing.
pub const SHELL: Sender = Sender { service_id: 10, incarnation: 1 };
/// busd.
pub const BUSD: Sender = Sender { service_id: 11, incarnation: 1 };
/// Its process.
pub const BUSD_PROCESS: Handle = Handle(110);
/// The root window, as init names it.
pub const ROOT: Handle = Handle(1);
const ROOT_BASE: u64 = 0x1000_0000;
/// The first of two devices of one page each.
const DEVICES: u64 = ROOT_BASE + 0x1000;

/// MAP, READ and WRITE.
pub const RIGHTS: u16 = Rights::MAP.union(Rights::READ).union(Rights::WRITE).bits();

/// The capability to all interrupt lines, as init names it.
pub const LINES: Handle = Handle(2);
/// Numbers of the first of them, and how many.
pub const LINE_RANGE: (u64, u64) = (1, 8);
/// The line of the first device.
pub const LINE: u16 = 5;
/// The registers of each device that are written, one at a time.
pub const REGISTERS: u64 = 1 << 20 | 1 << 25;
/// The device that reaches memory by itself.
pub const REACHING: u16 = 1;
/// Least microseconds between two interrupts of that line, by the rules.
pub const INTERVAL: u32 = 100;
/// The same in ticks.
pub const TICKS: u64 = 1000;
const TIMEBASE_HZ: u64 = 10_000_000;

/// Every service, as the description has them.
const SERVICES: [u32; 7] = [1, 2, 3, 7, 8, 10, 11];

/// Who may be given what: service and device. No rule allows the last.
pub const REQUESTS: [(u32, u16); 4] = [(7, 0), (8, 0), (8, 1), (7, 1)];

/// The owners: service, process, and the bit that the kernel signals when it ends.
pub const OWNERS: [(u32, Handle, u64); 2] = [(7, Handle(70), 1 << 3), (8, Handle(80), 1 << 4)];

/// The process of an owner.
///
/// # Panics
/// When it is no owner.
#[must_use]
pub fn process_of(service: u32) -> Handle {
    OWNERS.iter().find(|owner| owner.0 == service).expect("an owner").1
}

/// The bit that the kernel signals when a service ends.
///
/// # Panics
/// When the description has no such service.
#[must_use]
pub fn bit_of(service: u32) -> u64 {
    let place = SERVICES.iter().position(|id| *id == service);
    1 << place.expect("a service")
}

/// True for an endpoint of a service, as init names it.
pub(crate) fn is_endpoint(cap: Handle) -> bool {
    SERVICES.iter().any(|id| endpoint_of(*id) == cap)
}

/// The endpoint that a service serves, as init names it.
#[must_use]
pub fn endpoint_of(service: u32) -> Handle {
    Handle(0x1_0000 + u64::from(service))
}

/// What is asked for a request.
#[must_use]
pub fn need(device: u16) -> Need {
    Need {
        device,
        rights: RIGHTS,
        irq: device == 0,
        polls: false,
        registers: Some(REGISTERS),
        queues: if device == REACHING { queues() } else { Vec::new() },
    }
}

fn queues() -> Vec<Queue> {
    vec![Queue { shapes: vec![Shape { heads: 2, reads: vec![16], writes: vec![512] }] }]
}

/// What the second device is to reach.
///
/// # Panics
/// Never: a device can have such queues.
#[must_use]
pub fn memory() -> Memory {
    let bus = Bus::new(BUSD, &queues(), true).expect("queues of a device");
    bus.memory.expect("some")
}

/// Pages of all memory that a device is to reach.
///
/// # Panics
/// As for [`memory`].
#[must_use]
pub fn pool_of(device: u16) -> u16 {
    let sizes = nexus_sysdesc::layout::Sizes::of(&need(device).queues);
    sizes.expect("queues of a device").pages()
}

fn device(id: u16) -> Device {
    Device {
        id,
        name: format!("device{id}"),
        compatible: if id == REACHING { "virtio,mmio".into() } else { format!("test,device{id}") },
        virtio_id: (id == REACHING).then_some(4),
        instance: 0,
        base: None,
        says: None,
        store: None,
        window_len: 0x1000,
        irq: id == 0,
        dma: id == REACHING,
        danger: if id == REACHING { Danger::High } else { Danger::Low },
    }
}

fn service(id: u32, permissions: &[Permission]) -> Service {
    testing::service(id, &format!("service{id}"), permissions)
}

/// The rules of an epoch. From the second on, service 7 may have nothing any more.
///
/// # Panics
/// Never: the descriptions are valid.
#[must_use]
pub fn description(epoch: u32) -> Description {
    let subjects = REQUESTS.iter().take(3).filter(|(subject, _)| epoch == 1 || *subject != 7);
    let rules = (1..).zip(subjects).map(|(number, (subject, device))| Rule {
        number,
        id: format!("rule{number}"),
        subject: *subject,
        device: *device,
        rights: RIGHTS,
        irq: need(*device).irq,
        registers: need(*device).registers,
        interval: if need(*device).irq { INTERVAL } else { 0 },
        queues: need(*device).queues,
        reason: "a test".into(),
    });
    let description = Description {
        name: "states".into(),
        profile: Profile::Test,
        epoch,
        network: None,
        unlimited_restarts: false,
        init: INIT.service_id,
        devices: vec![device(0), device(1)],
        services: vec![
            service(1, &[Permission::Distribute, Permission::Record]),
            service(2, &[Permission::Record]),
            service(3, &[]),
            Service { needs: vec![need(0)], ..service(7, &[]) },
            service(8, &[]),
            service(10, &[Permission::View, Permission::Log, Permission::Ask]),
            service(11, &[]),
        ],
        rules: rules.collect(),
    };
    assert_eq!(description.validate(), Ok(()));
    description
}

/// The same, where everybody but busd is started again, and the shell may order that.
fn lasting_description() -> Description {
    let mut description = description(1);
    for service in &mut description.services {
        match service.id {
            1 | 11 => {}
            8 => service.needs = vec![need(REACHING)],
            10 => {
                service.permits.extend(testing::service(10, "", &[Permission::Supervise]).permits)
            }
            _ => {}
        }
        if ![1, BUSD.service_id].contains(&service.id) {
            service.restart = Restart::Always;
        }
    }
    assert_eq!(description.validate(), Ok(()));
    description
}

/// Init with everybody started, before anything is given, and with the second device at busd. logd has room for `room` records.
///
/// # Panics
/// Never: every service and device of the description is there.
#[must_use]
pub fn started(room: usize) -> Init<Outside> {
    started_as(description(1), room)
}

/// Init with everybody started, and with both devices given to those who are started again with them.
///
/// # Panics
/// Never: it is what the rules allow.
#[must_use]
pub fn lasting() -> Init<Outside> {
    let mut init = started_as(lasting_description(), 256);
    let served: Vec<u32> = SERVICES.into_iter().filter(|id| *id != INIT.service_id).collect();
    for id in &served {
        let record = init.registry.service_mut(*id).expect("a service");
        record.endpoint = endpoint_of(*id);
        let process = record.process.expect("a process");
        init.machine.processes.push((*id, process));
    }
    init.part_lines();
    init.machine.begin(256);
    for (service, device) in [REQUESTS[0], REQUESTS[2]] {
        init.give(service, process_of(service), &need(device)).expect("an allowed device");
    }
    init.drop_roots();
    init
}

fn started_as(description: Description, room: usize) -> Init<Outside> {
    let range = Range::new(ROOT_BASE, 0x1_0000).expect("a range");
    let roots = vec![Root { handle: ROOT, range }];
    let mut init =
        Init::new(Registry::new(description), roots, TIMEBASE_HZ, Outside::new(range, room));
    for (id, process) in [(1, 0), (2, 20), (3, 30), (7, 70), (8, 80), (10, 90), (11, 110)] {
        let record = init.registry.service_mut(id).expect("a service");
        record.process = Some(Handle(process));
        record.incarnation = 1;
        record.state = ServiceState::Started;
    }
    for id in 0..2 {
        let window = Range::new(DEVICES + 0x1000 * u64::from(id), 0x1000);
        init.registry.device_mut(id).expect("a device").window = window;
    }
    init.registry.device_mut(0).expect("a device").line = Line::Own(LINE);
    let (first, count) = LINE_RANGE;
    init.lines = vec![Lines { handle: LINES, first, count, timebase_hz: TIMEBASE_HZ }];
    let window = init.registry.device(REACHING).and_then(|device| device.window);
    init.reaching = window.into_iter().map(|window| (REACHING, window)).collect();
    init.hand_over();
    init.machine.begin(room);
    init
}
