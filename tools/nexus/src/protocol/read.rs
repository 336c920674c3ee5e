//! Reading a line of the serial output.

use super::{
    Bench, Cap, Decision, Entry, Event, Head, Irq, Line, Load, PREFIX, Proof, Record, Refused,
    Root, StoreLoad,
};

/// Reads one line, without its line end.
#[must_use]
pub fn read(line: &str) -> Line {
    let Some(rest) = line.strip_prefix(PREFIX) else { return Line::Text(line.to_owned()) };
    match parse(rest) {
        Some((nonce, record)) => Line::Record { nonce, record },
        None => Line::Malformed(line.to_owned()),
    }
}

fn parse(rest: &str) -> Option<(u64, Record)> {
    let fields: Vec<&str> = rest.split(' ').collect();
    let (nonce, kind, fields) = match *fields.as_slice() {
        [nonce, kind, ref fields @ ..] => (nonce, kind, fields),
        _ => return None,
    };
    if nonce.len() != 16 {
        return None;
    }
    Some((hex(nonce)?, record(kind, fields)?))
}

fn record(kind: &str, fields: &[&str]) -> Option<Record> {
    Some(match (kind, fields) {
        ("proof", [service, id, checks]) => {
            Record::Proof(Proof { service: name(service)?, id: name(id)?, checks: number(checks)? })
        }
        ("ledger", fields) => Record::Ledger(entry(fields)?),
        ("hole", [last, hash_of]) => {
            Record::Hole(Head { records: number(last)?, hash: hash(hash_of)? })
        }
        ("head", [records, head]) => {
            Record::Head(Head { records: number(records)?, hash: hash(head)? })
        }
        ("cap", [service, kind, rights, base, len, mapped, object, registers]) => {
            Record::Cap(Cap {
                service: number(service)?,
                kind: number(kind)?,
                rights: u16::try_from(hex(rights)?).ok()?,
                base: hex(base)?,
                len: hex(len)?,
                mapped_pages: number(mapped)?,
                object: number(object)?,
                registers: mask(registers)?,
            })
        }
        ("root", [service, phys]) => {
            Record::Root(Root { service: number(service)?, phys: hex(phys)? })
        }
        ("irq", [line, owner, state]) => {
            Record::Irq(Irq { line: number(line)?, owner: number(owner)?, state: number(state)? })
        }
        ("witness-ready", []) => Record::WitnessReady,
        ("cut", []) => Record::Cut,
        ("paste", [bytes]) => Record::Paste { bytes: number(bytes)? },
        ("ready", [owners]) => Record::Ready { owners: number(owners)? },
        ("refused", [service, device, reason]) => Record::Refused(Refused {
            service: name(service)?,
            device: name(device)?,
            reason: reason.split(':').all(|word| name(word).is_some()).then(|| (*reason).into())?,
        }),
        ("granted", [devices]) => Record::Granted { devices: number(devices)? },
        ("bench", [bench, median, samples, equal]) => Record::Bench(Bench {
            name: name(bench)?,
            median: number(median)?,
            samples: number(samples)?,
            equal: number(equal)?,
        }),
        ("load", [load, requests, bytes, ns, batches, doorbells]) => Record::Load(Load {
            name: name(load)?,
            requests: number(requests)?,
            bytes: number(bytes)?,
            ns: number(ns)?,
            batches: number(batches)?,
            doorbells: number(doorbells)?,
        }),
        ("store-load", [load, operations, ns, flushes]) => Record::StoreLoad(StoreLoad {
            name: name(load)?,
            operations: number(operations)?,
            ns: number(ns)?,
            flushes: number(flushes)?,
        }),
        ("net-load", [load]) => Record::NetLoad { number: number(load)? },
        ("verdict", [passed, failed]) => {
            Record::Verdict { passed: number(passed)?, failed: number(failed)? }
        }
        _ => return None,
    })
}

fn entry(fields: &[&str]) -> Option<Entry> {
    let (about, rest) = fields.split_at_checked(8)?;
    let [seq, event, subject, incarnation, device, base, len, rights] = about else { return None };
    let [registers, line, interval, decision, rule, who @ ..] = rest else { return None };
    let [by, by_life, asker, epoch, reason, detail, ticks, unix_ns, own] = who else {
        return None;
    };
    Some(Entry {
        reporter: (number(by)?, number(by_life)?),
        asker: number(asker)?,
        epoch: number(epoch)?,
        reason: number(reason)?,
        detail: hex(detail)?,
        ticks: hex(ticks)?,
        unix_ns: hex(unix_ns)?,
        hash: hash(own)?,
        seq: number(seq)?,
        event: event_named(event)?,
        subject: number(subject)?,
        incarnation: number(incarnation)?,
        device: number(device)?,
        base: hex(base)?,
        len: hex(len)?,
        rights: u16::try_from(hex(rights)?).ok()?,
        registers: mask(registers)?,
        line: number(line)?,
        interval: number(interval)?,
        decision: match *decision {
            "none" => Decision::None,
            "deny" => Decision::Deny,
            "allow" => Decision::Allow,
            _ => return None,
        },
        rule: number(rule)?,
    })
}

fn event_named(name: &str) -> Option<Event> {
    Some(match name {
        "boot" => Event::Boot,
        "decision" => Event::Decision,
        "grant" => Event::Grant,
        "refusal" => Event::Refusal,
        "exit" => Event::Exit,
        "revoke" => Event::Revoke,
        "drop" => Event::Drop,
        "clock" => Event::Clock,
        "prepared" => Event::Prepared,
        "share" => Event::Share,
        "unshare" => Event::Unshare,
        "start" => Event::Start,
        "order" => Event::Order,
        "fold" => Event::Fold,
        "resume" => Event::Resume,
        "anchor" => Event::Anchor,
        "access" => Event::Access,
        _ => return None,
    })
}

/// A name: 1 to 48 of `a-z 0-9 - _ .`.
fn name(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    (1..=48).contains(&text.len()).then_some(())?;
    text.chars().all(plain).then(|| text.to_owned())
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Hexadecimal without prefix, lower case.
fn hex(text: &str) -> Option<u64> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let digits = !text.is_empty() && text.bytes().all(digit);
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}

/// `-` for no mask, or a mask in hexadecimal.
fn mask(text: &str) -> Option<Option<u64>> {
    if text == "-" { Some(None) } else { hex(text).map(Some) }
}

/// 64 hexadecimal digits.
fn hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(hex(std::str::from_utf8(pair).ok()?)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_of(line: &str) -> Option<Record> {
        match read(line) {
            Line::Record { nonce: 0xabc, record } => Some(record),
            _ => None,
        }
    }

    #[test]
    fn test_every_kind_of_record_is_read() {
        let proof = Proof { service: "rngd".into(), id: "mmio-map".into(), checks: 4 };
        let nonce = "@nx 0000000000000abc";
        assert_eq!(
            record_of(&format!("{nonce} proof rngd mmio-map 4")),
            Some(Record::Proof(proof))
        );
        assert_eq!(record_of(&format!("{nonce} witness-ready")), Some(Record::WitnessReady));
        assert_eq!(
            record_of(&format!("{nonce} verdict 12 0")),
            Some(Record::Verdict { passed: 12, failed: 0 })
        );
        assert_eq!(
            record_of(&format!("{nonce} root 7 80abc000")),
            Some(Record::Root(Root { service: 7, phys: 0x80ab_c000 }))
        );
        let irq = Irq { line: 10, owner: 4, state: 2 };
        assert_eq!(record_of(&format!("{nonce} irq 10 4 2")), Some(Record::Irq(irq)));
        assert_eq!(record_of(&format!("{nonce} ready 6")), Some(Record::Ready { owners: 6 }));
        assert_eq!(record_of(&format!("{nonce} granted 0")), Some(Record::Granted { devices: 0 }));
        let cap = Cap {
            service: 6,
            kind: 5,
            rights: 7,
            base: 0x10_0000,
            len: 0x1000,
            mapped_pages: 1,
            object: 0,
            registers: None,
        };
        for (text, registers) in [("-", None), ("0", Some(0)), ("1", Some(1))] {
            assert_eq!(
                record_of(&format!("{nonce} cap 6 5 7 100000 1000 1 0 {text}")),
                Some(Record::Cap(Cap { registers, ..cap.clone() }))
            );
        }
        let load = Load {
            name: "random_read_4k_8".into(),
            requests: 16,
            bytes: 65_536,
            ns: 1_000_000,
            batches: 3,
            doorbells: 2,
        };
        assert_eq!(
            record_of(&format!("{nonce} load random_read_4k_8 16 65536 1000000 3 2")),
            Some(Record::Load(load))
        );
        assert_eq!(record_of(&format!("{nonce} load random_read_4k_8 16 65536 1000000 3")), None);
        let load = StoreLoad { name: "put_sync_1".into(), operations: 1000, ns: 7, flushes: 1000 };
        assert_eq!(
            record_of(&format!("{nonce} store-load put_sync_1 1000 7 1000")),
            Some(Record::StoreLoad(load))
        );
        assert_eq!(record_of(&format!("{nonce} store-load put_sync_1 1000 7")), None);
        let load = record_of(&format!("{nonce} net-load 7"));
        assert_eq!(load, Some(Record::NetLoad { number: 7 }));
        assert_eq!(record_of(&format!("{nonce} net-load x")), None);
        let refused = Refused {
            service: "rngd".into(),
            device: "rng0".into(),
            reason: "denied:no-rule".into(),
        };
        assert_eq!(
            record_of(&format!("{nonce} refused rngd rng0 denied:no-rule")),
            Some(Record::Refused(refused))
        );
    }

    #[test]
    fn test_ledger_line_is_printed_as_it_was_read() {
        let text = "3 grant 7 1 3 10008000 1000 7 8001 11 50 allow 4 1 1 10 5 0";
        let rest = format!("9 1f 2a {}", "0f".repeat(32));
        match record_of(&format!("@nx 0000000000000abc ledger {text} {rest}")) {
            Some(Record::Ledger(entry)) => {
                assert_eq!(entry.to_string(), text);
                assert_eq!((entry.reporter, entry.asker), ((1, 1), 10));
                assert_eq!((entry.registers, entry.line, entry.interval), (Some(0x8001), 11, 50));
                assert_eq!((entry.detail, entry.ticks, entry.unix_ns), (9, 0x1f, 0x2a));
                assert_eq!(entry.hash, [0x0f; 32]);
            }
            other => panic!("{other:?}"),
        }
        let head = format!("@nx 0000000000000abc head 7 {}", "a0".repeat(32));
        assert_eq!(record_of(&head), Some(Record::Head(Head { records: 7, hash: [0xa0; 32] })));
    }

    #[test]
    fn test_text_is_text() {
        for line in ["", "hello", " @nx 0000000000000abc witness-ready", "@nx", "@nxx"] {
            assert_eq!(read(line), Line::Text(line.into()));
        }
    }

    #[test]
    fn test_near_records_are_malformed() {
        for rest in [
            "",
            "abc witness-ready",
            "0000000000000ABC witness-ready",
            "0000000000000abc",
            "0000000000000abc witness-ready ",
            "0000000000000abc  witness-ready",
            "0000000000000abc proof rngd",
            "0000000000000abc proof rngd mmio-map",
            "0000000000000abc proof rngd mmio map",
            "0000000000000abc proof rngd mmio-map -1",
            "0000000000000abc proof Rngd mmio-map 4",
            "0000000000000abc verdict 1",
            "0000000000000abc verdict +1 0",
            "0000000000000abc verdict 4294967296 0",
            "0000000000000abc root 7 0x80000000",
            "0000000000000abc cap 7 5 10000 10008000 1000 1 0 -",
            "0000000000000abc cap 7 5 7 10008000 1000 1 0",
            "0000000000000abc cap 7 5 7 10008000 1000 1 0 --",
            "0000000000000abc cap 7 5 7 10008000 1000 1 0 0x1",
            "0000000000000abc ledger 3 grant 7 1 3 10008000 1000 7 maybe 4",
            "0000000000000abc refused rngd rng0 denied:",
            &format!(
                "0000000000000abc ledger 3 grant 7 1 3 10008000 1000 7 - -1 0 allow 4 1 1 10 5 0 9 1f \
                 2a {}",
                "0f".repeat(32)
            ),
            "0000000000000abc ledger 3 gift 7 1 3 10008000 1000 7 allow 4",
            "0000000000000abc unknown 1",
            "0000000000000abc head 7 a0",
            "0000000000000abc ledger 3 grant 7 1 3 10008000 1000 7 allow 4",
        ] {
            let line = format!("@nx {rest}");
            assert_eq!(read(&line), Line::Malformed(line.clone()), "{line}");
        }
    }
}
