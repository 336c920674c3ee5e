//! The network: there is one, who has to do with it can ask for it, and what is done is let, exactly.

use super::policy::check_subject;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Service, System};
use crate::desc::net::{AllowNet, Terms, list_toml, networks_beside, ports_beside};
use crate::desc::report::Reporter;
use crate::desc::source::At;
use nexus_proto::ids;
use nexus_sysdesc::bounds::MAX_REACHES;

/// What a service could have, for advice.
const SOCKETS: &str = "sockets = { count = 8, bytes = 1048576 }";

pub(super) fn check(system: &System, reporter: &Reporter) {
    for service in &system.services {
        check_network(system, service, reporter);
        check_sockets(system, service, reporter);
        check_ring(system, service, reporter);
        check_count(service, reporter);
        for (index, asked) in service.reaches.iter().enumerate() {
            check_twice(service, index, asked, reporter);
            check_allowed(system, service, index, asked, reporter);
        }
    }
    for (index, line) in system.policy.nets.iter().enumerate() {
        if check_subject(system, &line.id, &line.subject, reporter) {
            check_repeated(system, index, line, reporter);
            check_use(system, index, line, reporter);
        }
    }
}

/// The board has a network.
fn check_network(system: &System, service: &Service, reporter: &Reporter) {
    let unread = &system.unread;
    let known = !(unread.base || unread.board || unread.network);
    let Some(sockets) = service.sockets.as_ref().filter(|_| known) else { return };
    if system.board.network.is_some() {
        return;
    }
    let message = format!("{} may have sockets, and the board has no network", service.name.value);
    let fix = "remove it, or say in the file of the board how its network is:\n\
               [network]\n\
               address = \"dhcp\"";
    reporter.add(Diagnostic::at(Kind::NoNetwork, &sockets.span, message, fix));
}

/// Who has to do with the network may have sockets.
fn check_sockets(system: &System, service: &Service, reporter: &Reporter) {
    let name = &service.name.value;
    let Some(first) = service.reaches.first().filter(|_| system.is_whole(name)) else { return };
    if service.sockets.is_none() {
        let message = format!("{}, and may have no sockets", first.told(name));
        let fix = format!("say how many it may have, and how many bytes for them:\n{SOCKETS}");
        let kind = Kind::ReachesWithoutSockets;
        reporter.add(Diagnostic::at(kind, &first.span, message, fix));
    }
}

/// Sockets are asked for by a ring with who gives them.
fn check_ring(system: &System, service: &Service, reporter: &Reporter) {
    let mut services = system.services.iter();
    let Some(stack) = services.find(|one| one.id.value == ids::NETSTACKD) else { return };
    let (name, with) = (&service.name.value, &stack.name.value);
    let Some(sockets) = &service.sockets else { return };
    let has_ring = service.rings.iter().any(|ring| ring.with.value == *with);
    if has_ring || !system.is_whole(name) || name == with {
        return;
    }
    let message = format!("{name} has no ring with {with}, and could not ask for any socket");
    let fix = format!(
        "add \"{with}\" to `talks-to`, and ask for a ring:\nrings = [{{ with = \"{with}\", pages = 17 }}]"
    );
    reporter.add(Diagnostic::at(Kind::SocketsWithoutRing, &sockets.span, message, fix));
}

fn check_count(service: &Service, reporter: &Reporter) {
    let count = service.reaches.len();
    if let Some(extra) = service.reaches.get(MAX_REACHES) {
        let message = format!("{} has {count} entries in `reaches`", service.name.value);
        let fix = format!("leave at most {MAX_REACHES}: one entry has many ports and addresses");
        reporter.add(Diagnostic::at(Kind::TooMany, &extra.span, message, fix));
    }
}

fn check_twice(service: &Service, index: usize, asked: &Terms, reporter: &Reporter) {
    let mut before = service.reaches.iter().take(index);
    if let Some(first) = before.find(|other| other.are(asked)) {
        let message = format!("{} twice", asked.told(&service.name.value));
        let fix = "remove one of them";
        let diagnostic = Diagnostic::at(Kind::DuplicateEntry, &asked.span, message, fix);
        reporter.add(diagnostic.see(&first.span, "the first time"));
    }
}

fn check_repeated(system: &System, index: usize, line: &AllowNet, reporter: &Reporter) {
    let mut before = system.policy.nets.iter().take(index);
    let same = |other: &&AllowNet| {
        other.subject.value == line.subject.value && other.terms.are(&line.terms)
    };
    if let Some(first) = before.find(same) {
        let message = format!(
            "there is another line that lets the same to {}: `{}`",
            line.subject.value, first.id.value
        );
        let diagnostic =
            Diagnostic::at(Kind::DuplicateRule, &line.id.span, message, "keep one of them");
        reporter.add(diagnostic.see(&first.id.span, "the other one"));
    }
}

/// The requests of a service that no line lets exactly, like `terms`.
fn unmatched<'a>(
    system: &'a System,
    service: &'a Service,
    terms: &'a Terms,
) -> impl Iterator<Item = (usize, &'a Terms)> {
    let lines = || system.policy.nets.iter().filter(|line| line.subject.value == *service.name);
    let all = service.reaches.iter().enumerate();
    all.filter(move |(_, asked)| asked.is_like(terms) && !lines().any(|line| line.terms.are(asked)))
}

/// The lines about a service that it does not ask for exactly, like `terms`.
fn unused<'a>(
    system: &'a System,
    service: &'a Service,
    terms: &'a Terms,
) -> impl Iterator<Item = (usize, &'a AllowNet)> {
    system.policy.nets.iter().enumerate().filter(move |(_, line)| {
        line.subject.value == *service.name
            && line.terms.is_like(terms)
            && !service.reaches.iter().any(|asked| asked.are(&line.terms))
    })
}

/// Some line lets it, and exactly that. A line of the same protocol and direction that nothing else asks for is taken
/// for the one that was meant.
fn check_allowed(
    system: &System,
    service: &Service,
    index: usize,
    asked: &Terms,
    reporter: &Reporter,
) {
    let mut others = unmatched(system, service, asked);
    let Some(place) = others.position(|(other, _)| other == index) else { return };
    let subject = &service.name.value;
    if let Some((_, line)) = unused(system, service, asked).nth(place) {
        compare(subject, asked, line, reporter);
        return;
    }
    if system.may_allow(subject, asked.protocol.name()) {
        return;
    }
    let message = format!("{}, and no line of the policy lets it", asked.told(subject));
    let fix = format!(
        "if it may, add to {}, and say why:\n\
         [[allow-net]]\n\
         id = \"net-{subject}-{}-{}\"\n\
         subject = \"{subject}\"\n\
         {}\n\
         reason = \"…\"",
        system.policy.shown,
        asked.protocol.name(),
        asked.direction.name(),
        asked.toml("\n")
    );
    reporter.add(Diagnostic::at(Kind::NotAllowed, &asked.span, message, fix));
}

/// Reports where a request and the line about it differ, in their ports and in their addresses.
fn compare(subject: &str, asked: &Terms, line: &AllowNet, reporter: &Reporter) {
    let pair = Pair { subject, line: &line.id.value, reporter };
    pair.compare("ports", ports_beside, &asked.ports, &line.terms.ports);
    pair.compare("addresses", networks_beside, &asked.addresses, &line.terms.addresses);
}

/// A service that asks, and the line about it.
struct Pair<'a> {
    subject: &'a str,
    line: &'a str,
    reporter: &'a Reporter,
}

impl Pair<'_> {
    /// Of the lists under `key`: what is asked for is let, and what is let is asked for. `beside` tells what of one is
    /// not in the other.
    fn compare<T: ToString>(
        &self,
        key: &str,
        beside: fn(&[T], &[T]) -> Vec<T>,
        wanted: &At<Vec<T>>,
        allowed: &At<Vec<T>>,
    ) {
        let Pair { subject, line, .. } = self;
        let shown = |one: &T| format!("`{}` of `{key}`", one.to_string());
        if let Some(first) = beside(&wanted.value, &allowed.value).first() {
            let message =
                format!("{subject} asks for {}, which `{line}` does not let", shown(first));
            let fix = format!("write `{}`, or change the line", list_toml(key, &allowed.value));
            let diagnostic = Diagnostic::at(Kind::NotAllowed, &wanted.span, message, fix);
            self.reporter.add(diagnostic.see(&allowed.span, "what it lets"));
        } else if let Some(first) = beside(&allowed.value, &wanted.value).first() {
            let message =
                format!("`{line}` lets {}, which {subject} does not ask for", shown(first));
            let fix = format!("write `{}`", list_toml(key, &wanted.value));
            let diagnostic = Diagnostic::at(Kind::AllowsMore, &allowed.span, message, fix);
            self.reporter.add(diagnostic.see(&wanted.span, "what it asks for"));
        }
    }
}

/// Somebody asks for it. What is like it, [`check_allowed`] compares.
fn check_use(system: &System, index: usize, line: &AllowNet, reporter: &Reporter) {
    let subject = &line.subject.value;
    let Some(service) = system.service(subject).filter(|_| system.is_whole(subject)) else {
        return;
    };
    let mut others = unused(system, service, &line.terms);
    let Some(place) = others.position(|(other, _)| other == index) else { return };
    if unmatched(system, service, &line.terms).nth(place).is_some() {
        return;
    }
    let message = format!("`{}` lets what {subject} does not ask for", line.id.value);
    let fix = format!(
        "remove the line, or ask in services/{subject}.toml:\nreaches = [{{ {} }}]",
        line.terms.toml(", ")
    );
    reporter.add(Diagnostic::at(Kind::NothingRequests, &line.id.span, message, fix));
}
