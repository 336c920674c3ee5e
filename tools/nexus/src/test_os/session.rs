//! One run of one built system, held against its own description.

use super::cuts::Survived;
use super::described::{Described, Judged};
use super::drive::{Run, Until};
use super::judge::Judgement;
use super::machine::Machine;
use super::page::Asked;
use super::production::{self, Shipped};
use super::report;
use super::transcript::Transcript;
use super::wire;
use crate::build::Built;
use crate::desc::{Cuts, Expect, Random};
use crate::exit::Exit;
use crate::protocol::Proof;
use anyhow::{Context, Result, bail};
use nexus_sysdesc::archive::HOST_READS;
use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The QEMU to use, when not the one on the path.
    pub qemu: Option<PathBuf>,
    /// Where that has its firmware, when not beside it.
    pub firmware: Option<PathBuf>,
    /// When to stop.
    pub until: Until,
    /// Safety net.
    pub limit: Duration,
    /// Number of the run, in a system that chooses at random.
    pub seed: Option<u64>,
    /// Malformed packets, where a peer sends any; as the system says when absent.
    pub packets: Option<u32>,
    /// Who asks for the page, where there is one.
    pub page: Asked,
    /// Keep the console of the guest to ourselves.
    pub quiet: bool,
}

impl Options {
    /// To the verdict, within what `RUN_TIMEOUT` says, else 190 seconds; with the seed `NEXUS_SEED`; the page is
    /// asked for by readers.
    ///
    /// # Errors
    /// When `RUN_TIMEOUT` is not a time.
    pub fn from_environment() -> Result<Options> {
        let limit = env::var("RUN_TIMEOUT").unwrap_or_else(|_| "190s".to_owned());
        Ok(Options {
            qemu: env::var_os("NEXUS_QEMU").map(PathBuf::from),
            firmware: None,
            until: Until::Verdict,
            limit: parse_time(&limit)?,
            seed: seed_from_environment()?,
            packets: packets_from_environment()?,
            page: Asked::ByReaders,
            quiet: false,
        })
    }
}

/// A run and what it came to.
#[derive(Debug)]
pub struct Session {
    /// The run; of two boots the second, or the first when that failed.
    pub run: Run,
    /// What the first of two boots said, when it went as it must.
    pub first: Option<Transcript>,
    /// The verdict.
    pub judgement: Judgement,
    /// What cuts of the power came to, in a run that ends so.
    pub survived: Option<Survived>,
    /// How many windows audit, ledger and witness are compared on.
    pub windows: usize,
    /// How many proofs are required.
    pub required: usize,
    /// What came of the image that ships, where one was held against this.
    pub shipped: Option<Shipped>,
    /// The lines that the guest printed.
    console: Vec<String>,
    /// Where the lines of the run go.
    transcript: PathBuf,
}

/// The file beside an image with what a run of it printed: the guest, and its judge.
pub const TRANSCRIPT: &str = "console.txt";

impl Session {
    /// Starts `built`, follows it to its end and judges it; each of two boots, where there are two. Proof records
    /// and ledger are left in `proofs.txt` and `ledger.txt` beside the image.
    ///
    /// # Errors
    /// When QEMU cannot be started, or the handshake of the witness breaks.
    pub fn run(built: &Built, options: &Options) -> Result<Session> {
        let expect = Expect::of_system(&built.checked.directory)?;
        let nonce = number(expect.as_ref(), options)?;
        let until = until(expect.as_ref(), &options.until);
        let described = Described::of(built)?;
        let mut machine = Machine::new(built, options, expect.as_ref(), nonce)?;
        let mut first = None;
        // A run that ends where it reaches something is one boot.
        let one_boot = matches!(expect, Some(Expect::Prompt(_)));
        if !(built.checked.first_boot.is_empty() || one_boot) {
            first = Some(described.first_boot(&mut machine, until.clone())?);
        }
        let seen = expect.as_ref().map_or(0, wire::required);
        let required =
            seen + described.proofs.len() + first.as_ref().map_or(0, |_| described.first.len());
        let last = match first.take_if(|first| first.judgement.exit != Exit::Pass) {
            Some(failed) => failed,
            None => described.last_boot(&mut machine, expect.as_ref(), until)?,
        };
        let Judged { mut run, mut judgement, survived } = last;
        if let Some(first) = &first {
            judgement.and(described.tied(&first.run, &run));
        }
        let first = first.map(|first| {
            run.took += first.run.took;
            judgement.passed += first.judgement.passed;
            first.run.transcript
        });
        let said = |lines: fn(&Transcript) -> String| -> String {
            first.iter().chain([&run.transcript]).map(lines).collect()
        };
        fs::write(built.directory.join("proofs.txt"), said(Transcript::proof_lines))?;
        fs::write(built.directory.join("ledger.txt"), said(Transcript::ledger_lines))?;
        Ok(Session {
            run,
            first,
            judgement,
            survived,
            windows: described.audit.len(),
            required,
            shipped: None,
            console: machine.console,
            transcript: built.directory.join(TRANSCRIPT),
        })
    }

    /// Holds the image that was judged against the one that ships, and boots the latter; what is wrong
    /// with it is part of the verdict. After a run that has failed nothing is left to find out.
    ///
    /// # Errors
    /// When an image cannot be read, or QEMU cannot be started.
    pub fn hold_against(&mut self, judged: &[u8], ships: &Built, options: &Options) -> Result<()> {
        if self.judgement.exit != Exit::Pass {
            return Ok(());
        }
        let shipped = production::check(judged, ships, options)?;
        for (exit, finding) in &shipped.findings {
            if self.judgement.exit == Exit::Pass {
                self.judgement.exit = *exit;
            }
            self.judgement.findings.push(finding.clone());
        }
        self.shipped = Some(shipped);
        Ok(())
    }

    /// The lines that the guest printed.
    #[must_use]
    pub fn console(&self) -> &[String] {
        &self.console
    }

    /// What the guest has proved, in each boot.
    pub fn proofs(&self) -> impl Iterator<Item = &Proof> {
        self.first.iter().chain([&self.run.transcript]).flat_map(|said| &said.proofs)
    }

    /// By how many checks the guest has proved something.
    #[must_use]
    pub fn proved(&self, id: &str) -> u64 {
        self.proofs().filter(|proof| proof.id == id).map(|proof| u64::from(proof.checks)).sum()
    }

    /// Prints what the run came to, and leaves that and the console in [`TRANSCRIPT`] beside the image.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn report(&self) -> Result<()> {
        let report = report::lines(self);
        report.iter().for_each(|line| println!("{line}"));
        let all = [self.console.as_slice(), report.as_slice()].concat();
        fs::write(&self.transcript, all.join("\n") + "\n").context("writing what the run printed")
    }
}

/// The number of a run.
fn number(expect: Option<&Expect>, options: &Options) -> Result<u64> {
    match expect {
        Some(Expect::Random(Random { seed, .. }) | Expect::Cuts(Cuts { seed, .. })) => {
            Ok(said_seed(*seed, options))
        }
        // It tells at once that it has come up.
        Some(Expect::Refusal(_)) => Ok(fresh_nonce()? | HOST_READS),
        _ => fresh_nonce(),
    }
}

/// When a boot ends that is to go to its verdict.
fn until(expect: Option<&Expect>, chosen: &Until) -> Until {
    match (expect, chosen) {
        (Some(Expect::Refusal(_)), Until::Verdict) => Until::Ready,
        (Some(Expect::Cuts(_)), Until::Verdict) => Until::Cut,
        (_, until) => until.clone(),
    }
}

/// The seed of a run, which is said: it is the same each time unless somebody chooses another.
fn said_seed(fixed: u64, options: &Options) -> u64 {
    let seed = options.seed.unwrap_or(fixed);
    let whose = match options.seed {
        Some(_) => "chosen for this run",
        None => "fixed in expect.toml; NEXUS_SEED chooses another",
    };
    if !options.quiet {
        println!("test-os: seed {seed}, {whose}");
    }
    seed
}

/// The seed `NEXUS_SEED`, where there is one.
///
/// # Errors
/// When it is not a number, or 0.
pub fn seed_from_environment() -> Result<Option<u64>> {
    let Ok(text) = env::var("NEXUS_SEED") else { return Ok(None) };
    match text.parse() {
        Ok(seed @ 1..) => Ok(Some(seed)),
        _ => bail!("NEXUS_SEED is `{text}`; say a number from 1"),
    }
}

/// How many malformed packets `NEXUS_PACKETS` says, where it does.
///
/// # Errors
/// When it is no number from 1 on.
pub fn packets_from_environment() -> Result<Option<u32>> {
    let Ok(text) = env::var("NEXUS_PACKETS") else { return Ok(None) };
    match text.parse() {
        Ok(packets @ 1..) => Ok(Some(packets)),
        _ => bail!("NEXUS_PACKETS is `{text}`; say a number from 1"),
    }
}

/// A time as `RUN_TIMEOUT` has it: `190s`, `3m`, or seconds.
///
/// # Errors
/// When it is none of these.
pub fn parse_time(text: &str) -> Result<Duration> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: u64 = number.parse().with_context(|| format!("`{text}` is not a time"))?;
    Ok(Duration::from_secs(number.saturating_mul(unit)))
}

/// A number that no other run has.
///
/// # Errors
/// When the host has no randomness.
pub fn fresh_nonce() -> Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes).context("reading /dev/urandom")?;
    Ok(u64::from_le_bytes(bytes).max(1))
}
