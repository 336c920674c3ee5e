//! One run of one built system, held against its own description.

use super::agree::Expected;
use super::drive::{self, Ended, Plan, Run, Until};
use super::frames::Networks;
use super::judge::{Expectation, Judgement, judge};
use super::ledger::{Memory, Ring};
use super::production::{self, Shipped};
use super::report;
use crate::audit::{AuditMemory, AuditRing};
use crate::build::Built;
use crate::desc::{Checked, Expect};
use crate::exit::Exit;
use crate::protocol::Proof;
use crate::symbolize::Symbols;
use crate::witness::dma::Reach;
use crate::{audit, qemu};
use anyhow::{Context, Result, bail};
use nexus_sysdesc::Rule;
use nexus_sysdesc::archive::HOST_READS;
use nexus_sysdesc::bounds::WINDOW_RIGHTS;
use nexus_sysdesc::layout::Layout;
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
    /// When to stop.
    pub until: Until,
    /// Safety net.
    pub limit: Duration,
    /// Number of the run, in a system that chooses at random.
    pub seed: Option<u64>,
    /// Keep the console of the guest to ourselves.
    pub quiet: bool,
}

impl Options {
    /// To the verdict, within what `RUN_TIMEOUT` says, else 190 seconds; with the seed `NEXUS_SEED`.
    ///
    /// # Errors
    /// When `RUN_TIMEOUT` is not a time.
    pub fn from_environment() -> Result<Options> {
        let limit = env::var("RUN_TIMEOUT").unwrap_or_else(|_| "190s".to_owned());
        Ok(Options {
            qemu: env::var_os("NEXUS_QEMU").map(PathBuf::from),
            until: Until::Verdict,
            limit: parse_time(&limit)?,
            seed: seed_from_environment()?,
            quiet: false,
        })
    }
}

/// A run and what it came to.
#[derive(Debug)]
pub struct Session {
    /// The run.
    pub run: Run,
    /// The verdict.
    pub judgement: Judgement,
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
    /// Starts `built`, follows it to its end and judges it. Proof records and ledger are left in
    /// `proofs.txt` and `ledger.txt` beside the image.
    ///
    /// # Errors
    /// When QEMU cannot be started, or the handshake of the witness breaks.
    pub fn run(built: &Built, options: &Options) -> Result<Session> {
        let expect = Expect::of_system(&built.checked.directory)?;
        let nonce = match &expect {
            Some(Expect::Random(random)) => said_seed(random.seed, options),
            // It tells at once that it has come up.
            Some(Expect::Refusal(_)) => fresh_nonce()? | HOST_READS,
            _ => fresh_nonce()?,
        };
        let until = match (&expect, &options.until) {
            (Some(Expect::Refusal(_)), Until::Verdict) => Until::Ready,
            (_, until) => until.clone(),
        };
        let initrd = built.directory.join("run.img");
        fs::write(&initrd, built.image_for(nonce)).context("writing the image of this run")?;
        let qemu = qemu::find(options.qemu.as_deref())?;
        let args = built.checked.qemu_args();
        let networks = Networks::of(&args, &built.directory);
        let mut command = qemu::command(&qemu, &args, &built.kernel, &initrd);
        command.args(networks.dump()?);
        let symbols = Symbols::load(&built.kernel_debug)?;
        let virtio_id = |device| virtio_id(&built.checked, device);
        let mut console = Vec::new();
        let run = drive::run(Plan {
            command,
            // Where QEMU counts instructions as time, 7.2 does not go on after a debugger's stop.
            opens: built.checked.judged,
            nonce,
            ram: built.checked.ram(),
            until,
            limit: options.limit,
            symbols: Some(&symbols),
            is_virtio: &|device| virtio_id(device).is_some(),
            show: &mut |line| {
                console.push(line.to_owned());
                if !options.quiet {
                    println_raw!("{line}");
                }
            },
        })?;
        fs::write(built.directory.join("proofs.txt"), run.transcript.proof_lines())?;
        fs::write(built.directory.join("ledger.txt"), run.transcript.ledger_lines())?;
        let proofs = required_proofs(&built.checked);
        let audit = expected_windows(&built.image)?;
        let services: Vec<u32> =
            built.checked.description.services.iter().map(|service| service.id).collect();
        let expectation = Expectation {
            proofs: &proofs,
            audit: &audit,
            rings: &expected_rings(&built.image)?,
            services: &services,
            kernel: &built.kernel_ranges()?,
            virtio_id: &virtio_id,
            name: &|id| service_name(&built.checked, id),
            opens: built.checked.judged,
            reaches: &reaches(&built.checked),
        };
        let mut judgement = match expect {
            Some(Expect::Refusal(expect)) => expect.judge(&run, &audit, expectation.name),
            Some(Expect::Prompt(prompt)) => prompt.judge(&run, &options.until),
            Some(Expect::Random(_)) | None => judge(&run, &expectation),
        };
        // A run that was ended at a marker need not have come to frames.
        let sends = if run.ended == Ended::Marker { &[] } else { proofs.as_slice() };
        judgement.and(networks.look().judge(sends));
        Ok(Session {
            run,
            judgement,
            windows: audit.len(),
            required: proofs.len(),
            shipped: None,
            console,
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

    /// By how many checks the guest has proved something.
    #[must_use]
    pub fn proved(&self, id: &str) -> u64 {
        let proofs = self.run.transcript.proofs.iter();
        proofs.filter(|proof| proof.id == id).map(|proof| u64::from(proof.checks)).sum()
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

fn required_proofs(checked: &Checked) -> Vec<Proof> {
    let services = checked.description.services.iter();
    let proofs = services.flat_map(|service| {
        service.must_prove.iter().map(|proof| Proof {
            service: service.name.clone(),
            id: proof.name.clone(),
            checks: proof.checks,
        })
    });
    proofs.collect()
}

fn expected_rings(image: &[u8]) -> Result<Vec<Ring>> {
    let services = audit::of_image(image)?.services;
    let rings = services.iter().flat_map(|consumer| {
        let ring = |ring: &AuditRing| Ring {
            consumer: consumer.id,
            driver: ring.driver,
            len: ring.bytes,
            rights: WINDOW_RIGHTS.bits(),
        };
        consumer.rings.iter().map(ring)
    });
    Ok(rings.collect())
}

fn expected_windows(image: &[u8]) -> Result<Vec<Expected>> {
    let audit = audit::of_image(image)?;
    let has_dma = |name: &str| audit.device(name).is_some_and(|device| device.dma);
    let again = |id: u32| {
        let mut services = audit.services.iter();
        services.any(|service| service.id == id && service.restart != "never")
    };
    let windows = audit.windows.iter().cloned();
    Ok(windows
        .map(|window| Expected {
            service: window.service,
            device: window.device,
            dma: has_dma(&window.device_name),
            again: again(window.service),
            memory: window.memory.as_ref().and_then(memory),
            device_name: window.device_name,
            len: window.len,
            rights: window.rights,
            registers: window.registers,
            irq: window.irq,
            interval: window.interval,
        })
        .collect())
}

/// What a device is set up to reach, as the record says it.
fn memory(memory: &AuditMemory) -> Option<Memory> {
    let digest = u64::from_str_radix(&memory.digest, 16).ok()?;
    let reach = u32::try_from(memory.reach).ok()?;
    Some(Memory { pool: memory.pool, reach, digest })
}

/// What each device may be made to reach, and by whom.
fn reaches(checked: &Checked) -> Vec<Reach> {
    let description = &checked.description;
    let reach = |rule: &Rule| {
        let device = description.device(rule.device)?;
        let layout = Layout::of(&rule.queues)?;
        let (number, owner) = (rule.device, rule.subject);
        device.dma.then(|| Reach {
            device: device.name.clone(),
            number,
            owner,
            serial: device.serial().map(|serial| serial.to_string()),
            layout,
            recorded: None,
        })
    };
    description.rules.iter().filter_map(reach).collect()
}

fn virtio_id(checked: &Checked, device: u16) -> Option<u32> {
    let devices = checked.description.devices.iter();
    devices.filter(|one| one.id == device).find_map(|one| one.virtio_id)
}

fn service_name(checked: &Checked, id: u32) -> String {
    let services = checked.description.services.iter();
    let found = services.filter(|one| one.id == id).map(|one| one.name.clone()).next();
    found.unwrap_or_else(|| format!("service {id}"))
}
