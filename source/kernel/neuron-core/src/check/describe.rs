//! The whole state of the kernel as text, or as a digest.
//!
//! Left out is what no program can see and a refused call may touch: the order of free lists, the
//! generations of free slots, and the content of memory objects.

use core::fmt::{Debug, Result, Write};
use core::hash::{Hash, Hasher};

use crate::kernel::Kernel;
use crate::object::thread::Thread;
use crate::platform::Platform;
use crate::store::addr::Frame;
use crate::store::pool::{Id, Pool};
use crate::store::pte::Pte;

/// A number that stands for a state. Each step of adding to it can be undone, so that two states
/// that differ in one word never have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(u64);

impl Digest {
    /// Of nothing.
    pub const EMPTY: Digest = Digest(0xcbf2_9ce4_8422_2325);

    /// As a plain number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The multiplier of splitmix64 (public domain): odd, so that this can be undone.
        let mixed = (self.0 ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(u64::try_from(word).unwrap_or(u64::MAX));
    }
}

impl<P: Platform> Kernel<'_, P> {
    /// A digest of all that [`Kernel::describe`] writes, but for the clock: alarms that were left
    /// set, turns, and what a line has counted, make no difference to what a program can do. The registers of thread
    /// `without` are left out.
    #[must_use]
    pub fn digest(&self, without: Option<Id<Thread>>) -> Digest {
        let mut digest = Digest::EMPTY;
        add(&mut digest, &self.caps);
        add(&mut digest, &self.endpoints);
        add(&mut digest, &self.notifications);
        add(&mut digest, &self.vmos);
        add(&mut digest, &self.registers);
        add(&mut digest, &self.memories);
        self.reserve.hash(&mut digest);
        add(&mut digest, &self.mappings);
        add(&mut digest, &self.processes);
        for (id, line) in self.lines.iter() {
            (id, line.receiver).hash(&mut digest);
        }
        for (id, thread) in self.threads.iter() {
            if without != Some(id) {
                thread.frame.hash(&mut digest);
            }
            let Thread { state, satp, sender, deadline, priority, .. } = thread;
            (self.threads.handle(id).0, state, satp, sender).hash(&mut digest);
            thread.unfinished.hash(&mut digest);
            (deadline, priority, thread.links()).hash(&mut digest);
        }
        for (id, process) in self.processes.iter() {
            id.hash(&mut digest);
            if let Some(space) = &process.space {
                self.digest_table(&mut digest, space.root, 2);
            }
        }
        (&self.ready.queues, self.ready.mask, self.ready.ending_mask).hash(&mut digest);
        (self.hart.current, self.ending, self.calls, self.init).hash(&mut digest);
        for (service, lives) in (0u32..).zip(&self.lives).filter(|(_, lives)| **lives != 0) {
            (service, lives).hash(&mut digest);
        }
        let _ = self.each_run_of_frames(|frame, usage, entries| {
            (frame, usage, entries).hash(&mut digest);
            Ok(())
        });
        digest
    }

    fn digest_table(&self, digest: &mut Digest, table: Frame, level: u32) {
        let mut next = self.platform.next_word(table, 0);
        while let Some((index, word)) = next {
            (level, index, word).hash(digest);
            match Pte::from_word(word).next_table() {
                Some(next) if level == 1 || level == 2 && index < 256 => {
                    self.digest_table(digest, next, level.wrapping_sub(1));
                }
                _ if level == 0 => self.reason(table, index).hash(digest),
                _ => {}
            }
            next = self.platform.next_word(table, index.wrapping_add(1));
        }
    }

    /// Writes everything, one object a line. The registers of thread `without` are left out.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn describe(&self, out: &mut impl Write, without: Option<Id<Thread>>) -> Result {
        objects(out, "capability", &self.caps)?;
        objects(out, "endpoint", &self.endpoints)?;
        objects(out, "notification", &self.notifications)?;
        objects(out, "memory", &self.vmos)?;
        objects(out, "registers", &self.registers)?;
        objects(out, "device memory", &self.memories)?;
        writeln!(out, "{:?}", self.reserve)?;
        objects(out, "mapping", &self.mappings)?;
        objects(out, "process", &self.processes)?;
        objects(out, "line", &self.lines)?;
        for (id, thread) in self.threads.iter() {
            if without != Some(id) {
                writeln!(out, "registers {id:?} {:x?}", thread.frame.regs)?;
            }
            let handle = self.threads.handle(id).0;
            let Thread { state, satp, sender, deadline, priority, .. } = thread;
            let alarm = thread.alarm.at;
            writeln!(out, "thread {handle:x} {state:?} {satp:x} {sender:x} {priority}")?;
            writeln!(out, "  {deadline:x} {alarm:x} {:?}", thread.links())?;
            writeln!(out, "  unfinished {:x}", thread.unfinished.0)?;
        }
        for (id, process) in self.processes.iter() {
            if let Some(space) = &process.space {
                writeln!(out, "space {id:?} root {:?}", space.root)?;
                self.describe_table(out, space.root, 2)?;
            }
        }
        for (priority, queue) in (0u32..).zip(&self.ready.queues) {
            if !queue.is_empty() {
                writeln!(out, "ready {priority} {queue:?}")?;
            }
        }
        writeln!(out, "{:?} {:?} {:x}", self.hart, self.ending, self.ready.ending_mask)?;
        writeln!(out, "calls {} init {:?}", self.calls, self.init)?;
        for (service, lives) in (0u32..).zip(&self.lives) {
            if *lives != 0 {
                writeln!(out, "lives {service} {lives}")?;
            }
        }
        self.each_run_of_frames(|frame, usage, entries| {
            writeln!(out, "frame {frame:?} {usage:?} {entries:?}")
        })?;
        writeln!(out, "free {}", self.frames.free_count())
    }

    fn describe_table(&self, out: &mut impl Write, table: Frame, level: u32) -> Result {
        let mut next = self.platform.next_word(table, 0);
        while let Some((index, word)) = next {
            writeln!(out, "  {level} {index} {word:x}")?;
            match Pte::from_word(word).next_table() {
                // The kernel half is the kernel's own.
                Some(next) if level == 1 || level == 2 && index < 256 => {
                    self.describe_table(out, next, level.wrapping_sub(1))?;
                }
                _ if level == 0 => {
                    writeln!(out, "    {:x}", self.reason(table, index))?;
                }
                _ => {}
            }
            next = self.platform.next_word(table, index.wrapping_add(1));
        }
        Ok(())
    }

    /// What the record of a last-level table says about an entry.
    fn reason(&self, table: Frame, index: usize) -> u64 {
        self.frames.record(table).map_or(0, |record| self.platform.read(record, index))
    }

    /// Tells the beginning of each run of frames with one use and as many valid entries.
    fn each_run_of_frames(
        &self,
        mut tell: impl FnMut(Frame, Option<crate::store::frames::FrameUse>, Option<u16>) -> Result,
    ) -> Result {
        let mut last = None;
        let banks = self.frames.banks();
        for frame in banks.flat_map(|(first, count)| (0..count).map(move |step| first.plus(step))) {
            let (usage, entries) = (self.frames.usage(frame), self.frames.entries(frame));
            if last != Some((usage, entries)) {
                tell(frame, usage, entries)?;
            }
            last = Some((usage, entries));
        }
        Ok(())
    }
}

fn add<T: Hash>(digest: &mut Digest, pool: &Pool<'_, T>) {
    for (id, object) in pool.iter() {
        (pool.handle(id).0, object).hash(digest);
    }
}

fn objects<T: Debug>(out: &mut impl Write, name: &str, pool: &Pool<'_, T>) -> Result {
    for (id, object) in pool.iter() {
        writeln!(out, "{name} {:x} {object:?}", pool.handle(id).0)?;
    }
    Ok(())
}
