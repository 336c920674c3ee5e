//! Starting one service: its first life, and every later one.

use alloc::format;
use core::fmt;

use nexus_abi::{Error, Handle, Rights, Role, Startup, StartupCap};
use nexus_loader::LoadError;
use nexus_proto::init::{Refusal, ServiceState};
use nexus_sysdesc::Service;

use crate::grant::{Granted, Piece, Refused};
use crate::init::{Init, Machine};

/// Makes processes, and programs run in them.
pub trait Loader {
    /// A program that is in a process and does not run yet. To drop it gives its memory back.
    type Loaded;

    /// A process for the service at this place of the description, and which life of the service it is.
    ///
    /// # Errors
    /// As `process_create`.
    fn create(&mut self, index: usize, service: &Service) -> Result<(Handle, u32), Error>;

    /// Puts the program of a service into its process.
    ///
    /// # Errors
    /// [`LoadFailure`].
    fn load(&mut self, process: Handle, service: &Service) -> Result<Self::Loaded, LoadFailure>;

    /// What every process is told: who it is, which run this is, and where the description is.
    ///
    /// # Errors
    /// As `cap_install`.
    fn block(&mut self, process: Handle, service: u32, life: u32) -> Result<Startup, LoadFailure>;

    /// Tells the process what it holds, and starts it. From here on the service is asked at `endpoint`.
    /// Returns the memory that is mapped into it.
    ///
    /// # Errors
    /// [`LoadFailure`].
    fn run(
        &mut self,
        process: Handle,
        service: &Service,
        loaded: Self::Loaded,
        block: &Startup,
        endpoint: Handle,
    ) -> Result<alloc::vec::Vec<Handle>, LoadFailure>;
}

/// Why a program could not be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadFailure {
    /// The archive has no program for the service.
    Missing,
    /// It is not a program that can be loaded.
    Program(LoadError),
    /// The kernel refused.
    Kernel(Error),
    /// It holds more than its startup block can tell.
    TooMuch,
}

impl From<Error> for LoadFailure {
    fn from(error: Error) -> LoadFailure {
        LoadFailure::Kernel(error)
    }
}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadFailure::Missing => f.write_str("the boot archive has no program for it"),
            LoadFailure::Program(error) => write!(f, "its program is malformed: {error:?}"),
            LoadFailure::Kernel(error) => write!(f, "the kernel refused: {error:?}"),
            LoadFailure::TooMuch => f.write_str("its startup block is full"),
        }
    }
}

/// Why a service is not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It could not be loaded.
    Load(LoadFailure),
    /// A device that it needs was not given to it.
    NoDevice(Refused),
}

impl<T: Into<LoadFailure>> From<T> for Failed {
    fn from(why: T) -> Failed {
        Failed::Load(why.into())
    }
}

impl<M: Machine> Init<M> {
    /// Starts the service at this place of the description, with everything that it needs, or not
    /// at all. What it was given by then is taken back.
    ///
    /// # Errors
    /// [`Failed`]; said, and recorded as a refusal of each device that it needs.
    pub fn start(&mut self, index: usize) -> Result<(), Failed> {
        let services = &self.registry.description().services;
        let Some(service) = services.get(index).cloned() else { return Ok(()) };
        let started = self.try_start(index, &service);
        match started {
            Ok(()) => {}
            Err(Failed::Load(why)) => {
                self.machine.say(&format!("init: {} is not started: {why}", service.name));
                nexus_rt::error!("{} is not started: {why}", service.name);
                self.refuse_needs(service.id, Refusal::NotLoaded);
                self.undo(service.id);
            }
            Err(Failed::NoDevice(_)) => {
                nexus_rt::warn!("{} is not started without its device", service.name);
                self.refuse_needs(service.id, Refusal::SubjectEnded);
                self.undo(service.id);
            }
        }
        started
    }

    /// Starts a service for the first time. One that cannot be started then never is.
    pub fn start_first(&mut self, index: usize) {
        let Err(failed) = self.start(index) else { return };
        let services = &self.registry.description().services;
        let Some(id) = services.get(index).map(|service| service.id) else { return };
        let state = match failed {
            Failed::Load(_) => ServiceState::NotLoaded,
            Failed::NoDevice(_) => ServiceState::Waiting,
        };
        self.abandon(id, state);
    }

    fn try_start(&mut self, index: usize, service: &Service) -> Result<(), Failed> {
        let (process, incarnation) = self.machine.create(index, service)?;
        self.registry.born(service.id, process, incarnation);
        let loaded = self.machine.load(process, service)?;

        let mut block = self.machine.block(process, service.id, incarnation)?;
        self.renew(service.id)?;
        self.give_endpoints(process, service, &mut block)?;
        for cap in self.share(service.id, process)? {
            push(&mut block, cap)?;
        }
        for need in &service.needs {
            let granted = self.give(service.id, process, need).map_err(Failed::NoDevice)?;
            self.tell_pieces(&mut block, need.device, &granted)?;
        }
        let endpoint = self.endpoint(service.id);
        let memory = self.machine.run(process, service, loaded, &block, endpoint)?;
        let ticks = self.machine.ticks();
        self.registry.runs(service.id, memory, ticks);
        self.note_start(service.id);
        let told = self.registry.service(service.id).map_or(Handle::NONE, |record| record.told);
        self.machine.watch(service.id, process, told);
        Ok(())
    }

    /// The endpoint that it serves, and those that it may call. They outlive it.
    fn give_endpoints(
        &mut self,
        process: Handle,
        service: &Service,
        block: &mut Startup,
    ) -> Result<(), Failed> {
        if service.serves {
            let own = self.endpoint(service.id);
            let serve = self.machine.cap_install(process, own, Rights::RECV)?;
            push(block, cap(Role::Serve, 0, serve))?;
        }
        for server in &service.talks_to {
            // A server that is not there has no endpoint: calling no handle fails at once.
            let call = match self.endpoint(*server) {
                Handle::NONE => Handle::NONE,
                to => self.machine.cap_install(process, to, Rights::SEND)?,
            };
            push(block, cap(Role::Service, *server, call))?;
        }
        Ok(())
    }

    /// What the owner has of each piece of a device. With its pool come the features that were agreed.
    fn tell_pieces(
        &self,
        block: &mut Startup,
        device: u16,
        granted: &Granted,
    ) -> Result<(), Failed> {
        let window = self.registry.device(device).and_then(|device| device.window);
        let memory = granted.memory.unwrap_or_default();
        for (piece, role, base, len) in [
            (Piece::Window, Role::Window, 0, window.map_or(0, |window| window.len)),
            (Piece::Line, Role::Line, 0, 0),
            (Piece::Pool, Role::Pool, granted.features, memory.pool),
            (Piece::Used, Role::Used, 0, memory.used),
        ] {
            if let Some(held) = granted.pieces.held(piece) {
                push(block, StartupCap { base, len, ..cap(role, device.into(), held) })?;
            }
        }
        Ok(())
    }

    fn endpoint(&self, id: u32) -> Handle {
        self.registry.service(id).map_or(Handle::NONE, |record| record.endpoint)
    }
}

fn cap(role: Role, index: u32, handle: Handle) -> StartupCap {
    StartupCap { role: role.code(), index, handle: handle.0, base: 0, len: 0 }
}

fn push(block: &mut Startup, cap: StartupCap) -> Result<(), Failed> {
    if block.push(cap) { Ok(()) } else { Err(LoadFailure::TooMuch.into()) }
}
