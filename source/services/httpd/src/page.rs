//! The page for people. It says all that it says without a script; with one, its numbers are fresh.
//!
//! What changes stands in an element that says which field of `/api` it shows (`data-v`), and in which form
//! (`data-as`): the script knows the same forms (`assets/page.js`). maud escapes every text.

mod counters;
mod denials;
mod devices;
mod graph;
mod ledger;
mod live;
mod rules;
mod services;
mod table;
mod tiles;

use alloc::string::String;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::Snapshot;
use live::{As, live};

const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/page.css"));
const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/page.js"));

/// The page.
#[must_use]
pub fn page(snapshot: &Snapshot) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Nexus: who owns what" }
                // These two are of the image, and the policy has their hashes.
                style { (PreEscaped(STYLE)) }
            }
            body {
                (top(snapshot))
                main {
                    (behind(snapshot))
                    (tiles::tiles(snapshot))
                    (graph::section(snapshot))
                    (denials::section(snapshot))
                    (devices::section(snapshot))
                    (services::section(snapshot))
                    (counters::section(snapshot))
                    (ledger::section(snapshot))
                    (rules::section(snapshot))
                }
                (bottom(snapshot))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn top(snapshot: &Snapshot) -> Markup {
    html! {
        header {
            div .bar {
                h1 { "Nexus" }
                p #pulse { "up " (live(snapshot.uptime_ms, "uptime_ms", As::Duration)) }
                nav aria-label="Parts of this page" {
                    @for (id, name) in [
                        ("graph", "Graph"), ("denials", "Denials"), ("devices", "Devices"),
                        ("services", "Services"), ("counters", "Counters"), ("ledger", "Ledger"), ("rules", "Rules"),
                    ] {
                        a href={ "#" (id) } { (name) }
                    }
                }
            }
        }
    }
}

/// What could not be had.
fn behind(snapshot: &Snapshot) -> Markup {
    html! {
        p #behind .note hidden[snapshot.behind.is_empty()] {
            "Not all of it could be asked for this time. Older, or not there: "
            span data-v="behind" data-as="list" { (snapshot.behind.join(", ")) }
        }
    }
}

fn bottom(snapshot: &Snapshot) -> Markup {
    html! {
        footer {
            p {
                "The same as " a href="/api" { "JSON" } " (" a href="/api/schema" { "schema" } ") and as "
                a href="/metrics" { "metrics" } " for Prometheus. "
                "Everything here can be read, and nothing changed: httpd owns no device, may view and nothing "
                "else, and is told no addresses. It asks at most once a second, and at most "
                (snapshot.page.most) " questions: last time "
                (live(snapshot.page.asked, "page.asked", As::Number)) "."
            }
        }
    }
}
