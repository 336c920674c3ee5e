//! Connections of TCP.

use core::net::SocketAddr;

use nexus_mmio::SharedMut;
use nexus_rt::Deadline;

use crate::{Ask, Error, Link, Net, Opened, Outcome, Socket, Token};

/// A connection. Whatever of it waits when its deadline passes goes on: the next call finds it.
///
/// When netstackd ends, each call says [`Error::Gone`]: what the peer had of what was written before, and what it had
/// sent, is not known.
///
/// Dropped, it is let go once what was written is sent; it is broken off when the peer takes half a minute for that, or
/// when more than three that were dropped later wait for the same. [`close`](Self::close) and [`abort`](Self::abort) do
/// not wait for it.
#[derive(Debug)]
pub struct Connection<'n, L: Link<M>, M: SharedMut> {
    pub(crate) net: &'n Net<L, M>,
    opened: Opened,
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// It is let go.
    over: bool,
}

/// What comes of a connection.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// The request for the next bytes, or with bytes that nobody has taken yet.
    token: Option<Token>,
    /// No more comes: nothing, or why.
    ended: Option<Result<(), Error>>,
}

/// What goes by a connection.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// What is being sent.
    token: Option<Token>,
    /// It is to be finished: nothing more is written.
    finishes: bool,
    /// The request to finish.
    finish: Option<Token>,
    /// Nothing more goes: it was finished, or why.
    ended: Option<Result<(), Error>>,
}

impl Input {
    /// As [`Connection::try_read`].
    pub(crate) fn read<L: Link<M>, M: SharedMut>(
        &mut self,
        net: &Net<L, M>,
        of: Socket,
        into: &mut [u8],
    ) -> Result<Option<usize>, Error> {
        if into.is_empty() {
            return Ok(Some(0));
        }
        if let Some(ended) = self.ended {
            return ended.map(|()| Some(0));
        }
        let Some(token) = self.token else { return self.ask(net, of).map(|()| None) };
        let Some(outcome) = net.take(token, into) else { return Ok(None) };
        self.token = None;
        match outcome {
            Ok(Outcome::Received { len: 0, .. }) => {
                self.ended = Some(Ok(()));
                Ok(Some(0))
            }
            Ok(Outcome::Received { len, left }) => {
                self.token = Some(token).filter(|_| left > 0);
                Ok(Some(len))
            }
            Ok(_) => self.fail(Error::Garbled),
            Err(why) => self.fail(why),
        }
    }

    /// Asks for the next bytes, if there is room to ask.
    fn ask<L: Link<M>, M: SharedMut>(&mut self, net: &Net<L, M>, of: Socket) -> Result<(), Error> {
        let asked = net.with(|session| {
            let most = session.receive as usize;
            session.submit(&Ask::Receive { of, most }, Deadline::at(0))
        });
        match asked {
            Ok(token) => self.token = Some(token),
            Err(Error::NoRoom) => {}
            Err(why) => return self.fail(why),
        }
        Ok(())
    }

    const fn fail<T>(&mut self, why: Error) -> Result<T, Error> {
        self.ended = Some(Err(why));
        Err(why)
    }
}

impl Output {
    /// Whether all that was written is netstackd's.
    fn settled<L: Link<M>, M: SharedMut>(&mut self, net: &Net<L, M>) -> Result<bool, Error> {
        if let Some(Err(why)) = self.ended {
            return Err(why);
        }
        let Some(token) = self.token else { return Ok(true) };
        match net.take(token, &mut []) {
            None => Ok(false),
            Some(outcome) => {
                self.token = None;
                self.noted(outcome.map(|_| true))
            }
        }
    }

    /// The same result, remembered when it is an error.
    fn noted<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(why) = result {
            self.ended = Some(Err(why));
        }
        result
    }

    /// As [`Connection::try_write`].
    pub(crate) fn write<L: Link<M>, M: SharedMut>(
        &mut self,
        net: &Net<L, M>,
        of: Socket,
        bytes: &[u8],
    ) -> Result<Option<usize>, Error> {
        if bytes.is_empty() {
            return Ok(Some(0));
        }
        if !self.settled(net)? && !self.finishes {
            return Ok(None);
        }
        if self.finishes {
            return Err(Error::Closed);
        }
        match net.with(|session| session.send(of, bytes)) {
            Ok((token, len)) => {
                self.token = Some(token);
                Ok(Some(len))
            }
            Err(Error::NoRoom) => Ok(None),
            Err(why) => self.noted(Err(why)),
        }
    }

    /// Asks to finish, behind what is being sent. None: there is no room to ask.
    pub(crate) fn end<L: Link<M>, M: SharedMut>(
        &mut self,
        net: &Net<L, M>,
        of: Socket,
    ) -> Result<Option<()>, Error> {
        self.finishes = true;
        if self.finish.is_some() || self.ended.is_some() {
            return self.ended.unwrap_or(Ok(())).map(Some);
        }
        match net.with(|session| session.finish(of)) {
            Ok(token) => self.finish = Some(token),
            Err(Error::NoRoom) => return Ok(None),
            Err(why) => return self.noted(Err(why)),
        }
        Ok(Some(()))
    }

    /// As [`Connection::try_finish`].
    pub(crate) fn finish<L: Link<M>, M: SharedMut>(
        &mut self,
        net: &Net<L, M>,
        of: Socket,
    ) -> Result<Option<()>, Error> {
        if self.end(net, of)?.is_none() || !self.settled(net)? {
            return Ok(None);
        }
        let Some(token) = self.finish else { return Ok(Some(())) };
        let Some(outcome) = net.take(token, &mut []) else { return Ok(None) };
        self.finish = None;
        self.noted(outcome)?;
        self.ended = Some(Ok(()));
        Ok(Some(()))
    }
}

impl<'n, L: Link<M>, M: SharedMut> Connection<'n, L, M> {
    pub(crate) fn new(net: &'n Net<L, M>, opened: Opened) -> Self {
        let (input, output) = (Input::default(), Output::default());
        Connection { net, opened, input, output, over: false }
    }

    /// With bytes that have come already.
    pub(crate) const fn with(mut self, bytes: Option<Token>) -> Self {
        self.input.token = bytes;
        self
    }

    /// The address and port here.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.opened.local
    }

    /// The peer's.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.opened.peer
    }

    #[cfg(feature = "async")]
    pub(crate) const fn socket(&self) -> Socket {
        self.opened.socket
    }

    /// Reads bytes, at least one if there is room for it: how many. 0: the peer sends no more. None: there are none
    /// yet.
    ///
    /// # Errors
    /// [`Error::Reset`], [`Error::Gone`], and so on. Bytes that came before were read before.
    pub fn try_read(&mut self, into: &mut [u8]) -> Result<Option<usize>, Error> {
        self.input.read(self.net, self.opened.socket, into)
    }

    /// The same, and waits for it.
    ///
    /// # Errors
    /// As there, and [`Error::TimedOut`]: nothing is lost, read again.
    pub fn read(&mut self, into: &mut [u8], deadline: Deadline) -> Result<usize, Error> {
        self.net.until(deadline, || self.try_read(into))
    }

    /// Takes the first of these bytes to be sent: how many, at least one if there are any. None: there is no room for
    /// one yet. What was taken is sent in order, and needs no more of the caller than that the ring is polled.
    ///
    /// # Errors
    /// Why what was taken before was not sent, or this cannot be: how much of all reached the peer is not known.
    pub fn try_write(&mut self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        self.output.write(self.net, self.opened.socket, bytes)
    }

    /// The same, waits for it, and tells netstackd.
    ///
    /// # Errors
    /// As there, and [`Error::TimedOut`]: of these bytes none was taken.
    pub fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<usize, Error> {
        let taken = self.net.until(deadline, || self.try_write(bytes))?;
        self.net.with(crate::session::Session::tell);
        Ok(taken)
    }

    /// Writes all of these bytes.
    ///
    /// # Errors
    /// As [`write`](Self::write). How many were taken is not told.
    pub fn write_all(&mut self, mut bytes: &[u8], deadline: Deadline) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self.net.until(deadline, || self.try_write(bytes))?;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.net.with(crate::session::Session::tell);
        Ok(())
    }

    /// Waits until netstackd has all that was written.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write), and [`Error::TimedOut`]: it goes on.
    pub fn settle(&mut self, deadline: Deadline) -> Result<(), Error> {
        self.net.until(deadline, || Ok(self.output.settled(self.net)?.then_some(())))
    }

    /// Sends no more: once what was written is sent, the peer is told. Receiving goes on. None: it is not done yet.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    pub fn try_finish(&mut self) -> Result<Option<()>, Error> {
        self.output.finish(self.net, self.opened.socket)
    }

    /// The same, and waits for it.
    ///
    /// # Errors
    /// As there, and [`Error::TimedOut`]: finish again; nothing more is written.
    pub fn finish(&mut self, deadline: Deadline) -> Result<(), Error> {
        self.net.until(deadline, || self.try_finish())
    }

    /// Lets it go: what was written is sent. Waits until netstackd has all of it.
    ///
    /// # Errors
    /// It was reset: by [`Error::TimedOut`], when netstackd does not have all of it until then, or as
    /// [`try_write`](Self::try_write).
    pub fn close(mut self, deadline: Deadline) -> Result<(), Error> {
        let settled = self.settle(deadline);
        self.let_go(settled.is_err());
        settled
    }

    /// Lets it go at once: the peer is told by a reset, and has what was written, or not.
    pub fn abort(mut self) {
        self.let_go(true);
    }

    fn let_go(&mut self, reset: bool) {
        if core::mem::replace(&mut self.over, true) {
            return;
        }
        let (input, output) = (self.input.token.take(), self.output.token.take());
        let others = input.into_iter().chain(self.output.finish.take());
        let of = self.opened.socket;
        self.net.with(|session| {
            others.for_each(|token| session.abandon(token));
            if reset {
                output.into_iter().for_each(|token| session.abandon(token));
                session.close(of, true);
            } else {
                session.close_after(of, output);
            }
            session.tell();
        });
    }
}

impl<L: Link<M>, M: SharedMut> Drop for Connection<'_, L, M> {
    fn drop(&mut self) {
        self.let_go(false);
    }
}
