//! Finding things in a valid description.

use super::bounds::STRANGERS;
use super::{
    Description, Device, GUID_LEN, Ip, Need, NetDirection, NetProtocol, OpenTree, Permission,
    Permit, Queue, Reach, Ring, Rule, Service, Tree,
};
use crate::layout::{Layout, Sizes};

impl Description {
    /// Frames that the machine sets aside for devices: for what the rules let them reach; and where disks
    /// are known by their serial numbers, for as many disks as are described, and for [`STRANGERS`].
    #[must_use]
    pub fn device_frames(&self) -> u64 {
        let asked = |id: u16| self.device(id).and_then(Device::serial).is_some();
        let others = self.rules.iter().filter(|rule| !asked(rule.device));
        let frames = others.filter_map(|rule| Some(Sizes::of(&rule.queues)?.frames()));
        let others = frames.fold(0, |sum: u64, frames| sum.saturating_add(frames));
        let described = self.devices.iter().filter(|device| device.serial().is_some()).count();
        let disks = u64::try_from(described).unwrap_or(u64::MAX).saturating_add(STRANGERS);
        let asked = self.asked_queues().and_then(Sizes::of).map_or(0, Sizes::frames);
        others.saturating_add(asked.saturating_mul(disks))
    }

    /// The queues that every disk is asked by for its serial number: those of who owns one that is known
    /// by it. All of them have the same. `None` where nobody does.
    #[must_use]
    pub fn asked_queues(&self) -> Option<&[Queue]> {
        let asked = |rule: &&Rule| {
            let device = self.device(rule.device);
            device.and_then(Device::serial).is_some() && !rule.queues.is_empty()
        };
        self.rules.iter().find(asked).map(|rule| rule.queues.as_slice())
    }

    /// The same, laid out.
    #[must_use]
    pub fn asked_layout(&self) -> Option<Layout> {
        self.asked_queues().and_then(Layout::of)
    }

    /// The service with this id.
    #[must_use]
    pub fn service(&self, id: u32) -> Option<&Service> {
        let index = self.services.binary_search_by_key(&id, |service| service.id).ok()?;
        self.services.get(index)
    }

    /// The service with this name. For people's input only; a name is never identity.
    #[must_use]
    pub fn service_named(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// The device with this id.
    #[must_use]
    pub fn device(&self, id: u16) -> Option<&Device> {
        self.devices.get(usize::from(id))
    }

    /// The device with this name. For people's input only.
    #[must_use]
    pub fn device_named(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == name)
    }

    /// The one rule that lets `subject` receive `device`; absence is deny.
    #[must_use]
    pub fn rule_for(&self, subject: u32, device: u16) -> Option<&Rule> {
        let key = (subject, device);
        let index =
            self.rules.binary_search_by_key(&key, |rule| (rule.subject, rule.device)).ok()?;
        self.rules.get(index)
    }

    /// The rule with this number, from 1.
    #[must_use]
    pub fn rule(&self, number: u16) -> Option<&Rule> {
        self.rules.get(usize::from(number).checked_sub(1)?)
    }

    /// Identifier and reason of the policy line with this number: the rules, from 1, after them
    /// the permits, service by service, and after them the rings, what opens trees, and what lets reach by the
    /// network, likewise.
    #[must_use]
    pub fn line(&self, number: u16) -> Option<(&str, &str)> {
        self.lines().nth(usize::from(number).checked_sub(1)?)
    }

    /// Identifier and reason of every policy line, in the order of their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let rules = self.rules.iter().map(|rule| (rule.id.as_str(), rule.reason.as_str()));
        let permits = self.services.iter().flat_map(|service| &service.permits);
        let permits = permits.map(|permit| (permit.id.as_str(), permit.reason.as_str()));
        let rings = self.services.iter().flat_map(|service| &service.rings);
        let rings = rings.map(|ring| (ring.id.as_str(), ring.reason.as_str()));
        let opens = self.services.iter().flat_map(|service| &service.opens);
        let opens = opens.map(|open| (open.id.as_str(), open.reason.as_str()));
        let reaches = self.services.iter().flat_map(|service| &service.reaches);
        let reaches = reaches.map(|reach| (reach.id.as_str(), reach.reason.as_str()));
        rules.chain(permits).chain(rings).chain(opens).chain(reaches)
    }

    /// The number of the policy line that lets `consumer` share memory with `server`; absence is deny.
    #[must_use]
    pub fn line_of_ring(&self, consumer: u32, server: u32) -> Option<u16> {
        let permits = self.services.iter().map(|service| service.permits.len()).sum();
        let rings = self.rings().map(|(consumer, ring)| (consumer, ring.server));
        let index = rings.take_while(|one| *one != (consumer, server)).count();
        let number = self.rules.len().checked_add(permits)?.checked_add(index)?.checked_add(1)?;
        self.service(consumer)?.ring(server)?;
        u16::try_from(number).ok()
    }

    /// The number of the policy line that opens `prefix` in the tree of `owner` to `subject`; absence is deny.
    #[must_use]
    pub fn line_of_open(&self, subject: u32, owner: u32, prefix: &str) -> Option<u16> {
        let index = self.opens().position(|(who, open)| {
            (who, open.owner, open.prefix.as_str()) == (subject, owner, prefix)
        })?;
        u16::try_from(self.before_opens().checked_add(index)?.checked_add(1)?).ok()
    }

    /// What the policy line with this number opens, when it opens state.
    #[must_use]
    pub fn open(&self, number: u16) -> Option<&OpenTree> {
        let index = usize::from(number).checked_sub(self.before_opens())?.checked_sub(1)?;
        self.opens().nth(index).map(|(_, open)| open)
    }

    /// Lines before those that open state.
    fn before_opens(&self) -> usize {
        let others = |one: &Service| one.permits.len().saturating_add(one.rings.len());
        let others = self.services.iter().map(others);
        others.fold(self.rules.len(), usize::saturating_add)
    }

    /// All that opens trees of others, and to whom, by ascending subject, then owner, then prefix.
    pub fn opens(&self) -> impl Iterator<Item = (u32, &OpenTree)> {
        self.services.iter().flat_map(|one| one.opens.iter().map(|open| (one.id, open)))
    }

    /// The number of the policy line that lets `subject` do that by the network with a peer at `ip`, by `port`, which
    /// counts for nothing with an echo; absence is deny. Of several the first counts. That an address is
    /// [one of this machine](super::NetworkSays::is_this_machine) is looked at elsewhere.
    #[must_use]
    pub fn reach_of(
        &self,
        subject: u32,
        protocol: NetProtocol,
        direction: NetDirection,
        ip: Ip,
        port: u16,
    ) -> Option<u16> {
        let index = self
            .reaches()
            .position(|(who, reach)| who == subject && reach.lets(protocol, direction, ip, port))?;
        self.line_of_reach(index)
    }

    /// The number of the policy line at this place in [`Description::reaches`].
    #[must_use]
    pub fn line_of_reach(&self, index: usize) -> Option<u16> {
        u16::try_from(self.before_reaches().checked_add(index)?.checked_add(1)?).ok()
    }

    /// What the policy line with this number lets reach by the network, and whom, when it does.
    #[must_use]
    pub fn reach(&self, number: u16) -> Option<(u32, &Reach)> {
        let index = usize::from(number).checked_sub(self.before_reaches())?.checked_sub(1)?;
        self.reaches().nth(index)
    }

    /// Lines before those about the network.
    fn before_reaches(&self) -> usize {
        self.services
            .iter()
            .fold(self.before_opens(), |sum, one| sum.saturating_add(one.opens.len()))
    }

    /// All that lets services reach others by the network, or be reached, by ascending subject, then as in
    /// [`Service::reaches`].
    pub fn reaches(&self) -> impl Iterator<Item = (u32, &Reach)> {
        self.services.iter().flat_map(|one| one.reaches.iter().map(|reach| (one.id, reach)))
    }

    /// What this service keeps in the store.
    #[must_use]
    pub fn tree_of(&self, service: u32) -> Option<Tree> {
        self.service(service)?.tree
    }

    /// The disk that holds the store, and the GUID of its partition there.
    #[must_use]
    pub fn store(&self) -> Option<(u16, [u8; GUID_LEN])> {
        self.devices.iter().find_map(|device| Some((device.id, device.store?)))
    }

    /// Every ring, and its consumer, by ascending consumer, then driver.
    pub fn rings(&self) -> impl Iterator<Item = (u32, &Ring)> {
        self.services.iter().flat_map(|one| one.rings.iter().map(|ring| (one.id, ring)))
    }

    /// The rings that a service has a part in, each with its peer. Bit n of what tells it is that of the
    /// n-th: there are fewer than 63.
    pub fn rings_of(&self, service: u32) -> impl Iterator<Item = (u32, &Ring)> {
        self.rings().filter_map(move |(consumer, ring)| {
            let peer = if consumer == service { ring.server } else { consumer };
            [consumer, ring.server].contains(&service).then_some((peer, ring))
        })
    }

    /// The bit by which a service is told of its ring with `peer`.
    #[must_use]
    pub fn ring_bit(&self, service: u32, peer: u32) -> Option<u64> {
        let place = self.rings_of(service).position(|(other, _)| other == peer)?;
        1u64.checked_shl(u32::try_from(place).ok()?)
    }

    /// The number of the policy line that lets `subject` have `permission`; absence is deny.
    #[must_use]
    pub fn line_of(&self, subject: u32, permission: Permission) -> Option<u16> {
        let permits = self.services.iter().flat_map(|service| {
            service.permits.iter().map(move |permit| (service.id, permit.permission))
        });
        let before = permits.take_while(|one| *one != (subject, permission)).count();
        let number = self.rules.len().checked_add(before)?.checked_add(1)?;
        self.permits(subject, permission).then(|| u16::try_from(number).ok())?
    }

    /// The service that asks for `device`, and what it asks for.
    #[must_use]
    pub fn owner(&self, device: u16) -> Option<(&Service, &Need)> {
        self.services.iter().find_map(|service| Some((service, service.need(device)?)))
    }

    /// True when `subject` has `permission`.
    #[must_use]
    pub fn permits(&self, subject: u32, permission: Permission) -> bool {
        self.service(subject).is_some_and(|service| service.has(permission))
    }

    /// True when `client` may call `server`.
    #[must_use]
    pub fn may_call(&self, client: u32, server: u32) -> bool {
        self.service(client).is_some_and(|service| service.talks_to.contains(&server))
    }
}

impl Service {
    /// What it asks for of `device`.
    #[must_use]
    pub fn need(&self, device: u16) -> Option<&Need> {
        self.needs.iter().find(|need| need.device == device)
    }

    /// What lets it have `permission`.
    #[must_use]
    pub fn permit(&self, permission: Permission) -> Option<&Permit> {
        self.permits.iter().find(|permit| permit.permission == permission)
    }

    /// The ring in which it is the consumer, with this driver.
    #[must_use]
    pub fn ring(&self, server: u32) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.server == server)
    }

    /// True when it has `permission`.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        self.permit(permission).is_some()
    }
}
