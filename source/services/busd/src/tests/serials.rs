//! Disks that are known by their serial numbers.

use nexus_proto::log::NO_DEVICE;

use super::*;
use crate::fake::system::{LOOKER, system_by_serial};
use crate::fake::{FakeDevice, Tells};
use crate::{ASKS, POLLS, Role};

/// A second disk.
const OTHER_DISK: u16 = 3;

/// busd knows the disk by "nexus-1", and has nothing yet; there are two, which tell these.
fn bench(one: Tells, other: Tells) -> Bench {
    let mut bench = Bench::with(system_by_serial("nexus-1"));
    bench.kernel.devices.push(FakeDevice::new(2, 1 << 9, &[1024]));
    bench.device(BLK).tells = one;
    bench.device(OTHER_DISK).tells = other;
    bench
}

/// Gives busd a disk without saying which it is, and waits.
fn given(bench: &mut Bench, device: u16) -> Result<[u8; 20], ServiceError> {
    let window = bench.kernel.window(device.into(), INIT_WINDOW, Some(REGISTERS));
    let asked = bench.send(INIT, &take(NO_DEVICE, window));
    for _ in 0..=2 * POLLS + ASKS {
        bench.bus.tick(&mut bench.kernel);
    }
    taken(&bench.answer(asked).expect("in the end"))
}

fn serial(text: &str) -> Result<[u8; 20], ServiceError> {
    Ok(Tells::honest(text).serial)
}

// attack 80 U: two disks, in either order; the one with the described serial number is set up, and the other stays in reset; broken: busd-serial-any
#[test]
fn the_disk_with_the_described_serial_number_is_the_one() {
    for (right, wrong) in [(BLK, OTHER_DISK), (OTHER_DISK, BLK)] {
        let mut bench = bench(Tells::honest("foreign"), Tells::honest("foreign"));
        bench.device(right).tells = Tells::honest("nexus-1");
        for device in [BLK, OTHER_DISK] {
            let expected = if device == right { "nexus-1" } else { "foreign" };
            assert_eq!(given(&mut bench, device), serial(expected));
            assert_eq!(bench.device(device).status, 0, "reset again");
        }
        let got = bench.set_up(BLK);
        assert!(bench.device(right).is_running());
        assert!(!bench.device(wrong).is_running());
        let layout = Layout::of(&queues(BLK)).unwrap();
        assert_eq!(bench.kernel.descriptors(right.into()).len(), layout.descriptors().count());
        let base = bench.kernel.look(got.window).unwrap().base;
        assert_eq!(base, crate::fake::BASE + u64::from(right) * 0x1000);
        bench.end(got);
        assert_eq!(bench.release(BLK), Ok(()));
        let got = bench.set_up(BLK);
        assert_eq!(bench.kernel.look(got.window).unwrap().base, base, "and in its next life");
        assert_eq!(bench.kernel.forbidden, []);
    }
}

// attack 80 U: two disks with the described serial number; neither is set up; broken: busd-serial-twice
#[test]
fn of_two_disks_with_one_serial_number_none_is_set_up() {
    let mut bench = bench(Tells::honest("nexus-1"), Tells::honest("nexus-1"));
    for device in [BLK, OTHER_DISK] {
        assert_eq!(given(&mut bench, device), serial("nexus-1"));
    }
    for service in [OWNERS[1], LOOKER] {
        assert!(matches!(bench.prepare(service, BLK), Err(ServiceError::NoSuchDevice)));
    }
    assert_eq!(bench.release(BLK), Err(ServiceError::NoSuchDevice));
    assert!([BLK, OTHER_DISK].map(|disk| bench.device(disk).status) == [0, 0]);
}

// attack 80 U: the number alone, of a disk that was not asked for its serial number; it is not the described one; broken: busd-serial-by-number
#[test]
fn a_disk_that_was_not_asked_is_not_set_up() {
    let mut bench = bench(Tells::honest("nexus-1"), Tells::honest("nexus-1"));
    assert_eq!(bench.take(BLK), Ok(()));
    assert!(matches!(bench.prepare(OWNERS[1], BLK), Err(ServiceError::NoSuchDevice)));
    assert!(!bench.device(BLK).is_running());
}

// attack 80 F: a disk answers nothing, late, or what is no answer; it has failed after a bounded time, and another is found; broken: busd-serial-unbounded, ask-completed, ask-status
#[test]
fn a_disk_that_does_not_tell_is_of_no_use_and_stops_nobody() {
    let honest = || Tells::honest("nexus-1");
    let with = |bytes: &[u8]| {
        let mut serial = [0; 20];
        serial[..bytes.len()].copy_from_slice(bytes);
        Tells { serial, ..honest() }
    };
    let odd = [
        Tells { after: u32::MAX, ..honest() },
        Tells { after: ASKS + 1, ..honest() },
        Tells { status: 1, ..honest() },
        Tells { status: 2, ..honest() },
        Tells { status: 0xff, ..honest() },
        Tells { more: [1, 0, 0], ..honest() },
        Tells { more: [u32::MAX, 0, 0], ..honest() },
        Tells { more: [0, 1, 0], ..honest() },
        Tells { more: [0, u32::MAX, 0], ..honest() },
        Tells { more: [0, 0, 1], ..honest() },
        with(b""),
        with(b"nexus-1\0\0x"),
        with(b"nexus\x1b-1"),
        with(b"\xffexus-1"),
    ];
    for tells in odd {
        let mut bench = bench(tells.clone(), honest());
        assert_eq!(given(&mut bench, BLK), Err(ServiceError::DeviceFailed), "{tells:?}");
        assert_eq!(bench.kernel.failures.len(), 1);
        assert!(bench.kernel.failures[0].1.contains("serial number"), "{tells:?}");
        assert_eq!(bench.device(BLK).status, 0);
        assert_eq!(given(&mut bench, OTHER_DISK), serial("nexus-1"));
        let got = bench.set_up(BLK);
        assert_eq!(bench.kernel.look(got.window).unwrap().base, crate::fake::BASE + 0x3000);
    }
}

#[test]
fn an_answer_that_comes_late_is_waited_for_and_others_are_served_meanwhile() {
    let mut bench = bench(Tells { after: ASKS, ..Tells::honest("nexus-1") }, Tells::honest("x"));
    let window = bench.kernel.window(BLK.into(), INIT_WINDOW, Some(REGISTERS));
    let asked = bench.send(INIT, &take(NO_DEVICE, window));
    assert_eq!(bench.take(NET), Ok(()));
    let got = bench.set_up(NET);
    assert_eq!(bench.answer(asked), None);
    assert!(bench.bus.is_waiting());
    for _ in 0..2 * POLLS + ASKS {
        bench.bus.tick(&mut bench.kernel);
    }
    assert_eq!(taken(&bench.answer(asked).unwrap()), serial("nexus-1"));
    bench.is_sealed(NET, &got);
}

// attack 80 U: what a disk was asked stays in its memory; cleared before its owner has it; broken: busd-asked-not-cleared
#[test]
fn what_was_asked_is_cleared_before_an_owner_has_the_memory() {
    let mut bench = bench(Tells::honest("nexus-1"), Tells::honest("foreign"));
    assert_eq!(given(&mut bench, BLK), serial("nexus-1"));
    assert!(!bench.kernel.is_clear(BLK.into()), "else this shows nothing");
    let got = bench.set_up(BLK);
    bench.is_sealed(BLK, &got);
    assert!(bench.kernel.is_clear(BLK.into()));
    let layout = Layout::of(&queues(BLK)).unwrap();
    assert_eq!(bench.kernel.bytes(BLK.into(), Role::Pool), Some(layout.pool));
}

#[test]
fn what_is_no_disk_is_not_asked() {
    let mut bench = bench(Tells::honest("nexus-1"), Tells::honest("nexus-1"));
    for device in [RNG, NET] {
        let window = bench.kernel.window(device.into(), INIT_WINDOW, Some(REGISTERS));
        assert_eq!(bench.take_window(NO_DEVICE, window), Ok(()), "at once");
        assert_eq!(bench.kernel.bytes(device.into(), Role::Pool), None);
    }
    bench.device(BLK).version = 1;
    let window = bench.kernel.window(BLK.into(), INIT_WINDOW, Some(REGISTERS));
    assert_eq!(bench.take_window(NO_DEVICE, window), Ok(()), "nor one of an older layout");
    let mut bench = Bench::empty();
    let window = bench.kernel.window(BLK.into(), INIT_WINDOW, Some(REGISTERS));
    assert_eq!(bench.take_window(NO_DEVICE, window), Ok(()), "nor where none is known by it");
    assert_eq!(bench.kernel.bytes(BLK.into(), Role::Pool), None);
}

// attack 88 F: a call of busd is refused at any step of asking; the disk has failed or is asked, it is at rest, and nobody has it
#[test]
fn a_refused_call_while_a_disk_is_asked_leaves_nothing() {
    let calls = |at: usize| {
        let mut bench = bench(Tells::honest("nexus-1"), Tells::honest("foreign"));
        bench.kernel.ends_at = Some((at, false));
        let told = given(&mut bench, BLK);
        (bench, told)
    };
    let (all, told) = calls(usize::MAX);
    assert_eq!(told, serial("nexus-1"));
    assert!(all.kernel.calls > 60, "{}", all.kernel.calls);
    for at in 0..all.kernel.calls {
        let (mut bench, told) = calls(at);
        assert!(!bench.bus.is_waiting());
        assert_eq!(bench.kernel.held(Holder::Init), 0, "{at}");
        if told == Err(ServiceError::OutOfRange) {
            assert!(at == 0 && bench.device(BLK).stores.is_empty(), "{at}: it was not taken");
            continue;
        }
        assert_eq!(bench.device(BLK).status, 0, "{at}");
        let failed = bench.kernel.failures.len();
        assert_eq!(told.is_err(), failed == 1, "{at}: {told:?}");
    }
}
