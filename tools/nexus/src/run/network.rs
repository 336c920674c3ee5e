//! What of the network a run has: ports of this machine that lead to services, and how far the guest reaches.

use crate::qemu::usernet::{Forward, ROUTER, UserNet};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use nexus_sysdesc::{Description, NetDirection, NetProtocol};
use std::net::{Ipv4Addr, TcpListener};

/// The port of HTTP, at which a browser looks for a page.
const HTTP: u16 = 80;
/// More forwards than anybody would ask for by hand. A line of a thousand ports has none.
const MOST: usize = 16;

/// What of the network a person asks for.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct NetworkArgs {
    /// How far the guest reaches.
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    net: Net,
    /// The port of 127.0.0.1 that leads to the page; QEMU takes one that is free when it is 0.
    #[arg(long, value_name = "PORT", default_value_t)]
    port: u16,
}

/// How far the guest reaches by the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Net {
    /// It reaches nothing outside. What it is asked through a forward, it answers.
    #[default]
    Closed,
    /// It reaches what this machine reaches: its own loopback, as 10.0.2.2, and other machines of its network.
    Open,
}

/// What `open` means, for the person who asked for it.
const IS_OPEN: &str = "the network is open: the guest reaches whatever this machine reaches, as far as its policy lets \
    a service. 10.0.2.2 is the loopback of this machine, with all that listens there; other machines of its network \
    are reached, too";

/// A port at which a service may be reached by TCP, through a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    pub(super) service: String,
    pub(super) port: u16,
}

impl Door {
    /// True when a browser finds a page behind it.
    pub(super) fn is_page(&self) -> bool {
        self.port == HTTP
    }
}

/// The arguments of `board` as they were asked for, and the doors that it has then.
///
/// # Errors
/// The port that was asked for leads nowhere, or cannot be had.
pub(super) fn set_up(
    mut board: Vec<String>,
    description: &Description,
    args: NetworkArgs,
) -> Result<(Vec<String>, Vec<Door>)> {
    let net = UserNet::of(&board);
    let doors = net.map(|_| doors(description)).unwrap_or_default();
    if args.port != 0 {
        if !doors.iter().any(Door::is_page) {
            bail!("`--port` leads nowhere: no service of this system is reached at port {HTTP}");
        }
        is_free(args.port)?;
    }
    let Some(net) = net else {
        if args.net == Net::Open {
            bail!("there is nothing to open: the board has not one network of QEMU's kind `user`");
        }
        return Ok((board, doors));
    };
    for door in &doors {
        let host = if door.is_page() { args.port } else { 0 };
        net.forward(&mut board, Forward { host, guest: door.port });
    }
    if args.net == Net::Open {
        net.open(&mut board);
        eprintln!("nexus: {IS_OPEN}");
    }
    Ok((board, doors))
}

/// Nobody else has this port, for now.
fn is_free(port: u16) -> Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop).with_context(|| {
        format!("127.0.0.1:{port} cannot lead to the page; say another port, or none")
    })
}

/// The ports at which the description lets somebody reach a service through a forward, each once. Where that are
/// more than [`MOST`], they are none.
fn doors(description: &Description) -> Vec<Door> {
    let router = ROUTER.to_ipv6_mapped().octets();
    let mut doors: Vec<Door> = Vec::new();
    for (id, reach) in description.reaches() {
        let ports = reach.ports.iter().flat_map(|ports| ports.first..=ports.last);
        let (protocol, direction) = (NetProtocol::Tcp, NetDirection::In);
        for port in ports.filter(|port| reach.lets(protocol, direction, router, *port)) {
            let service = description.service(id).map_or_else(String::new, |one| one.name.clone());
            if doors.iter().all(|door| door.port != port) {
                doors.push(Door { service, port });
            }
            if doors.len() > MOST {
                eprintln!(
                    "nexus: services are reached at more than {MOST} ports: none is forwarded"
                );
                return Vec::new();
            }
        }
    }
    doors
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use nexus_sysdesc::{Network, Ports, Reach};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: NetworkArgs,
    }

    fn args(line: &[&str]) -> NetworkArgs {
        Line::try_parse_from([&["run"], line].concat()).unwrap().args
    }

    fn board() -> Vec<String> {
        ["-netdev", "user,id=net0-link,restrict=on"].map(str::to_owned).to_vec()
    }

    const TCP: NetProtocol = NetProtocol::Tcp;
    const IN: NetDirection = NetDirection::In;
    const ALL: [u8; 4] = [0, 0, 0, 0];
    const NONE: [u16; 0] = [];

    fn reach(
        protocol: NetProtocol,
        direction: NetDirection,
        ports: &[(u16, u16)],
        peers: [u8; 4],
    ) -> Reach {
        let bits = if peers == ALL { 96 } else { 128 };
        let address = Ipv4Addr::from(peers).to_ipv6_mapped().octets();
        Reach {
            protocol,
            direction,
            ports: ports.iter().map(|(first, last)| Ports { first: *first, last: *last }).collect(),
            addresses: vec![Network { address, bits }],
            id: "net-one".into(),
            reason: "a test".into(),
        }
    }

    /// The standard system, of which one service has these lines and no other has any.
    fn description(reaches: Vec<Reach>) -> Description {
        let mut description = crate::desc::load(None, "prod").unwrap().description;
        description.services.iter_mut().for_each(|one| one.reaches.clear());
        description.services[0].reaches = reaches;
        description
    }

    fn ports(reaches: Vec<Reach>) -> Vec<u16> {
        doors(&description(reaches)).iter().map(|door| door.port).collect()
    }

    // attack 99 U: a system is run as it is by default; the guest is kept in, whatever leads to it; broken: run-net-open
    #[test]
    fn test_the_guest_is_kept_in_unless_a_person_says_otherwise() {
        let system = description(vec![reach(TCP, IN, &[(80, 80)], ALL)]);
        let netdev = |line: &[&str]| set_up(board(), &system, args(line)).unwrap().0[1].clone();
        let closed = "user,id=net0-link,restrict=on,hostfwd=tcp:127.0.0.1:0-:80";
        assert_eq!(netdev(&[]), closed);
        assert_eq!(netdev(&["--net", "closed"]), closed);
        assert_eq!(netdev(&["--net", "open"]), closed.replace("=on", "=off"));
    }

    // attack 99 U: something outside asks by a port at which no line lets it reach a service, or not from there; nothing leads to it; broken: run-forward-out, run-forward-peer
    #[test]
    fn test_a_port_leads_where_a_line_lets_somebody_in() {
        assert_eq!(ports(vec![reach(TCP, IN, &[(80, 80), (443, 444)], ALL)]), [80, 443, 444]);
        assert_eq!(ports(vec![reach(TCP, IN, &[(80, 80)], [10, 0, 2, 2])]), [80]);
        assert_eq!(ports(vec![reach(TCP, NetDirection::Out, &[(80, 80)], ALL)]), NONE);
        assert_eq!(ports(vec![reach(NetProtocol::Udp, IN, &[(80, 80)], ALL)]), NONE);
        assert_eq!(ports(vec![reach(TCP, IN, &[(80, 80)], [10, 0, 2, 3])]), NONE);
        let twice = || reach(TCP, IN, &[(80, 80)], ALL);
        assert_eq!(ports(vec![twice(), twice()]), [80]);
        assert_eq!(ports(vec![reach(TCP, IN, &[(1, 16)], ALL)]).len(), MOST);
        assert_eq!(
            ports(vec![reach(TCP, IN, &[(1, 17)], ALL)]),
            NONE,
            "more than anybody asks for"
        );
        assert_eq!(ports(vec![reach(TCP, IN, &[(1, 65535)], ALL)]), NONE);
    }

    #[test]
    fn test_a_port_of_this_machine_that_cannot_be_had_is_told() {
        let with_page = description(vec![reach(TCP, IN, &[(80, 80), (81, 81)], ALL)]);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let asked = args(&["--port", &port.to_string()]);
        let error = set_up(board(), &with_page, asked).unwrap_err();
        assert!(error.to_string().contains(&format!("127.0.0.1:{port} cannot lead")), "{error:#}");
        drop(taken);
        let (board, doors) = set_up(board(), &with_page, asked).unwrap();
        assert!(board[1].contains(&format!(",hostfwd=tcp:127.0.0.1:{port}-:80,")), "{board:?}");
        assert!(board[1].ends_with(",hostfwd=tcp:127.0.0.1:0-:81"), "{board:?}");
        assert_eq!(doors.iter().map(Door::is_page).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn test_what_is_not_there_is_told() {
        let without = description(vec![]);
        let error = |board: Vec<String>, line: &[&str]| {
            set_up(board, &without, args(line)).unwrap_err().to_string()
        };
        assert!(error(board(), &["--port", "8080"]).contains("no service"));
        assert!(error(vec![], &["--net", "open"]).contains("nothing to open"));
        assert_eq!(set_up(vec![], &without, args(&[])).unwrap(), (vec![], vec![]));
    }
}
