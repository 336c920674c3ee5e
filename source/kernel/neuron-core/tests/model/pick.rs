//! Handles for a call: good ones, and all kinds of others.

use nexus_abi::Handle;

use crate::calls::Named;
use crate::driver::Driver;
use crate::model::{Cap, Kind, Model, Pid};
use crate::program::Pick;

impl Driver<'_, '_> {
    pub fn pick_target(&self, actor: Pid, pick: Pick) -> (Handle, Option<Named>) {
        if matches!(pick, Pick::Nothing) {
            return (Handle::NONE, None);
        }
        let (handle, named) = self
            .pick(actor, pick, |model, cap| matches!(model.kind(cap.what), Some(Kind::Process(_))));
        (handle, if handle == Handle::NONE { None } else { Some(named) })
    }

    /// A handle, and what it names for the actor.
    pub fn pick(
        &self,
        actor: Pid,
        pick: Pick,
        fits: impl Fn(&Model, &Cap) -> bool,
    ) -> (Handle, Named) {
        let all = |test: &dyn Fn(&Cap) -> bool| -> Vec<Handle> {
            let caps = self.model.caps.iter().filter(|(_, cap)| test(cap));
            caps.map(|(id, _)| self.handles[id]).collect()
        };
        let choose = |from: Vec<Handle>, n: u8| {
            from.get(usize::from(n) % from.len().max(1)).copied().unwrap_or(Handle(77))
        };
        let fitting = all(&|cap| cap.owner == actor && fits(&self.model, cap));
        let handle = match pick {
            Pick::Fit(n) if !fitting.is_empty() => choose(fitting, n),
            Pick::Fit(n) | Pick::Own(n) => choose(all(&|cap| cap.owner == actor), n),
            Pick::Any(n) => choose(all(&|_| true), n),
            Pick::Dead(n) => choose(self.dead.clone(), n),
            Pick::Bent(n, bits) => Handle(choose(all(&|cap| cap.owner == actor), n).0 ^ bits),
            Pick::Nothing => Handle::NONE,
        };
        let named = self.handles.iter().find(|(_, other)| **other == handle).map(|(id, _)| *id);
        (handle, named.filter(|id| self.model.caps[id].owner == actor))
    }
}
