//! What this init is asked.

use faults::ask::{ENDED, LIFE, Life, VALUES};
use nexus_abi::Message;
use nexus_proto::init::{Init, Request as Ordinary};
use nexus_proto::{Malformed, Protocol};

/// The protocol of init, and three requests more.
pub(crate) enum Faults {}

impl Protocol for Faults {
    const NUMBER: u16 = Init::NUMBER;
    const NAME: &'static str = "init that starts drivers with faults";
    const OPERATIONS: &'static [(u16, &'static str)] = Init::OPERATIONS;
    type Request = Request;
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Request {
    /// One that every init answers.
    Ordinary(Ordinary),
    /// See [`LIFE`].
    Life(Life),
    /// See [`ENDED`].
    Ended,
    /// See [`VALUES`].
    Values,
}

impl nexus_proto::Request for Request {
    fn decode(message: &Message) -> Result<Request, Malformed> {
        match message.tag.label() {
            LIFE => Life::of(message).map(Request::Life).ok_or(Malformed::Value),
            ENDED => Ok(Request::Ended),
            VALUES => Ok(Request::Values),
            _ => Ordinary::decode(message).map(Request::Ordinary),
        }
    }

    fn encode(&self) -> Message {
        match self {
            Request::Ordinary(request) => request.encode(),
            Request::Life(life) => Message::new(LIFE, &life.words()),
            Request::Ended => Message::new(ENDED, &[]),
            Request::Values => Message::new(VALUES, &[]),
        }
    }
}
