//! `services`: the lives of the services, and what became of an order about one.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::ServiceError;
use nexus_proto::ids;
use nexus_proto::init::{EndKind, Last, LifeInfo, ServiceState};
use nexus_sysdesc::Permission;
use nexus_words::amount::{brief, of_ticks};
use nexus_words::ending::{self, end, soon};
use nexus_words::standing;

use crate::command::Order;
use crate::names::Names;
use crate::table::{Table, left, right, wrap};
use crate::trouble::given_by;

/// The services: how often each was started, how it stands and for how long, how its last life ended, and
/// what follows. `now` is a tick, here and below.
#[must_use]
pub fn services(list: &[LifeInfo], now: u64, names: &Names) -> String {
    let mut table = Table::new(&[
        left("SERVICE"),
        right("LIVES"),
        right("DEATHS"),
        left("STATE"),
        right("FOR"),
        left("LAST END"),
        left("NEXT LIFE"),
    ]);
    for life in list {
        table.row([
            names.service(life.service.id),
            life.lives.to_string(),
            life.deaths.to_string(),
            standing::service(life.state).to_string(),
            age(life, now),
            if life.end == EndKind::None { String::new() } else { end(life.end, life.code) },
            next(life, now),
        ]);
    }
    table.render()
}

/// How long it has been in its state.
pub(super) fn age(life: &LifeInfo, now: u64) -> String {
    brief(of_ticks(now.saturating_sub(life.since)))
}

/// When the next life begins, or why none does, in few words; nothing for one that lives.
fn next(life: &LifeInfo, now: u64) -> String {
    match life.state {
        ServiceState::Restarting if life.again == 0 => "waits".to_string(),
        _ => ending::next(life, now, brief, why_none).unwrap_or_default(),
    }
}

const fn why_none(last: Last) -> &'static str {
    match last {
        Last::None => "",
        Last::Never => "started once",
        Last::EndedWell => "ended well",
        Last::Stopped => "by order",
        Last::TooOften => "too often",
        Last::NoDevice => "no device",
        Last::NotLoaded => "not loaded",
    }
}

/// True when the service is in a life, whether it can work or not.
#[must_use]
pub(super) const fn lives(life: &LifeInfo) -> bool {
    matches!(life.state, ServiceState::Started | ServiceState::Ready | ServiceState::Failed)
}

/// True once what somebody ordered has come about: `before` it stood so, and stands as in `life` now.
/// An owner of a device has yet to tell that it is ready.
#[must_use]
pub fn is_over(before: &LifeInfo, life: &LifeInfo, owner: bool) -> bool {
    match life.state {
        ServiceState::Started => life.lives > before.lives && !owner,
        ServiceState::Ready | ServiceState::Failed => life.lives > before.lives,
        // It waits for somebody who is not started by itself.
        ServiceState::Restarting => life.again == 0,
        _ => true,
    }
}

/// What came of an order.
#[must_use]
pub fn ordered(before: &LifeInfo, life: &LifeInfo, now: u64, names: &Names) -> String {
    let name = names.service(life.service.id);
    let text = match life.state {
        ServiceState::Restarting => {
            format!("{name} does not run; it is started again {}", soon(life, now, brief))
        }
        ServiceState::Stopped => format!("{name} is stopped; `restart {name}` starts it again"),
        _ if lives(life) && life.lives > before.lives => match life.state {
            ServiceState::Failed => {
                format!("{name} cannot work in life {}; `log {name}` tells why", life.lives)
            }
            state => format!("{name} is {} in life {}", standing::service(state), life.lives),
        },
        _ if lives(life) => {
            format!("{name} has not ended yet; `services` tells how it goes on")
        }
        _ => format!(
            "{name} has ended, and is not started again: {}; `why {name}` tells more",
            life.last.text()
        ),
    };
    wrap("", &text)
}

/// Why an order cannot be followed, and what can be done instead.
#[must_use]
pub fn not_ordered(
    order: Order,
    life: &LifeInfo,
    error: ServiceError,
    now: u64,
    names: &Names,
) -> String {
    let id = life.service.id;
    let name = names.service(id);
    let text = match (error, life.state) {
        (ServiceError::Denied, _) => format!(
            "init refuses: this shell lacks the permission{}",
            given_by(Permission::Supervise)
        ),
        _ if id == ids::INIT => {
            "init never ends: nothing would be started without it; `reboot` starts all anew"
                .to_string()
        }
        (ServiceError::NotSupported, _) => format!(
            "{name} is started once, as its service file says, and never again; `reboot` starts all anew"
        ),
        (_, ServiceState::Restarting) if order == Order::Kill => format!(
            "{name} does not run; it is started again {}, or never after `stop {name}`",
            soon(life, now, brief)
        ),
        (ServiceError::BadState, ServiceState::Waiting | ServiceState::NotLoaded) => {
            format!("{name} was never started; `why {name}` tells why")
        }
        (ServiceError::BadState, _) => {
            format!("{name} does not run: {}; `why {name}` tells more", life.last.text())
        }
        _ => format!("init cannot do it now; `services` tells how {name} stands"),
    };
    wrap("", &text)
}

/// A number that no service has.
#[must_use]
pub fn no_service(service: u32) -> String {
    format!("there is no service {service}; `services` lists them\n")
}

/// Why the shell does not have somebody stopped without whom nobody can type.
#[must_use]
pub fn needed(service: u32, names: &Names) -> String {
    let name = names.service(service);
    let text = format!(
        "without {name} nobody can type any more: `restart {name}` gives it a new life, `poweroff` ends all"
    );
    wrap("", &text)
}

#[cfg(test)]
#[path = "lives_tests.rs"]
mod tests;
