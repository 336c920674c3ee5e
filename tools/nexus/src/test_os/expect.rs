//! Judges the runs of systems whose `expect.toml` says how they end ([`crate::desc::Expect`]).

use super::agree::Expected;
use super::drive::{Ended, Run, Until};
use super::judge::Judgement;
use crate::desc::{Ends, Prompt, Refusal};
use crate::exit::Exit;

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
            Ended::Guest(_) | Ended::Cut => {
                let ended = run.ended;
                findings.push(format!("ended with {ended:?} before `{}`", self.reaches));
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
        findings.extend(self.ending(run));
        if transcript.granted != Some(self.granted) {
            findings.push(format!("granted {:?}, not {}", transcript.granted, self.granted));
        }
        let (mut passed, mut given) = (0, Vec::new());
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
                [] => given.push(format!("{service} {}", window.device_name)),
                other => findings.push(format!(
                    "{service} {}: refused with {other:?}, expected one of {:?}",
                    window.device_name, self.refused
                )),
            }
        }
        if u32::try_from(given.len()) != Ok(self.granted) {
            let (count, expected) = (given.len(), self.granted);
            findings.push(format!("{count} windows are not refused, not {expected}: {given:?}"));
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

    /// What is wrong with the way in which the run ended.
    fn ending(&self, run: &Run) -> Vec<String> {
        let (ended, ready) = (run.ended, run.transcript.ready);
        let mut findings = Vec::new();
        match self.ends {
            Ends::Exit(code) => {
                if let Some(owners) = ready {
                    findings.push(format!("came up: {owners} owners are ready"));
                }
                if ended != Ended::Guest(Some(code)) {
                    findings.push(format!("ended with {ended:?}, not with exit code {code}"));
                }
            }
            Ends::Ready(owners) if ended == Ended::Marker && ready == Some(owners) => {}
            Ends::Ready(owners) => {
                findings
                    .push(format!("ended with {ended:?}, {ready:?} owners ready, not {owners}"));
            }
        }
        findings
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
        let (ends, granted) = (Ends::Exit(101), 0);
        let expect = Refusal { ends, granted, refused: vec!["policy-down".into()] };
        expect.judge(run, &audit()[..1], &|_| "rngd".into())
    }

    fn audit() -> [Expected; 2] {
        ["rng0", "rtc0"].map(|name| Expected {
            service: 7,
            device: 3,
            device_name: name.into(),
            len: 0x1000,
            rights: 7,
            registers: None,
            irq: false,
            interval: 0,
            dma: false,
            again: true,
            memory: None,
        })
    }

    #[test]
    fn test_a_run_comes_up_without_some_of_its_devices() {
        let ends = Ends::Ready(1);
        let judged = |granted, ready, windows: &[Expected]| {
            let expect = Refusal { ends, granted: 1, refused: vec!["bus-gone".into()] };
            let mut run = Run { ended: Ended::Marker, ..run("bus-gone") };
            (run.transcript.granted, run.transcript.ready) = (Some(granted), ready);
            expect.judge(&run, windows, &|_| "rngd".into()).findings.len()
        };
        assert_eq!(judged(1, Some(1), &audit()), 0);
        assert_eq!(judged(1, Some(2), &audit()), 1);
        assert_eq!(judged(1, None, &audit()), 1);
        assert_eq!(judged(0, Some(1), &audit()), 1);
        assert_eq!(judged(1, Some(1), &audit()[..1]), 1, "nothing was given");
        let more = [audit(), audit()].concat();
        assert!(judged(1, Some(1), &more) > 0, "a window is neither refused nor given");
    }

    #[test]
    fn test_a_prompt_is_reached_or_not() {
        let prompt = Prompt { profile: "prod".into(), reaches: "> ".into() };
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
