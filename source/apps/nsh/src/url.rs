//! Hosts and addresses of pages, as they are typed.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;

/// The port of http.
const HTTP: u16 = 80;
/// Bytes of the longest name of a host (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 253;
/// Bytes of the longest path.
const LONGEST_PATH: usize = 1024;

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// By its address.
    Address(IpAddr),
    /// By its name.
    Name(String),
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whose.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// What is asked for: it begins with a slash, and each byte of it is seen.
    pub path: String,
}

impl Host {
    /// An address of IPv4 or IPv6, or a name.
    ///
    /// # Errors
    /// Why it is none, for the person who typed it.
    pub fn parse(word: &str) -> Result<Host, String> {
        let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
        if let Ok(address) = bare.parse() {
            return Ok(Host::Address(address));
        }
        let is_part = |part: &str| {
            let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (1..=63).contains(&part.len()) && part.bytes().all(inside)
        };
        let name = word.strip_suffix('.').unwrap_or(word);
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
        if name.len() > LONGEST_NAME || is_number || !name.split('.').all(is_part) {
            return Err(format!(
                "`{}` is no host: a name has letters, digits and hyphens between dots, an address is 192.0.2.7 or \
                 2001:db8::7",
                word.escape_debug()
            ));
        }
        Ok(Host::Name(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(address) => address.fmt(out),
            Host::Name(name) => out.write_str(name),
        }
    }
}

impl Url {
    /// `http://HOST[:PORT][/PATH]`; `http://` may be left out.
    ///
    /// # Errors
    /// Why it is none, for the person who typed it.
    pub fn parse(word: &str) -> Result<Url, String> {
        // Behind a slash or a question mark it belongs to the path.
        let scheme = word.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?', '#']));
        let rest = match scheme {
            None => word,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) => {
                let scheme = scheme.escape_debug();
                return Err(format!(
                    "it speaks http alone, and not {scheme}: nothing here encrypts"
                ));
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (place, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (host, port) = place_of(place)?;
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_string() } else { format!("/{path}") };
        // What is between lines of a request is said by nobody but this shell.
        if path.len() > LONGEST_PATH || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "the path has a character that must be written as % and two digits, or more than {LONGEST_PATH} of them"
            ));
        }
        Ok(Url { host: Host::parse(host)?, port, path })
    }

    /// The host as a request names it, with a port that is not the usual one.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
            host => host.to_string(),
        };
        if self.port == HTTP { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}{}", self.authority(), self.path)
    }
}

/// Host and port.
fn place_of(place: &str) -> Result<(&str, u16), String> {
    let port_at = match place.rfind(']') {
        Some(end) => place.get(end..).and_then(|rest| rest.find(':')).map(|colon| end + colon),
        // More than one is an address of IPv6.
        None if place.matches(':').count() == 1 => place.find(':'),
        None => None,
    };
    let Some(at) = port_at else { return Ok((place, HTTP)) };
    let (host, port) = place.split_at_checked(at).unwrap_or((place, ""));
    let digits = port.get(1..).unwrap_or_default();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse::<u16>() {
        Ok(port @ 1..) if is_number => Ok((host, port)),
        _ => Err(format!("`{}` is no port: one is 1 to 65535", digits.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(word: &str) -> String {
        match Url::parse(word) {
            Ok(url) => url.to_string(),
            Err(why) => why,
        }
    }

    #[test]
    fn what_is_typed_and_what_is_meant() {
        for (word, meant) in [
            ("example.org", "http://example.org/"),
            ("HTTP://Example.ORG./a?b=c#d", "http://example.org/a?b=c"),
            ("http://example.org:80/", "http://example.org/"),
            ("example.org:8080", "http://example.org:8080/"),
            ("example.org?x", "http://example.org/?x"),
            ("192.0.2.7:1/x", "http://192.0.2.7:1/x"),
            ("http://[2001:db8::7]:65535/", "http://[2001:db8::7]:65535/"),
            ("2001:db8::7", "http://[2001:db8::7]/"),
            ("[::1]", "http://[::1]/"),
            ("example.org/?u=https://a", "http://example.org/?u=https://a"),
            ("example.org?https://a", "http://example.org/?https://a"),
            ("http://example.org/a://b", "http://example.org/a://b"),
        ] {
            assert_eq!(url(word), meant);
        }
    }

    #[test]
    fn what_is_none_says_why() {
        for (word, why) in [
            ("https://example.org", "http alone, and not https"),
            ("ftp://example.org", "http alone, and not ftp"),
            ("example.org:0", "`0` is no port"),
            ("example.org:65536", "`65536` is no port"),
            ("example.org:+80", "`+80` is no port"),
            ("example.org:", "`` is no port"),
            ("http://", "`` is no host"),
            ("a..b", "`a..b` is no host"),
            ("300.1.1.1", "`300.1.1.1` is no host"),
            ("user@example.org", "is no host"),
            ("example.org/\u{e9}", "must be written as %"),
        ] {
            assert!(url(word).contains(why), "{word}: {}", url(word));
        }
        assert!(url(&format!("a/{}", "x".repeat(1023))).starts_with("http://"));
        assert!(url(&format!("a/{}", "x".repeat(1024))).contains("more than 1024"));
        assert!(Host::parse(&"a.".repeat(128)).is_err() && Host::parse(&"a".repeat(64)).is_err());
    }

    // attack 78 U: an address of a page that would put a line of its own into the request; it is none; broken: nsh-url-lines
    #[test]
    fn no_address_writes_lines_of_the_request() {
        for word in ["a/\r\nHost:b", "a\r\n/", "a/\u{0}", "a/\u{7f}", "a:80\n/"] {
            assert!(Url::parse(word).is_err(), "{word:?}");
            assert!(!url(word).contains(['\r', '\n', '\0', '\u{7f}']), "{word:?}");
        }
    }
}
