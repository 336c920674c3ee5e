//! From layers to one system.
//!
//! A service file replaces the one of the same name in the base, whole. A profile is added to the one
//! of its name, policy lines are added, and so are the devices of a board file without `[qemu]`. `[remove]` takes away
//! services and policy lines of the base, and nothing is left over silently: what still speaks of
//! a removed service is refused.

use super::diagnostic::Diagnostic;
use super::kind::Kind;
use super::layers::{Layer, read_named_board};
use super::model::{Allow, AllowState, Permit, Policy, ProfileFile, Service, Share, System};
use super::net::AllowNet;
use super::report::Reporter;
use super::source::{At, Span};
use super::suggest;
use super::unread::Unread;

/// One system from its layers, base first; `None` when there is no layer.
pub(crate) fn merge(reporter: &Reporter, layers: Vec<Layer>) -> Option<System> {
    let mut unread = Unread::default();
    for layer in &layers {
        unread.add(layer.unread.clone());
    }
    let board = read_named_board(reporter, &layers, &mut unread);
    let top = layers.last()?;
    let name = top.system.name.clone();
    let shown = reporter.paths.show(&top.dir.join("policy.toml"));
    let policy = Policy { shown, ..Policy::empty() };
    let mut parts = Parts { policy, base: unread.base, ..Parts::default() };
    for layer in layers {
        parts.remove(reporter, &layer);
        parts.add(layer);
    }
    let Parts { services, removed, policy, profiles, .. } = parts;
    Some(System { name, board, services, removed, policy, profiles, unread })
}

#[derive(Default)]
struct Parts {
    services: Vec<Service>,
    removed: Vec<At<String>>,
    policy: Policy,
    profiles: Vec<ProfileFile>,
    /// Something below could not be read.
    base: bool,
}

impl Parts {
    /// Takes away what `layer` removes from the layers below it.
    fn remove(&mut self, reporter: &Reporter, layer: &Layer) {
        for name in &layer.system.remove_services {
            let before = self.services.len();
            let names: Vec<String> = self.services.iter().map(|s| s.name.value.clone()).collect();
            self.services.retain(|service| service.name.value != name.value);
            if self.services.len() == before && !self.base {
                refuse_removal(reporter, name, "service", &names);
            } else {
                self.removed.push(name.clone());
            }
        }
        for id in &layer.system.remove_policy {
            let ids = self.policy.ids();
            if ids.contains(&id.value) {
                self.policy.allows.retain(|line| line.id.value != id.value);
                self.policy.permits.retain(|line| line.id.value != id.value);
                self.policy.shares.retain(|line| line.id.value != id.value);
                self.policy.states.retain(|line| line.id.value != id.value);
                self.policy.nets.retain(|line| line.id.value != id.value);
            } else if !self.base {
                refuse_removal(reporter, id, "policy line", &ids);
            }
        }
    }

    fn add(&mut self, layer: Layer) {
        for service in layer.services {
            self.removed.retain(|name| name.value != service.name.value);
            self.services.retain(|other| other.name.value != service.name.value);
            self.services.push(service);
        }
        for profile in layer.profiles {
            match self.profiles.iter_mut().find(|other| other.name.value == profile.name.value) {
                Some(below) => below.add(profile),
                None => self.profiles.push(profile),
            }
        }
        if let Some(policy) = layer.policy {
            self.policy.epoch = policy.epoch.unwrap_or(self.policy.epoch);
            self.policy.allows.extend(policy.allows);
            self.policy.permits.extend(policy.permits);
            self.policy.shares.extend(policy.shares);
            self.policy.states.extend(policy.states);
            self.policy.nets.extend(policy.nets);
        }
    }
}

fn refuse_removal(reporter: &Reporter, name: &At<String>, what: &str, names: &[String]) {
    let message = format!("the system that this one extends has no {what} `{}`", name.value);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fix = match suggest::nearest(name, names.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("remove it; there are {}", suggest::list(names.iter().copied())),
    };
    reporter.add(Diagnostic::at(Kind::RemovesNothing, &name.span, message, fix));
}

impl Policy {
    fn empty() -> Policy {
        let (shown, allows, permits) = (String::new(), Vec::new(), Vec::new());
        let (shares, states, nets) = (Vec::new(), Vec::new(), Vec::new());
        Policy { epoch: 1, shown, allows, permits, shares, states, nets }
    }

    fn ids(&self) -> Vec<String> {
        self.lines().map(|(id, ..)| id.value.clone()).collect()
    }

    /// Every line: its id, and its subject.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&At<String>, &At<String>, &Span)> {
        let allows = self.allows.iter().map(|Allow { id, subject, span, .. }| (id, subject, span));
        let permits =
            self.permits.iter().map(|Permit { id, subject, span, .. }| (id, subject, span));
        let shares = self.shares.iter().map(|Share { id, subject, span, .. }| (id, subject, span));
        let states =
            self.states.iter().map(|AllowState { id, subject, span, .. }| (id, subject, span));
        let nets = self.nets.iter().map(|AllowNet { id, subject, span, .. }| (id, subject, span));
        allows.chain(permits).chain(shares).chain(states).chain(nets)
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy::empty()
    }
}
