//! Listening sockets.

use core::cell::Cell;
use core::net::SocketAddr;

use nexus_mmio::SharedMut;
use nexus_rt::Deadline;

use crate::request::OPENED;
use crate::{Ask, Connection, Error, Link, Net, Opened, Outcome, Token};

/// Connections that are asked for at one time: so many come in one turn.
const AHEAD: usize = 4;
/// Bytes of a connection that come with it, if they are there: a request, mostly.
const FIRST: usize = 1024 - OPENED;

/// A listening socket. Connections that it has accepted and nobody has taken are reset when it is dropped. When
/// netstackd ends, nobody listens any more: [`Error::Gone`], listen anew.
#[derive(Debug)]
pub struct Listener<'n, L: Link<M>, M: SharedMut> {
    pub(crate) net: &'n Net<L, M>,
    opened: Opened,
    tokens: [Cell<Option<Token>>; AHEAD],
    /// How many of them are used.
    ahead: usize,
}

impl<'n, L: Link<M>, M: SharedMut> Listener<'n, L, M> {
    pub(crate) fn new(net: &'n Net<L, M>, opened: Opened, backlog: u16) -> Self {
        let ahead = usize::from(backlog.max(1)).min(AHEAD);
        Listener { net, opened, tokens: Default::default(), ahead }
    }

    /// The address and port here.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.opened.local
    }

    /// The next connection; none while there is none.
    ///
    /// # Errors
    /// [`Error::Gone`]: listen anew. Others: of this connection.
    pub fn try_accept(&self) -> Result<Option<Connection<'n, L, M>>, Error> {
        for place in self.tokens.iter().take(self.ahead) {
            let Some(token) = place.get() else { continue };
            let Some(outcome) = self.net.take(token, &mut []) else { continue };
            place.set(None);
            let (opened, bytes) = match outcome? {
                Outcome::Opened(opened) => (opened, None),
                Outcome::Accepted(opened) => (opened, Some(token)),
                _ => return Err(Error::Garbled),
            };
            // Whatever comes of the next one, this one is let go when nobody has it.
            let connection = Connection::new(self.net, opened).with(bytes);
            self.ask()?;
            return Ok(Some(connection));
        }
        self.ask()?;
        Ok(None)
    }

    /// Asks for as many connections as are asked for at one time, as far as there is room.
    fn ask(&self) -> Result<(), Error> {
        for place in self.tokens.iter().take(self.ahead).filter(|place| place.get().is_none()) {
            match self.net.submit(&Ask::Accept { of: self.opened.socket, most: FIRST }) {
                Ok(token) => place.set(Some(token)),
                Err(Error::NoRoom) => break,
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    /// The next connection.
    ///
    /// # Errors
    /// As [`try_accept`](Self::try_accept), and [`Error::TimedOut`]: accept again.
    pub fn accept(&self, deadline: Deadline) -> Result<Connection<'n, L, M>, Error> {
        self.net.until(deadline, || self.try_accept())
    }
}

impl<L: Link<M>, M: SharedMut> Drop for Listener<'_, L, M> {
    fn drop(&mut self) {
        self.net.with(|session| {
            self.tokens.iter().filter_map(Cell::take).for_each(|token| session.abandon(token));
            session.close(self.opened.socket, false);
            session.tell();
        });
    }
}
