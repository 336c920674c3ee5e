//! Answers what time it is, and tells logd now and then.

use nexus_mmio::Bus;
use nexus_proto::ServiceError;
use nexus_proto::log::{Log, SetClock};
use nexus_proto::rtc::{Request, Rtc as RtcProtocol, Time};
use nexus_rt::abi::Sender;
use nexus_rt::{Answer, Client, Deadline, ReplyTo, Service, ticks, warn};

use crate::device::{Rtc, RtcError};

/// Milliseconds between two times that logd is told.
const TELL_EVERY_MS: u64 = 60_000;
/// Milliseconds that logd has to take one.
const TELL_MS: u64 = 1000;

/// The service.
#[derive(Debug)]
pub struct Server<B> {
    rtc: Rtc<B>,
    logd: Client<Log>,
    next: Deadline,
}

impl<B: Bus> Server<B> {
    /// Serves `rtc`. logd is told the time at the first tick, which is at once.
    #[must_use]
    pub fn new(rtc: Rtc<B>, logd: Client<Log>) -> Server<B> {
        Server { rtc, logd, next: Deadline::at(0) }
    }

    fn now(&self) -> Result<Time, RtcError> {
        let unix_ns = self.rtc.read()?;
        Ok(Time { unix_ns, ticks: ticks() })
    }

    fn tell(&self) {
        let Time { unix_ns, ticks } = match self.now() {
            Ok(time) => time,
            Err(error) => return warn!("no time to tell the log: {error}"),
        };
        let told = self.logd.call(&SetClock { unix_ns, ticks }, Deadline::after_ms(TELL_MS));
        if let Err(error) = told {
            warn!("the log did not take the time: {error:?}");
        }
    }
}

impl<B: Bus> Service for Server<B> {
    type Protocol = RtcProtocol;

    fn handle(&mut self, _: Sender, request: Request, reply: ReplyTo) -> Answer {
        match request {
            Request::Now(op) => {
                reply.answer(&op, self.now().map_err(|_| ServiceError::DeviceFailed))
            }
        }
    }

    fn deadline(&self) -> Deadline {
        self.next
    }

    fn tick(&mut self) {
        self.tell();
        self.next = Deadline::after_ms(TELL_EVERY_MS);
    }
}
