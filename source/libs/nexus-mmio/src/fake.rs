//! A device that is not there: the bus, and the memory shared with it, for host tests.

mod peer;
mod shared;

pub use peer::FakePeer;
pub use shared::{FakeMemory, FakeShared};

use core::cell::RefCell;
use std::collections::VecDeque;
use std::vec::Vec;

use crate::Bus;

/// One register access, as a device sees it. Widths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load, and what it gave.
    Read {
        /// Byte offset.
        offset: usize,
        /// 1, 2 or 4.
        width: usize,
        /// The value.
        value: u32,
    },
    /// A store.
    Write {
        /// Byte offset.
        offset: usize,
        /// 1, 2 or 4.
        width: usize,
        /// The value.
        value: u32,
    },
}

/// A simulated device.
pub trait Device {
    /// What a load of `width` bytes at `offset` gives. Bits past the width are cut off.
    fn read(&mut self, offset: usize, width: usize) -> u32;
    /// A store of `width` bytes at `offset`.
    fn write(&mut self, offset: usize, width: usize, value: u32);
}

/// A device that answers by closures: `read(offset, width)`, `write(offset, width, value)`.
pub struct Closures<R, W>(pub R, pub W);

impl<R: FnMut(usize, usize) -> u32, W: FnMut(usize, usize, u32)> Device for Closures<R, W> {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        (self.0)(offset, width)
    }
    fn write(&mut self, offset: usize, width: usize, value: u32) {
        (self.1)(offset, width, value);
    }
}

/// A device that expects exactly these accesses, in order, and gives the values of the loads.
/// Anything else panics, and so does dropping it with accesses left.
pub struct Script {
    left: VecDeque<Access>,
}

impl Script {
    /// A script.
    #[must_use]
    pub fn new(accesses: impl IntoIterator<Item = Access>) -> Script {
        Script { left: accesses.into_iter().collect() }
    }
}

impl Device for Script {
    fn read(&mut self, at: usize, bytes: usize) -> u32 {
        match self.left.pop_front() {
            Some(Access::Read { offset, width, value }) if (offset, width) == (at, bytes) => value,
            other => panic!("load of {bytes} bytes at {at:#x}, expected {other:x?}"),
        }
    }
    fn write(&mut self, offset: usize, width: usize, value: u32) {
        let got = Access::Write { offset, width, value };
        let expected = self.left.pop_front();
        assert!(expected == Some(got), "{got:x?}, expected {expected:x?}");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(self.left.is_empty(), "accesses that never came: {:x?}", self.left);
    }
}

/// A device whose driver dies after so many accesses: later ones do not reach it, and load all ones.
/// The device stays, for the driver's next life.
#[derive(Debug)]
pub struct Mortal<'a, D> {
    device: &'a mut D,
    left: usize,
}

impl<'a, D: Device> Mortal<'a, D> {
    /// `device`, which `accesses` reach.
    pub const fn new(device: &'a mut D, accesses: usize) -> Mortal<'a, D> {
        Mortal { device, left: accesses }
    }

    /// True when an access came too late.
    fn is_dead(&mut self) -> bool {
        let dead = self.left == 0;
        self.left = self.left.saturating_sub(1);
        dead
    }
}

impl<D: Device> Device for Mortal<'_, D> {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        if self.is_dead() { u32::MAX } else { self.device.read(offset, width) }
    }
    fn write(&mut self, offset: usize, width: usize, value: u32) {
        if !self.is_dead() {
            self.device.write(offset, width, value);
        }
    }
}

/// A bus of `len` bytes with a simulated device on it, which records every access.
pub struct FakeBus<D> {
    len: usize,
    state: RefCell<(D, Vec<Access>)>,
}

impl<D: Device> FakeBus<D> {
    /// A bus of `len` bytes.
    pub fn new(len: usize, device: D) -> FakeBus<D> {
        FakeBus { len, state: RefCell::new((device, Vec::new())) }
    }

    /// Every access so far.
    #[must_use]
    pub fn accesses(&self) -> Vec<Access> {
        self.state.borrow().1.clone()
    }

    /// Looks at the device, or changes it, between accesses.
    pub fn with_device<R>(&self, f: impl FnOnce(&mut D) -> R) -> R {
        f(&mut self.state.borrow_mut().0)
    }

    fn check(&self, offset: usize, width: usize) {
        assert!(offset.is_multiple_of(width), "access of {width} bytes at {offset:#x}");
        assert!(offset + width <= self.len, "access of {width} bytes at {offset:#x}");
    }

    fn load(&self, offset: usize, width: usize) -> u32 {
        self.check(offset, width);
        let (device, accesses) = &mut *self.state.borrow_mut();
        let value = device.read(offset, width) & (u32::MAX >> (32 - 8 * width));
        accesses.push(Access::Read { offset, width, value });
        value
    }

    fn store(&mut self, offset: usize, width: usize, value: u32) {
        self.check(offset, width);
        let (device, accesses) = self.state.get_mut();
        accesses.push(Access::Write { offset, width, value });
        device.write(offset, width, value);
    }
}

impl<D: Device> Bus for FakeBus<D> {
    fn len(&self) -> usize {
        self.len
    }
    fn read8(&self, offset: usize) -> u8 {
        self.load(offset, 1) as u8
    }
    fn read16(&self, offset: usize) -> u16 {
        self.load(offset, 2) as u16
    }
    fn read32(&self, offset: usize) -> u32 {
        self.load(offset, 4)
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.store(offset, 1, value.into());
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.store(offset, 2, value.into());
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.store(offset, 4, value);
    }
}
