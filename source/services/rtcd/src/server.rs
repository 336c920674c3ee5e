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
/// What a test run must see once logd knows the time.
const PROOF: &str = "log-clock-set";

/// The service.
#[derive(Debug)]
pub struct Server<B> {
    rtc: Rtc<B>,
    logd: Client<Log>,
    next: Deadline,
    /// logd has taken a time.
    told: bool,
}

impl<B: Bus> Server<B> {
    /// Serves `rtc`. logd is told the time at the first tick, which is at once.
    #[must_use]
    pub fn new(rtc: Rtc<B>, logd: Client<Log>) -> Server<B> {
        Server { rtc, logd, next: Deadline::at(0), told: false }
    }

    fn now(&self) -> Result<Time, RtcError> {
        let unix_ns = self.rtc.read()?;
        Ok(Time { unix_ns, ticks: ticks() })
    }

    fn tell(&mut self) {
        let Time { unix_ns, ticks } = match self.now() {
            Ok(time) => time,
            Err(error) => return warn!("no time to tell the log: {error}"),
        };
        let told = self.logd.call(&SetClock { unix_ns, ticks }, Deadline::after_ms(TELL_MS));
        match told {
            Ok(()) if self.told => {}
            Ok(()) => {
                self.told = true;
                // Only a test run keeps it, and only a test run misses it.
                let _ = nexus_rt::proof(PROOF, 1);
            }
            Err(error) => warn!("the log did not take the time: {error:?}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    use nexus_mmio::fake::{Closures, Device, FakeBus};
    use nexus_proto::log::Request as LogRequest;
    use nexus_proto::rtc::Now;
    use nexus_proto::{Operation, ReplyError, Request as _};
    use nexus_rt::abi::Handle;
    use nexus_rt::host::answer_calls;

    const NOON_NS: u64 = 1_795_348_800 * 1_000_000_000;

    fn server(unix_ns: u64) -> Server<FakeBus<impl Device>> {
        let high = (unix_ns >> 32) as u32;
        let reads = RefCell::new(0);
        // A good clock at the start, whatever it says later.
        let read = move |offset: usize, _: usize| {
            *reads.borrow_mut() += 1;
            let good = *reads.borrow() <= 4;
            match (offset, good) {
                (0, true) => NOON_NS as u32,
                (_, true) => (NOON_NS >> 32) as u32,
                (0, false) => unix_ns as u32,
                (_, false) => high,
            }
        };
        let bus = FakeBus::new(0x1000, Closures(read, |_, _, _| {}));
        Server::new(Rtc::start(bus).unwrap(), Client::new(Handle(1)))
    }

    fn now<B: Bus>(server: &mut Server<B>) -> Result<Time, ReplyError> {
        let reply = ReplyTo::nobody();
        let answer = server.handle(Sender::default(), Now {}.into(), reply);
        Now::decode_reply(&answer.into_message())
    }

    #[test]
    fn answers_what_the_device_says() {
        let time = now(&mut server(NOON_NS + 5)).unwrap();
        assert_eq!(time.unix_ns, NOON_NS + 5);
        assert!(time.ticks <= ticks());
    }

    #[test]
    fn a_broken_clock_is_told_and_not_guessed() {
        let answer = now(&mut server(0));
        assert_eq!(answer, Err(ReplyError::Service(ServiceError::DeviceFailed)));
    }

    #[test]
    fn tells_the_log_at_once_and_then_in_a_while() {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&heard);
        let _answering = answer_calls(move |_, message| {
            let Ok(LogRequest::SetClock(op)) = LogRequest::decode(message) else { panic!() };
            log.borrow_mut().push(op.unix_ns);
            Ok(op.answer(Ok(())))
        });
        let mut server = server(NOON_NS + 5);
        assert!(server.deadline().has_passed());
        server.tick();
        assert_eq!(*heard.borrow(), [NOON_NS + 5]);
        assert!(!server.deadline().has_passed());
    }

    // attack 60 U: logd is gone; rtcd still answers
    #[test]
    fn a_dead_log_does_not_hold_it() {
        let mut server = server(NOON_NS);
        server.tick();
        assert!(!server.deadline().has_passed());
        assert!(now(&mut server).is_ok());
    }
}
