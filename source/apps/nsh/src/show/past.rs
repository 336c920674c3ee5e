//! `ledger --…`: what the archive has of this boot and of those before it.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use nexus_archive::{Boot, Facts, Hash, Kept, Place, Record, Standing, Walked};
use nexus_words::amount::{count, hex, seconds};

use super::ledger::{headings, row};
use crate::date::Date;
use crate::names::Names;
use crate::past::{Held, Holder, began, since_boot};
use crate::table::{Table, left, right, wrap};

/// The boots that there are, and those that were dropped for room.
#[must_use]
pub fn boots(kept: &Kept) -> String {
    if kept.boots.is_empty() && kept.dropped.is_empty() {
        return wrap("", "The archive has no boot.");
    }
    let mut table = Table::new(&[
        right("BOOT"),
        left("BEGAN"),
        right("RECORDS"),
        right("HERE"),
        left("ANCHOR"),
        left("HEAD"),
    ]);
    for boot in &kept.boots {
        let Boot { boot, facts, head } = *boot;
        let (records, here, anchor, own) = head.map_or_else(
            || ("?".to_string(), "?".to_string(), "?".to_string(), "?".to_string()),
            |head| {
                let anchor = match head.anchor {
                    0 => "none".to_string(),
                    seq => format!("record {seq}"),
                };
                (head.records.to_string(), head.here.to_string(), anchor, start(&head.own))
            },
        );
        table.row([boot.to_string(), date(facts.as_ref()), records, here, anchor, own]);
    }
    let mut text = String::new();
    for gone in &kept.dropped {
        let which = match gone.first == gone.last {
            true => format!("boot {} was", gone.last),
            false => format!("boots {} to {} were", gone.first, gone.last),
        };
        let (records, own) = (count(gone.here, "record"), start(&gone.own));
        text += &wrap("", &format!("{which} dropped for room: {records}, the last head {own}."));
    }
    table.render() + &text
}

fn date(facts: Option<&Facts>) -> String {
    match facts.map(began) {
        None => "?".to_string(),
        Some(None) => "not known".to_string(),
        Some(Some(unix_ns)) => Date::of(unix_ns).to_string(),
    }
}

/// The beginning of a hash, by which people tell one from another.
fn start(hash: &Hash) -> String {
    hex(hash.get(..8).unwrap_or(hash), "")
}

/// There is no such boot.
#[must_use]
pub fn no_boot(boot: u32, kept: &Kept) -> String {
    let gone = kept.dropped.iter().any(|gone| (gone.first..=gone.last).contains(&boot));
    let why = if gone { "was dropped for room" } else { "is not in the archive" };
    wrap("", &format!("Boot {boot} {why}; `ledger --boots` shows those that are."))
}

/// The ledger of a boot: its last records, each with how it stands to the one before it, and how all of them do.
#[must_use]
pub fn boot<'a>(
    boot: u32,
    facts: &Facts,
    last: impl ExactSizeIterator<Item = &'a (Record, Place)>,
    walked: &Walked,
    names: &Names,
) -> String {
    let shown = u64::try_from(last.len()).unwrap_or(u64::MAX);
    let skipped = walked.head.here.saturating_sub(shown);
    let (mut table, mut breaks) = (headings(), String::new());
    for (record, place) in last {
        if let Some((what, told)) = before(record, *place) {
            let mut cells = [const { String::new() }; 7];
            cells[3] = what.to_string();
            table.row(cells);
            breaks += &told;
        }
        let second = seconds(Duration::from_nanos(since_boot(facts, record.stamp.ticks)));
        table.row(row(&record.stamp, &record.entry, second, names));
    }
    let mut text = table.render() + "\n";
    if let Some(began) = began(facts) {
        text += &wrap("", &format!("Seconds count from {}.", Date::of(began)));
    }
    if skipped > 0 {
        let before = count(skipped, "record");
        text +=
            &wrap("", &format!("{before} before these: `ledger --boot {boot} all` shows them."));
    }
    text + &breaks + &verdict(boot, walked)
}

/// What is to be said of a record that does not follow the one before it: in the table, and below it.
fn before(record: &Record, place: Place) -> Option<(&'static str, String)> {
    let seq = record.stamp.seq;
    match place {
        Place::Gap(missing, hash) => {
            let missing = count(missing, "record");
            let told =
                format!("Gap before record {seq}: {missing}, of which the last had the hash");
            Some(("gap", wrap("", &told) + &format!("{}\n", hex(&hash, ""))))
        }
        Place::Anew => {
            let told = format!("Cut at record {seq}: a later life of logd went on from there.");
            Some(("cut", wrap("", &told)))
        }
        Place::Follows | Place::Wrong => None,
    }
}

fn verdict(boot: u32, walked: &Walked) -> String {
    let Walked { standing, head, missing, .. } = *walked;
    let here = count(head.here, "record");
    let gaps = match missing {
        0 => String::new(),
        missing => format!(", {missing} more folded away before they were read"),
    };
    match standing {
        Standing::Broken(seq) => wrap(
            "",
            &format!("BOOT {boot} BROKEN at record {seq}: it was changed, moved or taken out."),
        ),
        Standing::Untold(seq) => wrap(
            "",
            &format!("BOOT {boot} WRITTEN ANEW from record {seq}, and no life of logd says so."),
        ),
        Standing::Whole if walked.lacks_folds() => wrap(
            "",
            &format!(
                "Boot {boot}: {here}, each fits, and {missing} are missing, of which folds account for \
                 {} only: power was cut before the fold was kept, or they were taken out.",
                walked.folded
            ),
        ),
        Standing::Whole => {
            wrap("", &format!("Boot {boot} whole: {here}, each fits{gaps}. Its head:"))
                + &format!("{}\n", hex(&head.own, ""))
        }
    }
}

/// Who held a device in a boot, at a time.
#[must_use]
pub fn held(
    boot: u32,
    facts: &Facts,
    (device, at): (u16, u64),
    held: &Held,
    names: &Names,
) -> String {
    let (device, time) = (names.device(device), |ns| moment(facts, ns));
    let mut text = match held.holder() {
        None => wrap("", &format!("nobody held {device} in boot {boot}, {}", time(at))),
        Some(holder) => {
            let Holder { subject, rule, seq, since, until } = holder;
            let (who, life) = (names.service(subject.id), subject.incarnation);
            let until = match until {
                Some(until) => time(until),
                None => format!("not told; the last record is of {}", time(held.last())),
            };
            wrap("", &format!("{who} held {device} in boot {boot}, {}", time(at)))
                + &wrap("  life       ", &life.to_string())
                + &wrap("  by rule    ", &names.rule(rule))
                + &wrap("  since      ", &format!("{} (record {seq})", time(since)))
                + &wrap("  until      ", &until)
        }
    };
    if held.is_unsure() {
        let note = "records are missing before that time, which may say otherwise";
        text += &wrap("  in doubt   ", note);
    }
    if at > held.last() {
        let note = format!(
            "the last record is of {}: whether the machine ran after that is not told",
            time(held.last())
        );
        text += &wrap("  note       ", &note);
    }
    text
}

/// The records do not fit: nothing is said by them.
#[must_use]
pub fn not_held(boot: u32, walked: &Walked) -> String {
    verdict(boot, walked)
}

/// No boot began before that time.
#[must_use]
pub fn no_time() -> String {
    wrap(
        "",
        "No boot in the archive is known to have begun before that time; `ledger --boots` shows them.",
    )
}

/// A time of a boot, by the wall clock where that was known.
fn moment(facts: &Facts, since: u64) -> String {
    match began(facts) {
        Some(began) => Date::of(began.saturating_add(since)).to_string(),
        None => format!("second {}", seconds(Duration::from_nanos(since))),
    }
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
