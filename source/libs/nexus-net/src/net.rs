//! The network, as events and as calls that wait.

use core::cell::RefCell;
use core::net::{IpAddr, SocketAddr};
use core::task::Waker;

use nexus_mmio::SharedMut;
use nexus_rt::Deadline;

use crate::session::Session;
use crate::{
    Addresses, Ask, Connection, Datagrams, Error, Family, Link, Listener, Opened, Outcome, Token,
};

/// How often what may be asked twice is asked, when netstackd ends each time.
const MOST: u32 = 4;
/// Milliseconds that netstackd has to attach, where nobody says how many.
const PATIENCE_MS: u64 = 1000;

/// The network, by a ring with netstackd.
///
/// By events: [`submit`](Self::submit) asks, [`wait`](Self::wait) or [`poll`](Self::poll) takes what was done,
/// [`next`](Self::next) says of which requests, [`take`](Self::take) gives each answer. Or by calls that wait until a
/// deadline: [`connect`](Self::connect), [`listen`](Self::listen), [`bind`](Self::bind), and what they give.
///
/// The first call that opens something attaches to netstackd, for which that has a second.
#[derive(Debug)]
pub struct Net<L, M> {
    session: RefCell<Session<L, M>>,
}

impl<L: Link<M>, M: SharedMut> Net<L, M> {
    /// The network behind `link`, by a ring in all of `memory`. `life` says which one of this process it is.
    ///
    /// # Errors
    /// [`Error::NoRing`]: the memory is too small.
    pub fn new(link: L, memory: M, life: u32) -> Result<Self, Error> {
        Ok(Net { session: RefCell::new(Session::new(link, memory, life)?) })
    }

    /// Does something with the ring, and then wakes who waits, if something was done.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Session<L, M>) -> T) -> T {
        let mut session = self.session.borrow_mut();
        let result = act(&mut session);
        let due = session.wakers.take();
        drop(session);
        if let Some(mut wakers) = due {
            // Whoever is woken may come back here.
            wakers.drain(..).for_each(Waker::wake);
            self.session.borrow_mut().wakers.reuse(wakers);
        }
        result
    }

    /// Asks. netstackd is told when this process waits, or polls.
    ///
    /// # Errors
    /// [`Error::NoRoom`]: take what was done, or wait, and ask again. [`Error::TooLong`], [`Error::Already`],
    /// [`Error::Malformed`]: it cannot be asked. [`Error::Gone`]: the socket is of an attachment that is over.
    /// [`Error::Call`]: netstackd does not attach.
    pub fn submit(&self, ask: &Ask<'_>) -> Result<Token, Error> {
        self.with(|session| session.submit(ask, Deadline::after_ms(PATIENCE_MS)))
    }

    /// Takes every answer that there is; how many.
    pub fn poll(&self) -> usize {
        self.with(|session| {
            session.tell();
            session.poll()
        })
    }

    /// Waits until there are answers, takes them, and tells how many. It may be none: then somebody lacked room, and
    /// there is some now.
    ///
    /// # Errors
    /// [`Error::TimedOut`]: nothing was done until then. [`Error::Gone`]: nothing is in flight, and netstackd is gone
    /// for good.
    pub fn wait(&self, deadline: Deadline) -> Result<usize, Error> {
        self.with(|session| session.wait(deadline))
    }

    /// One of the requests that were answered, each once; none when there is no other. [`take`](Self::take) gives the
    /// answer.
    pub fn next(&self) -> Option<Token> {
        self.with(Session::next)
    }

    /// The answer to a request, with its bytes; none while there is none. The request is over with that, but for
    /// [`Outcome::Received`] of which something is left.
    pub fn take(&self, token: Token, into: &mut [u8]) -> Option<Result<Outcome, Error>> {
        self.with(|session| session.take(token, into))
    }

    /// Nobody takes the answer to this request any more. A socket that it opens is let go. A request cannot be taken
    /// back: bytes that it receives are lost.
    pub fn abandon(&self, token: Token) {
        self.with(|session| session.abandon(token));
    }

    /// Bytes that a connection asks for at once, from now on, while there is room: 2048 where nobody says more. Each
    /// connection that waits for bytes has them, and one that receives much is faster with more.
    pub fn set_receive(&self, bytes: u32) {
        self.with(|session| session.receive = bytes.max(1));
    }

    /// Connects to a peer by TCP. netstackd gives up after a while of its own.
    ///
    /// # Errors
    /// Why it did not; [`Error::TimedOut`]: a connection that comes later is reset. When netstackd ends meanwhile, its
    /// next life is asked: the peer may see two connections, of which the first is reset.
    pub fn connect(
        &self,
        to: SocketAddr,
        deadline: Deadline,
    ) -> Result<Connection<'_, L, M>, Error> {
        let opened = self.open(&Ask::Connect { to, from: 0 }, deadline)?;
        Ok(Connection::new(self, opened))
    }

    /// Listens for connections, of which `backlog` may wait.
    ///
    /// # Errors
    /// Why it does not.
    pub fn listen(
        &self,
        at: SocketAddr,
        backlog: u16,
        deadline: Deadline,
    ) -> Result<Listener<'_, L, M>, Error> {
        let opened = self.open(&Ask::Listen { at, backlog }, deadline)?;
        Ok(Listener::new(self, opened, backlog))
    }

    /// A socket for datagrams at a port, 0 for any. Of each that comes `most` bytes are kept.
    ///
    /// # Errors
    /// Why there is none.
    pub fn bind(
        &self,
        port: u16,
        most: usize,
        deadline: Deadline,
    ) -> Result<Datagrams<'_, L, M>, Error> {
        let opened = self.open(&Ask::Bind { port }, deadline)?;
        Ok(Datagrams::new(self, opened, most))
    }

    /// The addresses of a name. No name is kept here, and an address is none.
    ///
    /// # Errors
    /// Why there are none. When netstackd ends meanwhile, its next life is asked.
    pub fn resolve(
        &self,
        name: &str,
        family: Family,
        deadline: Deadline,
    ) -> Result<Addresses, Error> {
        match self.ask_again(&Ask::Resolve { name, family }, deadline)? {
            Outcome::Addresses(addresses) => Ok(addresses),
            _ => Err(Error::Garbled),
        }
    }

    /// Asks for an echo of these bytes: microseconds that it took, and how many came back the same.
    ///
    /// # Errors
    /// Why there is none. When netstackd ends meanwhile, its next life is asked.
    pub fn ping(&self, to: IpAddr, bytes: &[u8], deadline: Deadline) -> Result<(u64, u64), Error> {
        match self.ask_again(&Ask::Ping { to, bytes }, deadline)? {
            Outcome::Echo { micros, len } => Ok((micros, len)),
            _ => Err(Error::Garbled),
        }
    }

    fn open(&self, ask: &Ask<'_>, deadline: Deadline) -> Result<Opened, Error> {
        match self.ask_again(ask, deadline)? {
            Outcome::Opened(opened) => Ok(opened),
            _ => Err(Error::Garbled),
        }
    }

    /// Asks, and asks the lives of netstackd that follow, when one ends before it answers.
    fn ask_again(&self, ask: &Ask<'_>, deadline: Deadline) -> Result<Outcome, Error> {
        for _ in 1..MOST {
            match self.ask(ask, deadline) {
                Err(Error::Gone) if !deadline.has_passed() => {}
                outcome => return outcome,
            }
        }
        self.ask(ask, deadline)
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&self, ask: &Ask<'_>, deadline: Deadline) -> Result<Outcome, Error> {
        let token =
            self.until(deadline, || match self.with(|session| session.submit(ask, deadline)) {
                Err(Error::NoRoom) => Ok(None),
                token => token.map(Some),
            })?;
        let outcome = self.until(deadline, || self.take(token, &mut []).transpose());
        if outcome.is_err() {
            self.abandon(token);
        }
        outcome
    }

    /// Tries until it is done, with waiting in between.
    pub(crate) fn until<T>(
        &self,
        deadline: Deadline,
        mut attempt: impl FnMut() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        loop {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
            self.wait(deadline)?;
        }
    }

    /// That nothing is in use any more.
    #[cfg(any(test, feature = "fake"))]
    pub(crate) fn is_idle(&self) -> bool {
        self.with(Session::is_idle)
    }
}
