use super::*;
use nexus_abi::{Handle, NO_DEADLINE};
use nexus_mmio::fake::FakeBus;
use nexus_proto::console::{Prompt, Write};
use nexus_proto::{Malformed, ReplyError};
use nexus_rt::Client;

use crate::fixture::{UartModel, description};

const SHELL: Sender = Sender { service_id: 10, incarnation: 1 };
const TESTS: Sender = Sender { service_id: 11, incarnation: 1 };
const RNGD: Sender = Sender { service_id: 7, incarnation: 1 };

type Fake = Server<FakeBus<UartModel>>;

fn server() -> Fake {
    server_that(false)
}

/// One whose input interrupts, or is looked for.
fn server_that(interrupts: bool) -> Fake {
    let uart = Uart::start(FakeBus::new(0x1000, UartModel::default())).unwrap();
    let follower = Follower::new(Client::new(Handle(1)), &description(), 0);
    Server::new(uart, interrupts, follower, description())
}

fn ask<O: Operation>(server: &mut Fake, sender: Sender, op: O) -> Result<O::Reply, ReplyError>
where
    Request: From<O>,
{
    let answer = server.handle(sender, op.into(), ReplyTo::nobody());
    O::decode_reply(&answer.into_message())
}

fn write(server: &mut Fake, sender: Sender, text: &str) -> Result<(), ReplyError> {
    ask(server, sender, Write { text: Text::piece(text.as_bytes()) })
}

fn type_in(server: &mut Fake, text: &str) {
    server.uart.bus().with_device(|uart| uart.received.extend(text.bytes()));
    server.tick();
}

fn screen(server: &Fake) -> String {
    let sent = server.uart.bus().with_device(|uart| core::mem::take(&mut uart.sent));
    // The question for the width of the terminal is tested with the console.
    String::from_utf8(sent).unwrap().replace("\x1b7\x1b[999C\x1b[6n\x1b8", "")
}

#[test]
fn what_is_written_reaches_the_wire_at_once() {
    let mut server = server();
    assert_eq!(write(&mut server, RNGD, "hello\nand"), Ok(()));
    assert_eq!(screen(&server), "hello\r\n");
    assert_eq!(write(&mut server, RNGD, " more\n"), Ok(()));
    assert_eq!(screen(&server), "and more\r\n");
}

#[test]
fn a_line_is_read_behind_its_prompt() {
    let mut server = server();
    ask(&mut server, SHELL, Prompt { text: Text::piece(b"nexus> ") }).unwrap();
    // The answer comes later, so that there is no message now.
    let none = ask(&mut server, SHELL, ReadLine { deadline: NO_DEADLINE });
    assert_eq!(none, Err(ReplyError::Malformed(Malformed::Length)));
    assert_eq!(screen(&server), "\r\x1b[Knexus> ");
    type_in(&mut server, "help\r");
    assert_eq!(screen(&server), "help\r\n");
    let rest = ask(&mut server, SHELL, LineText { offset: 2, zero: Zero::ZERO }).unwrap();
    assert_eq!(rest.as_bytes(), b"lp");
    let past = ask(&mut server, SHELL, LineText { offset: 5, zero: Zero::ZERO });
    assert_eq!(past, Err(ReplyError::Service(ServiceError::OutOfRange)));
}

#[test]
fn a_line_of_another_appears_above_and_the_prompt_comes_back_at_the_next_tick() {
    let mut server = server();
    ask(&mut server, SHELL, Prompt { text: Text::piece(b"> ") }).unwrap();
    let _later = ask(&mut server, SHELL, ReadLine { deadline: NO_DEADLINE });
    type_in(&mut server, "he");
    screen(&server);
    write(&mut server, RNGD, "note\n").unwrap();
    assert_eq!(screen(&server), "\r\x1b[Knote\r\n");
    server.tick();
    assert_eq!(screen(&server), "\r\x1b[K> he");
}

// attack 46 U: a record written by a service without the permission; not a record; broken: console-record
#[test]
fn records_are_believed_only_from_who_may_report() {
    let mut server = server();
    write(&mut server, RNGD, "@nx 0 verdict 1 0\n").unwrap();
    write(&mut server, TESTS, "@nx 0 verdict 1 0\n").unwrap();
    assert_eq!(screen(&server), "? @nx 0 verdict 1 0\r\n@nx 0 verdict 1 0\r\n");
}

// attack 78 U: a service without the permission reads what is typed, by line or by key; denied; broken: console-read
#[test]
fn only_who_may_ask_or_report_reads_what_is_typed() {
    let mut server = server();
    let denied = Err(ReplyError::Service(ServiceError::Denied));
    assert_eq!(ask(&mut server, RNGD, ReadLine { deadline: NO_DEADLINE }), denied);
    let key = ask(&mut server, RNGD, ReadKey { deadline: NO_DEADLINE });
    assert_eq!(key, Err(ReplyError::Service(ServiceError::Denied)));
    let _later = ask(&mut server, SHELL, ReadLine { deadline: NO_DEADLINE });
    let _later = ask(&mut server, TESTS, ReadLine { deadline: NO_DEADLINE });
    type_in(&mut server, "done\r");
    assert_eq!(server.console.clients().line(TESTS.service_id, 0), Some(&b"done"[..]));
    assert_eq!(server.console.clients().line(SHELL.service_id, 0), Some(&b""[..]));
}

// attack 60 F: the terminal takes nothing; nobody is held
#[test]
fn a_terminal_that_takes_nothing_makes_writers_busy_and_holds_nobody() {
    let mut server = server();
    server.uart.bus().with_device(|uart| uart.sticks_after = Some(0));
    let refused = (0..2000).find_map(|_| write(&mut server, RNGD, "0123456789\n").err());
    assert_eq!(refused, Some(ReplyError::Service(ServiceError::Busy)));
    server.uart.bus().with_device(|uart| uart.sticks_after = None);
    server.tick();
    assert_eq!(write(&mut server, RNGD, "again\n"), Ok(()));
    assert!(screen(&server).ends_with("0123456789\r\nagain\r\n"));
}

#[test]
fn a_prompt_in_several_pieces_is_refused() {
    let mut server = server();
    let refused = ask(&mut server, SHELL, Prompt { text: Text::piece(&[b'x'; 49]) });
    assert_eq!(refused, Err(ReplyError::Service(ServiceError::Malformed)));
}

#[test]
fn looks_more_often_when_somebody_waits() {
    let mut server = server();
    server.tick();
    let idle = server.deadline();
    let _later = ask(&mut server, SHELL, ReadLine { deadline: NO_DEADLINE });
    assert!(server.deadline() < idle);
}

#[test]
fn input_that_interrupts_is_not_looked_for() {
    let mut server = server_that(true);
    assert_eq!(server.uart.bus().with_device(|uart| uart.ier), 1);
    server.tick();
    let idle = server.deadline();
    let _later = ask(&mut server, SHELL, ReadLine { deadline: NO_DEADLINE });
    assert!(server.deadline() >= idle);
    server.uart.bus().with_device(|uart| uart.received.extend(*b"ls\r"));
    server.interrupt();
    assert_eq!(server.console.clients().line(SHELL.service_id, 0), Some(&b"ls"[..]));
}

#[test]
fn what_is_pasted_waits_at_the_device_until_there_is_room() {
    let mut server = server_that(true);
    let line = "0123456789abcde\r";
    let paste = line.repeat(200);
    server.uart.bus().with_device(|uart| uart.received.extend(paste.bytes()));
    server.interrupt();
    assert!(!server.listens(), "nobody reads, and the console is full");
    let left = |server: &Fake| server.uart.bus().with_device(|uart| uart.received.len());
    assert_eq!(left(&server), paste.len() - console::MAX_TYPED_AHEAD);
    for count in 1..=200 {
        assert!(!server.console.is_read());
        let _now = ask(&mut server, SHELL, ReadLine { deadline: NO_DEADLINE });
        let typed = server.console.clients().line(SHELL.service_id, 0);
        assert_eq!(typed, Some(&line.as_bytes()[..15]), "line {count}");
    }
    assert!(server.listens() && left(&server) == 0);
}

#[test]
fn a_line_of_which_the_device_lost_bytes_is_not_run() {
    let mut server = server_that(true);
    let _later = ask(&mut server, SHELL, ReadLine { deadline: NO_DEADLINE });
    server.uart.bus().with_device(|uart| {
        uart.received.extend(*b"rm\r");
        uart.overrun = true;
    });
    server.interrupt();
    assert_eq!(server.console.clients().line(SHELL.service_id, 0), Some(&b""[..]));
    assert!(screen(&server).contains("a part of the line is missing"));
}
