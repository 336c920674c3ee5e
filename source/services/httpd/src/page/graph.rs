//! The graph of devices, owners and rules.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use maud::{Markup, html};
use nexus_graph::{Graph, Kind, Line, Node, Tie};

use crate::model::{Device, Service, Snapshot};

pub(super) fn section(snapshot: &Snapshot) -> Markup {
    let columns = columns(snapshot);
    let graph = graph(snapshot, &columns);
    let apart: Vec<&str> = snapshot
        .services
        .iter()
        .filter(|service| column(&columns, service.id).is_none())
        .map(|service| service.name.as_str())
        .collect();
    html! {
        section #graph {
            h2 { "Who owns what, by which rule" }
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

/// Services that are drawn, and their columns: owners stand beside their devices, and whoever asks another by shared
/// memory one further.
fn columns(snapshot: &Snapshot) -> Vec<(u32, usize)> {
    let owners = snapshot.devices.iter().filter_map(|device| device.owner);
    let mut columns: Vec<(u32, usize)> = Vec::new();
    for owner in owners {
        if column(&columns, owner).is_none() {
            columns.push((owner, 1));
        }
    }
    // Nobody stands further than there are columns, whatever is told of rings.
    for _ in 1..Graph::MOST_COLUMNS {
        for ring in &snapshot.rings {
            let driver = column(&columns, ring.driver).unwrap_or(1);
            let wanted = (driver + 1).min(Graph::MOST_COLUMNS - 1);
            if column(&columns, ring.driver).is_none() {
                columns.push((ring.driver, driver));
            }
            match columns.iter_mut().find(|(id, _)| *id == ring.consumer) {
                Some((_, column)) => *column = wanted.max(*column),
                None => columns.push((ring.consumer, wanted)),
            }
        }
    }
    columns
}

fn column(columns: &[(u32, usize)], service: u32) -> Option<usize> {
    columns.iter().find(|(id, _)| *id == service).map(|(_, column)| *column)
}

fn graph(snapshot: &Snapshot, columns: &[(u32, usize)]) -> Graph {
    let mut graph = Graph::default();
    let device = |device: &Device| graph_device(device);
    let devices: Vec<_> = snapshot.devices.iter().map(|one| graph.node(device(one))).collect();
    let mut services: Vec<(u32, Option<usize>)> = Vec::new();
    for service in &snapshot.services {
        if let Some(column) = column(columns, service.id) {
            let owner = snapshot.devices.iter().any(|device| device.owner == Some(service.id));
            services.push((service.id, graph.node(graph_service(service, column, owner))));
        }
    }
    let index = |id: u32| services.iter().find(|(known, _)| *known == id)?.1;
    let line = |ends: [Option<usize>; 2], tie, rule| match ends {
        [Some(from), Some(to)] => Some(named(
            snapshot,
            Line { from, to, tie, rule: String::new(), reason: String::new() },
            rule,
        )),
        _ => None,
    };
    let held = snapshot.devices.iter().zip(devices).filter(|(device, _)| device.state == "held");
    let held =
        held.filter_map(|(device, at)| line([at, index(device.owner?)], Tie::Holds, device.rule));
    let shared = snapshot.rings.iter().filter_map(|ring| {
        line([index(ring.driver), index(ring.consumer)], Tie::Shares, ring.rule)
    });
    held.chain(shared).collect::<Vec<_>>().into_iter().for_each(|line| graph.line(line));
    graph
}

/// A line with the words of its rule.
fn named(snapshot: &Snapshot, line: Line, rule: Option<u32>) -> Line {
    match snapshot.rule(rule) {
        Some(rule) => Line { rule: rule.id.clone(), reason: rule.reason.clone(), ..line },
        None => Line { reason: "not read yet".to_string(), ..line },
    }
}

fn graph_device(device: &Device) -> Node {
    let held = device.state == "held";
    let line = device.line.as_ref().map(|line| alloc::format!("line {}", line.number));
    Node {
        column: 0,
        kind: if held { Kind::Device } else { Kind::Idle },
        name: device.name.clone(),
        note: if held { line.unwrap_or_default() } else { device.state.clone() },
        number: device.id,
    }
}

fn graph_service(service: &Service, column: usize, owner: bool) -> Node {
    let kind = match (service.well, owner) {
        (false, _) => Kind::Ended,
        (true, true) => Kind::Owner,
        (true, false) => Kind::Service,
    };
    let note = match service.lives {
        0 | 1 => service.state.clone(),
        lives => alloc::format!("{}, life {lives}", service.state),
    };
    Node { column, kind, name: service.name.clone(), note, number: service.id }
}
