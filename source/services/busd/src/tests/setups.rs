//! Devices that are not what they must be, or do not do what they are told.

use super::*;
use crate::fake::FakeDevice;
use crate::fake::system::LOOKER;

/// Sets up what `spoil` has made of a device; why it failed.
fn fails(device: u16, spoil: impl FnOnce(&mut FakeDevice)) -> alloc::string::String {
    let mut bench = Bench::new();
    spoil(bench.device(device));
    let refused = bench.prepare(OWNERS[usize::from(device)], device);
    assert!(matches!(refused, Err(ServiceError::DeviceFailed)));
    assert!(!bench.device(device).is_running(), "it was told to reset");
    assert_eq!(bench.kernel.held(Holder::Init), 0);
    let memory = bench.kernel.held(Holder::Busd) - 3;
    assert!(memory == 0 || memory == 3, "{memory}");
    // For good, and for this device alone.
    assert!(matches!(
        bench.prepare(OWNERS[usize::from(device)], device),
        Err(ServiceError::DeviceFailed)
    ));
    let next = (device + 1) % 3;
    let got = bench.set_up(next);
    bench.is_sealed(next, &got);
    let [(number, why)] = bench.kernel.failures.as_slice() else { panic!("one failure") };
    assert_eq!(*number, device);
    why.clone()
}

fn lies(at: usize, what: u32) -> impl FnOnce(&mut FakeDevice) {
    move |device| {
        device.lie = Some(Box::new(move |offset, honest| if offset == at { what } else { honest }));
    }
}

// attack 86 U: another device than the description says, or one of the older layout; failed; broken: busd-device-id, busd-legacy
#[test]
fn a_device_is_what_is_described() {
    for id in [0, 1, 2, 3, 5, 16, 18, u32::MAX] {
        assert!(fails(RNG, |device| device.id = id).contains("not the described one"));
    }
    assert!(fails(RNG, |device| device.version = 1).contains("force-legacy=off"));
    assert!(fails(RNG, |device| device.version = 3).contains("version 3"));
    assert!(fails(RNG, |device| device.magic = 0).contains("no virtio device"));
}

// attack 86 U: a device class whose payload carries addresses, described or not; failed; broken: busd-any-device
#[test]
fn only_devices_of_the_list_are_set_up() {
    for id in (1..64).chain([u32::MAX]) {
        let mut description = system();
        description.devices[0].virtio_id = Some(id);
        let mut bench = Bench::with(description);
        bench.device(RNG).id = id;
        // For a disk.
        bench.device(RNG).offers |= 1 << 9;
        assert_eq!(bench.take(RNG), Ok(()));
        for service in [OWNERS[0], LOOKER] {
            let got = bench.prepare(service, RNG);
            assert_eq!(got.is_ok(), [1, 2, 3, 4, 18].contains(&id), "{id}");
            let Ok(got) = got else { continue };
            bench.end(got);
            assert_eq!(bench.release(RNG), Ok(()));
        }
    }
}

/// The features that are agreed with a device that offers everything but these.
fn agreed(device: u16, without: u64) -> u64 {
    let mut bench = Bench::new();
    bench.device(device).offers = !without;
    bench.set_up(device).prepared.features
}

// attack 86 U: a device offers features whose payload carries addresses, or whose tables it writes; none of them is taken; broken: busd-any-feature
#[test]
fn exactly_the_known_features_are_agreed() {
    let bits = |bits: &[u32]| bits.iter().fold(0, |all, bit| all | 1u64 << bit);
    let common = bits(&[28, 29, 32]);
    let block = bits(&[1, 2, 5, 6, 9, 10, 13, 14]);
    let network = bits(&[3, 5, 16]);
    assert_eq!(agreed(RNG, 0), common);
    assert_eq!(agreed(BLK, 0), common | block);
    assert_eq!(agreed(NET, 0), common | network);
    for bit in [1, 2, 5, 6, 10, 13, 14, 29] {
        assert_eq!(agreed(BLK, 1 << bit), (common | block) & !(1 << bit));
    }
    assert_eq!(agreed(BLK, 1 << 9), (common | block) & !(1 << 9), "it can only be read");
}

// attack 86 U: a device without indirect tables, without the layout of today, or a disk without flush; failed; broken: busd-feature-missing
#[test]
fn a_device_that_lacks_what_it_must_have_fails() {
    for device in [RNG, BLK, NET] {
        for bit in [28, 32] {
            assert!(fails(device, |fake| fake.offers &= !(1 << bit)).contains("no features"));
        }
    }
    assert!(fails(BLK, |fake| fake.offers = !(1 << 9 | 1 << 5)).contains("no features 0x200"));
}

// attack 86 U: a device that does not take the features, or gives up at any step; never told to work; broken: busd-features-ok
#[test]
fn a_device_that_refuses_features_is_not_told_to_work() {
    let mut bench = Bench::new();
    bench.device(BLK).refuses = true;
    assert!(bench.prepare(OWNERS[1], BLK).is_err());
    let worked = |(offset, value): &(usize, u32)| *offset == 0x70 && value & 4 != 0;
    assert!(!bench.device(BLK).stores.iter().any(worked));
    assert!(fails(BLK, |device| device.refuses = true).contains("status 0x3"));
    for status in [1, 3, 11, 15] {
        let broken = move |device: &mut FakeDevice| {
            device.lie = Some(Box::new(move |offset, honest| match offset {
                0x70 if honest == status => honest | 0x40,
                _ => honest,
            }));
        };
        assert!(fails(NET, broken).contains("features refused, or broken"), "{status}");
    }
}

// attack 87 U: a queue that is not there or too small, in use before, not in use after, or in use though nobody described it; failed; broken: busd-queue-max, busd-queue-ready
#[test]
fn a_queue_is_as_it_is_described() {
    assert!(fails(NET, |device| device.queues[1].most = 0).contains("queue 1"));
    assert!(fails(NET, |device| device.queues[0].most = 3).contains("queue 0"));
    assert!(fails(NET, |device| device.queues.truncate(1)).contains("queue 1"));
    let exact = |device: &mut FakeDevice| device.queues[1].most = 2;
    let mut bench = Bench::new();
    exact(bench.device(NET));
    let got = bench.set_up(NET);
    bench.is_sealed(NET, &got);
    for what in [0, 1, 2] {
        assert!(fails(NET, lies(0x44, what)).contains("is not as it was set"));
    }
    // The third is not described, and says that it is in use.
    let third = |device: &mut FakeDevice| {
        let mut read = 0;
        device.lie = Some(Box::new(move |offset, honest| {
            read += u32::from(offset == 0x44);
            if offset == 0x44 && read == 5 { 1 } else { honest }
        }));
    };
    assert!(fails(NET, third).contains("queue 2"));
}
