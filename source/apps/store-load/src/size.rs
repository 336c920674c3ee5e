//! How much is done: the larger the disk, the more.

/// Sectors of a disk up to which little is done, for what is counted and not timed.
const SMALL: u64 = 1 << 17;
/// The same, up to which there are 10,000 keys; and from which on there are a million, and 100,000 in between.
const MEDIUM: u64 = 1 << 20;
const LARGE: u64 = 1 << 22;

/// How many keys there are, how often the loads are done, and how many operations each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) keys: u64,
    pub(crate) rounds: u64,
    pub(crate) puts: u64,
    pub(crate) puts_of_each: u64,
    /// Syncs with a hundred puts before each.
    pub(crate) hundreds: u64,
    pub(crate) gets: u64,
}

const TIMED: Size =
    Size { keys: 10_000, rounds: 5, puts: 1000, puts_of_each: 500, hundreds: 100, gets: 10_000 };

impl Size {
    /// On a disk of so many sectors.
    pub(crate) const fn of(sectors: u64) -> Size {
        if sectors <= SMALL {
            Size { rounds: 1, puts: 100, puts_of_each: 20, hundreds: 10, gets: 1000, ..TIMED }
        } else if sectors <= MEDIUM {
            TIMED
        } else if sectors < LARGE {
            Size { keys: 100_000, ..TIMED }
        } else {
            Size { keys: 1_000_000, ..TIMED }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_disk_is_loaded_longer() {
        let of = |mib: u64| Size::of(mib << 11);
        assert_eq!((of(64).gets, of(64).keys, of(64).rounds), (1000, 10_000, 1));
        assert_eq!((of(65), of(512), of(1024).keys), (TIMED, TIMED, 100_000));
        assert_eq!((of(2048).keys, of(2048).gets), (1_000_000, 10_000));
    }
}
