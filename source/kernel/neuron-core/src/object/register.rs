//! Registers of a window that the kernel writes for its holder, because the page that they are in has
//! others that its holder must not write.

use nexus_abi::{Error, Rights};

use crate::Result;
use crate::object::capability::{Capability, Named};
use crate::object::window::Window;
use crate::store::addr::Frame;
use crate::store::pool::{Id, Pool, Slot};

/// What may be written through one capability to a window, and where the kernel reaches it: its number
/// in the pool is its place in the table of device pages that the kernel half has.
#[derive(Debug, Hash)]
pub struct Registers {
    /// Bit n: the 32-bit register at byte offset 4n of the window.
    pub mask: u64,
    /// The first page of the window; all these registers are in it.
    pub frame: Frame,
    /// Number of the line whose acknowledgement writes one of them: at most one.
    pub line: Option<u32>,
}

const _: () = assert!(size_of::<Slot<Registers>>() == 32, "a mask is looked up by a shift");

/// Entries of a page table: of the table of device pages, the first is not used.
pub const DEVICE_PAGES: u32 = 512;

/// Bytes in which the registers of a mask lie.
const REACH: u64 = 64 * REGISTER;

/// Bytes of a register.
const REGISTER: u64 = 4;

/// A register that may be written. It lasts as long as the capability that it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Register {
    /// The page that it is in.
    pub page: Id<Registers>,
    /// Its first byte there, a multiple of 4, below 256.
    pub offset: u64,
}

impl Register {
    /// The register at a byte offset of a window, and what to write: the checks of RFC-0002, section 8,
    /// from the second one on.
    ///
    /// # Errors
    /// `WrongKind`, `Denied`, `Misaligned`, `OutOfRange`, `BadArgument` for a value above 32 bits,
    /// `RegisterDenied`, `Busy`, in this order.
    #[inline(always)]
    pub(crate) fn of(
        cap: &Capability,
        all: &Pool<'_, Registers>,
        offset: u64,
        value: u64,
    ) -> Result<(Register, u32)> {
        Window::of(cap.kind)?;
        let may = cap.rights.contains(Rights::WRITE) && !cap.rights.contains(Rights::DERIVE);
        let page = cap.registers().filter(|_| may).ok_or(Error::Denied)?;
        if !offset.is_multiple_of(REGISTER) {
            return Err(Error::Misaligned);
        }
        // A window has a page at least.
        if offset >= REACH {
            return Err(Error::OutOfRange);
        }
        let value = u32::try_from(value).map_err(|_| Error::BadArgument)?;
        if all.get(page)?.mask >> (offset / REGISTER) & 1 == 0 {
            return Err(Error::RegisterDenied);
        }
        if !cap.children.is_empty() {
            return Err(Error::Busy);
        }
        Ok((Register { page, offset }, value))
    }
}
