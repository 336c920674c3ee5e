//! How a life ended, and what follows it.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use nexus_proto::init::{EndKind, Last, LifeInfo, ServiceState, killed};
use nexus_rt::entry::exit::PANIC;

use crate::amount::of_ticks;

/// How a life ended, without where. `code` is its exit code, the cause of the fault (`scause`), or the code that
/// whoever ended it gave.
#[must_use]
pub fn end(kind: EndKind, code: u64) -> String {
    match (kind, code) {
        (EndKind::None, _) => "by nobody".to_string(),
        (EndKind::Exit, PANIC) => "panic".to_string(),
        (EndKind::Exit, code) => format!("exit {code}"),
        (EndKind::Killed, killed::UNKNOWN) => "nobody knows how".to_string(),
        (EndKind::Killed, killed::ORDERED) => "by order".to_string(),
        (EndKind::Killed, killed::LATE) => "did not answer".to_string(),
        (EndKind::Killed, killed::STOPPED) => "order to stop".to_string(),
        (EndKind::Killed, killed::RESTARTED) => "order to restart".to_string(),
        (EndKind::Killed, code) => format!("killed, code {code}"),
        (EndKind::Fault, code) => cause(code),
    }
}

/// Exceptions (RISC-V Privileged 1.12, table 4.2).
fn cause(code: u64) -> String {
    let name = match code {
        0 => "misaligned jump",
        1 => "instruction access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "misaligned load",
        5 => "load access fault",
        6 => "misaligned store",
        7 => "store access fault",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store page fault",
        other => return format!("fault {other}"),
    };
    name.to_string()
}

/// When the life begins that follows this one, and that is to begin; `now` is a tick, and `time` says a duration.
#[must_use]
pub fn soon(life: &LifeInfo, now: u64, time: impl Fn(Duration) -> String) -> String {
    match life.again.saturating_sub(now) {
        0 if life.again == 0 => "once policyd and logd run".to_string(),
        0 => "now".to_string(),
        ticks => format!("in {}", time(of_ticks(ticks))),
    }
}

/// When the next life begins, or why none does, by the words of `why`; nothing for one that lives.
#[must_use]
pub fn next(
    life: &LifeInfo,
    now: u64,
    time: impl Fn(Duration) -> String,
    why: impl Fn(Last) -> &'static str,
) -> Option<String> {
    match (life.state, life.last) {
        (ServiceState::Restarting, _) => Some(soon(life, now, time)),
        (_, Last::None) => None,
        (_, last) => Some(format!("none: {}", why(last))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::brief;
    use nexus_proto::{Subject, Zero};

    fn life(state: ServiceState, last: Last, again: u64) -> LifeInfo {
        LifeInfo {
            next: 0,
            lives: 2,
            service: Subject { id: 7, incarnation: 2 },
            state,
            end: EndKind::Exit,
            last,
            zero: Zero::ZERO,
            deaths: 1,
            code: 0,
            since: 0,
            again,
        }
    }

    #[test]
    fn ends() {
        for (kind, code, text) in [
            (EndKind::Exit, 0, "exit 0"),
            (EndKind::Exit, PANIC, "panic"),
            (EndKind::Fault, 13, "load page fault"),
            (EndKind::Fault, 14, "fault 14"),
            (EndKind::Killed, 2, "did not answer"),
            (EndKind::Killed, 99, "killed, code 99"),
            (EndKind::None, 0, "by nobody"),
        ] {
            assert_eq!(end(kind, code), text);
        }
    }

    #[test]
    fn what_follows() {
        let tell = |life: LifeInfo| next(&life, 100, brief, Last::text);
        let restarting = |again| tell(life(ServiceState::Restarting, Last::None, again));
        assert_eq!(restarting(0).unwrap(), "once policyd and logd run");
        assert_eq!(restarting(100).unwrap(), "now");
        assert_eq!(restarting(100 + 25_000_000).unwrap(), "in 2 s");
        assert_eq!(tell(life(ServiceState::Ready, Last::None, 0)), None);
        let over = tell(life(ServiceState::Ended, Last::Never, 0)).unwrap();
        assert_eq!(over, "none: it is started once");
    }
}
