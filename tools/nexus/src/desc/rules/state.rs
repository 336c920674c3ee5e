//! State: each tree is one service's, what is opened is allowed, exactly, and one disk holds the store.

use super::policy::check_subject;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::files::{fresh_tree, rights_toml};
use crate::desc::kind::Kind;
use crate::desc::model::{AllowState, Device, Opens, ProfileFile, Service, System, Tree};
use crate::desc::report::Reporter;
use crate::desc::source::At;
use crate::desc::suggest;
use nexus_proto::ids;
use nexus_sysdesc::StateRight;
use nexus_sysdesc::bounds::MAX_OPENS;
use nexus_sysdesc::sealed::DISK;

pub(super) fn check(system: &System, reporter: &Reporter) {
    for profile in &system.profiles {
        check_stores(system, profile, reporter);
    }
    check_trees(system, reporter);
    for service in &system.services {
        check_ring(system, service, reporter);
        check_count(service, reporter);
        for (index, open) in service.opens.iter().enumerate() {
            if check_tree(system, &service.name.value, &open.keys.tree, None, reporter) {
                check_twice(service, index, open, reporter);
                check_allowed(system, service, open, reporter);
            }
        }
    }
    for (index, line) in system.policy.states.iter().enumerate() {
        if check_subject(system, &line.id, &line.subject, reporter)
            && check_tree(system, &line.subject, &line.keys.tree, Some(&line.id), reporter)
        {
            check_repeated(system, index, line, reporter);
            check_use(system, line, reporter);
        }
    }
}

/// One device holds the store, and it is a disk.
fn check_stores(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    let stays = |device: &&Device| !profile.leaves_out_device(&device.name);
    let all = || {
        let devices = system.board.devices.iter().filter(stays);
        devices.filter_map(|device| Some((device, device.store.as_ref()?)))
    };
    for (index, (device, store)) in all().enumerate() {
        let name = &device.name.value;
        if device.virtio_id.as_ref().is_none_or(|id| id.value != DISK) {
            let message = format!("{name} is no disk, and would hold the store");
            let fix = format!("write `store` at a device with `virtio-id = {DISK}`");
            let diagnostic = Diagnostic::at(Kind::NoDisk, &store.span, message, fix);
            reporter.add(diagnostic.see(device.class_span(), "what it is"));
        }
        let Some((other, first)) = all().take(index).next() else { continue };
        let message = format!("{name} would hold the store, and so would {}", other.name.value);
        let fix = "leave it to one of them: a system has one store";
        let diagnostic = Diagnostic::at(Kind::TwoStores, &store.span, message, fix);
        reporter.add(diagnostic.see(&first.span, format!("that of {}", other.name.value)));
    }
}

/// No id of a tree is declared twice: both would see the same keys.
fn check_trees(system: &System, reporter: &Reporter) {
    let all = || {
        let services = system.services.iter();
        services.filter_map(|service| Some((service, service.state.as_ref()?)))
    };
    for (index, (service, tree)) in all().enumerate() {
        let other = all().take(index).find(|(_, other)| other.id.value == tree.id.value);
        let Some((owner, Tree { id: first, .. })) = other else { continue };
        let message = format!("{} and {} would share a tree", service.name.value, owner.name.value);
        let fix = format!(
            "give {} one of its own, as `tree = \"{:032x}\"`, which was drawn just now",
            service.name.value,
            fresh_tree()
        );
        let diagnostic = Diagnostic::at(Kind::DuplicateTree, &tree.id.span, message, fix);
        reporter.add(diagnostic.see(&first.span, format!("the tree of {}", owner.name.value)));
    }
}

/// State is asked for by a ring with who keeps it.
fn check_ring(system: &System, service: &Service, reporter: &Reporter) {
    let mut services = system.services.iter();
    let Some(keeper) = services.find(|one| one.id.value == ids::STATEFSD) else { return };
    let (name, with) = (&service.name.value, &keeper.name.value);
    let has_ring = service.rings.iter().any(|ring| ring.with.value == *with);
    let tree = service.state.as_ref().map(|tree| &tree.span);
    let Some(span) = tree.or_else(|| service.opens.first().map(|open| &open.keys.tree.span)) else {
        return;
    };
    if has_ring || !system.is_whole(name) || name == with {
        return;
    }
    let message = format!("{name} has no ring with {with}, and could not ask for any state");
    let fix = format!(
        "add \"{with}\" to `talks-to`, and ask for a ring:\nrings = [{{ with = \"{with}\", pages = 65 }}]"
    );
    reporter.add(Diagnostic::at(Kind::StateWithoutRing, span, message, fix));
}

fn check_count(service: &Service, reporter: &Reporter) {
    let count = service.opens.len();
    if let Some(open) = service.opens.get(MAX_OPENS) {
        let message = format!("{} opens state {count} times", service.name.value);
        let fix = format!("leave at most {MAX_OPENS}: a shorter prefix covers more keys");
        reporter.add(Diagnostic::at(Kind::TooMany, &open.keys.tree.span, message, fix));
    }
}

/// `tree` names a service that keeps state, and is not `subject`; true when it does. `line` is that of the
/// policy that says so, if one does.
fn check_tree(
    system: &System,
    subject: &str,
    tree: &At<String>,
    line: Option<&At<String>>,
    reporter: &Reporter,
) -> bool {
    let owner = &tree.value;
    let (kind, message, fix) = match system.service(owner) {
        Some(_) if owner == subject => {
            let message = format!("{subject} would open its own state");
            (Kind::NoTree, message, String::from("remove it: what is its own is open to it"))
        }
        Some(service) if service.state.is_some() => return true,
        Some(_) if !system.is_whole(owner) => return false,
        Some(_) => {
            let with_tree = system.services.iter().filter(|one| one.state.is_some());
            let names: Vec<&str> = with_tree.map(|one| one.name.value.as_str()).collect();
            let fix = suggest::instead(owner, "services with `state`", &names);
            (Kind::NoTree, format!("{owner} keeps no state"), fix)
        }
        None if system.was_removed(owner) => {
            let fix = match line {
                Some(id) => format!("add \"{}\" to `policy` under [remove] as well", id.value),
                None => format!("remove {subject} as well, or replace services/{subject}.toml"),
            };
            let message = format!("{subject} opens the state of {owner}, which is removed");
            (Kind::RemovedService, message, fix)
        }
        None if system.may_have_service(owner) => return false,
        None => {
            let fix = suggest::instead(owner, "services", &system.service_names());
            (Kind::UnknownService, format!("there is no service `{owner}`"), fix)
        }
    };
    reporter.add(Diagnostic::at(kind, &tree.span, message, fix));
    false
}

fn check_twice(service: &Service, index: usize, open: &Opens, reporter: &Reporter) {
    let mut before = service.opens.iter().take(index);
    if let Some(first) = before.find(|other| other.keys.are(&open.keys)) {
        let message = format!("{} opens {} twice", service.name.value, open.keys.shown());
        let fix = "write one entry with all rights";
        let diagnostic = Diagnostic::at(Kind::DuplicateEntry, &open.keys.tree.span, message, fix);
        reporter.add(diagnostic.see(&first.keys.tree.span, "the first time"));
    }
}

/// Some line allows it, with the same rights.
fn check_allowed(system: &System, service: &Service, open: &Opens, reporter: &Reporter) {
    let subject = &service.name.value;
    let mut lines = system.policy.states.iter();
    let line = lines.find(|line| line.subject.value == *subject && line.keys.are(&open.keys));
    let (asked, shown) = (open.rights.value, &system.policy.shown);
    let Some(line) = line else {
        if system.may_allow(subject, &open.keys.tree.value) {
            return;
        }
        let message =
            format!("{subject} opens {}, and no line of the policy allows it", open.keys.shown());
        let prefix = open.keys.prefix_toml("\n");
        let fix = format!(
            "if it may, add to {shown}, and say why:\n\
             [[allow-state]]\n\
             id = \"open-{subject}-{tree}\"\n\
             subject = \"{subject}\"\n\
             tree = \"{tree}\"{prefix}\n\
             rights = {}\n\
             reason = \"…\"",
            rights_toml(asked),
            tree = open.keys.tree.value
        );
        reporter.add(Diagnostic::at(Kind::NotAllowed, &open.keys.tree.span, message, fix));
        return;
    };
    let allowed = line.rights.value;
    let (more, less) = (words(asked & !allowed), words(allowed & !asked));
    if !more.is_empty() {
        let message = format!(
            "{subject} asks for {more} in {}, which `{}` does not allow",
            open.keys.shown(),
            line.id.value
        );
        let fix = match asked & allowed {
            0 => String::from("ask for what it allows, or change the line"),
            both => format!("write `rights = {}`, or change the line", rights_toml(both)),
        };
        let diagnostic = Diagnostic::at(Kind::NotAllowed, &open.rights.span, message, fix);
        reporter.add(diagnostic.see(&line.rights.span, "what it allows"));
    } else if !less.is_empty() {
        let message =
            format!("`{}` allows {less}, which {subject} does not ask for", line.id.value);
        let fix = format!("write `rights = {}`", rights_toml(asked));
        let diagnostic = Diagnostic::at(Kind::AllowsMore, &line.rights.span, message, fix);
        reporter.add(diagnostic.see(&open.rights.span, "what it asks for"));
    }
}

/// `get and put`; nothing for no bits.
fn words(bits: u8) -> String {
    let names: Vec<&str> = StateRight::of(bits).map(StateRight::name).collect();
    names.join(" and ")
}

fn check_repeated(system: &System, index: usize, line: &AllowState, reporter: &Reporter) {
    let mut before = system.policy.states.iter().take(index);
    let same = |other: &&AllowState| {
        other.subject.value == line.subject.value && other.keys.are(&line.keys)
    };
    if let Some(first) = before.find(same) {
        let message = format!(
            "there is another line that opens {} to {}: `{}`",
            line.keys.shown(),
            line.subject.value,
            first.id.value
        );
        let diagnostic =
            Diagnostic::at(Kind::DuplicateRule, &line.id.span, message, "keep one of them");
        reporter.add(diagnostic.see(&first.id.span, "the other one"));
    }
}

/// Somebody asks for it. With which rights, [`check_allowed`] compares.
fn check_use(system: &System, line: &AllowState, reporter: &Reporter) {
    let subject = &line.subject.value;
    let Some(service) = system.service(subject) else { return };
    if service.opens.iter().any(|open| open.keys.are(&line.keys)) || !system.is_whole(subject) {
        return;
    }
    let message =
        format!("`{}` opens what {subject} does not ask for: {}", line.id.value, line.keys.shown());
    let fix = format!(
        "remove the line, or ask in services/{subject}.toml:\n\
         opens = [{{ tree = \"{}\"{}, rights = {} }}]",
        line.keys.tree.value,
        line.keys.prefix_toml(", "),
        rights_toml(line.rights.value)
    );
    reporter.add(Diagnostic::at(Kind::NothingRequests, &line.id.span, message, fix));
}
