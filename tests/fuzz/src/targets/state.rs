//! What statefsd takes a request in a ring for.

use nexus_proto::Zero;
use nexus_proto::state::ring::{
    BATCH, FINISH, FLAG_SYNC, FLAG_VALUES, GET, Head, LIST, PIECE, PUT, SYNC, Step,
};
use statefsd::exercise;
use zerocopy::IntoBytes;

// attack 66 Z: a request of any bytes: lengths, keys, steps, flags, operations; it is within its bytes, or none; broken: state-length, state-batch-twice
/// Whatever a client writes into its part of a ring: it is a request within its bytes, or none.
pub fn state(data: &[u8]) {
    let _ = exercise::request(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let request = |op: u8, head: Head, key: &str, value: &[u8]| {
        let (key_len, len) = (key.len() as u16, value.len() as u32);
        let head = Head { key: key_len, value: len, ..head };
        [&[op], &[0; 8][..], head.as_bytes(), key.as_bytes(), value].concat()
    };
    let step = |key: &str, value: &[u8], remove| {
        let (key_len, len) = (key.len() as u16, value.len() as u32);
        let step = Step { expect: 0, value: len, key: key_len, remove, zero: Zero::ZERO };
        [step.as_bytes(), key.as_bytes(), value].concat()
    };
    let none = Head::default();
    let sync = Head { flags: FLAG_SYNC, ..none };
    let batch = [step("a", b"1", false), step("b/c", b"", true)].concat();
    let twice = [step("a", b"1", false), step("a", b"", true)].concat();
    let two = Head { n: 2, ..sync };
    let all = [
        ("get", request(GET, Head { owner: 7, ..none }, "a/b", &[])),
        ("put", request(PUT, sync, "a/b", b"value")),
        ("put-part", request(PUT, none, "a/../b", b"value")),
        ("batch", request(BATCH, two, "", &batch)),
        ("batch-twice", request(BATCH, two, "", &twice)),
        ("list", request(LIST, Head { flags: FLAG_VALUES, n: 64, ..none }, "a", b"a/b")),
        ("sync", request(SYNC, none, "", &[])),
        ("piece", request(PIECE, none, "", b"piece")),
        ("finish", request(FINISH, sync, "a", &[])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
