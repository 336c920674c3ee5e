//! Registers whose values are random now and then, between a driver and its device.

use core::cell::RefCell;

use nexus_abi::{Handle, Message, NO_DEADLINE};
use nexus_mmio::Bus;
use nexus_proto::ids;
use nexus_rt::{StartError, log, startup, sys};
use rogue::random::Random;

use crate::ask::{VALUES, Values};
use crate::change::random;

/// One in so many accesses has another value.
const ONE_IN: u64 = 8;
/// One in so many of these is to another register.
const ELSEWHERE: u64 = 8;

/// No handle: each life would tell the log the same lines again.
const NOBODY: Handle = Handle(u64::MAX);

/// What the values of this life follow from. A process without a device has none, and waits until the machine
/// ends: of it there is only its program, for init to start drivers from.
///
/// # Errors
/// Something is missing in the startup block, or init does not answer.
pub fn begin() -> Result<u64, StartError> {
    log::to_logd(NOBODY);
    let start = startup();
    if start.window().is_err() {
        let never = sys::notification_create()?;
        sys::wait(never, NO_DEADLINE, Handle::NONE)?;
    }
    let answer = sys::call(start.service(ids::INIT)?, &Message::new(VALUES, &[]), NO_DEADLINE)?;
    let values = Values::of(&answer.message).ok_or(StartError::BadMemory)?;
    Ok(values.seed)
}

/// The registers of a device.
#[derive(Debug)]
pub struct LyingBus<B> {
    bus: B,
    random: RefCell<Random>,
}

impl<B: Bus> LyingBus<B> {
    /// Those behind `bus`, with values that follow from `seed`.
    pub fn new(bus: B, seed: u64) -> LyingBus<B> {
        LyingBus { bus, random: RefCell::new(random(seed)) }
    }

    /// What is read, or written, where it would be `value`.
    fn value(&self, value: u32) -> u32 {
        let random = &mut *self.random.borrow_mut();
        if random.below(ONE_IN) != 0 {
            return value;
        }
        match random.below(4) {
            0 => random.next() as u32,
            1 => value ^ 1 << random.below(32),
            2 => 0,
            _ => u32::MAX,
        }
    }

    /// Where it is read or written.
    fn offset(&self, offset: usize, width: usize) -> usize {
        let random = &mut *self.random.borrow_mut();
        let places = self.bus.len().checked_div(width).unwrap_or(0) as u64;
        if places == 0 || random.below(ONE_IN * ELSEWHERE) != 0 {
            return offset;
        }
        random.below(places) as usize * width
    }
}

impl<B: Bus> Bus for LyingBus<B> {
    fn len(&self) -> usize {
        self.bus.len()
    }
    fn read8(&self, offset: usize) -> u8 {
        self.value(self.bus.read8(self.offset(offset, 1)).into()) as u8
    }
    fn read16(&self, offset: usize) -> u16 {
        self.value(self.bus.read16(self.offset(offset, 2)).into()) as u16
    }
    fn read32(&self, offset: usize) -> u32 {
        self.value(self.bus.read32(self.offset(offset, 4)))
    }
    fn write8(&mut self, offset: usize, value: u8) {
        let value = self.value(value.into()) as u8;
        self.bus.write8(self.offset(offset, 1), value);
    }
    fn write16(&mut self, offset: usize, value: u16) {
        let value = self.value(value.into()) as u16;
        self.bus.write16(self.offset(offset, 2), value);
    }
    fn write32(&mut self, offset: usize, value: u32) {
        let value = self.value(value);
        self.bus.write32(self.offset(offset, 4), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Same;

    impl Bus for Same {
        fn len(&self) -> usize {
            64
        }
        fn read8(&self, _: usize) -> u8 {
            7
        }
        fn read16(&self, _: usize) -> u16 {
            7
        }
        fn read32(&self, _: usize) -> u32 {
            7
        }
        fn write8(&mut self, _: usize, _: u8) {}
        fn write16(&mut self, _: usize, _: u16) {}
        fn write32(&mut self, offset: usize, _: u32) {
            assert!(offset < 64 && offset.is_multiple_of(4));
        }
    }

    #[test]
    fn some_values_are_others_and_the_same_ones_again() {
        let read = |seed| {
            let mut bus = LyingBus::new(Same, seed);
            let values: Vec<u32> = (0..800).map(|_| bus.read32(0)).collect();
            (0..800).for_each(|_| bus.write32(60, 7));
            values
        };
        let others = read(1).into_iter().filter(|value| *value != 7).count();
        assert!((50..150).contains(&others), "{others}");
        assert_eq!(read(1), read(1));
        assert_ne!(read(1), read(2));
    }
}
