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

/// The answer of a busd whose device takes its time, if busd lives to give one.
fn waited(bench: &mut Bench, message: &Message) -> Option<Message> {
    let asked = bench.send(INIT, message);
    for _ in 0..2 {
        bench.bus.tick(&mut bench.kernel);
    }
    bench.answer(asked)
}

/// A device that has had an owner is prepared for the next life of it, which ends. What the kernel does
/// about that ends at call `at` of it. The number of the call at which it began.
fn next_life(at: usize, dead: bool) -> (Bench, usize) {
    let mut bench = Bench::new();
    let first = bench.set_up(BLK);
    bench.end(first);
    let begin = bench.kernel.calls;
    bench.kernel.ends_at = Some((begin.saturating_add(at), dead));
    // A device takes its time.
    bench.device(BLK).resets_after = 1;
    for message in [release(BLK).encode(), prepare(OWNERS[1], BLK).encode(), release(BLK).encode()]
    {
        let answer = waited(&mut bench, &message);
        if let Some(Ok(got)) = answer.filter(|answer| answer.tag.caps() > 0).map(|one| got(&one)) {
            bench.is_sealed(BLK, &got);
            assert!(bench.kernel.is_clear(BLK.into()), "{at}: what the life before wrote is gone");
            bench.end(got);
        }
    }
    (bench, begin)
}

// attack 88 F: a call of busd is refused, or busd ends, at any step of a restart; its device has its next life, or nobody has it any more, and other devices are set up as ever
#[test]
fn a_next_life_is_whole_or_is_none() {
    let (bench, begin) = next_life(usize::MAX, false);
    let all = bench.kernel.calls - begin;
    assert!(all > 60, "{all}");
    let mut lost = 0;
    for (at, dead) in (0..all).flat_map(|at| [(at, false), (at, true)]) {
        let (mut bench, _) = next_life(at, dead);
        assert_eq!(bench.kernel.held(Holder::Init), 0, "{at}");
        if dead {
            bench.kernel.end_all(Holder::Busd);
            bench.kernel.ends_at = None;
            bench.bus = Bus::new(system());
            bench.device(BLK).resets_after = 0;
            let again = bench.take(BLK).and_then(|()| bench.prepare(OWNERS[1], BLK).map(|_| ()));
            assert_eq!(again, Err(ServiceError::DeviceFailed), "{at}: it has had memory");
            continue;
        }
        assert!(!bench.bus.is_waiting(), "{at}");
        // The windows of three devices, and the memory of one.
        assert_eq!(bench.kernel.held(Holder::Busd), 6, "{at}");
        let status = bench.device(BLK).stores.iter().rfind(|(offset, _)| *offset == 0x70);
        assert_eq!(status, Some(&(0x70, 0)), "{at}: it was told to reset");
        let failed = bench.kernel.failures.len();
        lost += failed;
        if failed == 0 {
            bench.is_at_rest(BLK);
        }
        let again = waited(&mut bench, &prepare(OWNERS[1], BLK).encode()).map(|one| got(&one));
        assert_eq!(again.is_none_or(|again| again.is_err()), failed > 0, "{at}");
        let other = bench.set_up(NET);
        bench.is_sealed(NET, &other);
    }
    assert!(lost > 20, "{lost} of {all}");
}
