//! Mapping windows and memory objects, and making memory objects.

use nexus_abi::{Error, Handle, MAX_PAGES_PER_CALL, PAGE_SIZE, Prot, Rights};

use crate::Result;
use crate::call::{Args, Outcome};
use crate::kernel::space::Paging;
use crate::kernel::{Kernel, Step, Work, cost, goes_on, need};
use crate::object::capability::{CapState, Capability, CapabilityKind};
use crate::object::endpoint::Vmo;
use crate::object::mapping::{Backing, Mapping};
use crate::object::process::Process;
use crate::object::thread::Thread;
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::addr::{Frame, PageRange, aligned, part};
use crate::store::frames::Pages;
use crate::store::pool::Id;
use crate::store::pte::{DevicePerm, Leaf};

/// Rights of the maker of a memory object: those that some call takes for one.
const MEMORY: Rights =
    Rights::all().difference(Rights::SEND.union(Rights::RECV).union(Rights::PLACE));

/// A memory object, and the capability that is its maker's.
type Memory = (Id<Capability>, Id<Vmo>);

impl<P: Platform> Kernel<'_, P> {
    /// `mmio_map`: the checks of RFC-0002, in their order; a refused call changes nothing.
    #[inline(always)]
    pub(crate) fn mmio_map(&mut self, caller: Id<Process>, args: Args) -> Result<u64> {
        let [window, offset, len, va, prot, _] = args;
        let (window, cap, capability) =
            self.held::<Window>(caller, Handle(window), Rights::empty())?;
        device_rights(capability, prot)?;
        let perm = device_perm(prot)?;
        aligned(va)?;
        let (base, count) = window.frames(offset, len)?;
        let has_child = !capability.children.is_empty();
        let pages = PageRange::new(va, count)?;
        let table = self.processes.get(caller)?.space()?.check_vacant(&self.platform, pages)?;
        if has_child {
            return Err(Error::Busy);
        }
        let mapping = Mapping::new(cap, caller, pages, perm.into());
        self.add_mapping(table, mapping, Backing::Device(base))?;
        Ok(va)
    }

    /// `vmo_map`: part of a memory object into a process.
    pub(crate) fn vmo_map(&mut self, caller: Id<Process>, args: Args) -> Result<u64> {
        let [process, vmo, offset, len, va, prot] = args;
        let target = self.target(caller, Handle(process))?;
        let (id, cap, _) = self.held(caller, Handle(vmo), rights_for(prot))?;
        self.check_live(target)?;
        let leaf = parse_prot(prot)?;
        let object = self.vmos.get(id)?;
        if !object.is_cleared() {
            return Err(Error::BadState);
        }
        check_seal(object, leaf)?;
        aligned(va)?;
        let (first, count) = part(offset, len, bytes(object))?;
        let first = u32::try_from(first).map_err(|_| Error::OutOfRange)?;
        let backing = Backing::Memory(object.pages, first);
        let pages = PageRange::new(va, count)?;
        let table = self.processes.get(target)?.space()?.check_vacant(&self.platform, pages)?;
        self.add_mapping(table, Mapping::new(cap, target, pages, leaf), backing)?;
        self.count_writable(id, leaf, 1)?;
        Ok(va)
    }

    /// Records a mapping and writes its leaves; nothing is left of it on an error. `table` is the
    /// last-level table, if one that exists holds all the pages.
    #[inline(always)]
    fn add_mapping(&mut self, table: Option<Frame>, mapping: Mapping, backing: Backing) -> Result {
        let Mapping { cap, process, pages, leaf, .. } = mapping;
        let owner = self.processes.get_mut(process)?;
        let space = owner.space.as_mut().ok_or(Error::BadState)?;
        owner.objects.charge(1)?;
        let id = self.mappings.alloc(mapping).inspect_err(|_| owner.objects.refund(1))?;
        if table.is_none() {
            let paging = Paging::new(&mut self.frames, &mut self.platform);
            let made = paging.make_tables(space, &mut owner.frames, pages);
            if made.is_err() {
                self.mappings.release(id);
                owner.objects.refund(1);
                return made;
            }
        }
        space.mappings.push_back(&mut self.mappings, id)?;
        let capability = self.caps.get_mut(cap)?;
        capability.mappings.push_back(&mut self.mappings, id)?;
        capability.mapped_pages = capability.mapped_pages.wrapping_add(pages.count);
        let paging = Paging::new(&mut self.frames, &mut self.platform);
        paging.write_leaves(space, table, id, pages, backing, leaf)
    }

    /// Takes a mapping away: leaves, records and charge. `table` is the last-level table of its
    /// first page, where it is known. Tells how many pages that was.
    pub(crate) fn end_mapping(&mut self, id: Id<Mapping>, table: Option<Frame>) -> Result<u32> {
        let &Mapping { cap, process, pages, leaf, .. } = self.mappings.get(id)?;
        let capability = self.caps.get_mut(cap)?;
        capability.mappings.remove(&mut self.mappings, id)?;
        capability.mapped_pages = capability.mapped_pages.wrapping_sub(pages.count);
        if let CapabilityKind::Vmo(vmo) = capability.kind {
            self.count_writable(vmo, leaf, -1)?;
        }
        let owner = self.processes.get_mut(process)?;
        owner.objects.refund(1);
        let space = owner.space.as_mut().ok_or(Error::BadState)?;
        space.mappings.remove(&mut self.mappings, id)?;
        self.mappings.release(id);
        let paging = Paging::new(&mut self.frames, &mut self.platform);
        paging.clear_leaves(space, &mut owner.frames, pages, table);
        Ok(pages.count)
    }

    /// Ends mappings of a list for as long as there is work left.
    #[inline(always)]
    pub(crate) fn end_mappings(
        &mut self,
        work: &mut Work,
        first: impl Fn(&Self) -> Result<Option<Id<Mapping>>>,
    ) -> Step {
        while let Some(mapping) = first(self)? {
            work.ask(0)?;
            let pages = self.end_mapping(mapping, None)?;
            work.spend(cost::unmap(pages));
        }
        Ok(())
    }

    /// The mapping of `caller` that begins at `va`, and the last-level table there.
    fn mapping_from(&self, caller: Id<Process>, va: u64) -> Result<(Id<Mapping>, Frame)> {
        aligned(va)?;
        let first = PageRange::new(va, 1)?.first;
        let space = self.processes.get(caller)?.space()?;
        let found =
            space.mapping_at(&self.platform, &self.frames, first).ok_or(Error::BadAddress)?;
        let begins = self.mappings.get(found.0)?.pages.first == first;
        if begins { Ok(found) } else { Err(Error::BadAddress) }
    }

    /// `unmap`.
    #[inline(always)]
    pub(crate) fn unmap(&mut self, caller: Id<Process>, va: u64) -> Result {
        let (id, table) = self.mapping_from(caller, va)?;
        self.end_mapping(id, Some(table)).map(|_| ())
    }

    /// `protect`: the rules of `mmio_map` and `vmo_map` again, for a mapping that exists.
    pub(crate) fn protect(&mut self, caller: Id<Process>, va: u64, prot: u64) -> Result {
        let (id, _) = self.mapping_from(caller, va)?;
        let &Mapping { cap, pages, leaf: old, .. } = self.mappings.get(id)?;
        let capability = self.caps.get(cap)?;
        // A mapping that another process made stays as it was made.
        if capability.owner != caller {
            return Err(Error::Denied);
        }
        let leaf = match capability.kind {
            CapabilityKind::Vmo(vmo) => {
                need(capability, rights_for(prot))?;
                let leaf = parse_prot(prot)?;
                check_seal(self.vmos.get(vmo)?, leaf)?;
                self.count_writable(vmo, old, -1)?;
                self.count_writable(vmo, leaf, 1)?;
                leaf
            }
            _ => {
                device_rights(capability, prot)?;
                device_perm(prot)?.into()
            }
        };
        let space = self.processes.get(caller)?.space()?;
        let paging = Paging::new(&mut self.frames, &mut self.platform);
        paging.rewrite_leaves(space, pages, leaf)?;
        self.mappings.get_mut(id)?.leaf = leaf;
        Ok(())
    }

    fn count_writable(&mut self, vmo: Id<Vmo>, leaf: Leaf, by: i32) -> Result {
        if leaf == Leaf::ReadWrite {
            let vmo = self.vmos.get_mut(vmo)?;
            vmo.writable = vmo.writable.wrapping_add_signed(by);
        }
        Ok(())
    }

    /// `vmo_create`: everything is taken and charged in the first step, so that no later one can
    /// fail; then the pages are cleared.
    pub(crate) fn vmo_create(&mut self, me: Id<Thread>, pages: u64) -> Result<Outcome> {
        let work = &mut Work::step();
        let (cap, vmo) = match self.half_made(me, pages)? {
            Some(begun) => begun,
            None => self.take_memory(self.threads.get(me)?.process, pages, work)?,
        };
        let handle = self.caps.handle(cap);
        let new = self.caps.get(cap)?.state == CapState::New;
        let more = goes_on(self.clear_memory(vmo, work))?;
        match (more, new) {
            (true, false) => self.pass(cap, CapState::New, Rights::empty())?,
            (false, true) => self.pass(cap, CapState::Held, MEMORY)?,
            _ => {}
        }
        if more {
            self.threads.get_mut(me)?.unfinished = handle;
            return Ok(Outcome::Again);
        }
        Ok(Outcome::Value(handle.0))
    }

    /// What a call of this thread for so many pages has begun to make.
    fn half_made(&mut self, me: Id<Thread>, pages: u64) -> Result<Option<Memory>> {
        let thread = self.threads.get_mut(me)?;
        if thread.unfinished == Handle::NONE {
            return Ok(None);
        }
        let handle = core::mem::take(&mut thread.unfinished);
        Ok(self.caps.by_handle(handle).ok().and_then(|(id, cap)| match cap.kind {
            CapabilityKind::Vmo(vmo) if cap.state == CapState::New => {
                let count = self.vmos.get(vmo).map_or(0, |vmo| vmo.pages.count());
                (u64::from(count) == pages).then_some((id, vmo))
            }
            _ => None,
        }))
    }

    /// A memory object of `owner` that is not cleared.
    pub(crate) fn take_memory(
        &mut self,
        owner: Id<Process>,
        pages: u64,
        work: &mut Work,
    ) -> Result<Memory> {
        let count = u32::try_from(pages).map_err(|_| Error::OutOfRange)?;
        if count == 0 || pages > MAX_PAGES_PER_CALL {
            return Err(Error::OutOfRange);
        }
        self.processes.get_mut(owner)?.frames.charge(count)?;
        work.spend(count / cost::FRAMES);
        let made = self.vmo_over([owner; 2], MEMORY, |kernel, _| kernel.frames.alloc_pages(count));
        if made.is_err() {
            self.processes.get_mut(owner)?.frames.refund(count);
        }
        made
    }

    /// Clears what is not cleared of a memory object.
    pub(crate) fn clear_memory(&mut self, id: Id<Vmo>, work: &mut Work) -> Step {
        let vmo = self.vmos.get_mut(id)?;
        while let Some(frame) = self.frames.page(vmo.pages, vmo.cleared) {
            work.ask(cost::CLEAR)?;
            self.platform.zero(frame);
            vmo.cleared = vmo.cleared.wrapping_add(1);
        }
        Ok(())
    }

    /// A memory object of `owner`, and its first capability, which `holder` gets. Its frames are taken last,
    /// so that none are given back on an error.
    pub(crate) fn vmo_over(
        &mut self,
        [owner, holder]: [Id<Process>; 2],
        rights: Rights,
        take: impl FnOnce(&mut Self, Id<Vmo>) -> Result<Pages>,
    ) -> Result<Memory> {
        self.new_object([owner, holder], rights, CapabilityKind::Vmo, |kernel, anchor| {
            let pages = Pages::EMPTY;
            let vmo = Vmo { pages, cleared: 0, writable: 0, sealed: false, device: None, anchor };
            let vmo = kernel.vmos.alloc(vmo)?;
            let pages = take(kernel, vmo).inspect_err(|_| kernel.vmos.release(vmo))?;
            kernel.vmos.get_mut(vmo)?.pages = pages;
            Ok(vmo)
        })
    }

    /// `vmo_seal`.
    pub(crate) fn vmo_seal(&mut self, caller: Id<Process>, handle: Handle) -> Result {
        let (id, ..) = self.held(caller, handle, Rights::MANAGE)?;
        let vmo = self.vmos.get_mut(id)?;
        if vmo.writable != 0 {
            return Err(Error::Busy);
        }
        vmo.sealed = true;
        self.platform.fence_code();
        Ok(())
    }
}

/// Bytes of a memory object.
pub(crate) fn bytes(vmo: &Vmo) -> u64 {
    u64::from(vmo.pages.count()).wrapping_mul(PAGE_SIZE)
}

/// A window has no EXEC. One that can be derived from is for handing out, not for use, so DERIVE
/// excludes MAP (RFC-0002). With a mask of registers, WRITE is for `mmio_write` alone.
fn device_rights(cap: &Capability, prot: u64) -> Result {
    let needed = rights_for(prot).difference(Rights::EXEC);
    need(cap, needed)?;
    let stores = needed.contains(Rights::WRITE) && cap.registers().is_some();
    if stores || cap.rights.contains(Rights::DERIVE) { Err(Error::Denied) } else { Ok(()) }
}

fn device_perm(prot: u64) -> Result<DevicePerm> {
    if prot & u64::from(Prot::EXEC.bits()) != 0 {
        return Err(Error::ExecDenied);
    }
    match parse_prot(prot)? {
        Leaf::Read => Ok(DevicePerm::Read),
        Leaf::ReadWrite => Ok(DevicePerm::ReadWrite),
        Leaf::ReadExec => Err(Error::ExecDenied),
    }
}

/// Rights for a mapping: MAP and READ, and WRITE or EXEC as asked for.
fn rights_for(prot: u64) -> Rights {
    let mut needed = Rights::MAP | Rights::READ;
    if prot & u64::from(Prot::WRITE.bits()) != 0 {
        needed |= Rights::WRITE;
    }
    if prot & u64::from(Prot::EXEC.bits()) != 0 {
        needed |= Rights::EXEC;
    }
    needed
}

fn parse_prot(prot: u64) -> Result<Leaf> {
    let bits = u8::try_from(prot).map_err(|_| Error::InvalidProt)?;
    Prot::from_bits(bits).and_then(Leaf::from_prot).ok_or(Error::InvalidProt)
}

/// Memory is never writable and executable, in one mapping or in two.
fn check_seal(vmo: &Vmo, leaf: Leaf) -> Result {
    let fits = match leaf {
        Leaf::Read => true,
        Leaf::ReadWrite => !vmo.sealed,
        Leaf::ReadExec => vmo.sealed,
    };
    if fits { Ok(()) } else { Err(Error::SealState) }
}
