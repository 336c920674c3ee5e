//! The audit as a drawing: by the same library as the page of a machine that runs.

use super::{Audit, AuditDevice, AuditService};
use nexus_graph::machine::{Device, Machine, Rule, Service, Shared};

impl Audit {
    /// The drawing as a file of its own (SVG): who will hold which device, who shares memory with whom, and by which
    /// line of the policy.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let shared = self.services.iter().flat_map(|service| {
            service.rings.iter().map(|ring| Shared {
                consumer: service.id,
                driver: ring.driver,
                rule: Rule { id: ring.rule.clone(), reason: ring.reason.clone() },
            })
        });
        let machine = Machine {
            devices: self.devices.iter().map(|device| self.drawn(device)).collect(),
            services: self.services.iter().map(service).collect(),
            shared: shared.collect(),
        };
        let (graph, _) = machine.graph();
        let what =
            format!("{}: devices, their owners, and who shares memory with them", self.system);
        nexus_graph::alone(&graph, &what)
    }

    fn drawn(&self, device: &AuditDevice) -> Device {
        let window = self.window(&device.name);
        Device {
            id: device.id.into(),
            name: device.name.clone(),
            note: if window.is_some() { device.class.clone() } else { "nobody's".to_owned() },
            owner: window.map(|window| window.service),
            held: window
                .map(|window| Rule { id: window.rule.clone(), reason: window.reason.clone() }),
        }
    }
}

fn service(service: &AuditService) -> Service {
    let note = format!("priority {}", service.priority);
    Service { id: service.id, name: service.name.clone(), note, well: true }
}
