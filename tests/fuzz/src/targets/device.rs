//! What rngd, virtioblkd and virtionetd do: look at a virtio device, and answer for it.

use nexus_abi::Handle;
use nexus_mmio::Registers;
use nexus_mmio::fake::{Closures, FakeBus};
use nexus_proto::device::{Device, Flush, Identify, Read, Request, Write};
use nexus_proto::{Operation, Protocol, Text, Zero};
use nexus_rt::{host, serve};
use nexus_virtio::regs::LEN;
use nexus_virtio::{DeviceType, answer, identify};

use crate::{answers, frames, input::Input};

const KINDS: [DeviceType; 3] = [DeviceType::NETWORK, DeviceType::BLOCK, DeviceType::ENTROPY];
/// "virt", and the layout of virtio 1.
const MAGIC: u32 = 0x7472_6976;
const VERSION: u32 = 2;

// attack 42 Z: another device, or none, in the slot; refused, and nothing is written to it
// attack 31 Z: wrong counts and fields to the owner of a virtio device; refused as malformed
/// Whatever is in the slot: the owner serves its own device and no other, and writes nothing.
pub fn device(data: &[u8]) {
    let mut input = Input::new(data);
    let expected = KINDS[usize::from(input.byte()) % KINDS.len()];
    let registers: [u32; 4] = std::array::from_fn(|_| input.word());
    let read = move |offset: usize, _: usize| registers[offset / 4];
    let write = |_: usize, _: usize, _: u32| panic!("identification stores nothing");
    let bus = FakeBus::new(0x1000, Closures(read, write));
    let regs = Registers::<_, LEN>::new(bus).expect("a window of a page");
    let good = registers[..3] == [MAGIC, VERSION, expected.id()];
    let Ok(identity) = identify(&regs, expected) else { return assert!(!good) };
    assert!(good, "{identity:?}");
    let frames = frames::read(Device::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = serve::<Device>(Handle(1), |_, request| answer(&identity, &request));
    answers::check::<Request>(&frames, &delivery, true);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let asks = [
        Identify {}.encode(),
        Read { offset: 0, len: 512, zero: Zero::ZERO }.encode(),
        Write { offset: u64::MAX, data: Text::piece(b"data") }.encode(),
        Flush {}.encode(),
    ];
    let slot = |kind: u8, registers: [u32; 4]| {
        let words = registers.iter().flat_map(|register| register.to_le_bytes());
        [vec![kind], words.collect(), frames::write_all(11, &asks)].concat()
    };
    let all = [
        ("network", slot(0, [MAGIC, 2, 1, 0x554d_4551])),
        ("block", slot(1, [MAGIC, 2, 2, 0x554d_4551])),
        ("entropy", slot(2, [MAGIC, 2, 4, 0x554d_4551])),
        ("another", slot(2, [MAGIC, 2, 2, 0])),
        ("legacy", slot(1, [MAGIC, 1, 2, 0])),
        ("empty", slot(0, [MAGIC, 2, 0, 0])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
