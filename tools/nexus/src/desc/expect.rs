//! Systems that are not tested by proofs: `expect.toml` in their directory says how a run ends.
//!
//! One that must *not* come up, because policyd or logd is not what it should be:
//! ```toml
//! exit = 101                          # QEMU's exit code
//! granted = 0                         # devices granted
//! refused = ["policy-gone"]           # the reasons that may stand in a refusal
//! ```
//! Every window that the audit of the image names must have been refused exactly once.
//!
//! One that must come up without some of its devices, because busd is not what it should be:
//! ```toml
//! ready = 3                           # owners that are ready
//! granted = 3
//! refused = ["bus-gone"]
//! ```
//!
//! One that has no tests in it, and must come up:
//! ```toml
//! profile = "prod"
//! reaches = "nexus> "                 # a text on its console
//! ```
//!
//! One that is judged as the standard one is, and takes random choices from the number of its run:
//! ```toml
//! seed = 1                            # unless NEXUS_SEED is another
//! ```
//!
//! The same, with the peer of the tests (tests/peers/wire) on the other end of its network:
//! ```toml
//! seed = 1
//! packets = 10000                     # malformed packets, unless NEXUS_PACKETS is another number
//! peer = ["echo 14", "names 13"]      # what the peer must have seen, and by how many checks at least
//! ```
//!
//! One that writes to a disk until the power is cut, which is judged by what the cut leaves:
//! ```toml
//! cuts = 10                           # disks, each as a cut at another time leaves it
//! seed = 1                            # as above
//! store = true                        # what must be there was put through statefsd, and not into sectors
//! ```
//!
//! One that is judged as the standard one is, on a disk that fails:
//! ```toml
//! disk-errors = ["write 5"]           # which requests, counted for each kind: read, write, flush; `full 5` is
//!                                     # a write that finds no room
//! ```

use super::diagnostic::Diagnostic;
use super::files::open;
use super::kind::Kind;
use super::report::Reporter;
use super::source::{At, Paths, Span};
use super::suggest;
use super::table::{Key, Parsed, Table, key};
use crate::files;
use crate::qemu::disk::DiskError;
use anyhow::{Result, anyhow};
use nexus_sysdesc::bounds::MAX_DEVICES;
use std::env;
use std::path::Path;

const EXIT: Key = key("exit", "101");
const READY: Key = key("ready", "3");
const GRANTED: Key = key("granted", "0");
const REFUSED: Key = key("refused", "[\"policy-gone\"]");
const PROFILE: Key = key("profile", "\"prod\"");
const REACHES: Key = key("reaches", "\"nexus> \"");
const SEED: Key = key("seed", "1");
const PACKETS: Key = key("packets", "10000");
const PEER: Key = key("peer", "[\"echo 14\"]");
const CUTS: Key = key("cuts", "10");
const STORE: Key = key("store", "true");
const DISK_ERRORS: Key = key("disk-errors", "[\"write 5\"]");

/// Most malformed packets of one run.
const MOST_PACKETS: u32 = 100_000_000;
/// Most disks that are made of one run.
const MOST_CUTS: u32 = 1000;

/// How a run must end.
#[derive(Debug, PartialEq, Eq)]
pub enum Expect {
    /// In refusals.
    Refusal(Refusal),
    /// At a text on the console.
    Prompt(Prompt),
    /// With all its proofs, and everything in agreement.
    Random(Random),
    /// In a cut of the power, after which the disk holds what it must.
    Cuts(Cuts),
    /// As every run of proofs, on a disk of which these requests fail.
    Errors(Vec<DiskError>),
}

/// A run that chooses at random.
#[derive(Debug, PartialEq, Eq)]
pub struct Random {
    /// Number of the run, from which everything follows; not 0.
    pub seed: u64,
    /// The peer on the other end of the network, where there is one.
    pub peer: Option<Peer>,
}

/// The peer of the tests, and what it must have seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Malformed packets that it sends.
    pub packets: u32,
    /// What it must have seen, and by how many checks at least.
    pub sees: Vec<(String, u32)>,
}

/// A run that ends in a cut of the power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// At how many times it is cut: each leaves a disk.
    pub cuts: u32,
    /// Number of the run, from which what is random follows; not 0.
    pub seed: u64,
    /// What was acknowledged was put into the store, and not into sectors.
    pub store: bool,
}

/// How a run with refusals ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// With this exit code of QEMU.
    Exit(i32),
    /// It goes on, and so many owners are ready.
    Ready(u32),
}

/// A run that ends in refusals.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How it ends.
    pub ends: Ends,
    /// Devices granted.
    pub granted: u32,
    /// Reasons that may stand in a refusal.
    pub refused: Vec<String>,
}

/// A run that is good when it gets that far.
#[derive(Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Which profile to run.
    pub profile: String,
    /// A text on the console.
    pub reaches: String,
}

impl Expect {
    /// The profile that the run is of.
    #[must_use]
    pub fn profile_of_run(&self) -> &str {
        match self {
            Expect::Refusal(_) => "prod",
            Expect::Prompt(prompt) => &prompt.profile,
            Expect::Random(_) | Expect::Cuts(_) | Expect::Errors(_) => "test",
        }
    }

    /// What `expect.toml` in `directory` says; `None` when there is no such file.
    ///
    /// # Errors
    /// What is wrong with the file, and where.
    pub fn of_system(directory: &Path) -> Result<Option<Expect>> {
        let reporter = Reporter::new(Paths::relative_to(&env::current_dir()?));
        let expect = read(&reporter, directory);
        let refused = |report| anyhow!("the system is refused\n\n{report}");
        reporter.stop_if_refused().map_err(refused)?;
        Ok(expect.map(|expect| expect.value))
    }
}

/// Reads the file of the system in `dir`, if it has one. Its place is where its profile is said.
pub(super) fn read(reporter: &Reporter, dir: &Path) -> Option<At<Expect>> {
    let path = dir.join("expect.toml");
    if !files::is_there(&path) {
        return None;
    }
    let source = open(reporter, &path, "how a run ends", "remove it")?;
    if source.has_mistakes() {
        // Which keys it should have is not known.
        return None;
    }
    let parsed = Parsed::new(&source);
    let keys = parsed.root("", reporter);
    if keys.has(CUTS) {
        read_cuts(parsed.root("an expect.toml with `cuts`", reporter))
    } else if keys.has(DISK_ERRORS) {
        read_errors(parsed.root("an expect.toml with `disk-errors`", reporter))
    } else if keys.has(SEED) {
        read_random(parsed.root("an expect.toml with `seed`", reporter))
    } else if keys.has(PROFILE) || keys.has(REACHES) {
        read_prompt(parsed.root("an expect.toml with `profile` or `reaches`", reporter))
    } else {
        read_refusal(parsed.root("an expect.toml without `seed` and `reaches`", reporter))
    }
}

fn read_random(mut table: Table<'_>) -> Option<At<Expect>> {
    let seed = table.number(SEED, 1..=u64::MAX);
    let peer =
        if table.has(PEER) || table.has(PACKETS) { Some(read_peer(&mut table)) } else { None };
    table.finish();
    let At { value: seed, span } = seed?;
    let peer = match peer {
        Some(peer) => Some(peer?),
        None => None,
    };
    Some(At { value: Expect::Random(Random { seed, peer }), span })
}

fn read_peer(table: &mut Table<'_>) -> Option<Peer> {
    table.must_have(PEER);
    table.must_have(PACKETS);
    let mut sees = Vec::new();
    for text in table.words(PEER) {
        let checks = text.value.split_once(' ').and_then(|(name, checks)| {
            let checks = checks.parse().ok().filter(|checks| *checks > 0)?;
            Some((name.to_owned(), checks))
        });
        match checks {
            Some(checks) => sees.push(checks),
            None => {
                let message = format!("`{}` is nothing that a peer sees", text.value);
                let fix = "write the name of a scenario, and a number of checks from 1 on";
                table.refuse(Kind::OutOfRange, &text.span, message, fix.to_owned());
            }
        }
    }
    let packets = table.number(PACKETS, 1..=MOST_PACKETS)?.value;
    Some(Peer { packets, sees })
}

fn read_cuts(mut table: Table<'_>) -> Option<At<Expect>> {
    table.must_have(SEED);
    let cuts = table.number(CUTS, 1..=MOST_CUTS);
    let seed = table.number(SEED, 1..=u64::MAX);
    let store = table.boolean(STORE).is_some_and(|store| store.value);
    table.finish();
    let (At { value: cuts, span }, seed) = (cuts?, seed?.value);
    Some(At { value: Expect::Cuts(Cuts { cuts, seed, store }), span })
}

fn read_errors(mut table: Table<'_>) -> Option<At<Expect>> {
    let span = Span::start_of(&table.span.source);
    let mut errors = Vec::new();
    for text in table.words(DISK_ERRORS) {
        match text.parse() {
            Ok(error) => errors.push(error),
            Err(()) => {
                let message = format!("`{}` is no request of a disk", text.value);
                let last = DiskError::LAST;
                let fix = format!(
                    "write `read`, `write`, `full` or `flush`, and a number from 1 to {last}"
                );
                table.refuse(Kind::OutOfRange, &text.span, message, fix);
            }
        }
    }
    table.finish();
    Some(At { value: Expect::Errors(errors), span })
}

fn read_prompt(mut table: Table<'_>) -> Option<At<Expect>> {
    table.must_have(PROFILE);
    table.must_have(REACHES);
    let (profile, reaches) = (table.string(PROFILE), table.string(REACHES));
    table.finish();
    let At { value: profile, span } = profile?;
    Some(At { value: Expect::Prompt(Prompt { profile, reaches: reaches?.value }), span })
}

fn read_refusal(mut table: Table<'_>) -> Option<At<Expect>> {
    let comes_up = table.has(READY);
    for needed in [if comes_up { READY } else { EXIT }, GRANTED, REFUSED] {
        table.must_have(needed);
    }
    let span = Span::start_of(&table.span.source);
    let ends = match comes_up {
        true => table.number(READY, 0..=u32::MAX).map(|ready| Ends::Ready(ready.value)),
        false => table.number(EXIT, 0..=u8::MAX).map(|exit| Ends::Exit(exit.value.into())),
    };
    let granted = table.number(GRANTED, 0..=u8::try_from(MAX_DEVICES).unwrap_or(u8::MAX));
    let refused = table.words(REFUSED).into_iter().map(|reason| reason.value).collect();
    table.finish();
    let (ends, granted) = (ends?, granted?.value.into());
    Some(At { value: Expect::Refusal(Refusal { ends, granted, refused }), span })
}

/// Reports a run of a profile that is not among `profiles`.
pub(super) fn check_profile(expect: &At<Expect>, profiles: &[&str], reporter: &Reporter) {
    let wanted = expect.profile_of_run();
    if profiles.contains(&wanted) {
        return;
    }
    let message = format!("the system is run in profile `{wanted}`, which it does not have");
    let fix = match &expect.value {
        Expect::Prompt(_) => suggest::instead(wanted, "profiles", profiles),
        Expect::Refusal(_) | Expect::Random(_) | Expect::Cuts(_) | Expect::Errors(_) => {
            format!("create profiles/{wanted}.toml with `kind = \"{wanted}\"`")
        }
    };
    reporter.add(Diagnostic::at(Kind::UnknownProfile, &expect.span, message, fix));
}
