//! busd is refused a call, or ends, at each of its calls.

use super::*;

/// Takes a device, has it prepared, its owner ends, and it is released: what the kernel does about it
/// ends at call `at`.
fn life(at: usize, dead: bool) -> Bench {
    let mut bench = Bench::empty();
    bench.kernel.ends_at = Some((at, dead));
    let window = bench.kernel.window(BLK.into(), INIT_WINDOW, Some(REGISTERS));
    bench.send(INIT, &take(BLK, window));
    let asked = bench.send(INIT, &prepare(OWNERS[1], BLK).encode());
    if let Some(Ok(got)) = bench.answer(asked).map(|answer| got(&answer)) {
        bench.is_sealed(BLK, &got);
        bench.end(got);
    }
    bench.send(INIT, &release(BLK).encode());
    bench
}

fn calls() -> usize {
    life(usize::MAX, false).kernel.calls
}

// attack 88 F: a call of busd is refused at any step; nobody gets a device that is half set up, and nothing is left over; broken: busd-failure-resets
#[test]
fn a_refused_call_fails_the_device_and_leaves_nothing() {
    let all = calls();
    assert!(all > 60, "{all}");
    for at in 0..all {
        let mut bench = life(at, false);
        assert_eq!(bench.kernel.held(Holder::Init), 0, "{at}");
        if bench.kernel.held(Holder::Busd) == 0 {
            assert!(at == 0 && bench.device(BLK).stores.is_empty(), "{at}: it was not taken");
            continue;
        }
        assert!(bench.kernel.held(Holder::Busd) <= 4, "{at}: its window, and memory");
        assert!(!bench.bus.is_waiting());
        // It is at rest, or failed and was told to reset.
        assert!(!bench.device(BLK).is_running(), "{at}");
        let failed = bench.kernel.failures.len();
        let refused = bench.kernel.answers.iter().any(|one| one.message.tag.label() != 0);
        assert!(failed <= 1 && (failed == 0 || refused), "{at}");
        if failed == 0 && bench.kernel.held(Holder::Busd) == 4 {
            bench.is_at_rest(BLK);
            let got = bench.set_up(BLK);
            bench.is_sealed(BLK, &got);
        }
    }
}

// attack 88 F: busd ends at any of its calls; what init has of the device is whole or nothing, and no other life of busd sets it up; broken: busd-drops-early
#[test]
fn busd_may_end_at_any_call() {
    for at in 0..calls() {
        let mut bench = life(at, true);
        bench.kernel.end_all(Holder::Busd);
        let prepared = bench.kernel.answers.iter().filter(|one| one.message.tag.caps() > 0);
        assert!(prepared.count() <= 1, "{at}");
        // Whoever was told of it has all of it; nobody else has anything.
        assert_eq!(bench.kernel.held(Holder::Init), 0, "{at}");
        let made = bench.kernel.bytes(BLK.into(), crate::Role::Tables).is_some();
        bench.kernel.ends_at = None;
        bench.bus = Bus::new(system());
        let again = bench.take(BLK).and_then(|()| bench.prepare(OWNERS[1], BLK).map(|_| ()));
        let whole = if made { Err(ServiceError::DeviceFailed) } else { Ok(()) };
        assert_eq!(again, whole, "{at}: memory of a device is made once");
        assert_eq!(bench.device(BLK).is_running(), !made, "{at}");
    }
}
