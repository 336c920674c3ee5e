//! Names and numbers that must be one thing's alone.

use super::look_alike;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::System;
use crate::desc::report::Reporter;
use crate::desc::source::At;
use nexus_sysdesc::bounds::{MAX_DEVICES, MAX_RULES, MAX_SERVICES};

pub(super) fn check(system: &System, reporter: &Reporter) {
    check_counts(system, reporter);
    check_ids(system, reporter);
    let devices: Vec<&At<String>> = system.board.devices.iter().map(|one| &one.name).collect();
    check_repeated(&devices, reporter);
    check_look_alikes(&devices, look_alike::devices, reporter);
    let services: Vec<&At<String>> = system.services.iter().map(|one| &one.name).collect();
    check_look_alikes(&services, look_alike::services, reporter);
    let lines: Vec<&At<String>> = system.policy.lines().map(|(id, ..)| id).collect();
    check_look_alikes(&lines, look_alike::devices, reporter);
    let profiles: Vec<&At<String>> = system.profiles.iter().map(|one| &one.name).collect();
    check_look_alikes(&profiles, look_alike::devices, reporter);
}

fn check_counts(system: &System, reporter: &Reporter) {
    let too_many = |name: &At<String>, what: &str, count: usize, most: usize| {
        if count > most {
            let message = format!("{count} {what} are more than an image can hold");
            let fix = format!("leave at most {most}");
            reporter.add(Diagnostic::at(Kind::TooMany, &name.span, message, fix));
        }
    };
    too_many(&system.name, "services", system.services.len(), MAX_SERVICES);
    too_many(&system.name, "devices", system.board.devices.len(), MAX_DEVICES);
    too_many(&system.name, "lines of [[allow]]", system.policy.allows.len(), MAX_RULES);
}

fn check_ids(system: &System, reporter: &Reporter) {
    for (index, service) in system.services.iter().enumerate().filter(|(_, one)| one.id.value > 0) {
        let mut before = system.services.iter().take(index);
        let Some(first) = before.find(|other| other.id.value == service.id.value) else { continue };
        let message = format!("id {} is taken by {}", service.id.value, first.name.value);
        let free = (1..=u32::MAX).find(|id| system.services.iter().all(|one| one.id.value != *id));
        let fix = format!("give one of them an id of its own, for example {}", free.unwrap_or(1));
        let diagnostic = Diagnostic::at(Kind::DuplicateId, &service.id.span, message, fix);
        reporter.add(diagnostic.see(&first.id.span, format!("the id of {}", first.name.value)));
    }
}

fn check_repeated(names: &[&At<String>], reporter: &Reporter) {
    for (index, name) in names.iter().enumerate() {
        let first = names.iter().take(index).find(|other| other.value == name.value);
        if let Some(first) = first {
            let message = format!("there is another device of the name `{}`", name.value);
            let fix = "give one of them another name";
            let diagnostic = Diagnostic::at(Kind::DuplicateName, &name.span, message, fix);
            reporter.add(diagnostic.see(&first.span, "the other one"));
        }
    }
}

fn check_look_alikes(
    names: &[&At<String>],
    alike: impl Fn(&str, &str) -> bool,
    reporter: &Reporter,
) {
    for (index, name) in names.iter().enumerate() {
        let mut before = names.iter().take(index).filter(|other| other.value != name.value);
        if let Some(other) = before.find(|other| alike(other, name)) {
            let message = format!("`{}` can be mistaken for `{}`", name.value, other.value);
            let fix = "give one of them a name that differs in more than a look-alike letter, a \
                       separator, a number or a final d";
            let diagnostic = Diagnostic::at(Kind::LookAlike, &name.span, message, fix);
            reporter.add(diagnostic.see(&other.span, "the other one"));
        }
    }
}
