//! Many connections in one thread, by futures.

use core::cell::Cell;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::pin::{Pin, pin};
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::sync::Arc;
use std::task::Wake;
use std::vec::Vec;

use embedded_io_async::{Error as _, ErrorKind, Read, Write};
use nexus_rt::Deadline;

use super::{SOON, pair, peer};
use crate::{Connection, Error, Link};

/// All of these, done in any order.
async fn all(mut tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
    poll_fn(|context| {
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        if tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Sends back what it reads, until there is no more.
async fn echo<L: Link<M>, M: nexus_mmio::SharedMut>(mut connection: Connection<'_, L, M>) {
    let (mut reader, mut writer) = connection.split();
    let mut bytes = [0; 100];
    loop {
        match reader.read(&mut bytes).await.unwrap() {
            0 => break,
            len => writer.write_all(&bytes[..len]).await.unwrap(),
        }
        writer.flush().await.unwrap();
    }
    connection.finished().await.unwrap();
}

#[test]
fn a_server_has_several_connections_at_once() {
    let (net, stack) = pair();
    let listener = net.listen(peer(), 8, SOON).unwrap();
    let texts: Vec<Vec<u8>> =
        (0..6_u8).map(|n| (0..=255).cycle().skip(n.into()).take(3000).collect()).collect();
    for port in 1..=6 {
        stack.borrow_mut().knock(SocketAddr::new(peer().ip(), port));
    }
    stack.borrow_mut().most = 70;
    let served = Cell::new(0);
    let serve = || async {
        let connection = listener.accepted().await.unwrap();
        served.set(served.get() + 1);
        echo(connection).await;
    };
    // The peers, who look at the stack each time that they are polled.
    let peers = async {
        let mut sent = false;
        poll_fn(|_| {
            let mut stack = stack.borrow_mut();
            let streams = stack.streams();
            if streams.len() == 6 && !sent {
                sent = true;
                for (number, text) in streams.iter().zip(&texts) {
                    stack.stream(*number).sent.extend(text);
                    stack.stream(*number).sent_all = true;
                }
            }
            if sent { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    };
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    (0..6).for_each(|_| tasks.push(Box::pin(serve())));
    tasks.push(Box::pin(peers));
    net.block_on(all(tasks)).unwrap();
    let _ = net.wait(SOON);
    assert_eq!(served.get(), 6);
    let mut got: Vec<Vec<u8>> =
        stack.borrow().remains.iter().map(|(_, stream)| stream.got.clone()).collect();
    let mut texts = texts.clone();
    got.sort();
    texts.sort();
    assert_eq!(got, texts);
    assert!(stack.borrow().remains.iter().all(|(_, stream)| stream.got_all));
}

/// With a netstackd that runs when it is told: what is sent is done before this side waits.
#[test]
fn a_request_and_its_answer_cost_one_wait_and_one_signal() {
    const ROUNDS: usize = 10;
    let (net, stack) = pair();
    stack.borrow_mut().prompt = true;
    let connection = net.connect(peer(), SOON).unwrap();
    let (waited, told) = (stack.borrow().waited, stack.borrow().told);
    stack.borrow_mut().asks = ROUNDS;
    net.block_on(echo(connection)).unwrap();
    let (waits, tells) = (stack.borrow().waited - waited, stack.borrow().told - told);
    assert!(waits <= ROUNDS + 2, "{waits} times");
    assert!(tells <= ROUNDS + 4, "{tells} times");
}

// attack 69 U: a future sleeps while nothing is done, and another wants to be polled again at once; neither is kept waiting; broken: sockets-alarm, sockets-again
#[test]
fn sleepers_and_those_that_yield_go_on() {
    let (net, stack) = pair();
    let until = Deadline::after_ms(5);
    let asleep = async {
        net.sleep(until).await;
        assert!(until.has_passed());
    };
    let yields = async {
        for _ in 0..3 {
            let mut first = true;
            poll_fn(|context| {
                if !core::mem::take(&mut first) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    };
    net.block_on(yields).unwrap();
    assert_eq!(stack.borrow().waited, 0, "it wants to be polled, and not to wait");
    net.block_on(asleep).unwrap();
    assert_eq!(stack.borrow().until, until);
}

/// A waker that remembers.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

// attack 69 U: there is always something to do, as peers that never pause give it; those that sleep, and are polled when they are woken, wake all the same; broken: sockets-alarm-busy
#[test]
fn sleepers_wake_beside_one_that_never_pauses() {
    let (net, _stack) = pair();
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut sleeps = pin!(net.sleep(Deadline::after_ms(5)));
    let late = Deadline::after_ms(2000);
    let both = poll_fn(|context| {
        assert!(!late.has_passed(), "it is not woken");
        context.waker().wake_by_ref();
        if !woken.0.swap(false, Relaxed) {
            return Poll::Pending;
        }
        sleeps.as_mut().poll(&mut Context::from_waker(&waker))
    });
    net.block_on(both).unwrap();
}

#[test]
fn futures_end_when_netstackd_does() {
    let (net, stack) = pair();
    let mut connection = net.connect(peer(), SOON).unwrap();
    let (mut reader, _writer) = connection.split();
    stack.borrow_mut().dies_before = true;
    let read = net.block_on(async { reader.read(&mut [0]).await });
    assert_eq!(read, Ok(Err(Error::Gone)));
    // For good: the sleeper is not left in it.
    (stack.borrow_mut().gone, stack.borrow_mut().silent) = (true, true);
    assert_eq!(net.block_on(net.sleep(Deadline::NEVER)), Err(Error::Gone));
}

#[test]
fn errors_have_kinds() {
    for (error, kind) in [
        (Error::TimedOut, ErrorKind::TimedOut),
        (Error::Reset, ErrorKind::ConnectionReset),
        (Error::Gone, ErrorKind::ConnectionAborted),
        (Error::Denied, ErrorKind::PermissionDenied),
        (Error::Closed, ErrorKind::BrokenPipe),
        (Error::NoRoom, ErrorKind::OutOfMemory),
    ] {
        assert_eq!(error.kind(), kind);
    }
}
