//! The peer as a client of the guest, over a stack of its own.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::peer::{GUEST, Peer};

/// Where the guest sends back what comes.
pub const ECHO: u16 = 7;
/// Where it is asked for things.
pub const ASKS: u16 = 7000;
/// Bytes of each buffer.
const ROOM: usize = 65_536;

/// A connection to the guest.
#[derive(Debug)]
pub struct Client {
    socket: SocketHandle,
    /// What came and was not taken.
    came: Vec<u8>,
}

impl Client {
    /// Connects. While nobody listens there it is tried again.
    ///
    /// # Errors
    /// Nobody ever listens.
    pub fn connect(peer: &mut Peer, port: u16) -> Result<Client> {
        let buffer = || tcp::SocketBuffer::new(vec![0; ROOM]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        let socket = peer.sockets.add(socket);
        let mut tries = 0;
        peer.until(&format!("no connection to port {port}"), |peer| {
            let from = 20_000 + peer.random.u16(0..20_000);
            let (iface, sockets) = peer.stack();
            let tcp = sockets.get_mut::<tcp::Socket<'_>>(socket);
            if tcp.state() == tcp::State::Closed {
                if tries > 0 {
                    peer.pump(Duration::from_millis(20))?;
                }
                tries += 1;
                let (iface, sockets) = peer.stack();
                let tcp = sockets.get_mut::<tcp::Socket<'_>>(socket);
                let to = IpEndpoint::new(IpAddress::Ipv4(GUEST), port);
                tcp.connect(iface.context(), to, from).context("connecting")?;
                return Ok(None);
            }
            let _ = iface;
            Ok((tcp.state() == tcp::State::Established).then_some(()))
        })?;
        Ok(Client { socket, came: Vec::new() })
    }

    /// Sends these bytes, all of them.
    ///
    /// # Errors
    /// The connection is over.
    pub fn send(&self, peer: &mut Peer, mut bytes: &[u8]) -> Result<()> {
        peer.until("it takes nothing", |peer| {
            let tcp = peer.sockets.get_mut::<tcp::Socket<'_>>(self.socket);
            let taken = tcp.send_slice(bytes).context("a connection that is over")?;
            bytes = &bytes[taken..];
            Ok(bytes.is_empty().then_some(()))
        })
    }

    /// Takes what came.
    ///
    /// # Errors
    /// The connection is over.
    pub fn take(&mut self, peer: &mut Peer) -> Result<()> {
        let tcp = peer.sockets.get_mut::<tcp::Socket<'_>>(self.socket);
        while tcp.can_recv() {
            let came = &mut self.came;
            tcp.recv(|bytes| {
                came.extend_from_slice(bytes);
                (bytes.len(), ())
            })?;
        }
        ensure!(tcp.may_recv() || !self.came.is_empty(), "the guest has ended the connection");
        Ok(())
    }

    /// The next line, when it is there.
    ///
    /// # Errors
    /// The connection is over.
    pub fn line(&mut self, peer: &mut Peer) -> Result<Option<String>> {
        self.take(peer)?;
        let Some(end) = self.came.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let rest = self.came.split_off(end + 1);
        let line = std::mem::replace(&mut self.came, rest);
        Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()))
    }

    /// Asks by a line; the line that answers.
    ///
    /// # Errors
    /// None does.
    pub fn ask(&mut self, peer: &mut Peer, line: &str) -> Result<String> {
        self.send(peer, format!("{line}\n").as_bytes())?;
        peer.until(&format!("no answer to `{line}`"), |peer| self.line(peer))
    }

    /// Sends these bytes, and has them come back.
    ///
    /// # Errors
    /// Others come, or none.
    pub fn echo(&mut self, peer: &mut Peer, bytes: &[u8]) -> Result<()> {
        self.send(peer, bytes)?;
        peer.until("what was sent does not come back", |peer| {
            self.take(peer)?;
            Ok((self.came.len() >= bytes.len()).then_some(()))
        })?;
        if self.came != bytes {
            bail!("what comes back is not what was sent");
        }
        self.came.clear();
        Ok(())
    }

    /// Lets it go.
    pub fn close(self, peer: &mut Peer) {
        peer.sockets.get_mut::<tcp::Socket<'_>>(self.socket).abort();
        // The guest is told when the wire is looked at; the socket stays until then, and for ever.
    }
}

/// The number behind `key=` in a line.
///
/// # Errors
/// There is none.
pub fn number(line: &str, key: &str) -> Result<u64> {
    let word = line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let word = word.with_context(|| format!("no `{key}` in `{line}`"))?;
    word.parse().with_context(|| format!("`{key}` in `{line}` is no number"))
}
