//! Everything that can go wrong with a grant, at every point of it.

mod bus;
mod lines;

use nexus_abi::{Error, Message, Rights, Sender};
use nexus_proto::init::{DmaState, Refusal};
use nexus_proto::log::{Event, Outcome as Came};
use nexus_proto::policy::{Decide, Decision, NO_RULE, Reason, Verdict};
use nexus_proto::{Operation, ServiceError, encode_error};

use super::*;
use crate::testing::{Fake, POLICYD, Policyd, RNGD, masked, question, route};

fn refused(fake: &mut Fake) -> Refusal {
    refused_of(question(1), fake)
}

fn refused_of(question: Question, fake: &mut Fake) -> Refusal {
    let outcome = Grant::new(question, route()).run(fake);
    let Outcome::Refused(Refused { refusal, .. }) = outcome else { panic!("{outcome:?}") };
    fake.assert_nothing_left();
    assert!(!fake.ledger.iter().any(|entry| entry.event == Event::Grant), "no grant in the ledger");
    refusal
}

/// An answer of policyd, changed.
fn with(change: fn(&Decide, &mut Decision)) -> Policyd {
    Policyd::Edited(change)
}

#[test]
fn the_straight_way() {
    let mut fake = Fake::default();
    let outcome = Grant::new(question(1), route()).run(&mut fake);
    let Outcome::Granted(granted) = outcome else { panic!("{outcome:?}") };
    let window = fake.cap(granted.pieces.held(Piece::Window).unwrap()).unwrap();
    assert_eq!(window.holder, Some(RNGD));
    assert_eq!(window.rights, Rights::MAP | Rights::READ | Rights::WRITE);
    assert_eq!((window.base, window.len), (0x1000_6000, 0x1000));
    assert_eq!(granted.rule, 3);
    let events: Vec<Event> = fake.ledger.iter().map(|entry| entry.event).collect();
    assert_eq!(events, [Event::Decision, Event::Grant]);
    let [decision, grant] = fake.ledger.as_slice() else { panic!("two records") };
    assert_eq!((grant.subject, grant.device, grant.rights), (decision.subject, 3, 7));
    assert_eq!((grant.base, grant.len, grant.rule), (0x1000_6000, 0x1000, 3));
    assert_eq!((grant.epoch, grant.detail, grant.outcome), (1, 1, Came::Allow));
}

// attack 26 U: an owner asks for more rights on its window; it gets MAP, READ and WRITE at most; broken: init-grant-right
#[test]
fn only_the_asked_rights_reach_the_owner() {
    let mut fake = Fake::default();
    let read = Rights::MAP | Rights::READ;
    for (rights, expected) in [(read, read), (Rights::all(), read | Rights::WRITE)] {
        let ask = Question { rights: rights.bits(), ..question(1) };
        let Outcome::Granted(granted) = Grant::new(ask, route()).run(&mut fake) else { panic!() };
        assert_eq!(fake.cap(granted.pieces.held(Piece::Window).unwrap()).unwrap().rights, expected);
        fake.cap_revoke(granted.pieces.kept(Piece::Window).unwrap()).unwrap();
        fake.cap_drop(granted.pieces.kept(Piece::Window).unwrap()).unwrap();
    }
}

// attack 35 F: policyd is dead; no grant
#[test]
fn test_policyd_dead_no_grant() {
    for error in [Error::PeerGone, Error::BadHandle, Error::Denied] {
        let mut fake = Fake { policyd: Policyd::Fails(error), ..Fake::default() };
        assert_eq!(refused(&mut fake), Refusal::PolicyGone);
    }
}

// attack 35 F: policyd is slow; no grant, at its deadline
#[test]
fn test_policyd_slow_no_grant() {
    let mut fake = Fake { policyd: Policyd::Fails(Error::TimedOut), ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::PolicyLate);
}

// attack 35 F: every bit of an answer of policyd wrong, every shorter answer; no grant
#[test]
fn test_policyd_garbled_no_grant() {
    for question in [question(1), masked(1)] {
        no_garbled_answer_gives(question);
    }
}

fn no_garbled_answer_gives(question: Question) {
    let mut good = Fake::default();
    let answer = good.decide(&question.to_decide()).unwrap().message;
    let mut garbled = vec![
        Message::default(),
        Message::new(0, &[1]),
        Message::new(0, &[u64::MAX; 8]),
        Message::new(0, &[0; 8]),
        encode_error(ServiceError::Denied).with_words(1),
        encode_error(ServiceError::Malformed),
        encode_error(ServiceError::Unavailable),
    ];
    // Every bit of a good answer, and every shorter answer.
    for bit in 0..512 {
        let mut message = answer;
        message.words[bit / 64] ^= 1 << (bit % 64);
        garbled.push(message);
    }
    for words in 0..8 {
        garbled.push(answer.with_words(words));
    }
    for message in garbled {
        let mut fake = Fake { policyd: Policyd::Says(message), ..Fake::default() };
        let refusal = refused_unless_harmless(question, &mut fake, &answer, &message);
        assert!(
            matches!(refusal, None | Some(Refusal::PolicyGarbled | Refusal::EpochChanged)),
            "{message:?}: {refusal:?}"
        );
    }
}

/// Two fields of an answer bind nobody: which rule it was, and which record.
fn refused_unless_harmless(
    question: Question,
    fake: &mut Fake,
    good: &Message,
    message: &Message,
) -> Option<Refusal> {
    if let Ok(decision) = Decide::decode_reply(message) {
        let original = Decide::decode_reply(good).unwrap();
        let same = Decision { rule: original.rule, record: original.record, ..decision };
        if same == original && decision.rule != NO_RULE && decision.record != 0 {
            return None;
        }
    }
    Some(refused_of(question, fake))
}

trait WithWords {
    fn with_words(self, words: u8) -> Message;
}

impl WithWords for Message {
    fn with_words(mut self, words: u8) -> Message {
        self.tag = nexus_abi::Tag::new(self.tag.label(), words, 0);
        self
    }
}

// attack 29 U: an answer with another stamp than policyd's; no grant
#[test]
fn test_answer_from_somebody_else_is_no_answer() {
    let strangers = [
        Sender { service_id: 7, incarnation: 1 },
        Sender { incarnation: POLICYD.incarnation + 1, ..POLICYD },
        Sender::default(),
    ];
    for stranger in strangers {
        let mut fake = Fake { answers_as: stranger, ..Fake::default() };
        assert_eq!(refused(&mut fake), Refusal::PolicyGarbled);
    }
}

// attack 38 P: an allow for another subject, life, device, rights, window or nonce; no grant; broken: init-echo
#[test]
fn test_answer_to_another_question_is_no_answer() {
    let changes: [fn(&Decide, &mut Decision); 8] = [
        |_, answer| answer.asked.subject.id += 1,
        |_, answer| answer.asked.subject.incarnation += 1,
        |_, answer| answer.asked.device += 1,
        |_, answer| answer.asked.rights ^= Rights::WRITE.bits(),
        |_, answer| answer.asked.base += 0x1000,
        |_, answer| answer.asked.pages += 1,
        |_, answer| answer.asked.nonce -= 1,
        |_, answer| answer.asked.nonce += 1,
    ];
    for change in changes {
        let mut fake = Fake { policyd: with(change), ..Fake::default() };
        assert_eq!(refused(&mut fake), Refusal::PolicyGarbled);
    }
}

// attack 37 U: an old allow in answer to a new question; no grant; broken: init-echo
#[test]
fn test_an_old_allow_is_no_answer() {
    let mut fake = Fake::default();
    let old = fake.decide(&question(1).to_decide()).unwrap().message;
    let mut fake = Fake { policyd: Policyd::Says(old), ..Fake::default() };
    let outcome = Grant::new(question(2), route()).run(&mut fake);
    assert!(matches!(
        outcome,
        Outcome::Refused(Refused { refusal: Refusal::PolicyGarbled, ruling: None, .. })
    ));
    fake.assert_nothing_left();
}

#[test]
fn an_allow_must_be_sound() {
    let changes: [fn(&Decide, &mut Decision); 4] = [
        |_, answer| answer.reason = Reason::NoRule,
        |_, answer| answer.rule = NO_RULE,
        |_, answer| answer.record = 0,
        |_, answer| answer.epoch = 0,
    ];
    for change in changes {
        let mut fake = Fake { policyd: with(change), ..Fake::default() };
        assert_eq!(refused(&mut fake), Refusal::PolicyGarbled);
    }
}

// attack 35 U: policyd denies; nothing is given, and the refusal is recorded; broken: init-policy
#[test]
fn a_denial_is_recorded_with_its_rule() {
    let deny = |_: &Decide, answer: &mut Decision| {
        answer.verdict = Verdict::Deny;
        answer.reason = Reason::QueuesDenied;
    };
    let mut fake = Fake { policyd: with(deny), ..Fake::default() };
    let outcome = Grant::new(question(1), route()).run(&mut fake);
    let ruling = Some((Reason::QueuesDenied, 3));
    assert_eq!(
        outcome,
        Outcome::Refused(Refused { refusal: Refusal::PolicyDenied, ruling, released: None })
    );
    let refusal = fake.ledger.last().unwrap();
    assert_eq!((refusal.event, refusal.outcome), (Event::Refusal, Came::Deny));
    assert_eq!((refusal.rule, refusal.reason), (3, Refusal::PolicyDenied.code()));
    fake.assert_nothing_left();
}

#[test]
fn a_policyd_that_will_not_answer_init_denies() {
    let denied = Policyd::Says(encode_error(ServiceError::Denied));
    let mut fake = Fake { policyd: denied, ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::PolicyDenied);
}

// attack 36 U: the rules change between decision and grant; refused; broken: init-epoch, init-epoch-decided, init-epoch-later
// attack 37 U: an old answer about the version of the rules; refused; broken: init-epoch-echo
#[test]
fn test_other_epoch_no_grant() {
    let mut other = Fake { epoch: 2, ..Fake::default() };
    assert_eq!(refused(&mut other), Refusal::EpochChanged, "decided by other rules");
    let mut later = Fake { next_epoch: Some(2), ..Fake::default() };
    assert_eq!(refused(&mut later), Refusal::EpochChanged, "changed since the decision");
    let mut gone = Fake { epoch_fails: Some(Error::PeerGone), ..Fake::default() };
    assert_eq!(refused(&mut gone), Refusal::PolicyGone, "nobody can say");
    let mut late = Fake { epoch_fails: Some(Error::TimedOut), ..Fake::default() };
    assert_eq!(refused(&mut late), Refusal::PolicyLate);
    let mut old = Fake { epoch_nonce: Some(0), ..Fake::default() };
    assert_eq!(refused(&mut old), Refusal::PolicyGarbled, "an answer to another question");
}

/// Nonce of the second question.
const AGAIN: u64 = 9;

fn twice() -> Route {
    Route { again: Some(AGAIN), ..route() }
}

// attack 83 F: policyd or logd is late once, at any point of a grant; the device is given at the second question; broken: init-second-question
#[test]
fn a_late_answer_costs_no_device() {
    let late = |change: fn(&mut Fake)| {
        let mut fake = Fake { recovers: true, ..Fake::default() };
        change(&mut fake);
        fake
    };
    let stalls: [fn(&mut Fake); 4] = [
        |fake| fake.policyd = Policyd::Fails(Error::TimedOut),
        |fake| fake.epoch_fails = Some(Error::TimedOut),
        |fake| fake.records_left = Some(0),
        |fake| fake.records_left = Some(1),
    ];
    for stall in stalls {
        let mut fake = late(stall);
        let outcome = Grant::new(question(1), twice()).run(&mut fake);
        let Outcome::Granted(granted) = outcome else { panic!("{outcome:?}") };
        assert!(granted.second);
        assert_eq!(
            (fake.owners(), fake.calls.iter().filter(|call| **call == "wait").count()),
            (1, 1)
        );
        let grants = fake.ledger.iter().filter(|entry| entry.event == Event::Grant);
        assert!(grants.map(|entry| entry.detail).eq([AGAIN]), "by the second question only");
    }
}

// attack 83 F: policyd and logd are late again and again; the second question is the last, and nothing is given
#[test]
fn nobody_is_asked_a_third_time() {
    let changes: [fn(&mut Fake); 4] = [
        |fake| fake.policyd = Policyd::Fails(Error::TimedOut),
        |fake| fake.epoch_fails = Some(Error::TimedOut),
        |fake| fake.records_left = Some(0),
        |fake| {
            fake.policyd = with(|_, answer| {
                (answer.verdict, answer.reason) = (Verdict::Deny, Reason::NotRecorded);
            })
        },
    ];
    for change in changes {
        let mut fake = Fake::default();
        change(&mut fake);
        let outcome = Grant::new(question(1), twice()).run(&mut fake);
        let Outcome::Refused(refused) = outcome else { panic!("{outcome:?}") };
        assert!(refused.was_late(), "{refused:?}");
        fake.assert_nothing_left();
        assert_eq!(fake.calls.iter().filter(|call| **call == "decide").count(), 2);
    }
}

// attack 83 F: a refusal for any other reason than a late answer; it is final
#[test]
fn only_who_was_late_is_asked_again() {
    let changes: [fn(&mut Fake); 6] = [
        |fake| fake.policyd = Policyd::Fails(Error::PeerGone),
        |fake| fake.policyd = Policyd::Says(Message::default()),
        |fake| {
            fake.policyd = with(|_, answer| {
                (answer.verdict, answer.reason) = (Verdict::Deny, Reason::NoRule);
            })
        },
        |fake| fake.next_epoch = Some(2),
        |fake| fake.derive_fails = Some(Error::Busy),
        |fake| fake.live = false,
    ];
    for change in changes {
        let mut fake = Fake { recovers: true, ..Fake::default() };
        change(&mut fake);
        let outcome = Grant::new(question(1), twice()).run(&mut fake);
        assert!(matches!(outcome, Outcome::Refused(refused) if !refused.was_late()), "{outcome:?}");
        assert!(!fake.calls.contains(&"wait"), "{:?}", fake.calls);
    }
}

/// Refusals that say no more than that somebody was late, and those after which the next life of a
/// service is tried again: each alone, and with a ruling, and with how busd took the device back.
#[test]
fn what_may_come_out_otherwise_a_little_later() {
    use Refusal::{KernelRefused, NotRecorded, PolicyDenied, PolicyGone, PolicyLate, SubjectEnded};
    let those = |ruling: Option<Reason>, released, is: fn(&Refused) -> bool| -> Vec<Refusal> {
        let ruling = ruling.map(|reason| (reason, 3));
        let all = Refusal::ALL.iter();
        all.copied()
            .filter(|refusal| is(&Refused { refusal: *refusal, ruling, released }))
            .collect()
    };
    for released in [None, Some(DmaState::Quiet)] {
        for ruling in [None, Some(Reason::NoRule), Some(Reason::Allowed)] {
            let late = [PolicyLate, NotRecorded];
            assert_eq!(those(ruling, released, Refused::was_late), late);
            let passing = [PolicyGone, PolicyLate, KernelRefused, NotRecorded, SubjectEnded];
            assert_eq!(those(ruling, released, Refused::may_pass), passing);
        }
        let logd = Some(Reason::NotRecorded);
        let late = [PolicyDenied, PolicyLate, NotRecorded];
        assert_eq!(those(logd, released, Refused::was_late), late);
        assert!(those(logd, released, Refused::may_pass).contains(&PolicyDenied));
    }
    let lost = Some(DmaState::Quarantined);
    for ruling in [None, Some(Reason::NotRecorded)] {
        assert_eq!(those(ruling, lost, Refused::was_late), []);
        assert_eq!(those(ruling, lost, Refused::may_pass), []);
    }
}

// attack 45 F: logd is gone after the decision; the window is taken back; broken: init-record, init-take-back
#[test]
fn test_logd_down_no_grant() {
    let mut fake = Fake { records_left: Some(1), ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::NotRecorded, "decided, and then logd is gone");
    let revoked = fake.calls.iter().position(|call| *call == "revoke");
    let dropped = fake.calls.iter().position(|call| *call == "drop");
    assert!(revoked < dropped, "children of a dropped capability would live on");
}

// attack 33 F: the kernel has no room while a window is handed over; nothing is left of it
#[test]
fn test_kernel_refusals() {
    let mut fake = Fake { derive_fails: Some(Error::Busy), ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::KernelRefused);
    let mut fake = Fake { derive_fails: Some(Error::OutOfRange), ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::OutOfReach);
    let mut fake = Fake { install_fails: Some(Error::NoMemory), ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::KernelRefused);

    let outside = Question { base: 0xfff_f000, ..question(1) };
    let mut fake = Fake::default();
    let outcome = Grant::new(outside, route()).run(&mut fake);
    assert!(matches!(outcome, Outcome::Refused(Refused { refusal: Refusal::OutOfReach, .. })));
    fake.assert_nothing_left();
}

// attack 39 U: a second owner for a window; refused, the first keeps it
#[test]
fn test_second_owner_is_refused() {
    let mut fake = Fake::default();
    let Outcome::Granted(first) = Grant::new(question(1), route()).run(&mut fake) else { panic!() };
    let outcome = Grant::new(question(2), route()).run(&mut fake);
    let refused =
        matches!(outcome, Outcome::Refused(Refused { refusal: Refusal::KernelRefused, .. }));
    assert!(refused, "{outcome:?}");
    assert!(
        fake.cap(first.pieces.held(Piece::Window).unwrap()).is_some(),
        "the first one keeps it"
    );
    assert_eq!(fake.owners(), 1);
}

// attack 61 F: the target ends before it is given its window; no orphan
#[test]
fn test_target_ends_during_its_grant() {
    let mut fake = Fake { live: false, ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::SubjectEnded);
}

/// What may happen between two steps.
const EVENTS: [Happening; 5] = [
    |fake| fake.policyd = Policyd::Fails(Error::PeerGone),
    |fake| fake.records_left = Some(0),
    |fake| fake.end_target(),
    |fake| fake.epoch += 1,
    |_| {},
];

/// Lets any two events happen at any two points of a grant, and looks at every state between.
// attack 61 F: two things go wrong at any two points of a grant; no orphan, and no window without a record
#[test]
fn whatever_happens_whenever() {
    let mut ways = 0;
    for one in EVENTS {
        for other in EVENTS {
            for (at, later) in (0..13).flat_map(|at| (at..13).map(move |later| (at, later))) {
                for route in [route(), twice()] {
                    for question in [question(1), masked(1)] {
                        run_with(question, route, &[(at, one), (later, other)]);
                        ways += 1;
                    }
                }
            }
        }
    }
    assert_eq!(ways, 4 * 25 * 91);
}

type Happening = fn(&mut Fake);

/// So many steps, each after what happens before it: what is true after each of them.
fn steps(fake: &mut Fake, grant: &mut Grant, count: usize, events: &[(usize, Happening)]) {
    for step in 0..count {
        for (_, event) in events.iter().filter(|(at, _)| *at == step) {
            event(fake);
        }
        let before = fake.calls.len();
        if grant.outcome().is_none() {
            grant.step(fake);
            assert!(fake.calls.len() - before <= 1, "one call a step");
        }
        assert!(fake.owners() <= 1 && fake.line_owners() <= fake.owners());
    }
}

fn run_with(question: Question, route: Route, events: &[(usize, Happening)]) {
    let mut fake = Fake::default();
    let mut grant = Grant::new(question, route);
    steps(&mut fake, &mut grant, 30, events);
    match grant.outcome().unwrap() {
        Outcome::Granted(granted) => {
            let record = usize::try_from(granted.record).unwrap();
            assert_eq!(fake.ledger[record - 1].event, Event::Grant);
            assert!(
                fake.cap(granted.pieces.kept(Piece::Window).unwrap()).is_some(),
                "init can take it back"
            );
            assert_eq!(
                fake.cap(granted.pieces.held(Piece::Window).unwrap()).is_some(),
                fake.live,
                "never an orphan"
            );
            fake.cap_revoke(granted.pieces.kept(Piece::Window).unwrap()).unwrap();
            assert_eq!(fake.owners(), 0);
            let line =
                granted.pieces.kept(Piece::Line).inspect(|line| fake.cap_revoke(*line).unwrap());
            assert_eq!((line.is_some(), fake.line_owners()), (question.line != 0, 0));
        }
        Outcome::Refused(_) => {
            fake.assert_nothing_left();
            assert!(!fake.ledger.iter().any(|entry| entry.event == Event::Grant));
        }
    }
}
