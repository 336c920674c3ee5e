//! All connections.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;

use picoserve::Timer;
use picoserve::io::Socket;

use crate::connection::connection;
use crate::facts::Facts;
use crate::room::Room;
use crate::site::Site;

/// Connections at one time. One more can be there that waits for a place; others wait at the stack.
pub const CONNECTIONS: usize = 8;

/// Where connections come in.
pub trait Door {
    /// A connection.
    type Socket;

    /// The next one. Several wait at the same time, and each gets another.
    fn accept(&self) -> impl Future<Output = Self::Socket>;
}

/// Serves what comes in, for ever.
pub async fn serve<R, D, T, F>(door: &D, site: &Site<F>, timer: &T)
where
    D: Door<Socket: Socket<R>>,
    T: Timer<R>,
    F: Facts,
{
    let room = Room::new(CONNECTIONS);
    let worker = || async {
        loop {
            let socket = door.accept().await;
            let seat = room.seat(timer).await;
            connection(socket, site, timer, &seat).await;
        }
    };
    let mut workers: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for _ in 0..=CONNECTIONS {
        workers.push(Box::pin(worker()));
    }
    poll_fn(|context| {
        // Each looks whether something is there for it: there are few.
        for worker in &mut workers {
            let _: Poll<()> = worker.as_mut().poll(context);
        }
        Poll::<()>::Pending
    })
    .await;
}
