//! `help`, and what stands above the first prompt.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::init::Readiness;
use nexus_words::amount::{of_ticks, seconds};

use crate::specs::{SPECS, Spec, examples};
use crate::table::{Table, left, wrap};

/// Every command.
#[must_use]
pub fn help() -> String {
    let mut table = Table::new(&[left("COMMAND"), left("WHAT IT DOES")]);
    for spec in SPECS {
        table.row([spec.usage.to_string(), spec.summary.to_string()]);
    }
    let keys = "Tab completes. `help COMMAND` tells more. Arrow keys recall what was typed, Ctrl-R \
                looks for it, Ctrl-Y puts back what Ctrl-K, U or W cut.";
    table.render() + "\n" + &wrap("", keys)
}

/// One command.
#[must_use]
pub fn help_one(spec: &Spec) -> String {
    let mut text = format!("usage: {}\n", spec.usage) + &wrap("  ", spec.summary);
    if !spec.more.is_empty() {
        text += &wrap("  ", spec.more);
    }
    examples(spec.name).for_each(|line| text += &wrap("  for example: ", line));
    text
}

/// What this is, how it stands, how to go on, how to leave. `None` when init does not answer.
#[must_use]
pub fn welcome(version: &str, ready: Option<&Readiness>) -> String {
    let state = match ready {
        None => "init does not answer.".to_string(),
        Some(ready) if ready.owners_ready == ready.owners && ready.owners > 0 => format!(
            "All {} devices are with their owners, {} s after start.",
            ready.owners,
            seconds(of_ticks(ready.ready_ticks))
        ),
        Some(ready) => format!(
            "{} of {} devices are with their owners; `owners` and `services` tell more.",
            ready.owners_ready, ready.owners
        ),
    };
    let what =
        format!("Nexus {version}: a small capability system, each device with exactly one owner.");
    let keys = "`help` lists the commands, Tab completes, `poweroff` leaves.";
    let lines = [what.as_str(), &state, keys].map(|line| wrap("", line));
    format!("\n{}\n", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specs::spec;
    use crate::table::{columns, width};
    use nexus_proto::Zero;

    fn ready(owners_ready: u32) -> Readiness {
        Readiness {
            owners_ready,
            owners: 6,
            services_started: 10,
            services: 10,
            dropped: 4,
            distributed: true,
            zero: Zero::ZERO,
            ready_ticks: 2_145_000,
            owners_lost: 0,
            zero_end: Zero::ZERO,
        }
    }

    #[test]
    fn lists_every_command_within_the_terminal() {
        let text = help();
        assert!(text.lines().all(|line| width(line) <= columns() && !line.contains('…')), "{text}");
        for spec in SPECS {
            assert!(text.contains(&format!("\n{}", spec.usage)), "{}", spec.usage);
        }
    }

    #[test]
    fn one_command() {
        let text = help_one(spec("ps").unwrap());
        assert_eq!(text, "usage: ps\n  the services: state, memory, and how they ended\n");
        for spec in SPECS {
            assert!(help_one(spec).lines().all(|line| width(line) <= columns()), "{}", spec.name);
            assert!(!spec.more.contains("  ") && !spec.summary.contains("  "), "{}", spec.name);
        }
    }

    #[test]
    fn examples_are_of_every_command_that_is_told_something() {
        let text = help_one(spec("random").unwrap());
        assert!(text.ends_with(" 256 at most.\n  for example: random 32\n"), "{text}");
        for spec in SPECS {
            assert_eq!(examples(spec.name).count() > 0, !spec.args.is_empty(), "{}", spec.name);
        }
    }

    #[test]
    fn welcomes() {
        assert_eq!(
            welcome("0.1.0", Some(&ready(6))),
            "
Nexus 0.1.0: a small capability system, each device with exactly one owner.
All 6 devices are with their owners, 0.214 s after start.
`help` lists the commands, Tab completes, `poweroff` leaves.

"
        );
        let text = welcome("0.1.0", Some(&ready(5)));
        assert!(text.contains("5 of 6 devices are with their owners;"), "{text}");
        assert!(welcome("0.1.0", None).contains("init does not answer"));
    }
}
