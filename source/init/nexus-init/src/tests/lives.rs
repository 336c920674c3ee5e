//! The lives of a service after its first one.

use nexus_abi::{EndReason, Error, Handle, KindCode, Role};
use nexus_proto::ids::LOGD;
use nexus_proto::init::{
    EndKind, Kill, Last, Lives, Ordered, OwnerState, Refusal, Restart as Again, ServiceState, Stop,
    killed,
};
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::{Reason, Verdict};
use nexus_proto::{ServiceError, Zero};
use nexus_sysdesc::Restart;
use nexus_sysdesc::restart::{Deaths, FIRST_PAUSE, LIMIT, PERIOD};

use super::*;
use crate::grant::Piece;
use crate::notes::KEPT;
use crate::start::LoadFailure;
use crate::testing::{Cap, Policyd};

/// Ticks in the first pause: the clock of the tests counts 10 MHz.
const PAUSE: u64 = FIRST_PAUSE / 100;
const RNGD_INDEX: usize = 2;

/// Everybody is started again, rngd has rng0 and greedy uart0, and the shell may supervise.
fn lasting() -> Init<Fake> {
    lasting_until(|_| {})
}

/// The same, when this has happened before everything is given out.
fn lasting_until(happens: fn(&mut Init<Fake>)) -> Init<Fake> {
    let mut shell = SHELL.to_vec();
    shell.push(Permission::Supervise);
    let mut described = description(&shell);
    described.services.push(service(LOGD, "logd", &[], &[]));
    for service in described.services.iter_mut().filter(|one| ![1, 11].contains(&one.id)) {
        service.restart = Restart::Always;
    }
    let mut init = started_as(described);
    let logd = init.registry.service_mut(LOGD).unwrap();
    (logd.process, logd.incarnation, logd.state) = (Some(Handle(30)), 1, ServiceState::Started);
    init.machine.ends.push((Handle(30), Sender { service_id: LOGD, incarnation: 1 }, None));
    for id in [2, 7, 8, 10] {
        init.machine.caps.push(Cap {
            holder: None,
            kind: KindCode::Endpoint,
            rights: Rights::all(),
            base: 0,
            len: 0,
            limit: None,
            parent: None,
            handle: Handle(1000 + id),
        });
    }
    init.give(7, RNGD, &need(RNG)).unwrap();
    init.give(8, Handle(80), &need(UART)).unwrap();
    happens(&mut init);
    init.drop_roots();
    init.machine.ledger.clear();
    init
}

fn process_of(init: &Init<Fake>, id: u32) -> Handle {
    init.registry.service(id).unwrap().process.unwrap()
}

/// rngd dies, now.
fn dies(init: &mut Init<Fake>) {
    let process = process_of(init, 7);
    end(init, process, EndReason::Exit(3));
    init.notified(1 << RNGD_INDEX);
}

fn state(init: &Init<Fake>, id: u32) -> ServiceState {
    init.registry.service(id).unwrap().state
}

// attack 57 U: an owner dies; it has its device again in its next life, after a whole grant, and three records say so; broken: init-record-twice
#[test]
fn a_dead_owner_is_started_again_with_its_device() {
    let mut init = lasting();
    dies(&mut init);
    assert_eq!(state(&init, 7), ServiceState::Restarting);
    assert_eq!(init.next_start(), Some(init.machine.now + PAUSE));
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::OwnerEnded);
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::Restarting, "not before its time");

    init.machine.now += PAUSE;
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::Started);
    assert_eq!(init.next_start(), None);
    let device = init.registry.device(RNG).unwrap();
    let life = Sender { incarnation: 2, ..RNGD_ID };
    assert_eq!((device.state, device.owner), (OwnerState::Held, life.into()));
    assert_eq!(init.machine.owners(), 1, "the small kernel ends what all processes hold");
    let records: Vec<_> = init.machine.ledger.iter().map(|entry| entry.event).collect();
    assert_eq!(records, [Event::Exit, Event::Decision, Event::Grant]);
    let (service, process, block) = init.machine.started[0];
    assert_eq!((service, process), (7, process_of(&init, 7)));
    let window = block.with_role(Role::Window).next().unwrap();
    assert_eq!(Some(Handle(window.handle)), device.pieces.held(Piece::Window));
}

// attack 57 U: an owner of a device without memory dies; what its window was derived from is there for its next life, and for nobody else's; broken: init-keeps-no-root
#[test]
fn a_window_of_inits_is_given_again_to_the_same_service_alone() {
    let mut init = lasting();
    let process = process_of(&init, 8);
    end(&mut init, process, EndReason::Exit(3));
    init.notified(1 << 3);
    assert_eq!(init.machine.owners(), 0, "the small kernel ends all at once");
    init.machine.now += PAUSE;
    init.machine.live = true;
    assert!(init.give(8, Handle(80), &need(UART)).is_ok());
    assert!(
        init.roots
            .iter()
            .all(|root| Some(root.range) == init.registry.device(UART).unwrap().window)
    );
}

// attack 91 U: an owner dies in its first instruction, before everything is given out; what its window was derived from is there for its next life; broken: init-early-death
#[test]
fn who_dies_before_all_is_given_out_has_its_device_again() {
    let mut init = lasting_until(|init| {
        end(init, Handle(80), EndReason::Exit(3));
        init.notified(1 << 3);
    });
    let window = init.registry.device(UART).unwrap().window;
    let [root] = init.roots[..] else { panic!("one: {:?}", init.roots) };
    assert_eq!(Some(root.range), window);
    init.machine.live = true;
    assert!(init.give(8, Handle(80), &need(UART)).is_ok());
}

// attack 58 U: an owner dies again and again; the pauses double, and it is given up, and init answers for it; broken: init-no-limit, init-gone-untold
#[test]
fn who_dies_too_often_is_given_up() {
    let mut init = lasting();
    let mut pauses = Vec::new();
    for _ in 1..LIMIT {
        dies(&mut init);
        let again = init.next_start().unwrap();
        pauses.push((again - init.machine.now) / PAUSE);
        init.machine.now = again;
        init.start_due();
        assert_eq!(state(&init, 7), ServiceState::Started);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64]);
    let deaths = |init: &mut Init<Fake>| ask(init, NSH, Lives { cursor: 2 }).unwrap().deaths;
    assert_eq!(deaths(&mut init), 7);
    dies(&mut init);
    assert_eq!(deaths(&mut init), 8);
    init.machine.now += 2 * PERIOD / 100;
    assert_eq!(deaths(&mut init), 0, "those that count now");
    assert_eq!(state(&init, 7), ServiceState::GivenUp);
    assert_eq!(init.next_start(), None);
    assert_eq!(init.machine.gone, [(7, Handle(1007))]);
    let info = ask(&mut init, NSH, Lives { cursor: 2 }).unwrap();
    assert_eq!(
        (info.state, info.last, info.end),
        (ServiceState::GivenUp, Last::TooOften, EndKind::Exit)
    );
    assert_eq!((info.lives, info.code), (7, 3));
}

// attack 58 U: who may supervise starts what was given up; its deaths are forgotten, and nobody answers for it any more; broken: init-gone-stays
#[test]
fn what_was_given_up_is_started_by_order() {
    let mut init = lasting();
    for _ in 0..LIMIT {
        dies(&mut init);
        init.machine.now = init.next_start().unwrap_or(init.machine.now);
        init.start_due();
    }
    let again = Again { service: 7, zero: Zero::ZERO };
    assert_eq!(ask(&mut init, NSH, again), Ok(()));
    assert_eq!(init.machine.gone, []);
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::Started);
    dies(&mut init);
    assert_eq!(init.next_start(), Some(init.machine.now + PAUSE), "the first pause");
}

// attack 25 U: somebody orders ends without the permission; refused; broken: init-order-denied
#[test]
fn only_who_may_supervise_orders() {
    let mut init = lasting();
    let zero = Zero::ZERO;
    let service = 8;
    assert_eq!(ask(&mut init, RNGD_ID, Kill { service, zero }), Err(ServiceError::Denied));
    assert_eq!(ask(&mut init, RNGD_ID, Stop { service, zero }), Err(ServiceError::Denied));
    assert_eq!(ask(&mut init, RNGD_ID, Again { service, zero }), Err(ServiceError::Denied));
    assert!(!init.machine.calls.contains(&"end"));
    for service in [1, 99] {
        assert!(ask(&mut init, NSH, Kill { service, zero }).is_err(), "{service}");
    }
    let busd = Again { service: 11, zero };
    assert_eq!(ask(&mut init, NSH, busd), Err(ServiceError::NotSupported), "it has one life");
}

// attack 58 U: a service is ended by order, again and again; it counts neither for the limit nor for the pause, and the record says who ordered it; broken: init-order-counts
#[test]
fn deaths_by_order_count_for_neither_limit_nor_pause() {
    let mut init = lasting();
    for _ in 0..2 * LIMIT {
        let kill = Kill { service: 7, zero: Zero::ZERO };
        assert_eq!(ask(&mut init, NSH, kill), Ok(()));
        init.notified(1 << RNGD_INDEX);
        assert_eq!(init.next_start(), Some(init.machine.now), "at once");
        let exit = init.machine.ledger.last().unwrap();
        assert_eq!((exit.event, exit.asker.id), (Event::Exit, NSH.service_id));
        init.start_due();
        assert_eq!(state(&init, 7), ServiceState::Started);
    }
    dies(&mut init);
    assert_eq!(init.next_start(), Some(init.machine.now + PAUSE));
}

// attack 58 U: a service that dies again and again is stopped by order; it stays so; broken: init-stop-forgotten
#[test]
fn what_is_stopped_stays_so() {
    let mut init = lasting();
    let stop = || Stop { service: 7, zero: Zero::ZERO };
    assert_eq!(ask(&mut init, NSH, stop()), Ok(()));
    init.notified(1 << RNGD_INDEX);
    assert_eq!((state(&init, 7), init.next_start()), (ServiceState::Stopped, None));
    assert_eq!(init.machine.gone, [(7, Handle(1007))]);
    assert_eq!(ask(&mut init, NSH, stop()), Err(ServiceError::BadState));

    let busd = Stop { service: 11, zero: Zero::ZERO };
    assert_eq!(ask(&mut init, NSH, busd), Ok(()));
    let place = init.registry.services().iter().position(|one| one.id == 11).unwrap();
    init.notified(1 << place);
    let busd = init.registry.service(11).unwrap();
    assert_eq!(
        (busd.state, busd.last),
        (ServiceState::Ended, Some(Last::Never)),
        "it has one life"
    );
}

// attack 58 U: the end, the start and the staying away of a service are ordered, whether it lives or not; each order is on record, with who and what; broken: init-order-unrecorded, init-order-kind
#[test]
fn every_order_is_on_record() {
    let mut init = lasting();
    let (service, zero) = (7, Zero::ZERO);
    let recorded = |init: &mut Init<Fake>| {
        let last = init.machine.ledger.iter().rfind(|entry| entry.asker.id == NSH.service_id);
        last.map(|entry| (entry.event, entry.reason, entry.detail, entry.subject.incarnation))
    };
    let killed = EndKind::Killed.code();
    let codes = [killed::ORDERED, killed::RESTARTED, killed::STOPPED];
    for (life, code) in (1..).zip(codes) {
        match code {
            killed::ORDERED => ask(&mut init, NSH, Kill { service, zero }),
            killed::STOPPED => ask(&mut init, NSH, Stop { service, zero }),
            _ => ask(&mut init, NSH, Again { service, zero }),
        }
        .unwrap();
        init.notified(1 << RNGD_INDEX);
        assert_eq!(recorded(&mut init), Some((Event::Exit, killed, code, life)));
        init.start_due();
    }
    // It is stopped.
    ask(&mut init, NSH, Again { service, zero }).unwrap();
    let start = Some((Event::Order, Ordered::Start.code(), 0, 3));
    assert_eq!(recorded(&mut init), start);
    assert_eq!(init.machine.ledger.last().unwrap().event, Event::Order, "before anything is given");
    init.start_due();
    dies(&mut init);
    assert_eq!(recorded(&mut init), start, "nobody ordered this end");
    ask(&mut init, NSH, Stop { service, zero }).unwrap();
    assert_eq!(recorded(&mut init), Some((Event::Order, Ordered::Stop.code(), 0, 4)));
    let records = init.machine.ledger.len();
    assert_eq!(ask(&mut init, NSH, Stop { service, zero }), Err(ServiceError::BadState));
    assert_eq!(ask(&mut init, RNGD_ID, Again { service, zero }), Err(ServiceError::Denied));
    assert_eq!(init.machine.ledger.len(), records, "what is not followed is no order");
}

// attack 45 F: a start is ordered while nothing can be recorded; kept for the record as far as there is room while logd is gone, else refused; broken: init-order-unrecordable, init-order-overflow
#[test]
fn what_cannot_be_recorded_is_not_followed() {
    let mut init = lasting();
    let (service, zero) = (7, Zero::ZERO);
    ask(&mut init, NSH, Stop { service, zero }).unwrap();
    init.notified(1 << RNGD_INDEX);
    init.machine.records_left = Some(0);
    let again = |init: &mut Init<Fake>| ask(init, NSH, Again { service, zero });
    let stop = |init: &mut Init<Fake>| ask(init, NSH, Stop { service, zero });
    assert_eq!(again(&mut init), Err(ServiceError::Unavailable), "logd is there, and full");
    assert_eq!(state(&init, 7), ServiceState::Stopped);
    let logd = init.registry.service_mut(LOGD).unwrap();
    logd.state = ServiceState::Restarting;
    let orders =
        (0..100).take_while(|_| again(&mut init).is_ok() && stop(&mut init).is_ok()).count();
    assert_eq!(orders, 32, "as many as are kept");
    assert_eq!(state(&init, 7), ServiceState::Stopped);
    init.machine.records_left = None;
    init.note_start(LOGD);
    let orders = init.machine.ledger.iter().filter(|entry| entry.event == Event::Order);
    assert_eq!(orders.count(), 64);
    assert_eq!(again(&mut init), Ok(()));
}

// attack 58 F: the kernel has no room for a next life, again and again, where restarts are not limited; each try waits
#[test]
fn a_life_that_cannot_be_begun_waits_without_limits_too() {
    let mut init = lasting();
    init.registry.service_mut(7).unwrap().deaths = Deaths::new(true);
    dies(&mut init);
    assert_eq!(init.next_start(), Some(init.machine.now));
    init.machine.create_fails = Some(Error::NoMemory);
    for pause in [1, 2, 4] {
        init.start_due();
        assert_eq!(init.next_start(), Some(init.machine.now + pause * PAUSE));
        init.machine.now = init.next_start().unwrap();
    }
    init.machine.create_fails = None;
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::Started);
}

#[test]
fn who_pauses_is_started_at_once_by_order() {
    let mut init = lasting();
    dies(&mut init);
    assert_eq!(init.next_start(), Some(init.machine.now + PAUSE));
    assert_eq!(ask(&mut init, NSH, Again { service: 7, zero: Zero::ZERO }), Ok(()));
    assert_eq!(init.next_start(), Some(init.machine.now));
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::Started);
}

#[test]
fn who_pauses_is_stopped_by_order() {
    let mut init = lasting();
    dies(&mut init);
    assert_eq!(ask(&mut init, NSH, Stop { service: 7, zero: Zero::ZERO }), Ok(()));
    assert_eq!((state(&init, 7), init.next_start()), (ServiceState::Stopped, None));
    assert_eq!(init.registry.service(7).unwrap().last, Some(Last::Stopped));
}

// attack 58 F: no process, or no program, for the next life, again and again; each try counts as a death, and the limit holds
// attack 91 F: a next life cannot be made for a while, or never; the pauses and the limit hold for it, and it never blocks another; broken: init-failed-life, init-end-overwritten
#[test]
fn a_life_that_cannot_be_begun_counts_as_a_death() {
    let mut init = lasting();
    dies(&mut init);
    init.machine.create_fails = Some(Error::NoMemory);
    init.machine.now = init.next_start().unwrap();
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::Restarting);
    assert_eq!(init.next_start(), Some(init.machine.now + 2 * PAUSE));
    init.machine.create_fails = None;
    init.machine.now += 2 * PAUSE;
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::Started);

    dies(&mut init);
    init.machine.load_fails = Some(LoadFailure::Missing);
    init.machine.now = init.next_start().unwrap();
    init.start_due();
    assert_eq!(state(&init, 7), ServiceState::GivenUp);
    let record = init.registry.service(7).unwrap();
    assert_eq!(record.last, Some(Last::NotLoaded));
    assert_eq!(record.end, Some(EndReason::Exit(3)), "of the life that ran");
}

// attack 91 F: a device does not come to rest when its owner dies; it is given to nobody any more, and init answers for its owner, and that is on record before the end; broken: init-lost-device, init-lost-untold
#[test]
fn a_device_that_never_comes_to_rest_ends_its_service() {
    let mut init = lasting();
    init.machine.busd.fails = Some(Error::TimedOut);
    dies(&mut init);
    let [lost, exit] = init.machine.ledger[..] else { panic!("{:?}", init.machine.ledger) };
    assert_eq!((lost.event, lost.outcome), (Event::Revoke, Outcome::None));
    assert_eq!(lost.reason, Refusal::NotAtRest.code());
    assert_eq!((lost.device, lost.subject), (RNG, exit.subject));
    assert_eq!((exit.event, exit.subject), (Event::Exit, RNGD_ID.into()));
    assert_eq!(state(&init, 7), ServiceState::GivenUp);
    assert_eq!(init.registry.service(7).unwrap().last, Some(Last::NoDevice));
    assert_eq!(init.machine.gone, [(7, Handle(1007))]);
    assert_eq!(state(&init, 8), ServiceState::Started);
}

#[test]
fn who_is_denied_its_device_has_no_next_life() {
    let mut init = lasting();
    dies(&mut init);
    init.machine.policyd = Policyd::Edited(|_, answer| {
        (answer.verdict, answer.reason) = (Verdict::Deny, Reason::NoRule);
    });
    init.machine.now = init.next_start().unwrap();
    init.start_due();
    assert_eq!((state(&init, 7), init.next_start()), (ServiceState::GivenUp, None));
    assert_eq!(init.registry.service(7).unwrap().last, Some(Last::NoDevice));
    assert_eq!(init.machine.gone, [(7, Handle(1007))]);
}

// attack 61 F: policyd and an owner die together; the owner waits for who decides about it, and both come back; broken: init-starts-undecided
#[test]
fn who_needs_a_decision_waits_for_who_decides() {
    let mut init = lasting();
    dies(&mut init);
    init.machine.now = init.next_start().unwrap();
    let policyd = process_of(&init, 2);
    end(&mut init, policyd, EndReason::Exit(3));
    init.notified(1 << 1);
    let again = init.registry.service(2).unwrap().again;
    assert!(again > Some(init.machine.now));
    init.start_due();
    assert_eq!(init.registry.service(7).unwrap().again, again);
    assert_eq!(state(&init, 7), ServiceState::Restarting);
    init.machine.now = again.unwrap();
    init.machine.answers_as = Sender { incarnation: 2, ..POLICYD };
    init.start_due();
    assert_eq!((state(&init, 2), state(&init, 7)), (ServiceState::Started, ServiceState::Started));
    let order: Vec<u32> = init.machine.started.iter().map(|(id, ..)| *id).collect();
    assert_eq!(order, [2, 7]);
}

/// The events of the ledger.
fn recorded(init: &Init<Fake>) -> Vec<Event> {
    init.machine.ledger.iter().map(|entry| entry.event).collect()
}

// attack 45 F: a service without a device dies, and one with a device, while logd is not there; all is on record when it is, in order; broken: init-forgets-ends
#[test]
fn what_happens_without_logd_is_on_record_later() {
    let mut init = lasting();
    init.machine.records_left = Some(0);
    dies(&mut init);
    let policyd = process_of(&init, 2);
    end(&mut init, policyd, EndReason::Exit(3));
    init.notified(1 << 1);
    assert_eq!(recorded(&init), []);
    init.machine.records_left = None;
    init.note_start(LOGD);
    assert_eq!(recorded(&init), [Event::Exit, Event::Exit]);
    init.machine.now += 2 * PAUSE;
    init.machine.answers_as = Sender { incarnation: 2, ..POLICYD };
    init.start_due();
    let rest = [Event::Start, Event::Decision, Event::Grant];
    assert_eq!(recorded(&init)[2..], rest, "policyd has no device");
}

#[test]
fn what_is_kept_for_logd_is_bounded_and_then_on_record_with_what_follows() {
    let mut init = lasting();
    let note = |init: &mut Init<Fake>, detail| {
        let subject = init.registry.subject(7);
        init.note(&Entry { detail, ..Entry::about(Event::Exit, Outcome::None, subject) })
    };
    init.machine.records_left = Some(0);
    let kept = KEPT as u64;
    assert!((0..2 * kept).all(|detail| !note(&mut init, detail)));
    init.machine.records_left = None;
    assert!(note(&mut init, 2 * kept), "it is recorded, and not only said to be");
    let details = init.machine.ledger.iter().map(|entry| entry.detail);
    assert!(details.eq((0..kept).chain([2 * kept])));
}

// attack 57 U: who decides is stopped, and an owner dies; it is not given up for that, and is started when who decides is; broken: init-waits-for-nobody, init-waits-for-ever
#[test]
fn who_needs_a_decision_waits_until_somebody_starts_who_decides() {
    let mut init = lasting();
    let zero = Zero::ZERO;
    assert_eq!(ask(&mut init, NSH, Stop { service: 2, zero }), Ok(()));
    init.notified(1 << 1);
    dies(&mut init);
    init.machine.now = init.next_start().unwrap();
    init.start_due();
    assert_eq!((state(&init, 7), init.next_start()), (ServiceState::Restarting, None));
    let info = ask(&mut init, NSH, Lives { cursor: 2 }).unwrap();
    assert_eq!((info.deaths, info.again), (1, 0));

    assert_eq!(ask(&mut init, NSH, Again { service: 2, zero }), Ok(()));
    init.machine.answers_as = Sender { incarnation: 2, ..POLICYD };
    init.start_due();
    assert_eq!((state(&init, 2), state(&init, 7)), (ServiceState::Started, ServiceState::Started));
}
