//! Answers go out in few pieces, and each piece is one.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::convert::Infallible;
use core::future::Future;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::vec;

use picoserve::io::{BaseWrite, ErrorType};

use super::wire::Clock;
use crate::one::{GATHERED, Gather};
use crate::room::Room;

/// Takes everything, and remembers the pieces.
struct Pieces<'a>(&'a RefCell<Vec<usize>>);

impl ErrorType for Pieces<'_> {
    type Error = Infallible;
}

impl BaseWrite for Pieces<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        self.0.borrow_mut().push(buf.len());
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// What comes out of something that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits"),
    }
}

/// Every write writes something, however much was gathered before it.
#[test]
fn whatever_is_written_goes_on_in_its_order() {
    for first in [1, GATHERED - 1, GATHERED, GATHERED + 1, 3 * GATHERED] {
        for second in [1, GATHERED - 1, GATHERED, GATHERED + 1] {
            let pieces = RefCell::new(Vec::new());
            let room = Room::new(1);
            let seat = now(room.seat(&Clock::default()));
            let mut gather = Gather::new(Pieces(&pieces), &seat);
            for len in [first, second, 1] {
                now(gather.write_all(&vec![7; len])).unwrap();
            }
            now(gather.send()).unwrap();
            let sent: usize = pieces.borrow().iter().sum();
            assert_eq!(sent, first + second + 1, "{first} {second}");
            assert!(pieces.borrow().iter().all(|len| *len > 0), "{pieces:?}");
        }
    }
}

/// What fits waits for what comes next, what does not goes in as few pieces as there are, and the client is served on
/// with every piece.
#[test]
fn a_piece_is_as_long_as_it_may_be() {
    for (writes, pieces) in [
        (&[GATHERED][..], &[GATHERED][..]),
        (&[1, GATHERED - 1], &[GATHERED]),
        (&[1, GATHERED], &[GATHERED, 1]),
        (&[GATHERED, 1], &[GATHERED, 1]),
        (&[3 * GATHERED, 5], &[3 * GATHERED, 5]),
        (&[7, 3 * GATHERED], &[GATHERED, 2 * GATHERED + 7]),
    ] {
        let sent = RefCell::new(Vec::new());
        let room = Room::new(1);
        let seat = now(room.seat(&Clock::default()));
        let mut gather = Gather::new(Pieces(&sent), &seat);
        for len in writes {
            now(gather.write_all(&vec![7; *len])).unwrap();
        }
        // The last is not sent before all was written.
        let whole = writes.iter().sum::<usize>() <= GATHERED;
        assert_eq!(sent.borrow().is_empty(), whole, "{writes:?}");
        now(gather.send()).unwrap();
        assert_eq!(*sent.borrow(), pieces, "{writes:?}");
    }
}

/// Counts how often somebody is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whoever waits for a place is woken when one is free, once however often it has looked.
#[test]
fn who_waits_for_a_place_is_woken() {
    let (room, clock, woken) = (Room::new(1), Clock::default(), Arc::new(Woken::default()));
    let first = now(room.seat(&clock));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut second = pin!(room.seat(&clock));
    for _ in 0..3 {
        assert!(second.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    drop(first);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(second.as_mut().poll(&mut context).is_ready());
}
