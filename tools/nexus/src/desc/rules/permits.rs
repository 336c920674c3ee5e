//! Permissions: what is asked is permitted, and what is permitted is asked.

use super::policy::check_subject;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Permit, System};
use crate::desc::report::Reporter;
use nexus_sysdesc::Permission;

pub(super) fn check(system: &System, reporter: &Reporter) {
    for (index, line) in system.policy.permits.iter().enumerate() {
        if check_subject(system, &line.id, &line.subject, reporter) {
            check_repeated(system, index, line, reporter);
            check_use(system, line, reporter);
        }
    }
    check_asked(system, reporter);
    check_distributor(system, reporter);
}

fn check_repeated(system: &System, index: usize, line: &Permit, reporter: &Reporter) {
    let first = system.policy.permits.iter().take(index).find(|other| {
        other.subject.value == line.subject.value && other.permission.value == line.permission.value
    });
    if let Some(first) = first {
        let message = format!(
            "there is another line that permits {} to {}: `{}`",
            line.permission.name(),
            line.subject.value,
            first.id.value
        );
        let diagnostic =
            Diagnostic::at(Kind::DuplicateRule, &line.id.span, message, "keep one of them");
        reporter.add(diagnostic.see(&first.id.span, "the other one"));
    }
}

fn check_use(system: &System, line: &Permit, reporter: &Reporter) {
    let Some(service) = system.service(&line.subject) else { return };
    let permission = line.permission.value;
    let asks = service.asks.iter().any(|asked| asked.value == permission);
    if !asks && system.is_whole(&line.subject) {
        let subject = &line.subject.value;
        let message = format!(
            "`{}` permits what {subject} does not ask for: {}",
            line.id.value,
            permission.name()
        );
        let fix = format!(
            "remove the line, or ask in services/{subject}.toml:\nasks = [\"{}\"]",
            permission.name()
        );
        reporter.add(Diagnostic::at(Kind::NothingRequests, &line.id.span, message, fix));
    }
}

fn check_asked(system: &System, reporter: &Reporter) {
    for service in &system.services {
        let subject = &service.name.value;
        for asked in &service.asks {
            let permitted =
                system.policy.permits.iter().any(|line| {
                    line.subject.value == *subject && line.permission.value == asked.value
                });
            if permitted || system.may_allow(subject, asked.name()) {
                continue;
            }
            let name = asked.name();
            let message =
                format!("{subject} asks for `{name}`, and no line of the policy permits it");
            let fix = format!(
                "if it may, add to {}, and say why:\n\
                 [[permit]]\n\
                 id = \"permit-{subject}-{name}\"\n\
                 subject = \"{subject}\"\n\
                 permission = \"{name}\"\n\
                 reason = \"…\"",
                system.policy.shown
            );
            reporter.add(Diagnostic::at(Kind::NotAllowed, &asked.span, message, fix));
        }
    }
}

/// Init distributes, and nobody else.
fn check_distributor(system: &System, reporter: &Reporter) {
    let Some(init) = system.services.iter().find(|service| service.by_kernel) else { return };
    let lines = || {
        let lines = system.policy.permits.iter();
        lines.filter(|line| line.permission.value == Permission::Distribute)
    };
    let fix = format!("permit `distribute` to {}, and to nobody else", init.name.value);
    for line in lines().filter(|line| line.subject.value != init.name.value) {
        let message = format!(
            "`{}` makes {} a distributor of devices; only {} can be one",
            line.id.value, line.subject.value, init.name.value
        );
        reporter.add(Diagnostic::at(Kind::Distributor, &line.span, message, fix.clone()));
    }
    let asks = init.asks.iter().any(|asked| asked.value == Permission::Distribute);
    let name = &init.name.value;
    let known = system.is_whole(name) && !system.may_allow(name, Permission::Distribute.name());
    if !asks && known && lines().all(|line| line.subject.value != *name) {
        let message =
            format!("{} may not distribute: nobody would receive a device", init.name.value);
        let fix = format!(
            "write `asks = [\"distribute\"]` in services/{}.toml, and permit it in {}",
            init.name.value, system.policy.shown
        );
        reporter.add(Diagnostic::at(Kind::Distributor, &init.name.span, message, fix));
    }
}
