//! The time of each priority.

use alloc::vec::Vec;

use nexus_proto::init::{IDLE, TimeInfo, Times};
use nexus_rt::{Deadline, ticks};

use crate::check::{Check, Failure, ensure};
use crate::context::Context;

/// Milliseconds of work, and then of waiting: each some looks of the kernel long.
const LONG_MS: u64 = 200;

/// Ticks from one look of the kernel to the next, and some in which others run.
const LOOK: u64 = 400_000;

/// The ticks of each priority that ran.
fn times(context: &Context) -> Result<Vec<TimeInfo>, Failure> {
    let mut all: Vec<TimeInfo> = Vec::new();
    let mut cursor = 0;
    loop {
        let info = context.ask(context.init, &Times { cursor })?;
        cursor = u64::from(info.next);
        all.push(info);
        if cursor == 0 {
            break;
        }
    }
    // How many there are is another number in each boot.
    let ran = all.iter().all(|info| info.priority <= IDLE && info.ticks > 0);
    ensure!(ran, "a priority that there is not, or that never ran: {all:?}");
    let in_order = all.is_sorted_by(|one, next| one.priority < next.priority);
    ensure!(in_order, "not from the lowest to the highest, each once: {all:?}");
    Ok(all)
}

/// Ticks of a priority.
fn of(all: &[TimeInfo], priority: u8) -> u64 {
    all.iter().filter(|info| info.priority == priority).map(|info| info.ticks).sum()
}

/// Ticks of all together.
fn sum(all: &[TimeInfo]) -> u64 {
    all.iter().map(|info| info.ticks).sum()
}

/// Who computes is found at its priority, and who waits is not; all together is the time that has passed.
pub(crate) fn looked(context: &Context) -> Check {
    let own = context.own_service()?.priority;
    let (begin, before) = (ticks(), times(context)?);
    let work = Deadline::after_ms(LONG_MS);
    while !work.has_passed() {
        core::hint::spin_loop();
    }
    let worked = times(context)?;
    let passed = ticks() - begin;
    let found = of(&worked, own) - of(&before, own);
    ensure!(found > passed / 2, "of {passed} ticks of work {found} were found");
    let all = sum(&worked) - sum(&before);
    ensure!(all.abs_diff(passed) < 2 * LOOK, "{all} ticks were found, {passed} passed");
    context.waiter.pause(LONG_MS);
    let waited = times(context)?;
    let found = of(&waited, own) - of(&worked, own);
    ensure!(found < passed / 4, "of a wait {found} ticks were found");
    ensure!(of(&waited, IDLE) > of(&worked, IDLE), "nothing ran, and nobody found that");
    Ok(())
}
