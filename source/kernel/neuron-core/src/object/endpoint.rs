//! Endpoints, notifications and memory objects.

use crate::object::capability::Capability;
use crate::object::dma::DeviceMemory;
use crate::object::line::{Line, Signalling};
use crate::object::thread::{Queue, Thread};
use crate::store::frames::Pages;
use crate::store::list::List;
use crate::store::pool::Id;

/// Which way the threads in an endpoint's queue wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// They have a message to deliver.
    Senders,
    /// They wait for a message.
    Receivers,
}

/// What an endpoint or a notification is bound to. It lasts as long as both capabilities with which
/// it was made, and these as long as their objects: so neither side can outlive the other.
#[derive(Debug, Hash)]
pub struct Binding<T> {
    /// The other side.
    pub to: Id<T>,
    /// The capability to this side that the binding was made with.
    pub by: Id<Capability>,
}

/// A place where messages pass from callers to receivers.
#[derive(Debug, Hash)]
pub struct Endpoint {
    /// Threads that wait, all the same way.
    pub queue: List<Thread, Queue>,
    /// Which way; meaningless while the queue is empty.
    pub waiting: Waiting,
    /// A notification that is delivered to whoever receives here.
    pub bound: Option<Binding<Notification>>,
    /// Root of its capabilities.
    pub anchor: Id<Capability>,
}

impl Endpoint {
    /// The first of the threads that wait this way.
    pub(crate) fn first(&self, way: Waiting) -> Option<Id<Thread>> {
        if self.waiting == way { self.queue.first() } else { None }
    }

    /// The thread that waits for a message, if it is the only one in the queue.
    pub(crate) fn sole_receiver(&self) -> Option<Id<Thread>> {
        if self.waiting == Waiting::Receivers { self.queue.sole() } else { None }
    }
}

/// A word of event bits.
#[derive(Debug, Hash)]
pub struct Notification {
    /// Bits that were signalled and not yet taken.
    pub bits: u64,
    /// The thread that waits for bits, at most one.
    pub waiter: Option<Id<Thread>>,
    /// The endpoint whose receiver takes the bits.
    pub bound: Option<Binding<Endpoint>>,
    /// The interrupt lines that signal it.
    pub lines: List<Line, Signalling>,
    /// Root of its capabilities.
    pub anchor: Id<Capability>,
}

/// Memory: frames of RAM, from wherever they were free.
#[derive(Debug, Hash)]
pub struct Vmo {
    /// The frames.
    pub pages: Pages,
    /// How many of them are cleared; all, once it is held by anybody.
    pub cleared: u32,
    /// Writable mappings that exist now.
    pub writable: u32,
    /// True once it can never be written again, and so may be executed.
    pub sealed: bool,
    /// What it is of a device's, which reaches it: its frames are never another's.
    pub device: Option<Id<DeviceMemory>>,
    /// Root of its capabilities.
    pub anchor: Id<Capability>,
}

impl Vmo {
    /// True when nothing of what was there before is left to clear.
    pub(crate) fn is_cleared(&self) -> bool {
        self.cleared >= self.pages.count()
    }
}
