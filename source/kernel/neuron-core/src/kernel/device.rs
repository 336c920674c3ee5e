//! Device pages in the kernel half: one for each capability to a window that has a mask.

use crate::Result;
use crate::kernel::Kernel;
use crate::object::capability::Capability;
use crate::object::register::Registers;
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::pool::Id;
use crate::store::pte::Pte;

impl<P: Platform> Kernel<'_, P> {
    /// Reaches the first page of a window, for a capability with this mask.
    ///
    /// # Errors
    /// `NoMemory` when all places are taken.
    pub(crate) fn reach(&mut self, window: Window, mask: u64) -> Result<Id<Registers>> {
        let frame = window.first();
        let id = self.registers.alloc(Registers { mask, frame, line: None })?;
        self.set_device(id, Pte::device(frame));
        Ok(id)
    }

    /// Gives back the place of a capability that ends, if it has one.
    pub(crate) fn let_go(&mut self, registers: Option<Id<Registers>>) {
        let Some(id) = registers else { return };
        self.registers.release(id);
        self.set_device(id, Pte::INVALID);
    }

    fn set_device(&mut self, id: Id<Registers>, entry: Pte) {
        self.platform.set_device(id.slot(), entry.word());
        self.platform.fence_kernel();
    }

    /// Gives a child over `part` the mask of its parent. Where the part begins at another page it has
    /// none of the registers.
    pub(crate) fn inherit(
        &mut self,
        parent: Id<Capability>,
        part: Window,
    ) -> Result<Option<Id<Registers>>> {
        let Some(registers) = self.caps.get(parent)?.registers() else { return Ok(None) };
        let &Registers { mask, frame, .. } = self.registers.get(registers)?;
        let mask = if part.first() == frame { mask } else { 0 };
        self.reach(part, mask).map(Some)
    }
}
