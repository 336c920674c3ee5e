//! The simulated machine: RAM, a clock, a timer, an interrupt controller, and a console.

use std::boxed::Box;
use std::vec::Vec;

use super::plic::Plic;
use crate::platform::{Asid, PhysMem, Platform};
use crate::store::addr::{Frame, Page};

/// What RAM holds before anything is written: a frame that is used without being cleared shows.
pub const GARBAGE: u64 = 0xa5a5_a5a5_a5a5_a5a5;

/// First address of RAM.
pub const RAM_BASE: u64 = 0x8000_0000;

/// First address of the second bank, a terabyte further.
pub const FAR_BASE: u64 = RAM_BASE + (1 << 40);

/// A machine with one hart.
#[derive(Debug)]
pub struct Machine {
    ram: Vec<Option<Box<[u64; 512]>>>,
    /// How many of its frames, the last ones, are in the second bank.
    far: u32,
    /// The `time` CSR.
    pub now: u64,
    /// The tick of the next timer interrupt.
    pub timer: u64,
    /// True when an interrupt waits to be taken.
    pub pending: bool,
    /// The interrupt controller.
    pub plic: Plic,
    /// What was written to the console.
    pub console: Vec<u8>,
    /// How often instruction memory was fenced.
    pub code_fences: u32,
    /// Root tables that were taken out of use.
    pub retired: Vec<Frame>,
    /// The table of device pages, and what the TLB has of it: what was there at the last fence.
    devices: Vec<u64>,
    known: Vec<u64>,
    /// Stores to registers of devices: physical address, and value.
    pub stores: Vec<(u64, u32)>,
    /// What is read from any register of a device.
    pub status: u32,
    /// A device that lowers the level of its line when the register at this physical address is written.
    pub acknowledged: Option<(u64, u32)>,
}

impl Machine {
    /// A machine with this many frames of RAM, so many of them in the second bank, and this many
    /// interrupt lines.
    #[must_use]
    pub fn new(frames: u32, far: u32, lines: u32) -> Machine {
        Machine {
            ram: (0..frames).map(|_| None).collect(),
            far,
            now: 1_000_000,
            timer: u64::MAX,
            pending: false,
            plic: Plic::new(lines),
            console: Vec::new(),
            code_fences: 0,
            retired: Vec::new(),
            devices: std::vec![0; 512],
            known: std::vec![0; 512],
            stores: Vec::new(),
            status: 0,
            acknowledged: None,
        }
    }

    fn place(&self, frame: Frame) -> usize {
        let near = self.ram.len() - usize::try_from(self.far).expect("64-bit host");
        let place = |base: u64| usize::try_from(frame.address().checked_sub(base)? >> 12).ok();
        match place(FAR_BASE) {
            Some(place) => near + place,
            None => place(RAM_BASE).filter(|place| *place < near).expect("no RAM"),
        }
    }
}

impl PhysMem for Machine {
    fn read(&self, frame: Frame, index: usize) -> u64 {
        let words = self.ram.get(self.place(frame)).expect("past RAM");
        words.as_ref().map_or(GARBAGE, |words| words[index])
    }

    fn write(&mut self, frame: Frame, index: usize, value: u64) {
        let place = self.place(frame);
        let words = self.ram.get_mut(place).expect("past RAM");
        words.get_or_insert_with(|| Box::new([GARBAGE; 512]))[index] = value;
    }

    fn next_word(&self, frame: Frame, index: usize) -> Option<(usize, u64)> {
        let Some(words) = self.ram.get(self.place(frame)).expect("past RAM") else {
            return (index < 512).then_some((index, GARBAGE));
        };
        // Whole lines first: most of a table is zero.
        let mut from = index;
        while from < 512 && from.is_multiple_of(16) {
            if words[from..from + 16].iter().fold(0, |all, word| all | word) != 0 {
                break;
            }
            from += 16;
        }
        let found = from + words[from.min(512)..].iter().position(|word| *word != 0)?;
        Some((found, words[found]))
    }

    fn zero(&mut self, frame: Frame) {
        let place = self.place(frame);
        match self.ram.get_mut(place).expect("past RAM") {
            Some(words) => words.fill(0),
            words => *words = Some(Box::new([0; 512])),
        }
    }
}

impl Platform for Machine {
    fn now(&self) -> u64 {
        self.now
    }

    fn set_timer(&mut self, tick: u64) {
        self.timer = tick;
    }

    fn interrupt_pending(&self) -> bool {
        self.pending || self.plic.waits()
    }

    fn fence_page(&mut self, _: Asid, _: Page) {}

    fn fence_space(&mut self, _: Asid) {}

    fn set_device(&mut self, index: u32, entry: u64) {
        self.devices[place(index)] = entry;
    }

    fn device_entry(&self, index: u32) -> u64 {
        self.devices[place(index)]
    }

    fn fence_kernel(&mut self) {
        self.known.copy_from_slice(&self.devices);
    }

    fn write_device(&mut self, index: u32, offset: u64, value: u32) {
        let entry = self.known[place(index)];
        // V, R and W, not U.
        assert_eq!(entry & 0b1_0111, 0b111, "no page of the kernel's to store to");
        assert!(offset < 4096 && offset.is_multiple_of(4), "no register");
        let address = ((entry >> 10) << 12) + offset;
        self.stores.push((address, value));
        if let Some((_, line)) = self.acknowledged.filter(|(at, _)| *at == address) {
            self.plic.set_level(line, false);
        }
    }

    fn read_device(&self, index: u32, offset: u64) -> u32 {
        assert_eq!(
            self.known[place(index)] & 0b1_0011,
            0b11,
            "no page of the kernel's to load from"
        );
        assert!(offset < 4096 && offset.is_multiple_of(4), "no register");
        self.status
    }

    fn fence_code(&mut self) {
        self.code_fences += 1;
    }

    fn retire_root(&mut self, root: Frame) {
        self.retired.push(root);
    }

    fn satp(&self, root: Frame, asid: Asid) -> u64 {
        (8 << 60) | (u64::from(asid.0) << 44) | root.number()
    }

    fn kernel_entry(&self, index: usize) -> u64 {
        // Two gigapages of kernel, readable and writable, global, not for user mode.
        match index {
            256 => (0x8_0000 << 10) | 0xe7,
            257 => (0xc_0000 << 10) | 0xe7,
            _ => 0,
        }
    }

    fn claim(&mut self) -> u32 {
        self.plic.claim()
    }

    fn rearm(&mut self, line: u32) {
        self.plic.complete(line);
    }

    fn open(&mut self, line: u32) {
        self.plic.enable(line, true);
    }

    fn close(&mut self, line: u32, claimed: bool) {
        if claimed {
            self.plic.complete(line);
        }
        self.plic.enable(line, false);
    }

    fn is_open(&self, line: u32) -> bool {
        self.plic.source(line).open
    }

    fn console_write(&mut self, bytes: &[u8]) {
        self.console.extend_from_slice(bytes);
    }
}

fn place(index: u32) -> usize {
    assert!((1..512).contains(&index), "no entry of the table of device pages");
    usize::try_from(index).expect("64-bit host")
}
