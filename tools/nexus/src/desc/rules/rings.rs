//! Rings: what is asked is allowed, and what is allowed is asked, exactly; and an owner of a device has one consumer.

use super::policy::check_subject;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Ring, Service, Share, System};
use crate::desc::report::Reporter;
use crate::desc::suggest;

pub(super) fn check(system: &System, reporter: &Reporter) {
    for (index, line) in system.policy.shares.iter().enumerate() {
        if check_subject(system, &line.id, &line.subject, reporter)
            && check_driver(system, line, reporter)
        {
            check_repeated(system, index, line, reporter);
            check_use(system, line, reporter);
        }
    }
    for service in &system.services {
        for (index, ring) in service.rings.iter().enumerate() {
            if check_call(system, service, ring, reporter) {
                check_twice(service, index, ring, reporter);
                check_allowed(system, service, ring, reporter);
            }
        }
    }
    check_consumers(system, reporter);
}

/// The driver of a line is there; true when it is.
fn check_driver(system: &System, line: &Share, reporter: &Reporter) -> bool {
    if system.service(&line.with).is_some() {
        return true;
    }
    if system.was_removed(&line.with) {
        let message = format!("`{}` is about {}, which is removed", line.id.value, line.with.value);
        let fix = format!("add \"{}\" to `policy` under [remove] as well", line.id.value);
        reporter.add(Diagnostic::at(Kind::RemovedService, &line.with.span, message, fix));
    } else if !system.may_have_service(&line.with) {
        let message = format!("there is no service `{}`", line.with.value);
        let fix = suggest::instead(&line.with, "services", &system.service_names());
        reporter.add(Diagnostic::at(Kind::UnknownService, &line.with.span, message, fix));
    }
    false
}

fn check_repeated(system: &System, index: usize, line: &Share, reporter: &Reporter) {
    let pair = |line: &Share| (line.subject.value.clone(), line.with.value.clone());
    let mut before = system.policy.shares.iter().take(index);
    if let Some(first) = before.find(|other| pair(other) == pair(line)) {
        let message = format!(
            "there is another line for a ring of {} with {}: `{}`",
            line.subject.value, line.with.value, first.id.value
        );
        let diagnostic =
            Diagnostic::at(Kind::DuplicateRule, &line.id.span, message, "keep one of them");
        reporter.add(diagnostic.see(&first.id.span, "the other one"));
    }
}

/// Somebody asks for it. How many pages, [`check_allowed`] compares.
fn check_use(system: &System, line: &Share, reporter: &Reporter) {
    let (subject, with) = (&line.subject.value, &line.with.value);
    let Some(service) = system.service(subject) else { return };
    if service.rings.iter().any(|ring| ring.with.value == *with) || !system.is_whole(subject) {
        return;
    }
    let message =
        format!("`{}` allows a ring that {subject} does not ask for: with {with}", line.id.value);
    let fix = format!(
        "remove the line, or ask in services/{subject}.toml:\n{}",
        Ring::toml(with, line.pages.value)
    );
    reporter.add(Diagnostic::at(Kind::NothingRequests, &line.id.span, message, fix));
}

/// The consumer calls the driver. That there is one which serves, and that it is not the consumer itself,
/// is said where calls are looked at. True when it does.
fn check_call(system: &System, service: &Service, ring: &Ring, reporter: &Reporter) -> bool {
    let (subject, with) = (&service.name.value, &ring.with.value);
    if service.talks_to.iter().any(|callee| callee.value == *with) {
        return system.service(with).is_some();
    }
    if !system.is_whole(subject) {
        return false;
    }
    let known = system.service(with).is_some() || system.may_have_service(with);
    let (kind, message, fix) = if !known {
        let fix = suggest::instead(&ring.with, "services", &system.service_names());
        (Kind::UnknownService, format!("there is no service `{with}`"), fix)
    } else if subject == with {
        let message = format!("{subject} asks for a ring with itself");
        (Kind::RingWithoutCall, message, String::from("remove it: it has memory of its own"))
    } else {
        let message = format!("{subject} asks for a ring with {with}, and does not call it");
        let fix = format!("add \"{with}\" to `talks-to`: it attaches to the ring by a call");
        (Kind::RingWithoutCall, message, fix)
    };
    reporter.add(Diagnostic::at(kind, &ring.with.span, message, fix));
    false
}

fn check_twice(service: &Service, index: usize, ring: &Ring, reporter: &Reporter) {
    let mut before = service.rings.iter().take(index);
    if let Some(first) = before.find(|other| other.with.value == ring.with.value) {
        let message =
            format!("{} asks for a ring with {} twice", service.name.value, ring.with.value);
        let diagnostic =
            Diagnostic::at(Kind::DuplicateEntry, &ring.with.span, message, "remove one of them");
        reporter.add(diagnostic.see(&first.with.span, "the first time"));
    }
}

/// Some line allows it, with as many pages.
fn check_allowed(system: &System, service: &Service, ring: &Ring, reporter: &Reporter) {
    let (subject, with) = (&service.name.value, &ring.with.value);
    let mut lines = system.policy.shares.iter();
    let line = lines.find(|line| line.subject.value == *subject && line.with.value == *with);
    let (asked, shown) = (ring.pages.value, &system.policy.shown);
    let Some(line) = line else {
        if system.may_allow(subject, with) {
            return;
        }
        let message =
            format!("{subject} asks for a ring with {with}, and no line of the policy allows it");
        let fix = format!(
            "if it may, add to {shown}, and say why:\n\
             [[ring]]\n\
             id = \"ring-{subject}-{with}\"\n\
             subject = \"{subject}\"\n\
             with = \"{with}\"\n\
             pages = {asked}\n\
             reason = \"…\""
        );
        reporter.add(Diagnostic::at(Kind::NotAllowed, &ring.with.span, message, fix));
        return;
    };
    let allowed = line.pages.value;
    if asked > allowed {
        let message = format!(
            "{subject} asks for a ring of {asked} pages, and `{}` allows {allowed}",
            line.id.value
        );
        let fix = format!("ask for {allowed}, or change the line");
        let diagnostic = Diagnostic::at(Kind::NotAllowed, &ring.pages.span, message, fix);
        reporter.add(diagnostic.see(&line.pages.span, "what it allows"));
    } else if asked < allowed {
        let message = format!(
            "`{}` allows a ring of {allowed} pages, and {subject} asks for {asked}",
            line.id.value
        );
        let fix = format!("write `pages = {asked}`");
        let diagnostic = Diagnostic::at(Kind::AllowsMore, &line.pages.span, message, fix);
        reporter.add(diagnostic.see(&ring.pages.span, "what it asks for"));
    }
}

/// No owner of a device has two consumers: who has the data of the disk, and who has the frames, is one.
fn check_consumers(system: &System, reporter: &Reporter) {
    let all = || {
        let services = system.services.iter();
        services.flat_map(|service| service.rings.iter().map(move |ring| (service, ring)))
    };
    let owns = |ring: &Ring| system.service(&ring.with).is_some_and(|one| !one.needs.is_empty());
    for (index, (service, ring)) in all().enumerate().filter(|(_, (_, ring))| owns(ring)) {
        let other = all().take(index).find(|(other, one)| {
            one.with.value == ring.with.value && other.name.value != service.name.value
        });
        let Some((consumer, first)) = other else { continue };
        let (with, has) = (&ring.with.value, &consumer.name.value);
        let message = format!(
            "{with} would have two consumers: {} asks for a ring with it, and so does {has}",
            service.name.value
        );
        let fix = format!(
            "leave it to one of them, and let the other one call that one: `talks-to = [\"{has}\"]`"
        );
        let diagnostic = Diagnostic::at(Kind::TwoConsumers, &ring.with.span, message, fix);
        reporter.add(diagnostic.see(&first.with.span, format!("what {has} asks for")));
    }
}
