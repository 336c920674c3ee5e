//! Capabilities: who holds them, what they were derived from, and what that may give.

use super::rule::{Rule, Violation, ensure, present};
use super::scratch::Scratch;
use super::walk;
use crate::kernel::Kernel;
use crate::object::capability::{CapState, Capability, CapabilityKind, MAX_DEPTH, Named, Siblings};
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::addr::Frame;
use crate::store::list::List;
use crate::store::pool::Id;
use nexus_abi::{PAGE_SIZE, Rights};

impl<P: Platform> Kernel<'_, P> {
    pub(super) fn check_tree(&self, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        self.check_holders()?;
        let mut children = 0u32;
        let mut derived = 0u32;
        for (id, cap) in self.caps.iter() {
            self.check_cap(id, cap)?;
            children = children.wrapping_add(cap.child_count);
            derived = derived.wrapping_add(u32::from(cap.parent.is_some()));
            if let Some(sum) = scratch.sum(cap.owner.slot()) {
                sum.objects = sum.objects.wrapping_add(1);
            }
        }
        ensure(children == derived, Rule::CapCount, u64::MAX)?;
        self.check_roots()
    }

    fn check_holders(&self) -> Result<(), Violation> {
        let mut count = 0u32;
        for (process, record) in self.processes.iter() {
            let held = walk(&record.held, &self.caps, |id, cap| {
                ensure(
                    cap.owner == process && cap.state == CapState::Held,
                    Rule::CapOwner,
                    id.slot(),
                )
            })?;
            let owned = walk(&record.owned, &self.caps, |id, cap| {
                ensure(
                    cap.owner == process && cap.state != CapState::Held,
                    Rule::CapOwner,
                    id.slot(),
                )
            })?;
            count = count.wrapping_add(held).wrapping_add(owned);
        }
        ensure(count == self.caps.live(), Rule::ListMember, self.caps.live().abs_diff(count))
    }

    fn check_cap(&self, id: Id<Capability>, cap: &Capability) -> Result<(), Violation> {
        let at = id.slot();
        let mut count = 0;
        walk(&cap.children, &self.caps, |child, record| {
            count += 1;
            ensure(record.parent == Some(id), Rule::CapParent, child.slot())
        })?;
        ensure(count == cap.child_count, Rule::CapCount, at)?;
        let mut pages = 0u32;
        walk(&cap.mappings, &self.mappings, |mapping, record| {
            pages = pages.wrapping_add(record.pages.count);
            ensure(record.cap == id, Rule::MappingAlive, mapping.slot())
        })?;
        ensure(pages == cap.mapped_pages, Rule::CapCount, at)?;
        if matches!(cap.state, CapState::Zombie | CapState::New) {
            ensure(cap.rights.is_empty(), Rule::CapWithheld, at)?;
        }
        if let (CapState::Held, CapabilityKind::Vmo(vmo)) = (cap.state, cap.kind) {
            let vmo = self.vmos.get(vmo);
            let cleared = vmo.is_ok_and(|vmo| vmo.is_cleared() || vmo.device.is_some());
            ensure(cleared, Rule::VmoCleared, at)?;
        }
        if cap.state == CapState::Anchor {
            let plain = cap.parent.is_none() && cap.rights.is_empty();
            return ensure(plain && pages == 0, Rule::CapAnchor, at);
        }
        match cap.parent {
            Some(parent) => self.check_derived(id, cap, parent)?,
            None => ensure(has_no_object(cap.kind), Rule::CapRoot, at)?,
        }
        if let Ok(window) = Window::of(cap.kind) {
            self.check_window(id, cap, window)?;
        }
        if !cap.kind.has_parts() {
            return Ok(());
        }
        let mut next = List::<Capability, Siblings>::next(&self.caps, id);
        while let Some(sibling) = next.filter(|_| cap.parent.is_some()) {
            self.check_disjoint(id, cap, sibling)?;
            next = List::<Capability, Siblings>::next(&self.caps, sibling);
        }
        Ok(())
    }

    fn check_derived(
        &self,
        id: Id<Capability>,
        cap: &Capability,
        parent: Id<Capability>,
    ) -> Result<(), Violation> {
        let at = id.slot();
        let from = present(self.caps.get(parent), Rule::CapParent, at)?;
        let mut steps = 1u32;
        let mut next = from.parent;
        while let Some(above) = next.filter(|_| steps <= MAX_DEPTH) {
            next = self.caps.get(above).ok().and_then(|above| above.parent);
            steps += 1;
        }
        ensure(steps <= MAX_DEPTH, Rule::CapParent, at)?;
        // The rights of a zombie are gone; those below it are held to the next one above.
        let mut giver = Some(from);
        while let Some(zombie) = giver.filter(|giver| giver.state == CapState::Zombie) {
            giver = zombie.parent.and_then(|above| self.caps.get(above).ok());
        }
        let fewer = giver.is_none_or(|giver| {
            giver.state == CapState::Anchor || giver.rights.contains(cap.rights)
        });
        ensure(fewer, Rule::CapRights, at)?;
        let same = match (from.kind, cap.kind) {
            (CapabilityKind::DeviceMmio(all), CapabilityKind::DeviceMmio(part)) => {
                all.contains(part)
            }
            (CapabilityKind::Irq(all), CapabilityKind::Irq(part)) => {
                let ((first, count), (part_first, part_count)) = (all.range(), part.range());
                let inside = part_first >= first && part_first + part_count <= first + count;
                inside && part.interval() >= all.interval()
            }
            (from, own) => from == own,
        };
        ensure(same, Rule::CapKind, at)
    }

    fn check_window(
        &self,
        id: Id<Capability>,
        cap: &Capability,
        window: Window,
    ) -> Result<(), Violation> {
        let at = id.slot();
        let (base, len) = window.place();
        let whole = (base | len) & PAGE_SIZE.wrapping_sub(1) == 0 && len != 0;
        let end = base.checked_add(len).and_then(|end| end.checked_sub(1));
        let last = end.and_then(|last| Frame::at(last & !0xfff));
        let (Some(first), Some(last)) = (Frame::at(base), last) else {
            return ensure(false, Rule::WindowRange, at);
        };
        let mut banks = self.frames.banks();
        let inside = banks.any(|(bank, count)| bank <= last && first < bank.plus(count));
        ensure(whole && !inside, Rule::WindowRange, at)?;
        ensure(!cap.rights.contains(Rights::EXEC), Rule::WindowRange, at)?;
        if cap.mapped_pages != 0 {
            let used = cap.rights.contains(Rights::MAP | Rights::READ)
                && !cap.rights.contains(Rights::DERIVE);
            ensure(used || cap.state == CapState::Zombie, Rule::WindowUse, at)?;
            ensure(cap.children.is_empty(), Rule::WindowUse, at)?;
        }
        Ok(())
    }

    fn check_disjoint(
        &self,
        id: Id<Capability>,
        cap: &Capability,
        other: Id<Capability>,
    ) -> Result<(), Violation> {
        let Ok(there) = self.caps.get(other) else { return Ok(()) };
        // The children of a zombie move up beside it.
        if cap.state == CapState::Zombie || there.state == CapState::Zombie {
            return Ok(());
        }
        ensure(!cap.kind.overlaps(there.kind), Rule::CapOverlap, id.slot())
    }

    fn check_roots(&self) -> Result<(), Violation> {
        let roots =
            || self.caps.iter().filter(|(_, cap)| cap.parent.is_none() && cap.kind.has_parts());
        for (id, cap) in roots() {
            for (other, _) in roots().filter(|(other, _)| other.slot() > id.slot()) {
                self.check_disjoint(id, cap, other)?;
            }
        }
        Ok(())
    }
}

/// True for kinds without an object, whose first capability has no anchor above it.
fn has_no_object(kind: CapabilityKind) -> bool {
    match kind {
        CapabilityKind::DeviceMmio(_)
        | CapabilityKind::Irq(_)
        | CapabilityKind::Spawn
        | CapabilityKind::Console => true,
        CapabilityKind::Endpoint(_)
        | CapabilityKind::Notification(_)
        | CapabilityKind::Vmo(_)
        | CapabilityKind::Process(_)
        | CapabilityKind::Thread(_) => false,
    }
}
