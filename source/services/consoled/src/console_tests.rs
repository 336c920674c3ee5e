use super::*;
use nexus_abi::NO_DEADLINE;
use proptest::prelude::*;

const SHELL: Sender = Sender { service_id: 10, incarnation: 1 };
const OTHER: Sender = Sender { service_id: 7, incarnation: 1 };
const TESTS: Sender = Sender { service_id: 3, incarnation: 1 };

fn rank(sender: Sender) -> Rank {
    if sender.service_id == TESTS.service_id { Rank::Host } else { Rank::Person }
}

fn console() -> Console<u32> {
    Console::default()
}

fn type_in(console: &mut Console<u32>, text: &str) -> Option<Answer<u32>> {
    text.bytes().for_each(|byte| console.type_byte(byte));
    console.next_line()
}

fn read(
    console: &mut Console<u32>,
    sender: Sender,
    prompt: &str,
    to: u32,
) -> Result<Option<u32>, Busy<u32>> {
    console.clients().set_prompt(sender.service_id, prompt.as_bytes());
    console.read_line(sender, rank(sender), NO_DEADLINE, to)
}

fn shown(console: &mut Console<u32>) -> String {
    let bytes: Vec<u8> = console.output().waiting().drain(..).collect();
    String::from_utf8(bytes).unwrap().replace(ASK, "")
}

/// What asks the terminal for its width; looked for by one test alone.
const ASK: &str = "\x1b7\x1b[999C\x1b[6n\x1b8";

#[test]
fn a_terminal_is_asked_for_its_width_at_each_prompt_of_a_person() {
    let mut console = console();
    let asked = |console: &mut Console<u32>| {
        let bytes: Vec<u8> = console.output().waiting().drain(..).collect();
        String::from_utf8(bytes).unwrap().matches(ASK).count()
    };
    read(&mut console, TESTS, "host> ", 1).unwrap();
    assert_eq!(asked(&mut console), 0, "a host is no terminal");
    assert_eq!(type_in(&mut console, "x\r").unwrap().columns, 80);
    read(&mut console, SHELL, "> ", 2).unwrap();
    assert_eq!(asked(&mut console), 1);
    assert_eq!(
        type_in(&mut console, "\x1b[24;40Rab\r"),
        Some(Answer { columns: 40, ..line(2, "ab").unwrap() })
    );
    read(&mut console, SHELL, "> ", 3).unwrap();
    assert_eq!(asked(&mut console), 1);
    // Shift-F3 is no width; nor does a row hold more than a byte can say.
    assert_eq!(type_in(&mut console, "\x1b[1;2R\x1b[24;999R\r").unwrap().columns, 255);
}

fn line(to: u32, text: &str) -> Option<Answer<u32>> {
    Some(Answer {
        to,
        event: LineEventKind::Entered,
        text: text.into(),
        cursor: text.len(),
        columns: 80,
    })
}

#[test]
fn a_reader_gets_its_line() {
    let mut console = console();
    assert_eq!(read(&mut console, SHELL, "> ", 1), Ok(None));
    assert!(console.is_read());
    assert_eq!(type_in(&mut console, "he"), None);
    assert_eq!(type_in(&mut console, "lp\r"), line(1, "help"));
    assert!(!console.is_read());
    assert_eq!(shown(&mut console), "\r\x1b[K> help\r\n");
}

#[test]
fn what_is_typed_ahead_waits_for_the_reader() {
    let mut console = console();
    assert_eq!(type_in(&mut console, "one\rtwo\rth"), None);
    read(&mut console, SHELL, "> ", 1).unwrap();
    assert_eq!(console.next_line(), line(1, "one"));
    assert_eq!(console.next_line(), None);
    read(&mut console, SHELL, "> ", 2).unwrap();
    assert_eq!(console.next_line(), line(2, "two"));
    console.read_key(SHELL, Rank::Person, NO_DEADLINE, 3).unwrap();
    assert_eq!(console.next_key(), Some((3, b't')));
}

#[test]
fn typing_ahead_is_bounded() {
    let mut console = console();
    (0..=MAX_TYPED_AHEAD).for_each(|_| console.type_byte(b'x'));
    let taken = core::iter::from_fn(|| {
        console.read_key(SHELL, Rank::Person, NO_DEADLINE, 1).unwrap();
        console.next_key()
    })
    .count();
    assert_eq!(taken, MAX_TYPED_AHEAD);
}

#[test]
fn a_line_of_which_typed_bytes_were_dropped_is_not_run() {
    let mut console = console();
    (0..MAX_TYPED_AHEAD - 3).for_each(|_| console.type_byte(b'\t'));
    "poweroff, not now\r".bytes().for_each(|byte| console.type_byte(byte));
    let mut answers = Vec::new();
    for to in 0.. {
        read(&mut console, SHELL, "> ", to).unwrap();
        let Some(answer) = console.next_line() else { break };
        answers.push(answer.event);
    }
    assert_eq!(answers.len(), MAX_TYPED_AHEAD - 3);
    shown(&mut console);
    // What comes next belongs to the damaged line, up to its end.
    assert_eq!(type_in(&mut console, "now\r"), None);
    let said = shown(&mut console);
    assert!(said.contains('\x07') && said.contains("(not run: "), "{said:?}");
    assert_eq!(type_in(&mut console, "ps\r").unwrap().text, "ps");
}

#[test]
fn lines_of_others_go_above_the_line_being_edited() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "he");
    shown(&mut console);
    console.write(OTHER, b"rngd: half a ", false).unwrap();
    assert_eq!(shown(&mut console), "");
    console.write(OTHER, b"line\nand more\n", false).unwrap();
    assert_eq!(shown(&mut console), "\r\x1b[Krngd: half a line\r\nand more\r\n");
    console.settle();
    console.settle();
    assert_eq!(shown(&mut console), "\r\x1b[K> he");
    assert_eq!(type_in(&mut console, "y\r"), line(1, "hey"));
}

#[test]
fn a_key_brings_the_line_back_before_it_is_changed() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "he");
    console.print(&Line::new(b"note", false));
    shown(&mut console);
    type_in(&mut console, "y");
    assert_eq!(shown(&mut console), "\r\x1b[K> hey");
}

#[test]
fn tab_keeps_the_line_for_the_next_read() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    let tab = type_in(&mut console, "he\tx");
    assert_eq!(
        tab,
        Some(Answer {
            to: 1,
            event: LineEventKind::Tab,
            text: "he".into(),
            cursor: 2,
            columns: 80
        })
    );
    shown(&mut console);
    console.insert(SHELL, "lp ");
    assert_eq!(read(&mut console, SHELL, "> ", 2), Ok(None));
    assert_eq!(console.next_line(), None);
    assert_eq!(shown(&mut console), "lp x");
    assert_eq!(type_in(&mut console, "\r"), line(2, "help x"));
}

#[test]
fn candidates_are_listed_above_and_the_line_comes_back() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "c\t");
    shown(&mut console);
    console.write(SHELL, b"caps  clear\n", false).unwrap();
    console.settle();
    read(&mut console, SHELL, "> ", 2).unwrap();
    assert_eq!(shown(&mut console), "\r\x1b[Kcaps  clear\r\n\r\x1b[K> c");
}

#[test]
fn only_the_reader_can_insert() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "he\t");
    console.insert(OTHER, "poweroff");
    read(&mut console, SHELL, "> ", 2).unwrap();
    assert_eq!(type_in(&mut console, "\r"), line(2, "he"));
}

#[test]
fn a_second_read_of_the_same_service_replaces_the_first() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "ab");
    assert_eq!(read(&mut console, SHELL, "> ", 2), Ok(Some(1)));
    assert_eq!(type_in(&mut console, "c\r"), line(2, "abc"));
}

#[test]
fn another_life_of_the_service_starts_with_an_empty_line() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "ab");
    let again = Sender { incarnation: 2, ..SHELL };
    assert_eq!(read(&mut console, again, "> ", 2), Ok(Some(1)));
    assert_eq!(type_in(&mut console, "c\r"), line(2, "c"));
}

// attack 78 U: another service reads the line, asked later; whoever asked first keeps the keyboard; broken: console-rank
#[test]
fn the_first_reader_keeps_the_keyboard_until_its_line_ends() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "ab");
    shown(&mut console);
    read(&mut console, OTHER, "sure? ", 2).unwrap();
    read(&mut console, OTHER, "sure? ", 3).unwrap();
    assert_eq!(shown(&mut console), "", "the line being edited stays");
    assert_eq!(type_in(&mut console, "c\r"), line(1, "abc"));
    read(&mut console, SHELL, "> ", 4).unwrap();
    assert_eq!(type_in(&mut console, "yes\r"), line(3, "yes"), "in turn");
    assert_eq!(type_in(&mut console, "d\r"), line(4, "d"));
}

// attack 78 U: a shell takes what the host types to its tests, by line or by key; it waits its turn; broken: console-rank, console-key-rank
#[test]
fn the_host_is_read_by_its_tests_and_the_shell_gets_the_keyboard_back() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "ab");
    read(&mut console, TESTS, "host> ", 2).unwrap();
    console.read_key(OTHER, Rank::Person, NO_DEADLINE, 3).unwrap();
    read(&mut console, SHELL, "> ", 4).unwrap();
    "done\r".bytes().for_each(|byte| console.type_byte(byte));
    assert_eq!(console.next_key(), None);
    assert_eq!(console.next_line(), line(2, "done"));
    shown(&mut console);
    console.type_byte(b'q');
    assert_eq!(console.next_key(), Some((3, b'q')));
    assert_eq!(type_in(&mut console, "c"), None);
    assert_eq!(shown(&mut console), "\r\x1b[K> abc".replace('c', "") + "c");
    assert_eq!(type_in(&mut console, "\r"), line(4, "abc"));
}

// attack 62 U: more readers than there is room for; refused
#[test]
fn readers_are_bounded() {
    let mut console = console();
    let reader = |id| Sender { service_id: id, incarnation: 1 };
    for id in 0..4 {
        assert_eq!(read(&mut console, reader(id), "", id), Ok(None));
    }
    assert_eq!(read(&mut console, reader(4), "", 4), Err(Busy(4)));
    assert_eq!(read(&mut console, reader(0), "", 5), Ok(Some(0)));
}

#[test]
fn interrupt_and_end_of_input_are_told() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    assert_eq!(type_in(&mut console, "ab\x03").unwrap().event, LineEventKind::Interrupted);
    read(&mut console, SHELL, "> ", 2).unwrap();
    assert_eq!(type_in(&mut console, "\x04").unwrap().event, LineEventKind::EndOfInput);
}

#[test]
fn each_service_has_a_history_of_its_own() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    type_in(&mut console, "ledger\r");
    read(&mut console, OTHER, "> ", 2).unwrap();
    assert_eq!(type_in(&mut console, "\x1b[A\r"), line(2, ""));
    read(&mut console, SHELL, "> ", 3).unwrap();
    assert_eq!(type_in(&mut console, "\x1b[A\r"), line(3, "ledger"));
}

// attack 62 U: a flood of output; its writer is told that it is too much
#[test]
fn a_flood_of_output_is_refused_and_nothing_is_lost_from_what_was_taken() {
    let mut console = console();
    let mut taken = 0;
    while console.write(OTHER, b"0123456789\n", false) == Ok(()) {
        taken += 1;
    }
    assert!(!console.has_room());
    assert_eq!(console.output().dropped(), 0);
    assert_eq!(shown(&mut console).len(), taken * 12);
    assert_eq!(console.write(OTHER, b"x\n", false), Ok(()));
}

#[test]
fn a_deadline_ends_the_wait_and_keeps_the_line() {
    let mut console = console();
    console.read_line(SHELL, Rank::Person, 100, 1).unwrap();
    type_in(&mut console, "he");
    assert_eq!(console.next_late_line(99), None);
    let late = console.next_late_line(100).unwrap();
    assert_eq!((late.to, late.event, late.text.as_str()), (1, LineEventKind::TimedOut, "he"));
    assert_eq!(console.next_late_line(100), None);
    console.read_line(SHELL, Rank::Person, NO_DEADLINE, 2).unwrap();
    assert_eq!(type_in(&mut console, "y\r"), line(2, "hey"));
}

#[test]
fn a_key_reader_gets_bytes_before_anybody_edits_them() {
    let mut console = console();
    read(&mut console, OTHER, "> ", 1).unwrap();
    console.read_key(SHELL, Rank::Person, 100, 2).unwrap();
    assert_eq!(console.read_key(OTHER, Rank::Person, 100, 3), Err(Busy(3)));
    assert_eq!(console.next_key(), None);
    console.type_byte(0x03);
    assert_eq!(console.next_key(), Some((2, 0x03)));
    console.read_key(SHELL, Rank::Person, 100, 4).unwrap();
    assert_eq!(console.read_key(SHELL, Rank::Person, 200, 5), Ok(Some(4)));
    assert_eq!((console.next_late_key(199), console.next_late_key(200)), (None, Some(5)));
}

#[test]
fn the_rest_of_a_long_line_can_be_asked_for() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    let long = "x".repeat(100);
    type_in(&mut console, &long);
    type_in(&mut console, "y\r");
    assert_eq!(console.clients().line(SHELL.service_id, 99), Some(&b"xy"[..]));
    assert_eq!(console.clients().line(SHELL.service_id, 101), Some(&b""[..]));
    assert_eq!(console.clients().line(SHELL.service_id, 102), None);
    assert_eq!(console.clients().line(OTHER.service_id, 1), None);
}

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
