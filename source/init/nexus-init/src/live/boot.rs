//! The order of the boot.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use nexus_abi::{Error, Handle, KindCode, PAGE_SIZE, Role, Startup, StartupCap};
use nexus_proto::ids;
use nexus_proto::init::{OwnerState, ServiceState};
use nexus_proto::log::{HeadInfo, RECORD_PAGES};
use nexus_rt::{Memory, StartError, startup, sys};
use nexus_sysdesc::archive::{ArchiveError, HOST_READS};
use nexus_sysdesc::{DescError, Description, Profile};

use super::machine::{Live, say};
use super::programs::{self, Programs};
use super::starter::Starter;
use super::watch::Watch;
use crate::board::{Range, Tree, TreeError};
use crate::init::{Init, Lines, Machine, Root};
use crate::order::start_order;
use crate::records::RingRecord;
use crate::registry::Registry;

/// Why init cannot do its work.
#[derive(Debug)]
pub enum BootError {
    /// The kernel gave it too little.
    Missing(&'static str),
    /// The kernel refused.
    Kernel(&'static str, Error),
    /// Memory from the boot cannot be read.
    Memory(StartError),
    /// The boot archive is damaged.
    Archive(ArchiveError),
    /// The description is damaged.
    Description(DescError),
    /// The device tree is damaged.
    Tree(TreeError),
    /// The description says that another service is init.
    NotInit(u32),
    /// Nobody can talk to the system.
    NoConsole,
}

impl BootError {
    /// What init ends with.
    #[must_use]
    pub const fn exit_code(&self) -> u64 {
        match self {
            BootError::NoConsole => 3,
            BootError::Missing(_) => 10,
            BootError::Kernel(..) => 11,
            BootError::Memory(_) => 12,
            BootError::Archive(_) => 13,
            BootError::Description(_) => 14,
            BootError::Tree(_) => 15,
            BootError::NotInit(_) => 16,
        }
    }
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BootError::Missing(what) => write!(f, "the kernel gave no {what}"),
            BootError::Kernel(what, error) => write!(f, "{what}: {error:?}"),
            BootError::Memory(error) => write!(f, "memory from the boot: {error:?}"),
            BootError::Archive(error) => write!(f, "boot archive: {error}"),
            BootError::Description(error) => write!(f, "description: {error}"),
            BootError::Tree(error) => write!(f, "{error}"),
            BootError::NotInit(id) => write!(f, "the description has service {id} for init"),
            BootError::NoConsole => f.write_str("nobody has the console: giving up"),
        }
    }
}

/// Names the step in a refusal of the kernel.
fn at<T>(what: &'static str, result: Result<T, Error>) -> Result<T, BootError> {
    result.map_err(|error| BootError::Kernel(what, error))
}

/// A system that is distributed, and the endpoint that init serves.
pub struct Booted {
    /// Init's state.
    pub init: Init<Live>,
    /// Its endpoint, with the ends of services bound to it.
    pub endpoint: Handle,
    /// Told when a service has ended, and bound to the endpoint.
    pub ends: Handle,
    /// The priority that the description gives it.
    pub priority: u8,
}

/// Does everything: finds the devices, starts the services, gives each what it is allowed.
///
/// # Errors
/// [`BootError`]; it has been said on the kernel's console.
pub fn boot() -> Result<Booted, BootError> {
    let block = startup().block();
    let console = cap(block, Role::Console, "console").map(|cap| Handle(cap.handle));
    let console = console.unwrap_or(Handle::NONE);
    boot_with(block, console).inspect_err(|error| say(console, &format!("init: {error}")))
}

fn boot_with(block: &Startup, console: Handle) -> Result<Booted, BootError> {
    let start = startup();
    let spawn = Handle(cap(block, Role::Spawn, "spawn authority")?.handle);
    let archive = start.map_memory(Role::BootArchive).map_err(BootError::Memory)?;
    let tree = start.map_memory(Role::DeviceTree).map_err(BootError::Memory)?;
    let archive = programs::keep(archive).map_err(BootError::Archive)?;
    let encoded = archive.description().map_err(BootError::Archive)?.data;
    let description = Description::decode(encoded).map_err(BootError::Description)?;
    if description.init != block.service_id {
        return Err(BootError::NotInit(description.init));
    }
    let board = Tree::parse(tree.bytes()).map_err(BootError::Tree)?;
    drop(tree);

    let roots = roots(block);
    let mut registry = Registry::new(description);
    let endpoint = make_endpoints(&mut registry)?;
    let ends = at("notification", sys::notification_create())?;
    at("binding ends of services", sys::endpoint_bind(endpoint, ends))?;
    become_service(&mut registry, block);

    let rings = make_rings(&registry)?;
    make_told(&mut registry)?;
    let own = registry.description().service(block.service_id);
    let priority = own.map_or(0, |service| service.priority);
    let description = (at("description", shared(encoded))?, encoded.len() as u64);
    let record = at("memory for the ledger", sys::vmo_create(RECORD_PAGES))?;
    let programs = Programs::new(archive, spawn, ends, description, record, block, priority);
    let watch = at("watch", Watch::new(registry.description(), block.timebase_hz))?;
    let starter = at("starter", Starter::new())?;
    let machine = Live::new(console, programs, watch, starter, &roots);
    let mut init = Init::new(registry, roots, block.timebase_hz, machine);
    init.rings = rings;
    init.lines = lines(block).into_iter().collect();
    init.locate(&board);
    let order = start_order(init.registry.description());
    start_all(&mut init, ends, &order.authorities);
    init.hand_over();
    init.tell_apart(&board);
    init.part_lines();
    start_all(&mut init, ends, &order.others);
    init.refuse_unnamed();
    // In a test system the tests tell what the host reads.
    let in_use = init.registry.description().profile == Profile::Prod;
    init.read_as = Some(block.nonce).filter(|nonce| in_use && nonce & HOST_READS != 0);
    let_go(&mut init, block);
    at("watch", init.machine.watch.start())?;
    tell_head(&mut init, block.nonce);
    tell_refusals(&mut init, block.nonce)?;
    Ok(Booted { init, endpoint, ends, priority })
}

fn start_all(init: &mut Init<Live>, ends: Handle, services: &[usize]) {
    for index in services {
        init.start_first(*index);
        // Whoever has ended meanwhile is not waited for.
        init.notified(sys::wait(ends, 0, Handle::NONE).unwrap_or(0));
    }
}

fn cap(block: &Startup, role: Role, what: &'static str) -> Result<StartupCap, BootError> {
    block.with_role(role).next().copied().ok_or(BootError::Missing(what))
}

fn roots(block: &Startup) -> Vec<Root> {
    let root = |cap: &StartupCap| {
        let range = Range::new(cap.base, cap.len)?;
        Some(Root { handle: Handle(cap.handle), range })
    };
    block.with_role(Role::RootWindow).filter_map(root).collect()
}

fn lines(block: &Startup) -> Option<Lines> {
    let cap = block.with_role(Role::Lines).next()?;
    Some(Lines {
        handle: Handle(cap.handle),
        first: cap.base,
        count: cap.len,
        timebase_hz: block.timebase_hz,
    })
}

/// One endpoint for each service that serves, all before the first one starts. Returns init's.
fn make_endpoints(registry: &mut Registry) -> Result<Handle, BootError> {
    let own = registry.description().init;
    let services = registry.description().services.iter();
    let serving: Vec<u32> =
        services.filter(|one| one.serves || one.id == own).map(|one| one.id).collect();
    for id in serving {
        let endpoint = at("endpoint", sys::endpoint_create())?;
        if let Some(record) = registry.service_mut(id) {
            record.endpoint = endpoint;
        }
    }
    let record = registry.service(own).ok_or(BootError::NotInit(own))?;
    Ok(record.endpoint)
}

/// Memory for each ring, all before the first service starts: it outlives all of them.
fn make_rings(registry: &Registry) -> Result<Vec<RingRecord>, BootError> {
    let rings = registry.description().rings();
    let rings: Vec<(u32, u32, u16, u64)> =
        rings.map(|(consumer, ring)| (consumer, ring.server, ring.pages, ring.bytes())).collect();
    let mut made = Vec::with_capacity(rings.len());
    for (consumer, server, pages, len) in rings {
        let memory = at("memory for a ring", sys::vmo_create(pages.into()))?;
        made.push(RingRecord { consumer, server, memory, len, recorded: false, over: false });
    }
    Ok(made)
}

/// What tells each service that has a part in a ring, or is asked whether it answers.
fn make_told(registry: &mut Registry) -> Result<(), BootError> {
    for service in registry.description().services.clone() {
        let ringed = registry.description().rings_of(service.id).next().is_some();
        if !ringed && service.answers_within.is_none() {
            continue;
        }
        let told = at("notification of a service", sys::notification_create())?;
        if let Some(record) = registry.service_mut(service.id) {
            record.told = told;
        }
    }
    Ok(())
}

/// Init is a service like the others, but for who started it.
fn become_service(registry: &mut Registry, block: &Startup) {
    if let Some(own) = registry.service_mut(block.service_id) {
        own.process = Some(Handle::NONE);
        own.incarnation = block.incarnation;
        own.state = ServiceState::Started;
        own.lives = 1;
    }
}

/// Memory with these bytes, which nobody can change any more.
fn shared(bytes: &[u8]) -> Result<Handle, Error> {
    let pages = (bytes.len() as u64).div_ceil(PAGE_SIZE);
    let mut memory = Memory::new(pages)?;
    if let Some(to) = memory.bytes_mut().get_mut(..bytes.len()) {
        to.copy_from_slice(bytes);
    }
    let vmo = memory.into_vmo();
    sys::vmo_seal(vmo)?;
    Ok(vmo)
}

/// Lets go of all that was needed for distribution only. What is needed to start a service again stays: the
/// programs, the authority to make processes, and what each device that init gave comes from.
fn let_go(init: &mut Init<Live>, block: &Startup) {
    init.drop_roots();
    for cap in block.with_role(Role::DeviceTree) {
        init.drop_authority(Handle(cap.handle), KindCode::Vmo);
    }
}

/// Tells on the kernel's console how the ledger stands now that everything is given out: what was
/// recorded up to here cannot be written anew without another head.
fn tell_head(init: &mut Init<Live>, nonce: u64) {
    let Some(HeadInfo { records, head }) = init.machine.head() else {
        return init.machine.say("init: logd does not tell the head of the ledger");
    };
    let hash: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
    init.machine.say(&format!("init: ledger of {records} records, head {hash}"));
    if init.registry.description().profile == Profile::Test {
        init.machine.say(&format!("@nx {nonce:016x} head {records} {hash}"));
    }
}

/// Tells on the kernel's console what was refused, when there is nobody else to tell it, or when a host
/// reads a system in use.
fn tell_refusals(init: &mut Init<Live>, nonce: u64) -> Result<(), BootError> {
    let description = init.registry.description();
    let console = description.service(ids::CONSOLED).cloned();
    let held = |device: u16| {
        init.registry.device(device).is_some_and(|record| record.state == OwnerState::Held)
    };
    let told = console.as_ref().is_some_and(|own| own.needs.iter().all(|need| held(need.device)));
    if told && init.read_as.is_none() {
        return Ok(());
    }
    let lines = refusal_lines(&init.registry, nonce);
    for line in lines {
        init.machine.say(&line);
    }
    if console.is_some() && !told { Err(BootError::NoConsole) } else { Ok(()) }
}

fn refusal_lines(registry: &Registry, nonce: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for service in &registry.description().services {
        for need in &service.needs {
            let record = registry.device(need.device);
            if let Some(word) = record.and_then(|record| record.refusal.as_ref()) {
                let device = registry.device_name(need.device);
                lines.push(format!("init: {} does not get {device}: {word}", service.name));
                lines.push(format!("@nx {nonce:016x} refused {} {device} {word}", service.name));
            }
        }
    }
    lines.push(format!("@nx {nonce:016x} granted {}", registry.held()));
    lines
}
