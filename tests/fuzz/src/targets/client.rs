//! A network stack that lies to its client.

use nexus_net::exercise;

// attack 92 Z: netstackd answers anything, writes anything anywhere in the ring, and ends at any time; each request ends once, nothing is read or written outside; broken: sockets-answer-short, sockets-room-given
/// Whatever the stack answers, and whatever stands in the ring: each request of its client ends once.
pub fn client(data: &[u8]) {
    let _ = exercise::client(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    // What the client does is two bytes, 13 is to wait; what the stack does then begins with one: 0 answers, with a socket
    // or as what follows says.
    const OPEN: [u8; 7] = [11, 0, 13, 0, 0, 0, 4];
    let after = |rest: &[u8]| [&[0], &OPEN[..], rest, &[7; 4]].concat();
    let all = [
        ("open", after(&[])),
        ("receive", after(&[2, 9, 13, 0, 0, 0, 5, 40, 0])),
        ("send-parts", after(&[1, 80, 13, 0, 0, 0, 7, 0, 0, 0, 1, 3, 0])),
        ("datagram", after(&[6, 9, 13, 0, 0, 0, 3, 26, 1, 2, 3, 4])),
        ("names", after(&[7, 0, 13, 0, 0, 0, 5, 16, 0])),
        ("accept-and-close", after(&[0, 0, 13, 0, 0, 0, 8, 4, 0, 13, 0, 0, 0, 2, 0])),
        ("refused", after(&[9, 0, 13, 0, 0, 0, 2, 3])),
        ("another-life", after(&[2, 9, 13, 0, 6, 11, 0, 13, 0, 0, 0, 4])),
        ("abandoned", after(&[11, 0, 15, 0, 13, 0, 0, 0, 4])),
        ("index", after(&[2, 9, 13, 0, 4, 128, 0, 14, 7])),
        ("between-loads", [&[2, 128, 0, 9, 0, 0, 0], &OPEN[..], &[2, 9, 13, 0, 7]].concat()),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
