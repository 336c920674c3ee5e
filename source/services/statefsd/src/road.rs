//! The way to the driver of the disk.

use alloc::sync::Arc;
use core::fmt::Debug;

use nexus_proto::Operation;
use nexus_proto::disk::{Attach, Disk as Protocol, DiskInfo, Info};
use nexus_proto::state::{self, Reason, Standing, StoreInfo};
use nexus_rt::abi::{Error, Message, Received, Sender};
use nexus_rt::{CallError, Client, Deadline, Inbox, ReplyTo, Ring, ticks};
use spin::Mutex;

/// The driver, as one uses it who shares a ring with it.
pub trait Road: Debug {
    /// Wakes it. False: it has no next life.
    fn tell(&mut self) -> bool;

    /// True once it has no next life: nothing comes any more.
    fn is_over(&self) -> bool;

    /// What the disk is, asked until `until` at most.
    ///
    /// # Errors
    /// As a call: after `TimedOut` and `PeerGone` it can be asked again.
    fn info(&mut self, until: Deadline) -> Result<DiskInfo, CallError>;

    /// Has it join the attachment that was begun, until `until` at most.
    ///
    /// # Errors
    /// As [`info`](Self::info).
    fn join(&mut self, until: Deadline) -> Result<(), CallError>;

    /// Waits until it tells, or until `until`, which may have passed. Whatever else comes meanwhile is kept.
    ///
    /// # Errors
    /// Nothing comes any more.
    fn wait(&mut self, until: Deadline) -> Result<(), Error>;

    /// The time, in ticks.
    fn now(&self) -> u64;
}

/// The inbox of the server, which the disk under it waits at, too.
#[derive(Clone, Debug)]
pub struct SharedInbox(Arc<Mutex<Inbox>>);

impl SharedInbox {
    /// One handle to it; a clone is the same inbox.
    #[must_use]
    pub fn new(inbox: Inbox) -> SharedInbox {
        SharedInbox(Arc::new(Mutex::new(inbox)))
    }

    /// Until [`opened`](Self::opened), whoever asks how the store stands while the disk is waited for is told that it is
    /// being opened: by the partition `guid`, and with so many clients.
    pub fn opening(&self, guid: [u8; 16], clients: u32) {
        let info = StoreInfo {
            standing: Standing::Opening,
            reason: Reason::Fine,
            detail: 0,
            guid,
            bytes: 0,
            format: 0,
            trees: 0,
            orphans: 0,
            clients,
        };
        let ask = state::Info {};
        self.0.lock().answer_at_once(Some((ask.encode(), ask.answer(Ok(info)))));
    }

    /// The store is open, or is not going to be.
    pub fn opened(&self) {
        self.0.lock().answer_at_once(None);
    }

    /// Waits at it for one of these bits, until `until` at most; whether that came. What else comes is kept.
    ///
    /// # Errors
    /// The endpoint is gone.
    pub fn wait(&self, bits: u64, until: Deadline) -> Result<bool, Error> {
        self.0.lock().wait(bits, until)
    }

    /// Who asked `ask` by the first call of that content which was received while the disk was waited for, ahead of all
    /// else that was; and the right to answer it.
    #[must_use]
    pub fn kept_call(&self, ask: &Message) -> Option<(Sender, ReplyTo)> {
        self.0.lock().take_call(ask)
    }

    /// What was received while the disk was waited for: for [`nexus_rt::Service::kept`].
    #[must_use]
    pub fn kept(&self) -> Option<Received> {
        self.0.lock().take()
    }
}

/// The way of this process to virtioblkd.
#[derive(Debug)]
pub struct OwnRoad {
    ring: Ring,
    driver: Client<Protocol>,
    inbox: SharedInbox,
}

impl OwnRoad {
    /// By this ring, whose bit is delivered at the endpoint of this inbox.
    #[must_use]
    pub const fn new(ring: Ring, driver: Client<Protocol>, inbox: SharedInbox) -> OwnRoad {
        OwnRoad { ring, driver, inbox }
    }
}

impl Road for OwnRoad {
    fn tell(&mut self) -> bool {
        self.ring.tell().tell().is_ok()
    }

    fn is_over(&self) -> bool {
        self.ring.tell().is_over()
    }

    fn info(&mut self, until: Deadline) -> Result<DiskInfo, CallError> {
        self.driver.call(&Info {}, until)
    }

    fn join(&mut self, until: Deadline) -> Result<(), CallError> {
        self.driver.call(&Attach {}, until)
    }

    fn wait(&mut self, until: Deadline) -> Result<(), Error> {
        self.inbox.wait(self.ring.bit(), until).map(|_| ())
    }

    fn now(&self) -> u64 {
        ticks()
    }
}
