//! The derivation tree: making, dropping and revoking capabilities, and ending objects.
//!
//! Every capability hangs below the one it was derived from; the first capability to an object
//! hangs below the object's anchor. Long work goes in steps: a call that is not done is made
//! again by the thread that made it, with interrupts taken in between, and finds less to do. What
//! holds between two steps is RFC-0001, section 8: above all, nobody can use what is being dropped.

use nexus_abi::{EndReason, Error, Rights};

use crate::Result;
use crate::kernel::{Kernel, Step, Stop, Work, cost};
use crate::object::capability::{CapState, Capability, CapabilityKind, MAX_DEPTH, Named};
use crate::object::endpoint::Vmo;
use crate::object::process::{HEAVY, Process};
use crate::object::thread::Thread;
use crate::object::window::Window;
use crate::platform::Platform;
use crate::store::pool::Id;

impl<P: Platform> Kernel<'_, P> {
    /// Puts a capability in the lists of `owner`, who pays 1.
    pub(crate) fn insert(&mut self, owner: Id<Process>, cap: Capability) -> Result<Id<Capability>> {
        let state = cap.state;
        let owner = self.processes.get_mut(owner)?;
        owner.objects.charge(1)?;
        let id = self.caps.alloc(cap).inspect_err(|_| owner.objects.refund(1))?;
        owner.list(state).push_back(&mut self.caps, id)?;
        Ok(id)
    }

    /// Makes a child of `parent` in the table of `owner`, who pays 1. Rights and kind have been
    /// checked by the caller, but for the rules between windows, and between lines.
    pub(crate) fn add_child(
        &mut self,
        parent: Id<Capability>,
        owner: Id<Process>,
        kind: CapabilityKind,
        rights: Rights,
    ) -> Result<Id<Capability>> {
        if kind.has_parts() {
            self.check_exclusive(parent, kind)?;
        }
        self.check_lineage(parent)?;
        let mut cap = Capability::new(kind, rights, owner);
        cap.parent = Some(parent);
        let mut registers = None;
        if let Ok(window) = Window::of(kind) {
            registers = self.inherit(parent, window)?;
            cap.set_registers(registers);
        }
        let id = self.insert(owner, cap).inspect_err(|_| self.let_go(registers))?;
        self.hang(parent, id, 1)?;
        Ok(id)
    }

    /// A window that is mapped, and what a line is bound by, has no children, and no two children overlap.
    fn check_exclusive(&self, parent: Id<Capability>, kind: CapabilityKind) -> Result {
        let from = self.caps.get(parent)?;
        if from.mapped_pages != 0 || self.line_of(parent, from).is_some() {
            return Err(Error::Busy);
        }
        for id in from.children.iter(&self.caps) {
            if self.caps.get(id)?.kind.overlaps(kind) {
                return Err(Error::Busy);
            }
        }
        Ok(())
    }

    /// Nothing is derived below a capability that is being revoked, so that revoking ends; and
    /// nothing more than [`MAX_DEPTH`] steps down.
    fn check_lineage(&self, parent: Id<Capability>) -> Result {
        let mut depth = 0u32;
        let mut next = Some(parent);
        while let Some(id) = next {
            let cap = self.caps.get(id)?;
            if cap.revoking {
                return Err(Error::Busy);
            }
            depth = depth.wrapping_add(1);
            next = cap.parent;
        }
        if depth > MAX_DEPTH { Err(Error::TooDeep) } else { Ok(()) }
    }

    /// Hangs `child` below `parent` (1), or takes it from there (-1).
    #[inline(always)]
    fn hang(&mut self, parent: Id<Capability>, child: Id<Capability>, by: i32) -> Result {
        let mut list = self.caps.get(parent)?.children;
        match by {
            1 => list.push_back(&mut self.caps, child)?,
            _ => list.remove(&mut self.caps, child)?,
        }
        let from = self.caps.get_mut(parent)?;
        from.children = list;
        from.child_count = from.child_count.wrapping_add_signed(by);
        Ok(())
    }

    /// Takes a capability away: its mappings end, its children move up, who waits with it goes on
    /// with an error, what it bound is free, and if it was the last one to an object, the object
    /// ends. One that is being revoked first loses its children, whoever began that.
    pub(crate) fn drop_cap(&mut self, id: Id<Capability>, work: &mut Work) -> Step {
        let cap = self.caps.get(id)?;
        let (registers, &Capability { parent, owner, state, .. }) = (cap.registers(), cap);
        let last_of = match self.empty(id, work) {
            Err(Stop::More) => return self.bury(id, work),
            emptied => emptied?,
        };
        if state == CapState::Held {
            self.end_uses(id, last_of.is_some(), work)?;
        }
        self.processes.get_mut(owner)?.list(state).remove(&mut self.caps, id)?;
        if let Some(parent) = parent {
            self.hang(parent, id, -1)?;
        }
        self.caps.release(id);
        self.let_go(registers);
        if registers.is_some() {
            work.spend(cost::FENCE);
        }
        self.refund_objects(owner, 1);
        if let (Some(parent), Some(kind)) = (parent, last_of) {
            self.end_object(parent, kind)?;
        }
        Ok(())
    }

    /// What has to go before a capability can: what is mapped through it, what was derived from it, and the
    /// frames of an object that no other names. Tells that object.
    #[inline(always)]
    fn empty(&mut self, id: Id<Capability>, work: &mut Work) -> Step<Option<CapabilityKind>> {
        let &Capability { parent, mappings, children, .. } = self.caps.get(id)?;
        if !mappings.is_empty() {
            self.end_mappings(work, |kernel| Ok(kernel.caps.get(id)?.mappings.first()))?;
        }
        if !children.is_empty() {
            self.leave_children(id, work)?;
        }
        let last_of = parent.and_then(|parent| self.last_of(parent));
        if let Some(CapabilityKind::Vmo(vmo)) = last_of {
            self.give_back(vmo, work)?;
        }
        Ok(last_of)
    }

    /// Makes a zombie of a capability whose drop needs further steps, if it is none yet: from here
    /// on nobody can use it, so that nothing is added to what is left to do.
    #[cold]
    fn bury(&mut self, id: Id<Capability>, work: &mut Work) -> Step {
        if self.caps.get(id)?.state == CapState::Held {
            self.end_uses(id, false, work)?;
            self.pass(id, CapState::New, Rights::empty())?;
        }
        self.caps.get_mut(id)?.state = CapState::Zombie;
        Err(Stop::More)
    }

    /// Puts a capability in its owner's hands (`Held`), with these rights, or takes it out of them
    /// (`New`): then no handle names it, and it has none.
    #[cold]
    pub(crate) fn pass(&mut self, id: Id<Capability>, to: CapState, rights: Rights) -> Result {
        let cap = self.caps.get_mut(id)?;
        let from = core::mem::replace(&mut cap.state, to);
        cap.rights = rights;
        let owner = self.processes.get_mut(cap.owner)?;
        owner.list(from).remove(&mut self.caps, id)?;
        owner.list(to).push_back(&mut self.caps, id)
    }

    /// What was derived from a capability ends, if that is being revoked; else it moves to the
    /// nearest capability above that stays: not to a zombie, whose drop would not end while others
    /// move theirs there.
    #[inline(never)]
    fn leave_children(&mut self, id: Id<Capability>, work: &mut Work) -> Step {
        let cap = self.caps.get(id)?;
        if cap.revoking {
            return self.revoke(id, work);
        }
        let mut heir = cap.parent;
        while let Some(above) = heir {
            let above = self.caps.get(above)?;
            // What hangs below one that is being revoked ends with the rest.
            if above.state != CapState::Zombie || above.revoking {
                break;
            }
            heir = above.parent;
        }
        while let Some(child) = self.caps.get(id)?.children.first() {
            work.ask(1)?;
            self.hang(id, child, -1)?;
            self.caps.get_mut(child)?.parent = heir;
            if let Some(heir) = heir {
                self.hang(heir, child, 1)?;
            }
        }
        Ok(())
    }

    /// The object whose only capability is the one child of this anchor.
    fn last_of(&self, parent: Id<Capability>) -> Option<CapabilityKind> {
        let parent = self.caps.get(parent).ok()?;
        let ends = !matches!(parent.kind, CapabilityKind::Thread(_));
        let last = parent.state == CapState::Anchor && parent.child_count == 1;
        (last && ends).then_some(parent.kind)
    }

    /// Gives the frames of a memory object back, which only one capability names, without mappings.
    #[inline(never)]
    fn give_back(&mut self, id: Id<Vmo>, work: &mut Work) -> Step {
        let vmo = self.vmos.get_mut(id)?;
        if vmo.device.is_some() {
            return Ok(());
        }
        let owner = self.caps.get(vmo.anchor)?.owner;
        let account = &mut self.processes.get_mut(owner)?.frames;
        while vmo.pages.count() != 0 {
            work.ask(1)?;
            for _ in 0..cost::FRAMES {
                if self.frames.release_last(&mut vmo.pages) {
                    account.refund(1);
                }
            }
        }
        Ok(())
    }

    /// Ends an object that no capability names, with its anchor.
    fn end_object(&mut self, anchor: Id<Capability>, kind: CapabilityKind) -> Result {
        let owner = self.caps.get(anchor)?.owner;
        let mut cost = 1;
        match kind {
            CapabilityKind::Endpoint(id) => self.endpoints.release(id),
            CapabilityKind::Notification(id) => self.notifications.release(id),
            CapabilityKind::Vmo(id) => self.vmos.release(id),
            CapabilityKind::Process(id) => {
                self.end_process(id, EndReason::Killed(0))?;
                self.processes.get_mut(id)?.anchor = None;
                self.release_process(id)?;
            }
            CapabilityKind::Thread(id) => {
                cost = HEAVY;
                self.end_thread(id)?;
            }
            CapabilityKind::DeviceMmio(_)
            | CapabilityKind::Irq(_)
            | CapabilityKind::Spawn
            | CapabilityKind::Console => {}
        }
        self.processes.get_mut(owner)?.owned.remove(&mut self.caps, anchor)?;
        self.caps.release(anchor);
        self.refund_objects(owner, cost);
        Ok(())
    }

    fn end_thread(&mut self, id: Id<Thread>) -> Result {
        self.stop_waiting(id)?;
        self.alarms.drop(&mut self.threads, id)?;
        let process = self.threads.get(id)?.process;
        self.processes.get_mut(process)?.threads.remove(&mut self.threads, id)?;
        self.threads.release(id);
        Ok(())
    }

    /// Ends everything derived from a capability or an anchor.
    pub(crate) fn revoke(&mut self, top: Id<Capability>, work: &mut Work) -> Step {
        self.caps.get_mut(top)?.revoking = true;
        let mut at = top;
        loop {
            // The anchor goes with its last child.
            let Ok(cap) = self.caps.get(at) else { return Ok(()) };
            let parent = cap.parent;
            if let Some(child) = cap.children.first() {
                at = child;
            } else if at == top {
                self.caps.get_mut(top)?.revoking = false;
                return Ok(());
            } else {
                self.drop_cap(at, work)?;
                at = parent.unwrap_or(top);
            }
            work.ask(1)?;
        }
    }

    /// Ends an object with everything that names it.
    pub(crate) fn end_anchor(&mut self, anchor: Id<Capability>, work: &mut Work) -> Step {
        let kind = self.caps.get(anchor)?.kind;
        self.revoke(anchor, work)?;
        if self.caps.get(anchor).is_ok() {
            self.end_object(anchor, kind)?;
        }
        Ok(())
    }
}
