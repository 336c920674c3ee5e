//! Whether assertions hold, and if not, who breaks them and how.

use super::file::Assertion;
use super::sentence::{Act, Devices, Sentence, Services, Way};
use crate::audit::model::state_rights_names;
use crate::audit::{Audit, AuditDevice, AuditService, AuditWindow, MemoryTrust};
use crate::desc::net::is_within;
use crate::desc::suggest;
use crate::visible;
use nexus_sysdesc::{NetDirection, Network, StateRight};
use std::fmt;

/// What became of the assertions of a file.
#[derive(Debug)]
pub struct Outcome {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    id: String,
    text: String,
    why: String,
    place: String,
    verdict: Verdict,
}

#[derive(Debug)]
enum Verdict {
    Holds,
    /// It is about other profiles.
    Skipped,
    /// Each way in which it is broken.
    Broken(Vec<String>),
}

impl Outcome {
    /// True when every assertion holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.lines.iter().any(|line| matches!(line.verdict, Verdict::Broken(_)))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut holding, mut broken, mut skipped) = (0, 0, 0);
        for line in &self.lines {
            match &line.verdict {
                Verdict::Holds => {
                    holding += 1;
                    writeln!(f, "holds    {}: {}", line.id, line.text)?;
                }
                Verdict::Skipped => {
                    skipped += 1;
                    writeln!(f, "skipped  {}: for another profile", line.id)?;
                }
                Verdict::Broken(ways) => {
                    broken += 1;
                    writeln!(f, "BROKEN   {}: {}", line.id, line.text)?;
                    for way in ways {
                        writeln!(f, "         {way}")?;
                    }
                    if !line.why.is_empty() {
                        writeln!(f, "         it is asserted because {}", line.why)?;
                    }
                    writeln!(f, "         at {}", line.place)?;
                }
            }
        }
        writeln!(f, "assertions: {holding} hold, {broken} broken, {skipped} skipped")
    }
}

/// Holds assertions against an audit.
pub(crate) fn evaluate(assertions: &[Assertion], audit: &Audit) -> Outcome {
    let lines = assertions.iter().map(|assertion| Line {
        id: assertion.id.clone(),
        text: assertion.text.value.clone(),
        why: assertion.why.clone(),
        place: assertion.text.span.shown(),
        verdict: verdict(assertion, audit),
    });
    Outcome { lines: lines.collect() }
}

fn verdict(assertion: &Assertion, audit: &Audit) -> Verdict {
    let profiles = &assertion.profiles;
    if !profiles.is_empty() && !profiles.iter().any(|profile| profile.name() == audit.profile) {
        return Verdict::Skipped;
    }
    let ways = unknown_names(&assertion.sentence, audit);
    let ways = if ways.is_empty() { broken_ways(&assertion.sentence, audit) } else { ways };
    if ways.is_empty() { Verdict::Holds } else { Verdict::Broken(ways) }
}

/// Names that the image does not have. Those in a list after `only` may be absent.
fn unknown_names(sentence: &Sentence, audit: &Audit) -> Vec<String> {
    let mut unknown = Vec::new();
    match sentence {
        Sentence::EachDeviceOwned
        | Sentence::EachRequestAllowed
        | Sentence::WithinPools
        | Sentence::ReachAtMost(_)
        | Sentence::Absent(_) => {}
        Sentence::Owned(device) | Sentence::Unowned(device) | Sentence::HoldsStore(device) => {
            unknown.extend(unknown_device(device, audit));
        }
        Sentence::Only(_, act) | Sentence::Nobody(act) => unknown.extend(unknown_in(act, audit)),
        Sentence::NobodyThat(one, other) => {
            unknown.extend(unknown_in(one, audit));
            unknown.extend(unknown_in(other, audit));
        }
        Sentence::DoesNot(service, act) => {
            unknown.extend(unknown_service(service, audit));
            unknown.extend(unknown_in(act, audit));
        }
    }
    unknown
}

fn unknown_in(act: &Act, audit: &Audit) -> Option<String> {
    match act {
        Act::Own(devices) | Act::Reach(devices) | Act::Receive(devices) => match devices {
            Devices::Named(device) => unknown_device(device, audit),
            Devices::Any | Devices::Dma | Devices::Danger(_) => None,
        },
        Act::Call(service)
        | Act::Share(Services::Named(service))
        | Act::Open(Services::Named(service))
        | Act::Change(Services::Named(service)) => unknown_service(service, audit),
        _ => None,
    }
}

fn unknown_device(name: &str, audit: &Audit) -> Option<String> {
    let names: Vec<&str> = audit.devices.iter().map(|device| device.name.as_str()).collect();
    let absent = audit.device(name).is_none();
    absent.then(|| {
        format!("the image has no device `{name}`; {}", suggest::instead(name, "devices", &names))
    })
}

fn unknown_service(name: &str, audit: &Audit) -> Option<String> {
    let names: Vec<&str> = audit.services.iter().map(|service| service.name.as_str()).collect();
    let absent = audit.service(name).is_none();
    absent.then(|| {
        format!("the image has no service `{name}`; {}", suggest::instead(name, "services", &names))
    })
}

fn broken_ways(sentence: &Sentence, audit: &Audit) -> Vec<String> {
    match sentence {
        Sentence::EachDeviceOwned => audit.devices.iter().filter_map(not_owned_once).collect(),
        Sentence::EachRequestAllowed => {
            let refused = audit.refused.iter();
            refused
                .map(|one| format!("{} asks for {}: {}", one.service, one.device, one.why))
                .collect()
        }
        Sentence::Owned(name) => audit.device(name).and_then(not_owned_once).into_iter().collect(),
        Sentence::Unowned(name) => {
            let owners = audit.device(name).map(|device| device.owners.as_slice());
            owners.unwrap_or_default().iter().map(|owner| format!("{owner} owns {name}")).collect()
        }
        Sentence::HoldsStore(name) => match audit.store() {
            Some((device, _)) if device.name == *name => Vec::new(),
            Some((device, _)) => vec![format!("{} holds it", device.name)],
            None => vec![String::from("no device holds it")],
        },
        Sentence::WithinPools => with_dma(audit).filter_map(beyond_its_pool).collect(),
        Sentence::ReachAtMost(most) => {
            with_dma(audit).filter_map(|window| reaches_over(window, *most)).collect()
        }
        Sentence::Absent(name) => {
            audit.service(name).map(|_| format!("{name} is in the image")).into_iter().collect()
        }
        Sentence::Only(names, act) => {
            let others = audit.services.iter().filter(|service| !names.contains(&service.name));
            others.filter_map(|service| does(audit, service, act)).collect()
        }
        Sentence::Nobody(act) => {
            audit.services.iter().filter_map(|service| does(audit, service, act)).collect()
        }
        Sentence::NobodyThat(one, other) => {
            let services = audit.services.iter();
            services
                .filter_map(|service| {
                    let (one, other) = (does(audit, service, one)?, does(audit, service, other)?);
                    Some(format!("{one}, and {other}"))
                })
                .collect()
        }
        Sentence::DoesNot(name, act) => {
            audit.service(name).and_then(|service| does(audit, service, act)).into_iter().collect()
        }
    }
}

fn not_owned_once(device: &AuditDevice) -> Option<String> {
    match device.owners.as_slice() {
        [] => Some(format!("nobody owns {}", device.name)),
        [_] => None,
        owners => Some(format!("{} own {}", owners.join(" and "), device.name)),
    }
}

/// The windows of devices that reach memory by themselves.
fn with_dma(audit: &Audit) -> impl Iterator<Item = &AuditWindow> {
    let has_dma = |name: &str| audit.device(name).is_some_and(|device| device.dma);
    audit.windows.iter().filter(move |window| has_dma(&window.device_name))
}

/// What the device of a window reaches that is not in its pool.
fn beyond_its_pool(window: &AuditWindow) -> Option<String> {
    let device = &window.device_name;
    let beyond = window.memory.as_ref().map_or(0, |memory| memory.beyond);
    if window.all_memory {
        return Some(format!("{device} reaches all memory for {}", window.service_name));
    }
    (beyond > 0).then(|| format!("{device} reaches {beyond} bytes that are not in its pool"))
}

/// How much the device of a window reaches, when that is more than `most` bytes.
fn reaches_over(window: &AuditWindow, most: u64) -> Option<String> {
    let device = &window.device_name;
    let reach = window.memory.as_ref().map_or(0, |memory| memory.reach);
    if window.all_memory {
        return Some(format!("{device} reaches all memory for {}", window.service_name));
    }
    (reach > most).then(|| format!("{device} reaches {reach} bytes"))
}

/// How `service` does it; `None` when it does not.
fn does(audit: &Audit, service: &AuditService, act: &Act) -> Option<String> {
    let name = &service.name;
    match act {
        Act::Own(devices) => {
            let owned = service.owns.iter().find(|device| is_among(audit, device, devices))?;
            Some(format!("{name} owns {owned}"))
        }
        Act::Reach(devices) => reaches(audit, service, devices),
        Act::Wire(direction, way) => wired(service, *direction, way),
        Act::OwnMoreThan(most) => {
            let many = service.owns.len() > *most;
            many.then(|| format!("{name} owns {}: {}", service.owns.len(), service.owns.join(", ")))
        }
        Act::Receive(devices) => {
            let device = service.receives.iter().find(|device| is_among(audit, device, devices))?;
            Some(format!("{name} receives interrupts of {device}"))
        }
        Act::Call(callee) => {
            service.calls.contains(callee).then(|| format!("{name} calls {callee}"))
        }
        Act::Share(peers) => shares(audit, service, peers),
        Act::Keep => {
            let tree = service.tree.as_ref()?;
            Some(format!("{name} keeps state, in tree {}", tree.id))
        }
        Act::Open(owners) => opens(service, owners, StateRight::BITS),
        Act::Change(owners) => opens(service, owners, StateRight::Put.bit()),
        Act::May(permission) => {
            let permitted = service.permissions.contains(&permission.name());
            permitted.then(|| format!("{name} may {}", permission.name()))
        }
        Act::ReachAllMemory => {
            let held = |one: &&MemoryTrust| one.who == *name && one.until.is_none();
            let trust = audit.memory.iter().find(held)?;
            Some(format!("{name} reaches {}", trust.why))
        }
        Act::HaveFramesOver(most) => {
            let many = !service.init && u64::from(service.frames) > *most;
            many.then(|| format!("{name} has {} frames", service.frames))
        }
    }
}

/// With whom `service` shares memory, of `peers`, and by which line; as the one who asks, or as the driver.
fn shares(audit: &Audit, service: &AuditService, peers: &Services) -> Option<String> {
    let asked = service.rings.iter().map(|ring| (ring.driver_name.as_str(), ring));
    let others =
        audit.services.iter().flat_map(|one| one.rings.iter().map(move |ring| (one, ring)));
    let driven = others.filter(|(_, ring)| ring.driver_name == service.name);
    let mut all = asked.chain(driven.map(|(one, ring)| (one.name.as_str(), ring)));
    let (peer, ring) = all.find(|(peer, _)| match peers {
        Services::Any => true,
        Services::Named(name) => name == peer,
    })?;
    Some(format!("{} shares memory with {peer}, by {}", service.name, ring.rule))
}

/// What `service` may open of the state of `owners`, with one of these rights, and by which line.
fn opens(service: &AuditService, owners: &Services, rights: u8) -> Option<String> {
    let open = service.opens.iter().find(|open| {
        let meant = match owners {
            Services::Any => true,
            Services::Named(name) => open.owner_name == *name,
        };
        meant && open.rights & rights != 0
    })?;
    let names = state_rights_names(open.rights).join(" and ");
    let under = match open.prefix.as_str() {
        "" => String::new(),
        prefix => format!(" under `{}`", visible::shown(prefix)),
    };
    let (name, owner, rule) = (&service.name, &open.owner_name, &open.rule);
    Some(format!("{name} may {names} state of {owner}{under}, by {rule}"))
}

/// What `service` may do with the network in this way, or others with it, and by which line.
fn wired(service: &AuditService, direction: NetDirection, way: &Way) -> Option<String> {
    let beyond = |network: &&Network| {
        way.beyond.is_empty() || !way.beyond.iter().any(|other| is_within(network, other))
    };
    let (reach, network) = service.reaches.iter().find_map(|reach| {
        let meant = reach.direction == direction.name()
            && way.by.is_none_or(|protocol| protocol.name() == reach.protocol);
        let network = reach.addresses.iter().find(beyond).filter(|_| meant)?;
        Some((reach, network))
    })?;
    let (name, rule, protocol) = (&service.name, &reach.rule, reach.protocol);
    Some(match direction {
        NetDirection::Out => format!("{name} reaches {network} by {protocol}, by {rule}"),
        NetDirection::In => format!("{name} is reached from {network} by {protocol}, by {rule}"),
    })
}

fn is_among(audit: &Audit, name: &str, devices: &Devices) -> bool {
    let Some(device) = audit.device(name) else { return false };
    match devices {
        Devices::Any => true,
        Devices::Dma => device.dma,
        Devices::Danger(danger) => device.danger == danger.name(),
        Devices::Named(wanted) => device.name == *wanted,
    }
}

/// The shortest way from `service` to one of `devices`, by calls.
fn reaches(audit: &Audit, service: &AuditService, devices: &Devices) -> Option<String> {
    let mut ways: Vec<Vec<&AuditService>> = vec![vec![service]];
    let mut seen = vec![service.name.as_str()];
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in &ways {
            let Some(last) = way.last() else { continue };
            let owned = last.owns.iter().find(|device| is_among(audit, device, devices));
            if let Some(device) = owned {
                return Some(told(way, device));
            }
            for callee in last.calls.iter().filter_map(|name| audit.service(name)) {
                if !seen.contains(&callee.name.as_str()) {
                    seen.push(&callee.name);
                    longer.push(way.iter().copied().chain([callee]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

/// `a calls b, which calls c, which owns d`.
fn told(way: &[&AuditService], device: &str) -> String {
    let mut names = way.iter().map(|service| service.name.as_str());
    let mut text = names.next().unwrap_or_default().to_owned();
    let mut which = "";
    for name in names {
        text = format!("{text}{which} calls {name}");
        which = ", which";
    }
    format!("{text}{which} owns {device}")
}
