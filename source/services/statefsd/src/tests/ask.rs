//! What a request is taken for.

use nexus_proto::Zero;
use nexus_proto::state::{BadKey, ring as wire};
use nexus_store::{Expect, MAX_BATCH, MAX_KEY, Version};
use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::{head, step};
use crate::session::ask::{Ask, Bad, HEAD, body};

fn request(head: wire::Head, rest: &[u8]) -> Vec<u8> {
    [head.as_bytes(), rest].concat()
}

fn parsed(op: u8, head: wire::Head, rest: &[u8]) -> Result<(), Bad> {
    Ask::parse(op, 0, &request(head, rest)).map(|_| ())
}

#[test]
fn a_request_is_what_its_bytes_say() {
    let head = wire::Head { expect: 9, owner: 7, flags: wire::FLAG_SYNC, ..head("a/b", b"value") };
    let bytes = request(head, b"a/bvalue and more");
    assert_eq!(body(&bytes[..HEAD], bytes.len()), Ok(8));
    let expected = Ask::Put {
        owner: 7,
        key: nexus_store::Key::new("a/b").unwrap(),
        value: b"value",
        expect: Expect::Version(Version(9)),
        sync: true,
    };
    assert_eq!(Ask::parse(wire::PUT, 0, &bytes), Ok(expected));
    let batch = [step("a", Some(b"1"), wire::ABSENT_WANTED), step("b", None, 0)].concat();
    let head = wire::Head { n: 2, value: batch.len() as u32, ..wire::Head::default() };
    let bytes = request(head, &batch);
    let Ok(Ask::Batch { steps, .. }) = Ask::parse(wire::BATCH, 0, &bytes) else { panic!() };
    assert_eq!((steps[0].value, steps[0].expect), (Some(&b"1"[..]), Expect::Absent));
    assert_eq!((steps[1].value, steps[1].expect), (None, Expect::Any));
}

// attack 92 U: lengths beyond the data, at the bound, and that wrap; keys that are none; flags and operations that there are not; refused; broken: state-length
#[test]
fn what_is_no_request_is_refused() {
    let key =
        |len: usize, value: u32| wire::Head { key: len as u16, value, ..wire::Head::default() };
    let at = |head: wire::Head, len| body(head.as_bytes(), len);
    assert_eq!(at(key(1, 10), HEAD + 11), Ok(11));
    assert_eq!(at(key(1, 10), HEAD + 10), Err(Bad::Malformed));
    assert_eq!(at(key(0, 0), HEAD), Ok(0));
    assert_eq!(at(key(0, 0), HEAD - 1), Err(Bad::Malformed));
    assert_eq!(at(key(MAX_KEY, u32::MAX), HEAD + 300), Err(Bad::Malformed));
    assert_eq!(at(key(MAX_KEY + 1, 0), 1000), Err(Bad::Key(BadKey::Length)));
    assert_eq!(body(&[0; HEAD - 1], 100), Err(Bad::Malformed));
    let of = |name: &str| parsed(wire::GET, head(name, &[]), name.as_bytes());
    assert_eq!(of("a"), Ok(()));
    assert_eq!(of(""), Err(Bad::Key(BadKey::Length)));
    assert_eq!(of("a/../b"), Err(Bad::Key(BadKey::Part)));
    assert_eq!(of("a\u{7f}"), Err(Bad::Key(BadKey::Control)));
    assert_eq!(parsed(wire::GET, key(1, 0), &[0xff]), Err(Bad::Key(BadKey::NotText)));
    for op in [0, 15, 63, 255] {
        assert_eq!(parsed(op, head("a", &[]), b"a"), Err(Bad::Malformed), "operation {op}");
    }
    let flagged = |op, flags| parsed(op, wire::Head { flags, ..head("a", &[]) }, b"a");
    assert_eq!(flagged(wire::GET, wire::FLAG_SYNC), Err(Bad::Malformed));
    assert_eq!(flagged(wire::DELETE, wire::FLAG_VALUES), Err(Bad::Malformed));
    assert_eq!(flagged(wire::DELETE, wire::FLAG_SYNC), Ok(()));
    assert_eq!(flagged(wire::LIST, wire::FLAG_VALUES), Ok(()));
    assert_eq!(parsed(wire::GET, key(1, 1), b"ab"), Err(Bad::Malformed), "a value");
    assert_eq!(parsed(wire::SYNC, key(1, 0), b"a"), Err(Bad::Malformed), "a key");
}

// attack 92 U: batches of no steps, too many, fewer than they say, with bytes behind, with a key twice, that remove a value; refused; broken: state-batch-twice
#[test]
fn what_is_no_batch_is_refused() {
    let of = |n: usize, steps: &[Vec<u8>]| {
        let bytes = steps.concat();
        let head = wire::Head { n: n as u32, value: bytes.len() as u32, ..wire::Head::default() };
        parsed(wire::BATCH, head, &bytes)
    };
    let keys: Vec<Vec<u8>> =
        (0..=MAX_BATCH).map(|key| step(&key.to_string(), Some(b""), 0)).collect();
    assert_eq!(of(MAX_BATCH, &keys[..MAX_BATCH]), Ok(()));
    assert_eq!(of(MAX_BATCH + 1, &keys), Err(Bad::TooLarge));
    assert_eq!(of(u32::MAX as usize, &keys[..1]), Err(Bad::TooLarge));
    assert_eq!(of(0, &[]), Err(Bad::Malformed));
    assert_eq!(of(2, &keys[..1]), Err(Bad::Malformed));
    assert_eq!(of(1, &keys[..2]), Err(Bad::Malformed));
    let twice = [step("a", Some(b"1"), 0), step("b", None, 0), step("a", None, 0)];
    assert_eq!(of(3, &twice), Err(Bad::Key(BadKey::Twice)));
    let removes = wire::Step { key: 1, value: 1, remove: true, expect: 0, zero: Zero::ZERO };
    let removes = [removes.as_bytes(), b"ab"].concat();
    assert_eq!(of(1, &[removes]), Err(Bad::Malformed));
    let mut wild = step("a", Some(b""), 0);
    wild[14] = 7;
    assert_eq!(of(1, &[wild]), Err(Bad::Malformed), "neither true nor false");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 8 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_request_or_none(
        op in 0_u8..16,
        key in 0_u16..8,
        value in 0_u32..80,
        n in 0_u32..4,
        rest in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let head = wire::Head { key, value, n, ..wire::Head::default() };
        let _ = crate::exercise::request(&[&[op], &[0; 8][..], &request(head, &rest)].concat());
        let _ = crate::exercise::request(&[&[op], &rest[..]].concat());
    }
}
