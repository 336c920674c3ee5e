//! A device from its first owner to the next.

use nexus_abi::{KindCode, Rights};

use super::*;
use crate::Role;
use crate::fake::system::{LOOKER, MASK, OTHER};

#[test]
fn every_device_is_reset_when_it_is_taken() {
    let mut bench = Bench::new();
    for device in [RNG, BLK, NET] {
        bench.is_at_rest(device);
    }
    assert_eq!(bench.kernel.held(Holder::Busd), 3, "the windows, and nothing else");
    assert!(!bench.bus.is_waiting());
}

// attack 87 U: what a device is set up with; every descriptor and ring as the rule says, and no other; broken: busd-layout
#[test]
fn a_device_is_set_up_as_its_rule_says() {
    let mut bench = Bench::new();
    for device in [RNG, BLK, NET] {
        let got = bench.set_up(device);
        assert_eq!(got.prepared.nonce, 5);
        bench.is_sealed(device, &got);
    }
}

// attack 85 U: what an owner gets; two registers, nothing to derive from or to place by, used rings to read; broken: busd-owner-mask, busd-used-writable
#[test]
fn an_owner_gets_what_its_rule_says() {
    let mut bench = Bench::new();
    let got = bench.set_up(BLK);
    let layout = Layout::of(&queues(BLK)).unwrap();
    let passed = Rights::MAP | Rights::READ | Rights::GRANT | Rights::REVOKE;
    let window = bench.kernel.look(got.window).unwrap();
    assert_eq!((window.kind, window.registers), (KindCode::DeviceMmio, Some(MASK)));
    assert_eq!(window.rights, passed | Rights::WRITE | Rights::MANAGE);
    let [pool, used] = got.memory.unwrap().map(|cap| bench.kernel.look(cap).unwrap());
    assert_eq!((pool.len, pool.rights), (layout.pool, passed | Rights::WRITE));
    assert_eq!((used.len, used.rights), (layout.used, passed));
    assert_eq!(bench.kernel.bytes(BLK.into(), Role::Tables), Some(layout.tables));
}

#[test]
fn busd_can_pass_on_what_owners_may_have() {
    assert_eq!(nexus_sysdesc::sealed::OWNERS_REGISTERS, MASK);
    assert_eq!(MASK & !REGISTERS, 0);
}

// attack 48 U: what busd keeps when an owner has a device; nothing that it can use; broken: busd-working-kept, busd-copies-kept
#[test]
fn busd_keeps_no_window_that_it_can_use() {
    let mut bench = Bench::new();
    let got = bench.set_up(NET);
    // Three windows to derive from, and the memory of one device.
    assert_eq!(bench.kernel.held(Holder::Busd), 6);
    for window in &bench.windows {
        assert!(bench.kernel.look(*window).unwrap().rights.contains(Rights::DERIVE));
    }
    assert_eq!(bench.kernel.held(Holder::Init), 3);
    bench.end(got);
    assert_eq!(bench.kernel.held(Holder::Init), 0);
}

#[test]
fn without_queues_a_device_stays_in_reset_and_its_window_is_passed_on() {
    let mut bench = Bench::new();
    let got = bench.prepare(LOOKER, NET).unwrap();
    assert!(got.memory.is_none());
    assert_eq!(got.prepared.digest, Layout::of(&[]).unwrap().digest());
    assert_eq!(got.prepared.features, 0);
    let window = bench.kernel.look(got.window).unwrap();
    assert_eq!(window.registers, Some(0));
    assert!(!window.rights.contains(Rights::WRITE));
    bench.is_at_rest(NET);
    assert_eq!(bench.kernel.bytes(NET.into(), Role::Pool), None);
    bench.end(got);
    assert_eq!(bench.release(NET), Ok(()));
}

#[test]
fn the_next_life_has_the_same_memory() {
    let mut bench = Bench::new();
    let mut before = None;
    for _ in 0..5 {
        let got = bench.set_up(NET);
        bench.is_sealed(NET, &got);
        assert!(before.is_none_or(|before| before == got.prepared));
        before = Some(got.prepared);
        bench.end(got);
        assert_eq!(bench.release(NET), Ok(()));
        bench.is_at_rest(NET);
        assert_eq!(bench.kernel.held(Holder::Busd), 6);
    }
    // Memory does not change its size.
    assert!(matches!(bench.prepare(OTHER, NET), Err(ServiceError::BadState)));
    let got = bench.prepare(LOOKER, NET).unwrap();
    bench.end(got);
    assert_eq!(bench.release(NET), Ok(()));
}

#[test]
fn what_is_placed_is_what_is_told_of_it_whoever_had_the_memory_before() {
    let own = queues(RNG);
    let mut others = own.clone();
    others[0].shapes[0].writes = [32].into();
    let mut system = system();
    let rule = system.rules.iter_mut().find(|rule| (rule.subject, rule.device) == (OTHER, RNG));
    rule.unwrap().queues = others.clone();
    let mut bench = Bench::with(system);
    assert_eq!(bench.take(RNG), Ok(()));
    let owners = [(OWNERS[0], &own), (OTHER, &others)];
    for (service, queues) in owners.into_iter().chain(owners) {
        let layout = Layout::of(queues).unwrap();
        let got = bench.prepare(service, RNG).unwrap();
        assert_eq!(got.prepared.digest, layout.digest());
        let mut laid: Vec<_> = layout.descriptors().collect();
        laid.sort_by_key(|one| one.index);
        assert_eq!(bench.kernel.descriptors(RNG.into()), laid);
        bench.end(got);
        assert_eq!(bench.release(RNG), Ok(()));
    }
}

// attack 88 U: release a device while somebody has its window, its pool, or its used rings; busy, and it can be released later; broken: busd-quiet
#[test]
fn a_device_is_not_released_while_somebody_has_a_part_of_it() {
    for kept in 0..3 {
        let mut bench = Bench::new();
        let got = bench.set_up(BLK);
        let [pool, used] = got.memory.unwrap();
        let mut all = Vec::from([got.window, pool, used]);
        let last = all.remove(kept);
        all.into_iter().for_each(|cap| bench.kernel.end(cap));
        for _ in 0..2 {
            assert_eq!(bench.release(BLK), Err(ServiceError::Busy));
            assert!(!bench.kernel.descriptors(BLK.into()).is_empty());
        }
        assert!(matches!(bench.prepare(OWNERS[1], BLK), Err(ServiceError::BadState)));
        bench.kernel.end(last);
        assert_eq!(bench.release(BLK), Ok(()));
        bench.is_at_rest(BLK);
    }
}

#[test]
fn while_init_has_what_it_gave_a_device_works_and_is_not_quiet() {
    let mut bench = Bench::empty();
    let (kept, window) = bench.kernel.kept_window(RNG.into(), REGISTERS);
    assert_eq!(bench.take_window(RNG, window), Ok(()));
    let got = bench.set_up(RNG);
    bench.is_sealed(RNG, &got);
    bench.end(got);
    assert_eq!(bench.release(RNG), Err(ServiceError::Busy));
    bench.kernel.end(kept);
    assert_eq!(bench.release(RNG), Ok(()));
}

#[test]
fn a_window_with_a_child_of_inits_is_busy() {
    let mut bench = Bench::new();
    let got = bench.set_up(RNG);
    let before = bench.device(RNG).stores.len();
    assert_eq!(bench.release(RNG), Err(ServiceError::Busy));
    assert_eq!(bench.device(RNG).stores.len(), before, "its owner may still work with it");
    bench.end(got);
    assert_eq!(bench.release(RNG), Ok(()));
}
