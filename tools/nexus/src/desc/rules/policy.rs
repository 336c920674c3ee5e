//! Devices: what is requested is allowed, and what is allowed is requested.

use super::lines;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{
    Allow, Need, Service, System, queues_toml, registers_toml, rights_text, rights_toml,
};
use crate::desc::report::Reporter;
use crate::desc::source::At;
use crate::desc::suggest;
use nexus_sysdesc::Queue;

pub(super) fn check(system: &System, reporter: &Reporter) {
    check_ids(system, reporter);
    for (index, line) in system.policy.allows.iter().enumerate() {
        if check_names(system, line, reporter) {
            check_repeated(system, index, line, reporter);
            check_use(system, line, reporter);
        }
    }
    for service in &system.services {
        for need in &service.needs {
            check_allowed(system, service, need, reporter);
        }
    }
}

/// Ids are one line's alone: records name them.
fn check_ids(system: &System, reporter: &Reporter) {
    for (index, (id, ..)) in system.policy.lines().enumerate() {
        let first = system.policy.lines().take(index).find(|(other, ..)| other.value == id.value);
        if let Some((first, ..)) = first {
            let message = format!("there is another line `{}`", id.value);
            let fix = "give one of them another id: records name lines by it";
            let diagnostic = Diagnostic::at(Kind::DuplicateRule, &id.span, message, fix);
            reporter.add(diagnostic.see(&first.span, "the other one"));
        }
    }
}

/// Reports a line about what does not exist; true when both exist.
fn check_names(system: &System, line: &Allow, reporter: &Reporter) -> bool {
    let known = check_subject(system, &line.id, &line.subject, reporter);
    if system.board.device(&line.device).is_some() {
        return known;
    }
    if system.may_have_device(&line.device) {
        return false;
    }
    let message = format!("the board has no device `{}`", line.device.value);
    let fix = suggest::instead(&line.device, "devices", &system.board.device_names());
    reporter.add(Diagnostic::at(Kind::UnknownDevice, &line.device.span, message, fix));
    false
}

/// Reports a subject that does not exist; true when it does.
pub(super) fn check_subject(
    system: &System,
    id: &At<String>,
    subject: &At<String>,
    reporter: &Reporter,
) -> bool {
    if system.service(subject).is_some() {
        return true;
    }
    let removed = system.removed.iter().find(|removed| removed.value == subject.value);
    if let Some(removed) = removed {
        let message = format!("`{}` is removed, and the policy still speaks of it", subject.value);
        let fix = format!("add \"{}\" to `policy` under [remove] as well", id.value);
        let diagnostic = Diagnostic::at(Kind::RemovedService, &removed.span, message, fix);
        reporter.add(diagnostic.see(&id.span, "the line that speaks of it"));
    } else if !system.may_have_service(subject) {
        let message = format!("there is no service `{}`", subject.value);
        let fix = suggest::instead(subject, "services", &system.service_names());
        reporter.add(Diagnostic::at(Kind::UnknownService, &subject.span, message, fix));
    }
    false
}

fn check_repeated(system: &System, index: usize, line: &Allow, reporter: &Reporter) {
    let first = system.policy.allows.iter().take(index).find(|other| {
        other.subject.value == line.subject.value && other.device.value == line.device.value
    });
    if let Some(first) = first {
        let message = format!(
            "there is another line for {} and {}: `{}`",
            line.subject.value, line.device.value, first.id.value
        );
        let fix = "keep one of them, so that one line decides";
        let diagnostic = Diagnostic::at(Kind::DuplicateRule, &line.id.span, message, fix);
        reporter.add(diagnostic.see(&first.id.span, "the other one"));
    }
}

/// Somebody asks for it, and for all of it.
fn check_use(system: &System, line: &Allow, reporter: &Reporter) {
    let (subject, device) = (&line.subject.value, &line.device.value);
    let service = system.service(subject);
    let need =
        service.and_then(|service| service.needs.iter().find(|need| need.device.value == *device));
    let Some(need) = need else {
        let knows = |need: &Need| system.board.device(&need.device).is_some();
        let all_known = service.is_some_and(|service| service.needs.iter().all(knows));
        if !system.is_whole(subject) || !all_known {
            return;
        }
        let message =
            format!("`{}` allows what {subject} does not ask for: {device}", line.id.value);
        let fix = format!(
            "remove the line, or ask in services/{subject}.toml:\n\
             needs = [{{ device = \"{device}\", rights = {}{} }}]",
            rights_toml(line.rights.value),
            more_toml(", ", line.irq.is_some(), line.registers.as_ref(), line.queues.as_ref())
        );
        let span = &line.id.span;
        reporter.add(Diagnostic::at(Kind::NothingRequests, span, message, fix));
        return;
    };
    let more = line.rights.difference(need.rights.value);
    if !more.is_empty() && system.is_whole(subject) && need.has_window_rights() {
        let message = format!(
            "`{}` allows {}, which {subject} does not ask for",
            line.id.value,
            rights_text(more)
        );
        let fix = format!("write `rights = {}`", rights_toml(need.rights.value));
        reporter.add(
            Diagnostic::at(Kind::AllowsMore, &line.rights.span, message, fix)
                .see(&need.rights.span, "what it asks for"),
        );
    }
}

/// Some line allows it, and all of it.
fn check_allowed(system: &System, service: &Service, need: &Need, reporter: &Reporter) {
    let (subject, device) = (&service.name.value, &need.device.value);
    if system.board.device(device).is_none() {
        return;
    }
    let line = system
        .policy
        .allows
        .iter()
        .find(|line| line.subject.value == *subject && line.device.value == *device);
    let Some(line) = line else {
        let mut lines = system.policy.allows.iter().filter(|line| line.subject.value == *subject);
        let misnamed = lines.any(|line| system.board.device(&line.device).is_none());
        if misnamed || system.may_allow(subject, device) {
            return;
        }
        let message = format!("{subject} asks for {device}, and no line of the policy allows it");
        let fix = format!(
            "if it may have it, add to {}, and say why:\n{}",
            system.policy.shown,
            new_line(subject, need)
        );
        reporter.add(Diagnostic::at(Kind::NotAllowed, &need.device.span, message, fix));
        return;
    };
    let more = need.rights.difference(line.rights.value);
    if !more.is_empty() && need.has_window_rights() {
        let message = format!(
            "{subject} asks for {} on {device}, which `{}` does not allow",
            rights_text(more),
            line.id.value
        );
        let fix = format!("ask for {} only, or change the line", rights_text(line.rights.value));
        reporter.add(
            Diagnostic::at(Kind::NotAllowed, &need.rights.span, message, fix)
                .see(&line.rights.span, "what it allows"),
        );
    }
    lines::check_pair(system, need, line, reporter);
}

/// The line that would allow `need`.
fn new_line(subject: &str, need: &Need) -> String {
    let device = &need.device.value;
    format!(
        "[[allow]]\n\
         id = \"allow-{subject}-{device}\"\n\
         subject = \"{subject}\"\n\
         device = \"{device}\"\n\
         rights = {}{}\n\
         reason = \"…\"",
        rights_toml(need.rights.value),
        more_toml("\n", need.irq.is_some(), need.registers.as_ref(), need.queues.as_ref())
    )
}

/// The keys `irq`, `registers` and `queues`, as far as they are there, each after `between`.
fn more_toml(
    between: &str,
    irq: bool,
    registers: Option<&At<u64>>,
    queues: Option<&At<Vec<Queue>>>,
) -> String {
    let irq = irq.then(|| String::from("irq = true"));
    let registers = registers.map(|registers| registers_toml(registers.value));
    let registers = registers.map(|list| format!("registers = {list}"));
    let queues = queues.map(|queues| queues_toml(queues));
    let keys = irq.into_iter().chain(registers).chain(queues);
    keys.map(|key| format!("{between}{key}")).collect()
}
