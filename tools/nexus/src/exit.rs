//! Exit codes of `cargo nexus` (docs/testing/index.md).

use std::fmt;
use std::process::ExitCode;

/// How a command ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that had to be true was seen to be true.
    Pass = 0,
    /// A proof is missing or failed, or a check refused.
    Failed = 1,
    /// The command line, the environment or the description is wrong.
    Usage = 2,
    /// The time limit passed first.
    Timeout = 3,
    /// The guest kernel panicked, or init ended.
    Panic = 4,
    /// Audit, ledger and witness differ.
    Differ = 5,
    /// The build failed.
    Build = 6,
    /// Nothing was decided: the run was ended at a text, or nobody read what was printed.
    NoVerdict = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error that decides the exit code. Attach it with `.context(Exit::Build)`.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Exit::Pass => "passed",
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Timeout => "time limit passed",
            Exit::Panic => "guest panic",
            Exit::Differ => "audit, ledger and witness differ",
            Exit::Build => "build failed",
            Exit::NoVerdict => "no verdict",
        })
    }
}

/// The exit code for `error`: the [`Exit`] attached to it, else [`Exit::Usage`].
#[must_use]
pub fn of_error(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Exit>().copied().unwrap_or(Exit::Usage)
}
