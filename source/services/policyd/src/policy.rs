//! The rules, applied. Nothing here remembers anything.

use alloc::string::String;

use nexus_abi::{PAGE_SIZE, Rights};
use nexus_proto::Registers;
use nexus_proto::policy::{Decide, Explain, ExplainNet, NO_LINE, NO_RULE, Reason};
use nexus_sysdesc::bounds::is_window_rights;
use nexus_sysdesc::layout::Sizes;
use nexus_sysdesc::sealed::is_owners;
use nexus_sysdesc::{
    Description, NetDirection, NetProtocol, NetworkSays, Permission, Reach, Rule, Sockets,
};

/// What the rules say to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Why. `Allowed` and nothing else is an allow.
    pub reason: Reason,
    /// The rule concerned; [`NO_RULE`] when there is none.
    pub rule: u16,
}

impl Ruling {
    /// A denial that no rule has a part in.
    #[must_use]
    pub const fn denied(reason: Reason) -> Ruling {
        Ruling { reason, rule: NO_RULE }
    }

    /// The same ruling with `reason` in place of an allow.
    #[must_use]
    pub fn unless(self, bad: bool, reason: Reason) -> Ruling {
        if bad && self.reason == Reason::Allowed { Ruling { reason, ..self } } else { self }
    }
}

/// The rules of the image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    description: Description,
}

impl Policy {
    /// The rules of a description that has been validated.
    #[must_use]
    pub fn new(description: Description) -> Policy {
        Policy { description }
    }

    /// Version of the rules.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.description.epoch
    }

    /// Who distributes: nobody else has anything decided.
    #[must_use]
    pub fn distributor(&self) -> u32 {
        self.description.init
    }

    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> u32 {
        u32::try_from(self.description.rules.len()).unwrap_or(u32::MAX)
    }

    /// Identifier and reason of the line with this number.
    #[must_use]
    pub fn line(&self, number: u16) -> Option<(&str, &str)> {
        self.description.line(number)
    }

    /// The number of the line that lets the service have the permission.
    #[must_use]
    pub fn line_of(&self, service: u32, permission: Permission) -> Option<u16> {
        self.description.line_of(service, permission)
    }

    /// The number of the line that lets the one share memory with the other, its driver.
    #[must_use]
    pub fn line_of_ring(&self, service: u32, driver: u32) -> Option<u16> {
        self.description.line_of_ring(service, driver)
    }

    /// Of the lines that open the state of `owner` to the service, the one with this index: its number, and
    /// the rights that it gives.
    #[must_use]
    pub fn open(&self, service: u32, owner: u32, index: u16) -> Option<(u16, u8)> {
        let opens = &self.description.service(service)?.opens;
        let open = opens.iter().filter(|open| open.owner == owner).nth(usize::from(index))?;
        let line = self.description.line_of_open(service, owner, &open.prefix)?;
        Some((line, open.rights))
    }

    /// The prefix that the line with this number opens.
    #[must_use]
    pub fn prefix(&self, line: u16) -> Option<&str> {
        self.description.open(line).map(|open| open.prefix.as_str())
    }

    /// True when the service keeps state.
    #[must_use]
    pub fn keeps_state(&self, service: u32) -> bool {
        self.description.tree_of(service).is_some()
    }

    /// Of the lines that let the service do what is asked about with the network, the one with this index.
    #[must_use]
    pub fn reach(&self, ask: &ExplainNet, protocol: NetProtocol) -> Option<u16> {
        let direction = if ask.inward { NetDirection::In } else { NetDirection::Out };
        let lets = |reach: &Reach| match ask.one {
            true => reach.lets(protocol, direction, ask.address, ask.port),
            false => reach.lets_some(protocol, direction, ask.port),
        };
        let mut reaches = self
            .description
            .reaches()
            .enumerate()
            .filter(|(_, (who, reach))| *who == ask.service && lets(reach));
        let (index, _) = reaches.nth(usize::from(ask.index))?;
        self.description.line_of_reach(index)
    }

    /// The ports that the line with this number lets, or the addresses.
    #[must_use]
    pub fn net_terms(&self, line: u16, addresses: bool) -> Option<String> {
        let (_, reach) = self.description.reach(line)?;
        Some(if addresses { reach.addresses_text() } else { reach.ports_text() })
    }

    /// What the service may have of the network stack.
    #[must_use]
    pub fn sockets(&self, service: u32) -> Option<Sockets> {
        self.description.service(service)?.sockets
    }

    /// How the network of the board is.
    #[must_use]
    pub fn network(&self) -> Option<&NetworkSays> {
        self.description.network.as_ref()
    }

    /// True when there is such a service.
    #[must_use]
    pub fn has_service(&self, service: u32) -> bool {
        self.description.service(service).is_some()
    }

    /// True when the device reaches memory by itself.
    #[must_use]
    pub fn has_dma(&self, device: u16) -> bool {
        self.description.device(device).is_some_and(|device| device.dma)
    }

    /// The rule about a service and a device.
    #[must_use]
    pub fn rule_for(&self, service: u32, device: u16) -> Option<&Rule> {
        self.description.rule_for(service, device)
    }

    /// True when the service has the permission.
    #[must_use]
    pub fn permits(&self, service: u32, permission: Permission) -> bool {
        self.description.permits(service, permission)
    }

    /// What the rules say to `ask`. Of a device that reaches memory by itself nobody is given all
    /// registers, or one with addresses (RFC-0004); and it is to reach what the rule says, all of it.
    #[must_use]
    pub fn rule_on(&self, ask: &Decide) -> Ruling {
        let ruling = self.rule_on_rights(ask.subject.id, ask.device, ask.rights);
        let rule = self.rule_for(ask.subject.id, ask.device);
        let written = rule.is_some_and(|rule| ask.registers.is_within(registers(rule)))
            && (!self.has_dma(ask.device) || ask.registers.mask().is_some_and(is_owners));
        let reached = rule.and_then(|rule| Sizes::of(&rule.queues)).map(Sizes::pages);
        let lined = ask.line == NO_LINE || rule.is_some_and(|rule| rule.irq);
        ruling
            .unless(!written, Reason::RegistersDenied)
            .unless(!lined, Reason::LineDenied)
            .unless(reached != Some(ask.pool), Reason::QueuesDenied)
            .unless(!self.is_window(ask), Reason::WindowMismatch)
    }

    /// Least microseconds between two interrupts of the line that `ask` is about, where it is
    /// allowed; 0 for no such bound, or when it is about none.
    #[must_use]
    pub fn interval(&self, ask: &Decide) -> u32 {
        let rule = self.rule_for(ask.subject.id, ask.device);
        rule.filter(|_| ask.line != NO_LINE).map_or(0, |rule| rule.interval)
    }

    /// What the rules would say of rights on the window, with the registers and the line of the
    /// rule. No rights stand for those of the rule.
    #[must_use]
    pub fn explain(&self, ask: &Explain) -> Ruling {
        let all = self.rule_for(ask.service, ask.device).map_or(ask.rights, |rule| rule.rights);
        let rights = if ask.rights == 0 { all } else { ask.rights };
        self.rule_on_rights(ask.service, ask.device, rights)
    }

    fn rule_on_rights(&self, service: u32, device: u16, rights: u16) -> Ruling {
        if self.description.service(service).is_none() {
            return Ruling::denied(Reason::UnknownService);
        }
        if self.description.device(device).is_none() {
            return Ruling::denied(Reason::UnknownDevice);
        }
        let Some(rule) = self.rule_for(service, device) else {
            return Ruling::denied(Reason::NoRule);
        };
        let within = is_window_rights(rights)
            && Rights::from_bits(rights).is_some_and(|rights| rule.rights().contains(rights));
        Ruling { reason: Reason::Allowed, rule: rule.number }
            .unless(!within, Reason::RightsExceedRule)
    }

    /// True when the device could have this window: as long as described, whole pages, and where
    /// the board puts it.
    fn is_window(&self, ask: &Decide) -> bool {
        self.description.device(ask.device).is_some_and(|device| {
            ask.window_len() == device.window_len
                && ask.base.is_multiple_of(PAGE_SIZE)
                && ask.base.checked_add(ask.window_len()).is_some()
                && device.base.is_none_or(|base| base == ask.base)
        })
    }
}

/// The registers that a rule allows to be written.
#[must_use]
pub(crate) fn registers(rule: &Rule) -> Registers {
    rule.registers.into()
}
