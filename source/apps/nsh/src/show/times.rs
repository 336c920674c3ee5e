//! `times`: how long each priority ran.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::init::{IDLE, ServiceInfo, TimeInfo};
use nexus_words::amount::{of_ticks, seconds, share};

use crate::table::{Table, left, right};

/// The priorities that ran, the highest first, and last how long nothing did.
#[must_use]
pub fn times(list: &[TimeInfo], services: &[ServiceInfo]) -> String {
    let all = list.iter().fold(0, |all: u64, one| all.saturating_add(one.ticks));
    if all == 0 {
        return "nothing was seen to run yet\n".to_string();
    }
    let mut table = Table::new(&[right("PRIO"), right("SECONDS"), right("SHARE"), left("WHOSE")]);
    let (idle, ran): (Vec<&TimeInfo>, Vec<_>) = list.iter().partition(|one| one.priority == IDLE);
    for one in ran.into_iter().rev().chain(idle) {
        let of = services.iter().filter(|service| service.priority == one.priority);
        let names: Vec<&str> = of.map(|service| service.name.as_str()).collect();
        let (priority, whose) = match one.priority {
            IDLE => ("idle".to_string(), "nothing runs".to_string()),
            priority => (priority.to_string(), names.join(" ")),
        };
        table.row([priority, seconds(of_ticks(one.ticks)), share(one.ticks, all), whose]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_proto::init::ServiceState;
    use nexus_proto::{Name, Subject, Zero};

    fn time(priority: u8, ticks: u64) -> TimeInfo {
        TimeInfo { next: 0, priority, zero: Zero::ZERO, ticks }
    }

    fn service(name: &str, priority: u8) -> ServiceInfo {
        ServiceInfo {
            next: 0,
            service: Subject { id: 7, incarnation: 1 },
            state: ServiceState::Ready,
            priority,
            zero: Zero::ZERO,
            name: Name::new(name),
        }
    }

    #[test]
    fn the_highest_first_and_idle_last() {
        let services = [service("rngd", 16), service("nsh", 8), service("virtioblkd", 16)];
        let list = [time(8, 10_000_000), time(16, 20_000_000), time(IDLE, 970_000_000)];
        assert_eq!(
            times(&list, &services),
            "\
PRIO  SECONDS   SHARE  WHOSE
  16    2.000   2.0 %  rngd virtioblkd
   8    1.000   1.0 %  nsh
idle   97.000  97.0 %  nothing runs
"
        );
        assert_eq!(times(&[], &services), "nothing was seen to run yet\n");
    }
}
