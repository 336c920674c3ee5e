//! Starts the first thread of each service. Init serves below some of them, and the kernel lets nobody start a
//! thread above itself: a thread of init at the highest priority does it.

use nexus_abi::{Error, Handle, Message, STACK_TOP, STARTUP_VA};
use nexus_rt::{Deadline, child, sys, thread};

use super::watch::ABOVE_ALL;

/// Pages of the stack of that thread.
const STACK_PAGES: u64 = 4;

/// That thread, as the rest of init sees it.
#[derive(Debug)]
pub(super) struct Starter {
    /// What it receives at.
    endpoint: Handle,
}

impl Starter {
    /// Starts the thread. Called by one of the highest priority.
    ///
    /// # Errors
    /// As `endpoint_create` and `thread_create`.
    pub(super) fn new() -> Result<Starter, Error> {
        let endpoint = sys::endpoint_create()?;
        let thread = thread::spawn(ABOVE_ALL, STACK_PAGES, move || serve(endpoint))?;
        // Nobody needs to name it.
        sys::cap_drop(thread)?;
        Ok(Starter { endpoint })
    }

    /// Starts a thread of `process` at `entry`, with the stack and the startup block that every service has.
    ///
    /// # Errors
    /// As `thread_create`.
    pub(super) fn start(&self, process: Handle, entry: u64, priority: u8) -> Result<(), Error> {
        let ask = Message::new(0, &[process.0, entry, priority.into()]);
        let answer = sys::call(self.endpoint, &ask, Deadline::NEVER.ticks())?;
        match answer.message.tag.label() {
            0 => Ok(()),
            code => Err(Error::from_code(code.into()).unwrap_or(Error::BadState)),
        }
    }
}

/// Only init holds the endpoint, and asks as [`Starter::start`] does.
fn serve(endpoint: Handle) {
    let mut answer = Message::default();
    let mut reply = Handle::NONE;
    // It fails only when the asker, or the endpoint, is gone: both are init.
    while let Ok(asked) = sys::reply_recv(endpoint, reply, &answer, Deadline::NEVER.ticks()) {
        let [process, entry, priority, ..] = asked.message.words;
        let code = match start(Handle(process), entry, priority) {
            Ok(()) => 0,
            Err(error) => error.code(),
        };
        answer = Message::new(u32::try_from(code).unwrap_or(u32::MAX), &[]);
        reply = asked.reply;
    }
}

fn start(process: Handle, entry: u64, priority: u64) -> Result<(), Error> {
    let priority = u8::try_from(priority).map_err(|_| Error::BadArgument)?;
    let thread = child::start(process, entry, STACK_TOP, STARTUP_VA, priority)?;
    // Its process is what counts.
    sys::cap_drop(thread)
}
