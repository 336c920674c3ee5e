//! Datagrams.

use core::net::SocketAddr;

use nexus_mmio::SharedMut;
use nexus_rt::Deadline;

use crate::{Ask, Error, Link, Net, Opened, Outcome, Token};

/// A socket for datagrams (UDP). When netstackd ends, there is none any more: [`Error::Gone`], bind anew.
#[derive(Debug)]
pub struct Datagrams<'n, L: Link<M>, M: SharedMut> {
    net: &'n Net<L, M>,
    opened: Opened,
    /// Bytes that are kept of each.
    most: usize,
    /// The request for the next.
    token: Option<Token>,
}

/// A datagram that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// From whom.
    pub from: SocketAddr,
    /// Bytes that were kept.
    pub len: usize,
    /// It had more.
    pub cut: bool,
}

impl<'n, L: Link<M>, M: SharedMut> Datagrams<'n, L, M> {
    pub(crate) const fn new(net: &'n Net<L, M>, opened: Opened, most: usize) -> Self {
        Datagrams { net, opened, most, token: None }
    }

    /// The address and port here.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.opened.local
    }

    /// Sends a datagram. That it went says nothing of whether it comes.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::TooMuch`], and so on. With [`Error::TimedOut`] and [`Error::Gone`] it went, or it
    /// did not.
    pub fn send_to(&self, to: SocketAddr, bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        let of = self.opened.socket;
        self.net.ask(&Ask::SendTo { of, to, bytes }, deadline).map(|_| ())
    }

    /// The next datagram; none while there is none.
    ///
    /// # Errors
    /// Why none comes.
    pub fn try_receive_from(&mut self, into: &mut [u8]) -> Result<Option<Datagram>, Error> {
        let Some(token) = self.token else {
            let (of, most) = (self.opened.socket, self.most);
            match self.net.submit(&Ask::ReceiveFrom { of, most }) {
                Ok(token) => self.token = Some(token),
                Err(Error::NoRoom) => {}
                Err(why) => return Err(why),
            }
            return Ok(None);
        };
        let Some(outcome) = self.net.take(token, into) else { return Ok(None) };
        self.token = None;
        match outcome? {
            Outcome::Datagram { from, len, had } => {
                Ok(Some(Datagram { from, len, cut: had > len }))
            }
            _ => Err(Error::Garbled),
        }
    }

    /// The same, and waits for it.
    ///
    /// # Errors
    /// As there, and [`Error::TimedOut`]: nothing is lost, receive again.
    pub fn receive_from(&mut self, into: &mut [u8], deadline: Deadline) -> Result<Datagram, Error> {
        self.net.until(deadline, || self.try_receive_from(into))
    }
}

impl<L: Link<M>, M: SharedMut> Drop for Datagrams<'_, L, M> {
    fn drop(&mut self) {
        let token = self.token.take();
        self.net.with(|session| {
            token.into_iter().for_each(|token| session.abandon(token));
            session.close(self.opened.socket, false);
            session.tell();
        });
    }
}
