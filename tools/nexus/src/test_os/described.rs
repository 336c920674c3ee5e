//! What a run is held against, from the built system and its image.

use super::agree::Expected;
use super::cuts::{self, Survived};
use super::drive::{Ended, Run, Until};
use super::judge::{Boot, Expectation, Judgement, judge};
use super::ledger::{Memory, Ring};
use super::machine::Machine;
use super::tied;
use crate::audit::{self, AuditMemory, AuditRing};
use crate::build::Built;
use crate::desc::{Checked, Expect};
use crate::exit::Exit;
use crate::protocol::Proof;
use crate::witness::dma::Reach;
use anyhow::Result;
use nexus_sysdesc::bounds::WINDOW_RIGHTS;
use nexus_sysdesc::layout::Layout;
use nexus_sysdesc::{Rule, Service};
use std::ops::Range;

/// What a run is held against.
pub(super) struct Described<'a> {
    built: &'a Built,
    /// Every proof of a run; of two boots, of the second.
    pub(super) proofs: Vec<Proof>,
    /// Every proof of the first of two boots.
    pub(super) first: Vec<Proof>,
    /// Who may touch what.
    pub(super) audit: Vec<Expected>,
    rings: Vec<Ring>,
    services: Vec<u32>,
    kernel: Vec<Range<u64>>,
    reaches: Vec<Reach>,
}

/// One boot, and what it came to.
pub(super) struct Judged {
    pub(super) run: Run,
    pub(super) judgement: Judgement,
    /// What cuts of the power came to, where it ended so.
    pub(super) survived: Option<Survived>,
}

impl<'a> Described<'a> {
    /// From `built`.
    ///
    /// # Errors
    /// The image cannot be read.
    pub(super) fn of(built: &'a Built) -> Result<Described<'a>> {
        let checked = &built.checked;
        Ok(Described {
            built,
            proofs: required_proofs(checked),
            first: first_proofs(checked),
            audit: expected_windows(&built.image)?,
            rings: expected_rings(&built.image)?,
            services: checked.description.services.iter().map(|service| service.id).collect(),
            kernel: built.kernel_ranges()?,
            reaches: reaches(checked),
        })
    }

    /// The first of two boots.
    ///
    /// # Errors
    /// As [`Machine::boot`].
    pub(super) fn first_boot(&self, machine: &mut Machine<'_>, until: Until) -> Result<Judged> {
        let mut run = machine.boot(Boot::First, until)?;
        let mut judgement = self.judge(&run, Boot::First);
        self.networks(machine, &run, &self.first, &mut judgement);
        // It was looked at.
        run.witness = None;
        if judgement.exit != Exit::Pass {
            judgement.findings.push("this was the first of two boots".to_owned());
        }
        Ok(Judged { run, judgement, survived: None })
    }

    /// The last boot, or the only one.
    ///
    /// # Errors
    /// As [`Machine::boot`]; when the log of a disk cannot be read.
    pub(super) fn last_boot(
        &self,
        machine: &mut Machine<'_>,
        expect: Option<&Expect>,
        until: Until,
    ) -> Result<Judged> {
        let run = machine.boot(Boot::Last, until.clone())?;
        let mut survived = None;
        let mut judgement = match expect {
            Some(Expect::Refusal(expect)) => {
                expect.judge(&run, &self.audit, &|id| service_name(&self.built.checked, id))
            }
            Some(Expect::Prompt(prompt)) => prompt.judge(&run, &until),
            Some(Expect::Cuts(cuts)) if until == Until::Cut => {
                let built = &self.built;
                let (judgement, after) = cuts::judge(&run, cuts, &built.checked, &built.directory)?;
                survived = Some(after);
                judgement
            }
            _ => self.judge(&run, Boot::Last),
        };
        self.networks(machine, &run, &self.proofs, &mut judgement);
        judgement.and(self.page(&run));
        if let Some(wire) = &machine.wire {
            wire.judge(&mut judgement);
        }
        Ok(Judged { run, judgement, survived })
    }

    /// What is wrong with two boots together: what each is judged by says nothing of the other.
    pub(super) fn tied(&self, first: &Run, second: &Run) -> Vec<String> {
        tied::check(&self.services, &first.transcript.ledger, &second.transcript.ledger)
    }

    fn judge(&self, run: &Run, boot: Boot) -> Judgement {
        let checked = &self.built.checked;
        let proofs = match boot {
            Boot::First => &self.first,
            Boot::Last => &self.proofs,
        };
        judge(
            run,
            &Expectation {
                boot,
                proofs,
                audit: &self.audit,
                rings: &self.rings,
                services: &self.services,
                kernel: &self.kernel,
                virtio_id: &|device| virtio_id(checked, device),
                name: &|id| service_name(checked, id),
                opens: checked.judged,
                reaches: &self.reaches,
            },
        )
    }

    /// What is wrong with the page, where it was looked at.
    fn page(&self, run: &Run) -> Vec<String> {
        match run.witness.as_ref().and_then(|witness| witness.page.as_ref()) {
            None => Vec::new(),
            Some(Err(why)) => vec![why.clone()],
            Some(Ok(page)) => page.findings(&self.services, &self.audit, &run.transcript.ledger),
        }
    }

    /// What went over the networks is a part of the verdict.
    fn networks(
        &self,
        machine: &Machine<'_>,
        run: &Run,
        proofs: &[Proof],
        judgement: &mut Judgement,
    ) {
        // A run that was ended from outside need not have come to frames.
        let ended = matches!(run.ended, Ended::Marker | Ended::Cut);
        judgement.and(machine.networks.look().judge(if ended { &[] } else { proofs }));
    }
}

fn required_proofs(checked: &Checked) -> Vec<Proof> {
    let services = checked.description.services.iter();
    services.flat_map(|service| proofs_of(service, &service.must_prove)).collect()
}

/// Whoever proves something in the first of two boots proves nothing else there.
fn first_proofs(checked: &Checked) -> Vec<Proof> {
    let services = checked.description.services.iter();
    let own = |service: &Service| checked.first_boot.get(&service.id);
    services
        .flat_map(|service| proofs_of(service, own(service).unwrap_or(&service.must_prove)))
        .collect()
}

fn proofs_of(service: &Service, proofs: &[nexus_sysdesc::Proof]) -> Vec<Proof> {
    let proof = |proof: &nexus_sysdesc::Proof| Proof {
        service: service.name.clone(),
        id: proof.name.clone(),
        checks: proof.checks,
    };
    proofs.iter().map(proof).collect()
}

fn expected_rings(image: &[u8]) -> Result<Vec<Ring>> {
    let services = audit::of_image(image)?.services;
    let rings = services.iter().flat_map(|consumer| {
        let ring = |ring: &AuditRing| Ring {
            consumer: consumer.id,
            driver: ring.driver,
            len: ring.bytes,
            rights: WINDOW_RIGHTS.bits(),
        };
        consumer.rings.iter().map(ring)
    });
    Ok(rings.collect())
}

fn expected_windows(image: &[u8]) -> Result<Vec<Expected>> {
    let audit = audit::of_image(image)?;
    let has_dma = |name: &str| audit.device(name).is_some_and(|device| device.dma);
    let again = |id: u32| {
        let mut services = audit.services.iter();
        services.any(|service| service.id == id && service.restart != "never")
    };
    let windows = audit.windows.iter().cloned();
    Ok(windows
        .map(|window| Expected {
            service: window.service,
            device: window.device,
            dma: has_dma(&window.device_name),
            again: again(window.service),
            memory: window.memory.as_ref().and_then(memory),
            device_name: window.device_name,
            len: window.len,
            rights: window.rights,
            registers: window.registers,
            irq: window.irq,
            interval: window.interval,
        })
        .collect())
}

/// What a device is set up to reach, as the record says it.
fn memory(memory: &AuditMemory) -> Option<Memory> {
    let digest = u64::from_str_radix(&memory.digest, 16).ok()?;
    let reach = u32::try_from(memory.reach).ok()?;
    Some(Memory { pool: memory.pool, reach, digest })
}

/// What each device may be made to reach, and by whom.
fn reaches(checked: &Checked) -> Vec<Reach> {
    let description = &checked.description;
    let reach = |rule: &Rule| {
        let device = description.device(rule.device)?;
        let layout = Layout::of(&rule.queues)?;
        let (number, owner) = (rule.device, rule.subject);
        device.dma.then(|| Reach {
            device: device.name.clone(),
            number,
            owner,
            serial: device.serial().map(|serial| serial.to_string()),
            layout,
            recorded: None,
        })
    };
    description.rules.iter().filter_map(reach).collect()
}

/// The DeviceID of a device number, for virtio devices.
pub(super) fn virtio_id(checked: &Checked, device: u16) -> Option<u32> {
    let devices = checked.description.devices.iter();
    devices.filter(|one| one.id == device).find_map(|one| one.virtio_id)
}

fn service_name(checked: &Checked, id: u32) -> String {
    let services = checked.description.services.iter();
    let found = services.filter(|one| one.id == id).map(|one| one.name.clone()).next();
    found.unwrap_or_else(|| format!("service {id}"))
}
