//! Every way in which the answer must be no, and the one in which it may be yes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use nexus_abi::{Message, Rights, Sender};
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::{
    Decide, Decision, Epoch, Explain, Explanation, NO_RULE, Reason, Request, RuleText, Verdict,
};
use nexus_proto::{Operation, ReplyError, ServiceError, Subject, Zero};
use nexus_sysdesc::{
    Danger, Description, Device, Need, Permission, Profile, Restart, Rule, Service,
};
use policyd::{Policyd, Recorder};
use proptest::prelude::*;

const INIT: Sender = Sender { service_id: 1, incarnation: 1 };
const NSH: Sender = Sender { service_id: 10, incarnation: 1 };
const RNGD: u32 = 7;
const GREEDY: u32 = 8;
const UART: u16 = 0;
const RNG: u16 = 1;
const EXTRA: u16 = 2;
const MAP: u16 = Rights::MAP.bits();
const READ: u16 = Rights::READ.bits();
const WRITE: u16 = Rights::WRITE.bits();

fn device(id: u16, name: &str, base: Option<u64>, dma: bool) -> Device {
    Device {
        id,
        name: name.into(),
        compatible: name.into(),
        virtio_id: None,
        instance: 0,
        base,
        window_len: 4096,
        dma,
        danger: if dma { Danger::High } else { Danger::Low },
    }
}

fn service(id: u32, name: &str, needs: &[u16], permissions: &[Permission]) -> Service {
    let need = |device: &u16| Need { device: *device, rights: MAP | READ | WRITE };
    Service {
        id,
        name: name.into(),
        priority: 10,
        frames: 64,
        objects: 64,
        stack_pages: 16,
        needs: needs.iter().map(need).collect(),
        talks_to: vec![],
        serves: true,
        restart: Restart::Never,
        must_prove: vec![],
        permissions: permissions.to_vec(),
    }
}

fn rule(number: u16, id: &str, subject: u32, device: u16, rights: u16, allow_dma: bool) -> Rule {
    Rule { number, id: id.into(), subject, device, rights, allow_dma, reason: "a test".into() }
}

/// `greedy` asks for a device in its service file, and no rule allows it.
fn description() -> Description {
    let description = Description {
        name: "test".into(),
        profile: Profile::Test,
        epoch: 5,
        init: 1,
        devices: vec![
            device(UART, "uart0", Some(0x1000_0000), false),
            device(RNG, "rng0", None, true),
            device(EXTRA, "extra0", None, false),
        ],
        services: vec![
            service(1, "init", &[], &[Permission::Distribute, Permission::Record]),
            service(4, "consoled", &[UART], &[]),
            service(RNGD, "rngd", &[RNG], &[]),
            service(GREEDY, "greedy", &[EXTRA], &[]),
            service(10, "nsh", &[], &[Permission::Inspect]),
        ],
        rules: vec![
            rule(1, "allow-consoled-uart0", 4, UART, MAP | READ, false),
            rule(2, "allow-consoled-extra0", 4, EXTRA, MAP | READ | WRITE, false),
            rule(3, "allow-rngd-rng0", RNGD, RNG, MAP | READ | WRITE, true),
        ],
    };
    description.validate().unwrap();
    description
}

/// A ledger that can be told to fail.
#[derive(Default)]
struct Ledger {
    entries: Vec<Entry>,
    down: bool,
}

impl Recorder for Ledger {
    fn record(&mut self, entry: &Entry) -> Option<u64> {
        if self.down {
            return None;
        }
        self.entries.push(*entry);
        Some(self.entries.len() as u64)
    }
}

/// policyd with a ledger.
struct Bench {
    policyd: Policyd,
    ledger: Ledger,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(description())
    }

    fn with(description: Description) -> Bench {
        Bench { policyd: Policyd::new(description), ledger: Ledger::default() }
    }

    fn decide(&mut self, ask: &Decide) -> Decision {
        self.policyd.decide(INIT, ask, &mut self.ledger).unwrap()
    }

    fn deny(&mut self, ask: &Decide) -> Reason {
        let decision = self.decide(ask);
        assert_eq!(decision.verdict, Verdict::Deny);
        assert_ne!(decision.reason, Reason::Allowed);
        assert!(!decision.allows(ask));
        decision.reason
    }

    fn ask<T: Operation>(&mut self, sender: Sender, ask: T) -> Result<T::Reply, ServiceError>
    where
        Request: From<T>,
    {
        let answer: Message = self.policyd.handle(sender, &Request::from(ask), &mut self.ledger);
        T::decode_reply(&answer).map_err(|error| match error {
            ReplyError::Service(error) => error,
            ReplyError::Malformed(why) => panic!("malformed answer: {why:?}"),
        })
    }
}

fn rng(nonce: u64) -> Decide {
    Decide {
        subject: Subject { id: RNGD, incarnation: 1 },
        device: RNG,
        rights: MAP | READ | WRITE,
        zero: Zero::ZERO,
        base: 0x1000_6000,
        len: 4096,
        nonce,
    }
}

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

#[test]
fn test_answer_for_one_question_is_none_for_another() {
    let mut bench = Bench::new();
    let decision = bench.decide(&rng(1));
    let others = [
        Decide { subject: Subject { id: GREEDY, incarnation: 1 }, ..rng(1) },
        Decide { subject: Subject { id: RNGD, incarnation: 2 }, ..rng(1) },
        Decide { device: EXTRA, ..rng(1) },
        Decide { rights: MAP | READ, ..rng(1) },
        Decide { base: 0x1000_7000, ..rng(1) },
        Decide { len: 8192, ..rng(1) },
        rng(2),
    ];
    for other in others {
        assert!(!decision.allows(&other));
    }
}

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

#[test]
fn rights_only_within_the_rule() {
    let mut bench = Bench::new();
    let uart = |rights, nonce| Decide {
        subject: Subject { id: 4, incarnation: 1 },
        device: UART,
        rights,
        base: 0x1000_0000,
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
fn dma_needs_a_rule_that_says_so() {
    let mut description = description();
    description.rules[2].allow_dma = false;
    assert_eq!(Bench::with(description).deny(&rng(1)), Reason::DmaNotAllowed);
}

#[test]
fn only_a_window_that_the_device_can_have() {
    let mut bench = Bench::new();
    let mut nonce = 0;
    let mut mismatch = |base, len| {
        nonce += 1;
        assert_eq!(bench.deny(&Decide { base, len, ..rng(nonce) }), Reason::WindowMismatch);
    };
    for len in [0, 4095, 4097, 8192, u64::MAX] {
        mismatch(0x1000_6000, len);
    }
    for base in [1, 0x1000_6001, 0x1000_6800, u64::MAX] {
        mismatch(base, 4096);
    }
    mismatch(u64::MAX - 4095, 4096);
    let uart = Decide {
        subject: Subject { id: 4, incarnation: 1 },
        device: UART,
        rights: MAP | READ,
        ..rng(100)
    };
    assert_eq!(bench.deny(&uart), Reason::WindowMismatch, "not where the board has it");
}

#[test]
fn one_device_has_one_place_and_a_place_one_device() {
    let mut bench = Bench::new();
    assert!(bench.decide(&rng(1)).allows(&rng(1)));
    assert_eq!(bench.deny(&Decide { base: 0x1000_7000, ..rng(2) }), Reason::WindowMismatch);
    let subject = Subject { id: 4, incarnation: 1 };
    let extra = Decide { subject, device: EXTRA, ..rng(3) };
    assert_eq!(bench.deny(&extra), Reason::WindowMismatch, "rngd's pages");
    let apart = Decide { base: 0x1000_7000, nonce: 4, ..extra };
    assert!(bench.decide(&apart).allows(&apart));
}

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

#[test]
fn only_the_distributor_may_ask_and_others_are_recorded() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        assert_eq!(bench.ask(NSH, rng(50)), Err(ServiceError::Denied));
    }
    assert_eq!(bench.ledger.entries.len(), 4, "bounded");
    let entry = bench.ledger.entries[0];
    assert_eq!(entry.subject, Subject::from(NSH), "who the kernel says, not whom it named");
    assert_eq!(entry.outcome, Outcome::Deny);
    assert!(bench.decide(&rng(1)).allows(&rng(1)), "its nonces are not the distributor's");
}

#[test]
fn explanations_are_for_those_who_may_inspect() {
    let mut bench = Bench::new();
    let explain = |service, device, rights| Explain { service, device, rights };
    assert_eq!(bench.ask(INIT, explain(RNGD, RNG, 0)), Err(ServiceError::Denied));
    let mut ask = |service, device, rights| -> Explanation {
        bench.ask(NSH, explain(service, device, rights)).unwrap()
    };
    let yes = ask(RNGD, RNG, 0);
    assert_eq!((yes.verdict, yes.reason, yes.rule), (Verdict::Allow, Reason::Allowed, 3));
    assert_eq!((yes.rights, yes.dma, yes.epoch), (MAP | READ | WRITE, true, 5));
    let no = ask(10, RNG, 0);
    assert_eq!((no.verdict, no.reason, no.rule), (Verdict::Deny, Reason::NoRule, NO_RULE));
    let more = ask(4, UART, MAP | READ | WRITE);
    assert_eq!((more.reason, more.rule, more.rights), (Reason::RightsExceedRule, 1, MAP | READ));
    assert_eq!(ask(99, RNG, 0).reason, Reason::UnknownService);
    assert_eq!(ask(RNGD, 99, 0).reason, Reason::UnknownDevice);
    assert!(bench.ledger.entries.is_empty(), "an explanation decides nothing");
}

#[test]
fn texts_of_rules_at_their_bounds() {
    let mut bench = Bench::new();
    let mut text = |rule, offset| bench.ask(NSH, RuleText { rule, zero: Zero::ZERO, offset });
    assert_eq!(text(3, 0).unwrap().as_bytes(), b"allow-rngd-rng0");
    assert_eq!(text(3, 15).unwrap().as_bytes(), b"");
    assert_eq!(text(3, 16), Err(ServiceError::OutOfRange));
    for rule in [0, 4, NO_RULE] {
        assert_eq!(text(rule, 0), Err(ServiceError::NotFound));
    }
    let info = bench.ask(NSH, Epoch {}).unwrap();
    assert_eq!((info.epoch, info.rules), (5, 3));
}

fn questions() -> impl Strategy<Value = Decide> {
    let base =
        prop_oneof![Just(0x1000_0000u64), Just(0x1000_6000), Just(0x1000_7000), any::<u64>()];
    let rights = prop_oneof![Just(MAP | READ), Just(MAP | READ | WRITE), any::<u16>()];
    (0u32..12, 0u32..3, 0u16..4, rights, base, prop_oneof![Just(4096u64), any::<u64>()], 0u64..40)
        .prop_map(|(id, incarnation, device, rights, base, len, nonce)| Decide {
            subject: Subject { id, incarnation },
            device,
            rights,
            zero: Zero::ZERO,
            base,
            len,
            nonce,
        })
}

proptest! {
    /// An allow has a rule, a record made before it, a fresh nonce, and a window of its own.
    #[test]
    fn every_allow_is_justified(asks in prop::collection::vec((questions(), any::<bool>()), 1..80)) {
        let description = description();
        let mut bench = Bench::new();
        let (mut highest, mut given) = (None, Vec::<Decide>::new());
        for (ask, down) in asks {
            bench.ledger.down = down;
            let decision = bench.decide(&ask);
            let fresh = highest.is_none_or(|highest| ask.nonce > highest);
            highest = highest.max(Some(ask.nonce));
            prop_assert_eq!(decision.asked, ask);
            if decision.verdict == Verdict::Deny {
                continue;
            }
            let rule = description.rule(decision.rule).unwrap();
            prop_assert!(decision.allows(&ask) && fresh && !down);
            prop_assert_eq!((rule.subject, rule.device), (ask.subject.id, ask.device));
            prop_assert_eq!(ask.rights & !rule.rights, 0);
            let entry = bench.ledger.entries[decision.record as usize - 1];
            prop_assert_eq!((entry.outcome, entry.base, entry.detail),
                            (Outcome::Allow, ask.base, ask.nonce));
            for other in &given {
                let same = other.device == ask.device && other.base == ask.base;
                let apart = other.base.abs_diff(ask.base) >= 4096;
                prop_assert!(same || (apart && other.device != ask.device));
            }
            given.push(ask);
        }
    }
}
