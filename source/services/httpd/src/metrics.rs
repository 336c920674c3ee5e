//! `/metrics`: a snapshot as text for Prometheus, format 0.0.4.

use alloc::format;
use alloc::string::{String, ToString};

use crate::model::{Device, Frames, Service, Snapshot};

/// The text. A label is escaped where it is written, and there is no other place where one is.
struct Text(String);

/// What a family is.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

impl Text {
    /// Begins a family: all samples of a name. Name and help are written here, and nobody else's.
    fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.push(&["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
    }

    /// A sample.
    fn sample(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.put(name, labels, &value.to_string());
    }

    /// A sample in thousandths.
    fn milli(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.put(name, labels, &format!("{}.{:03}", value / 1000, value % 1000));
    }

    fn put(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: &str) {
        self.push(&[name]);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.push(&[if index == 0 { "{" } else { "," }, label, "=\""]);
            self.escaped(text);
            self.push(&["\""]);
        }
        self.push(&[if labels.is_empty() { " " } else { "} " }, value, "\n"]);
    }

    /// A family of one sample.
    fn one(&mut self, name: &'static str, kind: Kind, help: &'static str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// What ends a value or a line, and what begins an escape.
    fn escaped(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                char => self.0.push(char),
            }
        }
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.0.push_str(part));
    }
}

/// All of it.
#[must_use]
pub fn metrics(snapshot: &Snapshot) -> String {
    let mut text = Text(String::new());
    machine(&mut text, snapshot);
    services(&mut text, &snapshot.services);
    devices(&mut text, &snapshot.devices, snapshot);
    ledger(&mut text, snapshot);
    disk(&mut text, snapshot);
    network(&mut text, snapshot);
    page(&mut text, snapshot);
    text.0
}

fn machine(text: &mut Text, snapshot: &Snapshot) {
    text.family("nexus_uptime_seconds", Kind::Gauge, "Seconds since the machine started.");
    text.milli("nexus_uptime_seconds", &[], snapshot.uptime_ms);
    times(text, snapshot);
    if let Some(memory) = &snapshot.memory {
        text.family("nexus_memory_bytes", Kind::Gauge, "Bytes of memory, by who has them.");
        let parts = [("init", memory.init), ("services", memory.services), ("free", memory.free)];
        for (of, bytes) in parts {
            text.sample("nexus_memory_bytes", &[("of", of)], bytes);
        }
    }
    if let Some(ready) = &snapshot.ready {
        text.one("nexus_owners", Kind::Gauge, "Owners of devices.", ready.owners.into());
        let help = "Owners of devices that have reported that they are ready.";
        text.one("nexus_owners_ready", Kind::Gauge, help, ready.owners_ready.into());
    }
}

fn times(text: &mut Text, snapshot: &Snapshot) {
    if snapshot.times.is_empty() {
        return;
    }
    let name = "nexus_priority_seconds_total";
    text.family(name, Kind::Counter, "Seconds in which a priority ran; idle where none did.");
    for time in &snapshot.times {
        let priority = time.priority.map_or("idle".to_string(), |number| number.to_string());
        text.milli(name, &[("priority", &priority)], time.ms);
    }
}

type Of<T> = fn(&T) -> Option<u64>;

fn services(text: &mut Text, services: &[Service]) {
    const FAMILIES: [(&str, Kind, &str, Of<Service>); 6] = [
        ("nexus_service_up", Kind::Gauge, "1 where a service runs and can work.", |one| {
            Some(one.well.into())
        }),
        ("nexus_service_lives_total", Kind::Counter, "Lives of a service.", |one| {
            Some(one.lives.into())
        }),
        ("nexus_service_memory_bytes", Kind::Gauge, "Bytes of memory of a service.", |one| {
            one.memory.as_ref().map(|memory| memory.used)
        }),
        (
            "nexus_service_memory_limit_bytes",
            Kind::Gauge,
            "Bytes that a service may have.",
            |one| one.memory.as_ref().map(|memory| memory.most),
        ),
        ("nexus_service_objects", Kind::Gauge, "Kernel objects of a service.", |one| {
            one.objects.as_ref().map(|objects| objects.used)
        }),
        ("nexus_service_capabilities", Kind::Gauge, "Capabilities of a service.", |one| {
            Some(one.holds.iter().map(|holding| u64::from(holding.count)).sum())
        }),
    ];
    for (name, kind, help, of) in FAMILIES {
        text.family(name, kind, help);
        for service in services {
            if let Some(value) = of(service) {
                text.sample(name, &[("service", &service.name)], value);
            }
        }
    }
}

fn devices(text: &mut Text, devices: &[Device], snapshot: &Snapshot) {
    let name = "nexus_device_held";
    text.family(name, Kind::Gauge, "1 where somebody holds a device: the owner, by the rule.");
    for device in devices {
        let owner = device.owner.map(|owner| snapshot.service(owner)).unwrap_or_default();
        let rule = snapshot.rule(device.rule).map_or("", |rule| rule.id.as_str());
        let labels = [("device", device.name.as_str()), ("owner", &owner), ("rule", rule)];
        text.sample(name, &labels, (device.state == "held").into());
    }
    const FAMILIES: [(&str, &str, Of<Device>); 2] = [
        ("nexus_interrupts_total", "Interrupts delivered.", |one| {
            one.line.as_ref().map(|line| line.delivered)
        }),
        ("nexus_interrupts_held_back_total", "Acknowledgements that were held back.", |one| {
            one.line.as_ref().map(|line| line.held_back)
        }),
    ];
    for (name, help, of) in FAMILIES {
        text.family(name, Kind::Counter, help);
        for device in devices {
            if let Some(value) = of(device) {
                text.sample(name, &[("device", &device.name)], value);
            }
        }
    }
}

fn ledger(text: &mut Text, snapshot: &Snapshot) {
    let ledger = &snapshot.ledger;
    text.one("nexus_ledger_records_total", Kind::Counter, "Records of the ledger.", ledger.records);
    let help = "Records of denials and refusals that were read.";
    text.one("nexus_denials_total", Kind::Counter, help, ledger.denied);
    let name = "nexus_ledger_chain";
    text.family(name, Kind::Gauge, "1 at how the chain of the ledger stands.");
    for state in ["whole", "broken", "replaced", "checking"] {
        text.sample(name, &[("state", state)], (ledger.chain.state == state).into());
    }
}

fn disk(text: &mut Text, snapshot: &Snapshot) {
    let Some(disk) = &snapshot.disk else { return };
    let name = "nexus_disk_requests_total";
    text.family(name, Kind::Counter, "Requests that the disk was asked for.");
    let kinds = [("read", disk.reads), ("write", disk.writes), ("flush", disk.flushes)];
    for (kind, count) in kinds {
        text.sample(name, &[("kind", kind)], count);
    }
    let name = "nexus_disk_bytes_total";
    text.family(name, Kind::Counter, "Bytes that the disk read and wrote.");
    for (kind, bytes) in [("read", disk.read_bytes), ("write", disk.written_bytes)] {
        text.sample(name, &[("kind", kind)], bytes);
    }
    let help = "Requests that the disk did not do.";
    text.one("nexus_disk_errors_total", Kind::Counter, help, disk.errors);
}

fn network(text: &mut Text, snapshot: &Snapshot) {
    if let Some(card) = &snapshot.card {
        type Of = fn(&Frames) -> u64;
        const FAMILIES: [(&str, &str, Of); 3] = [
            ("nexus_frames_total", "Frames through the network card.", |of| of.frames),
            ("nexus_frame_bytes_total", "Bytes of those frames.", |of| of.bytes),
            ("nexus_frames_dropped_total", "Frames that were dropped.", |of| {
                of.no_buffer.saturating_add(of.dropped)
            }),
        ];
        for (name, help, of) in FAMILIES {
            text.family(name, Kind::Counter, help);
            text.sample(name, &[("direction", "in")], of(&card.received));
            text.sample(name, &[("direction", "out")], of(&card.sent));
        }
    }
    let Some(network) = &snapshot.network else { return };
    text.one("nexus_sockets", Kind::Gauge, "Sockets of all services.", network.sockets.into());
    let help = "Connections that stood.";
    text.one("nexus_connections_total", Kind::Counter, help, network.connections);
    let help = "Requests for the network that were denied.";
    text.one("nexus_network_denied_total", Kind::Counter, help, network.denied);
}

fn page(text: &mut Text, snapshot: &Snapshot) {
    let page = &snapshot.page;
    text.one("nexus_page_snapshots_total", Kind::Counter, "Snapshots made.", page.snapshots);
    let help = "Questions that were asked for the last snapshot.";
    text.one("nexus_page_questions", Kind::Gauge, help, page.asked.into());
}
