//! Address spaces: what translates the addresses that a program uses.

use crate::object::mapping::{InSpace, Mapping};
use crate::platform::Asid;
use crate::store::addr::Frame;
use crate::store::list::List;

/// One address space. Who has it pays for its page tables.
#[derive(Debug, Hash)]
pub struct Space {
    /// Root page table.
    pub root: Frame,
    /// Its number in the TLB.
    pub asid: Asid,
    /// Frames of its page tables, the root and all records among them.
    pub tables: u32,
    /// What is mapped in it.
    pub mappings: List<Mapping, InSpace>,
}
