//! Starts the driver again, by the ordinary steps of a start and of a grant.

use alloc::vec::Vec;

use mortal::ask::{ATTEMPTS, Fate, KEEPER, KILLED};
use nexus_abi::{Error, Handle, PAGE_SIZE, Rights, Role};
use nexus_init::grant::Piece;
use nexus_init::init::{Init, Lines, Root};
use nexus_init::live::{Booted, Live, Starter};
use nexus_proto::ids;
use nexus_proto::init::ServiceState;
use nexus_rt::{StartError, peek, startup, sys};
use nexus_sysdesc::archive::Archive;

/// What the boot lets go of and a start needs: kept from before it.
pub(crate) struct Kept {
    archive: Vec<u8>,
    spawn: Handle,
}

impl Kept {
    /// From the startup block.
    pub(crate) fn new() -> Result<Kept, StartError> {
        let start = startup();
        let archive = start.map_memory(Role::BootArchive)?.bytes().to_vec();
        let mut spawn = start.block().with_role(Role::Spawn).map(|cap| Handle(cap.handle));
        let spawn = spawn.next().unwrap_or(Handle::NONE);
        Ok(Kept { archive, spawn: sys::cap_derive(spawn, Rights::empty(), 0, 0)? })
    }
}

/// Starts the driver.
pub(crate) struct Restart {
    starter: Starter<'static>,
    /// The place of the driver in the description.
    index: usize,
    /// What init kept of the driver's window at boot stands for the root window that it dropped.
    root: Root,
    /// What it kept of the driver's line stands for all lines.
    lines: Lines,
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
            // The driver does not read it.
            description: (sys::vmo_create(1).ok()?, 0),
            timebase_hz: block.timebase_hz,
            nonce: block.nonce,
        };
        let registry = &booted.init.registry;
        let services = &registry.description().services;
        let index = services.iter().position(|service| service.id == ids::RTCD)?;
        let device = services.get(index)?.needs.first()?.device;
        let record = registry.device(device)?;
        let handle = record.pieces.kept(Piece::Window)?;
        let root = Root { handle, range: record.window? };
        let (line, handle) = (record.given_line?, record.pieces.kept(Piece::Line)?);
        let timebase_hz = block.timebase_hz;
        let lines = Lines { handle, first: u64::from(line), count: 1, timebase_hz };
        Some(Restart { starter, index, root, lines, device, fate: Fate::NONE })
    }

    /// The fate of this life.
    pub(crate) const fn fate(&self) -> Fate {
        self.fate
    }

    /// Starts the driver, which must have ended. Returns the keeper's handle of its endpoint.
    pub(crate) fn start(&mut self, init: &mut Init<Live>, fate: Fate) -> Option<u64> {
        let record = init.registry.service_mut(ids::RTCD)?;
        if record.state != ServiceState::Ended {
            return None;
        }
        // The dead process, and what was kept of its window and its line, which the end has taken back.
        sys::cap_drop(record.process.take()?).ok()?;
        record.endpoint = sys::endpoint_create().ok()?;
        let endpoint = record.endpoint;
        let device = init.registry.device(self.device)?;
        let roots = [(Piece::Window, self.root.handle), (Piece::Line, self.lines.handle)];
        for (piece, root) in roots {
            let kept = device.pieces.kept(piece)?;
            if kept != root {
                sys::cap_drop(kept).ok()?;
            }
        }
        (init.roots, init.lines) = (Vec::from([self.root]), Some(self.lines));
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
        let root = self.root.handle;
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

    /// Kills the driver.
    pub(crate) fn kill(init: &Init<Live>) -> Option<u64> {
        let process = init.registry.service(ids::RTCD)?.process?;
        sys::process_end(process, KILLED).ok().map(|()| 0)
    }
}
