//! From an image to an audit.

use super::model::{
    Audit, AuditDevice, AuditOpen, AuditPermit, AuditProgram, AuditRefusal, AuditRing,
    AuditSegment, AuditService, AuditTree, AuditWindow, SCHEMA,
};
use super::{net, reach, trust};
use crate::image::hex;
use anyhow::{Context, Result, anyhow, ensure};
use nexus_loader::{Perm, Plan};
use nexus_sysdesc::archive::{Archive, Entry, Kind, image_hash};
use nexus_sysdesc::{
    Danger, Description, Device, Need, OpenTree, Permit, Ring, Rule, Says, Service, Tree,
};
use uguid::Guid;

/// Reads the audit out of an image.
///
/// # Errors
/// When it is not an image, or anything in it is damaged, hidden, or does not belong together.
pub fn of_image(image: &[u8]) -> Result<Audit> {
    let archive = Archive::parse(image)?;
    ensure!(archive.bytes().len() == image.len(), "bytes follow the archive");
    archive.check_padding()?;
    archive.check_hashes()?;
    let description = Description::decode(archive.description()?.data)?;
    check_programs(&archive, &description)?;

    let services = description.services.iter();
    let services = services.map(|service| audit_service(&archive, &description, service));
    let requests = || requests(&description);
    let windows = requests().filter_map(|request| window(&request)).collect();
    let refused = requests().filter_map(|request| refusal(&request)).collect();
    Ok(Audit {
        schema: SCHEMA,
        system: description.name.clone(),
        profile: description.profile.name().to_owned(),
        epoch: description.epoch,
        unlimited_restarts: description.unlimited_restarts,
        image_sha256: hex(&image_hash(image)),
        image_bytes: archive.total_len(),
        devices: description.devices.iter().map(|one| audit_device(&description, one)).collect(),
        network: net::network(&description),
        services: services.collect::<Result<_>>()?,
        windows,
        refused,
        trusted: trust::trusted(&description),
        memory: trust::with_memory(&description),
    })
}

/// Each service has its program and each program its service; init is where the kernel looks.
fn check_programs(archive: &Archive<'_>, description: &Description) -> Result<()> {
    for entry in archive.entries().filter(|entry| entry.kind != Kind::Description) {
        let service = description.service(entry.id);
        let service = service.with_context(|| {
            format!("the program `{}` is no service's (id {})", entry.name, entry.id)
        })?;
        ensure!(
            service.name == entry.name,
            "the program `{}` is that of service `{}`",
            entry.name,
            service.name
        );
        let init = entry.kind == Kind::Init;
        ensure!(
            init == (entry.id == description.init),
            "the kernel and the description disagree on which program is init"
        );
    }
    Ok(())
}

fn program<'a>(archive: &Archive<'a>, id: u32) -> Option<Entry<'a>> {
    archive.entries().find(|entry| entry.kind != Kind::Description && entry.id == id)
}

fn audit_service(
    archive: &Archive<'_>,
    description: &Description,
    service: &Service,
) -> Result<AuditService> {
    let entry = program(archive, service.id)
        .with_context(|| format!("`{}` has no program in the image", service.name))?;
    let granted: Vec<Request<'_>> = requests(description)
        .filter(|request| request.service.id == service.id && request.denial().is_none())
        .collect();
    let held: Vec<&Device> = granted.iter().map(|request| request.device).collect();
    let lines = granted.iter().filter(|request| request.need.irq);
    let callees = service.talks_to.iter().filter_map(|id| description.service(*id));
    Ok(AuditService {
        id: service.id,
        name: service.name.clone(),
        init: service.id == description.init,
        priority: service.priority,
        frames: service.frames,
        objects: service.objects,
        serves: service.serves,
        restart: service.restart.name(),
        answers_within: service.answers_within,
        calls: callees.map(|callee| callee.name.clone()).collect(),
        permissions: service.permits.iter().map(|permit| permit.permission.name()).collect(),
        permits: service.permits.iter().map(audit_permit).collect(),
        rings: service.rings.iter().map(|ring| audit_ring(description, ring)).collect(),
        tree: service.tree.as_ref().map(audit_tree),
        opens: service.opens.iter().map(|open| audit_open(description, open)).collect(),
        sockets: net::sockets(service),
        reaches: service.reaches.iter().map(net::reach).collect(),
        owns: held.iter().map(|device| device.name.clone()).collect(),
        receives: lines.map(|request| request.device.name.clone()).collect(),
        danger: held.iter().map(|device| device.danger).max().map_or("none", Danger::name),
        must_prove: service.must_prove.iter().map(|proof| proof.name.clone()).collect(),
        program: audit_program(&entry)?,
    })
}

fn audit_permit(permit: &Permit) -> AuditPermit {
    AuditPermit {
        permission: permit.permission.name(),
        rule: permit.id.clone(),
        reason: permit.reason.clone(),
    }
}

fn audit_ring(description: &Description, ring: &Ring) -> AuditRing {
    let driver = description.service(ring.server);
    AuditRing {
        driver: ring.server,
        driver_name: driver.map_or_else(String::new, |driver| driver.name.clone()),
        bytes: ring.bytes(),
        rule: ring.id.clone(),
        reason: ring.reason.clone(),
    }
}

fn audit_tree(tree: &Tree) -> AuditTree {
    AuditTree { id: format!("{:032x}", tree.id), keys: tree.keys, bytes: tree.bytes }
}

fn audit_open(description: &Description, open: &OpenTree) -> AuditOpen {
    let owner = description.service(open.owner);
    AuditOpen {
        owner: open.owner,
        owner_name: owner.map_or_else(String::new, |owner| owner.name.clone()),
        prefix: open.prefix.clone(),
        rights: open.rights,
        rule: open.id.clone(),
        reason: open.reason.clone(),
    }
}

fn audit_program(entry: &Entry<'_>) -> Result<AuditProgram> {
    let plan = Plan::parse(entry.data)
        .map_err(|why| anyhow!("the program `{}` cannot be loaded: {why:?}", entry.name))?;
    let segments = plan.segments().map(|segment| AuditSegment {
        va: segment.va,
        len: segment.mem_len,
        access: match segment.perm {
            Perm::R => "r",
            Perm::RX => "rx",
            Perm::RW => "rw",
        },
    });
    Ok(AuditProgram {
        sha256: hex(entry.sha256),
        bytes: u64::try_from(entry.data.len())?,
        entry: plan.entry,
        segments: segments.collect(),
    })
}

fn audit_device(description: &Description, device: &Device) -> AuditDevice {
    let owners = requests(description)
        .filter(|request| request.device.id == device.id && request.denial().is_none())
        .map(|request| request.service.name.clone());
    AuditDevice {
        id: device.id,
        name: device.name.clone(),
        class: class(device),
        instance: device.instance,
        base: device.base,
        chosen_by: device.says.map(chosen_by),
        store: device.store.map(|guid| Guid::from_bytes(guid).to_string()),
        len: device.window_len,
        irq: device.irq,
        dma: device.dma,
        danger: device.danger.name(),
        owners: owners.collect(),
    }
}

fn chosen_by(says: Says) -> String {
    match says {
        Says::Mac(mac) => format!("mac {}", mac.map(|byte| format!("{byte:02x}")).join(":")),
        Says::Capacity(bytes) => format!("capacity {bytes}"),
        Says::Serial(serial) => format!("serial {serial}"),
    }
}

fn class(device: &Device) -> String {
    match device.virtio_id {
        Some(id) => format!("{} DeviceID {id}", device.compatible),
        None => device.compatible.clone(),
    }
}

/// A service that asks for a device, and the rule about that.
struct Request<'a> {
    service: &'a Service,
    device: &'a Device,
    need: &'a Need,
    rule: Option<&'a Rule>,
}

impl Request<'_> {
    /// Why policyd will deny it.
    fn denial(&self) -> Option<&'static str> {
        let Some(rule) = self.rule else { return Some("no rule") };
        if !rule.rights().contains(self.need.rights()) {
            Some("more rights than the rule allows")
        } else if !is_within(self.need.registers, rule.registers) {
            Some("more registers than the rule allows")
        } else if self.need.irq && !rule.irq {
            Some("the rule does not allow the interrupt line")
        } else {
            None
        }
    }
}

/// True when nothing can be written by mask `one` that cannot be by `other`. `None` is no limit.
fn is_within(one: Option<u64>, other: Option<u64>) -> bool {
    other.is_none_or(|other| one.is_some_and(|one| one & !other == 0))
}

/// Every request, by service, then device.
fn requests(description: &Description) -> impl Iterator<Item = Request<'_>> {
    description.services.iter().flat_map(move |service| {
        service.needs.iter().filter_map(move |need| {
            let device = description.device(need.device)?;
            Some(Request {
                service,
                device,
                need,
                rule: description.rule_for(service.id, device.id),
            })
        })
    })
}

fn window(request: &Request<'_>) -> Option<AuditWindow> {
    let Request { service, device, need, rule } = request;
    let rule = rule.filter(|_| request.denial().is_none())?;
    Some(AuditWindow {
        service: service.id,
        service_name: service.name.clone(),
        device: device.id,
        device_name: device.name.clone(),
        class: class(device),
        base: device.base,
        len: device.window_len,
        rights: need.rights,
        registers: need.registers,
        irq: need.irq,
        interval: if need.irq { rule.interval } else { 0 },
        memory: reach::memory(&rule.queues),
        all_memory: trust::reaches_all(need, device),
        danger: device.danger.name(),
        rule: rule.id.clone(),
        reason: rule.reason.clone(),
    })
}

fn refusal(request: &Request<'_>) -> Option<AuditRefusal> {
    Some(AuditRefusal {
        service: request.service.name.clone(),
        device: request.device.name.clone(),
        why: request.denial()?,
    })
}
