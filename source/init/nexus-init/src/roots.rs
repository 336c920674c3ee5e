//! What init gives devices from: divided before distribution, and let go of after it, but for what a service
//! is given again in its next life.

use alloc::vec::Vec;

use nexus_abi::{Handle, KindCode};
use nexus_proto::init::OwnerState;
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_sysdesc::{Device, Restart};

use crate::board::Range;
use crate::grant::{KEPT, KEPT_LINE};
use crate::init::{Init, Lines, Machine, Root};
use crate::records::DeviceRecord;

impl<M: Machine> Init<M> {
    /// A window for each device that somebody asks for and that init gives itself. It cannot be mapped.
    pub(crate) fn parts_to_give(&mut self) -> Vec<Root> {
        let description = self.registry.description();
        let given = |device: &&Device| !device.dma && description.owner(device.id).is_some();
        let devices = description.devices.iter().filter(given);
        let windows = devices.filter_map(|device| self.registry.device(device.id)?.window);
        let windows: Vec<Range> = windows.collect();
        let mut parts = Vec::new();
        for range in windows {
            let Ok(root) = self.root_of(range) else { continue };
            let offset = range.base.wrapping_sub(root.range.base);
            // Without one, who asks for the device is refused.
            let part = self.machine.cap_derive(root.handle, KEPT, offset, range.len);
            parts.extend(part.ok().map(|handle| Root { handle, range }));
        }
        parts
    }

    /// Once busd has every device, and it is known which is which: an authority of its own over each line
    /// that somebody may be given more than once. What is left of them is needed until distribution is over.
    pub fn part_lines(&mut self) {
        let description = self.registry.description();
        let services = description.services.iter().filter(|one| one.restart != Restart::Never);
        let needs = services.flat_map(|service| &service.needs).filter(|need| need.irq);
        let lines = needs.filter_map(|need| self.registry.device(need.device)?.line.own().ok());
        let lines: Vec<u64> = lines.map(u64::from).collect();
        let Some(all) = self.lines.first().copied() else { return };
        for line in lines.into_iter().filter(|line| all.have(*line)) {
            let part = self.machine.cap_derive(all.handle, KEPT_LINE, line - all.first, 1);
            // Without one, the service that has it is given it once.
            let part = part.ok().map(|handle| Lines { handle, first: line, count: 1, ..all });
            self.lines.splice(..0, part);
        }
    }

    /// Lets go of all windows, and of all interrupt lines, but those that a service has and is given again
    /// in its next life: nothing else will ever be given.
    pub fn drop_roots(&mut self) {
        self.registry.distributed = true;
        self.second_questions = 0;
        let (windows, lines) = self.given_again();
        let kept = |root: &Root| windows.contains(&root.range);
        let (kept, gone) = core::mem::take(&mut self.roots).into_iter().partition(kept);
        self.drop_windows(gone);
        self.roots = kept;
        let kept = |all: &Lines| all.count == 1 && lines.contains(&all.first);
        let (kept, gone): (Vec<_>, _) =
            core::mem::take(&mut self.lines).into_iter().partition(kept);
        self.lines = kept;
        for Lines { handle, first, count, .. } in gone {
            let line = u16::try_from(first).unwrap_or(u16::MAX);
            let entry = Entry { line, len: count, ..self.drop_entry(KindCode::Irq) };
            self.drop_recorded(handle, &entry);
        }
    }

    /// The windows and the lines that are given to a service which may be started again, or were: it may have
    /// ended already.
    fn given_again(&self) -> (Vec<Range>, Vec<u64>) {
        let again = |record: &&DeviceRecord| {
            let owner = self.registry.description().service(record.owner.id);
            matches!(record.state, OwnerState::Held | OwnerState::OwnerEnded)
                && owner.is_some_and(|owner| owner.restart != Restart::Never)
        };
        let given = || self.registry.devices().iter().filter(again);
        let lines = given().filter_map(|record| record.given_line.map(u64::from));
        (given().filter_map(|record| record.window).collect(), lines.collect())
    }

    pub(crate) fn drop_windows(&mut self, windows: Vec<Root>) {
        for Root { handle, range: Range { base, len } } in windows {
            let entry = Entry { base, len, ..self.drop_entry(KindCode::DeviceMmio) };
            self.drop_recorded(handle, &entry);
        }
    }

    /// Lets go of an authority, and records that.
    pub fn drop_authority(&mut self, handle: Handle, kind: KindCode) {
        self.drop_recorded(handle, &self.drop_entry(kind));
    }

    fn drop_entry(&self, kind: KindCode) -> Entry {
        let init = self.registry.subject(self.registry.description().init);
        Entry { detail: kind.code(), ..Entry::about(Event::Drop, Outcome::None, init) }
    }

    fn drop_recorded(&mut self, handle: Handle, entry: &Entry) {
        if self.machine.cap_drop(handle).is_ok() {
            self.registry.dropped += 1;
            // It is gone whether or not it is recorded.
            let _ = self.machine.record(entry);
        }
    }
}
