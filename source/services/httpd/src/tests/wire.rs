//! Connections that are memory, and time that the test lets pass.

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::string::String;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::vec::Vec;

use picoserve::io::{BaseWrite, ErrorType, Read, Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::time::Duration;
use picoserve::{Timeouts, Timer};

use crate::connection::rest;
use crate::facts::Facts;
use crate::hosts::Hosts;
use crate::model::Snapshot;
use crate::serve::{Door, serve};
use crate::site::Site;

/// The runtime of these tests.
pub(super) enum Here {}

/// Who waits, all of them.
#[derive(Default)]
struct Waiting(RefCell<Vec<Waker>>);

impl Waiting {
    fn wait<T>(&self, context: &Context<'_>) -> Poll<T> {
        self.0.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    fn wake(&self) {
        self.0.borrow_mut().drain(..).for_each(Waker::wake);
    }
}

/// A clock.
#[derive(Clone, Default)]
pub(super) struct Clock(Rc<(Cell<u64>, Waiting)>);

impl Clock {
    pub(super) fn now(&self) -> u64 {
        self.0.0.get()
    }
}

impl Timer<Here> for Clock {
    fn delay(&self, duration: Duration) -> impl Future<Output = ()> {
        let until = self.now() + duration.as_millis();
        poll_fn(
            move |context| {
                if self.now() >= until { Poll::Ready(()) } else { self.0.1.wait(context) }
            },
        )
    }
}

/// One direction of a connection.
struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    /// Bytes that it has room for: what is not taken closes the window.
    room: usize,
    /// The writer has finished.
    finished: Cell<bool>,
    /// Pieces that were written.
    pieces: Cell<usize>,
    waiting: Waiting,
}

impl Pipe {
    fn new(room: usize) -> Pipe {
        Pipe {
            bytes: RefCell::default(),
            room,
            finished: Cell::new(false),
            pieces: Cell::new(0),
            waiting: Waiting::default(),
        }
    }

    async fn read(&self, buf: &mut [u8]) -> usize {
        poll_fn(|context| {
            let mut bytes = self.bytes.borrow_mut();
            if bytes.is_empty() && !self.finished.get() {
                return self.waiting.wait(context);
            }
            let len = bytes.len().min(buf.len());
            bytes.drain(..len).zip(buf.iter_mut()).for_each(|(from, to)| *to = from);
            self.waiting.wake();
            Poll::Ready(len)
        })
        .await
    }

    async fn write(&self, buf: &[u8]) -> usize {
        poll_fn(|context| {
            let mut bytes = self.bytes.borrow_mut();
            let len = (self.room - bytes.len()).min(buf.len());
            if len == 0 && !buf.is_empty() {
                return self.waiting.wait(context);
            }
            bytes.extend(&buf[..len]);
            self.pieces.set(self.pieces.get() + 1);
            self.waiting.wake();
            Poll::Ready(len)
        })
        .await
    }
}

/// Both directions, and how it ended here.
struct Both {
    input: Pipe,
    output: Pipe,
    over: Cell<bool>,
}

/// The side of the server.
pub(super) struct Served(Rc<Both>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.over.set(true);
    }
}

/// A half of it.
pub(super) struct Half<'a>(&'a Both);

impl ErrorType for Half<'_> {
    type Error = Infallible;
}

impl Read for Half<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.0.input.read(buf).await)
    }
}

impl BaseWrite for Half<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(self.0.output.write(buf).await)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Write for Half<'_> {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(
        &mut self,
        f: F,
    ) -> Result<R, Infallible> {
        let mut lent = [0; 256];
        let mut lent = BorrowedBuffer::new(&mut lent);
        let result = f(lent.unfilled());
        self.write_all(lent.filled()).await?;
        Ok(result)
    }
}

impl Socket<Here> for Served {
    type Error = Infallible;
    type ReadHalf<'a> = Half<'a>;
    type WriteHalf<'a> = Half<'a>;

    fn split(&mut self) -> (Half<'_>, Half<'_>) {
        (Half(&self.0), Half(&self.0))
    }

    async fn abort<T: Timer<Here>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Infallible>> {
        Ok(())
    }

    /// Finishes, and waits for the client to do the same.
    async fn shutdown<T: Timer<Here>>(
        self,
        timeouts: &Timeouts,
        timer: &T,
    ) -> Result<(), picoserve::Error<Infallible>> {
        self.0.output.finished.set(true);
        let _ = timer.run_with_timeout(timeouts.read_request, rest(&mut Half(&self.0))).await;
        Ok(())
    }
}

/// The side of a client; over when it is dropped.
pub(super) struct Client(Rc<Both>);

impl Drop for Client {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Client {
    pub(super) fn send(&self, bytes: &[u8]) {
        self.0.input.bytes.borrow_mut().extend(bytes);
        self.0.input.waiting.wake();
    }

    pub(super) fn finish(&self) {
        self.0.input.finished.set(true);
        self.0.input.waiting.wake();
    }

    /// Takes what has come.
    pub(super) fn take(&self) -> Vec<u8> {
        let taken = self.0.output.bytes.borrow_mut().drain(..).collect();
        self.0.output.waiting.wake();
        taken
    }

    /// True when nothing more comes: the server has finished, or let go.
    pub(super) fn is_over(&self) -> bool {
        self.0.over.get() || self.0.output.finished.get()
    }

    /// True when the server has let go.
    pub(super) fn is_gone(&self) -> bool {
        self.0.over.get()
    }

    /// Pieces that came.
    pub(super) fn pieces(&self) -> usize {
        self.0.output.pieces.get()
    }
}

/// Where connections come in.
#[derive(Clone, Default)]
struct Queue(Rc<(RefCell<VecDeque<Served>>, Waiting)>);

impl Door for Queue {
    type Socket = Served;

    fn accept(&self) -> impl Future<Output = Served> {
        poll_fn(|context| match self.0.0.borrow_mut().pop_front() {
            Some(socket) => Poll::Ready(socket),
            None => self.0.1.wait(context),
        })
    }
}

/// Facts that never change, and count how often they are asked for.
pub(super) struct Told {
    pub(super) clock: Clock,
    pub(super) snapshot: Snapshot,
    pub(super) asked: Rc<Cell<u64>>,
}

impl Facts for Told {
    fn now_ms(&self) -> u64 {
        self.clock.now()
    }

    fn snapshot(&mut self) -> Snapshot {
        self.asked.set(self.asked.get() + 1);
        let uptime_ms = self.clock.now();
        Snapshot { uptime_ms, ..self.snapshot.clone() }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A server, its clients, and its time.
pub(super) struct Bench {
    server: Pin<Box<dyn Future<Output = ()>>>,
    flag: Arc<Flag>,
    queue: Queue,
    pub(super) clock: Clock,
    /// Snapshots that were asked for.
    pub(super) asked: Rc<Cell<u64>>,
}

impl Bench {
    pub(super) fn new(snapshot: Snapshot) -> Bench {
        let (clock, queue, asked) = (Clock::default(), Queue::default(), Rc::default());
        let facts = Told { clock: clock.clone(), snapshot, asked: Rc::clone(&asked) };
        let (door, timer) = (queue.clone(), clock.clone());
        let server = async move {
            let site = Site::new(facts, Hosts::new(Hosts::LOOPBACK));
            serve::<Here, _, _, _>(&door, &site, &timer).await;
        };
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        Bench { server: Box::pin(server), flag, queue, clock, asked }
    }

    /// A connection with room for so many bytes that its client has not taken.
    pub(super) fn connect(&self, room: usize) -> Client {
        let (input, output) = (Pipe::new(usize::MAX), Pipe::new(room));
        let both = Rc::new(Both { input, output, over: Cell::new(false) });
        self.queue.0.0.borrow_mut().push_back(Served(Rc::clone(&both)));
        self.queue.0.1.wake();
        Client(both)
    }

    /// Lets the server work until it only waits.
    pub(super) fn work(&mut self) {
        let waker = Waker::from(Arc::clone(&self.flag));
        self.flag.0.store(true, Ordering::Relaxed);
        while self.flag.0.swap(false, Ordering::Relaxed) {
            assert!(self.server.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }

    /// Lets time pass, and the server work in it.
    pub(super) fn pass(&mut self, ms: u64) {
        self.work();
        self.clock.0.0.set(self.clock.now() + ms);
        self.clock.0.1.wake();
        self.work();
    }

    /// A client that takes everything, what it gets for `bytes`.
    pub(super) fn ask(&mut self, bytes: &str) -> (Client, String) {
        let client = self.connect(1 << 20);
        client.send(bytes.as_bytes());
        self.work();
        let answer = String::from_utf8(client.take()).unwrap();
        (client, answer)
    }
}
