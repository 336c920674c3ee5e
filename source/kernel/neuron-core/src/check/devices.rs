//! Windows with a mask of registers, and the device pages that the kernel half has for them.

use super::rule::{Rule, Violation, ensure, present};
use super::walk;
use crate::kernel::Kernel;
use crate::object::capability::{CapState, Capability, Named};
use crate::object::line::Line;
use crate::object::register::{DEVICE_PAGES, Registers};
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::addr::index;
use crate::store::pool::Id;
use crate::store::pte::Leaf;
use nexus_abi::Rights;

/// Of a leaf: V, R, W, G, A and D; U and X clear.
const KERNEL_DEVICE: u64 = 0xe7;

/// One bit for each place of the table of device pages.
type Places = [bool; 512];

impl<P: Platform> Kernel<'_, P> {
    pub(super) fn check_devices(&self) -> Result<(), Violation> {
        let mut taken: Places = [false; 512];
        for (id, cap) in self.caps.iter() {
            if let Some(place) = cap.registers() {
                self.check_masked(id, cap, place, &mut taken)?;
            }
            if let Some(above) = cap.parent.and_then(|parent| self.caps.get(parent).ok()) {
                self.check_inherited(id, cap, above)?;
            }
        }
        for (place, taken) in (1..DEVICE_PAGES).zip(taken.into_iter().skip(1)) {
            let found = self.platform.device_entry(place);
            let registers = Id::from_slot(u64::from(place)).and_then(|id| self.registers.get(id));
            let right = match registers {
                Ok(one) => taken && found == one.frame.number() << 10 | KERNEL_DEVICE,
                Err(_) => found == 0,
            };
            ensure(right, Rule::DevicePage, place)?;
        }
        Ok(())
    }

    /// A mask is of a window, at whose first page its place is, and nobody else's; nothing is mapped
    /// writable beside it.
    fn check_masked(
        &self,
        id: Id<Capability>,
        cap: &Capability,
        place: Id<Registers>,
        taken: &mut Places,
    ) -> Result<(), Violation> {
        let window = present(Window::of(cap.kind), Rule::WindowMask, id.slot())?;
        let registers = present(self.registers.get(place), Rule::WindowMask, id.slot())?;
        ensure(registers.frame == window.first(), Rule::DevicePage, place.slot())?;
        let taken =
            present(taken.get_mut(index(place.slot())).ok_or(()), Rule::DevicePage, id.slot())?;
        ensure(!core::mem::replace(taken, true), Rule::DevicePage, place.slot())?;
        if let Some(line) = registers.line {
            let line = present(Id::from_slot(line.into()), Rule::LineReceiver, place.slot())?;
            self.check_written(cap, place, line)?;
        }
        walk(&cap.mappings, &self.mappings, |mapping, record| {
            ensure(record.leaf == Leaf::Read, Rule::WindowUse, mapping.slot())
        })?;
        Ok(())
    }

    /// The line whose acknowledgement writes through this window says so, and is of who holds both and can
    /// write.
    fn check_written(
        &self,
        cap: &Capability,
        place: Id<Registers>,
        line: Id<Line>,
    ) -> Result<(), Violation> {
        let line_of = present(self.lines.get(line), Rule::LineReceiver, line.slot())?;
        let receiver = present(line_of.receiver.ok_or(()), Rule::LineReceiver, line.slot())?;
        let here = receiver.register.is_some_and(|register| register.page == place);
        let owner = self.caps.get(receiver.by).map(|by| by.owner);
        let may = cap.rights.contains(Rights::WRITE) && !cap.rights.contains(Rights::DERIVE);
        let alone = cap.state == CapState::Held && cap.children.is_empty();
        let own = owner == Ok(cap.owner);
        ensure(here && own && may && alone, Rule::LineReceiver, line.slot())
    }

    /// What is below a mask has at most its registers; at another first page, none.
    fn check_inherited(
        &self,
        id: Id<Capability>,
        cap: &Capability,
        above: &Capability,
    ) -> Result<(), Violation> {
        let of = |cap: &Capability| cap.registers().and_then(|id| self.registers.get(id).ok());
        let Some(most) = of(above) else { return Ok(()) };
        let fewer = of(cap).is_some_and(|own| match own.frame == most.frame {
            true => own.mask & !most.mask == 0,
            false => own.mask == 0,
        });
        ensure(fewer, Rule::WindowMask, id.slot())
    }
}
