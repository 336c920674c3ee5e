//! An input device (virtio 1.2, 5.8), as far as it says what it is without queues.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use nexus_rt::mmio::{Bus, ReadOnly, ReadWrite, Reg, RegArray, Registers, WriteOnly};
use nexus_rt::proto::device::Identity;
use nexus_virtio::{DeviceType, identify};

/// What this driver is for.
pub const INPUT: DeviceType = DeviceType::new(18, "input device");

/// Bytes of registers: those that every virtio-mmio device has, and its configuration space.
pub const LEN: usize = 0x188;

// virtio 1.2, 4.2.2.
/// Bits of the features that the device offers; which 32 of them, says the selector.
const OFFERED: Reg<u32, ReadOnly, 0x010> = Reg::NEW;
const OFFERED_SELECT: Reg<u32, WriteOnly, 0x014> = Reg::NEW;
/// Bits of the features that the driver takes, likewise.
const TAKEN: Reg<u32, WriteOnly, 0x020> = Reg::NEW;
const TAKEN_SELECT: Reg<u32, WriteOnly, 0x024> = Reg::NEW;
/// How far driver and device have come; storing 0 resets the device.
const STATUS: Reg<u32, ReadWrite, 0x070> = Reg::NEW;

// virtio 1.2, 5.8.4: the driver stores a question, and loads the length of the answer and its bytes.
const SELECT: Reg<u8, WriteOnly, 0x100> = Reg::NEW;
const SUBSELECT: Reg<u8, WriteOnly, 0x101> = Reg::NEW;
const SIZE: Reg<u8, ReadOnly, 0x102> = Reg::NEW;
const ANSWER: RegArray<u8, ReadOnly, 0x108, MOST> = RegArray::NEW;

/// Most bytes of an answer.
pub const MOST: usize = 128;

const ACKNOWLEDGE: u32 = 1;
const DRIVER: u32 = 2;
const FEATURES_OK: u32 = 8;
/// Bit 32 of the features, bit 0 of their second word: the device is as virtio 1 says.
const VERSION_1: u32 = 1;

/// Question: its name.
pub const NAME: (u8, u8) = (1, 0);
/// Question: bus, vendor, product and version, two bytes each.
pub const IDS: (u8, u8) = (3, 0);
/// Question: a bit for each key that it has.
pub const KEYS: (u8, u8) = (0x11, 1);

/// Why a window does not hold an input device that this driver is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no input device, or none at all.
    Identity(nexus_virtio::Refused),
    /// It does not offer to be as virtio 1 says, or does not agree to it.
    Features {
        /// Its status.
        status: u32,
    },
    /// It does not come back from a reset.
    Stuck {
        /// Its status.
        status: u32,
    },
    /// An answer that is longer than its room, or not what was asked for.
    Garbled {
        /// The question.
        question: (u8, u8),
        /// Bytes of the answer.
        len: usize,
    },
}

impl Refused {
    /// The DeviceID that was seen; 0 when it was not read, or names no device.
    #[must_use]
    pub const fn device_id(&self) -> u32 {
        match self {
            Refused::Identity(refused) => refused.device_id(),
            _ => INPUT.id(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Identity(refused) => refused.fmt(f),
            Refused::Features { status } => write!(f, "no virtio 1: status {status:#x}"),
            Refused::Stuck { status } => write!(f, "not reset: status {status:#x}"),
            Refused::Garbled { question: (select, subselect), len } => {
                write!(f, "{len} bytes for an answer to {select:#x}, {subselect}")
            }
        }
    }
}

/// An input device, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name. What is no printable ASCII stands as a question mark.
    pub name: String,
    /// Numbers of the bus that it says it is on, of its vendor, of the product, and of its version.
    pub ids: [u16; 4],
    /// How many keys it has.
    pub keys: u32,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Input { name, ids: [_, vendor, product, version], keys } = self;
        write!(f, "{name}, {keys} keys; ")?;
        write!(f, "vendor {vendor:#06x}, product {product:#06x}, version {version}")
    }
}

/// The driver of an input device.
#[derive(Debug)]
pub struct Driver<B> {
    regs: Registers<B, LEN>,
}

impl<B: Bus> Driver<B> {
    /// The driver of what begins where `bus` does.
    ///
    /// # Errors
    /// The bus is too small.
    pub fn new(bus: B) -> Result<Driver<B>, Refused> {
        let small = |small| Refused::Identity(nexus_virtio::Refused::TooSmall(small));
        Ok(Driver { regs: Registers::new(bus).map_err(small)? })
    }

    /// The bus, for a test to look at.
    pub fn bus(&self) -> &B {
        self.regs.bus()
    }

    /// Finds out what it is. Nothing is stored in what is no input device; one that is, is left reset:
    /// it has no queues, and reaches no memory.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn describe(&mut self) -> Result<(Identity, Input), Refused> {
        let identity = identify(&self.regs, INPUT).map_err(Refused::Identity)?;
        self.reset()?;
        let input = self.agree().and_then(|()| self.input());
        self.reset()?;
        Ok((identity, input?))
    }

    fn reset(&mut self) -> Result<(), Refused> {
        self.regs.write(STATUS, 0);
        match self.regs.read(STATUS) {
            0 => Ok(()),
            status => Err(Refused::Stuck { status }),
        }
    }

    /// A driver stores to the configuration space only when features are agreed on (virtio 1.2, 3.1.1).
    fn agree(&mut self) -> Result<(), Refused> {
        self.regs.write(STATUS, ACKNOWLEDGE);
        self.regs.write(STATUS, ACKNOWLEDGE | DRIVER);
        self.regs.write(OFFERED_SELECT, 1);
        let offered = self.regs.read(OFFERED);
        for (word, bits) in [(0, 0), (1, offered & VERSION_1)] {
            self.regs.write(TAKEN_SELECT, word);
            self.regs.write(TAKEN, bits);
        }
        self.regs.write(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
        let status = self.regs.read(STATUS);
        let agreed = offered & VERSION_1 != 0 && status == ACKNOWLEDGE | DRIVER | FEATURES_OK;
        if agreed { Ok(()) } else { Err(Refused::Features { status }) }
    }

    fn input(&mut self) -> Result<Input, Refused> {
        let name = self.ask(NAME)?;
        let ids = self.ask(IDS)?;
        let keys = self.ask(KEYS)?;
        // QEMU counts the zero at the end of its text.
        let name: String =
            name.iter().take_while(|byte| **byte != 0).map(|byte| letter(*byte)).collect();
        if name.is_empty() {
            return Err(Refused::Garbled { question: NAME, len: 0 });
        }
        let &[b0, b1, v0, v1, p0, p1, n0, n1] = ids.as_slice() else {
            return Err(Refused::Garbled { question: IDS, len: ids.len() });
        };
        let ids = [[b0, b1], [v0, v1], [p0, p1], [n0, n1]].map(u16::from_le_bytes);
        Ok(Input { name, ids, keys: keys.iter().map(|byte| byte.count_ones()).sum() })
    }

    fn ask(&mut self, question: (u8, u8)) -> Result<Vec<u8>, Refused> {
        self.regs.write(SELECT, question.0);
        self.regs.write(SUBSELECT, question.1);
        let len = self.regs.read(SIZE).into();
        // An answer that is longer than its room has bytes that are not there.
        let bytes: Option<Vec<u8>> = (0..len).map(|at| self.regs.read_at(ANSWER, at)).collect();
        bytes.ok_or(Refused::Garbled { question, len })
    }
}

/// A byte of the device's text as it may be shown.
fn letter(byte: u8) -> char {
    if matches!(byte, b' '..=b'~') { byte.into() } else { '?' }
}
