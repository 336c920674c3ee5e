//! Devices that take their time, or do not reset.

use super::*;
use crate::POLLS;

fn ticks(bench: &mut Bench, most: u32) -> u32 {
    let mut ticks = 0;
    while bench.bus.is_waiting() && ticks < most {
        bench.bus.tick(&mut bench.kernel);
        ticks += 1;
    }
    ticks
}

#[test]
fn a_slow_reset_is_waited_for_and_others_are_served_meanwhile() {
    let mut bench = Bench::new();
    bench.device(BLK).resets_after = POLLS - 1;
    bench.device(BLK).status = 0xf;
    let slow = bench.send(INIT, &prepare(OWNERS[1], BLK).encode());
    assert_eq!(bench.answer(slow), None);
    for device in [RNG, NET] {
        let got = bench.set_up(device);
        bench.is_sealed(device, &got);
    }
    assert!(matches!(bench.prepare(OWNERS[1], BLK), Err(ServiceError::Busy)));
    assert_eq!(bench.release(BLK), Err(ServiceError::Busy));
    let ticks = ticks(&mut bench, u32::MAX);
    assert!(ticks <= POLLS, "{ticks}");
    let got = got(&bench.answer(slow).unwrap()).unwrap();
    bench.is_sealed(BLK, &got);
}

// attack 88 F: a device that does not reset; failed, for good, after a bounded number of looks; broken: busd-reset-unbounded, busd-verdict
#[test]
fn a_device_that_does_not_reset_has_failed() {
    let mut bench = Bench::new();
    let got = bench.set_up(BLK);
    bench.end(got);
    bench.device(BLK).resets_after = u32::MAX;
    let loads = bench.device(BLK).loads;
    let asked = bench.send(INIT, &release(BLK).encode());
    let ticks = ticks(&mut bench, 2 * POLLS);
    assert_eq!(ticks, POLLS);
    let answer = bench.answer(asked).unwrap();
    assert_eq!(answer, encode_error(ServiceError::DeviceFailed));
    assert!(bench.device(BLK).loads <= loads + 3 * POLLS as usize);
    assert_eq!(bench.kernel.failures.len(), 1);
    assert!(bench.kernel.failures[0].1.contains("does not reset"));
    // Its memory is not cleared, and nobody gets it.
    assert!(!bench.kernel.descriptors(BLK.into()).is_empty());
    bench.device(BLK).resets_after = 0;
    for _ in 0..2 {
        assert!(matches!(bench.prepare(OWNERS[1], BLK), Err(ServiceError::DeviceFailed)));
        assert_eq!(bench.release(BLK), Err(ServiceError::DeviceFailed));
    }
}

// attack 88 F: a device that says once that it has reset, and then that it has not; failed; broken: busd-verdict
#[test]
fn the_verdict_is_the_status_read_once_more() {
    let mut bench = Bench::new();
    let got = bench.set_up(BLK);
    bench.end(got);
    let mut read = 0;
    bench.device(BLK).lie = Some(Box::new(move |offset, honest| {
        read += usize::from(offset == 0x70);
        if offset == 0x70 && read == 2 { 0xf } else { honest }
    }));
    assert_eq!(bench.release(BLK), Err(ServiceError::DeviceFailed));
    assert!(!bench.kernel.descriptors(BLK.into()).is_empty());
}

#[test]
fn a_device_that_does_not_reset_at_first_is_taken_and_given_to_nobody() {
    let mut bench = Bench::empty();
    bench.device(RNG).resets_after = u32::MAX;
    let window = bench.kernel.window(0, INIT_WINDOW, Some(REGISTERS));
    let asked = bench.send(INIT, &take(RNG, window));
    assert_eq!(bench.take(NET), Ok(()));
    ticks(&mut bench, 2 * POLLS);
    assert_eq!(bench.answer(asked), Some(encode_error(ServiceError::DeviceFailed)));
    assert!(matches!(bench.prepare(OWNERS[0], RNG), Err(ServiceError::DeviceFailed)));
    assert_eq!(bench.take(RNG), Err(ServiceError::BadState));
    let got = bench.set_up(NET);
    bench.is_sealed(NET, &got);
}
