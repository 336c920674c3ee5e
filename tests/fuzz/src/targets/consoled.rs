//! Requests to consoled, and keys at its terminal.

use nexus_abi::{Handle, NO_DEADLINE};
use nexus_proto::console::{Console, Insert, LineText, Prompt, ReadKey, ReadLine, Request, Write};
use nexus_proto::{Operation, Protocol, Text, Zero};
use nexus_rt::{host, run};

use crate::{answers, frames, input::Input, system, uart};

// attack 31 Z: wrong counts and fields to consoled; refused as malformed
// attack 29 Z: many readers at once; every reply is used once at most
/// Whatever is asked and typed: each call has one answer at most, in the protocol's form.
pub fn consoled(data: &[u8]) {
    let mut input = Input::new(data);
    let description = system::either(input.byte());
    let keys = usize::from(input.byte());
    let (mut server, _shown) = uart::console(input.bytes(keys), description);
    let frames = frames::read(Console::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = run(Handle(1), &mut server);
    answers::check::<Request>(&frames, &delivery, false);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let text = |bytes: &[u8]| Text::piece(bytes);
    let read = ReadLine { deadline: NO_DEADLINE }.encode();
    let with = |typed: &[u8], messages: &[nexus_abi::Message]| {
        let len = u8::try_from(typed.len()).unwrap_or(0);
        [vec![0, len], typed.to_vec(), frames::write_all(10, messages)].concat()
    };
    let edit = [
        Prompt { text: text(b"nsh> ") }.encode(),
        read,
        Insert { text: text("\u{e9}\u{4e2d}".as_bytes()) }.encode(),
        LineText { offset: 1, zero: Zero::ZERO }.encode(),
        read,
    ];
    let keys = [ReadKey { deadline: 0 }.encode(), ReadKey { deadline: NO_DEADLINE }.encode()];
    let write = [
        Write { text: text(b"begun ") }.encode(),
        Write { text: text(b"and ended\nand more\x1b[2J\r\n").with_more(true) }.encode(),
    ];
    let all = [
        ("edit", with(b"ls\x1b[D\x1b[A\x7f\t\x01\x0b\r", &edit)),
        ("keys", with(b"q", &keys)),
        ("write", with(b"", &write)),
        ("interrupt", with(b"\x03\x04\xff\xc3", &edit)),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
