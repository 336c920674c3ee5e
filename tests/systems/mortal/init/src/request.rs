//! What this init is asked.

use mortal::ask::{END, FATE, Fate, KILL, LOOK, Next, OLD, SECOND, START};
use nexus_abi::Message;
use nexus_proto::init::{Init, Request as Ordinary};
use nexus_proto::{Malformed, Protocol};

/// The protocol of init, and seven requests more.
pub(crate) enum Again {}

impl Protocol for Again {
    const NUMBER: u16 = Init::NUMBER;
    const NAME: &'static str = "init that starts again";
    const OPERATIONS: &'static [(u16, &'static str)] = Init::OPERATIONS;
    type Request = Request;
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Request {
    /// One that every init answers.
    Ordinary(Ordinary),
    /// See [`FATE`].
    Fate,
    /// See [`KILL`].
    Kill,
    /// See [`START`].
    Start(Next),
    /// See [`END`].
    End,
    /// See [`SECOND`].
    Second,
    /// See [`OLD`].
    Old,
    /// See [`LOOK`].
    Look,
}

impl nexus_proto::Request for Request {
    fn decode(message: &Message) -> Result<Request, Malformed> {
        match message.tag.label() {
            FATE => Ok(Request::Fate),
            KILL => Ok(Request::Kill),
            START => {
                let none = Next { fate: Fate::NONE, followed: false };
                Ok(Request::Start(Next::of(message).unwrap_or(none)))
            }
            END => Ok(Request::End),
            SECOND => Ok(Request::Second),
            OLD => Ok(Request::Old),
            LOOK => Ok(Request::Look),
            _ => Ordinary::decode(message).map(Request::Ordinary),
        }
    }

    fn encode(&self) -> Message {
        match self {
            Request::Ordinary(request) => request.encode(),
            Request::Fate => Message::new(FATE, &[]),
            Request::Kill => Message::new(KILL, &[]),
            Request::Start(next) => Message::new(START, &next.words()),
            Request::End => Message::new(END, &[]),
            Request::Second => Message::new(SECOND, &[]),
            Request::Old => Message::new(OLD, &[]),
            Request::Look => Message::new(LOOK, &[]),
        }
    }
}
