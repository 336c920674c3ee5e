//! Every way in which the answer must be no, and the one in which it may be yes.

use super::*;

// attack 38 P: what an allow says; it repeats the question and is recorded first; broken: policyd-record
#[test]
fn an_allow_is_bound_to_the_question_and_recorded() {
    let mut bench = Bench::new();
    let decision = bench.decide(&rng(1));
    assert!(decision.allows(&rng(1)));
    assert_eq!((decision.rule, decision.epoch, decision.record), (3, 5, 1));
    let [entry] = bench.ledger.entries.as_slice() else { panic!("one record") };
    assert_eq!((entry.event, entry.outcome), (Event::Decision, Outcome::Allow));
    assert_eq!((entry.subject, entry.device, entry.base), (rng(1).subject, RNG, 0x1000_6000));
    assert_eq!((entry.rule, entry.epoch, entry.detail), (3, 5, 1));
}

// attack 38 U: an answer for A is used for B; it allows nothing
#[test]
fn test_answer_for_one_question_is_none_for_another() {
    let mut bench = Bench::new();
    let decision = bench.decide(&rng(1));
    let others = [
        Decide { subject: Subject { id: GREEDY, incarnation: 1 }, ..rng(1) },
        Decide { subject: Subject { id: RNGD, incarnation: 2 }, ..rng(1) },
        Decide { asker: NSH.into(), ..rng(1) },
        Decide { device: EXTRA, ..rng(1) },
        Decide { rights: MAP | READ, ..rng(1) },
        Decide { base: 0x1000_7000, ..rng(1) },
        Decide { pages: 2, ..rng(1) },
        rng(2),
    ];
    for other in others {
        assert!(!decision.allows(&other));
    }
}

// attack 34 P: no rules, or none for this question; denied; broken: policyd-rule
#[test]
fn test_deny_by_default() {
    let mut bench = Bench::new();
    let ask = Decide { subject: Subject { id: GREEDY, incarnation: 1 }, device: EXTRA, ..rng(1) };
    assert_eq!(bench.deny(&ask), Reason::NoRule, "a request in a service file is no permission");
    assert_eq!(bench.decide(&Decide { nonce: 2, ..ask }).rule, NO_RULE);

    let mut empty = Bench::with(Description { rules: vec![], ..description() });
    for (nonce, (id, device)) in (1..).zip([(4, UART), (RNGD, RNG), (GREEDY, EXTRA), (1, UART)]) {
        let subject = Subject { id, incarnation: 1 };
        assert_eq!(empty.deny(&Decide { subject, device, ..rng(nonce) }), Reason::NoRule);
    }
}

// attack 34 P: unknown services and devices; denied and recorded
#[test]
fn unknown_services_and_devices_are_denied_and_recorded() {
    let mut bench = Bench::new();
    let nobody = Subject { id: 99, incarnation: 1 };
    assert_eq!(bench.deny(&Decide { subject: nobody, ..rng(1) }), Reason::UnknownService);
    assert_eq!(bench.deny(&Decide { device: 3, ..rng(2) }), Reason::UnknownDevice);
    assert_eq!(bench.deny(&Decide { device: u16::MAX, ..rng(3) }), Reason::UnknownDevice);
    assert_eq!(bench.ledger.entries.len(), 3);
    assert!(bench.ledger.entries.iter().all(|entry| entry.outcome == Outcome::Deny));
}

// attack 34 P: more rights than the rule allows; denied; broken: policyd-rights
#[test]
fn rights_only_within_the_rule() {
    let mut bench = Bench::new();
    let uart = |rights, nonce| Decide {
        subject: Subject { id: 4, incarnation: 1 },
        device: UART,
        rights,
        base: 0x1000_0000,
        pool: 0,
        ..rng(nonce)
    };
    assert!(bench.decide(&uart(MAP | READ, 1)).allows(&uart(MAP | READ, 1)));
    let all = Rights::all().bits();
    for (nonce, rights) in (2..).zip([0, MAP, READ, MAP | READ | WRITE, all, u16::MAX]) {
        assert_eq!(bench.deny(&uart(rights, nonce)), Reason::RightsExceedRule);
    }
    for (nonce, right) in (20..).zip([Rights::EXEC, Rights::DERIVE, Rights::GRANT]) {
        let asked = rng(nonce).rights | right.bits();
        assert_eq!(bench.deny(&Decide { rights: asked, ..rng(nonce) }), Reason::RightsExceedRule);
    }
}

#[test]
fn only_a_window_that_the_device_can_have() {
    let mut bench = Bench::new();
    let mut nonce = 0;
    let mut mismatch = |base, pages| {
        nonce += 1;
        assert_eq!(bench.deny(&Decide { base, pages, ..rng(nonce) }), Reason::WindowMismatch);
    };
    for pages in [0, 2, u16::MAX] {
        mismatch(0x1000_6000, pages);
    }
    for base in [1, 0x1000_6001, 0x1000_6800, u64::MAX] {
        mismatch(base, 1);
    }
    mismatch(u64::MAX - 4095, 1);
    let uart = Decide {
        subject: Subject { id: 4, incarnation: 1 },
        device: UART,
        rights: MAP | READ,
        pool: 0,
        ..rng(100)
    };
    assert_eq!(bench.deny(&uart), Reason::WindowMismatch, "not where the board has it");
}

// attack 39 U: a device in two places, or two in one; denied
#[test]
fn one_device_has_one_place_and_a_place_one_device() {
    let mut bench = Bench::new();
    assert!(bench.decide(&rng(1)).allows(&rng(1)));
    assert_eq!(bench.deny(&Decide { base: 0x1000_7000, ..rng(2) }), Reason::WindowMismatch);
    let subject = Subject { id: 4, incarnation: 1 };
    let extra = Decide { subject, device: EXTRA, pool: 0, ..rng(3) };
    assert_eq!(bench.deny(&extra), Reason::WindowMismatch, "rngd's pages");
    let apart = Decide { base: 0x1000_7000, nonce: 4, ..extra };
    assert!(bench.decide(&apart).allows(&apart));
    let moved = Decide { base: 0x1000_8000, nonce: 5, ..extra };
    assert_eq!(bench.deny(&moved), Reason::WindowMismatch, "the second device stays, too");
}

// attack 37 U: a question is asked again; denied; broken: policyd-nonce
#[test]
fn test_nonce_is_used_once() {
    let mut bench = Bench::new();
    assert!(bench.decide(&rng(7)).allows(&rng(7)));
    for nonce in [7, 6, 1, 0] {
        assert_eq!(bench.deny(&rng(nonce)), Reason::NonceReused);
    }
    assert!(bench.decide(&rng(8)).allows(&rng(8)));
    assert!(bench.decide(&rng(u64::MAX)).allows(&rng(u64::MAX)));
    assert_eq!(bench.deny(&rng(u64::MAX)), Reason::NonceReused, "none is left");
}

#[test]
fn a_denied_question_uses_its_nonce_up_too() {
    let mut bench = Bench::new();
    bench.ledger.down = true;
    assert_eq!(bench.deny(&rng(1)), Reason::NotRecorded);
    bench.ledger.down = false;
    assert_eq!(bench.deny(&rng(1)), Reason::NonceReused);
}

#[test]
fn nonces_belong_to_a_life_of_the_asker() {
    let mut bench = Bench::new();
    bench.decide(&rng(100));
    let reborn = Sender { incarnation: 2, ..INIT };
    let first = bench.policyd.decide(reborn, &rng(1), &mut bench.ledger).unwrap();
    assert!(first.allows(&rng(1)));
    assert_eq!(bench.deny(&rng(200)), Reason::NonceReused, "the old life is over");
}

// attack 28 U: a question for a life that is over; denied; broken: policyd-old-life
#[test]
fn a_life_that_is_over_gets_nothing() {
    let mut bench = Bench::new();
    let life =
        |incarnation, nonce| Decide { subject: Subject { id: RNGD, incarnation }, ..rng(nonce) };
    assert_eq!(bench.deny(&life(0, 1)), Reason::StaleIncarnation);
    assert!(bench.decide(&life(3, 2)).allows(&life(3, 2)));
    assert_eq!(bench.deny(&life(2, 3)), Reason::StaleIncarnation);
    assert!(bench.decide(&life(4, 4)).allows(&life(4, 4)));
}

// attack 28 U: a question for a life that is over, of the second service that got something; denied; broken: policyd-old-life
#[test]
fn lives_are_remembered_for_each_service() {
    let mut bench = Bench::new();
    let consoled = |incarnation, nonce| Decide {
        subject: Subject { id: 4, incarnation },
        device: EXTRA,
        base: 0x1000_7000,
        pool: 0,
        ..rng(nonce)
    };
    assert!(bench.decide(&rng(1)).allows(&rng(1)));
    assert!(bench.decide(&consoled(3, 2)).allows(&consoled(3, 2)));
    assert_eq!(bench.deny(&consoled(2, 3)), Reason::StaleIncarnation);
    assert!(bench.decide(&rng(4)).allows(&rng(4)), "the other service's life goes on");
}

// attack 45 F: the decision cannot be recorded; denied; broken: policyd-unrecorded
#[test]
fn test_no_record_no_allow() {
    let mut bench = Bench::new();
    bench.ledger.down = true;
    let decision = bench.decide(&rng(1));
    assert_eq!((decision.verdict, decision.reason), (Verdict::Deny, Reason::NotRecorded));
    assert_eq!((decision.record, decision.rule), (0, 3));
    assert!(!decision.allows(&rng(1)));
    let other = Decide { device: EXTRA, ..rng(2) };
    assert_eq!(bench.deny(&other), Reason::NoRule, "a denial says its own reason");
}

// attack 30 U: a service asks policyd for itself or another; denied by its stamp, and recorded; broken: policyd-asker
#[test]
fn only_the_distributor_may_ask_and_others_are_recorded() {
    let mut bench = Bench::new();
    for recorded in [1, 2, 3, 4, 4, 4] {
        assert_eq!(bench.ask(NSH, rng(50)), Err(ServiceError::Denied));
        assert_eq!(bench.ledger.entries.len(), recorded, "the first ones, and no more");
    }
    let stranger = Sender { service_id: GREEDY, incarnation: 1 };
    assert_eq!(bench.ask(stranger, rng(50)), Err(ServiceError::Denied));
    assert_eq!(bench.ledger.entries.len(), 5, "each has its own bound");
    let entry = bench.ledger.entries[0];
    assert_eq!(entry.subject, Subject::from(NSH), "who the kernel says, not whom it named");
    assert_eq!(entry.outcome, Outcome::Deny);
    assert!(bench.decide(&rng(1)).allows(&rng(1)), "its nonces are not the distributor's");
}

// attack 84 U: a question with rights that there are not; denied, and the record has none of them; broken: policyd-odd-rights
#[test]
fn a_question_for_rights_that_there_are_not_is_on_record_without_them() {
    let mut bench = Bench::new();
    let odd = 1 << 15;
    let asked = Decide { rights: rng(1).rights | odd, ..rng(1) };
    assert_eq!(bench.deny(&asked), Reason::RightsExceedRule);
    assert_eq!(bench.ask(NSH, Decide { rights: odd, ..rng(2) }), Err(ServiceError::Denied));
    let rights: Vec<_> = bench.ledger.entries.iter().map(|entry| entry.rights).collect();
    assert_eq!(rights, [rng(1).rights, 0]);
}

// attack 84 U: init asks on behalf of a shell; the record says who asked, and about whom; broken: policyd-who-asked
#[test]
fn the_record_says_who_asked() {
    let mut bench = Bench::new();
    let tried = Decide { asker: NSH.into(), ..rng(1) };
    assert_eq!(bench.decide(&tried).asked, tried);
    let stranger = Sender { service_id: GREEDY, incarnation: 1 };
    assert_eq!(bench.ask(stranger, rng(50)), Err(ServiceError::Denied));
    let asked: Vec<_> =
        bench.ledger.entries.iter().map(|entry| (entry.subject, entry.asker)).collect();
    assert_eq!(asked, [(rng(1).subject, NSH.into()), (stranger.into(), stranger.into())]);
}
