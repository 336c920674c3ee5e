//! What can be asked without deciding anything.

use super::*;

// attack 25 U: who may not view asks why; denied; broken: policyd-inspect
#[test]
fn explanations_are_for_those_who_may_view() {
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
    assert!(!no.dma, "nothing that it gets reaches memory");
    let more = ask(4, UART, MAP | READ | WRITE);
    assert_eq!((more.reason, more.rule, more.rights), (Reason::RightsExceedRule, 1, MAP | READ));
    assert_eq!(ask(99, RNG, 0).reason, Reason::UnknownService);
    assert_eq!(ask(RNGD, 99, 0).reason, Reason::UnknownDevice);
    assert!(bench.ledger.entries.is_empty(), "an explanation decides nothing");
}

// attack 25 U: who may not view asks who may what; denied; broken: policyd-inspect
#[test]
fn permits_are_told_to_those_who_may_view() {
    let mut bench = Bench::new();
    let about = |service, permission: u8| ExplainPermit { service, permission, zero: Zero::ZERO };
    assert_eq!(bench.ask(INIT, about(10, 2)), Err(ServiceError::Denied));
    let mut ask = |service, permission| bench.ask(NSH, about(service, permission));
    let view = Permission::View.code();
    let line = |answer: Result<PermitLine, ServiceError>| answer.map(|one| (one.epoch, one.line));
    assert_eq!(line(ask(10, view)), Ok((5, 6)));
    assert_eq!(line(ask(1, view)), Ok((5, NO_RULE)));
    assert_eq!(line(ask(1, Permission::Record.code())), Ok((5, 5)));
    assert_eq!(line(ask(99, view)), Err(ServiceError::NoSuchService));
    let beyond = u8::try_from(Permission::ALL.len()).unwrap();
    assert_eq!(line(ask(10, beyond)), Err(ServiceError::OutOfRange));
    assert!(bench.ledger.entries.is_empty(), "an explanation decides nothing");
}

// attack 25 U: who may not view asks who shares memory with whom; denied; broken: policyd-inspect
#[test]
fn rings_are_told_to_those_who_may_view() {
    let mut description = description();
    let nsh = description.services.iter_mut().find(|service| service.id == 10).unwrap();
    nsh.talks_to = vec![RNGD];
    let (id, reason) = ("ring-nsh-rngd".into(), "much of it".into());
    nsh.rings = vec![Ring { server: RNGD, pages: 2, id, reason }];
    description.validate().unwrap();
    let mut bench = Bench::with(description);
    let about = |service, driver| ExplainRing { service, driver };
    assert_eq!(bench.ask(INIT, about(10, RNGD)), Err(ServiceError::Denied));
    let mut ask = |service, driver| {
        bench.ask(NSH, about(service, driver)).map(|answer: PermitLine| (answer.epoch, answer.line))
    };
    assert_eq!(ask(10, RNGD), Ok((5, 7)));
    for (service, driver) in [(RNGD, 10), (10, 4), (10, 10), (1, RNGD)] {
        assert_eq!(ask(service, driver), Ok((5, NO_RULE)));
    }
    for (service, driver) in [(99, RNGD), (10, 99)] {
        assert_eq!(ask(service, driver), Err(ServiceError::NoSuchService));
    }
    let text = bench.ask(NSH, RuleText { rule: 7, zero: Zero::ZERO, offset: 0 }).unwrap();
    assert_eq!(text.as_bytes(), b"ring-nsh-rngd");
    assert!(bench.ledger.entries.is_empty(), "an explanation decides nothing");
}

// attack 25 U: who may not view asks who opens whose state; denied; broken: policyd-inspect
#[test]
fn state_is_told_to_those_who_may_view() {
    let mut description = description();
    let [rngd, nsh] = [RNGD, 10]
        .map(|id| description.services.iter().position(|service| service.id == id).unwrap());
    description.services[rngd].tree = Some(Tree { id: 7, keys: 10, bytes: 4096 });
    let open = |prefix: &str, rights, id: &str| OpenTree {
        owner: RNGD,
        prefix: prefix.into(),
        rights,
        id: id.into(),
        reason: "a person looks at it".into(),
    };
    let long = "p/".repeat(60) + "p";
    description.services[nsh].opens =
        vec![open("", 2, "list-nsh-rngd"), open(&long, 5, "write-nsh-rngd")];
    description.validate().unwrap();
    let mut bench = Bench::with(description);
    let about = |service, owner, index| {
        let zero = Zero::ZERO;
        ExplainState { service, owner, index, zero }
    };
    let prefix = |line, offset| StatePrefix { line, zero: Zero::ZERO, offset };
    assert_eq!(bench.ask(INIT, about(10, RNGD, 0)), Err(ServiceError::Denied));
    assert_eq!(bench.ask(INIT, prefix(7, 0)), Err(ServiceError::Denied));
    let mut ask = |service, owner, index| bench.ask(NSH, about(service, owner, index));
    let line = |line, rights, kept| Ok(StateLine { epoch: 5, line, rights, kept });
    assert_eq!(ask(10, RNGD, 0), line(7, 2, true));
    assert_eq!(ask(10, RNGD, 1), line(8, 5, true));
    assert_eq!(ask(10, RNGD, 2), line(NO_RULE, 0, true));
    assert_eq!(ask(1, RNGD, 0), line(NO_RULE, 0, true));
    assert_eq!(ask(RNGD, 10, 0), line(NO_RULE, 0, false));
    for (service, owner) in [(99, RNGD), (10, 99)] {
        assert_eq!(ask(service, owner, 0), Err(ServiceError::NoSuchService));
    }
    let mut text = |line, offset| bench.ask(NSH, prefix(line, offset));
    assert_eq!(text(7, 0).unwrap().as_bytes(), b"");
    let first = text(8, 0).unwrap();
    assert!(first.more());
    let read = u32::try_from(first.as_bytes().len()).unwrap();
    let rest = text(8, read).unwrap();
    assert!(long.as_bytes().starts_with(&[first.as_bytes(), rest.as_bytes()].concat()));
    assert_eq!(
        (text(8, 121).unwrap().as_bytes(), text(8, 122)),
        (&b""[..], Err(ServiceError::OutOfRange))
    );
    assert_eq!(
        (text(6, 0), text(9, 0)),
        (Err(ServiceError::NotFound), Err(ServiceError::NotFound))
    );
    assert!(bench.ledger.entries.is_empty(), "an explanation decides nothing");
}

#[test]
fn texts_of_rules_at_their_bounds() {
    let mut bench = Bench::new();
    let mut text = |rule, offset| bench.ask(NSH, RuleText { rule, zero: Zero::ZERO, offset });
    assert_eq!(text(3, 0).unwrap().as_bytes(), b"allow-rngd-rng0");
    assert_eq!(text(3, 15).unwrap().as_bytes(), b"");
    assert_eq!(text(3, 16), Err(ServiceError::OutOfRange));
    assert_eq!(text(4, 0).unwrap().as_bytes(), b"permit-1-distribute");
    for rule in [0, 7, NO_RULE] {
        assert_eq!(text(rule, 0), Err(ServiceError::NotFound));
    }
    let mut why = |rule, offset| bench.ask(NSH, RuleReason { rule, zero: Zero::ZERO, offset });
    let reason = why(3, 0).unwrap();
    let len = u32::try_from(reason.as_bytes().len()).unwrap();
    assert!(len > 0 && !reason.more());
    assert_eq!(why(3, len).unwrap().as_bytes(), b"");
    assert_eq!(why(3, len + 1), Err(ServiceError::OutOfRange));
    assert_eq!(why(6, 0).unwrap().as_bytes(), b"a test");
    assert_eq!(why(7, 0), Err(ServiceError::NotFound));
    let info = bench.ask(NSH, Epoch { nonce: 9 }).unwrap();
    assert_eq!((info.epoch, info.rules, info.nonce), (5, 3, 9));
}
