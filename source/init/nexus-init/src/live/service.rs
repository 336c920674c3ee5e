//! Starting one service.

use alloc::format;

use nexus_abi::{
    FREE_START, Handle, PAGE_SIZE, Rights, Role, STACK_TOP, STARTUP_VA, Startup, StartupCap,
};
use nexus_proto::ids;
use nexus_proto::init::{Refusal, ServiceState};
use nexus_proto::log::RECORD_PAGES;
use nexus_rt::{child, sys};
use nexus_sysdesc::Service;
use nexus_sysdesc::archive::Archive;

use super::load::{LoadFailure, Loaded, load, tell};
use super::machine::{Live, Server};
use crate::grant::{Granted, Piece};
use crate::init::{Init, Machine};

/// What all services are started with.
pub struct Starter<'a> {
    /// The programs.
    pub archive: Archive<'a>,
    /// The authority to make processes.
    pub spawn: Handle,
    /// Told when a service has ended: bit n for place n in the description.
    pub ends: Handle,
    /// The description, sealed, for whoever wants to read it.
    pub description: (Handle, u64),
    /// The memory that the ledger lies in, for each life of logd.
    pub record: Handle,
    /// Ticks in a second.
    pub timebase_hz: u64,
    /// Number of this run.
    pub nonce: u64,
}

impl Starter<'_> {
    /// Starts the service at this place of the description, with everything that it needs, or not
    /// at all.
    pub fn start(&self, init: &mut Init<Live>, index: usize) {
        let Some(service) = init.registry.description().services.get(index).cloned() else {
            return;
        };
        match self.try_start(init, index, &service) {
            Ok(()) => {}
            Err(Failed::Load(why)) => {
                init.machine.say(&format!("init: {} is not started: {why}", service.name));
                nexus_rt::error!("{} is not started: {why}", service.name);
                init.refuse_needs(service.id, Refusal::NotLoaded);
                init.abandon(service.id, ServiceState::NotLoaded);
            }
            Err(Failed::NoDevice) => {
                nexus_rt::warn!("{} is not started without its device", service.name);
                init.refuse_needs(service.id, Refusal::SubjectEnded);
                init.abandon(service.id, ServiceState::Waiting);
            }
        }
    }

    fn try_start(
        &self,
        init: &mut Init<Live>,
        index: usize,
        service: &Service,
    ) -> Result<(), Failed> {
        let image = self.archive.service(service.id).ok_or(LoadFailure::Missing)?.data;
        let process = self.create(init, index, service)?;
        let mut loaded = load(process, image, service.stack_pages)?;

        let mut block = self.block(init, service);
        self.give_endpoints(init, process, service, &mut block)?;
        for cap in init.share(service.id, process)? {
            push_cap(&mut block, cap)?;
        }
        for need in &service.needs {
            let granted = init.give(service.id, process, need).ok_or(Failed::NoDevice)?;
            tell_pieces(&mut block, init, need.device, &granted)?;
        }
        tell(process, &mut loaded, &block)?;
        self.run(init, process, service, loaded)
    }

    fn create(
        &self,
        init: &mut Init<Live>,
        index: usize,
        service: &Service,
    ) -> Result<Handle, Failed> {
        let budget = (u64::from(service.objects) << 32) | u64::from(service.frames);
        let id = u64::from(service.id);
        let process = sys::process_create(self.spawn, id, budget, self.ends, 1 << index)?;
        let incarnation = sys::process_stat(process)?.id.incarnation;
        if let Some(record) = init.registry.service_mut(service.id) {
            record.process = Some(process);
            record.incarnation = incarnation;
        }
        Ok(process)
    }

    fn block(&self, init: &Init<Live>, service: &Service) -> Startup {
        let incarnation = init.registry.subject(service.id).incarnation;
        let mut block = Startup::new(service.id, incarnation, self.timebase_hz, self.nonce);
        block.free_va = FREE_START;
        block
    }

    /// The endpoint that it serves, those that it may call, and the description.
    fn give_endpoints(
        &self,
        init: &Init<Live>,
        process: Handle,
        service: &Service,
        block: &mut Startup,
    ) -> Result<(), Failed> {
        if service.serves {
            let own = endpoint(init, service.id);
            push(block, Role::Serve, 0, sys::cap_install(process, own, Rights::RECV)?, None)?;
        }
        for server in &service.talks_to {
            let to = endpoint(init, *server);
            // A server that is not there has no endpoint: calling no handle fails at once.
            let call = match to {
                Handle::NONE => Handle::NONE,
                to => sys::cap_install(process, to, Rights::SEND)?,
            };
            push(block, Role::Service, *server, call, None)?;
        }
        if service.id == ids::LOGD {
            let rights = Rights::MAP | Rights::READ | Rights::WRITE;
            let record = sys::cap_install(process, self.record, rights)?;
            push(block, Role::Record, 0, record, Some(RECORD_PAGES * PAGE_SIZE))?;
        }
        let (description, len) = self.description;
        let readable = sys::cap_install(process, description, Rights::MAP | Rights::READ)?;
        push(block, Role::Description, 0, readable, Some(len))
    }

    fn run(
        &self,
        init: &mut Init<Live>,
        process: Handle,
        service: &Service,
        loaded: Loaded,
    ) -> Result<(), Failed> {
        let (entry, priority) = (loaded.entry, service.priority);
        let thread = child::start(process, entry, STACK_TOP, STARTUP_VA, priority)?;
        // Its process is what counts.
        sys::cap_drop(thread)?;
        if let Some(record) = init.registry.service_mut(service.id) {
            record.state = ServiceState::Started;
            record.memory = loaded.into_memory();
        }
        let server = Server { endpoint: endpoint(init, service.id), process };
        match service.id {
            ids::LOGD => init.machine.set_logd(server),
            ids::POLICYD => init.machine.set_policyd(server),
            ids::BUSD => init.machine.set_busd(server),
            _ => {}
        }
        Ok(())
    }
}

/// Why a service is not started.
#[derive(Clone, Copy, Debug)]
enum Failed {
    Load(LoadFailure),
    NoDevice,
}

impl<T: Into<LoadFailure>> From<T> for Failed {
    fn from(why: T) -> Failed {
        Failed::Load(why.into())
    }
}

fn endpoint(init: &Init<Live>, id: u32) -> Handle {
    init.registry.service(id).map_or(Handle::NONE, |record| record.endpoint)
}

/// What the owner has of each piece of a device. With its pool come the features that were agreed.
fn tell_pieces(
    block: &mut Startup,
    init: &Init<Live>,
    device: u16,
    granted: &Granted,
) -> Result<(), Failed> {
    let window = init.registry.device(device).and_then(|device| device.window);
    let memory = granted.memory.unwrap_or_default();
    for (piece, role, base, len) in [
        (Piece::Window, Role::Window, 0, window.map_or(0, |window| window.len)),
        (Piece::Line, Role::Line, 0, 0),
        (Piece::Pool, Role::Pool, granted.features, memory.pool),
        (Piece::Used, Role::Used, 0, memory.used),
    ] {
        if let Some(Handle(handle)) = granted.pieces.held(piece) {
            let (role, index) = (role.code(), device.into());
            push_cap(block, StartupCap { role, index, handle, base, len })?;
        }
    }
    Ok(())
}

fn push(
    block: &mut Startup,
    role: Role,
    index: u32,
    handle: Handle,
    len: Option<u64>,
) -> Result<(), Failed> {
    let (role, len) = (role.code(), len.unwrap_or(0));
    push_cap(block, StartupCap { role, index, handle: handle.0, base: 0, len })
}

fn push_cap(block: &mut Startup, cap: StartupCap) -> Result<(), Failed> {
    if block.push(cap) { Ok(()) } else { Err(LoadFailure::TooMuch.into()) }
}
