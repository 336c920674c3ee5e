//! Devices that reach memory by themselves: what busd answers, and what it hands over.

use nexus_abi::{Handle, KindCode, Tag};
use nexus_proto::bus;
use nexus_proto::init::DmaState;
use nexus_proto::policy::NO_LINE;

use super::*;
use crate::grant::Bus;
use crate::testing::{BUSD, Cap, bus_route, sealed};

fn refused_by(fake: &mut Fake, question: Question, route: Route) -> Refused {
    let outcome = Grant::new(question, route).run(fake);
    let Outcome::Refused(refused) = outcome else { panic!("{outcome:?}") };
    fake.assert_nothing_left();
    let given = |entry: &Entry| matches!(entry.event, Event::Grant);
    assert!(!fake.ledger.iter().any(given), "no grant in the ledger");
    refused
}

fn refused(fake: &mut Fake) -> Refusal {
    refused_by(fake, sealed(1), bus_route()).refusal
}

/// A route to a window alone.
fn plain_route() -> Route {
    let Source::Bus(Bus { busd, .. }) = bus_route().source else { panic!() };
    Route { source: Source::Bus(Bus::new(busd, &[], true).unwrap()), ..bus_route() }
}

fn plain(nonce: u64) -> Question {
    Question { pool: 0, line: NO_LINE, ..sealed(nonce) }
}

fn plain_fake() -> Fake {
    let mut fake = Fake::with_bus();
    fake.busd.queues.clear();
    fake
}

#[test]
fn the_straight_way_of_a_device_that_reaches_memory() {
    let mut fake = Fake::with_bus();
    let outcome = Grant::new(sealed(1), bus_route()).run(&mut fake);
    let Outcome::Granted(granted) = outcome else { panic!("{outcome:?}") };
    let memory = granted.memory.unwrap();
    let held = |piece| fake.cap(granted.pieces.held(piece).unwrap()).unwrap();
    let (window, pool, used) = (held(Piece::Window), held(Piece::Pool), held(Piece::Used));
    let read = Rights::MAP | Rights::READ;
    assert_eq!((window.rights, window.limit), (read | Rights::WRITE, sealed(1).registers));
    assert_eq!((pool.rights, pool.len), (read | Rights::WRITE, memory.pool));
    assert_eq!((used.rights, used.len), (read, memory.used));
    assert_eq!(held(Piece::Line).rights, Rights::RECV);
    assert!(Piece::ALL.into_iter().all(|piece| held(piece).holder == Some(RNGD)));
    assert_eq!(granted.features, 0xf);

    let [_, prepared, grant] = fake.ledger.as_slice() else { panic!("{:?}", fake.ledger) };
    assert_eq!((prepared.event, prepared.device, prepared.base), (Event::Prepared, 3, 0));
    assert_eq!((prepared.len, u64::from(prepared.interval)), (memory.pool, 4 * (16 + 4096)));
    assert_eq!((prepared.detail, prepared.line), (memory.digest, NO_LINE));
    assert_eq!((prepared.subject, prepared.rule, prepared.epoch), (grant.subject, 3, 1));
    assert_eq!((grant.event, grant.detail), (Event::Grant, 1));
    let expected = [
        "decide", "prepare", "query", "query", "query", "install", "install", "install", "derive",
        "limit", "install", "epoch", "record", "record",
    ];
    assert_eq!(fake.calls, expected);
}

#[test]
fn without_queues_a_device_stays_as_it_is_and_its_window_is_given() {
    let mut fake = plain_fake();
    let outcome = Grant::new(plain(1), plain_route()).run(&mut fake);
    let Outcome::Granted(granted) = outcome else { panic!("{outcome:?}") };
    assert_eq!((granted.memory, fake.owners(), fake.holders(KindCode::Vmo)), (None, 1, 0));
    assert!(!fake.ledger.iter().any(|entry| entry.event == Event::Prepared));
    assert_eq!(fake.calls, ["decide", "prepare", "query", "install", "epoch", "record"]);
}

#[test]
fn nothing_of_what_is_kept_can_be_handed_on_or_has_addresses_placed() {
    let mut fake = Fake::with_bus();
    let outcome = Grant::new(sealed(1), bus_route()).run(&mut fake);
    let Outcome::Granted(Granted { pieces, .. }) = outcome else { panic!("{outcome:?}") };
    for piece in [Piece::Window, Piece::Pool, Piece::Used] {
        let kept = fake.cap(pieces.kept(piece).unwrap()).unwrap();
        assert!(!kept.rights.intersects(Rights::DERIVE | Rights::PLACE), "{piece:?}");
        assert!(kept.rights.contains(Rights::REVOKE), "{piece:?}");
    }
}

// attack 88 F: busd is dead; no device that reaches memory is given, and nothing is left
#[test]
fn test_busd_dead_no_grant() {
    for error in [Error::PeerGone, Error::BadHandle, Error::NoMemory] {
        let mut fake = Fake::with_bus();
        fake.busd.fails = Some(error);
        let refused = refused_by(&mut fake, sealed(1), bus_route());
        let expected = (Refusal::BusGone, Some(DmaState::Quarantined));
        assert_eq!((refused.refusal, refused.released), expected);
        assert_eq!(fake.calls, ["decide", "prepare", "release", "record"]);
    }
}

// attack 88 F: busd is slow; no device that reaches memory is given, at its deadline, and nobody asks it again
#[test]
fn test_busd_slow_no_grant() {
    let mut fake = Fake::with_bus();
    fake.busd.fails = Some(Error::TimedOut);
    let route = Route { again: Some(AGAIN), ..bus_route() };
    assert_eq!(refused_by(&mut fake, sealed(1), route).refusal, Refusal::BusLate);
    assert_eq!(fake.calls, ["decide", "prepare", "release", "record"]);
}

// attack 88 U: busd refuses to set the device up; it is taken back, and not given
#[test]
fn a_refusal_of_busd_is_one() {
    for error in ServiceError::ALL {
        let mut fake = Fake::with_bus();
        fake.busd.refuses = Some(*error);
        assert_eq!(refused(&mut fake), Refusal::BusRefused, "{error:?}");
    }
}

// attack 88 F: an answer with another stamp than busd's; what it carries is dropped; broken: bus-stamp
#[test]
fn test_answer_from_somebody_else_is_not_busds() {
    let busd = Fake::default().busd.answers_as;
    for stranger in [POLICYD, Sender { incarnation: 2, ..busd }, Sender::default()] {
        let mut fake = Fake::with_bus();
        fake.busd.answers_as = stranger;
        assert_eq!(refused(&mut fake), Refusal::BusGarbled);
        assert_eq!(fake.dropped.len(), 3);
    }
}

// attack 88 F: every bit of an answer of busd wrong; no grant; broken: bus-echo, bus-digest
#[test]
fn test_busd_garbled_no_grant() {
    /// The features are the driver's to judge.
    const FEATURES: usize = 1;
    std::thread_local! { static BIT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) } }
    for bit in (0..5 * 64).filter(|bit| bit / 64 != FEATURES) {
        BIT.set(bit);
        let mut fake = Fake::with_bus();
        fake.busd.edit = |message| message.words[BIT.get() / 64] ^= 1 << (BIT.get() % 64);
        assert_eq!(refused(&mut fake), Refusal::BusGarbled, "bit {bit}");
        assert_eq!(fake.busd.released, [3], "bit {bit}");
    }
    let edits: [fn(&mut Message); 3] = [
        |message| message.tag = Tag::new(1, 8, 3),
        |message| message.tag = Tag::new(0, 7, 3),
        |message| message.tag = Tag::new(0, 8, 4),
    ];
    for edit in edits {
        let mut fake = Fake::with_bus();
        fake.busd.edit = edit;
        assert_eq!(refused(&mut fake), Refusal::BusGarbled);
    }
}

// attack 88 F: busd hands over more or fewer pieces than the rule has; no grant
#[test]
fn test_more_or_fewer_pieces_are_not_taken() {
    let mut fake = plain_fake();
    assert_eq!(refused(&mut fake), Refusal::BusGarbled);
    let mut fake = Fake::with_bus();
    let refused = refused_by(&mut fake, plain(1), plain_route());
    assert_eq!((refused.refusal, fake.dropped.len()), (Refusal::BusGarbled, 3));
}

// attack 85 U: busd hands over another window, a wider mask, more rights, or other memory; no grant; broken: bus-window-base, bus-window-len, bus-mask, bus-memory-rights, bus-memory-len
#[test]
fn test_what_busd_hands_over_is_compared() {
    let changes: [fn(Piece, &mut Cap); 13] = [
        |piece, cap| window(piece, cap, |cap| cap.base += 0x1000),
        |piece, cap| window(piece, cap, |cap| cap.len += 0x1000),
        |piece, cap| window(piece, cap, |cap| cap.kind = KindCode::Vmo),
        |piece, cap| window(piece, cap, |cap| cap.limit = Some(bus::REGISTERS)),
        |piece, cap| window(piece, cap, |cap| cap.limit = Some(1 << 20)),
        |piece, cap| window(piece, cap, |cap| cap.limit = None),
        |piece, cap| pool(piece, cap, |cap| cap.len += 0x1000),
        |piece, cap| pool(piece, cap, |cap| cap.len -= 0x1000),
        |piece, cap| pool(piece, cap, |cap| cap.kind = KindCode::DeviceMmio),
        |piece, cap| used(piece, cap, |cap| cap.len += 0x1000),
        |piece, cap| used(piece, cap, |cap| cap.len = 0),
        |piece, cap| used(piece, cap, |cap| cap.kind = KindCode::Endpoint),
        |piece, cap| used(piece, cap, |cap| cap.rights |= Rights::WRITE),
    ];
    for change in changes {
        let mut fake = Fake::with_bus();
        fake.busd.change = change;
        assert_eq!(refused(&mut fake), Refusal::BusGarbled);
        assert_eq!(fake.busd.released, [3], "it is told to take it back");
        assert!(!fake.calls.contains(&"install"), "before anything is handed over");
    }
}

// attack 85 U: each right of each piece is there that must not be, or is missing; no grant; broken: bus-window-rights, bus-memory-rights
#[test]
fn test_rights_are_exactly_those() {
    std::thread_local! {
        static LIE: std::cell::Cell<(Option<Piece>, Rights)> =
            const { std::cell::Cell::new((None, Rights::empty())) };
    }
    for piece in [Piece::Window, Piece::Pool, Piece::Used] {
        for right in Rights::all().iter() {
            LIE.set((Some(piece), right));
            let mut fake = Fake::with_bus();
            fake.busd.change = |piece, cap| {
                let (lied, right) = LIE.get();
                cap.rights.toggle(if lied == Some(piece) { right } else { Rights::empty() });
            };
            assert_eq!(refused(&mut fake), Refusal::BusGarbled, "{piece:?} {right:?}");
        }
    }
}

// attack 85 U: what busd hands over is of another kind, and says all the rest; no grant; broken: bus-window-kind, bus-memory-kind
#[test]
fn test_the_kind_of_a_piece_counts() {
    let mut fake = Fake::with_bus();
    let outcome = Grant::new(sealed(1), bus_route()).run(&mut fake);
    let Outcome::Granted(Granted { pieces, .. }) = outcome else { panic!("{outcome:?}") };
    let Source::Bus(bus) = bus_route().source else { panic!() };
    for piece in [Piece::Window, Piece::Pool, Piece::Used] {
        let good = fake.cap_query(pieces.kept(piece).unwrap()).unwrap();
        assert!(bus.is_piece(&sealed(1), piece, &good));
        for kind in (1..).map_while(KindCode::from_code).filter(|kind| *kind != good.kind) {
            assert!(!bus.is_piece(&sealed(1), piece, &CapInfo { kind, ..good }), "{kind:?}");
        }
    }
}

fn window(piece: Piece, cap: &mut Cap, change: fn(&mut Cap)) {
    if piece == Piece::Window {
        change(cap);
    }
}

fn pool(piece: Piece, cap: &mut Cap, change: fn(&mut Cap)) {
    if piece == Piece::Pool {
        change(cap);
    }
}

fn used(piece: Piece, cap: &mut Cap, change: fn(&mut Cap)) {
    if piece == Piece::Used {
        change(cap);
    }
}

// attack 88 F: a grant fails at its last step; line, window, pool and used rings are revoked and dropped before busd is told to reset; broken: bus-release-early, init-take-back, init-pieces-kept, bus-never-released
#[test]
fn what_fails_takes_everything_back_and_then_the_device() {
    let mut fake = Fake { records_left: Some(2), ..Fake::with_bus() };
    let refused = refused_by(&mut fake, sealed(1), bus_route());
    let expected = (Refusal::NotRecorded, Some(DmaState::Quiet));
    assert_eq!((refused.refusal, refused.released), expected);
    let ends = [
        "revoke", "drop", "revoke", "drop", "revoke", "drop", "revoke", "drop", "release", "record",
    ];
    assert!(fake.calls.ends_with(&ends), "{:?}", fake.calls);
    let [line, window, pool, used] = fake.revoked.as_slice() else { panic!("four") };
    assert!(line > used && window < pool && pool < used, "the line first: {:?}", fake.revoked);
    assert_eq!(fake.dropped, fake.revoked);
    assert!(fake.busd.set_up.is_empty());
}

// attack 88 F: a device does not come to rest after a grant that failed; it is given to nobody any more, and nobody is asked again; broken: bus-quarantine
#[test]
fn a_device_that_does_not_come_to_rest_is_not_asked_for_again() {
    let mut fake = Fake { records_left: Some(1), recovers: true, ..Fake::with_bus() };
    fake.busd.stuck = true;
    let route = Route { again: Some(AGAIN), ..bus_route() };
    let refused = refused_by(&mut fake, sealed(1), route);
    let expected = (Refusal::NotRecorded, Some(DmaState::Quarantined));
    assert_eq!((refused.refusal, refused.released), expected);
    assert!(!fake.calls.contains(&"wait"));
}

// attack 83 F: logd is late once, when a device is set up; it is taken back, and given at the second question
#[test]
fn a_late_record_costs_no_device_that_reaches_memory() {
    let mut fake = Fake { records_left: Some(1), recovers: true, ..Fake::with_bus() };
    let route = Route { again: Some(AGAIN), ..bus_route() };
    let outcome = Grant::new(sealed(1), route).run(&mut fake);
    assert!(matches!(outcome, Outcome::Granted(granted) if granted.second), "{outcome:?}");
    assert_eq!(fake.busd.released, [3]);
}

// attack 88 F: busd says that it took a device back with another's stamp, or with what is no answer; the device is given to nobody any more; broken: bus-release-believed
#[test]
fn test_only_busd_says_that_a_device_is_at_rest() {
    let done = |sender, message| {
        let received = Received { message, sender, reply: Handle::NONE };
        is_done::<bus::Release>(Fake::default().busd.answers_as, Ok(received))
    };
    let busd = Fake::default().busd.answers_as;
    assert_eq!(done(busd, Message::default()), Ok(()));
    assert_eq!(done(POLICYD, Message::default()), Err(Refusal::BusGarbled));
    assert_eq!(done(busd, Message::new(0, &[0])), Err(Refusal::BusGarbled));
    let error = encode_error(ServiceError::DeviceFailed);
    assert_eq!(done(busd, error), Err(Refusal::BusRefused));
}

// attack 38 P: policyd allows queues that the rules do not have; busd is not asked; broken: bus-as-ruled
#[test]
fn test_queues_that_no_rule_has_are_not_set_up() {
    let Source::Bus(bus) = bus_route().source else { panic!() };
    let source = Source::Bus(Bus { as_ruled: false, ..bus });
    let mut fake = Fake::with_bus();
    let refused = refused_by(&mut fake, sealed(1), Route { source, ..bus_route() });
    assert_eq!((refused.refusal, refused.released), (Refusal::PolicyGarbled, None));
    assert_eq!(fake.calls, ["decide", "record"]);
}

#[test]
fn queues_that_no_device_can_have_are_no_memory() {
    let queue = nexus_sysdesc::Queue::default();
    let busd = Fake::default().busd.answers_as;
    assert_eq!(Bus::new(busd, &[queue], true), Err(Refusal::BusRefused));
    assert_eq!(Bus::new(busd, &[], true).unwrap().memory, None);
}

/// What may happen to busd, or to what it is asked, between two steps.
const EVENTS: [Happening; 8] = [
    |fake| fake.busd.fails = Some(Error::PeerGone),
    |fake| fake.busd.fails = Some(Error::TimedOut),
    |fake| fake.busd.stuck = true,
    |fake| fake.busd.edit = |message| message.words[0] ^= 1,
    |fake| fake.busd.change = |_, cap| cap.rights |= Rights::PLACE,
    |fake| fake.records_left = Some(0),
    |fake| fake.end_target(),
    |_| {},
];

// attack 88 F: busd dies, is late, lies or sticks, and something else goes wrong, at any two points of a grant; nobody has a piece of the device without all of them and a record; broken: bus-unrecorded
#[test]
fn whatever_happens_to_busd_whenever() {
    for one in EVENTS {
        for other in EVENTS {
            for (at, later) in (0..15).flat_map(|at| (at..15).map(move |later| (at, later))) {
                for again in [None, Some(AGAIN)] {
                    run_with_bus(again, &[(at, one), (later, other)]);
                }
            }
        }
    }
}

fn run_with_bus(again: Option<u64>, events: &[(usize, Happening)]) {
    let mut fake = Fake::with_bus();
    let mut grant = Grant::new(sealed(1), Route { again, ..bus_route() });
    steps(&mut fake, &mut grant, 60, events);
    match grant.outcome().unwrap() {
        Outcome::Granted(granted) => {
            let record = usize::try_from(granted.record).unwrap();
            let [prepared, grant] = [record - 2, record - 1].map(|at| fake.ledger[at].event);
            assert_eq!((prepared, grant), (Event::Prepared, Event::Grant));
            for piece in Piece::ALL {
                fake.cap_revoke(granted.pieces.kept(piece).unwrap()).unwrap();
            }
            let held = |cap: &&Cap| cap.holder.is_some_and(|holder| holder != BUSD);
            assert_eq!(fake.caps.iter().filter(held).count(), 0, "init can take it back");
        }
        Outcome::Refused(refused) => {
            fake.assert_nothing_left();
            assert!(!fake.ledger.iter().any(|entry| entry.event == Event::Grant));
            let at_rest = refused.released != Some(DmaState::Quiet) || fake.busd.set_up.is_empty();
            assert!(at_rest, "busd has taken it back");
        }
    }
}
