//! Memory of devices: where it is, and the addresses that tables have.

use super::rule::{Rule, Violation, ensure, present};
use crate::kernel::Kernel;
use crate::object::capability::CapabilityKind;
use crate::object::dma::{DeviceMemory, Role};
use crate::object::endpoint::Vmo;
use crate::platform::Platform;
use crate::store::addr::Frame;
use crate::store::frames::FrameUse;
use nexus_abi::{PAGE_SIZE, Rights};

impl<P: Platform> Kernel<'_, P> {
    pub(super) fn check_memories(&self) -> Result<(), Violation> {
        for (id, vmo) in self.vmos.iter() {
            let Some(memory) = vmo.device else { continue };
            let memory = present(self.memories.get(memory), Rule::DeviceMemory, id.slot())?;
            ensure(memory.vmo == id, Rule::DeviceMemory, id.slot())?;
            let first = self.frames.page(vmo.pages, 0);
            for page in 0..vmo.pages.count() {
                let frame = self.frames.page(vmo.pages, page);
                let behind = frame == first.map(|first| first.plus(u64::from(page)));
                let aside = frame.and_then(|frame| self.frames.usage(frame));
                let right = behind && aside == Some(FrameUse::Device);
                ensure(right, Rule::DeviceMemory, id.slot())?;
                if let (Role::Table, Some(frame), true) = (memory.role, frame, vmo.is_cleared()) {
                    self.check_descriptors(memory, frame)?;
                }
            }
        }
        for (id, mapping) in self.mappings.iter() {
            let Ok(cap) = self.caps.get(mapping.cap) else { continue };
            let CapabilityKind::Vmo(vmo) = cap.kind else { continue };
            let memory = self.vmos.get(vmo).ok().and_then(|vmo| vmo.device);
            let memory = memory.and_then(|memory| self.memories.get(memory).ok());
            let Some(memory) = memory else { continue };
            let right = memory.role != Role::Table && !cap.rights.contains(Rights::EXEC);
            ensure(right, Rule::DeviceMemory, id.slot())?;
        }
        Ok(())
    }

    fn check_descriptors(&self, table: &DeviceMemory, frame: Frame) -> Result<(), Violation> {
        for index in (0..512).step_by(2) {
            let address = self.platform.read(frame, index);
            let second = self.platform.read(frame, index.wrapping_add(1));
            let (len, flags) = (second & 0xffff_ffff, second >> 32);
            let own = self.memories.iter().filter(|(_, one)| one.device == table.device);
            let named = own.filter_map(|(id, one)| {
                let vmo = self.vmos.get(one.vmo).ok().filter(|vmo| vmo.device == Some(id))?;
                self.holds(vmo, address, len).then_some(one.role)
            });
            let right = named.into_iter().any(|role| match role {
                Role::Table => flags == 4,
                Role::Pool => flags & 4 == 0,
                Role::Used => false,
            });
            let nothing = address == 0 && second == 0;
            let right = right || nothing || self.was_of(table, address, len);
            ensure(right, Rule::Descriptor, frame.number())?;
        }
        Ok(())
    }

    /// True when these bytes can be those of an object of the same device that nobody holds any more: they
    /// are set aside, and no object has them.
    fn was_of(&self, table: &DeviceMemory, address: u64, len: u64) -> bool {
        let object = |id, one: &DeviceMemory| {
            self.vmos.get(one.vmo).ok().filter(|vmo| vmo.device == Some(id))
        };
        let gone =
            |(id, one): (_, &DeviceMemory)| one.device == table.device && object(id, one).is_none();
        let last = address.wrapping_add(len).wrapping_sub(1);
        let aside = |byte: u64| {
            let frame = Frame::at(byte & !0xfff).and_then(|frame| self.frames.usage(frame));
            let mut objects = self.memories.iter().filter_map(|(id, one)| object(id, one));
            frame == Some(FrameUse::Device) && !objects.any(|vmo| self.holds(vmo, byte, 1))
        };
        self.memories.iter().any(gone) && len != 0 && aside(address) && aside(last)
    }

    fn holds(&self, vmo: &Vmo, address: u64, len: u64) -> bool {
        let Some(first) = self.frames.page(vmo.pages, 0) else { return false };
        let end = first.address().wrapping_add(u64::from(vmo.pages.count()) * PAGE_SIZE);
        len != 0 && address >= first.address() && address.wrapping_add(len) <= end
    }
}
