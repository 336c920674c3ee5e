//! The audit as a graph in the language of Graphviz (DOT), for whoever has tools that read it.

use super::{Audit, AuditDevice, AuditService};
use std::fmt::Write as _;

impl Audit {
    /// Devices, their owners, who shares memory with whom and who may call whom, each with its line of the policy.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut text = format!("digraph {} {{\n  rankdir=LR\n", quoted(&self.system));
        self.devices.iter().for_each(|device| self.add_device(&mut text, device));
        self.services.iter().for_each(|service| self.add_service(&mut text, service));
        text += "}\n";
        text
    }

    fn add_device(&self, text: &mut String, device: &AuditDevice) {
        let window = self.window(&device.name);
        let reach = window.and_then(|window| window.memory.as_ref()).map(|memory| memory.reach);
        let note = match reach {
            Some(bytes) => format!("{}\n{bytes} bytes by DMA", device.class),
            None => device.class.clone(),
        };
        let box_of = format!("device {}", device.name);
        node(text, &box_of, "box", &format!("{}\n{note}", device.name));
        if let Some(window) = window {
            edge(
                text,
                [&box_of, &window.service_name],
                "solid",
                Some([&window.rule, &window.reason]),
            );
        }
    }

    fn add_service(&self, text: &mut String, service: &AuditService) {
        node(text, &service.name, "ellipse", &service.name);
        for ring in &service.rings {
            let by = Some([&ring.rule, &ring.reason]);
            edge(text, [&ring.driver_name, &service.name], "dashed", by);
        }
        for callee in &service.calls {
            edge(text, [&service.name, callee], "dotted", None);
        }
    }
}

fn node(text: &mut String, name: &str, shape: &str, label: &str) {
    let (name, label) = (quoted(name), quoted(label));
    let _ = writeln!(text, "  {name} [shape={shape}, label={label}]");
}

/// From one to the other, by a line of the policy and its reason.
fn edge(text: &mut String, [from, to]: [&String; 2], style: &str, by: Option<[&String; 2]>) {
    let (from, to) = (quoted(from), quoted(to));
    let by = by.map_or_else(String::new, |[rule, reason]| {
        format!(", label={}, tooltip={}", quoted(rule), quoted(reason))
    });
    let _ = writeln!(text, "  {from} -> {to} [style={style}{by}]");
}

/// A text of DOT, in which a quote and what escapes it stand for themselves, and a line ends where it does.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn test_text_stays_text() {
        assert_eq!(quoted("a \"b\" \\ c\nd"), r#""a \"b\" \\ c\nd""#);
        assert_eq!(quoted("\\\""), r#""\\\"""#);
    }
}
