//! The memory of a device: made once, kept for all lives of its owners.

use nexus_abi::{Handle, PAGE_SIZE, Rights};
use nexus_sysdesc::layout::Layout;

use crate::setup::{Result, Setup};
use crate::{Kernel, Role};

/// What init gets of the pool, to pass on and take back.
pub(crate) const POOL: Rights =
    Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::GRANT).union(Rights::REVOKE);
/// Of the used rings, which the device alone writes.
pub(crate) const USED: Rights = POOL.difference(Rights::WRITE);

/// Its three pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) tables: Handle,
    pub(crate) pool: Handle,
    pub(crate) used: Handle,
}

/// The same with their bytes, once they are made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory(Option<(Made, [u64; 3])>);

const fn bytes(layout: &Layout) -> [u64; 3] {
    [layout.tables, layout.pool, layout.used]
}

impl Memory {
    /// True when what was made before is what `layout` needs, if it needs any. It never changes its size.
    pub(crate) fn fits(&self, layout: &Layout) -> bool {
        layout.queues.is_empty() || self.0.is_none_or(|(_, has)| has == bytes(layout))
    }

    /// Makes it, if it is not made yet.
    pub(crate) fn make<K: Kernel>(&mut self, by: &mut Setup<K>, layout: &Layout) -> Result<Made> {
        if let Some((made, _)) = self.0 {
            return Ok(made);
        }
        let mut create = |bytes, role| by.kernel.create(by.window, bytes / PAGE_SIZE, role);
        let tables = create(layout.tables, Role::Tables)?;
        let pool = create(layout.pool, Role::Pool)?;
        let made = Made { tables, pool, used: create(layout.used, Role::Used)? };
        self.0 = Some((made, bytes(layout)));
        Ok(made)
    }
}
