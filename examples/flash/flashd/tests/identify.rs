//! What flashd makes of a bank of flash, and of what is none.

mod bank;

use bank::{Chip, Mode, QEMU_LEN, TwoChips};
use flashd::cfi::{Bank, LEN, Refused};
use flashd::geometry::{Flash, Region};
use nexus_rt::mmio::TooSmall;
use nexus_rt::mmio::fake::{Access, Closures, FakeBus};

const PAGE: usize = 4096;
const NONE: Region = Region { blocks: 0, block_len: 0 };

/// What comes out, for a window of `window_len` bytes; the chips must read their array afterwards.
fn identify_in(chips: TwoChips, window_len: u64) -> Result<Flash, Refused> {
    let mut bank = Bank::new(FakeBus::new(PAGE, chips)).unwrap();
    let outcome = bank.identify(window_len);
    assert!(bank.bus().with_device(|chips| chips.read_array()), "{outcome:?}");
    outcome
}

fn identify(chips: TwoChips) -> Result<Flash, Refused> {
    identify_in(chips, QEMU_LEN)
}

/// QEMU's chips, with both answering `value` at `address` of the query.
fn answering(address: usize, value: u16) -> TwoChips {
    TwoChips::of_qemu_but(|chip| chip.answers[address] = value)
}

fn length(bank: u64, regions: u64) -> Result<Flash, Refused> {
    Err(Refused::Length { bank, regions, window: QEMU_LEN })
}

#[test]
fn the_bank_of_qemu() {
    let flash = identify(TwoChips::of_qemu()).unwrap();
    let region = Region { blocks: 128, block_len: 256 << 10 };
    let regions = [region, NONE, NONE, NONE];
    let expected =
        Flash { manufacturer: 0x89, device: 0x18, command_set: 1, len: QEMU_LEN, regions };
    assert_eq!(flash, expected);
    assert_eq!(
        flash.to_string(),
        "32 MiB of NOR flash, 128 blocks of 256 KiB; maker 0x89, device 0x18, command set 1"
    );
}

#[test]
fn whatever_mode_it_was_left_in() {
    for mode in [Mode::Array, Mode::Query, Mode::Identity] {
        assert!(identify(TwoChips::of_qemu_but(|chip| chip.mode = mode)).is_ok(), "{mode:?}");
    }
}

#[test]
fn three_commands_and_no_other_store() {
    let mut bank = Bank::new(FakeBus::new(PAGE, TwoChips::of_qemu())).unwrap();
    bank.identify(QEMU_LEN).unwrap();
    let stores = bank.bus().accesses().into_iter().filter_map(|access| match access {
        Access::Write { offset, value, .. } => Some((offset, value)),
        Access::Read { .. } => None,
    });
    let read_array = (0, 0xff_00ff);
    let expected = [read_array, (0x154, 0x98_0098), read_array, (0, 0x90_0090), read_array];
    assert_eq!(stores.collect::<Vec<_>>(), expected);
}

#[test]
fn nobody_answers() {
    for value in [0, u32::MAX, 0x51_0051] {
        let device = Closures(move |_, _| value, |_, _, _| {});
        let outcome = Bank::new(FakeBus::new(PAGE, device)).unwrap().identify(QEMU_LEN);
        assert_eq!(outcome, Err(Refused::NoAnswer { found: [value; 3] }));
    }
    for address in [0x10, 0x11, 0x12] {
        let outcome = identify(answering(address, 0x20));
        assert!(matches!(outcome, Err(Refused::NoAnswer { .. })), "{address:#x}");
    }
}

#[test]
fn a_refusal_fits_a_line_of_the_log() {
    let length = Refused::Length { bank: u64::MAX, regions: u64::MAX, window: u64::MAX };
    let no_answer = Refused::NoAnswer { found: [u32::MAX; 3] };
    for refused in [no_answer, length, Refused::Garbled { word: 0x118_0118 }, Refused::Stuck] {
        let text = refused.to_string();
        assert!(text.len() <= 120 && !text.contains('\n'), "{text}");
    }
    let found = [0, 0x5200_5200, u32::MAX];
    let text = Refused::NoAnswer { found }.to_string();
    assert_eq!(text, "no flash: [0, 52005200, ffffffff] in place of QRY");
}

#[test]
fn two_chips_that_do_not_agree() {
    for address in [0x13, 0x14, 0x27, 0x2c, 0x2d, 0x2e, 0x2f, 0x30] {
        let mut chips = TwoChips::of_qemu();
        chips.high.answers[address] ^= 1;
        let word =
            u32::from(chips.high.answers[address]) << 16 | u32::from(chips.low.answers[address]);
        assert_eq!(identify(chips), Err(Refused::Garbled { word }), "{address:#x}");
    }
    for index in [0, 1] {
        let mut chips = TwoChips::of_qemu();
        chips.low.identity[index] ^= 0x100;
        assert!(matches!(identify(chips), Err(Refused::Garbled { .. })), "{index}");
    }
}

#[test]
fn an_answer_is_one_byte() {
    assert_eq!(identify(answering(0x27, 0x118)), Err(Refused::Garbled { word: 0x118_0118 }));
    let wide = TwoChips::of_qemu_but(|chip| chip.identity = [0x1189, 0x2218]);
    let flash = identify(wide).unwrap();
    assert_eq!((flash.manufacturer, flash.device), (0x1189, 0x2218), "an identity is two");
}

#[test]
fn the_length_is_that_of_window_and_regions() {
    for window in [0, 4096, QEMU_LEN - 1, QEMU_LEN + 1, 2 * QEMU_LEN, u64::MAX] {
        let expected = Err(Refused::Length { bank: QEMU_LEN, regions: QEMU_LEN, window });
        assert_eq!(identify_in(TwoChips::of_qemu(), window), expected);
    }
    assert_eq!(identify(answering(0x27, 0)), length(2, QEMU_LEN));
    assert_eq!(identify(answering(0x27, 23)), length(QEMU_LEN / 2, QEMU_LEN));
    assert_eq!(identify(answering(0x27, 25)), length(QEMU_LEN * 2, QEMU_LEN));
    assert_eq!(identify(answering(0x27, 62)), length(1 << 63, QEMU_LEN));
    for more_than_addresses in [63, 64, 255] {
        assert_eq!(identify(answering(0x27, more_than_addresses)), length(0, QEMU_LEN));
    }
    assert_eq!(identify(answering(0x2d, 0x7e)), length(QEMU_LEN, QEMU_LEN - (256 << 10)));
    assert_eq!(identify(answering(0x30, 1)), length(QEMU_LEN, QEMU_LEN / 2));
    assert_eq!(identify(answering(0x30, 0)), length(QEMU_LEN, 128 * 256), "0 is 128 bytes");
}

#[test]
fn one_to_four_regions() {
    for count in [0, 5, 255] {
        assert_eq!(identify(answering(0x2c, count)), Err(Refused::Regions { count: count as u8 }));
    }
    // 127 blocks of 128 KiB, and 4 of 32 KiB, of each chip.
    let boot_blocks = TwoChips::of_qemu_but(|chip: &mut Chip| {
        chip.answers[0x2c] = 2;
        chip.answers[0x2d..0x35].copy_from_slice(&[0x7e, 0, 0, 2, 3, 0, 0x80, 0]);
    });
    let [first, second, third, fourth] = identify(boot_blocks).unwrap().regions;
    assert_eq!(first, Region { blocks: 127, block_len: 256 << 10 });
    assert_eq!(second, Region { blocks: 4, block_len: 64 << 10 });
    assert_eq!([third, fourth], [NONE, NONE]);
    // The longest that can be said: 65,536 blocks of 65,535 times 256 bytes, four times.
    let longest = TwoChips::of_qemu_but(|chip| {
        chip.answers[0x2c] = 4;
        chip.answers[0x2d..0x3d].fill(0xff);
    });
    assert_eq!(identify(longest), length(QEMU_LEN, 4 * 65_536 * 65_535 * 512));
}

#[test]
fn one_that_does_not_go_back() {
    let chips = TwoChips::of_qemu_but(|chip| chip.stuck = true);
    let mut bank = Bank::new(FakeBus::new(PAGE, chips)).unwrap();
    assert_eq!(bank.identify(QEMU_LEN), Err(Refused::Stuck));
}

#[test]
fn a_window_that_is_too_small() {
    let bank = |len| Bank::new(FakeBus::new(len, TwoChips::of_qemu()));
    assert!(bank(LEN).is_ok());
    let small = TooSmall { has: LEN - 4, needs: LEN };
    assert_eq!(bank(LEN - 4).err(), Some(Refused::TooSmall(small)));
}

#[test]
fn no_answer_of_one_byte_is_too_much() {
    for address in 0x10..0x40 {
        for value in 0..=0xff {
            let outcome = identify(answering(address, value));
            assert!(outcome.is_err() || outcome.is_ok_and(|flash| flash.len == QEMU_LEN));
        }
    }
}
