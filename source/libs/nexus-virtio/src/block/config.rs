//! What the device says that it is: its configuration space (virtio 1.2, 5.2.4), and what was agreed.

use core::fmt;

use nexus_mmio::{Bus, ReadOnly, Reg, Registers};

use super::Op;
use super::shape::SECTOR;
use crate::Feature;

/// Bytes of the block of registers, the configuration space included.
pub const LEN: usize = 0x13c;

/// Changes when the configuration does (4.2.2).
const GENERATION: Reg<u32, ReadOnly, 0x0fc> = Reg::NEW;
const CAPACITY_LOW: Reg<u32, ReadOnly, 0x100> = Reg::NEW;
const CAPACITY_HIGH: Reg<u32, ReadOnly, 0x104> = Reg::NEW;
const SIZE_MAX: Reg<u32, ReadOnly, 0x108> = Reg::NEW;
const SEG_MAX: Reg<u32, ReadOnly, 0x10c> = Reg::NEW;
const BLK_SIZE: Reg<u32, ReadOnly, 0x114> = Reg::NEW;
const DISCARD_SECTORS: Reg<u32, ReadOnly, 0x124> = Reg::NEW;
const DISCARD_SEG: Reg<u32, ReadOnly, 0x128> = Reg::NEW;
const ZEROES_SECTORS: Reg<u32, ReadOnly, 0x130> = Reg::NEW;
const ZEROES_SEG: Reg<u32, ReadOnly, 0x134> = Reg::NEW;

/// Times to read it again when it changed meanwhile.
const ATTEMPTS: usize = 4;

/// A disk. Fields that were not agreed on have the value that stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// Bytes of a block: a multiple of 512.
    pub block: u32,
    /// Most bytes of data in one request.
    pub most: u32,
    /// It can be written.
    pub writes: bool,
    /// It can make last what was written.
    pub flushes: bool,
    /// Most sectors of one discard; 0 when there are none.
    pub discard: u32,
    /// Most sectors of one write of zeroes; 0 when there are none.
    pub zeroes: u32,
}

/// Why there is no configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// It changed each time that it was read.
    Unsteady,
    /// A block of so many bytes.
    Block(u32),
    /// A request cannot have data: the most bytes of a piece, and the most pieces.
    NoData {
        /// Most bytes of a piece.
        size_max: u32,
        /// Most pieces.
        seg_max: u32,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unsteady => {
                f.write_str("the configuration of the disk changes all the time")
            }
            ConfigError::Block(bytes) => write!(f, "a disk with blocks of {bytes} bytes"),
            ConfigError::NoData { size_max, seg_max } => {
                write!(f, "a disk that takes {seg_max} pieces of {size_max} bytes: no sector fits")
            }
        }
    }
}

impl Config {
    /// What the device says, when nothing changed while it was read; `has` tells what was agreed with it.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read<B: Bus>(
        regs: &Registers<B, LEN>,
        has: impl Fn(Feature) -> bool,
    ) -> Result<Config, ConfigError> {
        steady(regs, || Config::once(regs, &has))?
    }

    /// Its sectors alone, which can change.
    ///
    /// # Errors
    /// `Unsteady`.
    pub fn sectors<B: Bus>(regs: &Registers<B, LEN>) -> Result<u64, ConfigError> {
        steady(regs, || capacity(regs))
    }

    fn once<B: Bus>(
        regs: &Registers<B, LEN>,
        has: &impl Fn(Feature) -> bool,
    ) -> Result<Config, ConfigError> {
        let read = |feature, value, otherwise| if has(feature) { value } else { otherwise };
        let size_max = read(Feature::BLK_SIZE_MAX, regs.read(SIZE_MAX), u32::MAX);
        let seg_max = read(Feature::BLK_SEG_MAX, regs.read(SEG_MAX), 1);
        if size_max < SECTOR || seg_max == 0 {
            return Err(ConfigError::NoData { size_max, seg_max });
        }
        let block = read(Feature::BLK_BLK_SIZE, regs.read(BLK_SIZE), SECTOR);
        if block < SECTOR || !block.is_multiple_of(SECTOR) {
            return Err(ConfigError::Block(block));
        }
        let writes = !has(Feature::BLK_RO);
        let range = |feature, sectors, pieces| {
            if writes && pieces > 0 { read(feature, sectors, 0) } else { 0 }
        };
        Ok(Config {
            sectors: capacity(regs),
            block,
            most: size_max,
            writes,
            flushes: has(Feature::BLK_FLUSH),
            discard: range(
                Feature::BLK_DISCARD,
                regs.read(DISCARD_SECTORS),
                regs.read(DISCARD_SEG),
            ),
            zeroes: range(
                Feature::BLK_WRITE_ZEROES,
                regs.read(ZEROES_SECTORS),
                regs.read(ZEROES_SEG),
            ),
        })
    }

    /// True when the disk does what is asked.
    #[must_use]
    pub const fn offers(&self, op: Op) -> bool {
        match op {
            Op::Read | Op::Serial => true,
            Op::Write => self.writes,
            Op::Flush => self.flushes,
            Op::Discard => self.discard > 0,
            Op::Zeroes => self.zeroes > 0,
        }
    }

    /// How many of `sectors` one request without data can be about.
    #[must_use]
    pub fn part(&self, op: Op, sectors: u32) -> u32 {
        match op {
            Op::Discard => sectors.min(self.discard),
            Op::Zeroes => sectors.min(self.zeroes),
            _ => sectors,
        }
    }

    /// True when `count` sectors from `first` on are some, and all on the disk.
    #[must_use]
    pub const fn has(&self, first: u64, count: u32) -> bool {
        count > 0 && first < self.sectors && count as u64 <= self.sectors - first
    }
}

fn capacity<B: Bus>(regs: &Registers<B, LEN>) -> u64 {
    u64::from(regs.read(CAPACITY_HIGH)) << 32 | u64::from(regs.read(CAPACITY_LOW))
}

/// What `read` gives when the configuration did not change meanwhile.
fn steady<T, B: Bus>(regs: &Registers<B, LEN>, read: impl Fn() -> T) -> Result<T, ConfigError> {
    let once = || {
        let before = regs.read(GENERATION);
        let value = read();
        (regs.read(GENERATION) == before).then_some(value)
    };
    (0..ATTEMPTS).find_map(|_| once()).ok_or(ConfigError::Unsteady)
}
