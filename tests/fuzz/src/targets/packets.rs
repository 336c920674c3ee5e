//! Frames that anybody on the wire sends to netstackd.

use netstackd::exercise::{self, MENDED};

// attack 68 Z: frames of any bytes, with the right sums or wrong ones; the stack goes on, and has no more addresses than it may
/// Whatever comes from the wire: the stack goes on.
pub fn packets(data: &[u8]) {
    let _ = exercise::frames(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let one = |(name, frame): (&str, Vec<u8>)| {
        let len = frame.len() as u16 | MENDED;
        (name.to_owned(), [&len.to_le_bytes(), &frame[..]].concat())
    };
    let mut all: Vec<_> = exercise::good().into_iter().map(one).collect();
    // Each changes what the next finds.
    let together = all.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    all.push(("all".to_owned(), together));
    all
}
