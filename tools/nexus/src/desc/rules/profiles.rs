//! Profiles: what is left is a whole system.

use super::{proofs, queues, restart};
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{ProfileFile, Service, System};
use crate::desc::report::Reporter;
use crate::desc::source::{At, Span};
use crate::desc::suggest;
use nexus_proto::ids;
use nexus_sysdesc::{Permission, Profile};

/// Frames of 4 KiB in a mebibyte.
const FRAMES_PER_MIB: u64 = 256;

pub(super) fn check(system: &System, reporter: &Reporter) {
    if system.profiles.is_empty() && !system.unread.base {
        let message = "the system has no profile";
        let fix = "create profiles/prod.toml with `kind = \"prod\"`";
        reporter.add(Diagnostic::at(Kind::MissingFile, &system.name.span, message, fix));
    }
    for profile in &system.profiles {
        check_names(system, profile, reporter);
        check_calls(system, profile, reporter);
        check_devices(system, profile, reporter);
        check_state(system, profile, reporter);
        proofs::check(system, profile, reporter);
        check_watch(system, profile, reporter);
        check_reports(system, profile, reporter);
        restart::check_profile(profile, reporter);
        if queues::check_share(system, profile, reporter) {
            check_memory(system, profile, reporter);
        }
    }
}

fn check_names(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    for name in &profile.without {
        match system.service(name) {
            Some(service) if is_needed(system, profile, service) => {
                let message = format!("no system can do without {}", name.value);
                let fix = "remove it from `without`";
                reporter.add(Diagnostic::at(Kind::LeftOut, &name.span, message, fix));
            }
            None if !system.was_removed(name) && !system.may_have_service(name) => {
                let message = format!("there is no service `{}`", name.value);
                let fix = suggest::instead(name, "services", &system.service_names());
                reporter.add(Diagnostic::at(Kind::UnknownService, &name.span, message, fix));
            }
            _ => {}
        }
    }
    for name in &profile.without_devices {
        if system.board.device(name).is_none() && !system.may_have_device(name) {
            let message = format!("the board has no device `{}`", name.value);
            let fix = suggest::instead(name, "devices", &system.board.device_names());
            reporter.add(Diagnostic::at(Kind::UnknownDevice, &name.span, message, fix));
        }
    }
}

/// No system can do without init, who decides, and who records. Of one that somebody calls who stays, it
/// is said where calls are looked at.
fn is_needed(system: &System, profile: &ProfileFile, service: &Service) -> bool {
    let calls =
        |other: &Service| other.talks_to.iter().any(|callee| callee.value == service.name.value);
    let mut others = system.services.iter().filter(|other| !profile.leaves_out(&other.name));
    let authority = ids::AUTHORITIES.iter().any(|(_, id)| *id == service.id.value);
    service.by_kernel || authority && !others.any(calls)
}

/// Nobody who stays calls somebody who is left out.
fn check_calls(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    for left_out in &profile.without {
        let users = users(system, profile, |service| {
            let call = service.talks_to.iter().find(|callee| callee.value == left_out.value)?;
            Some(&call.span)
        });
        report_users(profile, left_out, &users, ["calls", "call"], reporter);
    }
}

/// Nobody who stays needs a device that is left out.
fn check_devices(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    for left_out in &profile.without_devices {
        let users = users(system, profile, |service| {
            let need = service.needs.iter().find(|need| need.device.value == left_out.value)?;
            Some(&need.span)
        });
        report_users(profile, left_out, &users, ["needs", "need"], reporter);
    }
}

/// Nobody who stays opens the state of somebody who is left out.
fn check_state(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    for left_out in &profile.without {
        let users = users(system, profile, |service| {
            // That it calls it, is said.
            let calls = service.talks_to.iter().any(|callee| callee.value == left_out.value);
            let trees = service.opens.iter().map(|open| &open.keys.tree);
            let tree = trees.filter(|_| !calls).find(|tree| tree.value == left_out.value)?;
            Some(&tree.span)
        });
        report_users(profile, left_out, &users, ["opens state of", "open state of"], reporter);
    }
}

/// The services that stay and use something, and where they say so.
fn users<'a>(
    system: &'a System,
    profile: &ProfileFile,
    used: impl Fn(&'a Service) -> Option<&'a Span>,
) -> Vec<(&'a Service, &'a Span)> {
    let staying = system.services.iter().filter(|service| !profile.leaves_out(&service.name));
    staying.filter_map(|service| Some((service, used(service)?))).collect()
}

/// Reports that something is left out that `users` need; `verb` says what they do, of one and of more.
/// No system can do without init.
fn report_users(
    profile: &ProfileFile,
    left_out: &At<String>,
    users: &[(&Service, &Span)],
    verb: [&str; 2],
    reporter: &Reporter,
) {
    let (profile, what) = (&profile.name.value, &left_out.value);
    let names: Vec<&str> = users.iter().map(|(service, _)| service.name.value.as_str()).collect();
    let (names, verb) = match names.as_slice() {
        [] => return,
        [one] => ((*one).to_owned(), verb[0]),
        [most @ .., last] => (format!("{} and {last}", most.join(", ")), verb[1]),
    };
    let message = format!("profile {profile} leaves out {what}, and {names} {verb} it");
    let init = users.iter().find(|(service, _)| service.by_kernel);
    let fix = match init {
        Some((init, _)) => {
            format!("keep {what}: no system can do without {}", init.name.value)
        }
        None => format!("leave out {names} as well, or keep {what}"),
    };
    let mut diagnostic = Diagnostic::at(Kind::LeftOut, &left_out.span, message, fix);
    for (service, span) in users {
        diagnostic = diagnostic.see(span, format!("here {} does", service.name.value));
    }
    reporter.add(diagnostic);
}

/// Who is watched is there, and no system in use has a checker or counts instructions.
fn check_watch(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    if let Some(span) = profile.count.as_ref().filter(|_| profile.kind.value == Profile::Prod) {
        let message = "a prod profile counts nothing: its kernel keeps `instret` closed";
        let fix = "move this to a profile with `kind = \"test\"`";
        reporter.add(Diagnostic::at(Kind::WatchInProd, span, message, fix));
    }
    for name in &profile.watch {
        let known = system.service(name).is_some() || system.was_removed(name);
        let (kind, message, fix) = if profile.kind.value == Profile::Prod {
            let message = "a prod profile watches nobody: its kernel has no checker".to_owned();
            let fix = "move this to a profile with `kind = \"test\"`".to_owned();
            (Kind::WatchInProd, message, fix)
        } else if !known && !system.may_have_service(name) {
            let fix = suggest::instead(name, "services", &system.service_names());
            (Kind::UnknownService, format!("there is no service `{}`", name.value), fix)
        } else {
            continue;
        };
        reporter.add(Diagnostic::at(kind, &name.span, message, fix));
    }
}

/// Nobody in a system for use prints what a host would take for a record.
fn check_reports(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    if profile.kind.value != Profile::Prod {
        return;
    }
    let staying = system.services.iter().filter(|service| !profile.leaves_out(&service.name));
    for service in staying {
        let Some(asked) = service.asks.iter().find(|asked| asked.value == Permission::Report)
        else {
            continue;
        };
        let message = format!(
            "{} may report to the host, and profile {} is for use",
            service.name.value, profile.name.value
        );
        let fix =
            format!("leave out {} in profiles/{}.toml", service.name.value, profile.name.value);
        let diagnostic = Diagnostic::at(Kind::ReportInProd, &asked.span, message, fix);
        reporter.add(diagnostic.see(&profile.kind.span, "the profile"));
    }
}

/// The budgets leave a quarter of the memory to firmware, kernel, image and init.
fn check_memory(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    let staying = system.services.iter().filter(|service| !profile.leaves_out(&service.name));
    let budgets = staying.clone().filter_map(|service| service.budget.as_ref());
    let frames: u64 = budgets.map(|budget| u64::from(budget.frames)).sum();
    let rings = staying.flat_map(|service| &service.rings);
    let rings: u64 = rings.map(|ring| u64::from(ring.pages.value)).sum();
    let devices = queues::frames(system, profile) + rings;
    let Some(memory) = system.board.qemu.as_ref().map(|qemu| &qemu.memory_mib) else { return };
    let most = u64::from(memory.value) * FRAMES_PER_MIB / 4 * 3;
    if frames + devices > most {
        let message = format!(
            "in profile {} the budgets come to {frames} frames of 4 KiB, and the memory of devices and \
             rings to {devices}; {} MiB of memory leave {most} for them",
            profile.name.value, memory.value
        );
        let needed = ((frames + devices) * 4).div_ceil(3).div_ceil(FRAMES_PER_MIB);
        let fix = format!("lower the budgets, or give the board `memory = \"{needed}M\"`");
        reporter.add(Diagnostic::at(Kind::Overcommitted, &memory.span, message, fix));
    }
}
