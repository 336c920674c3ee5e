//! What disk, network, store and log count.

use alloc::format;
use alloc::vec::Vec;

use maud::{Markup, html};

use super::live::{As, live, part, text};
use super::table::columns;
use crate::model::{Card, Disk, Log, Network, Snapshot, Store, Time};

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    html! {
        section #counters aria-labelledby="of-counters" {
            h2 #of-counters { "Counters" }
            @if !snapshot.times.is_empty() { (times(snapshot)) }
            div .groups {
                @if let Some(of) = &snapshot.disk { (disk(of)) }
                @if let Some(of) = &snapshot.card { (card(of)) }
                @if let Some(of) = &snapshot.network { (network(of)) }
                @if let Some(of) = &snapshot.store { (store(of)) }
                @if let Some(of) = &snapshot.log { (log(of)) }
            }
        }
    }
}

/// What ran, and for how long.
fn times(snapshot: &Snapshot) -> Markup {
    // The highest first, and nothing last.
    let (ran, idle): (Vec<_>, Vec<_>) =
        (0..).zip(&snapshot.times).partition(|(_, time)| time.priority.is_some());
    html! {
        h3 { "Time of each priority" }
        table .times {
            caption .away { "How long each priority ran, and how long nothing did" }
            (columns(&[("What runs", false), ("Whose", false), ("Share", false), ("Time", true)]))
            tbody {
                @for (index, time) in ran.into_iter().rev().chain(idle) {
                    (time_row(snapshot, index, time))
                }
            }
        }
    }
}

fn time_row(snapshot: &Snapshot, index: usize, time: &Time) -> Markup {
    let path = |field: &str| format!("times.{index}.{field}");
    let services: Vec<&str> = snapshot
        .services
        .iter()
        .filter(|service| Some(service.priority) == time.priority)
        .map(|service| service.name.as_str())
        .collect();
    html! {
        tr {
            th scope="row" { @match time.priority { Some(number) => { small { "priority " } (number) }, None => { "idle" } } }
            td data-l="Whose" {
                @match (time.priority, services.as_slice()) {
                    (None, _) => { "nothing runs" },
                    (_, []) => { span .soft { "no service as a whole" } },
                    (_, all) => { (all.join(", ")) },
                }
            }
            td .mem.m data-l="Share" {
                (part(time.permille.into(), &path("permille"), "share of the time")) " "
                (live(time.permille, &path("permille"), As::Share))
            }
            td .n data-l="Time" { (live(time.ms, &path("ms"), As::Duration)) }
        }
    }
}

/// Values of one kind, each with its name.
fn group(name: &str, rows: &[(&str, Markup)]) -> Markup {
    html! {
        div {
            h3 { (name) }
            dl { @for (name, value) in rows { div { dt { (name) } dd { (value) } } } }
        }
    }
}

fn number(value: impl Into<u64>, path: &str) -> Markup {
    live(value, path, As::Number)
}

fn size(value: u64, path: &str) -> Markup {
    live(value, path, As::Size)
}

fn disk(disk: &Disk) -> Markup {
    group(
        "Disk",
        &[
            ("Reads", number(disk.reads, "disk.reads")),
            ("Writes", number(disk.writes, "disk.writes")),
            ("Flushes", number(disk.flushes, "disk.flushes")),
            ("Read", size(disk.read_bytes, "disk.read_bytes")),
            ("Written", size(disk.written_bytes, "disk.written_bytes")),
            ("Errors", number(disk.errors, "disk.errors")),
            ("In flight", number(disk.in_flight, "disk.in_flight")),
        ],
    )
}

fn card(card: &Card) -> Markup {
    let (received, sent) = (&card.received, &card.sent);
    group(
        "Network card",
        &[
            ("Link", html! { @if card.link { "up" } @else { "down" } }),
            ("Frames in", number(received.frames, "card.received.frames")),
            ("Frames out", number(sent.frames, "card.sent.frames")),
            ("Received", size(received.bytes, "card.received.bytes")),
            ("Sent", size(sent.bytes, "card.sent.bytes")),
            ("No buffer", number(received.no_buffer, "card.received.no_buffer")),
            ("Dropped", number(received.dropped, "card.received.dropped")),
        ],
    )
}

fn network(network: &Network) -> Markup {
    group(
        "Network",
        &[
            ("State", text(&network.link, "network.link")),
            ("Sockets", number(network.sockets, "network.sockets")),
            ("Connections", number(network.connections, "network.connections")),
            ("Denied", number(network.denied, "network.denied")),
            ("Dropped", number(network.dropped, "network.dropped")),
        ],
    )
}

fn store(store: &Store) -> Markup {
    group(
        "Store",
        &[
            ("State", text(&store.standing, "store.standing")),
            ("Partition", size(store.bytes, "store.bytes")),
            ("Trees", number(store.trees, "store.trees")),
        ],
    )
}

fn log(log: &Log) -> Markup {
    group(
        "Log",
        &[
            ("Lines", number(log.lines, "log.lines")),
            ("Over the limit", number(log.limited, "log.limited")),
            ("Refused", number(log.refused, "log.refused")),
            ("Room", html! { (number(log.room, "log.room")) " records" }),
        ],
    )
}
