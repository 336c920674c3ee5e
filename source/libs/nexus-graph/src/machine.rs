//! A machine as it is drawn: devices at the left, their owners beside them, and whoever asks another by shared memory
//! one further.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{Graph, Kind, Line, Node, Tie};

/// A line of the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// Why it was written.
    pub reason: String,
}

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// More about it, in few words.
    pub note: String,
    /// Id of the service that it is with, or was with last.
    pub owner: Option<u32>,
    /// By which line that service holds it now; none where nobody does.
    pub held: Option<Rule>,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// More about it, in few words.
    pub note: String,
    /// It runs and can work.
    pub well: bool,
}

/// Memory that two services share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Id of the one who asks.
    pub consumer: u32,
    /// Id of the one who is asked.
    pub driver: u32,
    /// By which line.
    pub rule: Rule,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The devices.
    pub devices: Vec<Device>,
    /// The services.
    pub services: Vec<Service>,
    /// Who shares memory with whom.
    pub shared: Vec<Shared>,
}

impl Machine {
    /// The drawing, and the names of the services that are not in it: they hold no device and share no memory.
    #[must_use]
    pub fn graph(self) -> (Graph, Vec<String>) {
        let columns = self.columns();
        let mut graph = Graph::default();
        let mut apart = Vec::new();
        let owners: Vec<u32> = self.devices.iter().filter_map(|device| device.owner).collect();
        let mut held = Vec::new();
        for device in self.devices {
            let kind = if device.held.is_some() { Kind::Device } else { Kind::Idle };
            let Device { id: number, name, note, .. } = device;
            let at = graph.node(Node { column: 0, kind, name, note, number });
            held.push((at, device.owner, device.held));
        }
        let mut places: Vec<(u32, Option<usize>)> = Vec::new();
        for Service { id, name, note, well } in self.services {
            let kind = match (well, owners.contains(&id)) {
                (false, _) => Kind::Ended,
                (true, true) => Kind::Owner,
                (true, false) => Kind::Service,
            };
            match column(&columns, id) {
                None => apart.push(name),
                Some(column) => {
                    places.push((id, graph.node(Node { column, kind, name, note, number: id })));
                }
            }
        }
        let place = |id: u32| places.iter().find(|(known, _)| *known == id)?.1;
        for (device, owner, rule) in held {
            if let (Some(owner), Some(rule)) = (owner, rule) {
                graph.tie([device, place(owner)], Tie::Holds, rule);
            }
        }
        for one in self.shared {
            graph.tie([place(one.driver), place(one.consumer)], Tie::Shares, one.rule);
        }
        (graph, apart)
    }

    /// Services that are drawn, and their columns.
    fn columns(&self) -> Vec<(u32, usize)> {
        let mut columns: Vec<(u32, usize)> = Vec::new();
        for owner in self.devices.iter().filter_map(|device| device.owner) {
            if column(&columns, owner).is_none() {
                columns.push((owner, 1));
            }
        }
        // Nobody stands further than there are columns, whatever is told of who shares memory.
        for _ in 1..Graph::MOST_COLUMNS {
            for one in &self.shared {
                let driver = column(&columns, one.driver).unwrap_or(1);
                let wanted = (driver + 1).min(Graph::MOST_COLUMNS - 1);
                if column(&columns, one.driver).is_none() {
                    columns.push((one.driver, driver));
                }
                match columns.iter_mut().find(|(id, _)| *id == one.consumer) {
                    Some((_, column)) => *column = wanted.max(*column),
                    None => columns.push((one.consumer, wanted)),
                }
            }
        }
        columns
    }
}

impl Graph {
    /// A line between two boxes, if both are there.
    fn tie(&mut self, ends: [Option<usize>; 2], tie: Tie, rule: Rule) {
        if let [Some(from), Some(to)] = ends {
            self.line(Line { from, to, tie, rule: rule.id, reason: rule.reason });
        }
    }
}

fn column(columns: &[(u32, usize)], service: u32) -> Option<usize> {
    columns.iter().find(|(id, _)| *id == service).map(|(_, column)| *column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn device(id: u32, owner: Option<u32>, held: bool) -> Device {
        let rule = || Rule { id: format!("rule-{id}"), reason: "because".to_string() };
        let name = format!("device{id}");
        Device { id, name, note: String::new(), owner, held: held.then(rule) }
    }

    fn service(id: u32, well: bool) -> Service {
        Service { id, name: format!("service{id}"), note: String::new(), well }
    }

    fn shared(consumer: u32, driver: u32) -> Shared {
        Shared { consumer, driver, rule: Rule::default() }
    }

    #[test]
    fn owners_stand_beside_their_devices_and_consumers_further() {
        let machine = Machine {
            devices: [device(0, Some(7), true), device(1, Some(8), false), device(2, None, false)]
                .into(),
            services: [7, 8, 9, 10, 11].map(|id| service(id, id != 8)).into(),
            shared: [shared(10, 9), shared(9, 7)].into(),
        };
        let (graph, apart) = machine.graph();
        let nodes: Vec<_> = graph.nodes().iter().map(|one| (one.column, one.kind)).collect();
        let expected = [
            (0, Kind::Device),
            (0, Kind::Idle),
            (0, Kind::Idle),
            (1, Kind::Owner),
            (1, Kind::Ended),
            (2, Kind::Service),
            (3, Kind::Service),
        ];
        assert_eq!((nodes.as_slice(), apart), (&expected[..], ["service11".to_string()].into()));
        let lines: Vec<_> = graph.lines().iter().map(|one| (one.from, one.to, one.tie)).collect();
        let expected = [(0, 3, Tie::Holds), (5, 6, Tie::Shares), (3, 5, Tie::Shares)];
        assert_eq!(lines, expected);
        assert_eq!((graph.lines()[0].rule.as_str(), graph.left_out()), ("rule-0", 0));
    }

    /// Who tells that they ask each other in a circle stands within the drawing.
    #[test]
    fn a_circle_has_an_end() {
        let machine = Machine {
            services: [1, 2, 3].map(|id| service(id, true)).into(),
            shared: [shared(1, 2), shared(2, 3), shared(3, 1), shared(9, 9)].into(),
            ..Machine::default()
        };
        let (graph, apart) = machine.graph();
        assert!(graph.nodes().iter().all(|one| one.column < Graph::MOST_COLUMNS));
        assert_eq!((graph.nodes().len(), graph.lines().len(), apart.len()), (3, 3, 0));
    }
}
