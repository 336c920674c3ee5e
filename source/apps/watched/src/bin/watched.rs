//! A service that does as it is told.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

use core::convert::Infallible;

use nexus_abi::{Handle, Message, NO_DEADLINE, Sender};
use nexus_rt::{Answer, Deadline, ReplyTo, Service, StartError, entry, run, startup, sys, ticks};
use watched::{Told, Watched};

nexus_rt::entry!(main);

/// Exit code of a service that was told to end.
const TOLD: u64 = 3;
/// Ticks between two looks at the clock that show that somebody else has run.
const JUMP: u64 = 1000;

fn main() -> Result<Infallible, StartError> {
    Err(StartError::Kernel(run(startup().serve()?, &mut Obedient::default())))
}

#[derive(Default)]
struct Obedient {
    /// From which tick to which it runs.
    burns: Option<(u64, u64)>,
}

impl Service for Obedient {
    type Protocol = Watched;

    fn handle(&mut self, _: Sender, told: Told, reply: ReplyTo) -> Answer {
        let block = startup().block();
        let ms = block.timebase_hz / 1000;
        let answer = Message::new(0, &[u64::from(block.incarnation)]);
        match told {
            Told::Answer => {}
            Told::End => entry::end(TOLD),
            Told::Loop => loop {
                core::hint::spin_loop();
            },
            Told::Wait => wait(),
            Told::Run(own) => run_for(own * ms),
            Told::Burn(after, more) => {
                let from = ticks() + after * ms;
                self.burns = Some((from, from + more * ms));
            }
        }
        reply.message(answer)
    }

    fn deadline(&self) -> Deadline {
        self.burns.map_or(Deadline::NEVER, |(from, _)| Deadline::at(from))
    }

    fn tick(&mut self) {
        if let Some((_, until)) = self.burns.take() {
            while ticks() < until {
                spin();
            }
        }
    }
}

/// Waits for what nobody signals.
fn wait() {
    if let Ok(never) = sys::notification_create() {
        let _ = sys::wait(never, NO_DEADLINE, Handle::NONE);
    }
}

/// Runs for so many ticks of its own.
fn run_for(own: u64) {
    let (mut had, mut last) = (0, ticks());
    while had < own {
        spin();
        let now = ticks();
        let passed = now.wrapping_sub(last);
        had += if passed < JUMP { passed } else { 0 };
        last = now;
    }
}

/// Runs for a little: a look at the clock takes more.
fn spin() {
    for _ in 0..1024 {
        core::hint::spin_loop();
    }
}
