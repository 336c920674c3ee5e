//! Defences whose absence a run in QEMU must notice.

use super::Noticed;
use crate::broken::{CHECKER, Defence, MISSING, Without};
use crate::build::Built;
use crate::test_os::{Asked, Ended, Options, Session, Until, VISITOR, profile_of};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For a guest that hangs without the defence. An ordinary run takes a few seconds, on a busy host
/// a minute or two.
const LIMIT: Duration = Duration::from_secs(300);

/// A system without a defence, and the finding with which its run must fail.
pub(super) struct Image {
    built: Built,
    by: String,
}

/// Builds the system that is run without `defence`, and moves it to `kept`. The checker in the
/// kernel is on only when it is what must notice: else it could be the first to, and end the run.
///
/// # Errors
/// When the system does not build.
pub(super) fn build(
    without: &Without<'_>,
    defence: &Defence,
    by: &str,
    kept: &Path,
) -> Result<Image> {
    let system = defence.system(&without.place().root);
    let profile = profile_of(Some(&system))?;
    let built = without.system(system, &profile)?.moved_to(&kept.join("image"))?;
    let built = if by.starts_with(CHECKER) { built } else { built.unwatched() };
    Ok(Image { built, by: by.to_owned() })
}

impl Image {
    /// Whether a run fails as it must. It ends as soon as the guest says that the proof fails which
    /// stands for the defence.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub(super) fn run(&self, qemu: Option<&PathBuf>) -> Result<Noticed> {
        let by = &self.by;
        let marker = by.starts_with(MISSING).then(|| said_of(by));
        let until = marker.map_or(Until::Verdict, Until::Marker);
        let options = Options {
            qemu: qemu.cloned(),
            firmware: None,
            until,
            limit: LIMIT,
            seed: None,
            packets: None,
            page: if by.starts_with(VISITOR) { Asked::ByAll } else { Asked::ByReaders },
            quiet: true,
        };
        let session = Session::run(&self.built, &options)?;
        let transcript = &session.run.transcript;
        if session.run.ended == Ended::Marker {
            return Ok(Noticed::AsExpected(by.clone()));
        }
        let cut_at = transcript.verdict.is_none().then_some(transcript.failures.as_slice());
        Ok(noticed(by, session.judgement.findings, cut_at))
    }
}

/// How the guest says that a proof failed, which is missing then.
fn said_of(missing: &str) -> String {
    let words = missing.rsplit(' ').next().unwrap_or(missing).replace('-', " ");
    format!("SELFTEST: {words} FAILED")
}

/// Holds the findings of a run against what must catch it. In a run that broke off before its
/// verdict every later proof is missing, too: only those count of which the guest itself had said
/// that they failed (`failures`).
fn noticed(by: &str, findings: Vec<String>, failures: Option<&[String]>) -> Noticed {
    let counts = |finding: &&String| match failures {
        Some(failures) if finding.starts_with(MISSING) => {
            failures.iter().any(|said| said.starts_with(&said_of(finding)))
        }
        _ => true,
    };
    match findings.iter().filter(counts).find(|finding| finding.contains(by)).cloned() {
        Some(finding) => Noticed::AsExpected(finding),
        None if findings.is_empty() => Noticed::Not,
        None => Noticed::Otherwise(by.to_owned(), findings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(findings: &[&str], failures: Option<&[&str]>) -> Noticed {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let failures: Option<Vec<String>> = failures.map(owned);
        noticed(TWO, owned(findings), failures.as_deref())
    }

    const ONE: &str = "proof missing: selftest-client the-one";
    const TWO: &str = "proof missing: selftest-client the-two";

    #[test]
    fn test_only_the_expected_finding_counts() {
        assert_eq!(seen(&[TWO], None), Noticed::AsExpected(TWO.into()));
        assert_eq!(seen(&[ONE, TWO], None), Noticed::AsExpected(TWO.into()));
        assert!(matches!(seen(&[ONE], None), Noticed::Otherwise(..)));
        assert_eq!(seen(&[], None), Noticed::Not);
    }

    #[test]
    fn test_of_a_run_that_broke_off_only_what_had_failed_counts() {
        let hung = "the time limit passed";
        let said = "SELFTEST: the two FAILED: step: Ok(0), expected Err(Denied)";
        assert_eq!(seen(&[hung, ONE, TWO], Some(&[said])), Noticed::AsExpected(TWO.into()));
        assert!(matches!(seen(&[hung, ONE, TWO], Some(&[])), Noticed::Otherwise(..)));
    }

    #[test]
    fn test_what_the_guest_says_of_a_proof() {
        assert_eq!(said_of(TWO), "SELFTEST: the two FAILED");
    }
}
