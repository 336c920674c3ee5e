//! A small system: three devices that reach memory, one that does not, and who may have them.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use nexus_abi::{Message, Rights, Sender};
use nexus_proto::bus::{Prepare, Release, Take};
use nexus_proto::{Operation, Zero, encode_with_caps};
use nexus_sysdesc::{
    Danger, Description, Device, Profile, Queue, Rule, Says, Serial, Shape, testing,
};

use super::{FakeDevice, FakeKernel};

/// init, as the kernel stamps it.
pub const INIT: Sender = Sender { service_id: 1, incarnation: 1 };
/// An owner of each device, by its number.
pub const OWNERS: [u32; 3] = [7, 8, 9];
/// A service that may have all of them, without queues.
pub const LOOKER: u32 = 20;
/// A service that may have all of them, with another queue than their owners.
pub const OTHER: u32 = 21;
/// A service whose rules are too much: all of them let it write the status.
pub const GREEDY: u32 = 22;
/// A device that does not reach memory.
pub const UART: u16 = 3;

/// Registers that an owner may write.
pub const MASK: u64 = 1 << (0x50 / 4) | 1 << (0x64 / 4);

fn shape(heads: u16, reads: &[u32], writes: &[u32]) -> Shape {
    Shape { heads, reads: reads.to_vec(), writes: writes.to_vec() }
}

/// The queues of a device: entropy, disk, network.
#[must_use]
pub fn queues(device: u16) -> Vec<Queue> {
    let queue = |shapes: &[Shape]| Queue { shapes: shapes.to_vec() };
    match device {
        0 => vec![queue(&[shape(4, &[], &[64])])],
        1 => vec![queue(&[
            shape(3, &[16], &[4096, 1]),
            shape(2, &[16, 4096], &[1]),
            shape(1, &[16], &[20, 1]),
        ])],
        _ => vec![queue(&[shape(4, &[], &[1526])]), queue(&[shape(2, &[76], &[])])],
    }
}

fn device(id: u16, name: &str, virtio_id: Option<u32>) -> Device {
    let dma = virtio_id.is_some();
    Device {
        id,
        name: name.into(),
        compatible: name.into(),
        virtio_id,
        says: None,
        store: None,
        instance: 0,
        base: None,
        window_len: 4096,
        irq: false,
        dma,
        danger: if dma { Danger::High } else { Danger::Low },
    }
}

fn rule(subject: u32, device: u16, registers: u64, queues: Vec<Queue>) -> Rule {
    let rights = Rights::MAP | Rights::READ;
    let rights = if registers == 0 { rights } else { rights | Rights::WRITE };
    Rule {
        number: 0,
        id: format!("allow-{subject}-{device}"),
        subject,
        device,
        rights: rights.bits(),
        irq: false,
        registers: Some(registers),
        interval: 0,
        queues,
        reason: String::from("a test"),
    }
}

/// The description.
#[must_use]
pub fn system() -> Description {
    let mut rules = Vec::new();
    for (owner, device) in OWNERS.into_iter().zip(0..) {
        rules.push(rule(owner, device, MASK, queues(device)));
        rules.push(rule(LOOKER, device, 0, Vec::new()));
        rules.push(rule(OTHER, device, MASK, queues(2 - device)));
        rules.push(rule(GREEDY, device, MASK | 1 << (0x70 / 4), queues(device)));
    }
    rules.sort_by_key(|rule| (rule.subject, rule.device));
    for (number, rule) in (1..).zip(&mut rules) {
        rule.number = number;
    }
    let services = [1, 7, 8, 9, LOOKER, OTHER, GREEDY];
    let service = |id: u32| testing::service(id, &format!("service-{id}"), &[]);
    let devices = [("rng", Some(4)), ("blk", Some(2)), ("net", Some(1)), ("uart", None)];
    Description {
        name: "test".into(),
        profile: Profile::Test,
        epoch: 1,
        network: None,
        unlimited_restarts: false,
        init: INIT.service_id,
        devices: (0..).zip(devices).map(|(id, (name, virtio))| device(id, name, virtio)).collect(),
        services: services.into_iter().map(service).collect(),
        rules,
    }
}

/// The same, where the disk is known by its serial number.
///
/// # Panics
/// That is none.
#[must_use]
pub fn system_by_serial(serial: &str) -> Description {
    let mut system = system();
    system.devices[1].says = Some(Says::Serial(Serial::new(serial).expect("a serial number")));
    system
}

/// A kernel with those devices, in the same order.
#[must_use]
pub fn machine<R>() -> FakeKernel<R> {
    FakeKernel::new(vec![
        FakeDevice::new(4, 1 << 29, &[8]),
        FakeDevice::new(2, 1 << 29 | 1 << 9 | 1 << 6, &[1024]),
        FakeDevice::new(1, 1 << 29 | 1 << 5 | 1 << 16, &[256, 256, 64]),
    ])
}

/// Gives a device with this window.
#[must_use]
pub fn take(device: u16, window: nexus_abi::Handle) -> Message {
    encode_with_caps(Take::LABEL, &Take { device, zero: Zero::ZERO }, [window])
}

/// Asks for a device to be set up.
#[must_use]
pub const fn prepare(service: u32, device: u16) -> Prepare {
    Prepare { service, device, zero: Zero::ZERO, nonce: 5 }
}

/// Asks for a device to be taken back.
#[must_use]
pub const fn release(device: u16) -> Release {
    Release { device, zero: Zero::ZERO }
}
