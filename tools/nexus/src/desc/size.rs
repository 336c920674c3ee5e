//! A compiled description fits into an image.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::model::{ProfileFile, Service, System};
use super::report::Reporter;
use super::source::Span;
use nexus_sysdesc::{Description, MAX_LEN};

/// Refuses one that is too long, at what takes most of it.
pub(super) fn check(
    system: &System,
    profile: &ProfileFile,
    description: &Description,
    reporter: &Reporter,
) {
    // What is compiled is valid: only its length can be refused.
    if description.encode().is_ok() {
        return;
    }
    let proofs = system.services.iter().map(|service| proofs_of(service, profile));
    let Some(largest) = proofs.chain(reasons(system)).max_by_key(|part| part.bytes) else { return };
    let message = format!(
        "in profile {} the description is longer than {MAX_LEN} bytes; {}, {} bytes of text, are \
         its largest part",
        profile.name.value, largest.what, largest.bytes
    );
    reporter.add(Diagnostic::at(Kind::TooMany, largest.place, message, largest.fix));
}

/// A part of a description.
struct Part<'a> {
    place: &'a Span,
    what: String,
    bytes: usize,
    fix: &'static str,
}

fn proofs_of<'a>(service: &'a Service, profile: &ProfileFile) -> Part<'a> {
    let gone = profile.leaves_out(&service.name);
    let bytes = service.proofs_in(profile).keys().map(|name| name.len()).sum();
    Part {
        place: &service.name.span,
        what: format!("the proofs of {}", service.name.value),
        bytes: if gone { 0 } else { bytes },
        fix: "name fewer proofs, or give them shorter names",
    }
}

fn reasons(system: &System) -> Option<Part<'_>> {
    let policy = &system.policy;
    let allows = policy.allows.iter().map(|line| (&line.span, line.reason.len()));
    let permits = policy.permits.iter().map(|line| (&line.span, line.reason.len()));
    let shares = policy.shares.iter().map(|line| (&line.span, line.reason.len()));
    let states = policy.states.iter().map(|line| (&line.span, line.reason.len()));
    let nets = policy.nets.iter().map(|line| (&line.span, line.reason.len()));
    let all = allows.chain(permits).chain(shares).chain(states).chain(nets);
    let (place, _) = all.clone().next()?;
    Some(Part {
        place,
        what: "the reasons of the policy".to_owned(),
        bytes: all.map(|(_, bytes)| bytes).sum(),
        fix: "write shorter reasons, or fewer lines",
    })
}
