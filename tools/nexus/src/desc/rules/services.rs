//! Services: each has a program, and each device has one owner.

use super::{lines, queues};
use crate::desc::budget;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Budget, Need, Service, System, rights_text};
use crate::desc::programs;
use crate::desc::report::Reporter;
use crate::desc::suggest;
use nexus_abi::Rights;
use nexus_proto::ids;
use nexus_sysdesc::bounds::{MAX_HANDLES, WINDOW_RIGHTS, ring_handles};

pub(super) fn check(system: &System, reporter: &Reporter) {
    check_init(system, reporter);
    check_authorities(system, reporter);
    for service in &system.services {
        programs::check(service, reporter);
        check_handles(system, service, reporter);
        check_budget(system, service, reporter);
        for (index, need) in service.needs.iter().enumerate() {
            check_need(system, service, index, need, reporter);
        }
    }
    check_owners(system, reporter);
}

/// Whatever its program is, a service can start.
fn check_budget(system: &System, service: &Service, reporter: &Reporter) {
    let Some(Budget { span, frames, .. }) = &service.budget else { return };
    let name = &service.name.value;
    let refusal = budget::refusal(name, span, *frames, service.stack_pages, None);
    if let Some(refusal) = refusal.filter(|_| system.is_whole(name)) {
        reporter.add(refusal);
    }
}

/// The kernel starts one service, which asks for nothing that it has already.
fn check_init(system: &System, reporter: &Reporter) {
    let mut started = system.services.iter().filter(|service| service.by_kernel);
    let Some(init) = started.next() else {
        if system.unread.base || !system.unread.services.is_empty() {
            return;
        }
        let message = "no service is started by the kernel";
        let fix = "write `started-by = \"kernel\"` in the file of init, instead of its budget";
        reporter.add(Diagnostic::at(Kind::OneInit, &system.name.span, message, fix));
        return;
    };
    for other in started {
        let message =
            format!("{} is started by the kernel, and so is {}", other.name.value, init.name.value);
        let fix = "remove `started-by` from one of them: init starts all others";
        let diagnostic = Diagnostic::at(Kind::OneInit, &other.name.span, message, fix);
        reporter.add(diagnostic.see(&init.name.span, "the other one"));
    }
    if init.id.value != ids::INIT && system.is_whole(&init.name) {
        let message = format!(
            "{} has id {}, and all others look for init under id {}",
            init.name.value,
            init.id.value,
            ids::INIT
        );
        let fix = format!("write `id = {}`", ids::INIT);
        reporter.add(Diagnostic::at(Kind::OneInit, &init.id.span, message, fix));
    }
    if let Some(budget) = &init.budget {
        let message = format!("{} has what the machine has, not a budget", init.name.value);
        reporter.add(Diagnostic::at(Kind::InitAsks, &budget.span, message, "remove `budget`"));
    }
    if let Some(need) = init.needs.first() {
        let message = format!("{} gives devices out, and holds none itself", init.name.value);
        let fix = format!("let another service own {}", need.device.value);
        reporter.add(Diagnostic::at(Kind::InitAsks, &need.span, message, fix));
    }
}

/// Somebody calls it; that it is not there is said where it is called.
fn is_called(system: &System, name: &str) -> bool {
    system.services.iter().any(|one| one.talks_to.iter().any(|callee| callee.value == name))
}

/// Init finds who decides and who records by their ids, and asks both.
fn check_authorities(system: &System, reporter: &Reporter) {
    if system.unread.base || !system.unread.services.is_empty() {
        return;
    }
    for (name, id) in ids::AUTHORITIES {
        let here = system.services.iter().find(|service| service.id.value == id);
        let named = system.service(name);
        match (here, named) {
            (Some(service), _) if service.serves => {}
            (Some(service), _) => {
                let who = &service.name.value;
                let message = format!("init asks {who}, which has id {id} and no endpoint");
                let fix = format!("write `serves = true` in services/{who}.toml");
                reporter.add(Diagnostic::at(Kind::FixedId, &service.id.span, message, fix));
            }
            (None, Some(named)) => {
                let message = format!(
                    "{name} has id {}, and all others look for it under id {id}",
                    named.id.value
                );
                let fix = format!("write `id = {id}`");
                reporter.add(Diagnostic::at(Kind::FixedId, &named.id.span, message, fix));
            }
            (None, None) if !is_called(system, name) => {
                let message =
                    format!("no service has id {id}: without {name} no device is given to anybody");
                let fix = format!("add services/{name}.toml, with `id = {id}` and `serves = true`");
                reporter.add(Diagnostic::at(Kind::FixedId, &system.name.span, message, fix));
            }
            (None, None) => {}
        }
    }
}

fn check_handles(system: &System, service: &Service, reporter: &Reporter) {
    let consumers = system.services.iter().flat_map(|one| &one.rings);
    let serves = consumers.filter(|ring| ring.with.value == service.name.value).count();
    let rings = ring_handles(service.rings.len() + serves);
    let count = service.needs.len() + service.talks_to.len() + rings;
    if count > MAX_HANDLES {
        let message = format!(
            "{} has {count} devices, services to call and parts of rings, more than it can be told of",
            service.name.value
        );
        let fix = format!("leave at most {MAX_HANDLES}");
        reporter.add(Diagnostic::at(Kind::TooMany, &service.name.span, message, fix));
    }
}

fn check_need(system: &System, service: &Service, index: usize, need: &Need, reporter: &Reporter) {
    let device = &need.device;
    if system.board.device(device).is_none() && !system.may_have_device(device) {
        let message = format!("the board has no device `{}`", device.value);
        let fix = suggest::instead(device, "devices", &system.board.device_names());
        reporter.add(Diagnostic::at(Kind::UnknownDevice, &device.span, message, fix));
    }
    let first = service.needs.iter().take(index).find(|other| other.device.value == device.value);
    if let Some(first) = first {
        let message = format!("`{}` stands twice in `needs`", device.value);
        let diagnostic =
            Diagnostic::at(Kind::DuplicateEntry, &device.span, message, "remove one of them");
        reporter.add(diagnostic.see(&first.device.span, "the first time"));
    }
    check_rights(need, reporter);
    lines::check_need(system, &service.name, need, reporter);
    queues::check_need(system, &service.name, need, reporter);
}

/// MAP and READ, with or without WRITE, and nothing else.
fn check_rights(need: &Need, reporter: &Reporter) {
    let rights = need.rights.value;
    let beyond = rights.difference(WINDOW_RIGHTS);
    let missing = (Rights::MAP | Rights::READ).difference(rights);
    let message = if !beyond.is_empty() {
        format!("no window of a device can ever have {}", rights_text(beyond))
    } else if !missing.is_empty() {
        format!("without {} nobody can use a window", rights_text(missing))
    } else {
        return check_mask(need, reporter);
    };
    let fix = "write `rights = [\"map\", \"read\"]`, or with \"write\" as well";
    reporter.add(Diagnostic::at(Kind::WindowRights, &need.rights.span, message, fix));
}

/// With `registers`, WRITE is for those alone: some of them need it, and none exclude it.
fn check_mask(need: &Need, reporter: &Reporter) {
    let Some(registers) = &need.registers else { return };
    let (span, message, fix) = match (need.rights.contains(Rights::WRITE), registers.value) {
        (true, 0) => (
            &need.rights.span,
            "the right to write, and no register that could be written",
            "remove \"write\" from `rights`, or name the registers",
        ),
        (false, 1..) => (
            &registers.span,
            "registers to write, without the right to",
            "add \"write\" to `rights`, or write `registers = []`",
        ),
        (true, 1..) | (false, 0) => return,
    };
    reporter.add(Diagnostic::at(Kind::WindowRights, span, message.to_owned(), fix));
}

/// No device is asked for twice.
fn check_owners(system: &System, reporter: &Reporter) {
    let all = || {
        let services = system.services.iter();
        services.flat_map(|service| service.needs.iter().map(move |need| (service, need)))
    };
    for (index, (service, need)) in all().enumerate() {
        let other = all().take(index).find(|(other, one)| {
            one.device.value == need.device.value && other.name.value != service.name.value
        });
        let Some((owner, first)) = other else { continue };
        let both_lines = need.irq.is_some() && first.irq.is_some();
        let message = format!(
            "{}{} would have two owners: {} asks for it, and so does {}",
            need.device.value,
            if both_lines { " with its interrupt line" } else { "" },
            service.name.value,
            owner.name.value
        );
        let fix = format!(
            "leave it to one of them, and let the other one call it: `talks-to = [\"{}\"]`",
            owner.name.value
        );
        let diagnostic = Diagnostic::at(Kind::TwoOwners, &need.device.span, message, fix);
        reporter.add(diagnostic.see(&first.device.span, format!("here {} does", owner.name.value)));
    }
}
