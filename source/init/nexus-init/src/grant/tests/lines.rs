//! Interrupt lines, and registers that are written one at a time.

use super::*;
use crate::testing::{INTERVAL, LINE_COUNT, LINES, TICKS};

fn granted(fake: &mut Fake, question: Question) -> Granted {
    let outcome = Grant::new(question, route()).run(fake);
    let Outcome::Granted(granted) = outcome else { panic!("{outcome:?}") };
    granted
}

#[test]
fn the_straight_way_of_a_window_and_its_line() {
    let mut fake = Fake::default();
    let given = granted(&mut fake, masked(1));
    let window = fake.cap(given.pieces.held(Piece::Window).unwrap()).unwrap();
    assert_eq!((window.holder, window.limit), (Some(RNGD), masked(1).registers));
    assert_eq!(window.rights, Rights::MAP | Rights::READ | Rights::WRITE);
    let line = given.pieces.get(Piece::Line).unwrap();
    let held = fake.cap(line.held).unwrap();
    assert_eq!((held.holder, held.rights), (Some(RNGD), Rights::RECV));
    assert_eq!((held.base, held.len, held.limit), (7, 1, Some(TICKS)));
    let kept = fake.cap(line.kept).unwrap();
    let rights = Rights::RECV | Rights::DERIVE | Rights::GRANT | Rights::REVOKE | Rights::MANAGE;
    assert_eq!((kept.holder, kept.rights, kept.len), (None, rights, 1));
    let grant = fake.ledger.last().unwrap();
    assert_eq!(grant.registers.mask(), masked(1).registers);
    assert_eq!((grant.event, grant.line, grant.interval), (Event::Grant, 7, INTERVAL));
    let expected =
        ["decide", "derive", "limit", "install", "derive", "limit", "install", "epoch", "record"];
    assert_eq!(fake.calls, expected);
}

// attack 26 U: a window of which single registers are allowed is handed over; its mask is set by then; broken: init-mask, init-mask-late
#[test]
fn a_mask_is_set_before_the_window_is_handed_over() {
    for mask in [0, 1, u64::MAX] {
        let mut fake = Fake::default();
        let ask = Question { registers: Some(mask), ..question(1) };
        let given = granted(&mut fake, ask);
        assert_eq!(
            fake.cap(given.pieces.held(Piece::Window).unwrap()).unwrap().limit,
            Some(mask),
            "{mask:x}"
        );
        let at = |name| fake.calls.iter().position(|call| *call == name);
        assert!(at("limit") < at("install") && at("limit").is_some());
    }
    let mut fake = Fake::default();
    let given = granted(&mut fake, question(1));
    assert_eq!(fake.cap(given.pieces.held(Piece::Window).unwrap()).unwrap().limit, None);
    assert!(
        given.pieces.get(Piece::Line).is_none() && !fake.calls.contains(&"limit"),
        "{:?}",
        fake.calls
    );
}

// attack 55 U: a line whose rule gives it an interval is handed over; it is limited by then; broken: init-interval-unset
#[test]
fn an_interval_is_set_before_the_line_is_handed_over() {
    let mut fake = Fake::default();
    let ask = Question { registers: None, ..masked(1) };
    let line = granted(&mut fake, ask).pieces.get(Piece::Line).unwrap();
    assert_eq!(fake.cap(line.held).unwrap().limit, Some(TICKS));

    let mut free = Fake { policyd: with(|_, answer| answer.interval = 0), ..Fake::default() };
    let line = LineRoute { root: LINES, first: 1, interval: 0, ticks: 0 };
    let route = Route { line: Some(line), ..route() };
    let outcome = Grant::new(ask, route).run(&mut free);
    let Outcome::Granted(Granted { pieces, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        free.cap(pieces.held(Piece::Line).unwrap()).unwrap().limit,
        None,
        "a rule without an interval"
    );
}

// attack 38 P: an allow for other registers, another line or interval; no grant; broken: init-echo, init-interval
#[test]
fn test_answer_about_other_registers_line_or_interval_is_no_answer() {
    let changes: [fn(&Decide, &mut Decision); 8] = [
        |_, answer| answer.asked.registers = Some(u64::MAX).into(),
        |_, answer| answer.asked.registers = Some(0).into(),
        |_, answer| answer.asked.registers = None.into(),
        |_, answer| answer.asked.line += 1,
        |_, answer| answer.asked.line = 0,
        |_, answer| answer.interval = 0,
        |_, answer| answer.interval += 1,
        |_, answer| answer.interval = u32::MAX,
    ];
    for change in changes {
        let mut fake = Fake { policyd: with(change), ..Fake::default() };
        assert_eq!(refused_of(masked(1), &mut fake), Refusal::PolicyGarbled);
    }
    let mut fake = Fake { policyd: with(|_, answer| answer.interval = 1), ..Fake::default() };
    assert_eq!(refused(&mut fake), Refusal::PolicyGarbled, "an interval of no line");
}

// attack 61 F: a line cannot be handed over, at any of its steps; window and line are taken back; broken: init-line-stays
#[test]
fn what_fails_with_a_line_takes_both_back() {
    let mut fake = Fake { limit_fails: Some(Error::Busy), ..Fake::default() };
    assert_eq!(refused_of(masked(1), &mut fake), Refusal::KernelRefused);
    for (error, refusal) in [
        (Error::Busy, Refusal::KernelRefused),
        (Error::NoMemory, Refusal::KernelRefused),
        (Error::OutOfRange, Refusal::OutOfReach),
    ] {
        let mut fake = Fake { line_fails: Some(error), ..Fake::default() };
        assert_eq!(refused_of(masked(1), &mut fake), refusal);
    }
    for line in [LINE_COUNT + 1, 1024] {
        let ask = Question { line: u16::try_from(line).unwrap(), ..masked(1) };
        assert_eq!(refused_of(ask, &mut Fake::default()), Refusal::OutOfReach);
    }
    let mut fake = Fake { records_left: Some(1), ..Fake::default() };
    assert_eq!(refused_of(masked(1), &mut fake), Refusal::NotRecorded);
    let ends = ["record", "revoke", "drop", "revoke", "drop", "record"];
    assert!(fake.calls.ends_with(&ends), "{:?}", fake.calls);
    let [line, window] = fake.revoked.as_slice() else { panic!("two") };
    assert!(line > window && fake.dropped == [*line, *window], "the line first");
}

#[test]
fn without_lines_to_hand_out_a_window_with_a_line_is_not_given() {
    let mut fake = Fake { policyd: with(|_, answer| answer.interval = 0), ..Fake::default() };
    let outcome = Grant::new(masked(1), Route { line: None, ..route() }).run(&mut fake);
    let refusal = Refusal::OutOfReach;
    assert!(matches!(outcome, Outcome::Refused(refused) if refused.refusal == refusal));
    fake.assert_nothing_left();
}

// attack 54 U: a line that is given is asked for again; refused, the first owner keeps it
#[test]
fn a_line_has_one_owner() {
    let mut fake = Fake::default();
    let first = granted(&mut fake, masked(1));
    let other = Question { base: 0x1000_7000, ..masked(2) };
    let outcome = Grant::new(other, route()).run(&mut fake);
    let refusal = Refusal::KernelRefused;
    assert!(matches!(outcome, Outcome::Refused(refused) if refused.refusal == refusal));
    assert!(fake.cap(first.pieces.held(Piece::Line).unwrap()).is_some());
    assert_eq!((fake.owners(), fake.line_owners()), (1, 1));
}
