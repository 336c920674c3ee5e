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

/// rngd may have sockets, and nsh two lines for them.
fn wired() -> Description {
    let mut description = description();
    let at = |id| move |service: &Service| service.id == id;
    let [rngd, nsh] = [RNGD, 10].map(|id| description.services.iter().position(at(id)).unwrap());
    let sockets = Some(Sockets { count: 8, bytes: 1 << 20 });
    (description.services[rngd].sockets, description.services[nsh].sockets) = (sockets, sockets);
    let v4 = Network { address: mapped([10, 0, 0, 0]), bits: MAPPED_BITS + 8 };
    let v6 = Network { address: [0; 16], bits: 0 };
    let ports = |first, last| Ports { first, last };
    let reach = |direction, ports, addresses, id: &str| Reach {
        protocol: NetProtocol::Tcp,
        direction,
        ports,
        addresses,
        id: id.into(),
        reason: "a person fetches pages".into(),
    };
    description.services[nsh].reaches = vec![
        reach(NetDirection::Out, vec![ports(80, 80)], vec![v4], "net-nsh-near"),
        reach(NetDirection::Out, vec![ports(80, 80), ports(8000, 8999)], vec![v6], "net-nsh-v6"),
    ];
    let leads_back = vec![mapped([10, 0, 2, 2])];
    description.network = Some(NetworkSays { address: Address::Dhcp, leads_back });
    description.validate().unwrap();
    description
}

// attack 25 U: who may not view asks who may do what with the network; denied; broken: policyd-inspect
// attack 99 U: ask about a protocol, a direction, a port or an address that no line has; no line is told; broken: net-direction, net-protocol, net-port, net-address, net-family
#[test]
fn the_network_is_told_to_those_who_may_view() {
    let mut bench = Bench::with(wired());
    let any = |service, protocol, port| ExplainNet {
        address: [0; 16],
        service,
        port,
        index: 0,
        protocol,
        inward: false,
        one: false,
        zero: Zero::ZERO,
    };
    let with = |address, ask| ExplainNet { address, one: true, ..ask };
    assert_eq!(bench.ask(INIT, any(10, 0, 80)), Err(ServiceError::Denied));
    let mut line = |ask| bench.ask(NSH, ask).map(|answer: NetLine| answer.line);
    // Three rules, three permits, and then they.
    assert_eq!(line(any(10, 0, 80)), Ok(7));
    assert_eq!(line(ExplainNet { index: 1, ..any(10, 0, 80) }), Ok(8));
    assert_eq!(line(ExplainNet { index: 2, ..any(10, 0, 80) }), Ok(NO_RULE));
    assert_eq!(line(any(10, 0, 8999)), Ok(8));
    for denied in [
        any(10, 0, 81),
        any(10, 1, 80),
        any(10, 2, 0),
        any(RNGD, 0, 80),
        ExplainNet { inward: true, ..any(10, 0, 80) },
        with(mapped([11, 0, 0, 1]), any(10, 0, 80)),
        with(mapped([10, 0, 0, 1]), any(10, 0, 8000)),
    ] {
        assert_eq!(line(denied), Ok(NO_RULE), "{denied:?}");
    }
    assert_eq!(line(with(mapped([10, 0, 0, 1]), any(10, 0, 80))), Ok(7));
    assert_eq!(line(with([0x20; 16], any(10, 0, 80))), Ok(8));
    assert_eq!(line(any(99, 0, 80)), Err(ServiceError::NoSuchService));
    assert_eq!(line(any(10, 3, 80)), Err(ServiceError::OutOfRange));
    assert!(bench.ledger.entries.is_empty(), "an explanation decides nothing");
}

#[test]
fn what_there_is_for_the_network_is_told_with_its_lines() {
    let mut bench = Bench::with(wired());
    let ask = |service, address, one| ExplainNet {
        address,
        service,
        port: 80,
        index: 0,
        protocol: 0,
        inward: false,
        one,
        zero: Zero::ZERO,
    };
    let back = mapped([10, 0, 2, 2]);
    let answer: NetLine = bench.ask(NSH, ask(10, back, true)).unwrap();
    assert_eq!((answer.sockets, answer.bytes, answer.epoch), (8, 1 << 20, 5));
    assert!(answer.network && answer.this_machine);
    assert!(!bench.ask(NSH, ask(10, back, false)).unwrap().this_machine);
    let inward = ExplainNet { inward: true, ..ask(10, back, true) };
    assert!(!bench.ask(NSH, inward).unwrap().this_machine, "others come from there");
    let none = bench.ask(NSH, ask(4, mapped([10, 0, 2, 3]), true)).unwrap();
    assert_eq!((none.sockets, none.bytes, none.this_machine), (0, 0, false));
    let terms = |line, addresses, offset| NetTerms { line, addresses, zero: Zero::ZERO, offset };
    assert_eq!(bench.ask(INIT, terms(8, false, 0)), Err(ServiceError::Denied));
    let mut text = |line, addresses, offset| {
        bench.ask(NSH, terms(line, addresses, offset)).map(|text: Text| text.as_bytes().to_vec())
    };
    assert_eq!(text(8, false, 0), Ok(b"80 8000-8999".to_vec()));
    assert_eq!(text(8, false, 3), Ok(b"8000-8999".to_vec()));
    assert_eq!(
        (text(8, false, 12), text(8, false, 13)),
        (Ok(vec![]), Err(ServiceError::OutOfRange))
    );
    assert_eq!(text(7, true, 0), Ok(b"10.0.0.0/8".to_vec()));
    assert_eq!(
        (text(6, true, 0), text(9, true, 0)),
        (Err(ServiceError::NotFound), Err(ServiceError::NotFound))
    );
    let mut alone = Bench::new();
    assert!(!alone.ask(NSH, ask(10, back, true)).unwrap().network);
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
