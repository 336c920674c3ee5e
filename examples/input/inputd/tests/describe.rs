//! What inputd makes of an input device, and of what is none.

mod keyboard;

use inputd::driver::{Driver, IDS, Input, KEYS, LEN, NAME, Refused};
use keyboard::Keyboard;
use nexus_rt::mmio::TooSmall;
use nexus_rt::mmio::fake::{Access, FakeBus};
use nexus_rt::proto::device::Identity;

const PAGE: usize = 4096;

/// What comes out. A device that can be reset must have been.
fn describe(keyboard: Keyboard) -> Result<(Identity, Input), Refused> {
    let mut driver = Driver::new(FakeBus::new(PAGE, keyboard)).unwrap();
    let outcome = driver.describe();
    driver.bus().with_device(|keyboard| {
        assert!(keyboard.stuck || keyboard.status == 0, "{outcome:?}");
    });
    outcome
}

fn refused(keyboard: Keyboard) -> Refused {
    describe(keyboard).unwrap_err()
}

/// QEMU's, which answers `question` with `answer`.
fn answering(question: (u8, u8), answer: Vec<u8>) -> Keyboard {
    let mut keyboard = Keyboard::of_qemu();
    keyboard.answers.insert(question, answer);
    keyboard
}

#[test]
fn the_keyboard_of_qemu() {
    let (identity, input) = describe(Keyboard::of_qemu()).unwrap();
    let expected =
        Identity { magic: 0x7472_6976, version: 2, device_id: 18, vendor_id: 0x554d_4551 };
    assert_eq!(identity, expected);
    let text = "QEMU Virtio Keyboard, 6 keys; vendor 0x0627, product 0x0001, version 1";
    assert_eq!(input.to_string(), text);
}

#[test]
fn whatever_state_it_was_left_in() {
    for status in [0, 1, 0xf, 0x40, 0x8f] {
        assert!(describe(Keyboard { status, ..Keyboard::of_qemu() }).is_ok(), "{status:#x}");
    }
}

#[test]
fn nothing_is_stored_in_another_device() {
    let others = [(0, 0), (4, 1), (8, 0), (8, 2), (8, 16)];
    for (offset, value) in others {
        let mut keyboard = Keyboard::of_qemu();
        keyboard.identity[offset / 4] = value;
        let mut driver = Driver::new(FakeBus::new(PAGE, keyboard)).unwrap();
        let Err(Refused::Identity(refused)) = driver.describe() else {
            panic!("{value} at {offset}")
        };
        let seen = if offset == 8 { value } else { 0 };
        assert_eq!(refused.device_id(), seen);
        let accesses = driver.bus().accesses();
        assert!(accesses.iter().all(|access| matches!(access, Access::Read { .. })));
    }
}

#[test]
fn features_that_it_does_not_agree_to() {
    let offers = Keyboard { offered: [u32::MAX, !1], ..Keyboard::of_qemu() };
    assert_eq!(refused(offers), Refused::Features { status: 0xb });
    let silent = Keyboard { agrees: false, ..Keyboard::of_qemu() };
    assert_eq!(refused(silent), Refused::Features { status: 0x3 });
}

#[test]
fn one_that_does_not_come_back_from_a_reset() {
    let stuck = Keyboard { stuck: true, status: 0xf, ..Keyboard::of_qemu() };
    assert_eq!(refused(stuck), Refused::Stuck { status: 0xf });
}

#[test]
fn answers_are_as_long_as_they_may_be() {
    let name = |len: usize| answering(NAME, vec![b'x'; len]);
    for len in [1, 127, 128] {
        assert_eq!(describe(name(len)).unwrap().1.name.len(), len);
    }
    for question in [NAME, IDS, KEYS] {
        for len in [129, 255] {
            let expected = Refused::Garbled { question, len };
            assert_eq!(refused(answering(question, vec![1; len])), expected);
        }
    }
    for len in [0, 7, 9, 128] {
        let expected = Refused::Garbled { question: IDS, len };
        assert_eq!(refused(answering(IDS, vec![0; len])), expected);
    }
    for nothing in [vec![], vec![0], vec![0, b'x']] {
        let expected = Refused::Garbled { question: NAME, len: 0 };
        assert_eq!(refused(answering(NAME, nothing)), expected);
    }
    assert_eq!(describe(answering(KEYS, vec![])).unwrap().1.keys, 0);
    assert_eq!(describe(answering(KEYS, vec![0xff; 128])).unwrap().1.keys, 1024);
}

#[test]
fn a_name_is_text_in_a_line_of_the_log() {
    let input = describe(answering(NAME, b"a\x1b[2J\n\xff~ b".to_vec())).unwrap().1;
    assert_eq!(input.name, "a?[2J??~ b");
}

#[test]
fn a_refusal_fits_a_line_of_the_log() {
    let garbled = Refused::Garbled { question: (255, 255), len: 255 };
    let (features, stuck) =
        (Refused::Features { status: u32::MAX }, Refused::Stuck { status: u32::MAX });
    for (refused, text) in [
        (garbled, "255 bytes for an answer to 0xff, 255"),
        (features, "no virtio 1: status 0xffffffff"),
        (stuck, "not reset: status 0xffffffff"),
    ] {
        assert_eq!(refused.to_string(), text);
        assert_eq!(refused.device_id(), 18);
    }
}

#[test]
fn a_window_that_is_too_small() {
    let driver = |len| Driver::new(FakeBus::new(len, Keyboard::of_qemu()));
    assert!(driver(LEN).is_ok());
    let small = nexus_virtio::Refused::TooSmall(TooSmall { has: LEN - 4, needs: LEN });
    assert_eq!(driver(LEN - 4).err(), Some(Refused::Identity(small)));
}
