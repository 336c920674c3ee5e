//! Disks that are known by their serial numbers: which one is the system's.

use nexus_abi::{Error, KindCode};
use nexus_proto::init::{BoardKind, OwnerState, Refusal};
use nexus_proto::log::{Event, NO_DEVICE};
use nexus_sysdesc::{Says, Serial};

use super::*;
use crate::grant::Piece;

/// Slots, in order of address.
const SLOTS: [u64; 5] = [0x1000_1000, 0x1000_2000, 0x1000_3000, 0x1000_4000, 0x1000_5000];
/// rngd's device, which is a disk here.
const DISK: u16 = RNG;

type Change = fn(&mut Fake);

/// A disk where an entropy device was, which is known by its serial number.
fn system() -> Description {
    let mut system = description(&SHELL);
    let disk = &mut system.devices[usize::from(DISK)];
    disk.virtio_id = Some(2);
    disk.says = Some(Says::Serial(Serial::new("nexus-1").unwrap()));
    system
}

fn bytes(text: &str) -> [u8; 20] {
    core::array::from_fn(|at| text.as_bytes().get(at).copied().unwrap_or(0))
}

/// Disks in the first slots that tell these, when all have been asked.
fn told(serials: &[&str], change: Change) -> Init<Fake> {
    let disks = SLOTS.iter().zip(serials);
    let mut machine = Fake { plugged: SLOTS.map(|base| (base, 2)).to_vec(), ..Fake::default() };
    machine.plugged.truncate(serials.len());
    let device = |text: &str| if text == "nexus-1" { DISK } else { NO_DEVICE };
    machine.busd.serials = disks.map(|(base, text)| (*base, bytes(text), device(text))).collect();
    change(&mut machine);
    let mut init = located_on(system(), machine);
    assert!(init.registry.device(DISK).unwrap().missing.is_some(), "so far");
    assert!(init.reaching.iter().all(|(device, _)| *device == NO_DEVICE));
    init.hand_over();
    init.tell_apart(&Tree::parse(VIRT).unwrap());
    init
}

/// Where the disk is that goes to its owner, or why none does.
fn given(init: &mut Init<Fake>) -> Result<u64, String> {
    let _ = init.give(7, RNGD, &need(DISK));
    let record = init.registry.device(DISK).unwrap();
    match record.pieces.kept(Piece::Window) {
        Some(kept) => Ok(init.machine.cap(kept).unwrap().base),
        None => {
            assert_eq!((init.machine.owners(), init.machine.holders(KindCode::Vmo)), (0, 0));
            Err(record.refusal.clone().unwrap())
        }
    }
}

/// Those that nobody gets, and why.
fn nobodys(init: &Init<Fake>) -> Vec<(u64, Refusal)> {
    let unnamed = init.unnamed.iter();
    unnamed.map(|(_, range, why)| (range.unwrap().base, *why)).collect()
}

// attack 80 U: two disks, in either order; the one with the described serial number goes to its owner, and the other to nobody, on record; broken: serial-ignored
#[test]
fn the_disk_with_the_described_serial_number_is_the_systems_in_either_order() {
    for (order, at) in [(["nexus-1", "foreign"], 0), (["foreign", "nexus-1"], 1)] {
        let mut init = told(&order, |_| {});
        let (right, wrong) = (SLOTS[at], SLOTS[1 - at]);
        assert_eq!(nobodys(&init), [(wrong, Refusal::WrongSerial)]);
        let shown = |base: u64| {
            let piece = init.board.iter().find(|one| one.range.is_some_and(|at| at.base == base));
            piece.map(|piece| (piece.kind, piece.device))
        };
        assert_eq!(shown(right), Some((BoardKind::Device, DISK)));
        assert_eq!(shown(wrong), Some((BoardKind::Unused, NO_DEVICE)));
        assert_eq!(given(&mut init), Ok(right));
        init.machine.ledger.clear();
        init.refuse_unnamed();
        let [entry] = init.machine.ledger[..] else { panic!("one record") };
        let expected = (Event::Refusal, wrong, Refusal::WrongSerial.code());
        assert_eq!((entry.event, entry.base, entry.reason), expected);
    }
}

// attack 80 U: two disks of three have the described serial number; none is given; broken: serial-first
#[test]
fn two_disks_of_one_serial_number_are_nobodys() {
    let mut init = told(&["nexus-1", "foreign", "nexus-1"], |_| {});
    let reasons = [Refusal::Ambiguous, Refusal::WrongSerial, Refusal::Ambiguous];
    assert_eq!(nobodys(&init), SLOTS.into_iter().zip(reasons).collect::<Vec<_>>());
    assert_eq!(given(&mut init), Err("ambiguous".into()));
    assert_eq!(init.registry.device(DISK).unwrap().state, OwnerState::NotFound);
    assert!(!init.machine.calls.contains(&"decide"), "nobody is asked");
}

// attack 80 U: the only disk tells another serial number, or none; it is not the system's; broken: serial-ignored
#[test]
fn the_only_disk_is_not_taken_for_another() {
    for text in ["foreign", "nexus-10", "nexus-", ""] {
        let mut init = told(&[text], |_| {});
        assert_eq!(nobodys(&init), [(SLOTS[0], Refusal::WrongSerial)], "{text}");
        assert_eq!(given(&mut init), Err("wrong-serial".into()));
    }
    assert_eq!(given(&mut told(&[], |_| {})), Err("absent".into()));
}

// attack 80 F: a disk fails when it is asked; it is nobody's, and the other is given all the same
#[test]
fn a_disk_that_does_not_tell_stops_no_other() {
    let mut init = told(&["nexus-1", "nexus-1"], |fake| {
        fake.busd.odd = Some((SLOTS[0], Ok(ServiceError::DeviceFailed)));
    });
    assert_eq!(nobodys(&init), [(SLOTS[0], Refusal::WrongSerial)]);
    assert_eq!(given(&mut init), Ok(SLOTS[1]));
}

// attack 80 F: busd cannot ask one of two disks; which is which is in doubt, and none is given; broken: serial-doubt
#[test]
fn while_one_disk_could_not_be_asked_none_is_given() {
    let changes: [(Change, &str); 3] = [
        (|fake| fake.busd.odd = Some((SLOTS[1], Err(Error::TimedOut))), "bus-late"),
        (|fake| fake.busd.odd = Some((SLOTS[1], Err(Error::PeerGone))), "bus-gone"),
        (|fake| fake.busd.serials[1].1 = *b"nexus\x1b[2J\0\0\0\0\0\0\0\0\0\0\0", "bus-garbled"),
    ];
    for (change, word) in changes {
        let mut init = told(&["nexus-1", "foreign"], change);
        let reasons = nobodys(&init);
        assert_eq!(given(&mut init), Err(word.into()));
        assert_eq!(reasons.len(), 2, "{word}");
        assert!(reasons.iter().all(|(_, why)| why.word() == word), "{reasons:?}");
    }
}

// attack 80 U: more disks than there is memory to ask; none is given; broken: serial-strangers
#[test]
fn with_more_strangers_than_can_be_asked_none_is_given() {
    let mut init = told(&["a", "nexus-1", "b"], |_| {});
    assert_eq!(given(&mut init), Ok(SLOTS[1]));
    let mut init = told(&["a", "nexus-1", "b", "c"], |_| {});
    assert_eq!(given(&mut init), Err("ambiguous".into()));
    assert_eq!(nobodys(&init).len(), 4);
}

// attack 80 U: busd sets up another disk than the one that has told the serial number; nothing is handed on; broken: bus-window-base
#[test]
fn busd_cannot_put_another_disk_in_its_place() {
    let mut init = told(&["foreign", "nexus-1"], |fake| {
        fake.busd.serials[0].2 = DISK;
        fake.busd.serials[1].2 = NO_DEVICE;
    });
    assert_eq!(given(&mut init), Err("bus-garbled".into()));
}

#[test]
fn before_it_is_known_which_is_which_none_is_given() {
    let mut init = located_on(system(), Fake { plugged: vec![(SLOTS[0], 2)], ..Fake::default() });
    init.hand_over();
    assert_eq!(given(&mut init), Err("wrong-serial".into()));
}

#[test]
fn where_none_is_known_by_it_nothing_changes() {
    let mut init = located(description(&SHELL));
    init.hand_over();
    let before = init.registry.clone();
    init.tell_apart(&Tree::parse(VIRT).unwrap());
    assert_eq!(init.registry, before);
    assert!(init.give(7, RNGD, &need(RNG)).is_ok());
}
