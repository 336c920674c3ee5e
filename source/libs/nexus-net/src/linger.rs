//! Connections that were dropped before all of theirs was sent.

use alloc::vec::Vec;

use nexus_rt::Deadline;

use crate::{Socket, Token};

/// How many there are at one time: a quarter of the sends that may wait. Of more the first is broken off.
const MOST: usize = 4;
/// Milliseconds that one has: as long as netstackd itself sends on for whoever has let go.
const PATIENCE_MS: u64 = 30_000;

/// Those that there are, the first first.
#[derive(Debug)]
pub(crate) struct Lingering {
    list: Vec<(Token, Socket, Deadline)>,
    /// Milliseconds that the next one has.
    pub(crate) patience_ms: u64,
}

impl Lingering {
    pub(crate) const fn new() -> Lingering {
        Lingering { list: Vec::new(), patience_ms: PATIENCE_MS }
    }

    /// One more, of which this is being sent.
    pub(crate) fn add(&mut self, send: Token, of: Socket) {
        self.list.push((send, of, Deadline::after_ms(self.patience_ms)));
    }

    /// This was sent, or never will be.
    pub(crate) fn remove(&mut self, id: u16) {
        self.list.retain(|(send, ..)| send.id != id);
    }

    /// The first, if it is to be broken off: it is none of them any more.
    pub(crate) fn over(&mut self) -> Option<(Token, Socket)> {
        let (send, of, until) = *self.list.first()?;
        let is_over = self.list.len() > MOST || until.has_passed();
        is_over.then(|| {
            self.list.remove(0);
            (send, of)
        })
    }

    /// Whether there is none.
    #[cfg(any(test, feature = "fake"))]
    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_lingers_no_more() {
        let mut all = Lingering::new();
        assert!(all.is_empty());
        for id in 0..2 {
            all.add(Token { id, serial: 1 }, Socket { number: id.into(), attachment: 0 });
        }
        all.remove(1);
        assert!(!all.is_empty());
        all.remove(0);
        assert!(all.is_empty());
        assert_eq!(all.over(), None);
    }
}
