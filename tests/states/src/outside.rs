//! What surrounds the code under test: a small kernel, calls to the real policyd and logd that can fail
//! in every way that a call can, and a busd that can also lie.

use std::sync::Arc;

use logd::Logd;
use logd::ledger::Ledger;
use nexus_abi::{
    CapInfo, EndReason, Error, Handle, IrqInfo, KindCode, Message, ProcessInfo, ProcessState,
    Received, Rights, Sender,
};
use nexus_init::board::Range;
use nexus_init::grant::{Piece, World};
use nexus_init::init::Machine;
use nexus_proto::bus::{Prepare, Release, Take, Taken};
use nexus_proto::log::{self, Append, Entry, Event, Outcome, Stamp};
use nexus_proto::policy::{self, Decide, Epoch, Verdict};
use nexus_proto::{Operation, Request, Zero};
use policyd::{Policyd, Recorder, Unread};

use crate::lives::turns::{Kind, Turns};
use crate::system::{
    BUSD, BUSD_PROCESS, INIT, LINE_RANGE, LINES, LOGD, OWNERS, POLICYD, ROOT, bit_of, description,
    is_endpoint,
};

/// How the next call goes. One that no call used did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// As it should.
    Fine,
    /// policyd is not reached.
    PolicyGone,
    /// policyd decides, and ends before it answers.
    PolicyLost,
    /// policyd decides, and its answer comes too late.
    PolicyLate,
    /// A bit of the answer is wrong.
    Garbled,
    /// The answer is another life's.
    Stranger,
    /// The answer is one that policyd gave before, counted from its last.
    Replayed(u8),
    /// busd is not reached.
    BusGone,
    /// busd does what it is asked, and ends before it answers.
    BusLost,
    /// busd does what it is asked, and its answer comes too late.
    BusLate,
    /// busd does not do what it is asked.
    BusRefuses,
    /// What busd hands over is not what it must be.
    BusLies(Lie),
    /// logd is not reached.
    LogGone,
    /// logd records, and its answer is lost.
    LogLost,
    /// The kernel refuses.
    KernelRefuses,
}

/// What is wrong with what busd hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lie {
    /// The window is another's.
    Window,
    /// More registers can be written.
    Mask,
    /// Addresses can be placed.
    Rights,
    /// The pool is larger.
    Pool,
    /// The used rings can be written.
    Used,
}

/// Every way but the right one.
pub const FAILURES: [Fate; 19] = [
    Fate::PolicyGone,
    Fate::PolicyLost,
    Fate::PolicyLate,
    Fate::Garbled,
    Fate::Stranger,
    Fate::Replayed(0),
    Fate::Replayed(1),
    Fate::BusGone,
    Fate::BusLost,
    Fate::BusLate,
    Fate::BusRefuses,
    Fate::BusLies(Lie::Window),
    Fate::BusLies(Lie::Mask),
    Fate::BusLies(Lie::Rights),
    Fate::BusLies(Lie::Pool),
    Fate::BusLies(Lie::Used),
    Fate::LogGone,
    Fate::LogLost,
    Fate::KernelRefuses,
];

/// A capability to a window, to interrupt lines, or to memory that a device reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cap {
    /// What it is to.
    pub piece: Piece,
    /// Its handle.
    pub handle: Handle,
    /// The process that holds it; `None` for init.
    pub holder: Option<Handle>,
    /// Its rights.
    pub rights: Rights,
    /// Its bytes, or the numbers of its lines. Memory begins at 0.
    pub range: Range,
    /// What `cap_limit` has set.
    pub limit: Option<u64>,
    /// policyd's rules when it was made.
    pub epoch: u32,
    pub(crate) parent: Option<Handle>,
}

/// policyd, logd, the kernel's capabilities, and what was seen of them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Outside {
    /// How the next call goes.
    pub fate: Fate,
    /// Every capability to a window, to lines, or to memory of a device.
    pub caps: Vec<Cap>,
    /// Processes that have ended.
    pub ended: Vec<Handle>,
    /// policyd's rules.
    pub epoch: u32,
    /// Every record that logd has acknowledged, through all its lives.
    pub records: Vec<Entry>,
    /// busd has ended.
    pub busd_ended: bool,
    /// The second device is set up, and was not reset since.
    pub set_up: bool,
    /// Init has asked policyd the same question again: a second one has a nonce of its own.
    pub asked_twice: bool,
    /// The first thing that was seen and must not be.
    pub wrong: Option<&'static str>,
    /// Shared by all states in which it is the same, as logd is.
    policyd: Arc<Policyd>,
    pub(crate) policyd_id: Sender,
    logd: Arc<Logd>,
    room: usize,
    /// The last two answers of policyd, as far back as [`Fate::Replayed`] goes: the newest first.
    answers: [Option<Message>; 2],
    /// The last question of init.
    asked: u64,
    /// Questions that this life of policyd has allowed.
    allowed: Vec<u64>,
    pub(crate) next: u64,
    /// Every process of a service that can be started again, in the order in which they were made.
    pub processes: Vec<(u32, Handle)>,
    /// Ends that init has not been told: bit n for place n in the description.
    pub ends: u64,
    /// Services for which init answers.
    pub gone: Vec<u32>,
    /// Ticks of the clock.
    pub now: u64,
    /// What happens at the calls of one act of init, while it is at it.
    pub(crate) turns: Option<Turns>,
}

impl Outside {
    /// With a root window over `root`, and a logd with room for `room` records.
    #[must_use]
    pub fn new(root: Range, room: usize) -> Outside {
        let root = Cap {
            piece: Piece::Window,
            handle: ROOT,
            holder: None,
            rights: Rights::all(),
            range: root,
            limit: None,
            epoch: 0,
            parent: None,
        };
        let (base, len) = LINE_RANGE;
        let lines =
            Cap { piece: Piece::Line, handle: LINES, range: Range { base, len }, ..root.clone() };
        Outside {
            fate: Fate::Fine,
            caps: vec![root, lines],
            ended: Vec::new(),
            epoch: 1,
            records: Vec::new(),
            busd_ended: false,
            set_up: false,
            asked_twice: false,
            wrong: None,
            policyd: new_policyd(1),
            policyd_id: POLICYD,
            logd: new_logd(room),
            room,
            answers: [None; 2],
            asked: 0,
            allowed: Vec::new(),
            next: 100,
            processes: Vec::new(),
            ends: 0,
            gone: Vec::new(),
            now: 0,
            turns: None,
        }
    }

    /// What was there before counts for nothing from here on.
    pub fn begin(&mut self, room: usize) {
        self.records.clear();
        self.logd = new_logd(room);
        self.caps.iter_mut().for_each(|cap| cap.epoch = 0);
    }

    /// busd ends: what was derived from what it had lives on.
    pub fn end_busd(&mut self) {
        self.busd_ended = true;
        let is_busds = |cap: &Cap| cap.holder == Some(BUSD_PROCESS);
        let gone: Vec<Handle> =
            self.caps.iter().filter(|cap| is_busds(cap)).map(|cap| cap.handle).collect();
        self.caps.retain(|cap| !is_busds(cap));
        for cap in &mut self.caps {
            cap.parent = cap.parent.filter(|parent| !gone.contains(parent));
        }
    }

    /// policyd decides by the rules of the next epoch from now on.
    pub fn change_rules(&mut self) {
        self.epoch += 1;
        self.policyd = new_policyd(self.epoch);
    }

    /// policyd ends and begins anew: it knows what the ledger says.
    pub fn restart_policyd(&mut self) {
        self.policyd = new_policyd(self.epoch);
        self.policyd_id.incarnation += 1;
    }

    /// logd ends and begins anew, with the ledger.
    pub fn restart_logd(&mut self) {
        self.logd = over(self.logd.ledger().clone());
    }

    /// A process ends: the kernel takes all that it held.
    pub fn end(&mut self, process: Handle) {
        if self.ended.contains(&process) {
            return;
        }
        self.ended.push(process);
        let service = self.processes.iter().find(|(_, made)| *made == process);
        self.ends |= service.map_or(0, |(service, _)| bit_of(*service));
        self.caps.retain(|cap| cap.holder != Some(process));
    }

    /// policyd is asked by `asker`, and its answer is looked at and thrown away.
    pub fn ask_as(&mut self, asker: Sender, ask: &Decide) {
        let _answer = self.policyd_says(asker, &ask.encode());
    }

    pub(crate) fn takes(&mut self, fate: Fate) -> bool {
        let now = self.fate == fate;
        if now {
            self.fate = Fate::Fine;
        }
        now
    }

    pub(crate) fn see(&mut self, good: bool, wrong: &'static str) {
        if !good && self.wrong.is_none() {
            self.wrong = Some(wrong);
        }
    }

    /// The real policyd's answer to a message, and what must be true of it.
    fn policyd_says(&mut self, asker: Sender, message: &Message) -> Message {
        let Ok(request) = policy::Request::decode(message) else { return Message::default() };
        let mut policyd = Arc::clone(&self.policyd);
        let answer = Arc::make_mut(&mut policyd).handle(asker, &request, self);
        self.policyd = policyd;
        self.answers = [Some(answer), self.answers[0]];
        let policy::Request::Decide(ask) = request else { return answer };
        let Ok(decision) = Decide::decode_reply(&answer) else { return answer };
        self.see(asker == INIT, "policyd decides for one that may not distribute");
        if decision.verdict == Verdict::Allow {
            let recorded = self.records.iter().any(|entry| is_allow_of(entry, &ask));
            self.see(recorded, "an allow without a record");
            self.see(!self.allowed.contains(&ask.nonce), "two allows for one question");
            self.allowed.push(ask.nonce);
        }
        answer
    }

    /// A call of init to policyd.
    fn call_policyd(&mut self, message: &Message) -> Result<Received, Error> {
        self.turn(Kind::Policyd);
        if self.takes(Fate::PolicyGone) || self.is_dead(POLICYD.service_id) {
            return Err(Error::PeerGone);
        }
        let received = |message, sender| Ok(Received { message, sender, reply: Handle::NONE });
        if let Fate::Replayed(back) = self.fate
            && let Some(Some(old)) = self.answers.get(usize::from(back))
        {
            self.fate = Fate::Fine;
            return received(*old, self.policyd_id);
        }
        let mut answer = self.policyd_says(INIT, message);
        if self.takes(Fate::PolicyLost) {
            return Err(Error::PeerGone);
        }
        if self.takes(Fate::PolicyLate) {
            return Err(Error::TimedOut);
        }
        if self.takes(Fate::Garbled) {
            answer.words[0] ^= 1;
        }
        let stranger = self.takes(Fate::Stranger);
        let incarnation = self.policyd_id.incarnation + u32::from(stranger);
        received(answer, Sender { incarnation, ..self.policyd_id })
    }

    /// A call to the real logd.
    fn append(&mut self, reporter: Sender, entry: &Entry) -> Option<u64> {
        if self.takes(Fate::LogGone) || self.is_dead(LOGD) {
            return None;
        }
        let op = Append { entry: *entry };
        let Ok(request) = log::Request::decode(&op.encode()) else { return None };
        let answer = Arc::make_mut(&mut self.logd).handle(reporter, &request, 0);
        if self.takes(Fate::LogLost) {
            return None;
        }
        let seq = Append::decode_reply(&answer).ok()?.seq;
        let kept = self
            .logd
            .ledger()
            .get(seq)
            .is_some_and(|link| link.entry == *entry && link.stamp.reporter == reporter.into());
        self.see(kept, "logd acknowledges a record that it has not");
        self.records.push(*entry);
        Some(seq)
    }

    fn cap(&self, handle: Handle) -> Option<&Cap> {
        self.caps.iter().find(|cap| cap.handle == handle)
    }

    /// A child of `parent`, if it overlaps no other one: a window has one owner, and a line.
    pub(crate) fn child(
        &mut self,
        parent: Handle,
        holder: Option<Handle>,
        rights: Rights,
        range: Range,
    ) -> Result<Handle, Error> {
        let above = self.cap(parent).ok_or(Error::BadHandle)?.clone();
        let exclusive = matches!(above.piece, Piece::Window | Piece::Line);
        let mut others = self.caps.iter().filter(|cap| cap.parent == Some(parent));
        if exclusive && others.any(|cap| cap.range.overlaps(range)) {
            return Err(Error::Busy);
        }
        self.next += 1;
        let handle = Handle(self.next);
        let epoch = self.epoch;
        let parent = Some(parent);
        self.caps.push(Cap { handle, holder, rights, range, epoch, parent, ..above });
        Ok(handle)
    }
}

fn new_policyd(epoch: u32) -> Arc<Policyd> {
    Arc::new(Policyd::new(description(epoch)))
}

fn new_logd(room: usize) -> Arc<Logd> {
    over(Ledger::with_capacity(room))
}

fn over(ledger: Ledger) -> Arc<Logd> {
    Arc::new(Logd::with_ledger(&description(1), 10_000_000, ledger))
}

/// True for the record of an allow of this question.
#[must_use]
pub fn is_allow_of(entry: &Entry, ask: &Decide) -> bool {
    entry.event == Event::Decision
        && entry.outcome == Outcome::Allow
        && (entry.subject, entry.device, entry.rights) == (ask.subject, ask.device, ask.rights)
        && (entry.base, entry.len, entry.detail) == (ask.base, ask.window_len(), ask.nonce)
        && (entry.registers, entry.line) == (ask.registers, ask.line)
}

/// policyd's way to logd.
impl Recorder for Outside {
    fn record(&mut self, entry: &Entry) -> Option<u64> {
        self.append(self.policyd_id, entry)
    }

    fn read(&mut self, from: u64) -> Result<Option<(Stamp, Entry)>, Unread> {
        if self.takes(Fate::LogGone) {
            return Err(Unread);
        }
        Ok(self.logd.ledger().find(from).map(|link| (link.stamp, link.entry)))
    }
}

impl World for Outside {
    fn decide(&mut self, ask: &Decide) -> Result<Received, Error> {
        self.asked_twice |= ask.nonce <= self.asked;
        self.asked = ask.nonce;
        self.call_policyd(&ask.encode())
    }

    fn epoch(&mut self, ask: &Epoch) -> Result<Received, Error> {
        self.call_policyd(&ask.encode())
    }

    fn record(&mut self, entry: &Entry) -> Option<u64> {
        self.turn(Kind::Logd);
        self.append(INIT, entry)
    }

    fn wait_out(&mut self) {}

    fn prepare(&mut self, ask: &Prepare) -> Result<Received, Error> {
        self.turn(Kind::Prepare);
        self.call_busd(|outside| outside.set_up(ask))
    }

    fn release(&mut self, ask: &Release) -> Result<Received, Error> {
        self.turn(Kind::Release);
        self.call_busd(|outside| outside.reset(ask))
    }

    fn cap_derive(
        &mut self,
        cap: Handle,
        rights: Rights,
        offset: u64,
        len: u64,
    ) -> Result<Handle, Error> {
        self.turn(Kind::Kernel);
        if self.takes(Fate::KernelRefuses) {
            return Err(Error::NoMemory);
        }
        let parent = self.cap(cap).ok_or(Error::BadHandle)?.range;
        let base = parent.base.checked_add(offset).ok_or(Error::OutOfRange)?;
        let range = Range::new(base, len).ok_or(Error::OutOfRange)?;
        if !parent.contains(range) {
            return Err(Error::OutOfRange);
        }
        self.child(cap, None, rights, range)
    }

    /// Refused while it has children, as the kernel does.
    fn cap_limit(&mut self, cap: Handle, limit: u64) -> Result<(), Error> {
        self.turn(Kind::Kernel);
        if self.takes(Fate::KernelRefuses) {
            return Err(Error::NoMemory);
        }
        if self.caps.iter().any(|child| child.parent == Some(cap)) {
            return Err(Error::Busy);
        }
        let known = self.caps.iter_mut().find(|known| known.handle == cap);
        known.ok_or(Error::BadHandle)?.limit = Some(limit);
        Ok(())
    }

    fn cap_query(&mut self, cap: Handle) -> Result<CapInfo, Error> {
        self.turn(Kind::Kernel);
        if self.takes(Fate::KernelRefuses) {
            return Err(Error::BadHandle);
        }
        let cap = self.cap(cap).ok_or(Error::BadHandle)?;
        let kind = match cap.piece {
            Piece::Line => KindCode::Irq,
            Piece::Window => KindCode::DeviceMmio,
            Piece::Pool | Piece::Used => KindCode::Vmo,
        };
        Ok(CapInfo {
            kind,
            rights: cap.rights,
            base: cap.range.base,
            len: cap.range.len,
            object: 0,
            mapped_pages: 0,
            children: 0,
            registers: cap.limit,
        })
    }

    fn cap_install(
        &mut self,
        process: Handle,
        cap: Handle,
        rights: Rights,
    ) -> Result<Handle, Error> {
        self.turn(Kind::Kernel);
        if self.takes(Fate::KernelRefuses) {
            return Err(Error::NoMemory);
        }
        if self.ended.contains(&process) {
            return Err(Error::BadState);
        }
        if is_endpoint(cap) {
            return Ok(cap);
        }
        let range = self.cap(cap).ok_or(Error::BadHandle)?.range;
        self.child(cap, Some(process), rights, range)
    }

    fn cap_revoke(&mut self, cap: Handle) -> Result<(), Error> {
        self.turn(Kind::Back);
        self.cap(cap).ok_or(Error::BadHandle)?;
        // Nothing here is handed on twice, so the tree is two deep.
        self.caps.retain(|child| child.parent != Some(cap));
        Ok(())
    }

    fn cap_drop(&mut self, cap: Handle) -> Result<(), Error> {
        self.turn(Kind::Back);
        let made = self.processes.iter().any(|(_, process)| *process == cap);
        if made || OWNERS.iter().any(|(_, process, _)| *process == cap) {
            self.end(cap);
            return Ok(());
        }
        let parent = self.cap(cap).ok_or(Error::BadHandle)?.parent;
        for child in self.caps.iter_mut().filter(|child| child.parent == Some(cap)) {
            child.parent = parent;
        }
        self.caps.retain(|other| other.handle != cap);
        Ok(())
    }
}

impl Machine for Outside {
    fn process_stat(&mut self, process: Handle) -> Result<ProcessInfo, Error> {
        self.turn(Kind::Back);
        let ended = self.ended.contains(&process);
        Ok(ProcessInfo {
            id: Sender::default(),
            state: if ended { ProcessState::Ended } else { ProcessState::Live },
            end: ended.then_some(EndReason::Exit(0)),
            frames: (0, 0),
            objects: (0, 0),
            root: 0,
        })
    }

    fn cap_inspect(&mut self, _: Handle, _: u64) -> Result<(u64, Option<CapInfo>), Error> {
        Err(Error::BadHandle)
    }

    fn irq_stat(&mut self, _: Handle) -> Result<IrqInfo, Error> {
        Err(Error::BadHandle)
    }

    fn time_stat(&mut self, _: u64) -> Result<u64, Error> {
        Err(Error::BadHandle)
    }

    fn take(&mut self, ask: &Take, window: Handle) -> Result<Received, Error> {
        let given = self.cap(window).ok_or(Error::BadHandle)?.clone();
        self.child(window, Some(BUSD_PROCESS), given.rights, given.range)?;
        let message = ask.answer(Ok(Taken { serial: [0; 20], zero: Zero::ZERO }));
        Ok(Received { message, sender: BUSD, reply: Handle::NONE })
    }

    fn process_end(&mut self, process: Handle, _: u64) -> Result<(), Error> {
        self.turn(Kind::Kernel);
        if self.takes(Fate::KernelRefuses) || self.ended.contains(&process) {
            return Err(Error::BadState);
        }
        self.end(process);
        Ok(())
    }

    fn notification_create(&mut self) -> Result<Handle, Error> {
        Err(Error::NoMemory)
    }

    fn vmo_create(&mut self, _: u64) -> Result<Handle, Error> {
        Err(Error::NoMemory)
    }

    fn answer(&self, _: u32) -> Option<(Handle, u64)> {
        None
    }

    fn watch(&mut self, _: u32, _: Handle, _: Handle) {}

    fn forget(&mut self, _: u32) {}

    fn answer_gone(&mut self, service: u32, _: Handle) {
        self.see(!self.gone.contains(&service), "init answers twice for a service");
        self.gone.push(service);
    }

    fn answer_no_more(&mut self, service: u32) {
        self.gone.retain(|gone| *gone != service);
    }

    fn signal(&mut self, _: Handle, _: u64) -> Result<(), Error> {
        Err(Error::BadHandle)
    }

    fn ticks(&mut self) -> u64 {
        self.now
    }

    fn say(&mut self, _: &str) {}
}
