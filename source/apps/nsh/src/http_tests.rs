use super::*;
use alloc::vec;

/// What becomes of an answer that comes in pieces of `step` bytes, and whether it was wanted to its end.
fn read_by(step: usize, bytes: &[u8]) -> Result<Answer, Wrong> {
    let mut answer = Answer::new(20);
    for piece in bytes.chunks(step) {
        if answer.push(piece)? {
            return Ok(answer);
        }
    }
    answer.end().map(|()| answer)
}

/// The same in pieces of each size, which makes no difference.
fn read(bytes: &[u8]) -> Result<(String, bool), Wrong> {
    let read = |step| {
        let answer = read_by(step, bytes)?;
        Ok((String::from_utf8_lossy(&answer.body).into_owned(), answer.cut))
    };
    let whole = read(bytes.len().max(1));
    for step in [1, 2, 3, 7, 50] {
        assert_eq!(read(step), whole, "{step}");
    }
    whole
}

fn page(text: &str, cut: bool) -> Result<(String, bool), Wrong> {
    Ok((text.into(), cut))
}

#[test]
fn pages_end_where_they_say() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", page("hello", false)),
        (
            "HTTP/1.1 200 OK\r\ncontent-length:5\r\nContent-Length: 5\r\n\r\nhello",
            page("hello", false),
        ),
        ("HTTP/1.0 200 OK\r\n\r\nto the end", page("to the end", false)),
        ("HTTP/1.0 200 OK\n\nbare lines", page("bare lines", false)),
        ("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", page("", false)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", page("", false)),
        ("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx", page("x", false)),
        (
            "HTTP/1.1 200\r\nContent-Length: 20\r\n\r\n01234567890123456789",
            page("01234567890123456789", false),
        ),
        (
            "HTTP/1.1 200\r\nContent-Length: 21\r\n\r\n012345678901234567890",
            page("01234567890123456789", true),
        ),
        ("HTTP/1.1 200\r\n\r\n0123456789012345678901", page("01234567890123456789", true)),
    ] {
        assert_eq!(read(answer.as_bytes()), expected, "{answer:?}");
    }
}

#[test]
fn pages_in_parts_are_put_together() {
    let parts = |parts: &str| {
        read(
            format_args!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{parts}")
                .to_string()
                .as_bytes(),
        )
    };
    assert_eq!(parts("5\r\nhello\r\n0\r\n\r\n"), page("hello", false));
    assert_eq!(
        parts("3;x=y\r\nabc\r\nA\r\n0123456789\r\n00\r\nTrailer: 1\r\n\r\nrest"),
        page("abc0123456789", false)
    );
    assert_eq!(
        parts("15\r\n012345678901234567890\r\n0\r\n\r\n"),
        page("01234567890123456789", true)
    );
    for (wrong, why) in [
        ("\r\n", Wrong::Parts),
        ("-1\r\n", Wrong::Parts),
        ("1\r\nab", Wrong::Parts),
        ("1000000000000000\r\n", Wrong::Parts),
        ("5\r\nhel", Wrong::Short),
        ("5\r\nhello\r\n", Wrong::Short),
        ("5\r\nhello\r\n0\r\n", Wrong::Short),
    ] {
        assert_eq!(parts(wrong), Err(why), "{wrong:?}");
    }
    // Both are said: it is in parts.
    let both = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(read(both), page("hello", false));
}

#[test]
fn what_is_no_answer_says_why() {
    for (answer, why) in [
        ("", Wrong::NotHttp),
        ("SSH-2.0-x\r\n", Wrong::NotHttp),
        ("HTTP/2 200\r\n\r\n", Wrong::NotHttp),
        ("HTTP/1.1 2000 OK\r\n\r\n", Wrong::NotHttp),
        ("HTTP/1.1 099 OK\r\n\r\n", Wrong::NotHttp),
        ("HTTP/1.1\r\n\r\n", Wrong::NotHttp),
        ("HTTP/1.1 200 OK\r\n", Wrong::Short),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", Wrong::Short),
        ("HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc", Wrong::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", Wrong::Length),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", Wrong::Length),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Wrong::Length),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            Wrong::Length,
        ),
    ] {
        assert_eq!(read(answer.as_bytes()), Err(why), "{answer:?}");
    }
}

// attack 69 U: a server whose head, or what stands between the parts of a page, has no end; no more of it is read than is said; broken: nsh-http-head, nsh-http-between
#[test]
fn nothing_without_an_end_is_collected() {
    let mut answer = Answer::new(20);
    answer.push(b"HTTP/1.1 200 OK\r\n").unwrap();
    let pushed = (0..10_000).find_map(|_| answer.push(b"Name: value\r\n").err());
    assert_eq!(pushed, Some(Wrong::LongHead));
    assert!(answer.text.len() <= LONGEST_HEAD);
    let begin = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
    for (first, again) in [(&b"1;"[..], &b"xxxxxxxxx"[..]), (b"0\r\n", b"Name: value\r\n")] {
        let mut answer = Answer::new(20);
        answer.push(begin).unwrap();
        answer.push(first).unwrap();
        let pushed = (0..10_000).find_map(|_| answer.push(again).err());
        assert_eq!(pushed, Some(Wrong::LongHead));
    }
    let mut answer = Answer::new(20);
    let interim = (0..10_000).find_map(|_| answer.push(b"HTTP/1.1 100 Continue\r\n\r\n").err());
    assert_eq!(interim, Some(Wrong::LongHead));
}

#[test]
fn what_a_head_says() {
    let answer =
        b"HTTP/1.1 302 Found\r\nLOCATION: /x \r\nContent-Type:text/html\r\nX: \xff\r\n\r\n";
    let answer = read_by(9, answer).unwrap();
    let head = Head {
        line: "HTTP/1.1 302 Found".into(),
        kind: Some("text/html".into()),
        location: Some("/x".into()),
        length: None,
    };
    assert_eq!(answer.head, Some(head));
    assert_eq!(answer.body, vec![]);
}
