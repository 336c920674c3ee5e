//! What a test may know of a world that a program cannot.

use std::string::String;
use std::vec::Vec;

use nexus_abi::{Handle, Rights, Sender};

use super::world::{User, World};
use crate::object::capability::CapabilityKind;
use crate::object::process::Process;
use crate::object::thread::State;
use crate::platform::PhysMem;
use crate::store::addr::Frame;
use crate::store::pool::Id;

impl World<'_> {
    /// The whole state as text, but for the registers of one thread; nothing under Miri, which looks
    /// for something else and takes seconds for it.
    #[must_use]
    pub fn describe(&self, without: Option<User>) -> String {
        let mut text = String::new();
        if cfg!(miri) {
            return text;
        }
        let without = without.and_then(|user| self.id(user));
        self.kernel.describe(&mut text, without).unwrap();
        text
    }

    /// A digest of the whole state, but for the registers of one thread.
    #[must_use]
    pub fn digest(&self, without: Option<User>) -> crate::check::Digest {
        self.kernel.digest(without.and_then(|user| self.id(user)))
    }

    /// The thread that runs, if one does.
    #[must_use]
    pub fn current(&self) -> Option<User> {
        self.kernel.hart.current.map(|id| User(self.kernel.threads.handle(id)))
    }

    /// What a thread is doing; `None` once it is gone.
    #[must_use]
    pub fn state(&self, user: User) -> Option<State> {
        self.thread(user).map(|thread| thread.state)
    }

    /// True when a thread could make a call.
    #[must_use]
    pub fn is_ready(&self, user: User) -> bool {
        self.state(user).is_some_and(State::can_run)
    }

    /// Identity of the process of a thread.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn identity(&self, user: User) -> Sender {
        let process = self.thread(user).expect("the thread is gone").process;
        self.kernel.processes.get(process).unwrap().id
    }

    /// Frames and objects that the process of a thread has used.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn used(&self, user: User) -> (u32, u32) {
        let process = self.thread(user).expect("the thread is gone").process;
        let process = self.kernel.processes.get(process).unwrap();
        (process.frames.used, process.objects.used)
    }

    /// Sets the limits of the budget of a thread's process, for tests that need them tight. What
    /// that adds or takes is its parent's.
    ///
    /// # Panics
    /// When it is gone.
    pub fn limit(&mut self, user: User, frames: Option<u32>, objects: Option<u32>) {
        let id = self.process(user).expect("the thread is gone");
        let process = self.kernel.processes.get_mut(id).unwrap();
        let before = (process.frames.limit, process.objects.limit);
        process.frames.limit = frames.unwrap_or(before.0);
        process.objects.limit = objects.unwrap_or(before.1);
        let after = (process.frames.limit, process.objects.limit);
        if let Some(parent) = process.parent {
            let parent = self.kernel.processes.get_mut(parent).unwrap();
            parent.frames.used = parent.frames.used + after.0 - before.0;
            parent.objects.used = parent.objects.used + after.1 - before.1;
        }
    }

    pub(crate) fn process(&self, user: User) -> Option<Id<Process>> {
        self.thread(user).map(|thread| thread.process)
    }

    /// Free frames of RAM.
    #[must_use]
    pub fn free_frames(&self) -> u32 {
        self.kernel.frames.free_count()
    }

    /// Live capabilities (anchors included), objects, mappings, processes and threads.
    #[must_use]
    pub fn live(&self) -> [u32; 7] {
        let kernel = &self.kernel;
        [
            kernel.caps.live(),
            kernel.endpoints.live(),
            kernel.notifications.live(),
            kernel.vmos.live(),
            kernel.mappings.live(),
            kernel.processes.live(),
            kernel.threads.live(),
        ]
    }

    /// Device pages in the kernel half.
    #[must_use]
    pub fn device_pages(&self) -> u32 {
        self.kernel.registers.live()
    }

    /// True when `handle` names a capability of the process of `user`.
    #[must_use]
    pub fn holds(&self, user: User, handle: Handle) -> bool {
        let Some(process) = self.process(user) else { return false };
        self.kernel.lookup(process, handle).is_ok()
    }

    /// The rights of a capability of any process.
    #[must_use]
    pub fn rights(&self, handle: Handle) -> Option<Rights> {
        self.kernel.caps.by_handle(handle).ok().map(|(_, cap)| cap.rights)
    }

    /// The thread of a thread capability, whoever holds it.
    ///
    /// # Panics
    /// When it is no such thing.
    #[must_use]
    pub fn user_of(&self, thread: Handle) -> User {
        let (_, cap) = self.kernel.caps.by_handle(thread).unwrap();
        let CapabilityKind::Thread(id) = cap.kind else { panic!("not a thread") };
        User(self.kernel.threads.handle(id))
    }

    /// The slot of a thread.
    #[must_use]
    pub fn slot(&self, user: User) -> u16 {
        u16::try_from(user.0.slot()).unwrap()
    }

    /// The physical address of the root table of the process in a slot.
    #[must_use]
    pub fn root_of(&self, slot: u32) -> Option<u64> {
        let mut processes = self.kernel.processes.iter();
        let (_, process) = processes.find(|(id, _)| id.slot() == slot)?;
        process.space.as_ref().map(|space| space.root.address())
    }

    /// Claims that delivered nothing.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.kernel.strays
    }

    /// Pages that are mapped, in all.
    #[must_use]
    pub fn mapped_pages(&self) -> u32 {
        self.kernel.mappings.iter().map(|(_, mapping)| mapping.pages.count).sum()
    }

    /// The words of a memory object, whoever holds this capability to it.
    ///
    /// # Panics
    /// When it is no such thing.
    #[must_use]
    pub fn memory_of(&self, vmo: Handle) -> Vec<u64> {
        self.frames_of(vmo)
            .into_iter()
            .flat_map(|frame| (0..512).map(move |index| (frame, index)))
            .map(|(frame, index)| self.kernel.platform.read(frame, index))
            .collect()
    }

    /// Fills a memory object, as its holder could through a mapping.
    ///
    /// # Panics
    /// When it is no such thing.
    pub fn fill(&mut self, vmo: Handle, value: u64) {
        for frame in self.frames_of(vmo) {
            for index in 0..512 {
                self.kernel.platform.machine.write(frame, index, value);
            }
        }
    }

    /// The frames of a memory object, whoever holds this capability to it.
    ///
    /// # Panics
    /// When it is no such thing.
    #[must_use]
    pub fn frames_of(&self, vmo: Handle) -> Vec<Frame> {
        let (_, cap) = self.kernel.caps.by_handle(vmo).unwrap();
        let CapabilityKind::Vmo(id) = cap.kind else { panic!("not memory") };
        let vmo = self.kernel.vmos.get(id).unwrap();
        let pages = vmo.pages;
        (0..pages.count()).map(|page| self.kernel.frames.page(pages, page).unwrap()).collect()
    }
}
