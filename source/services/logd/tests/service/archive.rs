//! What logd does for the archive, and with what services were refused by who keeps state for others.

use nexus_proto::log::{Access, Await, Count, HeadInfo, ReadCount};
use nexus_proto::policy::NO_RULE;

use super::*;

fn anchor() -> Anchor {
    Anchor { boot: 7, records: 90, without: 2, zero: Zero::ZERO, head: [9; 32] }
}

fn refusal(id: u32, rule: u16, access: Access) -> Refuse {
    let subject = Subject { id, incarnation: 1 };
    Refuse { subject, rule, access, zero: Zero::ZERO, times: 1 }
}

fn first() -> Refuse {
    refusal(7, NO_RULE, Access::Get)
}

fn times(log: &mut Log, seq: u64) -> Result<u64, ServiceError> {
    log.ask(NSH, &ReadCount { seq }).map(|Count { times }| times)
}

/// A life of logd as it is in a system: what is answered is stored before.
fn ask<T: Operation, W: store::Words>(
    (log, store): &mut (Log, Store<W>),
    sender: Sender,
    op: &T,
) -> Result<T::Reply, ServiceError> {
    let answer = log.ask(sender, op);
    log.logd.save(store);
    answer
}

fn words() -> FakeWords {
    FakeWords::new(store::SLOT * 900)
}

// attack 67 U: an anchor that another service has recorded; denied, whatever it may do otherwise; broken: logd-anchor
#[test]
fn only_the_archive_has_an_anchor_recorded() {
    let mut log = Log::new();
    for sender in [INIT, POLICYD, LOGD, RTCD, NSH, STATEFSD, VIEWER, READER, RNGD] {
        assert_eq!(log.ask(sender, &anchor()), Err(ServiceError::Denied), "{sender:?}");
    }
    for wrong in [Anchor { boot: 0, ..anchor() }, Anchor { records: 0, ..anchor() }] {
        assert_eq!(log.ask(ARCHIVED, &wrong), Err(ServiceError::Malformed));
    }
    assert_eq!(log.ask(NSH, &Head {}).unwrap().records, 1);
    assert_eq!(log.ask(ARCHIVED, &anchor()), Ok(Appended { seq: 2 }));
    let link = log.link(2);
    assert_eq!((link.stamp.reporter, link.entry), (LOGD.into(), anchor().entry(ARCHIVED.into())));
    let seen = log.ask(VIEWER, &ReadEntry { seq: 2 }).unwrap();
    let hidden = Entry { base: 0, len: 0, detail: 0, registers: Registers::UNMASKED, ..link.entry };
    assert_eq!(seen, hidden, "hashes can be guessed at");
}

// attack 67 U: a second anchor in one boot, by a later life of the archive or of logd; refused, and the first one is the answer; broken: logd-anchor-twice
#[test]
fn there_is_one_anchor_a_boot_over_all_lives() {
    let mut life_1 = life(words(), 1);
    assert_eq!(ask(&mut life_1, ARCHIVED, &anchor()), Ok(Appended { seq: 2 }));
    let later = Sender { incarnation: 2, ..ARCHIVED };
    assert_eq!(ask(&mut life_1, later, &anchor()), Ok(Appended { seq: 2 }));
    let other = Anchor { head: [8; 32], ..anchor() };
    for sender in [ARCHIVED, later] {
        assert_eq!(ask(&mut life_1, sender, &other), Err(ServiceError::BadState));
    }
    let mut life_2 = life(life_1.1.into_inner(), 2);
    assert_eq!(ask(&mut life_2, later, &other), Err(ServiceError::BadState));
    assert_eq!(ask(&mut life_2, later, &anchor()), Ok(Appended { seq: 2 }));
    assert_eq!(
        life_2.0.ask(NSH, &Head {}).unwrap().records,
        3,
        "boot, anchor, and the second life"
    );
}

// attack 67 U: two services have the permission of the archive; neither is; broken: logd-two-archives
#[test]
fn where_two_may_archive_neither_does() {
    let mut two = description();
    two.services.push(service(20, "another", &[Permission::Archive]));
    let mut log = Log { logd: Logd::new(&two, HZ), now: 100 };
    for sender in [ARCHIVED, Sender { service_id: 20, incarnation: 1 }] {
        assert_eq!(log.ask(sender, &anchor()), Err(ServiceError::Denied));
        assert_eq!(log.ask(sender, &Await { after: 0 }), Err(ServiceError::Denied));
        assert_eq!(log.ask(sender, &ReadEntry { seq: 1 }), Err(ServiceError::Denied));
    }
}

#[test]
fn the_archive_reads_the_ledger_whole() {
    let mut log = Log::new();
    log.ask(INIT, &grant()).unwrap();
    assert_eq!(log.ask(ARCHIVED, &ReadEntry { seq: 2 }).unwrap(), grant().entry);
    assert_eq!(log.ask(ARCHIVED, &ReadStamp { seq: 2 }).unwrap().seq, 2);
    let hashes = log.ask(ARCHIVED, &ReadHashes { seq: 2 }).unwrap();
    assert_eq!(hashes.own, log.link(2).own);
    for sender in [STATEFSD, VIEWER, READER] {
        assert_eq!(log.ask(sender, &ReadHashes { seq: 2 }), Err(ServiceError::Denied));
    }
}

// attack 67 U: another service waits in the place of the archive; denied; broken: logd-await
#[test]
fn the_archive_waits_for_what_there_is_not_yet() {
    let mut log = Log::new();
    let waits = |log: &Log, sender, after| log.logd.is_awaited(sender, &Await { after });
    assert_eq!(log.ask(ARCHIVED, &Await { after: 0 }).map(|head| head.records), Ok(1));
    assert_eq!(log.ask(ARCHIVED, &Await { after: 1 }), Err(ServiceError::NotFound));
    assert_eq!([0, 1, u64::MAX].map(|after| waits(&log, ARCHIVED, after)), [false, true, true]);
    for sender in [NSH, INIT, STATEFSD] {
        assert_eq!(log.ask(sender, &Await { after: 0 }), Err(ServiceError::Denied));
        assert!(!waits(&log, sender, 1), "{sender:?}");
    }
    log.ask(INIT, &grant()).unwrap();
    assert!(!waits(&log, ARCHIVED, 1));
    let told = Await::decode_reply(&log.logd.awaited(&Await { after: 1 }));
    assert_eq!(told, Ok(HeadInfo { records: 2, head: log.link(2).own }));
}

// attack 92 U: a refusal that another service tells of; denied; broken: logd-refuse
#[test]
fn only_who_keeps_state_tells_of_refusals() {
    let mut log = Log::new();
    for sender in [INIT, POLICYD, LOGD, RTCD, NSH, ARCHIVED, VIEWER, READER, RNGD] {
        assert_eq!(log.ask(sender, &first()), Err(ServiceError::Denied), "{sender:?}");
    }
    let nothing = Refuse { times: 0, ..first() };
    assert_eq!(log.ask(STATEFSD, &nothing), Err(ServiceError::Malformed));
    assert_eq!(log.ask(STATEFSD, &first()), Ok(Appended { seq: 2 }));
    let link = log.link(2);
    let about = Entry::about(Event::Access, Outcome::Deny, first().subject);
    let told = Entry { reason: Access::Get.code(), ..about };
    assert_eq!((link.stamp.reporter, link.entry), (STATEFSD.into(), told));
    assert_eq!(times(&mut log, 2), Ok(1));
    assert_eq!(
        (times(&mut log, 1), times(&mut log, 3)),
        (Err(ServiceError::NotFound), Err(ServiceError::NotFound))
    );
    assert_eq!(log.ask(RNGD, &ReadCount { seq: 2 }), Err(ServiceError::Denied));
}

// attack 92 U: a storm of refusals; each kind is one record, the others are counted; broken: logd-refuse-twice
#[test]
fn a_kind_of_refusal_is_recorded_once_and_then_counted() {
    let mut log = Log::new();
    for _ in 0..10_000 {
        assert_eq!(log.ask(STATEFSD, &first()), Ok(Appended { seq: 2 }));
    }
    // Another service, line or operation is another kind; another life is not.
    let kinds =
        [refusal(10, NO_RULE, Access::Get), refusal(7, 3, Access::Get), refusal(7, 3, Access::Put)];
    for (seq, kind) in (3..).zip(kinds) {
        assert_eq!(log.ask(STATEFSD, &kind), Ok(Appended { seq }));
    }
    let same = Subject { incarnation: 9, ..first().subject };
    let same = Refuse { subject: same, times: u64::MAX, ..first() };
    assert_eq!(log.ask(STATEFSD, &same), Ok(Appended { seq: 2 }));
    assert_eq!([2, 3, 4, 5].map(|seq| times(&mut log, seq)), [Ok(u64::MAX), Ok(1), Ok(1), Ok(1)]);
    assert_eq!(log.ask(NSH, &Head {}).unwrap().records, 5);
}

/// All refusals that a service can be the subject of.
fn storm(log: &mut Log, id: u32) -> Vec<u64> {
    let rules = (1..=30).chain([NO_RULE]);
    let kinds = rules.flat_map(|rule| Access::ALL.iter().map(move |access| (rule, *access)));
    let mut told = |(rule, access)| log.ask(STATEFSD, &refusal(id, rule, access)).unwrap().seq;
    kinds.map(&mut told).collect()
}

// attack 92 U: refusals of every kind there is, of all services and of none; they take their own room and no other's; broken: logd-refuse-room
#[test]
fn refusals_take_no_room_but_their_own() {
    let taken = |log: &mut Log| (0..).take_while(|_| log.ask(INIT, &grant()).is_ok()).count();
    let denied = |log: &mut Log| {
        let entry = Entry { event: Event::Decision, outcome: Outcome::Deny, ..grant().entry };
        (0..).take_while(|_| log.ask(POLICYD, &Append { entry }).is_ok()).count()
    };
    let kinds = 31 * Access::ALL.len();
    let mut calm = Log::new();
    let mut stormy = Log::new();
    for id in [1, 2, 3, 5, 7, 10, 12, 13, 14, 15] {
        let told = storm(&mut stormy, id);
        let records = told.iter().filter(|seq| **seq > 0).count();
        assert_eq!((records, told.len()), (8, kinds), "{id}");
        assert!(told.iter().take(8).all(|seq| *seq > 0), "the first ones");
    }
    assert!(storm(&mut stormy, 99).iter().all(|seq| *seq == 0), "there is no such service");
    let unrecorded = 10 * (kinds - 8) + kinds;
    assert_eq!(times(&mut stormy, 0), Ok(unrecorded as u64));
    assert_eq!(denied(&mut stormy), denied(&mut calm));
    assert_eq!(taken(&mut stormy), taken(&mut calm));
    // And nothing takes theirs.
    let told = storm(&mut calm, 7);
    assert_eq!(told.iter().filter(|seq| **seq > 0).count(), 8);
}

// attack 92 U: logd ends in a storm of refusals; the next life goes on counting, and records nothing twice; broken: logd-refuse-counts
#[test]
fn counts_outlive_logd() {
    let mut one = life(words(), 1);
    let other = refusal(10, 4, Access::List);
    for kind in [first(), other, first(), first()] {
        ask(&mut one, STATEFSD, &kind).unwrap();
    }
    storm(&mut one.0, 5);
    one.0.logd.save(&mut one.1);
    let others = times(&mut one.0, 0).unwrap();
    assert!(others > 0);

    let mut two = life(one.1.into_inner(), 2);
    assert_eq!([2, 3, 0].map(|seq| times(&mut two.0, seq)), [Ok(3), Ok(1), Ok(others)]);
    assert_eq!(ask(&mut two, STATEFSD, &other), Ok(Appended { seq: 3 }));
    assert_eq!(times(&mut two.0, 3), Ok(2));

    // What is cut is counted anew, from one.
    let mut cut = two.1.into_inner();
    cut.words[store::SLOT * 3 + 9] ^= 1;
    let mut three = life(cut, 3);
    assert_eq!([2, 3].map(|seq| times(&mut three.0, seq)), [Ok(3), Err(ServiceError::NotFound)]);
    let Appended { seq } = ask(&mut three, STATEFSD, &other).unwrap();
    assert_eq!(times(&mut three.0, seq), Ok(1));
}

// attack 92 U: every kind of refusal that has a record, of all services, in a ledger that is full beside; logd ends twice, and each count and each record is there still
#[test]
fn each_count_that_there_can_be_outlives_logd() {
    let mut one = life(words(), 1);
    let mut told = Vec::new();
    for id in [1, 2, 3, 5, 7, 10, 12, 13, 14, 15] {
        for rule in 1..=8 {
            let times = u64::from(1000 * id) + u64::from(rule);
            let refuse = Refuse { times, ..refusal(id, rule, Access::Get) };
            let Appended { seq } = ask(&mut one, STATEFSD, &refuse).unwrap();
            told.push((seq, times));
        }
    }
    ask(&mut one, STATEFSD, &Refuse { times: 77, ..refusal(1, 9, Access::Get) }).unwrap();
    told.push((0, 77));
    assert!(told[..80].iter().all(|(seq, _)| *seq > 0));
    while ask(&mut one, INIT, &grant()).is_ok() {}
    for life_of_logd in 2..4 {
        one = life(one.1.into_inner(), life_of_logd);
        for (seq, expected) in &told {
            assert_eq!(times(&mut one.0, *seq), Ok(*expected), "record {seq}");
        }
        let records = one.0.ask(NSH, &Head {}).unwrap().records;
        let resume = Resume::of(&one.0.link(records).entry).unwrap();
        assert_eq!((resume.kept, resume.cut), (resume.found, 0));
    }
}
