//! The model: what exists, and what follows from it. Everything is looked for anew each time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use neuron_core::object::capability::CapState;
use nexus_abi::{EndReason, Handle, NO_DEADLINE, ProcessState, Rights, Sender};

use crate::dma::{Descriptor, DeviceMemory};
use crate::lines::Line;
use crate::messages::{Binding, Doing, Endpoint, Notification, Thread};

pub type Cid = usize;
pub type Oid = usize;
pub type Pid = usize;

pub const INIT: Pid = 0;

/// What a capability is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Object(Oid),
    Window { base: u64, len: u64 },
    Lines { first: u64, count: u64, interval: u64 },
    Spawn,
    Console,
}

#[derive(Clone, Copy, Debug)]
pub struct Cap {
    pub owner: Pid,
    pub what: What,
    pub rights: Rights,
    /// Of a window: what `mmio_write` may write, where there is a mask.
    pub mask: Option<u64>,
    pub parent: Option<Cid>,
    /// What the kernel calls it; NONE until the driver has seen that.
    pub handle: Handle,
    /// Held; or a call in steps is making it, or taking it away.
    pub state: CapState,
    /// What was derived from it is being taken away.
    pub revoking: bool,
}

impl Cap {
    pub fn new(owner: Pid, what: What, rights: Rights, parent: Option<Cid>) -> Cap {
        let (handle, state) = (Handle::NONE, CapState::Held);
        Cap { owner, what, rights, mask: None, parent, handle, state, revoking: false }
    }

    pub fn is_held(&self) -> bool {
        self.state == CapState::Held
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Endpoint,
    Notification,
    Memory {
        pages: u64,
        sealed: bool,
    },
    Process(Pid),
    /// A thread of its maker.
    Thread,
}

#[derive(Clone, Copy, Debug)]
pub struct Object {
    pub maker: Pid,
    pub kind: Kind,
    /// Where the kernel put it, as the driver has seen it.
    pub slot: u32,
    /// All capabilities to it are being taken away, and then it.
    pub ending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    Exec,
}

#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    pub process: Pid,
    pub va: u64,
    pub pages: u64,
    /// First page of the window or object.
    pub first: u64,
    pub cap: Cid,
    pub access: Access,
}

#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub service: u32,
    pub life: u32,
    pub state: ProcessState,
    pub end: Option<EndReason>,
    pub frames: u64,
    pub objects: u64,
    pub parent: Option<Pid>,
    /// Signalled with these bits when it has ended.
    pub notify: Option<(Oid, u64)>,
    /// Where the kernel put it.
    pub slot: u32,
}

impl Process {
    pub fn id(&self) -> Sender {
        Sender { service_id: self.service, incarnation: self.life }
    }

    pub fn is_alive(&self) -> bool {
        self.state == ProcessState::Live
    }

    /// Whether it is not taken apart yet.
    pub fn is_there(&self) -> bool {
        self.state != ProcessState::Ended
    }
}

#[derive(Clone, Debug)]
pub struct Model {
    pub caps: BTreeMap<Cid, Cap>,
    pub objects: BTreeMap<Oid, Object>,
    /// Where the pages of each memory object are, as the driver has seen it.
    pub frames: BTreeMap<Oid, Vec<u64>>,
    pub processes: BTreeMap<Pid, Process>,
    pub mappings: Vec<Mapping>,
    pub lives: BTreeMap<u32, u32>,
    pub names: BTreeMap<Handle, Cid>,
    pub threads: BTreeMap<Oid, Thread>,
    pub endpoints: BTreeMap<Oid, Endpoint>,
    pub notifications: BTreeMap<Oid, Notification>,
    pub bindings: Vec<Binding>,
    /// Interrupt lines, by number.
    pub lines: BTreeMap<u64, Line>,
    /// What threads got since the driver last looked.
    pub arrivals: Vec<crate::messages::Arrival>,
    /// Calls whose effect ended with a capability since the driver last looked.
    pub withdrawn: Vec<&'static str>,
    /// What was found between the steps of a call since the driver last looked.
    pub between: Vec<&'static str>,
    /// Processes that have ended and are not taken apart yet, in order.
    pub ending: VecDeque<Pid>,
    /// Calls that were received so far.
    pub calls: u64,
    pub now: u64,
    pub console: Vec<u8>,
    /// Memory of devices, in the order in which it was made.
    pub memories: Vec<DeviceMemory>,
    /// Frames set aside for devices that no object has.
    pub reserve: u64,
    /// What the status register of each device says.
    pub status: u32,
    /// What the last call has placed in a table.
    pub descriptor: Option<Descriptor>,
    /// What was stored in registers of devices: physical address, and value.
    pub stores: Vec<(u64, u32)>,
    /// Allocations, of capabilities and masks, that still succeed before one fails, if one will.
    pub fails: Option<u32>,
    /// What the kernel will call the next capabilities: a message that has waited is looked up when it
    /// is received, and can name what the answer in the same call has just made.
    pub next_caps: Vec<Handle>,
    next: usize,
}

impl Model {
    /// Init alone, with nothing but its thread.
    pub fn new(frames: u64, objects: u64) -> Model {
        let init = Process {
            service: 1,
            life: 1,
            state: ProcessState::Live,
            end: None,
            frames,
            objects,
            parent: None,
            notify: None,
            slot: 0,
        };
        let mut model = Model {
            caps: BTreeMap::new(),
            objects: BTreeMap::new(),
            frames: BTreeMap::new(),
            processes: BTreeMap::from([(INIT, init)]),
            mappings: Vec::new(),
            lives: BTreeMap::from([(1, 1)]),
            names: BTreeMap::new(),
            threads: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            notifications: BTreeMap::new(),
            bindings: Vec::new(),
            lines: BTreeMap::new(),
            arrivals: Vec::new(),
            withdrawn: Vec::new(),
            between: Vec::new(),
            ending: VecDeque::new(),
            calls: 0,
            next_caps: Vec::new(),
            now: 0,
            console: Vec::new(),
            memories: Vec::new(),
            reserve: 0,
            status: 0,
            descriptor: None,
            stores: Vec::new(),
            fails: None,
            next: 1,
        };
        model.new_thread(INIT, 31);
        model
    }

    pub fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    pub fn new_object(&mut self, maker: Pid, kind: Kind) -> Oid {
        let id = self.number();
        self.objects.insert(id, Object { maker, kind, slot: 0, ending: false });
        match kind {
            Kind::Endpoint => {
                self.endpoints.insert(id, Endpoint::default());
            }
            Kind::Notification => {
                self.notifications.insert(id, Notification::default());
            }
            _ => {}
        }
        id
    }

    pub fn new_thread(&mut self, process: Pid, priority: u8) -> Oid {
        let id = self.new_object(process, Kind::Thread);
        let (doing, deadline) = (Doing::Ready, NO_DEADLINE);
        let thread = Thread { process, priority, doing, deadline, slot: 0, begun: None };
        self.threads.insert(id, thread);
        id
    }

    pub fn new_cap(&mut self, cap: Cap) -> Cid {
        let id = self.number();
        self.caps.insert(id, cap);
        id
    }

    pub fn new_process(&mut self, process: Process) -> Pid {
        let id = self.number();
        self.processes.insert(id, process);
        id
    }

    pub fn kind(&self, what: What) -> Option<Kind> {
        match what {
            What::Object(id) => Some(self.objects[&id].kind),
            _ => None,
        }
    }

    /// The capability that a handle names for a process.
    pub fn named(&self, process: Pid, handle: Handle) -> Option<Cid> {
        let id = *self.names.get(&handle)?;
        (self.caps.get(&id)?.owner == process).then_some(id)
    }

    pub fn children(&self, of: Cid) -> Vec<Cid> {
        let below = self.caps.iter().filter(|(_, cap)| cap.parent == Some(of));
        below.map(|(id, _)| *id).collect()
    }

    /// Steps down from the root: the anchor of an object, or a capability without one.
    pub fn depth(&self, of: Cid) -> u32 {
        let cap = self.caps[&of];
        match cap.parent {
            Some(parent) => self.depth(parent) + 1,
            None => u32::from(matches!(cap.what, What::Object(_))),
        }
    }

    pub fn mapped_through(&self, cap: Cid) -> u64 {
        self.mappings.iter().filter(|one| one.cap == cap).map(|one| one.pages).sum()
    }

    pub fn is_vacant(&self, process: Pid, va: u64, pages: u64) -> bool {
        let end = va + pages * 4096;
        self.mappings
            .iter()
            .all(|one| one.process != process || one.va >= end || one.va + one.pages * 4096 <= va)
    }

    pub fn is_written(&self, object: Oid) -> bool {
        self.mappings.iter().any(|one| {
            one.access == Access::Write && self.caps[&one.cap].what == What::Object(object)
        })
    }

    /// Kernel objects that a process has used.
    pub fn objects_used(&self, process: Pid) -> u64 {
        let caps = self.caps.values().filter(|cap| cap.owner == process).count();
        let made = self.objects.values().filter(|object| object.maker == process);
        let made: u64 = made.map(|object| if object.kind == Kind::Thread { 8 } else { 1 }).sum();
        let mapped = self.mappings.iter().filter(|one| one.process == process).count();
        let given = self.processes.values().filter(|one| one.parent == Some(process));
        let given: u64 = given.map(|one| 7 + if one.is_there() { one.objects } else { 0 }).sum();
        caps as u64 + made + mapped as u64 + given
    }

    /// Frames that a process has used.
    pub fn frames_used(&self, process: Pid) -> u64 {
        let pages = self.mappings.iter().filter(|one| one.process == process);
        let pages: BTreeSet<u64> =
            pages.flat_map(|one| (0..one.pages).map(|page| (one.va >> 12) + page)).collect();
        let memory = self.objects.iter().filter(|(_, object)| object.maker == process);
        let memory: u64 = memory
            .map(|(id, object)| match object.kind {
                Kind::Memory { pages, .. } if self.memory_at(*id).is_none() => pages,
                _ => 0,
            })
            .sum();
        let given =
            self.processes.values().filter(|one| one.parent == Some(process) && one.is_there());
        let given: u64 = given.map(|one| one.frames).sum();
        u64::from(self.processes[&process].is_there()) + tables(&pages) + memory + given
    }

    /// Whether the kernel half has a device page for one more window with a mask.
    pub fn has_page(&self) -> bool {
        self.caps.values().filter(|cap| cap.mask.is_some()).count() < 511
    }

    pub fn has_room(&self, process: Pid, frames: u64, objects: u64) -> bool {
        let limit = self.processes[&process];
        self.frames_used(process) + frames <= limit.frames
            && self.objects_used(process) + objects <= limit.objects
    }

    /// Where the children of a capability go when it is dropped.
    pub fn heir(&mut self, of: Cid) -> Option<Cid> {
        let mut heir = self.caps[&of].parent;
        while let Some(id) = heir
            && self.caps[&id].state == CapState::Zombie
            && !self.caps[&id].revoking
        {
            self.between.push("moved up past what is being dropped");
            heir = self.caps[&id].parent;
        }
        heir
    }

    /// A capability goes: its mappings end, its children move up, or go when it is being revoked, and
    /// the last one takes its object along. What rested on it ends.
    pub fn drop_cap(&mut self, id: Cid) {
        let Some(cap) = self.caps.get(&id).copied() else { return };
        if cap.revoking {
            self.between.push("dropped while it is revoked");
            self.revoke(id);
        }
        self.mappings.retain(|one| one.cap != id);
        let children = self.children(id);
        let heir = if children.is_empty() { None } else { self.heir(id) };
        for child in children {
            self.caps.get_mut(&child).unwrap().parent = heir;
        }
        self.caps.remove(&id);
        self.names.remove(&cap.handle);
        if let What::Object(object) = cap.what
            && self.objects.get(&object).is_some_and(|object| object.kind != Kind::Thread)
            && !self.caps.values().any(|other| other.what == cap.what)
        {
            self.end_object(object);
        }
        self.withdraw(id, self.ends(cap.what));
    }

    /// Whether it is an object that is being ended.
    pub fn ends(&self, what: What) -> bool {
        matches!(what, What::Object(id) if self.objects.get(&id).is_some_and(|one| one.ending))
    }

    /// All that was derived from a capability goes.
    pub fn revoke(&mut self, id: Cid) {
        for child in self.children(id) {
            self.revoke(child);
            self.drop_cap(child);
        }
        self.caps.get_mut(&id).unwrap().revoking = false;
    }

    /// An object goes, with all capabilities to it.
    pub fn end_object(&mut self, id: Oid) {
        let Some(object) = self.objects.remove(&id) else { return };
        let names: Vec<Cid> = self
            .caps
            .iter()
            .filter(|(_, cap)| cap.what == What::Object(id))
            .map(|(id, _)| *id)
            .collect();
        for cap in names {
            let gone = self.caps.remove(&cap);
            gone.and_then(|cap| self.names.remove(&cap.handle));
            self.mappings.retain(|one| one.cap != cap);
        }
        self.bindings.retain(|one| one.endpoint != id && one.notification != id);
        self.end_lines(|one| one.notification == id);
        match object.kind {
            Kind::Process(process) => self.end_process(process, EndReason::Killed(0)),
            Kind::Endpoint => self.end_endpoint(id),
            Kind::Notification => self.end_notification(id),
            Kind::Thread => {
                self.stop_waiting(id);
                self.threads.remove(&id);
            }
            Kind::Memory { .. } => {}
        }
    }

    /// A process stops; what it has goes when it is taken apart.
    pub fn end_process(&mut self, id: Pid, reason: EndReason) {
        let Some(process) = self.processes.get_mut(&id).filter(|process| process.is_alive()) else {
            return;
        };
        process.state = ProcessState::Ending;
        process.end = Some(reason);
        let threads: Vec<Oid> =
            self.threads.iter().filter(|(_, one)| one.process == id).map(|(id, _)| *id).collect();
        for thread in threads {
            self.stop_waiting(thread);
            if self.threads.remove(&thread).is_some_and(|thread| thread.begun.is_some()) {
                self.between.push("the process of a caller ended");
            }
        }
        self.ending.push_back(id);
    }

    /// The record of a process that has ended stays for as long as someone names it.
    pub fn forget(&mut self) {
        let named: BTreeSet<Pid> = self
            .objects
            .values()
            .filter_map(|object| match object.kind {
                Kind::Process(id) => Some(id),
                _ => None,
            })
            .collect();
        self.processes.retain(|id, process| process.is_there() || named.contains(id));
    }
}

/// Frames of the page tables over these pages: one for each GiB, and a pair for each 2 MiB.
fn tables(pages: &BTreeSet<u64>) -> u64 {
    let middle: BTreeSet<u64> = pages.iter().map(|page| page >> 18).collect();
    let last: BTreeSet<u64> = pages.iter().map(|page| page >> 9).collect();
    middle.len() as u64 + 2 * last.len() as u64
}
