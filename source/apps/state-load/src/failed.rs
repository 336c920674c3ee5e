//! Why a program cannot go on.

use nexus_rt::CallError;
use nexus_state::Error;

use crate::load::Lost;

/// Why a program cannot go on. `S` is what it saw, and must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed<S> {
    /// A call other than one of the store.
    Call(CallError),
    /// A change was not made, or what was acknowledged is not there.
    Lost(Lost),
    /// It saw what must not be.
    Saw(S),
}

impl<S> From<CallError> for Failed<S> {
    fn from(why: CallError) -> Self {
        Failed::Call(why)
    }
}

impl<S> From<Lost> for Failed<S> {
    fn from(why: Lost) -> Self {
        Failed::Lost(why)
    }
}

impl<S> From<Error> for Failed<S> {
    fn from(why: Error) -> Self {
        Failed::Lost(Lost::Store(why))
    }
}
