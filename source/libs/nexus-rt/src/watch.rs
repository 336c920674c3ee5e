//! Whether this process still answers, when init asks (RFC-0005).

use nexus_abi::{ASKED, Handle, Role};

use crate::{startup, sys};

/// What is signalled when the process is asked; nothing where nobody asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    answers: Handle,
    bit: u64,
}

impl Watch {
    /// Has the question delivered at `endpoint`, as far as it is not yet.
    pub(crate) fn of(endpoint: Handle) -> Watch {
        let Some(answer) = startup().block().with_role(Role::Answer).next() else {
            return Watch { answers: Handle::NONE, bit: 0 };
        };
        if let Some(told) = startup().told() {
            // `Busy` where it is bound, for a line or a ring.
            let _ = sys::endpoint_bind(endpoint, told);
        }
        Watch { answers: Handle(answer.handle), bit: answer.base }
    }

    /// One that is asked in a test.
    #[cfg(test)]
    pub(crate) const fn for_test(answers: Handle, bit: u64) -> Watch {
        Watch { answers, bit }
    }

    /// Answers, if these bits ask for it. The other bits.
    pub(crate) fn answer(self, bits: u64) -> u64 {
        if bits & ASKED != 0 {
            // Nobody to tell when it fails: then init has no watch any more.
            let _ = sys::signal(self.answers, self.bit);
        }
        bits & !ASKED
    }
}
