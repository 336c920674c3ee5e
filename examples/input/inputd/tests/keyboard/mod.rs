//! A keyboard that is not there: virtio 1.2, 4.2.2 and 5.8, without queues.

use std::collections::BTreeMap;

use inputd::driver::{IDS, KEYS, NAME};
use nexus_rt::mmio::fake::Device;

const FEATURES_OK: u32 = 8;

/// A virtio input device.
#[derive(Clone, Debug)]
pub struct Keyboard {
    /// Its first four registers: magic, version, DeviceID, vendor.
    pub identity: [u32; 4],
    /// The features that it offers.
    pub offered: [u32; 2],
    /// Whether it lets features be agreed on.
    pub agrees: bool,
    /// Whether a reset does nothing.
    pub stuck: bool,
    /// Its status.
    pub status: u32,
    /// What it answers to which question; to others, nothing.
    pub answers: BTreeMap<(u8, u8), Vec<u8>>,
    /// The question that it was asked last.
    pub question: (u8, u8),
    /// Which word of its features is seen: of those offered, of those taken.
    pub select: [usize; 2],
    /// The features that the driver took.
    pub taken: [u32; 2],
}

impl Keyboard {
    /// QEMU's, with fewer keys.
    pub fn of_qemu() -> Keyboard {
        let answers = [
            (NAME, b"QEMU Virtio Keyboard\0".to_vec()),
            (IDS, vec![6, 0, 0x27, 0x06, 1, 0, 1, 0]),
            (KEYS, vec![0b1110, 0, 0b11, 0b1000_0000]),
        ];
        Keyboard {
            identity: [0x7472_6976, 2, 18, 0x554d_4551],
            offered: [0x3000_0000, 1],
            agrees: true,
            stuck: false,
            status: 0,
            answers: answers.into(),
            question: (0, 0),
            select: [0; 2],
            taken: [0; 2],
        }
    }

    fn set_status(&mut self, status: u32) {
        if status == 0 {
            if !self.stuck {
                self.status = 0;
            }
            return;
        }
        assert!(status & !0b1011 == 0, "{status:#x} starts the device");
        assert_eq!(status & self.status, self.status, "bits of the status are only set");
        let agreed = status & FEATURES_OK != 0 && self.status & FEATURES_OK == 0;
        if agreed {
            assert_eq!(self.taken[0], 0, "features that the driver does not know");
        }
        self.status = if agreed && !self.agrees { status & !FEATURES_OK } else { status };
    }

    fn answer(&self) -> &[u8] {
        self.answers.get(&self.question).map_or(&[], Vec::as_slice)
    }
}

impl Device for Keyboard {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        assert_eq!(width, if offset < 0x100 { 4 } else { 1 });
        match offset {
            0x000..0x010 => self.identity[offset / 4],
            0x010 => self.offered[self.select[0]],
            0x070 => self.status,
            0x102 => self.answer().len() as u32,
            0x108.. => self.answer().get(offset - 0x108).copied().unwrap_or(0).into(),
            _ => panic!("a load at {offset:#x}"),
        }
    }

    fn write(&mut self, offset: usize, width: usize, value: u32) {
        assert_eq!(width, if offset < 0x100 { 4 } else { 1 });
        if offset >= 0x100 {
            assert!(self.status & FEATURES_OK != 0, "a question before features are agreed on");
        }
        match offset {
            0x014 => self.select[0] = value as usize,
            0x024 => self.select[1] = value as usize,
            0x020 => self.taken[self.select[1]] = value,
            0x070 => self.set_status(value),
            0x100 => self.question.0 = value as u8,
            0x101 => self.question.1 = value as u8,
            _ => panic!("{value:#x} at {offset:#x}"),
        }
    }
}
