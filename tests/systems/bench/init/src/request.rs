//! What this init is asked.

use bench::measure::{GIVE, LAST_END, TAKE_BACK};
use nexus_abi::Message;
use nexus_proto::init::{Init, Request as Ordinary};
use nexus_proto::{Malformed, Protocol};

/// The protocol of init, and two requests more.
pub(crate) enum Measured {}

impl Protocol for Measured {
    const NUMBER: u16 = Init::NUMBER;
    const NAME: &'static str = "measured init";
    const OPERATIONS: &'static [(u16, &'static str)] = Init::OPERATIONS;
    type Request = Request;
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Request {
    /// One that every init answers.
    Ordinary(Ordinary),
    /// See [`TAKE_BACK`].
    TakeBack,
    /// See [`GIVE`].
    Give,
    /// See [`LAST_END`].
    LastEnd,
}

impl nexus_proto::Request for Request {
    fn decode(message: &Message) -> Result<Request, Malformed> {
        match message.tag.label() {
            TAKE_BACK => Ok(Request::TakeBack),
            GIVE => Ok(Request::Give),
            LAST_END => Ok(Request::LastEnd),
            _ => Ordinary::decode(message).map(Request::Ordinary),
        }
    }

    fn encode(&self) -> Message {
        match self {
            Request::Ordinary(request) => request.encode(),
            Request::TakeBack => Message::new(TAKE_BACK, &[]),
            Request::Give => Message::new(GIVE, &[]),
            Request::LastEnd => Message::new(LAST_END, &[]),
        }
    }
}
