//! Interrupt lines and masks of registers: what is given, told and taken back.

use nexus_abi::{Error, KindCode};
use nexus_proto::init::{IrqEntry, Irqs, OwnerState, Owners, Refusal, Try};
use nexus_proto::log::Event;
use nexus_proto::policy::NO_LINE;
use nexus_proto::{Registers, Subject, Zero};
use nexus_sysdesc::{Restart, Rule};

use super::*;
use crate::board::Line;
use crate::grant::{KEPT_LINE, Piece, World};
use crate::init::Lines;
use crate::testing::{INTERVAL, LINE_COUNT, LINES, Policyd, TICKS};

/// The line of the slot where rng0 is.
const LINE: u16 = 6;

fn lined(device: u16) -> Need {
    Need { irq: true, ..need(device) }
}

/// Init that can hand out lines. rngd's rule gives its line an interval.
fn started() -> Init<Fake> {
    started_with(&SHELL)
}

fn started_with(shell: &[Permission]) -> Init<Fake> {
    started_described(description(shell))
}

fn started_described(mut description: Description) -> Init<Fake> {
    description.devices[usize::from(RNG)].irq = true;
    description.services[2].needs = vec![lined(RNG)];
    description.rules = vec![Rule { irq: true, interval: INTERVAL, ..rule() }];
    description.validate().unwrap();
    let mut init = started_as(description);
    let timebase_hz = 10_000_000;
    init.lines = vec![Lines { handle: LINES, first: 1, count: LINE_COUNT, timebase_hz }];
    init
}

fn distributed() -> Init<Fake> {
    let mut init = started();
    assert!(init.give(7, RNGD, &lined(RNG)).is_ok());
    init.drop_roots();
    init
}

#[test]
fn a_line_goes_to_the_owner_of_its_device_and_the_ledger_says_so() {
    let mut init = started();
    let granted = init.give(7, RNGD, &lined(RNG)).unwrap();
    let line = init.machine.cap(granted.pieces.held(Piece::Line).unwrap()).unwrap();
    assert_eq!((line.base, line.len, line.limit), (u64::from(LINE), 1, Some(TICKS)));
    let window = init.machine.cap(granted.pieces.held(Piece::Window).unwrap()).unwrap();
    assert_eq!(window.limit, Some(OWNERS_REGISTERS));
    let record = init.registry.device(RNG).unwrap();
    assert_eq!(record.pieces, granted.pieces);
    assert_eq!((record.given_line, record.registers), (Some(LINE), Some(OWNERS_REGISTERS)));
    let grant = init.machine.ledger.last().unwrap();
    assert_eq!((grant.event, grant.line, grant.interval), (Event::Grant, LINE, INTERVAL));
    assert_eq!(grant.registers.mask(), Some(OWNERS_REGISTERS));
}

#[test]
fn an_interval_is_at_least_as_many_ticks() {
    let ticks = |timebase_hz, interval| {
        Lines { handle: LINES, first: 1, count: 1, timebase_hz }.ticks(interval)
    };
    assert_eq!([ticks(10_000_000, 0), ticks(10_000_000, 1)], [0, 10]);
    assert_eq!(
        [ticks(1, 1), ticks(1_500_000, 1), ticks(1_000_000, u32::MAX)],
        [1, 2, u64::from(u32::MAX)]
    );
    assert_eq!(ticks(u64::MAX, u32::MAX), u64::MAX, "no bound that could be set");
}

// attack 42 U: the device tree gives a device no line, or that of another; refused unasked, and recorded; broken: init-without-line
#[test]
fn a_device_without_a_line_of_its_own_is_refused_to_who_asks_for_one() {
    for (line, refusal) in [(Line::None, Refusal::NoLine), (Line::Shared, Refusal::LineShared)] {
        let mut init = started();
        init.registry.device_mut(RNG).unwrap().line = line;
        let before = init.machine.calls.len();
        assert!(init.give(7, RNGD, &lined(RNG)).is_err());
        assert_eq!(init.machine.calls[before..], ["record"]);
        let record = init.machine.ledger.last().unwrap();
        assert_eq!((record.event, record.reason), (Event::Refusal, refusal.code()));
        assert_eq!((record.line, record.registers.mask()), (NO_LINE, Some(OWNERS_REGISTERS)));
        let device = init.registry.device(RNG).unwrap();
        assert_eq!(device.state, OwnerState::NotFound);
        assert_eq!(device.refusal.as_deref(), Some(refusal.word()));
        let window = init.give(7, RNGD, &need(RNG)).unwrap();
        assert!(window.pieces.get(Piece::Line).is_none(), "who needs no line gets the window");
    }
}

#[test]
fn a_line_that_init_does_not_hold_is_out_of_reach() {
    for lines in [None, Some((1, u64::from(LINE) - 1)), Some((u64::from(LINE) + 1, 5))] {
        let mut init = started();
        let handed = init.lines[0];
        let lines_left = lines.map(|(first, count)| Lines { first, count, ..handed });
        init.lines = lines_left.into_iter().collect();
        assert!(init.give(7, RNGD, &lined(RNG)).is_err(), "{lines:?}");
        let refusal = init.registry.device(RNG).unwrap().refusal.as_deref();
        assert_eq!(refusal, Some("out-of-reach"));
        assert!(!init.machine.calls.contains(&"decide"));
    }
}

// attack 42 U: a line is refused to who says that it can poll; there it has nothing either, and only a machine without lines to give has it poll; broken: init-polls-anywhere
#[test]
fn who_can_poll_has_a_window_where_no_line_is() {
    let polling = Need { polls: true, ..lined(RNG) };
    let mut init = started();
    init.lines = Vec::new();
    let granted = init.give(7, RNGD, &polling).unwrap();
    assert!(
        granted.pieces.get(Piece::Window).is_some() && granted.pieces.get(Piece::Line).is_none()
    );
    let grant = init.machine.ledger.last().unwrap();
    assert_eq!((grant.event, grant.line, grant.interval), (Event::Grant, NO_LINE, 0));
    assert_eq!(init.registry.device(RNG).unwrap().given_line, None);
    for (line, refusal) in [(Line::None, Refusal::NoLine), (Line::Shared, Refusal::LineShared)] {
        let mut init = started();
        init.registry.device_mut(RNG).unwrap().line = line;
        assert!(init.give(7, RNGD, &polling).is_err(), "{line:?}");
        let device = init.registry.device(RNG).unwrap();
        assert_eq!(device.refusal.as_deref(), Some(refusal.word()));
    }
    let granted = started().give(7, RNGD, &polling).unwrap();
    assert!(granted.pieces.get(Piece::Line).is_some(), "who can poll is interrupted all the same");
}

// attack 54 U: init is asked for a line after distribution; it has none left to give; broken: init-keeps-lines
#[test]
fn after_distribution_no_line_is_left_to_give() {
    let init = distributed();
    assert!(init.lines.is_empty());
    assert_eq!(init.machine.dropped.last(), Some(&LINES));
    let drop = init.machine.ledger.last().unwrap();
    assert_eq!((drop.event, drop.detail), (Event::Drop, KindCode::Irq.code()));
    assert_eq!((drop.line, drop.len, drop.base), (1, LINE_COUNT, 0));
    assert_eq!(init.registry.dropped, 3);
    assert_eq!(init.machine.line_owners(), 1, "what was given stays given");
}

/// A case: whether rngd and greedy are started again, whether greedy has been given uart0; the lines that are
/// set apart, and those that are left after distribution; and how many windows are.
type Again = (Restart, Restart, bool, &'static [u16], &'static [u16], usize);

#[test]
fn a_line_that_may_be_given_again_is_given_from_an_authority_over_it_alone() {
    const UARTS: u16 = 10;
    let cases: [Again; 4] = [
        (Restart::Never, Restart::Never, true, &[], &[], 0),
        (Restart::Always, Restart::Never, true, &[LINE], &[LINE], 0),
        (Restart::OnFailure, Restart::Always, true, &[UARTS, LINE], &[UARTS, LINE], 1),
        (Restart::OnFailure, Restart::Always, false, &[UARTS, LINE], &[LINE], 0),
    ];
    for (rngd, greedy, given, apart, left, windows) in cases {
        let mut described = description(&SHELL);
        described.devices[usize::from(UART)].irq = true;
        (described.services[2].restart, described.services[3].restart) = (rngd, greedy);
        described.services[3].needs = vec![lined(UART), need(CLINT)];
        let mut init = started_described(described);
        let all = init.lines[0];
        init.part_lines();
        let (last, parts) = init.lines.split_last().unwrap();
        assert_eq!(*last, all);
        for (part, line) in parts.iter().zip(apart) {
            assert_eq!(
                *part,
                Lines { handle: part.handle, first: (*line).into(), count: 1, ..all }
            );
            let cap = init.machine.cap(part.handle).unwrap();
            let of = (cap.parent, cap.base, cap.len, cap.rights);
            assert_eq!(of, (Some(LINES), part.first, 1, KEPT_LINE));
        }
        assert_eq!(parts.len(), apart.len());
        let granted = init.give(7, RNGD, &lined(RNG)).unwrap();
        let kept = init.machine.cap(granted.pieces.kept(Piece::Line).unwrap()).unwrap();
        let from = init.lines.iter().find(|part| part.have(LINE.into())).unwrap().handle;
        assert_eq!((kept.parent, kept.base), (Some(from), u64::from(LINE)));
        if given {
            init.machine.policyd = Policyd::Edited(|_, answer| answer.interval = 0);
            init.give(8, Handle(80), &lined(UART)).unwrap();
        }
        init.drop_roots();
        let first = |part: &Lines| part.first;
        assert!(init.lines.iter().map(first).eq(left.iter().copied().map(u64::from)));
        assert_eq!(init.roots.len(), windows);
    }
}

#[test]
fn of_lines_that_are_not_there_none_is_set_apart() {
    let mut described = description(&SHELL);
    described.services[2].restart = Restart::Always;
    let mut init = started_described(described);
    for line in [Line::None, Line::Shared, Line::Own(0), Line::Own(96)] {
        init.registry.device_mut(RNG).unwrap().line = line;
        init.part_lines();
        assert_eq!(init.lines.len(), 1, "{line:?}");
    }
    init.lines.clear();
    init.registry.device_mut(RNG).unwrap().line = Line::Own(LINE);
    init.part_lines();
    assert_eq!(init.lines, []);
}

// attack 56 U: the owner of a line ends; it is taken back before the window, and the record names it; broken: init-line-kept-alive
#[test]
fn when_its_owner_ends_a_line_comes_back_first() {
    let mut init = distributed();
    let device = init.registry.device(RNG).unwrap();
    let [line, window] = [Piece::Line, Piece::Window].map(|one| device.pieces.kept(one).unwrap());
    end(&mut init, RNGD, EndReason::Exit(3));
    init.notified(1 << 2);
    assert_eq!(init.machine.revoked[..2], [line, window]);
    assert_eq!(init.machine.ledger.last().unwrap().event, Event::Exit);
    assert_eq!(init.registry.device(RNG).unwrap().state, OwnerState::OwnerEnded);
    assert_eq!(ask(&mut init, NSH, Irqs { cursor: 0 }), Err(ServiceError::NotFound));
}

#[test]
fn a_line_that_is_taken_back_without_an_end_is_named() {
    let mut init = distributed();
    init.abandon(7, ServiceState::NotLoaded);
    let revoke = init.machine.ledger.last().unwrap();
    assert_eq!((revoke.event, revoke.line, revoke.interval), (Event::Revoke, LINE, 0));
    assert_eq!(revoke.registers.mask(), Some(OWNERS_REGISTERS));
}

// attack 25 U: who may not view asks for lines; denied; broken: init-inspect
#[test]
fn lines_are_told_to_those_who_may_view() {
    let mut init = distributed();
    assert_eq!(ask(&mut init, RNGD_ID, Irqs { cursor: 0 }), Err(ServiceError::Denied));
    let expected = IrqEntry {
        next: 0,
        device: RNG,
        line: LINE,
        owner: RNGD_ID.into(),
        delivered: 5,
        held_back: 2,
        last: 99,
        interval: TICKS,
        strays: 3,
        state: 2,
        zero: Zero::ZERO,
    };
    for cursor in 0..=u64::from(RNG) {
        assert_eq!(ask(&mut init, NSH, Irqs { cursor }), Ok(expected), "{cursor}");
    }
    for cursor in [u64::from(RNG) + 1, 1 << 16, u64::MAX] {
        assert_eq!(ask(&mut init, NSH, Irqs { cursor }), Err(ServiceError::NotFound));
    }
    let owner = ask(&mut init, NSH, Owners { cursor: u64::from(RNG) }).unwrap();
    assert_eq!((owner.line, owner.registers), (LINE, Registers::new(Some(OWNERS_REGISTERS))));
    let nobody = ask(&mut init, NSH, Owners { cursor: 0 }).unwrap();
    assert_eq!((nobody.line, nobody.registers), (NO_LINE, Registers::UNMASKED));

    let kept = init.registry.device(RNG).unwrap().pieces.kept(Piece::Line).unwrap();
    init.machine.cap_drop(kept).unwrap();
    assert_eq!(ask(&mut init, NSH, Irqs { cursor: 0 }), Err(ServiceError::Unavailable));
    for permission in Permission::ALL {
        let mut init = started_with(&[permission]);
        init.give(7, RNGD, &lined(RNG)).unwrap();
        let told = ask(&mut init, NSH, Irqs { cursor: 0 }).is_ok();
        assert_eq!(told, permission == Permission::View, "{permission:?}");
    }
}

#[test]
fn lines_are_told_one_after_the_other() {
    let mut init = started();
    init.give(7, RNGD, &lined(RNG)).unwrap();
    let uart = Need { irq: true, ..need(UART) };
    init.machine.policyd = Policyd::Edited(|_, answer| answer.interval = 0);
    init.give(8, Handle(80), &uart).unwrap();
    let first = ask(&mut init, NSH, Irqs { cursor: 0 }).unwrap();
    assert_eq!((first.device, first.line, first.next), (UART, 10, RNG.into()));
    let second = ask(&mut init, NSH, Irqs { cursor: first.next.into() }).unwrap();
    assert_eq!((second.device, second.next), (RNG, 0));
    assert_eq!((first.interval, first.owner), (0, Subject { id: 8, incarnation: 1 }));
}

#[test]
fn a_try_asks_for_what_the_service_needs() {
    let mut init = distributed();
    let rights = need(RNG).rights;
    for (service, device) in [(7, RNG), (10, RNG), (8, UART)] {
        ask(&mut init, NSH, Try { service, device, rights }).unwrap();
    }
    let decided = init.machine.ledger.iter().filter(|entry| entry.event == Event::Decision);
    let asked: Vec<_> = decided.skip(1).map(|entry| (entry.line, entry.registers.mask())).collect();
    assert_eq!(asked, [(LINE, Some(OWNERS_REGISTERS)), (NO_LINE, None), (NO_LINE, None)]);
}

// attack 33 F: the kernel refuses the line of a device; the service gets neither line nor window
#[test]
fn a_service_gets_a_window_with_its_line_or_not_at_all() {
    let mut init = started();
    init.machine.line_fails = Some(Error::NoMemory);
    assert!(init.give(7, RNGD, &lined(RNG)).is_err());
    assert_eq!((init.machine.owners(), init.machine.line_owners()), (0, 0));
    let record = init.registry.device(RNG).unwrap();
    assert_eq!((record.given_line, record.registers), (None, None));
    assert_eq!(record.refusal.as_deref(), Some("kernel-refused"));
}
