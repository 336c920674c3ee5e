//! Everything that must hold in a description before anyone acts on it.

use super::bounds::{
    ANSWERS_WITHIN, BUSD, MAX_COMPATIBLE, MAX_DEVICES, MAX_FRAMES, MAX_HANDLES, MAX_INTERVAL,
    MAX_OBJECTS, MAX_OPENS, MAX_PRIORITY, MAX_PROOFS, MAX_REASON, MAX_RULES, MAX_SERVICES,
    MAX_STACK_PAGES, MAX_WINDOW, PAGE, RING_PAGES, is_mask_for, is_name, is_prefix, is_proof,
    is_text, is_window_rights, ring_handles,
};
use super::{
    Danger, DescError, Description, Device, GUID_LEN, NetworkSays, Permission, Place, Problem,
    Profile, Queue, Restart, Rule, Says, Service, StateRight,
};

use crate::ask::Ask;
use crate::layout::{Layout, Sizes};
use crate::sealed::{self, Class, VIRTIO_MMIO, is_owners};

/// `Err(problem)` unless `holds`.
pub(super) fn require(holds: bool, problem: Problem) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(problem) }
}

fn ascending<T: PartialOrd>(items: &[T]) -> bool {
    items.is_sorted_by(|before, after| before < after)
}

impl Description {
    /// Checks everything that must hold.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order whole, devices, services, rules.
    pub fn validate(&self) -> Result<(), DescError> {
        let at = |place: Place| move |problem| DescError { place, problem };
        self.check_whole().map_err(at(Place::Description))?;
        for (index, device) in self.devices.iter().enumerate() {
            self.check_device(index, device).map_err(at(Place::Device(index)))?;
        }
        for (index, service) in self.services.iter().enumerate() {
            self.check_service(index, service).map_err(at(Place::Service(index)))?;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            self.check_rule(index, rule).map_err(at(Place::Rule(index)))?;
        }
        Ok(())
    }

    fn check_whole(&self) -> Result<(), Problem> {
        require(self.devices.len() <= MAX_DEVICES, Problem::TooMany)?;
        require(self.services.len() <= MAX_SERVICES, Problem::TooMany)?;
        require(self.rules.len() <= MAX_RULES, Problem::TooMany)?;
        require(is_name(&self.name), Problem::BadName)?;
        require(self.epoch > 0, Problem::BadEpoch)?;
        let limited = !self.unlimited_restarts;
        require(limited || self.profile == Profile::Test, Problem::UnlimitedInProd)?;
        let possible = self.network.as_ref().is_none_or(NetworkSays::is_possible);
        require(possible, Problem::BadNetwork)?;
        require(self.services.iter().any(|service| service.id == self.init), Problem::NoInit)
    }

    fn check_device(&self, index: usize, device: &Device) -> Result<(), Problem> {
        let before = self.devices.get(..index).unwrap_or_default();
        require(usize::from(device.id) == index, Problem::BadId)?;
        require(is_name(&device.name), Problem::BadName)?;
        require(before.iter().all(|other| other.name != device.name), Problem::NameTaken)?;
        require(is_text(&device.compatible, MAX_COMPATIBLE), Problem::BadText)?;
        check_window(device)?;
        let empty = device.virtio_id == Some(0);
        require(!empty || self.profile == Profile::Test, Problem::EmptySlotInProd)?;
        let says_so = device.says.map(Says::virtio_id);
        require(says_so.is_none() || says_so == device.virtio_id, Problem::BadSays)?;
        let mut alike = before.iter().filter(|other| other.same_class(device));
        let asked = device.serial().is_some();
        require(alike.all(|other| other.serial().is_some() == asked), Problem::Unasked)?;
        check_store(before, device)?;
        for other in before {
            let alike = other.same_class(device) && other.says == device.says;
            require(!alike || device.says.is_none(), Problem::BadSays)?;
            let same = other.same_class(device) && other.instance == device.instance;
            require(!same && !fixed_overlap(other, device), Problem::WindowTaken)?;
        }
        let peers = self.devices.iter().filter(|other| other.same_class(device)).count();
        require(usize::from(device.instance) < peers, Problem::BadInstance)?;
        require(!device.dma || device.danger == Danger::High, Problem::BadDanger)?;
        // Of virtio's register windows only an empty slot reaches no memory.
        let virtio = device.compatible == VIRTIO_MMIO && !empty;
        require(device.dma == virtio, Problem::NotSealable)?;
        require(!device.dma || class_of(device).is_some(), Problem::NotSealable)
    }

    fn check_service(&self, index: usize, service: &Service) -> Result<(), Problem> {
        let before = self.services.get(..index).unwrap_or_default();
        let last = before.last().map_or(0, |other| other.id);
        require(service.id > last, Problem::BadId)?;
        require(is_name(&service.name), Problem::BadName)?;
        require(before.iter().all(|other| other.name != service.name), Problem::NameTaken)?;
        check_budget(service)?;
        self.check_restart(service)?;
        self.check_needs(before, service)?;
        self.check_calls(service)?;
        self.check_permits(before, service)?;
        self.check_rings(before, service)?;
        self.check_tree(before, service)?;
        self.check_opens(service)?;
        self.check_reaches(service)?;
        self.check_proofs(service)
    }

    fn check_restart(&self, service: &Service) -> Result<(), Problem> {
        let once = service.restart == Restart::Never;
        require(once || ![self.init, BUSD].contains(&service.id), Problem::NotAgain)?;
        let within = service.answers_within;
        require(within.is_none_or(|ms| ANSWERS_WITHIN.contains(&ms)), Problem::BadAnswersWithin)?;
        require(within.is_none() || service.serves && !once, Problem::BadAnswersWithin)
    }

    fn check_needs(&self, before: &[Service], service: &Service) -> Result<(), Problem> {
        let handles = service.needs.len().saturating_add(service.talks_to.len());
        let handles = handles.saturating_add(ring_handles(self.rings_of(service.id).count()));
        require(handles <= MAX_HANDLES, Problem::TooMany)?;
        let sorted = service.needs.is_sorted_by(|one, next| one.device < next.device);
        require(sorted, Problem::NotSorted)?;
        for need in &service.needs {
            let device = self.device(need.device).ok_or(Problem::UnknownDevice)?;
            require(is_window_rights(need.rights), Problem::BadRights)?;
            require(is_mask_for(need.rights(), need.registers), Problem::BadRegisters)?;
            require(device.irq || !need.irq, Problem::NoLine)?;
            require(need.irq || !need.polls, Problem::NoLine)?;
            check_queues(device, need.registers, &need.queues)?;
            let taken = before.iter().any(|other| other.need(need.device).is_some());
            require(!taken, Problem::SecondOwner)?;
        }
        Ok(())
    }

    fn check_calls(&self, service: &Service) -> Result<(), Problem> {
        require(ascending(&service.talks_to), Problem::NotSorted)?;
        for id in &service.talks_to {
            let server = self.services.iter().find(|other| other.id == *id);
            let server = server.ok_or(Problem::UnknownService)?;
            require(server.serves && server.id != service.id, Problem::NotServed)?;
        }
        Ok(())
    }

    fn check_permits(&self, before: &[Service], service: &Service) -> Result<(), Problem> {
        let sorted = service.permits.is_sorted_by(|one, next| one.permission < next.permission);
        require(sorted, Problem::NotSorted)?;
        let reports = service.has(Permission::Report);
        require(!reports || self.profile == Profile::Test, Problem::ReportInProd)?;
        let earlier = || before.iter().flat_map(|other| &other.permits).chain(&service.permits);
        for permit in &service.permits {
            require(is_name(&permit.id), Problem::BadName)?;
            let same = earlier().filter(|other| other.id == permit.id).count();
            let is_rule = self.rules.iter().any(|rule| rule.id == permit.id);
            require(same == 1 && !is_rule, Problem::NameTaken)?;
            require(is_text(&permit.reason, MAX_REASON), Problem::BadText)?;
        }
        Ok(())
    }

    fn check_rings(&self, before: &[Service], service: &Service) -> Result<(), Problem> {
        let sorted = service.rings.is_sorted_by(|one, next| one.server < next.server);
        require(sorted, Problem::NotSorted)?;
        for ring in &service.rings {
            // It serves, and is another.
            require(service.talks_to.contains(&ring.server), Problem::NotServed)?;
            require(RING_PAGES.contains(&ring.pages), Problem::BadRing)?;
            let server = self.service(ring.server).ok_or(Problem::UnknownService)?;
            require(server.ring(service.id).is_none(), Problem::BadRing)?;
            // The requests of one consumer are what an owner's device does.
            let taken = before.iter().any(|other| other.ring(ring.server).is_some());
            require(server.needs.is_empty() || !taken, Problem::SecondConsumer)?;
            self.check_line(&ring.id, &ring.reason)?;
        }
        Ok(())
    }

    /// A line of the policy whose identifier no other line has, with a reason.
    pub(super) fn check_line(&self, id: &str, reason: &str) -> Result<(), Problem> {
        require(is_name(id), Problem::BadName)?;
        let lines = self.lines().filter(|(other, _)| *other == id);
        require(lines.count() == 1, Problem::NameTaken)?;
        require(is_text(reason, MAX_REASON), Problem::BadText)
    }

    fn check_tree(&self, before: &[Service], service: &Service) -> Result<(), Problem> {
        let Some(tree) = service.tree else { return Ok(()) };
        require(tree.is_possible(), Problem::BadTree)?;
        let taken = before.iter().filter_map(|other| other.tree).any(|other| other.id == tree.id);
        require(!taken, Problem::TreeTaken)
    }

    fn check_opens(&self, service: &Service) -> Result<(), Problem> {
        require(service.opens.len() <= MAX_OPENS, Problem::TooMany)?;
        let sorted = service
            .opens
            .is_sorted_by(|one, next| (one.owner, &one.prefix) < (next.owner, &next.prefix));
        require(sorted, Problem::NotSorted)?;
        for open in &service.opens {
            let has_tree = self.tree_of(open.owner).is_some();
            require(has_tree && open.owner != service.id, Problem::NoTree)?;
            require(is_prefix(&open.prefix), Problem::BadPrefix)?;
            let known = StateRight::BITS | open.rights == StateRight::BITS;
            require(open.rights != 0 && known, Problem::BadOpen)?;
            self.check_line(&open.id, &open.reason)?;
        }
        Ok(())
    }

    fn check_proofs(&self, service: &Service) -> Result<(), Problem> {
        require(service.must_prove.len() <= MAX_PROOFS, Problem::TooMany)?;
        let sorted = service.must_prove.is_sorted_by(|one, next| one.name < next.name);
        require(sorted, Problem::NotSorted)?;
        require(service.must_prove.iter().all(|proof| is_proof(&proof.name)), Problem::BadName)?;
        require(service.must_prove.iter().all(|proof| proof.checks > 0), Problem::NoChecks)?;
        let none = service.must_prove.is_empty();
        require(none || self.profile == Profile::Test, Problem::ProofsInProd)
    }

    fn check_rule(&self, index: usize, rule: &Rule) -> Result<(), Problem> {
        let before = self.rules.get(..index).unwrap_or_default();
        let last = before.last().map(|other| (other.subject, other.device));
        let number = usize::from(rule.number);
        require(number.checked_sub(1) == Some(index), Problem::BadId)?;
        require(last < Some((rule.subject, rule.device)), Problem::NotSorted)?;
        require(is_name(&rule.id), Problem::BadName)?;
        require(before.iter().all(|other| other.id != rule.id), Problem::NameTaken)?;
        require(is_text(&rule.reason, MAX_REASON), Problem::BadText)?;
        require(is_window_rights(rule.rights), Problem::BadRights)?;
        require(is_mask_for(rule.rights(), rule.registers), Problem::BadRegisters)?;
        require(rule.interval <= MAX_INTERVAL, Problem::BadInterval)?;
        require(rule.irq || rule.interval == 0, Problem::BadInterval)?;
        require(self.service(rule.subject).is_some(), Problem::UnknownService)?;
        let device = self.device(rule.device).ok_or(Problem::UnknownDevice)?;
        require(device.irq || !rule.irq, Problem::NoLine)?;
        check_queues(device, rule.registers, &rule.queues)?;
        let need = self.service(rule.subject).and_then(|service| service.need(rule.device));
        require(need.is_none_or(|need| need.queues == rule.queues), Problem::OtherQueues)?;
        // Memory is made for a disk before anybody knows which one it is.
        let asked = device.serial().is_some() && !rule.queues.is_empty();
        let alike = self.asked_queues().is_none_or(|queues| queues == rule.queues);
        let has_head = || Layout::of(&rule.queues).is_some_and(|layout| Ask::of(&layout).is_some());
        require(!asked || alike && has_head(), Problem::Unasked)
    }
}

/// Whoever holds a device that reaches memory by itself writes two registers of it at most. Queues are of
/// such a device, and of its class.
fn check_queues(device: &Device, registers: Option<u64>, queues: &[Queue]) -> Result<(), Problem> {
    require(device.dma || queues.is_empty(), Problem::NoDma)?;
    require(!device.dma || registers.is_some_and(is_owners), Problem::NotOwners)?;
    let possible = class_of(device).is_some_and(|class| class.has(queues));
    require(queues.is_empty() || possible, Problem::BadQueues)?;
    require(Sizes::of(queues).is_some(), Problem::BadQueues)
}

/// The class of a device that can be sealed.
fn class_of(device: &Device) -> Option<Class> {
    device.virtio_id.filter(|_| device.compatible == VIRTIO_MMIO).and_then(sealed::class)
}

fn check_window(device: &Device) -> Result<(), Problem> {
    let len = device.window_len;
    require(len > 0 && len <= MAX_WINDOW && len.is_multiple_of(PAGE), Problem::BadWindow)?;
    let base = device.base.unwrap_or(0);
    require(base.is_multiple_of(PAGE), Problem::BadWindow)?;
    require(base.checked_add(len).is_some(), Problem::BadWindow)
}

/// The store is on one disk.
fn check_store(before: &[Device], device: &Device) -> Result<(), Problem> {
    let Some(guid) = device.store else { return Ok(()) };
    let is_disk = device.compatible == VIRTIO_MMIO && device.virtio_id == Some(sealed::DISK);
    require(is_disk && guid != [0; GUID_LEN], Problem::BadStore)?;
    require(before.iter().all(|other| other.store.is_none()), Problem::SecondStore)
}

fn fixed_overlap(one: &Device, other: &Device) -> bool {
    let (Some(a), Some(b)) = (one.base, other.base) else { return false };
    a < b.saturating_add(other.window_len) && b < a.saturating_add(one.window_len)
}

fn check_budget(service: &Service) -> Result<(), Problem> {
    let frames = (1..=MAX_FRAMES).contains(&service.frames);
    let objects = (1..=MAX_OBJECTS).contains(&service.objects);
    let stack = (1..=MAX_STACK_PAGES).contains(&service.stack_pages);
    let priority = service.priority <= MAX_PRIORITY;
    require(frames && objects && stack && priority, Problem::BadBudget)
}
