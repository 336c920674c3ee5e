//! Sums: XXH3, 64 bits, bound to where and when.

use twox_hash::XxHash3_64;

const PLACE: u64 = 0x9e37_79b9_7f4a_7c15;
const TIME: u64 = 0xc2b2_ae3d_27d4_eb4f;

/// The sum of `data` at `place`, written as number `time`, under `key`. What is right in one place, or was right
/// at another time, is wrong here and now, but for one in 2^64.
pub(crate) fn bound(key: u64, place: u64, time: u64, data: &[u8]) -> u64 {
    let seed = key ^ place.wrapping_mul(PLACE) ^ time.wrapping_mul(TIME).rotate_left(32);
    XxHash3_64::oneshot_with_seed(seed, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 67 U: the same bytes in another place, at another time, under another key; another sum, whatever the key is
    #[test]
    fn a_sum_is_bound_to_key_place_and_time() {
        let data = b"the same bytes";
        for key in [0, 1, u64::MAX] {
            for place in [0, 1, u64::MAX] {
                for time in [0, 1, u64::MAX] {
                    let sum = bound(key, place, time, data);
                    assert_ne!(sum, bound(key ^ 4, place, time, data));
                    assert_ne!(sum, bound(key, place ^ 2, time, data));
                    assert_ne!(sum, bound(key, place, time ^ 2, data));
                    assert_ne!(sum, bound(key, place, time, b"other bytes"));
                }
            }
        }
    }
}
