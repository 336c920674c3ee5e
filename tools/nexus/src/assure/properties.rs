//! The properties of all tests on the host, with other random inputs than `make test` tries, and more.

use crate::ci::host;
use crate::steps::outcome::Outcome;
use anyhow::Result;

/// Random inputs for each property, but for tests that run proptest themselves.
const CASES: &str = "1024";
/// How many times as many damaged disks and power cuts of the store.
const STORE_SCALE: &str = "100";

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let random = [
        ("PROPTEST_CASES", CASES),
        ("PROPTEST_RNG_SEED", &seed.to_string()),
        ("NEXUS_STORE_SCALE", STORE_SCALE),
    ];
    let outcome = host::nextest(&[], &random)?;
    Ok(Outcome { note: format!("{CASES} inputs for each, seed {seed}"), ..outcome })
}
