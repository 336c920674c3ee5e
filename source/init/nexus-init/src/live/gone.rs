//! What answers for services that are not there any more: a thread for each, which receives at the endpoint
//! that it served.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use nexus_abi::{Error, Handle, Message, Rights};
use nexus_proto::{ServiceError, encode_error};
use nexus_rt::{Deadline, sys, thread};

/// Pages of the stack of such a thread.
const STACK_PAGES: u64 = 4;

/// One service, once it has been gone.
#[derive(Debug)]
struct Answerer {
    service: u32,
    /// Wakes the thread.
    begin: Handle,
    /// What it receives from, derived from the endpoint of the service: revoked to end it.
    endpoint: Arc<AtomicU64>,
}

/// Everybody who has been gone. Its threads stay, and are used again.
#[derive(Debug, Default)]
pub(super) struct Gone(Vec<Answerer>);

impl Gone {
    /// Answers whoever calls `endpoint` from here on.
    ///
    /// # Errors
    /// The kernel has no room for it: whoever calls waits for his deadline.
    pub(super) fn begin(
        &mut self,
        service: u32,
        endpoint: Handle,
        priority: u8,
    ) -> Result<(), Error> {
        let own = sys::cap_derive(endpoint, Rights::RECV, 0, 0)?;
        let answerer = match self.0.iter().position(|one| one.service == service) {
            Some(index) => self.0.get(index),
            None => Some(self.spawn(service, priority)?),
        };
        let Some(answerer) = answerer else { return Err(Error::NoMemory) };
        answerer.endpoint.store(own.0, Ordering::Relaxed);
        sys::signal(answerer.begin, 1)
    }

    fn spawn(&mut self, service: u32, priority: u8) -> Result<&Answerer, Error> {
        let begin = sys::notification_create()?;
        let endpoint = Arc::new(AtomicU64::new(0));
        let own = Arc::clone(&endpoint);
        let thread = thread::spawn(priority, STACK_PAGES, move || answer(begin, &own))?;
        // Nobody needs to name it.
        sys::cap_drop(thread)?;
        self.0.push(Answerer { service, begin, endpoint });
        self.0.last().ok_or(Error::NoMemory)
    }

    /// Answers no more for this service.
    pub(super) fn end(&mut self, service: u32) {
        let Some(answerer) = self.0.iter().find(|one| one.service == service) else { return };
        // The thread holds nothing else: what it waits in ends with it.
        let _ = sys::cap_drop(Handle(answerer.endpoint.swap(0, Ordering::Relaxed)));
    }
}

fn answer(begin: Handle, endpoint: &AtomicU64) {
    let gone = encode_error(ServiceError::Gone);
    while sys::wait(begin, Deadline::NEVER.ticks(), Handle::NONE).is_ok() {
        let from = Handle(endpoint.load(Ordering::Relaxed));
        let mut reply = Handle::NONE;
        loop {
            let received = sys::reply_recv(from, reply, &gone, Deadline::NEVER.ticks());
            reply = match received {
                Ok(received) => {
                    drop_caps(&received.message);
                    received.reply
                }
                // Who called is gone himself.
                Err(_) if reply != Handle::NONE => {
                    let _ = sys::cap_drop(reply);
                    Handle::NONE
                }
                Err(_) => break,
            };
        }
    }
}

fn drop_caps(message: &Message) {
    for cap in message.caps() {
        let _ = sys::cap_drop(cap);
    }
}
