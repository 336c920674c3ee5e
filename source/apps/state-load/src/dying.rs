//! A driver that dies at a step of what it does for its consumer.
//!
//! A step is at each request that it takes from the ring, before it does; at each doorbell, before and behind it; and at
//! each request whose end it tells in the ring, before and behind that. So of a batch any number is taken and not asked
//! for, or done by the device and not told, when it dies.

use alloc::rc::Rc;
use core::cell::Cell;
use core::ops::Range;

use nexus_mmio::{Bus, Outside, Shared, SharedMut};

/// The register by which a device is told that it is asked (virtio 1.2, 4.2.2).
const QUEUE_NOTIFY: usize = 0x50;
/// Where requests stand in the memory of a ring, and where the driver says how many it has told the end of.
const REQUESTS: Range<usize> = 256..256 + 32 * 64;
const TOLD: usize = 128;

/// The steps that are left. One handle to them; a clone is the same.
#[derive(Clone, Debug)]
pub struct Steps {
    left: Rc<Cell<Option<u32>>>,
    die: fn(),
}

impl Steps {
    /// So many, and then `die`; none: for ever.
    #[must_use]
    pub fn new(left: Option<u32>, die: fn()) -> Steps {
        Steps { left: Rc::new(Cell::new(left)), die }
    }

    fn step(&self) {
        match self.left.get() {
            Some(0) => (self.die)(),
            left => self.left.set(left.map(|left| left - 1)),
        }
    }
}

/// Registers, or the memory of a ring, of a driver that dies.
#[derive(Debug)]
pub struct Dying<T> {
    of: T,
    steps: Steps,
}

impl<T> Dying<T> {
    /// That it uses, and the steps that it has left.
    pub const fn new(of: T, steps: Steps) -> Dying<T> {
        Dying { of, steps }
    }

    /// What is done, with a step before and a step behind it where it `counts`.
    fn around(&mut self, counts: bool, what: impl FnOnce(&mut T)) {
        if counts {
            self.steps.step();
        }
        what(&mut self.of);
        if counts {
            self.steps.step();
        }
    }
}

impl<B: Bus> Bus for Dying<B> {
    fn len(&self) -> usize {
        self.of.len()
    }
    fn read8(&self, offset: usize) -> u8 {
        self.of.read8(offset)
    }
    fn read16(&self, offset: usize) -> u16 {
        self.of.read16(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        self.of.read32(offset)
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.of.write8(offset, value);
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.of.write16(offset, value);
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.around(offset == QUEUE_NOTIFY, |bus| bus.write32(offset, value));
    }
}

impl<M: Shared> Shared for Dying<M> {
    fn len(&self) -> usize {
        self.of.len()
    }
    fn copy_out(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        self.of.copy_out(offset, to)
    }
    fn read16(&self, offset: usize) -> u16 {
        self.of.read16(offset)
    }
    fn read32(&self, offset: usize) -> u32 {
        self.of.read32(offset)
    }
    fn read32s<const COUNT: usize>(&self, offset: usize) -> [u32; COUNT] {
        self.of.read32s(offset)
    }
    fn words(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = u64>, Outside> {
        if REQUESTS.contains(&offset) {
            self.steps.step();
        }
        self.of.words(offset, count)
    }
    fn fence(&self) {
        self.of.fence();
    }
}

impl<M: SharedMut> SharedMut for Dying<M> {
    fn copy_in(&mut self, offset: usize, from: &[u8]) -> Result<(), Outside> {
        self.of.copy_in(offset, from)
    }
    fn write16(&mut self, offset: usize, value: u16) {
        // What begins an attachment tells of none.
        self.around(offset == TOLD && value != 0, |memory| memory.write16(offset, value));
    }
    fn put_words(
        &mut self,
        offset: usize,
        words: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), Outside> {
        self.of.put_words(offset, words)
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};

    use nexus_mmio::ReadWrite;
    use nexus_mmio::fake::{FakeMemory, FakeShared};
    use nexus_ring::{Consumer, DONE, Driver, Ops, Submission, memory_len};

    use super::*;

    static DEATHS: AtomicU32 = AtomicU32::new(0);

    /// The steps of a driver that is asked for three requests, takes them, and tells their ends.
    fn steps_of(requests: u16) -> u32 {
        let most = 1000;
        let steps = Steps::new(Some(most), || panic!("it had more"));
        let memory = FakeMemory::new(memory_len(4096));
        let part = || -> FakeShared<ReadWrite> { memory.part(0..memory_len(4096)) };
        let mut consumer = Consumer::<_, 8>::new(part(), 1).unwrap();
        let dying = Dying::new(part(), steps.clone());
        let mut driver = Driver::<_, 8>::new(dying, Ops::of(&[1])).unwrap();
        driver.attach(1).unwrap();
        consumer.attached().unwrap();
        for id in 0..requests {
            consumer.submit(Submission { id, op: 1, ..Submission::default() }).unwrap();
        }
        let mut taken = Vec::new();
        while let Some(request) = driver.take().unwrap() {
            taken.push(request);
        }
        assert_eq!(taken.len(), usize::from(requests));
        taken.into_iter().for_each(|request| driver.complete(request, DONE, 0).unwrap());
        most - steps.left.get().unwrap()
    }

    // The places of the ring are as they are here, or nobody dies there.
    #[test]
    fn each_request_has_a_step_when_it_is_taken_and_two_when_its_end_is_told() {
        assert_eq!([0, 1, 3].map(steps_of), [0, 3, 9]);
    }

    #[test]
    fn a_doorbell_has_two_steps_and_the_last_one_is_the_end() {
        let steps = Steps::new(Some(1), || {
            DEATHS.fetch_add(1, Ordering::Relaxed);
        });
        let mut bus = Dying::new(nexus_mmio::fake::FakeBus::new(0x100, Registers), steps);
        bus.write32(QUEUE_NOTIFY + 4, 0);
        assert_eq!(DEATHS.load(Ordering::Relaxed), 0);
        bus.write32(QUEUE_NOTIFY, 0);
        assert_eq!(DEATHS.load(Ordering::Relaxed), 1);
    }

    struct Registers;

    impl nexus_mmio::fake::Device for Registers {
        fn read(&mut self, _: usize, _: usize) -> u32 {
            0
        }
        fn write(&mut self, _: usize, _: usize, _: u32) {}
    }
}
