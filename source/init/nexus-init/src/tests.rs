//! Init as a whole, over a small kernel.

mod answers;
mod asked;
mod bus;
mod ends;
mod failures;
mod give;
mod lines;
mod lives;
mod rings;
mod serials;
mod starts;

use nexus_abi::{EndReason, Handle, Message, Rights, Sender};
use nexus_proto::init::{Request, ServiceState};
use nexus_proto::{Operation, ReplyError, Request as _, ServiceError};
use nexus_sysdesc::sealed::OWNERS_REGISTERS;
use nexus_sysdesc::{
    Danger, Description, Device, Need, Permission, Profile, Rule, Service, testing,
};

use crate::board::{Range, Tree};
use crate::init::{Init, Root};
use crate::registry::Registry;
use crate::testing::{BUSD, Fake, POLICYD, RNGD, ROOT, ROOT_BASE, ROOT_LEN, queues};

const VIRT: &[u8] = include_bytes!("../tests/data/qemu-virt.dtb");
const RNGD_ID: Sender = Sender { service_id: 7, incarnation: 1 };
const NSH: Sender = Sender { service_id: 10, incarnation: 1 };
const UART: u16 = 0;
const RNG: u16 = 1;
const CLINT: u16 = 2;
const GONE: u16 = 3;

fn device(id: u16, name: &str, compatible: &str, virtio_id: Option<u32>) -> Device {
    Device {
        id,
        name: name.into(),
        compatible: compatible.into(),
        virtio_id,
        instance: 0,
        base: None,
        says: None,
        store: None,
        window_len: if id == CLINT { 0x1_0000 } else { 0x1000 },
        irq: false,
        dma: virtio_id.is_some(),
        danger: if virtio_id.is_some() { Danger::High } else { Danger::Low },
    }
}

fn service(id: u32, name: &str, needs: &[u16], permissions: &[Permission]) -> Service {
    let need = |device: &u16| need(*device);
    let needs = needs.iter().map(need).collect();
    Service { needs, ..testing::service(id, name, permissions) }
}

/// What is asked for: all of a device; of one that reaches memory by itself, two registers and a queue.
fn need(device: u16) -> Need {
    let rights = Rights::MAP | Rights::READ | Rights::WRITE;
    let (registers, queues) =
        if device == RNG { (Some(OWNERS_REGISTERS), queues()) } else { (None, Vec::new()) };
    Need { device, rights: rights.bits(), irq: false, polls: false, registers, queues }
}

/// The rule that allows rngd just that.
fn rule() -> Rule {
    let Need { device, rights, registers, queues, .. } = need(RNG);
    Rule {
        number: 1,
        id: "allow-rngd-rng0".into(),
        subject: 7,
        device,
        rights,
        irq: false,
        registers,
        interval: 0,
        queues,
        reason: "a test".into(),
    }
}

/// What the shell may ask in most tests here.
const SHELL: [Permission; 4] =
    [Permission::View, Permission::Log, Permission::Ask, Permission::Report];

fn description(shell: &[Permission]) -> Description {
    let description = Description {
        name: "test".into(),
        profile: Profile::Test,
        epoch: 1,
        network: None,
        unlimited_restarts: false,
        init: 1,
        devices: vec![
            device(UART, "uart0", "ns16550a", None),
            device(RNG, "rng0", "virtio,mmio", Some(4)),
            device(CLINT, "clint0", "riscv,clint0", None),
            device(GONE, "gone0", "no,such-device", None),
        ],
        services: vec![
            service(1, "init", &[], &[Permission::Distribute, Permission::Record]),
            service(2, "policyd", &[], &[Permission::Record]),
            service(7, "rngd", &[RNG], &[]),
            service(8, "greedy", &[UART, CLINT, GONE], &[]),
            service(10, "nsh", &[], shell),
            service(11, "busd", &[], &[]),
        ],
        rules: vec![rule()],
    };
    description.validate().unwrap();
    description
}

/// Init with everybody started, before anything is given.
fn started() -> Init<Fake> {
    started_with(&SHELL)
}

/// The same, with a shell that has these permissions.
fn started_with(shell: &[Permission]) -> Init<Fake> {
    started_as(description(shell))
}

fn started_as(description: Description) -> Init<Fake> {
    let mut init = located(description);
    init.hand_over();
    init.machine.calls.clear();
    init.machine.ledger.clear();
    init.machine.dropped.clear();
    init
}

/// The same, before busd has anything.
fn located(description: Description) -> Init<Fake> {
    located_on(description, Fake::default())
}

fn located_on(description: Description, machine: Fake) -> Init<Fake> {
    let root = Root { handle: ROOT, range: Range::new(ROOT_BASE, ROOT_LEN).unwrap() };
    let mut init = Init::new(Registry::new(description), vec![root], 10_000_000, machine);
    for (id, process) in [(1, 0), (2, 20), (7, RNGD.0), (8, 80), (10, 90), (11, BUSD.0)] {
        let record = init.registry.service_mut(id).unwrap();
        record.process = Some(Handle(process));
        record.incarnation = 1;
        record.state = ServiceState::Started;
        record.endpoint = Handle(1000 + u64::from(id));
        record.memory = vec![Handle(2000 + u64::from(id))];
        let sender = Sender { service_id: id, incarnation: 1 };
        init.machine.ends.push((Handle(process), sender, None));
    }
    assert_eq!(init.registry.sender(2), POLICYD);
    init.locate(&Tree::parse(VIRT).unwrap());
    init
}

/// The same, with rng0 at rngd.
fn distributed() -> Init<Fake> {
    distributed_with(&SHELL)
}

fn distributed_with(shell: &[Permission]) -> Init<Fake> {
    let mut init = started_with(shell);
    assert!(init.give(7, RNGD, &need(RNG)).is_ok());
    init.drop_roots();
    init
}

fn end(init: &mut Init<Fake>, process: Handle, reason: EndReason) {
    let known = init.machine.ends.iter_mut().find(|(handle, ..)| *handle == process);
    known.unwrap().2 = Some(reason);
    init.machine.end_target();
}

fn ask<T: Operation>(
    init: &mut Init<Fake>,
    sender: Sender,
    ask: T,
) -> Result<T::Reply, ServiceError> {
    let message: Message = ask.encode();
    let request = Request::decode(&message).unwrap();
    T::decode_reply(&init.handle(sender, &request)).map_err(|error| match error {
        ReplyError::Service(error) => error,
        ReplyError::Malformed(why) => panic!("malformed answer: {why:?}"),
    })
}
