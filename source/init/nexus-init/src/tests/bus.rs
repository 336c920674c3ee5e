//! Devices that reach memory by themselves: who gets them before anybody else, and how they come back.

use nexus_abi::{EndReason, Error, Handle, KindCode};
use nexus_proto::bus;
use nexus_proto::init::{Dma, DmaEntry, DmaState, OwnerState, Refusal};
use nexus_proto::log::Event;
use nexus_proto::{Subject, Zero};

use super::*;
use crate::grant::{Bus, Piece, Pieces};
use crate::testing::{BUSD_ID, Cap};

/// What is wrong with busd.
type Change = fn(&mut Fake);

/// The window of rng0.
const SLOT: u64 = 0x1000_6000;

/// Init before anything is handed over, with busd as `change` makes it.
fn found(change: Change) -> Init<Fake> {
    let mut init = located(description(&SHELL));
    change(&mut init.machine);
    init
}

fn handed_over(change: Change) -> Init<Fake> {
    let mut init = found(change);
    init.hand_over();
    init
}

/// Windows in the hands of busd.
fn at_busd(init: &Init<Fake>) -> Vec<&Cap> {
    init.machine.caps.iter().filter(|cap| cap.holder == Some(BUSD)).collect()
}

// attack 85 U: what init passes to busd; it has every device with a mask without address registers, and init keeps nothing of it; broken: bus-take-mask, bus-take-kept, init-root-stays
#[test]
fn before_the_first_owner_busd_has_every_device_that_reaches_memory() {
    let init = handed_over(|_| {});
    assert_eq!(init.machine.calls[..4], ["derive", "limit", "take", "drop"]);
    let [window] = at_busd(&init)[..] else { panic!("one device") };
    assert_eq!((window.base, window.len, window.limit), (SLOT, 0x1000, Some(bus::REGISTERS)));
    assert!(window.rights.contains(Rights::PLACE | Rights::DERIVE | Rights::GRANT));
    assert_eq!(window.parent, None, "nobody has what it was derived from");
    let own = init.machine.caps.iter().filter(|cap| cap.holder.is_none());
    assert!(own.filter(|cap| cap.kind == KindCode::DeviceMmio).all(|cap| cap.base != SLOT));
    assert_eq!(init.machine.busd.has.len(), 1);
}

// attack 43 U: root windows after busd has its devices; dropped and recorded before the first owner starts, and what is left is for owners of other devices and cannot place addresses; broken: init-root-stays, init-part-places
#[test]
fn before_the_first_owner_root_windows_are_gone() {
    let init = handed_over(|_| {});
    assert!(init.machine.cap(ROOT).is_none());
    let [part] = init.roots[..] else { panic!("uart0: {:?}", init.roots) };
    assert_eq!((part.range.base, part.range.len), (0x1000_0000, 0x1000));
    let kept = init.machine.cap(part.handle).unwrap();
    assert!(!kept.rights.contains(Rights::PLACE));
    let drop = init.machine.ledger.last().unwrap();
    assert_eq!((drop.event, drop.base, drop.len), (Event::Drop, ROOT_BASE, ROOT_LEN));
    assert!(!init.registry.distributed);
}

#[test]
fn a_device_that_is_not_described_goes_to_busd_too() {
    let mut description = description(&SHELL);
    (description.devices[usize::from(RNG)].virtio_id, description.rules) = (Some(2), vec![]);
    let mut init = located(description);
    init.hand_over();
    assert_eq!(
        init.machine.busd.has.iter().map(|(device, _)| *device).collect::<Vec<_>>(),
        [nexus_proto::log::NO_DEVICE]
    );
}

// attack 88 U: busd is dead, slow, or refuses when it is given a device; nobody has it, no policyd is asked, and other devices are given; broken: bus-not-taken
#[test]
fn what_busd_did_not_take_nobody_gets() {
    let cases: [(Change, Refusal); 4] = [
        (|fake| fake.busd.fails = Some(Error::PeerGone), Refusal::BusGone),
        (|fake| fake.busd.fails = Some(Error::TimedOut), Refusal::BusLate),
        (|fake| fake.busd.refuses = Some(ServiceError::DeviceFailed), Refusal::BusRefused),
        (|fake| fake.busd.answers_as = POLICYD, Refusal::BusGarbled),
    ];
    for (change, refusal) in cases {
        let mut init = handed_over(change);
        assert!(at_busd(&init).is_empty(), "not even busd: {refusal:?}");
        change(&mut init.machine);
        init.machine.busd = crate::testing::Busd::default();
        assert!(init.give(7, RNGD, &need(RNG)).is_err());
        let record = init.registry.device(RNG).unwrap();
        assert_eq!(record.refusal.as_deref(), Some(refusal.word()));
        assert_eq!(record.state, OwnerState::NotGranted);
        assert!(!init.machine.calls.contains(&"decide"));
        assert!(init.give(8, Handle(80), &need(UART)).is_ok(), "others are given");
    }
}

#[test]
fn a_window_without_its_mask_is_not_passed_on() {
    let mut init = handed_over(|fake| fake.limit_fails = Some(Error::NoMemory));
    assert!(!init.machine.calls.contains(&"take"));
    assert!(at_busd(&init).is_empty());
    init.machine.limit_fails = None;
    assert!(init.give(7, RNGD, &need(RNG)).is_err());
    let refusal = init.registry.device(RNG).unwrap().refusal.as_deref();
    assert_eq!(refusal, Some("kernel-refused"));
}

#[test]
fn a_device_that_reaches_memory_goes_to_its_owner_and_the_ledger_says_what_it_reaches() {
    let mut init = started();
    let granted = init.give(7, RNGD, &need(RNG)).unwrap();
    let record = init.registry.device(RNG).unwrap();
    assert_eq!((record.state, record.dma), (OwnerState::Held, DmaState::InUse));
    assert_eq!((record.pieces, record.memory), (granted.pieces, granted.memory));
    let events: Vec<Event> = init.machine.ledger.iter().map(|entry| entry.event).collect();
    assert_eq!(events, [Event::Decision, Event::Prepared, Event::Grant]);
    assert_eq!((init.machine.owners(), init.machine.holders(KindCode::Vmo)), (1, 2));
}

// attack 39 U: a device that reaches memory is asked for while somebody has it; busd is not asked, and its owner keeps all of it; broken: bus-held
#[test]
fn busd_is_not_asked_for_a_device_that_somebody_has() {
    let mut init = started();
    let first = init.give(7, RNGD, &need(RNG)).unwrap();
    let calls = init.machine.calls.len();
    for (service, process) in [(7, RNGD), (8, Handle(80))] {
        assert!(init.give(service, process, &need(RNG)).is_err());
    }
    assert_eq!(init.machine.calls[calls..], ["record", "record"]);
    assert_eq!(init.registry.device(RNG).unwrap().pieces, first.pieces);
    assert!(init.machine.busd.released.is_empty());
}

// attack 88 U: an owner ends; its device is revoked, dropped, and then reset and its memory cleared, in this order, and init keeps nothing of it; broken: bus-pieces-kept
#[test]
fn when_its_owner_ends_a_device_is_taken_back_and_then_reset() {
    let mut init = distributed();
    let pieces = init.registry.device(RNG).unwrap().pieces;
    init.machine.calls.clear();
    // The endpoint ends after the device, and is no part of it.
    init.registry.service_mut(7).unwrap().endpoint = Handle::NONE;
    end(&mut init, RNGD, EndReason::Exit(3));
    init.notified(1 << 2);
    let record = init.registry.device(RNG).unwrap();
    assert_eq!((record.pieces, record.dma), (Pieces::NONE, DmaState::Quiet));
    let position = |name| init.machine.calls.iter().rposition(|call| *call == name);
    assert!(position("revoke") < position("release") && position("drop") < position("release"));
    for piece in [Piece::Window, Piece::Pool, Piece::Used] {
        let kept = pieces.kept(piece).unwrap();
        assert!(init.machine.cap(kept).is_none(), "{piece:?}");
    }
    assert_eq!(init.machine.busd.released, [RNG]);
    assert!(init.give(7, RNGD, &need(RNG)).is_err(), "the process has ended");
}

// attack 88 U: a device does not come to rest, or busd is gone, when its owner ends; it is given to nobody any more; broken: bus-quarantined-given
#[test]
fn a_device_in_quarantine_is_not_given_again() {
    let changes: [Change; 4] = [
        |fake| fake.busd.stuck = true,
        |fake| fake.busd.fails = Some(Error::PeerGone),
        |fake| fake.busd.fails = Some(Error::TimedOut),
        |fake| fake.busd.answers_as = POLICYD,
    ];
    for change in changes {
        let mut init = started();
        init.give(7, RNGD, &need(RNG)).unwrap();
        change(&mut init.machine);
        end(&mut init, RNGD, EndReason::Exit(3));
        init.notified(1 << 2);
        assert_eq!(init.registry.device(RNG).unwrap().dma, DmaState::Quarantined);
        init.machine.busd.stuck = false;
        (init.machine.live, init.machine.busd.fails) = (true, None);
        let calls = init.machine.calls.len();
        assert!(init.give(7, RNGD, &need(RNG)).is_err());
        assert_eq!(init.machine.calls[calls..], ["record"]);
    }
}

#[test]
fn a_device_that_came_to_rest_has_a_next_life() {
    let mut init = started();
    init.give(7, RNGD, &need(RNG)).unwrap();
    end(&mut init, RNGD, EndReason::Exit(3));
    init.notified(1 << 2);
    init.machine.live = true;
    assert!(init.give(7, RNGD, &need(RNG)).is_ok());
    assert_eq!(init.registry.device(RNG).unwrap().dma, DmaState::InUse);
}

#[test]
fn an_owner_that_could_not_be_started_leaves_its_device_at_rest() {
    let mut init = started();
    init.give(7, RNGD, &need(RNG)).unwrap();
    init.abandon(7, ServiceState::NotLoaded);
    assert_eq!(init.registry.device(RNG).unwrap().dma, DmaState::Quiet);
    assert_eq!((init.machine.owners(), init.machine.holders(KindCode::Vmo)), (0, 0));
}

// attack 25 U: who may not view asks what devices reach; denied, and nobody is told where; broken: init-inspect
#[test]
fn what_devices_reach_is_told_to_those_who_may_view() {
    let memory = Bus::new(BUSD_ID, &queues(), true).unwrap().memory.unwrap();
    let nothing = DmaEntry {
        next: 0,
        device: RNG,
        pool: RNG,
        owner: Subject::default(),
        len: 0,
        reach: 0,
        digest: 0,
        state: DmaState::None,
        zero: Zero::ZERO,
    };
    let mut init = started();
    assert_eq!(ask(&mut init, RNGD_ID, Dma { cursor: 0 }), Err(ServiceError::Denied));
    assert_eq!(ask(&mut init, NSH, Dma { cursor: 0 }), Ok(nothing));
    init.give(7, RNGD, &need(RNG)).unwrap();
    let (len, reach, digest) = (memory.pool, memory.reach.into(), memory.digest);
    let (owner, state) = (RNGD_ID.into(), DmaState::InUse);
    let told = DmaEntry { owner, len, reach, digest, state, ..nothing };
    for cursor in 0..=u64::from(RNG) {
        assert_eq!(ask(&mut init, NSH, Dma { cursor }), Ok(told));
    }
    for cursor in [u64::from(RNG) + 1, 1 << 16, u64::MAX] {
        assert_eq!(ask(&mut init, NSH, Dma { cursor }), Err(ServiceError::NotFound));
    }
    for permission in Permission::ALL {
        let mut init = started_with(&[permission]);
        let told = ask(&mut init, NSH, Dma { cursor: 0 }).is_ok();
        assert_eq!(told, permission == Permission::View, "{permission:?}");
    }
}
