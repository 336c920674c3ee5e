//! Budgets: what is charged to a process is what it has, and what it gave to others.

use super::rule::{Rule, Violation, ensure};
use super::scratch::Scratch;
use super::walk;
use crate::kernel::Kernel;
use crate::object::process::HEAVY;
use crate::object::thread::State;
use crate::platform::Platform;
use nexus_abi::ProcessState;

impl<P: Platform> Kernel<'_, P> {
    /// To be called when capabilities and page tables have been added up.
    pub(super) fn check_accounts(&self, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        self.sum_given(scratch);
        let mut threads = 0u32;
        let mut ending = 0u32;
        for (id, process) in self.processes.iter() {
            let at = id.slot();
            let Some(sum) = scratch.sum(at).map(|sum| *sum) else {
                return ensure(false, Rule::AccountObjects, at);
            };
            let team = walk(&process.threads, &self.threads, |thread, record| {
                let ended = record.state == State::Ended;
                let agrees = record.process == id && ended == (process.state != ProcessState::Live);
                ensure(agrees, Rule::ProcessState, thread.slot())
            })?;
            threads = threads.wrapping_add(team);
            let mapped = match &process.space {
                Some(space) => walk(&space.mappings, &self.mappings, |_, _| Ok(()))?,
                None => 0,
            };
            // The anchor of a thread is among the capabilities.
            let more = u64::from(team) * u64::from(HEAVY - 1) + u64::from(mapped);
            let objects = sum.objects.wrapping_add(more);
            ensure(u64::from(process.objects.used) == objects, Rule::AccountObjects, at)?;
            ensure(u64::from(process.frames.used) == sum.frames, Rule::AccountFrames, at)?;
            let within = process.objects.used <= process.objects.limit
                && process.frames.used <= process.frames.limit;
            ensure(within, Rule::AccountLimit, at)?;
            ensure(process.child_processes == sum.children, Rule::ProcessChildren, at)?;
            ending = ending.wrapping_add(u32::from(process.state == ProcessState::Ending));
            let empty = process.held.is_empty()
                && process.owned.is_empty()
                && process.space.is_none()
                && team == 0;
            let state = match process.state {
                ProcessState::Live => process.space.is_some() && process.end.is_none(),
                ProcessState::Ending => process.space.is_some() && process.end.is_some(),
                ProcessState::Ended => empty && process.end.is_some(),
            };
            ensure(state, Rule::ProcessState, at)?;
        }
        ensure(threads == self.threads.live(), Rule::ListMember, threads)?;
        let listed = walk(&self.ending, &self.processes, |id, process| {
            ensure(process.state == ProcessState::Ending, Rule::ProcessState, id.slot())
        })?;
        ensure(listed == ending, Rule::ListMember, listed)
    }

    /// Adds what each process gave to others, and the memory objects that it made.
    fn sum_given(&self, scratch: &mut Scratch<'_>) {
        for (id, process) in self.processes.iter() {
            let Some(parent) = process.parent else { continue };
            let Some(sum) = scratch.sum(parent.slot()) else { continue };
            // The slot of a process is paid for as long as it is taken; its anchor pays 1 of it.
            sum.objects = sum.objects.wrapping_add(u64::from(HEAVY - 1));
            if process.state == ProcessState::Ended || self.init == Some(id) {
                continue;
            }
            sum.objects = sum.objects.wrapping_add(u64::from(process.objects.limit));
            sum.frames = sum.frames.wrapping_add(u64::from(process.frames.limit));
            sum.children = sum.children.wrapping_add(1);
        }
        for (_, vmo) in self.vmos.iter().filter(|(_, vmo)| vmo.device.is_none()) {
            let owner = self.caps.get(vmo.anchor).map(|anchor| anchor.owner);
            if let Some(sum) = owner.ok().and_then(|owner| scratch.sum(owner.slot())) {
                sum.frames = sum.frames.wrapping_add(u64::from(vmo.pages.count()));
            }
        }
    }
}
