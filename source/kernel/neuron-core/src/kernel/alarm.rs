//! Deadlines: a heap of alarms, the earliest first.
//!
//! A thread has one alarm at most, and leaves it set when its wait ends before its deadline: the
//! next wait most often has a later deadline, and takes the alarm along as it is. So a call with a
//! deadline writes one word, its answer another, and neither touches the heap. An alarm that rings
//! before the deadline of its thread moves there, and one of a thread without a deadline is dropped.
//! Setting, moving and dropping one takes time in the logarithm of their number.

use nexus_abi::{Error, NO_DEADLINE};

use crate::Result;
use crate::object::thread::Thread;
use crate::store::pool::{Id, Pool};

/// One place of the heap.
#[derive(Clone, Copy, Debug)]
pub struct Alarm {
    pub(crate) at: u64,
    pub(crate) thread: Option<Id<Thread>>,
}

impl Alarm {
    /// A place that holds nothing.
    pub const EMPTY: Alarm = Alarm { at: NO_DEADLINE, thread: None };
}

/// The alarms that are set: no place is earlier than the one half as far from the start.
#[derive(Debug)]
pub(crate) struct Alarms<'a> {
    places: &'a mut [Alarm],
    count: usize,
}

impl<'a> Alarms<'a> {
    /// None, and room for as many as there are places: one for each thread.
    pub(crate) fn new(places: &'a mut [Alarm]) -> Alarms<'a> {
        Alarms { places, count: 0 }
    }

    /// Those that are set.
    pub(crate) fn set(&self) -> &[Alarm] {
        self.places.get(..self.count).unwrap_or_default()
    }

    /// When the earliest rings, and for whom.
    #[inline]
    pub(crate) fn first(&self) -> Option<(u64, Id<Thread>)> {
        let first = self.set().first()?;
        Some((first.at, first.thread?))
    }

    /// Sets the alarm of a thread that has none, or a later one.
    pub(crate) fn advance(
        &mut self,
        threads: &mut Pool<'_, Thread>,
        id: Id<Thread>,
        at: u64,
    ) -> Result {
        let thread = threads.get(id)?;
        let place = match thread.alarm {
            NO_DEADLINE => self.count,
            _ => thread.alarm_place,
        };
        self.rise(threads, place, Alarm { at, thread: Some(id) })?;
        self.count = self.count.max(place.wrapping_add(1));
        Ok(())
    }

    /// Moves the alarm of a thread to a later tick.
    pub(crate) fn postpone(
        &mut self,
        threads: &mut Pool<'_, Thread>,
        id: Id<Thread>,
        at: u64,
    ) -> Result {
        let place = threads.get(id)?.alarm_place;
        self.sink(threads, place, Alarm { at, thread: Some(id) })
    }

    /// Drops the alarm of a thread, if it has one.
    pub(crate) fn drop(&mut self, threads: &mut Pool<'_, Thread>, id: Id<Thread>) -> Result {
        let thread = threads.get_mut(id)?;
        if thread.alarm == NO_DEADLINE {
            return Ok(());
        }
        thread.alarm = NO_DEADLINE;
        let place = thread.alarm_place;
        let Some(last) = self.set().last().copied() else { return Err(Error::BadState) };
        self.count = self.count.wrapping_sub(1);
        if place == self.count {
            return Ok(());
        }
        match above(place).and_then(|above| self.places.get(above)) {
            Some(above) if above.at > last.at => self.rise(threads, place, last),
            _ => self.sink(threads, place, last),
        }
    }

    /// Puts an alarm at this place, or nearer to the start.
    fn rise(&mut self, threads: &mut Pool<'_, Thread>, mut place: usize, alarm: Alarm) -> Result {
        while let Some(above) = above(place)
            && let Some(other) = self.places.get(above).copied()
            && other.at > alarm.at
        {
            self.put(threads, place, other)?;
            place = above;
        }
        self.put(threads, place, alarm)
    }

    /// Puts an alarm at this place, or farther from the start.
    fn sink(&mut self, threads: &mut Pool<'_, Thread>, mut place: usize, alarm: Alarm) -> Result {
        loop {
            let left = place.wrapping_mul(2).wrapping_add(1);
            let pair = self.set().get(left..).unwrap_or_default().iter().take(2).copied();
            let earlier = (left..).zip(pair).min_by_key(|(_, other)| other.at);
            let Some((below, other)) = earlier.filter(|(_, other)| other.at < alarm.at) else {
                return self.put(threads, place, alarm);
            };
            self.put(threads, place, other)?;
            place = below;
        }
    }

    fn put(&mut self, threads: &mut Pool<'_, Thread>, place: usize, alarm: Alarm) -> Result {
        *self.places.get_mut(place).ok_or(Error::BadState)? = alarm;
        let thread = threads.get_mut(alarm.thread.ok_or(Error::BadState)?)?;
        (thread.alarm, thread.alarm_place) = (alarm.at, place);
        Ok(())
    }
}

/// The place that must not be later than this one; none above the first.
pub(crate) fn above(place: usize) -> Option<usize> {
    Some(place.checked_sub(1)?.wrapping_div(2))
}
