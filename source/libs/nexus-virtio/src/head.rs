//! Who has a head: the driver, which holds a [`Head`], or the device.

/// A head that the driver has, with its slot: the right to post it. There is one of each, made with the
/// queue; posting takes it, and completion gives it back, so that none is posted twice:
///
/// ```compile_fail
/// # use nexus_mmio::SharedMut;
/// # use nexus_virtio::{Head, Queue};
/// fn f<A: SharedMut>(queue: &mut Queue<A, A, 4>, head: Head) {
///     queue.post(head);
///     queue.post(head);
/// }
/// ```
#[must_use = "a head that is dropped is never posted again"]
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub(crate) queue: u16,
    pub(crate) index: u16,
}

impl Head {
    /// Its index, from 0: less than the number of heads of its queue.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.index
    }
}

/// A head that the device is done with.
#[must_use = "a head that is dropped is never posted again"]
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    pub(crate) head: Head,
    pub(crate) len: u32,
}

impl Completion {
    /// Bytes that the device says it has written, from the first that it may write on; no more than it
    /// may. What they are is still the device's word.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// True when it has written none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The head, whose slot can be read.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The head, to be posted again.
    pub fn into_head(self) -> Head {
        self.head
    }
}
