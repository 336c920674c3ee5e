//! How devices, services, the store and the network stand.

use nexus_abi::LineState;
use nexus_proto::init::{DmaState, OwnerState, ServiceState};
use nexus_proto::socket::Link;
use nexus_proto::state::Standing;

/// A device.
#[must_use]
pub const fn owner(state: OwnerState) -> &'static str {
    match state {
        OwnerState::Held => "held",
        OwnerState::Unclaimed => "unclaimed",
        OwnerState::NotFound => "not found",
        OwnerState::Denied => "denied",
        OwnerState::OwnerEnded => "owner ended",
        OwnerState::NotGranted => "not granted",
    }
}

/// An interrupt line ([`LineState`] as a number).
#[must_use]
pub fn line(code: u8) -> &'static str {
    match LineState::from_code(code.into()) {
        Some(LineState::Free) => "not bound",
        Some(LineState::Armed) => "armed",
        Some(LineState::Delivered) => "delivered",
        Some(LineState::Held) => "held back",
        None => "?",
    }
}

/// The memory that a device reaches by itself.
#[must_use]
pub const fn pool(state: DmaState) -> &'static str {
    match state {
        DmaState::None => "none",
        DmaState::InUse => "in use",
        DmaState::Quiet => "quiet",
        DmaState::Quarantined => "quarantined",
    }
}

/// A service in its life.
#[must_use]
pub const fn service(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Waiting => "not started",
        ServiceState::Started => "running",
        ServiceState::Ready => "ready",
        ServiceState::Failed => "cannot work",
        ServiceState::Ended => "ended",
        ServiceState::NotLoaded => "not loaded",
        ServiceState::Restarting => "restarting",
        ServiceState::GivenUp => "given up",
        ServiceState::Stopped => "stopped",
    }
}

/// The network.
#[must_use]
pub const fn link(link: Link) -> &'static str {
    match link {
        Link::NoCard => "no card",
        Link::Down => "down",
        Link::Asking => "asking for an address",
        Link::Up => "up",
    }
}

/// The store.
#[must_use]
pub const fn store(standing: Standing) -> &'static str {
    match standing {
        Standing::Opening => "opening",
        Standing::Ready => "ready",
        Standing::ReadOnly => "not written",
        Standing::Failed => "not open",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_line_has_words() {
        for code in 1..=4 {
            assert!(line(code).len() > 1, "{code}");
        }
        assert_eq!([line(0), line(5)], ["?", "?"]);
    }
}
