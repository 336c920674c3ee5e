//! A client whose statefsd answers anything, or nothing.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use nexus_mmio::fake::{FakeMemory, FakePeer};
use nexus_proto::state::ring::{self as wire, ENTRIES, OPS};
use nexus_proto::state::{BadKey, Reason};
use nexus_proto::{ServiceError, Zero};
use nexus_ring::{Consumer, DONE, Driver, Ops, memory_len};
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline, StartError, ticks};
use proptest::prelude::*;
use zerocopy::IntoBytes;

use crate::{Change, Damage, Error, Expect, Found, Link, OWN, State, Version};

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
    /// What it answers to whoever attaches while it opens the store.
    opening: Vec<CallError>,
    /// Until when it was last waited for.
    until: Rc<Cell<u64>>,
    /// Waits, and how many of them told it in the same step.
    waits: Rc<Cell<(u32, u32)>>,
    /// It rests after each answer, and wants to be told of the next request.
    rests: bool,
}

impl Link<FakePeer> for Liar {
    fn attach(
        &mut self,
        side: &mut Consumer<FakePeer, ENTRIES>,
        _: Deadline,
    ) -> Result<(), CallError> {
        let gone = CallError::Kernel(KernelError::PeerGone);
        if let Some(why) = self.opening.last() {
            return Err(*why);
        }
        if self.gone && self.answers.is_empty() {
            return Err(gone);
        }
        self.driver.attach(LIFE).map_err(|_| gone)?;
        side.attached().map_err(|_| gone)
    }

    fn is_opening(&mut self) -> bool {
        self.opening.pop().is_some()
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        Ok(())
    }

    fn tell_and_wait(&mut self, until: Deadline) -> Result<(), KernelError> {
        let (waits, told) = self.waits.get();
        self.waits.set((waits, told + 1));
        Link::<FakePeer>::tell(self)?;
        Link::<FakePeer>::wait(self, until)
    }

    fn wait(&mut self, until: Deadline) -> Result<(), KernelError> {
        assert!(self.driver.is_awaited(), "it is to be told of what is done");
        let (waits, told) = self.waits.get();
        self.waits.set((waits + 1, told));
        self.until.set(until.ticks());
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
        assert!(!self.rests || self.driver.may_wait() == Ok(true));
        Ok(())
    }
}

fn client(answers: Vec<Given>, gone: bool) -> State<Liar, FakePeer> {
    client_of(answers, gone, &[], Rc::default())
}

/// As [`client`]; `opening` is what it is answered while the store is opened, `until` tells until when it waits.
fn client_of(
    mut answers: Vec<Given>,
    gone: bool,
    opening: &[CallError],
    until: Rc<Cell<u64>>,
) -> State<Liar, FakePeer> {
    let memory = FakeMemory::new(memory_len(DATA));
    let part = || memory.peer(0..memory_len(DATA));
    const KNOWN: Ops = Ops::of(&OPS);
    answers.reverse();
    let driver = Driver::new(part(), KNOWN).unwrap();
    let (opening, waits) = (opening.to_vec(), Rc::default());
    let link = Liar { driver, answers, gone, opening, until, waits, rests: false };
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

// attack 60 U: the opening of a large store takes longer than a client waits for an answer; it goes on waiting for as long as statefsd says so, and no longer; broken: state-opening
#[test]
fn a_store_that_is_being_opened_is_waited_for() {
    let late = CallError::Kernel(KernelError::TimedOut);
    let busy = CallError::Service(ServiceError::Busy);
    let mut client =
        client_of(vec![part(false, 3, b"abc")], false, &[late, busy, late, late], Rc::default());
    assert_eq!(client.get(OWN, "x").unwrap().unwrap().bytes, b"abc");
    // Whatever else it says is no reason to wait.
    let denied = CallError::Service(ServiceError::Denied);
    let mut client = client_of(vec![], false, &[denied], Rc::default());
    assert_eq!(client.get(OWN, "x"), Err(Error::Call(denied)));
}

// attack 92 U: statefsd rests, or is at work; it is told of a request in the step in which the client waits for it, or not at all, and the client waits all the same; broken: state-tell-and-wait
#[test]
fn whoever_tells_waits_in_the_same_step() {
    for (rests, expected) in [(true, (3, 3)), (false, (3, 1))] {
        let memory = FakeMemory::new(memory_len(DATA));
        let part = || memory.peer(0..memory_len(DATA));
        let driver = Driver::new(part(), Ops::of(&OPS)).unwrap();
        let waits = Rc::<Cell<_>>::default();
        let (answers, opening, until) =
            (vec![self::part(false, 1, &[7]); 3], vec![], Rc::default());
        let its = Rc::clone(&waits);
        let link = Liar { driver, answers, gone: false, opening, until, waits: its, rests };
        let mut client = State::new(link, part(), LIFE).unwrap();
        for _ in 0..3 {
            assert_eq!(client.get(OWN, "x").unwrap().unwrap().bytes, [7]);
        }
        assert_eq!(waits.get(), expected, "{rests}");
    }
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
    // The largest there is, in parts as a small ring takes them.
    let bytes = vec![7; 64 << 10];
    let all = bytes.chunks(3000).map(|bytes| part(true, 64 << 10, bytes));
    let mut all: Vec<Given> = all.collect();
    *all.last_mut().unwrap() = part(false, 64 << 10, bytes.chunks(3000).next_back().unwrap());
    assert_eq!(self::client(all, false).get(OWN, "x").unwrap().unwrap().bytes, bytes);
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
        client(answers, false).get_all(OWN, "x", 5)
    };
    assert_eq!(of(b"de").unwrap().unwrap().bytes, b"abcde");
    assert_eq!(of(b"d"), Err(Error::Garbled));
    assert_eq!(of(b"def"), Err(Error::TooLarge), "than was asked for");
}

// attack 92 U: each answer that there is, to a request that has no room but for its key; each is an error of its own, and names what is damaged in full; broken: state-damage-named
#[test]
fn each_status_is_an_error_of_its_own() {
    let head = |n, version| wire::Answer { n, version, ..wire::Answer::default() };
    let in_pieces = Error::InPieces(Found { version: Version(7), size: 0, pieces: 0 });
    for (status, head, expected) in [
        (wire::CONFLICT, head(0, 0), Error::Conflict(None)),
        (wire::CONFLICT, head(0, 7), Error::Conflict(Some(crate::Version(7)))),
        (wire::IN_PIECES, head(0, 7), in_pieces),
        (wire::NO_PIECE, head(0, 0), Error::NoPiece),
        (wire::TOO_LARGE, head(0, 0), Error::TooLarge),
        (wire::NO_SPACE, head(0, 0), Error::NoSpace),
        (wire::QUOTA_KEYS, head(0, 0), Error::QuotaKeys),
        (wire::QUOTA_BYTES, head(0, 0), Error::QuotaBytes),
        (wire::DAMAGED, head(0, 0), Error::Damaged(Damage::Key("a/b".into()))),
        (wire::DAMAGED_BEHIND, head(0, 0), Error::Damaged(Damage::Behind("a/b".into()))),
        (wire::DAMAGED_STORE, head(0, 0), Error::Damaged(Damage::Store)),
        (wire::READ_ONLY, head(27, 3), Error::ReadOnly(Reason::LogWrite, 3)),
        (wire::READ_ONLY, head(0, 3), Error::Garbled),
        (wire::NO_STORE, head(14, 0), Error::NoStore(Reason::NotFormatted, 0)),
        (wire::DENIED, head(0, 0), Error::Denied),
        (wire::NO_TREE, head(0, 0), Error::NoTree),
        (wire::BAD_KEY, head(BadKey::Part.code(), 0), Error::BadKey(BadKey::Part)),
        (wire::BAD_KEY, head(0, 0), Error::Garbled),
        (wire::MALFORMED, head(0, 0), Error::Malformed),
        (wire::NO_DRAFT, head(0, 0), Error::NoDraft),
        (nexus_ring::REFUSED, head(0, 0), Error::Malformed),
        (200, head(0, 0), Error::Garbled),
    ] {
        // There is room for the key, whatever else there is in a request.
        let mut client = client(vec![given(status, head, b"a/b")], false);
        assert_eq!(client.put("a/b", b"", Expect::Any), Err(expected), "status {status}");
    }
    // What was done has a head, always. What the ring itself refuses has none.
    for (status, expected) in [(nexus_ring::REFUSED, Error::Malformed), (DONE, Error::Garbled)] {
        let mut client = client(vec![(status, Vec::new(), 0)], false);
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
    assert_eq!(client.stat(OWN, &long[1..]), Err(Error::TimedOut), "one byte less is asked");
}

#[test]
fn requests_that_do_not_fit_together_are_asked_one_after_the_other() {
    let mut client = client(vec![part(false, 0, b""); 3], false);
    let value = [7; 3000];
    let values = [("a", &value[..]), ("b", &value), ("c", &value)];
    let outcomes = client.put_each(OWN, &values).unwrap();
    assert_eq!(outcomes, [Ok(Version(5)), Ok(Version(5)), Ok(Version(5))]);
}

// attack 92 U: a value of more bytes than were asked for, or than it was said to have; it is not collected
#[test]
fn no_more_of_a_value_is_read_than_was_asked_for() {
    let found = |size| {
        given(DONE, wire::Answer { version: 5, size, pieces: 9, ..wire::Answer::default() }, &[])
    };
    let whole = || vec![found(5), part(false, 5, b"abcde")];
    assert_eq!(client(whole(), false).get_all(OWN, "x", 5).unwrap().unwrap().bytes, b"abcde");
    for most in [4, 3] {
        assert_eq!(client(whole(), false).get_all(OWN, "x", most), Err(Error::TooLarge));
    }
    let (status, bytes, len) = found(5);
    let in_pieces = vec![(status, bytes.clone(), len), (wire::IN_PIECES, bytes, len)];
    let pieces = [part(false, 3, b"abc"), part(false, 4, b"defg"), part(false, 1, b"h")];
    let mut client = client([in_pieces, pieces.to_vec()].concat(), false);
    assert_eq!(client.get_all(OWN, "x", 5), Err(Error::TooLarge));
}

// attack 92 U: rows with keys and values of which not all is in the answer, nor the zeros behind them; refused; broken: state-row-inside
#[test]
fn a_row_is_all_in_the_answer() {
    let list = |key: u64, value: u32, body: &[u8]| {
        let row = wire::Row { version: 5, size: 3, pieces: 0, value, key };
        let answer = part(false, 0, &[row.as_bytes(), body].concat());
        client(vec![answer], false).list(OWN, "", None, 9, true).map(|page| page.rows)
    };
    let rows = list(3, 3, b"abc\0\0\0\0\0xyz\0\0\0\0\0").unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((&*row.key, &*row.value, row.found.version), ("abc", &b"xyz"[..], Version(5)));
    for (key, value, body) in [
        (3, 3, &b"abc\0\0\0\0\0xyz\0\0\0\0"[..]),
        (3, 3, b"abc\0\0\0\0\0"),
        (3, 0, b"abc"),
        (9, 0, b"abcdefgh"),
        (u64::MAX, 0, b"abcdefgh"),
        (u64::MAX - 6, 0, b"abcdefgh"),
        (8, u32::MAX, b"abcdefgh"),
    ] {
        assert_eq!(list(key, value, body), Err(Error::Garbled), "{key} {value}");
    }
}

// attack 92 U: a page without rows that says that there are more; whoever lists all does not ask for ever
#[test]
fn a_page_that_says_that_there_is_more_has_a_row() {
    assert_eq!(
        client(vec![part(false, 0, b"")], false).list(OWN, "", None, 9, false).unwrap().rows,
        []
    );
    let more = client(vec![part(true, 0, b"")], false).list(OWN, "", None, 9, false);
    assert_eq!(more, Err(Error::Garbled));
}

#[test]
fn an_answer_is_waited_for_as_long_as_was_said() {
    let second = 10_000_000;
    for (patience, seconds) in [(None, 30), (Some(7_000), 7)] {
        let until = Rc::default();
        let mut client = client_of(Vec::new(), false, &[], Rc::clone(&until));
        if let Some(ms) = patience {
            client.set_patience(ms);
        }
        let before = ticks();
        assert_eq!(client.sync(), Err(Error::TimedOut));
        let expected = before + seconds * second..=ticks() + seconds * second;
        assert!(expected.contains(&until.get()), "{} in {expected:?}", until.get());
    }
}

#[test]
fn no_two_errors_read_the_same() {
    let found = Found { version: Version(7), size: 9, pieces: 3 };
    let errors = [
        Error::NoRing(None),
        Error::NoRing(Some(StartError::NoMemory)),
        Error::Call(CallError::Kernel(KernelError::PeerGone)),
        Error::TimedOut,
        Error::Unknown,
        Error::Lost,
        Error::Garbled,
        Error::NoRoom { needs: 77, has: 66 },
        Error::Conflict(None),
        Error::Conflict(Some(Version(7))),
        Error::InPieces(found),
        Error::NoPiece,
        Error::TooLarge,
        Error::NoSpace,
        Error::QuotaKeys,
        Error::QuotaBytes,
        Error::Damaged(Damage::Key("a/b".into())),
        Error::Damaged(Damage::Behind("a/b".into())),
        Error::Damaged(Damage::Store),
        Error::ReadOnly(Reason::LogWrite, 77),
        Error::NoStore(Reason::NotFormatted, 77),
        Error::Denied,
        Error::NoTree,
        Error::BadKey(BadKey::Length),
        Error::BadKey(BadKey::NotText),
        Error::BadKey(BadKey::Control),
        Error::BadKey(BadKey::Part),
        Error::BadKey(BadKey::Twice),
        Error::Malformed,
        Error::NoDraft,
    ];
    let texts: BTreeSet<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), errors.len(), "{texts:?}");
    assert!(texts.iter().all(|text| text.len() > 10), "{texts:?}");
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
