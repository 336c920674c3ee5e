//! The first process.
//!
//! Everything that exists is init's at the start: all free frames, all kernel objects, every
//! physical range of devices and every interrupt line that is not the kernel's, and the two authorities.

use nexus_abi::{Error, Handle, Rights};

use crate::Result;
use crate::kernel::{Kernel, Work, goes_on};
use crate::object::capability::{Capability, CapabilityKind, OBJECT_RIGHTS};
use crate::object::dma::Reserve;
use crate::object::line::{Line, Lines};
use crate::object::process::{HEAVY, Process};
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::addr::Frame;
use crate::store::frames::FrameUse;
use crate::store::pool::Id;

/// Entries that each table needs in a system of so many kernel objects: no budget can be exceeded by
/// exhausting one kind. Those of capabilities, endpoints, notifications, memory objects and mappings
/// (light), and those of processes and threads, which cost [`HEAVY`]. The first entry is not used.
pub const fn table_sizes(objects: u32) -> (u32, u32) {
    (objects.saturating_add(1), (objects / HEAVY).saturating_add(1))
}

/// Service id of init.
pub const INIT_ID: u32 = 1;

/// Priority of init.
pub const INIT_PRIORITY: u8 = 31;

/// Rights of a root window: to hand parts of it out, never to map it.
const ROOT_WINDOW: Rights =
    Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::PLACE).union(OBJECT_RIGHTS);

/// Rights of init on memory that it got at boot: to read it and pass it on.
const BOOT_MEMORY: Rights = Rights::MAP.union(Rights::READ).union(OBJECT_RIGHTS);

impl<P: Platform> Kernel<'_, P> {
    /// Makes init, with all free frames and `objects` kernel objects as its budget.
    ///
    /// # Errors
    /// `NoMemory` when the tables are too small; `BadState` when init exists.
    pub fn create_init(&mut self, objects: u32) -> Result<Id<Process>> {
        if self.init.is_some() {
            return Err(Error::BadState);
        }
        let frames = self.frames.free_count();
        let id = self.new_process(INIT_ID, frames, objects, None)?;
        self.init = Some(id);
        Ok(id)
    }

    /// Gives init a root window.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn boot_window(&mut self, window: Window) -> Result<Handle> {
        self.boot_root(CapabilityKind::DeviceMmio(window), ROOT_WINDOW)
    }

    /// Gives init a capability that is derived from nothing.
    fn boot_root(&mut self, kind: CapabilityKind, rights: Rights) -> Result<Handle> {
        let init = self.init.ok_or(Error::BadState)?;
        let cap = self.insert(init, Capability::new(kind, rights, init))?;
        Ok(self.caps.handle(cap))
    }

    /// Makes interrupt lines 1 to `count`, and gives them to init.
    ///
    /// # Errors
    /// `NoMemory` when the table of lines is too small; `OutOfRange` for none.
    pub fn boot_lines(&mut self, count: u32) -> Result<Handle> {
        let lines = CapabilityKind::Irq(Lines::all(count)?);
        // The slots of a new pool come in order: the slot of a line is its number.
        for _ in 0..count {
            self.lines.alloc(Line::FREE)?;
        }
        self.boot_root(lines, OBJECT_RIGHTS | Rights::RECV)
    }

    /// Gives init one of the two authorities.
    ///
    /// # Errors
    /// `WrongKind` when `kind` is neither.
    pub fn boot_authority(&mut self, kind: CapabilityKind) -> Result<Handle> {
        match kind {
            CapabilityKind::Spawn | CapabilityKind::Console => self.boot_root(kind, OBJECT_RIGHTS),
            _ => Err(Error::WrongKind),
        }
    }

    /// Gives init a memory object over reserved frames with what the boot loader left there. It
    /// is sealed, and read-only for init.
    ///
    /// # Errors
    /// `OutOfRange` when a frame is not reserved RAM.
    pub fn boot_memory(&mut self, base: Frame, pages: u32) -> Result<Handle> {
        let init = self.init.ok_or(Error::BadState)?;
        let frames = self.frames.claim(base, pages, FrameUse::Memory).ok_or(Error::OutOfRange)?;
        let process = self.processes.get_mut(init)?;
        process.frames.limit = process.frames.limit.saturating_add(pages);
        process.frames.charge(pages)?;
        let (cap, vmo) = self.vmo_over([init; 2], BOOT_MEMORY, |_, _| Ok(frames))?;
        let vmo = self.vmos.get_mut(vmo)?;
        (vmo.sealed, vmo.cleared) = (true, pages);
        Ok(self.caps.handle(cap))
    }

    /// Sets reserved frames aside for what devices reach, and clears them. They are in nobody's budget.
    ///
    /// # Errors
    /// `OutOfRange` when one is not reserved RAM.
    pub fn boot_reserve(&mut self, base: Frame, pages: u32) -> Result {
        self.frames.claim(base, pages, FrameUse::Device).ok_or(Error::OutOfRange)?;
        (0..pages).for_each(|page| self.platform.zero(base.plus(u64::from(page))));
        self.reserve = Reserve { next: base, left: pages };
        Ok(())
    }

    /// Gives init new memory of its own.
    ///
    /// # Errors
    /// As `vmo_create`.
    pub fn boot_alloc(&mut self, pages: u64) -> Result<Handle> {
        let init = self.init.ok_or(Error::BadState)?;
        let (cap, vmo) = self.take_memory(init, pages, &mut Work::step())?;
        while goes_on(self.clear_memory(vmo, &mut Work::step()))? {}
        Ok(self.caps.handle(cap))
    }

    /// The frame of page `page` of init's memory, so that the kernel can fill it while it loads
    /// init.
    ///
    /// # Errors
    /// `BadHandle` or `WrongKind`; `OutOfRange` past its end.
    pub fn boot_frame(&self, memory: Handle, page: u32) -> Result<Frame> {
        let init = self.init.ok_or(Error::BadState)?;
        let (vmo, ..) = self.held(init, memory, Rights::empty())?;
        self.frames.page(self.vmos.get(vmo)?.pages, page).ok_or(Error::OutOfRange)
    }

    /// Makes memory of init's fit to be executed.
    ///
    /// # Errors
    /// As `vmo_seal`.
    pub fn boot_seal(&mut self, vmo: Handle) -> Result {
        let init = self.init.ok_or(Error::BadState)?;
        self.vmo_seal(init, vmo)
    }

    /// Maps memory into init, whole.
    ///
    /// # Errors
    /// As `vmo_map`.
    pub fn boot_map(
        &mut self,
        vmo: Handle,
        len: u64,
        va: u64,
        prot: nexus_abi::Prot,
    ) -> Result<u64> {
        let init = self.init.ok_or(Error::BadState)?;
        self.vmo_map(init, [Handle::NONE.0, vmo.0, 0, len, va, u64::from(prot.bits())])
    }

    /// Starts init.
    ///
    /// # Errors
    /// As `thread_create`.
    pub fn start_init(&mut self, entry: u64, stack: u64, arg: u64) -> Result {
        let init = self.init.ok_or(Error::BadState)?;
        let thread = self.start_thread(init, init, [entry, stack, arg], INIT_PRIORITY)?;
        // Nobody needs to name init's first thread.
        let (cap, _) = self.lookup(init, thread)?;
        goes_on(self.drop_cap(cap, &mut Work::step()))?;
        Ok(())
    }
}
