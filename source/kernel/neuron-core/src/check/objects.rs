//! Objects: each has its anchor, and lives no longer than a capability names it. Mappings: each
//! has the capability and the process that it belongs to.

use super::rule::{Rule, Violation, ensure, present};
use super::scratch::{Role, Scratch};
use super::walk;
use crate::kernel::Kernel;
use crate::object::capability::{CapState, Capability, CapabilityKind};
use crate::object::endpoint::{Notification, Waiting};
use crate::object::mapping::Mapping;
use crate::object::thread::State;
use crate::platform::Platform;
use crate::store::pool::Id;
use crate::store::pte::Leaf;
use nexus_abi::{ProcessState, Rights};

impl<P: Platform> Kernel<'_, P> {
    pub(super) fn check_objects(&self, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        let mut objects = 0u32;
        for (id, endpoint) in self.endpoints.iter() {
            self.check_anchor(endpoint.anchor, CapabilityKind::Endpoint(id), true)?;
            objects = objects.wrapping_add(1);
            walk(&endpoint.queue, &self.threads, |thread, record| {
                let right = match endpoint.waiting {
                    Waiting::Senders => record.state == State::Sending(id),
                    Waiting::Receivers => record.state == State::Receiving(id),
                };
                ensure(right, Rule::EndpointQueue, thread.slot())
            })?;
        }
        for (id, notification) in self.notifications.iter() {
            self.check_anchor(notification.anchor, CapabilityKind::Notification(id), true)?;
            objects = objects.wrapping_add(1);
            self.check_notification(id.slot(), notification)?;
            if let Some(waiter) = notification.waiter {
                let waits = self.threads.get(waiter).map(|thread| thread.state);
                let rule = Rule::NotificationWaiter;
                ensure(waits == Ok(State::Waiting(id)), rule, id.slot())?;
            }
        }
        for (id, vmo) in self.vmos.iter() {
            self.check_anchor(vmo.anchor, CapabilityKind::Vmo(id), true)?;
            objects = objects.wrapping_add(1);
            for page in 0..vmo.pages.count() {
                let frame =
                    present(self.frames.page(vmo.pages, page).ok_or(()), Rule::FrameUse, page)?;
                let mark = scratch.mark(frame).filter(|mark| mark.role == Role::Unseen);
                let Some(mark) = mark else {
                    return ensure(false, Rule::FrameUse, frame.number());
                };
                mark.role = Role::Memory;
                (mark.vmo, mark.page) = (id.slot(), page);
            }
        }
        for (id, thread) in self.threads.iter() {
            self.check_anchor(thread.anchor, CapabilityKind::Thread(id), false)?;
            objects = objects.wrapping_add(1);
        }
        for (id, process) in self.processes.iter() {
            match process.anchor {
                Some(anchor) => {
                    self.check_anchor(anchor, CapabilityKind::Process(id), true)?;
                    objects = objects.wrapping_add(1);
                }
                // Only init, and a process that is being taken apart, have none.
                None => {
                    let may = self.init == Some(id) || process.state == ProcessState::Ending;
                    ensure(may, Rule::ObjectAnchor, id.slot())?;
                }
            }
        }
        let anchors = self.caps.iter().filter(|(_, cap)| cap.state == CapState::Anchor).count();
        ensure(u32::try_from(anchors) == Ok(objects), Rule::CapAnchor, u64::MAX)?;
        self.check_bindings()?;
        self.check_mappings()
    }

    fn check_anchor(
        &self,
        anchor: Id<Capability>,
        kind: CapabilityKind,
        needed: bool,
    ) -> Result<(), Violation> {
        let at = anchor.slot();
        let cap = present(self.caps.get(anchor), Rule::ObjectAnchor, at)?;
        ensure(cap.state == CapState::Anchor && cap.kind == kind, Rule::ObjectAnchor, at)?;
        ensure(!needed || !cap.children.is_empty(), Rule::ObjectAnchor, at)
    }

    fn check_notification(&self, at: u32, notification: &Notification) -> Result<(), Violation> {
        if notification.bits == 0 {
            return Ok(());
        }
        ensure(notification.waiter.is_none(), Rule::NotificationWaiter, at)?;
        let bound = notification.bound.as_ref().and_then(|bound| self.endpoints.get(bound.to).ok());
        let receives = bound.is_some_and(|endpoint| {
            endpoint.waiting == Waiting::Receivers && !endpoint.queue.is_empty()
        });
        ensure(!receives, Rule::NotificationLost, at)
    }

    fn check_bindings(&self) -> Result<(), Violation> {
        for (id, endpoint) in self.endpoints.iter() {
            let Some(bound) = &endpoint.bound else { continue };
            let back = self.notifications.get(bound.to).ok().and_then(|other| other.bound.as_ref());
            let mutual = back.is_some_and(|back| back.to == id);
            let right = self.may_receive(bound.by, CapabilityKind::Endpoint(id));
            ensure(mutual && right, Rule::Binding, id.slot())?;
        }
        for (id, notification) in self.notifications.iter() {
            let Some(bound) = &notification.bound else { continue };
            let back = self.endpoints.get(bound.to).ok().and_then(|other| other.bound.as_ref());
            let mutual = back.is_some_and(|back| back.to == id);
            let right = self.may_receive(bound.by, CapabilityKind::Notification(id));
            ensure(mutual && right, Rule::Binding, id.slot())?;
        }
        Ok(())
    }

    fn may_receive(&self, cap: Id<Capability>, kind: CapabilityKind) -> bool {
        let right = |cap: &Capability| cap.kind == kind && cap.rights.contains(Rights::RECV);
        self.caps.get(cap).is_ok_and(right)
    }

    fn check_mappings(&self) -> Result<(), Violation> {
        for (id, vmo) in self.vmos.iter() {
            let writable = self.mappings.iter().filter(|(_, mapping)| {
                let kind = self.caps.get(mapping.cap).map(|cap| cap.kind);
                kind == Ok(CapabilityKind::Vmo(id)) && mapping.leaf == Leaf::ReadWrite
            });
            let counted = u32::try_from(writable.count()) == Ok(vmo.writable);
            ensure(counted, Rule::VmoWritable, id.slot())?;
        }
        let mut listed = 0u32;
        for (process, record) in self.processes.iter() {
            let Some(space) = &record.space else { continue };
            let count = walk(&space.mappings, &self.mappings, |id, mapping| {
                ensure(mapping.process == process, Rule::MappingAlive, id.slot())
            })?;
            listed = listed.wrapping_add(count);
        }
        let live = self.mappings.live();
        ensure(listed == live, Rule::ListMember, live.abs_diff(listed))?;
        let mut through = 0u32;
        for (_, cap) in self.caps.iter() {
            through = through.wrapping_add(walk(&cap.mappings, &self.mappings, |_, _| Ok(()))?);
        }
        ensure(through == live, Rule::ListMember, live.abs_diff(through))?;
        self.mappings.iter().try_for_each(|(id, mapping)| self.check_mapping(id, mapping))
    }

    fn check_mapping(&self, id: Id<Mapping>, mapping: &Mapping) -> Result<(), Violation> {
        let at = id.slot();
        let cap = present(self.caps.get(mapping.cap), Rule::MappingAlive, at)?;
        let process = present(self.processes.get(mapping.process), Rule::MappingAlive, at)?;
        ensure(process.space.is_some() && mapping.pages.count != 0, Rule::MappingAlive, at)?;
        let mut needed = Rights::MAP | Rights::READ;
        match mapping.leaf {
            Leaf::Read => {}
            Leaf::ReadWrite => needed |= Rights::WRITE,
            Leaf::ReadExec => needed |= Rights::EXEC,
        }
        let zombie = cap.state == CapState::Zombie;
        ensure(zombie || cap.rights.contains(needed), Rule::MappingRights, at)?;
        match cap.kind {
            CapabilityKind::Vmo(vmo) => {
                let vmo = present(self.vmos.get(vmo), Rule::MappingAlive, at)?;
                let fits = match mapping.leaf {
                    Leaf::Read => true,
                    Leaf::ReadWrite => !vmo.sealed,
                    Leaf::ReadExec => vmo.sealed,
                };
                ensure(fits, Rule::VmoSeal, at)
            }
            CapabilityKind::DeviceMmio(_) => {
                ensure(cap.owner == mapping.process, Rule::WindowUse, at)
            }
            _ => ensure(false, Rule::MappingAlive, at),
        }
    }
}
