//! The client of services, at this stack: both read the wire in the same way.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;

use nexus_net::{Error, Family, Link, Net};
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline};
use smoltcp::iface::SocketHandle;

use super::peer::own;
use super::*;

/// How a client is bound to the stack.
struct Wire {
    world: Rc<RefCell<World>>,
    service: u32,
}

impl Link<FakePeer> for Wire {
    fn attach(
        &mut self,
        side: &mut Consumer<FakePeer, ENTRIES>,
        _: Deadline,
    ) -> Result<(), CallError> {
        let mut world = self.world.borrow_mut();
        let sender = Sender { service_id: self.service, incarnation: 1 };
        let now = world.now;
        world.server.attach(sender, now).map_err(CallError::Service)?;
        side.attached().map_err(|_| CallError::Kernel(KernelError::PeerGone))
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        self.world.borrow().bell.set(true);
        Ok(())
    }

    /// Until something was completed, or the attachment is another; or until the time is over.
    fn wait(&mut self, until: Deadline) -> Result<(), KernelError> {
        let mut world = self.world.borrow_mut();
        // The words of the driver's side (nexus-ring, Layout).
        let looks = |world: &World| world.rings[&self.service].device_read(128..144);
        let (before, begun) = (looks(&world), world.now);
        while looks(&world) == before {
            world.step();
            if until != SOON || world.now > begun + Duration::from_secs(20) {
                return Err(KernelError::TimedOut);
            }
        }
        Ok(())
    }
}

/// Twenty seconds of the world.
const SOON: Deadline = Deadline::NEVER;

type Client = Net<Wire, FakePeer>;

fn client(world: &Rc<RefCell<World>>, service: u32) -> Client {
    let memory = world.borrow().rings[&service].peer(0..memory_len(ENTRIES * SLOT));
    Net::new(Wire { world: Rc::clone(world), service }, memory, 1).unwrap()
}

fn up() -> Rc<RefCell<World>> {
    Rc::new(RefCell::new(World::up()))
}

fn place(address: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from(address), port)
}

/// The peer sends back what it gets.
fn echoes(world: &mut World, peer: SocketHandle, held: &mut VecDeque<u8>) {
    let other = world.peer.tcp(peer);
    while other.can_recv() && held.len() < 65536 {
        held.extend(other.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap());
    }
    if other.can_send() && !held.is_empty() {
        let some = other.send_slice(held.make_contiguous()).unwrap();
        held.drain(..some);
    }
}

#[test]
fn a_connection_carries_a_megabyte_there_and_back() {
    let world = up();
    let net = client(&world, A);
    let peer = world.borrow_mut().peer.listen(7);
    let mut connection = net.connect(place(PEER, 7), SOON).unwrap();
    assert_eq!((connection.peer(), connection.local().ip()), (place(PEER, 7), IpAddr::from(OWN)));
    let bytes: Vec<u8> = (0..1 << 20_u32).map(|at| (at ^ at >> 8 ^ at >> 16) as u8).collect();
    let (mut sent, mut back, mut held) = (0, Vec::new(), VecDeque::new());
    let mut into = [0; 3000];
    while back.len() < bytes.len() {
        let wrote = connection.try_write(&bytes[sent..]).unwrap();
        sent += wrote.unwrap_or(0);
        let read = connection.try_read(&mut into).unwrap();
        back.extend_from_slice(&into[..read.unwrap_or(0)]);
        echoes(&mut world.borrow_mut(), peer, &mut held);
        if read.is_none() && (wrote.is_none() || sent == bytes.len()) {
            // One step: something comes, or nothing yet.
            let _ = net.wait(Deadline::at(0));
        }
    }
    assert!(back == bytes);
    connection.finish(SOON).unwrap();
    assert_eq!(connection.write(b"x", SOON), Err(Error::Closed));
    world.borrow_mut().peer.tcp(peer).close();
    assert_eq!(connection.read(&mut into, SOON), Ok(0));
    connection.close(SOON).unwrap();
    let _ = net.wait(SOON);
    assert_eq!(world.borrow().counted(A).0, 0);
}

#[test]
fn refusals_are_what_they_are() {
    let world = up();
    let (a, b) = (client(&world, A), client(&world, B));
    assert_eq!(a.connect(place(PEER, 9), SOON).err(), Some(Error::PeerRefused));
    assert_eq!(b.connect(place(PEER, 81), SOON).err(), Some(Error::Denied));
    assert_eq!(a.resolve("a.example", Family::V4, SOON).err(), Some(Error::Denied));
    assert_eq!(b.listen(place([0; 4], 80), 1, SOON).err(), Some(Error::Denied));
    let listener = a.listen(place([0; 4], 80), 1, SOON).unwrap();
    assert_eq!(a.listen(place([0; 4], 80), 1, SOON).err(), Some(Error::InUse));
    assert_eq!(listener.accept(SOON).err(), Some(Error::TimedOut));
    world.borrow_mut().peer.listen(7);
    let mut connections: Vec<_> = (0..7)
        .map(|_| {
            world.borrow_mut().peer.listen(7);
            a.connect(place(PEER, 7), SOON)
        })
        .collect();
    let last = connections.pop().unwrap();
    assert!(last.is_ok() || last.err() == Some(Error::QuotaSockets));
    assert_eq!(a.connect(place(PEER, 7), SOON).err(), Some(Error::QuotaSockets));
    drop((connections, listener));
    let _ = a.wait(SOON);
    assert!(a.connect(place(PEER, 7), SOON).is_ok());
}

#[test]
fn names_echoes_and_datagrams() {
    let world = up();
    let (a, c) = (client(&world, A), client(&world, C));
    let found = c.resolve("a.example", Family::V4, SOON).unwrap();
    assert!(found.iter().eq([IpAddr::from([192, 0, 2, 1])]));
    let found = c.resolve("a.example", Family::V6, SOON).unwrap();
    assert!(found.iter().eq(["2001:db8::1".parse::<IpAddr>().unwrap()]));
    assert_eq!(c.resolve("none.example", Family::V4, SOON), Err(Error::NoName));
    let (micros, len) = a.ping(PEER.into(), &[7; 56], SOON).unwrap();
    assert!(micros > 0 && len == 56);
    assert_eq!(a.ping([10, 0, 2, 9].into(), b"x", SOON), Err(Error::NoAnswer));
    assert_eq!(a.ping(PEER.into(), &[7; 1473], SOON), Err(Error::TooMuch));
    let peer = world.borrow_mut().peer.datagrams(9000);
    let mut datagrams = a.bind(0, 1472, SOON).unwrap();
    datagrams.send_to(place(PEER, 9000), b"hello", SOON).unwrap();
    let got = |world: &mut World| world.peer.udp(peer).recv().ok().map(|(data, _)| data.to_vec());
    let mut came = None;
    world.borrow_mut().until(|world| {
        came = got(world);
        came.is_some()
    });
    assert_eq!(came.unwrap(), b"hello");
    let port = datagrams.local().port();
    world.borrow_mut().peer.udp(peer).send_slice(&[9; 1000], own(port)).unwrap();
    let mut into = [0; 2000];
    let one = datagrams.receive_from(&mut into, SOON).unwrap();
    assert_eq!((one.from, one.len, one.cut), (place(PEER, 9000), 1000, false));
    assert_eq!(into[..1000], [9; 1000]);
    drop(datagrams);
    let _ = a.wait(SOON);
    assert_eq!(world.borrow().counted(A).0, 0);
}

#[test]
fn a_server_of_futures_has_several_peers() {
    use embedded_io_async::{Read, Write};
    let world = up();
    let net = client(&world, A);
    let listener = net.listen(place([0; 4], 80), 4, SOON).unwrap();
    let peers: Vec<SocketHandle> =
        (0..4).map(|n| world.borrow_mut().peer.connect(80, 40_000 + n)).collect();
    let serve = || async {
        let mut connection = listener.accepted().await.unwrap();
        let (mut reader, mut writer) = connection.split();
        let mut bytes = [0; 1000];
        loop {
            match reader.read(&mut bytes).await.unwrap() {
                0 => break,
                len => writer.write_all(&bytes[..len]).await.unwrap(),
            }
        }
        connection.finished().await.unwrap();
    };
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    (0..4).for_each(|_| tasks.push(Box::pin(serve())));
    let (mut sent, mut got) = ([0; 4], vec![Vec::new(); 4]);
    let text: Vec<u8> = (0..20_000_u32).map(|at| (at ^ at >> 8) as u8).collect();
    net.block_on(poll_fn(|context| {
        for (n, peer) in peers.iter().enumerate() {
            let mut world = world.borrow_mut();
            let other = world.peer.tcp(*peer);
            if other.can_send() {
                sent[n] += other.send_slice(&text[sent[n]..]).unwrap();
                if sent[n] == text.len() {
                    other.close();
                }
            }
            while other.can_recv() {
                got[n].extend(other.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap());
            }
        }
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        let all = tasks.is_empty() && got.iter().all(|got| got.len() == text.len());
        // The peers are to be looked at after each step.
        context.waker().wake_by_ref();
        world.borrow().bell.set(true);
        world.borrow_mut().step();
        if all { Poll::Ready(()) } else { Poll::Pending }
    }))
    .unwrap();
    assert!(got.iter().all(|got| *got == text));
}
