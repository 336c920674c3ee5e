//! What netstackd takes a request in a ring for.

use netstackd::exercise;
use nexus_proto::socket::ring::{
    ACCEPT, BIND, CLOSE, CONNECT, FINISH, LISTEN, PING, RECEIVE, RECEIVE_FROM, RESOLVE, SEND,
    SEND_TO, Target,
};
use zerocopy::IntoBytes;

// attack 93 Z: a request of any bytes: operation, socket, length, head; it is within its bytes, or none; broken: net-head
/// Whatever a client writes into its part of a ring: it is a request within its bytes, or none.
pub fn sockets(data: &[u8]) {
    let _ = exercise::request(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let request = |op: u8, len: u16, head: Target, behind: &[u8]| {
        let asked = [&[op][..], &7_u64.to_le_bytes(), &len.to_le_bytes()].concat();
        [&asked, head.as_bytes(), behind].concat()
    };
    let none = Target::default();
    let peer = Target { address: [1; 16], port: 80, ..none };
    let behind = |len: u32| Target { len, ..peer };
    let all = [
        ("connect", request(CONNECT, 100, peer, &[])),
        ("listen", request(LISTEN, 100, Target { n: 80, port: 4, ..none }, &[])),
        ("accept", request(ACCEPT, 48, none, &[])),
        ("send", request(SEND, 29, behind(5), b"hello")),
        ("receive", request(RECEIVE, 4096, none, &[])),
        ("finish", request(FINISH, 0, none, &[])),
        ("close", request(CLOSE, 24, Target { n: 1, ..none }, &[])),
        ("bind", request(BIND, 100, Target { n: 5000, ..none }, &[])),
        ("send-to", request(SEND_TO, 29, behind(5), b"hello")),
        ("receive-from", request(RECEIVE_FROM, 1500, none, &[])),
        ("resolve", request(RESOLVE, 33, Target { n: 6, ..behind(9) }, b"a.example")),
        ("ping", request(PING, 80, behind(56), &[7; 56])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
