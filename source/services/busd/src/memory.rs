//! The memory of a device: made once, kept for all lives of its owners.

use nexus_abi::{Error, Handle, PAGE_SIZE, Rights};
use nexus_sysdesc::layout::Layout;

use crate::{Kernel, Role};

/// What init gets of the pool, to pass on and take back.
pub(crate) const POOL: Rights =
    Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::GRANT).union(Rights::REVOKE);
/// Of the used rings, which the device alone writes.
pub(crate) const USED: Rights = POOL.difference(Rights::WRITE);

/// Its three pieces as far as they are made, and their bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory([Option<(Handle, u64)>; 3]);

/// All three.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) tables: Handle,
    pub(crate) pool: Handle,
    pub(crate) used: Handle,
}

fn pieces(layout: &Layout) -> [(Role, u64); 3] {
    [(Role::Tables, layout.tables), (Role::Pool, layout.pool), (Role::Used, layout.used)]
}

impl Memory {
    /// True when what was made before is what `layout` needs, if it needs any. It never changes its size.
    pub(crate) fn fits(&self, layout: &Layout) -> bool {
        let fits = |made: &Option<(Handle, u64)>, bytes| made.is_none_or(|(_, has)| has == bytes);
        let mut pairs = self.0.iter().zip(pieces(layout));
        layout.queues.is_empty() || pairs.all(|(made, (_, bytes))| fits(made, bytes))
    }

    /// Makes what is not made yet.
    pub(crate) fn make<K: Kernel>(
        &mut self,
        kernel: &mut K,
        window: Handle,
        layout: &Layout,
    ) -> Result<Made, Error> {
        let mut handles = [Handle::NONE; 3];
        let places = self.0.iter_mut().zip(&mut handles);
        for ((piece, handle), (role, bytes)) in places.zip(pieces(layout)) {
            let made = match *piece {
                Some((made, _)) => made,
                None => kernel.create(window, bytes / PAGE_SIZE, role)?,
            };
            (*piece, *handle) = (Some((made, bytes)), made);
        }
        let [tables, pool, used] = handles;
        Ok(Made { tables, pool, used })
    }
}
