//! A small kernel, policyd, logd and busd for tests.

mod bus;
mod loader;
mod machine;
mod world;
mod wrong;

use nexus_abi::{EndReason, Error, Handle, KindCode, Message, Received, Rights, Sender, Startup};
use nexus_proto::log::Entry;
use nexus_proto::policy::{Decide, Decision, NO_LINE};
use nexus_proto::{Asker, ids};

use crate::grant::{LineRoute, Question, Route, Source};
use crate::start::LoadFailure;

pub(crate) use bus::{BUSD, BUSD_ID, Busd, bus_route, queues, sealed};
pub(crate) use wrong::{At, Wrong};

/// policyd, as the kernel stamps it.
pub(crate) const POLICYD: Sender = Sender { service_id: 2, incarnation: 1 };
/// The process that is given things.
pub(crate) const RNGD: Handle = Handle(70);
/// The root window.
pub(crate) const ROOT: Handle = Handle(1);
/// Its bytes.
pub(crate) const ROOT_BASE: u64 = 0x1000_0000;
pub(crate) const ROOT_LEN: u64 = 0x1_0000;

/// Every interrupt line that init can hand out.
pub(crate) const LINES: Handle = Handle(2);
/// How many; they begin with 1.
pub(crate) const LINE_COUNT: u64 = 95;
/// Ticks of least distance that the rules give a line.
pub(crate) const TICKS: u64 = 1_000;
/// The same in microseconds.
pub(crate) const INTERVAL: u32 = 100;

/// What is asked for.
pub(crate) fn question(nonce: u64) -> Question {
    Question {
        asker: Asker::new(1),
        service: 7,
        incarnation: 1,
        device: 3,
        rights: (Rights::MAP | Rights::READ | Rights::WRITE).bits(),
        base: 0x1000_6000,
        len: 0x1000,
        registers: None,
        line: NO_LINE,
        pool: 0,
        nonce,
    }
}

/// The same with two registers and the line.
pub(crate) fn masked(nonce: u64) -> Question {
    Question { registers: Some(1 << 20 | 1 << 25), line: 7, ..question(nonce) }
}

/// Where it comes from and goes.
pub(crate) fn route() -> Route {
    let source = Source::Root { root: ROOT, base: ROOT_BASE };
    let line = LineRoute { root: LINES, first: 1, interval: INTERVAL, ticks: TICKS };
    let (policyd, line) = (POLICYD, Some(line));
    Route { source, line, process: RNGD, policyd, epoch: 1, on_record: None, again: None }
}

/// How policyd behaves.
#[derive(Clone)]
pub(crate) enum Policyd {
    /// It allows everything.
    Allows,
    /// It allows, and then its answer is changed.
    Edited(fn(&Decide, &mut Decision)),
    /// It says this, whatever it is asked.
    Says(Message),
    /// The call fails.
    Fails(Error),
}

/// One capability to a window, or to interrupt lines.
#[derive(Clone, Debug)]
pub(crate) struct Cap {
    /// The process that holds it; `None` for init, [`BUSD`] for busd.
    pub(crate) holder: Option<Handle>,
    pub(crate) kind: KindCode,
    pub(crate) rights: Rights,
    /// First byte, or number of the first line.
    pub(crate) base: u64,
    /// Bytes, or lines.
    pub(crate) len: u64,
    /// What `cap_limit` has set.
    pub(crate) limit: Option<u64>,
    pub(crate) parent: Option<Handle>,
    pub(crate) handle: Handle,
}

/// Kernel, policyd, logd and busd in one.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) busd: Busd,
    pub(crate) policyd: Policyd,
    pub(crate) answers_as: Sender,
    pub(crate) epoch: u32,
    /// The epoch after the next decision.
    pub(crate) next_epoch: Option<u32>,
    pub(crate) epoch_fails: Option<Error>,
    /// The answer about the epoch is one to the question with this nonce.
    pub(crate) epoch_nonce: Option<u64>,
    pub(crate) derive_fails: Option<Error>,
    pub(crate) install_fails: Option<Error>,
    pub(crate) limit_fails: Option<Error>,
    /// Only of lines.
    pub(crate) line_fails: Option<Error>,
    /// Records that logd still takes.
    pub(crate) records_left: Option<usize>,
    /// The target has not ended.
    pub(crate) live: bool,
    /// What goes wrong is over after the next pause.
    pub(crate) recovers: bool,
    pub(crate) ledger: Vec<Entry>,
    pub(crate) calls: Vec<&'static str>,
    /// How processes have ended.
    pub(crate) ends: Vec<(Handle, Sender, Option<EndReason>)>,
    pub(crate) said: Vec<String>,
    pub(crate) dropped: Vec<Handle>,
    pub(crate) revoked: Vec<Handle>,
    pub(crate) signalled: Vec<(Handle, u64)>,
    pub(crate) caps: Vec<Cap>,
    /// Virtio devices: where, and which DeviceID.
    pub(crate) plugged: Vec<(u64, u32)>,
    pub(crate) next: u64,
    /// Ticks of the clock.
    pub(crate) now: u64,
    pub(crate) create_fails: Option<Error>,
    pub(crate) load_fails: Option<LoadFailure>,
    /// Programs that run: service, process, and what it was told.
    pub(crate) started: Vec<(u32, Handle, Startup)>,
    /// Services that somebody answers for, and at which endpoint.
    pub(crate) gone: Vec<(u32, Handle)>,
    /// A service that is asked whether it answers, to what it answers, and by which bit.
    pub(crate) answers: Option<(u32, Handle, u64)>,
    /// Lives that are watched: service, process, and what it is asked by.
    pub(crate) watched: Vec<(u32, Handle, Handle)>,
    /// Services that init asks no more.
    pub(crate) forgotten: Vec<u32>,
    /// The call that goes wrong.
    pub(crate) wrong: Option<At>,
    /// It has.
    pub(crate) happened: bool,
    /// Processes that have died.
    pub(crate) corpses: Vec<Handle>,
}

impl Default for Fake {
    fn default() -> Fake {
        let root = Cap {
            holder: None,
            kind: KindCode::DeviceMmio,
            rights: Rights::all().difference(Rights::EXEC),
            base: ROOT_BASE,
            len: ROOT_LEN,
            limit: None,
            parent: None,
            handle: ROOT,
        };
        let irq = Rights::RECV | Rights::DERIVE | Rights::GRANT | Rights::REVOKE | Rights::MANAGE;
        let (kind, rights, base, len) = (KindCode::Irq, irq, 1, LINE_COUNT);
        let lines = Cap { kind, rights, base, len, handle: LINES, ..root.clone() };
        Fake {
            busd: Busd::default(),
            policyd: Policyd::Allows,
            answers_as: POLICYD,
            epoch: 1,
            next_epoch: None,
            epoch_fails: None,
            epoch_nonce: None,
            derive_fails: None,
            install_fails: None,
            limit_fails: None,
            line_fails: None,
            records_left: None,
            live: true,
            recovers: false,
            ledger: Vec::new(),
            calls: Vec::new(),
            ends: Vec::new(),
            said: Vec::new(),
            dropped: Vec::new(),
            revoked: Vec::new(),
            signalled: Vec::new(),
            caps: vec![root, lines],
            plugged: vec![(0x1000_6000, 4)],
            next: 100,
            now: 777,
            create_fails: None,
            load_fails: None,
            started: Vec::new(),
            gone: Vec::new(),
            answers: None,
            watched: Vec::new(),
            forgotten: Vec::new(),
            wrong: None,
            happened: false,
            corpses: Vec::new(),
        }
    }
}

impl Fake {
    pub(crate) fn cap(&self, handle: Handle) -> Option<&Cap> {
        self.caps.iter().find(|cap| cap.handle == handle)
    }

    /// A new object of this kind, with all rights, of init's.
    pub(crate) fn object(&mut self, kind: KindCode, len: u64) -> Handle {
        self.object_of(None, kind, Rights::all(), len)
    }

    /// A new object of this kind.
    fn object_of(
        &mut self,
        holder: Option<Handle>,
        kind: KindCode,
        rights: Rights,
        len: u64,
    ) -> Handle {
        self.next += 1;
        let handle = Handle(self.next);
        self.caps.push(Cap {
            holder,
            kind,
            rights,
            base: 0,
            len,
            limit: None,
            parent: None,
            handle,
        });
        handle
    }

    /// How many capabilities to a window processes hold.
    pub(crate) fn owners(&self) -> usize {
        self.holders(KindCode::DeviceMmio)
    }

    /// How many interrupt lines processes hold.
    pub(crate) fn line_owners(&self) -> usize {
        self.holders(KindCode::Irq)
    }

    /// How many capabilities of a kind processes hold, without busd.
    pub(crate) fn holders(&self, kind: KindCode) -> usize {
        let held = |cap: &&Cap| cap.holder.is_some_and(|holder| holder != BUSD);
        self.caps.iter().filter(held).filter(|cap| cap.kind == kind).count()
    }

    /// The kernel takes back all that the target held.
    pub(crate) fn end_target(&mut self) {
        self.live = false;
        self.caps.retain(|cap| cap.holder.is_none_or(|holder| holder == BUSD));
    }

    pub(crate) fn assert_nothing_left(&self) {
        let left: Vec<&Cap> = self.caps.iter().filter(|cap| cap.holder != Some(BUSD)).collect();
        assert_eq!(left.len(), 2, "only the roots: {left:?}");
    }

    fn received(&self, message: Message) -> Received {
        Received { message, sender: self.answers_as, reply: Handle::NONE }
    }

    fn append(&mut self, entry: Entry) -> Option<u64> {
        if self.is_dead(ids::LOGD) {
            return None;
        }
        if let Some(left) = &mut self.records_left {
            *left = left.checked_sub(1)?;
        }
        self.ledger.push(entry);
        u64::try_from(self.ledger.len()).ok()
    }

    fn end_children(&mut self, cap: Handle) {
        while let Some(child) = self.caps.iter().position(|child| child.parent == Some(cap)) {
            let handle = self.caps[child].handle;
            self.end_children(handle);
            self.caps.retain(|other| other.handle != handle);
        }
    }

    /// A child, if it is exclusive.
    fn child(
        &mut self,
        parent: Handle,
        holder: Option<Handle>,
        rights: Rights,
        (base, len): (u64, u64),
    ) -> Result<Handle, Error> {
        let above = self.cap(parent).ok_or(Error::BadHandle)?.clone();
        let apart = |cap: &Cap| cap.base + cap.len <= base || base + len <= cap.base;
        let mut siblings = self.caps.iter().filter(|cap| cap.parent == Some(parent));
        let exclusive = matches!(above.kind, KindCode::DeviceMmio | KindCode::Irq);
        if exclusive && !siblings.all(apart) {
            return Err(Error::Busy);
        }
        if let Some(error) = self.line_fails.filter(|_| above.kind == KindCode::Irq) {
            return Err(error);
        }
        self.next += 1;
        let handle = Handle(self.next);
        let parent = Some(parent);
        self.caps.push(Cap { holder, rights, base, len, parent, handle, ..above });
        Ok(handle)
    }

    fn has_children(&self, cap: Handle) -> bool {
        self.caps.iter().any(|child| child.parent == Some(cap))
    }
}
