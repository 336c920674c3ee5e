//! Who may record what.

use nexus_abi::Rights;
use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::NO_LINE;

/// Who records an event, and nobody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// logd itself.
    Logd,
    /// policyd: who may record, and distributes nothing.
    Policyd,
    /// init: who may record and distributes.
    Init,
    /// Who keeps state for others, by an operation of its own.
    Keeper,
}

impl Writer {
    /// Who records this event.
    #[must_use]
    pub(crate) const fn of(event: Event) -> Writer {
        match event {
            Event::Boot | Event::Clock | Event::Fold | Event::Resume | Event::Anchor => {
                Writer::Logd
            }
            Event::Access => Writer::Keeper,
            Event::Decision => Writer::Policyd,
            Event::Grant
            | Event::Refusal
            | Event::Revoke
            | Event::Exit
            | Event::Start
            | Event::Order
            | Event::Drop
            | Event::Prepared
            | Event::Share
            | Event::Unshare => Writer::Init,
        }
    }
}

/// True when the outcome is one that the event can have, every right one that there is, and an interval
/// that of a line.
#[must_use]
pub(crate) fn is_sound(entry: &Entry) -> bool {
    let outcome_fits = match entry.event {
        Event::Decision => entry.outcome != Outcome::None,
        Event::Grant | Event::Prepared | Event::Share => entry.outcome == Outcome::Allow,
        Event::Refusal | Event::Access => entry.outcome == Outcome::Deny,
        Event::Boot
        | Event::Clock
        | Event::Revoke
        | Event::Exit
        | Event::Start
        | Event::Order
        | Event::Drop
        | Event::Unshare
        | Event::Fold
        | Event::Resume
        | Event::Anchor => entry.outcome == Outcome::None,
    };
    outcome_fits
        && Rights::from_bits(entry.rights).is_some()
        && (entry.interval == 0 || entry.line != NO_LINE || entry.event == Event::Prepared)
}
