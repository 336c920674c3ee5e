//! Proofs: of services that are there, where somebody looks at them, and no more than fit.

use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{ProfileFile, System};
use crate::desc::report::Reporter;
use crate::desc::suggest;
use nexus_sysdesc::{Profile, bounds::MAX_PROOFS};

pub(super) fn check(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    check_profile(system, profile, reporter);
    check_counts(system, profile, reporter);
}

fn check_profile(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    for (name, _) in &profile.must_prove {
        if system.service(name).is_none() && !system.may_have_service(name) {
            let message = format!("there is no service `{}`", name.value);
            let fix = suggest::instead(name, "services", &system.service_names());
            reporter.add(Diagnostic::at(Kind::UnknownService, &name.span, message, fix));
        } else if profile.leaves_out(name) {
            let message = format!("{} must prove something, and is left out", name.value);
            let fix = "remove it here, or from `without`";
            reporter.add(Diagnostic::at(Kind::LeftOut, &name.span, message, fix));
        }
        if profile.kind.value == Profile::Prod {
            let message = "a prod profile proves nothing: its services carry no proofs";
            let fix = "move this to a profile with `kind = \"test\"`";
            reporter.add(Diagnostic::at(Kind::ProofsInProd, &name.span, message, fix));
        }
    }
}

/// A service and the profile together ask for no more than an image holds.
fn check_counts(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    let staying = system.services.iter().filter(|service| !profile.leaves_out(&service.name));
    for service in staying {
        let (name, count) = (&service.name.value, service.proofs_in(profile).len());
        if count <= MAX_PROOFS {
            continue;
        }
        let added = profile.must_prove.iter().find(|(who, _)| who.value == *name);
        let place = added.map_or(&service.name, |(who, _)| who);
        let message =
            format!("{name} must give {count} proofs, more than an image can hold of one");
        let fix = format!("leave at most {MAX_PROOFS}");
        let mut diagnostic = Diagnostic::at(Kind::TooMany, &place.span, message, fix);
        if added.is_some() {
            diagnostic = diagnostic.see(&service.name.span, "its own are counted, too");
        }
        reporter.add(diagnostic);
    }
}
