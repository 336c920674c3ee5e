//! Who may do what.

use nexus_sysdesc::testing::{service, system};
use nexus_sysdesc::{
    Address, Description, Ip, NetDirection, NetProtocol, Network, NetworkSays, Permission, Ports,
    Profile, Reach, Service, Sockets, mapped,
};

use super::{A, B, BACK, C, D, PEER};

pub(super) fn reach(
    protocol: NetProtocol,
    direction: NetDirection,
    ports: &[(u16, u16)],
    addresses: &[(Ip, u8)],
) -> Reach {
    let ports = ports.iter().map(|(first, last)| Ports { first: *first, last: *last });
    let network = |(address, bits): &(Ip, u8)| Network { address: *address, bits: *bits };
    Reach {
        protocol,
        direction,
        ports: ports.collect(),
        addresses: addresses.iter().map(network).collect(),
        id: "net".into(),
        reason: "a test".into(),
    }
}

/// Every address of IPv4.
pub(super) fn any4() -> (Ip, u8) {
    (mapped([0; 4]), 96)
}

/// Every address of IPv6.
pub(super) const ANY6: (Ip, u8) = ([0; 16], 0);

pub(super) fn description() -> Description {
    use NetDirection::{In, Out};
    use NetProtocol::{Echo, Tcp, Udp};
    let all = [any4(), ANY6];
    let client = |id, name, permissions: &[Permission], reaches| Service {
        sockets: Some(Sockets { count: 8, bytes: 1 << 20 }),
        reaches,
        ..service(id, name, permissions)
    };
    let ports = [(1, u16::MAX)];
    let a = vec![
        reach(Tcp, Out, &ports, &all),
        reach(Tcp, In, &[(80, 90)], &all),
        reach(Udp, Out, &ports, &all),
        reach(Udp, In, &[(5000, 5010)], &all),
        reach(Echo, Out, &[], &all),
    ];
    let b = vec![
        reach(Tcp, Out, &[(80, 80), (443, 443)], &[(mapped([10, 0, 2, 0]), 120)]),
        reach(Tcp, In, &[(8080, 8080)], &[(mapped(PEER), 128)]),
    ];
    let c = vec![
        reach(Tcp, Out, &ports, &all),
        reach(Udp, Out, &ports, &all),
        reach(Echo, Out, &[], &all),
    ];
    let services = vec![
        client(A, "a", &[], a),
        client(B, "b", &[], b),
        Service { talks_to: vec![A], ..client(C, "c", &[Permission::Resolve], c) },
        Service { sockets: None, ..client(D, "d", &[Permission::View], Vec::new()) },
    ];
    let network = NetworkSays { address: Address::Dhcp, leads_back: vec![mapped(BACK)] };
    Description { network: Some(network), ..system(Profile::Test, services) }
}
