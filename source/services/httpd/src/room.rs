//! Room for so many connections. When one more comes and none ends by itself, the one gives way that has kept its
//! place for longest without getting on: so slow clients cost each other their places, and nobody else.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::task::{Poll, Waker};

use picoserve::Timer;
use picoserve::time::Duration;

/// Milliseconds that one more waits for a place before another gives way: who is just being answered is done by then.
pub const PATIENCE_MS: u64 = 250;

/// The places.
pub struct Room {
    most: usize,
    places: RefCell<Vec<Place>>,
    /// Who waits for a place.
    waiting: RefCell<Vec<Waker>>,
    /// Counts what happens, to tell what was first.
    clock: Cell<u64>,
}

/// A place that is taken.
struct Place {
    key: u64,
    /// When it got on for the last time: took a place, sent a head, or took a piece of its answer.
    since: u64,
    gives_way: bool,
    waker: Option<Waker>,
}

/// A place; free again when this is dropped.
pub struct Seat<'a> {
    room: &'a Room,
    key: u64,
}

impl Room {
    /// Room for so many.
    #[must_use]
    pub fn new(most: usize) -> Room {
        Room {
            most,
            places: RefCell::new(Vec::new()),
            waiting: RefCell::new(Vec::new()),
            clock: Cell::new(0),
        }
    }

    /// Connections that have a place.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.places.borrow().len()
    }

    /// Takes a place, once there is one.
    pub async fn seat<R, T: Timer<R>>(&self, timer: &T) -> Seat<'_> {
        let patience = Duration::from_millis(PATIENCE_MS);
        loop {
            match timer.run_with_timeout(patience, self.free()).await {
                Ok(seat) => return seat,
                Err(_) => self.give_way(),
            }
        }
    }

    /// Takes a place that is free.
    fn free(&self) -> impl Future<Output = Seat<'_>> {
        poll_fn(|context| {
            if self.taken() < self.most {
                return Poll::Ready(self.take());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|known| known.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }

    fn take(&self) -> Seat<'_> {
        let key = self.tick();
        let place = Place { key, since: key, gives_way: false, waker: None };
        self.places.borrow_mut().push(place);
        Seat { room: self, key }
    }

    fn give_way(&self) {
        let mut places = self.places.borrow_mut();
        let slowest = places.iter_mut().min_by_key(|place| place.since);
        if let Some(place) = slowest {
            place.gives_way = true;
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
        }
    }

    fn tick(&self) -> u64 {
        let now = self.clock.get().wrapping_add(1);
        self.clock.set(now);
        now
    }
}

impl Seat<'_> {
    /// Its connection got on.
    pub fn gets_on(&self) {
        let now = self.room.tick();
        self.with(|place| place.since = now);
    }

    /// Waits until it is to give way.
    pub fn gives_way(&self) -> impl Future<Output = ()> {
        poll_fn(|context| {
            let over = self.with(|place| {
                place.waker = Some(context.waker().clone());
                place.gives_way
            });
            if over == Some(true) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Place) -> T) -> Option<T> {
        self.room.places.borrow_mut().iter_mut().find(|place| place.key == self.key).map(f)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.room.places.borrow_mut().retain(|place| place.key != self.key);
        for waker in self.room.waiting.borrow_mut().drain(..) {
            waker.wake();
        }
    }
}
