//! The report of a run, for people.

use super::drive::Ended;
use super::session::Session;
use crate::exit::Exit;

/// Prints what the run came to.
pub(super) fn print(session: &Session) {
    let Session { run, judgement, windows, required, shipped } = session;
    let seconds = run.took.as_secs_f64();
    println!();
    if !judgement.findings.is_empty() {
        for finding in &judgement.findings {
            println!("test-os: {finding}");
        }
        if !run.transcript.warnings.is_empty() {
            println!("test-os: warnings on the console:");
            run.transcript.warnings.iter().for_each(|line| println!("    {line}"));
        }
        if !run.transcript.last_lines.is_empty() {
            println!("test-os: the last lines on the console:");
            run.transcript.last_lines.iter().for_each(|line| println!("    {line}"));
        }
    }
    if let Some(shipped) = shipped.as_ref().filter(|shipped| shipped.findings.is_empty()) {
        println!(
            "test-os: what ships is the same less the tests, and its {} owners are ready after {:.1} s",
            shipped.owners,
            shipped.took.as_secs_f64()
        );
    }
    match (judgement.exit, run.ended) {
        (Exit::NoVerdict, _) => {
            println!("test-os: stopped at the marker after {seconds:.1} s; there is no verdict");
        }
        (Exit::Pass, Ended::Marker) => {
            println!("test-os: PASS, the prompt was reached; {seconds:.1} s");
        }
        (Exit::Pass, _) if run.transcript.verdict.is_none() => println!(
            "test-os: PASS, all {windows} windows were refused, as they must be; {seconds:.1} s"
        ),
        (Exit::Pass, _) if run.witness.is_none() => {
            println!("test-os: PASS, {required} of {required} proofs; {seconds:.1} s");
        }
        (Exit::Pass, _) => println!(
            "test-os: PASS, {required} of {required} proofs; audit, ledger and witness agree on \
             {windows} windows; {seconds:.1} s"
        ),
        (exit, _) => println!(
            "test-os: FAIL ({exit}), {} of {required} proofs; {seconds:.1} s",
            judgement.passed
        ),
    }
}
