//! Frames of RAM: each has exactly one use.

use super::rule::{Rule, Violation, ensure};
use super::scratch::{Role, Scratch};
use crate::kernel::Kernel;
use crate::platform::Platform;
use crate::store::addr::Frame;
use crate::store::frames::FrameUse;

impl<P: Platform> Kernel<'_, P> {
    /// To be called when everything that uses frames has been marked.
    pub(super) fn check_frames(&self, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        let mut free = 0u32;
        self.frames.each_free(|frame| {
            let mark = scratch.mark(frame).filter(|mark| mark.role == Role::Unseen);
            let Some(mark) = mark else {
                return ensure(false, Rule::FrameFree, frame.number());
            };
            mark.role = Role::Free;
            free = free.wrapping_add(1);
            Ok(())
        })?;
        ensure(free == self.frames.free_count(), Rule::FrameCount, free)?;
        for (first, count) in self.frames.banks() {
            (0..count).try_for_each(|step| self.check_use(first.plus(step), scratch))?;
        }
        Ok(())
    }

    fn check_use(&self, frame: Frame, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        let role = scratch.mark(frame).map(|mark| mark.role);
        let right = match self.frames.usage(frame) {
            Some(FrameUse::Reserved) => role == Some(Role::Unseen),
            Some(FrameUse::Free) => role == Some(Role::Free),
            Some(FrameUse::Table) => {
                matches!(role, Some(Role::Table { .. } | Role::Record))
            }
            Some(FrameUse::Memory) => role == Some(Role::Memory),
            Some(FrameUse::Device) => matches!(role, Some(Role::Memory | Role::Unseen)),
            None => false,
        };
        ensure(right, Rule::FrameUse, frame.number())
    }
}
