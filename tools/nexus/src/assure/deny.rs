//! Dependencies, by the established tool.

use crate::steps::capture;
use crate::steps::outcome::Outcome;
use crate::steps::tools::installed;
use anyhow::Result;

pub(super) fn check() -> Result<Outcome> {
    let mut command = installed(&["deny", "--locked", "check", "bans", "licenses", "sources"])?;
    let (good, _) = capture::run(&mut command)?;
    Ok(Outcome::of(good, "bans, licences, sources"))
}
