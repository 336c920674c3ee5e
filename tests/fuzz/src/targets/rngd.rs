//! Requests to rngd, whose device lies.

use std::cell::RefCell;
use std::time::Duration;

use nexus_abi::Handle;
use nexus_proto::entropy::{Entropy, Random, Request};
use nexus_proto::{Operation, Protocol, Request as _};
use nexus_rt::{Service, host, run};
use nexus_virtio::Notices;
use nexus_virtio::fake::{FakeDevice, Hostile, Layout};
use rngd::server::Server;
use rngd::source::{SLOT_BYTES, Source};

use crate::{answers, frames, input::Input};

const HEADS: usize = 4;
/// Turns of the device and its driver before anybody asks.
const TURNS: usize = 64;

std::thread_local! {
    /// Of the device: what it gives is as good as random, and the same in each run.
    static STATE: RefCell<u64> = const { RefCell::new(0) };
}

/// The next bytes of the device (splitmix64).
fn entropy() -> Vec<u8> {
    let word = || {
        STATE.with_borrow_mut(|state| {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)).to_le_bytes()
        })
    };
    (0..SLOT_BYTES / 8).flat_map(|_| word()).collect()
}

// attack 31 Z: wrong counts and fields to rngd; refused as malformed
// attack 90 Z: the entropy device lies in every way; bytes that were tested, or none
/// Whatever the device does: bytes are as many as were asked for, and no two answers are equal.
pub fn rngd(data: &[u8]) {
    let mut input = Input::new(data);
    let notices = if input.byte() & 1 == 0 { Notices::Flags } else { Notices::EventIndex };
    let lies = usize::from(input.byte());
    let lies = input.bytes(lies);
    STATE.set(u64::from(notices == Notices::Flags));
    let layout = Layout::alike(HEADS as u16, &[], &[SLOT_BYTES as u32]);
    let memory = layout.memory();
    let device = FakeDevice::new(&memory, &layout, 0, notices, |_, _| entropy());
    let doorbell = device.doorbell();
    let mut device = Hostile::new(device, lies);
    let (queue, heads, slots) =
        layout.sealed(&memory, notices).queue::<HEADS>(0).expect("a queue of this very layout");
    let source = Source::new(queue, slots, heads);
    let mut server = Server::new(doorbell, source, true, || Duration::from_secs(1));
    let frames = frames::read(Entropy::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    for _ in 0..TURNS {
        server.interrupt();
        device.step();
        device.work();
        memory.settle();
    }
    let _ = run(Handle(1), &mut server);
    answers::check::<Request>(&frames, &delivery, false);
    let mut given = Vec::new();
    for (reply, answer) in delivery.sent() {
        let asked = frames.iter().find(|frame| frame.reply == reply);
        let Some(Ok(Request::Random(op))) = asked.map(|frame| Request::decode(&frame.message))
        else {
            continue;
        };
        let Ok(text) = Random::decode_reply(&answer) else { continue };
        assert_eq!(text.as_bytes().len() as u64, op.len);
        // Shorter ones are equal by chance.
        if op.len >= 16 {
            assert!(!given.contains(&text), "{text:?} twice");
            given.push(text);
        }
    }
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let asks = [1, 16, 48, 48, 0, 49, u64::MAX].map(|len| Random { len }.encode());
    let asks = frames::write_all(10, &asks);
    let with = |notices: u8, lies: &[u8]| {
        [&[notices, u8::try_from(lies.len()).unwrap_or(0)], lies, &asks].concat()
    };
    let all = [
        ("flags", with(0, &[])),
        ("event-index", with(1, &[])),
        ("no-such-head", with(1, &[63, 63, 0, 9, 0, 1, 0])),
        ("not-written", with(0, &[63, 63, 63, 63, 3, 64, 0, 3, 64, 0, 3, 64, 0])),
        ("index", with(1, &[63, 5, 0xff, 0x7f])),
        ("reset", with(0, &[63, 63, 63, 12])),
        ("scribbled", with(1, &[63, 63, 9, 50, 0, 1, 1, 9, 60, 0, 2, 2])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
