//! QEMU's user network (`-netdev user`): what it leads to the guest, and what the guest reaches.

use crate::desc::property;
use std::net::Ipv4Addr;

/// Whom the guest sees at the other end of each forward: the host, as a router (QEMU's manual, "Using the user mode
/// network stack").
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

const NETDEV: &str = "-netdev";
const KIND: &str = "user";
/// Keeps the guest in: nothing of its own goes further than this network.
const CLOSED: &str = "restrict=on";
const OPEN: &str = "restrict=off";

/// A port of 127.0.0.1 that leads to one of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The port of the host.
    pub host: u16,
    /// The port of the guest.
    pub guest: u16,
}

/// Where the arguments of a board ask for the user network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserNet {
    value: usize,
}

impl UserNet {
    /// Where `board` does; nothing when it has no such network, or several.
    #[must_use]
    pub fn of(board: &[String]) -> Option<UserNet> {
        let pairs = board.iter().zip(board.iter().skip(1)).zip(1..);
        let is_one = |value: &str| property(value, "type").as_deref() == Some(KIND);
        let of_kind = |value: &str| value.split(',').next() == Some(KIND) || is_one(value);
        let mut all = pairs
            .filter(|((option, value), _)| *option == NETDEV && of_kind(value))
            .map(|(_, at)| at);
        let value = all.next()?;
        all.next().is_none().then_some(UserNet { value })
    }

    /// Has `forward` lead to the guest, by TCP. Where the port of the host is 0, QEMU takes one that is free.
    pub fn forward(self, board: &mut [String], forward: Forward) {
        let Forward { host, guest } = forward;
        if let Some(value) = board.get_mut(self.value) {
            value.push_str(&format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}"));
        }
    }

    /// Has the guest reach what the host reaches.
    pub fn open(self, board: &mut [String]) {
        if let Some(value) = board.get_mut(self.value) {
            let parts = value.split(',').map(|part| if part == CLOSED { OPEN } else { part });
            *value = parts.collect::<Vec<_>>().join(",");
        }
    }
}

/// The forwards of TCP in what QEMU's monitor says to `info usernet`. Connections that came by one are not among them.
#[must_use]
pub fn forwards(said: &str) -> Vec<Forward> {
    said.lines().filter_map(forward).collect()
}

/// `TCP[HOST_FORWARD]  10       127.0.0.1 35023       10.0.2.15    80     0     0`.
fn forward(line: &str) -> Option<Forward> {
    let mut words = line.split_whitespace();
    if words.next() != Some("TCP[HOST_FORWARD]") {
        return None;
    }
    // The descriptor, and the address of the host.
    let host = words.nth(2)?.parse().ok()?;
    let guest = words.nth(1)?.parse().ok()?;
    Some(Forward { host, guest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(netdev: &str) -> Vec<String> {
        let words = ["-device", "virtio-net-device,netdev=net0-link", NETDEV, netdev, "-smp", "1"];
        words.map(str::to_owned).to_vec()
    }

    // attack 99 U: another machine asks at a port of the host that leads to the guest; it leads there from 127.0.0.1 alone; broken: run-forward-any
    #[test]
    fn test_a_forward_is_of_this_machine_alone() {
        let mut board = board("user,id=net0-link,restrict=on");
        let net = UserNet::of(&board).unwrap();
        net.forward(&mut board, Forward { host: 0, guest: 80 });
        net.forward(&mut board, Forward { host: 8080, guest: 81 });
        assert_eq!(
            board[3],
            "user,id=net0-link,restrict=on,hostfwd=tcp:127.0.0.1:0-:80,hostfwd=tcp:127.0.0.1:8080-:81"
        );
    }

    #[test]
    fn test_a_network_is_opened() {
        for (netdev, open) in [
            ("user,id=a,restrict=on", "user,id=a,restrict=off"),
            ("user,restrict=on,id=a", "user,restrict=off,id=a"),
            ("user,id=a", "user,id=a"),
            ("user,id=restrict=on", "user,id=restrict=on"),
        ] {
            let mut board = board(netdev);
            UserNet::of(&board).unwrap().open(&mut board);
            assert_eq!(board[3], open);
        }
    }

    #[test]
    fn test_what_is_no_user_network() {
        for netdev in ["dgram,id=net0-link", "hubport,id=user,hubid=1", "users,id=a", ""] {
            assert_eq!(UserNet::of(&board(netdev)), None, "{netdev}");
        }
        let two = [board("user,id=a"), board("user,id=b")].concat();
        assert_eq!(UserNet::of(&two), None, "which is meant is not known");
        assert_eq!(UserNet::of(&[NETDEV.to_owned()]), None);
    }

    /// What QEMU 7.2.22 says with two forwards of TCP, one of UDP, and a connection that begins.
    const OF_7_2: &str = "Hub -1 (net0-link):\r\n  \
        Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
        TCP[SYN_SENT]      11       127.0.0.1 35023       10.0.2.15    80     0     0\r\n  \
        TCP[HOST_FORWARD]  10       127.0.0.1 35023       10.0.2.15    80     0     0\r\n  \
        TCP[HOST_FORWARD]   9       127.0.0.1 43469       10.0.2.15  8080     0     0\r\n  \
        UDP[HOST_FORWARD]   8       127.0.0.1 36158       10.0.2.15    53     0     0\r\n";
    /// What QEMU 10.0.2 says.
    const OF_10: &str = "Hub -1 (net0-link):\r\n  \
        Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
        TCP[SYN_SENT]      11       127.0.0.1 36709       10.0.2.15    80     0     0\r\n  \
        TCP[HOST_FORWARD]  10       127.0.0.1 36709       10.0.2.15    80     0     0\r\n  \
        TCP[HOST_FORWARD]   9       127.0.0.1 35387       10.0.2.15  8080     0     0\r\n  \
        UDP[HOST_FORWARD]   8       127.0.0.1 38948       10.0.2.15    53     0     0\r\n";

    #[test]
    fn test_forwards_are_read() {
        let of = |host, guest| Forward { host, guest };
        assert_eq!(forwards(OF_7_2), [of(35023, 80), of(43469, 8080)]);
        assert_eq!(forwards(OF_10), [of(36709, 80), of(35387, 8080)]);
        let wide = "TCP[HOST_FORWARD] 1234 255.255.255.255 65535 255.255.255.255 65535 0 0";
        assert_eq!(forwards(wide), [of(65535, 65535)]);
    }

    #[test]
    fn test_what_is_no_forward() {
        for said in [
            "",
            "info: no user network",
            "TCP[HOST_FORWARD]",
            "TCP[HOST_FORWARD] 10 127.0.0.1 35023 10.0.2.15",
            "TCP[HOST_FORWARD] 10 127.0.0.1 65536 10.0.2.15 80 0 0",
            "TCP[HOST_FORWARD] 10 127.0.0.1 - 10.0.2.15 80 0 0",
            "TCP[ESTABLISHED] 10 127.0.0.1 35023 10.0.2.15 80 0 0",
        ] {
            assert_eq!(forwards(said), [], "{said}");
        }
    }
}
