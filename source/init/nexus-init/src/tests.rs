//! Init as a whole, over a small kernel.

use nexus_abi::{EndReason, Handle, KindCode, Message, Rights, Sender};
use nexus_proto::init::{
    Board, BoardKind, Caps, EndKind, Mem, OwnerState, Owners, Ready, Refusal, Report, ReportState,
    Request, ServiceState, Services, Stat, Try,
};
use nexus_proto::log::{Event, NO_DEVICE};
use nexus_proto::policy::{Reason, Verdict};
use nexus_proto::{Operation, ReplyError, Request as _, ServiceError, Subject, Zero};
use nexus_sysdesc::{Danger, Description, Device, Need, Permission, Profile, Restart, Service};

use crate::board::{Range, Tree};
use crate::init::{Init, Root};
use crate::registry::Registry;
use crate::server::TRIES;
use crate::testing::{Fake, POLICYD, Policyd, RNGD, ROOT, ROOT_BASE, ROOT_LEN};

const VIRT: &[u8] = include_bytes!("../tests/data/qemu-virt.dtb");
const RNGD_ID: Sender = Sender { service_id: 7, incarnation: 1 };
const NSH: Sender = Sender { service_id: 10, incarnation: 1 };
const UART: u16 = 0;
const RNG: u16 = 1;
const CLINT: u16 = 2;
const GONE: u16 = 3;

fn device(id: u16, name: &str, compatible: &str, virtio_id: Option<u32>) -> Device {
    Device {
        id,
        name: name.into(),
        compatible: compatible.into(),
        virtio_id,
        instance: 0,
        base: None,
        window_len: if id == CLINT { 0x1_0000 } else { 0x1000 },
        dma: virtio_id.is_some(),
        danger: if virtio_id.is_some() { Danger::High } else { Danger::Low },
    }
}

fn service(id: u32, name: &str, needs: &[u16], permissions: &[Permission]) -> Service {
    let need = |device: &u16| need(*device);
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

fn need(device: u16) -> Need {
    Need { device, rights: (Rights::MAP | Rights::READ | Rights::WRITE).bits() }
}

fn description() -> Description {
    let description = Description {
        name: "test".into(),
        profile: Profile::Test,
        epoch: 1,
        init: 1,
        devices: vec![
            device(UART, "uart0", "ns16550a", None),
            device(RNG, "rng0", "virtio,mmio", Some(4)),
            device(CLINT, "clint0", "riscv,clint0", None),
            device(GONE, "gone0", "no,such-device", None),
        ],
        services: vec![
            service(1, "init", &[], &[Permission::Distribute, Permission::Record]),
            service(2, "policyd", &[], &[Permission::Record]),
            service(7, "rngd", &[RNG], &[]),
            service(8, "greedy", &[UART, CLINT, GONE], &[]),
            service(10, "nsh", &[], &[Permission::Inspect]),
        ],
        rules: vec![],
    };
    description.validate().unwrap();
    description
}

/// Init with everybody started, before anything is given.
fn started() -> Init<Fake> {
    let root = Root { handle: ROOT, range: Range::new(ROOT_BASE, ROOT_LEN).unwrap() };
    let mut init = Init::new(Registry::new(description()), vec![root], Fake::default());
    for (id, process) in [(1, 0), (2, 20), (7, RNGD.0), (8, 80), (10, 90)] {
        let record = init.registry.service_mut(id).unwrap();
        record.process = Some(Handle(process));
        record.incarnation = 1;
        record.state = ServiceState::Started;
        record.endpoint = Handle(1000 + u64::from(id));
        record.memory = vec![Handle(2000 + u64::from(id))];
        let sender = Sender { service_id: id, incarnation: 1 };
        init.machine.ends.push((Handle(process), sender, None));
    }
    assert_eq!(init.registry.sender(2), POLICYD);
    init.locate(&Tree::parse(VIRT).unwrap());
    init
}

/// The same, with rng0 at rngd.
fn distributed() -> Init<Fake> {
    let mut init = started();
    assert!(init.give(7, RNGD, &need(RNG)).is_some());
    init.drop_roots();
    init
}

fn end(init: &mut Init<Fake>, process: Handle, reason: EndReason) {
    let known = init.machine.ends.iter_mut().find(|(handle, ..)| *handle == process);
    known.unwrap().2 = Some(reason);
    init.machine.end_target();
}

fn ask<T: Operation>(
    init: &mut Init<Fake>,
    sender: Sender,
    ask: T,
) -> Result<T::Reply, ServiceError> {
    let message: Message = ask.encode();
    let request = Request::decode(&message).unwrap();
    T::decode_reply(&init.handle(sender, &request)).map_err(|error| match error {
        ReplyError::Service(error) => error,
        ReplyError::Malformed(why) => panic!("malformed answer: {why:?}"),
    })
}

#[test]
fn a_device_goes_to_its_owner_and_the_ledger_says_so() {
    let mut init = started();
    let window = init.give(7, RNGD, &need(RNG)).unwrap();
    assert_eq!(init.machine.cap(window).unwrap().base, 0x1000_6000, "by its DeviceID");
    let record = init.registry.device(RNG).unwrap();
    assert_eq!((record.state, record.owner), (OwnerState::Held, RNGD_ID.into()));
    let grant = init.machine.ledger.last().unwrap();
    assert_eq!((grant.event, grant.device, grant.base), (Event::Grant, RNG, 0x1000_6000));
    assert_eq!(init.registry.held(), 1);
}

#[test]
fn what_is_not_there_or_out_of_reach_is_refused_unasked_and_recorded() {
    let mut init = started();
    let before = init.machine.calls.len();
    assert_eq!(init.give(8, Handle(80), &need(GONE)), None);
    assert_eq!(init.give(8, Handle(80), &need(CLINT)), None);
    let calls = &init.machine.calls[before..];
    assert!(calls.iter().all(|call| *call == "record"), "{calls:?}");
    let reasons: Vec<u32> = init.machine.ledger.iter().map(|entry| entry.reason).collect();
    let expected = [Refusal::Absent, Refusal::OutOfReach];
    assert_eq!(reasons, expected.map(|refusal| u32::from(refusal.code())));
    assert!(init.machine.ledger.iter().all(|entry| entry.event == Event::Refusal));
    assert_eq!(init.registry.device(GONE).unwrap().refusal.as_deref(), Some("absent"));
    assert_eq!(init.registry.device(GONE).unwrap().state, OwnerState::NotFound);
}

#[test]
fn a_denial_shows_its_reason() {
    let mut init = started();
    init.machine.policyd = Policyd::Edited(|_, answer| {
        answer.verdict = Verdict::Deny;
        answer.reason = Reason::NoRule;
    });
    assert_eq!(init.give(8, Handle(80), &need(UART)), None);
    let record = init.registry.device(UART).unwrap();
    assert_eq!(record.state, OwnerState::Denied);
    assert_eq!(record.refusal.as_deref(), Some("denied:no-rule"));
    assert_eq!(init.machine.owners(), 0);
}

#[test]
fn a_device_is_given_once() {
    let mut init = started();
    assert!(init.give(7, RNGD, &need(RNG)).is_some());
    assert_eq!(init.give(8, Handle(80), &need(RNG)), None);
    assert_eq!(init.machine.owners(), 1);
}

#[test]
fn after_distribution_nothing_is_left_to_give() {
    let mut init = distributed();
    assert_eq!(init.machine.dropped, [ROOT]);
    let drop = init.machine.ledger.last().unwrap();
    assert_eq!((drop.event, drop.base, drop.len), (Event::Drop, ROOT_BASE, ROOT_LEN));
    assert_eq!(drop.detail, KindCode::DeviceMmio.code());
    assert_eq!(init.give(8, Handle(80), &need(UART)), None);
    let refusal = init.registry.device(UART).unwrap().refusal.as_deref();
    assert_eq!(refusal, Some("out-of-reach"));
    assert_eq!(init.machine.owners(), 1, "what was given stays given");
}

#[test]
fn an_end_is_recorded_and_all_comes_back() {
    let mut init = distributed();
    let kept = init.registry.device(RNG).unwrap().kept;
    let fault = EndReason::Fault { cause: 12, address: 0x1000, pc: 0x10_0042 };
    end(&mut init, RNGD, fault);
    init.notified(1 << 2);
    let [.., exit, revoke] = init.machine.ledger.as_slice() else { panic!("two records") };
    assert_eq!((exit.event, exit.subject), (Event::Exit, RNGD_ID.into()));
    assert_eq!((exit.reason, exit.detail), (u32::from(EndKind::Fault.code()), 12));
    assert_eq!((exit.len, exit.base), (0x1000, 0x10_0042));
    assert_eq!((revoke.event, revoke.device, revoke.subject), (Event::Revoke, RNG, RNGD_ID.into()));
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::OwnerEnded);
    assert_eq!(init.registry.service(7).unwrap().state, ServiceState::Ended);
    assert_eq!(init.machine.revoked, [kept, Handle(1007)], "window, then endpoint");
    assert!(init.machine.dropped.ends_with(&[Handle(1007), Handle(2007)]), "endpoint and memory");

    let records = init.machine.ledger.len();
    init.notified(1 << 2);
    assert_eq!(init.machine.ledger.len(), records, "once");
}

#[test]
fn bits_that_mean_nothing_change_nothing() {
    let mut init = distributed();
    let records = init.machine.ledger.len();
    init.notified(u64::MAX);
    assert_eq!(init.machine.ledger.len(), records, "all are alive, init too");
    init.notified(0);
}

#[test]
fn without_logd_people_are_told() {
    let mut init = distributed();
    init.machine.records_left = Some(0);
    end(&mut init, RNGD, EndReason::Exit(3));
    init.notified(1 << 2);
    assert_eq!(init.machine.said, ["rngd ended: exit code 3"]);
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::OwnerEnded);
}

#[test]
fn what_could_not_be_started_keeps_nothing() {
    let mut init = started();
    init.give(8, Handle(80), &need(UART)).unwrap();
    init.refuse_needs(8, Refusal::NotLoaded);
    init.abandon(8, ServiceState::NotLoaded);
    assert_eq!(init.machine.owners(), 0);
    assert!(init.machine.dropped.contains(&Handle(80)), "its process ends");
    let service = init.registry.service(8).unwrap();
    assert_eq!((service.state, service.process), (ServiceState::NotLoaded, None));
    assert_eq!(init.machine.ledger.last().unwrap().event, Event::Revoke);
    let refusal = |device| init.registry.device(device).unwrap().refusal.as_deref();
    assert_eq!((refusal(CLINT), refusal(GONE)), (Some("not-loaded"), Some("not-loaded")));
}

#[test]
fn reports_count_from_owners_that_live_and_once() {
    let mut init = distributed();
    let report = |state| Report { state, zero: Zero::ZERO, detail: 4 };
    let ready = report(ReportState::Ready);
    for sender in [NSH, Sender { incarnation: 2, ..RNGD_ID }, Sender { service_id: 99, ..NSH }] {
        assert_eq!(ask(&mut init, sender, ready), Err(ServiceError::Denied));
    }
    assert_eq!(ask(&mut init, NSH, Ready {}).unwrap().owners_ready, 0);
    assert_eq!(ask(&mut init, RNGD_ID, ready), Ok(()));
    assert_eq!(ask(&mut init, RNGD_ID, ready), Err(ServiceError::Denied));
    let readiness = ask(&mut init, NSH, Ready {}).unwrap();
    assert_eq!((readiness.owners_ready, readiness.owners), (1, 2));
    assert_eq!((readiness.services_started, readiness.services), (5, 5));
    assert_eq!((readiness.dropped, readiness.distributed, readiness.ready_ticks), (1, true, 0));

    let mut bad = distributed();
    assert_eq!(ask(&mut bad, RNGD_ID, report(ReportState::WrongDevice)), Ok(()));
    assert_eq!(bad.registry.service(7).unwrap().state, ServiceState::Failed);
}

#[test]
fn the_last_owner_sets_the_time() {
    let mut init = started();
    init.give(7, RNGD, &need(RNG)).unwrap();
    init.give(8, Handle(80), &need(UART)).unwrap();
    let ready = Report { state: ReportState::Ready, zero: Zero::ZERO, detail: 0 };
    ask(&mut init, RNGD_ID, ready).unwrap();
    assert_eq!(ask(&mut init, NSH, Ready {}).unwrap().ready_ticks, 0);
    ask(&mut init, Sender { service_id: 8, incarnation: 1 }, ready).unwrap();
    assert_eq!(ask(&mut init, NSH, Ready {}).unwrap().ready_ticks, 777);
}

#[test]
fn only_who_may_inspect_sees_owners_and_capabilities() {
    let mut init = distributed();
    let caps = |cursor| Caps { service: 7, zero: Zero::ZERO, cursor };
    let question = Try { service: 10, device: RNG, rights: 7 };
    for sender in [RNGD_ID, Sender { service_id: 1, incarnation: 1 }, Sender::default()] {
        let denied = Err(ServiceError::Denied);
        assert_eq!(ask(&mut init, sender, Owners { cursor: 0 }).map(|_| ()), denied);
        assert_eq!(ask(&mut init, sender, caps(0)).map(|_| ()), denied);
        assert_eq!(ask(&mut init, sender, question).map(|_| ()), denied);
        let stat = ask(&mut init, sender, Stat { service: 7, zero: Zero::ZERO }).unwrap();
        assert_eq!(stat.root, 0);
        let mut cursor = 0;
        loop {
            let piece = ask(&mut init, sender, Board { cursor }).unwrap();
            assert_eq!(piece.base, 0, "no addresses");
            cursor = u64::from(piece.next);
            if cursor == 0 {
                break;
            }
        }
    }
    let owner = ask(&mut init, NSH, Owners { cursor: u64::from(RNG) }).unwrap();
    assert_eq!((owner.base, owner.owner), (0x1000_6000, RNGD_ID.into()));
    assert_eq!((owner.state, owner.dma, owner.next), (OwnerState::Held, true, 2));
    let stat = ask(&mut init, NSH, Stat { service: 7, zero: Zero::ZERO }).unwrap();
    assert_eq!(stat.root, 0x8020_0000);
}

#[test]
fn lists_end_and_cursors_beyond_them_lead_nowhere() {
    let mut init = distributed();
    let mut cursor = 0;
    let mut names = Vec::new();
    loop {
        let service = ask(&mut init, NSH, Services { cursor }).unwrap();
        names.push(service.name.as_str().to_owned());
        cursor = service.next;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(names, ["init", "policyd", "rngd", "greedy", "nsh"]);

    let caps = |cursor| Caps { service: 7, zero: Zero::ZERO, cursor };
    let chain: Vec<u64> =
        [0, 11, 12].map(|cursor| ask(&mut init, NSH, caps(cursor)).unwrap().next).into();
    assert_eq!(chain, [11, 12, 0]);

    let missing = Err(ServiceError::NotFound);
    for cursor in [5, 1 << 16, u64::MAX] {
        assert_eq!(ask(&mut init, NSH, Services { cursor }).map(|_| ()), missing);
        assert_eq!(ask(&mut init, NSH, Owners { cursor }).map(|_| ()), missing);
        assert_eq!(ask(&mut init, NSH, caps(cursor)).map(|_| ()), missing);
    }
    assert_eq!(ask(&mut init, NSH, Board { cursor: 1 << 40 }).map(|_| ()), missing);
    let nobody = Caps { service: 99, zero: Zero::ZERO, cursor: 0 };
    assert_eq!(ask(&mut init, NSH, nobody).map(|_| ()), Err(ServiceError::NoSuchService));
}

#[test]
fn the_board_shows_what_is_whose() {
    let mut init = distributed();
    let kind_at = |init: &mut Init<Fake>, base: u64| {
        let piece = init.board.iter().find(|piece| piece.range.is_some_and(|at| at.base == base));
        piece.map(|piece| (piece.kind, piece.device))
    };
    assert_eq!(kind_at(&mut init, 0x1000_6000), Some((BoardKind::Device, RNG)));
    assert_eq!(kind_at(&mut init, 0x1000_0000), Some((BoardKind::Device, UART)));
    assert_eq!(kind_at(&mut init, 0x1000_1000), Some((BoardKind::EmptySlot, NO_DEVICE)));
    assert_eq!(kind_at(&mut init, 0x8000_0000), Some((BoardKind::Memory, NO_DEVICE)));
    assert_eq!(kind_at(&mut init, 0x0c00_0000), Some((BoardKind::Kernel, NO_DEVICE)));
    let first = ask(&mut init, NSH, Board { cursor: 0 }).unwrap();
    assert_eq!((first.kind, first.depth, first.name.as_str()), (BoardKind::Bus, 0, "riscv-virtio"));
    let entry = init.board.iter().position(|piece| piece.device == RNG).unwrap();
    let shown = ask(&mut init, NSH, Board { cursor: entry as u64 }).unwrap();
    assert_eq!((shown.base, shown.virtio_id), (0x1000_6000, 4));
}

#[test]
fn a_try_asks_policyd_and_gives_nothing() {
    let mut init = distributed();
    let calls = init.machine.calls.len();
    let answer = ask(&mut init, NSH, Try { service: 10, device: RNG, rights: 7 }).unwrap();
    assert_eq!((answer.verdict, answer.owner), (Verdict::Allow, RNGD_ID.into()));
    assert_eq!(init.machine.calls[calls..], ["decide"]);
    assert_eq!(init.machine.owners(), 1);
    let free = ask(&mut init, NSH, Try { service: 10, device: UART, rights: 7 }).unwrap();
    assert_eq!(free.owner, Subject::default());
    let unknown = ask(&mut init, NSH, Try { service: 99, device: 9, rights: 7 });
    assert!(unknown.is_ok(), "policyd answers for the unknown too");

    init.machine.policyd = Policyd::Fails(nexus_abi::Error::PeerGone);
    let dead = ask(&mut init, NSH, Try { service: 10, device: RNG, rights: 7 });
    assert_eq!(dead.map(|_| ()), Err(ServiceError::Unavailable));
}

#[test]
fn tries_are_counted() {
    let mut init = distributed();
    let question = Try { service: 10, device: RNG, rights: 7 };
    let results = (0..TRIES + 9).map(|_| ask(&mut init, NSH, question).map(|_| ()));
    assert_eq!(results.filter(|result| *result == Err(ServiceError::Full)).count(), 9);
}

#[test]
fn every_question_has_a_new_nonce() {
    let mut init = distributed();
    for _ in 0..5 {
        ask(&mut init, NSH, Try { service: 10, device: RNG, rights: 7 }).unwrap();
    }
    let decided = init.machine.ledger.iter().filter(|entry| entry.event == Event::Decision);
    let nonces: Vec<u64> = decided.map(|entry| entry.detail).collect();
    assert!(nonces.is_sorted_by(|one, next| one < next), "{nonces:?}");
}

#[test]
fn memory_is_inits_own_and_what_it_gave() {
    let mut init = distributed();
    let mem = ask(&mut init, NSH, Mem {}).unwrap();
    assert_eq!((mem.frames, mem.frames_free, mem.frames_given), (300, 300, 400));
    assert_eq!((mem.objects, mem.objects_free, mem.objects_given), (300, 300, 200));
}
