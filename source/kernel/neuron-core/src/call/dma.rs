//! Memory of devices: who makes it, what clears it, and the addresses that the kernel writes.
//!
//! A physical address goes to a table, or to a register of the device, and nowhere else.

use core::sync::atomic::{Ordering, fence};

use nexus_abi::{Error, Handle, Rights};

use crate::Result;
use crate::call::memory::bytes;
use crate::call::{Args, Caller, Outcome};
use crate::kernel::{Kernel, Step, Work, need};
use crate::object::capability::Capability;
use crate::object::dma::{ADDRESSES, DeviceMemory, Role, STATUS};
use crate::object::endpoint::Vmo;
use crate::object::process::Process;
use crate::object::register::Registers;
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::addr::Frame;
use crate::store::frames::Pages;
use crate::store::pool::Id;

/// Rights of the maker: of a table, to have addresses written to it, and of the rest, to map it. None of
/// them is ever executable or sealed.
const TABLE: Rights =
    Rights::PLACE.union(Rights::DERIVE).union(Rights::GRANT).union(Rights::REVOKE);
const MAPPED: Rights = TABLE.union(Rights::MAP).union(Rights::READ).union(Rights::WRITE);

/// Flags of a descriptor (virtio 1.2, 2.7.5), and where the number of the next one begins.
const NEXT: u64 = 1;
const WRITE: u64 = 2;
const INDIRECT: u64 = 4;
const NEXT_SHIFT: u32 = 16;
/// A chain is not longer than what it is told in.
const MAX_NEXT: u64 = 255;

/// Bytes of a descriptor; what a queue names begins at a multiple of it.
const DESCRIPTOR: u64 = 16;

/// The window of a device whose memory is set up.
struct Device {
    cap: Id<Capability>,
    window: Window,
    registers: Id<Registers>,
}

impl<P: Platform> Kernel<'_, P> {
    /// The device that a window (PLACE) stands for. Its mask leaves out the registers that hold addresses.
    fn device(&self, caller: Id<Process>, handle: Handle) -> Result<Device> {
        let (window, cap, capability) = self.held(caller, handle, Rights::PLACE)?;
        let registers = capability.registers().ok_or(Error::Denied)?;
        match self.registers.get(registers)?.mask & ADDRESSES {
            0 => Ok(Device { cap, window, registers }),
            _ => Err(Error::Denied),
        }
    }

    /// Memory of a device that a handle names, with these rights.
    fn memory_of(
        &self,
        caller: Id<Process>,
        handle: Handle,
        rights: Rights,
    ) -> Result<(&DeviceMemory, &Vmo)> {
        let (vmo, _, cap) = self.held(caller, handle, Rights::empty())?;
        let vmo = self.vmos.get(vmo)?;
        let memory = vmo.device.ok_or(Error::WrongKind)?;
        need(cap, rights)?;
        Ok((self.memories.get(memory)?, vmo))
    }

    /// `dma_create`. Init pays for the object, which outlives who made it.
    pub(crate) fn dma_create(&mut self, caller: Id<Process>, args: Args) -> Result<Handle> {
        let [window, pages, role, ..] = args;
        let Device { window: device, .. } = self.device(caller, Handle(window))?;
        let role = Role::from_code(role).ok_or(Error::BadArgument)?;
        let count = u32::try_from(pages).ok().filter(|count| *count != 0);
        let count = count.ok_or(Error::OutOfRange)?;
        let taken = |one: &DeviceMemory| {
            one.device.overlaps(device) && (one.device != device || one.role == role)
        };
        if self.memories.iter().any(|(_, one)| taken(one)) {
            return Err(Error::Exists);
        }
        let owner = self.init.ok_or(Error::NoMemory)?;
        let rights = if role == Role::Table { TABLE } else { MAPPED };
        let (cap, _) = self.vmo_over([owner, caller], rights, |kernel, vmo| {
            let memory = kernel.memories.alloc(DeviceMemory { device, role, vmo })?;
            let first = kernel.reserve.take(count).ok_or(Error::NoMemory);
            let first = first.inspect_err(|_| kernel.memories.release(memory))?;
            let object = kernel.vmos.get_mut(vmo)?;
            (object.cleared, object.device) = (count, Some(memory));
            Ok(Pages::contiguous(first, count))
        })?;
        Ok(self.caps.handle(cap))
    }

    /// `dma_quiet`: everything is looked at again in each step.
    pub(crate) fn dma_quiet(&mut self, by: Caller, handle: Handle) -> Result<Outcome> {
        let (me, caller) = (by.thread, by.process);
        let begun = core::mem::take(&mut self.threads.get_mut(me)?.unfinished) == handle;
        let device = self.device(caller, handle)?;
        let above = self.caps.get(device.cap)?.parent;
        if above.is_some() || !self.is_alone(device.cap, caller)? {
            return Err(Error::Busy);
        }
        for (id, memory) in self.memories.iter() {
            let Some(vmo) = self.object_of(id, memory, device.window) else { continue };
            let sole = self.caps.get(vmo.anchor)?.child_count == 1;
            if !sole || !self.is_alone(vmo.anchor, caller)? {
                return Err(Error::Busy);
            }
        }
        if self.platform.read_device(device.registers.slot(), STATUS) != 0 {
            return Err(Error::Busy);
        }
        let clear = |kernel: &mut Self, _, work: &mut Work| {
            kernel.clear_device(device.window, !begun, work)
        };
        self.in_steps(me, handle, Some(device.cap), clear)
    }

    /// The object of this entry, if it is of this device and anybody holds it.
    fn object_of(
        &self,
        id: Id<DeviceMemory>,
        memory: &DeviceMemory,
        device: Window,
    ) -> Option<&Vmo> {
        let vmo = self.vmos.get(memory.vmo).ok()?;
        (memory.device == device && vmo.device == Some(id)).then_some(vmo)
    }

    /// True when all below a capability is of this process, and nothing is below that. Of a window there
    /// are no more than pages.
    fn is_alone(&self, top: Id<Capability>, process: Id<Process>) -> Result<bool> {
        for child in self.caps.get(top)?.children.iter(&self.caps) {
            let child = self.caps.get(child)?;
            if child.owner != process || !child.children.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Clears the memory of a device for as long as there is work left. Until it is done, nobody maps it,
    /// and no address of it is written.
    fn clear_device(&mut self, device: Window, begins: bool, work: &mut Work) -> Step {
        let mut step = Ok(());
        for place in 1..self.memories.capacity() {
            let id = Id::from_slot(u64::from(place))?;
            let Ok(memory) = self.memories.get(id) else { continue };
            let vmo = memory.vmo;
            if self.object_of(id, memory, device).is_none() {
                continue;
            }
            if begins {
                self.vmos.get_mut(vmo)?.cleared = 0;
            }
            step = step.and(self.clear_memory(vmo, work));
        }
        step
    }

    /// `dma_place`: a descriptor is written once, its address first, so that at no time is there a length
    /// or a flag without its address.
    pub(crate) fn dma_place(&mut self, caller: Id<Process>, args: Args) -> Result {
        let [table, index, object, offset, len, flags] = args;
        let (of, table) = self.memory_of(caller, Handle(table), Rights::PLACE)?;
        if of.role != Role::Table {
            return Err(Error::WrongKind);
        }
        let (to, object) = self.memory_of(caller, Handle(object), Rights::empty())?;
        if to.device != of.device {
            return Err(Error::Denied);
        }
        check_flags(to.role, flags)?;
        if to.role == Role::Table && !(offset | len).is_multiple_of(DESCRIPTOR) {
            return Err(Error::Misaligned);
        }
        let end = offset.checked_add(len).ok_or(Error::OutOfRange)?;
        let last = index.checked_add(1).and_then(|end| end.checked_mul(DESCRIPTOR));
        let inside = last.is_some_and(|last| last <= bytes(table));
        if len == 0 || len > u64::from(u32::MAX) || end > bytes(object) || !inside {
            return Err(Error::OutOfRange);
        }
        let address = self.address_of(object, offset)?;
        let slot = index.wrapping_mul(DESCRIPTOR);
        let frame = self.frame_at(table, slot)?;
        let word = usize::try_from((slot & 0xfff) >> 3).map_err(|_| Error::OutOfRange)?;
        let second = word.wrapping_add(1);
        if self.platform.read(frame, word) | self.platform.read(frame, second) != 0 {
            return Err(Error::Exists);
        }
        self.platform.write(frame, word, address);
        fence(Ordering::Release);
        self.platform.write(frame, second, len | flags << 32);
        Ok(())
    }

    /// The physical address of a byte of memory that is cleared.
    fn address_of(&self, vmo: &Vmo, offset: u64) -> Result<u64> {
        Ok(self.frame_at(vmo, offset)?.address() | offset & 0xfff)
    }

    /// The frame that it is in.
    fn frame_at(&self, vmo: &Vmo, offset: u64) -> Result<Frame> {
        let page = u32::try_from(offset >> 12).map_err(|_| Error::OutOfRange)?;
        let frame = self.frames.page(vmo.pages, page).ok_or(Error::OutOfRange)?;
        if vmo.is_cleared() { Ok(frame) } else { Err(Error::BadState) }
    }

    /// `mmio_write_dma`.
    pub(crate) fn mmio_write_dma(&mut self, caller: Id<Process>, args: Args) -> Result {
        let [window, offset, object, object_offset, ..] = args;
        let device = self.device(caller, Handle(window))?;
        let (memory, vmo) = self.memory_of(caller, Handle(object), Rights::empty())?;
        if memory.device != device.window {
            return Err(Error::Denied);
        }
        if Role::at_register(offset) != Some(memory.role) {
            return Err(Error::RegisterDenied);
        }
        if !object_offset.is_multiple_of(DESCRIPTOR) {
            return Err(Error::Misaligned);
        }
        let address = self.address_of(vmo, object_offset)?;
        if !self.is_alone(device.cap, caller)? {
            return Err(Error::Busy);
        }
        let half = |shift: u32| u32::try_from(address >> shift & 0xffff_ffff).unwrap_or(0);
        let (low, high) = (half(0), half(32));
        self.platform.write_device(device.registers.slot(), offset, low);
        self.platform.write_device(device.registers.slot(), offset.wrapping_add(4), high);
        Ok(())
    }
}

/// A pool is read or written in a chain; a table is an indirect one; used rings are in no descriptor.
fn check_flags(role: Role, flags: u64) -> Result {
    let next = flags >> NEXT_SHIFT;
    let right = match role {
        Role::Table => flags == INDIRECT,
        Role::Pool if flags & NEXT != 0 => {
            flags & 0xffff & !(NEXT | WRITE) == 0 && next <= MAX_NEXT
        }
        Role::Pool => flags & !WRITE == 0,
        Role::Used => false,
    };
    if right { Ok(()) } else { Err(Error::BadArgument) }
}
