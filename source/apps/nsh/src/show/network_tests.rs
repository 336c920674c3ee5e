use super::*;
use crate::fixture::names;
use crate::network::PAGE;
use crate::table::{columns, width};
use nexus_proto::{Name, ServiceError, Zero};
use nexus_rt::{CallError, abi};

fn octets(text: &str) -> [u8; 16] {
    match text.parse::<IpAddr>().unwrap() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

const INFO: NetInfo = NetInfo {
    link: Link::Up,
    mtu: 1500,
    mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
    zero: Zero::ZERO,
    gateway4: [10, 0, 2, 2],
    addresses: 2,
    gateway6: [0; 16],
    lease: 86_390,
    sockets: 3,
};

fn fits(text: &str) -> &str {
    assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
    text
}

#[test]
fn how_the_network_stands() {
    let addresses = [
        AddressInfo { address: octets("10.0.2.15"), prefix: 24, source: Source::Dhcp },
        AddressInfo {
            address: octets("fec0::5054:ff:fe12:3456"),
            prefix: 64,
            source: Source::Slaac,
        },
    ];
    let server = |address, does| ServerInfo { address: octets(address), does: Name::new(does) };
    let servers = [server("10.0.2.3", "dns"), server("fec0::3", "dns"), server("10.0.2.2", "dhcp")];
    let stats = NetStats {
        frames_in: 20,
        bytes_in: 2048,
        dropped: 1,
        frames_out: 7,
        connections: 4,
        ..NetStats::default()
    };
    assert_eq!(
        fits(&ip(&INFO, &addresses, &servers, &stats)),
        "\
link up; card 52:54:00:12:34:56, MTU 1500

ADDRESS                     FROM
10.0.2.15/24                DHCP
fec0::5054:ff:fe12:3456/64  a router (SLAAC)

routers  10.0.2.2
names    10.0.2.3, fec0::3
DHCP     10.0.2.2
lease    23 hours 59 minutes left
20 frames in, 2 KiB, of which nothing was made of 1; 7 out, 0 B; 3 sockets, 4
connections so far
"
    );
    let none = NetInfo { link: Link::NoCard, gateway4: [0; 4], lease: 0, ..INFO };
    let text = ip(&none, &[], &[], &stats);
    assert!(
        text.starts_with("virtionetd does not answer") && text.contains("\nno address\n"),
        "{text}"
    );
    assert!(!text.contains("lease") && !text.contains("routers"), "{text}");
}

#[test]
fn whose_sockets_there_are() {
    let info = SocketInfo {
        kind: Kind::Connection,
        tcp: Tcp::Established,
        service: ids::NSH,
        local_port: 49_152,
        peer_port: 80,
        peer: octets("192.0.2.7"),
        local: octets("10.0.2.15"),
        received: 512,
        unsent: 0,
    };
    let listener = SocketInfo {
        kind: Kind::Listener,
        tcp: Tcp::Listen,
        peer: [0; 16],
        peer_port: 0,
        local: [0; 16],
        local_port: 80,
        received: 0,
        ..info
    };
    let stats = NetStats { denied: 2, ..NetStats::default() };
    assert_eq!(
        fits(&sockets(&[listener, info], &stats, &names())),
        "\
WHO  KIND     STATE        LOCAL            PEER          TO READ  UNSENT
nsh  listens  listen       *:80             -                   0       0
nsh  tcp      established  10.0.2.15:49152  192.0.2.7:80      512       0
2 requests denied; `ledger` has why
"
    );
    let long = SocketInfo {
        peer: [0xfd; 16],
        local: [0xfd; 16],
        received: u32::MAX,
        unsent: u32::MAX,
        ..info
    };
    fits(&sockets(&[long], &NetStats::default(), &names()));
    assert_eq!(sockets(&[], &stats, &names()), "nobody has a socket\n");
}

#[test]
fn echoes_that_came_and_that_did_not() {
    let to: IpAddr = "192.0.2.7".parse().unwrap();
    let mut some = Echoes::default();
    assert_eq!(some.add(to, None), "192.0.2.7: nothing came back\n");
    assert!(echoes(&some).replace('\n', " ").contains("--net open"), "{}", echoes(&some));
    assert_eq!(some.add(to, Some((12_345, 56))), "192.0.2.7: 56 bytes back in 12.345 ms\n");
    some.add(to, Some((1_002, 56)));
    assert_eq!(echoes(&some), "asked 3 times, 2 came back, in 1.002 ms to 12.345 ms\n");
    assert_eq!(addresses(&[to]), "192.0.2.7\n");
}

fn head() -> Head {
    Head { line: "HTTP/1.1 200 OK".into(), ..Head::default() }
}

#[test]
fn pages_are_shown_as_text_or_bytes_and_what_was_cut_is_told() {
    let kind = Some("text/plain".into());
    let text = page(&Head { kind, ..head() }, b"a\tb\r\n\r\nc", false);
    assert_eq!(text, "HTTP/1.1 200 OK\ntype: text/plain\n\na    b\n\nc\n");
    assert!(page(&head(), b"", false).ends_with("\n(nothing)\n"));
    let moved = page(&Head { location: Some("/x".into()), ..head() }, b"", false);
    assert!(moved.contains("it is elsewhere: /x\n"), "{moved}");
    // A character that is cut in two is left out.
    let text = page(&Head { length: Some(99), ..head() }, "aé".as_bytes().get(..2).unwrap(), true);
    assert!(text.ends_with("\na\n(cut: these are 1 byte of 99)\n"), "{text}");
    let bytes = page(&head(), &[0xff; 300], false);
    assert!(
        bytes.contains("\n0000  ff ff")
            && bytes.ends_with("(cut: these are 256 bytes, and there are more)\n"),
        "{bytes}"
    );
    fits(&page(&head(), &[b'\0'; PAGE], true));
}

// attack 78 U: a server of pages sends what moves the cursor, hides text or turns it round, in its page, its head or its place; the terminal is sent none of it; broken: nsh-page-shown
#[test]
fn nothing_of_a_page_reaches_the_terminal_as_a_command() {
    for hidden in ["\u{1b}[2J", "\u{9b}1A", "\u{202e}abc", "a\u{200b}b", "\r", "\u{7}", "\u{feff}"]
    {
        let bad = format!("x{hidden}y");
        let head = Head {
            line: bad.clone(),
            kind: Some(bad.clone()),
            location: Some(bad.clone()),
            length: None,
        };
        for text in [
            page(&head, bad.as_bytes(), false),
            page(&head, &[bad.as_bytes(), b"\xff"].concat(), true),
        ] {
            assert!(text.is_ascii() && !text.contains(hidden), "{text:?}");
            assert!(text.matches("x\\u{").count() + text.matches("xa\\u{").count() >= 3, "{text}");
        }
        let text = failed(&Failed::Network(Trying::Names, Error::NoName), &bad, &names());
        assert!(text.is_ascii(), "{text:?}");
    }
}

#[test]
fn each_failure_says_why_and_what_would_help() {
    let connect = Trying::Connect(8080);
    let call = |error| Error::Call(CallError::Kernel(error));
    for (trying, error, parts) in [
        (connect, Error::NoRing(None), ["shares no memory with netstackd", "[[ring]]"]),
        (connect, call(abi::Error::TimedOut), ["does not answer", "`services`"]),
        (connect, Error::Call(CallError::Service(ServiceError::Gone)), ["does not run", "why"]),
        (connect, Error::Denied, ["[[allow-net]]", "`why nsh net tcp 8080`"]),
        (connect, Error::Denied, ["tcp at port 8080", "leads back"]),
        (Trying::Echo, Error::Denied, ["by echo", "`why nsh net echo`"]),
        (Trying::Names, Error::Denied, ["may not resolve names", "`resolve`"]),
        (
            Trying::Names,
            Error::NoAnswer,
            ["no server of names answers", "`cargo nexus run --net open`"],
        ),
        (connect, Error::TimedOut, ["a.example does not answer", "`restrict=on`"]),
        (Trying::Page, Error::TimedOut, ["a.example sends no more", ""]),
        (connect, Error::Unreachable, ["no way to a.example", "`ip`"]),
        (Trying::Names, Error::Unreachable, ["no server of names is known", "--net open"]),
        (Trying::Names, Error::NoName, ["there is no a.example", ""]),
        (connect, Error::PeerRefused, ["nothing listens", ""]),
        (Trying::Page, Error::Reset, ["broke the connection off", ""]),
        (Trying::Page, Error::Gone, ["netstackd ended", "again"]),
        (connect, Error::QuotaSockets, ["as many sockets", "`sockets`"]),
        (connect, Error::QuotaBytes, ["as many bytes", "`sockets`"]),
        (Trying::Echo, Error::TooMuch, ["as many", "again"]),
        (connect, Error::Garbled, ["makes no sense", ""]),
        (connect, Error::NoRoom, ["a.example: there is no room", ""]),
    ] {
        let text = failed(&Failed::Network(trying, error), "a.example", &names());
        let text = fits(&text).replace('\n', " ");
        assert!(parts.iter().all(|part| text.contains(part)), "{error:?}: {text}");
    }
    for why in [Wrong::NotHttp, Wrong::LongHead, Wrong::Length, Wrong::Parts, Wrong::Short] {
        let text = failed(&Failed::Page(why), "a.example", &names());
        assert!(fits(&text).starts_with("a.example: "), "{text}");
    }
}
