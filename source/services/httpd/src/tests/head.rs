use std::format;
use std::string::{String, ToString};

use super::*;

fn request(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

fn fault(text: &str) -> Option<Fault> {
    whole(text.as_bytes()).err()
}

#[test]
fn a_head_ends_with_an_empty_line() {
    let text = request("");
    for len in 0..text.len() {
        assert_eq!(whole(&text.as_bytes()[..len]), Ok(None));
    }
    assert_eq!(whole(text.as_bytes()), Ok(Some(0..text.len())));
    // What follows is another's, and empty lines before it are nobody's.
    let more = format!("\r\n\r\n{text}{text}");
    assert_eq!(whole(more.as_bytes()), Ok(Some(4..4 + text.len())));
}

// attack 105 U: a request that two readers read in two ways: folded, cut, with control characters, without a host or with two; refused, and the connection is over; broken: page-head-folded, page-head-control, page-host-twice
#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    for headers in [
        "Host: evil.test\r\n",
        "host: localhost\r\n",
        " folded: header\r\n",
        "\tfolded: header\r\n",
        "name : value\r\n",
        ": value\r\n",
        "name\r\n",
        "na me: value\r\n",
        "name: a\0b\r\n",
        "name: a\nHost: b\r\n",
        "name: a\rb\r\n",
        "name: a\u{7f}b\r\n",
        "n\u{e4}me: value\r\n",
    ] {
        assert_eq!(fault(&request(headers)), Some(Fault::Malformed), "{headers:?}");
    }
    for first in [
        "GET / HTTP/1.1",
        "GET  / HTTP/1.1\r\nHost: localhost",
        " GET / HTTP/1.1\r\nHost: localhost",
        "GET\t/ HTTP/1.1\r\nHost: localhost",
        "GET / HTTP/1.1 x\r\nHost: localhost",
        "GET /\u{e4} HTTP/1.1\r\nHost: localhost",
        "GET http://localhost/ HTTP/1.1\r\nHost: localhost",
        "GET * HTTP/1.1\r\nHost: localhost",
        "G(T / HTTP/1.1\r\nHost: localhost",
        "GET /",
        "/",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0",
    ] {
        assert_eq!(fault(&format!("{first}\r\n\r\n")), Some(Fault::Malformed), "{first:?}");
    }
    let bytes = [b"GET / HTTP/1.1\r\nHost: localhost\r\na: ", &b"\xff\r\n\r\n"[..]].concat();
    assert_eq!(whole(&bytes), Err(Fault::Malformed));
}

#[test]
fn what_browsers_send_is_taken() {
    let headers = "User-Agent: Mozilla/5.0 (X11)\r\nAccept: */*;q=0.8\r\nAccept-Language: \r\n\
        Cookie: a=b; c=\"d\"\r\nX: \u{e4}\tb\r\nContent-Length: 0\r\n";
    assert_eq!(fault(&request(headers)), None);
    for first in ["GET /a?b=c&d HTTP/1.1", "HEAD /%3Cb%3E HTTP/1.1"] {
        assert_eq!(fault(&request("").replace("GET / HTTP/1.1", first)), None, "{first}");
    }
    assert_eq!(fault("GET / HTTP/1.0\r\n\r\n"), None);
}

#[test]
fn other_versions_and_methods() {
    let with = |first: &str| fault(&request("").replace("GET / HTTP/1.1", first));
    for first in ["GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/1.10", "PRI * HTTP/2.0"] {
        assert_eq!(with(first), Some(Fault::Version), "{first}");
    }
    assert_eq!(with("GET / FTP/1.1"), Some(Fault::Malformed));
    for first in ["POST / HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT a:1 HTTP/1.1", "get / HTTP/1.1"]
    {
        assert_eq!(with(first), Some(Fault::Method), "{first}");
    }
}

#[test]
fn each_fault_has_a_status_and_words_of_its_own() {
    for (index, fault) in Fault::ALL.into_iter().enumerate() {
        assert!((400..600).contains(&fault.status()), "{fault:?}");
        let (name, rest) = fault.text().split_once(": ").unwrap();
        assert!(name.len() > 8 && rest.ends_with(".\n"), "{}", name.to_string());
        assert!(Fault::ALL[..index].iter().all(|other| other.status() != fault.status()));
    }
}

/// Whatever the bytes, nothing panics, and what is taken has an end within bounds.
#[test]
fn whatever_comes() {
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let plain = request("Accept: */*\r\nConnection: keep-alive\r\n").into_bytes();
    for _ in 0..20_000 {
        let mut bytes = plain.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b" \r\n:\t\0"[random(6)]),
            }
        }
        if let Ok(Some(range)) = whole(&bytes) {
            let head = &bytes[range];
            assert!(head.len() <= HEAD && head.ends_with(b"\r\n\r\n"));
            assert!(head.starts_with(b"GET ") || head.starts_with(b"HEAD "));
        }
    }
}
