//! curl: every page, every refusal, and connections that are kept or closed.

use super::program;
use super::{Page, Seen, metrics};
use crate::paths;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;

/// What curl tells of each answer, behind the line's first word.
const TELLS: &str = "%{stderr}nexus %{http_code} %{num_connects} %{http_version}\n";
/// How the line begins.
const LINE: &str = "nexus ";
/// Where schemas are looked into.
const SCHEMA: &str = "docs/abi/page.schema.json";

/// An answer: as curl tells it, and what came.
#[derive(Debug)]
struct Answer {
    /// For each request status, connections that were made for it, and version.
    told: Vec<Told>,
    /// Of the last: its head, and what is behind it.
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn status(&self) -> u16 {
        self.told.last().map_or(0, |(status, ..)| *status)
    }

    /// The value of a header.
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).context("it is no text")
    }
}

/// What curl tells of a request.
type Told = (u16, u32, String);

/// Asks by curl; what it tells of each answer, and what came.
fn asked(arguments: &[&str]) -> Result<(Vec<Told>, Vec<u8>)> {
    let always = ["--silent", "--show-error", "--include", "--max-time", "30", "--noproxy", "*"];
    let all = [&always[..], &["--write-out", TELLS], arguments].concat();
    let said = program::run("curl", &all, b"")?;
    let told: Vec<_> = said.err.lines().filter_map(told).collect();
    ensure!(said.status.success(), "curl ends with {}: {}", said.status, said.err.trim());
    ensure!(!told.is_empty(), "curl tells nothing: {}", said.err.trim());
    Ok((told, said.out))
}

fn ask(arguments: &[&str]) -> Result<Answer> {
    let (told, out) = asked(arguments)?;
    let (head, body) = parts(&out)?;
    Ok(Answer { told, head, body })
}

fn told(line: &str) -> Option<Told> {
    let mut words = line.strip_prefix(LINE)?.split(' ');
    let (status, connects) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((status, connects, words.next()?.to_owned()))
}

/// Head and body of the last of these answers.
fn parts(out: &[u8]) -> Result<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(out);
    let at = text.rfind("HTTP/1.").context("no head")?;
    let (head, body) = text[at..].split_once("\r\n\r\n").context("a head without end")?;
    Ok((head.to_owned(), body.as_bytes().to_vec()))
}

/// What each page is, and each refusal.
pub(super) fn answers(page: Page, seen: &mut Seen) -> Result<()> {
    let before = seen.held;
    seen.take("curl /", html(page));
    seen.take("curl /api", api(page));
    seen.take("curl /metrics", text_format(page));
    seen.take("curl /alive", alive(page, &[]));
    for path in ["/", "/api", "/api/schema", "/metrics", "/alive"] {
        seen.take(format!("curl --head {path}"), bare(page, path));
    }
    // Nothing is kept, so that nothing can be as it was: an answer is always whole.
    for arguments in [
        &["--header", "If-None-Match: *"][..],
        &["--header", "If-Modified-Since: Tue, 01 Dec 2099 00:00:00 GMT"],
        &["--range", "0-99"],
        &["--compressed"],
        &["--http2"],
        &["--header", "Content-Length: 0"],
    ] {
        seen.take(format!("curl {arguments:?}"), alive(page, arguments));
    }
    let many: Vec<String> = (0..40).map(|number| format!("X-{number}: a")).collect();
    let many = many.iter().flat_map(|header| ["--header", header]).collect::<Vec<_>>();
    seen.take("curl with 40 headers", alive(page, &many));
    for (status, arguments) in refusals() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let what = format!("curl {}", arguments.join(" "));
        let what: String = what.chars().take(100).collect();
        seen.take(what, refused(page, status, &arguments));
    }
    seen.notes.push(format!("{} answers to curl", seen.held - before));
    Ok(())
}

/// How requests are refused, and by which arguments curl makes them; the path, where it is one, is last.
fn refusals() -> Vec<(u16, Vec<String>)> {
    let chunked = "Transfer-Encoding: chunked";
    let long = format!("/{}", "a".repeat(1000));
    let heavy = format!("X: {}", "a".repeat(3000));
    let many = (0..60).flat_map(|number| ["--header".to_owned(), format!("X-{number}: a")]);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut all = vec![
        (400, words(&["--header", "Host:", "/alive"])),
        (400, words(&["--request-target", "http://127.0.0.1/alive", "/alive"])),
        (400, words(&["--request-target", "*", "/alive"])),
        (404, words(&["/nothing"])),
        (404, words(&["/api/"])),
        (404, words(&["--path-as-is", "/../alive"])),
        (413, words(&["--request", "GET", "--data", "a", "/alive"])),
        (413, words(&["--request", "GET", "--data", "a", "--header", chunked, "/alive"])),
        (413, words(&["--request", "GET", "--data", "a", "--header", "Expect: 100-continue", "/"])),
        (414, words(&[&long])),
        (421, words(&["--header", "Host: page.example", "/"])),
        (421, words(&["--header", "Host: 127.0.0.1.page.example", "/api"])),
        (421, words(&["--header", "Host;", "/api"])),
        (431, words(&["--header", &heavy, "/alive"])),
        (431, many.chain(words(&["/alive"])).collect()),
    ];
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get"] {
        all.push((405, words(&["--request", method, "/alive"])));
        all.push((405, words(&["--request", method, "--data", "a", "/"])));
    }
    all
}

fn refused(page: Page, status: u16, arguments: &[&str]) -> Result<()> {
    let (path, rest) = arguments.split_last().context("no path")?;
    let answer = ask(&[rest, &[&page.url(path)]].concat())?;
    ensure!(answer.status() == status, "{}, and not {status}", answer.status());
    guarded(&answer)?;
    let allowed = answer.header("Allow");
    ensure!(status != 405 || allowed == Some("GET, HEAD"), "405 allows {allowed:?}");
    Ok(())
}

/// What every answer says of what may be done with it.
fn guarded(answer: &Answer) -> Result<()> {
    let policy = answer.header("Content-Security-Policy").unwrap_or_default();
    ensure!(policy.starts_with("default-src 'none';"), "its policy is {policy:?}");
    ensure!(answer.header("Access-Control-Allow-Origin").is_none(), "others may read it");
    for (name, wanted) in [("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")] {
        let value = answer.header(name);
        ensure!(value == Some(wanted), "{name} is {value:?}");
    }
    Ok(())
}

/// A page that is there, of this type.
fn got(page: Page, path: &str, kind: &str) -> Result<Answer> {
    let answer = ask(&[&page.url(path)])?;
    ensure!(answer.status() == 200, "{}", answer.status());
    guarded(&answer)?;
    let (len, told) = (answer.body.len(), answer.header("Content-Length"));
    ensure!(told == Some(&len.to_string()), "{len} bytes, and it says {told:?}");
    let seen = answer.header("Content-Type");
    ensure!(seen == Some(kind), "it is of type {seen:?}");
    Ok(answer)
}

fn html(page: Page) -> Result<()> {
    let answer = got(page, "/", "text/html; charset=utf-8")?;
    let text = answer.text()?;
    let begins = text.get(..15).unwrap_or_default();
    ensure!(begins.eq_ignore_ascii_case("<!doctype html>"), "it begins {begins:?}");
    ensure!(text.trim_end().ends_with("</html>"), "it has no end");
    ["uart0", "httpd", "netstackd"].into_iter().try_for_each(|word| {
        ensure!(text.contains(word), "it does not show {word}");
        Ok(())
    })
}

/// JSON, which is what its schema says, as somebody else reads both.
fn api(page: Page) -> Result<()> {
    let schema = got(page, "/api/schema", "application/schema+json")?;
    let file = paths::root()?.join(SCHEMA);
    ensure!(schema.text()? == fs::read_to_string(file)?, "the schema is not {SCHEMA}");
    let api = got(page, "/api", "application/json")?;
    let value: Value = serde_json::from_slice(&api.body).context("it is no JSON")?;
    let services = value["services"].as_array().map_or(0, Vec::len);
    ensure!(services > 8, "it shows {services} services");
    let place = tempfile::tempdir()?;
    let [instance, known] = ["api.json", "schema.json"].map(|name| place.path().join(name));
    fs::write(&instance, &api.body)?;
    fs::write(&known, &schema.body)?;
    let [instance, known] = [&instance, &known].map(|path| path.to_string_lossy().into_owned());
    let said = program::run("jsonschema", &["-i", &instance, &known], b"")?;
    let told = String::from_utf8_lossy(&said.out).into_owned() + &said.err;
    let failed = said.status.code() != Some(0);
    ensure!(!failed, "it is not what its schema says: {}", told.trim());
    Ok(())
}

fn text_format(page: Page) -> Result<()> {
    let answer = got(page, "/metrics", "text/plain; version=0.0.4; charset=utf-8")?;
    let samples = metrics::samples(answer.text()?)?;
    ensure!(samples.len() > 50, "{} samples", samples.len());
    Ok(())
}

/// The small page, whole, whatever else is said.
fn alive(page: Page, arguments: &[&str]) -> Result<()> {
    let answer = ask(&[arguments, &[&page.url("/alive")]].concat())?;
    ensure!(answer.status() == 200, "{}", answer.status());
    ensure!(answer.body.len() == 1024, "{} bytes", answer.body.len());
    guarded(&answer)
}

/// A head without a body, which says how long that would be.
fn bare(page: Page, path: &str) -> Result<()> {
    let answer = ask(&["--head", &page.url(path)])?;
    ensure!(answer.status() == 200, "{}", answer.status());
    ensure!(answer.body.is_empty(), "{} bytes behind its head", answer.body.len());
    let len = answer.header("Content-Length").and_then(|len| len.parse::<usize>().ok());
    ensure!(len.is_some_and(|len| len >= 1000), "it says {len:?} bytes");
    guarded(&answer)
}

/// Which connections are kept, and which are not.
pub(super) fn connections(page: Page, seen: &mut Seen) -> Result<()> {
    let two = [page.url("/alive"), page.url("/api/schema")];
    let two = [two[0].as_str(), two[1].as_str()];
    for (what, arguments, wanted) in [
        ("kept", &[][..], [1, 0]),
        ("closed", &["--header", "Connection: close"], [1, 1]),
        ("of HTTP/1.0", &["--http1.0"], [1, 1]),
    ] {
        seen.take(format!("connections that are {what}"), made(arguments, two, wanted));
    }
    // As many as there are in one connection (NP9), and one more.
    let url = page.url("/alive?[1-101]");
    let answer = ask(&[&url]);
    let seen_of = answer.and_then(|answer| {
        let made: Vec<usize> = (1..)
            .zip(&answer.told)
            .filter(|(_, told)| told.1 > 0)
            .map(|(number, _)| number)
            .collect();
        let good = answer.told.iter().all(|(status, ..)| *status == 200);
        ensure!(good && answer.told.len() == 101, "not all of 101 are answered");
        ensure!(made == [1, 101], "connections begin with requests {made:?}");
        Ok(())
    });
    seen.take("101 requests", seen_of);
    Ok(())
}

fn made(arguments: &[&str], two: [&str; 2], wanted: [u32; 2]) -> Result<()> {
    let (told, _) = asked(&[arguments, &two].concat())?;
    let made: Vec<u32> = told.iter().map(|told| told.1).collect();
    ensure!(made == wanted, "{made:?} connections are made, and not {wanted:?}");
    ensure!(told.iter().all(|told| told.0 == 200), "{told:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_what_curl_tells() {
        assert_eq!(told("nexus 200 1 1.1"), Some((200, 1, "1.1".to_owned())));
        assert_eq!(told("curl: (52) Empty reply from server"), None);
        let out = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nbody";
        assert_eq!(parts(out).unwrap(), ("HTTP/1.1 200 OK\r\nA: b".into(), b"body".to_vec()));
        assert!(parts(b"").is_err() && parts(b"HTTP/1.1 200 OK\r\n").is_err());
    }

    #[test]
    fn test_headers_are_found() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nAllow:  a".to_owned();
        let told = vec![(200, 1, "1.1".to_owned())];
        let answer = Answer { told, head, body: Vec::new() };
        assert_eq!(answer.header("content-length"), Some("5"));
        assert_eq!(answer.header("allow"), Some("a"));
        assert_eq!(answer.header("length"), None);
        assert!(guarded(&answer).is_err());
    }
}
