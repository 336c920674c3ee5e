//! What a bank of flash is made of.

use core::fmt;

/// Most regions that a bank may have here. Chips that exist have one to three.
pub const MAX_REGIONS: usize = 4;

/// Blocks of one length, side by side. A block is what is erased at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// How many, 1 to 65,536; 0 in a region that is not there.
    pub blocks: u32,
    /// Bytes of each, of the whole bank.
    pub block_len: u32,
}

impl Region {
    /// Bytes of all of them.
    #[must_use]
    pub fn len(self) -> u64 {
        u64::from(self.blocks) * u64::from(self.block_len)
    }

    /// True for a region that is not there.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.blocks == 0
    }
}

/// A bank of flash, as its chips describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flash {
    /// Who made the chips (JEDEC JEP106).
    pub manufacturer: u16,
    /// Which chips they are.
    pub device: u16,
    /// How they are programmed: 1 is Intel's command set.
    pub command_set: u16,
    /// Bytes of the bank.
    pub len: u64,
    /// Its regions, from the lowest address; those that are not there come last.
    pub regions: [Region; MAX_REGIONS],
}

impl fmt::Display for Flash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of NOR flash", Bytes(self.len))?;
        for Region { blocks, block_len } in self.regions.iter().filter(|one| !one.is_empty()) {
            write!(f, ", {blocks} blocks of {}", Bytes((*block_len).into()))?;
        }
        let Flash { manufacturer, device, command_set, .. } = self;
        write!(f, "; maker {manufacturer:#x}, device {device:#x}, command set {command_set}")
    }
}

/// A number of bytes, in the largest unit of which it is a whole number.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes.is_multiple_of(1 << 20) => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes.is_multiple_of(1 << 10) => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
