//! The time of each priority: what a look at the timer finds, and who may know.

use crate::common::*;

/// Ticks between two looks, and in place of a priority: nothing runs.
const LOOK: u64 = 310_007;
const IDLE: u64 = 32;

/// Ticks of a priority.
fn of(w: &mut World<'_>, priority: u64) -> u64 {
    let (init, spawn) = (w.init, w.spawn);
    w.time_stat(init, spawn, priority).unwrap()
}

/// Ticks of all of them.
fn all(w: &mut World<'_>) -> Vec<u64> {
    (0..=IDLE).map(|priority| of(w, priority)).collect()
}

/// Time passes; each timer interrupt comes when it is due.
fn pass(w: &mut World<'_>, ticks: u64) {
    let end = w.now() + ticks;
    while w.now() < end {
        let (now, timer) = (w.now(), w.machine().timer);
        w.advance(timer.saturating_sub(now).clamp(1, end - now));
        w.schedule();
    }
}

/// A thread of each of these priorities, and a wait of init's that has set the timer.
fn begun(w: &mut World<'_>, priorities: &[u64]) -> (Handle, Vec<User>) {
    let process = w.process_create(7, 8, 128, Handle::NONE, 0).unwrap();
    let users = priorities.iter().map(|priority| w.thread_in(process, *priority).1).collect();
    let n = w.notification_create(w.init).unwrap();
    let soon = w.now() + 1;
    assert_eq!(w.start(w.init, Syscall::Wait, &[n.0, soon]), Status::Blocked);
    w.advance(1);
    (n, users)
}

/// Init does not run for so many ticks; then it can ask.
fn wait(w: &mut World<'_>, n: Handle, ticks: u64) {
    let end = w.now() + ticks;
    assert_eq!(w.start(w.init, Syscall::Wait, &[n.0, end]), Status::Blocked);
    w.schedule();
}

// attack 108 U: run, and have it given to another priority; each has what it ran; broken: times-unlooked
#[test]
fn the_time_is_that_of_whoever_runs() {
    run(|w| {
        let (n, users) = begun(w, &[10, 20]);
        wait(w, n, 40 * LOOK);
        assert_eq!(w.current(), Some(users[1]));
        pass(w, 10 * LOOK);
        w.start(users[1], Syscall::ThreadExit, &[]);
        assert!(w.schedule());
        assert_eq!(w.current(), Some(users[0]));
        pass(w, 30 * LOOK);
        let (low, high) = (of(w, 10), of(w, 20));
        // The look that comes next after a change gives it all to whom it finds.
        assert!((29 * LOOK..=31 * LOOK).contains(&low), "{low}");
        assert!((9 * LOOK..=11 * LOOK).contains(&high), "{high}");
        assert_eq!((of(w, 11), of(w, IDLE)), (0, 0));
    });
}

/// Work that always begins with an alarm is found as often as it is there: a look comes by its own time.
// attack 108 U: work that begins with an alarm, and is over before the next; found as often as it is there; broken: times-alarms
#[test]
fn work_that_an_alarm_begins_is_found() {
    run(|w| {
        let (n, users) = begun(w, &[10]);
        wait(w, n, 2000 * 100_000);
        let own = w.notification_create(users[0]).unwrap();
        // It works 2 of every 10 ms.
        for _ in 0..2000 {
            pass(w, 20_000);
            let again = w.now() + 80_000;
            w.start(users[0], Syscall::Wait, &[own.0, again]);
            pass(w, 80_000);
        }
        let (busy, idle) = (of(w, 10), of(w, IDLE));
        let share = 1000 * busy / (busy + idle);
        assert!((150..250).contains(&share), "{share}");
    });
}

#[test]
fn the_numbers_together_are_the_time_up_to_the_last_look() {
    run(|w| {
        let start = w.now();
        let (n, users) = begun(w, &[3, 3, 25]);
        wait(w, n, (1..50).sum::<u64>() * 7919);
        for part in 1..50 {
            pass(w, part * 7919);
            if part == 20 {
                w.start(users[2], Syscall::ThreadExit, &[]);
            }
        }
        let passed = w.now() - start;
        let sum: u64 = all(w).iter().sum();
        assert!(passed - LOOK < sum && sum <= passed, "{sum} of {passed}");
        // Asking changes nothing.
        assert_eq!(all(w).iter().sum::<u64>(), sum);
    });
}

/// Looks are no more than one in 31 ms, and none come before anything has set the timer.
#[test]
fn looks_are_few() {
    run(|w| {
        let process = w.process_create(7, 8, 128, Handle::NONE, 0).unwrap();
        w.thread_in(process, 10);
        assert_eq!(w.machine().timer, u64::MAX);
        let (n, _) = begun(w, &[9]);
        wait(w, n, 1000 * LOOK);
        let (mut looks, end) = (0, w.now() + 100 * LOOK);
        while w.now() < end {
            let step = w.machine().timer - w.now();
            w.advance(step);
            looks += 1;
        }
        assert!((99..=101).contains(&looks), "{looks}");
    });
}

// attack 108 U: a process asks for how long others ran, with no capability, with one of another kind, and for no priority; it is told nothing; broken: times-open
#[test]
fn only_who_may_make_processes_is_told() {
    run(|w| {
        let child = w.child(7, 16, 64);
        let n = w.notification_create(child.user).unwrap();
        for (handle, error) in [
            (Handle(77), Error::BadHandle),
            (Handle::NONE, Error::BadHandle),
            (w.spawn, Error::BadHandle),
            (n, Error::WrongKind),
        ] {
            w.refuses(child.user, error, Syscall::TimeStat, &[handle.0, 10]);
        }
        w.refuses(w.init, Error::WrongKind, Syscall::TimeStat, &[w.console.0, 10]);
        for priority in [IDLE + 1, 255, 1 << 32, u64::MAX] {
            w.refuses(w.init, Error::OutOfRange, Syscall::TimeStat, &[w.spawn.0, priority]);
        }
        assert_eq!(of(w, IDLE), 0);
    });
}
