//! The properties of all tests on the host, with other random inputs than `make test` tries, and more.

use crate::ci::host;
use crate::steps::outcome::Outcome;
use anyhow::Result;

/// Random inputs for each property, but for tests that run proptest themselves.
const CASES: &str = "1024";
/// How many times as many damaged disks of the store as in `make test`, and how many these are: a sector of each is
/// flipped, foreign or stale.
const STORE_SCALE: u32 = 334;
const STORE_DISKS: u32 = 3_000;

pub(super) fn check(seed: u64) -> Result<Outcome> {
    let random = [
        ("PROPTEST_CASES", CASES),
        ("PROPTEST_RNG_SEED", &seed.to_string()),
        ("NEXUS_STORE_SCALE", &STORE_SCALE.to_string()),
    ];
    let outcome = host::nextest(&[], &random)?;
    let disks = STORE_SCALE * STORE_DISKS;
    let note = format!("{CASES} inputs for each, {disks} damaged disks of the store, seed {seed}");
    Ok(Outcome { note, ..outcome })
}
