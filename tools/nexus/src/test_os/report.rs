//! The report of a run, for people.

use super::drive::Ended;
use super::session::Session;
use crate::exit::Exit;

/// What the run came to, in lines.
pub(super) fn lines(session: &Session) -> Vec<String> {
    let Session { run, first, judgement, survived, windows, required, shipped, .. } = session;
    let seconds = run.took.as_secs_f64();
    let boots = if first.is_some() { " in two boots" } else { "" };
    let mut lines = vec![String::new()];
    if !judgement.findings.is_empty() {
        lines.extend(judgement.findings.iter().map(|finding| format!("test-os: {finding}")));
        let transcript = &run.transcript;
        lines.extend(indented("warnings", transcript.warnings.iter()));
        lines.extend(indented("the last lines", transcript.last_lines.iter()));
    }
    if let Some(shipped) = shipped.as_ref().filter(|shipped| shipped.findings.is_empty()) {
        lines.push(format!(
            "test-os: what ships is the same less the tests, and its {} owners are ready after {:.1} s",
            shipped.owners,
            shipped.took.as_secs_f64()
        ));
    }
    lines.push(match (judgement.exit, run.ended) {
        (Exit::NoVerdict, _) => {
            format!("test-os: stopped at the marker after {seconds:.1} s; there is no verdict")
        }
        (Exit::Pass, Ended::Cut) => {
            let survived = survived.unwrap_or_default();
            format!("test-os: PASS, {survived}; {seconds:.1} s")
        }
        (Exit::Pass, Ended::Marker) => {
            format!("test-os: PASS, the prompt was reached; {seconds:.1} s")
        }
        (Exit::Pass, _) if run.transcript.verdict.is_none() => format!(
            "test-os: PASS, all {windows} windows were refused, as they must be; {seconds:.1} s"
        ),
        (Exit::Pass, _) if run.witness.is_none() => {
            format!("test-os: PASS, {required} of {required} proofs{boots}; {seconds:.1} s")
        }
        (Exit::Pass, _) => format!(
            "test-os: PASS, {required} of {required} proofs{boots}; audit, ledger and witness agree on \
             {windows} windows; {seconds:.1} s"
        ),
        (exit, _) => format!(
            "test-os: FAIL ({exit}), {} of {required} proofs; {seconds:.1} s",
            judgement.passed
        ),
    });
    lines
}

fn indented<'a>(what: &str, said: impl ExactSizeIterator<Item = &'a String>) -> Vec<String> {
    let title = (said.len() > 0).then(|| format!("test-os: {what} on the console:"));
    title.into_iter().chain(said.map(|line| format!("    {line}"))).collect()
}
