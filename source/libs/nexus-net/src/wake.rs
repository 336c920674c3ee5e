//! Who is to be woken when something was done.

use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

/// Futures that wait. All of them are woken when anything was done: each looks for itself.
#[derive(Debug, Default)]
pub(crate) struct Wakers {
    waiting: Vec<Waker>,
    /// They are to be woken.
    due: bool,
    /// Memory for the next ones.
    spare: Vec<Waker>,
}

impl Wakers {
    /// Something was done.
    pub(crate) const fn wake(&mut self) {
        self.due = true;
    }

    /// Is woken when something is done.
    #[cfg(feature = "async")]
    pub(crate) fn add(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    /// Those to be woken now, when nothing is borrowed.
    pub(crate) fn take(&mut self) -> Option<Vec<Waker>> {
        (mem::take(&mut self.due) && !self.waiting.is_empty())
            .then(|| mem::replace(&mut self.waiting, mem::take(&mut self.spare)))
    }

    /// Gives back the memory of those that were woken.
    pub(crate) fn reuse(&mut self, woken: Vec<Waker>) {
        self.spare = woken;
    }
}
