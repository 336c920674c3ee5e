use super::*;
use crate::fixture::{SECOND, life, names};
use crate::table::{columns, width};
use nexus_proto::init::killed;

fn ended(service: u32, state: ServiceState, last: Last) -> LifeInfo {
    let code = 3;
    LifeInfo { end: EndKind::Exit, code, last, deaths: 8, ..life(service, 8, state) }
}

fn pausing(service: u32) -> LifeInfo {
    let again = SECOND + SECOND / 100 * 8;
    let code = 13;
    let pausing = life(service, 4, ServiceState::Restarting);
    LifeInfo { end: EndKind::Fault, code, deaths: 4, again, ..pausing }
}

#[test]
fn how_the_services_live() {
    let code = killed::ORDERED;
    let list = [
        life(1, 1, ServiceState::Started),
        LifeInfo { end: EndKind::Killed, code, ..life(2, 3, ServiceState::Started) },
        LifeInfo { since: SECOND / 2, ..pausing(7) },
        ended(8, ServiceState::GivenUp, Last::TooOften),
        LifeInfo { again: 0, ..pausing(5) },
        LifeInfo { code, end: EndKind::Killed, ..ended(9, ServiceState::Stopped, Last::Stopped) },
    ];
    assert_eq!(
        services(&list, SECOND, &names()),
        "\
SERVICE     LIVES  DEATHS  STATE          FOR  LAST END         NEXT LIFE
init            1       0  running        1 s
policyd         3       0  running        1 s  by order
rngd            4       4  restarting  500 ms  load page fault  in 80 ms
virtioblkd      8       8  given up       1 s  exit 3           none: too often
rtcd            4       4  restarting     1 s  load page fault  waits
virtionetd      8       8  stopped        1 s  by order         none: by order
"
    );
}

#[test]
fn every_state_fits_the_terminal_and_no_number_is_cut() {
    for state in ServiceState::ALL {
        for last in Last::ALL {
            for code in 0..16 {
                let end = EndKind::Fault;
                let one = LifeInfo { end, code, lives: u32::MAX, ..ended(8, *state, *last) };
                let text = services(&[one], u64::MAX / 2, &names());
                assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
                assert!(text.contains(&u32::MAX.to_string()), "{text}");
            }
        }
    }
}

#[test]
fn what_came_of_an_order() {
    let told = |lives: u32, life: LifeInfo| {
        let before = crate::fixture::life(7, lives, ServiceState::Ready);
        ordered(&before, &life, SECOND, &names())
    };
    assert_eq!(told(2, life(7, 3, ServiceState::Ready)), "rngd is ready in life 3\n");
    assert_eq!(told(2, life(7, 3, ServiceState::Started)), "rngd is running in life 3\n");
    assert_eq!(
        told(2, life(7, 3, ServiceState::Failed)),
        "rngd cannot work in life 3; `log rngd` tells why\n"
    );
    assert_eq!(
        told(3, life(7, 3, ServiceState::Ready)),
        "rngd has not ended yet; `services` tells how it goes on\n"
    );
    assert_eq!(told(4, pausing(7)), "rngd does not run; it is started again in 80 ms\n");
    assert_eq!(
        told(8, ended(7, ServiceState::Stopped, Last::Stopped)),
        "rngd is stopped; `restart rngd` starts it again\n"
    );
    assert_eq!(
        told(8, ended(7, ServiceState::GivenUp, Last::NoDevice)),
        "rngd has ended, and is not started again: a device that it needs could not be\n\
         given to it again; `why rngd` tells more\n"
    );
}

#[test]
fn an_order_is_over_when_the_next_life_works_or_none_comes() {
    let before = life(7, 2, ServiceState::Ready);
    let is = |lives, state, owner| is_over(&before, &life(7, lives, state), owner);
    assert!(!is(2, ServiceState::Ready, true), "it has not ended yet");
    assert!(!is(2, ServiceState::Started, false));
    let pausing = LifeInfo { again: SECOND, ..life(7, 2, ServiceState::Restarting) };
    assert!(!is_over(&before, &pausing, true));
    assert!(is(2, ServiceState::Restarting, true), "it waits for somebody else");
    assert!(!is(3, ServiceState::Started, true), "an owner tells when it is ready");
    assert!(is(3, ServiceState::Started, false));
    assert!(is(3, ServiceState::Ready, true));
    assert!(is(3, ServiceState::Failed, true));
    for state in [ServiceState::Ended, ServiceState::Stopped, ServiceState::GivenUp] {
        assert!(is(2, state, true), "{state:?}");
    }
}

#[test]
fn an_order_that_cannot_be_followed_says_what_can_be_done() {
    let told = |order, life: LifeInfo, error| not_ordered(order, &life, error, SECOND, &names());
    let stopped = ended(7, ServiceState::Stopped, Last::Stopped);
    assert_eq!(
        told(Order::Stop, stopped, ServiceError::BadState),
        "rngd does not run: somebody had it stopped; `why rngd` tells more\n"
    );
    assert_eq!(
        told(Order::Kill, pausing(7), ServiceError::BadState),
        "rngd does not run; it is started again in 80 ms, or never after `stop rngd`\n"
    );
    assert_eq!(
        told(Order::Restart, life(11, 1, ServiceState::Started), ServiceError::NotSupported),
        "service 11 is started once, as its service file says, and never again; `reboot`\n\
         starts all anew\n"
    );
    assert_eq!(
        told(Order::Kill, life(1, 1, ServiceState::Started), ServiceError::BadState),
        "init never ends: nothing would be started without it; `reboot` starts all anew\n"
    );
    assert_eq!(
        told(Order::Kill, life(7, 1, ServiceState::Ready), ServiceError::Denied),
        "init refuses: this shell lacks the permission `supervise`: `asks` in its service\n\
         file, and a line for it in policy.toml, give it\n"
    );
    assert_eq!(
        told(Order::Restart, life(7, 0, ServiceState::Waiting), ServiceError::BadState),
        "rngd was never started; `why rngd` tells why\n"
    );
    assert_eq!(no_service(42), "there is no service 42; `services` lists them\n");
    assert!(needed(4, &names()).starts_with("without consoled nobody can type any more:"));
}
