//! Under which names the page is served. A page of somebody else whose name is made to lead here has that name as
//! its host, and gets nothing (DNS rebinding).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The names. One without a port stands for every port: which port of the host leads here is known to nobody in
/// the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// What a browser on the host of a virtual machine says.
    pub const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

    /// These, as `localhost` or `127.0.0.1:8080`.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Hosts {
        Hosts(names.into_iter().map(ToString::to_string).collect())
    }

    /// True when the value of a header `Host` is one of them.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        let is =
            |name: &str| name.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(bare(host));
        self.0.iter().any(|name| is(name))
    }
}

/// Without its port.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host of a page that was made to lead here is not ours.
    // attack 106 U: a name of somebody else that is made to lead here, with ports, dots and brackets around ours; is none of ours; broken: page-host-any
    #[test]
    fn only_the_names_that_are_listed() {
        let hosts = Hosts::new(Hosts::LOOPBACK.into_iter().chain(["nexus.test:8080"]));
        for host in
            ["localhost", "LocalHost:1", "127.0.0.1:65535", "[::1]:80", "[::1]", "nexus.test:8080"]
        {
            assert!(hosts.has(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "evil.test",
            "evil.test:80",
            "localhost.evil.test",
            "evil.test#localhost",
            "127.0.0.1.evil.test:80",
            "localhost:",
            "localhost:80a",
            "localhost:80:80",
            "::1",
            "nexus.test",
            "nexus.test:80",
            "localhost.",
            "localhost.:80",
            "a@localhost",
            "localhost,evil.test",
            "localhost evil.test",
            "[0:0:0:0:0:0:0:1]",
            "[::1",
            "[::1]]",
            "[::1]:",
            "127.1",
            "2130706433",
            "0x7f000001",
        ] {
            assert!(!hosts.has(host), "{host}");
        }
    }
}
