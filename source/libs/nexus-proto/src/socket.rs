//! `socket`: connections and datagrams for services. Served by the network stack, netstackd (RFC-0007).
//!
//! Messages say how the network stands. What moves data goes by a ring (crate nexus-ring) that init gave netstackd
//! and the client, whose operations are in [`ring`]: a request waits in it for as long as its client likes, so that
//! one client has several sockets and waits for all of them at one place.
//!
//! A socket is a number, which means something in one attachment of one client alone. Who may do what with which
//! addresses and ports is in the image (`[[allow-net]]`); the kernel's stamp and the ring say who asks.

use crate::{Name, Zero};

pub mod ring {
    //! Operations and statuses of the ring of a client.
    //!
    //! The data of a request begins with a head, a [`Target`], behind which are as many bytes as it says in `len`; what is
    //! behind those is room for the answer alone, whose bytes begin where the data begins. [`RECEIVE`], [`ACCEPT`],
    //! [`FINISH`] and [`RECEIVE_FROM`] have no head: all of their data is room. The data of those that are completed with
    //! [`Opened`] or [`Echo`] has room for it. `arg` is the socket, where it is of one.

    use crate::Zero;

    /// Entries of the ring: requests of one client that wait at one time.
    pub const ENTRIES: usize = 64;

    /// Connects to a [`Target`] by TCP, from the local port `n`, 0 for any. Completed when the connection stands,
    /// with [`Opened`].
    pub const CONNECT: u8 = 1;
    /// Accepts TCP connections to the local port `n`, up to as many that nobody has accepted yet as the target's
    /// `port` says, at least one; the target's address is the local one, all zeros for each. Completed with
    /// [`Opened`].
    pub const LISTEN: u8 = 2;
    /// The next connection of a listening socket; waits for one. Completed with [`Opened`], behind which stand the first
    /// bytes of the connection, as far as they have come and there is room for them.
    pub const ACCEPT: u8 = 3;
    /// Sends the bytes behind the head, at least one. Completed when all were taken, with how many, by the length of the
    /// completion: none of them was written there.
    pub const SEND: u8 = 4;
    /// Receives bytes of a connection: at most as many as the data has room for, at least one. 0: the peer sends
    /// no more.
    pub const RECEIVE: u8 = 5;
    /// Sends no more: the peer is told once all was sent, what was asked to be sent before this, too. Receiving goes on.
    pub const FINISH: u8 = 6;
    /// Lets a socket go. Requests of it that wait end with [`CLOSED`]; what was taken of a connection is still sent,
    /// unless `n` of [`Target`] is 1: then it is reset. Without any data `n` is 0.
    pub const CLOSE: u8 = 7;
    /// A socket for datagrams (UDP) at the local port `n`, 0 for any. Completed with [`Opened`].
    pub const BIND: u8 = 8;
    /// Sends the bytes behind the [`Target`] as one datagram there.
    pub const SEND_TO: u8 = 9;
    /// The next datagram; waits for one. The bytes of the answer are a [`Target`], from where it came, and what it
    /// has, cut to what there is room for: `len` is how many it had.
    pub const RECEIVE_FROM: u8 = 10;
    /// The addresses of a name, which stands behind the target: bytes of the answer are so many times an address of 16 bytes.
    /// Of IPv6 with `n` 6, of IPv4 otherwise.
    pub const RESOLVE: u8 = 11;
    /// Asks the target for an echo of the bytes behind it. Completed with [`Echo`].
    pub const PING: u8 = 12;

    /// Every operation.
    pub const OPS: [u8; 12] = [
        CONNECT,
        LISTEN,
        ACCEPT,
        SEND,
        RECEIVE,
        FINISH,
        CLOSE,
        BIND,
        SEND_TO,
        RECEIVE_FROM,
        RESOLVE,
        PING,
    ];

    /// Of those that open nothing and bring nothing: who does not wait for what they came to need not be told of it
    /// ([`Wait`](super::Wait)).
    pub const CALM: [u8; 4] = [SEND, FINISH, CLOSE, SEND_TO];

    /// The peer refused the connection.
    pub const PEER_REFUSED: u8 = 1;
    /// The peer ended the connection without having finished.
    pub const RESET: u8 = 2;
    /// The peer, or the server of names, does not answer.
    pub const TIMED_OUT: u8 = 3;
    /// No line of the policy lets this client do that.
    pub const DENIED: u8 = 4;
    /// The port is in use.
    pub const IN_USE: u8 = 5;
    /// The client has as many sockets as it may.
    pub const QUOTA_SOCKETS: u8 = 6;
    /// The client has as many bytes of buffers as it may.
    pub const QUOTA_BYTES: u8 = 7;
    /// The socket was let go, or this side of the connection was finished.
    pub const CLOSED: u8 = 8;
    /// No such socket, or one of another kind.
    pub const NO_SOCKET: u8 = 9;
    /// The data is too short for its head, or the head says what cannot be.
    pub const MALFORMED: u8 = 10;
    /// There is no address to send from, no way there, or no network.
    pub const UNREACHABLE: u8 = 11;
    /// There is no such name.
    pub const NO_NAME: u8 = 12;
    /// A datagram is larger than the network takes, or as many requests of this kind wait as may.
    pub const TOO_MUCH: u8 = 13;

    payloads! {
        /// Where to, or where from. An address of IPv4 is as IPv6 maps it (RFC 4291, 2.5.5.2).
        #[derive(Default)]
        pub struct Target {
            /// The address, most significant byte first.
            pub address: [u8; 16],
            /// The port.
            pub port: u16,
            /// As the operation says.
            pub n: u16,
            /// Bytes that follow.
            pub len: u32,
        }

        /// A socket, and between whom it is.
        #[derive(Default)]
        pub struct Opened {
            /// Its number.
            pub socket: u64,
            /// The peer; zeros where there is none.
            pub peer: [u8; 16],
            /// The address here; zeros for each.
            pub local: [u8; 16],
            /// The peer's port.
            pub peer_port: u16,
            /// The port here.
            pub local_port: u16,
            /// Padding.
            pub zero: Zero<4>,
        }

        /// What came back.
        #[derive(Default)]
        pub struct Echo {
            /// Microseconds from sending to receiving.
            pub micros: u64,
            /// Bytes that came back the same.
            pub len: u64,
        }
    }
}

protocol! {
    /// Marker of the protocol.
    pub Socket = 13 "socket" {
        /// How the network stands.
        1 Info -> NetInfo, again;
        /// The caller has begun a new attachment to the ring that it shares with netstackd: its sockets of before are
        /// gone, and what it asked by the ring is nobody's any more. `Denied` for whoever shares none.
        2 Attach -> (), again;
        /// What was done since netstackd began.
        3 Stats -> NetStats, again;
        /// An address of this machine: `OutOfRange` behind the last.
        4 Address -> AddressInfo, again;
        /// Of all sockets one: `OutOfRange` behind the last. Needs the permission `view`.
        5 Row -> SocketInfo, again;
        /// Servers of names and what else is known, by number: `OutOfRange` behind the last.
        6 Server -> ServerInfo, again;
        /// The caller has put something in its ring, and wants to be told of what is done there: answered when it is to
        /// be told, in place of that, and at once when something was done that it has not seen, or it is in no
        /// attachment. The call before, if that waits still, is answered then, too. `Denied` for whoever shares no ring.
        7 Wait -> ();
    }
}

codes! {
    /// How the network stands.
    pub enum Link: u32 {
        /// virtionetd does not answer, or is being started again.
        1 NoCard,
        /// The card has no link.
        2 Down,
        /// An address is being asked for.
        3 Asking,
        /// There is an address.
        4 Up,
    }
}

codes! {
    /// What a socket is.
    pub enum Kind: u32 {
        /// A listening socket of TCP.
        1 Listener,
        /// A connection of TCP.
        2 Connection,
        /// A socket for datagrams.
        3 Datagrams,
    }
}

codes! {
    /// How a connection stands (RFC 9293, 3.3.2); [`Tcp::Closed`] for what is none.
    pub enum Tcp: u32 {
        /// None.
        1 Closed,
        /// Waits for peers.
        2 Listen,
        /// Has asked for a connection.
        3 SynSent,
        /// Was asked for one.
        4 SynReceived,
        /// Stands.
        5 Established,
        /// This side has finished.
        6 FinWait1,
        /// This side has finished, and the peer knows.
        7 FinWait2,
        /// The peer has finished.
        8 CloseWait,
        /// Both have, at the same time.
        9 Closing,
        /// The peer had, and now this side.
        10 LastAck,
        /// Over; late segments are waited for.
        11 TimeWait,
    }
}

codes! {
    /// How an address was come by.
    pub enum Source: u32 {
        /// The description says it.
        1 Static,
        /// By DHCP (RFC 2131).
        2 Dhcp,
        /// Made of the card's (RFC 4291, appendix A).
        3 LinkLocal,
        /// By what a router tells (RFC 4862).
        4 Slaac,
    }
}

payloads! {
    /// Asks how the network stands.
    pub struct Info {}

    /// How the network stands.
    pub struct NetInfo {
        /// How.
        pub link: Link,
        /// Most bytes of a packet.
        pub mtu: u32,
        /// The card's address.
        pub mac: [u8; 6],
        /// Padding.
        pub zero: Zero<2>,
        /// The router of IPv4; zeros for none.
        pub gateway4: [u8; 4],
        /// Addresses of this machine.
        pub addresses: u32,
        /// The router of IPv6; zeros for none.
        pub gateway6: [u8; 16],
        /// Seconds for which what DHCP gave still holds; 0 for none.
        pub lease: u32,
        /// Sockets that there are.
        pub sockets: u32,
    }

    /// Tells of a new attachment.
    pub struct Attach {}

    /// Tells of what was asked by the ring, and waits for what comes of it.
    pub struct Wait {
        /// The caller is not told of what is done of [`ring::CALM`], as far as that is done whole.
        pub calm: bool,
        /// Padding.
        pub zero: Zero<7>,
    }

    /// Asks what was done.
    pub struct Stats {}

    /// What was done since netstackd began.
    #[derive(Default)]
    pub struct NetStats {
        /// Frames that came.
        pub frames_in: u64,
        /// Frames that went.
        pub frames_out: u64,
        /// Bytes of the frames that came.
        pub bytes_in: u64,
        /// Bytes of those that went.
        pub bytes_out: u64,
        /// Frames of which nothing was made: of no protocol that is spoken here, wrong by their sums, for nobody.
        pub dropped: u64,
        /// Connections that stood.
        pub connections: u64,
        /// Requests that were denied.
        pub denied: u32,
        /// Lives of the card's driver after the first.
        pub lives: u32,
        /// Turns.
        pub turns: u64,
    }

    /// Asks for an address.
    pub struct Address {
        /// Its number, from 0 on.
        pub index: u64,
    }

    /// An address of this machine.
    pub struct AddressInfo {
        /// The address.
        pub address: [u8; 16],
        /// Bits of it that the network has: of an address of IPv4 at most 32.
        pub prefix: u32,
        /// How it was come by.
        pub source: Source,
    }

    /// Asks for a socket.
    pub struct Row {
        /// Its number, from 0 on.
        pub index: u64,
    }

    /// A socket.
    pub struct SocketInfo {
        /// What it is.
        pub kind: Kind,
        /// How it stands.
        pub tcp: Tcp,
        /// Service id of whose it is.
        pub service: u32,
        /// The port here.
        pub local_port: u16,
        /// The peer's.
        pub peer_port: u16,
        /// The peer; zeros for none.
        pub peer: [u8; 16],
        /// The address here; zeros for each.
        pub local: [u8; 16],
        /// Bytes that came, and that its client has not taken.
        pub received: u32,
        /// Bytes that its client has given, and that the peer has not acknowledged.
        pub unsent: u32,
    }

    /// Asks for a server.
    pub struct Server {
        /// Its number, from 0 on.
        pub index: u64,
    }

    /// A server that is known.
    pub struct ServerInfo {
        /// Its address.
        pub address: [u8; 16],
        /// What it does: "dns", or "dhcp".
        pub does: Name<8>,
    }
}

impl Wait {
    /// A wait that is calm, or is not.
    #[must_use]
    pub const fn new(calm: bool) -> Wait {
        Wait { calm, zero: Zero::ZERO }
    }
}
