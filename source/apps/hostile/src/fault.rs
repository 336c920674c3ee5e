//! How a hostile process must end.

use crate::code::Instruction;
use crate::place;

/// What `scause` holds (RISC-V Privileged 1.12, table 4.2).
pub mod cause {
    /// Illegal instruction.
    pub const ILLEGAL: u64 = 2;
    /// Breakpoint.
    pub const BREAKPOINT: u64 = 3;
    /// Instruction page fault.
    pub const EXECUTE: u64 = 12;
    /// Load page fault.
    pub const LOAD: u64 = 13;
    /// Store page fault.
    pub const STORE: u64 = 15;

    /// The name of a cause, for people.
    #[must_use]
    pub const fn name(cause: u64) -> &'static str {
        match cause {
            ILLEGAL => "an illegal instruction",
            BREAKPOINT => "a breakpoint",
            EXECUTE => "an instruction page fault",
            LOAD => "a load page fault",
            STORE => "a store page fault",
            _ => "another fault",
        }
    }
}

/// What `stval` may hold. Where the standard lets the hardware choose, so does this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stval {
    /// This address.
    Address(u64),
    /// The instruction, or zero.
    Instruction(Instruction),
    /// The program counter, or zero.
    Pc,
}

/// A fault, as the kernel must tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `scause`.
    pub cause: u64,
    /// `stval`.
    pub stval: Stval,
    /// Where the process was.
    pub pc: u64,
}

impl Fault {
    /// True when these three are what the kernel must tell.
    #[must_use]
    pub fn fits(&self, cause: u64, stval: u64, pc: u64) -> bool {
        let value = match self.stval {
            Stval::Address(address) => stval == address,
            Stval::Instruction(word) => stval == 0 || stval == u64::from(word),
            Stval::Pc => stval == 0 || stval == pc,
        };
        value && cause == self.cause && pc == self.pc
    }

    /// At the jump to `target`.
    pub(crate) const fn jump_to(target: u64) -> Fault {
        Fault { cause: cause::EXECUTE, stval: Stval::Address(target), pc: target }
    }

    /// At instruction `index` of the code, which loads from `address`.
    pub(crate) const fn load(index: u64, address: u64) -> Fault {
        Fault { cause: cause::LOAD, stval: Stval::Address(address), pc: pc(index) }
    }

    /// At instruction `index` of the code, which stores to `address`.
    pub(crate) const fn store(index: u64, address: u64) -> Fault {
        Fault { cause: cause::STORE, stval: Stval::Address(address), pc: pc(index) }
    }

    /// At the first instruction of the code, which user mode does not have.
    pub(crate) const fn illegal(word: Instruction) -> Fault {
        Fault { cause: cause::ILLEGAL, stval: Stval::Instruction(word), pc: pc(0) }
    }

    /// At instruction `index` of the code, an `ebreak`.
    pub(crate) const fn breakpoint(index: u64) -> Fault {
        Fault { cause: cause::BREAKPOINT, stval: Stval::Pc, pc: pc(index) }
    }
}

const fn pc(index: u64) -> u64 {
    place::CODE + 4 * index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_fault_fits() {
        let fault = Fault::load(1, 0x1000);
        assert!(fault.fits(13, 0x1000, place::CODE + 4));
        assert!(!fault.fits(15, 0x1000, place::CODE + 4));
        assert!(!fault.fits(13, 0x1001, place::CODE + 4));
        assert!(!fault.fits(13, 0, place::CODE + 4));
        assert!(!fault.fits(13, 0x1000, place::CODE));
    }

    #[test]
    fn stval_may_be_zero_only_where_the_standard_says_so() {
        let illegal = Fault::illegal(0x73);
        assert!(illegal.fits(2, 0, place::CODE) && illegal.fits(2, 0x73, place::CODE));
        assert!(!illegal.fits(2, 0x74, place::CODE));
        let broken = Fault::breakpoint(2);
        assert!(
            broken.fits(3, 0, place::CODE + 8) && broken.fits(3, place::CODE + 8, place::CODE + 8)
        );
        assert!(!broken.fits(3, 1, place::CODE + 8));
        assert!(!Fault::jump_to(0x1000).fits(12, 0, 0x1000));
    }
}
