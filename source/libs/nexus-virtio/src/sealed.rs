//! The queues of a device that was set up, as the description of the system lays them out (RFC-0004).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use nexus_mmio::{Shared, SharedMut, Split};
use nexus_sysdesc::layout::{Layout, QueueLayout};

use crate::{Feature, Head, Notices, Queue, Slots};

/// A queue, its heads and their slots: what a driver has of it.
pub type Driven<P, U, const HEADS: usize> = (Queue<P, U, HEADS>, [Head; HEADS], Slots<P>);

/// The queues of one device, to be taken out of it one by one. `P` is memory of the pool, `U` of the used
/// rings.
#[derive(Debug)]
pub struct Sealed<P, U> {
    place: String,
    features: u64,
    /// By number; `None` when it was taken.
    queues: Vec<Option<Parts<P, U>>>,
}

/// One queue that nobody has taken yet.
#[derive(Debug)]
struct Parts<P, U> {
    layout: QueueLayout,
    avail: P,
    used: U,
    slots: P,
    /// Where `slots` begins in the pool.
    base: u64,
}

/// Why a driver cannot work with the memory of its device. It names the place, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Where it is said what the device reaches.
    pub place: String,
    /// What does not fit.
    pub what: Mismatch,
}

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The description has no queues for it, or such as no device can have.
    NoQueues,
    /// The startup block has no memory of the device.
    NoMemory,
    /// The pool or the memory of the used rings is not as long as the description says.
    Length {
        /// Which of them.
        of: &'static str,
        /// Its bytes.
        has: u64,
        /// What they must be.
        needs: u64,
    },
    /// The queue is not in the description, or was taken before.
    NoQueue {
        /// Its number.
        number: u16,
    },
    /// It has another number of heads than the driver is built for.
    Heads {
        /// The number of the queue.
        number: u16,
        /// What the description says.
        described: usize,
        /// What the driver is built for.
        built: usize,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::NoQueues => f.write_str("no queues; say `queues = [...]` there"),
            Mismatch::NoMemory => f.write_str(
                "no pool or no used rings came; a rule of the policy must allow the queues",
            ),
            Mismatch::Length { of, has, needs } => write!(
                f,
                "the {of} has {has} bytes, and {needs} by the description; the image must be built anew"
            ),
            Mismatch::NoQueue { number } => {
                write!(f, "no queue {number}, or it was taken; the driver uses it, so add it there")
            }
            Mismatch::Heads { number, described, built } => write!(
                f,
                "queue {number} has {described} heads, and the driver is built for {built}; \
                 make them equal, there or in the driver"
            ),
        }
    }
}

impl<P: SharedMut + Split, U: Shared + Split> Sealed<P, U> {
    /// The queues of `layout`, in memory that was set up for it: `pool` and `used` whole, with `features`
    /// agreed with the device. `place` is where the layout is described.
    ///
    /// # Errors
    /// `NoQueues`, `Length`.
    pub fn new(
        place: &str,
        layout: Layout,
        features: u64,
        pool: P,
        used: U,
    ) -> Result<Sealed<P, U>, Misfit> {
        let misfit = |what| Misfit { place: place.into(), what };
        if layout.queues.is_empty() {
            return Err(misfit(Mismatch::NoQueues));
        }
        lengths(&layout, pool.len() as u64, used.len() as u64).map_err(misfit)?;
        let queues = divide(layout, pool, used).ok_or(misfit(Mismatch::NoQueues))?;
        let queues = queues.into_iter().map(Some).collect();
        Ok(Sealed { place: place.into(), features, queues })
    }

    /// True when `feature` was agreed with the device.
    #[must_use]
    pub const fn has(&self, feature: Feature) -> bool {
        feature.is_in(self.features)
    }

    /// Takes queue `number`, with its heads and their slots. `HEADS` is how many the driver is built for.
    ///
    /// # Errors
    /// `NoQueue`, `Heads`.
    pub fn queue<const HEADS: usize>(
        &mut self,
        number: u16,
    ) -> Result<Driven<P, U, HEADS>, Misfit> {
        let notices =
            if self.has(Feature::EVENT_IDX) { Notices::EventIndex } else { Notices::Flags };
        let place = self.queues.get_mut(usize::from(number));
        let taken = place.ok_or(Mismatch::NoQueue { number }).and_then(|place| {
            let parts = place.as_ref().ok_or(Mismatch::NoQueue { number })?;
            let writable = writable(number, &parts.layout)?;
            let parts = place.take().ok_or(Mismatch::NoQueue { number })?;
            parts.start(number, notices, writable)
        });
        taken.map_err(|what| Misfit { place: self.place.clone(), what })
    }
}

impl<P: SharedMut, U: Shared> Parts<P, U> {
    fn start<const HEADS: usize>(
        self,
        number: u16,
        notices: Notices,
        writable: [u32; HEADS],
    ) -> Result<Driven<P, U, HEADS>, Mismatch> {
        let Parts { layout, avail, used, slots, base } = self;
        let none = Mismatch::NoQueue { number };
        let slots = Slots::new(number, &layout, slots, base).map_err(|_| none)?;
        let (queue, heads) =
            Queue::new(number, avail, used, notices, writable).map_err(|_| none)?;
        Ok((queue, heads, slots))
    }
}

/// That memory of a device is exactly as long as its layout says: `pool` and `used` are bytes.
pub(crate) fn lengths(layout: &Layout, pool: u64, used: u64) -> Result<(), Mismatch> {
    for (of, has, needs) in
        [("pool", pool, layout.pool), ("memory of the used rings", used, layout.used)]
    {
        if has != needs {
            return Err(Mismatch::Length { of, has, needs });
        }
    }
    Ok(())
}

/// How many bytes the device may write for each head.
fn writable<const HEADS: usize>(
    number: u16,
    layout: &QueueLayout,
) -> Result<[u32; HEADS], Mismatch> {
    let described = layout.heads.len();
    if described != HEADS {
        return Err(Mismatch::Heads { number, described, built: HEADS });
    }
    let mut writable = [0_u32; HEADS];
    for (sum, head) in writable.iter_mut().zip(&layout.heads) {
        let writes = head.segments.iter().filter(|segment| segment.writes);
        *sum = writes.fold(0, |sum, segment| sum.saturating_add(segment.len));
    }
    Ok(writable)
}

/// The memory, cut where the layout has its parts: the available rings of all queues, then their slots; and
/// the used rings. `None` when they do not lie in this order.
fn divide<P: Split, U: Split>(layout: Layout, pool: P, used: U) -> Option<Vec<Parts<P, U>>> {
    let slots_at = |queue: &QueueLayout| Some(queue.heads.first()?.segments.first()?.offset);
    let queues = &layout.queues;
    let avail_starts = queues.iter().map(|queue| Some(queue.avail));
    let starts: Option<Vec<u64>> = avail_starts.chain(queues.iter().map(slots_at)).collect();
    let starts = starts?;
    let mut pool = cut(pool, &starts)?;
    let slots = pool.split_off(queues.len());
    let bases = starts.into_iter().skip(queues.len());
    let used_starts: Vec<u64> = queues.iter().map(|queue| queue.used).collect();
    let used = cut(used, &used_starts)?;
    let rings = pool.into_iter().zip(used);
    let parts = layout.queues.into_iter().zip(rings).zip(slots.into_iter().zip(bases));
    let parts = parts.map(|((layout, (avail, used)), (slots, base))| Parts {
        layout,
        avail,
        used,
        slots,
        base,
    });
    Some(parts.collect())
}

/// Cuts memory into parts that begin at `starts`, ascending; each reaches to the next, the last to the end.
fn cut<M: Split>(memory: M, starts: &[u64]) -> Option<Vec<M>> {
    let mut parts = Vec::new();
    let mut rest = memory;
    for start in starts.iter().rev() {
        let (before, part) = rest.split(usize::try_from(*start).ok()?).ok()?;
        parts.push(part);
        rest = before;
    }
    parts.reverse();
    Some(parts)
}
