//! Starts the driver again, by the ordinary steps of a start and of a grant.

use alloc::vec::Vec;

use mortal::ask::{ATTEMPTS, DRIVER, Fate, KEEPER, KILLED, Rest};
use nexus_abi::{Error, Handle, PAGE_SIZE, Rights, Role};
use nexus_init::grant::Piece;
use nexus_init::init::{Init, Lines, Root};
use nexus_init::live::{Booted, Live, Starter};
use nexus_proto::ids;
use nexus_proto::init::ServiceState;
use nexus_rt::{Memory, StartError, peek, startup, sys};
use nexus_sysdesc::archive::Archive;

/// What the boot lets go of and a start needs: kept from before it.
pub(crate) struct Kept {
    archive: Vec<u8>,
    spawn: Handle,
    description: Handle,
    description_len: u64,
}

impl Kept {
    /// From the startup block.
    pub(crate) fn new() -> Result<Kept, StartError> {
        let start = startup();
        let archive = start.map_memory(Role::BootArchive)?.bytes().to_vec();
        let mut spawn = start.block().with_role(Role::Spawn).map(|cap| Handle(cap.handle));
        let spawn = spawn.next().unwrap_or(Handle::NONE);
        let spawn = sys::cap_derive(spawn, Rights::empty(), 0, 0)?;
        let encoded = Archive::parse(&archive).and_then(|archive| Ok(archive.description()?.data));
        let encoded = encoded.map_err(|_| StartError::BadMemory)?;
        let description_len = encoded.len() as u64;
        let mut memory = Memory::new(description_len.div_ceil(PAGE_SIZE))?;
        let whole = memory.bytes_mut().get_mut(..encoded.len()).ok_or(StartError::BadMemory)?;
        whole.copy_from_slice(encoded);
        let description = memory.into_vmo();
        sys::vmo_seal(description)?;
        Ok(Kept { archive, spawn, description, description_len })
    }
}

/// Starts the driver.
pub(crate) struct Restart {
    starter: Starter<'static>,
    /// Service id of the driver, and its place in the description.
    driver: u32,
    index: usize,
    /// What init kept of the driver's window at boot stands for the root window that it dropped. A device
    /// that reaches memory by itself comes from busd.
    root: Option<Root>,
    /// What it kept of the driver's line, if it has one, stands for all lines.
    lines: Option<Lines>,
    device: u16,
    fate: Fate,
}

impl Restart {
    /// After the boot; `None` when the system is another one.
    pub(crate) fn new(kept: Kept, booted: &Booted) -> Option<Restart> {
        let block = startup().block();
        let archive = Archive::parse(kept.archive.leak()).ok()?;
        let starter = Starter {
            archive,
            spawn: kept.spawn,
            ends: booted.ends,
            description: (kept.description, kept.description_len),
            timebase_hz: block.timebase_hz,
            nonce: block.nonce,
        };
        let registry = &booted.init.registry;
        let services = &registry.description().services;
        let place = |id| services.iter().position(|service| service.id == id);
        let index = place(DRIVER).or_else(|| place(ids::RTCD))?;
        let service = services.get(index)?;
        let (driver, device) = (service.id, service.needs.first()?.device);
        let record = registry.device(device)?;
        let by_itself = registry.description().device(device)?.dma;
        let root = |handle| Some(Root { handle, range: record.window? });
        let root = record.pieces.kept(Piece::Window).filter(|_| !by_itself).and_then(root);
        let timebase_hz = block.timebase_hz;
        let line = record.pieces.kept(Piece::Line).zip(record.given_line);
        let lines = line.map(|(handle, line)| Lines {
            handle,
            first: u64::from(line),
            count: 1,
            timebase_hz,
        });
        Some(Restart { starter, driver, index, root, lines, device, fate: Fate::NONE })
    }

    /// Service id of the driver.
    pub(crate) const fn driver(&self) -> u32 {
        self.driver
    }

    /// The fate of this life.
    pub(crate) const fn fate(&self) -> Fate {
        self.fate
    }

    /// Starts the driver, which must have ended. Returns the keeper's handle of its endpoint.
    pub(crate) fn start(&mut self, init: &mut Init<Live>, fate: Fate) -> Option<u64> {
        let record = init.registry.service_mut(self.driver)?;
        if record.state != ServiceState::Ended {
            return None;
        }
        // The dead process, and what was kept of its window and its line, which the end has taken back.
        sys::cap_drop(record.process.take()?).ok()?;
        record.endpoint = sys::endpoint_create().ok()?;
        let endpoint = record.endpoint;
        let device = init.registry.device(self.device)?;
        let window = self.root.map(|root| (Piece::Window, root.handle));
        let line = self.lines.map(|lines| (Piece::Line, lines.handle));
        for (piece, root) in window.into_iter().chain(line) {
            let kept = device.pieces.kept(piece)?;
            if kept != root {
                sys::cap_drop(kept).ok()?;
            }
        }
        (init.roots, init.lines) = (self.root.into_iter().collect(), self.lines);
        self.fate = fate;
        self.starter.start(init, self.index);
        (init.roots, init.lines) = (Vec::new(), None);
        let keeper = init.registry.service(KEEPER)?.process?;
        sys::cap_install(keeper, endpoint, Rights::SEND).ok().map(|handle| handle.0)
    }

    /// Tries to make a second owner of the driver's window while it lives: from the root, from what
    /// init keeps of the window, and as the owner itself. A bit for each attempt that was refused
    /// as it must be.
    pub(crate) fn second_owner(&self, init: &Init<Live>) -> Option<u64> {
        let root = self.root?.handle;
        let kept = init.registry.device(self.device)?.pieces.kept(Piece::Window)?;
        let keeper = init.registry.service(KEEPER)?.process?;
        let owner = Rights::MAP | Rights::READ | Rights::WRITE;
        let map = |window| peek(window, [0]).map(|_| window);
        let attempts: [_; ATTEMPTS] = [
            (sys::cap_derive(root, owner, 0, PAGE_SIZE), Error::Busy),
            (sys::cap_derive(kept, owner, 0, PAGE_SIZE), Error::Busy),
            (sys::cap_install(keeper, root, owner), Error::Busy),
            (sys::cap_install(keeper, kept, owner), Error::Busy),
            // What can be derived from cannot be mapped.
            (map(root), Error::Denied),
            (map(kept), Error::Denied),
        ];
        let refused = attempts.iter().map(|(came, must)| u64::from(*came == Err(*must)));
        Some(refused.rev().fold(0, |bits, bit| bits << 1 | bit))
    }

    /// What is left of the driver's device.
    pub(crate) fn rest(&self, init: &Init<Live>) -> Option<Rest> {
        let record = init.registry.device(self.device)?;
        let line = record.pieces.kept(Piece::Line).and_then(|kept| sys::irq_stat(kept).ok());
        let pieces = [Piece::Window, Piece::Pool, Piece::Used];
        let has = pieces.iter().filter(|piece| record.pieces.get(**piece).is_some());
        Some(Rest {
            line: line.map_or(0, |line| line.state as u8),
            memory: record.dma as u8,
            pieces: u8::try_from(has.count()).unwrap_or(u8::MAX),
        })
    }

    /// Kills the driver.
    pub(crate) fn kill(&self, init: &Init<Live>) -> Option<u64> {
        let process = init.registry.service(self.driver)?.process?;
        sys::process_end(process, KILLED).ok().map(|()| 0)
    }
}
