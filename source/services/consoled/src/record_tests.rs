//! No byte of a service begins a record, by whatever call it comes.

use super::*;
use proptest::prelude::*;

// attack 46 U: a prompt with control characters; they lose their power
#[test]
fn a_prompt_cannot_carry_terminal_sequences() {
    let mut console = console();
    read(&mut console, SHELL, "\x1b[2J> ", 1).unwrap();
    assert_eq!(shown(&mut console), "\r\x1b[K?[2J> ");
}

// attack 46 U: a line that looks like a record, from who may not write one; marked; broken: console-record
#[test]
fn only_a_recorder_can_write_a_record() {
    let mut console = console();
    console.write(OTHER, b"@nx 0 verdict 9 0\n@n", false).unwrap();
    console.write(OTHER, b"x 0 proof a b\n", false).unwrap();
    console.write(SHELL, b"@nx 0 verdict 9 0\n", true).unwrap();
    let expected = "? @nx 0 verdict 9 0\r\n? @nx 0 proof a b\r\n@nx 0 verdict 9 0\r\n";
    assert_eq!(shown(&mut console), expected);
}

/// The rows as a terminal without escape sequences shows them at some time: each return and line end
/// begins one anew.
fn rows(wire: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(wire).replace("\x1b[K", "");
    text.split(['\r', '\n']).map(str::to_owned).collect()
}

fn begins_a_record(row: &str) -> bool {
    ["@nx", "SELFTEST:", "neuron:"].iter().any(|word| row.starts_with(word))
}

// attack 78 U: a line begun and not ended, then a read; the record goes out marked; broken: console-record
#[test]
fn a_read_ends_a_begun_line_as_any_other() {
    let mut console = console();
    console.write(OTHER, b"@nx 0 verdict 9 0", false).unwrap();
    read(&mut console, OTHER, "> ", 1).unwrap();
    assert_eq!(shown(&mut console), "? @nx 0 verdict 9 0\r\n\r\x1b[K> ");
}

// attack 78 U: a prompt that is a record, or that an inserted text completes; marked; broken: console-prompt
#[test]
fn no_prompt_and_no_inserted_text_begins_a_record() {
    for (prompt, text) in [("@nx 0 verdict 9 0", ""), ("", "@nx 0 verdict"), ("SELF", "TEST: ok")] {
        let mut console = console();
        read(&mut console, OTHER, prompt, 1).unwrap();
        type_in(&mut console, "\t");
        console.insert(OTHER, text);
        read(&mut console, OTHER, prompt, 2).unwrap();
        type_in(&mut console, "\r");
        let wire = shown(&mut console);
        assert!(!rows(wire.as_bytes()).iter().any(|row| begins_a_record(row)), "{wire:?}");
    }
}

// attack 78 U: the row is drawn where there is no room for it, then text is inserted; not at a row's beginning; broken: console-row
#[test]
fn what_is_inserted_into_a_row_that_was_dropped_does_not_begin_a_row() {
    let mut console = console();
    read(&mut console, OTHER, "> ", 1).unwrap();
    type_in(&mut console, "\t");
    console.print(&Line::new(b"", false));
    while console.output().push(&[b'x'; 64]) {}
    console.output().push(b"\r\n");
    while console.output().push(b"\r\n") {}
    read(&mut console, OTHER, "> ", 2).unwrap();
    type_in(&mut console, "\t");
    shown(&mut console);
    console.insert(OTHER, "@nx 0 verdict 9 0");
    let wire = shown(&mut console);
    assert!(!rows(wire.as_bytes()).iter().any(|row| begins_a_record(row)), "{wire:?}");
    read(&mut console, OTHER, "> ", 3).unwrap();
    assert_eq!(shown(&mut console), "\r\x1b[K> @nx 0 verdict 9 0");
}

#[derive(Clone, Debug)]
enum Do {
    Type(Vec<u8>),
    Write(u32, Vec<u8>),
    ReadLine(u32, u64),
    ReadKey(u32, u64),
    Insert(u32, String),
    Prompt(u32, Vec<u8>),
    Pass(u64),
    Send,
}

fn any_do() -> impl Strategy<Value = Do> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        4 => bytes().prop_map(Do::Type),
        2 => (0..6u32, bytes()).prop_map(|(id, bytes)| Do::Write(id, bytes)),
        3 => (0..6u32, 0..50u64).prop_map(|(id, ticks)| Do::ReadLine(id, ticks)),
        1 => (0..6u32, 0..50u64).prop_map(|(id, ticks)| Do::ReadKey(id, ticks)),
        1 => (0..6u32, ".*").prop_map(|(id, text)| Do::Insert(id, text)),
        1 => (0..30u64).prop_map(Do::Pass),
        2 => Just(Do::Send),
    ]
}

proptest! {
    /// Whoever waits is answered once: with a line, a key, a refusal, or by being replaced.
    // attack 29 U: several readers wait; each is answered once
    #[test]
    fn everybody_who_waits_is_answered_once(steps in proptest::collection::vec(any_do(), 0..120)) {
        let mut console = console();
        let (mut now, mut asked, mut answered) = (0, 0, Vec::new());
        for step in steps {
            let sender = |id| Sender { service_id: id, incarnation: 1 };
            match step {
                Do::Type(bytes) => bytes.iter().for_each(|byte| console.type_byte(*byte)),
                Do::Write(id, bytes) => drop(console.write(sender(id), &bytes, false)),
                Do::ReadLine(id, ticks) => {
                    match console.read_line(sender(id), rank(sender(id)), now + ticks, asked) {
                        Ok(replaced) => answered.extend(replaced),
                        Err(Busy(refused)) => answered.push(refused),
                    }
                    asked += 1;
                }
                Do::ReadKey(id, ticks) => {
                    match console.read_key(sender(id), rank(sender(id)), now + ticks, asked) {
                        Ok(replaced) => answered.extend(replaced),
                        Err(Busy(refused)) => answered.push(refused),
                    }
                    asked += 1;
                }
                Do::Insert(id, text) => console.insert(sender(id), &text),
                Do::Prompt(id, bytes) => console.clients().set_prompt(id, &bytes),
                Do::Pass(ticks) => now += ticks,
                Do::Send => console.output().waiting().clear(),
            }
            answered.extend(core::iter::from_fn(|| console.next_key()).map(|(to, _)| to));
            answered.extend(core::iter::from_fn(|| console.next_line()).map(|answer| answer.to));
            answered.extend(core::iter::from_fn(|| console.next_late_key(now)));
            answered.extend(core::iter::from_fn(|| console.next_late_line(now)).map(|a| a.to));
            console.settle();
        }
        now = u64::MAX;
        answered.extend(core::iter::from_fn(|| console.next_late_key(now)));
        answered.extend(core::iter::from_fn(|| console.next_late_line(now)).map(|a| a.to));
        answered.sort_unstable();
        prop_assert_eq!(answered, (0..asked).collect::<Vec<_>>());
    }
}

/// Pieces from which records can be put together.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"@",
        b"n",
        b"nx",
        b"x 0 verdict 9 0",
        b"@nx ",
        b"SELF",
        b"TEST:",
        b"SELFTEST: ok",
        b"neu",
        b"ron:",
        b"neuron: panic: x",
        b"\n",
        b"\r",
        b"\t",
        b"\x1b[K",
        b"\x1b[D",
        b"\x08",
        b"\x7f",
        b"> ",
    ];
    let several = proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..4);
    prop_oneof![8 => several.prop_map(|some| some.concat()), 1 => Just(vec![b'x'; 255])]
}

fn any_forgery() -> impl Strategy<Value = Do> {
    let id = || prop_oneof![Just(7u32), Just(8), Just(10)];
    prop_oneof![
        2 => piece().prop_map(Do::Type),
        4 => (id(), piece()).prop_map(|(id, bytes)| Do::Write(id, bytes)),
        3 => (id(), 0..50u64).prop_map(|(id, ticks)| Do::ReadLine(id, ticks)),
        2 => (id(), piece()).prop_map(|(id, bytes)| Do::Prompt(id, bytes)),
        2 => (id(), piece()).prop_map(|(id, bytes)| {
            Do::Insert(id, String::from_utf8_lossy(&bytes).into_owned())
        }),
        1 => (0..30u64).prop_map(Do::Pass),
    ]
}

proptest! {
    // attack 78 U: services that may not report write, prompt, insert and read in any order, into a wire that is full at any time; no row begins a record, a test or a kernel line; broken: console-record, console-prompt, console-row
    #[test]
    fn no_row_begins_a_record(
        steps in proptest::collection::vec((any_forgery(), 0..8u8), 0..60),
    ) {
        let (mut console, mut now, mut wire) = (console(), 0, Vec::new());
        for (step, full) in steps {
            // The wire is full up to a few bytes now and then, and empty later.
            let filled = console.output().waiting().len();
            if full == 0 {
                while console.output().room() > 40 && console.output().push(b"y") {}
            }
            let filler = console.output().waiting().len() - filled;
            let sender = |id| Sender { service_id: id, incarnation: 1 };
            match step {
                Do::Type(bytes) => bytes.iter().for_each(|byte| console.type_byte(*byte)),
                Do::Write(id, bytes) => drop(console.write(sender(id), &bytes, false)),
                Do::ReadLine(id, ticks) => {
                    let _ = console.read_line(sender(id), Rank::Person, now + ticks, 0);
                }
                Do::Insert(id, text) => console.insert(sender(id), &text),
                Do::Prompt(id, bytes) => console.clients().set_prompt(id, &bytes),
                Do::Pass(ticks) => now += ticks,
                Do::ReadKey(..) | Do::Send => {}
            }
            while console.next_line().is_some() {}
            while console.next_late_line(now).is_some() {}
            console.settle();
            let sent: Vec<u8> = console.output().waiting().drain(..).collect();
            wire.extend(&sent[..filled]);
            wire.extend(&sent[filled + filler..]);
        }
        let forged = rows(&wire).into_iter().find(|row| begins_a_record(row));
        prop_assert_eq!(forged, None);
    }
}
