//! `ps` and `mem`.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::init::{EndKind, MemInfo, ServiceInfo, ServiceStat, ServiceState};
use nexus_words::amount::frames;
use nexus_words::ending;
use nexus_words::standing;

use crate::table::{Table, left, right};

/// The services, with what the kernel tells of each, where it could be asked.
#[must_use]
pub fn ps(list: &[(ServiceInfo, Option<ServiceStat>)]) -> String {
    let mut table = Table::new(&[
        right("ID"),
        left("NAME"),
        right("LIFE"),
        right("PRIO"),
        right("MEMORY"),
        right("OF"),
        right("OBJECTS"),
        left("STATE"),
    ]);
    for (info, stat) in list {
        let memory = stat.map_or(("?".into(), "?".into()), |stat| {
            (frames(stat.frames.into()), frames(stat.frames_limit.into()))
        });
        let objects =
            stat.map_or("?".into(), |stat| format!("{}/{}", stat.objects, stat.objects_limit));
        table.row([
            info.service.id.to_string(),
            info.name.as_str().to_string(),
            info.service.incarnation.to_string(),
            info.priority.to_string(),
            memory.0,
            memory.1,
            objects,
            state(info.state, stat.as_ref()),
        ]);
    }
    table.render()
}

fn state(state: ServiceState, stat: Option<&ServiceStat>) -> String {
    match (state, stat) {
        (ServiceState::Ended, Some(stat)) => {
            format!("ended: {}", end(stat.end, stat.code, stat.address, stat.pc))
        }
        _ => standing::service(state).to_string(),
    }
}

/// How a process ended. `code` is its exit code, or the cause of the fault (`scause`).
#[must_use]
pub fn end(kind: EndKind, code: u64, address: u64, pc: u64) -> String {
    match kind {
        EndKind::Fault => format!("{} at {address:#x}, pc {pc:#x}", ending::end(kind, code)),
        _ => ending::end(kind, code),
    }
}

/// Memory and kernel objects: init's own, what it gave, what it has left.
#[must_use]
pub fn mem(info: &MemInfo) -> String {
    let mut table = Table::new(&[
        left("WHAT"),
        right("INIT"),
        right("SERVICES"),
        right("FREE"),
        right("TOTAL"),
    ]);
    let total = |own: u64, given: u64, free: u64| own.saturating_add(given).saturating_add(free);
    table.row([
        "memory".to_string(),
        frames(info.frames),
        frames(info.frames_given),
        frames(info.frames_free),
        frames(total(info.frames, info.frames_given, info.frames_free)),
    ]);
    table.row([
        "objects".to_string(),
        info.objects.to_string(),
        info.objects_given.to_string(),
        info.objects_free.to_string(),
        total(info.objects, info.objects_given, info.objects_free).to_string(),
    ]);
    table.render() + "\nEach service lives within what it was given; `ps` tells how much it uses.\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{columns, width};
    use nexus_proto::init::killed;
    use nexus_proto::{Name, Subject, Zero};

    fn service(
        id: u32,
        name: &str,
        state: ServiceState,
        end: EndKind,
        code: u64,
    ) -> (ServiceInfo, Option<ServiceStat>) {
        let service = Subject { id, incarnation: 1 };
        let name = Name::new(name);
        let info = ServiceInfo { next: 0, service, state, priority: 16, zero: Zero::ZERO, name };
        let stat = ServiceStat {
            service,
            frames: 40,
            frames_limit: 256,
            objects: 21,
            objects_limit: 64,
            state,
            end,
            zero: Zero::ZERO,
            code,
            address: 0x10_0000_0000,
            pc: 0x10_0042,
            root: 0,
        };
        (info, Some(stat))
    }

    #[test]
    fn services_in_a_table() {
        let list = [
            service(7, "rngd", ServiceState::Ready, EndKind::None, 0),
            service(8, "virtioblkd", ServiceState::Ended, EndKind::Exit, 1),
            (service(9, "virtionetd", ServiceState::NotLoaded, EndKind::None, 0).0, None),
        ];
        assert_eq!(
            ps(&list),
            "\
ID  NAME        LIFE  PRIO   MEMORY     OF  OBJECTS  STATE
 7  rngd           1    16  160 KiB  1 MiB    21/64  ready
 8  virtioblkd     1    16  160 KiB  1 MiB    21/64  ended: exit 1
 9  virtionetd     1    16        ?      ?        ?  not loaded
"
        );
    }

    #[test]
    fn the_longest_end_fits() {
        let list = [service(11, "selftest-client", ServiceState::Ended, EndKind::Fault, 12)];
        assert!(ps(&list).lines().all(|line| width(line) <= columns()), "{}", ps(&list));
    }

    #[test]
    fn ends_in_words() {
        assert_eq!(end(EndKind::Exit, 0, 0, 0), "exit 0");
        assert_eq!(end(EndKind::Exit, 0xdead_0001, 0, 0), "panic");
        assert_eq!(end(EndKind::Killed, 7, 0, 0), "killed, code 7");
        assert_eq!(end(EndKind::Killed, killed::ORDERED, 0, 0), "by order");
        assert_eq!(end(EndKind::Killed, killed::UNKNOWN, 0, 0), "nobody knows how");
        assert_eq!(end(EndKind::Killed, killed::LATE, 0, 0), "did not answer");
        assert_eq!(end(EndKind::Killed, killed::STOPPED, 0, 0), "order to stop");
        assert_eq!(end(EndKind::Killed, killed::RESTARTED, 0, 0), "order to restart");
        assert_eq!(
            end(EndKind::Fault, 12, 0x1000, 0x1000),
            "instruction page fault at 0x1000, pc 0x1000"
        );
        assert_eq!(end(EndKind::Fault, 99, 0, 0), "fault 99 at 0x0, pc 0x0");
    }

    #[test]
    fn memory_adds_up() {
        let info = MemInfo {
            frames: 256,
            frames_free: 60_000,
            frames_given: 4864,
            objects: 300,
            objects_free: 7000,
            objects_given: 892,
        };
        assert_eq!(
            mem(&info),
            "WHAT      INIT  SERVICES     FREE    TOTAL
memory   1 MiB    19 MiB  234 MiB  254 MiB
objects    300       892     7000     8192

Each service lives within what it was given; `ps` tells how much it uses.
"
        );
    }
}
