//! Which virtual addresses are free for mappings: a stack of ranges with a gap page between them.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use nexus_abi::{Error, PAGE_SIZE};

/// First address handed out.
pub(crate) const FIRST: u64 = 0x10_0000_0000;
/// First address that is not.
const END: u64 = 0x30_0000_0000;

/// First address of a program (`link.ld`): nothing is below.
pub const IMAGE: u64 = 0x10_0000;
/// Where nothing of Rust ever is: for programs that map by themselves, as tests do.
pub const BARE: Range<u64> = END..nexus_abi::USER_END;

static NEXT: AtomicU64 = AtomicU64::new(FIRST);

/// Bytes that a range of `len` bytes takes, gap included.
fn taken(len: u64) -> Option<u64> {
    len.checked_next_multiple_of(PAGE_SIZE)?.checked_add(PAGE_SIZE)
}

/// Takes a free range of `len` bytes and returns its first address, a multiple of the page.
///
/// # Errors
/// `OutOfRange` when the address space is used up.
pub(crate) fn take(len: u64) -> Result<u64, Error> {
    let taken = taken(len).ok_or(Error::OutOfRange)?;
    let next = |next: u64| next.checked_add(taken).filter(|end| *end <= END);
    NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Error::OutOfRange)
}

/// Gives a range back. It is used again only when it is the last one taken: mappings that come and
/// go do so in that order, and 128 GiB last long for others.
pub(crate) fn give_back(va: u64, len: u64) {
    let Some(end) = taken(len).and_then(|taken| va.checked_add(taken)) else { return };
    // Failure means that a later range is still taken.
    let _ = NEXT.compare_exchange(end, va, Ordering::Relaxed, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stack() {
        let first = take(1).unwrap();
        let second = take(PAGE_SIZE + 1).unwrap();
        assert_eq!((first, second), (FIRST, FIRST + 2 * PAGE_SIZE));
        give_back(first, 1);
        assert_eq!(take(0).unwrap(), FIRST + 5 * PAGE_SIZE);
        give_back(FIRST + 5 * PAGE_SIZE, 0);
        give_back(second, PAGE_SIZE + 1);
        assert_eq!(take(PAGE_SIZE).unwrap(), second);
        assert_eq!(take(u64::MAX), Err(Error::OutOfRange));
        assert_eq!(take(END - FIRST), Err(Error::OutOfRange));
    }
}
