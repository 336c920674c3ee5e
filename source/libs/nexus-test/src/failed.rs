//! Why a test program cannot go on.

use nexus_abi::Error;
use nexus_rt::{CallError, StartError};

/// Why it cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Something is missing in the startup block.
    Start(StartError),
    /// The kernel refused.
    Kernel(Error),
    /// A service did not answer.
    Call(CallError),
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Failed {
        Failed::Start(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Kernel(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Failed {
        Failed::Call(error)
    }
}
