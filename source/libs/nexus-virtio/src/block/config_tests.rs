//! The configuration space of a disk.

use std::cell::Cell;
use std::rc::Rc;
use std::vec::Vec;

use nexus_mmio::Registers;
use nexus_mmio::fake::{Closures, Device, FakeBus};

use super::{Config, ConfigError, LEN, Op};
use crate::Feature;

const ALL: [Feature; 7] = [
    Feature::BLK_SIZE_MAX,
    Feature::BLK_SEG_MAX,
    Feature::BLK_RO,
    Feature::BLK_BLK_SIZE,
    Feature::BLK_FLUSH,
    Feature::BLK_DISCARD,
    Feature::BLK_WRITE_ZEROES,
];

/// Registers from 0x100 on, in words of four bytes.
const WORDS: [u32; 15] = [0x8000, 1, 0x2_0000, 254, 0, 4096, 0, 0, 0, 1000, 1, 8, 2000, 1, 0];

fn registers(
    words: [u32; 15],
    generation: impl Fn() -> u32,
) -> Registers<FakeBus<impl Device>, LEN> {
    let read = move |offset: usize, width: usize| {
        assert_eq!(width, 4);
        match offset {
            0xfc => generation(),
            _ => words[(offset - 0x100) / 4],
        }
    };
    let write = |_: usize, _: usize, _: u32| panic!("a configuration is not written");
    Registers::new(FakeBus::new(0x200, Closures(read, write))).unwrap()
}

fn config(words: [u32; 15], features: &[Feature]) -> Result<Config, ConfigError> {
    Config::read(&registers(words, || 7), |feature| features.contains(&feature))
}

fn but(feature: Feature) -> Vec<Feature> {
    ALL.into_iter().filter(|one| *one != feature).collect()
}

#[test]
fn what_was_agreed_is_read_and_nothing_else() {
    let writable = but(Feature::BLK_RO);
    let all = Config {
        sectors: 0x1_0000_8000,
        block: 4096,
        most: 0x2_0000,
        writes: true,
        flushes: true,
        discard: 1000,
        zeroes: 2000,
    };
    assert_eq!(config(WORDS, &writable), Ok(all));
    let read_only = Config { writes: false, discard: 0, zeroes: 0, ..all };
    assert_eq!(config(WORDS, &ALL), Ok(read_only));
    let bare = Config { block: 512, most: u32::MAX, flushes: false, discard: 0, zeroes: 0, ..all };
    assert_eq!(config(WORDS, &[]), Ok(bare));
    let mut no_pieces = WORDS;
    (no_pieces[10], no_pieces[13]) = (0, 0);
    assert_eq!(config(no_pieces, &writable), Ok(Config { discard: 0, zeroes: 0, ..all }));
}

// attack 98 U: a disk with blocks or pieces that cannot be; refused before anything is asked of it
#[test]
fn a_disk_that_cannot_be_is_refused() {
    for block in [0, 1, 511, 513, 4095] {
        let mut words = WORDS;
        words[5] = block;
        assert_eq!(config(words, &ALL), Err(ConfigError::Block(block)));
        assert!(config(words, &but(Feature::BLK_BLK_SIZE)).is_ok());
    }
    for (size_max, seg_max) in [(0, 1), (511, 1), (512, 0)] {
        let mut words = WORDS;
        (words[2], words[3]) = (size_max, seg_max);
        assert_eq!(config(words, &ALL), Err(ConfigError::NoData { size_max, seg_max }));
    }
    let mut words = WORDS;
    (words[2], words[3]) = (512, 1);
    assert_eq!(config(words, &ALL).map(|config| config.most), Ok(512), "one sector fits");
}

// attack 98 U: the capacity changes between its halves; read again, and a disk that changes all the time is refused; broken: disk-generation
#[test]
fn a_configuration_that_changes_is_read_again() {
    let changes = |times: u32| {
        let reads = Rc::new(Cell::new(0));
        registers(WORDS, move || {
            reads.set(reads.get() + 1);
            reads.get().min(2 * times)
        })
    };
    assert_eq!(Config::sectors(&changes(3)), Ok(0x1_0000_8000));
    assert_eq!(Config::sectors(&changes(4)), Err(ConfigError::Unsteady));
    assert_eq!(Config::read(&changes(4), |_| true), Err(ConfigError::Unsteady));
}

#[test]
fn bounds_are_exact() {
    let config = config(WORDS, &but(Feature::BLK_RO)).unwrap();
    let end = config.sectors;
    for (first, count, has) in [
        (0, 1, true),
        (0, 0, false),
        (end - 1, 1, true),
        (end - 1, 2, false),
        (end, 1, false),
        (end, 0, false),
        (0, u32::MAX, true),
        (end - u64::from(u32::MAX), u32::MAX, true),
        (end - u64::from(u32::MAX) + 1, u32::MAX, false),
        (u64::MAX, 1, false),
        (u64::MAX, u32::MAX, false),
    ] {
        assert_eq!(config.has(first, count), has, "{count} from {first}");
    }
    assert!(!Config { sectors: 0, ..config }.has(0, 1));
    let parts = [Op::Discard, Op::Zeroes, Op::Read].map(|op| config.part(op, 5000));
    assert_eq!(parts, [1000, 2000, 5000]);
}

#[test]
fn each_error_has_words() {
    let errors = [
        ConfigError::Unsteady,
        ConfigError::Block(3),
        ConfigError::NoData { size_max: 1, seg_max: 2 },
    ];
    let texts = errors.map(|error| std::format!("{error}"));
    assert!(texts[1].contains("3 bytes") && texts[2].contains("2 pieces of 1 bytes"), "{texts:?}");
}
