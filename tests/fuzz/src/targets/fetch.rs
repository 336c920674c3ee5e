//! What the shell reads of a server of pages, and the addresses of pages that are typed.

use nsh::http::Answer;
use nsh::url::{Host, Url};

use crate::input::Input;

/// Bytes of a page that are kept here.
const KEPT: usize = 64;
/// Longest line that is shown of a head: all of a head.
const HEAD: usize = 16 * 1024;

// attack 69 Z: an answer of any bytes in any pieces; no more is kept than is said, and the same is made of it in whatever pieces it comes; broken: nsh-http-head, nsh-http-between
// attack 78 Z: an address of a page of any bytes; it puts no line into a request, and is the same when it is read again; broken: nsh-url-lines
/// Whatever a server answers, and whatever is typed for an address.
pub fn fetch(data: &[u8]) {
    let mut input = Input::new(data);
    let piece = usize::from(input.byte()).max(1);
    if piece == 1 {
        if let Ok(word) = core::str::from_utf8(input.rest()) {
            url(word);
        }
        return;
    }
    let bytes = input.rest();
    let (pieces, whole) = (answer(bytes, piece), answer(bytes, bytes.len().max(1)));
    assert_eq!(pieces, whole, "in pieces of {piece}");
}

/// What is made of an answer: how it ended, and what is shown of it.
fn answer(bytes: &[u8], piece: usize) -> String {
    let mut answer = Answer::new(KEPT);
    let mut ended = None;
    for piece in bytes.chunks(piece) {
        match answer.push(piece) {
            Ok(false) => {}
            Ok(true) => ended = Some(Ok(())),
            Err(why) => ended = Some(Err(why)),
        }
        if ended.is_some() {
            break;
        }
    }
    let ended = ended.unwrap_or_else(|| answer.end());
    assert!(answer.body.len() <= KEPT);
    assert!(!answer.cut || answer.body.len() == KEPT);
    if let Some(head) = &answer.head {
        assert!(head.line.len() <= 3 * HEAD && head.line.starts_with("HTTP/1."));
    }
    format!("{ended:?} {:?} {:?} {}", answer.head, answer.body, answer.cut)
}

fn url(word: &str) {
    let Ok(url) = Url::parse(word) else { return };
    let text = url.to_string();
    assert!(url.port > 0 && url.path.starts_with('/'));
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert_eq!(Url::parse(&text).as_ref(), Ok(&url), "{text}");
    if let Host::Name(name) = &url.host {
        assert!(name.len() <= 253);
    }
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let answer = |text: &str| [&[7], text.as_bytes()].concat();
    let typed = |text: &str| [&[1], text.as_bytes()].concat();
    let parts = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let all = [
        (
            "length",
            answer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello"),
        ),
        ("rest", answer("HTTP/1.0 404 Not Found\n\nhello")),
        (
            "parts",
            answer(&format!("{parts}3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n")),
        ),
        ("long-parts", answer(&format!("{parts}50\r\n{}\r\n0\r\n\r\n", "a".repeat(80)))),
        ("interim", answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")),
        ("elsewhere", answer("HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n")),
        (
            "two-lengths",
            answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        ),
        ("url", typed("http://Example.ORG.:8080/a?b=c#d")),
        ("url-address", typed("http://[2001:db8::7]:65535/")),
        ("url-bare", typed("192.0.2.7")),
        ("url-lines", typed("a/\r\nHost:b")),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
