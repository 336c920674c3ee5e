//! A bank of flash that is not there: two chips with modes and answers.

use nexus_rt::mmio::fake::Device;

/// Bytes of QEMU's bank.
pub const QEMU_LEN: u64 = 32 << 20;

/// What a chip is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Loads give its contents.
    Array,
    /// Loads give what it answers to a query.
    Query,
    /// Loads give its identity.
    Identity,
}

/// One 16-bit chip.
#[derive(Clone, Debug)]
pub struct Chip {
    /// What it is doing.
    pub mode: Mode,
    /// What it answers to a query, from address 0.
    pub answers: Vec<u16>,
    /// Manufacturer and device.
    pub identity: [u16; 2],
    /// True when no command brings it out of query mode.
    pub stuck: bool,
}

impl Chip {
    /// One of QEMU's, as QEMU 7.2 answers for it.
    pub fn of_qemu() -> Chip {
        let mut answers = vec![0; 0x40];
        answers[0x10..0x16].copy_from_slice(&[0x51, 0x52, 0x59, 0x01, 0x00, 0x31]);
        answers[0x27..0x2b].copy_from_slice(&[0x18, 0x02, 0x00, 0x0b]);
        answers[0x2c..0x31].copy_from_slice(&[0x01, 0x7f, 0x00, 0x00, 0x02]);
        Chip { mode: Mode::Array, answers, identity: [0x89, 0x18], stuck: false }
    }

    fn load(&self, address: usize) -> u16 {
        let words: &[u16] = match self.mode {
            Mode::Array => return 0xa500 + address as u16,
            Mode::Query => &self.answers,
            Mode::Identity => &self.identity,
        };
        words.get(address).copied().unwrap_or(0)
    }

    fn store(&mut self, address: usize, value: u16) {
        if self.stuck && self.mode == Mode::Query {
            return;
        }
        self.mode = match (value, address) {
            (0xff, _) => Mode::Array,
            (0x98, 0x55) => Mode::Query,
            (0x90, _) => Mode::Identity,
            _ => panic!("{value:#x} at {address:#x} could program or erase"),
        };
    }
}

/// A bank: the chip in the low half of each word, and the one in the high half.
#[derive(Clone, Debug)]
pub struct TwoChips {
    pub low: Chip,
    pub high: Chip,
}

impl TwoChips {
    /// QEMU's.
    pub fn of_qemu() -> TwoChips {
        TwoChips { low: Chip::of_qemu(), high: Chip::of_qemu() }
    }

    /// QEMU's, with both chips changed.
    pub fn of_qemu_but(change: impl Fn(&mut Chip)) -> TwoChips {
        let mut chips = TwoChips::of_qemu();
        change(&mut chips.low);
        change(&mut chips.high);
        chips
    }

    /// True when both read their array.
    pub fn read_array(&self) -> bool {
        [self.low.mode, self.high.mode] == [Mode::Array; 2]
    }
}

impl Device for TwoChips {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        assert_eq!(width, 4);
        u32::from(self.high.load(offset / 4)) << 16 | u32::from(self.low.load(offset / 4))
    }

    fn write(&mut self, offset: usize, width: usize, value: u32) {
        assert_eq!(width, 4);
        self.low.store(offset / 4, value as u16);
        self.high.store(offset / 4, (value >> 16) as u16);
    }
}
