//! Runs a guest to its end: streams its console, collects its records, reads its memory.

use super::page::{Asked, Page};
use super::transcript::{Meaning, Transcript};
use super::{bus, registers};
use crate::protocol::Event::Grant;
use crate::protocol::{WITNESS_DONE, paste};
use crate::qemu::{self, Event, Gdb, Guest, Qmp, virtio};
use crate::symbolize::Symbols;
use crate::witness::Ram;
use crate::witness::dma::Device;
use anyhow::{Context, Result};
use serde_json::json;
use std::collections::BTreeSet;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The enable bits of the kernel's context of hart 0, at the controller of QEMU's `virt` machine (PLIC 1.0,
/// 5). Never the claim register: a load from it changes what it says.
const PLIC_ENABLES: u64 = 0x0c00_2080;
/// As many words as its lines need: fewer than 128 of them.
const PLIC_WORDS: usize = 4;

/// When a run ends, besides when the guest ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// At the verdict: when the guest has ended itself.
    Verdict,
    /// At the first console line that contains this text.
    Marker(String),
    /// When all owners are ready.
    Ready,
    /// When the guest asks for a cut of the power.
    Cut,
    /// Not before the time limit.
    Timeout,
}

impl Until {
    fn is_at(&self, line: &str) -> bool {
        matches!(self, Until::Marker(marker) if line.contains(marker))
    }
}

impl FromStr for Until {
    type Err = std::convert::Infallible;

    /// As `RUN_UNTIL_MARKER` has it: `1` or empty, `0`, or a text.
    fn from_str(text: &str) -> Result<Until, Self::Err> {
        Ok(match text {
            "" | "1" => Until::Verdict,
            "0" => Until::Timeout,
            text => Until::Marker(text.to_owned()),
        })
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// QEMU ended with this exit code; `None` when a signal ended it.
    Guest(Option<i32>),
    /// The marker came.
    Marker,
    /// The power was cut: QEMU stood still, with all done that its devices had begun, and was killed.
    Cut,
    /// The time limit passed.
    Deadline,
}

/// A run that is over.
#[derive(Debug)]
pub struct Run {
    /// How.
    pub ended: Ended,
    /// What it said.
    pub transcript: Transcript,
    /// Its memory when it asked to be read, and what the host found by reading registers.
    pub witness: Option<Witness>,
    /// From start of QEMU to the record that all owners are ready.
    pub ready_after: Option<Duration>,
    /// From start to end.
    pub took: Duration,
}

/// What the host read while the guest stood still.
#[derive(Debug)]
pub struct Witness {
    /// All of RAM.
    pub ram: Ram,
    /// Magic, version and DeviceID at each granted virtio window.
    pub identities: Vec<(u64, Vec<u32>)>,
    /// `mstatus` of the hart, of which `sstatus` is a part.
    pub status: u64,
    /// Registers that were opened before the kernel's first instruction; none where none was.
    pub opened: Vec<(&'static str, u64)>,
    /// Every virtio device, as QEMU has it.
    pub devices: Vec<Device>,
    /// The lines that the interrupt controller lets through to the kernel: bit n of word m is line
    /// 32m + n.
    pub enabled: Vec<u32>,
    /// The page, as it was just before; or why there was no answer. Nothing where nobody asked for it.
    pub(super) page: Option<Result<Page, String>>,
}

/// What to run.
pub struct Plan<'a> {
    /// QEMU with all its arguments but serial port and monitor.
    pub command: Command,
    /// Open the registers that firmware could have left open, and read them in the end.
    pub opens: bool,
    /// Number of this run.
    pub nonce: u64,
    /// First address and bytes of RAM.
    pub ram: (u64, u64),
    /// When to stop.
    pub until: Until,
    /// Safety net.
    pub limit: Duration,
    /// Names for addresses of a backtrace.
    pub symbols: Option<&'a Symbols>,
    /// Device numbers whose identity registers can be read without harm: virtio devices.
    pub is_virtio: &'a dyn Fn(u16) -> bool,
    /// By whom the page is asked for before the guest is read, where QEMU was asked for a forward to it.
    pub page: Option<Asked>,
    /// Takes each console line.
    pub show: &'a mut dyn FnMut(&str),
}

/// Runs `plan` to its end.
///
/// # Errors
/// When QEMU cannot be started, or the handshake of the witness breaks.
pub fn run(mut plan: Plan<'_>) -> Result<Run> {
    let scratch = tempfile::tempdir().context("making a scratch directory")?;
    let socket = scratch.path().join("qmp");
    let monitor = UnixListener::bind(&socket).context("listening for the monitor")?;
    qemu::attach(&mut plan.command, &socket);
    let start = Instant::now();
    let command = std::mem::replace(&mut plan.command, Command::new("true"));
    let (guest, gdb) = match plan.opens {
        true => start_opened(command, scratch.path().join("gdb"))?,
        false => (Guest::start(command)?, None),
    };
    let mut driver = Driver {
        guest,
        gdb,
        transcript: Transcript::new(plan.nonce),
        witness: None,
        ready_after: None,
        start,
        monitor,
        scratch,
    };
    let ended = driver.until_the_end(&mut plan)?;
    Ok(Run {
        ended,
        transcript: driver.transcript,
        witness: driver.witness,
        ready_after: driver.ready_after,
        took: start.elapsed(),
    })
}

/// Starts `command` with the registers opened. When QEMU ends before it has connected, the end
/// connects: nobody waits for what can no longer come.
fn start_opened(mut command: Command, socket: PathBuf) -> Result<(Guest, Option<Gdb>)> {
    let listener = UnixListener::bind(&socket).context("listening for the debugger")?;
    qemu::debug(&mut command, &socket);
    let guest = Guest::start_and(command, move || drop(UnixStream::connect(socket)))?;
    let gdb = registers::open(&listener)?;
    Ok((guest, Some(gdb)))
}

struct Driver {
    guest: Guest,
    gdb: Option<Gdb>,
    transcript: Transcript,
    witness: Option<Witness>,
    ready_after: Option<Duration>,
    start: Instant,
    monitor: UnixListener,
    scratch: TempDir,
}

impl Driver {
    fn until_the_end(&mut self, plan: &mut Plan<'_>) -> Result<Ended> {
        let deadline = self.start + plan.limit;
        loop {
            let line = match self.guest.next(deadline)? {
                Event::End(status) => return Ok(Ended::Guest(status.code())),
                Event::Deadline => return Ok(Ended::Deadline),
                Event::Part(part) if plan.until.is_at(&part) => return Ok(Ended::Marker),
                Event::Part(_) => continue,
                Event::Line(line) => line,
            };
            match self.transcript.take(&line) {
                Meaning::Text => {
                    let named = plan.symbols.map(|symbols| symbols.annotate(&line));
                    (plan.show)(named.as_deref().unwrap_or(&line));
                    if plan.until.is_at(&line) {
                        return Ok(Ended::Marker);
                    }
                }
                Meaning::WitnessReady => {
                    let witness = self.read_memory(plan)?;
                    self.witness = Some(witness);
                    self.guest.send(WITNESS_DONE)?;
                }
                Meaning::Paste(bytes) => self.guest.send(&paste(bytes))?,
                Meaning::Cut if plan.until == Until::Cut => {
                    Qmp::accept(&self.monitor)?.execute("stop", json!({}))?;
                    return Ok(Ended::Cut);
                }
                Meaning::Cut if plan.until != Until::Verdict => {}
                Meaning::Cut => {
                    let wrong = "a cut of the power, in a run that ends otherwise";
                    self.transcript.wrong.push(wrong.to_owned());
                }
                Meaning::Record | Meaning::Verdict => {
                    if self.transcript.ready.is_some() && self.ready_after.is_none() {
                        self.ready_after = Some(self.start.elapsed());
                    }
                    if plan.until == Until::Ready && self.transcript.ready.is_some() {
                        return Ok(Ended::Marker);
                    }
                }
            }
        }
    }

    fn read_memory(&mut self, plan: &Plan<'_>) -> Result<Witness> {
        let opened = self.gdb.as_mut().map(registers::read).transpose()?.unwrap_or_default();
        let mut qmp = Qmp::accept(&self.monitor)?;
        let look = |asked| Page::look(&mut qmp, asked).map_err(|why| format!("{why:#}"));
        let page = plan.page.map(look);
        let file = self.scratch.path().join("ram");
        let (base, len) = plan.ram;
        let granted = self.transcript.ledger.iter().filter(|entry| entry.event == Grant);
        let virtio = granted.filter(|entry| (plan.is_virtio)(entry.device));
        let set_up = bus::windows(&self.transcript.caps);
        let windows: BTreeSet<u64> = virtio.map(|entry| entry.base).chain(set_up).collect();
        // Everything is read at one stop, so that all of it is about the same moment.
        qmp.stopped(|qmp| {
            qmp.save_memory(base, len, &file)?;
            let identity = |base: u64, qmp: &mut Qmp| Ok((base, qmp.read_words(base, 3)?));
            let identities = windows.into_iter().map(|base| identity(base, qmp));
            let identities = identities.collect::<Result<_>>()?;
            let status = qmp.read_register("mstatus")?;
            let devices = virtio::devices(qmp)?;
            let enabled = qmp.read_words(PLIC_ENABLES, PLIC_WORDS)?;
            let ram = Ram::read(base, &file)?;
            Ok(Witness { ram, identities, status, opened, devices, enabled, page })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, until: Until, limit: Duration) -> (Run, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", script, "guest"]);
        let mut shown = Vec::new();
        let plan = Plan {
            command,
            opens: false,
            nonce: 7,
            ram: (0, 0),
            until,
            limit,
            symbols: None,
            is_virtio: &|_| false,
            page: None,
            show: &mut |line| shown.push(line.to_owned()),
        };
        let run = run(plan).unwrap();
        (run, shown)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn test_guest_that_ends_itself() {
        let script = "echo hello; echo @nx 0000000000000007 ready 6; \
                      echo @nx 0000000000000007 verdict 1 0; exit 33";
        let (run, shown) = shell(script, Until::Verdict, LONG);
        assert_eq!(run.ended, Ended::Guest(Some(33)));
        assert_eq!(run.transcript.verdict, Some((1, 0)));
        assert!(run.ready_after.is_some());
        assert_eq!(shown, ["hello"]);
    }

    #[test]
    fn test_marker_ends_the_run() {
        let script = "echo one; echo SELFTEST: mmio map ok; exec sleep 1000";
        let until = "mmio map ok".parse().unwrap();
        let (run, shown) = shell(script, until, LONG);
        assert_eq!(run.ended, Ended::Marker);
        assert_eq!(shown.len(), 2);
    }

    #[test]
    fn test_what_the_guest_waits_for_is_typed() {
        let script = "echo @nx 0000000000000007 paste 4; head -c 4; echo";
        let (run, shown) = shell(script, Until::Verdict, LONG);
        assert_eq!(run.ended, Ended::Guest(Some(0)));
        assert_eq!(shown, ["!@_~"]);
    }

    #[test]
    fn test_deadline_is_a_safety_net() {
        let (run, _) = shell("exec sleep 1000", Until::Timeout, Duration::from_millis(1));
        assert_eq!(run.ended, Ended::Deadline);
    }

    #[test]
    fn test_a_guest_that_ends_before_its_debugger_connects() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exit 1", "guest"]);
        assert!(start_opened(command, dir.path().join("gdb")).is_err());
    }

    #[test]
    fn test_values_of_run_until_marker() {
        assert_eq!("1".parse(), Ok(Until::Verdict));
        assert_eq!("".parse(), Ok(Until::Verdict));
        assert_eq!("0".parse(), Ok(Until::Timeout));
        assert_eq!("ok".parse(), Ok(Until::Marker("ok".into())));
    }
}
