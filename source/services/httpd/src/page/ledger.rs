//! The ledger, and whether its chain holds.

use alloc::format;
use alloc::string::String;

use maud::{Markup, html};
use nexus_words::amount::number;

use super::live::{As, live, text};
use super::table::columns;
use crate::model::{Chain, Record, Snapshot};

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    let ledger = &snapshot.ledger;
    html! {
        section #ledger aria-labelledby="of-ledger" {
            h2 #of-ledger { "The ledger" }
            p .chain data-chain=(ledger.chain.state) {
                b { "Chain " (text(ledger.chain.state, "ledger.chain.state")) "." } " "
                span #verdict { (verdict(&ledger.chain)) }
                @if let Some(at) = ledger.chain.at_ms {
                    " " small { "At second " (live(at, "ledger.chain.at_ms", As::Seconds)) "." }
                }
            }
            p .soft.hash { "Head: record " (live(ledger.records, "ledger.records", As::Number)) ", "
                code { (text(&ledger.head, "ledger.head")) } }
            (rows(&ledger.last, "ledger.last", "The last records, newest first"))
        }
    }
}

/// What the state of a chain rests on. The script has the same words.
fn verdict(chain: &Chain) -> String {
    match (chain.state, chain.broken_at) {
        ("whole", _) => format!(
            "logd computed all of it anew, up to record {}, and each fits the one before; keep the head to \
             know later that nothing up to it was changed.",
            number(chain.checked)
        ),
        ("broken", Some(at)) => {
            format!("Record {} was changed, moved or taken out.", number(at))
        }
        ("replaced", _) => "It fits in itself, but is not the ledger that was there before.".into(),
        _ => format!("Computed anew so far: up to record {}.", number(chain.checked)),
    }
}

/// Records, newest first; `what` they are is told to who does not see where they stand.
pub(super) fn rows(records: &[Record], path: &str, what: &str) -> Markup {
    html! {
        table .records {
            caption .away { (what) }
            (columns(&[
                ("No.", true), ("Second", true), ("Asked by", false), ("What", false), ("Service", false),
                ("Device", false), ("Why", false),
            ]))
            tbody data-rows=(path) {
                @for record in records.iter().rev() { (row(record)) }
            }
        }
    }
}

fn row(record: &Record) -> Markup {
    html! {
        tr {
            td .n data-l="No." { (number(record.seq)) }
            td .n data-l="Second" { (As::Seconds.text(record.at_ms)) }
            td .s data-l="Asked by" { (record.asker) }
            td .s data-l="What" { span .what { (record.what) } }
            td .s data-l="Service" { (record.service) }
            td .s data-l="Device" { (record.device) }
            td data-l="Why" {
                @if record.times > 1 { (number(record.times)) " times: " }
                (record.why)
                @if let Some(remedy) = record.remedy { " " small { "To change: " (remedy) } }
            }
        }
    }
}
