//! Who is started again, and who must answer in time.

use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{ProfileFile, Service, System};
use crate::desc::report::Reporter;
use nexus_proto::ids;
use nexus_sysdesc::{Profile, Restart, bounds};

/// The description is checked against the same id.
const _: () = assert!(ids::BUSD == bounds::BUSD);

/// Init and who sets devices up stay ended; who must answer in time can be asked, and replaced.
pub(super) fn check(system: &System, reporter: &Reporter) {
    for service in &system.services {
        check_once(service, reporter);
        if system.is_whole(&service.name) {
            check_answers(service, reporter);
        }
    }
}

fn check_once(service: &Service, reporter: &Reporter) {
    let name = &service.name.value;
    let why = match service.id.value {
        _ if service.restart.value == Restart::Never => return,
        _ if service.by_kernel => "it is the one that starts the others",
        ids::BUSD => "what it knows of the devices that it has set up ends with it",
        _ => return,
    };
    let message = format!("{name} cannot be started again: {why}");
    let fix = "write `restart = \"never\"`, or remove it";
    reporter.add(Diagnostic::at(Kind::NotAgain, &service.restart.span, message, fix));
}

fn check_answers(service: &Service, reporter: &Reporter) {
    let Some(within) = &service.answers_within else { return };
    let name = &service.name.value;
    let (message, fix) = if !service.serves {
        let message = format!("{name} has no endpoint, and nothing to answer there");
        (message, "write `serves = true`, or remove `answers-within`")
    } else if service.restart.value == Restart::Never {
        let message = format!("{name} would be ended when it is late, and is not started again");
        (message, "write `restart = \"on-failure\"`, or remove `answers-within`")
    } else {
        return;
    };
    reporter.add(Diagnostic::at(Kind::NothingToAnswer, &within.span, message, fix));
}

/// A system in use gives up a service that dies again and again.
pub(super) fn check_profile(profile: &ProfileFile, reporter: &Reporter) {
    let unlimited = profile.unlimited_restarts.as_ref();
    if let Some(span) = unlimited.filter(|_| profile.kind.value == Profile::Prod) {
        let message = "in a prod profile a service that dies again and again is given up";
        let fix = "move this to a profile with `kind = \"test\"`";
        reporter.add(Diagnostic::at(Kind::UnlimitedInProd, span, message, fix));
    }
}
