//! What an image says, as facts: somebody, what is said of it, and how much of it.
//!
//! Every field of the [model](super::super::model) is named here, so that a new one does not compile before it is said
//! what it means for somebody who approves a change.

use super::super::model::{
    Audit, AuditDevice, AuditOpen, AuditPermit, AuditProgram, AuditRefusal, AuditRing,
    AuditSegment, AuditService, AuditTree, AuditWindow, MemoryTrust, Trusted, rights_names,
    state_rights_names,
};
use super::super::net::{AuditNetwork, AuditReach, AuditSockets};
use super::super::reach::{AuditMemory, AuditQueue};
use crate::visible;
use nexus_abi::Rights;
use nexus_sysdesc::registers;
use serde::Serialize;

/// Something that is said of somebody: `nsh`, `may call netstackd`; `rngd`, `has frames of memory:`, `32`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fact {
    pub(super) who: String,
    pub(super) what: String,
    /// Empty where there is nothing to measure.
    pub(super) amount: String,
}

impl Fact {
    /// What stays the same when only the amount changes.
    pub(super) fn name(&self) -> (&str, &str) {
        (&self.who, &self.what)
    }

    pub(super) fn sentence(&self) -> String {
        format!("{} {} {}", self.who, self.what, self.amount).trim_end().to_owned()
    }
}

/// The facts of an image, each once.
pub(super) fn of(audit: &Audit) -> Vec<Fact> {
    // The image is told by its head; its bytes follow from what is in it.
    let Audit {
        schema: _,
        system,
        profile: _,
        epoch: _,
        unlimited_restarts,
        image_sha256: _,
        image_bytes: _,
        devices,
        network,
        services,
        windows,
        refused,
        trusted,
        memory,
    } = audit;
    let mut all = Facts::default();
    if *unlimited_restarts {
        all.says(system, "starts services again without pause and limit");
    }
    devices.iter().for_each(|one| all.device(one));
    network.iter().for_each(|one| all.network(one));
    services.iter().for_each(|one| all.service(one));
    windows.iter().for_each(|one| all.window(one));
    for AuditRefusal { service, device, why } in refused {
        all.counts(service, &format!("asks for {device} and will be denied:"), why);
    }
    for Trusted { service, with } in trusted {
        with.iter().for_each(|with| all.says(service, &format!("must be trusted with {with}")));
    }
    for MemoryTrust { who, until, why } in memory {
        let until = until.as_deref().unwrap_or("always");
        all.counts(who, "is trusted with all memory", format!("{until}: {why}"));
    }
    all.0
}

#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn says(&mut self, who: &str, what: &str) {
        self.counts(who, what, "");
    }

    /// A fact. What is there already in another amount is there in both: two lines of the policy may let the same.
    fn counts(&mut self, who: &str, what: &str, amount: impl ToString) {
        let fact = Fact { who: who.into(), what: what.into(), amount: amount.to_string() };
        match self.0.iter_mut().find(|known| known.name() == fact.name()) {
            None => self.0.push(fact),
            Some(known) if known.amount.split(", ").any(|one| one == fact.amount) => {}
            Some(known) => known.amount = format!("{}, {}", known.amount, fact.amount),
        }
    }

    /// What a line of the policy is there for.
    fn rule(&mut self, rule: &str, reason: &str) {
        self.counts(&format!("the policy line {rule}"), "is there because:", reason);
    }

    fn device(&mut self, device: &AuditDevice) {
        let AuditDevice {
            id,
            name,
            class,
            instance,
            base,
            chosen_by,
            store,
            len,
            irq,
            dma,
            danger,
            // Told by its window.
            owners: _,
        } = device;
        self.counts(name, "is the device", format!("{class} #{instance}, number {id}"));
        let base =
            base.map_or_else(|| String::from("where it is found"), |base| format!("{base:#x}"));
        self.counts(name, "has its registers at", base);
        self.counts(name, "has bytes of registers:", len);
        self.counts(name, "is of danger", danger);
        if let Some(says) = chosen_by {
            self.counts(name, "is chosen by", says);
        }
        if let Some(store) = store {
            self.counts(name, "holds the store, in partition", store);
        }
        if *irq {
            self.says(name, "has an interrupt line");
        }
        if *dma {
            self.says(name, "can reach memory by itself");
        }
    }

    fn network(&mut self, network: &AuditNetwork) {
        let AuditNetwork { address, gateway, dns, leads_back, says: _ } = network;
        let who = "the network";
        self.counts(who, "gives the address", address);
        if let Some(gateway) = gateway {
            self.counts(who, "has the router", gateway);
        }
        dns.iter().for_each(|one| self.says(who, &format!("resolves names by {one}")));
        leads_back.iter().for_each(|one| self.says(who, &format!("leads back here by {one}")));
    }

    fn service(&mut self, service: &AuditService) {
        let AuditService {
            id,
            name,
            init,
            priority,
            frames,
            objects,
            serves,
            restart,
            answers_within,
            calls,
            permissions,
            permits,
            rings,
            tree,
            opens,
            sockets,
            reaches,
            // Told by its windows.
            owns: _,
            receives: _,
            danger,
            must_prove,
            program,
        } = service;
        self.counts(name, "is the service of number", id);
        self.counts(name, "has the priority", priority);
        let frames = if *init { String::from("all") } else { frames.to_string() };
        self.counts(name, "has frames of memory:", frames);
        self.counts(name, "has kernel objects:", objects);
        self.counts(name, "when it ends, is started again:", restart);
        self.counts(name, "holds devices of danger", danger);
        if *serves {
            self.says(name, "can be called");
        }
        if let Some(ms) = answers_within {
            self.counts(name, "must answer within", format!("{ms} ms"));
        }
        calls.iter().for_each(|peer| self.says(name, &format!("may call {peer}")));
        self.permits(name, permissions, permits);
        rings.iter().for_each(|ring| self.ring(name, ring));
        if let Some(AuditTree { id, keys, bytes }) = tree {
            self.counts(name, "keeps state in the tree", id);
            self.counts(name, "keeps keys at most:", keys);
            self.counts(name, "keeps bytes at most:", bytes);
        }
        opens.iter().for_each(|open| self.open(name, open));
        if let Some(AuditSockets { count, bytes }) = sockets {
            self.counts(name, "has sockets at most:", count);
            self.counts(name, "has bytes of sockets at most:", bytes);
        }
        reaches.iter().for_each(|reach| self.reach(name, reach));
        must_prove.iter().for_each(|proof| self.says(name, &format!("must prove {proof}")));
        self.program(name, program);
    }

    fn permits(&mut self, name: &str, permissions: &[&'static str], permits: &[AuditPermit]) {
        // Each has its line, or is told without one.
        for permission in permissions {
            let by = permits.iter().filter(|permit| permit.permission == *permission);
            let by: Vec<&str> = by.map(|permit| permit.rule.as_str()).collect();
            self.counts(name, &format!("has the permission `{permission}` by"), by.join(", "));
        }
        for AuditPermit { permission: _, rule, reason } in permits {
            self.rule(rule, reason);
        }
    }

    fn ring(&mut self, name: &str, ring: &AuditRing) {
        let AuditRing { driver: _, driver_name, bytes, rule, reason } = ring;
        self.counts(name, &format!("shares bytes of memory with {driver_name}:"), bytes);
        self.counts(name, &format!("shares memory with {driver_name} by"), rule);
        self.rule(rule, reason);
    }

    fn open(&mut self, name: &str, open: &AuditOpen) {
        let AuditOpen { owner: _, owner_name, prefix, rights, rule, reason } = open;
        let keys = match prefix.as_str() {
            "" => String::from("all keys"),
            prefix => format!("keys `{}`", visible::shown(prefix)),
        };
        for right in state_rights_names(*rights) {
            let what = format!("may {right} {keys} of the state of {owner_name}, by");
            self.counts(name, &what, rule);
        }
        self.rule(rule, reason);
    }

    fn reach(&mut self, name: &str, reach: &AuditReach) {
        let AuditReach { protocol, direction, ports, addresses, rule, reason } = reach;
        let may = if *direction == "out" { "may reach" } else { "may be reached by" };
        let ports: Vec<String> = match ports.as_slice() {
            [] => vec![String::new()],
            ports => ports.iter().map(|ports| format!(" {ports}")).collect(),
        };
        for port in ports {
            for address in addresses {
                self.counts(name, &format!("{may} {address}, {protocol}{port}, by"), rule);
            }
        }
        self.rule(rule, reason);
    }

    fn program(&mut self, name: &str, program: &AuditProgram) {
        let AuditProgram { sha256, bytes, entry, segments } = program;
        // The same bytes begin at the same place.
        let _ = entry;
        let length = |access| {
            let of_it = segments.iter().filter(|one: &&AuditSegment| one.access == access);
            of_it.map(|AuditSegment { va: _, len, access: _ }| len).sum::<u64>()
        };
        self.counts(name, "is the program of sha256", sha256);
        self.counts(name, "is a program of bytes:", bytes);
        for access in ["r", "rx", "rw"] {
            self.counts(name, &format!("maps bytes of its program, {access}:"), length(access));
        }
    }

    fn window(&mut self, window: &AuditWindow) {
        let AuditWindow {
            service: _,
            service_name: who,
            device: _,
            device_name: device,
            // Of the device, which is told by itself.
            class: _,
            base: _,
            len: _,
            danger: _,
            rights,
            registers,
            irq,
            interval,
            memory,
            all_memory,
            rule,
            reason,
        } = window;
        self.counts(who, &format!("holds {device} by"), rule);
        self.rule(rule, reason);
        for right in rights_names(*rights) {
            self.says(who, &format!("has the right `{right}` to {device}"));
        }
        self.writes(who, device, *rights, *registers);
        if *irq {
            let bound = match interval {
                0 => String::from("as often as it likes"),
                us => format!("at most every {us} us"),
            };
            self.counts(who, &format!("receives the interrupts of {device}"), bound);
        }
        if *all_memory {
            self.says(who, &format!("reaches all memory by {device}"));
        }
        memory.iter().for_each(|memory| self.memory(device, memory));
    }

    fn writes(&mut self, who: &str, device: &str, rights: u16, mask: Option<u64>) {
        if !Rights::from_bits_retain(rights).contains(Rights::WRITE) {
            return;
        }
        match mask {
            None => self.says(who, &format!("may write every register of {device}")),
            Some(mask) => registers::offsets(mask).for_each(|offset| {
                self.says(who, &format!("may write register {offset:#04x} of {device}"));
            }),
        }
    }

    fn memory(&mut self, device: &str, memory: &AuditMemory) {
        let AuditMemory { reach, beyond, pool, used, tables, digest, queues } = memory;
        for (what, bytes) in [
            ("reaches bytes of memory by itself:", reach),
            ("reaches bytes of memory outside its pool:", beyond),
            ("has bytes of a pool:", pool),
            ("has bytes of used rings:", used),
            ("has bytes of tables:", tables),
        ] {
            self.counts(device, what, bytes);
        }
        self.counts(device, "has its tables placed with the digest", digest);
        for (number, AuditQueue { entries, heads }) in queues.iter().enumerate() {
            let heads = heads.join("; ");
            let queue = format!("{entries} entries: {heads}");
            self.counts(device, &format!("has the queue {number} of"), queue);
        }
    }
}
