//! What a client sends to httpd.

use ::httpd::exercise;

// attack 105 Z: bytes of any client in any pieces, at any time; each answer is one and says what may be done with it, nothing follows a refusal, and the connection has an end; broken: page-fault-bare
// attack 106 Z: heads of any bytes; the page is given to nobody who names no host of it; broken: page-host-any
/// Whatever a client sends, in whatever pieces, however slowly: it is answered, or refused, within bounds.
pub fn httpd(data: &[u8]) {
    let _ = exercise::client(data);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let pieces = |text: &str| -> Vec<u8> {
        let piece = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
        text.as_bytes().chunks(200).flat_map(piece).collect()
    };
    let get =
        |path: &str, rest: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost:80\r\n{rest}\r\n");
    let slow = |text: &str| text.bytes().flat_map(|byte| [1, byte, 0, 2]).collect();
    let all = [
        ("page", pieces(&get("/", ""))),
        ("twice", pieces(&(get("/alive", "") + &get("/api", "Connection: close\r\n")))),
        ("head", pieces(&get("/metrics", "").replace("GET", "HEAD"))),
        ("old", pieces("GET /alive HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")),
        ("other-host", pieces(&get("/", "").replace("localhost", "evil.test"))),
        ("no-path", pieces(&get("/nothing", "Accept: */*\r\n"))),
        ("method", pieces(&get("/", "").replace("GET", "POST"))),
        ("body", pieces(&(get("/", "Content-Length: 4\r\n") + "body"))),
        ("parts", pieces(&(get("/", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n"))),
        ("folded", pieces(&get("/", "A: b\r\n c\r\n"))),
        ("long", pieces(&get("/alive", &format!("A: {}\r\n", "b".repeat(2100))))),
        ("slow", slow(&get("/alive", ""))),
        ("version", pieces(&get("/", "").replace("1.1", "2.0"))),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
