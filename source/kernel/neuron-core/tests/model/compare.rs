//! What the model says there is, in the words of the kernel.

use neuron_core::sim::{CapView, PageView, ProcessView, View};
use nexus_abi::{KindCode, ProcessState, Sender};

use crate::driver::Driver;
use crate::model::{Access, Kind, What};

impl Driver<'_, '_> {
    /// What the kernel should have, by the model.
    fn expected(&self) -> View {
        let model = &self.model;
        let mut view = View::default();
        for (id, cap) in &model.caps {
            let mut one = CapView {
                owner: self.slots[&cap.owner],
                kind: KindCode::Spawn,
                object: 0,
                base: 0,
                len: 0,
                rights: cap.rights,
                parent: cap.parent.map(|id| self.handles[&id].0),
                sealed: false,
            };
            match cap.what {
                What::Spawn => {}
                What::Console => one.kind = KindCode::Console,
                What::Window { base, len } => {
                    (one.kind, one.base, one.len) = (KindCode::DeviceMmio, base, len);
                }
                What::Object(object) => {
                    let (slot, base) = self.objects[&object];
                    one.object = slot;
                    one.kind = match model.objects[&object].kind {
                        Kind::Endpoint => KindCode::Endpoint,
                        Kind::Notification => KindCode::Notification,
                        Kind::Process(_) => KindCode::Process,
                        Kind::Thread => KindCode::Thread,
                        Kind::Memory { pages, sealed } => {
                            (one.base, one.len, one.sealed) = (base, pages * 4096, sealed);
                            KindCode::Vmo
                        }
                    };
                }
            }
            view.caps.insert(self.handles[id].0, one);
        }
        for (id, process) in &model.processes {
            let used = |used: u64, limit: u64| (used as u32, limit as u32);
            let state = if process.alive { ProcessState::Live } else { ProcessState::Ended };
            let one = ProcessView {
                id: Sender { service_id: process.service, incarnation: process.life },
                state,
                frames: used(model.frames_used(*id), process.frames),
                objects: used(model.objects_used(*id), process.objects),
            };
            view.processes.insert(self.slots[id], one);
        }
        for mapping in &model.mappings {
            let base = match model.caps[&mapping.cap].what {
                What::Window { base, .. } => base,
                What::Object(object) => self.objects[&object].1,
                other => panic!("{other:?} is mapped"),
            };
            // V, R, U, A and D; W or X.
            let bits = match mapping.access {
                Access::Read => 0xd3,
                Access::Write => 0xd7,
                Access::Exec => 0xdb,
            };
            for page in 0..mapping.pages {
                let to = base + (mapping.first + page) * 4096;
                let at = (self.slots[&mapping.process], mapping.va + page * 4096);
                view.pages.insert(at, PageView { to, bits });
            }
        }
        view
    }

    pub fn compare(&self) {
        let (expected, found) = (self.expected(), self.world.view());
        assert_eq!(expected.processes, found.processes);
        assert_eq!(expected.caps, found.caps);
        assert_eq!(expected.pages, found.pages);
    }
}
