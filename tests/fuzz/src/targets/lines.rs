//! What services write, through logd and consoled to the serial port, read as the host tool reads
//! it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use logd::Logd;
use nexus::protocol::{Line, Record, read};
use nexus_abi::{Error, Message, Sender};
use nexus_proto::log::{self, Proof};
use nexus_proto::{Operation, Request as _, Text, Zero, console};
use nexus_rt::{ReplyTo, Service, host};
use nexus_sysdesc::{Permission, Profile};

use super::logd::line;
use crate::{input::Input, system, uart};

/// Services that may not print a record; the last one is the shell, which reads lines.
const WRITERS: [u32; 4] = [5, 7, 8, 10];

// attack 46 Z: a line that ends the line or looks like a record; no record comes of it
// attack 27 Z: a proof or line in another's name; the name is that of the stamp
// attack 78 Z: any lines, prompts and inserted text of services that may not report; no row begins a record, a test or a kernel line; broken: console-record, console-prompt
/// Whatever is written: the only records that come out are proofs, in the name of who gave them.
pub fn lines(data: &[u8]) {
    let mut input = Input::new(data);
    let description = system::description(Profile::Test);
    let unprivileged = |id: &u32| !description.permits(*id, Permission::Report);
    assert!(WRITERS.iter().all(unprivileged));
    let logd = Rc::new(RefCell::new(Logd::new(description, 10_000_000)));
    let asked = Rc::clone(&logd);
    let _answering = host::answer_calls(move |_, message| {
        let request = log::Request::decode(message).map_err(|_| Error::BadState)?;
        let consoled = Sender { service_id: 4, incarnation: 1 };
        Ok(asked.borrow_mut().handle(consoled, &request, 0))
    });
    let (mut server, shown) = uart::console(&[], description);
    let mut proven = BTreeSet::new();
    while !input.is_empty() {
        let (kind, len) = (input.byte(), input.byte());
        let writer = WRITERS[usize::from(kind >> 2 & 3)];
        let sender = Sender { service_id: writer, incarnation: 1 };
        let text = Text::piece(input.bytes(usize::from(len).min(Text::MAX)));
        let more = text.with_more(kind & 16 != 0);
        let message = match kind & 3 {
            0 => Some(line(more.as_bytes(), more.more())),
            1 => Some(Proof { checks: 1, zero: Zero::ZERO, name: text }.encode()),
            _ => None,
        };
        proven.extend((kind & 3 == 1).then(|| name_of(writer)));
        match message {
            Some(message) => tell(&logd, sender, &message),
            None if kind & 96 == 0 => show(&mut server, sender, more),
            None => read_behind(&mut server, sender, more, kind & 64 != 0),
        }
    }
    // Has consoled look at the log once more.
    show(&mut server, Sender { service_id: 7, incarnation: 1 }, Text::piece(b"\n"));
    check(&shown.borrow(), &proven);
}

fn name_of(id: u32) -> &'static str {
    let service = system::description(Profile::Test).service(id);
    service.map_or("?", |service| service.name.as_str())
}

fn tell(logd: &RefCell<Logd>, sender: Sender, message: &Message) {
    let request = log::Request::decode(message).expect("a request");
    let _answer = logd.borrow_mut().handle(sender, &request, 0);
}

fn show<S: Service<Protocol = console::Console>>(server: &mut S, sender: Sender, text: Text) {
    let _answer = server.handle(sender, console::Write { text }.into(), ReplyTo::nobody());
}

/// Sets a prompt and reads behind it, or puts text into the line that is read.
fn read_behind<S>(server: &mut S, sender: Sender, text: Text, insert: bool)
where
    S: Service<Protocol = console::Console>,
{
    let put =
        if insert { console::Insert { text }.into() } else { console::Prompt { text }.into() };
    let _answer = server.handle(sender, put, ReplyTo::nobody());
    let read = console::ReadLine { deadline: u64::MAX };
    let _answer = server.handle(sender, read.into(), ReplyTo::nobody());
    server.tick();
}

/// Each row that was drawn, whether or not another one was drawn over it.
fn check(shown: &[u8], proven: &BTreeSet<&str>) {
    for row in shown.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let text = String::from_utf8_lossy(row);
        match read(text.strip_prefix("\u{1b}[K").unwrap_or(&text)) {
            Line::Text(text) => {
                let forged = text.starts_with("SELFTEST:") || text.starts_with("neuron:");
                assert!(!forged, "{text}");
            }
            Line::Record { nonce: 7, record: Record::Proof(proof) } => {
                assert!(proven.contains(proof.service.as_str()), "{proof}");
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let piece = |kind: u8, text: &[u8]| {
        [vec![kind, u8::try_from(text.len()).unwrap_or(0)], text.to_vec()].concat()
    };
    let record = b"@nx 0000000000000007 verdict 1 0";
    let all = [
        ("log", piece(4, record)),
        ("log-in-two", [piece(4 | 16, b"x\r\n"), piece(4, record)].concat()),
        ("console", piece(2, &[&record[..], b"\n"].concat())),
        ("console-after-return", piece(6, b"x\r@nx 0000000000000007 granted 9\n\n")),
        ("console-in-two", [piece(2, b"@n"), piece(6, b"@nx"), piece(2, b"x 0\n")].concat()),
        ("proof", [piece(5, b"mmio-window-mapped"), piece(9, b"two words")].concat()),
        ("proof-of-another", piece(4, b"@nx 0000000000000007 proof nsh x")),
        ("flood", piece(4, b"noise").repeat(80)),
        ("begun-then-read", [piece(14, record), piece(14 | 32, b"> ")].concat()),
        ("prompt", piece(14 | 32, record)),
        ("inserted", [piece(14 | 32, b""), piece(14 | 64, record)].concat()),
        ("kernel", piece(2, b"neuron: panic: nothing\n")),
        ("test", piece(2, b"SELFTEST: mmio map ok\n")),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
