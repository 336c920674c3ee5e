//! The graph of devices, owners and rules.

use alloc::format;
use alloc::string::{String, ToString};

use maud::{Markup, html};
use nexus_graph::machine::{self, Machine, Rule, Shared};

use crate::model::{Device, Service, Snapshot};

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    let (graph, apart) = machine(snapshot).graph();
    html! {
        section #graph aria-labelledby="of-graph" {
            h2 #of-graph { "Who owns what, by which rule" }
            p .legend {
                span .key.k-device { "device" } span .key.k-owner { "its owner" }
                span .key.k-service { "who shares memory with it, to ask it" }
                span .key.k-tie { "the line of the policy that lets them" }
            }
            div .wide tabindex="0" role="group" aria-label="The graph; wider than the window it can be moved" {
                (nexus_graph::svg(&graph, "Devices, their owners, and who shares memory with them; the tables below say the same"))
            }
            @if !apart.is_empty() {
                p .soft { "No device, and no shared memory: " (apart.join(", ")) "." }
            }
            @if graph.left_out() > 0 {
                p .soft { "Not drawn, for want of room: " (graph.left_out()) "." }
            }
        }
    }
}

/// What there is to draw.
fn machine(snapshot: &Snapshot) -> Machine {
    let shared = snapshot.rings.iter().map(|ring| Shared {
        consumer: ring.consumer,
        driver: ring.driver,
        rule: rule(snapshot, ring.rule),
    });
    Machine {
        devices: snapshot.devices.iter().map(|one| device(snapshot, one)).collect(),
        services: snapshot.services.iter().map(service).collect(),
        shared: shared.collect(),
    }
}

/// A line of the policy, as far as it is known.
fn rule(snapshot: &Snapshot, number: Option<u32>) -> Rule {
    match snapshot.rule(number) {
        Some(rule) => Rule { id: rule.id.clone(), reason: rule.reason.clone() },
        None => Rule { id: String::new(), reason: "not read yet".to_string() },
    }
}

fn device(snapshot: &Snapshot, device: &Device) -> machine::Device {
    let held = device.state == "held";
    let line = device.line.as_ref().map(|line| format!("line {}", line.number));
    machine::Device {
        id: device.id,
        name: device.name.clone(),
        note: if held { line.unwrap_or_default() } else { device.state.clone() },
        owner: device.owner,
        held: held.then(|| rule(snapshot, device.rule)),
    }
}

fn service(service: &Service) -> machine::Service {
    let note = match service.lives {
        0 | 1 => service.state.clone(),
        lives => format!("{}, life {lives}", service.state),
    };
    machine::Service { id: service.id, name: service.name.clone(), note, well: service.well }
}
