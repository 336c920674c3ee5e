//! From a checked system to the description that goes into the image.

use super::model::{Allow, Device, ProfileFile, Service, System, Tree};
use super::net::Terms;
use anyhow::{Context, Result};
use nexus_sysdesc::{self as sysdesc, Description, Profile, Proof, Rule, bounds};
use std::collections::BTreeMap;

/// Frames of 4 KiB in a mebibyte.
const FRAMES_PER_MIB: u32 = 256;

/// By service id, what it proves in the first of two boots: of services that prove something there.
pub(crate) fn first_boot(system: &System, profile: &ProfileFile) -> BTreeMap<u32, Vec<Proof>> {
    let stays = |service: &&Service| {
        profile.kind.value == Profile::Test && !profile.leaves_out(&service.name)
    };
    let proofs = |service: &Service| {
        let proofs = service
            .first_boot
            .iter()
            .map(|proof| Proof { name: proof.name.value.clone(), checks: proof.checks });
        let proofs: Vec<Proof> = proofs.collect();
        (!proofs.is_empty()).then_some((service.id.value, proofs))
    };
    system.services.iter().filter(stays).filter_map(proofs).collect()
}

/// The description of `system` in `profile`.
///
/// # Errors
/// When the system has not passed the checks.
pub(crate) fn compile(system: &System, profile: &ProfileFile) -> Result<Description> {
    let compiler = Compiler::new(system, profile)?;
    let services = compiler.services.iter();
    let init = services.clone().find(|service| service.by_kernel).context("there is no init")?;
    let description = Description {
        name: system.name.value.clone(),
        profile: profile.kind.value,
        epoch: system.policy.epoch,
        unlimited_restarts: profile.unlimited_restarts.is_some(),
        init: init.id.value,
        devices: compiler.devices()?,
        services: services.map(|service| compiler.service(service)).collect::<Result<_>>()?,
        rules: compiler.rules()?,
        network: system.board.network.as_ref().map(|network| network.says.clone()),
    };
    description.validate().context("the compiled description is not valid")?;
    Ok(description)
}

const fn tree(tree: &Tree) -> sysdesc::Tree {
    sysdesc::Tree { id: tree.id.value, keys: tree.keys, bytes: tree.bytes }
}

struct Compiler<'a> {
    system: &'a System,
    profile: &'a ProfileFile,
    /// Those of the profile, in order of the board.
    devices: Vec<&'a Device>,
    /// Those of the profile, by id.
    services: Vec<&'a Service>,
}

impl<'a> Compiler<'a> {
    fn new(system: &'a System, profile: &'a ProfileFile) -> Result<Compiler<'a>> {
        let devices = system.board.devices.iter();
        let devices = devices.filter(|device| !profile.leaves_out_device(&device.name)).collect();
        let services = system.services.iter();
        let mut services: Vec<&Service> =
            services.filter(|service| !profile.leaves_out(&service.name)).collect();
        services.sort_by_key(|service| service.id.value);
        Ok(Compiler { system, profile, devices, services })
    }

    fn device_id(&self, name: &str) -> Option<u16> {
        let index = self.devices.iter().position(|device| device.name.value == name)?;
        u16::try_from(index).ok()
    }

    fn service_id(&self, name: &str) -> Option<u32> {
        let service = self.services.iter().find(|service| service.name.value == name)?;
        Some(service.id.value)
    }

    fn devices(&self) -> Result<Vec<sysdesc::Device>> {
        let devices = self.devices.iter().enumerate();
        devices
            .map(|(index, device)| {
                Ok(sysdesc::Device {
                    id: u16::try_from(index)?,
                    name: device.name.value.clone(),
                    compatible: device.compatible.value.clone(),
                    virtio_id: device.virtio_id.as_ref().map(|id| id.value),
                    instance: device.instance(),
                    base: device.base.as_ref().map(|base| base.value),
                    says: device.says.as_ref().map(|says| says.value),
                    store: device.store.as_ref().map(|store| store.value),
                    window_len: device.window(),
                    irq: device.irq,
                    dma: device.has_dma(),
                    danger: device.danger.value,
                })
            })
            .collect()
    }

    fn service(&self, service: &Service) -> Result<sysdesc::Service> {
        let unknown = || format!("{} speaks of what does not exist", service.name.value);
        let mut needs = Vec::new();
        for need in &service.needs {
            let device = self.device_id(&need.device).with_context(unknown)?;
            needs.push(sysdesc::Need {
                device,
                rights: need.rights.bits(),
                irq: need.irq.is_some(),
                polls: need.polls.is_some(),
                registers: need.registers.as_ref().map(|registers| registers.value),
                queues: need.queues.as_ref().map_or_else(Vec::new, |queues| queues.value.clone()),
            });
        }
        needs.sort_by_key(|need| need.device);
        let mut talks_to = Vec::new();
        for callee in &service.talks_to {
            talks_to.push(self.service_id(callee).with_context(unknown)?);
        }
        talks_to.sort_unstable();
        let (frames, objects) = self.budget(service);
        Ok(sysdesc::Service {
            id: service.id.value,
            name: service.name.value.clone(),
            priority: service.priority.value,
            frames,
            objects,
            stack_pages: service.stack_pages,
            needs,
            talks_to,
            serves: service.serves,
            restart: service.restart.value,
            answers_within: service.answers_within.as_ref().map(|within| within.value),
            must_prove: self.must_prove(service),
            permits: self.permits(service),
            rings: self.rings(service)?,
            tree: service.state.as_ref().map(tree),
            opens: self.opens(service)?,
            sockets: service.sockets.as_ref().map(|sockets| sockets.says),
            reaches: self.reaches(service)?,
        })
    }

    /// Init has the whole machine to divide.
    fn budget(&self, service: &Service) -> (u32, u32) {
        match &service.budget {
            Some(budget) => (budget.frames, budget.objects),
            None => {
                let memory = self.system.memory_mib();
                let frames = memory.saturating_mul(FRAMES_PER_MIB).min(bounds::MAX_FRAMES);
                (frames, bounds::MAX_OBJECTS)
            }
        }
    }

    fn must_prove(&self, service: &Service) -> Vec<Proof> {
        let proofs = service.proofs_in(self.profile).into_iter();
        proofs.map(|(name, checks)| Proof { name: name.to_owned(), checks }).collect()
    }

    /// What the policy permits, not what the service asks.
    fn permits(&self, service: &Service) -> Vec<sysdesc::Permit> {
        let lines = self.system.policy.permits.iter();
        let lines = lines.filter(|line| line.subject.value == service.name.value);
        let permits = lines.map(|line| sysdesc::Permit {
            permission: line.permission.value,
            id: line.id.value.clone(),
            reason: line.reason.clone(),
        });
        let mut permits: Vec<sysdesc::Permit> = permits.collect();
        permits.sort_by_key(|permit| permit.permission);
        permits
    }

    /// What the service asks for, and the line that allows just that.
    fn rings(&self, service: &Service) -> Result<Vec<sysdesc::Ring>> {
        let mut rings = Vec::new();
        for ring in &service.rings {
            let none = || format!("no line lets {} have {}", service.name.value, ring.with.value);
            let mut lines = self.system.policy.shares.iter();
            let line = lines.find(|line| {
                (&line.subject.value, &line.with.value) == (&service.name.value, &ring.with.value)
                    && line.pages.value == ring.pages.value
            });
            let line = line.with_context(none)?;
            rings.push(sysdesc::Ring {
                server: self.service_id(&ring.with).with_context(none)?,
                pages: line.pages.value,
                id: line.id.value.clone(),
                reason: line.reason.clone(),
            });
        }
        rings.sort_by_key(|ring| ring.server);
        Ok(rings)
    }

    /// The same, of the trees of others.
    fn opens(&self, service: &Service) -> Result<Vec<sysdesc::OpenTree>> {
        let mut opens = Vec::new();
        for open in &service.opens {
            let none =
                || format!("no line lets {} open {}", service.name.value, open.keys.tree.value);
            let mut lines = self.system.policy.states.iter();
            let line = lines.find(|line| {
                let same = line.keys.are(&open.keys) && line.rights.value == open.rights.value;
                same && line.subject.value == service.name.value
            });
            let line = line.with_context(none)?;
            opens.push(sysdesc::OpenTree {
                owner: self.service_id(&open.keys.tree).with_context(none)?,
                prefix: line.keys.prefix.value.clone(),
                rights: line.rights.value,
                id: line.id.value.clone(),
                reason: line.reason.clone(),
            });
        }
        opens.sort_by(|one, next| (one.owner, &one.prefix).cmp(&(next.owner, &next.prefix)));
        Ok(opens)
    }

    /// The same, of what it does with the network.
    fn reaches(&self, service: &Service) -> Result<Vec<sysdesc::Reach>> {
        let name = &service.name.value;
        let reach = |terms: &Terms| {
            let mut lines = self.system.policy.nets.iter();
            let line = lines.find(|line| line.subject.value == *name && line.terms.are(terms));
            let line = line.with_context(|| format!("no line lets what {}", terms.told(name)))?;
            let mut addresses = terms.addresses.value.clone();
            addresses.sort_unstable();
            Ok(sysdesc::Reach {
                protocol: terms.protocol,
                direction: terms.direction,
                ports: terms.ports.value.clone(),
                addresses,
                id: line.id.value.clone(),
                reason: line.reason.clone(),
            })
        };
        let mut reaches: Vec<sysdesc::Reach> =
            service.reaches.iter().map(reach).collect::<Result<_>>()?;
        let terms = |one: &sysdesc::Reach| {
            (one.protocol, one.direction, one.ports.clone(), one.addresses.clone())
        };
        reaches.sort_by_key(terms);
        Ok(reaches)
    }

    /// The lines about services and devices of this profile, numbered.
    fn rules(&self) -> Result<Vec<Rule>> {
        let lines = self.system.policy.allows.iter();
        let mut rules: Vec<Rule> = lines.filter_map(|line| self.rule(line)).collect();
        rules.sort_by_key(|rule| (rule.subject, rule.device));
        for (index, rule) in rules.iter_mut().enumerate() {
            rule.number = u16::try_from(index + 1)?;
        }
        Ok(rules)
    }

    fn rule(&self, line: &Allow) -> Option<Rule> {
        Some(Rule {
            number: 0,
            id: line.id.value.clone(),
            subject: self.service_id(&line.subject)?,
            device: self.device_id(&line.device)?,
            rights: line.rights.bits(),
            irq: line.irq.is_some(),
            registers: line.registers.as_ref().map(|registers| registers.value),
            interval: line.interval.as_ref().map_or(0, |interval| interval.value),
            queues: line.queues.as_ref().map_or_else(Vec::new, |queues| queues.value.clone()),
            reason: line.reason.clone(),
        })
    }
}
