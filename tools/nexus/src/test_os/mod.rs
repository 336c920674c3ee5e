//! `cargo nexus test-os`: boots the test profile and judges the run.

mod agree;
mod bus;
pub(crate) mod chain;
mod cuts;
mod described;
mod drive;
mod expect;
mod frames;
mod judge;
mod ledger;
mod lines;
mod machine;
mod page;
mod production;
#[cfg(test)]
mod production_tests;
mod proofs;
mod registers;
mod renamed;
mod report;
mod rings;
#[cfg(test)]
mod rules_tests;
mod session;
mod tied;
mod transcript;
mod visitors;
mod wire;

pub use agree::{Expected, differences};
pub use cuts::Survived;
pub use drive::{Ended, Plan, Run, Until, Witness, run as drive};
pub use judge::{Boot, Expectation, Judgement, code, judge};
pub use ledger::{Holding, Replay, Ring, replay};
pub use page::Asked;
pub use production::Shipped;
pub use renamed::renamed;
pub use session::{
    Options, Session, TRANSCRIPT, fresh_nonce, packets_from_environment, parse_time,
    seed_from_environment,
};
pub use transcript::{Meaning, Transcript};
pub(crate) use visitors::FINDING as VISITOR;

use crate::broken::{self, Copy, Defence};
use crate::build::{self, Built};
use crate::cli::SystemArgs;
use crate::desc::Expect;
use crate::exit::Exit;
use crate::paths;
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The profile that ships.
const PRODUCTION: &str = "prod";

/// Arguments of `cargo nexus test-os`.
#[derive(Args, Debug)]
pub struct TestOsArgs {
    /// Directory of the system. The standard one when absent.
    #[arg(long, value_name = "DIR")]
    system: Option<PathBuf>,
    /// Profile of the system: `test`, unless its `expect.toml` names another.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Leave out one defence (tests/broken.toml): the run must then fail.
    #[arg(long, value_name = "NAME")]
    broken: Option<String>,
    /// Give every service another name first: nothing may change.
    #[arg(long)]
    renamed: bool,
    /// The QEMU to use.
    #[arg(long, value_name = "PATH", env = "NEXUS_QEMU")]
    qemu: Option<PathBuf>,
    /// `1` ends at the verdict, `0` at the time limit, a text at the first line that has it.
    #[arg(long, value_name = "WHAT", env = "RUN_UNTIL_MARKER", default_value = "1")]
    until: Until,
    /// Time limit, as `190s`, `3m` or seconds.
    #[arg(long, value_name = "TIME", env = "RUN_TIMEOUT", default_value = "190s",
          value_parser = parse_time)]
    timeout: Duration,
}

/// Builds, boots, judges.
///
/// # Errors
/// When the system cannot be built or QEMU cannot be started.
pub fn run(args: &TestOsArgs) -> Result<Exit> {
    let profile = match &args.profile {
        Some(profile) => profile.clone(),
        None => profile_of(args.system.as_deref())?,
    };
    let mut copy = args.broken.as_ref().map(|_| Copy::open()).transpose()?;
    let (built, ships) = match (&args.broken, &mut copy) {
        (Some(name), Some(copy)) => (without(&broken::find(name)?, copy, args)?, None),
        _ => {
            let system = SystemArgs { system: args.system.clone(), profile };
            let built = build::system(&system)?;
            let ships = shipped_beside(&built, &system)?;
            (built, ships)
        }
    };
    let judged = built.image.clone();
    let built = if args.renamed { renamed(built)? } else { built };
    let options = Options {
        qemu: args.qemu.clone(),
        firmware: None,
        until: args.until.clone(),
        limit: args.timeout,
        seed: seed_from_environment()?,
        packets: packets_from_environment()?,
        page: Asked::ByAll,
        quiet: false,
    };
    let mut session = Session::run(&built, &options)?;
    if let (Some(ships), true) = (ships, options.until == Until::Verdict) {
        session.hold_against(&judged, &ships, &options)?;
    }
    session.report()?;
    Ok(session.judgement.exit)
}

/// The system of the copy without `defence`; the copy has it again afterwards.
fn without(defence: &Defence, copy: &mut Copy, args: &TestOsArgs) -> Result<Built> {
    let root = copy.place.root.clone();
    let system = match &args.system {
        None => defence.system(&root),
        Some(system) => {
            let tree = paths::root()?;
            let inside = system.canonicalize()?;
            let inside = inside.strip_prefix(&tree).with_context(|| {
                format!(
                    "{}: a defence can be left out of systems in {}",
                    system.display(),
                    tree.display()
                )
            })?;
            root.join(inside)
        }
    };
    let profile = match &args.profile {
        Some(profile) => profile.clone(),
        None => profile_of(Some(&system))?,
    };
    copy.without(defence)?.system(system, &profile)
}

/// The profile that a system is judged in.
///
/// # Errors
/// When its `expect.toml` is malformed.
pub fn profile_of(system: Option<&Path>) -> Result<String> {
    let expect = system.map(Expect::of_system).transpose()?.flatten();
    Ok(expect.as_ref().map_or("test", Expect::profile_of_run).to_owned())
}

/// The production image of the system of which `built` is judged, where tests are laid over it.
///
/// # Errors
/// When it does not build.
pub fn shipped_beside(built: &Built, judged: &SystemArgs) -> Result<Option<Built>> {
    if !built.checked.judged {
        return Ok(None);
    }
    let ships = SystemArgs { profile: PRODUCTION.to_owned(), ..judged.clone() };
    build::system(&ships).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_times() {
        assert_eq!(parse_time("190s").unwrap(), Duration::from_secs(190));
        assert_eq!(parse_time("90").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_time("3m").unwrap(), Duration::from_secs(180));
        assert!(parse_time("soon").is_err() && parse_time("").is_err());
    }
}
