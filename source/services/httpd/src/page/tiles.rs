//! The numbers at the top.

use maud::{Markup, html};

use super::live::{As, live, text};
use crate::model::Snapshot;

/// A number, what it is, and a word about it.
fn tile(name: &str, value: Markup, about: Markup) -> Markup {
    html! { div .tile { dt { (name) } dd { b { (value) } small { (about) } } } }
}

pub(super) fn tiles(snapshot: &Snapshot) -> Markup {
    let totals = &snapshot.totals;
    let number =
        |value: u64, field: &str| live(value, &alloc::format!("totals.{field}"), As::Number);
    html! {
        dl .tiles {
            (tile("Services well", number(totals.well, "well"), html! {
                "of " (number(totals.services, "services")) ", in " (number(totals.lives, "lives")) " lives"
            }))
            (tile("Devices held", number(totals.held, "held"), html! {
                "of " (number(totals.devices, "devices")) ", each by a rule"
            }))
            (tile("Denials", live(snapshot.ledger.denied, "ledger.denied", As::Number), html! {
                "each on record"
            }))
            (tile("Ledger", live(snapshot.ledger.records, "ledger.records", As::Number), html! {
                "records, chain " (text(snapshot.ledger.chain.state, "ledger.chain.state"))
            }))
            (tile("Interrupts", number(totals.interrupts, "interrupts"), html! { "delivered" }))
            @if let Some(card) = &snapshot.card {
                (tile("Frames in", live(card.received.frames, "card.received.frames", As::Number), html! {
                    (live(card.sent.frames, "card.sent.frames", As::Number)) " out"
                }))
            }
            @if let Some(disk) = &snapshot.disk {
                (tile("Disk requests", number(totals.disk, "disk"), html! {
                    (live(disk.errors, "disk.errors", As::Number)) " errors"
                }))
            }
            @if let Some(memory) = &snapshot.memory {
                (tile("Memory free", live(memory.free, "memory.free", As::Size), html! {
                    (live(memory.services, "memory.services", As::Size)) " with services"
                }))
            }
        }
    }
}
