//! Programs into processes.

use alloc::vec::Vec;

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot, Rights, STACK_TOP, STARTUP_VA, Startup};
use nexus_loader::{Perm, Plan, Segment};
use nexus_rt::{Memory, child, sys};
use zerocopy::IntoBytes;

use crate::start::LoadFailure;

/// A program in a process, not yet running. Dropping it gives its memory back.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Address of its first instruction.
    pub(super) entry: u64,
    memory: Vec<Handle>,
}

impl Loaded {
    /// The memory objects, to be held as long as the process lives.
    pub(super) fn into_memory(mut self) -> Vec<Handle> {
        core::mem::take(&mut self.memory)
    }

    /// Maps an object into the process, whole, and holds it: with no more rights than the mapping
    /// has, and none to pass it on.
    fn add(
        &mut self,
        process: Handle,
        vmo: Handle,
        len: u64,
        va: u64,
        prot: Prot,
    ) -> Result<(), Error> {
        let held = self.hold(process, vmo, len, va, prot);
        // From here on the object lives by what is held, or ends.
        sys::cap_drop(vmo)?;
        held
    }

    /// The same of an object that others hold, too.
    fn hold(
        &mut self,
        process: Handle,
        vmo: Handle,
        len: u64,
        va: u64,
        prot: Prot,
    ) -> Result<(), Error> {
        let held = sys::cap_derive(vmo, rights(prot), 0, 0)?;
        self.memory.push(held);
        child::map(process, held, 0, len, va, prot).map(|_| ())
    }

    /// The same of a segment whose bytes are now these: of the object are the pages that are as it has them,
    /// each run of others is an object of its own.
    fn hold_changed(
        &mut self,
        process: Handle,
        vmo: Handle,
        segment: &Segment,
        [before, now]: [&[u8]; 2],
    ) -> Result<(), Error> {
        let prot = segment.perm.prot();
        let held = sys::cap_derive(vmo, rights(prot), 0, 0)?;
        self.memory.push(held);
        for run in runs(before, now) {
            let (offset, len) = (run.first * PAGE_SIZE, run.pages * PAGE_SIZE);
            let va = segment.va + offset;
            if run.same {
                child::map(process, held, offset, len, va, prot)?;
            } else {
                let bytes = now.get(offset as usize..).unwrap_or(&[]);
                let bytes = bytes.get(..len as usize).unwrap_or(bytes);
                self.add(process, sealed(run.pages, bytes)?, len, va, prot)?;
            }
        }
        Ok(())
    }
}

/// Pages one after the other that are as they were, or are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    pages: u64,
    same: bool,
}

/// All pages of these bytes, of which there are as many as before.
fn runs(before: &[u8], now: &[u8]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let pages = before.chunks(PAGE_SIZE as usize).zip(now.chunks(PAGE_SIZE as usize));
    for (first, (before, now)) in (0..).zip(pages) {
        let same = before == now;
        match runs.last_mut().filter(|run| run.same == same) {
            Some(run) => run.pages += 1,
            None => runs.push(Run { first, pages: 1, same }),
        }
    }
    runs
}

/// What a mapping with `prot` needs.
fn rights(prot: Prot) -> Rights {
    let mut rights = Rights::MAP | Rights::READ;
    rights.set(Rights::WRITE, prot.contains(Prot::WRITE));
    rights.set(Rights::EXEC, prot.contains(Prot::EXEC));
    rights
}

impl Drop for Loaded {
    fn drop(&mut self) {
        for vmo in self.memory.drain(..) {
            // Nothing to do when it fails: then it is gone already.
            let _ = sys::cap_drop(vmo);
        }
    }
}

/// A program, read once: what all its lives share, and what each has for itself.
#[derive(Debug)]
pub(super) struct Program {
    plan: Plan,
    /// By segment: memory that nobody can write any more. `None` for what each life writes.
    shared: Vec<Option<Handle>>,
}

impl Program {
    /// Reads `image`, and fills what its lives share.
    pub(super) fn of(image: &[u8]) -> Result<Program, LoadFailure> {
        let plan = Plan::parse(image).map_err(LoadFailure::Program)?;
        let mut program = Program { plan, shared: Vec::new() };
        for segment in program.plan.segments() {
            let sealed = || sealed(segment.pages(), segment.data(image));
            program.shared.push((segment.perm != Perm::RW).then(sealed).transpose()?);
        }
        Ok(program)
    }

    /// Maps its segments and a stack into `process`. `image` is what it was read from.
    pub(super) fn load(
        &self,
        process: Handle,
        image: &[u8],
        stack_pages: u32,
    ) -> Result<Loaded, LoadFailure> {
        self.load_sharing(process, [image; 2], stack_pages)
    }

    /// The same of another image. What they have in common is shared with the lives of this one.
    pub(super) fn load_changed(
        &self,
        process: Handle,
        image: &[u8],
        changed: &[u8],
        stack_pages: u32,
    ) -> Result<Loaded, LoadFailure> {
        if Plan::parse(changed).as_ref() != Ok(&self.plan) {
            return Program::of(changed)?.load(process, changed, stack_pages);
        }
        self.load_sharing(process, [image, changed], stack_pages)
    }

    fn load_sharing(
        &self,
        process: Handle,
        [image, now]: [&[u8]; 2],
        stack_pages: u32,
    ) -> Result<Loaded, LoadFailure> {
        let mut loaded = Loaded { entry: self.plan.entry, memory: Vec::new() };
        for (segment, shared) in self.plan.segments().zip(&self.shared) {
            let (len, prot) = (segment.pages() * PAGE_SIZE, segment.perm.prot());
            match shared {
                Some(vmo) if core::ptr::eq(image, now) => {
                    loaded.hold(process, *vmo, len, segment.va, prot)?;
                }
                Some(vmo) => {
                    let bytes = [image, now].map(|image| segment.data(image));
                    loaded.hold_changed(process, *vmo, segment, bytes)?;
                }
                None => {
                    let own = fill(segment.pages(), segment.data(now))?;
                    loaded.add(process, own, len, segment.va, prot)?;
                }
            }
        }
        let stack = sys::vmo_create(u64::from(stack_pages))?;
        let len = u64::from(stack_pages) * PAGE_SIZE;
        loaded.add(process, stack, len, STACK_TOP - len, Prot::READ | Prot::WRITE)?;
        Ok(loaded)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        for vmo in self.shared.drain(..).flatten() {
            // As for what is loaded.
            let _ = sys::cap_drop(vmo);
        }
    }
}

/// A memory object that begins with these bytes; the rest is zero.
fn fill(pages: u64, bytes: &[u8]) -> Result<Handle, Error> {
    let mut memory = Memory::new(pages)?;
    if let Some(to) = memory.bytes_mut().get_mut(..bytes.len()) {
        to.copy_from_slice(bytes);
    }
    Ok(memory.into_vmo())
}

/// The same, which nobody can write any more.
fn sealed(pages: u64, bytes: &[u8]) -> Result<Handle, Error> {
    let vmo = fill(pages, bytes)?;
    match sys::vmo_seal(vmo) {
        Ok(()) => Ok(vmo),
        Err(error) => {
            let _ = sys::cap_drop(vmo);
            Err(error)
        }
    }
}

/// Maps the startup block into the process, for reading.
pub(super) fn tell(
    process: Handle,
    loaded: &mut Loaded,
    block: &Startup,
) -> Result<(), LoadFailure> {
    let mut memory = Memory::new(1)?;
    memory.bytes_mut().copy_from_slice(block.as_bytes());
    loaded.add(process, memory.into_vmo(), PAGE_SIZE, STARTUP_VA, Prot::READ)?;
    Ok(())
}
