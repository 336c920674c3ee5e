//! Lists of steps, run one after the other: `cargo nexus ci` and `cargo nexus assure`.

pub(crate) mod capture;
pub(crate) mod counts;
mod figures;
pub(crate) mod names;
pub(crate) mod outcome;
pub(crate) mod tools;

use crate::exit::Exit;
use crate::paths;
use anyhow::{Result, bail};
use clap::Args;
use outcome::{Outcome, Tally};
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;
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
    /// Write what the steps came to into docs/security/assurance.md.
    #[arg(long)]
    write: bool,
}

/// One step.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Part of a run without `--only`.
    pub(crate) always: bool,
    /// Minutes that it takes on two idle cores, when it is many.
    pub(crate) minutes: Option<u32>,
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
    /// What the steps before it ran, and passed.
    pub(crate) ran: &'a BTreeSet<String>,
}

/// Runs the chosen ones of `steps`, in the order of the list, and says `N passed, N failed` at the
/// end. With `--write`, what they came to goes into the table `name` of docs/security/assurance.md.
///
/// # Errors
/// When there is no such step, or the table cannot be written.
pub(crate) fn run(name: &str, steps: &[Step], choice: &Choice, seed: u64) -> Result<Exit> {
    let chosen = chosen(steps, choice)?;
    if choice.list {
        chosen.iter().for_each(|step| println!("{}", line(step)));
        return Ok(Exit::Pass);
    }
    let mut tally = Tally::default();
    let start = Instant::now();
    for step in chosen {
        one(step, seed, &mut tally);
    }
    println!("\nin {:.0} s:", start.elapsed().as_secs_f64());
    tally.lines.iter().for_each(|line| println!("  {line}"));
    println!("{}", tally.last_line());
    if choice.write {
        let path = paths::root()?.join("docs/security/assurance.md");
        let page = fs::read_to_string(&path)?;
        fs::write(&path, figures::updated(&page, name, &tally.rows)?)?;
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
    let time = step.minutes.map(|minutes| format!("{minutes} min: ")).unwrap_or_default();
    format!("{:12} {time}{}", step.name, step.about)
}

fn one(step: &Step, seed: u64, tally: &mut Tally) {
    println!("\n== {}", line(step));
    let start = Instant::now();
    let outcome = match missing(step) {
        Some(missing) => Ok(missing),
        None => (step.work)(&Context { seed, ran: &tally.ran }),
    };
    let outcome = outcome.unwrap_or_else(|error| Outcome::failure(format!("{error:#}")));
    let line = tally.add(step.name, &outcome, start.elapsed());
    println!("== {line}");
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
        Step { name, about: "", always, minutes: None, needs: &[], work }
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
        assert_eq!(run("none", &steps, &choice(&[], &[]), 7).unwrap(), Exit::Pass);
        assert_eq!(run("none", &steps, &choice(&[], &[]), 8).unwrap(), Exit::Failed);
        assert_eq!(
            run("none", &steps, &choice(&[], &["a"]), 7).unwrap(),
            Exit::Failed,
            "nothing ran"
        );
    }

    #[test]
    fn test_step_whose_tool_is_missing_fails() {
        const NONE: Tool = Tool { name: "x", probe: &["/no/such/program"], install: "make x" };
        let steps = [Step { needs: &[NONE], ..step("a", true) }];
        assert_eq!(run("none", &steps, &choice(&[], &[]), 7).unwrap(), Exit::Failed);
        assert!(missing(&steps[0]).unwrap().note.contains("`make x` installs it"));
    }
}
