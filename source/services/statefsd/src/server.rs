//! The service: turns in which every client has its share, and one sync for all who wait.
//!
//! A turn takes what each client asks, one client after the other, up to its share; who comes first goes round. What is
//! to be read for all of that is read together, before any of it is carried out.
//! What waits for nothing is answered at once. Then, when somebody waits for it, all that was changed is made durable
//! by one sync, and everybody who waits is told what came of it. What the store does in the background it does when
//! nobody has asked anything for some time: who puts one value after the other, each durable before the next, must not
//! wait for a part of it each time. When it cannot wait, it does as much as is due for what was changed, and a part at
//! least, in each turn, so that whoever asks without end keeps it from nothing.

use alloc::vec::Vec;

use nexus_mmio::SharedMut;
use nexus_proto::state::{
    Reason, Request, Standing, State as Protocol, StoreInfo, StoreStats, Wait,
};
use nexus_proto::{Operation, ServiceError, Zero};
use nexus_ring::{Ended, NotBegun};
use nexus_rt::abi::{Received, Sender};
use nexus_rt::refusals::{Counted, Denied, Refusals};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, error, info, warn};
use nexus_store::{PAGE, Store};

use crate::keeper::Keeper;
use crate::reason;
use crate::road::SharedInbox;
use crate::session::{SHARE_BYTES, Scratch, Session, Taken};
use crate::trees::{self, Refusal, Trees};

/// Milliseconds in which nobody asks for anything, after which the store works in the background.
const QUIET_MS: u64 = 5;

/// The service.
#[derive(Debug)]
pub struct Server<S, M, R> {
    store: Result<S, (Reason, u64)>,
    guid: [u8; 16],
    trees: Trees,
    sessions: Vec<Session<M>>,
    /// Whose turn is first.
    first: usize,
    refusals: Counted<R>,
    inbox: Option<SharedInbox>,
    scratch: Scratch,
    stats: StoreStats,
    next: Deadline,
    /// Until then it is not quiet: somebody has asked for something.
    quiet: Deadline,
    /// It was told that the store is read-only.
    told: bool,
    /// The store has something to do in the background.
    busy: bool,
    /// Bytes that were changed, and for which nothing was done in the background yet.
    owed: usize,
}

/// Bytes that are changed for which a step of the background is due: half of what one folds, so that it is always ahead.
const STEP_BYTES: usize = SHARE_BYTES / 2;

impl<S: Keeper, M: SharedMut, R: Refusals> Server<S, M, R> {
    /// Serves the store of the partition `guid`, or says why there is none, to these clients.
    pub fn new(
        mut store: Result<S, (Reason, u64)>,
        guid: [u8; 16],
        trees: Trees,
        sessions: Vec<Session<M>>,
        refusals: R,
        inbox: Option<SharedInbox>,
    ) -> Self {
        if let Ok(store) = &mut store {
            trees.quotas().for_each(|(tree, quota)| store.set_quota(tree, quota));
        }
        Server {
            store,
            guid,
            trees,
            sessions,
            first: 0,
            refusals: Counted::new(refusals),
            inbox,
            scratch: Scratch::default(),
            stats: NOTHING_DONE,
            next: Deadline::at(0),
            quiet: Deadline::at(0),
            told: false,
            busy: true,
            owed: 0,
        }
    }

    /// What the store is.
    #[must_use]
    pub fn info(&self) -> StoreInfo {
        let store = self.store.as_ref();
        let why = store
            .map_or_else(|why| Some(*why), |store| Some(reason::read_only(store.why_read_only()?)));
        let standing = match (store, why) {
            (Err(_), _) => Standing::Failed,
            (Ok(_), Some(_)) => Standing::ReadOnly,
            (Ok(_), None) => Standing::Ready,
        };
        let (reason, detail) = why.unwrap_or((Reason::Fine, 0));
        let trees = store.map(Keeper::tree_ids).unwrap_or_default();
        let orphans = trees.iter().filter(|tree| self.trees.is_orphan(**tree)).count();
        let (bytes, format) =
            store.map_or((0, 0), |store| (store.partition(), nexus_store::FORMAT));
        let guid = self.guid;
        let (trees, orphans, clients) =
            (number(trees.len()), number(orphans), number(self.sessions.len()));
        StoreInfo { standing, reason, detail, guid, bytes, format, trees, orphans, clients }
    }

    /// What was done.
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        let disk = self.store.as_ref().map(Keeper::asked_of_disk).unwrap_or_default();
        let denied = u32::try_from(self.refusals.total()).unwrap_or(u32::MAX);
        let nexus_store::Counters { reads, writes, flushes, .. } = disk;
        StoreStats { reads, writes, flushes, denied, ..self.stats }
    }

    /// For a test: what comes while the disk is waited for comes to this.
    #[cfg(test)]
    pub(crate) fn wait_at(&mut self, inbox: SharedInbox) {
        self.inbox = Some(inbox);
    }

    /// What was denied to whom.
    pub const fn refusals(&mut self) -> &mut Counted<R> {
        &mut self.refusals
    }

    /// The store.
    pub fn store(&mut self) -> Option<&mut S> {
        self.store.as_mut().ok()
    }

    /// This life of a service has begun an attachment.
    ///
    /// # Errors
    /// `Denied`: it shares no ring. `BadState`: it has begun none.
    pub fn attach(&mut self, who: Sender) -> Result<(), ServiceError> {
        let mut sessions = self.sessions.iter_mut();
        let session = sessions.find(|session| session.service() == who.service_id);
        let session = session.ok_or(ServiceError::Denied)?;
        let attached = session.attach(who.incarnation, self.store.as_mut().ok());
        attached.map_err(|NotBegun| ServiceError::BadState)
    }

    /// A client has asked for something in its ring, and waits for what comes of it.
    fn wait(&mut self, who: Sender, op: Wait, reply: ReplyTo) -> Answer {
        let at = self.sessions.iter().position(|session| session.service() == who.service_id);
        let Some(session) = at.and_then(|at| self.sessions.get_mut(at)) else {
            return reply.answer(&op, Err(ServiceError::Denied));
        };
        if let Err((why, reply)) = session.wait(reply) {
            return reply.answer(&op, Err(why));
        }
        self.round(false);
        let due = at.and_then(|at| self.sessions.get_mut(at)?.due());
        match due {
            // The next turn may wait for the disk.
            Some(reply) if self.next == Deadline::at(0) => {
                // Who has given it up does not wait in this attachment any more.
                let _ = reply.send(&op.answer(Ok(())));
                Answer::later()
            }
            // With the next wait, in one step.
            Some(reply) => reply.answer(&op, Ok(())),
            None => Answer::later(),
        }
    }

    /// One turn, at its deadline.
    pub fn turn(&mut self) {
        let quiet = self.next == self.quiet;
        self.round(quiet);
    }

    /// One turn. `quiet`: nobody has asked for anything for some time.
    fn round(&mut self, quiet: bool) {
        let taken = self.take();
        self.sync();
        if taken.taken > 0 {
            self.quiet = Deadline::after_ms(QUIET_MS);
        }
        self.background(&taken, quiet && taken.taken == 0);
        // Meanwhile, or more than its share.
        let asked =
            self.sessions.iter_mut().filter_map(|one| (!one.may_wait()).then_some(())).count() > 0;
        self.tell_trouble();
        self.refusals.to().again();
        self.next = match self.busy {
            _ if asked => Deadline::at(0),
            true if self.is_pressing() => Deadline::at(0),
            true => self.quiet,
            false => self.refusals.to().due(),
        };
    }

    /// Takes what everybody asks, each up to his share: also of who has asked while the disk was waited for, so that one
    /// sync is for all of them.
    fn take(&mut self) -> Turn {
        let mut turn = Turn::default();
        self.first += 1;
        if self.first >= self.sessions.len() {
            self.first = 0;
        }
        let mut asked = self.look(true);
        while let Some(keys) = asked {
            turn.read = false;
            let read = if keys > 1 { self.read_ahead(keys, &mut turn) } else { 0 };
            self.carry(&mut turn, read);
            // Who asked for what is known waits for no disk.
            self.sessions.iter_mut().for_each(Session::ring);
            // Who was served in a turn is not served again: this ends.
            asked = if turn.read { self.look(false) } else { None };
            if asked.is_some() {
                self.sessions.iter_mut().for_each(Session::answer_due);
            }
        }
        turn
    }

    /// Takes requests out of the rings, in a turn that `begins` or goes on; for how many keys, at most. None: nobody asks.
    fn look(&mut self, begins: bool) -> Option<usize> {
        self.take_calls();
        let asked = self.sessions.iter_mut().filter_map(|session| session.look(begins));
        asked.reduce(|some, more| some + more)
    }

    /// Calls of clients that came while the disk was waited for: one turn is for all of them.
    fn take_calls(&mut self) {
        let ask = Wait {};
        let calls = core::iter::from_fn(|| self.inbox.as_ref()?.kept_call(&ask.encode()));
        for (who, call) in calls {
            let session = self.sessions.iter_mut().find(|one| one.service() == who.service_id);
            let waited = match session {
                Some(session) => session.waited(call),
                None => Err((ServiceError::Denied, call)),
            };
            if let Err((why, call)) = waited {
                // Nobody to tell when it is gone.
                let _ = call.send(&ask.answer(Err(why)));
            }
        }
    }

    /// Reads together what all ask for now, which is so many keys at most; bytes that were read for each.
    fn read_ahead(&mut self, keys: usize, turn: &mut Turn) -> usize {
        let Ok(store) = &mut self.store else { return 0 };
        let mut wanted = Vec::with_capacity(keys);
        for session in &self.sessions {
            session.wanted(&self.trees, |tree, key| wanted.push((tree, key)));
        }
        let before = store.asked_of_disk().pages_read;
        store.ahead(&wanted);
        let read = store.asked_of_disk().pages_read.saturating_sub(before);
        turn.read |= read > 0;
        usize::try_from(read).unwrap_or(0).saturating_mul(PAGE) / keys.max(1)
    }

    /// Carries out what was taken out of the rings.
    fn carry(&mut self, turn: &mut Turn, read: usize) {
        let (before, after) = self.sessions.split_at_mut(self.first);
        for session in after.iter_mut().chain(before).filter(|session| session.is_due()) {
            let service = session.service();
            let refusals = &mut self.refusals;
            let denied = |refusal| {
                if let Refusal::Denied { rule, right } = refusal {
                    refusals.add(Denied { service, rule, access: trees::asked(right) });
                }
            };
            let store = self.store.as_mut().map_err(|why| *why);
            let taken = session.take(store, &self.trees, &mut self.scratch, read, denied);
            let Taken { looks, changes, waits, changed, read, ended } = taken;
            self.stats.looks += looks;
            self.stats.changes += changes;
            self.stats.waited += waits;
            turn.taken += looks + changes;
            turn.changed += changed;
            turn.read |= read;
            match ended {
                Some(Ended::PeerGone) => info!("service {service} attaches again"),
                Some(why) => warn!("the ring of service {service} is given up: {why}"),
                None => {}
            }
        }
    }

    /// One sync for all who wait.
    fn sync(&mut self) {
        let Ok(store) = &mut self.store else { return };
        if !self.sessions.iter().any(Session::waits) {
            return;
        }
        self.stats.syncs += 1;
        self.busy = true;
        self.sessions.iter_mut().for_each(Session::answer_due);
        let synced = store.sync();
        for session in &mut self.sessions {
            session.settle(store, &synced);
            session.ring();
        }
    }

    /// A part of what is left in the background, when it is `quiet`; when that cannot wait, as much as is due for what
    /// was changed, and a part at least.
    fn background(&mut self, taken: &Turn, quiet: bool) {
        // What nobody waits for is written, too, once there is enough of it.
        self.busy |= taken.changed > 0;
        self.owed = self.owed.saturating_add(taken.changed);
        let due = self.owed / STEP_BYTES;
        self.owed %= STEP_BYTES;
        let steps = if self.is_pressing() { due.max(1) } else { usize::from(quiet) };
        if steps > 0 {
            self.sessions.iter_mut().for_each(Session::answer_due);
        }
        for _ in 0..steps {
            if !self.busy {
                return;
            }
            // Nobody waits for what failed: the store says so from now on.
            self.busy = self.store.as_mut().is_ok_and(|store| store.turn().unwrap_or(false));
        }
    }

    fn is_pressing(&self) -> bool {
        self.store.as_ref().is_ok_and(Store::pressing)
    }

    fn tell_trouble(&mut self) {
        let why = self.store.as_ref().ok().and_then(Keeper::why_read_only);
        if let Some(why) = why.filter(|_| !self.told) {
            self.told = true;
            error!("the store is read-only: {why}");
        }
    }
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// Requests that were carried out.
    taken: u64,
    /// Pages were read for what was carried out last: somebody may have asked meanwhile.
    read: bool,
    /// Bytes that were changed.
    changed: usize,
}

const NOTHING_DONE: StoreStats = StoreStats {
    looks: 0,
    changes: 0,
    waited: 0,
    syncs: 0,
    reads: 0,
    writes: 0,
    flushes: 0,
    denied: 0,
    zero: Zero::ZERO,
};

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl<S: Keeper, M: SharedMut, R: Refusals> Service for Server<S, M, R> {
    type Protocol = Protocol;

    fn handle(&mut self, sender: Sender, request: Request, reply: ReplyTo) -> Answer {
        match request {
            Request::Info(op) => reply.answer(&op, Ok(self.info())),
            Request::Stats(op) => reply.answer(&op, Ok(self.stats())),
            Request::Attach(op) => reply.answer(&op, self.attach(sender)),
            Request::Wait(op) => self.wait(sender, op, reply),
        }
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.turn();
    }

    fn notified(&mut self, _bits: u64) {
        for session in &mut self.sessions {
            if session.is_over() {
                session.end(self.store.as_mut().ok());
            }
        }
        self.round(false);
    }

    fn kept(&mut self) -> Option<Received> {
        self.inbox.as_ref().and_then(SharedInbox::kept)
    }
}
