//! What must hold in every state, and which property fails when a defence is left out
//! (tests/broken.toml):
//!
//! | property | fails without |
//! |---|---|
//! | a piece of a device has a live allow, and a record after it | `init-policy`, `init-echo`, `init-epoch`, `init-epoch-echo`, `init-record`, `init-forgets-owner`, `init-mask`, `init-mask-late`, `init-interval-unset`, `bus-mask`, `bus-window-rights`, `bus-memory-len`, `bus-memory-rights`, `bus-unrecorded` |
//! | nothing survives an end or a refusal | `init-take-back`, `init-line-stays`, `init-pieces-kept` |
//! | a denial changes nothing but the record; each allow has one | `policyd-asker`, `policyd-nonce`, `policyd-record`, `policyd-unrecorded`, `logd-full`, `init-take-back` |
//! | every call is answered or fails, and a grant ends | `init-asks-again` |
//! | a piece of a device has one owner | the kernel's `second-owner`; the small kernel here refuses as the real one does |
//! | a device that nobody has is at rest or in quarantine | `bus-never-released`, `bus-quarantine-forgotten` |

use nexus_abi::{Handle, Rights};
use nexus_init::grant::Piece;
use nexus_init::init::SECOND_QUESTIONS;
use nexus_init::records::DeviceRecord;
use nexus_proto::init::{DmaState, OwnerState, Refusal};
use nexus_proto::log::{Entry, Event};
use stateright::{Expectation, Property};

use crate::model::{Bound, State, question_of};
use crate::outside::{Cap, is_allow_of};
use crate::system::{BUSD_PROCESS, INTERVAL, REACHING, REQUESTS, TICKS, memory, process_of};

/// Most calls that one grant makes, each bounded by its deadline: ask, prepare; query, install, for
/// window, pool and used rings; confirm, record, record; revoke, drop, for each; release; record; then a
/// pause, and the same for a second question. A device without memory takes fewer, with its line.
const MOST_CALLS: u8 = 39;

macro_rules! reached {
    ($refusal:ident) => {
        Property::sometimes(stringify!($refusal), |_, state: &State| {
            state.last == Some(Refusal::$refusal)
        })
    };
}

const fn always(name: &'static str, condition: fn(&Bound, &State) -> bool) -> Property<Bound> {
    Property { expectation: Expectation::Always, name, condition }
}

/// What holds in every state.
pub const ALWAYS: [Property<Bound>; 6] = [
    always("a piece of a device has a live allow, and a record after it", |_, state| {
        state.pieces().all(|cap| state.is_justified(cap))
    }),
    always("a piece of a device has one owner", |_, state| {
        has_one_owner_a_piece(&state.init.machine.caps)
    }),
    always("a device that nobody has is at rest or in quarantine", |_, state| state.is_at_rest()),
    always("nothing survives an end or a refusal", |_, state| {
        state.under_way.is_some() || state.nothing_is_left_over()
    }),
    always("every call is answered or fails, and a grant ends", |_, state| {
        let calls = state.under_way.as_ref().map_or(0, |grant| grant.calls);
        calls < MOST_CALLS && !state.init.machine.asked_twice
    }),
    always("a denial changes nothing but the record; each allow has one", |_, state| {
        state.init.machine.wrong.is_none()
    }),
];

/// All of them, and what must be reached, or they would say nothing.
#[must_use]
pub fn all() -> Vec<Property<Bound>> {
    let reached = vec![
        Property::sometimes("both devices are given", |_, state: &State| {
            state.init.registry.held() == 2
        }),
        Property::sometimes("a device is given at the second question", |_, state: &State| {
            state.init.second_questions == SECOND_QUESTIONS - 1 && state.init.registry.held() > 0
        }),
        Property::sometimes("a device is in quarantine", |_, state: &State| {
            state.dma() == DmaState::Quarantined
        }),
        Property::sometimes("a device is quiet", |_, state: &State| state.dma() == DmaState::Quiet),
        reached!(BusGone),
        reached!(BusLate),
        reached!(BusRefused),
        reached!(BusGarbled),
        reached!(PolicyDenied),
        reached!(PolicyGone),
        reached!(PolicyLate),
        reached!(PolicyGarbled),
        reached!(EpochChanged),
        reached!(KernelRefused),
        reached!(NotRecorded),
        reached!(SubjectEnded),
        reached!(OutOfReach),
    ];
    ALWAYS.into_iter().chain(reached).collect()
}

impl State {
    /// Pieces that owners hold, without those of a grant that has not come out yet.
    fn pieces(&self) -> impl Iterator<Item = &Cap> {
        let open = self.under_way.as_ref().map(|grant| {
            let (service, device) = REQUESTS[grant.request];
            let record = self.init.registry.device(device);
            (Some(process_of(service)), record)
        });
        let is_open = move |cap: &Cap| {
            let is_of = |record: &DeviceRecord| match cap.piece {
                Piece::Window => record.window == Some(cap.range),
                Piece::Line => cap.range.base == u64::from(record.line.number()),
                Piece::Pool | Piece::Used => self.init.registry.device(REACHING) == Some(record),
            };
            open.is_some_and(|(holder, record)| holder == cap.holder && record.is_some_and(is_of))
        };
        let before = self.under_way.as_ref().map(|grant| &grant.before);
        self.init.machine.caps.iter().filter(move |cap| {
            let known = before.is_none_or(|before| before.contains(cap));
            is_owned(cap) && (known || !is_open(cap))
        })
    }

    fn dma(&self) -> DmaState {
        self.init.registry.device(REACHING).map_or(DmaState::None, |record| record.dma)
    }

    /// Also from when its owner has ended until init has heard of it.
    fn is_at_rest(&self) -> bool {
        let open = self.under_way.is_some() || self.dma() == DmaState::InUse;
        open || !self.init.machine.set_up || self.dma() == DmaState::Quarantined
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
        let limit = match cap.piece {
            Piece::Window => grant.registers.mask(),
            Piece::Line => Some(TICKS).filter(|_| grant.interval == INTERVAL),
            Piece::Pool | Piece::Used => None,
        };
        let limited = cap.limit == limit;
        let reach = grant.device != REACHING
            || before.iter().any(|one| is_reach_of(one, grant)) && self.keeps_no_more(cap.piece);
        self.is_held(cap)
            && limited
            && reach
            && is_as_laid(cap)
            && grant.epoch == cap.epoch
            && before.iter().any(allowed)
    }

    /// Of a device that reaches memory init has what it hands on and takes back, and no more.
    fn keeps_no_more(&self, piece: Piece) -> bool {
        let record = self.init.registry.device(REACHING);
        let kept = record.and_then(|record| record.pieces.kept(piece));
        let mut caps = self.init.machine.caps.iter().filter(|cap| Some(cap.handle) == kept);
        let mut beyond = Rights::DERIVE | Rights::PLACE;
        beyond.set(Rights::WRITE, piece == Piece::Used);
        caps.all(|cap| !cap.rights.intersects(beyond))
    }

    fn is_grant_of(&self, entry: &Entry, cap: &Cap) -> bool {
        let known = REQUESTS.iter().any(|(service, _)| *service == entry.subject.id);
        let range = (cap.range.base, cap.range.len);
        let is_of = match cap.piece {
            Piece::Window => range == (entry.base, entry.len),
            Piece::Line => range == (u64::from(entry.line), 1),
            Piece::Pool | Piece::Used => entry.device == REACHING,
        };
        entry.event == Event::Grant
            && is_of
            && known
            && Some(process_of(entry.subject.id)) == cap.holder
    }

    fn is_held(&self, cap: &Cap) -> bool {
        self.init.registry.devices().iter().any(|record| {
            let fits = match cap.piece {
                Piece::Window => record.window == Some(cap.range),
                Piece::Line => record.given_line.map(u64::from) == Some(cap.range.base),
                Piece::Pool | Piece::Used => record.memory == Some(memory()),
            };
            record.state == OwnerState::Held
                && fits
                && record.pieces.held(cap.piece) == Some(cap.handle)
                && cap.holder == Some(process_of(record.owner.id))
        })
    }

    /// What init keeps of pieces belongs to devices that are held or were; nobody who has ended holds
    /// any.
    fn nothing_is_left_over(&self) -> bool {
        let outside = &self.init.machine;
        let given = |record: &&DeviceRecord| {
            matches!(record.state, OwnerState::Held | OwnerState::OwnerEnded)
        };
        let given = self.init.registry.devices().iter().filter(given);
        let pieces = |one: &DeviceRecord| {
            Piece::ALL.map(|piece| one.pieces.kept(piece)).into_iter().flatten()
        };
        let kept: Vec<Handle> = given.flat_map(pieces).collect();
        let own = outside.caps.iter().filter(|cap| cap.holder.is_none() && cap.epoch > 0);
        let owned = own.map(|cap| cap.handle).all(|handle| kept.contains(&handle));
        let orphan = |cap: &Cap| cap.holder.is_some_and(|at| outside.ended.contains(&at));
        owned && !outside.caps.iter().any(orphan)
    }
}

/// No two owners have the same piece.
pub(crate) fn has_one_owner_a_piece(caps: &[Cap]) -> bool {
    let held: Vec<&Cap> = caps.iter().filter(|cap| is_owned(cap)).collect();
    held.iter().enumerate().all(|(index, one)| {
        let mut others = held.iter().skip(index + 1);
        others.all(|other| one.piece != other.piece || !one.range.overlaps(other.range))
    })
}

/// True for a piece in the hands of an owner.
pub(crate) fn is_owned(cap: &Cap) -> bool {
    cap.holder.is_some_and(|holder| holder != BUSD_PROCESS)
}

/// True for the record of what the device of a grant reaches.
fn is_reach_of(entry: &Entry, grant: &Entry) -> bool {
    let memory = memory();
    entry.event == Event::Prepared
        && (entry.subject, entry.device, entry.epoch) == (grant.subject, grant.device, grant.epoch)
        && (entry.len, entry.interval, entry.detail) == (memory.pool, memory.reach, memory.digest)
}

/// True for a piece that can do what an owner may, and no more.
fn is_as_laid(cap: &Cap) -> bool {
    let memory = memory();
    let shared = Rights::MAP | Rights::READ;
    match cap.piece {
        Piece::Window => cap.rights == shared | Rights::WRITE,
        Piece::Line => cap.rights == Rights::RECV,
        Piece::Pool => cap.rights == shared | Rights::WRITE && cap.range.len == memory.pool,
        Piece::Used => cap.rights == shared && cap.range.len == memory.used,
    }
}
