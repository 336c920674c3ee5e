//! What a description lets services do with the network: by protocol, direction, port and address, and nothing by name.

mod common;
#[path = "common/wire.rs"]
mod wire;

use common::{permit, service, system};
use nexus_sysdesc::{
    Address, Description, Ip, MAPPED_BITS, NetDirection, NetProtocol, NetworkSays, OpenTree,
    Permission, Ports, Reach, Ring, Service, Sockets, Tree, ip_addr, ip_of, is_one, mapped, v4,
};
use wire::{net, network, reach};

const SOCKETS: Sockets = Sockets { count: 8, bytes: 1 << 20 };

fn ip(text: &str) -> Ip {
    ip_of(text.parse().expect("an address"))
}

fn ports(first: u16, last: u16) -> Vec<Ports> {
    vec![Ports { first, last }]
}

/// rtcd reaches others by TCP and UDP, rngd is reached; and there is a line of each other kind.
fn wired() -> Description {
    let mut system = system();
    let [init, logd, rtcd, rngd] = &mut system.services[..] else { panic!("four services") };
    logd.tree = Some(Tree { id: 7, keys: 1, bytes: 1 });
    let (prefix, reason) = (String::new(), String::from("it shows it"));
    init.opens = vec![OpenTree { owner: 3, prefix, rights: 1, id: "open".into(), reason }];
    rtcd.rings = vec![Ring { server: 3, pages: 2, id: "ring".into(), reason: "by it".into() }];
    rtcd.permits = vec![permit(5, Permission::Resolve)];
    (rtcd.sockets, rngd.sockets) = (Some(SOCKETS), Some(SOCKETS));
    let near = vec![net(mapped([10, 0, 0, 0]), MAPPED_BITS + 8)];
    let line = |id: &str| Reach { id: id.into(), addresses: near.clone(), ..reach() };
    let (udp, echo, inward) = (NetProtocol::Udp, NetProtocol::Echo, NetDirection::In);
    rtcd.reaches = vec![
        Reach { ports: ports(22, 80), ..line("near") },
        Reach { id: "all".into(), ..reach() },
        Reach { protocol: udp, ports: ports(123, 123), ..line("time") },
        Reach { protocol: echo, ports: vec![], ..line("ping") },
    ];
    rngd.reaches = vec![Reach { direction: inward, ports: ports(80, 80), ..line("page") }];
    system.network = Some(network());
    system
}

// attack 99 U: with lines that let something else with the network, another port, address, protocol, direction or service; denied; broken: net-direction, net-protocol, net-port, net-address, net-subject
#[test]
fn a_line_lets_its_terms_and_nothing_else() {
    let system = wired();
    assert_eq!(system.validate(), Ok(()));
    let (tcp, udp, echo) = (NetProtocol::Tcp, NetProtocol::Udp, NetProtocol::Echo);
    let (out, inward) = (NetDirection::Out, NetDirection::In);
    let of = |who, what, direction, address, port| {
        let line = system.reach_of(who, what, direction, ip(address), port)?;
        system.line(line).map(|(id, _)| id)
    };
    for (address, port, line) in [
        ("10.0.0.1", 22, Some("near")),
        ("10.255.255.255", 79, Some("near")),
        ("10.0.0.1", 80, Some("near")),
        ("11.0.0.0", 80, Some("all")),
        ("11.0.0.0", 22, None),
        ("9.255.255.255", 79, None),
        ("2001:db8::1", 80, Some("all")),
        ("2001:db8::1", 22, None),
        ("::a00:1", 22, None),
        ("10.0.0.1", 21, None),
        ("10.0.0.1", 81, None),
        ("10.0.0.1", 0, None),
    ] {
        assert_eq!(of(5, tcp, out, address, port), line, "{address} {port}");
        assert_eq!(of(5, tcp, inward, address, port), None, "{address} {port}");
        assert_eq!(of(5, udp, out, address, port), None, "{address} {port}");
        assert_eq!(of(1, tcp, out, address, port), None, "{address} {port}");
    }
    assert_eq!(of(5, udp, out, "10.1.1.1", 123), Some("time"));
    assert_eq!(of(7, tcp, inward, "10.1.1.1", 80), Some("page"));
    assert_eq!(of(7, tcp, out, "10.1.1.1", 80), None);
    for port in [0, 7, u16::MAX] {
        assert_eq!(of(5, echo, out, "10.1.1.1", port), Some("ping"));
        assert_eq!(of(5, echo, out, "11.1.1.1", port), None);
        assert_eq!(of(5, echo, inward, "10.1.1.1", port), None);
    }
    let mut silent = system.clone();
    silent.services[2].reaches.clear();
    assert_eq!(silent.reach_of(5, tcp, out, ip("10.0.0.1"), 80), None, "absence is deny");
}

#[test]
fn lines_about_the_network_have_the_last_numbers() {
    let system = wired();
    let bytes = system.encode().expect("valid");
    assert_eq!(Description::decode(&bytes), Ok(system.clone()));
    // Two rules, two permits, a ring, what opens state, and then they.
    let ids: Vec<&str> = system.lines().skip(6).map(|(id, _)| id).collect();
    assert_eq!(ids, ["near", "all", "time", "ping", "page"]);
    for (index, (subject, reach)) in system.reaches().enumerate() {
        let number = system.line_of_reach(index).expect("few lines");
        assert_eq!(usize::from(number), 7 + index);
        assert_eq!(system.reach(number), Some((subject, reach)));
        assert_eq!(system.line(number), Some((reach.id.as_str(), reach.reason.as_str())));
    }
    let none = [0, 6, 12, u16::MAX].map(|number| system.reach(number));
    assert_eq!(none, [None; 4]);
    assert_eq!(system.line_of_open(1, 3, ""), Some(6));
}

// attack 99 U: an address of IPv4 where a network of IPv6 is meant, and the other way; not of it; broken: net-family
#[test]
fn networks_are_their_first_bits() {
    let has = |text: &str, bits, other: &str| net(ip(text), bits).has(ip(other));
    assert!(has("10.0.2.15", 128, "10.0.2.15") && !has("10.0.2.15", 128, "10.0.2.14"));
    assert!(has("fec0::", 10, "feff::1") && !has("fec0::", 10, "ff00::1"));
    // Each of one family alone, also where the bits would fit.
    assert!(has("0.0.0.0", 96, "255.1.2.3") && !has("0.0.0.0", 96, "::1"));
    assert!(has("::", 0, "::1") && !has("::", 0, "1.2.3.4") && !has("::", 90, "1.2.3.4"));
    for bits in 0..=128 {
        assert!(net([0; 16], bits).is_possible());
        let ones = net([0xff; 16], bits);
        assert_eq!(ones.is_possible(), bits == 128);
    }
    assert!(!net([0; 16], 129).is_possible() && !net([0; 16], u8::MAX).is_possible());
}

#[test]
fn addresses_are_shown_as_they_are_written() {
    for text in ["10.0.2.15", "::", "::1", "fec0::2", "2001:db8::1", "0.0.0.0"] {
        assert_eq!(ip_addr(ip(text)).to_string(), text);
    }
    assert_eq!((v4(ip("1.2.3.4")), v4(ip("::102:304"))), (Some([1, 2, 3, 4]), None));
    assert_eq!(ip("::ffff:1.2.3.4"), ip("1.2.3.4"));
    let shown = |text: &str, bits| net(ip(text), bits).to_string();
    assert_eq!(shown("10.0.0.0", 104), "10.0.0.0/8");
    assert_eq!(shown("0.0.0.0", 96), "0.0.0.0/0");
    assert_eq!(shown("fec0::", 10), "fec0::/10");
    assert_eq!(shown("::", 0), "::/0");
    let line = Reach { ports: [ports(80, 80), ports(8000, 8999)].concat(), ..reach() };
    assert_eq!(line.ports_text(), "80 8000-8999");
    assert_eq!(line.addresses_text(), "::/0 0.0.0.0/0");
    for protocol in NetProtocol::ALL {
        assert_eq!(NetProtocol::from_code(protocol.code()), Some(protocol));
    }
    assert_eq!((NetProtocol::from_code(3), NetProtocol::from_code(u8::MAX)), (None, None));
}

// attack 99 U: an address that leads back to this machine, of loopback, or its own; known as such; broken: net-leads-back
#[test]
fn what_leads_back_is_this_machine() {
    let leads_back = vec![ip("10.0.2.2"), ip("fec0::2")];
    let (gateway, dns) = (Some([10, 0, 2, 2]), vec![]);
    let address = Address::Static { address: [10, 0, 2, 15], bits: 24, gateway, dns };
    let says = NetworkSays { address, leads_back };
    for own in ["10.0.2.2", "fec0::2", "10.0.2.15", "127.0.0.1", "127.9.9.9", "::1"] {
        assert!(says.is_this_machine(ip(own)), "{own}");
    }
    for other in ["10.0.2.3", "10.0.2.14", "fec0::3", "::2", "::ffff:1.2.3.4", "0.0.0.0"] {
        assert!(!says.is_this_machine(ip(other)), "{other}");
    }
    assert!(!network().is_this_machine(ip("10.0.2.15")));
    for one in ["10.0.2.15", "fe80::1", "::1"] {
        assert!(is_one(ip(one)), "{one}");
    }
    for none in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"] {
        assert!(!is_one(ip(none)), "{none}");
    }
}

/// Quotas are of a service, and lines are not needed for them.
#[test]
fn sockets_need_no_line() {
    let mut system = wired();
    system.services.push(Service { sockets: Some(SOCKETS), ..service(9, "idle") });
    assert_eq!(system.validate(), Ok(()));
}

#[test]
fn protocols_and_directions_have_names_of_their_own() {
    let protocols = [NetProtocol::Tcp, NetProtocol::Udp, NetProtocol::Echo];
    assert_eq!(protocols.map(NetProtocol::name), ["tcp", "udp", "echo"]);
    assert_eq!([NetDirection::Out, NetDirection::In].map(NetDirection::name), ["out", "in"]);
}

#[test]
fn networks_of_ipv4_have_the_bits_and_the_address_of_one() {
    let is = |address, bits| net(address, bits).is_v4();
    assert!(is(mapped([10, 0, 0, 0]), MAPPED_BITS) && is(mapped([10, 0, 2, 15]), 128));
    // All of IPv6 is no network of IPv4, whatever its address looks like.
    assert!(!is(mapped([10, 0, 0, 0]), MAPPED_BITS - 1) && !is(ip("2001:db8::"), 128));
}
