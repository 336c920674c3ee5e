use super::*;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a page does with one connection: answers what it sends, once that is silent for a moment, and goes on after a
/// request that is as it must be.
fn serve(mut stream: TcpStream, port: u16, answer: &impl Fn(u16, &[u8]) -> String) {
    let alive = format!("GET /alive HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.set_read_timeout(Some(Duration::from_millis(60))).unwrap();
    let (mut bytes, mut piece) = (Vec::new(), [0; 16384]);
    loop {
        match stream.read(&mut piece) {
            Ok(len @ 1..) => bytes.extend_from_slice(&piece[..len]),
            Err(_) if bytes.is_empty() => {}
            _ => {
                let said = answer(port, &bytes);
                let _ = stream.write_all(said.as_bytes());
                if bytes != alive.as_bytes() || said.is_empty() {
                    return;
                }
                bytes.clear();
            }
        }
    }
}

/// A page, at some port.
fn server(answer: impl Fn(u16, &[u8]) -> String + Send + Sync + 'static) -> Visits {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            thread::spawn(move || serve(stream, port, &*answer));
        }
    });
    let [drip, patience] = [200, 5000].map(Duration::from_millis);
    Visits { port, drip, patience }
}

fn says(status: u16) -> String {
    format!("HTTP/1.1 {status} \r\nContent-Length: 0\r\n\r\n")
}

/// What a page answers that is as it must be; the first slow visitor gives way.
fn right(slow: &AtomicUsize, port: u16, bytes: &[u8]) -> String {
    let visits = Visits { port, drip: DRIP, patience: PATIENCE };
    let text = String::from_utf8_lossy(bytes);
    let known = visits.requests().into_iter().find(|(_, _, request)| request == bytes);
    match known {
        Some((_, status, _)) => says(status),
        None if text.ends_with("\r\n\r\n") => OK.repeat(text.matches("\r\n\r\n").count().min(100)),
        None if slow.fetch_add(1, Ordering::Relaxed) == 0 => String::new(),
        None => says(408),
    }
}

#[test]
fn test_a_page_that_takes_all_visitors_as_it_must() {
    let slow = AtomicUsize::new(0);
    let visits = server(move |port, bytes| right(&slow, port, bytes));
    assert_eq!(visits.all(), Vec::<String>::new());
}

// attack 105 H: a page that serves whatever it is asked, or answers nobody; the run fails; broken: page-visitors-unseen
#[test]
fn test_a_page_that_serves_everybody() {
    let found = server(|_, _| OK.to_owned()).all();
    let refused = Visits { port: 1, drip: DRIP, patience: PATIENCE }.requests().len();
    assert_eq!(found.len(), refused + 4, "{found:?}");
    assert_eq!(found[0], "a head without end gets Ok(Some(200)), and not 431");
    assert_eq!(found[refused], "120 requests in one connection get Ok(1) answers");
    assert!(found[refused + 3].starts_with("slow ones ended otherwise"));
    let found = server(|_, _| String::new()).all();
    assert_eq!(found.len(), refused + 6, "{found:?}");
    assert_eq!(found[0], "who means it gets Ok(None) beside slow ones, and not 200");
}

#[test]
fn test_how_slow_visitors_end() {
    let late = End::Told(408);
    assert_eq!(judged(&[End::GaveWay, late, late]), Vec::<String>::new());
    assert_eq!(judged(&[late, late]), ["no slow one gave way, of 2"]);
    assert_eq!(judged(&[End::GaveWay]), ["no slow one was told that it came too late"]);
    assert_eq!(judged(&[End::GaveWay, late, End::Kept]), ["slow ones are still waited for: 1"]);
    assert_eq!(judged(&[End::GaveWay, late, End::Told(200)]).len(), 1);
}

#[test]
fn test_answers_are_counted() {
    for (count, text) in [
        (0, String::new()),
        (1, OK.to_owned()),
        (3, OK.repeat(3)),
        (2, OK.repeat(2) + &says(400)),
        (1, OK.to_owned() + "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
        (0, "HTTP/1.1 200 OK\r\n\r\nno length".to_owned()),
    ] {
        assert_eq!(answers(text.as_bytes()), count, "{text:?}");
    }
}
