//! The heap: memory objects mapped one behind the other, as needed.
#![allow(unsafe_code, reason = "gives talc memory that this module has just mapped")]

use core::alloc::Layout;
use core::ptr::{NonNull, with_exposed_provenance_mut};
use core::sync::atomic::{AtomicBool, Ordering};

use nexus_abi::{Error, Handle, MAX_PAGES_PER_CALL, PAGE_SIZE, Prot};
use talc::base::{Talc, binning::Binning};
use talc::{TalcLock, lock_api, source::Source};

use crate::sys;

/// Where the heap begins.
const START: u64 = nexus_abi::FREE_START;
/// Most bytes of heap. The budget of the process is usually smaller.
const LIMIT: u64 = 256 << 20;
/// Pages that the heap grows by, when it needs fewer.
const STEP: u64 = 16;
/// Bytes that talc needs beyond an allocation of its own and its first heap.
const OVERHEAD: u64 = 4096;

#[global_allocator]
static HEAP: TalcLock<YieldLock, Pages> = TalcLock::new(Pages { mapped: 0, end: None });

/// The pages of the heap: bytes mapped from `START`, and where talc's heap ends.
#[derive(Debug)]
struct Pages {
    mapped: u64,
    end: Option<NonNull<u8>>,
}

// SAFETY: (1) the pointer is to process-wide memory. (2) It is used under the heap's lock only.
unsafe impl Send for Pages {}

impl Pages {
    /// Maps `pages` more, and returns where.
    fn map(&mut self, pages: u64) -> Result<(*mut u8, usize), Error> {
        let len = pages * PAGE_SIZE;
        if self.mapped + len > LIMIT {
            return Err(Error::NoMemory);
        }
        let va = START + self.mapped;
        let vmo = sys::vmo_create(pages)?;
        if let Err(error) = sys::vmo_map(Handle::NONE, vmo, 0, len, va, Prot::READ | Prot::WRITE) {
            // Nothing to do when it fails: it was made two lines above.
            let _ = sys::cap_drop(vmo);
            return Err(error);
        }
        self.mapped += len;
        Ok((with_exposed_provenance_mut(va as usize), len as usize))
    }

    /// Maps `needed` pages or a step, whichever is more; less when memory is short or in pieces.
    fn map_some(&mut self, needed: u64) -> Option<(*mut u8, usize)> {
        let mut pages = needed.clamp(STEP, MAX_PAGES_PER_CALL);
        while pages > 0 {
            if let Ok(mapped) = self.map(pages) {
                return Some(mapped);
            }
            pages /= 2;
        }
        None
    }
}

// SAFETY: `acquire` calls the kernel and nothing that allocates.
unsafe impl Source for Pages {
    #[cold]
    #[inline(never)]
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let bytes = layout.size() as u64 + layout.align() as u64 + OVERHEAD;
        let mut needed = bytes.div_ceil(PAGE_SIZE);
        if needed > (LIMIT - talc.source.mapped) / PAGE_SIZE {
            return Err(());
        }
        while needed > 0 {
            let (base, len) = talc.source.map_some(needed).ok_or(())?;
            let end = match talc.source.end {
                // SAFETY: (1) `base` to `base + len` was mapped just above for nobody else, and
                // stays mapped. (2) It begins where the heap that ends at `end` stopped.
                Some(end) => Some(unsafe { talc.extend(end, base.wrapping_add(len)) }),
                // SAFETY: as (1) above.
                None => unsafe { talc.claim(base, len) },
            };
            talc.source.end = end;
            needed = needed.saturating_sub(len as u64 / PAGE_SIZE);
        }
        Ok(())
    }
}

/// A lock whose waiter lets others run. Threads that share a heap must have the same priority.
struct YieldLock(AtomicBool);

// SAFETY: the flag goes from false to true for one thread at a time.
unsafe impl lock_api::RawMutex for YieldLock {
    #[allow(clippy::declare_interior_mutable_const, reason = "as lock_api asks")]
    const INIT: YieldLock = YieldLock(AtomicBool::new(false));
    type GuardMarker = lock_api::GuardSend;

    fn lock(&self) {
        while !self.try_lock() {
            // It cannot fail.
            let _ = sys::yield_now();
        }
    }

    fn try_lock(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}
