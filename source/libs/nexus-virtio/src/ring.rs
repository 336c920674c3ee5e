//! Layout of the two rings of a split queue (virtio 1.2, 2.7.6 and 2.7.8), in bytes from the start of
//! each. Words are little endian.
//!
//! | ring | by | 0 | 2 | 4 | after the entries |
//! |---|---|---|---|---|---|
//! | available | driver | flags | index | 2 bytes an entry: head | `used_event` |
//! | used | device | flags | index | 8 bytes an entry: head, bytes written | `avail_event` |
//!
//! An index counts entries ever made, modulo 2^16; entry `i` stands at place `i` modulo the queue size.

/// Most entries of a ring (virtio 1.2, 2.7).
pub const MAX_SIZE: usize = 32_768;

/// Where the flags are, in both rings.
pub(crate) const FLAGS: usize = 0;
/// Where the index is, in both rings.
pub(crate) const INDEX: usize = 2;
const ENTRIES: usize = 4;

/// The flag of the available ring: no interrupt, please.
pub(crate) const NO_INTERRUPT: u16 = 1;
/// The flag of the used ring: no doorbell, please.
pub(crate) const NO_NOTIFY: u16 = 1;

/// Entries of each ring of a queue with so many heads: the least power of two that is not less.
#[must_use]
pub const fn size_for(heads: usize) -> usize {
    heads.next_power_of_two()
}

/// Bytes of the available ring, `used_event` included.
#[must_use]
pub const fn avail_len(size: usize) -> usize {
    used_event(size) + 2
}

/// Bytes of the used ring, `avail_event` included.
#[must_use]
pub const fn used_len(size: usize) -> usize {
    avail_event(size) + 2
}

/// Where the available ring says after which completion the driver wants an interrupt.
pub(crate) const fn used_event(size: usize) -> usize {
    ENTRIES + 2 * size
}

/// Where the used ring says after which head the device wants a doorbell.
pub(crate) const fn avail_event(size: usize) -> usize {
    ENTRIES + 8 * size
}

/// Where entry `index` of the available ring is.
pub(crate) const fn avail_entry(index: u16, size: usize) -> usize {
    ENTRIES + 2 * (index as usize % size)
}

/// Where entry `index` of the used ring is: the head, and the length 4 bytes on.
pub(crate) const fn used_entry(index: u16, size: usize) -> usize {
    ENTRIES + 8 * (index as usize % size)
}

/// True when an index that went from `old` to `new` has passed `event`: whoever wrote `event` wants to
/// be told (virtio 1.2, 2.7.10).
#[must_use]
pub const fn passes(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_specification() {
        for (heads, size) in [(1, 1), (2, 2), (3, 4), (64, 64), (65, 128), (MAX_SIZE, MAX_SIZE)] {
            assert_eq!(size_for(heads), size);
        }
        for size in [1, 2, 128, 1024, MAX_SIZE] {
            assert_eq!((avail_len(size), used_len(size)), (6 + 2 * size, 6 + 8 * size));
        }
        assert_eq!(used_len(1024), 8198);
    }

    #[test]
    fn entries_go_round() {
        assert_eq!([0, 3, 4, u16::MAX].map(|index| avail_entry(index, 4)), [4, 10, 4, 10]);
        assert_eq!([0, 3, 4, u16::MAX].map(|index| used_entry(index, 4)), [4, 28, 4, 28]);
    }

    #[test]
    fn an_event_is_passed_when_the_index_goes_over_it() {
        for base in [0, 5, u16::MAX - 1, u16::MAX] {
            let at = |offset: u16| base.wrapping_add(offset);
            for event in 0..6 {
                let expected = (2..4).contains(&event);
                assert_eq!(passes(at(event), at(4), at(2)), expected, "{event} from {base}");
            }
            assert!(!passes(base, base, base), "nothing was added");
        }
    }
}
