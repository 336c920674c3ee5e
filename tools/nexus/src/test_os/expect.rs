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

use super::agree::Expected;
use super::drive::{Ended, Run, Until};
use super::judge::Judgement;
use crate::exit::Exit;
use crate::files;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;

/// How a run must end.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Expect {
    /// In refusals.
    Refusal(Refusal),
    /// At a text on the console.
    Prompt(Prompt),
    /// With all its proofs, and everything in agreement.
    Random(Random),
}

/// A run that chooses at random.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// Number of the run, from which everything follows; not 0.
    pub seed: u64,
}

/// A run that ends in refusals.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// QEMU's exit code.
    exit: i32,
    /// Devices granted.
    granted: u32,
    /// Reasons that may stand in a refusal.
    refused: Vec<String>,
}

/// A run that is good when it gets that far.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
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
            Expect::Random(_) => "test",
        }
    }

    /// What `expect.toml` in `directory` says; `None` when there is no such file.
    ///
    /// # Errors
    /// When the file is malformed.
    pub fn of_system(directory: &Path) -> Result<Option<Expect>> {
        let path = directory.join("expect.toml");
        if !files::is_there(&path) {
            return Ok(None);
        }
        let text = files::text(&path).with_context(|| format!("{}", path.display()))?;
        toml::from_str(&text).map(Some).with_context(|| format!("in {}", path.display()))
    }
}

impl Prompt {
    /// Judges a run that must get to its prompt. One that was ended at another text has no verdict.
    #[must_use]
    pub fn judge(&self, run: &Run, until: &Until) -> Judgement {
        let mut findings = run.transcript.wrong.clone();
        let reached = *until == Until::Marker(self.reaches.clone());
        let exit = match run.ended {
            _ if !findings.is_empty() => Exit::Failed,
            Ended::Marker if reached => Exit::Pass,
            Ended::Marker => Exit::NoVerdict,
            Ended::Deadline => {
                findings.push(format!("the time limit passed before `{}`", self.reaches));
                Exit::Timeout
            }
            Ended::Guest(code) => {
                findings.push(format!("ended with {code:?} before `{}`", self.reaches));
                Exit::Failed
            }
        };
        Judgement { exit, findings, passed: 0 }
    }
}

impl Refusal {
    /// Judges a run that must end in refusals.
    #[must_use]
    pub fn judge(&self, run: &Run, audit: &[Expected], name: &dyn Fn(u32) -> String) -> Judgement {
        let transcript = &run.transcript;
        let mut findings = transcript.wrong.clone();
        if let Some(owners) = transcript.ready {
            findings.push(format!("came up: {owners} owners are ready"));
        }
        if run.ended != Ended::Guest(Some(self.exit)) {
            findings.push(format!("ended with {:?}, not with exit code {}", run.ended, self.exit));
        }
        if transcript.granted != Some(self.granted) {
            findings.push(format!("granted {:?}, not {}", transcript.granted, self.granted));
        }
        let mut passed = 0;
        for window in audit {
            let service = name(window.service);
            let reasons: Vec<&str> = transcript
                .refused
                .iter()
                .filter(|one| one.service == service && one.device == window.device_name)
                .map(|one| one.reason.as_str())
                .collect();
            match reasons.as_slice() {
                [reason] if self.refused.iter().any(|known| known == reason) => passed += 1,
                other => findings.push(format!(
                    "{service} {}: refused with {other:?}, expected one of {:?}",
                    window.device_name, self.refused
                )),
            }
        }
        if transcript.refused.len() > audit.len() {
            findings.push("a refusal of what the image does not have".to_owned());
        }
        let exit = match (findings.is_empty(), run.ended) {
            (true, _) => Exit::Pass,
            (false, Ended::Deadline) => Exit::Timeout,
            (false, _) => Exit::Failed,
        };
        Judgement { exit, findings, passed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Refused;
    use crate::test_os::transcript::Transcript;
    use std::time::Duration;

    fn run(reason: &str) -> Run {
        let mut transcript = Transcript::new(1);
        transcript.granted = Some(0);
        transcript.refused =
            vec![Refused { service: "rngd".into(), device: "rng0".into(), reason: reason.into() }];
        Run {
            ended: Ended::Guest(Some(101)),
            transcript,
            witness: None,
            ready_after: None,
            took: Duration::ZERO,
        }
    }

    fn verdict(run: &Run) -> Judgement {
        let expect: Refusal =
            toml::from_str("exit = 101\ngranted = 0\nrefused = [\"policy-down\"]").unwrap();
        let audit = [Expected {
            service: 7,
            device: 3,
            device_name: "rng0".into(),
            len: 0x1000,
            rights: 7,
        }];
        expect.judge(run, &audit, &|_| "rngd".into())
    }

    #[test]
    fn test_a_prompt_is_reached_or_not() {
        let prompt: Prompt = toml::from_str("profile = \"prod\"\nreaches = \"> \"").unwrap();
        let at = |text: &str| Until::Marker(text.to_owned());
        let judged = |ended, until: &Until| prompt.judge(&Run { ended, ..run("") }, until).exit;
        assert_eq!(judged(Ended::Marker, &at("> ")), Exit::Pass);
        assert_eq!(judged(Ended::Marker, &at("other")), Exit::NoVerdict);
        assert_eq!(judged(Ended::Deadline, &at("> ")), Exit::Timeout);
        assert_eq!(judged(Ended::Guest(Some(33)), &Until::Verdict), Exit::Failed);
        let mut wrong = Run { ended: Ended::Marker, ..run("") };
        wrong.transcript.wrong.push("not a record".into());
        assert_eq!(prompt.judge(&wrong, &at("> ")).exit, Exit::Failed);
    }

    #[test]
    fn test_expected_refusal_passes() {
        let judgement = verdict(&run("policy-down"));
        assert_eq!((judgement.exit, judgement.passed), (Exit::Pass, 1), "{judgement:?}");
    }

    #[test]
    fn test_anything_else_fails() {
        assert_eq!(verdict(&run("denied:no-rule")).findings.len(), 1);
        let mut granted = run("policy-down");
        granted.transcript.granted = Some(1);
        assert_eq!(verdict(&granted).exit, Exit::Failed);
        let mut came_up = Run { ended: Ended::Marker, ..run("policy-down") };
        came_up.transcript.ready = Some(6);
        let judgement = verdict(&came_up);
        assert_eq!(judgement.exit, Exit::Failed);
        assert_eq!(judgement.findings[0], "came up: 6 owners are ready");
        let mut missing = run("policy-down");
        missing.transcript.refused.clear();
        assert_eq!(verdict(&missing).exit, Exit::Failed);
        let mut twice = run("policy-down");
        twice.transcript.refused.push(twice.transcript.refused[0].clone());
        assert_eq!(verdict(&twice).findings.len(), 2);
        assert_eq!(
            verdict(&Run { ended: Ended::Deadline, ..run("policy-down") }).exit,
            Exit::Timeout
        );
        assert_eq!(
            verdict(&Run { ended: Ended::Guest(Some(33)), ..run("policy-down") }).findings.len(),
            1
        );
    }
}
