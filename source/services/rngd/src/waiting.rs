//! Callers that came before the first seed.

use alloc::collections::VecDeque;
use core::time::Duration;

use nexus_rt::ReplyTo;
use nexus_rt::proto::entropy::Random;

/// Most callers that wait.
pub(crate) const MOST: usize = 16;
/// Longest that one waits.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);

/// A caller, and what it asked.
pub(crate) struct Waiter {
    reply: ReplyTo,
    pub(crate) op: Random,
    until: Duration,
}

impl Waiter {
    /// True when it has waited for as long as one may.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        now >= self.until
    }

    /// Whom to answer, and what was asked.
    pub(crate) fn into_parts(self) -> (ReplyTo, Random) {
        (self.reply, self.op)
    }
}

/// Those that wait, the one that came first in front.
#[derive(Default)]
pub(crate) struct Waiting(VecDeque<Waiter>);

impl Waiting {
    /// Lets a caller wait.
    ///
    /// # Errors
    /// The caller: too many wait.
    pub(crate) fn keep(
        &mut self,
        now: Duration,
        op: Random,
        reply: ReplyTo,
    ) -> Result<(), ReplyTo> {
        if self.0.len() >= MOST {
            return Err(reply);
        }
        self.0.push_back(Waiter { reply, op, until: now.saturating_add(LONGEST) });
        Ok(())
    }

    /// Who came first.
    pub(crate) fn first(&self) -> Option<&Waiter> {
        self.0.front()
    }

    /// The same, who then waits no longer.
    pub(crate) fn take(&mut self) -> Option<Waiter> {
        self.0.pop_front()
    }
}
