//! One lock around the kernel.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A value that one hart at a time can have. Interrupts are off in the kernel, so that a hart
/// never waits for itself. The lock is taken until it has a value.
#[repr(C)]
pub(super) struct Lock<T> {
    /// 0 free, 1 taken. A whole word, because there is no atomic swap of bytes.
    taken: AtomicU32,
    filled: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: (1) the lock hands the value to one hart at a time.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A lock without a value, taken.
    pub(super) const fn empty() -> Lock<T> {
        Lock {
            taken: AtomicU32::new(1),
            filled: AtomicBool::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Gives the lock its value, and the caller the lock. Panics the second time.
    pub(super) fn fill(&self, value: T) -> Guard<'_, T> {
        assert!(!self.filled.swap(true, Ordering::AcqRel), "the kernel is built twice");
        // SAFETY: (1) the line above lets one caller through, ever. (2) The lock is taken from
        // the start, so that nobody else has the value.
        unsafe { (*self.value.get()).write(value) };
        Guard { lock: self }
    }

    /// Waits until the lock is free, and takes it.
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
    fn deref(&self) -> &T {
        // SAFETY: (1) the guard exists, so that this hart has the lock. (2) The lock was free
        // once, or `fill` made the guard; either way there is a value, which `MaybeUninit` has at
        // its own address.
        unsafe { &*self.lock.value.get().cast::<T>() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: (1) and (2) as in `deref`, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.value.get().cast::<T>() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.lock.taken.store(0, Ordering::Release);
    }
}
