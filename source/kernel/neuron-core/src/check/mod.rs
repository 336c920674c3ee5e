//! The checker: walks everything the kernel has and compares it with everything else the kernel
//! has. Compiled for tests only (feature `checker`); it changes nothing and allocates nothing.
//!
//! Page tables are walked from each live root through [`PhysMem`](crate::PhysMem), from scratch,
//! and compared with the records of mappings, the tree of capabilities, the use of frames, and
//! the accounts. [`Ledger`] adds the order of page-table writes and fences. [`Kernel::describe`]
//! writes the whole state as text, so that two states can be compared.
#![allow(clippy::arithmetic_side_effects, reason = "sums of what is in memory; test builds only")]

mod accounts;
mod describe;
mod devices;
mod dma;
mod fences;
mod frames;
mod ledger;
mod lines;
mod objects;
mod rule;
mod scratch;
mod tables;
// Of the checker itself: Miri takes minutes for each look at everything.
#[cfg(all(test, feature = "testing", not(miri)))]
mod tests;
mod threads;
mod tree;

pub use describe::Digest;
pub use ledger::{Event, Ledger};
pub use rule::{Rule, Violation};
pub use scratch::{FrameMark, ProcessSum, Scratch};

use crate::kernel::Kernel;
use crate::platform::Platform;
use crate::store::list::{Linked, List};
use crate::store::pool::{Id, Pool};
use rule::ensure;

impl<P: Platform> Kernel<'_, P> {
    /// Looks at everything. Takes time in proportion to RAM and to what exists.
    ///
    /// # Errors
    /// The first rule found broken, and where.
    pub fn check(&self, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        scratch.begin();
        self.check_pools()?;
        self.check_tree(scratch)?;
        self.check_devices()?;
        self.check_objects(scratch)?;
        self.check_memories()?;
        self.check_spaces(scratch)?;
        self.check_frames(scratch)?;
        self.check_accounts(scratch)?;
        self.check_lines()?;
        self.check_threads()
    }

    /// The service whose trap is being handled; with nobody to run, that of the process which is
    /// being taken apart.
    #[must_use]
    pub fn concerned(&self) -> Option<u32> {
        let current = self.hart.current.and_then(|id| self.threads.get(id).ok());
        let process = current.map(|thread| thread.process).or(self.ending.first())?;
        self.processes.get(process).ok().map(|process| process.id.service_id)
    }

    fn check_pools(&self) -> Result<(), Violation> {
        let all = [
            self.caps.is_sound(),
            self.endpoints.is_sound(),
            self.notifications.is_sound(),
            self.vmos.is_sound(),
            self.registers.is_sound(),
            self.memories.is_sound(),
            self.mappings.is_sound(),
            self.processes.is_sound(),
            self.threads.is_sound(),
            self.lines.is_sound(),
        ];
        for (at, sound) in (0u32..).zip(all) {
            ensure(sound, Rule::PoolFreeList, at)?;
        }
        Ok(())
    }
}

/// Walks a list, checks its links, and returns how many elements it has.
fn walk<T: Linked<N>, N>(
    list: &List<T, N>,
    pool: &Pool<'_, T>,
    mut visit: impl FnMut(Id<T>, &T) -> Result<(), Violation>,
) -> Result<u32, Violation> {
    let mut count = 0u32;
    let mut last = None;
    let mut next = list.first();
    while let Some(id) = next {
        let at = u64::from(id.slot());
        ensure(count <= pool.live(), Rule::ListLinks, at)?;
        let object = pool.get(id).map_err(|_| Violation { rule: Rule::ListDead, at })?;
        ensure(object.links().prev == last, Rule::ListLinks, at)?;
        visit(id, object)?;
        count = count.wrapping_add(1);
        last = Some(id);
        next = object.links().next;
    }
    ensure(list.last() == last, Rule::ListLinks, u64::MAX)?;
    Ok(count)
}
