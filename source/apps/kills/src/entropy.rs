//! Random bytes, all the time.

use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::{Text, ids};
use nexus_rt::{Client, startup};
use nexus_test::Failed;

use crate::load::Load;
use crate::tally::{Tally, soon};

/// Bytes of each question.
const BYTES: u64 = 32;

/// Asks rngd.
pub(crate) struct Bytes {
    rngd: Client<Entropy>,
    last: Text,
}

impl Bytes {
    pub(crate) fn new() -> Result<Bytes, Failed> {
        Ok(Bytes { rngd: startup().client(ids::RNGD)?, last: Text::EMPTY })
    }
}

impl Load for Bytes {
    fn turn(&mut self, tally: &Tally) {
        let Some(text) = tally.ended(self.rngd.call(&Random { len: BYTES }, soon())) else {
            return;
        };
        let bytes = text.as_bytes();
        let random = bytes.len() as u64 == BYTES && bytes != self.last.as_bytes();
        tally.check(random.then_some(()).ok_or("the same bytes again, or too few"));
        self.last = text;
    }
}
