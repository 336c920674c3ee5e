//! One lock around the kernel.

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

/// A value that one hart at a time can have. Interrupts are off in the kernel, so that a hart
/// never waits for itself.
pub(super) struct Lock<T> {
    /// 0 free, 1 taken. A whole word, because there is no atomic swap of bytes.
    taken: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: (1) the lock hands the value to one hart at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(super) const fn new(value: T) -> Lock<T> {
        Lock { taken: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits until the lock is free, and takes it.
    #[inline(always)]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        while self.taken.swap(1, Ordering::Acquire) != 0 {
            core::hint::spin_loop();
        }
        Guard { lock: self }
    }
}

/// The value, until this is dropped.
pub(super) struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: (1) the guard exists, so that this hart has the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: (1) as in `deref`, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.taken.store(0, Ordering::Release);
    }
}
