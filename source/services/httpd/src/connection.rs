//! A connection: heads are read within bounds, and each that is whole goes to picoserve, which reads it and writes
//! the answer. So a client can be slow, and send what it likes, and have nothing but this connection for it.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;
use core::future::Future;
use core::pin::pin;
use core::task::Poll;

use picoserve::io::{BaseWrite, Read, Socket};
use picoserve::time::Duration;
use picoserve::{Config, KeepAlive, Router, Server, Timeouts, Timer};

use crate::answer::{App, HEADERS};
use crate::facts::Facts;
use crate::head::{self, Fault};
use crate::one::{Gather, One};
use crate::room::Seat;
use crate::site::Site;

/// Milliseconds from the first byte of a head to its last, and from the beginning of a connection to its first byte.
pub const HEAD_MS: u64 = 4000;
/// Milliseconds between an answer and the next request.
pub const IDLE_MS: u64 = 10_000;
/// Milliseconds for an answer to be taken, whole.
pub const ANSWER_MS: u64 = 10_000;
/// Milliseconds for the client to end its side, once this one has.
pub const END_MS: u64 = 1000;
/// Bytes that are still taken of a client until it ends its side: it may have sent another request before it knew.
pub const REST: usize = 16 * 1024;
/// Most requests of a connection.
pub const REQUESTS: u32 = 100;

/// Serves a connection until it is over: by its client, by a bound, or because it gives way to another.
pub async fn connection<R, S: Socket<R>, T: Timer<R>, F: Facts>(
    mut socket: S,
    site: &Site<F>,
    timer: &T,
    seat: &Seat<'_>,
) {
    let served = {
        // Where they stand: a future that is handed on is copied, and this one has a few thousand bytes.
        let requests = pin!(requests(&mut socket, site, timer, seat));
        until(seat.gives_way(), requests).await
    };
    let timeouts = timeouts();
    // What becomes of the end of a connection changes nothing here.
    let _ = match served {
        Some(End::Orderly) => {
            let end = until(seat.gives_way(), socket.shutdown(&timeouts, timer));
            end.await.unwrap_or(Ok(()))
        }
        Some(End::Broken) | None => socket.abort(&timeouts, timer).await,
    };
}

/// Takes what a client still sends until it ends its side, up to [`REST`]: whoever lets go of a connection with bytes
/// that nobody has read resets it, and with that what was sent. Who sends without end is not read without end, however
/// fast it is.
///
/// # Errors
/// The connection is broken.
pub async fn rest<R: Read>(reader: &mut R) -> Result<(), R::Error> {
    let mut piece = [0; 256];
    let mut taken = 0;
    while taken < REST {
        match reader.read(&mut piece).await? {
            0 => break,
            len => taken += len,
        }
    }
    Ok(())
}

/// How a connection comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All that was sent is to arrive.
    Orderly,
    /// Nothing can be sent any more, or the client takes nothing.
    Broken,
}

async fn requests<R, S: Socket<R>, T: Timer<R>, F: Facts>(
    socket: &mut S,
    site: &Site<F>,
    timer: &T,
    seat: &Seat<'_>,
) -> End {
    let (mut reader, writer) = socket.split();
    let mut writer = Gather::new(writer, seat);
    let mut bytes = Vec::new();
    for count in 1..=REQUESTS {
        let patience = if count == 1 { HEAD_MS } else { IDLE_MS };
        let head = match head(&mut reader, &mut bytes, timer, patience).await {
            Ok(Some(head)) => head,
            Ok(None) => return End::Orderly,
            Err(fault) => return refuse(&mut writer, timer, fault).await,
        };
        seat.gets_on();
        let goes_on = Cell::new(false);
        let one = One {
            head: bytes.get(head.clone()).unwrap_or_default(),
            writer: &mut writer,
            goes_on: &goes_on,
        };
        let keep = if count == REQUESTS { KeepAlive::Close } else { KeepAlive::KeepAlive };
        // As above.
        if !within(timer, ANSWER_MS, pin!(answer(one, site, timer, keep))).await {
            return End::Broken;
        }
        seat.gets_on();
        if !goes_on.get() {
            return End::Orderly;
        }
        bytes.drain(..head.end);
    }
    End::Orderly
}

/// Reads until there is a whole head; `None` when the connection is over before one began.
async fn head<R, S: Read, T: Timer<R>>(
    reader: &mut S,
    bytes: &mut Vec<u8>,
    timer: &T,
    patience: u64,
) -> Result<Option<core::ops::Range<usize>>, Fault> {
    if bytes.is_empty() {
        let first = timer.run_with_timeout(Duration::from_millis(patience), more(reader, bytes));
        if !first.await.unwrap_or(false) {
            return Ok(None);
        }
    }
    let whole = async {
        loop {
            match head::whole(bytes) {
                Ok(None) if !more(reader, bytes).await => return Ok(None),
                Ok(None) => {}
                found => return found,
            }
        }
    };
    timer.run_with_timeout(Duration::from_millis(HEAD_MS), whole).await.unwrap_or(Err(Fault::Late))
}

/// Reads some more, up to the bound of a head; false when nothing more comes.
async fn more<S: Read>(reader: &mut S, bytes: &mut Vec<u8>) -> bool {
    let len = bytes.len();
    bytes.resize(head::HEAD, 0);
    let read = reader.read(bytes.get_mut(len..).unwrap_or_default()).await;
    let read = read.unwrap_or(0);
    bytes.truncate(len + read);
    read > 0
}

/// Has picoserve read one request, and answer it; false when the answer could not be sent.
async fn answer<R, W: BaseWrite, T: Timer<R>, F: Facts>(
    one: One<'_, '_, W>,
    site: &Site<F>,
    timer: &T,
    keep: KeepAlive,
) -> bool
where
    W::Error: 'static,
{
    let router = Router::from_service(App(site));
    let config = Config { timeouts: timeouts(), connection: keep };
    // Not in the future, which is moved several times before it is polled.
    let mut buffer = vec![0; head::HEAD + 1];
    let One { head, writer, goes_on } = one;
    let one = One { head, writer: &mut *writer, goes_on };
    let server = Server::custom(&router, Lent(timer), &config, &mut buffer);
    // What a browser may not understand has been looked at before: an error is one of the connection.
    let served = pin!(server.serve(one)).await;
    served.is_ok() && writer.send().await.is_ok()
}

/// Tells what is wrong with a request.
async fn refuse<R, W: BaseWrite, T: Timer<R>>(
    writer: &mut Gather<'_, W>,
    timer: &T,
    fault: Fault,
) -> End {
    let text = refusal(fault);
    let told =
        async { writer.write_all(text.as_bytes()).await.is_ok() && writer.send().await.is_ok() };
    if within(timer, END_MS, told).await { End::Orderly } else { End::Broken }
}

/// An answer that comes before picoserve has anything to read.
fn refusal(fault: Fault) -> String {
    let (status, body) = (fault.status(), fault.text());
    let name = body.split_once(':').map_or(body, |(name, _)| name);
    let mut text = format!("HTTP/1.1 {status} {name}\r\n");
    if fault == Fault::Method {
        text += "Allow: GET, HEAD\r\n";
    }
    for (name, value) in HEADERS {
        text += &format!("{name}: {value}\r\n");
    }
    let len = body.len();
    text += "Content-Type: text/plain; charset=utf-8\r\n";
    text += &format!("Content-Length: {len}\r\nConnection: close\r\n\r\n{body}");
    text
}

/// True when it comes out true in time.
async fn within<R, T: Timer<R>>(timer: &T, ms: u64, what: impl Future<Output = bool>) -> bool {
    timer.run_with_timeout(Duration::from_millis(ms), what).await.unwrap_or(false)
}

/// What comes out of it, unless `over` comes first.
async fn until<O>(over: impl Future<Output = ()>, what: impl Future<Output = O>) -> Option<O> {
    let (mut over, mut what) = (pin!(over), pin!(what));
    core::future::poll_fn(move |context| {
        if over.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        what.as_mut().poll(context).map(Some)
    })
    .await
}

/// picoserve's own times, which only bound pieces of what is bounded here as a whole.
fn timeouts() -> Timeouts {
    Timeouts {
        start_read_request: Duration::from_millis(HEAD_MS),
        persistent_start_read_request: Duration::from_millis(IDLE_MS),
        read_request: Duration::from_millis(END_MS),
        write: Duration::from_millis(ANSWER_MS),
    }
}

/// A timer that somebody else has.
struct Lent<'a, T>(&'a T);

impl<R, T: Timer<R>> Timer<R> for Lent<'_, T> {
    fn delay(&self, duration: Duration) -> impl Future<Output = ()> {
        self.0.delay(duration)
    }
}
