//! Which device is in the window. Anything but the expected one is refused.

use core::fmt;

use nexus_mmio::{Bus, Registers, TooSmall};
use nexus_proto::device::Identity;

use crate::regs::{DEVICE_ID, LEGACY, MAGIC, MAGIC_VALUE, MODERN, VENDOR_ID, VERSION};

/// What a device is (virtio 1.2, 5): a DeviceID, and a name for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceType {
    id: u32,
    name: &'static str,
}

impl DeviceType {
    /// Network card.
    pub const NETWORK: DeviceType = DeviceType::new(1, "network card");
    /// Block device.
    pub const BLOCK: DeviceType = DeviceType::new(2, "block device");
    /// Source of entropy.
    pub const ENTROPY: DeviceType = DeviceType::new(4, "entropy source");

    /// Another one. `id` is its DeviceID, and not 0, which stands for an empty slot.
    #[must_use]
    pub const fn new(id: u32, name: &'static str) -> DeviceType {
        DeviceType { id, name }
    }

    /// Its DeviceID.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.id
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// Why a window does not hold the device that its driver is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The window is smaller than the registers.
    TooSmall(TooSmall),
    /// MagicValue is another one: not virtio-mmio.
    NotVirtio {
        /// What it holds.
        magic: u32,
    },
    /// The device offers the legacy interface only.
    Legacy,
    /// A version that is not known.
    UnknownVersion {
        /// What Version holds.
        version: u32,
    },
    /// The slot is empty.
    Empty,
    /// Another device.
    WrongDevice {
        /// What DeviceID holds.
        found: u32,
        /// What it must hold.
        expected: DeviceType,
    },
}

impl Refused {
    /// The DeviceID that was seen; 0 when it was not read, or names no device.
    #[must_use]
    pub const fn device_id(&self) -> u32 {
        match self {
            Refused::WrongDevice { found, .. } => *found,
            _ => 0,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::TooSmall(small) => small.fmt(f),
            Refused::NotVirtio { magic } => {
                write!(f, "not a virtio device: magic {magic:#010x}, expected {MAGIC:#010x}")
            }
            Refused::Legacy => f.write_str(
                "legacy virtio (version 1), expected 2; \
                 QEMU needs -global virtio-mmio.force-legacy=off",
            ),
            Refused::UnknownVersion { version } => {
                write!(f, "virtio version {version}, expected {MODERN}")
            }
            Refused::Empty => f.write_str("the slot is empty"),
            Refused::WrongDevice { found, expected } => {
                let id = expected.id();
                write!(f, "DeviceID {found}, expected {id} ({})", expected.name())
            }
        }
    }
}

/// Reads the identity registers and compares them with `expected`. Only reads, and stops at the
/// first register that is not as it must be. `BYTES` is the length of the driver's block of registers:
/// [`LEN`](crate::regs::LEN), and as much of the configuration space as it uses.
///
/// # Errors
/// What is there instead.
pub fn identify<B: Bus, const BYTES: usize>(
    regs: &Registers<B, BYTES>,
    expected: DeviceType,
) -> Result<Identity, Refused> {
    let magic = regs.read(MAGIC_VALUE);
    if magic != MAGIC {
        return Err(Refused::NotVirtio { magic });
    }
    let version = match regs.read(VERSION) {
        MODERN => MODERN,
        LEGACY => return Err(Refused::Legacy),
        version => return Err(Refused::UnknownVersion { version }),
    };
    let device_id = match regs.read(DEVICE_ID) {
        0 => return Err(Refused::Empty),
        id if id == expected.id() => id,
        found => return Err(Refused::WrongDevice { found, expected }),
    };
    Ok(Identity { magic, version, device_id, vendor_id: regs.read(VENDOR_ID) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regs::LEN;
    use nexus_mmio::fake::{Access, Closures, FakeBus};

    const QEMU: u32 = 0x554d_4551;

    type Fake = Registers<FakeBus<Closures<Load, Store>>, LEN>;
    type Load = Box<dyn FnMut(usize, usize) -> u32>;
    type Store = fn(usize, usize, u32);

    fn fake(registers: [u32; 4]) -> Fake {
        let load = move |offset: usize, width| {
            assert_eq!(width, 4);
            registers[offset / 4]
        };
        let device: Closures<Load, Store> =
            Closures(Box::new(load), |_, _, _| panic!("identification stores nothing"));
        Registers::new(FakeBus::new(0x1000, device)).unwrap()
    }

    fn outcome(registers: [u32; 4], expected: DeviceType) -> Result<Identity, Refused> {
        identify(&fake(registers), expected)
    }

    #[test]
    fn accepts_each_device_for_what_it_is() {
        for kind in [DeviceType::NETWORK, DeviceType::BLOCK, DeviceType::ENTROPY] {
            let identity = outcome([MAGIC, 2, kind.id(), QEMU], kind);
            let device_id = kind.id();
            let expected = Identity { magic: MAGIC, version: 2, device_id, vendor_id: QEMU };
            assert_eq!(identity, Ok(expected));
        }
    }

    // attack 42 U: no virtio device in the window; refused
    #[test]
    fn refuses_a_wrong_magic() {
        for magic in [0, MAGIC - 1, MAGIC + 1, MAGIC.swap_bytes(), u32::MAX] {
            let expected = Err(Refused::NotVirtio { magic });
            assert_eq!(outcome([magic, 2, 4, QEMU], DeviceType::ENTROPY), expected);
        }
    }

    #[test]
    fn refuses_legacy_and_unknown_versions() {
        assert_eq!(outcome([MAGIC, 1, 4, QEMU], DeviceType::ENTROPY), Err(Refused::Legacy));
        for version in [0, 3, u32::MAX] {
            let expected = Err(Refused::UnknownVersion { version });
            assert_eq!(outcome([MAGIC, version, 4, QEMU], DeviceType::ENTROPY), expected);
        }
    }

    // attack 42 U: another device, or none, in the window; refused; broken: device-id
    #[test]
    fn refuses_an_empty_slot_and_another_device() {
        assert_eq!(outcome([MAGIC, 2, 0, QEMU], DeviceType::BLOCK), Err(Refused::Empty));
        for found in [1, 3, 4, u32::MAX] {
            let expected = DeviceType::BLOCK;
            let refused = Err(Refused::WrongDevice { found, expected });
            assert_eq!(outcome([MAGIC, 2, found, QEMU], expected), refused);
        }
    }

    #[test]
    fn reads_no_further_than_the_first_mismatch() {
        let regs = fake([0, 2, 4, QEMU]);
        assert!(identify(&regs, DeviceType::ENTROPY).is_err());
        let loads = [Access::Read { offset: 0, width: 4, value: 0 }];
        assert_eq!(regs.bus().accesses(), loads);
    }

    #[test]
    fn says_what_to_do_about_a_legacy_device() {
        let text = alloc::format!("{}", Refused::Legacy);
        assert!(text.contains("force-legacy=off"), "{text}");
    }

    #[test]
    fn another_device_is_told_with_both_names() {
        let refused = Refused::WrongDevice { found: 16, expected: DeviceType::ENTROPY };
        assert_eq!(refused.device_id(), 16);
        let text = alloc::format!("{refused}");
        assert_eq!(text, "DeviceID 16, expected 4 (entropy source)");
        assert_eq!(Refused::Empty.device_id(), 0);
    }
}
