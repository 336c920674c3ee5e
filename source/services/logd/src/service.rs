//! What logd answers.

use alloc::vec::Vec;

use nexus_abi::{Message, Sender};
use nexus_proto::log::{
    Anchor, Append, Appended, Await, Count, Counts, Entry, Event, FindLine, Hashes, Head, HeadInfo,
    Level, LineInfo, LineKind, LineText, Outcome, Proof, ReadCount, ReadEntry, ReadHashes,
    ReadStamp, Refuse, Request, SetClock, Stats, Verify, Write,
};
use nexus_proto::{Operation, Registers, Resume, ServiceError, Text, Zero};
use nexus_sysdesc::{Description, Permission, Profile};

use crate::ledger::{Full, Ledger};
use crate::lines::{Line, Lines, Written};
use crate::proofs::{self, ProofError, Proofs};
use crate::refusals::{self, Refusals};
use crate::store::{Found, Store, Words};
use crate::time::{Change, Clock, Moment};
use crate::writer::{Writer, is_sound};

type Answer<T> = Result<<T as Operation>::Reply, ServiceError>;

/// All that logd keeps.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Logd {
    /// Who logd is.
    own: Sender,
    clock: Clock,
    lines: Lines,
    proofs: Proofs,
    ledger: Ledger,
    refusals: Refusals,
    permissions: Vec<(u32, Permission)>,
    /// This is a test run: proofs are kept.
    is_test: bool,
    /// The number that the next line or proof gets.
    next_line: u64,
    refused: u64,
}

/// A line or a proof.
enum Kept<'a> {
    Line(&'a Line),
    Proof(&'a proofs::Proof),
}

impl Logd {
    /// A log for the services of `description`. `timebase_hz` is ticks a second.
    #[must_use]
    pub fn new(description: &Description, timebase_hz: u64) -> Logd {
        Logd::with_ledger(description, timebase_hz, Ledger::new(description))
    }

    /// The same, with what a life before it has left in the memory, or an empty ledger there. `own` is who
    /// logd is, `nonce` the number of this run.
    #[must_use]
    pub fn recover<W: Words>(
        description: &Description,
        timebase_hz: u64,
        store: &mut Store<W>,
        (own, nonce, ticks): (Sender, u64, u64),
    ) -> Logd {
        let (ledger, found) = Ledger::recover(description, store);
        let mut logd = Logd::with_ledger(description, timebase_hz, ledger);
        logd.next_line = store.next_line().max(1);
        logd.refusals = Refusals::recover(logd.ledger.links(), store);
        logd.begin(own, nonce, ticks);
        if let Some(found) = found {
            logd.resume(found, ticks);
        }
        logd.save(store);
        store.cut_is_recorded();
        logd
    }

    /// The same, with a ledger of another size.
    #[must_use]
    pub fn with_ledger(description: &Description, timebase_hz: u64, ledger: Ledger) -> Logd {
        let permissions = description.services.iter().flat_map(|service| {
            service.permits.iter().map(|permit| (service.id, permit.permission))
        });
        Logd {
            own: Sender::default(),
            clock: Clock::new(timebase_hz),
            lines: Lines::new(description.services.iter().map(|service| service.id), timebase_hz),
            proofs: Proofs::default(),
            ledger,
            refusals: Refusals::default(),
            permissions: permissions.collect(),
            is_test: description.profile == Profile::Test,
            next_line: 1,
            refused: 0,
        }
    }

    /// Begins the ledger, if it is empty: `own` is who logd is, `nonce` the number of this run, so that no
    /// ledger of another run can stand for this one.
    pub fn begin(&mut self, own: Sender, nonce: u64, ticks: u64) {
        self.own = own;
        self.ledger.set_keeper(own);
        if self.ledger.records() == 0 {
            let boot = Entry::about(Event::Boot, Outcome::None, own.into());
            // An empty ledger has room.
            let _first =
                self.ledger.append(own, Entry { detail: nonce, ..boot }, self.clock.at(ticks));
        }
    }

    /// Goes on with a ledger that was found, and the clock as that says that it was set.
    fn resume(&mut self, found: Found, ticks: u64) {
        let clocks = self.ledger.links().iter().filter(|link| link.entry.event == Event::Clock);
        for link in clocks {
            self.clock.set(link.stamp.ticks, link.entry.detail);
        }
        let Found { records, kept, cut } = found;
        let entry = Resume { subject: self.own.into(), found: records, kept, cut }.entry();
        // The share of logd has room, or what is over in it is folded: each life adds this and an end.
        let _resumed = self.ledger.append(self.own, entry, self.clock.at(ticks));
    }

    /// Stores what has changed since: before an answer goes out, so that what was said to be on record is
    /// so when logd ends.
    pub fn save<W: Words>(&mut self, store: &mut Store<W>) {
        self.ledger.save(store);
        self.refusals.save(store);
        if self.next_line != store.next_line() {
            store.set_next_line(self.next_line);
        }
    }

    /// The answer to a request that came at tick `ticks`.
    pub fn handle(&mut self, sender: Sender, request: &Request, ticks: u64) -> Message {
        let at = self.clock.at(ticks);
        match request {
            Request::Write(ask) => ask.answer(self.write(sender, ask, at)),
            Request::Append(ask) => ask.answer(self.append(sender, ask, at)),
            Request::Proof(ask) => ask.answer(self.proof(sender, ask, at)),
            Request::SetClock(ask) => ask.answer(self.set_clock(sender, ask, at)),
            Request::FindLine(ask) => ask.answer(self.find_line(sender, ask)),
            Request::LineText(ask) => ask.answer(self.line_text(sender, ask)),
            Request::ReadEntry(ask) => ask.answer(self.read_entry(sender, ask)),
            Request::ReadStamp(ask) => ask.answer(self.read_stamp(sender, ask)),
            Request::ReadHashes(ask) => ask.answer(self.read_hashes(sender, ask)),
            Request::Verify(ask) => ask.answer(self.verify(sender, ask)),
            Request::Stats(ask) => ask.answer(self.stats(ask)),
            Request::Head(ask) => ask.answer(self.head(sender, ask)),
            Request::Await(ask) => ask.answer(self.await_record(sender, ask)),
            Request::Anchor(ask) => ask.answer(self.anchor(sender, ask, at)),
            Request::Refuse(ask) => ask.answer(self.refuse(sender, ask, at)),
            Request::ReadCount(ask) => ask.answer(self.read_count(sender, ask)),
        }
    }

    /// Counts a message that was no request.
    pub fn refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// The ledger, for tests of the whole.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn write(&mut self, sender: Sender, ask: &Write, at: Moment) -> Answer<Write> {
        match self.lines.write(sender, ask, self.next_line, at) {
            Written::Staged => Ok(()),
            Written::Line => {
                self.next_line += 1;
                Ok(())
            }
            Written::Dropped => Err(ServiceError::Full),
            Written::UnknownSender => Err(ServiceError::Denied),
        }
    }

    fn append(&mut self, sender: Sender, ask: &Append, at: Moment) -> Answer<Append> {
        self.require(sender, Permission::Record)?;
        let distributes = self.may(sender, Permission::Distribute);
        let writer = if distributes { Writer::Init } else { Writer::Policyd };
        if Writer::of(ask.entry.event) != writer {
            self.refused();
            return Err(ServiceError::Denied);
        }
        if !is_sound(&ask.entry) {
            self.refused();
            return Err(ServiceError::Malformed);
        }
        self.record(sender, ask.entry, at)
    }

    fn proof(&mut self, sender: Sender, ask: &Proof, at: Moment) -> Answer<Proof> {
        if !self.is_test {
            return Err(ServiceError::NotSupported);
        }
        if ask.name.more() {
            self.refused();
            return Err(ServiceError::Malformed);
        }
        match self.proofs.add(sender, ask.name.as_bytes(), ask.checks, self.next_line, at) {
            Ok(()) => {
                self.next_line += 1;
                Ok(())
            }
            Err(ProofError::BadName | ProofError::NoChecks) => {
                self.refused();
                Err(ServiceError::Malformed)
            }
            Err(ProofError::Full) => Err(ServiceError::Full),
        }
    }

    /// A change is recorded before it counts, by the clock as it was.
    fn set_clock(&mut self, sender: Sender, ask: &SetClock, at: Moment) -> Answer<SetClock> {
        self.require(sender, Permission::Clock)?;
        match self.clock.change(ask.ticks, ask.unix_ns) {
            Change::None => return Ok(()),
            Change::TooFar => {
                self.refused();
                return Err(ServiceError::OutOfRange);
            }
            Change::TooOften => return Err(ServiceError::Full),
            Change::Set => {}
        }
        let (asker, own) =
            (sender.into(), Entry::about(Event::Clock, Outcome::None, sender.into()));
        let entry = Entry { asker, detail: ask.unix_ns, ..own };
        self.ledger.append(self.own, entry, at).map_err(|Full| ServiceError::Full)?;
        self.clock.set(ask.ticks, ask.unix_ns);
        Ok(())
    }

    fn head(&mut self, sender: Sender, _ask: &Head) -> Answer<Head> {
        let may = [Permission::View, Permission::Record, Permission::Report];
        if !may.into_iter().any(|permission| self.may(sender, permission)) {
            self.refused();
            return Err(ServiceError::Denied);
        }
        Ok(self.head_info())
    }

    fn head_info(&self) -> HeadInfo {
        HeadInfo { records: self.ledger.records(), head: self.ledger.head() }
    }

    /// What is answered at once: `NotFound` for who may wait ([`is_awaited`](Self::is_awaited)).
    fn await_record(&mut self, sender: Sender, ask: &Await) -> Answer<Await> {
        self.require_archive(sender)?;
        if self.is_awaited(sender, ask) {
            return Err(ServiceError::NotFound);
        }
        Ok(self.head_info())
    }

    /// True when the answer is to be given later: who asks may, and there is no such record yet.
    #[must_use]
    pub fn is_awaited(&self, sender: Sender, ask: &Await) -> bool {
        self.is_archive(sender) && self.ledger.records() <= ask.after
    }

    /// The answer to who has waited.
    #[must_use]
    pub fn awaited(&self, ask: &Await) -> Message {
        ask.answer(Ok(self.head_info()))
    }

    /// One a boot, whatever lives of logd and of the archive there are: a record that is there is the answer.
    fn anchor(&mut self, sender: Sender, ask: &Anchor, at: Moment) -> Answer<Anchor> {
        self.require_archive(sender)?;
        if !ask.is_sound() {
            self.refused();
            return Err(ServiceError::Malformed);
        }
        let mut links = self.ledger.links().iter();
        match links.find_map(|link| Some((link.stamp.seq, Anchor::of(&link.entry)?))) {
            Some((seq, there)) if there == *ask => return Ok(Appended { seq }),
            Some(_) => {
                self.refused();
                return Err(ServiceError::BadState);
            }
            None => {}
        }
        self.record(self.own, ask.entry(sender.into()), at)
    }

    fn record(&mut self, by: Sender, entry: Entry, at: Moment) -> Result<Appended, ServiceError> {
        match self.ledger.append(by, entry, at) {
            Ok(seq) => Ok(Appended { seq }),
            Err(Full) => Err(ServiceError::Full),
        }
    }

    /// The first of its kind is a record; those that follow, and what has no room, are counted.
    fn refuse(&mut self, sender: Sender, ask: &Refuse, at: Moment) -> Answer<Refuse> {
        self.require(sender, Permission::Refuse)?;
        if ask.times == 0 {
            self.refused();
            return Err(ServiceError::Malformed);
        }
        let entry = refusals::entry(ask);
        if let Some(seq) = self.refusals.count(&entry, ask.times) {
            return Ok(Appended { seq });
        }
        let Ok(seq) = self.ledger.append(sender, entry, at) else {
            self.refusals.count_other(ask.times);
            return Ok(Appended { seq: 0 });
        };
        self.refusals.begin(seq, &entry, ask.times);
        Ok(Appended { seq })
    }

    fn read_count(&mut self, sender: Sender, ask: &ReadCount) -> Answer<ReadCount> {
        self.require_reader(sender)?;
        let times = self.refusals.times(ask.seq).ok_or(ServiceError::NotFound)?;
        Ok(Count { times })
    }

    fn find_line(&self, sender: Sender, ask: &FindLine) -> Answer<FindLine> {
        let kept = self.find(sender, ask.line).ok_or(ServiceError::NotFound)?;
        Ok(kept.info())
    }

    fn line_text(&self, sender: Sender, ask: &LineText) -> Answer<LineText> {
        let kept = self.find(sender, ask.line).filter(|kept| kept.number() == ask.line);
        let kept = kept.ok_or(ServiceError::NotFound)?;
        let offset = usize::try_from(ask.offset).map_err(|_| ServiceError::OutOfRange)?;
        kept.text().get(offset..).map(Text::piece).ok_or(ServiceError::OutOfRange)
    }

    fn read_entry(&mut self, sender: Sender, ask: &ReadEntry) -> Answer<ReadEntry> {
        let addresses = [Permission::Log, Permission::Record, Permission::Archive];
        let addresses = addresses.into_iter().any(|permission| self.may(sender, permission));
        self.require_reader(sender)?;
        let entry = self.ledger.get(ask.seq).ok_or(ServiceError::NotFound)?.entry;
        Ok(if addresses { entry } else { without_addresses(entry) })
    }

    fn read_stamp(&mut self, sender: Sender, ask: &ReadStamp) -> Answer<ReadStamp> {
        self.require_reader(sender)?;
        // No record has the number 0, and who asks for it asks for none.
        let link = self.ledger.find(ask.seq).filter(|_| ask.seq != 0);
        link.map(|link| link.stamp).ok_or(ServiceError::NotFound)
    }

    fn read_hashes(&mut self, sender: Sender, ask: &ReadHashes) -> Answer<ReadHashes> {
        if !self.is_archive(sender) {
            self.require(sender, Permission::Log)?;
            self.require(sender, Permission::View)?;
        }
        let link = self.ledger.get(ask.seq).ok_or(ServiceError::NotFound);
        link.map(|link| Hashes { previous: link.previous, own: link.own })
    }

    fn verify(&mut self, sender: Sender, ask: &Verify) -> Answer<Verify> {
        self.require(sender, Permission::View)?;
        Ok(self.ledger.verify(ask.from))
    }

    fn stats(&self, _ask: &Stats) -> Answer<Stats> {
        let lines = self.lines.stats();
        Ok(Counts {
            lines: lines.lines,
            limited: lines.dropped,
            overwritten: lines.displaced,
            proofs: self.proofs.count(),
            records: self.ledger.records(),
            room: self.ledger.room(),
            refused: self.refused,
        })
    }

    /// Records are for who may view, for the archive, and for who records: what was decided before has to be
    /// known to decide.
    fn require_reader(&mut self, sender: Sender) -> Result<(), ServiceError> {
        if self.may(sender, Permission::Record) || self.is_archive(sender) {
            return Ok(());
        }
        self.require(sender, Permission::View)
    }

    /// The first line or proof at or after a number that `sender` may read.
    fn find(&self, sender: Sender, number: u64) -> Option<Kept<'_>> {
        let of = (!self.may(sender, Permission::Log)).then_some(sender.service_id);
        let line = self.lines.find(number, of).map(Kept::Line);
        let proof = self.proofs.find(number, of).map(Kept::Proof);
        line.into_iter().chain(proof).min_by_key(Kept::number)
    }

    fn require(&mut self, sender: Sender, permission: Permission) -> Result<(), ServiceError> {
        if self.may(sender, permission) {
            return Ok(());
        }
        self.refused();
        Err(ServiceError::Denied)
    }

    fn require_archive(&mut self, sender: Sender) -> Result<(), ServiceError> {
        if self.is_archive(sender) {
            return Ok(());
        }
        self.refused();
        Err(ServiceError::Denied)
    }

    /// The archive is the one service with the permission. Where two have it, neither is.
    fn is_archive(&self, sender: Sender) -> bool {
        let archives = self.permissions.iter().filter(|(_, one)| *one == Permission::Archive);
        self.may(sender, Permission::Archive) && archives.count() == 1
    }

    fn may(&self, sender: Sender, permission: Permission) -> bool {
        self.permissions.contains(&(sender.service_id, permission))
    }
}

/// The same record for who may not see addresses, nor the hash of what has them: they can be guessed, and
/// tried.
fn without_addresses(entry: Entry) -> Entry {
    match entry.event {
        Event::Resume => entry,
        Event::Fold => Entry { base: 0, detail: 0, registers: Registers::UNMASKED, ..entry },
        Event::Anchor => {
            Entry { base: 0, len: 0, detail: 0, registers: Registers::UNMASKED, ..entry }
        }
        Event::Exit => Entry { base: 0, len: 0, ..entry },
        _ => Entry { base: 0, ..entry },
    }
}

impl Kept<'_> {
    fn number(&self) -> u64 {
        match self {
            Kept::Line(line) => line.number,
            Kept::Proof(proof) => proof.number,
        }
    }

    fn text(&self) -> &[u8] {
        match self {
            Kept::Line(line) => line.text.as_bytes(),
            Kept::Proof(proof) => proof.text(),
        }
    }

    fn info(&self) -> LineInfo {
        let (at, sender, level, kind, cut) = match self {
            Kept::Line(line) => {
                (line.at, line.sender, line.level, LineKind::Line, line.text.is_cut())
            }
            Kept::Proof(proof) => (proof.at, proof.sender, Level::Info, LineKind::Proof, false),
        };
        LineInfo {
            line: self.number(),
            ticks: at.ticks,
            unix_ns: at.unix_ns,
            sender: sender.into(),
            len: u32::try_from(self.text().len()).unwrap_or(0),
            level,
            kind,
            cut,
            zero: Zero::ZERO,
        }
    }
}
