//! The thread that asks services whether they still answer, above all of them, and those that measure the
//! time of who does not.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nexus_abi::{Error, Handle, NO_DEADLINE};
use nexus_rt::{sys, thread, ticks};
use nexus_sysdesc::Description;

use crate::watch::{ASKED, Act, Heard, LATE, Watched};

/// Pages of the stacks of these threads.
const STACK_PAGES: u64 = 4;
/// Services are asked by a thread above all.
pub(super) const ABOVE_ALL: u8 = 31;

/// What init tells the thread of a service.
#[derive(Debug, Default)]
struct Told {
    /// The process of the life that runs; 0 for none.
    process: AtomicU64,
    /// The notification by which it is asked.
    asked_by: AtomicU64,
}

/// A service that has to answer.
#[derive(Debug)]
struct Service {
    id: u32,
    priority: u8,
    within: u64,
    told: Arc<Told>,
}

/// Every service that has to answer, in the order of the description.
#[derive(Debug)]
pub(super) struct Watch {
    services: Vec<Service>,
    /// Ticks between two looks at the clock that show that somebody else has run.
    jump: u64,
    /// What services answer to, and what wakes the thread.
    answers: Handle,
}

impl Watch {
    /// Of the services of this description that say within which time they answer.
    ///
    /// # Errors
    /// As `notification_create`.
    pub(super) fn new(description: &Description, timebase_hz: u64) -> Result<Watch, Error> {
        let all = description.services.iter();
        let services = all.filter_map(|service| {
            let within = u64::from(service.answers_within?) * timebase_hz.div_ceil(1000);
            let (id, priority) = (service.id, service.priority);
            Some(Service { id, priority, within, told: Arc::default() })
        });
        let (services, jump) = (services.collect(), timebase_hz.div_ceil(JUMPS));
        Ok(Watch { services, jump, answers: sys::notification_create()? })
    }

    /// What a service answers to: the notification, and its bit; `None` for one that need not.
    pub(super) fn answer(&self, service: u32) -> Option<(Handle, u64)> {
        let place = self.services.iter().position(|one| one.id == service)?;
        Some((self.answers, answer_bit(place)))
    }

    /// From here on this process is watched, which is asked by this notification.
    pub(super) fn begin(&self, service: u32, process: Handle, asked_by: Handle) {
        let Some(one) = self.services.iter().find(|one| one.id == service) else { return };
        one.told.asked_by.store(asked_by.0, Ordering::Relaxed);
        one.told.process.store(process.0, Ordering::Relaxed);
        // It is woken to set the time of the first question; if it cannot be, it looks later.
        let _ = sys::signal(self.answers, LOOK);
    }

    /// No process of this service is watched any more.
    pub(super) fn end(&self, service: u32) {
        let Some(one) = self.services.iter().find(|one| one.id == service) else { return };
        one.told.process.store(0, Ordering::Relaxed);
        // As above.
        let _ = sys::signal(self.answers, LOOK);
    }

    /// Starts the thread. Called by one of the highest priority.
    ///
    /// # Errors
    /// As `thread_create`.
    pub(super) fn start(&self) -> Result<(), Error> {
        if self.services.is_empty() {
            return Ok(());
        }
        let posts = self.services.iter().map(|one| Post {
            watched: Watched::new(one.within),
            priority: one.priority,
            within: one.within,
            jump: self.jump,
            told: Arc::clone(&one.told),
            clock: None,
        });
        let (mut posts, answers): (Vec<Post>, _) = (posts.collect(), self.answers);
        let thread = thread::spawn(ABOVE_ALL, STACK_PAGES, move || watch(&mut posts, answers))?;
        // Nobody needs to name it.
        sys::cap_drop(thread)
    }
}

/// Something has changed.
const LOOK: u64 = 1 << 63;

/// The bit of the service at this place: a description has fewer services than there are others.
const fn answer_bit(place: usize) -> u64 {
    1 << place
}

/// One service, as the thread sees it.
struct Post {
    watched: Watched,
    priority: u8,
    within: u64,
    jump: u64,
    told: Arc<Told>,
    /// What measures its time, once it was needed.
    clock: Option<Clock>,
}

fn watch(posts: &mut [Post], answers: Handle) {
    loop {
        let deadline = posts.iter().map(|post| post.watched.deadline()).min();
        let bits = match sys::wait(answers, deadline.unwrap_or(NO_DEADLINE), Handle::NONE) {
            Ok(bits) => bits,
            Err(Error::TimedOut) => 0,
            // Nobody watches any more, and nobody is ended for it.
            Err(_) => return,
        };
        for (place, post) in posts.iter_mut().enumerate() {
            post.look(place, bits, answers);
        }
    }
}

impl Post {
    fn look(&mut self, place: usize, bits: u64, answers: Handle) {
        let heard = Heard {
            answer: bits & answer_bit(place) != 0,
            time_out: self.clock.as_ref().is_some_and(|clock| clock.spin.take_over()),
        };
        let process = Handle(self.told.process.load(Ordering::Relaxed));
        match self.watched.look(process, ticks(), heard) {
            Act::Nothing => {}
            Act::Ask => {
                let asked_by = Handle(self.told.asked_by.load(Ordering::Relaxed));
                // Whoever cannot be asked does not answer.
                let _ = sys::signal(asked_by, ASKED);
            }
            Act::Measure => self.measure(answers),
            Act::Stop => {
                if let Some(clock) = &self.clock {
                    clock.spin.stop();
                }
            }
            Act::End => {
                // It fails only when the process has ended.
                let _ = sys::process_end(process, LATE);
            }
        }
    }

    fn measure(&mut self, answers: Handle) {
        if self.clock.is_none() {
            // Without a clock nobody is ended: better a service that hangs than one that load kills.
            self.clock = Clock::new(self, answers).ok();
        }
        if let Some(clock) = &self.clock {
            clock.spin.begin();
            // It fails only when it is gone.
            let _ = sys::signal(clock.begin, 1);
        }
    }
}

/// A thread of the priority of a service, which uses time up.
struct Clock {
    begin: Handle,
    spin: Arc<Spin>,
}

/// How far it is.
#[derive(Debug, Default)]
struct Spin {
    stopped: AtomicBool,
    over: AtomicBool,
}

impl Spin {
    fn begin(&self) {
        self.stopped.store(false, Ordering::Relaxed);
        self.over.store(false, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// True once after the time is used up.
    fn take_over(&self) -> bool {
        self.over.swap(false, Ordering::Relaxed)
    }
}

impl Clock {
    fn new(post: &Post, answers: Handle) -> Result<Clock, Error> {
        let Post { priority, within, jump, .. } = *post;
        let begin = sys::notification_create()?;
        let spin = Arc::new(Spin::default());
        let own = Arc::clone(&spin);
        let thread = thread::spawn(priority, STACK_PAGES, move || {
            while sys::wait(begin, NO_DEADLINE, Handle::NONE).is_ok() {
                run_for(within, jump, &own);
                if !own.stopped.load(Ordering::Relaxed) {
                    own.over.store(true, Ordering::Relaxed);
                    // Nobody to tell when it fails.
                    let _ = sys::signal(answers, LOOK);
                }
            }
        })?;
        // Nobody needs to name it.
        sys::cap_drop(thread)?;
        Ok(Clock { begin, spin })
    }
}

/// Runs until it has run for so many ticks. While something above it runs, the clock is seen to jump: that
/// is not counted, nor are the turns of its equals, of whom the service is one.
fn run_for(within: u64, jump: u64, spin: &Spin) {
    let (mut had, mut last) = (0u64, ticks());
    while had < within && !spin.stopped.load(Ordering::Relaxed) {
        for _ in 0..SPINS {
            core::hint::spin_loop();
        }
        let now = ticks();
        let passed = now.wrapping_sub(last);
        if passed < jump {
            had = had.saturating_add(passed);
        }
        last = now;
    }
}

/// Turns of the loop between two looks at the clock, which cost more than a turn on many machines.
const SPINS: u32 = 256;
/// So many jumps make a second: who has not looked for 0.1 ms has not run all the time.
const JUMPS: u64 = 10_000;
