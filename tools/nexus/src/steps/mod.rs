//! Lists of steps, run one after the other: `cargo nexus ci` and `cargo nexus assure`.

pub(crate) mod capture;
pub(crate) mod counts;
pub(crate) mod figures;
pub(crate) mod names;
pub(crate) mod outcome;
pub(crate) mod results;
pub(crate) mod tools;

use crate::exit::Exit;
use crate::paths;
use anyhow::{Result, bail};
use clap::Args;
use outcome::{Outcome, Tally};
use results::Results;
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};
use tools::Tool;

/// Which steps of a list.
#[derive(Args, Debug)]
pub(crate) struct Choice {
    /// Only these steps.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    only: Vec<String>,
    /// Not these steps.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    without: Vec<String>,
    /// Name the steps and do nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// Write what the steps came to into docs/security/assurance.md, and publish results that
    /// `--resume` can go on from, where there are such.
    #[arg(long)]
    write: bool,
}

/// One step.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Part of a run without `--only`.
    pub(crate) always: bool,
    /// What it may take on two idle cores: its share of the whole.
    pub(crate) share: Option<Duration>,
    /// In how many parts of at most an hour it is done, one after the other.
    pub(crate) parts: u32,
    /// What must be installed.
    pub(crate) needs: &'static [Tool],
    pub(crate) work: Work,
}

/// What a step does.
pub(crate) type Work = fn(&Context<'_>) -> Result<Outcome>;

/// What a step may want to know.
pub(crate) struct Context<'a> {
    /// Where random runs begin.
    pub(crate) seed: u64,
    /// Which part of a step in parts, from 1, and of how many.
    pub(crate) part: [u32; 2],
    /// What the steps before it ran, and passed.
    pub(crate) ran: &'a BTreeSet<String>,
}

/// Runs the chosen ones of `steps`, in the order of the list, and says `N passed, N failed` at the
/// end. With `--write`, what they came to goes into the table `name` of docs/security/assurance.md.
/// Parts that are in `results` are not done again; the others leave theirs there.
///
/// # Errors
/// When there is no such step, or the table cannot be written.
pub(crate) fn run(
    name: &str,
    steps: &[Step],
    choice: &Choice,
    seed: u64,
    results: Option<&Results>,
) -> Result<Exit> {
    let chosen = chosen(steps, choice)?;
    if choice.list {
        chosen.iter().for_each(|step| println!("{}", line(step)));
        return Ok(Exit::Pass);
    }
    let mut tally = Tally::default();
    for step in chosen {
        one(step, seed, results, &mut tally)?;
    }
    println!("\n{}", total(&tally));
    tally.lines.iter().for_each(|line| println!("  {line}"));
    println!("{}", tally.last_line());
    if choice.write {
        let path = paths::root()?.join("docs/security/assurance.md");
        let page = fs::read_to_string(&path)?;
        fs::write(&path, figures::updated(&page, name, &tally.rows)?)?;
        results.map_or(Ok(()), Results::publish)?;
    }
    Ok(if tally.good() { Exit::Pass } else { Exit::Failed })
}

fn chosen<'a>(steps: &'a [Step], choice: &Choice) -> Result<Vec<&'a Step>> {
    for name in choice.only.iter().chain(&choice.without) {
        if !steps.iter().any(|step| step.name == name) {
            bail!("there is no step `{name}`; `--list` names them");
        }
    }
    let has = |names: &[String], step: &Step| names.iter().any(|name| name == step.name);
    let wanted = |step: &&Step| {
        (has(&choice.only, step) || step.always && choice.only.is_empty())
            && !has(&choice.without, step)
    };
    Ok(steps.iter().filter(wanted).collect())
}

fn line(step: &Step) -> String {
    let share = step.share.map(|share| match share.as_secs() {
        share @ 0..180 => format!("{share} s: "),
        share => format!("{} min: ", share / 60),
    });
    format!("{:12} {}{}", step.name, share.unwrap_or_default(), step.about)
}

/// What all steps took, beside their shares: for people, since a machine may be busy.
fn total(tally: &Tally) -> String {
    let took = tally.took.as_secs_f64();
    match tally.share.as_secs() {
        0 => format!("in {took:.0} s:"),
        share => format!("in {took:.0} s, of {share} s on two idle cores:"),
    }
}

fn one(step: &Step, seed: u64, results: Option<&Results>, tally: &mut Tally) -> Result<()> {
    println!("\n== {}", line(step));
    let (mut sum, mut took) = (Outcome::default(), Duration::ZERO);
    // A step that could not look has no result to keep.
    if let Some(missing) = missing(step) {
        println!("== {}", tally.add((step.name, step.share), &missing, took));
        return Ok(());
    }
    for part in 1..=step.parts {
        let part = [part, step.parts];
        let kept = results.and_then(|results| results.find::<Outcome>(step.name, part, seed));
        let (outcome, time) = match kept {
            Some(kept) => {
                println!("part {} of {}: done in an earlier run", part[0], part[1]);
                (kept.outcome, kept.took)
            }
            None => {
                results.inspect(|results| results.forget(step.name, part));
                let done = work(step, &Context { seed, part, ran: &tally.ran });
                match results {
                    Some(results) => {
                        let kept = results.keep(step.name, part, seed, done)?;
                        (kept.outcome, kept.took)
                    }
                    None => done,
                }
            }
        };
        (sum, took) = (sum.and(outcome), took + time);
    }
    let line = tally.add((step.name, step.share), &sum, took);
    println!("== {line}");
    Ok(())
}

fn work(step: &Step, context: &Context<'_>) -> (Outcome, Duration) {
    let start = Instant::now();
    let outcome =
        (step.work)(context).unwrap_or_else(|error| Outcome::failure(format!("{error:#}")));
    (outcome, start.elapsed())
}

/// A failure for each tool that is not there.
fn missing(step: &Step) -> Option<Outcome> {
    let missing = step.needs.iter().filter_map(Tool::missing).map(Outcome::failure);
    missing.reduce(Outcome::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, always: bool) -> Step {
        let work: Work = |context| Ok(Outcome::of(context.seed == 7, ""));
        Step { name, about: "", always, share: None, parts: 1, needs: &[], work }
    }

    fn choice(only: &[&str], without: &[&str]) -> Choice {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Choice { only: owned(only), without: owned(without), list: false, write: false }
    }

    fn names(only: &[&str], without: &[&str]) -> Vec<&'static str> {
        let steps = [step("a", true), step("b", true), step("c", false)];
        let chosen = chosen(&steps, &choice(only, without)).unwrap();
        chosen.iter().map(|step| step.name).collect()
    }

    #[test]
    fn test_choice() {
        assert_eq!(names(&[], &[]), ["a", "b"]);
        assert_eq!(names(&["c", "a"], &[]), ["a", "c"]);
        assert_eq!(names(&[], &["a"]), ["b"]);
        let steps = [step("a", true)];
        assert!(chosen(&steps, &choice(&["x"], &[])).is_err());
        assert!(chosen(&steps, &choice(&[], &["x"])).is_err());
    }

    #[test]
    fn test_seed_goes_to_the_step() {
        let steps = [step("a", true)];
        assert_eq!(run("none", &steps, &choice(&[], &[]), 7, None).unwrap(), Exit::Pass);
        assert_eq!(run("none", &steps, &choice(&[], &[]), 8, None).unwrap(), Exit::Failed);
        assert_eq!(
            run("none", &steps, &choice(&[], &["a"]), 7, None).unwrap(),
            Exit::Failed,
            "nothing ran"
        );
    }

    #[test]
    fn test_a_run_that_was_cut_short_goes_on() {
        use std::sync::atomic::{AtomicU32, Ordering};
        static DONE: AtomicU32 = AtomicU32::new(0);
        let work: Work = |context| {
            DONE.fetch_add(1, Ordering::Relaxed);
            let [part, _] = context.part;
            Ok(Outcome { failed: usize::from(part == 2), ..Outcome::success("") })
        };
        let steps = [Step { parts: 3, work, ..step("a", true) }];
        let scratch = tempfile::tempdir().unwrap();
        let run = |tree, resume| {
            let results = results::tests::results(scratch.path(), tree, resume);
            let exit = run("none", &steps, &choice(&[], &[]), 7, Some(&results)).unwrap();
            (exit, DONE.swap(0, Ordering::Relaxed))
        };
        assert_eq!(run("one", false), (Exit::Failed, 3));
        std::fs::remove_file(scratch.path().join("a-3-of-3.json")).unwrap();
        assert_eq!(run("one", true), (Exit::Failed, 1), "what failed is not forgotten");
        assert_eq!(run("one", true), (Exit::Failed, 0));
        assert_eq!(run("one", false), (Exit::Failed, 3), "from the start");
        assert_eq!(run("two", true), (Exit::Failed, 3), "of another tree");
    }

    #[test]
    fn test_step_whose_tool_is_missing_fails() {
        const NONE: Tool = Tool { name: "x", probe: &["/no/such/program"], install: "make x" };
        let steps = [Step { needs: &[NONE], ..step("a", true) }];
        assert_eq!(run("none", &steps, &choice(&[], &[]), 7, None).unwrap(), Exit::Failed);
        assert!(missing(&steps[0]).unwrap().note.contains("`make x` installs it"));
    }
}
