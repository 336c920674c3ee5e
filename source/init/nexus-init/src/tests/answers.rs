//! What init answers, and to whom.

use nexus_proto::init::{
    Board, BoardKind, Caps, Lives, Mem, OwnerState, Owners, Ready, Report, ReportState,
    ServiceState, Services, Stat, TimeInfo, Times, Try,
};
use nexus_proto::log::{Event, NO_DEVICE};
use nexus_proto::policy::Verdict;
use nexus_proto::{Asker, Subject, Zero};
use proptest::prelude::*;

use super::*;
use crate::server::TRIES;
use crate::testing::Policyd;

// attack 27 U: a report in the name of another, or of an earlier life; not counted
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
    assert_eq!((readiness.services_started, readiness.services), (6, 6));
    assert_eq!((readiness.dropped, readiness.distributed, readiness.ready_ticks), (2, true, 0));

    let mut bad = distributed();
    assert_eq!(ask(&mut bad, RNGD_ID, report(ReportState::WrongDevice)), Ok(()));
    assert_eq!(bad.registry.service(7).unwrap().state, ServiceState::Failed);
}

// attack 108 U: who may not view asks for how long others ran; denied; broken: init-inspect
#[test]
fn times_are_told_to_those_who_may_view() {
    let mut init = distributed();
    assert_eq!(ask(&mut init, RNGD_ID, Times { cursor: 0 }), Err(ServiceError::Denied));
    let info = |next, priority, ticks| Ok(TimeInfo { next, priority, zero: Zero::ZERO, ticks });
    for (cursors, told) in
        [(0..=8, info(31, 8, 108)), (9..=31, info(32, 31, 131)), (32..=32, info(0, 32, 7000))]
    {
        for cursor in cursors {
            assert_eq!(ask(&mut init, NSH, Times { cursor }), told, "{cursor}");
        }
    }
    for cursor in [33, 255, 256, u64::MAX] {
        assert_eq!(ask(&mut init, NSH, Times { cursor }), Err(ServiceError::NotFound), "{cursor}");
    }
    for permission in Permission::ALL {
        let mut init = distributed_with(&[permission]);
        let told = ask(&mut init, NSH, Times { cursor: 0 }).is_ok();
        assert_eq!(told, permission == Permission::View, "{permission:?}");
    }
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
    assert!(init.machine.said.is_empty(), "nobody reads records of this run");
}

#[test]
fn a_host_that_reads_a_system_in_use_is_told_once_all_owners_are_ready() {
    let mut init = started();
    init.read_as = Some(0xab);
    init.give(7, RNGD, &need(RNG)).unwrap();
    init.give(8, Handle(80), &need(UART)).unwrap();
    let ready = Report { state: ReportState::Ready, zero: Zero::ZERO, detail: 0 };
    ask(&mut init, RNGD_ID, ready).unwrap();
    assert!(init.machine.said.is_empty());
    ask(&mut init, Sender { service_id: 8, incarnation: 1 }, ready).unwrap();
    assert_eq!(init.machine.said, ["@nx 00000000000000ab ready 2"]);
}

#[test]
fn who_waits_for_owners_learns_at_once_that_one_will_not_come() {
    let lost = |init: &mut Init<_>| ask(init, NSH, Ready {}).unwrap().owners_lost;
    let mut init = distributed();
    assert_eq!(lost(&mut init), 0);
    end(&mut init, RNGD, EndReason::Exit(3));
    init.notified(1 << 2);
    assert_eq!(lost(&mut init), 1, "ended");

    let mut init = distributed();
    let wrong = Report { state: ReportState::WrongDevice, zero: Zero::ZERO, detail: 4 };
    ask(&mut init, RNGD_ID, wrong).unwrap();
    assert_eq!(lost(&mut init), 1, "cannot work");

    let mut init = started();
    init.abandon(8, ServiceState::Waiting);
    assert_eq!(lost(&mut init), 0, "it may still be started");
    init.drop_roots();
    assert_eq!(lost(&mut init), 1, "nothing more is given");
}

// attack 25 U: who may not ask asks who holds what; denied; broken: init-inspect
#[test]
fn without_permissions_nobody_sees_owners_and_capabilities() {
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

// attack 25 U: each permission alone asks for everything; it is told what that permission gives, and no address without `log`; broken: init-inspect
#[test]
fn each_permission_gives_its_own_answers_and_no_others() {
    for permission in Permission::ALL {
        let may = |other| permission == other;
        let mut init = distributed_with(&[permission]);
        let fault = EndReason::Fault { cause: 13, address: 0x10, pc: 0x1_0000 };
        end(&mut init, Handle(80), fault);

        let owner = ask(&mut init, NSH, Owners { cursor: u64::from(RNG) });
        assert_eq!(owner.is_ok(), may(Permission::View), "{permission:?}");
        assert_eq!(owner.map_or(0, |owner| owner.base), 0, "{permission:?}");
        let caps = Caps { service: 7, zero: Zero::ZERO, cursor: 0 };
        let cap = ask(&mut init, NSH, caps);
        assert_eq!(cap.is_ok(), may(Permission::View), "{permission:?}");
        assert_eq!(cap.map_or(0, |cap| cap.base), 0, "{permission:?}");
        let tried = ask(&mut init, NSH, Try { service: 10, device: RNG, rights: 7 });
        assert_eq!(tried.is_ok(), may(Permission::Ask), "{permission:?}");

        let ended = ask(&mut init, NSH, Stat { service: 8, zero: Zero::ZERO }).unwrap();
        let told = if may(Permission::Log) { (0x10, 0x1_0000) } else { (0, 0) };
        assert_eq!((ended.address, ended.pc), told, "{permission:?}");
        let live = ask(&mut init, NSH, Stat { service: 7, zero: Zero::ZERO }).unwrap();
        let root = if may(Permission::Report) { 0x8020_0000 } else { 0 };
        assert_eq!(live.root, root, "{permission:?}");
        let place = init.board.iter().position(|piece| piece.device == RNG).unwrap();
        let board = ask(&mut init, NSH, Board { cursor: place as u64 }).unwrap();
        assert_eq!(board.base != 0, may(Permission::Log), "{permission:?}");
    }
    let mut both = distributed_with(&[Permission::View, Permission::Log]);
    let owner = ask(&mut both, NSH, Owners { cursor: u64::from(RNG) }).unwrap();
    assert_eq!(owner.base, 0x1000_6000);
    let caps = Caps { service: 7, zero: Zero::ZERO, cursor: 0 };
    assert_ne!(ask(&mut both, NSH, caps).unwrap().base, 0);
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
    assert_eq!(names, ["init", "policyd", "rngd", "greedy", "nsh", "busd"]);
    let lives: Vec<(u32, u32)> = (0..6)
        .map(|cursor| ask(&mut init, NSH, Lives { cursor }).unwrap())
        .map(|info| (info.service.id, info.next))
        .collect();
    assert_eq!(lives, [(1, 1), (2, 2), (7, 3), (8, 4), (10, 5), (11, 0)]);

    let caps = |cursor| Caps { service: 7, zero: Zero::ZERO, cursor };
    let chain: Vec<u64> =
        [0, 11, 12].map(|cursor| ask(&mut init, NSH, caps(cursor)).unwrap().next).into();
    assert_eq!(chain, [11, 12, 0]);

    let missing = Err(ServiceError::NotFound);
    for cursor in [6, 1 << 16, u64::MAX] {
        assert_eq!(ask(&mut init, NSH, Services { cursor }).map(|_| ()), missing);
        assert_eq!(ask(&mut init, NSH, Lives { cursor }).map(|_| ()), missing);
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

// attack 30 U: init is asked on behalf of another; it asks policyd and gives nothing
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

// attack 62 U: one service asks without end; the records that it can cause are bounded
#[test]
fn tries_are_counted() {
    let mut init = distributed();
    let question = Try { service: 10, device: RNG, rights: 7 };
    let results = (0..TRIES + 9).map(|_| ask(&mut init, NSH, question).map(|_| ()));
    assert_eq!(results.filter(|result| *result == Err(ServiceError::Full)).count(), 9);
}

// attack 37 U: a question is asked again; it has another nonce
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
    assert_eq!((mem.frames, mem.frames_free, mem.frames_given), (200, 300, 500));
    assert_eq!((mem.objects, mem.objects_free, mem.objects_given), (250, 300, 250));
}

proptest! {
    /// Whatever anyone sends: an answer, no panic, and nothing given.
    // attack 31 P: any message to init; an answer in the form of the protocol
    #[test]
    fn any_message_gets_an_answer(
        label in prop_oneof![any::<u32>(), 0x3_0000u32..0x3_0010],
        words in 0u8..=8,
        payload in prop::array::uniform8(prop_oneof![any::<u64>(), 0u64..16]),
        id in 0u32..12,
    ) {
        let mut init = distributed();
        let message = Message { tag: nexus_abi::Tag::new(label, words, 0), words: payload };
        if let Ok(request) = Request::decode(&message) {
            let answer = init.handle(Sender { service_id: id, incarnation: 1 }, &request);
            prop_assert!(answer.tag.is_valid() && answer.tag.caps() == 0);
        }
        prop_assert_eq!(init.machine.owners(), 1);
        prop_assert_eq!(init.registry.held(), 1);
    }
}

// attack 84 U: a shell has init ask for another; policyd is told that the shell asks, and of a grant that init does; broken: init-asker
#[test]
fn policyd_is_told_on_whose_behalf_init_asks() {
    let mut init = distributed();
    ask(&mut init, NSH, Try { service: 7, device: UART, rights: 7 }).unwrap();
    let askers: Vec<Asker> = init.machine.ledger.iter().map(|entry| entry.asker).collect();
    let own = Asker::new(1);
    assert_eq!(askers.first_chunk(), Some(&[own, own]), "decision and grant of rng0");
    assert_eq!(askers.last(), Some(&NSH.into()));
}
