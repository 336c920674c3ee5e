//! What a record of the ledger says.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_abi::Rights;
use nexus_proto::init::{EndKind, Ordered, Refusal};
use nexus_proto::log::{Access, Entry, Event, Outcome};
use nexus_proto::policy::{NO_LINE, Reason};

use crate::amount::{count, size};
use crate::ending::end;
use crate::holding::{kind, rights};

/// What has happened.
#[must_use]
pub const fn what(entry: &Entry) -> &'static str {
    match (entry.event, entry.outcome) {
        (Event::Boot, _) => "begins",
        (Event::Decision, Outcome::Allow) => "allowed",
        (Event::Decision, _) => "denied",
        (Event::Grant, _) => "granted",
        (Event::Refusal, _) => "refused",
        (Event::Revoke, _) => "revoked",
        (Event::Exit, _) => "ended",
        (Event::Start, _) => "started",
        (Event::Order, _) => "ordered",
        (Event::Drop, _) => "let go",
        (Event::Clock, _) => "clock set",
        (Event::Prepared, _) => "set up",
        (Event::Share, _) => "shared",
        (Event::Unshare, _) => "unshared",
        (Event::Fold, _) => "folded",
        (Event::Resume, _) => "resumed",
        (Event::Anchor, _) => "anchored",
        (Event::Access, _) => "no access",
    }
}

/// True for a record of something that somebody was not given.
#[must_use]
pub const fn is_denial(entry: &Entry) -> bool {
    match (entry.event, entry.outcome) {
        (Event::Decision, outcome) => !matches!(outcome, Outcome::Allow),
        (event, _) => matches!(event, Event::Refusal | Event::Access),
    }
}

/// What would have to change for another decision; nothing of what is no denial of policyd's.
#[must_use]
pub fn remedy(entry: &Entry) -> Option<&'static str> {
    let denied = entry.event == Event::Decision && is_denial(entry);
    Reason::from_code(entry.reason).filter(|_| denied).map(Reason::remedy)
}

/// Why, without addresses; `rule` names a line of the policy.
#[must_use]
pub fn why(entry: &Entry, rule: impl Fn(u16) -> String) -> String {
    let code = entry.reason;
    match entry.event {
        Event::Boot => format!("run {:016x}", entry.detail),
        Event::Decision if entry.outcome == Outcome::Allow => rule(entry.rule),
        Event::Decision => Reason::from_code(code).map_or("?", Reason::text).to_string(),
        Event::Refusal => refusal(code),
        Event::Revoke if code != 0 => refusal(code),
        Event::Grant | Event::Revoke => given(entry),
        Event::Exit => end(EndKind::from_code(code).unwrap_or(EndKind::None), entry.detail),
        Event::Start => String::new(),
        Event::Order => Ordered::from_code(code).map_or("?", order).to_string(),
        Event::Drop => let_go(entry),
        Event::Prepared => format!("{} of {} bytes in reach", entry.interval, entry.len),
        Event::Share | Event::Unshare => size(entry.len),
        Event::Fold => format!("{}, {}", count(entry.epoch.into(), "life"), records(entry.len)),
        Event::Anchor if entry.epoch == 1 => "boot 1, the first".to_string(),
        Event::Anchor => format!("boot {}, {} before", entry.epoch, records(entry.interval.into())),
        Event::Access => format!("{}, {}", access(code), rule(entry.rule)),
        Event::Resume if entry.base == 0 => format!("{} kept", records(entry.detail)),
        Event::Resume => format!("{} of {} kept, cut at {}", entry.detail, entry.len, entry.base),
        Event::Clock => "by the hardware clock".to_string(),
    }
}

fn records(number: u64) -> String {
    count(number, "record")
}

fn refusal(code: u8) -> String {
    Refusal::from_code(code).map_or("?", Refusal::text).to_string()
}

/// What was ordered of a service without a life.
const fn order(ordered: Ordered) -> &'static str {
    match ordered {
        Ordered::Start => "another life",
        Ordered::Stop => "no other life",
    }
}

/// What was to be done with the state of another, or by the network.
fn access(code: u8) -> &'static str {
    Access::from_code(code).map_or("?", Access::word)
}

/// The rights on a window, with the registers that are written where those are counted, and the interrupt line
/// with it.
fn given(entry: &Entry) -> String {
    let mask = entry.registers.mask();
    let write = mask.map_or(0, |_| Rights::WRITE.bits());
    let registers = mask.map(|mask| count(mask.count_ones().into(), "register"));
    let line = (entry.line != NO_LINE).then(|| format!("line {}", entry.line));
    let parts = [Some(rights(entry.rights & !write)), registers, line];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What init has let go of: `detail` is the kind of the capability.
fn let_go(entry: &Entry) -> String {
    let kind = kind(u16::try_from(entry.detail).unwrap_or(0));
    match entry.len {
        0 => kind,
        len if entry.line != NO_LINE => format!("{} from {}", count(len, "line"), entry.line),
        len => format!("{kind}, {}", size(len)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::Subject;

    fn entry(event: Event, outcome: Outcome) -> Entry {
        Entry::about(event, outcome, Subject { id: 7, incarnation: 1 })
    }

    /// Of every event there are words, for any code, and none of an address.
    #[test]
    fn every_record_has_words() {
        for event in Event::ALL.iter().copied() {
            for outcome in Outcome::ALL.iter().copied() {
                for reason in 0..=u8::MAX {
                    let entry = Entry { reason, base: 0xdead_b000, ..entry(event, outcome) };
                    let why = why(&entry, |rule| format!("rule {rule}"));
                    assert!(!why.is_empty() || event == Event::Start, "{event:?}");
                    assert!(!why.contains("dead") && !what(&entry).is_empty(), "{why}");
                }
            }
        }
    }

    #[test]
    fn denials_and_what_would_change_them() {
        let denied =
            Entry { reason: Reason::NoRule.code(), ..entry(Event::Decision, Outcome::Deny) };
        assert!(is_denial(&denied));
        assert_eq!(remedy(&denied), Some(Reason::NoRule.remedy()));
        let allowed = Entry { outcome: Outcome::Allow, ..denied };
        assert!(!is_denial(&allowed) && remedy(&allowed).is_none());
        for event in [Event::Refusal, Event::Access] {
            let refused = entry(event, Outcome::Deny);
            assert!(is_denial(&refused) && remedy(&refused).is_none());
        }
    }

    #[test]
    fn one_is_no_more_than_one() {
        let fold = Entry { epoch: 1, len: 1, ..entry(Event::Fold, Outcome::Allow) };
        assert_eq!(why(&fold, |_| String::new()), "1 life, 1 record");
        let fold = Entry { epoch: 2, len: 9, ..fold };
        assert_eq!(why(&fold, |_| String::new()), "2 lives, 9 records");
    }
}
