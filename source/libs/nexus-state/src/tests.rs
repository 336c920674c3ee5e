//! A client whose statefsd answers anything, or nothing.

use std::vec;
use std::vec::Vec;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_proto::Zero;
use nexus_proto::state::Reason;
use nexus_proto::state::ring::{self as wire, ENTRIES, OPS};
use nexus_ring::{Consumer, DONE, Driver, Ops, memory_len};
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline};
use proptest::prelude::*;
use zerocopy::IntoBytes;

use crate::{Change, Error, Expect, Link, OWN, State};

const DATA: usize = 4096;
const LIFE: u32 = 1;

/// One answer: status, the bytes, and how long they are said to be.
type Given = (u8, Vec<u8>, u32);

/// A statefsd that gives these answers, one after the other, and then does not answer any more.
struct Liar {
    driver: Driver<FakePeer, ENTRIES>,
    answers: Vec<Given>,
    /// It has no next life once it has given all.
    gone: bool,
}

impl Link<FakePeer> for Liar {
    fn attach(
        &mut self,
        side: &mut Consumer<FakePeer, ENTRIES>,
        _: Deadline,
    ) -> Result<(), CallError> {
        let gone = CallError::Kernel(KernelError::PeerGone);
        if self.gone && self.answers.is_empty() {
            return Err(gone);
        }
        self.driver.attach(LIFE).map_err(|_| gone)?;
        side.attached().map_err(|_| gone)
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        Ok(())
    }

    fn wait(&mut self, _: Deadline) -> Result<(), KernelError> {
        if self.answers.is_empty() {
            return Err(if self.gone { KernelError::PeerGone } else { KernelError::TimedOut });
        }
        while let Ok(Some(request)) = self.driver.take() {
            let Some((status, bytes, len)) = self.answers.pop() else { break };
            let room = request.submission().len as usize;
            let bytes = bytes.get(..bytes.len().min(room)).unwrap_or_default();
            self.driver.write(&request, 0, bytes).unwrap();
            self.driver.complete(request, status, len).unwrap();
        }
        Ok(())
    }
}

fn client(mut answers: Vec<Given>, gone: bool) -> State<Liar, FakePeer> {
    let memory = FakeMemory::new(memory_len(DATA));
    let part = || memory.peer(0..memory_len(DATA));
    const KNOWN: Ops = Ops::of(&OPS);
    answers.reverse();
    let link = Liar { driver: Driver::new(part(), KNOWN).unwrap(), answers, gone };
    State::new(link, part(), LIFE).unwrap()
}

fn given(status: u8, head: wire::Answer, bytes: &[u8]) -> Given {
    let head = wire::Answer { len: bytes.len() as u32, ..head };
    let all = [head.as_bytes(), bytes].concat();
    let len = all.len() as u32;
    (status, all, len)
}

fn part(more: bool, size: u64, bytes: &[u8]) -> Given {
    let head = wire::Answer { version: 5, size, more, ..wire::Answer::default() };
    given(DONE, head, bytes)
}

#[test]
fn a_value_is_as_long_as_it_is_said_to_be() {
    let mut client = client(vec![part(true, 5, b"abc"), part(false, 5, b"de")], false);
    assert_eq!(client.get(OWN, "x").unwrap().unwrap().bytes, b"abcde");
    for wrong in [
        vec![part(false, 5, b"abc")],
        vec![part(true, 5, b"abc"), part(true, 5, b"")],
        vec![part(false, 2, b"abc")],
    ] {
        assert_eq!(self::client(wrong, false).get(OWN, "x"), Err(Error::Garbled));
    }
    let endless = vec![part(true, 1 << 40, &[0; 3000]); 100];
    assert_eq!(self::client(endless, false).get(OWN, "x"), Err(Error::Garbled));
}

#[test]
fn a_value_in_pieces_is_as_long_as_it_is_said_to_be() {
    let found = wire::Answer { version: 5, size: 5, pieces: 2, ..wire::Answer::default() };
    let of = |last: &[u8]| {
        let head = [given(DONE, found, &[]), given(wire::IN_PIECES, found, &[])];
        let pieces = [part(false, 3, b"abc"), part(false, last.len() as u64, last)];
        let answers: Vec<Given> = head.into_iter().chain(pieces).collect();
        client(answers, false).get_all(OWN, "x", 100)
    };
    assert_eq!(of(b"de").unwrap().unwrap().bytes, b"abcde");
    for wrong in [&b"d"[..], b"def"] {
        assert_eq!(of(wrong), Err(Error::Garbled));
    }
}

#[test]
fn each_status_is_an_error_of_its_own() {
    let head = |n, version| wire::Answer { n, version, ..wire::Answer::default() };
    for (status, head, expected) in [
        (wire::CONFLICT, head(0, 0), Error::Conflict(None)),
        (wire::CONFLICT, head(0, 7), Error::Conflict(Some(crate::Version(7)))),
        (wire::NO_SPACE, head(0, 0), Error::NoSpace),
        (wire::READ_ONLY, head(27, 3), Error::ReadOnly(Reason::LogWrite, 3)),
        (wire::READ_ONLY, head(0, 3), Error::Garbled),
        (wire::NO_STORE, head(14, 0), Error::NoStore(Reason::NotFormatted, 0)),
        (wire::DENIED, head(0, 0), Error::Denied),
        (nexus_ring::REFUSED, head(0, 0), Error::Malformed),
        (200, head(0, 0), Error::Garbled),
    ] {
        let mut client = client(vec![given(status, head, &[])], false);
        assert_eq!(client.put("x", b"", Expect::Any), Err(expected), "status {status}");
    }
}

#[test]
fn without_an_answer_a_change_is_not_known() {
    let mut late = client(Vec::new(), false);
    assert_eq!(late.put("x", b"", Expect::Any), Err(Error::TimedOut));
    let mut gone = client(vec![part(false, 0, b"")], true);
    gone.put("x", b"", Expect::Any).unwrap();
    assert_eq!(gone.put("y", b"", Expect::Any), Err(Error::Unknown), "it has ended for good");
    let none = Error::Call(CallError::Kernel(KernelError::PeerGone));
    assert_eq!(gone.get(OWN, "x"), Err(none));
}

#[test]
fn a_request_that_does_not_fit_is_not_asked() {
    let mut client = client(Vec::new(), false);
    let most = client.largest(1);
    assert_eq!(most, DATA - size_of::<wire::Head>() - 1);
    let refused = client.put("x", &vec![0; most + 1], Expect::Any);
    assert_eq!(refused, Err(Error::NoRoom { needs: DATA + 1, has: DATA }));
    let long = [b'k'; 256];
    let long = core::str::from_utf8(&long).unwrap();
    assert!(matches!(client.stat(OWN, long), Err(Error::BadKey(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    // attack 92 U: a statefsd that answers anything: statuses, lengths, rows; the client has an answer or an error, and ends
    #[test]
    fn whatever_statefsd_answers_the_client_goes_on(
        answers in proptest::collection::vec(
            (
                prop_oneof![Just(DONE), any::<u8>()],
                proptest::collection::vec(any::<u8>(), 0..80),
                prop_oneof![0_u32..90, any::<u32>()],
                any::<bool>(),
                0_u32..70,
            ),
            0..12,
        ),
        gone in any::<bool>(),
    ) {
        let answers = answers.into_iter().map(|(status, mut bytes, len, right, rows)| {
            if right && bytes.len() > 32 {
                let more = bytes[0] & 1 == 1;
                let (len, n) = (bytes.len() as u32 - 32, rows);
                let head = wire::Answer { len, n, more, size: u64::from(len), version: 9, pieces: 0, zero: Zero::ZERO };
                bytes[..32].copy_from_slice(head.as_bytes());
            }
            (status, bytes, len)
        });
        let mut client = client(answers.collect(), gone);
        let _ = client.get_all(OWN, "x", 1000);
        let _ = client.list(OWN, "", None, 10, true);
        let change = Change { key: "x", value: None, expect: Expect::Any };
        let _ = client.batch(OWN, &[change], true);
        let _ = client.put_each(OWN, &[("a", b"1"), ("b", b"2")]);
        let _ = client.check(|_| ());
        let _ = client.usage(OWN);
        let _ = client.put_pieces(OWN, "x", &[0; 5000], Expect::Any, true);
        let _ = client.sync();
    }
}
