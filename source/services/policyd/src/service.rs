//! What policyd answers.

use nexus_abi::{Message, Rights, Sender};
use nexus_proto::log::{Entry, Event, Outcome, Stamp};
use nexus_proto::policy::{
    Decide, Decision, EpochInfo, Explain, ExplainNet, ExplainPermit, ExplainRing, ExplainState,
    Explanation, NO_RULE, NetLine, NetTerms, PermitLine, Reason, Request, StateLine, StatePrefix,
    Verdict,
};
use nexus_proto::{Operation, Registers, ServiceError, Text, Zero};
use nexus_sysdesc::{Description, NetProtocol, Permission};

use crate::history::History;
use crate::policy::{Policy, Ruling, registers};

type Answer<T> = Result<<T as Operation>::Reply, ServiceError>;

/// Writes decisions to the ledger, and reads those of the lives of policyd before this one.
pub trait Recorder {
    /// The number of the record; `None` when there is no record, for whatever reason.
    fn record(&mut self, entry: &Entry) -> Option<u64>;

    /// The first record with this number or a higher one; `Ok(None)` past the end.
    ///
    /// # Errors
    /// [`Unread`].
    fn read(&mut self, from: u64) -> Result<Option<(Stamp, Entry)>, Unread>;
}

/// The ledger could not be read, for whatever reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread;

/// The rules, and what was asked before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policyd {
    policy: Policy,
    history: History,
    /// The history is that of the ledger, and not of this life alone.
    has_read: bool,
}

impl Policyd {
    /// Decides by the rules of `description`, once it has read the ledger.
    #[must_use]
    pub fn new(description: Description) -> Policyd {
        let policy = Policy::new(description);
        Policyd { policy, history: History::default(), has_read: false }
    }

    /// Reads what was decided before this life, unless it has. Until it can be read everything is denied.
    pub fn read_history(&mut self, recorder: &mut impl Recorder) {
        if !self.has_read
            && let Ok(history) = self.history_in(recorder)
        {
            (self.history, self.has_read) = (history, true);
        }
    }

    fn history_in(&self, recorder: &mut impl Recorder) -> Result<History, Unread> {
        let mut history = History::default();
        let mut next = 1;
        while let Some((stamp, entry)) = recorder.read(next)? {
            history.recall(&entry, self.policy.distributor());
            next = stamp.seq.checked_add(1).filter(|_| stamp.seq >= next).ok_or(Unread)?;
        }
        Ok(history)
    }

    /// The answer to a request.
    pub fn handle(
        &mut self,
        sender: Sender,
        request: &Request,
        recorder: &mut impl Recorder,
    ) -> Message {
        match request {
            Request::Decide(ask) => ask.answer(self.decide(sender, ask, recorder)),
            Request::Explain(ask) => ask.answer(self.explain(sender, ask)),
            Request::ExplainPermit(ask) => ask.answer(self.explain_permit(sender, ask)),
            Request::ExplainRing(ask) => ask.answer(self.explain_ring(sender, ask)),
            Request::ExplainState(ask) => ask.answer(self.explain_state(sender, ask)),
            Request::StatePrefix(ask) => ask.answer(self.state_prefix(sender, ask)),
            Request::ExplainNet(ask) => ask.answer(self.explain_net(sender, ask)),
            Request::NetTerms(ask) => ask.answer(self.net_terms(sender, ask)),
            Request::RuleText(ask) => {
                ask.answer(self.line_text(sender, ask.rule, ask.offset, |(id, _)| id))
            }
            Request::RuleReason(ask) => {
                ask.answer(self.line_text(sender, ask.rule, ask.offset, |(_, reason)| reason))
            }
            Request::Epoch(ask) => ask.answer(Ok(EpochInfo {
                epoch: self.policy.epoch(),
                rules: self.policy.rules(),
                nonce: ask.nonce,
            })),
        }
    }

    /// Decides, and records the decision before anybody can act on it.
    ///
    /// # Errors
    /// `Denied` for an asker that may not distribute. That is recorded too, the first few times.
    pub fn decide(
        &mut self,
        asker: Sender,
        ask: &Decide,
        recorder: &mut impl Recorder,
    ) -> Answer<Decide> {
        let may = self.policy.permits(asker.service_id, Permission::Distribute);
        if !may {
            if self.history.intruded(asker.service_id) {
                // What it says about others is worth nothing.
                let intruder = Decide { subject: asker.into(), asker: asker.into(), ..*ask };
                recorder.record(&self.entry(&intruder, Ruling::denied(Reason::MayNotAsk)));
            }
            return Err(ServiceError::Denied);
        }
        self.read_history(recorder);
        let ruling = self.rule_on(asker, ask);
        let record = recorder.record(&self.entry(ask, ruling));
        let record = record.and_then(|seq| u32::try_from(seq).ok()).unwrap_or(0);
        let ruling = ruling.unless(record == 0, Reason::NotRecorded);
        let allow = ruling.reason == Reason::Allowed;
        if allow {
            self.history.allowed(ask);
        }
        Ok(Decision {
            asked: *ask,
            epoch: self.policy.epoch(),
            rule: ruling.rule,
            verdict: if allow { Verdict::Allow } else { Verdict::Deny },
            reason: ruling.reason,
            record,
            interval: if allow { self.policy.interval(ask) } else { 0 },
        })
    }

    fn rule_on(&mut self, asker: Sender, ask: &Decide) -> Ruling {
        if !self.has_read {
            return Ruling::denied(Reason::HistoryUnread);
        }
        if !self.history.take_nonce(asker, ask.nonce) {
            return Ruling::denied(Reason::NonceReused);
        }
        let ruling = self.policy.rule_on(ask);
        match self.history.objection(ask) {
            Some(reason) => ruling.unless(true, reason),
            None => ruling,
        }
    }

    fn entry(&self, ask: &Decide, ruling: Ruling) -> Entry {
        let allow = ruling.reason == Reason::Allowed;
        Entry {
            event: Event::Decision,
            outcome: if allow { Outcome::Allow } else { Outcome::Deny },
            device: ask.device,
            // Bits that are no right are in no record.
            rights: Rights::from_bits_truncate(ask.rights).bits(),
            rule: ruling.rule,
            subject: ask.subject,
            asker: ask.asker,
            base: ask.base,
            len: ask.window_len(),
            epoch: self.policy.epoch(),
            reason: ruling.reason.code(),
            detail: ask.nonce,
            registers: ask.registers,
            line: ask.line,
            interval: if allow { self.policy.interval(ask) } else { 0 },
        }
    }

    fn explain(&self, sender: Sender, ask: &Explain) -> Answer<Explain> {
        self.require_view(sender)?;
        let ruling = self.policy.explain(ask);
        let rule = self.policy.rule_for(ask.service, ask.device);
        let allow = ruling.reason == Reason::Allowed;
        Ok(Explanation {
            epoch: self.policy.epoch(),
            rule: rule.map_or(NO_RULE, |rule| rule.number),
            rights: rule.map_or(0, |rule| rule.rights),
            verdict: if allow { Verdict::Allow } else { Verdict::Deny },
            reason: ruling.reason,
            dma: rule.is_some() && self.policy.has_dma(ask.device),
            irq: rule.is_some_and(|rule| rule.irq),
            interval: rule.map_or(0, |rule| rule.interval),
            registers: rule.map_or(Registers::UNMASKED, registers),
            zero: Zero::ZERO,
        })
    }

    fn explain_permit(&self, sender: Sender, ask: &ExplainPermit) -> Answer<ExplainPermit> {
        self.require_view(sender)?;
        let permission = Permission::from_code(ask.permission).ok_or(ServiceError::OutOfRange)?;
        if !self.policy.has_service(ask.service) {
            return Err(ServiceError::NoSuchService);
        }
        let line = self.policy.line_of(ask.service, permission).unwrap_or(NO_RULE);
        Ok(PermitLine { epoch: self.policy.epoch(), line, zero: Zero::ZERO })
    }

    fn explain_ring(&self, sender: Sender, ask: &ExplainRing) -> Answer<ExplainRing> {
        self.require_view(sender)?;
        let ExplainRing { service, driver } = *ask;
        if ![service, driver].iter().all(|id| self.policy.has_service(*id)) {
            return Err(ServiceError::NoSuchService);
        }
        let line = self.policy.line_of_ring(service, driver).unwrap_or(NO_RULE);
        Ok(PermitLine { epoch: self.policy.epoch(), line, zero: Zero::ZERO })
    }

    fn explain_state(&self, sender: Sender, ask: &ExplainState) -> Answer<ExplainState> {
        self.require_view(sender)?;
        let ExplainState { service, owner, index, .. } = *ask;
        if ![service, owner].iter().all(|id| self.policy.has_service(*id)) {
            return Err(ServiceError::NoSuchService);
        }
        let (line, rights) = self.policy.open(service, owner, index).unwrap_or((NO_RULE, 0));
        let kept = self.policy.keeps_state(owner);
        Ok(StateLine { epoch: self.policy.epoch(), line, rights, kept })
    }

    fn state_prefix(&self, sender: Sender, ask: &StatePrefix) -> Answer<StatePrefix> {
        self.require_view(sender)?;
        piece(self.policy.prefix(ask.line).ok_or(ServiceError::NotFound)?, ask.offset)
    }

    fn explain_net(&self, sender: Sender, ask: &ExplainNet) -> Answer<ExplainNet> {
        self.require_view(sender)?;
        let protocol = NetProtocol::from_code(ask.protocol).ok_or(ServiceError::OutOfRange)?;
        if !self.policy.has_service(ask.service) {
            return Err(ServiceError::NoSuchService);
        }
        let (network, sockets) = (self.policy.network(), self.policy.sockets(ask.service));
        let this_machine = network.is_some_and(|says| says.is_this_machine(ask.address));
        Ok(NetLine {
            bytes: sockets.map_or(0, |sockets| sockets.bytes),
            sockets: sockets.map_or(0, |sockets| sockets.count),
            epoch: self.policy.epoch(),
            line: self.policy.reach(ask, protocol).unwrap_or(NO_RULE),
            network: network.is_some(),
            // Through a forward of the host others come from there.
            this_machine: ask.one && !ask.inward && this_machine,
            zero: Zero::ZERO,
        })
    }

    fn net_terms(&self, sender: Sender, ask: &NetTerms) -> Answer<NetTerms> {
        self.require_view(sender)?;
        let terms = self.policy.net_terms(ask.line, ask.addresses);
        piece(&terms.ok_or(ServiceError::NotFound)?, ask.offset)
    }

    /// A text of a line of the policy from an offset.
    fn line_text(
        &self,
        sender: Sender,
        line: u16,
        offset: u32,
        text: impl for<'a> Fn((&'a str, &'a str)) -> &'a str,
    ) -> Result<Text, ServiceError> {
        self.require_view(sender)?;
        piece(text(self.policy.line(line).ok_or(ServiceError::NotFound)?), offset)
    }

    fn require_view(&self, sender: Sender) -> Result<(), ServiceError> {
        let may = self.policy.permits(sender.service_id, Permission::View);
        if may { Ok(()) } else { Err(ServiceError::Denied) }
    }
}

fn piece(text: &str, offset: u32) -> Result<Text, ServiceError> {
    let offset = usize::try_from(offset).map_err(|_| ServiceError::OutOfRange)?;
    text.as_bytes().get(offset..).map(Text::piece).ok_or(ServiceError::OutOfRange)
}
