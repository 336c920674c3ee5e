//! The keys of the tree.

use alloc::format;
use alloc::string::String;

/// The number of the last boot.
pub const LAST: &str = "last";
/// Under it: the boots that are here.
pub const BOOTS: &str = "boot";
/// Under it: the boots that were dropped.
pub const DROPPED: &str = "dropped";

/// Under it: what is here of a boot.
#[must_use]
pub fn boot(boot: u32) -> String {
    format!("{BOOTS}/{boot:08}")
}

/// What a boot was.
#[must_use]
pub fn facts(boot: u32) -> String {
    format!("{BOOTS}/{boot:08}/facts")
}

/// Where the ledger of a boot ends. The last of the keys of a boot.
#[must_use]
pub fn head(boot: u32) -> String {
    format!("{BOOTS}/{boot:08}/head")
}

/// A part of the records of a boot, numbered from 1.
#[must_use]
pub fn part(boot: u32, part: u32) -> String {
    format!("{BOOTS}/{boot:08}/{part:08}")
}

/// That boots up to this one were dropped.
#[must_use]
pub fn dropped(boot: u32) -> String {
    format!("{DROPPED}/{boot:08}")
}

/// The boot that a key is of, under [`BOOTS`] or [`DROPPED`].
#[must_use]
pub fn boot_of(key: &str) -> Option<u32> {
    let (under, rest) = key.split_once('/')?;
    let number = rest.split('/').next()?;
    let is_number = number.len() >= 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    (matches!(under, BOOTS | DROPPED) && is_number).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_numbers() {
        let keys =
            [part(1, 1), part(1, 99_999_999), facts(1), head(1), part(2, 1), head(99_999_999)];
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(keys[0], "boot/00000001/00000001");
        assert!(keys.iter().all(|key| key.starts_with("boot/0") || key.starts_with("boot/9")));
        assert_eq!([0, 4, 5].map(|at| boot_of(&keys[at])), [Some(1), Some(2), Some(99_999_999)]);
        assert_eq!(boot_of(&dropped(7)), Some(7));
        for other in
            ["last", "boot", "boot/7/head", "boot/0000000x/head", "other/00000007", "boot/"]
        {
            assert_eq!(boot_of(other), None, "{other}");
        }
    }
}
