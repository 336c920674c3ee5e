//! The whole state of the kernel as text, or as a digest of that text.
//!
//! Left out is what no program can see and a refused call may touch: the order of free lists, the
//! generations of free slots, and the content of memory objects.

use core::fmt::{Debug, Result, Write};

use crate::addr::Frame;
use crate::kernel::Kernel;
use crate::platform::Platform;
use crate::pool::{Id, Pool};
use crate::pte::Pte;
use crate::thread::Thread;

/// Adds text up to a number (FNV-1a, 64 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl Digest {
    /// Of no text.
    pub const EMPTY: Digest = Digest(0xcbf2_9ce4_8422_2325);
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        Ok(())
    }
}

impl<P: Platform> Kernel<'_, P> {
    /// A digest of [`Kernel::describe`].
    #[must_use]
    pub fn digest(&self, without: Option<Id<Thread>>) -> Digest {
        let mut digest = Digest::EMPTY;
        let _ = self.describe(&mut digest, without);
        digest
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
        objects(out, "mapping", &self.mappings)?;
        objects(out, "process", &self.processes)?;
        for (id, thread) in self.threads.iter() {
            if without != Some(id) {
                writeln!(out, "registers {id:?} {:x?}", thread.frame.regs)?;
            }
            let handle = self.threads.handle(id).0;
            let Thread { state, satp, sender, deadline, wheel_slot, priority, .. } = thread;
            writeln!(out, "thread {handle:x} {state:?} {satp:x} {sender:x} {priority}")?;
            writeln!(out, "  {deadline:x} {wheel_slot:x} {:?}", thread.links())?;
        }
        for (id, process) in self.processes.iter() {
            if let Some(root) = process.root {
                writeln!(out, "space {id:?} root {root:?}")?;
                self.describe_table(out, root, 2)?;
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
        self.describe_frames(out)
    }

    fn describe_table(&self, out: &mut impl Write, table: Frame, level: u32) -> Result {
        for index in 0..512usize {
            let word = self.platform.read(table, index);
            if word == 0 {
                continue;
            }
            writeln!(out, "  {level} {index} {word:x}")?;
            let pte = Pte::from_word(word);
            match pte.next_table() {
                // The kernel half is the kernel's own.
                Some(next) if level == 1 || level == 2 && index < 256 => {
                    self.describe_table(out, next, level.wrapping_sub(1))?;
                }
                _ if level == 0 => {
                    writeln!(out, "    {:x}", self.platform.read(table.plus(1), index))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Runs of frames with one use.
    fn describe_frames(&self, out: &mut impl Write) -> Result {
        let (base, count) = self.frames.extent();
        let mut last = None;
        for step in 0..count {
            let frame = base.plus(u64::from(step));
            let usage = (self.frames.usage(frame), self.frames.entries(frame));
            if last != Some(usage) {
                writeln!(out, "frame {frame:?} {usage:?}")?;
            }
            last = Some(usage);
        }
        writeln!(out, "free {}", self.frames.free_count())
    }
}

fn objects<T: Debug>(out: &mut impl Write, name: &str, pool: &Pool<'_, T>) -> Result {
    for (id, object) in pool.iter() {
        writeln!(out, "{name} {:x} {object:?}", pool.handle(id).0)?;
    }
    Ok(())
}
