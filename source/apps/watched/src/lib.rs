//! What a service of the system `restart` is told to do.
#![no_std]
#![forbid(unsafe_code)]

use nexus_abi::Message;
use nexus_proto::{Malformed, Protocol};

/// Its protocol.
pub enum Watched {}

impl Protocol for Watched {
    const NUMBER: u16 = 0x7f01;
    const NAME: &'static str = "watched";
    const OPERATIONS: &'static [(u16, &'static str)] = &[];
    type Request = Told;
}

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// To answer with its incarnation.
    Answer,
    /// To end without an answer, with exit code 3.
    End,
    /// To loop for ever.
    Loop,
    /// To wait for ever for what never comes.
    Wait,
    /// To run for so many milliseconds of its own, and then to answer.
    Run(u64),
    /// To answer, and to run from so many milliseconds later on until so many more have passed.
    Burn(u64, u64),
}

const BASE: u32 = 0x7f01_0000;

impl nexus_proto::Request for Told {
    fn decode(message: &Message) -> Result<Told, Malformed> {
        let [ms, more, ..] = message.words;
        match message.tag.label().wrapping_sub(BASE) {
            1 => Ok(Told::Answer),
            2 => Ok(Told::End),
            3 => Ok(Told::Loop),
            4 => Ok(Told::Wait),
            5 => Ok(Told::Run(ms)),
            6 => Ok(Told::Burn(ms, more)),
            _ => Err(Malformed::Label),
        }
    }

    fn encode(&self) -> Message {
        let (label, ms, more) = match *self {
            Told::Answer => (1, 0, 0),
            Told::End => (2, 0, 0),
            Told::Loop => (3, 0, 0),
            Told::Wait => (4, 0, 0),
            Told::Run(ms) => (5, ms, 0),
            Told::Burn(ms, more) => (6, ms, more),
        };
        Message::new(BASE + label, &[ms, more])
    }
}
