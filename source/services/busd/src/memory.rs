//! The memory of a device: made once, kept for all lives of its owners.

use nexus_abi::{Error, Handle, PAGE_SIZE, Rights};
use nexus_sysdesc::layout::Layout;

use crate::{Kernel, Role};

/// What init gets of the pool, to pass on and take back.
const POOL: Rights =
    Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::GRANT).union(Rights::REVOKE);
/// Of the used rings, which the device alone writes.
const USED: Rights = POOL.difference(Rights::WRITE);

/// One piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    handle: Handle,
    bytes: u64,
}

/// The three pieces, as far as they are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    tables: Option<Piece>,
    pool: Option<Piece>,
    used: Option<Piece>,
}

/// All three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) tables: Handle,
    pub(crate) pool: Handle,
    pub(crate) used: Handle,
}

impl Memory {
    /// True when what was made before is what `layout` needs, if it needs any. It never changes its size.
    pub(crate) fn fits(&self, layout: &Layout) -> bool {
        if layout.queues.is_empty() {
            return true;
        }
        let fits = |piece: Option<Piece>, bytes| piece.is_none_or(|piece| piece.bytes == bytes);
        fits(self.tables, layout.tables)
            && fits(self.pool, layout.pool)
            && fits(self.used, layout.used)
    }

    /// Makes what is not made yet.
    pub(crate) fn make<K: Kernel>(
        &mut self,
        kernel: &mut K,
        window: Handle,
        layout: &Layout,
    ) -> Result<Made, Error> {
        let mut piece = |piece: &mut Option<Piece>, bytes: u64, role| match piece {
            Some(made) => Ok(made.handle),
            None => {
                let handle = kernel.create(window, bytes / PAGE_SIZE, role)?;
                *piece = Some(Piece { handle, bytes });
                Ok(handle)
            }
        };
        Ok(Made {
            tables: piece(&mut self.tables, layout.tables, Role::Tables)?,
            pool: piece(&mut self.pool, layout.pool, Role::Pool)?,
            used: piece(&mut self.used, layout.used, Role::Used)?,
        })
    }
}

impl Made {
    /// Copies of pool and used rings for the owner, without the right to have addresses written.
    pub(crate) fn copies<K: Kernel>(self, kernel: &mut K) -> Result<[Handle; 2], Error> {
        let pool = kernel.derive(self.pool, POOL, 0)?;
        match kernel.derive(self.used, USED, 0) {
            Ok(used) => Ok([pool, used]),
            Err(error) => {
                kernel.give_up(pool);
                Err(error)
            }
        }
    }
}
