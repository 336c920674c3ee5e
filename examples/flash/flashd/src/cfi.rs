//! The Common Flash Interface (JEDEC JESD68.01), as far as it says what a flash is.
//!
//! A bank is two 16-bit chips side by side: one in the low half of each 32-bit word, one in the
//! high half. A command goes to both, and both answer. Chips are in one of three modes: reading
//! the array, where loads give its contents, answering queries, and telling their identity.

use core::fmt;

use nexus_rt::mmio::{Bus, ReadOnly, Reg, RegArray, Registers, TooSmall, WriteOnly};

use crate::geometry::{Flash, MAX_REGIONS, Region};

/// Chips in a bank.
const CHIPS: u32 = 2;
/// Bytes of the bank that hold one word of each chip.
const STRIDE: usize = 4;
/// Bytes of the bank that this driver touches: 256 words of each chip.
pub const LEN: usize = at(0x100);

/// Where the word at an address of the chips is.
const fn at(address: usize) -> usize {
    address * STRIDE
}

/// Takes commands, in any mode.
const COMMAND: Reg<u32, WriteOnly, { at(0) }> = Reg::NEW;
/// Takes the command that begins a query.
const QUERY: Reg<u32, WriteOnly, { at(0x55) }> = Reg::NEW;
/// A word of the array.
const ARRAY: Reg<u32, ReadOnly, { at(0x10) }> = Reg::NEW;

/// Identity: who made the chips.
const MANUFACTURER: Reg<u32, ReadOnly, { at(0) }> = Reg::NEW;
/// Identity: which chips they are.
const DEVICE: Reg<u32, ReadOnly, { at(1) }> = Reg::NEW;

/// Query: "QRY".
const MAGIC: RegArray<u32, ReadOnly, { at(0x10) }, 3> = RegArray::NEW;
/// Query: command set, low byte first.
const COMMAND_SET: RegArray<u32, ReadOnly, { at(0x13) }, 2> = RegArray::NEW;
/// Query: a chip has 2 to the power of this bytes.
const SIZE: Reg<u32, ReadOnly, { at(0x27) }> = Reg::NEW;
/// Query: regions of blocks.
const REGION_COUNT: Reg<u32, ReadOnly, { at(0x2c) }> = Reg::NEW;
/// Query: four bytes a region: blocks less one, then bytes of a block in units of 256.
const REGIONS: RegArray<u32, ReadOnly, { at(0x2d) }, { 4 * MAX_REGIONS }> = RegArray::NEW;

/// The command that begins a query.
const BEGIN_QUERY: u16 = 0x98;
/// The command to tell the identity.
const BEGIN_IDENTITY: u16 = 0x90;
/// The command to read the array again.
const READ_ARRAY: u16 = 0xff;

/// What [`MAGIC`] holds.
pub const MAGIC_TEXT: [u8; 3] = *b"QRY";

/// Why a window does not hold a bank of flash that this driver is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The window is smaller than the registers.
    TooSmall(TooSmall),
    /// Nobody answers the query.
    NoAnswer {
        /// The words where "QRY" must be.
        found: [u32; 3],
    },
    /// The two chips do not give one answer.
    Garbled {
        /// The word that they gave.
        word: u32,
    },
    /// A number of regions that this driver has no room for, or none.
    Regions {
        /// The number.
        count: u8,
    },
    /// The regions are not as long as the bank, or the bank is not as long as its window.
    Length {
        /// Bytes of the bank.
        bank: u64,
        /// Bytes of its regions.
        regions: u64,
        /// Bytes of the window.
        window: u64,
    },
    /// It answered, and does not go back to reading the array.
    Stuck,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::TooSmall(small) => small.fmt(f),
            Refused::NoAnswer { found } => write!(f, "no flash: {found:x?} in place of QRY"),
            Refused::Garbled { word } => write!(f, "the two chips do not agree: {word:#010x}"),
            Refused::Regions { count } => write!(f, "{count} regions of blocks"),
            Refused::Length { bank, regions, window } => {
                write!(f, "{bank} bytes of flash, {regions} in its regions, {window} in its window")
            }
            Refused::Stuck => f.write_str("it does not go back to reading the array"),
        }
    }
}

/// What the chips answer to a query.
struct Answers {
    command_set: u16,
    len: u64,
    regions: [Region; MAX_REGIONS],
}

/// A bank of flash.
#[derive(Debug)]
pub struct Bank<B> {
    regs: Registers<B, LEN>,
}

impl<B: Bus> Bank<B> {
    /// The bank that begins where `bus` does.
    ///
    /// # Errors
    /// `TooSmall`.
    pub fn new(bus: B) -> Result<Bank<B>, Refused> {
        Ok(Bank { regs: Registers::new(bus).map_err(Refused::TooSmall)? })
    }

    /// The bus, for a test to look at.
    pub fn bus(&self) -> &B {
        self.regs.bus()
    }

    /// Finds out what it is. `window_len` is how many bytes it must have: those of its window.
    /// Whatever comes out, it is left reading its array, and nothing in it has changed.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn identify(&mut self, window_len: u64) -> Result<Flash, Refused> {
        // Whoever had it before may have left it in any mode.
        self.command(READ_ARRAY);
        let before = self.regs.read(ARRAY);
        let Answers { command_set, len, regions } = self.query()?;
        let [manufacturer, device] = self.identity()?;
        if self.regs.read(ARRAY) != before {
            return Err(Refused::Stuck);
        }
        let total = regions.iter().map(|region| region.len()).sum();
        if len != total || len != window_len {
            return Err(Refused::Length { bank: len, regions: total, window: window_len });
        }
        Ok(Flash { manufacturer, device, command_set, len, regions })
    }

    fn command(&mut self, command: u16) {
        self.regs.write(COMMAND, both(command));
    }

    fn query(&mut self) -> Result<Answers, Refused> {
        self.regs.write(QUERY, both(BEGIN_QUERY));
        let answers = self.answers();
        self.command(READ_ARRAY);
        answers
    }

    fn identity(&mut self) -> Result<[u16; 2], Refused> {
        self.command(BEGIN_IDENTITY);
        let words = [self.regs.read(MANUFACTURER), self.regs.read(DEVICE)];
        self.command(READ_ARRAY);
        let [manufacturer, device] = words.map(agreed);
        Ok([manufacturer?, device?])
    }

    /// In query mode.
    fn answers(&self) -> Result<Answers, Refused> {
        let found = [0, 1, 2].map(|index| self.regs.read_at(MAGIC, index).unwrap_or_default());
        if found != MAGIC_TEXT.map(|byte| both(byte.into())) {
            return Err(Refused::NoAnswer { found });
        }
        let [low, high] =
            [0, 1].map(|index| self.regs.read_at(COMMAND_SET, index).unwrap_or_default());
        let command_set = u16::from_le_bytes([byte(low)?, byte(high)?]);
        let size = byte(self.regs.read(SIZE))?;
        let len = u64::from(CHIPS).checked_shl(size.into()).unwrap_or(0);
        Ok(Answers { command_set, len, regions: self.regions()? })
    }

    /// In query mode.
    fn regions(&self) -> Result<[Region; MAX_REGIONS], Refused> {
        let count = byte(self.regs.read(REGION_COUNT))?;
        let mut regions = [Region::default(); MAX_REGIONS];
        if !(1..=MAX_REGIONS).contains(&count.into()) {
            return Err(Refused::Regions { count });
        }
        for (index, region) in regions.iter_mut().enumerate().take(count.into()) {
            *region = self.region(index)?;
        }
        Ok(regions)
    }

    fn region(&self, index: usize) -> Result<Region, Refused> {
        let mut bytes = [0; 4];
        for (offset, to) in bytes.iter_mut().enumerate() {
            *to = byte(self.regs.read_at(REGIONS, 4 * index + offset).unwrap_or_default())?;
        }
        let [b0, b1, b2, b3] = bytes;
        let blocks = u32::from(u16::from_le_bytes([b0, b1])) + 1;
        // 0 stands for 128 bytes, every other number for so many times 256.
        let of_chip = match u16::from_le_bytes([b2, b3]) {
            0 => 128,
            units => u32::from(units) * 256,
        };
        Ok(Region { blocks, block_len: of_chip * CHIPS })
    }
}

/// A word that says the same to both chips.
const fn both(half: u16) -> u32 {
    (half as u32) << 16 | half as u32
}

/// What both chips say.
fn agreed(word: u32) -> Result<u16, Refused> {
    let [l0, l1, h0, h1] = word.to_le_bytes();
    if [l0, l1] == [h0, h1] {
        Ok(u16::from_le_bytes([l0, l1]))
    } else {
        Err(Refused::Garbled { word })
    }
}

/// The byte that both chips say.
fn byte(word: u32) -> Result<u8, Refused> {
    u8::try_from(agreed(word)?).map_err(|_| Refused::Garbled { word })
}
