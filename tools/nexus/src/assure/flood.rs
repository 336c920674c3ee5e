//! A flood of frames by a clock on the wall, on a QEMU that counts no instructions.

use super::machines::second;
use crate::build;
use crate::cli::SystemArgs;
use crate::exit::Exit;
use crate::paths;
use crate::steps::outcome::Outcome;
use crate::test_os::{Options, Session};
use anyhow::Result;

/// What somebody below the stack says of what it measured begins so.
const SAYS: &str = "below";

pub(super) fn check() -> Result<Outcome> {
    let Some(qemu) = second() else {
        return Ok(Outcome::skip("NEXUS_QEMU10 names no second QEMU"));
    };
    let system = Some(paths::root()?.join("tests/systems/flood/clock"));
    let built = build::system(&SystemArgs { system, profile: "test".to_owned() })?;
    let from_environment = Options::from_environment()?;
    let (program, firmware) = (Some(qemu.program), qemu.data);
    let options = Options { qemu: program, firmware, quiet: true, ..from_environment };
    let session = Session::run(&built, &options)?;
    session.report()?;
    let said = session.console().iter().filter(|line| line.starts_with(SAYS));
    let note = said.cloned().collect::<Vec<_>>().join("; ");
    Ok(Outcome::of(session.judgement.exit == Exit::Pass, note))
}
