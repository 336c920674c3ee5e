//! What a client cannot have.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::fixture::snapshot;
use super::requests::{answer, get};
use super::wire::{Bench, Client};
use crate::connection::{ANSWER_MS, END_MS, HEAD_MS, IDLE_MS, REST};
use crate::head::{FIRST_LINE, HEAD, HEADERS};
use crate::one::GATHERED;
use crate::room::PATIENCE_MS;
use crate::serve::CONNECTIONS;

fn text(client: &Client) -> String {
    String::from_utf8(client.take()).unwrap()
}

/// A request whose first line is so long.
fn first_line(len: usize) -> String {
    let path = "a".repeat(len - "GET / HTTP/1.1".len());
    get(&format!("/{path}"))
}

/// A request that is so long.
fn head(len: usize) -> String {
    let plain = get("/alive");
    let rest = len - plain.len() - "a: \r\n".len();
    plain.replace("\r\n\r\n", &format!("\r\na: {}\r\n\r\n", "b".repeat(rest)))
}

// attack 105 U: a first line, a head or a number of headers at the bound and one above, or without end; 414 or 431, and closed; broken: page-head-long, page-line-long, page-headers-many
#[test]
fn heads_are_bounded() {
    let mut bench = Bench::new(snapshot());
    let many =
        |count: usize| get("/alive").replace("\r\n\r\n", &("\r\na: b".repeat(count) + "\r\n\r\n"));
    for (status, request) in [
        (404, first_line(FIRST_LINE)),
        (414, first_line(FIRST_LINE + 1)),
        (200, head(HEAD)),
        (431, head(HEAD + 1)),
        (200, many(HEADERS - 1)),
        (431, many(HEADERS)),
        // None of these ever ends.
        (414, "GET /".chars().chain(core::iter::repeat_n('a', FIRST_LINE)).collect()),
        (431, get("/").trim_end().chars().chain(core::iter::repeat_n('a', HEAD)).collect()),
        (431, "\r\n".repeat(HEAD)),
    ] {
        let (client, text) = bench.ask(&request);
        assert_eq!(answer(&text).0, status, "{request}");
        assert_eq!(client.is_over(), ![200, 404].contains(&status), "{request}");
    }
}

// attack 105 U: a body, by its length or in chunks, in which another request stands; 413, and it is none; broken: page-body-taken
#[test]
fn no_request_has_a_body() {
    let mut bench = Bench::new(snapshot());
    for (status, header) in [
        (200, "Content-Length: 0"),
        (413, "Content-Length: 1"),
        (413, "content-length: 18446744073709551615"),
        (413, "Content-Length: +0"),
        (413, "Transfer-Encoding: chunked"),
        (413, "TRANSFER-ENCODING: identity"),
    ] {
        let request = get("/alive").replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
        let smuggled = request + &get("/api");
        let (client, text) = bench.ask(&smuggled);
        let (got, .., rest) = answer(&text);
        assert_eq!(got, status, "{header}");
        // What would be the body is no request.
        assert_eq!((client.is_over(), rest.is_empty()), (status == 413, status == 413), "{header}");
    }
}

/// Who sends a byte now and then is told that it takes too long, and whoever sends nothing is let go.
// attack 105 U: a client sends a byte now and then, or none; 408, closed, and let go; broken: page-head-late
#[test]
fn slow_clients_have_an_end() {
    let mut bench = Bench::new(snapshot());
    let (drops, silent) = (bench.connect(1 << 20), bench.connect(1 << 20));
    let mut request = get("/alive");
    request.truncate(request.len() - 2);
    for (count, byte) in request.bytes().enumerate() {
        drops.send(&[byte]);
        bench.pass(100);
        let passed = 100 * (count as u64 + 1);
        assert_eq!(drops.is_over(), passed >= HEAD_MS, "{passed}");
        assert_eq!(silent.is_over(), passed >= HEAD_MS, "{passed}");
        if drops.is_over() {
            break;
        }
    }
    assert_eq!(answer(&text(&drops)).0, 408);
    assert_eq!(text(&silent), "");
    // Neither finishes its side: then this one lets go.
    bench.pass(END_MS);
    assert!(drops.is_gone() && silent.is_gone());
}

// attack 105 U: a client keeps its connection and asks nothing; closed; broken: page-idle-for-ever
#[test]
fn who_asks_no_more_is_let_go() {
    let mut bench = Bench::new(snapshot());
    let (client, text) = bench.ask(&get("/alive"));
    assert_eq!(answer(&text).0, 200);
    bench.pass(IDLE_MS - 1);
    assert!(!client.is_over());
    bench.pass(1);
    assert!(client.is_over() && client.take().is_empty());
}

// attack 105 U: a client takes a hundred bytes of its answer now and then; let go when it was to be over; broken: page-answer-late
#[test]
fn who_takes_nothing_is_let_go() {
    let mut bench = Bench::new(snapshot());
    let client = bench.connect(100);
    client.send(get("/").as_bytes());
    let mut taken = 0;
    // A hundred bytes now and then: each write gets on, and the whole does not.
    for _ in 1..ANSWER_MS / 100 {
        bench.pass(100);
        taken += client.take().len();
        assert!(!client.is_gone());
    }
    assert!((100..20_000).contains(&taken), "{taken}");
    bench.pass(200);
    assert!(client.is_gone());
}

/// As many slow clients as there are places, and one more: it is served all the same, within a quarter of a second,
/// and only slow ones lose theirs.
// attack 105 U: as many slow clients as there are places; one more is served within a quarter of a second, and one of them loses its place; broken: page-room-kept
#[test]
fn slow_clients_cost_only_themselves() {
    let mut bench = Bench::new(snapshot());
    let slow: Vec<Client> = (0..CONNECTIONS).map(|_| bench.connect(100)).collect();
    for (index, client) in slow.iter().enumerate() {
        // Some do not finish their head, the others do not take their answer.
        client.send(if index % 2 == 0 { "GET / HT".into() } else { get("/") }.as_bytes());
        bench.pass(1);
    }
    for round in 1..=3 {
        let client = bench.connect(1 << 20);
        client.send(get("/").as_bytes());
        bench.pass(PATIENCE_MS);
        assert_eq!(answer(&text(&client)).0, 200, "{round}");
        assert_eq!(slow.iter().filter(|client| client.is_over()).count(), 1, "{round}");
        client.finish();
        bench.work();
        assert!(client.is_gone());
        // The place is free now; a slow one takes it.
        bench.connect(100).send(b"GET");
        bench.work();
        assert_eq!(slow.iter().filter(|client| client.is_over()).count(), 1);
        if round == 1 {
            break;
        }
    }
}

/// Who takes its answer, piece by piece, keeps its place: one gives way that asks nothing.
// attack 105 U: connections that ask nothing take all places but one, where an answer goes out slowly; one of them gives way, and the answer arrives whole; broken: page-answer-gives-way
#[test]
fn who_takes_its_answer_does_not_give_way() {
    let mut bench = Bench::new(snapshot());
    let slow = bench.connect(GATHERED);
    slow.send(get("/").as_bytes());
    bench.pass(1);
    let idle: Vec<Client> = (1..CONNECTIONS).map(|_| bench.ask(&get("/alive")).0).collect();
    idle.iter().for_each(|client| drop(client.take()));
    let mut taken = Vec::new();
    // Some, so that it got on after the others.
    for _ in 0..3 {
        taken.extend(slow.take());
        bench.pass(1);
    }
    let more: Vec<Client> = (0..3).map(|_| bench.connect(1 << 20)).collect();
    more.iter().for_each(|client| client.send(get("/alive").as_bytes()));
    // A piece in a tenth of a second: the last comes after all of those are served.
    for _ in 0..20 {
        bench.pass(100);
        taken.extend(slow.take());
    }
    let text = String::from_utf8(taken).unwrap();
    assert!(text.ends_with("</html>"), "{} bytes came", text.len());
    assert_eq!(answer(&text).0, 200);
    assert!(more.iter().all(|client| client.pieces() > 0));
    assert_eq!(idle.iter().filter(|client| client.is_over()).count(), 3);
}

/// Who goes on sending after the end is not read for ever.
// attack 105 U: a client sends without end behind what is no request; so much is taken, and it is let go; broken: page-rest-endless
#[test]
fn nobody_is_read_without_end() {
    let mut bench = Bench::new(snapshot());
    let (client, text) = bench.ask("nonsense\r\n\r\n");
    assert_eq!(answer(&text).0, 400);
    // What it may have sent before it knew is taken, and resets nothing.
    client.send(&[b'a'; REST - 256]);
    bench.work();
    assert!(client.is_over() && !client.is_gone());
    client.send(&[b'a'; 255]);
    bench.work();
    assert!(!client.is_gone());
    client.send(b"a");
    bench.work();
    assert!(client.is_gone());
}

/// What was asked for is answered, though its client has finished its side.
#[test]
fn who_has_finished_is_answered() {
    let mut bench = Bench::new(snapshot());
    let client = bench.connect(1 << 20);
    client.send([get("/alive"), get("/alive")].concat().as_bytes());
    client.finish();
    bench.work();
    let text = text(&client);
    assert_eq!(text.matches("HTTP/1.1 200").count(), 2);
    assert!(client.is_gone());
    // Half a head is no request: nobody waits for its rest.
    let client = bench.connect(1 << 20);
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n");
    client.finish();
    bench.work();
    assert!(client.is_gone() && client.take().is_empty());
}

/// Nobody gives way to who waits before that one has waited, and there are no more than so many.
#[test]
fn connections_are_counted() {
    let mut bench = Bench::new(snapshot());
    let clients: Vec<Client> = (0..2 * CONNECTIONS).map(|_| bench.connect(1 << 20)).collect();
    clients.iter().for_each(|client| client.send(get("/alive").as_bytes()));
    bench.work();
    let served = |clients: &[Client]| clients.iter().filter(|one| one.pieces() > 0).count();
    assert_eq!(served(&clients), CONNECTIONS);
    bench.pass(PATIENCE_MS - 1);
    assert_eq!(served(&clients), CONNECTIONS);
    assert!(clients.iter().all(|client| !client.is_over()));
    // They have their answers, and wait for another request: one after the other gives way.
    for more in 1..=CONNECTIONS {
        bench.pass(PATIENCE_MS);
        assert_eq!(served(&clients), CONNECTIONS + more);
    }
    assert!(clients[..CONNECTIONS].iter().all(Client::is_gone));
    assert!(clients[CONNECTIONS..].iter().all(|client| !client.is_over()));
}

/// However many ask, others are asked once a second.
// attack 107 U: many ask for everything at the same time; others are asked once a second; broken: page-snapshot-each
#[test]
fn one_snapshot_a_second_for_everybody() {
    let mut bench = Bench::new(snapshot());
    for path in ["/", "/api", "/metrics", "/", "/alive", "/nothing"] {
        bench.ask(&get(path)).0.finish();
        bench.pass(100);
    }
    assert_eq!(bench.asked.get(), 1);
    let body = |bench: &mut Bench| {
        let (client, text) = bench.ask(&get("/api"));
        client.finish();
        answer(&text).2
    };
    let before = body(&mut bench);
    bench.pass(399);
    assert_eq!((body(&mut bench), bench.asked.get()), (before.clone(), 1));
    bench.pass(1);
    assert_ne!(body(&mut bench), before);
    assert_eq!(bench.asked.get(), 2);
}
