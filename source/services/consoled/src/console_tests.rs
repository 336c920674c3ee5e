#[path = "record_tests.rs"]
mod records;

use super::*;
use nexus_abi::NO_DEADLINE;

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

// attack 78 U: a shell takes what the host types to its tests, by line or by key; it waits its turn; broken: console-key-rank
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

#[test]
fn what_is_typed_between_two_bytes_for_a_test_program_is_for_nobody_else() {
    let mut console = console();
    read(&mut console, SHELL, "> ", 1).unwrap();
    console.read_key(TESTS, Rank::Host, NO_DEADLINE, 2).unwrap();
    assert_eq!(type_in(&mut console, "ab\r"), None);
    assert_eq!(console.next_key(), Some((2, b'a')));
    assert_eq!(console.next_line(), None);
    console.read_key(TESTS, Rank::Host, NO_DEADLINE, 3).unwrap();
    assert_eq!(console.next_key(), Some((3, b'b')));
    // It reads lines again; then whoever is left does.
    read(&mut console, TESTS, "host> ", 4).unwrap();
    assert_eq!(console.next_line(), line(4, ""));
    assert_eq!(type_in(&mut console, "ls\r"), line(1, "ls"));
}
