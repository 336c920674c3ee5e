//! Sizes, durations and counts.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use nexus_abi::PAGE_SIZE;

/// Bytes: `4 KiB`, `1.5 MiB`. One decimal place where the number is small and not whole.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (bytes.max(1).ilog2() / 10) as usize;
    let one = 1_u64 << (10 * unit);
    let name = UNITS.get(unit).copied().unwrap_or_default();
    match (bytes / one, bytes % one * 10 / one) {
        (whole @ 0..10, tenths @ 1..) => format!("{whole}.{tenths} {name}"),
        (whole, _) => format!("{whole} {name}"),
    }
}

/// Frames of 4 KiB as bytes.
#[must_use]
pub fn frames(count: u64) -> String {
    size(count.saturating_mul(PAGE_SIZE))
}

/// Ticks of the `time` CSR as a duration.
#[must_use]
pub fn of_ticks(ticks: u64) -> Duration {
    Duration::from_nanos(nexus_rt::ns_of_ticks(ticks))
}

/// Seconds with milliseconds: `0.214`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// Units of a duration: seconds, and their names.
const UNITS: [(u64, &str, &str); 4] =
    [(86_400, "d", "day"), (3600, "h", "hour"), (60, "min", "minute"), (1, "s", "second")];

/// A duration in its two largest units: `3 min 12 s`.
#[must_use]
pub fn duration(time: Duration) -> String {
    largest(time, |count, (_, short, _)| format!("{count} {short}"))
}

/// The same at length: `3 minutes 12 seconds`.
#[must_use]
pub fn duration_at_length(time: Duration) -> String {
    largest(time, |number, (.., long)| count(number, long))
}

fn largest(time: Duration, name: impl Fn(u64, (u64, &str, &str)) -> String) -> String {
    let mut left = time.as_secs();
    let mut parts = Vec::new();
    for unit in UNITS {
        let (seconds, ..) = unit;
        let count = left / seconds;
        left %= seconds;
        if count > 0 || (seconds == 1 && parts.is_empty()) {
            parts.push(name(count, unit));
        }
    }
    parts.truncate(2);
    parts.join(" ")
}

/// A duration in its largest unit, for tables: `214 ms`, `12 s`, `3 min`, `2 h`, `5 d`.
#[must_use]
pub fn brief(time: Duration) -> String {
    let seconds = time.as_secs();
    match UNITS.iter().find(|(unit, ..)| seconds >= *unit) {
        Some((unit, name, _)) => format!("{} {name}", seconds / unit),
        None => format!("{} ms", time.subsec_millis()),
    }
}

/// A number and its noun: `1 page`, `2 pages`, `2 batches`, `3 lives`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    match noun.strip_suffix("fe") {
        _ if number == 1 => format!("{number} {noun}"),
        Some(stem) => format!("{number} {stem}ves"),
        None if noun.ends_with("ch") || noun.ends_with("sh") => format!("{number} {noun}es"),
        None => format!("{number} {noun}s"),
    }
}

/// A number with its thousands apart: `12 345`, by a space that no line breaks at.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole, in thousandths rounded down: `12.3 %`. Of nothing it is none.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    let thousandths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// Bytes in hexadecimal, with `between` after each but the last.
#[must_use]
pub fn hex(bytes: &[u8], between: &str) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(between)
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
    fn durations() {
        for (s, short, long, one) in [
            (0, "0 s", "0 seconds", "0 ms"),
            (1, "1 s", "1 second", "1 s"),
            (59, "59 s", "59 seconds", "59 s"),
            (60, "1 min", "1 minute", "1 min"),
            (192, "3 min 12 s", "3 minutes 12 seconds", "3 min"),
            (3600, "1 h", "1 hour", "1 h"),
            (90_061, "1 d 1 h", "1 day 1 hour", "1 d"),
        ] {
            let time = Duration::from_secs(s);
            assert_eq!((duration(time), duration_at_length(time)), (short.into(), long.into()));
            assert_eq!(brief(time), one);
        }
        assert_eq!(brief(Duration::from_nanos(999_999_999)), "999 ms");
        assert_eq!(seconds(Duration::from_nanos(214_999_999)), "0.214");
        assert_eq!(seconds(Duration::from_secs(61)), "61.000");
    }

    #[test]
    fn nouns() {
        for (noun, many) in
            [("page", "pages"), ("batch", "batches"), ("flush", "flushes"), ("life", "lives")]
        {
            assert_eq!(count(1, noun), format!("1 {noun}"));
            assert_eq!(
                (count(0, noun), count(2, noun)),
                (format!("0 {many}"), format!("2 {many}"))
            );
        }
    }

    #[test]
    fn numbers_and_shares() {
        assert_eq!((number(0), number(999)), ("0".into(), "999".into()));
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!((share(0, 0), share(1, 3)), ("0.0 %".into(), "33.3 %".into()));
        assert_eq!((share(1, 1), share(u64::MAX, u64::MAX)), ("100.0 %".into(), "100.0 %".into()));
        assert_eq!((hex(&[1, 0xfe], ":"), hex(&[], ":")), ("01:fe".into(), String::new()));
    }
}
