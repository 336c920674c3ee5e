//! Two clean builds in two places.

use crate::ci::guest;
use crate::steps::outcome::Outcome;
use anyhow::Result;

pub(super) fn check() -> Result<Outcome> {
    Ok(guest::reproducible("prod")?.and(guest::reproducible("test")?))
}
