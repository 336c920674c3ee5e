//! What must hold of what services may do with the network.

use super::bounds::MAX_REACHES;
use super::validate::require;
use super::{
    Description, NetDirection, NetProtocol, Network, Ports, Problem, Reach, Service, Sockets,
};

impl Description {
    /// Who has to do with a network may have sockets, and there is one.
    pub(super) fn check_reaches(&self, service: &Service) -> Result<(), Problem> {
        require(service.reaches.len() <= MAX_REACHES, Problem::TooMany)?;
        let possible = service.sockets.as_ref().is_none_or(Sockets::is_possible);
        require(possible, Problem::BadSockets)?;
        require(service.sockets.is_none() || self.network.is_some(), Problem::NoNetwork)?;
        require(service.reaches.is_empty() || service.sockets.is_some(), Problem::NoNetwork)?;
        require(
            service.reaches.is_sorted_by(|one, next| terms(one) < terms(next)),
            Problem::NotSorted,
        )?;
        for reach in &service.reaches {
            require(reach.is_possible(), Problem::BadReach)?;
            self.check_line(&reach.id, &reach.reason)?;
        }
        Ok(())
    }
}

/// What a line about the network lets do, in the order in which a service has such lines.
fn terms(reach: &Reach) -> (NetProtocol, NetDirection, &[Ports], &[Network]) {
    (reach.protocol, reach.direction, &reach.ports, &reach.addresses)
}
