//! What the kernel has, as plain data: to compare with a model. Page tables are walked bit by bit,
//! without the kernel's own code for them.

use std::vec::Vec;

use nexus_abi::{Handle, KindCode, LineState, ProcessState, Rights, Sender};

use super::world::World;
use crate::object::capability::{CapState, Capability, CapabilityKind};
use crate::object::line::Line;
use crate::object::thread::{Queue, State, Thread};
use crate::platform::PhysMem;
use crate::store::addr::Frame;
use crate::store::list::List;

/// One capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapView {
    /// Slot of the process that holds it.
    pub owner: u32,
    pub kind: KindCode,
    /// Slot of its object; 0 for a kind without.
    pub object: u32,
    /// Physical address and bytes of a window or memory object, first and number of lines; else 0.
    pub base: u64,
    pub len: u64,
    /// Least ticks between two interrupts of a line.
    pub interval: u64,
    pub rights: Rights,
    /// Of a window: what `mmio_write` may write, where there is a mask.
    pub mask: Option<u64>,
    /// Handle of what it was derived from; `None` for the first one to an object.
    pub parent: Option<u64>,
    pub sealed: bool,
    /// False for memory of a device that is not cleared.
    pub cleared: bool,
    /// Whether its holder has it, or a call in steps is making it or taking it away.
    pub state: CapState,
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

/// What a thread is doing; with the slot of what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Ready,
    Sending(u32),
    Receiving(u32),
    Awaiting { server: u32, call: u64 },
    Waiting(u32),
    Ended,
}

/// One thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadView {
    /// Slot of its process.
    pub process: u32,
    pub priority: u8,
    pub doing: Doing,
    pub deadline: u64,
}

/// One interrupt line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineView {
    pub state: LineState,
    /// Slot of the notification that it signals, and the bits; else 0.
    pub notification: u32,
    pub bits: u64,
    pub delivered: u64,
    pub held_back: u64,
    pub last: u64,
    /// When it is armed again, while it is held; else all ones.
    pub alarm: u64,
}

/// What one page-table leaf says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageView {
    /// Physical address.
    pub to: u64,
    /// The low ten bits of the entry.
    pub bits: u64,
}

/// Everything a model tells about, by slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// With their handles, those included that a call in steps makes or takes away.
    pub caps: Vec<(u64, CapView)>,
    /// Kind and slot of each object that is being ended.
    pub ending: Vec<(KindCode, u32)>,
    pub processes: Vec<(u32, ProcessView)>,
    pub threads: Vec<(u32, ThreadView)>,
    /// Threads in the queue of each endpoint that has one.
    pub queues: Vec<(u32, Vec<u32>)>,
    /// Bits of each notification.
    pub bits: Vec<(u32, u64)>,
    /// Each endpoint that something is bound to, with the notification.
    pub bound: Vec<(u32, u32)>,
    /// By number.
    pub lines: Vec<(u32, LineView)>,
    /// By slot of the process, and virtual address.
    pub pages: Vec<((u32, u64), PageView)>,
}

impl World<'_> {
    /// What there is now.
    #[must_use]
    pub fn view(&self) -> View {
        let mut view = View::default();
        for (id, cap) in self.kernel.caps.iter() {
            match cap.state {
                CapState::Anchor if cap.revoking => {
                    view.ending.push((cap.kind.code().0, self.cap_view(cap).object));
                }
                CapState::Anchor => {}
                _ => view.caps.push((self.kernel.caps.handle(id).0, self.cap_view(cap))),
            }
        }
        for (id, process) in self.kernel.processes.iter() {
            let one = ProcessView {
                id: process.id,
                state: process.state,
                frames: (process.frames.used, process.frames.limit),
                objects: (process.objects.used, process.objects.limit),
            };
            view.processes.push((id.slot(), one));
            if let Some(space) = &process.space {
                self.walk(space.root, 2, 0, &mut |va, page| {
                    view.pages.push(((id.slot(), va), page))
                });
            }
        }
        for (id, thread) in self.kernel.threads.iter() {
            let one = ThreadView {
                process: thread.process.slot(),
                priority: thread.priority,
                doing: doing(thread.state),
                deadline: thread.deadline,
            };
            view.threads.push((id.slot(), one));
        }
        for (id, endpoint) in self.kernel.endpoints.iter() {
            let mut queue = Vec::new();
            let mut next = endpoint.queue.first();
            while let Some(thread) = next {
                queue.push(thread.slot());
                next = List::<Thread, Queue>::next(&self.kernel.threads, thread);
            }
            if !queue.is_empty() {
                view.queues.push((id.slot(), queue));
            }
            view.bound.extend(endpoint.bound.as_ref().map(|bound| (id.slot(), bound.to.slot())));
        }
        let notifications = self.kernel.notifications.iter();
        view.bits.extend(notifications.map(|(id, one)| (id.slot(), one.bits)));
        view.lines.extend(self.kernel.lines.iter().map(|(id, line)| (id.slot(), line_view(line))));
        view
    }

    /// A capability, whoever holds it.
    #[must_use]
    pub fn cap(&self, handle: Handle) -> Option<CapView> {
        self.kernel.caps.by_handle(handle).ok().map(|(_, cap)| self.cap_view(cap))
    }

    /// What the next capabilities will be called, as long as none is dropped.
    pub fn next_caps(&self) -> impl Iterator<Item = Handle> {
        self.kernel.caps.next_handles()
    }

    fn cap_view(&self, cap: &Capability) -> CapView {
        let parent =
            cap.parent.filter(|id| self.kernel.caps.get(*id).unwrap().state != CapState::Anchor);
        let mut one = CapView {
            owner: cap.owner.slot(),
            kind: cap.kind.code().0,
            object: 0,
            base: 0,
            len: 0,
            interval: 0,
            rights: cap.rights,
            mask: cap.registers().map(|id| self.kernel.registers.get(id).unwrap().mask),
            parent: parent.map(|id| self.kernel.caps.handle(id).0),
            sealed: false,
            cleared: true,
            state: cap.state,
        };
        match cap.kind {
            CapabilityKind::Endpoint(id) => one.object = id.slot(),
            CapabilityKind::Notification(id) => one.object = id.slot(),
            CapabilityKind::Process(id) => one.object = id.slot(),
            CapabilityKind::Thread(id) => one.object = id.slot(),
            CapabilityKind::Vmo(id) => {
                let vmo = self.kernel.vmos.get(id).unwrap();
                one.object = id.slot();
                let first = self.kernel.frames.page(vmo.pages, 0);
                one.base = first.map_or(0, Frame::address);
                one.len = u64::from(vmo.pages.count()) * 4096;
                one.sealed = vmo.sealed;
                one.cleared = vmo.device.is_none() || vmo.is_cleared();
            }
            CapabilityKind::DeviceMmio(window) => (one.base, one.len) = window.place(),
            CapabilityKind::Irq(lines) => {
                (one.base, one.len) = lines.range();
                one.interval = lines.interval();
            }
            CapabilityKind::Spawn | CapabilityKind::Console => {}
        }
        one
    }

    /// Tells every leaf of the user half, of whatever size.
    fn walk(&self, table: Frame, level: u32, va: u64, tell: &mut impl FnMut(u64, PageView)) {
        let entries = if level == 2 { 256 } else { 512 };
        let mut next = self.kernel.platform.next_word(table, 0);
        while let Some((index, word)) = next.filter(|(index, _)| *index < entries) {
            let va = va + ((index as u64) << (12 + 9 * level));
            let to = ((word >> 10) & 0xfff_ffff_ffff) << 12;
            match word & 0xf {
                0 => {}
                1 if level > 0 => self.walk(Frame::at(to).unwrap(), level - 1, va, tell),
                _ => tell(va, PageView { to, bits: word & 0x3ff }),
            }
            next = self.kernel.platform.next_word(table, index + 1);
        }
    }
}

fn line_view(line: &Line) -> LineView {
    LineView {
        state: line.state(),
        notification: line.receiver.map_or(0, |receiver| receiver.notification.slot()),
        bits: line.receiver.map_or(0, |receiver| receiver.bits),
        delivered: line.delivered,
        held_back: line.held_back,
        last: line.last,
        alarm: line.alarm.at,
    }
}

fn doing(state: State) -> Doing {
    match state {
        State::Running | State::Ready => Doing::Ready,
        State::Sending(id) => Doing::Sending(id.slot()),
        State::Receiving(id) => Doing::Receiving(id.slot()),
        State::Awaiting { server, call } => Doing::Awaiting { server: server.slot(), call },
        State::Waiting(id) => Doing::Waiting(id.slot()),
        State::Ended => Doing::Ended,
    }
}
