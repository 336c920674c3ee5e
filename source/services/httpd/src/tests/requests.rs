//! Requests, and what is answered.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::fixture::{said, snapshot};
use super::wire::Bench;
use crate::answer::{CSP, HEADERS};
use crate::connection::REQUESTS;
use crate::{metrics, page};

/// Status, headers and body of the first answer in a text, and what follows it.
pub(super) fn answer(text: &str) -> (u16, Vec<(String, String)>, String, &str) {
    let (head, rest) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()))
        .collect();
    let len: usize = value(&headers, "content-length").parse().unwrap();
    let (body, rest) = rest.split_at(len.min(rest.len()));
    (status, headers, body.to_string(), rest)
}

pub(super) fn value<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

pub(super) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n\r\n")
}

#[test]
fn each_route() {
    let mut bench = Bench::new(snapshot());
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<!DOCTYPE html>"),
        ("/api", "application/json", "{\"version\":1,"),
        ("/api/schema", "application/schema+json", "{\n \"$schema\""),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# HELP nexus_uptime_seconds "),
        ("/alive", "text/plain; charset=utf-8", "Nexus is alive."),
        ("/?a=b", "text/html; charset=utf-8", "<!DOCTYPE html>"),
    ] {
        let (client, text) = bench.ask(&get(path));
        let (status, headers, got, rest) = answer(&text);
        assert_eq!((status, value(&headers, "content-type"), rest), (200, kind, ""), "{path}");
        assert!(got.starts_with(body), "{path}: {got}");
        assert_eq!(value(&headers, "connection"), "keep-alive");
        assert!(!client.is_over());
    }
    for path in ["/index.html", "/api/", "//", "/../etc/passwd", "/%2e%2e/", "/metrics/x"] {
        let (_, text) = bench.ask(&get(path));
        assert_eq!(answer(&text).0, 404, "{path}");
    }
}

#[test]
fn a_small_page_is_a_thousand_bytes_in_one_piece() {
    let mut bench = Bench::new(snapshot());
    let (client, text) = bench.ask(&get("/alive"));
    assert_eq!(answer(&text).2.len(), 1024);
    assert_eq!(client.pieces(), 1);
}

/// What a page may run and who may show it is said with every answer, also with errors.
// attack 106 U: answers of every kind and every fault are to run, to be framed or to be read by another page; each says that it may not; broken: page-csp-open, page-fault-bare
#[test]
fn every_answer_says_what_may_be_done_with_it() {
    let mut bench = Bench::new(snapshot());
    let asked = [
        (200, get("/")),
        (200, get("/api")),
        (200, get("/metrics")),
        (404, get("/nothing")),
        (421, get("/").replace("localhost", "evil.test")),
        (405, get("/").replace("GET", "POST")),
        (400, "nonsense\r\n\r\n".to_string()),
        (431, get("/").replace("\r\n\r\n", &format!("\r\na: {}\r\n\r\n", "b".repeat(4096)))),
    ];
    for (expected, request) in asked {
        let (_, text) = bench.ask(&request);
        let (status, headers, ..) = answer(&text);
        assert_eq!(status, expected, "{request}");
        for (name, text) in HEADERS {
            assert_eq!(value(&headers, &name.to_ascii_lowercase()), text, "{request}");
        }
        assert!(!headers.iter().any(|(name, _)| name.starts_with("access-control-")));
    }
    let rest = CSP.split("; ").filter(|part| !part.contains("'sha256-"));
    let rest: Vec<&str> = rest.collect();
    assert_eq!(
        rest,
        [
            "default-src 'none'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'"
        ]
    );
    assert!(!CSP.contains("unsafe"));
}

// attack 106 U: a browser asks for the host of somebody else; 421, and nothing is asked for; broken: page-host-unseen
#[test]
fn a_foreign_host_gets_nothing() {
    let mut bench = Bench::new(snapshot());
    for host in ["evil.test", "evil.test:8080", "10.0.2.15", "localhost.evil.test", ""] {
        for path in ["/", "/api", "/metrics", "/api/schema", "/alive"] {
            let (_, text) = bench.ask(&get(path).replace("localhost:8080", host));
            let (status, _, body, _) = answer(&text);
            assert_eq!(status, 421, "{host}");
            assert!(body.starts_with("Misdirected Request"), "{body}");
        }
    }
    assert_eq!(bench.asked.get(), 0);
    // Of HTTP/1.0, which need not say it, no better.
    let (_, text) = bench.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(answer(&text).0, 421);
    for host in ["127.0.0.1:1", "LOCALHOST", "[::1]:65535"] {
        let (_, text) = bench.ask(&get("/alive").replace("localhost:8080", host));
        assert_eq!(answer(&text).0, 200, "{host}");
    }
}

// attack 106 U: methods that change something, with a body; 405, and nothing is asked for; broken: page-method-any
#[test]
fn nothing_can_be_changed() {
    let mut bench = Bench::new(snapshot());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "BREW"] {
        let body = "Content-Length: 4\r\n\r\nbody";
        let request = format!("{method} /api HTTP/1.1\r\nHost: localhost\r\n{body}");
        let (client, text) = bench.ask(&request);
        let (status, headers, ..) = answer(&text);
        assert_eq!((status, value(&headers, "allow")), (405, "GET, HEAD"), "{method}");
        assert!(client.is_over());
    }
    assert_eq!(bench.asked.get(), 0);
}

#[test]
fn head_is_the_same_without_its_body() {
    let mut bench = Bench::new(snapshot());
    for path in ["/", "/api", "/metrics", "/nothing", "/alive"] {
        let (_, text) = bench.ask(&get(path));
        let (status, headers, ..) = answer(&text);
        let (_, text) = bench.ask(&get(path).replace("GET", "HEAD"));
        let (head_status, head_headers, body, rest) = answer(&text);
        assert_eq!((head_status, head_headers), (status, headers), "{path}");
        assert_eq!((body.as_str(), rest), ("", ""), "{path}");
    }
}

#[test]
fn many_requests_one_after_the_other_and_at_once() {
    let mut bench = Bench::new(snapshot());
    let (client, text) = bench.ask(&get("/alive"));
    assert_eq!(answer(&text).0, 200);
    // Three at once, in two pieces, the first of which ends within a head.
    let three =
        [get("/nothing"), get("/alive").replace("GET", "HEAD"), get("/api/schema")].concat();
    let (first, second) = three.split_at(three.len() / 2);
    client.send(first.as_bytes());
    bench.work();
    client.send(second.as_bytes());
    bench.work();
    let text = String::from_utf8(client.take()).unwrap();
    let (status, .., rest) = answer(&text);
    assert_eq!(status, 404);
    let (head, body) = rest.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    assert!(body.starts_with("HTTP/1.1 200"), "{body}");
    assert_eq!(answer(body).3, "");
    assert!(!client.is_over());
}

// attack 105 U: a client asks again and again over one connection; it is closed after a hundred; broken: page-kept-for-ever
#[test]
fn a_connection_has_an_end() {
    let mut bench = Bench::new(snapshot());
    let client = bench.connect(1 << 20);
    for count in 1..=REQUESTS {
        client.send(get("/alive").as_bytes());
        bench.work();
        let text = String::from_utf8(client.take()).unwrap();
        let (status, headers, ..) = answer(&text);
        let last = count == REQUESTS;
        let connection = if last { "close" } else { "keep-alive" };
        assert_eq!((status, value(&headers, "connection")), (200, connection), "{count}");
        assert_eq!(client.is_over(), last, "{count}");
    }
}

#[test]
fn who_wants_to_close_is_closed() {
    let mut bench = Bench::new(snapshot());
    let close = get("/alive").replace("\r\n\r\n", "\r\nConnection: Close\r\n\r\n");
    for request in [close, "GET /alive HTTP/1.0\r\nHost: localhost\r\n\r\n".to_string()] {
        let (client, text) = bench.ask(&request);
        let (status, headers, ..) = answer(&text);
        assert_eq!((status, value(&headers, "connection")), (200, "close"));
        assert!(client.is_over() && !client.is_gone());
        client.finish();
        bench.work();
        assert!(client.is_gone());
    }
}

#[test]
fn nothing_changes_between_what_is_made_and_what_is_sent() {
    let said = said("é, <b> & \"x\"\\n");
    for all in [snapshot(), said] {
        let mut bench = Bench::new(all.clone());
        let all = crate::model::Snapshot { uptime_ms: 0, ..all };
        let made = [
            ("/", page::page(&all)),
            ("/api", serde_json::to_string(&all).unwrap()),
            ("/metrics", metrics::metrics(&all)),
        ];
        for (path, expected) in made {
            let (_, text) = bench.ask(&get(path));
            assert_eq!(answer(&text).2, expected);
        }
    }
}
