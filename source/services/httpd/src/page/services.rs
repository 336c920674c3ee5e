//! The services and their lives.

use alloc::format;
use alloc::vec::Vec;

use maud::{Markup, html};

use super::live::{As, live, meter, text};
use super::table::columns;
use crate::model::{Service, Snapshot, Use};

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    html! {
        section #services aria-labelledby="of-services" {
            h2 #of-services { "Services, and their lives" }
            table .cards {
                caption .away { "Services, how each stands, and what it uses" }
                (columns(&[
                    ("Service", false), ("State", false), ("Lives", true), ("For", true), ("Memory", false),
                    ("Holds", true), ("May call", false),
                ]))
                tbody {
                    @for (index, service) in snapshot.services.iter().enumerate() {
                        (row(snapshot, index, service))
                    }
                }
            }
        }
    }
}

fn row(snapshot: &Snapshot, index: usize, service: &Service) -> Markup {
    let path = |field: &str| format!("services.{index}.{field}");
    html! {
        tr id=(format!("s{}", service.id)) {
            th scope="row" { (service.name) " " small { "priority " (service.priority) } }
            td .m data-l="State" {
                span .state data-well=(service.well) data-w=(path("well")) {
                    (text(&service.state, &path("state")))
                }
                @if let Some(next) = &service.next { " " small { "next life: " (next) } }
                @if let Some(end) = &service.last_end { " " small { "last end: " (end) } }
            }
            td .n data-l="Lives" { (live(service.lives, &path("lives"), As::Number)) }
            td .n data-l="For" { (live(service.for_ms, &path("for_ms"), As::Duration)) }
            td .mem.m data-l="Memory" {
                @match &service.memory {
                    Some(memory) => { (used(memory, &path("memory"))) },
                    None => { span .soft { "none" } },
                }
            }
            td .n data-l="Holds" { (holds(service)) }
            td .calls.m data-l="May call" {
                @if service.calls.is_empty() { span .soft { "nobody" } }
                @for (at, id) in service.calls.iter().enumerate() {
                    @if at > 0 { ", " }
                    a href=(format!("#s{id}")) { (snapshot.service(*id)) }
                }
            }
        }
    }
}

fn used(memory: &Use, path: &str) -> Markup {
    html! {
        (meter(memory.used, memory.most, path, "memory used")) " "
        (live(memory.used, &format!("{path}.used"), As::Size)) " "
        small { "of " (As::Size.text(memory.most)) }
    }
}

/// Capabilities: how many, and of which kinds where somebody asks.
fn holds(service: &Service) -> Markup {
    let kinds: Vec<_> =
        service.holds.iter().map(|one| format!("{} {}", one.count, one.kind)).collect();
    let count: u32 = service.holds.iter().map(|one| one.count).sum();
    html! { span title=(kinds.join(", ")) { (As::Number.text(count.into())) } }
}
