//! Windows of which single registers may be written: giving them a mask, and writing.

use nexus_abi::{Error, Handle, Rights};

use crate::Result;
use crate::call::Args;
use crate::kernel::{Kernel, need};
use crate::object::capability::Capability;
use crate::object::process::Process;
use crate::object::register::Register;
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::pool::Id;

impl<P: Platform> Kernel<'_, P> {
    /// `mmio_write`: the checks of RFC-0002, in their order.
    #[inline(always)]
    pub(crate) fn mmio_write(&mut self, caller: Id<Process>, args: Args) -> Result {
        let [window, offset, value, ..] = args;
        let (cap, _) = self.lookup(caller, Handle(window))?;
        self.write_register(cap, offset, value)
    }

    /// Writes a register of a window, by the right of this capability.
    ///
    /// # Errors
    /// As [`Register::of`].
    #[inline(always)]
    pub(crate) fn write_register(&mut self, by: Id<Capability>, offset: u64, value: u64) -> Result {
        let (register, value) = Register::of(self.caps.get(by)?, &self.registers, offset, value)?;
        self.platform.write_device(register.page.slot(), register.offset, value);
        Ok(())
    }

    /// `cap_limit` of a window: the mask of its registers. Nobody uses it by another right meanwhile.
    pub(crate) fn limit_window(&mut self, id: Id<Capability>, window: Window, mask: u64) -> Result {
        let cap = self.caps.get(id)?;
        need(cap, Rights::MANAGE)?;
        let registers = cap.registers();
        if let Some(had) = registers
            && mask & !self.registers.get(had)?.mask != 0
        {
            return Err(Error::OutOfRange);
        }
        if !cap.children.is_empty() || cap.mapped_pages != 0 || self.line_of(id, cap).is_some() {
            return Err(Error::Busy);
        }
        match registers {
            Some(registers) => self.registers.get_mut(registers)?.mask = mask,
            None => {
                let registers = self.reach(window, mask)?;
                self.caps.get_mut(id)?.set_registers(Some(registers));
            }
        }
        Ok(())
    }
}
