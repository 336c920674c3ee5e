//! The heap: memory objects mapped one behind the other, as needed.
//!
//! Growing costs kernel objects, which the program may have used up while frames are left. So the
//! heap keeps some back, and gives them up when it is refused: then it takes all the frames, which
//! nobody could use for anything else without an object.
#![allow(unsafe_code, reason = "gives talc memory that this module has just mapped")]

use core::alloc::Layout;
use core::ptr::{NonNull, with_exposed_provenance_mut};
use core::sync::atomic::{AtomicBool, Ordering};

use nexus_abi::{Error, Handle, MAX_PAGES_PER_CALL, PAGE_SIZE, Prot, Rights};
use talc::base::{Talc, binning::Binning};
use talc::{TalcLock, lock_api, source::Source};

use crate::{growth, sys};

/// Where the heap begins.
const START: u64 = nexus_abi::FREE_START;
/// Most pages of heap. The budget of the process is usually smaller.
const LIMIT: u64 = (256 << 20) / PAGE_SIZE;
/// Bytes that talc needs beyond an allocation of its own and its first heap.
const OVERHEAD: u64 = 4096;
/// Objects that a piece of heap costs: memory, capability, mapping.
const PIECE: u64 = 3;
/// Objects that a notification costs.
const NOTIFICATION: u64 = 2;

#[global_allocator]
static HEAP: TalcLock<YieldLock, Pages> =
    TalcLock::new(Pages { mapped: 0, end: None, kept: Handle::NONE });

/// The pages of the heap.
#[derive(Debug)]
struct Pages {
    /// How many are mapped from `START`.
    mapped: u64,
    /// Where talc's heap ends.
    end: Option<NonNull<u8>>,
    /// A notification that nobody uses, with as many children as objects are kept back.
    kept: Handle,
}

// SAFETY: (1) the pointer is to process-wide memory. (2) It is used under the heap's lock only.
unsafe impl Send for Pages {}

impl Pages {
    /// The first address behind the pages.
    fn end(&self) -> u64 {
        START + self.mapped * PAGE_SIZE
    }

    /// How many more there can be.
    fn left(&self) -> Result<u64, Error> {
        let (used, limit) = sys::process_stat(Handle::NONE)?.frames;
        Ok(growth::left(u64::from(limit.saturating_sub(used))).min(LIMIT - self.mapped))
    }

    /// Maps `needed` pages and more, if so many can be had.
    fn grow(&mut self, needed: u64) -> Result<(), Error> {
        let wanted = growth::wanted(needed, self.mapped, self.left()?).ok_or(Error::NoMemory)?;
        if self.map(wanted).is_err() {
            self.give_up_kept()?;
            self.map(self.left()?)?;
        } else if self.kept == Handle::NONE {
            self.keep()?;
        }
        Ok(())
    }

    /// Maps so many pages, in pieces.
    fn map(&mut self, pages: u64) -> Result<(), Error> {
        let goal = self.mapped + pages;
        while self.mapped < goal {
            let pages = (goal - self.mapped).min(MAX_PAGES_PER_CALL);
            let vmo = sys::vmo_create(pages)?;
            let (len, prot) = (pages * PAGE_SIZE, Prot::READ | Prot::WRITE);
            // SAFETY: only the heap maps from `START` on.
            let mapped = unsafe { sys::vmo_map(Handle::NONE, vmo, 0, len, self.end(), prot) };
            if let Err(error) = mapped {
                // Nothing to do when it fails: it was made above.
                let _ = sys::cap_drop(vmo);
                return Err(error);
            }
            self.mapped += pages;
        }
        Ok(())
    }

    /// Keeps as many objects back as it takes to map all frames of the budget.
    fn keep(&mut self) -> Result<(), Error> {
        let (_, limit) = sys::process_stat(Handle::NONE)?.frames;
        self.kept = sys::notification_create()?;
        for _ in NOTIFICATION..PIECE * growth::pieces(u64::from(limit)) {
            sys::cap_derive(self.kept, Rights::empty(), 0, 0)?;
        }
        Ok(())
    }

    fn give_up_kept(&mut self) -> Result<(), Error> {
        let kept = core::mem::replace(&mut self.kept, Handle::NONE);
        sys::cap_revoke(kept)?;
        sys::cap_drop(kept)
    }
}

// SAFETY: `acquire` calls the kernel and nothing that allocates.
unsafe impl Source for Pages {
    #[cold]
    #[inline(never)]
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let bytes = layout.size() as u64 + layout.align() as u64 + OVERHEAD;
        let base = with_exposed_provenance_mut::<u8>(talc.source.end() as usize);
        let before = talc.source.mapped;
        // What was mapped counts: talc asks again when that is not enough.
        let _ = talc.source.grow(bytes.div_ceil(PAGE_SIZE));
        let len = ((talc.source.mapped - before) * PAGE_SIZE) as usize;
        if len == 0 {
            return Err(());
        }
        talc.source.end = match talc.source.end {
            // SAFETY: (1) `base` to `base + len` was mapped just above for nobody else, and
            // stays mapped. (2) It begins where the heap that ends at `end` stopped.
            Some(end) => Some(unsafe { talc.extend(end, base.wrapping_add(len)) }),
            // SAFETY: as (1) above.
            None => unsafe { talc.claim(base, len) },
        };
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
