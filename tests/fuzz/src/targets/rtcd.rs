//! Requests to rtcd, over a clock that says anything.

use std::cell::RefCell;

use nexus_abi::Handle;
use nexus_mmio::fake::{Closures, FakeBus};
use nexus_proto::rtc::{Now, Request, Rtc as Protocol};
use nexus_proto::{Operation, Protocol as _};
use nexus_rt::{Client, host, run};
use rtcd::device::Rtc;
use rtcd::server::Server;

use crate::{answers, frames, input::Input};

/// 2020 and 2200, in nanoseconds since 1970.
const PLAUSIBLE: std::ops::Range<u64> = 1_577_836_800_000_000_000..7_258_118_400_000_000_001;

// attack 31 Z: wrong counts and fields to rtcd; refused as malformed
/// Whatever the registers hold: a time that is told is one that can be.
pub fn rtcd(data: &[u8]) {
    let mut input = Input::new(data);
    let registers: [u32; 8] = std::array::from_fn(|_| input.word());
    let reads = RefCell::new(0);
    let read = move |_: usize, _: usize| {
        let read = reads.replace_with(|count| *count + 1);
        registers[read % registers.len()]
    };
    let write = |_: usize, _: usize, _: u32| panic!("nothing writes to the clock");
    let Ok(rtc) = Rtc::start(FakeBus::new(0x1000, Closures(read, write))) else { return };
    let frames = frames::read(Protocol::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = run(Handle(1), &mut Server::new(rtc, Client::new(Handle(3))));
    answers::check::<Request>(&frames, &delivery, true);
    for (_, answer) in delivery.sent() {
        if let Ok(time) = Now::decode_reply(&answer) {
            assert!(PLAUSIBLE.contains(&time.unix_ns), "{time:?}");
        }
    }
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let now = frames::write_all(7, &[Now {}.encode(), Now {}.encode()]);
    let clock = |times: [u64; 4]| {
        let halves = times.iter().flat_map(|time| [*time as u32, (*time >> 32) as u32]);
        [halves.flat_map(u32::to_le_bytes).collect(), now.clone()].concat()
    };
    let noon = 1_795_348_800_000_000_000;
    let all = [
        ("steady", clock([noon; 4])),
        ("goes-mad", clock([noon, noon, 0, u64::MAX])),
        ("goes-back", clock([noon, noon, noon - 5_000_000_000, noon])),
        ("never-set", clock([0; 4])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
