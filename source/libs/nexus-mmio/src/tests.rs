//! Registers on a fake bus, and the real bus over memory.

use core::sync::atomic::AtomicU32;
use std::vec;
use std::vec::Vec;

use crate::fake::{Access, Closures, Device, FakeBus, Script};
use crate::*;

const ID: Reg<u32, ReadOnly, 0x0> = Reg::NEW;
const CONTROL: Reg<u16, ReadWrite, 0x4> = Reg::NEW;
const KICK: Reg<u8, WriteOnly, 0x7> = Reg::NEW;
const CONFIG: RegArray<u16, ReadWrite, 0x8, 4> = RegArray::NEW;

/// Memory as a device: loads give what was stored.
struct Memory(Vec<u8>);

impl Device for Memory {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        (0..width).map(|n| u32::from(self.0[offset + n]) << (8 * n)).sum()
    }
    fn write(&mut self, offset: usize, width: usize, value: u32) {
        self.0[offset..offset + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
}

fn memory(len: usize) -> FakeBus<Memory> {
    FakeBus::new(len, Memory(vec![0; len]))
}

#[test]
fn a_block_needs_a_bus_as_long() {
    assert!(Registers::<_, 16>::new(memory(17)).is_ok());
    assert!(Registers::<_, 16>::new(memory(16)).is_ok());
    let error = Registers::<_, 16>::new(memory(15)).map(|_| ()).unwrap_err();
    assert_eq!(error, TooSmall { has: 15, needs: 16 });
}

#[test]
fn a_bus_without_bytes_is_empty_and_too_small() {
    assert!(memory(0).is_empty() && !memory(1).is_empty());
    let error = Registers::<_, 16>::new(memory(0)).map(|_| ()).unwrap_err();
    assert_eq!(std::format!("{error}"), "window of 0 bytes, registers take 16");
}

#[test]
fn registers_have_their_width_and_place() {
    let mut regs = Registers::<_, 16>::new(memory(16)).unwrap();
    regs.bus().with_device(|memory| memory.0[..4].copy_from_slice(&[1, 2, 3, 4]));
    assert_eq!(regs.read(ID), 0x0403_0201);
    regs.write(CONTROL, 0xa55a);
    assert_eq!(regs.read(CONTROL), 0xa55a);
    regs.write(KICK, 9);
    let expected = [
        Access::Read { offset: 0, width: 4, value: 0x0403_0201 },
        Access::Write { offset: 4, width: 2, value: 0xa55a },
        Access::Read { offset: 4, width: 2, value: 0xa55a },
        Access::Write { offset: 7, width: 1, value: 9 },
    ];
    assert_eq!(regs.bus().accesses(), expected);
}

#[test]
fn arrays_end() {
    let mut regs = Registers::<_, 16>::new(memory(16)).unwrap();
    assert!(regs.write_at(CONFIG, 3, 0x1234));
    assert_eq!(regs.read_at(CONFIG, 3), Some(0x1234));
    let before = regs.bus().accesses().len();
    for index in [4, 5, usize::MAX] {
        assert!(!regs.write_at(CONFIG, index, 1));
        assert_eq!(regs.read_at(CONFIG, index), None);
    }
    assert_eq!(regs.bus().accesses().len(), before);
    assert_eq!(regs.bus_mut().read16(14), 0x1234);
}

#[test]
fn a_device_can_be_closures() {
    let bus = FakeBus::new(16, Closures(|offset, _| 0x1_0000 + offset as u32, |_, _, _| {}));
    let mut regs = Registers::<_, 16>::new(bus).unwrap();
    assert_eq!(regs.read(ID), 0x1_0000);
    assert_eq!(regs.read(CONTROL), 4, "bits past the width are cut off");
    regs.write(KICK, 1);
}

#[test]
fn a_script_is_followed() {
    let script = Script::new([
        Access::Read { offset: 0, width: 4, value: 7 },
        Access::Write { offset: 7, width: 1, value: 1 },
    ]);
    let mut regs = Registers::<_, 16>::new(FakeBus::new(16, script)).unwrap();
    assert_eq!(regs.read(ID), 7);
    regs.write(KICK, 1);
}

#[test]
#[should_panic(expected = "expected Some(Write")]
fn a_script_refuses_another_value() {
    let script = Script::new([Access::Write { offset: 7, width: 1, value: 1 }]);
    Registers::<_, 16>::new(FakeBus::new(16, script)).unwrap().write(KICK, 2);
}

#[test]
#[should_panic(expected = "load of 4 bytes at 0x0")]
fn a_script_refuses_another_access() {
    let script = Script::new([Access::Write { offset: 7, width: 1, value: 1 }]);
    Registers::<_, 16>::new(FakeBus::new(16, script)).unwrap().read(ID);
}

#[test]
#[should_panic(expected = "accesses that never came")]
fn a_script_is_followed_to_its_end() {
    drop(Script::new([Access::Write { offset: 7, width: 1, value: 1 }]));
}

#[test]
#[should_panic(expected = "access of 4 bytes at 0x2")]
fn the_fake_bus_refuses_what_registers_never_do() {
    memory(16).read32(2);
}

/// A window over memory that the test uses through the window only.
fn window(memory: &'static [AtomicU32; 4]) -> Window {
    let base = memory.as_ptr().expose_provenance();
    // SAFETY: (1) the memory is static: it stays, and is readable and writable. (2) It is aligned
    // to 4. (3) Its references are to atomics, which others may change.
    unsafe { Window::from_mapping(base, 16) }
}

#[test]
fn a_window_reads_and_writes() {
    static MEMORY: [AtomicU32; 4] = [
        AtomicU32::new(0x4433_2211),
        AtomicU32::new(0),
        AtomicU32::new(0),
        AtomicU32::new(0x9900_0000),
    ];
    let mut window = window(&MEMORY);
    assert_eq!((window.len(), window.is_empty()), (16, false));
    assert_eq!(window.read32(0), 0x4433_2211);
    assert_eq!(window.read16(2), 0x4433);
    assert_eq!(window.read8(15), 0x99);
    window.write32(4, 0x8765_4321);
    window.write16(4, 0xabcd);
    window.write8(7, 0xef);
    assert_eq!(window.read32(4), 0xef65_abcd);
    assert_eq!(window.read32(12), 0x9900_0000);
}

#[test]
fn a_window_answers_nothing_outside() {
    static MEMORY: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];
    let mut window = window(&MEMORY);
    for offset in [13, 14, 15, 16, 17, usize::MAX - 3, usize::MAX] {
        assert_eq!(window.read32(offset), u32::MAX);
        window.write32(offset, 0x5555_5555);
    }
    for offset in [1, 15, 16, usize::MAX] {
        assert_eq!(window.read16(offset), u16::MAX);
        window.write16(offset, 0x5555);
    }
    assert_eq!(window.read8(16), u8::MAX);
    window.write8(16, 0x55);
    assert!((0..16).all(|offset| window.read8(offset) == 0));
    let registers = Registers::<_, 17>::new(window);
    assert_eq!(registers.map(|_| ()), Err(TooSmall { has: 16, needs: 17 }));
}
