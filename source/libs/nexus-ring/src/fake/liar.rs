//! A side that does what bytes say.

use alloc::vec::Vec;

use nexus_mmio::fake::FakeMemory;

use super::{LIFE, N, somewhere};
use crate::layout::{CONSUMER, DRIVER, completion, submission};
use crate::{Completion, DATA, Submission};

/// The operations of the exercise: 0, 1 and 63.
pub(super) const OPS: [u8; 3] = [0, 1, 63];

pub(super) struct Liar {
    memory: FakeMemory,
    bytes: Vec<u8>,
    at: usize,
    /// True when it plays the consumer.
    pub(super) is_consumer: bool,
    /// Entries that it made, in this attachment.
    made: u16,
    /// Attachments that it began.
    begun: u32,
}

impl Liar {
    pub(super) fn new(memory: &FakeMemory, bytes: &[u8]) -> Liar {
        let (memory, bytes) = (memory.clone(), bytes.to_vec());
        Liar { memory, bytes, at: 0, is_consumer: false, made: 0, begun: 0 }
    }

    /// The next byte that says what happens.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn half(&mut self) -> u16 {
        u16::from_le_bytes([self.byte().unwrap_or(0), self.byte().unwrap_or(0)])
    }

    /// Begins its next attachment, as a consumer.
    pub(super) fn attach(&mut self) {
        self.made = 0;
        self.begun += 1;
        self.set_index(0);
        self.say(u64::from(LIFE) << 32 | u64::from(self.begun));
    }

    /// Joins the attachment of the consumer, as a driver.
    pub(super) fn join(&mut self) {
        self.made = 0;
        self.set_index(0);
        let name = self.memory.device_read(CONSUMER.attachment..CONSUMER.attachment + 8);
        self.memory.device_write(DRIVER.attachment, &name);
    }

    /// Says that it is in this attachment.
    fn say(&self, name: u64) {
        let words = if self.is_consumer { CONSUMER } else { DRIVER };
        self.memory.device_write(words.attachment, &name.to_le_bytes());
    }

    /// One time in four, lies.
    pub(super) fn perhaps(&mut self) {
        if self.byte().is_some_and(|byte| byte & 3 == 3) {
            self.lie();
        }
    }

    /// Writes something somewhere. It may even be honest.
    pub(super) fn lie(&mut self) {
        let words = if self.is_consumer { CONSUMER } else { DRIVER };
        let byte = self.byte().unwrap_or(0);
        match byte % 32 {
            // An index from nowhere, one that goes back, and one that says more than was made.
            0 => {
                let index = self.half();
                self.set_index(index);
            }
            1 => self.set_index(self.made.wrapping_sub(1)),
            2 => {
                let more = self.half() % 8;
                self.set_index(self.made.wrapping_add(more));
            }
            // What it wants to be told of.
            3 => {
                let event = self.half().to_le_bytes();
                self.memory.device_write(words.event, &event);
            }
            // The words of the other side.
            4 => {
                let bytes = self.half().to_le_bytes();
                self.memory.device_write(words.peer_index, &bytes);
                self.memory.device_write(words.peer_event, &bytes);
            }
            // Bytes anywhere.
            5 | 6 => {
                let at = usize::from(self.half()) % DATA;
                let value = self.half().to_le_bytes();
                let len = value.len().min(DATA - at);
                self.memory.device_write(at, &value[..len]);
            }
            // An attachment that there is not, and none.
            8 if byte > 0xc0 => self.say(u64::from(byte & 0x20) << 27 | u64::from(self.begun)),
            // An entry over one that was made already.
            7 => {
                let place = self.half();
                self.entry(place);
            }
            // The next entry; most times only when there may be one.
            _ if byte < 0xe0 && !self.may_make() => {}
            _ => {
                self.entry(self.made);
                self.made = self.made.wrapping_add(1);
                self.set_index(self.made);
            }
        }
    }

    fn may_make(&self) -> bool {
        let words = if self.is_consumer { CONSUMER } else { DRIVER };
        let ahead = self.made.wrapping_sub(self.load(words.peer_index));
        if self.is_consumer { ahead < N as u16 } else { ahead > N as u16 }
    }

    /// An entry, whose id, range and operation there may be.
    fn entry(&mut self, index: u16) {
        let place = usize::from(index) % N;
        let [what, id] = self.half().to_le_bytes();
        let id = match id >> 5 {
            0..5 => u16::from(id) % N as u16,
            5 => self.half(),
            _ => self.load(submission(place)),
        };
        let (offset, len) = somewhere(what);
        if self.is_consumer {
            let op = if what >> 4 == 15 { 2 } else { OPS[usize::from(what >> 4) % OPS.len()] };
            let mut words = Submission { id, op, len, offset, arg: 7 }.to_words();
            words[usize::from(what & 1)] |=
                u64::from(what == 0x9e) << 24 | u64::from(what == 0x9f) << 63;
            self.write(submission(place), &words);
        } else {
            self.write(completion(place), &Completion { id, status: what, len }.to_words());
        }
    }

    fn load(&self, at: usize) -> u16 {
        let bytes = self.memory.device_read(at..at + 2);
        u16::from_le_bytes([bytes[0], bytes[1]])
    }

    fn write(&self, at: usize, words: &[u64]) {
        for (index, word) in words.iter().enumerate() {
            self.memory.device_write(at + 8 * index, &word.to_le_bytes());
        }
    }

    fn set_index(&self, index: u16) {
        let words = if self.is_consumer { CONSUMER } else { DRIVER };
        self.memory.device_write(words.index, &index.to_le_bytes());
    }
}
