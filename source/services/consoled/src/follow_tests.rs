use super::*;
use nexus_abi::{Handle, Message};
use nexus_proto::log::Request;
use nexus_proto::{Operation, Request as _, ServiceError, Subject, Text, Zero};
use nexus_rt::host::{Answering, answer_calls};

use crate::fixture::description;

struct Kept(u64, u32, Level, LineKind, &'static str);

/// A logd with these lines.
fn logd(lines: &'static [Kept]) -> Answering {
    answer_calls(move |_, message| Ok(answer(lines, message)))
}

fn answer(lines: &[Kept], message: &Message) -> Message {
    let find = |number: u64| lines.iter().find(|kept| kept.0 >= number);
    match Request::decode(message).unwrap() {
        Request::FindLine(ask) => {
            ask.answer(find(ask.line).map(info).ok_or(ServiceError::NotFound))
        }
        Request::LineText(ask) => {
            let kept = find(ask.line).unwrap();
            ask.answer(Ok(Text::piece(&kept.4.as_bytes()[usize::try_from(ask.offset).unwrap()..])))
        }
        other => panic!("{other:?}"),
    }
}

fn info(kept: &Kept) -> LineInfo {
    LineInfo {
        line: kept.0,
        ticks: kept.0 * 10,
        unix_ns: 0,
        sender: Subject { id: kept.1, incarnation: 1 },
        len: u32::try_from(kept.4.len()).unwrap(),
        level: kept.2,
        kind: kept.3,
        cut: false,
        zero: Zero::ZERO,
    }
}

fn followed(profile: Profile, lines: &'static [Kept]) -> Vec<String> {
    let _answering = logd(lines);
    let description = Description { profile, ..description() };
    let mut follower = Follower::new(Client::new(Handle(1)), &description, 0xab);
    let lines = core::iter::from_fn(|| follower.next_line());
    lines.map(|line| line.as_str().to_owned()).collect()
}

const LINES: &[Kept] = &[
    Kept(1, 10, Level::Info, LineKind::Line, "mmio window mapped ok"),
    Kept(2, 10, Level::Info, LineKind::Proof, "mmio-window-mapped 2"),
    Kept(
        3,
        99,
        Level::Error,
        LineKind::Line,
        "device refused: legacy virtio (version 1), expected 2; more",
    ),
    Kept(4, 10, Level::Warn, LineKind::Line, "odd\x1b[2J\n@nx forged"),
];

#[test]
fn the_test_profile_shows_all_with_the_number_of_the_run() {
    assert_eq!(
        followed(Profile::Test, LINES),
        [
            "nsh: mmio window mapped ok",
            "@nx 00000000000000ab proof nsh mmio-window-mapped 2",
            "service 99: error: device refused: legacy virtio (version 1), expected 2; more",
            "nsh: warning: odd?[2J?@nx forged",
        ]
    );
}

#[test]
fn a_later_life_shows_what_came_since() {
    let _answering = logd(LINES);
    let description = Description { profile: Profile::Test, ..description() };
    let mut follower = Follower::new(Client::new(Handle(1)), &description, 0xab).since(35);
    let line = follower.next_line().unwrap();
    assert_eq!(line.as_str(), "nsh: warning: odd?[2J?@nx forged");
    assert_eq!(follower.next_line(), None);
}

#[test]
fn the_prod_profile_shows_what_is_wrong() {
    let lines = followed(Profile::Prod, LINES);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("error"), "{lines:?}");
}

#[test]
fn says_when_lines_are_gone() {
    const GAP: &[Kept] = &[
        Kept(7, 10, Level::Info, LineKind::Line, "a"),
        Kept(10, 10, Level::Info, LineKind::Line, "b"),
    ];
    let lines = followed(Profile::Test, GAP);
    assert_eq!(lines, ["nsh: a", "(2 older lines of the log are gone)", "nsh: b"]);
}

// attack 78 U: a service whose name begins a kernel line writes to the log; marked
#[test]
fn a_service_named_as_the_kernel_does_not_speak_for_it() {
    let _answering = logd(&[Kept(1, 10, Level::Info, LineKind::Line, "panic: nothing")]);
    let mut description = Description { profile: Profile::Test, ..description() };
    description.services[2].name = "neuron".into();
    let mut follower = Follower::new(Client::new(Handle(1)), &description, 0);
    let line = follower.next_line().unwrap();
    assert_eq!(line.as_str(), "? neuron: panic: nothing");
}

// attack 60 U: logd is gone; the console goes on
#[test]
fn a_dead_logd_is_no_line() {
    let mut follower = Follower::new(Client::new(Handle(1)), &description(), 0);
    assert_eq!(follower.next_line(), None);
}

// attack 60 U: logd answers nonsense; the console goes on
#[test]
fn a_logd_that_answers_nonsense_cannot_hold_the_console() {
    // The same line again and again, and text without end.
    let _answering = answer_calls(|_, message| {
        Ok(match Request::decode(message).unwrap() {
            Request::FindLine(ask) => ask.answer(Ok(info(&LINES[0]))),
            Request::LineText(ask) => ask.answer(Ok(Text::piece(b"x").with_more(true))),
            other => panic!("{other:?}"),
        })
    });
    let description = Description { profile: Profile::Test, ..description() };
    let mut follower = Follower::new(Client::new(Handle(1)), &description, 0);
    let line = follower.next_line().unwrap();
    assert_eq!(line.as_str(), "nsh: xxxxxxxxxxxxxxxx");
    assert_eq!(follower.next_line(), None);
}

// attack 60 U: logd does not answer in the middle of a line; the line is shown whole at the next look
#[test]
fn a_line_is_shown_whole_or_later() {
    use std::cell::Cell;
    use std::rc::Rc;
    let late = Rc::new(Cell::new(true));
    let asked = Rc::clone(&late);
    let _answering = answer_calls(move |_, message| match Request::decode(message).unwrap() {
        Request::LineText(_) if asked.replace(false) => Err(nexus_abi::Error::TimedOut),
        _ => Ok(answer(LINES, message)),
    });
    let description = Description { profile: Profile::Test, ..description() };
    let mut follower = Follower::new(Client::new(Handle(1)), &description, 0);
    assert_eq!(follower.next_line(), None);
    assert_eq!(follower.next_line().unwrap().as_str(), "nsh: mmio window mapped ok");
}
