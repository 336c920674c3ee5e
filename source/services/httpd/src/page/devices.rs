//! The devices.

use alloc::format;

use maud::{Markup, html};

use super::live::{As, live, text};
use super::table::columns;
use crate::model::{Device, Snapshot};

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    html! {
        section #devices aria-labelledby="of-devices" {
            h2 #of-devices { "Devices" }
            table .cards {
                caption .away { "Devices, and who has each by which rule" }
                (columns(&[
                    ("Device", false), ("Owner", false), ("By rule", false), ("Writes", false), ("Interrupts", true),
                    ("Memory it reaches", false),
                ]))
                tbody {
                    @for (index, device) in snapshot.devices.iter().enumerate() {
                        (row(snapshot, index, device))
                    }
                }
            }
        }
    }
}

fn row(snapshot: &Snapshot, index: usize, device: &Device) -> Markup {
    let held = device.state == "held";
    let path = |field: &str| format!("devices.{index}.{field}");
    let rule = snapshot.rule(device.rule);
    html! {
        tr id=(format!("d{}", device.id)) {
            th scope="row" { (device.name) }
            td .s data-l="Owner" {
                @if let Some(owner) = device.owner.filter(|_| held) {
                    a href=(format!("#s{owner}")) { (snapshot.service(owner)) }
                } @else {
                    span .bad { "nobody: " (text(&device.state, &path("state"))) }
                }
            }
            td .m data-l="By rule" {
                @match (rule, device.rule) {
                    (Some(rule), _) => { code title=(rule.reason) { (rule.id) } },
                    (None, Some(number)) => { "rule " (number) },
                    (None, None) => { span .soft { "none" } },
                }
            }
            td .s data-l="Writes" {
                @match device.registers {
                    None if device.rights.contains("write") => { "all, mapped" },
                    None | Some(0) => { span .soft { "none" } },
                    Some(1) => { "1 register" },
                    Some(count) => { (count) " registers" },
                }
            }
            td .n.m data-l="Interrupts" {
                @if let Some(line) = &device.line {
                    (live(line.delivered, &path("line.delivered"), As::Number)) " "
                    small { "line " (line.number) ", " (text(&line.state, &path("line.state"))) }
                } @else { span .soft { "none" } }
            }
            td data-l="Memory it reaches" {
                @match &device.pool {
                    Some(pool) => {
                        (As::Size.text(pool.reach)) " "
                        small { "of a pool of " (As::Size.text(pool.bytes)) ", " (text(&pool.state, &path("pool.state"))) }
                    },
                    None => { span .soft { "none" } },
                }
            }
        }
    }
}
