//! Deadlines: a heap of alarms, the earliest first, for threads; and one for interrupt lines that are
//! held back.
//!
//! A thread has one alarm at most, and leaves it set when its wait ends before its deadline: the
//! next wait most often has a later deadline, and takes the alarm along as it is. So a call with a
//! deadline writes one word, its answer another, and neither touches the heap. An alarm that rings
//! before the deadline of its thread moves there, and one of a thread without a deadline is dropped.
//! Setting, moving and dropping one takes time in the logarithm of their number.

use derive_where::derive_where;
use nexus_abi::{Error, NO_DEADLINE};

use crate::Result;
use crate::store::pool::{Id, Pool};

/// The alarm of one thread or line.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Ring {
    /// When it rings; [`NO_DEADLINE`] when none is set.
    pub at: u64,
    /// Its place in the heap.
    pub(crate) place: usize,
}

impl Ring {
    /// None is set.
    pub(crate) const NONE: Ring = Ring { at: NO_DEADLINE, place: 0 };
}

/// What has one alarm at most.
pub trait Rings {
    /// Its alarm.
    fn alarm(&mut self) -> &mut Ring;
}

/// One place of the heap.
#[derive_where(Clone, Copy, Debug)]
pub struct Alarm<T> {
    pub(crate) at: u64,
    pub(crate) of: Option<Id<T>>,
}

impl<T> Alarm<T> {
    /// A place that holds nothing.
    pub const EMPTY: Alarm<T> = Alarm { at: NO_DEADLINE, of: None };
}

/// The alarms that are set: no place is earlier than the one half as far from the start.
#[derive(Debug)]
pub(crate) struct Alarms<'a, T> {
    places: &'a mut [Alarm<T>],
    count: usize,
}

impl<'a, T: Rings> Alarms<'a, T> {
    /// None, and room for as many as there are places: one for each object.
    pub(crate) fn new(places: &'a mut [Alarm<T>]) -> Alarms<'a, T> {
        Alarms { places, count: 0 }
    }

    /// Those that are set.
    pub(crate) fn set(&self) -> &[Alarm<T>] {
        self.places.get(..self.count).unwrap_or_default()
    }

    /// When the earliest rings, and for whom.
    pub(crate) fn first(&self) -> Option<(u64, Id<T>)> {
        let first = self.set().first()?;
        Some((first.at, first.of?))
    }

    /// Sets the alarm of one that has none, or a later one.
    pub(crate) fn advance(&mut self, all: &mut Pool<'_, T>, id: Id<T>, at: u64) -> Result {
        let place = match *all.get_mut(id)?.alarm() {
            Ring { at: NO_DEADLINE, .. } => self.count,
            Ring { place, .. } => place,
        };
        self.rise(all, place, Alarm { at, of: Some(id) })?;
        self.count = self.count.max(place.wrapping_add(1));
        Ok(())
    }

    /// Moves the alarm of one to a later tick.
    pub(crate) fn postpone(&mut self, all: &mut Pool<'_, T>, id: Id<T>, at: u64) -> Result {
        let place = all.get_mut(id)?.alarm().place;
        self.sink(all, place, Alarm { at, of: Some(id) })
    }

    /// Drops the alarm of one, if it has one.
    pub(crate) fn drop(&mut self, all: &mut Pool<'_, T>, id: Id<T>) -> Result {
        let alarm = all.get_mut(id)?.alarm();
        let place = alarm.place;
        if core::mem::replace(&mut alarm.at, NO_DEADLINE) == NO_DEADLINE {
            return Ok(());
        }
        let Some(last) = self.set().last().copied() else { return Err(Error::BadState) };
        self.count = self.count.wrapping_sub(1);
        if place == self.count {
            return Ok(());
        }
        match above(place).and_then(|above| self.places.get(above)) {
            Some(above) if above.at > last.at => self.rise(all, place, last),
            _ => self.sink(all, place, last),
        }
    }

    /// Puts an alarm at this place, or nearer to the start.
    fn rise(&mut self, all: &mut Pool<'_, T>, mut place: usize, alarm: Alarm<T>) -> Result {
        while let Some(above) = above(place)
            && let Some(other) = self.places.get(above).copied()
            && other.at > alarm.at
        {
            self.put(all, place, other)?;
            place = above;
        }
        self.put(all, place, alarm)
    }

    /// Puts an alarm at this place, or farther from the start.
    fn sink(&mut self, all: &mut Pool<'_, T>, mut place: usize, alarm: Alarm<T>) -> Result {
        loop {
            let left = place.wrapping_mul(2).wrapping_add(1);
            let pair = self.set().get(left..).unwrap_or_default().iter().take(2).copied();
            let earlier = (left..).zip(pair).min_by_key(|(_, other)| other.at);
            let Some((below, other)) = earlier.filter(|(_, other)| other.at < alarm.at) else {
                return self.put(all, place, alarm);
            };
            self.put(all, place, other)?;
            place = below;
        }
    }

    fn put(&mut self, all: &mut Pool<'_, T>, place: usize, alarm: Alarm<T>) -> Result {
        *self.places.get_mut(place).ok_or(Error::BadState)? = alarm;
        let id = alarm.of.ok_or(Error::BadState)?;
        *all.get_mut(id)?.alarm() = Ring { at: alarm.at, place };
        Ok(())
    }
}

/// The place that must not be later than this one; none above the first.
pub(crate) fn above(place: usize) -> Option<usize> {
    Some(place.checked_sub(1)?.wrapping_div(2))
}
