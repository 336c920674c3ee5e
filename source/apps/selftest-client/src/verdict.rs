//! The run: what is proved when, and what comes of it.

use alloc::format;
use core::convert::Infallible;

use nexus_rt::Deadline;

use crate::check::{Check, Failure, take_count};
use crate::context::Context;
use crate::others;
use crate::proofs::{self, hostile_proof};

/// Milliseconds that the host has to read the guest's memory.
const HOST_MS: u64 = 60_000;

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
    let ready = context.host.wait_until_ready();
    score.step(context, "ready", "all owners are ready", ready.map_err(Failure::from));
    if proofs::is_first_boot(context) {
        return score.first_boot(context);
    }
    for proof in proofs::with_everybody_alive(context) {
        score.prove(context, proof.id, proof.fact, proof.check);
    }
    for (id, attack) in proofs::hostile(context) {
        let check = |context: &_| proofs::attack(context, id, attack);
        score.prove(context, &hostile_proof(attack), &proofs::fact(attack), check);
    }
    for proof in proofs::last() {
        score.prove(context, proof.id, proof.fact, proof.check);
    }
    score.witness(context);
    Ok(context.host.end(score.passed, score.failed)?)
}

impl Score {
    /// Proves what the first of two boots must, and ends it: without a verdict, unless something is wrong.
    fn first_boot(mut self, context: &Context) -> Result<Infallible, Failure> {
        let proofs::Proof { id, fact, check, .. } = proofs::FIRST;
        self.prove(context, id, fact, check);
        self.witness(context);
        match self.failed {
            0 => Ok(context.host.end_first_boot()?),
            failed => Ok(context.host.end(self.passed, failed)?),
        }
    }

    /// The host reads the memory of the guest, once everybody else has proved what they must.
    fn witness(&mut self, context: &Context) {
        let waited = others::wait(context).map_err(Failure::from);
        self.step(context, "others proved", "what others must prove can be looked for", waited);
        let shown = context.host.witness(Deadline::after_ms(HOST_MS)).map_err(Failure::from);
        self.step(context, "witness", "the host reads the memory of the guest", shown);
    }

    /// Tries a proof, counts it, and records it when its fact is there, with the number of checks
    /// that it took.
    fn prove(
        &mut self,
        context: &Context,
        id: &str,
        fact: &str,
        check: impl FnOnce(&Context) -> Check,
    ) {
        take_count();
        let check = check(context).and_then(|()| Ok(nexus_rt::proof(id, take_count())?));
        if self.step(context, id, fact, check) {
            self.passed += 1;
        }
    }

    /// Counts a step that is no proof only when it fails. True when it did not.
    fn step(&mut self, context: &Context, id: &str, fact: &str, check: Check) -> bool {
        let words = id.replace('-', " ");
        let line = match &check {
            Ok(()) => format!("SELFTEST: {words} ok"),
            Err(failure) => format!("SELFTEST: {words} FAILED ({fact}): {failure}"),
        };
        let shown = context.host.console.line(&line);
        let passed = check.is_ok() && shown.is_ok();
        if !passed {
            self.failed += 1;
        }
        passed
    }
}
