//! The verdict on a run: exit code AND complete proofs AND audit = ledger = witness.

use super::agree::{self, Expected};
use super::bus;
use super::chain;
use super::drive::{Ended, Run, Witness};
use super::ledger::{self, Holding, Ring};
use super::lines;
use super::proofs;
use super::registers;
use super::rings;
use crate::exit::Exit;
use crate::protocol::{Entry, Event, Proof};
use crate::witness::dma::Reach;
use crate::witness::{self, Claims};
use nexus_proto::init::Refusal;
use std::ops::Range;

/// QEMU's exit codes, as the guest sets them.
pub mod code {
    /// The test profile passed.
    pub const PASSED: i32 = 33;
    /// The first of two boots is over, without a verdict.
    pub const FIRST_BOOT: i32 = 34;
    /// A test failed in the guest.
    pub const FAILED: i32 = 35;
    /// init ended.
    pub const INIT_ENDED: i32 = 101;
    /// The kernel panicked.
    pub const PANIC: i32 = 102;
}

/// "virt" (virtio 1.2, 4.2.2).
const VIRTIO_MAGIC: u32 = 0x7472_6976;

/// "Supervisor User Memory access" in `mstatus` (Privileged Architecture 1.12, 3.1.6.3).
const SUM: u64 = 1 << 18;
/// "Make eXecutable Readable" in `mstatus` (Privileged Architecture 1.12, 3.1.6.3).
const MXR: u64 = 1 << 19;

/// What the run is held against.
pub struct Expectation<'a> {
    /// Which boot it is.
    pub boot: Boot,
    /// Every proof that must be there.
    pub proofs: &'a [Proof],
    /// Who may touch what, from the image.
    pub audit: &'a [Expected],
    /// Who shares memory with whom, from the image.
    pub rings: &'a [Ring],
    /// Every service, all of which live when the guest is read.
    pub services: &'a [u32],
    /// Physical memory of the kernel image.
    pub kernel: &'a [Range<u64>],
    /// The DeviceID of a device number, for virtio devices.
    pub virtio_id: &'a dyn Fn(u16) -> Option<u32>,
    /// Names for service ids.
    pub name: &'a dyn Fn(u32) -> String,
    /// The registers of user mode were opened before the kernel began.
    pub opens: bool,
    /// What devices reach by themselves, from the image; not yet what was recorded.
    pub reaches: &'a [Reach],
}

/// Which boot of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// The first of two, which ends with an exit code of its own and gives no verdict.
    First,
    /// The only one, or the second, which gives it.
    Last,
}

/// The outcome of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The exit code.
    pub exit: Exit,
    /// What was found wrong, as sentences, the gravest first.
    pub findings: Vec<String>,
    /// Proofs that were given as required.
    pub passed: usize,
}

impl Judgement {
    /// The same, when what else was looked at has these findings.
    pub(super) fn and(&mut self, findings: Vec<String>) {
        if self.exit == Exit::Pass && !findings.is_empty() {
            self.exit = Exit::Differ;
        }
        self.findings.extend(findings);
    }
}

/// Judges `run`: by how it ended, its proofs, and who holds what.
#[must_use]
pub fn judge(run: &Run, expectation: &Expectation<'_>) -> Judgement {
    let Judgement { mut exit, mut findings, passed } = judge_proofs(run, expectation);
    let ends = [code::PASSED, code::FAILED, code::FIRST_BOOT];
    let tested = ends.iter().any(|code| run.ended == Ended::Guest(Some(*code)));
    // What was read before a run broke off counts as well.
    if tested || run.witness.is_some() && run.ended != Ended::Marker {
        let found = compare(run, expectation);
        if exit == Exit::Pass && !found.is_empty() {
            exit = Exit::Differ;
        }
        findings.extend(found);
    }
    Judgement { exit, findings, passed }
}

/// Judges `run` by how it ended, and its proofs.
#[must_use]
fn judge_proofs(run: &Run, expectation: &Expectation<'_>) -> Judgement {
    let later = |entry: &Entry| match entry.event {
        Event::Fold | Event::Resume | Event::Start => true,
        Event::Grant | Event::Exit => entry.incarnation > 1,
        _ => false,
    };
    let lives = run.transcript.ledger.iter().any(later);
    let proofs = proofs::check(expectation.proofs, &run.transcript.proofs, lives);
    let passed = proofs.passed(expectation.proofs);
    let (mut exit, mut findings) = ending(run, expectation.boot);
    let mut worse = |kind: Exit, found: Vec<String>| {
        if matches!(exit, Exit::Pass | Exit::NoVerdict) && !found.is_empty() {
            exit = kind;
        }
        findings.extend(found);
    };
    if run.ended != Ended::Marker {
        worse(Exit::Failed, proofs.findings().collect());
    }
    worse(Exit::Failed, run.transcript.wrong.clone());
    Judgement { exit, findings, passed }
}

/// What the way in which the run ended says.
pub(super) fn ending(run: &Run, boot: Boot) -> (Exit, Vec<String>) {
    let (exit, finding) = match run.ended {
        Ended::Marker => return (Exit::NoVerdict, Vec::new()),
        Ended::Cut => (Exit::Failed, "the power was cut".to_owned()),
        Ended::Guest(Some(code::FIRST_BOOT)) if boot == Boot::First => {
            match run.transcript.verdict {
                None => return (Exit::Pass, Vec::new()),
                Some(_) => (Exit::Failed, "the first of two boots gives no verdict".to_owned()),
            }
        }
        Ended::Guest(Some(code::FIRST_BOOT)) => {
            let finding = "it ended as the first of two boots: what another has left was not there";
            (Exit::Failed, finding.to_owned())
        }
        Ended::Guest(Some(code::PASSED)) if boot == Boot::First => {
            (Exit::Failed, "the first of two boots ended as the last one does".to_owned())
        }
        Ended::Deadline => (Exit::Timeout, "the time limit passed".to_owned()),
        Ended::Guest(Some(code::PASSED)) => match run.transcript.verdict {
            Some((_, 0)) => return (Exit::Pass, Vec::new()),
            verdict => (Exit::Failed, format!("exit code 33 with the verdict {verdict:?}")),
        },
        Ended::Guest(Some(code::FAILED)) => (Exit::Failed, "tests failed in the guest".to_owned()),
        Ended::Guest(Some(code::INIT_ENDED)) => (Exit::Panic, "init ended".to_owned()),
        Ended::Guest(Some(code::PANIC)) => {
            let message = run.transcript.panic.as_deref().unwrap_or("nothing said");
            (Exit::Panic, format!("the kernel panicked: {message}"))
        }
        Ended::Guest(code) => {
            (Exit::Failed, format!("QEMU ended with {code:?}, and the guest did not ask for that"))
        }
    };
    (exit, vec![finding])
}

/// Audit, ledger, kernel's tables and page tables.
fn compare(run: &Run, expectation: &Expectation<'_>) -> Vec<String> {
    let transcript = &run.transcript;
    let replay = ledger::replay(&transcript.ledger);
    let mut found: Vec<String> =
        replay.errors.iter().map(|error| format!("ledger: {error}")).collect();
    let replay = ledger::replay(transcript.ledger_when_read());
    let chain =
        chain::check(&transcript.ledger, &transcript.holes, &transcript.heads, transcript.nonce());
    found.extend(chain.iter().map(|error| format!("ledger: {error}")));
    found.extend(quarantined(&transcript.ledger));
    found.extend(agree::differences(
        expectation.audit,
        &replay,
        &transcript.caps,
        expectation.name,
    ));
    let shared = rings::differences(expectation.rings, &replay, &transcript.caps, expectation.name);
    found.extend(shared);
    let Some(witness) = &run.witness else {
        found.push("the guest never asked to be read: no witness".to_owned());
        return found;
    };
    if transcript.firmware.is_empty() {
        found.push("the firmware did not say which memory it keeps".to_owned());
    }
    if transcript.kernel_memory.is_empty() {
        found.push("the kernel did not say which memory it keeps".to_owned());
    }
    let mut services = expectation.services.to_vec();
    services.retain(|service| !replay.ended.contains_key(service));
    let claims = Claims {
        services: &services,
        roots: &transcript.roots,
        caps: &transcript.caps,
        forbidden: &[expectation.kernel, &transcript.firmware, &transcript.kernel_memory].concat(),
        reaches: &reaches(transcript.ledger_when_read(), &replay.holdings, expectation.reaches),
        devices: &witness.devices,
    };
    let pages = witness::check(&witness.ram, &claims);
    found.extend(pages.iter().map(|finding| format!("page tables: {finding}")));
    let dma = witness::dma::check(&witness.ram, &claims);
    found.extend(dma.iter().map(|finding| format!("DMA: {finding}")));
    found.extend(lines::enabled(&witness.enabled, &transcript.irqs, &replay.holdings));
    let sealed = expectation.reaches.iter().map(|reach| reach.number).collect();
    let is_virtio = |base| {
        let seen = witness.identities.iter().find(|(at, _)| *at == base);
        let words = seen.map(|(_, words)| words.as_slice());
        matches!(words, Some([VIRTIO_MAGIC, 2, id]) if *id != 0)
    };
    found.extend(bus::differences(&replay.holdings, &transcript.caps, &sealed, &is_virtio));
    found.extend(identities(&replay.holdings, witness, expectation));
    found.extend(user_memory(witness.status));
    if expectation.opens {
        found.extend(registers::left_open(&witness.opened));
    }
    found
}

/// Devices that init could not take back, as sentences.
fn quarantined(ledger: &[Entry]) -> impl Iterator<Item = String> {
    let lost =
        |entry: &&Entry| (entry.event, entry.reason) == (Event::Revoke, Refusal::NotAtRest.code());
    ledger.iter().filter(lost).map(|entry| {
        let Entry { device, subject, seq, .. } = entry;
        format!(
            "device {device} did not come to rest when service {subject} ended, and is in quarantine (record {seq})"
        )
    })
}

/// What each device that somebody holds reaches: as the image says, and with the last record of it.
fn reaches(ledger: &[Entry], holdings: &[Holding], image: &[Reach]) -> Vec<Reach> {
    let held = image.iter().filter(|reach| {
        holdings.iter().any(|held| (held.device, held.service) == (reach.number, reach.owner))
    });
    let recorded = |reach: &Reach| {
        let about = |entry: &&Entry| (entry.device, entry.subject) == (reach.number, reach.owner);
        let mut prepared = ledger.iter().filter(|entry| entry.event == Event::Prepared);
        prepared.rfind(about).map(|entry| entry.detail)
    };
    held.map(|reach| Reach { recorded: recorded(reach), ..reach.clone() }).collect()
}

/// The kernel has no business with user memory: it takes arguments in registers only, and what lets
/// it read user pages is always off.
fn user_memory(status: u64) -> Option<String> {
    (status & (SUM | MXR) != 0)
        .then(|| format!("the kernel can touch user memory: SUM or MXR is set in {status:#x}"))
}

/// What stands in the registers is what the description says.
fn identities(
    holdings: &[Holding],
    witness: &Witness,
    expectation: &Expectation<'_>,
) -> Vec<String> {
    let mut found = Vec::new();
    for held in holdings {
        let Some(id) = (expectation.virtio_id)(held.device) else { continue };
        let seen = witness.identities.iter().find(|(base, _)| *base == held.base);
        match seen.map(|(_, words)| words.as_slice()) {
            Some([VIRTIO_MAGIC, 2, device]) if *device == id => {}
            other => found.push(format!(
                "window {:#x} of {} should be virtio device {id}, and reads {other:x?}",
                held.base,
                (expectation.name)(held.service)
            )),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Cap, Entry, Event, Root};
    use crate::test_os::transcript::Transcript;
    use crate::witness::dma::Device;
    use crate::witness::{KIND_DEVICE, Ram};
    use nexus_sysdesc::layout::Layout;
    use std::time::Duration;

    const BASE: u64 = 0x1000_8000;

    fn proof() -> Proof {
        Proof { service: "rngd".into(), id: "mmio-map".into(), checks: 4 }
    }

    fn entry(seq: u64, event: Event) -> Entry {
        Entry { base: BASE, detail: 1, ..chain::tests::blank(seq, event) }
    }

    /// A root page table at the start of RAM that maps nothing, so no window is mapped.
    fn good() -> Run {
        let mut transcript = Transcript::new(1);
        transcript.proofs = vec![proof()];
        let events = [Event::Boot, Event::Decision, Event::Grant];
        transcript.ledger = (1..).zip(events).map(|(seq, event)| entry(seq, event)).collect();
        chain::tests::chain(&mut transcript.ledger);
        transcript.heads = chain::tests::heads(&transcript.ledger);
        transcript.caps = vec![Cap {
            service: 7,
            kind: KIND_DEVICE,
            rights: 7,
            base: BASE,
            len: 0x1000,
            mapped_pages: 0,
            object: 0,
            registers: None,
        }];
        transcript.roots = vec![Root { service: 7, phys: 0x8000_0000 }];
        transcript.verdict = Some((1, 0));
        transcript.firmware = std::iter::once(0..1).collect();
        transcript.kernel_memory = std::iter::once(1..2).collect();
        let ram = Ram::new(0x8000_0000, vec![0; 4096]);
        let identities = vec![(BASE, vec![VIRTIO_MAGIC, 2, 4])];
        let opened = registers::CLOSED.to_vec();
        Run {
            ended: Ended::Guest(Some(code::PASSED)),
            transcript,
            witness: Some(Witness {
                ram,
                identities,
                status: 0xa_0000_00a0,
                opened,
                devices: Vec::new(),
                enabled: vec![0; 4],
                page: None,
            }),
            ready_after: None,
            took: Duration::ZERO,
        }
    }

    fn verdict(run: &Run) -> (Exit, Vec<String>) {
        verdict_of(run, Boot::Last)
    }

    fn verdict_of(run: &Run, boot: Boot) -> (Exit, Vec<String>) {
        let audit = [Expected {
            service: 7,
            device: 3,
            device_name: "rng0".into(),
            len: 0x1000,
            rights: 7,
            registers: None,
            irq: false,
            interval: 0,
            dma: false,
            again: false,
            memory: None,
        }];
        let judgement = judge(
            run,
            &Expectation {
                boot,
                proofs: &[proof()],
                audit: &audit,
                rings: &[],
                services: &[7],
                kernel: &[],
                virtio_id: &|device| (device == 3).then_some(4),
                name: &|id| format!("service{id}"),
                opens: true,
                reaches: &[Reach { number: 4, ..reach() }],
            },
        );
        (judgement.exit, judgement.findings)
    }

    fn reach() -> Reach {
        let layout = Layout::of(&[]).unwrap();
        let (device, serial, recorded) = ("rng0".into(), None, None);
        Reach { device, number: 3, owner: 7, serial, layout, recorded }
    }

    #[test]
    fn test_a_reach_is_that_of_a_holder_and_has_the_last_record() {
        let ledger = good().transcript.ledger;
        let replay = ledger::replay(&ledger);
        let entry = |detail, subject| Entry {
            event: Event::Prepared,
            device: 3,
            subject,
            detail,
            ..ledger[0].clone()
        };
        let recorded = |more: &[Entry]| {
            let image = [reach(), Reach { owner: 8, ..reach() }, Reach { number: 4, ..reach() }];
            let all = [ledger.as_slice(), more].concat();
            let found = reaches(&all, &replay.holdings, &image);
            found.iter().map(|reach| (reach.number, reach.recorded)).collect::<Vec<_>>()
        };
        assert_eq!(recorded(&[]), [(3, None)]);
        assert_eq!(recorded(&[entry(1, 7), entry(2, 7), entry(9, 8)]), [(3, Some(2))]);
    }

    // attack 87 H: a device that nobody has is not in reset, or a line is let through that nobody was given; found
    #[test]
    fn test_devices_and_lines_are_held_against_the_grants() {
        let mut run = good();
        let (name, queues) = ("gpu0".into(), Vec::new());
        let device = Device { name, in_reset: false, queues, serial: None };
        run.witness.as_mut().unwrap().devices.push(device);
        assert_verdict(&run, Exit::Differ, "gpu0: nobody may use it, and it is not in reset");
        let mut run = good();
        run.witness.as_mut().unwrap().enabled[0] = 1 << 10;
        assert_verdict(&run, Exit::Differ, "line 10 is enabled at the controller");
    }

    // attack 91 H: a device that did not come to rest is in quarantine, says the ledger; found; broken: judge-quarantine
    #[test]
    fn test_a_device_in_quarantine_is_a_finding() {
        let mut run = good();
        let reason = Refusal::NotAtRest.code();
        run.transcript.ledger.push(Entry { reason, subject: 7, ..entry(9, Event::Revoke) });
        assert_verdict(&run, Exit::Differ, "did not come to rest when service 7 ended");
    }

    #[track_caller]
    fn assert_verdict(run: &Run, exit: Exit, finding: &str) {
        let (got, findings) = verdict(run);
        assert_eq!(got, exit, "{findings:?}");
        assert!(findings.iter().any(|found| found.contains(finding)), "{findings:?}");
    }

    // attack 43 H: the first of two boots gives the verdict, or the second ends as the first; the run fails; broken: first-boot-verdict
    #[test]
    fn test_the_first_of_two_boots_ends_in_its_own_way() {
        let ended = |code, verdict| {
            let mut run = good();
            (run.ended, run.transcript.verdict) = (Ended::Guest(Some(code)), verdict);
            run
        };
        let first = |run: &Run| verdict_of(run, Boot::First);
        assert_eq!(first(&ended(code::FIRST_BOOT, None)), (Exit::Pass, vec![]));
        let mut unread = ended(code::FIRST_BOOT, None);
        unread.witness = None;
        assert_eq!(first(&unread).0, Exit::Differ, "the witness looks at both");
        let mut unproved = ended(code::FIRST_BOOT, None);
        unproved.transcript.proofs.clear();
        assert_eq!(first(&unproved).0, Exit::Failed);
        for (run, why) in [
            (ended(code::FIRST_BOOT, Some((1, 0))), "gives no verdict"),
            (ended(code::PASSED, Some((1, 0))), "ended as the last one does"),
            (ended(code::FAILED, Some((0, 1))), "tests failed in the guest"),
        ] {
            let (exit, findings) = first(&run);
            assert!(exit == Exit::Failed && findings[0].contains(why), "{findings:?}");
        }
        let (exit, findings) = verdict(&ended(code::FIRST_BOOT, None));
        assert!(exit == Exit::Failed && findings[0].contains("was not there"), "{findings:?}");
    }

    #[test]
    fn test_good_run_passes() {
        assert_eq!(verdict(&good()), (Exit::Pass, vec![]));
    }

    // attack 43 H: the guest ends well without its proofs or its verdict; the run fails
    #[test]
    fn test_exit_code_alone_is_not_enough() {
        let mut run = good();
        run.transcript.proofs.clear();
        assert_verdict(&run, Exit::Failed, "proof missing: rngd mmio-map");
        let mut run = good();
        run.transcript.verdict = None;
        assert_verdict(&run, Exit::Failed, "exit code 33 with the verdict None");
        let mut run = good();
        run.transcript.verdict = Some((5, 1));
        assert_verdict(&run, Exit::Failed, "verdict Some((5, 1))");
        let mut run = good();
        run.transcript.wrong.push("not a record: @nx".into());
        assert_verdict(&run, Exit::Failed, "not a record");
    }

    // attack 43 H: a proof is given twice, and a service has ended, but none was started again; the run fails; broken: judge-lives
    #[test]
    fn test_a_proof_is_given_twice_by_two_lives_alone() {
        for (event, incarnation, twice) in [
            (Event::Exit, 1, true),
            (Event::Grant, 1, true),
            (Event::Decision, 2, true),
            (Event::Exit, 2, false),
            (Event::Grant, 2, false),
            (Event::Start, 1, false),
            (Event::Fold, 1, false),
            (Event::Resume, 1, false),
        ] {
            let mut run = good();
            run.transcript.proofs.push(proof());
            run.transcript.ledger.push(Entry { subject: 9, incarnation, ..entry(4, event) });
            let (_, findings) = verdict(&run);
            let found = findings.iter().any(|found| found.contains("proof given twice"));
            assert_eq!(found, twice, "{event:?} of life {incarnation}: {findings:?}");
        }
    }

    #[test]
    fn test_proofs_alone_are_not_enough() {
        for (ended, exit) in [
            (Ended::Guest(Some(0)), Exit::Failed),
            (Ended::Guest(None), Exit::Failed),
            (Ended::Guest(Some(code::FAILED)), Exit::Failed),
            (Ended::Guest(Some(code::INIT_ENDED)), Exit::Panic),
            (Ended::Guest(Some(code::PANIC)), Exit::Panic),
            (Ended::Deadline, Exit::Timeout),
        ] {
            let run = Run { ended, ..good() };
            assert_eq!(verdict(&run).0, exit, "{ended:?}");
        }
    }

    #[test]
    fn test_a_panic_is_told_with_its_message() {
        let mut run = Run { ended: Ended::Guest(Some(code::PANIC)), ..good() };
        run.transcript.take("nexus> neuron: panic: checker: LeafStale at 5");
        run.transcript.take("neuron: panic: and another");
        assert_verdict(&run, Exit::Panic, "the kernel panicked: checker: LeafStale at 5");
    }

    #[test]
    fn test_timeout_says_what_is_missing() {
        let mut run = Run { ended: Ended::Deadline, ..good() };
        run.transcript.proofs.clear();
        assert_verdict(&run, Exit::Timeout, "proof missing: rngd mmio-map");
    }

    #[test]
    fn test_marker_gives_no_verdict() {
        let mut run = Run { ended: Ended::Marker, ..good() };
        run.transcript.proofs.clear();
        assert_eq!(verdict(&run), (Exit::NoVerdict, vec![]));
        run.transcript.wrong.push("not a record: @nx".into());
        assert_verdict(&run, Exit::Failed, "not a record");
    }

    /// Of a run that was cut short what was read counts, and what was not read is not missed.
    #[test]
    fn test_what_was_read_before_a_run_broke_off_counts() {
        let mut run = Run { ended: Ended::Deadline, ..good() };
        run.transcript.caps.clear();
        assert_verdict(&run, Exit::Timeout, "missing in the kernel's table");
        run.witness = None;
        assert!(verdict(&run).1.iter().all(|found| !found.contains("missing in the kernel")));
        let mut run = Run { ended: Ended::Marker, ..good() };
        run.transcript.caps.clear();
        assert_eq!(verdict(&run), (Exit::NoVerdict, vec![]));
    }

    #[test]
    fn test_what_else_was_found_fails_a_run_that_passed() {
        let with = |exit, findings: &[&str]| {
            let mut judgement = Judgement { exit, findings: vec!["first".into()], passed: 3 };
            judgement.and(findings.iter().map(ToString::to_string).collect());
            (judgement.exit, judgement.findings.join(" "))
        };
        assert_eq!(with(Exit::Pass, &["then"]), (Exit::Differ, "first then".into()));
        assert_eq!(with(Exit::Timeout, &["then"]), (Exit::Timeout, "first then".into()));
        assert_eq!(with(Exit::Pass, &[]), (Exit::Pass, "first".into()));
    }

    /// Whatever is in the windows of others.
    #[test]
    fn test_a_window_of_the_bus_has_a_device() {
        for id in [4, 0] {
            let mut run = good();
            let base = BASE + 0x1000;
            let (service, registers) = (nexus_proto::ids::BUSD, Some(nexus_proto::bus::REGISTERS));
            let cap = Cap {
                service,
                rights: bus::ROOT,
                base,
                registers,
                ..run.transcript.caps[0].clone()
            };
            run.transcript.caps.push(cap);
            let witness = run.witness.as_mut().unwrap();
            witness.identities.push((base, vec![VIRTIO_MAGIC, 2, id]));
            let found = verdict(&run).1;
            let of_bus = found.iter().any(|found| found.starts_with("busd has window"));
            assert_eq!(of_bus, id == 0, "{found:?}");
        }
    }

    // attack 43 H: a capability less, a decision less, a page that no table has; the run fails
    #[test]
    fn test_differences_fail_the_run() {
        let mut run = good();
        run.transcript.caps.clear();
        assert_verdict(&run, Exit::Differ, "missing in the kernel's table");
        let mut run = good();
        run.transcript.ledger.remove(1);
        assert_verdict(&run, Exit::Differ, "ledger: grant without a decision");
        let mut run = good();
        run.transcript.ledger[1].ticks += 1;
        assert_verdict(&run, Exit::Differ, "ledger: record 2 does not have the hash");
        let mut run = good();
        run.transcript.heads.clear();
        assert_verdict(&run, Exit::Differ, "ledger: 0 heads");
        let mut run = good();
        run.transcript.firmware.clear();
        assert_verdict(&run, Exit::Differ, "the firmware did not say which memory it keeps");
        let mut run = good();
        run.transcript.kernel_memory.clear();
        assert_verdict(&run, Exit::Differ, "the kernel did not say which memory it keeps");
        let mut run = good();
        run.witness = None;
        assert_verdict(&run, Exit::Differ, "no witness");
        let mut run = good();
        run.transcript.caps[0].mapped_pages = 1;
        assert_verdict(&run, Exit::Differ, "page tables: service 7");
        let mut run = good();
        run.transcript.roots.clear();
        assert_verdict(&run, Exit::Differ, "page tables: service 7: 0 root page tables");
    }

    // attack 42 H: another magic, version or device in a granted window, or none read there; the run fails; broken: judge-identity
    #[test]
    fn test_every_word_of_the_identity_counts() {
        for (index, word) in [(0, VIRTIO_MAGIC + 1), (1, 1), (2, 2), (2, 0)] {
            let mut run = good();
            run.witness.as_mut().unwrap().identities[0].1[index] = word;
            assert_verdict(&run, Exit::Differ, "should be virtio device 4");
        }
        for identities in
            [vec![], vec![(BASE + 0x1000, vec![VIRTIO_MAGIC, 2, 4])], vec![(BASE, vec![])]]
        {
            let mut run = good();
            run.witness.as_mut().unwrap().identities = identities;
            assert_verdict(&run, Exit::Differ, "should be virtio device 4");
        }
    }

    // attack 42 H: another device answers in a granted window; the run fails
    #[test]
    fn test_wrong_device_in_the_window_fails_the_run() {
        let mut run = good();
        run.witness.as_mut().unwrap().identities[0].1[2] = 2;
        assert_verdict(&run, Exit::Differ, "should be virtio device 4");
    }

    // attack 94 H: a register that gives user mode something is as firmware left it; the run fails; broken: counter-instret
    #[test]
    fn test_every_open_register_fails_the_run() {
        for (index, (name, _)) in registers::CLOSED.into_iter().enumerate() {
            let mut run = good();
            run.witness.as_mut().unwrap().opened[index].1 |= 1;
            assert_verdict(&run, Exit::Differ, &format!("{name} is as firmware left it"));
            run.witness.as_mut().unwrap().opened.remove(index);
            assert_verdict(&run, Exit::Differ, &format!("{name} was not opened and read"));
        }
    }

    // attack 15 H: the hart may read user pages from the kernel, or execute-only ones; the run fails
    #[test]
    fn test_open_user_memory_fails_the_run() {
        for bit in [SUM, MXR] {
            let mut run = good();
            run.witness.as_mut().unwrap().status |= bit;
            assert_verdict(&run, Exit::Differ, "the kernel can touch user memory");
        }
    }
}
