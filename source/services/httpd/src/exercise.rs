//! What comes of bytes that a client made up, through the real code of a connection.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use picoserve::Timeouts;
use picoserve::io::{BaseWrite, ErrorType, Read, Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::time::Duration;

use crate::answer::HEADERS;
use crate::connection::{ANSWER_MS, REQUESTS, connection};
use crate::facts::Facts;
use crate::head::Fault;
use crate::hosts::Hosts;
use crate::model::Snapshot;
use crate::room::Room;
use crate::site::Site;

/// Bytes that are written at once by who wants to see the room for them.
const LENT: usize = 64;

/// Takes `data` for what a client sends: pieces, each with a byte of length before it; behind a length of 0 stands by how
/// many tenths of a second time goes on. Then the client finishes. How many answers it has.
///
/// # Panics
/// Something is not true that must be: the connection has no end, an answer is none or lacks a header, more is
/// answered than is asked, or the page is given to whoever does not name one of its hosts.
#[must_use]
pub fn client(data: &[u8]) -> usize {
    let wire = Rc::new(Wire::default());
    let asked = Rc::new(Cell::new(0));
    let site = Site::new(Told(Rc::clone(&asked)), Hosts::new(Hosts::LOOPBACK));
    let room = Room::new(1);
    let clock = Clock(Rc::clone(&wire));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(seat) = pin!(room.seat::<Here, _>(&clock)).poll(&mut context) else {
        panic!("there is room");
    };
    let mut served = pin!(connection(Side(Rc::clone(&wire)), &site, &clock, &seat));
    let mut left = data;
    let mut over = served.as_mut().poll(&mut context).is_ready();
    while let Some((len, rest)) = left.split_first().filter(|_| !over) {
        left = match (usize::from(*len), rest.split_first()) {
            (0, Some((tenths, rest))) => {
                wire.now.set(wire.now.get() + 100 * u64::from(*tenths));
                rest
            }
            (len, _) => {
                let (piece, rest) = rest.split_at(len.min(rest.len()));
                wire.came.borrow_mut().extend_from_slice(piece);
                rest
            }
        };
        over = served.as_mut().poll(&mut context).is_ready();
    }
    wire.finished.set(true);
    let ends = wire.now.get() + 2 * ANSWER_MS;
    while !over {
        assert!(wire.now.get() < ends, "the client has finished, and the connection goes on");
        over = served.as_mut().poll(&mut context).is_ready();
        wire.now.set(wire.now.get() + 100);
    }
    let (all, sent) = (wire.all.borrow(), wire.sent.borrow());
    let statuses = answers(&sent);
    assert!(statuses.len() <= REQUESTS as usize);
    let asks = all.windows(4).filter(|window| *window == b"\r\n\r\n").count();
    // One more: what is refused need not be whole.
    assert!(statuses.len() <= asks + 1, "{} answers to {asks} heads", statuses.len());
    let said = String::from_utf8_lossy(&all).to_ascii_lowercase();
    let named = Hosts::LOOPBACK.iter().any(|host| said.contains(host));
    let given = statuses.contains(&200) || asked.get() > 0;
    assert!(!given || named, "the page is given to whoever names no host of it");
    statuses.len()
}

/// The status of each answer. Only the last may refuse, and each says what may be done with it.
fn answers(mut sent: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !sent.is_empty() {
        let refused =
            statuses.last().is_some_and(|last| Fault::ALL.iter().any(|one| one.status() == *last));
        assert!(!refused, "something follows a refusal");
        let end = sent.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
        let (head, body) = sent.split_at(end + 4);
        let head = core::str::from_utf8(head).expect("a head of text");
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status: u16 = status.and_then(|status| status.parse().ok()).expect("a status");
        let known = [200, 404, 421].contains(&status);
        assert!(known || Fault::ALL.iter().any(|fault| fault.status() == status), "{status}");
        let has = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
            lines.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
        };
        for (name, value) in HEADERS {
            assert_eq!(has(name), Some(value), "{status}");
        }
        assert_eq!(has("access-control-allow-origin"), None);
        let len: usize = has("content-length").and_then(|len| len.parse().ok()).expect("a length");
        // Without a body where only the head was asked for.
        let behind =
            body.get(len..).filter(|rest| rest.is_empty() || rest.starts_with(b"HTTP/1.1 "));
        sent = behind.unwrap_or(body);
        statuses.push(status);
    }
    statuses
}

/// Both directions of a connection, and its time.
#[derive(Default)]
struct Wire {
    /// What the client has sent, and was not read.
    came: RefCell<Vec<u8>>,
    /// All that was read.
    all: RefCell<Vec<u8>>,
    sent: RefCell<Vec<u8>>,
    /// The client sends no more.
    finished: Cell<bool>,
    /// Milliseconds.
    now: Cell<u64>,
}

enum Here {}

struct Clock(Rc<Wire>);

impl<R> picoserve::Timer<R> for Clock {
    fn delay(&self, duration: Duration) -> impl Future<Output = ()> {
        let until = self.0.now.get() + duration.as_millis();
        poll_fn(move |_| if self.0.now.get() >= until { Poll::Ready(()) } else { Poll::Pending })
    }
}

/// Facts of which there are none, that count how often they are asked for.
struct Told(Rc<Cell<u64>>);

impl Facts for Told {
    fn now_ms(&self) -> u64 {
        0
    }

    fn snapshot(&mut self) -> Snapshot {
        self.0.set(self.0.get() + 1);
        Snapshot::default()
    }
}

/// The side of the server, and each half of it.
struct Side(Rc<Wire>);

impl ErrorType for Side {
    type Error = Infallible;
}

impl Read for Side {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let wire = &self.0;
        let read = poll_fn(|_| {
            let mut came = wire.came.borrow_mut();
            if came.is_empty() && !wire.finished.get() {
                return Poll::Pending;
            }
            let len = came.len().min(buf.len());
            for (to, from) in buf.iter_mut().zip(came.drain(..len)) {
                *to = from;
                wire.all.borrow_mut().push(from);
            }
            Poll::Ready(len)
        });
        Ok(read.await)
    }
}

impl BaseWrite for Side {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        self.0.sent.borrow_mut().extend_from_slice(buf);
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Write for Side {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(
        &mut self,
        f: F,
    ) -> Result<R, Infallible> {
        let mut lent = [0; LENT];
        let mut lent = BorrowedBuffer::new(&mut lent);
        let result = f(lent.unfilled());
        self.write_all(lent.filled()).await?;
        Ok(result)
    }
}

impl Socket<Here> for Side {
    type Error = Infallible;
    type ReadHalf<'a> = Side;
    type WriteHalf<'a> = Side;

    fn split(&mut self) -> (Side, Side) {
        (Side(Rc::clone(&self.0)), Side(Rc::clone(&self.0)))
    }

    async fn abort<T: picoserve::Timer<Here>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Infallible>> {
        Ok(())
    }

    async fn shutdown<T: picoserve::Timer<Here>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Infallible>> {
        Ok(())
    }
}
