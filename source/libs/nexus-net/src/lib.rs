//! The client of the network stack: sockets by the ring that a service shares with netstackd (RFC-0007).
//!
//! ```ignore
//! let net = nexus_net::open()?;
//! let mut connection = net.connect("10.0.2.2:80".parse()?, Deadline::after_ms(3000))?;
//! connection.write_all(b"GET / HTTP/1.0\r\n\r\n", Deadline::after_ms(3000))?;
//! let mut bytes = [0; 512];
//! let len = connection.read(&mut bytes, Deadline::after_ms(3000))?; // 0: the peer sends no more
//! ```
//!
//! Each call that waits has a deadline, and whoever waits for several sockets waits for all of them in one place
//! ([`Net::wait`]): by events ([`Net::submit`], [`Ask`]), by the `try_` calls of each socket, or, with the feature
//! `async`, by futures (module `io`).
//!
//! # When netstackd ends
//!
//! Every socket is gone, and each call to one says so: [`Error::Gone`]. So do requests that were in flight; what that
//! means stands with each of [`Ask`]. The next call that opens a socket attaches to the next life. What a
//! netstackd answers that no stack would ([`Error::Garbled`]) ends the attachment in the same way.
//!
//! # What is bounded
//!
//! Requests: as many as the ring has entries, 64. Of those 40 wait at most for what comes, 16 for what peers take, and
//! 16 to finish behind that, together 56; each of the first two kinds has three eighths of the ring's data, of which one
//! takes a part of what is left. So a peer that is slow takes little from the others, and there is always room to let a
//! socket go. Of connections that are dropped before their peers have taken all, 4 are sent on at one time, for half a
//! minute. Nothing is allocated but lists of those, and of the sockets that are to be let go when there is no room to
//! ask for it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod answer;
mod connection;
mod datagrams;
mod error;
#[cfg(feature = "fake")]
pub mod exercise;
#[cfg(feature = "async")]
pub mod io;
mod linger;
mod link;
mod listener;
mod net;
mod request;
mod room;
mod session;
mod slots;
#[cfg(test)]
mod tests;
mod wake;

pub use answer::{Addresses, Opened, Outcome};
pub use connection::Connection;
pub use datagrams::{Datagram, Datagrams};
pub use error::Error;
pub use link::{Link, RingLink, System, open, open_with};
pub use listener::Listener;
pub use net::Net;
pub use request::{Ask, Family, MOST_ADDRESSES, Socket, Token, address};
