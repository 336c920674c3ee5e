//! The system of tests: a directory like that of any system, which is laid over the one that is
//! judged. What is judged is what ships, and the tests beside it.
//!
//! Ids and names of a reserved range tell the two apart ([`reserved`]): no system may use them, and
//! the tests use no others. So the audit of what is judged, less these rows, is that of what ships.

use super::diagnostic::Diagnostic;
use super::files::{open, read_board};
use super::kind::Kind;
use super::layers::{Layer, read_layer};
use super::model::{Beside, Device, ProfileFile, Ring, Service, Share, System};
use super::net::{AllowNet, Terms};
use super::report::Reporter;
use super::source::At;
use nexus_proto::ids;
use nexus_sysdesc::Profile;
use std::path::Path;

/// What is for the tests alone.
pub mod reserved {
    use std::ops::RangeInclusive;

    /// Ids of services.
    pub const IDS: RangeInclusive<u32> = 900..=999;

    /// Beginnings of the names of services and devices, and of the ids of policy lines.
    pub const NAMES: [&str; 2] = ["selftest", "hostile-"];

    /// True for a name of the tests.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        NAMES.iter().any(|start| name.starts_with(start))
    }
}

/// The system of tests, read.
#[derive(Debug)]
pub(crate) struct Tests {
    layer: Layer,
    devices: Vec<Device>,
}

/// Reads it.
pub(crate) fn read_tests(reporter: &Reporter, dir: &Path) -> Tests {
    let layer = read_layer(reporter, dir);
    let name = layer.system.board.as_ref().map_or("tests", |board| board.value.as_str());
    let path = dir.join("boards").join(format!("{name}.toml"));
    let source = open(reporter, &path, "what the tests need of a board", "create it");
    let devices = source.map(|source| read_board(reporter, &source, true).devices);
    Tests { layer, devices: devices.unwrap_or_default() }
}

impl Tests {
    /// What is judged of `own`: each of its profiles of kind `test` that does not bring its own
    /// tests, with the tests; where there is none of that name, the profile of the tests.
    pub(crate) fn judged(&self, own: &System) -> Vec<System> {
        let taken = |name: &str| own.profiles.iter().any(|profile| profile.name.value == name);
        let added = self.layer.profiles.iter().filter(|profile| !taken(&profile.name));
        let own_ones = own.profiles.iter().filter(|profile| is_laid_over(profile));
        let own_ones = own_ones.map(|profile| self.added_to(profile));
        own_ones.chain(added.cloned()).map(|profile| self.over(own, profile)).collect()
    }

    /// `profile` with what the tests add to it.
    fn added_to(&self, profile: &ProfileFile) -> ProfileFile {
        let mut both = profile.clone();
        for tests in &self.layer.profiles {
            let name = both.name.clone();
            both.add(ProfileFile { name, kind: both.kind.clone(), ..tests.clone() });
        }
        both
    }

    /// `own` in `profile`, with the tests.
    fn over(&self, own: &System, profile: ProfileFile) -> System {
        let mut both = own.clone();
        both.services
            .extend(self.layer.services.iter().map(|service| beside(service, own, &profile)));
        for device in &self.devices {
            let placed = placed(device, &both, &profile);
            both.board.devices.push(placed);
        }
        if let Some(policy) = &self.layer.policy {
            both.policy.allows.extend(policy.allows.iter().cloned());
            both.policy.permits.extend(policy.permits.iter().cloned());
            let lines = policy.shares.iter().filter(|line| !self.is_left_out(line, &both));
            let lines: Vec<Share> = lines.cloned().collect();
            both.policy.shares.extend(lines);
            both.policy.states.extend(policy.states.iter().cloned());
            let lines = policy.nets.iter().filter(|line| !self.is_not_done(line, &both));
            let lines: Vec<AllowNet> = lines.cloned().collect();
            both.policy.nets.extend(lines);
        }
        both.profiles = vec![profile];
        both
    }

    /// True for a line about a ring that a service of the tests has beside certain others only, and
    /// does not have in `both`.
    fn is_left_out(&self, line: &Share, both: &System) -> bool {
        let same = |ring: &Ring| ring.with.value == line.with.value;
        let mut services = self.layer.services.iter();
        let subject = services.find(|service| service.name.value == line.subject.value);
        let beside = subject.into_iter().flat_map(|service| &service.beside);
        let mut rings = beside.filter_map(|beside| beside.ring.as_ref());
        let has = both.service(&line.subject).is_some_and(|one| one.rings.iter().any(same));
        !has && rings.any(|(ring, _)| same(ring))
    }

    /// True for a line about what a service of the tests does with the network beside certain others only, and does
    /// not do in `both`.
    fn is_not_done(&self, line: &AllowNet, both: &System) -> bool {
        let does = |reaches: &[Terms]| reaches.iter().any(|asked| asked.are(&line.terms));
        let mut services = self.layer.services.iter();
        let subject = services.find(|service| service.name.value == line.subject.value);
        let mut beside = subject.into_iter().flat_map(|service| &service.beside);
        let has = both.service(&line.subject).is_some_and(|one| does(&one.reaches));
        !has && beside.any(|beside| does(&beside.reaches))
    }

    /// Reports what the tests need, and `own` does not have; true when it has everything.
    pub(crate) fn check_over(&self, own: &System, reporter: &Reporter) -> bool {
        let calls = self.layer.services.iter().flat_map(|service| &service.talks_to);
        let mut missing: Vec<&str> = calls.map(|callee| callee.value.as_str()).collect();
        missing.retain(|name| {
            let there = own.service(name).is_some() || own.may_have_service(name);
            !there && !reserved::is_name(name)
        });
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return has_their_ids(own, reporter);
        }
        let message = format!(
            "the tests cannot be laid over this system: they need {}, and it has no such service",
            missing.join(", ")
        );
        let fix = "add it; or bring tests of its own, in profiles/test.toml:\n\
                   kind = \"test\"\n\
                   tests = \"own\"";
        reporter.add(Diagnostic::at(Kind::CannotBeJudged, &own.name.span, message, fix));
        false
    }

    /// Reports what is not of the tests' own range, and removals: nothing of a system is changed.
    pub(crate) fn check(&self, reporter: &Reporter) {
        let names = self.layer.services.iter().map(|one| &one.name);
        let names = names.chain(self.devices.iter().map(|one| &one.name));
        let lines = self.layer.policy.iter().flat_map(|policy| {
            let allows = policy.allows.iter().map(|line| &line.id);
            let permits = policy.permits.iter().map(|line| &line.id);
            let states = policy.states.iter().map(|line| &line.id);
            let nets = policy.nets.iter().map(|line| &line.id);
            let shares = policy.shares.iter().map(|line| &line.id);
            allows.chain(permits).chain(shares).chain(states).chain(nets)
        });
        let wrong = names.chain(lines).filter(|name| !reserved::is_name(name));
        for name in wrong {
            let message = format!("`{}` could be a name of the system that is judged", name.value);
            let fix = format!("let it begin with {}", reserved::NAMES.join(" or "));
            reporter.add(Diagnostic::at(Kind::Reserved, &name.span, message, fix));
        }
        for id in self.layer.services.iter().map(|one| &one.id) {
            if !reserved::IDS.contains(&id.value) {
                let message = format!("id {} could be one of the system that is judged", id.value);
                let fix = format!("take one from {}", ids_text());
                reporter.add(Diagnostic::at(Kind::Reserved, &id.span, message, fix));
            }
        }
        let system = &self.layer.system;
        for removed in system.remove_services.iter().chain(&system.remove_policy) {
            let message = "the tests take nothing away from the system that is judged";
            let fix = "remove [remove]";
            reporter.add(Diagnostic::at(Kind::Reserved, &removed.span, message, fix));
        }
        if let Some(second) = self.devices.get(1) {
            let message = "the tests take one slot of a board, and no more";
            let fix = "remove this [[device]]";
            reporter.add(Diagnostic::at(Kind::Reserved, &second.name.span, message, fix));
        }
    }
}

/// Reports services that the tests ask, and would look for under other ids.
fn has_their_ids(own: &System, reporter: &Reporter) -> bool {
    let mut all = true;
    for (name, id) in ids::OF_TESTS {
        let Some(service) = own.service(name).filter(|one| one.id.value != id) else { continue };
        if !own.is_whole(name) {
            continue;
        }
        let message = format!(
            "{name} has id {}, and the tests that are laid over the system look for it under id {id}",
            service.id.value
        );
        let fix = format!("write `id = {id}`");
        reporter.add(Diagnostic::at(Kind::FixedId, &service.id.span, message, fix));
        all = false;
    }
    all
}

/// The tests are laid over this profile.
pub(crate) fn is_laid_over(profile: &ProfileFile) -> bool {
    profile.kind.value == Profile::Test && !profile.own_tests
}

/// Reports names, ids and keys in a system that are for the tests alone.
pub(crate) fn check_own(own: &System, reporter: &Reporter) {
    let services = own.services.iter().map(|one| &one.name);
    let devices = own.board.devices.iter().map(|one| &one.name);
    let lines = own.policy.lines().map(|(id, ..)| id);
    for name in services.chain(devices).chain(lines) {
        if reserved::is_name(name) {
            let message =
                format!("`{}` is a name of the tests that are laid over a system", name.value);
            let fix =
                format!("take a name that does not begin with {}", reserved::NAMES.join(" or "));
            reporter.add(Diagnostic::at(Kind::Reserved, &name.span, message, fix));
        }
    }
    for service in &own.services {
        if reserved::IDS.contains(&service.id.value) {
            let message =
                format!("id {} is one of the tests that are laid over a system", service.id.value);
            let fix = format!("take one outside {}", ids_text());
            reporter.add(Diagnostic::at(Kind::Reserved, &service.id.span, message, fix));
        }
        if let Some(Beside { service: other, .. }) = service.beside.first() {
            let message = "`where` is for the tests that are laid over a system";
            let fix = "write its `talks-to` and `must-prove` without [where]";
            reporter.add(Diagnostic::at(Kind::Reserved, &other.span, message, fix));
        }
    }
}

fn ids_text() -> String {
    format!("{} to {}", reserved::IDS.start(), reserved::IDS.end())
}

/// A service of the tests, with what it has beside the services of `own` in `profile`.
fn beside(service: &Service, own: &System, profile: &ProfileFile) -> Service {
    let mut service = service.clone();
    let beside = std::mem::take(&mut service.beside);
    for Beside { service: other, talks_to, must_prove, first_boot, ring, sockets, reaches } in
        beside
    {
        if own.service(&other).is_none() || profile.leaves_out(&other) {
            continue;
        }
        service.talks_to.extend(talks_to);
        service.must_prove.extend(must_prove);
        service.first_boot.extend(first_boot);
        service.sockets = service.sockets.or(sockets);
        service.reaches.extend(reaches);
        if let Some((ring, must_prove)) = ring.filter(|_| !has_consumer(own, profile, &other)) {
            service.rings.push(ring);
            service.must_prove.extend(must_prove);
        }
    }
    service
}

/// Somebody in `own` has a ring with `driver`, in `profile`, and nobody else can have one.
fn has_consumer(own: &System, profile: &ProfileFile, driver: &str) -> bool {
    if own.service(driver).is_some_and(|driver| driver.needs.is_empty()) {
        return false;
    }
    let mut stays = own.services.iter().filter(|one| !profile.leaves_out(&one.name));
    stays.any(|service| service.rings.iter().any(|ring| ring.with.value == driver))
}

/// A device of the tests, the last of its class.
fn placed(device: &Device, system: &System, profile: &ProfileFile) -> Device {
    let devices = system.board.devices.iter().filter(|one| !profile.leaves_out_device(&one.name));
    let before = devices.filter(|one| one.same_class(device)).count();
    let instance = At { value: u8::try_from(before).unwrap_or(u8::MAX), span: device.span.clone() };
    Device { instance: Some(instance), ..device.clone() }
}
