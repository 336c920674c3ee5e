//! The record of one mapping: why a run of page-table leaves exists.

use crate::object::capability::Capability;
use crate::object::process::Process;
use crate::store::addr::{Frame, PageRange};
use crate::store::frames::Pages;
use crate::store::list::{Links, linked};
use crate::store::pool::Id;
use crate::store::pte::Leaf;

/// List of the mappings made through one capability.
#[derive(Debug)]
pub struct ThroughCap;
/// List of the mappings in one address space.
#[derive(Debug)]
pub struct InSpace;

/// The frames behind a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backing {
    /// Of a device, from this one on.
    Device(Frame),
    /// Of a memory object, from this page of it on.
    Memory(Pages, u32),
}

/// One mapping. Every user leaf belongs to exactly one.
#[derive(Debug, Hash)]
pub struct Mapping {
    /// The capability that justifies it.
    pub cap: Id<Capability>,
    /// The process in whose address space it is.
    pub process: Id<Process>,
    /// Where.
    pub pages: PageRange,
    /// How.
    pub leaf: Leaf,
    through_cap: Links<Mapping>,
    in_space: Links<Mapping>,
}

linked!(Mapping, ThroughCap, through_cap);
linked!(Mapping, InSpace, in_space);

impl Mapping {
    /// A record that is in no list yet.
    pub(crate) fn new(
        cap: Id<Capability>,
        process: Id<Process>,
        pages: PageRange,
        leaf: Leaf,
    ) -> Mapping {
        Mapping { cap, process, pages, leaf, through_cap: Links::NONE, in_space: Links::NONE }
    }
}
