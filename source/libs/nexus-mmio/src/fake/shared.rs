//! Memory that a driver shares with a simulated device, as weakly ordered as the rules allow.
//!
//! - What the driver stores is held back from the device until the driver's next fence. The test may let
//!   the newest stores overtake the older ones.
//! - What the driver loads may have been loaded ahead, at its last fence: only the first place that it
//!   loads after a fence, and a place that it loads again, is as it is now.
//!
//! So a fence that is missing shows, on every run.

use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use std::boxed::Box;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use crate::{Exact, Outside, ReadWrite, Readable, Shared, SharedMut, Split};

type Hook = Box<dyn FnMut()>;
type Change = Box<dyn FnMut(&mut [u8])>;

struct State {
    /// As the device sees it.
    bytes: Vec<u8>,
    /// Stores of the driver that the device does not see yet, the oldest first.
    held: Vec<(usize, Vec<u8>)>,
    /// The bytes at the driver's last fence.
    ahead: Vec<u8>,
    /// Where `bytes` has changed since.
    changed: Vec<Range<usize>>,
    /// Where the driver has loaded since.
    loaded: Vec<usize>,
    /// What happens after each load of the driver.
    hook: Option<Hook>,
    /// What happens after each store.
    store_hook: Option<Hook>,
    /// What becomes of the bytes of each load and store of the driver.
    change: Option<Change>,
}

impl State {
    fn fence(&mut self) {
        for (offset, bytes) in core::mem::take(&mut self.held) {
            self.put(offset, &bytes);
        }
        for range in self.changed.drain(..) {
            self.ahead[range.clone()].copy_from_slice(&self.bytes[range]);
        }
        self.loaded.clear();
    }

    /// From now on the device sees these bytes.
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        let range = offset..offset + bytes.len();
        self.bytes[range.clone()].copy_from_slice(bytes);
        self.changed.push(range);
    }

    /// What the driver sees, its own stores included.
    fn load(&mut self, offset: usize, to: &mut [u8]) {
        let fresh = self.loaded.is_empty() || self.loaded.contains(&offset);
        let from = if fresh { &self.bytes } else { &self.ahead };
        self.loaded.push(offset);
        to.copy_from_slice(&from[offset..offset + to.len()]);
        for (start, bytes) in &self.held {
            for (at, byte) in (*start..).zip(bytes) {
                if let Some(to) = at.checked_sub(offset).and_then(|at| to.get_mut(at)) {
                    *to = *byte;
                }
            }
        }
    }

    fn err(&mut self, bytes: &mut [u8]) {
        if let Some(change) = &mut self.change {
            change(bytes);
        }
    }

    /// The newest stores become visible, of one place in their order; the older ones stay behind.
    fn overtake(&mut self, count: usize) {
        let newest = self.held.split_off(self.held.len().saturating_sub(count));
        for (offset, bytes) in newest {
            self.held.retain(|(start, _)| *start != offset);
            self.put(offset, &bytes);
        }
    }
}

/// All of the memory, as the device and the test see it. A clone is the same memory.
#[derive(Clone)]
pub struct FakeMemory(Rc<RefCell<State>>);

impl FakeMemory {
    /// `len` bytes of zeroes.
    #[must_use]
    pub fn new(len: usize) -> FakeMemory {
        let (bytes, ahead) = (vec![0; len], vec![0; len]);
        let (held, changed, loaded) = (Vec::new(), Vec::new(), Vec::new());
        let (hook, store_hook, change) = (None, None, None);
        let state = State { bytes, held, ahead, changed, loaded, hook, store_hook, change };
        FakeMemory(Rc::new(RefCell::new(state)))
    }

    /// A part of it for the driver.
    ///
    /// # Panics
    /// It is not inside, or does not begin at a multiple of 8.
    #[must_use]
    pub fn part<A>(&self, range: Range<usize>) -> FakeShared<A> {
        assert!(range.start.is_multiple_of(8) && range.start <= range.end, "{range:?}");
        assert!(range.end <= self.0.borrow().bytes.len(), "{range:?}");
        FakeShared { memory: self.clone(), range, access: PhantomData }
    }

    /// What the device sees of `range`.
    #[must_use]
    pub fn device_read(&self, range: Range<usize>) -> Vec<u8> {
        self.0.borrow().bytes[range].to_vec()
    }

    /// A store of the device.
    pub fn device_write(&self, offset: usize, bytes: &[u8]) {
        self.0.borrow_mut().put(offset, bytes);
    }

    /// The driver's newest `count` stores overtake those before them since its last fence.
    pub fn overtake(&self, count: usize) {
        self.0.borrow_mut().overtake(count);
    }

    /// Nothing is held back or loaded ahead any more: time has passed, or the driver was woken.
    pub fn settle(&self) {
        self.0.borrow_mut().fence();
    }

    /// Does `hook` after each load of the driver, but for loads in `hook` itself.
    pub fn after_each_load(&self, hook: impl FnMut() + 'static) {
        self.0.borrow_mut().hook = Some(Box::new(hook));
    }

    /// Does `hook` after each store of the driver, which is held back still.
    pub fn after_each_store(&self, hook: impl FnMut() + 'static) {
        self.0.borrow_mut().store_hook = Some(Box::new(hook));
    }

    /// From now on the driver errs: it takes what it loads, and stores what it means to, as `change` leaves it.
    pub fn change_each_access(&self, change: impl FnMut(&mut [u8]) + 'static) {
        self.0.borrow_mut().change = Some(Box::new(change));
    }

    fn driver_load(&self, offset: usize, to: &mut [u8]) {
        self.0.borrow_mut().load(offset, to);
        self.0.borrow_mut().err(to);
        let hook = self.0.borrow_mut().hook.take();
        if let Some(mut hook) = hook {
            hook();
            self.0.borrow_mut().hook = Some(hook);
        }
    }
}

/// A part of a [`FakeMemory`], as a driver sees it. An access of a word that is not aligned, or not
/// inside, panics: a driver makes none.
pub struct FakeShared<A> {
    memory: FakeMemory,
    range: Range<usize>,
    access: PhantomData<A>,
}

impl<A> fmt::Debug for FakeShared<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeShared").field("range", &self.range).finish_non_exhaustive()
    }
}

impl<A> FakeShared<A> {
    /// Where in all of the memory `len` bytes at `offset` are.
    pub(super) fn place(&self, offset: usize, len: usize) -> Result<usize, Outside> {
        let has = self.range.len();
        let inside = offset <= has && len <= has - offset;
        inside.then(|| self.range.start + offset).ok_or(Outside)
    }

    /// The same for `count` words side by side.
    pub(super) fn run(&self, offset: usize, count: usize) -> Result<usize, Outside> {
        let bytes = count.checked_mul(8).ok_or(Outside)?;
        let aligned = count == 0 || offset.is_multiple_of(8);
        self.place(offset, bytes).and_then(|at| if aligned { Ok(at) } else { Err(Outside) })
    }

    pub(super) fn word<const BYTES: usize>(&self, offset: usize) -> usize {
        assert!(offset.is_multiple_of(BYTES), "word of {BYTES} bytes at {offset:#x}");
        self.place(offset, BYTES)
            .unwrap_or_else(|Outside| panic!("word of {BYTES} bytes at {offset:#x}"))
    }

    fn load<const BYTES: usize>(&self, offset: usize) -> [u8; BYTES] {
        let at = self.word::<BYTES>(offset);
        let mut bytes = [0; BYTES];
        self.memory.driver_load(at, &mut bytes);
        bytes
    }

    fn store(&mut self, at: usize, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        self.memory.0.borrow_mut().err(&mut bytes);
        self.memory.0.borrow_mut().held.push((at, bytes));
        let hook = self.memory.0.borrow_mut().store_hook.take();
        if let Some(mut hook) = hook {
            hook();
            self.memory.0.borrow_mut().store_hook = Some(hook);
        }
    }
}

impl<A> Split for FakeShared<A> {
    fn split(self, at: usize) -> Result<(Self, Self), Self> {
        if at > self.range.len() || !at.is_multiple_of(8) {
            return Err(self);
        }
        let FakeShared { memory, range, access } = self;
        let middle = range.start + at;
        let first = FakeShared { memory: memory.clone(), range: range.start..middle, access };
        Ok((first, FakeShared { memory, range: middle..range.end, access }))
    }
}

impl Exact for FakeShared<ReadWrite> {
    type Exactly<const COUNT: usize> = FakeShared<ReadWrite>;

    fn exactly<const COUNT: usize>(self) -> Result<Self, Self> {
        if self.range.len() == COUNT { Ok(self) } else { Err(self) }
    }
}

impl<A: Readable> Shared for FakeShared<A> {
    fn len(&self) -> usize {
        self.range.len()
    }
    fn copy_out(&self, offset: usize, to: &mut [u8]) -> Result<(), Outside> {
        let at = self.place(offset, to.len())?;
        self.memory.driver_load(at, to);
        Ok(())
    }
    fn read16(&self, offset: usize) -> u16 {
        u16::from_le_bytes(self.load(offset))
    }
    fn read32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.load(offset))
    }
    fn read32s<const COUNT: usize>(&self, offset: usize) -> [u32; COUNT] {
        core::array::from_fn(|index| self.read32(offset + 4 * index))
    }
    fn words(
        &self,
        offset: usize,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = u64>, Outside> {
        self.run(offset, count)?;
        Ok((0..count).map(move |index| u64::from_ne_bytes(self.load(offset + 8 * index))))
    }
    fn fence(&self) {
        self.memory.0.borrow_mut().fence();
    }
}

impl SharedMut for FakeShared<ReadWrite> {
    fn copy_in(&mut self, offset: usize, from: &[u8]) -> Result<(), Outside> {
        let at = self.place(offset, from.len())?;
        self.store(at, from);
        Ok(())
    }
    fn write16(&mut self, offset: usize, value: u16) {
        let at = self.word::<2>(offset);
        self.store(at, &value.to_le_bytes());
    }
    fn put_words(
        &mut self,
        offset: usize,
        words: impl ExactSizeIterator<Item = u64>,
    ) -> Result<(), Outside> {
        let at = self.run(offset, words.len())?;
        for (index, word) in words.enumerate() {
            self.store(at + 8 * index, &word.to_ne_bytes());
        }
        Ok(())
    }
}
