//! The run: what is proved when, and what comes of it.

use alloc::format;
use core::convert::Infallible;

use nexus_proto::Zero;
use nexus_proto::init::{Readiness, Ready, Report, ReportState};
use nexus_proto::power::Exit;
use nexus_rt::Deadline;

use crate::check::{Check, Failure, ensure};
use crate::context::Context;
use crate::{proofs, records, witness};

/// Exit code of QEMU when all tests passed.
const PASSED: u16 = 33;
/// Exit code of QEMU when one did not.
const FAILED: u16 = 35;
/// Milliseconds that the owners have to become ready.
const READY_MS: u64 = 20_000;
/// Milliseconds between two looks at them.
const LOOK_MS: u64 = 5;
/// Milliseconds for the last line to leave the serial port.
const LAST_LINE_MS: u64 = 50;

/// What has been proved so far.
#[derive(Debug, Default)]
struct Score {
    passed: u32,
    failed: u32,
}

/// Runs everything and ends the machine.
///
/// # Errors
/// The machine could not be ended.
pub fn run(context: &Context) -> Result<Infallible, Failure> {
    let mut score = Score::default();
    let ready = wait_until_ready(context);
    score.step(context, "ready", ready);
    for proof in proofs::with_everybody_alive() {
        score.prove(context, proof.id, (proof.check)(context));
    }
    let shown = witness::show(context);
    score.step(context, "witness", shown);
    for (name, check) in proofs::hostile(context) {
        score.prove(context, &name, check);
    }
    for proof in proofs::last() {
        score.prove(context, proof.id, (proof.check)(context));
    }
    finish(context, &score)
}

impl Score {
    /// Counts a proof, and records it when its fact is there.
    fn prove(&mut self, context: &Context, id: &str, check: Check) {
        let check = check.and_then(|()| Ok(nexus_rt::proof(id)?));
        if self.step(context, id, check) {
            self.passed += 1;
        }
    }

    /// Counts a step that is no proof only when it fails. True when it did not.
    fn step(&mut self, context: &Context, id: &str, check: Check) -> bool {
        let words = id.replace('-', " ");
        let line = match &check {
            Ok(()) => format!("SELFTEST: {words} ok"),
            Err(failure) => format!("SELFTEST: {words} FAILED: {failure}"),
        };
        let shown = context.console.line(&line);
        let passed = check.is_ok() && shown.is_ok();
        if !passed {
            self.failed += 1;
        }
        passed
    }
}

/// Tells init that this owner of a window is there, and waits for all the others.
fn wait_until_ready(context: &Context) -> Check {
    let report = Report { state: ReportState::Ready, zero: Zero::ZERO, detail: 0 };
    context.ask(context.init, &report)?;
    let deadline = Deadline::after_ms(READY_MS);
    loop {
        let ready = context.ask(context.init, &Ready {})?;
        if everybody(&ready) {
            return witness::record(context, &records::ready(ready.owners));
        }
        ensure!(
            !deadline.has_passed(),
            "{} of {} owners ready, {} of {} services started",
            ready.owners_ready,
            ready.owners,
            ready.services_started,
            ready.services
        );
        context.pause(LOOK_MS);
    }
}

const fn everybody(ready: &Readiness) -> bool {
    ready.owners_ready == ready.owners && ready.services_started == ready.services
}

fn finish(context: &Context, score: &Score) -> Result<Infallible, Failure> {
    witness::record(context, &records::verdict(score.passed, score.failed))?;
    context.pause(LAST_LINE_MS);
    let code = if score.failed == 0 { PASSED } else { FAILED };
    context.ask(context.powerd, &Exit { code, zero: Zero::ZERO })?;
    Err(Failure::new("the machine goes on"))
}
