//! Who waits for a record: one at a time, and nobody waits for it.

/// One that is answered when the ledger is longer. `R` is the right to answer it, once.
#[derive(Debug)]
pub struct Waiting<R> {
    waits: Option<(u64, R)>,
}

impl<R> Default for Waiting<R> {
    fn default() -> Waiting<R> {
        Waiting { waits: None }
    }
}

impl<R> Waiting<R> {
    /// Has it wait for a record above this number. The right of who waited before is given up.
    pub fn wait(&mut self, after: u64, reply: R) {
        self.waits = Some((after, reply));
    }

    /// Who is to be answered now that the ledger has this many records.
    pub fn due(&mut self, records: u64) -> Option<R> {
        self.waits.take_if(|(after, _)| records > *after).map(|(_, reply)| reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_waits_until_there_is_more_and_is_answered_once() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.due(u64::MAX), None);
        waiting.wait(7, 'a');
        assert_eq!((waiting.due(6), waiting.due(7)), (None, None));
        assert_eq!((waiting.due(8), waiting.due(9)), (Some('a'), None));
        waiting.wait(u64::MAX, 'b');
        assert_eq!(waiting.due(u64::MAX), None);
        waiting.wait(0, 'c');
        assert_eq!((waiting.due(0), waiting.due(1)), (None, Some('c')));
    }
}
