//! What must hold in every state, and which property fails when a defence is left out
//! (tests/broken.toml):
//!
//! | property | fails without |
//! |---|---|
//! | a window or line has a live allow, and a record after it | `init-policy`, `init-echo`, `init-epoch`, `init-epoch-echo`, `init-record`, `init-forgets-owner`, `init-mask`, `init-mask-late`, `init-interval-unset` |
//! | nothing survives an end or a refusal | `init-take-back`, `init-line-stays` |
//! | a denial changes nothing but the record; each allow has one | `policyd-asker`, `policyd-nonce`, `policyd-record`, `policyd-unrecorded`, `logd-full`, `init-take-back` |
//! | every call is answered or fails, and a grant ends | `init-asks-again` |
//! | a window and a line have one owner | the kernel's `second-owner`; the small kernel here refuses as the real one does |

use nexus_abi::Handle;
use nexus_init::init::SECOND_QUESTIONS;
use nexus_init::records::DeviceRecord;
use nexus_proto::init::{OwnerState, Refusal};
use nexus_proto::log::{Entry, Event};
use stateright::Property;

use crate::model::{Bound, State, question_of};
use crate::outside::{Cap, is_allow_of};
use crate::system::{INTERVAL, REQUESTS, TICKS, process_of};

/// Most calls that one grant makes, each bounded by its deadline: ask; derive, limit, install, for a
/// window and for a line; confirm, record; revoke, drop, for a line and for a window; record; then a
/// pause, and the same for a second question.
const MOST_CALLS: u8 = 29;

macro_rules! reached {
    ($refusal:ident) => {
        Property::sometimes(stringify!($refusal), |_, state: &State| {
            state.last == Some(Refusal::$refusal)
        })
    };
}

/// All of them, and what must be reached, or they would say nothing.
#[must_use]
pub fn all() -> Vec<Property<Bound>> {
    vec![
        Property::always(
            "a window or line has a live allow, and a record after it",
            |_, state: &State| state.windows().all(|cap| state.is_justified(cap)),
        ),
        Property::always("a window and a line have one owner", |_, state: &State| {
            state.has_one_owner_a_window()
        }),
        Property::always("nothing survives an end or a refusal", |_, state: &State| {
            state.under_way.is_some() || state.nothing_is_left_over()
        }),
        Property::always(
            "every call is answered or fails, and a grant ends",
            |_, state: &State| {
                let calls = state.under_way.as_ref().map_or(0, |grant| grant.calls);
                calls < MOST_CALLS && !state.init.machine.asked_twice
            },
        ),
        Property::always(
            "a denial changes nothing but the record; each allow has one",
            |_, state: &State| state.init.machine.wrong.is_none(),
        ),
        Property::sometimes("both devices are given", |_, state: &State| {
            state.init.registry.held() == 2
        }),
        Property::sometimes("a device is given at the second question", |_, state: &State| {
            state.init.second_questions == SECOND_QUESTIONS - 1 && state.init.registry.held() > 0
        }),
        reached!(PolicyDenied),
        reached!(PolicyGone),
        reached!(PolicyLate),
        reached!(PolicyGarbled),
        reached!(EpochChanged),
        reached!(KernelRefused),
        reached!(NotRecorded),
        reached!(SubjectEnded),
        reached!(OutOfReach),
    ]
}

impl State {
    /// Windows and lines that processes hold, without those of a grant that has not come out yet.
    fn windows(&self) -> impl Iterator<Item = &Cap> {
        let open = self.under_way.as_ref().map(|grant| {
            let (service, device) = REQUESTS[grant.request];
            let record = self.init.registry.device(device);
            (Some(process_of(service)), record)
        });
        let is_open = move |cap: &Cap| {
            let is_of = |record: &DeviceRecord| match cap.is_line {
                false => record.window == Some(cap.range),
                true => cap.range.base == u64::from(record.line.number()),
            };
            open.is_some_and(|(holder, record)| holder == cap.holder && record.is_some_and(is_of))
        };
        let before = self.under_way.as_ref().map(|grant| &grant.before);
        self.init.machine.caps.iter().filter(move |cap| {
            let known = before.is_none_or(|before| before.contains(cap));
            cap.holder.is_some() && (known || !is_open(cap))
        })
    }

    /// The window or line is one that the registry knows, limited as recorded, with a record of its
    /// grant after the record of an allow for the same question, by the rules that held when it was
    /// handed over.
    fn is_justified(&self, cap: &Cap) -> bool {
        let records = &self.init.machine.records;
        let grant = records.iter().rposition(|entry| self.is_grant_of(entry, cap));
        let Some((grant, before)) = grant.and_then(|at| Some((records.get(at)?, &records[..at])))
        else {
            return false;
        };
        let asked = question_of(grant);
        let allowed = |entry: &Entry| is_allow_of(entry, &asked) && entry.epoch == grant.epoch;
        let limit = match cap.is_line {
            false => grant.registers.mask(),
            true => Some(TICKS).filter(|_| grant.interval == INTERVAL),
        };
        let limited = cap.limit == limit;
        self.is_held(cap) && limited && grant.epoch == cap.epoch && before.iter().any(allowed)
    }

    fn has_one_owner_a_window(&self) -> bool {
        let caps = &self.init.machine.caps;
        let held: Vec<&Cap> = caps.iter().filter(|cap| cap.holder.is_some()).collect();
        held.iter().enumerate().all(|(index, one)| {
            let mut others = held.iter().skip(index + 1);
            others.all(|other| one.is_line != other.is_line || !one.range.overlaps(other.range))
        })
    }

    fn is_grant_of(&self, entry: &Entry, cap: &Cap) -> bool {
        let known = REQUESTS.iter().any(|(service, _)| *service == entry.subject.id);
        let range = match cap.is_line {
            false => (entry.base, entry.len),
            true => (u64::from(entry.line), 1),
        };
        entry.event == Event::Grant
            && range == (cap.range.base, cap.range.len)
            && known
            && Some(process_of(entry.subject.id)) == cap.holder
    }

    fn is_held(&self, cap: &Cap) -> bool {
        self.init.registry.devices().iter().any(|record| {
            let line = record.given_line.map(|(line, _)| u64::from(line));
            let fits = match cap.is_line {
                false => record.window == Some(cap.range),
                true => line == Some(cap.range.base),
            };
            record.state == OwnerState::Held
                && fits
                && cap.holder == Some(process_of(record.owner.id))
        })
    }

    /// What init keeps of windows and lines belongs to devices that are held or were; nobody who has
    /// ended holds either.
    fn nothing_is_left_over(&self) -> bool {
        let outside = &self.init.machine;
        let given = |record: &&DeviceRecord| {
            matches!(record.state, OwnerState::Held | OwnerState::OwnerEnded)
        };
        let given = self.init.registry.devices().iter().filter(given);
        let line = |one: &DeviceRecord| one.given_line.map(|(_, kept)| kept);
        let kept: Vec<Handle> =
            given.flat_map(|one| line(one).into_iter().chain([one.kept])).collect();
        let own = outside.caps.iter().filter(|cap| cap.holder.is_none() && cap.epoch > 0);
        let owned = own.map(|cap| cap.handle).all(|handle| kept.contains(&handle));
        let orphan = |cap: &Cap| cap.holder.is_some_and(|at| outside.ended.contains(&at));
        owned && !outside.caps.iter().any(orphan)
    }
}
