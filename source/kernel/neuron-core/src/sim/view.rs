//! What the kernel has, as plain data: to compare with a model. Page tables are walked bit by bit,
//! without the kernel's own code for them.

use std::collections::BTreeMap;

use nexus_abi::{KindCode, ProcessState, Rights, Sender};

use super::world::World;
use crate::addr::Frame;
use crate::capability::CapabilityKind;
use crate::platform::PhysMem;

/// One capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapView {
    /// Slot of the process that holds it.
    pub owner: u32,
    pub kind: KindCode,
    /// Slot of its object; 0 for a kind without.
    pub object: u32,
    /// Physical address and bytes of a window or memory object; else 0.
    pub base: u64,
    pub len: u64,
    pub rights: Rights,
    /// Handle of what it was derived from; `None` for the first one to an object.
    pub parent: Option<u64>,
    pub sealed: bool,
}

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessView {
    pub id: Sender,
    pub state: ProcessState,
    /// Used, and the limit.
    pub frames: (u32, u32),
    pub objects: (u32, u32),
}

/// What one page-table leaf says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageView {
    /// Physical address.
    pub to: u64,
    /// The low ten bits of the entry.
    pub bits: u64,
}

/// Everything a model tells about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// By handle.
    pub caps: BTreeMap<u64, CapView>,
    /// By slot.
    pub processes: BTreeMap<u32, ProcessView>,
    /// By slot of the process, and virtual address.
    pub pages: BTreeMap<(u32, u64), PageView>,
}

impl World<'_> {
    /// What there is now.
    #[must_use]
    pub fn view(&self) -> View {
        let mut view = View::default();
        for (id, cap) in self.kernel.caps.iter().filter(|(_, cap)| !cap.anchor) {
            let parent = cap.parent.filter(|id| !self.kernel.caps.get(*id).unwrap().anchor);
            let mut one = CapView {
                owner: cap.owner.slot(),
                kind: cap.kind.code(),
                object: 0,
                base: 0,
                len: 0,
                rights: cap.rights,
                parent: parent.map(|id| self.kernel.caps.handle(id).0),
                sealed: false,
            };
            match cap.kind {
                CapabilityKind::Endpoint(id) => one.object = id.slot(),
                CapabilityKind::Notification(id) => one.object = id.slot(),
                CapabilityKind::Process(id) => one.object = id.slot(),
                CapabilityKind::Thread(id) => one.object = id.slot(),
                CapabilityKind::Vmo(id) => {
                    let vmo = self.kernel.vmos.get(id).unwrap();
                    one.object = id.slot();
                    (one.base, one.len) = (vmo.base.address(), u64::from(vmo.pages) * 4096);
                    one.sealed = vmo.sealed;
                }
                CapabilityKind::DeviceMmio { base, len } => (one.base, one.len) = (base, len),
                CapabilityKind::Spawn | CapabilityKind::Console => {}
            }
            view.caps.insert(self.kernel.caps.handle(id).0, one);
        }
        for (id, process) in self.kernel.processes.iter() {
            let one = ProcessView {
                id: process.id,
                state: process.state,
                frames: (process.frames.used, process.frames.limit),
                objects: (process.objects.used, process.objects.limit),
            };
            view.processes.insert(id.slot(), one);
            if let Some(root) = process.root {
                self.walk(root, 2, 0, &mut |va, page| {
                    view.pages.insert((id.slot(), va), page);
                });
            }
        }
        view
    }

    /// Tells every leaf of the user half, of whatever size.
    fn walk(&self, table: Frame, level: u32, va: u64, tell: &mut impl FnMut(u64, PageView)) {
        let entries = if level == 2 { 256 } else { 512 };
        for index in 0..entries {
            let word = self.kernel.platform.read(table, index);
            let va = va + ((index as u64) << (12 + 9 * level));
            let to = ((word >> 10) & 0xfff_ffff_ffff) << 12;
            match word & 0xf {
                0 => {}
                1 if level > 0 => self.walk(Frame::at(to).unwrap(), level - 1, va, tell),
                _ => tell(va, PageView { to, bits: word & 0x3ff }),
            }
        }
    }
}
