//! Replays the ledger: which windows must be granted now, if it tells the truth.

use crate::protocol::{Decision, Entry, Event};
use std::collections::{BTreeMap, BTreeSet};

/// The service that distributes, and asks on its own behalf.
const INIT: u32 = 1;

/// One window in the hands of one service, with the interrupt line of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holding {
    /// Service id.
    pub service: u32,
    /// Number of the device in the description.
    pub device: u16,
    /// First physical address.
    pub base: u64,
    /// Bytes.
    pub len: u64,
    /// Rights (nexus-abi bits).
    pub rights: u16,
    /// The registers that can be written, where the window has a mask: bit n is the one at 4n.
    pub registers: Option<u64>,
    /// Number of the interrupt line, 0 for none.
    pub line: u16,
    /// Microseconds between two interrupts, at least; 0 for no such bound.
    pub interval: u32,
    /// What the device was set up to reach by itself, where it was.
    pub memory: Option<Memory>,
}

/// The memory that a device was set up to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    /// Bytes of its pool.
    pub pool: u64,
    /// Bytes of the pool that it can be made to read or write.
    pub reach: u32,
    /// The digest of all that was placed.
    pub digest: u64,
}

/// Memory that two services share: a consumer, and a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ring {
    /// Service id of the consumer.
    pub consumer: u32,
    /// Service id of the driver.
    pub driver: u32,
    /// Bytes of the memory.
    pub len: u64,
    /// Rights of both (nexus-abi bits).
    pub rights: u16,
}

impl Holding {
    fn of(entry: &Entry) -> Holding {
        Holding {
            service: entry.subject,
            device: entry.device,
            base: entry.base,
            len: entry.len,
            rights: entry.rights,
            registers: entry.registers,
            line: entry.line,
            interval: entry.interval,
            memory: None,
        }
    }

    /// What was asked for: the interval is policy's answer, and in no refusal.
    const fn asked(self) -> Holding {
        Holding { interval: 0, memory: None, ..self }
    }
}

/// What the ledger comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The windows that are granted and not ended.
    pub holdings: Vec<Holding>,
    /// The windows that were taken back.
    pub returned: BTreeSet<Holding>,
    /// Services that have ended, and their lives.
    pub ended: BTreeMap<u32, u32>,
    /// Memory that two services share, or shared.
    pub rings: BTreeSet<Ring>,
    /// Of that, what is over: one of the two has ended.
    pub over: BTreeSet<Ring>,
    /// What a true ledger cannot contain.
    pub errors: Vec<String>,
}

/// The last life of each service that is folded away.
fn folded(entries: &[Entry]) -> BTreeMap<u32, u32> {
    let folds = entries.iter().filter(|entry| entry.event == Event::Fold);
    folds.map(|fold| (fold.subject, fold.incarnation)).collect()
}

/// Replays `entries`, which must be the whole ledger in order, but for what is folded away.
#[must_use]
pub fn replay(entries: &[Entry]) -> Replay {
    let mut state = State { folded: folded(entries), ..State::default() };
    let mut last = 0;
    for entry in entries {
        // What is missing between two is of the chain's concern.
        if entry.seq <= last {
            state.errors.push(format!("entry {} stands after {last}", entry.seq));
        }
        last = entry.seq;
        state.apply(entry);
    }
    if entries.is_empty() {
        state.errors.push("no entry".to_owned());
    }
    let mut holdings: Vec<Holding> = state.live.iter().map(|live| live.holding).collect();
    holdings.sort_unstable();
    let State { returned, ended, rings, over, errors, .. } = state;
    Replay { holdings, returned, ended, rings, over, errors }
}

#[derive(Clone, Copy)]
struct Live {
    holding: Holding,
    incarnation: u32,
    /// Of the question that it answers.
    nonce: u64,
}

#[derive(Default)]
struct State {
    /// Decisions to allow that no grant has used yet.
    allowed: BTreeSet<(Holding, u32)>,
    /// Devices that were set up for a life of a service, and not granted yet.
    prepared: BTreeSet<(u32, u32, u16)>,
    /// What each device was last set up to reach, and for whom: said once, and again when it differs.
    memory: BTreeMap<u16, (u32, Memory)>,
    /// The last life of each service that is folded away, at whatever time.
    folded: BTreeMap<u32, u32>,
    live: Vec<Live>,
    returned: BTreeSet<Holding>,
    ended: BTreeMap<u32, u32>,
    rings: BTreeSet<Ring>,
    over: BTreeSet<Ring>,
    errors: Vec<String>,
}

impl State {
    fn apply(&mut self, entry: &Entry) {
        let holding = Holding::of(entry);
        if self.ended.get(&entry.subject).is_some_and(|life| *life < entry.incarnation) {
            self.ended.remove(&entry.subject);
        }
        match entry.event {
            Event::Boot
            | Event::Drop
            | Event::Clock
            | Event::Resume
            | Event::Start
            | Event::Order
            | Event::Anchor
            | Event::Access => {}
            Event::Fold => self.fold(entry),
            Event::Prepared => self.prepare(entry),
            Event::Share => self.share(entry),
            Event::Unshare => self.unshare(entry),
            // All that an ended service held comes back.
            Event::Exit => {
                self.ended.insert(entry.subject, entry.incarnation);
                self.take_back(|live| {
                    (live.holding.service, live.incarnation) == (entry.subject, entry.incarnation)
                });
            }
            // What init asks for another is a question, and no window follows from it.
            Event::Decision if entry.decision == Decision::Allow && entry.asker == INIT => {
                self.allowed.insert((holding, entry.incarnation));
            }
            Event::Decision if entry.asker != INIT => {}
            Event::Decision | Event::Refusal => {
                self.prepared.remove(&of(entry));
                let (asked, life) = (holding.asked(), entry.incarnation);
                self.allowed.retain(|(other, of)| (other.asked(), *of) != (asked, life));
                // A grant whose record was acknowledged too late was taken back, and refused.
                self.live
                    .retain(|live| (live.holding.asked(), live.nonce) != (asked, entry.detail));
            }
            Event::Grant => self.grant(entry, holding),
            Event::Revoke => self.take_back(|live| {
                let held = live.holding;
                (held.service, held.device, live.incarnation)
                    == (entry.subject, entry.device, entry.incarnation)
            }),
        }
    }

    fn take_back(&mut self, whose: impl Fn(&Live) -> bool) {
        let back = self.live.extract_if(.., |live| whose(live));
        self.returned.extend(back.map(|live| live.holding));
    }

    /// Lives are folded away: what is left of them gives nothing any more.
    fn fold(&mut self, entry: &Entry) {
        let over = |service, life| service == entry.subject && life <= entry.incarnation;
        if self.live.iter().any(|live| over(live.holding.service, live.incarnation)) {
            self.errors.push(format!("a life that holds a window is folded away: {entry}"));
        }
        self.allowed.retain(|(holding, life)| !over(holding.service, *life));
    }

    /// A device is set up for whoever may have it, once, before it is given.
    fn prepare(&mut self, entry: &Entry) {
        let mut allowed = self.allowed.iter();
        let asked = allowed.any(|(one, life)| (one.service, *life, one.device) == of(entry));
        let folded = self.folded.get(&entry.subject).is_some_and(|life| entry.incarnation <= *life);
        if !asked && !folded {
            self.errors.push(format!("set up without a decision: {entry}"));
            return;
        }
        let Entry { device, subject, len: pool, interval: reach, detail: digest, .. } = *entry;
        if !self.prepared.insert(of(entry)) {
            self.errors.push(format!("set up twice: {entry}"));
        }
        self.memory.insert(device, (subject, Memory { pool, reach, digest }));
    }

    /// A driver shares memory with each consumer once; with whom, the audit says.
    fn share(&mut self, entry: &Entry) {
        let Entry { subject: consumer, asker: driver, len, rights, .. } = *entry;
        if self.rings.iter().any(|ring| (ring.consumer, ring.driver) == (consumer, driver)) {
            self.errors.push(format!("two services share memory twice: {entry}"));
        }
        self.rings.insert(Ring { consumer, driver, len, rights });
    }

    /// Memory that is shared is so no more when one of the two has ended, once.
    fn unshare(&mut self, entry: &Entry) {
        let Entry { subject: consumer, asker: driver, len, rights, .. } = *entry;
        let ring = Ring { consumer, driver, len, rights };
        let ended = [consumer, driver].iter().any(|id| self.ended.contains_key(id));
        if !ended || !self.rings.contains(&ring) || !self.over.insert(ring) {
            self.errors.push(format!("the end of a ring that is none, or has not come: {entry}"));
        }
    }

    fn grant(&mut self, entry: &Entry, holding: Holding) {
        if !self.allowed.remove(&(holding, entry.incarnation)) {
            self.errors.push(format!("grant without a decision for just this: {entry}"));
        }
        self.prepared.remove(&of(entry));
        let memory = self.memory.get(&entry.device).filter(|(whose, _)| *whose == entry.subject);
        let holding = Holding { memory: memory.map(|(_, memory)| *memory), ..holding };
        let end = holding.base.saturating_add(holding.len);
        for Live { holding: other, .. } in &self.live {
            let apart = other.base >= end || holding.base >= other.base.saturating_add(other.len);
            if !apart || other.device == holding.device {
                self.errors.push(format!("second owner (service {}): {entry}", other.service));
            }
            if other.line == holding.line && other.line != 0 {
                let owner = other.service;
                self.errors.push(format!("second owner of a line (service {owner}): {entry}"));
            }
        }
        let Entry { incarnation, detail: nonce, .. } = *entry;
        self.live.push(Live { holding, incarnation, nonce });
    }
}

/// The life of a service, and the device, that a record is about.
const fn of(entry: &Entry) -> (u32, u32, u16) {
    (entry.subject, entry.incarnation, entry.device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_os::chain::tests::blank;

    fn entry(seq: u64, event: Event, subject: u32, base: u64) -> Entry {
        let device = u16::try_from(base >> 12 & 0xff).unwrap();
        Entry { subject, device, base, ..blank(seq, event) }
    }

    fn holding(service: u32, base: u64) -> Holding {
        Holding::of(&entry(1, Event::Grant, service, base))
    }

    #[test]
    fn test_grant_after_decision_holds() {
        let replay = replay(&[
            entry(1, Event::Boot, 0, 0),
            entry(2, Event::Decision, 7, 0x1000),
            entry(3, Event::Grant, 7, 0x1000),
        ]);
        let expected = Replay { holdings: vec![holding(7, 0x1000)], ..Replay::default() };
        assert_eq!(replay, expected);
    }

    #[test]
    fn test_revoke_and_exit_end_a_holding() {
        let mut entries = vec![
            entry(1, Event::Decision, 7, 0x1000),
            entry(2, Event::Grant, 7, 0x1000),
            entry(3, Event::Decision, 8, 0x2000),
            entry(4, Event::Grant, 8, 0x2000),
            entry(5, Event::Exit, 7, 0),
            entry(6, Event::Drop, 8, 0x2000),
            entry(7, Event::Revoke, 7, 0x1000),
        ];
        let all = replay(&entries);
        assert_eq!((all.holdings, all.errors), (vec![holding(8, 0x2000)], vec![]));
        assert!(all.returned.iter().eq([&holding(7, 0x1000)]));
        assert_eq!(replay(&entries[..5]).holdings, vec![holding(8, 0x2000)], "the end says it all");
        assert!(all.ended.iter().eq([(&7, &1)]));
        // It lives again.
        for event in [Event::Decision, Event::Start] {
            entries.push(Entry { incarnation: 2, ..entry(8, event, 7, 0x1000) });
            assert!(replay(&entries).ended.is_empty());
            entries.pop();
        }
        // The end of another life, and a revoke from it, take nothing back.
        (entries[4].incarnation, entries[6].incarnation) = (2, 2);
        assert_eq!(replay(&entries).holdings, vec![holding(7, 0x1000), holding(8, 0x2000)]);
        entries[6].incarnation = 1;
        assert_eq!(replay(&entries).holdings, vec![holding(8, 0x2000)]);
    }

    /// Lives of a service with a device that is set up once: what is left of them when the first are folded.
    // attack 47 H: the ledger folds a life away that holds a window; found; broken: judge-folds
    #[test]
    fn test_folded_lives_hold_nothing() {
        let of = |seq, event, incarnation| Entry { incarnation, ..entry(seq, event, 7, 0x1000) };
        let prepared =
            Entry { len: 0x2000, interval: 256, detail: 9, base: 0, ..of(3, Event::Prepared, 1) };
        let entries = [
            of(1, Event::Boot, 1),
            // Its decision, grant and end are folded away.
            prepared,
            of(12, Event::Decision, 3),
            of(13, Event::Grant, 3),
            of(14, Event::Exit, 3),
            of(15, Event::Fold, 2),
            of(16, Event::Decision, 4),
            of(17, Event::Grant, 4),
        ];
        let all = replay(&entries);
        let memory = Some(Memory { pool: 0x2000, reach: 256, digest: 9 });
        assert_eq!(
            (all.holdings, all.errors),
            (vec![Holding { memory, ..holding(7, 0x1000) }], vec![])
        );
        // A life of another with as small a number goes on.
        let other = [Event::Decision, Event::Grant].map(|event| entry(0, event, 8, 0x2000));
        let mut both = [&entries[..1], &other, &entries[1..]].concat();
        (1..).zip(&mut both).for_each(|(seq, entry)| entry.seq = seq);
        let all = replay(&both);
        assert_eq!((all.holdings.len(), all.errors), (2, vec![]));
        let mut living = entries.clone();
        living[5].incarnation = 3;
        living.swap(4, 5);
        let errors = replay(&living).errors;
        assert!(errors.iter().any(|error| error.contains("that holds a window")), "{errors:?}");
        // An allow that is folded away gives nothing any more.
        let mut unused =
            vec![of(1, Event::Decision, 1), of(2, Event::Exit, 1), of(3, Event::Fold, 1)];
        unused.push(of(4, Event::Grant, 1));
        assert!(replay(&unused).errors[0].contains("without a decision"));
    }

    /// What a device was set up to reach is said again only when it differs.
    #[test]
    fn test_a_later_life_reaches_what_was_last_said() {
        let of = |seq, event, incarnation| Entry { incarnation, ..entry(seq, event, 7, 0x1000) };
        let prepared =
            |seq, life, detail| Entry { len: 0x2000, detail, ..of(seq, Event::Prepared, life) };
        let mut entries = vec![
            of(1, Event::Decision, 1),
            prepared(2, 1, 9),
            of(3, Event::Grant, 1),
            of(4, Event::Exit, 1),
            of(5, Event::Decision, 2),
            of(6, Event::Grant, 2),
        ];
        let digest = |entries: &[Entry]| {
            let all = replay(entries);
            assert_eq!(all.errors, Vec::<String>::new());
            all.holdings[0].memory.unwrap().digest
        };
        assert_eq!(digest(&entries), 9);
        entries[5] = prepared(6, 2, 10);
        entries.push(of(7, Event::Grant, 2));
        assert_eq!(digest(&entries), 10);
    }

    // attack 38 H: a grant after a decision for another service, device, life or rights; found
    #[test]
    fn test_grant_needs_its_own_allow() {
        let grant = entry(2, Event::Grant, 7, 0x1000);
        for decision in [
            entry(1, Event::Decision, 8, 0x1000),
            entry(1, Event::Decision, 7, 0x2000),
            Entry { decision: Decision::Deny, ..entry(1, Event::Decision, 7, 0x1000) },
            Entry { incarnation: 2, ..entry(1, Event::Decision, 7, 0x1000) },
            Entry { rights: 3, ..entry(1, Event::Decision, 7, 0x1000) },
        ] {
            let errors = replay(&[decision, grant.clone()]).errors;
            assert!(errors.len() == 1 && errors[0].contains("without a decision"), "{errors:?}");
        }
    }

    // attack 84 H: a grant after an allow that init asked for on behalf of a shell; found
    #[test]
    fn test_an_allow_for_another_asker_gives_nothing() {
        let tried = Entry { asker: 10, ..entry(1, Event::Decision, 7, 0x1000) };
        let errors = replay(&[tried, entry(2, Event::Grant, 7, 0x1000)]).errors;
        assert!(errors.len() == 1 && errors[0].contains("without a decision"), "{errors:?}");
    }

    #[test]
    fn test_a_grant_that_was_recorded_too_late_is_taken_back() {
        let at = |seq, event, detail| Entry { detail, ..entry(seq, event, 7, 0x1000) };
        let mut entries = vec![
            at(1, Event::Decision, 1),
            at(2, Event::Grant, 1),
            at(3, Event::Refusal, 1),
            at(4, Event::Decision, 2),
            at(5, Event::Grant, 2),
        ];
        let all = replay(&entries);
        assert_eq!((all.holdings, all.errors), (vec![holding(7, 0x1000)], vec![]));
        entries[2].detail = 9;
        assert_eq!(replay(&entries).errors.len(), 1, "the refusal of another question");
        // A refusal does not say what the device was set up to reach.
        let entries = [
            at(1, Event::Decision, 1),
            Entry { len: 0x2000, ..at(2, Event::Prepared, 9) },
            at(3, Event::Grant, 1),
        ];
        assert!(replay(&entries).holdings[0].memory.is_some());
        let refused = [&entries[..], &[at(4, Event::Refusal, 1)]].concat();
        assert_eq!(replay(&refused).holdings, []);
    }

    // attack 35 H: an allow whose answer came too late is refused, by who knows no interval; no grant rests on it; broken: judge-line-owner
    #[test]
    fn test_a_refusal_takes_back_an_allow_with_an_interval() {
        let of = |entry| Entry { line: 8, ..entry };
        let decision = Entry { interval: 50, ..of(entry(1, Event::Decision, 7, 0x1000)) };
        let refusal = of(entry(2, Event::Refusal, 7, 0x1000));
        let grant = Entry { interval: 50, ..of(entry(3, Event::Grant, 7, 0x1000)) };
        let errors = replay(&[decision, refusal.clone(), grant.clone()]).errors;
        assert!(errors.len() == 1 && errors[0].contains("without a decision"), "{errors:?}");
        let decision = Entry { interval: 50, ..of(entry(1, Event::Decision, 7, 0x1000)) };
        let all = replay(&[decision, Entry { seq: 2, ..grant }, Entry { seq: 3, ..refusal }]);
        assert_eq!((all.holdings, all.errors), (vec![], vec![]));
    }

    // attack 39 H: the ledger grants one interrupt line twice; found; broken: judge-line-owner
    #[test]
    fn test_a_line_has_one_owner() {
        let of = |seq, event, subject, line| Entry {
            line,
            ..entry(seq, event, subject, u64::from(subject) << 12)
        };
        let both = |one, other| {
            replay(&[
                of(1, Event::Decision, 7, one),
                of(2, Event::Grant, 7, one),
                of(3, Event::Decision, 8, other),
                of(4, Event::Grant, 8, other),
            ])
            .errors
        };
        assert_eq!(both(8, 9), Vec::<String>::new());
        assert_eq!(both(0, 0), Vec::<String>::new());
        let errors = both(8, 8);
        assert!(errors.len() == 1 && errors[0].contains("second owner of a line"), "{errors:?}");
    }

    // attack 48 H: what a device was set up to reach, in the ledger: of the grant after it, once, and of no other; found; broken: judge-prepared
    #[test]
    fn test_a_device_is_set_up_for_its_grant() {
        let prepared = |seq| Entry {
            len: 0x2000,
            interval: 256,
            detail: 9,
            base: 0,
            ..entry(seq, Event::Prepared, 7, 0x1000)
        };
        let (decision, grant) =
            (entry(1, Event::Decision, 7, 0x1000), entry(3, Event::Grant, 7, 0x1000));
        let all = replay(&[decision.clone(), prepared(2), grant.clone()]);
        assert_eq!(all.errors, Vec::<String>::new());
        let memory = Some(Memory { pool: 0x2000, reach: 256, digest: 9 });
        assert_eq!(all.holdings, [Holding { memory, ..holding(7, 0x1000) }]);

        let others = [
            decision.clone(),
            prepared(2),
            entry(3, Event::Decision, 8, 0x2000),
            entry(4, Event::Grant, 8, 0x2000),
        ];
        assert_eq!(replay(&others).holdings, [holding(8, 0x2000)], "of another device");
        let none = |entries: &[Entry]| replay(entries).holdings[0].memory.is_none();
        let at = |seq, entry: &Entry| Entry { seq, ..entry.clone() };
        assert!(none(&[decision.clone(), at(2, &grant), prepared(3)]), "after the grant");
        for other in [
            Entry { subject: 8, ..prepared(2) },
            Entry { device: 9, ..prepared(2) },
            Entry { incarnation: 2, ..prepared(2) },
        ] {
            let entries = [decision.clone(), other, grant.clone()];
            assert!(none(&entries), "{entries:?}");
            let errors = replay(&entries).errors;
            assert!(errors.len() == 1 && errors[0].contains("set up without"), "{errors:?}");
        }
        let twice = replay(&[decision.clone(), prepared(2), prepared(3), at(4, &grant)]).errors;
        assert!(twice.len() == 1 && twice[0].contains("set up twice"), "{twice:?}");
        let refusal = entry(3, Event::Refusal, 7, 0x1000);
        let again = [decision.clone(), prepared(2), refusal, at(4, &decision), at(5, &grant)];
        assert_eq!(replay(&again).errors, Vec::<String>::new());
        assert!(!none(&again), "it is said once, also of a grant that was refused");
    }

    // attack 37 H: two grants by one decision; found
    #[test]
    fn test_decision_is_used_once() {
        let errors = replay(&[
            entry(1, Event::Decision, 7, 0x1000),
            entry(2, Event::Grant, 7, 0x1000),
            entry(3, Event::Revoke, 7, 0x1000),
            entry(4, Event::Grant, 7, 0x1000),
        ])
        .errors;
        assert_eq!(errors.len(), 1);
    }

    // attack 39 H: the ledger grants one window twice; found
    #[test]
    fn test_second_owner_is_an_error() {
        let errors = replay(&[
            entry(1, Event::Decision, 7, 0x1000),
            entry(2, Event::Grant, 7, 0x1000),
            entry(3, Event::Decision, 8, 0x1000),
            entry(4, Event::Grant, 8, 0x1000),
        ])
        .errors;
        assert!(errors.len() == 1 && errors[0].contains("second owner"), "{errors:?}");
    }

    // attack 47 H: a ledger out of order, or none; found
    #[test]
    fn test_disorder_and_an_empty_ledger_are_errors() {
        assert_eq!(replay(&[]).errors.len(), 1);
        let again = [entry(1, Event::Boot, 0, 0), entry(1, Event::Clock, 0, 0)];
        assert_eq!(replay(&again).errors.len(), 1);
    }

    // attack 92 H: memory that a driver shares twice with one consumer, in the ledger; found; broken: judge-shared-twice
    #[test]
    fn test_a_driver_shares_memory_once_with_each() {
        let share = |seq, consumer| Entry {
            asker: 8,
            len: 8192,
            rights: 7,
            ..entry(seq, Event::Share, consumer, 0)
        };
        let all = replay(&[share(1, 9)]);
        let ring = Ring { consumer: 9, driver: 8, len: 8192, rights: 7 };
        assert_eq!((all.rings, all.errors.len()), ([ring].into(), 0));
        let two = replay(&[share(1, 9), share(2, 10)]);
        assert_eq!((two.rings.len(), two.errors.len()), (2, 0));
        let errors = replay(&[share(1, 9), share(2, 10), share(3, 9)]).errors;
        assert!(errors.len() == 1 && errors[0].contains("share memory twice"), "{errors:?}");
    }

    // attack 92 H: the end of a ring that nobody has, of which both live, or a second time, in the ledger; found
    #[test]
    fn test_a_ring_is_over_once_one_of_the_two_has_ended() {
        let of = |seq, event, driver, len| Entry {
            asker: driver,
            len,
            rights: 7,
            ..entry(seq, event, 9, 0)
        };
        let share = of(1, Event::Share, 8, 8192);
        let over = |seq| of(seq, Event::Unshare, 8, 8192);
        let end = |seq, service| entry(seq, Event::Exit, service, 0);
        for service in [8, 9] {
            let all = replay(&[share.clone(), end(2, service), over(3)]);
            assert_eq!((all.over, all.rings.len(), all.errors.len()), (all.rings, 1, 0));
        }
        let wrong: [&[Entry]; 5] = [
            &[share.clone(), over(2)],
            &[share.clone(), end(2, 7), over(3)],
            &[end(1, 8), over(2)],
            &[share.clone(), end(2, 8), over(3), over(4)],
            &[share, end(2, 8), of(3, Event::Unshare, 8, 4096)],
        ];
        for entries in wrong {
            let errors = replay(entries).errors;
            assert!(errors.len() == 1 && errors[0].contains("end of a ring"), "{errors:?}");
        }
    }
}
