//! Processes, and the programs in them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use nexus_abi::{Error, FREE_START, Handle, PAGE_SIZE, Rights, Role, Startup, StartupCap};
use nexus_proto::ids;
use nexus_proto::log::RECORD_PAGES;
use nexus_rt::{ReadOnlyMemory, sys};
use nexus_sysdesc::archive::{Archive, ArchiveError};
use nexus_sysdesc::{Restart, Service};

use super::load::{Loaded, Program, tell};
use super::machine::{Live, Server};
use crate::start::{LoadFailure, Loader};

/// What all services are started with, in each of their lives.
#[derive(Debug)]
pub struct Programs {
    /// The programs.
    archive: Archive<'static>,
    /// Those of services that may be started again, once they were started: by service id.
    read: Vec<(u32, Program)>,
    /// What a service is started from instead of its program there.
    replaced: Option<(u32, Vec<u8>)>,
    /// The authority to make processes.
    pub(super) spawn: Handle,
    /// Told when a service has ended: bit n for place n in the description.
    pub(super) ends: Handle,
    /// The description, sealed, for whoever wants to read it.
    pub(super) description: (Handle, u64),
    /// The memory that the ledger lies in, for each life of logd.
    record: Handle,
    /// Ticks in a second.
    pub(super) timebase_hz: u64,
    /// Number of this run.
    pub(super) nonce: u64,
    /// Priority at which init serves.
    pub(super) priority: u8,
}

/// The boot archive, for as long as init lives.
pub(super) fn keep(archive: ReadOnlyMemory) -> Result<Archive<'static>, ArchiveError> {
    Archive::parse(Box::leak(Box::new(archive)).bytes())
}

impl Programs {
    /// The programs of this archive.
    pub(super) const fn new(
        archive: Archive<'static>,
        spawn: Handle,
        ends: Handle,
        description: (Handle, u64),
        record: Handle,
        block: &Startup,
        priority: u8,
    ) -> Programs {
        let (timebase_hz, nonce) = (block.timebase_hz, block.nonce);
        Programs {
            archive,
            read: Vec::new(),
            replaced: None,
            spawn,
            ends,
            description,
            record,
            timebase_hz,
            nonce,
            priority,
        }
    }
}

impl Programs {
    /// The program of a service, as the archive has it.
    #[must_use]
    pub fn program(&self, service: u32) -> Option<&'static [u8]> {
        self.archive.service(service).map(|program| program.data)
    }

    /// From here on a service is started from `program`, and all others from their own again.
    pub fn replace(&mut self, service: u32, program: Vec<u8>) {
        self.replaced = Some((service, program));
    }

    /// From here on each service is started from its own program.
    pub fn restore(&mut self) {
        self.replaced = None;
    }
}

impl Loader for Live {
    type Loaded = Loaded;

    fn create(&mut self, index: usize, service: &Service) -> Result<(Handle, u32), Error> {
        let Programs { spawn, ends, .. } = self.programs;
        let budget = (u64::from(service.objects) << 32) | u64::from(service.frames);
        let id = u64::from(service.id);
        let process = sys::process_create(spawn, id, budget, ends, 1 << index)?;
        let incarnation = sys::process_stat(process).map(|info| info.id.incarnation);
        if incarnation.is_err() {
            // Nobody knows it yet, so that nobody else would give it up.
            let _ = sys::cap_drop(process);
        }
        Ok((process, incarnation?))
    }

    fn load(&mut self, process: Handle, service: &Service) -> Result<Loaded, LoadFailure> {
        let (id, stack) = (service.id, service.stack_pages);
        let Programs { archive, read, replaced, .. } = &mut self.programs;
        let own = read.iter().find(|(read, _)| *read == id).map(|(_, program)| program);
        let image = archive.service(id).ok_or(LoadFailure::Missing)?.data;
        let replaced = replaced.as_ref().filter(|(replaced, _)| *replaced == id);
        match (own, replaced) {
            (Some(own), Some((_, changed))) => own.load_changed(process, image, changed, stack),
            (None, Some((_, changed))) => Program::of(changed)?.load(process, changed, stack),
            (Some(own), None) => own.load(process, image, stack),
            (None, None) => {
                let program = Program::of(image)?;
                let loaded = program.load(process, image, stack)?;
                if service.restart != Restart::Never {
                    read.push((id, program));
                }
                Ok(loaded)
            }
        }
    }

    fn block(&mut self, process: Handle, service: u32, life: u32) -> Result<Startup, LoadFailure> {
        let Programs { description: (description, len), record, timebase_hz, nonce, .. } =
            self.programs;
        let mut block = Startup::new(service, life, timebase_hz, nonce);
        block.free_va = FREE_START;
        let reads = Rights::MAP | Rights::READ;
        let mut tell = |role: Role, memory, rights, len| {
            let Handle(handle) = sys::cap_install(process, memory, rights)?;
            let told = block.push(StartupCap { role: role.code(), index: 0, handle, base: 0, len });
            if told { Ok(()) } else { Err(LoadFailure::TooMuch) }
        };
        tell(Role::Description, description, reads, len)?;
        if service == ids::LOGD {
            let len = RECORD_PAGES * PAGE_SIZE;
            tell(Role::Record, record, reads | Rights::WRITE, len)?;
        }
        Ok(block)
    }

    fn run(
        &mut self,
        process: Handle,
        service: &Service,
        mut loaded: Loaded,
        block: &Startup,
        endpoint: Handle,
    ) -> Result<Vec<Handle>, LoadFailure> {
        tell(process, &mut loaded, block)?;
        let (entry, priority) = (loaded.entry, service.priority);
        self.starter.start(process, entry, priority)?;
        let server = Server { endpoint, process };
        match service.id {
            ids::LOGD => self.set_logd(server),
            ids::POLICYD => self.set_policyd(server),
            ids::BUSD => self.set_busd(server),
            _ => {}
        }
        Ok(loaded.into_memory())
    }
}
