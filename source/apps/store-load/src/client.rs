//! One of eight who put at the same time.

use core::convert::Infallible;

use nexus_state::{Expect, open};

use crate::gate::Work;
use crate::keys::{Numbers, key};
use crate::{Failed, LOAD};

/// Puts when it is let, each put durable before the next.
///
/// # Errors
/// Why it cannot go on.
pub fn run() -> Result<Infallible, Failed> {
    let mut state = open()?;
    let mut wrong = false;
    loop {
        let Work { puts, keys, seed } = Work::wait(wrong)?;
        let mut numbers = Numbers::new(seed);
        for _ in 0..puts {
            let key = key(numbers.below(keys));
            let put = state.put_in(LOAD, &key, &numbers.value(), Expect::Any, true);
            wrong |= put.is_err();
        }
    }
}
