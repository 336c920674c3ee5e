//! What must hold in every state while services are started again, and which property fails when a defence
//! is left out (tests/broken.toml).

use nexus_abi::Handle;
use nexus_init::grant::Piece;
use nexus_init::records::{DeviceRecord, ServiceRecord};
use nexus_proto::init::{DmaState, Last, OwnerState, ServiceState};
use nexus_proto::log::{Event, Outcome};
use stateright::Property;

use super::{DRIVER, Lives, MORTAL, REACHER, State};
use crate::outside::Cap;
use crate::properties::{has_one_owner_a_piece, is_owned};
use crate::system::{BUSD, BUSD_PROCESS, LOGD, POLICYD, REACHING, bit_of};

/// All of them, and what must be reached, or they would say nothing.
pub(super) fn all(tired: bool) -> Vec<Property<Lives>> {
    let mut all = vec![
        Property::<Lives>::always("a piece of a device has one owner", |_, state: &State| {
            has_one_owner_a_piece(&state.init.machine.caps)
        }),
        Property::always(
            "only the last life of an owner has a device, and that is on record",
            |_, state: &State| state.pieces().all(|cap| state.is_granted(cap)),
        ),
        Property::always(
            "what nobody has is at rest, or in quarantine and nobody's",
            |_, state: &State| state.is_at_rest(),
        ),
        Property::always("nothing is left of a life", |_, state: &State| state.has_no_orphan()),
        Property::always(
            "of a life, one to come and init exactly one answers",
            |_, state: &State| state.services().all(|record| state.is_answered(record)),
        ),
        Property::always("nothing is seen that must not be", |_, state: &State| {
            state.init.machine.wrong.is_none()
        }),
        Property::always("the supervisor gets on", |_, state: &State| state.gets_on()),
        Property::sometimes("a device in quarantine", |_, state: &State| {
            state.last_of(REACHER) == Some(Last::NoDevice)
        }),
        Property::sometimes("an order to stay away", |_, state: &State| {
            state.last_of(DRIVER) == Some(Last::Stopped)
        }),
    ];
    if tired {
        all.push(Property::sometimes("a service given up", |_, state: &State| {
            state.last_of(DRIVER) == Some(Last::TooOften)
        }));
    } else {
        all.push(Property::sometimes("a second life with its device", |_, state: &State| {
            state.has_again(DRIVER, 0) && state.has_again(REACHER, REACHING)
        }));
        all.push(Property::sometimes("a decision of the next policyd", |_, state: &State| {
            state.init.registry.subject(POLICYD.service_id).incarnation > 1
                && state.has_again(DRIVER, 0)
        }));
    }
    all
}

impl State {
    fn services(&self) -> impl Iterator<Item = &ServiceRecord> {
        MORTAL.into_iter().filter_map(|service| self.init.registry.service(service))
    }

    fn last_of(&self, service: u32) -> Option<Last> {
        self.init.registry.service(service).and_then(|record| record.last)
    }

    fn device(&self, device: u16) -> Option<&DeviceRecord> {
        self.init.registry.device(device)
    }

    /// Pieces of devices that owners hold.
    fn pieces(&self) -> impl Iterator<Item = &Cap> {
        self.init.machine.caps.iter().filter(|cap| is_owned(cap))
    }

    fn has_again(&self, service: u32, device: u16) -> bool {
        let owner = self.init.registry.subject(service);
        let holds = |record: &DeviceRecord| {
            record.state == OwnerState::Held && record.owner == owner && owner.incarnation > 1
        };
        self.device(device).is_some_and(holds)
    }

    /// A device that init has given to this life, behind the record of an allow for it.
    fn is_granted(&self, cap: &Cap) -> bool {
        let devices = (0..).zip(self.init.registry.devices());
        let mut held = devices.filter(|(_, one)| one.pieces.held(cap.piece) == Some(cap.handle));
        let Some((device, record)) = held.next() else { return false };
        let owner = record.owner;
        let records = &self.init.machine.records;
        let of = |event, outcome| {
            records.iter().rposition(|one| {
                (one.event, one.outcome, one.device, one.subject) == (event, outcome, device, owner)
            })
        };
        let allowed = of(Event::Decision, Outcome::Allow);
        let granted = of(Event::Grant, Outcome::Allow);
        cap.holder == self.process(owner.id)
            && self.init.registry.subject(owner.id) == owner
            && allowed.is_some_and(|allowed| granted.is_some_and(|granted| allowed < granted))
    }

    fn is_at_rest(&self) -> bool {
        let dma = self.device(REACHING).map_or(DmaState::None, |record| record.dma);
        let is_busds = |cap: &Cap| cap.holder.is_none_or(|holder| holder == BUSD_PROCESS);
        match dma {
            DmaState::InUse => true,
            DmaState::Quarantined => {
                let window = self.device(REACHING).and_then(|record| record.window);
                let caps = self.init.machine.caps.iter();
                let mut of = caps.filter(|cap| match cap.piece {
                    Piece::Window => Some(cap.range) == window,
                    Piece::Line => false,
                    Piece::Pool | Piece::Used => true,
                });
                of.all(is_busds)
            }
            DmaState::None | DmaState::Quiet => !self.init.machine.set_up,
        }
    }

    /// Nobody who has ended holds anything, and init keeps nothing of what nobody has.
    fn has_no_orphan(&self) -> bool {
        let outside = &self.init.machine;
        let held = |one: &&DeviceRecord| one.state == OwnerState::Held;
        let held = self.init.registry.devices().iter().filter(held);
        let kept: Vec<_> =
            held.flat_map(|one| Piece::ALL.map(|piece| one.pieces.kept(piece))).flatten().collect();
        let mut own = outside.caps.iter().filter(|cap| cap.holder.is_none() && cap.epoch > 0);
        let mut holders = outside.caps.iter().filter_map(|cap| cap.holder);
        own.all(|cap| kept.contains(&cap.handle))
            && !holders.any(|holder| outside.ended.contains(&holder))
    }

    fn is_answered(&self, record: &ServiceRecord) -> bool {
        let outside = &self.init.machine;
        let by_init = outside.gone.contains(&record.id);
        match record.state {
            ServiceState::Started | ServiceState::Ready | ServiceState::Failed => {
                let told = outside.ends & bit_of(record.id) != 0;
                !by_init && record.again.is_none() && (told || !outside.is_dead(record.id))
            }
            ServiceState::Restarting => !by_init && record.again.is_some(),
            // By the kernel: its endpoint is gone.
            ServiceState::Ended if record.last == Some(Last::Never) => {
                !by_init && record.again.is_none() && record.endpoint == Handle::NONE
            }
            ServiceState::Ended | ServiceState::Stopped | ServiceState::GivenUp => {
                by_init && record.again.is_none() && record.last.is_some()
            }
            ServiceState::Waiting | ServiceState::NotLoaded => false,
        }
    }

    /// It is started again with whom it needs, and nobody starts that.
    fn waits(&self, service: u32) -> bool {
        let is_final = |id: u32| self.last_of(id).is_some();
        let recorder = is_final(LOGD);
        let needs = match service {
            DRIVER | REACHER => recorder || is_final(POLICYD.service_id),
            id => id == POLICYD.service_id && recorder,
        };
        let record = self.init.registry.service(service);
        needs && record.is_some_and(|record| record.state == ServiceState::Restarting)
    }

    /// When nothing happens any more, every service runs with its device at last, or does not for a reason.
    fn gets_on(&self) -> bool {
        let Some(last) = self.at_last() else { return false };
        let sound = last.pieces().all(|cap| last.is_granted(cap))
            && last.is_at_rest()
            && last.has_no_orphan()
            && last.init.machine.wrong.is_none()
            && has_one_owner_a_piece(&last.init.machine.caps);
        let runs = |service: u32| {
            last.init.registry.service(service).map(|one| one.state) == Some(ServiceState::Started)
        };
        let has = |service: u32, device: u16| {
            let record = last.device(device);
            runs(service) == record.is_some_and(|one| one.state == OwnerState::Held)
        };
        let alive = MORTAL.into_iter().all(|service| {
            let reason = last.last_of(service);
            runs(service)
                || last.waits(service)
                || match service {
                    _ if reason == Some(Last::Stopped) => true,
                    id if id == BUSD.service_id => reason == Some(Last::Never),
                    _ => matches!(reason, Some(Last::TooOften | Last::NoDevice)),
                }
        });
        let answered = last.services().all(|record| last.is_answered(record));
        sound && has(DRIVER, 0) && has(REACHER, REACHING) && alive && answered
    }
}
