//! How many records there is room for, and whose it is. Each service has a share for what its lives were
//! given, and one for what was denied, so that none can use up the room of another.

use alloc::vec::Vec;

use nexus_proto::log::{Entry, Event, Outcome};
use nexus_sysdesc::Description;

use super::fold::KEPT_LIVES;

/// Lives of a service that its share has room for, each with all records that a life can have.
const LIVES: usize = 8;
/// What was denied to a service, or at its word, that there is always room for.
const DENIALS: usize = 8;
/// Kinds of refusals of a service by who keeps state for others that are on record: nothing else takes this
/// room, and they take no other.
pub(super) const ACCESSES: usize = 8;
/// Records about no life of a service: the boot, the clock, what init lets go of. Twice as many and more
/// than there are in any boot.
const COMMON: usize = 128;
/// Records that anybody's can be, beyond the shares.
const OPEN: usize = 512;
/// Of these, records that neither denials nor orders can take.
pub const KEPT_FROM_DENIALS: usize = 256;

/// Whose room a record takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Nobody's in particular.
    Common,
    /// That of the lives of the service at this place.
    Lives(usize),
    /// That of what was denied to the service at this place, or to what it had asked.
    Denials(usize),
    /// That of what the service at this place was refused by who keeps state for others; none where there is
    /// no such service.
    Accesses(Option<usize>),
    /// The open room only: a denial of a service that is not in the description.
    OtherDenials,
}

/// Records that there is room for, and those that take it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Share {
    room: usize,
    used: usize,
}

impl Share {
    const fn is_over(&self) -> bool {
        self.used > self.room
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Service {
    id: u32,
    lives: Share,
    denials: Share,
    accesses: Share,
    /// Records that say that a life is over.
    ends: usize,
}

impl Service {
    fn shares(&self) -> [&Share; 3] {
        [&self.lives, &self.denials, &self.accesses]
    }
}

/// The room of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Room {
    services: Vec<Service>,
    /// Who distributes: what it asks on its own behalf is about the service that it asks for.
    distributor: Option<u32>,
    common: Share,
    other_denials: Share,
    no_accesses: Share,
    /// Records that can be anybody's, and those that have no room in their share.
    open: Share,
}

impl Room {
    /// One room for all, without shares.
    pub(super) fn undivided(records: usize) -> Room {
        Room {
            services: Vec::new(),
            distributor: None,
            common: Share::default(),
            other_denials: Share::default(),
            no_accesses: Share::default(),
            open: Share { room: records, used: 0 },
        }
    }

    /// A share for each service of the description, as its devices need. Of `most` records there is less
    /// for refusals, and less that is open, when they are too few.
    pub(super) fn divided(description: &Description, most: usize) -> Room {
        let share = |room| Share { room, used: 0 };
        let mut services: Vec<Service> = description
            .services
            .iter()
            .map(|service| {
                let devices = service.needs.len();
                // Each life may be ordered, begins or is given its devices (allowed, set up, granted), and
                // ends. What says last where each device is stays when its life is folded; and two folds are
                // there at once.
                let lives = LIVES * (2 + (3 * devices).max(1)) + 3 * devices + 2;
                Service {
                    id: service.id,
                    lives: share(lives),
                    denials: share(DENIALS),
                    accesses: share(0),
                    ends: 0,
                }
            })
            .collect();
        let common = COMMON + 2 * description.rings().count();
        let shares: usize = services.iter().flat_map(Service::shares).map(|share| share.room).sum();
        let left = most.saturating_sub(shares + common);
        let accesses = ACCESSES.min(left / 2 / services.len().max(1));
        services.iter_mut().for_each(|service| service.accesses.room = accesses);
        let left = left - accesses * services.len();
        Room {
            services,
            distributor: Some(description.init),
            common: share(common),
            other_denials: share(0),
            no_accesses: share(0),
            open: share(OPEN.min(left)),
        }
    }

    /// Records that there is room for in all.
    pub(super) fn records(&self) -> usize {
        let own = self.services.iter().flat_map(Service::shares);
        let all = own.chain([&self.common, &self.other_denials, &self.open]);
        all.map(|share| share.room).sum()
    }

    /// True when the record has room.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        let class = self.class(entry);
        let share = self.share(class);
        if matches!(class, Class::Accesses(_)) {
            return share.used < share.room;
        }
        // Nor orders, of which there can be any number without a life between them.
        let is_kept_from = matches!(class, Class::Denials(_) | Class::OtherDenials);
        let kept = if is_kept_from || entry.event == Event::Order { KEPT_FROM_DENIALS } else { 0 };
        share.used < share.room || self.open.used < self.open.room.saturating_sub(kept)
    }

    /// The service whose lives are to be folded before this record of one of them finds its share full:
    /// a record, and a fold, still fit. `None` while all that have ended are to be kept.
    pub(super) fn is_due(&self, entry: &Entry) -> Option<u32> {
        let Class::Lives(index) = self.class(entry) else { return None };
        let service = self.services.get(index)?;
        let full = service.lives.used + 2 > service.lives.room;
        (full && service.ends > KEPT_LIVES).then_some(service.id)
    }

    /// Counts a record that is there now.
    pub(super) fn add(&mut self, entry: &Entry) {
        let class = self.class(entry);
        let share = self.share_mut(class);
        share.used += 1;
        self.open.used += usize::from(share.is_over());
        if let Some(ends) = self.ends(entry) {
            *ends += 1;
        }
    }

    /// Counts a record that is there no more.
    pub(super) fn remove(&mut self, entry: &Entry) {
        let class = self.class(entry);
        let share = self.share_mut(class);
        let was_over = usize::from(share.is_over());
        share.used = share.used.saturating_sub(1);
        self.open.used = self.open.used.saturating_sub(was_over);
        if let Some(ends) = self.ends(entry) {
            *ends = ends.saturating_sub(1);
        }
    }

    /// The count that this record is in, if it says that a life is over.
    fn ends(&mut self, entry: &Entry) -> Option<&mut usize> {
        let says = matches!(entry.event, Event::Exit | Event::Resume);
        let place = self.place(entry.subject.id).filter(|_| says)?;
        self.services.get_mut(place).map(|service| &mut service.ends)
    }

    fn place(&self, id: u32) -> Option<usize> {
        self.services.iter().position(|service| service.id == id)
    }

    fn class(&self, entry: &Entry) -> Class {
        let asker = entry.asker.id;
        let asked = asker != 0 && self.distributor.is_some_and(|own| asker != own);
        match entry.event {
            // What came of a question gives nothing when it is a denial, or when a service had it asked.
            Event::Decision | Event::Refusal if asked || is_denial(entry) => {
                let whose = if asked { asker } else { entry.subject.id };
                self.place(whose).map_or(Class::OtherDenials, Class::Denials)
            }
            Event::Access => Class::Accesses(self.place(entry.subject.id)),
            Event::Boot
            | Event::Clock
            | Event::Drop
            | Event::Share
            | Event::Unshare
            | Event::Anchor => Class::Common,
            Event::Decision
            | Event::Refusal
            | Event::Grant
            | Event::Revoke
            | Event::Exit
            | Event::Start
            | Event::Order
            | Event::Prepared
            | Event::Fold
            | Event::Resume => self.place(entry.subject.id).map_or(Class::Common, Class::Lives),
        }
    }

    fn share(&self, class: Class) -> &Share {
        let of = |index| self.services.get(index);
        match class {
            Class::Common => None,
            Class::Lives(index) => of(index).map(|service| &service.lives),
            Class::Denials(index) => of(index).map(|service| &service.denials),
            Class::Accesses(index) => {
                Some(index.and_then(of).map_or(&self.no_accesses, |service| &service.accesses))
            }
            Class::OtherDenials => Some(&self.other_denials),
        }
        .unwrap_or(&self.common)
    }

    fn share_mut(&mut self, class: Class) -> &mut Share {
        match class {
            Class::Common => None,
            Class::Lives(index) => self.services.get_mut(index).map(|service| &mut service.lives),
            Class::Denials(index) => {
                self.services.get_mut(index).map(|service| &mut service.denials)
            }
            Class::Accesses(None) => Some(&mut self.no_accesses),
            Class::Accesses(Some(index)) => {
                self.services.get_mut(index).map(|service| &mut service.accesses)
            }
            Class::OtherDenials => Some(&mut self.other_denials),
        }
        .unwrap_or(&mut self.common)
    }
}

/// A record of something that did not happen.
fn is_denial(entry: &Entry) -> bool {
    match entry.event {
        Event::Refusal | Event::Access => true,
        Event::Decision => entry.outcome != Outcome::Allow,
        Event::Boot
        | Event::Clock
        | Event::Grant
        | Event::Revoke
        | Event::Exit
        | Event::Start
        | Event::Order
        | Event::Drop
        | Event::Prepared
        | Event::Share
        | Event::Unshare
        | Event::Fold
        | Event::Resume
        | Event::Anchor => false,
    }
}
