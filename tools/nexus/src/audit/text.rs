//! An audit for people.

use super::model::{
    Audit, AuditDevice, AuditOpen, AuditRing, AuditWindow, rights_names, state_rights_names,
};
use crate::columns::{NARROWEST, broken, row, section};
use crate::visible;
use nexus_abi::Rights;
use nexus_sysdesc::registers;
use std::fmt::Write as _;

impl Audit {
    /// Tables in lines of at most `width` columns, from `NARROWEST`: devices, lines, rules, services,
    /// trusted set.
    #[must_use]
    pub fn to_text(&self, width: usize) -> String {
        let width = width.max(NARROWEST);
        let mut text = format!("{} {}, policy epoch {}\n", self.system, self.profile, self.epoch);
        let kib = self.image_bytes / 1024;
        for part in broken(&format!("image sha256 {}, {kib} KiB", self.image_sha256), width) {
            let _ = writeln!(text, "{part}");
        }
        section(&mut text, width, "Who holds which device", &self.device_rows());
        let title = "Who receives interrupts of which device, and what can be written to it";
        section(&mut text, width, title, &self.line_rows());
        if self.devices.iter().any(|device| device.dma) {
            let title = "What devices reach in memory by themselves, in bytes";
            section(&mut text, width, title, &self.memory_rows());
        }
        if !self.windows.is_empty() {
            section(
                &mut text,
                width,
                "Why that is allowed, in the words of the policy",
                &self.rule_rows(),
            );
        }
        if !self.refused.is_empty() {
            section(&mut text, width, "Asked for, and will be denied", &self.refused_rows());
        }
        section(&mut text, width, "Who may call whom, and ask for what", &self.service_rows());
        let title = match self.unlimited_restarts {
            false => "Who is started again when it ends",
            true => "Who is started again when it ends, without pause and limit",
        };
        section(&mut text, width, title, &self.restart_rows());
        let permits = self.permit_rows();
        if permits.len() > 1 {
            section(
                &mut text,
                width,
                "Why they may ask for it, in the words of the policy",
                &permits,
            );
        }
        let rings = self.ring_rows();
        if rings.len() > 1 {
            section(&mut text, width, "Who shares memory with whom, to ask by, in bytes", &rings);
        }
        self.add_state(&mut text, width);
        self.add_network(&mut text, width);
        section(&mut text, width, "Who must be trusted, and with what", &self.trusted_rows());
        section(&mut text, width, "Who is trusted with all memory", &self.all_memory_rows());
        text
    }

    fn device_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&[
            "DEVICE", "OWNER", "RIGHTS", "WINDOW", "ADDRESS", "BYTES", "DMA", "DANGER", "RULE",
        ])];
        for device in &self.devices {
            let window = self.windows.iter().find(|window| window.device == device.id);
            let rights = window.map(|window| rights_names(window.rights).join("|"));
            let rule = window.map(|window| window.rule.clone());
            rows.push(vec![
                device.name.clone(),
                or_dash(device.owners.join(", ")),
                or_dash(rights.unwrap_or_default()),
                format!("{} #{}", device.class, device.instance),
                place(device),
                format!("{:#x}", device.len),
                String::from(reached(device, window)),
                device.danger.to_owned(),
                or_dash(rule.unwrap_or_default()),
            ]);
        }
        rows
    }

    fn line_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["DEVICE", "LINE", "RECEIVED BY", "AT MOST EVERY", "WRITES"])];
        for device in &self.devices {
            let window = self.windows.iter().find(|window| window.device == device.id);
            let line = window.filter(|window| window.irq);
            let receiver = line.map(|window| window.service_name.clone());
            let interval = line.filter(|window| window.interval > 0);
            let interval = interval.map(|window| format!("{} us", window.interval));
            rows.push(vec![
                device.name.clone(),
                String::from(if device.irq { "yes" } else { "no" }),
                or_dash(receiver.unwrap_or_default()),
                or_dash(interval.unwrap_or_default()),
                window.map_or_else(|| String::from("-"), AuditWindow::writes),
            ]);
        }
        rows
    }

    /// A line for each queue; the first of a device says what it reaches.
    fn memory_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&[
            "DEVICE", "REACHES", "POOL", "USED", "TABLES", "DIGEST", "QUEUE", "ENTRIES", "HEADS",
        ])];
        for device in self.devices.iter().filter(|device| device.dma) {
            let memory = self.window(&device.name).and_then(|window| window.memory.as_ref());
            let Some(memory) = memory else {
                rows.push(row(&[&device.name, "0", "-", "-", "-", "-", "-", "-", "in reset"]));
                continue;
            };
            let sums = [memory.reach, memory.pool, memory.used, memory.tables];
            let sums = sums.iter().map(ToString::to_string);
            let first =
                [device.name.clone()].into_iter().chain(sums).chain([memory.digest.clone()]);
            let mut first: Vec<String> = first.collect();
            for (number, queue) in memory.queues.iter().enumerate() {
                let of_queue =
                    [number.to_string(), queue.entries.to_string(), queue.heads.join("; ")];
                first.extend(of_queue);
                rows.push(first);
                first = vec![device.name.clone()];
                first.resize(6, String::from("\""));
            }
        }
        rows
    }

    fn rule_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["RULE", "REASON"])];
        for window in &self.windows {
            rows.push(row(&[&window.rule, &window.reason]));
        }
        rows
    }

    fn permit_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["RULE", "REASON"])];
        for permit in self.services.iter().flat_map(|service| &service.permits) {
            rows.push(row(&[&permit.rule, &permit.reason]));
        }
        rows
    }

    fn ring_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["DRIVER", "SHARES", "WITH", "RULE", "REASON"])];
        for service in &self.services {
            for AuditRing { driver_name, bytes, rule, reason, .. } in &service.rings {
                rows.push(row(&[driver_name, &bytes.to_string(), &service.name, rule, reason]));
            }
        }
        rows
    }

    /// What is kept in the store, where somebody keeps something, or a disk has one.
    fn add_state(&self, text: &mut String, width: usize) {
        let (trees, opens) = (self.tree_rows(), self.open_rows());
        let store = self.store();
        if trees.len() > 1 || store.is_some() {
            let place = store.map_or_else(
                || String::from("on no disk"),
                |(device, guid)| format!("on {}, in partition {guid}", device.name),
            );
            section(text, width, &format!("Who keeps state, at most how much, {place}"), &trees);
        }
        if opens.len() > 1 {
            section(text, width, "Who may open whose state beside its own", &opens);
        }
    }

    fn tree_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "TREE", "KEYS", "BYTES"])];
        for service in &self.services {
            let Some(tree) = &service.tree else { continue };
            let (keys, bytes) = (tree.keys.to_string(), tree.bytes.to_string());
            rows.push(row(&[&service.name, &tree.id, &keys, &bytes]));
        }
        rows
    }

    fn open_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "OPENS", "KEYS", "RIGHTS", "RULE", "REASON"])];
        for service in &self.services {
            for AuditOpen { owner_name, prefix, rights, rule, reason, .. } in &service.opens {
                let keys = match prefix.as_str() {
                    "" => String::from("all"),
                    prefix => format!("`{}`", visible::shown(prefix)),
                };
                let rights = state_rights_names(*rights).join("|");
                rows.push(row(&[&service.name, owner_name, &keys, &rights, rule, reason]));
            }
        }
        rows
    }

    fn refused_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "DEVICE", "WHY"])];
        for refusal in &self.refused {
            rows.push(row(&[&refusal.service, &refusal.device, refusal.why]));
        }
        rows
    }

    fn service_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["ID", "SERVICE", "PRIORITY", "FRAMES", "MAY", "CALLS"])];
        for service in &self.services {
            let frames =
                if service.init { String::from("all") } else { service.frames.to_string() };
            rows.push(vec![
                service.id.to_string(),
                service.name.clone(),
                service.priority.to_string(),
                frames,
                or_dash(service.permissions.join(", ")),
                or_dash(service.calls.join(", ")),
            ]);
        }
        rows
    }

    fn restart_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "STARTED AGAIN", "ANSWERS WITHIN"])];
        for service in &self.services {
            let within = service.answers_within.map(|ms| format!("{ms} ms"));
            let within = or_dash(within.unwrap_or_default());
            rows.push(row(&[&service.name, service.restart, &within]));
        }
        rows
    }

    fn all_memory_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["WHO", "UNTIL", "WHY"])];
        for one in &self.memory {
            rows.push(row(&[&one.who, one.until.as_deref().unwrap_or("always"), &one.why]));
        }
        rows
    }

    fn trusted_rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row(&["SERVICE", "WITH"])];
        for trusted in &self.trusted {
            rows.push(row(&[&trusted.service, &trusted.with.join("; ")]));
        }
        rows
    }
}

/// Where a device is, or what it is found by.
fn place(device: &AuditDevice) -> String {
    match (device.base, &device.chosen_by) {
        (Some(base), None) => format!("{base:#x}"),
        (Some(base), Some(says)) => format!("{base:#x}, {says}"),
        (None, Some(says)) => says.clone(),
        (None, None) => String::from("found"),
    }
}

/// What a device reaches by itself, in a word.
fn reached(device: &AuditDevice, window: Option<&AuditWindow>) -> &'static str {
    match window {
        _ if !device.dma => "none",
        Some(window) if window.all_memory => "all memory",
        Some(AuditWindow { memory: Some(_), .. }) => "its pool",
        _ => "in reset",
    }
}

impl AuditWindow {
    /// What can be written: offsets of registers, everything or nothing.
    fn writes(&self) -> String {
        let writable = Rights::from_bits_retain(self.rights).contains(Rights::WRITE);
        let offsets = |mask| registers::offsets(mask).map(|offset| format!("{offset:#04x}"));
        match self.registers {
            _ if !writable => String::from("nothing"),
            None => String::from("all of it"),
            Some(mask) => offsets(mask).collect::<Vec<String>>().join(", "),
        }
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { String::from("-") } else { text }
}
