//! What the model says there is, in the words of the kernel.

use neuron_core::sim::{self, CapView, LineView, PageView, ProcessView, ThreadView, View};

use nexus_abi::NO_DEADLINE;

use crate::driver::Driver;
use crate::lines::Line;
use crate::messages::Doing;
use crate::model::{Access, Cap, Kind, Model, Pid, What};

impl Model {
    fn slot(&self, process: Pid) -> u32 {
        self.processes[&process].slot
    }

    fn cap_view(&self, cap: &Cap) -> CapView {
        let mut one = CapView {
            owner: self.slot(cap.owner),
            kind: self.kind_code(cap),
            object: 0,
            base: 0,
            len: 0,
            interval: 0,
            rights: cap.rights,
            mask: cap.mask,
            parent: cap.parent.map(|id| self.caps[&id].handle.0),
            sealed: false,
            cleared: true,
            state: cap.state,
        };
        match cap.what {
            What::Spawn | What::Console => {}
            What::Window { base, len } => (one.base, one.len) = (base, len),
            What::Lines { first, count, interval } => {
                (one.base, one.len, one.interval) = (first, count, interval);
            }
            What::Object(id) => {
                let object = &self.objects[&id];
                one.object = object.slot;
                one.cleared = !self.is_dirty(id);
                if let Kind::Memory { pages, sealed } = object.kind {
                    let first = self.frames[&id].first().copied().unwrap_or(0);
                    (one.base, one.len, one.sealed) = (first, pages * 4096, sealed);
                }
            }
        }
        one
    }

    fn line_view(&self, line: &Line) -> LineView {
        LineView {
            state: line.state(),
            notification: line.receiver.map_or(0, |one| self.objects[&one.notification].slot),
            bits: line.receiver.map_or(0, |one| one.bits),
            delivered: line.delivered,
            held_back: line.held_back,
            last: line.last,
            alarm: line.receiver.map_or(NO_DEADLINE, |one| one.due),
        }
    }

    fn doing(&self, doing: Doing) -> sim::Doing {
        match doing {
            Doing::Ready => sim::Doing::Ready,
            Doing::Sending { endpoint, .. } => sim::Doing::Sending(self.objects[&endpoint].slot),
            Doing::Receiving { endpoint, .. } => {
                sim::Doing::Receiving(self.objects[&endpoint].slot)
            }
            Doing::Awaiting { server, call } => {
                sim::Doing::Awaiting { server: self.slot(server), call }
            }
            Doing::Waiting { notification, .. } => {
                sim::Doing::Waiting(self.objects[&notification].slot)
            }
        }
    }

    fn process_view(&self, id: Pid) -> ProcessView {
        let process = &self.processes[&id];
        let used = |used: u64, limit: u64| (used as u32, limit as u32);
        ProcessView {
            id: process.id(),
            state: process.state,
            frames: used(self.frames_used(id), process.frames),
            objects: used(self.objects_used(id), process.objects),
        }
    }

    fn add_pages(&self, view: &mut View) {
        for mapping in &self.mappings {
            let what = self.caps[&mapping.cap].what;
            let place = |page: u64| match what {
                What::Window { base, .. } => base + page * 4096,
                What::Object(object) => self.frames[&object][page as usize],
                other => panic!("{other:?} is mapped"),
            };
            // V, R, U, A and D; W or X.
            let bits = match mapping.access {
                Access::Read => 0xd3,
                Access::Write => 0xd7,
                Access::Exec => 0xdb,
            };
            for page in 0..mapping.pages {
                let to = place(mapping.first + page);
                let at = (self.slot(mapping.process), mapping.va + page * 4096);
                view.pages.push((at, PageView { to, bits }));
            }
        }
    }

    /// What the kernel should have.
    fn view(&self) -> View {
        let mut view = View::default();
        let caps = self.caps.values();
        view.caps.extend(caps.map(|cap| (cap.handle.0, self.cap_view(cap))));
        let processes = self.processes.keys();
        view.processes.extend(processes.map(|id| (self.slot(*id), self.process_view(*id))));
        view.threads.extend(self.threads.values().map(|thread| {
            let one = ThreadView {
                process: self.slot(thread.process),
                priority: thread.priority,
                doing: self.doing(thread.doing),
                deadline: thread.deadline,
            };
            (u32::from(thread.slot), one)
        }));
        for (id, endpoint) in &self.endpoints {
            let queue = endpoint.queue.iter().map(|id| u32::from(self.threads[id].slot));
            if !endpoint.queue.is_empty() {
                view.queues.push((self.objects[id].slot, queue.collect()));
            }
        }
        let notifications = self.notifications.iter();
        view.bits.extend(notifications.map(|(id, one)| (self.objects[id].slot, one.bits)));
        let slot = |id| self.objects[&id].slot;
        let bindings = self.bindings.iter();
        view.bound.extend(bindings.map(|one| (slot(one.endpoint), slot(one.notification))));
        self.add_pages(&mut view);
        view.lines.extend(self.lines.iter().map(|(at, line)| (*at as u32, self.line_view(line))));
        view.caps.sort_unstable_by_key(|(handle, _)| *handle as u32);
        view.processes.sort_unstable_by_key(|(slot, _)| *slot);
        view.threads.sort_unstable_by_key(|(slot, _)| *slot);
        view.queues.sort_unstable();
        view.bits.sort_unstable();
        view.bound.sort_unstable();
        view.pages.sort_unstable_by_key(|(at, _)| *at);
        view
    }
}

impl Driver<'_, '_> {
    pub fn compare(&mut self, mut found: View) {
        let expected = self.model.view();
        // Of an ended process they are there until it is taken apart: its account says how many.
        found.threads.retain(|(_, thread)| thread.doing != sim::Doing::Ended);
        assert_eq!(expected.processes, found.processes);
        assert_eq!(expected.caps, found.caps);
        assert_eq!(expected.pages, found.pages);
        assert_eq!(expected.threads, found.threads);
        assert_eq!(expected.queues, found.queues);
        assert_eq!(expected.bits, found.bits);
        assert_eq!(expected.bound, found.bound);
        assert_eq!(expected.lines, found.lines);
        assert_eq!(self.model.console, self.world.machine().console);
        assert_eq!(self.model.stores, self.world.machine().stores);
    }
}
