//! Somebody who asks for anything, a device that lies, and what must be true whatever both do.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use nexus_proto::disk::{Flush, Read, Write, ring};
use nexus_proto::{Text, Zero};
use nexus_ring::{DONE, Submission};
use nexus_virtio::Notices;
use nexus_virtio::block::SECTOR;
use nexus_virtio::fake::{Hostile, Order};

use super::{Bench, CONFIG, DATA, LIFE, bench};
use crate::calls::Ask;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests of the ring that were done.
    pub done: usize,
    /// Requests of the ring that failed or were refused.
    pub failed: usize,
    /// Messages that were answered.
    pub answered: usize,
    /// Attachments after the first.
    pub attached: usize,
    /// The device misbehaved.
    pub misbehaved: bool,
}

struct Exercise<'a> {
    bench: Bench,
    device: Hostile<'a>,
    /// What is in the data area, as the consumer knows it.
    data: Vec<u8>,
    /// Requests of the ring in flight: the operation, the first sector, and where the data is.
    flight: BTreeMap<u16, (u8, u64, Range<usize>)>,
    /// How many requests of the ring were made ahead of each that is in flight.
    ahead: BTreeMap<u16, usize>,
    made: usize,
    /// Messages that were asked.
    asked: usize,
    /// Of which message an answer came, or is to come no more.
    answered: Vec<usize>,
    /// The message by which the consumer attached last.
    attaches: Option<usize>,
    outcome: Outcome,
}

/// Everybody driven by `data`: the first byte says how device and driver notify each other, and whether the
/// device writes into slots at will; each one after it who acts.
///
/// # Panics
/// Something is not true that must be: a request is completed or answered twice; data of the consumer changes
/// that no request of its own in this attachment is for; a flush is done ahead of a change that it is of; a read is done, and is not what the disk has there; after the device
/// misbehaved somebody waits for ever.
#[must_use]
pub fn exercise(data: &[u8]) -> Outcome {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let notices = if first & 1 == 0 { Notices::Flags } else { Notices::EventIndex };
    let order = if first & 2 == 0 { Order::Oldest } else { Order::Newest };
    let mut bench = bench(CONFIG, notices, order);
    let device = bench.device.take().expect("a device");
    let careful = first & 4 == 0;
    let device = Hostile::new(device, rest);
    let device = if careful { device.careful() } else { device };
    let mut all = Exercise {
        bench,
        device,
        data: alloc::vec![0; DATA],
        flight: BTreeMap::new(),
        ahead: BTreeMap::new(),
        made: 0,
        asked: 0,
        answered: Vec::new(),
        attaches: None,
        outcome: Outcome::default(),
    };
    while let Some(byte) = all.device.byte() {
        match byte % 16 {
            0 | 1 => all.submit(),
            2 => all.ask(byte),
            3 | 4 => {
                all.bench.turn();
            }
            5 => all.turn_and_device(byte),
            6 => all.bench.memory.overtake(1),
            7 => all.device.step(),
            15 if byte & 0x10 != 0 => all.attach(),
            _ => all.device.work(),
        }
        all.check(careful);
    }
    all.end(careful)
}

impl Exercise<'_> {
    fn number(&mut self) -> u16 {
        let mut byte = || self.device.byte().unwrap_or(0);
        u16::from_le_bytes([byte(), byte()])
    }

    /// A turn in which the device acts while its one request is looked for.
    fn turn_and_device(&mut self, byte: u8) {
        let Exercise { bench, device, .. } = self;
        let mut looks = byte >> 4;
        bench.turn_while(|| {
            device.work();
            looks = looks.saturating_sub(1);
            looks > 0
        });
    }

    /// A request of the ring, good or not. Writes change nothing: each sector keeps its number, so that what
    /// is read can be known.
    fn submit(&mut self) {
        let (what, place) = (self.number(), self.number());
        let Some(id) = self.bench.consumer.free_id() else { return };
        let op = (what % 6) as u8;
        let (sector, sectors) = (u64::from(what >> 4) % 80, 1 + u32::from(what >> 11) % 24);
        let len = match op {
            ring::READ | ring::WRITE => sectors * SECTOR,
            ring::DISCARD | ring::ZEROES => ring::RANGE,
            _ => 0,
        };
        let slot = u32::from(place) % 32 * 1024;
        let range = slot as usize..(slot + len) as usize;
        let taken = |(_, _, other): &(u8, u64, Range<usize>)| {
            range.start < other.end && other.start < range.end
        };
        if range.end > DATA || self.flight.values().any(taken) {
            return;
        }
        self.fill(op, sector, &range);
        let request = Submission { id, op, len, offset: slot, arg: sector };
        if self.bench.consumer.submit(request).is_ok() {
            self.flight.insert(id, (op, sector, range));
            self.ahead.insert(id, self.made);
            self.made += 1;
        }
    }

    /// The data of a request: the numbers of its sectors, or a range without sectors.
    fn fill(&mut self, op: u8, sector: u64, range: &Range<usize>) {
        let bytes = match op {
            ring::WRITE => numbered(sector, range.len()),
            _ => alloc::vec![0; range.len()],
        };
        self.bench.consumer.write(range.start as u32, &bytes).expect("its own data");
        self.data[range.clone()].copy_from_slice(&bytes);
    }

    fn ask(&mut self, byte: u8) {
        let offset = u64::from(self.number());
        let ask = match byte >> 3 & 3 {
            0 => Ask::Flush(Flush {}),
            1 => {
                let number = (offset / u64::from(SECTOR)).to_le_bytes();
                Ask::Write(Write { offset: offset & !7, data: Text::piece(&number) })
            }
            _ => Ask::Read(Read { offset, len: u32::from(byte >> 3), zero: Zero::ZERO }),
        };
        self.bench.engine.ask(self.asked, ask);
        self.asked += 1;
    }

    /// The consumer begins anew, and does not wait until it is answered: what was in flight is nobody's.
    fn attach(&mut self) {
        assert!(self.bench.consumer.begin().eq(self.flight.keys().copied()));
        self.flight.clear();
        self.data = self.bench.data(0..DATA as u32);
        self.bench.engine.attach(self.asked, LIFE);
        self.bench.consumer.attached().expect("a driver that has joined");
        // Whoever attached before and is not answered yet waits no more.
        let before = self.attaches.replace(self.asked).filter(|who| !self.answered.contains(who));
        self.answered.extend(before);
        self.asked += 1;
        self.outcome.attached += 1;
    }

    fn check(&mut self, careful: bool) {
        for (who, _) in self.bench.answers() {
            assert!(who < self.asked && !self.answered.contains(&who), "{who} is answered twice");
            self.answered.push(who);
        }
        for (id, status, _) in self.bench.completions() {
            let (op, sector, range) = self.flight.remove(&id).expect("a request in flight");
            if status != DONE {
                self.outcome.failed += 1;
            } else {
                self.outcome.done += 1;
                assert!(op != ring::FLUSH || self.is_first(id), "{id}: a change ahead is not done");
                let read = self.bench.data(range.start as u32..range.end as u32);
                let right = op != ring::READ || read == numbered(sector, range.len());
                assert!(right || !careful, "{id}: what was read is not sector {sector}");
            }
            if op == ring::READ {
                let read = self.bench.data(range.start as u32..range.end as u32);
                self.data[range].copy_from_slice(&read);
            }
        }
        self.outcome.misbehaved |= self.bench.misbehaved().is_some();
        self.unchanged();
    }

    /// True when no change is in flight that stands ahead of this flush.
    fn is_first(&self, flush: u16) -> bool {
        let ahead = |id: &u16| self.ahead.get(id) < self.ahead.get(&flush);
        let changes = |op: u8| matches!(op, ring::WRITE | ring::DISCARD | ring::ZEROES);
        !self.flight.iter().any(|(id, (op, ..))| changes(*op) && ahead(id))
    }

    /// What no read in flight may write to is as it was.
    fn unchanged(&self) {
        let mut now = self.bench.data(0..DATA as u32);
        let reads = self.flight.values().filter(|(op, ..)| *op == ring::READ);
        for (_, _, range) in reads {
            now[range.clone()].copy_from_slice(&self.data[range.clone()]);
        }
        assert!(now == self.data, "data of another request");
    }

    /// After a device that misbehaved nobody waits.
    fn end(mut self, careful: bool) -> Outcome {
        if self.outcome.misbehaved {
            self.bench.turn();
            self.check(careful);
            assert!(self.flight.is_empty(), "{:?} wait for a device that is given up", self.flight);
            assert_eq!(self.answered.len(), self.asked, "messages wait for it");
        }
        Outcome { answered: self.answered.len(), ..self.outcome }
    }
}

/// Sectors that hold their numbers.
fn numbered(first: u64, len: usize) -> Vec<u8> {
    let sectors = first..first + (len as u64).div_ceil(SECTOR.into());
    let bytes = sectors.flat_map(|sector| sector.to_le_bytes().repeat(SECTOR as usize / 8));
    bytes.take(len).collect()
}
