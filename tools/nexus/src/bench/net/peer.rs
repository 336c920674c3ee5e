//! The host's end: a connection to the guest's program, by which each load is asked for, and datagrams.

use super::loads::MANY;
use anyhow::{Context, Result, bail, ensure};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// For so long the guest may take to be there.
const START: Duration = Duration::from_secs(100);
/// For so long one attempt waits for its first answer.
const ATTEMPT: Duration = Duration::from_secs(2);
/// For so long a load may stand still.
const STILL: Duration = Duration::from_secs(20);
/// Bytes that are written or read at once.
const PIECE: usize = 256 << 10;
/// What stands on the wire for a datagram.
const DATAGRAM: [u8; 32] = [b'.'; 32];
/// A datagram that was lost is sent again after this, and counts as taking so long.
const LOST: Duration = Duration::from_secs(1);

/// Ports of 127.0.0.1 that lead to one page: one for each connection at the same time. QEMU's forward listens with a
/// backlog of one, and a host that connects to one more often at once asks some of them again after a second.
pub(super) type Page = [u16; MANY];

/// Ports of 127.0.0.1 that lead to the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ports {
    asks: u16,
    datagrams: u16,
    /// Of Nexus, and of the smaller server of Linux.
    pub(super) page: Page,
    /// Of the other server of Linux.
    pub(super) other_page: Page,
}

impl Ports {
    /// Some that nobody has.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn free() -> Result<Ports> {
        // All are had at the same time, so that they differ.
        let mut held = Vec::new();
        let mut tcp = || -> Result<u16> {
            let one = TcpListener::bind(here(0))?;
            let port = one.local_addr()?.port();
            held.push(one);
            Ok(port)
        };
        let mut ports = Ports { asks: tcp()?, ..Ports::default() };
        for port in ports.page.iter_mut().chain(&mut ports.other_page) {
            *port = tcp()?;
        }
        ports.datagrams = UdpSocket::bind(here(0))?.local_addr()?.port();
        Ok(ports)
    }

    /// Options of QEMU's user network that forward them.
    pub(super) fn forwards(self) -> String {
        let Ports { asks, datagrams, page, other_page } = self;
        let pages = page.map(|port| (port, 80)).into_iter();
        let others = other_page.map(|port| (port, 8080)).into_iter();
        let tcp = [(asks, 8001)].into_iter().chain(pages).chain(others);
        let tcp = tcp.map(|(port, to)| format!(",hostfwd=tcp:127.0.0.1:{port}-:{to}"));
        tcp.chain([format!(",hostfwd=udp:127.0.0.1:{datagrams}-:8002")]).collect()
    }
}

/// Where a port of this host is.
pub(super) fn here(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// What the guest had counted at a mark, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Frames that came.
    pub(super) came: u64,
    /// Frames that went.
    pub(super) went: u64,
    /// Turns of the stack.
    pub(super) turns: u64,
    /// Nanoseconds in which anybody but the watching thread ran.
    pub(super) ns: u64,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Peer {
    stream: TcpStream,
    ports: Ports,
}

impl Peer {
    /// Waits for the guest.
    ///
    /// # Errors
    /// It does not come.
    pub(super) fn connect(ports: Ports) -> Result<Peer> {
        let end = Instant::now() + START;
        loop {
            let why = match Peer::attempt(ports) {
                Ok(peer) => return Ok(peer),
                Err(why) => why,
            };
            if Instant::now() > end {
                return Err(why.context("the guest does not answer"));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn attempt(ports: Ports) -> Result<Peer> {
        let stream = TcpStream::connect(here(ports.asks))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ATTEMPT))?;
        let mut peer = Peer { stream, ports };
        peer.mark(0)?;
        peer.stream.set_read_timeout(Some(STILL))?;
        peer.stream.set_write_timeout(Some(STILL))?;
        Ok(peer)
    }

    fn ask(&mut self, op: u8, number: u64) -> Result<()> {
        let mut asked = [0; 9];
        let [first, rest @ ..] = &mut asked;
        (*first, *rest) = (op, number.to_le_bytes());
        self.stream.write_all(&asked).context("asking the guest")
    }

    fn answer<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut answer = [0; N];
        self.stream.read_exact(&mut answer).context("waiting for the guest")?;
        Ok(answer)
    }

    /// The guest takes so many bytes: how long until it had all.
    ///
    /// # Errors
    /// It stands still, or is gone.
    pub(super) fn sends(&mut self, bytes: usize) -> Result<Duration> {
        let piece = vec![b'.'; PIECE];
        self.ask(b'i', bytes as u64)?;
        let start = Instant::now();
        let mut left = bytes;
        while left > 0 {
            let some = piece.get(..left.min(PIECE)).unwrap_or_default();
            self.stream.write_all(some).context("sending")?;
            left -= some.len();
        }
        self.answer::<1>()?;
        Ok(start.elapsed())
    }

    /// The guest sends so many bytes.
    ///
    /// # Errors
    /// As [`sends`](Self::sends).
    pub(super) fn takes(&mut self, bytes: usize) -> Result<Duration> {
        let mut piece = vec![0; PIECE];
        let start = Instant::now();
        self.ask(b'o', bytes as u64)?;
        let mut left = bytes;
        while left > 0 {
            let some = self.stream.read(piece.get_mut(..left.min(PIECE)).unwrap_or_default())?;
            ensure!(some > 0, "the guest sends no more");
            left -= some;
        }
        Ok(start.elapsed())
    }

    /// A byte there and back, so many times.
    ///
    /// # Errors
    /// As [`sends`](Self::sends).
    pub(super) fn bytes(&mut self, count: usize) -> Result<Vec<Duration>> {
        self.ask(b't', count as u64)?;
        let mut once = || {
            let start = Instant::now();
            self.stream.write_all(b".")?;
            self.answer::<1>()?;
            Ok(start.elapsed())
        };
        (0..count).map(|_| once()).collect()
    }

    /// A datagram there and back, so many times.
    ///
    /// # Errors
    /// As [`sends`](Self::sends).
    pub(super) fn datagrams(&mut self, count: usize) -> Result<Vec<Duration>> {
        let socket = UdpSocket::bind(here(0))?;
        socket.connect(here(self.ports.datagrams))?;
        socket.set_read_timeout(Some(LOST))?;
        self.ask(b'u', count as u64)?;
        self.answer::<1>()?;
        (0..count).map(|_| datagram(&socket)).collect()
    }

    /// The guest asks its router for so many echoes: how long each took, by its own clock.
    ///
    /// # Errors
    /// As [`sends`](Self::sends).
    pub(super) fn echoes(&mut self, count: usize) -> Result<Vec<Duration>> {
        self.ask(b'p', count as u64)?;
        let mut once = || Ok(Duration::from_nanos(u64::from_le_bytes(self.answer()?)));
        (0..count).map(|_| once()).collect()
    }

    /// A load with this number is over: what was counted until now.
    ///
    /// # Errors
    /// As [`sends`](Self::sends).
    pub(super) fn mark(&mut self, number: u64) -> Result<Mark> {
        self.ask(b'm', number)?;
        let mut next = || Ok::<_, anyhow::Error>(u64::from_le_bytes(self.answer()?));
        Ok(Mark { came: next()?, went: next()?, turns: next()?, ns: next()? })
    }

    /// From now on the guest counts what is not seen while it waits.
    ///
    /// # Errors
    /// As [`sends`](Self::sends).
    pub(super) fn count(&mut self) -> Result<()> {
        self.ask(b'c', 0)
    }

    /// The machine ends.
    ///
    /// # Errors
    /// As [`sends`](Self::sends).
    pub(super) fn end(mut self) -> Result<()> {
        self.ask(b'e', 0)
    }
}

fn datagram(socket: &UdpSocket) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..STILL.as_secs() {
        socket.send(&DATAGRAM)?;
        match socket.recv(&mut [0; 64]) {
            Ok(_) => return Ok(start.elapsed()),
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(why) => return Err(why).context("waiting for a datagram"),
        }
    }
    bail!("no datagram comes back")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_ports_differ_and_are_forwarded() {
        let ports = Ports::free().unwrap();
        let mut all = [[ports.asks].as_slice(), &ports.page, &ports.other_page].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1 + 2 * MANY);
        assert!(all[0] > 0 && ports.datagrams > 0);
        let ports = Ports { asks: 1, datagrams: 2, page: [3; MANY], other_page: [4; MANY] };
        let forwards = ports.forwards();
        let forwards: Vec<&str> = forwards.split(',').collect();
        assert_eq!(forwards.len(), 1 + 2 + 2 * MANY, "and nothing before the first comma");
        let [nothing, asks, page, .., datagrams] = forwards[..] else { panic!("{forwards:?}") };
        assert_eq!([nothing, asks], ["", "hostfwd=tcp:127.0.0.1:1-:8001"]);
        assert_eq!(page, "hostfwd=tcp:127.0.0.1:3-:80");
        assert_eq!(forwards[2 + MANY], "hostfwd=tcp:127.0.0.1:4-:8080");
        assert_eq!(datagrams, "hostfwd=udp:127.0.0.1:2-:8002");
    }

    /// A guest that does what it is asked.
    fn guest(listener: &TcpListener) -> Vec<u8> {
        let (mut stream, _) = listener.accept().unwrap();
        let mut ops = Vec::new();
        let mut asked = [0; 9];
        while stream.read_exact(&mut asked).is_ok() {
            let number = u64::from_le_bytes(asked[1..].try_into().unwrap());
            ops.push(asked[0]);
            match asked[0] {
                b'i' => {
                    stream.read_exact(&mut vec![0; number as usize]).unwrap();
                    stream.write_all(b".").unwrap();
                }
                b'o' => stream.write_all(&vec![0; number as usize]).unwrap(),
                b't' => (0..number).for_each(|_| {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    stream.write_all(&byte).unwrap();
                }),
                b'p' => (0..number).for_each(|n| stream.write_all(&n.to_le_bytes()).unwrap()),
                b'm' => [1_u64, 2, 3, number]
                    .into_iter()
                    .for_each(|n| stream.write_all(&n.to_le_bytes()).unwrap()),
                _ => {}
            }
        }
        ops
    }

    #[test]
    fn test_each_load_is_asked_for_and_taken_to_its_end() {
        let listener = TcpListener::bind(here(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let guest = thread::spawn(move || guest(&listener));
        let mut peer = Peer::connect(Ports { asks: port, ..Ports::default() }).unwrap();
        peer.count().unwrap();
        peer.sends(PIECE + 1).unwrap();
        peer.takes(PIECE + 1).unwrap();
        assert_eq!(peer.bytes(3).unwrap().len(), 3);
        assert_eq!(peer.echoes(3).unwrap(), [0, 1, 2].map(Duration::from_nanos));
        assert_eq!(peer.mark(9).unwrap(), Mark { came: 1, went: 2, turns: 3, ns: 9 });
        peer.end().unwrap();
        assert_eq!(guest.join().unwrap(), b"mciotpme");
    }
}
