//! Sizes, rights and durations as people read them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_abi::Rights;

/// Bytes: `4 KiB`, `1.5 MiB`. One decimal place where the number is small and not whole.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 1;
    let mut names = UNITS.iter();
    let mut name = names.next().unwrap_or(&"");
    while bytes / unit >= 1024 {
        let Some(next) = names.next() else { break };
        (unit, name) = (unit * 1024, next);
    }
    let (whole, tenths) = (bytes / unit, bytes % unit * 10 / unit);
    if whole < 10 && tenths > 0 {
        format!("{whole}.{tenths} {name}")
    } else {
        format!("{whole} {name}")
    }
}

/// Frames of 4 KiB as bytes.
#[must_use]
pub fn frames(count: u64) -> String {
    size(count.saturating_mul(4096))
}

const RIGHTS: [(Rights, &str); 11] = [
    (Rights::MAP, "map"),
    (Rights::READ, "read"),
    (Rights::WRITE, "write"),
    (Rights::EXEC, "exec"),
    (Rights::SEND, "send"),
    (Rights::RECV, "recv"),
    (Rights::DERIVE, "derive"),
    (Rights::GRANT, "grant"),
    (Rights::REVOKE, "revoke"),
    (Rights::MANAGE, "manage"),
    (Rights::PLACE, "place"),
];

/// What whoever made a thing may do with it. All of them together are called `own`.
const OWN: Rights = Rights::DERIVE.union(Rights::GRANT).union(Rights::REVOKE).union(Rights::MANAGE);

/// Rights in words: `map read write`.
#[must_use]
pub fn rights(bits: u16) -> String {
    let rights = Rights::from_bits_truncate(bits);
    let own = rights.contains(OWN);
    let named = if own { rights - OWN } else { rights };
    let names = RIGHTS.iter().filter(|(right, _)| named.contains(*right)).map(|(_, name)| *name);
    let names: Vec<&str> = names.chain(own.then_some("own")).collect();
    if names.is_empty() { "none".to_string() } else { names.join(" ") }
}

/// Seconds since start with milliseconds: `0.214`.
#[must_use]
pub fn seconds(ns: u64) -> String {
    let ms = ns / 1_000_000;
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A duration in words, the two largest units: `3 minutes 12 seconds`.
#[must_use]
pub fn duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let mut left = ns / 1_000_000_000;
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        let count = left / unit;
        left %= unit;
        if count > 0 || (unit == 1 && parts.is_empty()) {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.truncate(2);
    parts.join(" ")
}

/// A duration in its largest unit, for tables: `214 ms`, `12 s`, `3 min`, `2 h`, `5 d`.
#[must_use]
pub fn brief(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 => format!("{} ms", ns / 1_000_000),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A number and its noun: `1 page`, `2 pages`, `2 batches`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let ending = match number {
        1 => "",
        _ if noun.ends_with("ch") || noun.ends_with("sh") => "es",
        _ => "s",
    };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_at_their_bounds() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (4096, "4 KiB"),
            (10_240 + 512, "10 KiB"),
            ((1 << 20) - 1, "1023 KiB"),
            (1 << 20, "1 MiB"),
            (256 << 20, "256 MiB"),
            (1 << 40, "1 TiB"),
            (u64::MAX, "15 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(frames(512), "2 MiB");
        assert_eq!(frames(u64::MAX), "15 EiB");
    }

    #[test]
    fn rights_in_order() {
        assert_eq!(rights(0), "none");
        assert_eq!(rights(0b111), "map read write");
        assert_eq!(rights(0x7ff), "map read write exec send recv place own");
        assert_eq!(rights((OWN - Rights::GRANT).bits()), "derive revoke manage");
    }

    #[test]
    fn durations() {
        const S: u64 = 1_000_000_000;
        assert_eq!(duration(0), "0 seconds");
        assert_eq!(duration(S), "1 second");
        assert_eq!(duration(192 * S), "3 minutes 12 seconds");
        assert_eq!(duration(3600 * S), "1 hour");
        assert_eq!(duration(90_061 * S), "1 day 1 hour");
        assert_eq!(seconds(214_999_999), "0.214");
        assert_eq!(seconds(61 * S), "61.000");
        for (ns, text) in [
            (0, "0 ms"),
            (S - 1, "999 ms"),
            (59 * S, "59 s"),
            (60 * S, "1 min"),
            (3600 * S, "1 h"),
            (86_400 * S, "1 d"),
        ] {
            assert_eq!(brief(ns), text);
        }
    }

    #[test]
    fn nouns() {
        assert_eq!((count(1, "page"), count(2, "page")), ("1 page".into(), "2 pages".into()));
        assert_eq!((count(1, "batch"), count(0, "batch")), ("1 batch".into(), "0 batches".into()));
        assert_eq!(count(2, "flush"), "2 flushes");
    }
}
