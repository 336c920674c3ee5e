//! Logic faults: a driver that takes another value than it loaded, or stores another than it meant, over a device
//! that does what it should. Counted apart from faults in the code of drivers (`tests/systems/faults`).

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{self, AssertUnwindSafe};

use nexus_mmio::fake::FakeMemory;

/// Fewest and most faults of a life, as in its code.
const FEWEST: u64 = 8;
const MOST: u64 = 16;

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    const fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }
}

/// How many faults a life had so far.
pub type Made = Rc<Cell<u64>>;

/// From now on the driver of this memory has 8 to 16 faults, which follow from `seed`: one in `one_in` accesses, which
/// is not 0, is wrong.
#[must_use]
pub fn faults(memory: &FakeMemory, seed: u64, one_in: u64) -> Made {
    let mut random = Random(seed);
    let all = FEWEST + random.below(MOST - FEWEST + 1);
    let made = Made::default();
    let count = Rc::clone(&made);
    memory.change_each_access(move |bytes| {
        if count.get() < all && !bytes.is_empty() && random.below(one_in) == 0 {
            count.set(count.get() + 1);
            change(bytes, &mut random);
        }
    });
    made
}

/// Another bit, one more or one less, nothing, all ones, or anything.
fn change(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len() as u64) as usize;
    match random.below(6) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[0] = bytes[0].wrapping_add(1),
        2 => bytes[0] = bytes[0].wrapping_sub(1),
        3 => bytes.fill(0),
        4 => bytes.fill(0xff),
        _ => bytes.iter_mut().for_each(|byte| *byte = random.next() as u8),
    }
}

/// What a client had of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// No answer.
    Nothing,
    /// One that is not right, or a refusal.
    Wrong,
    /// What is right.
    Right,
}

/// How lives with logic faults ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Lives.
    pub lives: u64,
    /// Faults in all.
    pub faults: u64,
    /// By a panic of the driver.
    pub panicked: u64,
    /// By its device, which was handed what no driver may hand it, or was kept busy for ever.
    pub broke: u64,
    /// Answering nothing.
    pub silent: u64,
    /// Answering wrongly, or with a refusal.
    pub wrong: u64,
    /// With no sign of a fault.
    pub sound: u64,
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ends { lives, faults, panicked, broke, silent, wrong, sound } = self;
        write!(f, "{faults} logic faults in {lives} lives: {panicked} panicked, ")?;
        write!(f, "{broke} broke their device, {silent} silent, {wrong} wrong, {sound} sound")
    }
}

/// Has `life` live so often, with a seed each, and after each `honest`, which must answer rightly.
///
/// # Panics
/// A life without faults does not.
pub fn lives(
    count: u64,
    mut life: impl FnMut(u64) -> (Made, Box<dyn FnOnce() -> Heard>),
    mut honest: impl FnMut(u64) -> Heard,
) -> Ends {
    let mut ends = Ends::default();
    let says = panic::take_hook();
    let by_device = Arc::new(AtomicBool::new(false));
    let note = Arc::clone(&by_device);
    panic::set_hook(Box::new(move |panic| {
        let by = panic.location().is_some_and(|place| place.file().contains("/fake"));
        note.store(by, Ordering::Relaxed);
    }));
    let mut heard = Heard::Right;
    for seed in 1..=count {
        let (made, life) = life(seed);
        let place = match panic::catch_unwind(AssertUnwindSafe(life)) {
            Err(_) if by_device.load(Ordering::Relaxed) => &mut ends.broke,
            Err(_) => &mut ends.panicked,
            Ok(Heard::Nothing) => &mut ends.silent,
            Ok(Heard::Wrong) => &mut ends.wrong,
            Ok(Heard::Right) => &mut ends.sound,
        };
        *place += 1;
        ends.lives += 1;
        ends.faults += made.get();
        heard = panic::catch_unwind(AssertUnwindSafe(|| honest(seed))).unwrap_or(Heard::Nothing);
        if heard != Heard::Right {
            break;
        }
    }
    panic::set_hook(says);
    assert_eq!(heard, Heard::Right, "the life after that with seed {}", ends.lives);
    ends
}
