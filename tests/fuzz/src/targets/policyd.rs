//! Questions to policyd, with a ledger that does not always take a record.

use std::collections::BTreeSet;

use nexus_abi::{Handle, Sender};
use nexus_proto::log::{Entry, Outcome, Stamp};
use nexus_proto::policy::{
    Decide, Decision, Epoch, Explain, ExplainPermit, NO_LINE, Policy, Request, RuleText, Verdict,
};
use nexus_proto::{Asker, Operation, Protocol, Subject, Zero};
use nexus_rt::{host, serve};
use nexus_sysdesc::layout::{Layout, Sizes};
use nexus_sysdesc::{Description, Permission};
use policyd::{Policyd, Recorder, Unread};

use crate::{answers, frames, input::Input, system};

/// A ledger that refuses a record where its byte has a bit set.
struct Ledger {
    refusals: u8,
    asked: u32,
    entries: Vec<Entry>,
}

impl Recorder for Ledger {
    fn record(&mut self, entry: &Entry) -> Option<u64> {
        self.asked += 1;
        if self.refusals >> (self.asked % 8) & 1 == 1 {
            return None;
        }
        self.entries.push(*entry);
        u64::try_from(self.entries.len()).ok()
    }

    fn read(&mut self, from: u64) -> Result<Option<(Stamp, Entry)>, Unread> {
        let entry =
            usize::try_from(from).ok().and_then(|seq| self.entries.get(seq.checked_sub(1)?));
        let reporter = Subject { id: 2, incarnation: 1 };
        let stamp = Stamp { seq: from, ticks: 0, unix_ns: 0, reporter };
        Ok(entry.map(|entry| (stamp, *entry)))
    }
}

// attack 27 Z: anything as a question to policyd; only a distributor is answered, by the stamp
// attack 31 Z: wrong counts and fields to policyd; refused as malformed, nothing is decided
// attack 34 Z: unknown services and devices; never allowed
// attack 37 Z: the same nonce again; never allowed twice
/// Whatever is asked: an allow is what a rule says, recorded, for a distributor, and once.
pub fn policyd(data: &[u8]) {
    let mut input = Input::new(data);
    let description = system::either(input.byte());
    let mut ledger = Ledger { refusals: input.byte(), asked: 0, entries: Vec::new() };
    let mut policyd = Policyd::new(description.clone());
    let mut used = BTreeSet::new();
    let frames = frames::read(Policy::NUMBER, input);
    let delivery = host::deliver(frames.iter().copied().map(Ok));
    let _ = serve::<Policy>(Handle(1), |sender, request| {
        let before = ledger.entries.len();
        let answer = policyd.handle(sender, &request, &mut ledger);
        if let Request::Decide(ask) = request {
            let decision = Decide::decode_reply(&answer).ok();
            let new = &ledger.entries[before..];
            check(description, sender, &ask, decision.as_ref(), new);
            let allowed = decision.is_some_and(|decision| decision.verdict == Verdict::Allow);
            let first = !allowed || used.insert((sender, ask.nonce));
            assert!(first, "two allows for one nonce of one asker");
        } else {
            assert_eq!(ledger.entries.len(), before, "{request:?} records nothing");
        }
        answer
    });
    answers::check::<Request>(&frames, &delivery, true);
}

fn check(
    description: &Description,
    asker: Sender,
    ask: &Decide,
    decision: Option<&Decision>,
    new: &[Entry],
) {
    let may = description.permits(asker.service_id, Permission::Distribute);
    assert_eq!(may, decision.is_some(), "answers distributors, and nobody else");
    assert!(new.len() <= 1, "one record a question");
    let about = if may { ask.subject } else { Subject::from(asker) };
    let fits = |entry: &Entry| entry.subject == about && entry.detail == ask.nonce;
    assert!(new.iter().all(fits), "the record is about the question: {new:?}");
    let Some(decision) = decision else {
        let no = new.iter().all(|entry| entry.outcome == Outcome::Deny);
        return assert!(no, "an intruder's question is a denial");
    };
    assert_eq!(decision.asked, *ask);
    if decision.verdict == Verdict::Allow {
        assert!(decision.allows(ask));
        assert!(allowed_by_rules(description, ask), "{ask:?}");
        let [entry] = new else { panic!("an allow without a record") };
        assert_eq!(entry.outcome, Outcome::Allow);
        assert_eq!((entry.base, entry.len), (ask.base, ask.window_len()));
        assert_eq!((entry.rights, entry.line), (ask.rights, ask.line));
        assert_eq!((entry.registers, entry.interval), (ask.registers, decision.interval));
        assert_eq!(entry.rule, decision.rule);
    }
}

/// What the rules allow, said in another way than policyd does.
pub(super) fn allowed_by_rules(description: &Description, ask: &Decide) -> bool {
    let rule = description
        .rules
        .iter()
        .find(|rule| rule.subject == ask.subject.id && rule.device == ask.device);
    let device = description.devices.get(usize::from(ask.device));
    let (Some(rule), Some(device)) = (rule, device) else { return false };
    // MAP 1, READ 2, WRITE 4.
    let readable = ask.rights & !7 == 0 && ask.rights & 3 == 3;
    let written = match (rule.registers, ask.registers.mask()) {
        (None, _) => !device.dma,
        (Some(_), None) => false,
        (Some(may), Some(asked)) => may | asked == may,
    };
    let Some(layout) = Layout::of(&rule.queues) else { return false };
    let reached = [layout.tables, layout.pool, layout.used].iter().sum::<u64>();
    readable
        && written
        && (rule.irq || ask.line == NO_LINE)
        && u64::from(ask.pool) << 12 == reached
        && ask.rights & !rule.rights == 0
        && ask.subject.incarnation > 0
        && ask.window_len() == device.window_len
        && ask.base.is_multiple_of(4096)
        && u128::from(ask.base) + u128::from(ask.window_len()) < 1 << 64
        && (device.base.is_none() || device.base == Some(ask.base))
}

/// The question that init asks about a need of the standard system.
pub(super) fn question(subject: u32, device: u16, rights: u16, nonce: u64) -> Decide {
    let described = system::either(0).device(device);
    let need = system::either(0).service(subject).and_then(|service| service.need(device));
    let sizes = need.and_then(|need| Sizes::of(&need.queues));
    Decide {
        subject: Subject { id: subject, incarnation: 1 },
        asker: Asker::default(),
        device,
        rights,
        base: described.and_then(|device| device.base).unwrap_or(0x1000_1000),
        nonce,
        pages: described.map_or(1, |device| u16::try_from(device.window_len / 4096).unwrap_or(0)),
        pool: sizes.map_or(0, Sizes::pages),
        line: NO_LINE,
        registers: need.and_then(|need| need.registers).into(),
        zero: Zero::ZERO,
    }
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let description = system::either(0);
    let mut good = vec![0, 0];
    let mut nonce = 0;
    for service in &description.services {
        for need in &service.needs {
            nonce += 1;
            let ask = question(service.id, need.device, need.rights, nonce);
            good.extend(frames::write(description.init, &ask.encode()));
        }
    }
    let ask = question(7, 3, 7, 1);
    let mut replayed = vec![1, 0];
    replayed.extend(frames::write_all(description.init, &[ask.encode(), ask.encode()]));
    let mut foreign = vec![0, 0];
    foreign.extend(frames::write(7, &ask.encode()));
    let mut refused = vec![0, 0xff];
    refused.extend(frames::write(description.init, &ask.encode()));
    let mut reads = vec![0, 0];
    let explain = Explain { service: 7, device: 3, rights: 0 };
    let text = RuleText { rule: 1, zero: Zero::ZERO, offset: 2 };
    let permit = ExplainPermit { service: 10, permission: 2, zero: Zero::ZERO };
    reads.extend(frames::write_all(
        10,
        &[explain.encode(), text.encode(), Epoch { nonce: 7 }.encode(), permit.encode()],
    ));
    let all = [
        ("good", good),
        ("replayed", replayed),
        ("not-a-distributor", foreign),
        ("no-record", refused),
        ("reads", reads),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
