//! Addresses: as they are on the wire of clients, as smoltcp has them, and what kind they are.

use nexus_sysdesc::{Ip, mapped, v4};
use smoltcp::wire::{IpAddress, Ipv4Address, Ipv6Address};

/// An address that is none: of no peer, and for every address here.
pub const NONE: Ip = [0; 16];

/// As smoltcp has it. One of IPv4 comes as IPv6 maps it.
#[must_use]
pub fn of_wire(ip: Ip) -> IpAddress {
    match v4(ip) {
        Some(v4) => IpAddress::Ipv4(Ipv4Address::from_octets(v4)),
        None => IpAddress::Ipv6(Ipv6Address::from_octets(ip)),
    }
}

/// As clients have it.
#[must_use]
pub fn to_wire(address: IpAddress) -> Ip {
    match address {
        IpAddress::Ipv4(address) => mapped(address.octets()),
        IpAddress::Ipv6(address) => address.octets(),
    }
}

/// The address of IPv4 that some router would make of an address of IPv6: of IPv4-compatible addresses (RFC 4291,
/// 2.5.5.1), of NAT64 (RFC 6052, 2.1, RFC 8215), of 6to4 (RFC 3056) and of Teredo (RFC 4380, 4), whose bits are
/// turned round.
#[must_use]
pub fn inner(ip: Ip) -> Option<Ip> {
    let [a, b, c, d, e, f, ..] = ip;
    let [.., w, x, y, z] = ip;
    let last = [w, x, y, z];
    let before = u128::from_be_bytes(ip) >> 32;
    match (a, b) {
        (0, 0) if before == 0 => Some(mapped(last)),
        (0, 0x64) if before == 0x64_ff9b << 64 || before >> 48 == 0x64_ff9b_0001 => {
            Some(mapped(last))
        }
        (0x20, 0x02) => Some(mapped([c, d, e, f])),
        (0x20, 0x01) if (c, d) == (0, 0) => Some(mapped(last.map(|byte| !byte))),
        _ => None,
    }
}

/// True when no peer has it: it is none, of loopback, for many, or kept for later (RFC 6890).
#[must_use]
pub fn is_nobodys(ip: Ip) -> bool {
    match v4(ip) {
        // 0/8 is this network, 127/8 loopback, 224/4 multicast, 240/4 reserved and the broadcast.
        Some([first, ..]) => matches!(first, 0 | 127 | 224..),
        None => {
            let [first, ..] = ip;
            let number = u128::from_be_bytes(ip);
            first == 0xff || number <= 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v6(text: &str) -> Ip {
        text.parse::<Ipv6Address>().unwrap().octets()
    }

    #[test]
    fn there_and_back() {
        for ip in [mapped([10, 0, 2, 15]), v6("fe80::1"), v6("::1"), NONE] {
            assert_eq!(to_wire(of_wire(ip)), ip);
        }
        assert_eq!(of_wire(mapped([1, 2, 3, 4])), IpAddress::v4(1, 2, 3, 4));
    }

    #[test]
    fn what_hides_an_address_of_ipv4() {
        let hidden = |text| inner(v6(text)).and_then(v4);
        assert_eq!(hidden("::10.0.2.15"), Some([10, 0, 2, 15]));
        assert_eq!(hidden("64:ff9b::10.0.2.15"), Some([10, 0, 2, 15]));
        assert_eq!(hidden("64:ff9b:1:7:8:9:10.0.2.15"), Some([10, 0, 2, 15]));
        assert_eq!(hidden("2002:a00:20f::1"), Some([10, 0, 2, 15]));
        assert_eq!(hidden("2001:0:1:2:3:4:f5ff:fdf0"), Some([10, 0, 2, 15]));
        assert_eq!(hidden("2001:db8::10.0.2.15"), None);
        assert_eq!(hidden("fe80::10.0.2.15"), None);
    }

    #[test]
    fn what_nobody_has() {
        for v4 in [[0, 0, 0, 0], [0, 1, 2, 3], [127, 0, 0, 1], [127, 9, 9, 9], [224, 0, 0, 1]] {
            assert!(is_nobodys(mapped(v4)), "{v4:?}");
        }
        for v4 in [[239, 255, 255, 255], [240, 0, 0, 0], [255; 4]] {
            assert!(is_nobodys(mapped(v4)), "{v4:?}");
        }
        for v4 in [[1, 0, 0, 0], [126, 1, 1, 1], [128, 0, 0, 1], [223, 1, 1, 1]] {
            assert!(!is_nobodys(mapped(v4)), "{v4:?}");
        }
        for text in ["::", "::1", "ff02::1", "ff0e::7"] {
            assert!(is_nobodys(v6(text)), "{text}");
        }
        for text in ["::2", "fe80::1", "fec0::2", "2001:db8::1"] {
            assert!(!is_nobodys(v6(text)), "{text}");
        }
    }
}
