//! Payloads to and from kernel messages.

use core::fmt::Debug;

use nexus_abi::{Handle, Message, Tag};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::Wire;

/// What a message carries: whole words, at most eight, in a fixed layout.
pub trait Payload:
    Wire + TryFromBytes + IntoBytes + Immutable + KnownLayout + Copy + Debug + PartialEq
{
    /// Words that it takes, 0 to 8. A payload of another size does not compile.
    const WORDS: u8 = {
        assert!(size_of::<Self>() <= 64, "a payload is at most 64 bytes");
        assert!(size_of::<Self>().is_multiple_of(8), "a payload is whole words");
        (size_of::<Self>() / 8) as u8
    };
}

impl Payload for () {}
impl Payload for crate::Text {}

/// One operation of a protocol; implemented by its request.
pub trait Operation: Payload {
    /// The protocol that it belongs to.
    type Protocol: Protocol;
    /// What the server answers.
    type Reply: Payload;
    /// Label of the request.
    const LABEL: u32;
    /// Name of the operation.
    const NAME: &'static str;
    /// To be asked twice is the same as once, so that whoever asked a server that ended meanwhile, and cannot
    /// know whether it was done, asks the next life of it.
    const AGAIN: bool;

    /// The request as a message.
    #[inline]
    fn encode(&self) -> Message {
        encode_payload(Self::LABEL, self)
    }

    /// The answer to this request as a message.
    #[inline]
    fn answer(&self, result: Result<Self::Reply, ServiceError>) -> Message {
        match result {
            Ok(reply) => encode_payload(0, &reply),
            Err(error) => encode_error(error),
        }
    }

    /// What the server's message says.
    ///
    /// # Errors
    /// The server's refusal, or that the message is no answer to this operation.
    #[inline]
    fn decode_reply(message: &Message) -> Result<Self::Reply, ReplyError> {
        match message.tag.label() {
            0 => decode_payload(message).map_err(ReplyError::Malformed),
            code if message.tag.words() == 0 && message.tag.caps() == 0 => {
                Err(ServiceError::from_code(code)
                    .map_or(ReplyError::Malformed(Malformed::Label), ReplyError::Service))
            }
            _ => Err(ReplyError::Malformed(Malformed::Length)),
        }
    }
}

/// Any request of one protocol.
pub trait Request: Copy + Debug + PartialEq {
    /// What a message asks.
    ///
    /// # Errors
    /// Which part of the message is not as the protocol says.
    fn decode(message: &Message) -> Result<Self, Malformed>;

    /// The request as a message.
    fn encode(&self) -> Message;
}

/// A protocol; implemented by its marker type.
pub trait Protocol {
    /// Its number: the high half of every label.
    const NUMBER: u16;
    /// Its name.
    const NAME: &'static str;
    /// Number and name of each operation.
    const OPERATIONS: &'static [(u16, &'static str)];
    /// Any request of it.
    type Request: Request;
}

/// Why a message is not what a protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The label names no operation of the protocol, or no status.
    Label,
    /// Too few or too many words, or a capability where none belongs.
    Length,
    /// A field has no such value: unknown code, bytes past the length, or padding that is not
    /// zero.
    Value,
}

codes! {
    /// Why a server refused a request.
    pub enum ServiceError: u32 {
        /// The server knows the operation and does not offer it.
        1 NotSupported,
        /// The sender lacks the permission that the operation needs.
        2 Denied,
        /// The request could not be decoded, or its fields contradict each other.
        3 Malformed,
        /// No service has this id.
        4 NoSuchService,
        /// No device has this number.
        5 NoSuchDevice,
        /// There is no item with this number, or no further one.
        6 NotFound,
        /// Someone else holds what was asked for.
        7 Busy,
        /// A service that is needed for the answer does not answer.
        8 Unavailable,
        /// No room.
        9 Full,
        /// It did not happen within the time given.
        10 TimedOut,
        /// The device did not do what was asked.
        11 DeviceFailed,
        /// The server is not in the state that the operation needs.
        12 BadState,
        /// A number is outside its range.
        13 OutOfRange,
        /// The service is gone, and is not started again by itself.
        14 Gone,
    }
}

/// Why there is no typed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// The server refused.
    Service(ServiceError),
    /// The message is no answer to this request.
    Malformed(Malformed),
}

/// A message with `payload` under `label`.
#[inline]
#[must_use]
pub fn encode_payload<T: Payload>(label: u32, payload: &T) -> Message {
    let mut words = [0; nexus_abi::WORDS];
    for (to, from) in words.as_mut_bytes().iter_mut().zip(payload.as_bytes()) {
        *to = *from;
    }
    Message { tag: Tag::new(label, T::WORDS, 0), words }
}

/// A message with `payload`, and with capabilities in its last words: at most four, and no more than
/// there is room for.
#[must_use]
pub fn encode_with_caps<T: Payload, const CAPS: usize>(
    label: u32,
    payload: &T,
    caps: [Handle; CAPS],
) -> Message {
    const { assert!(CAPS <= 4 && T::WORDS as usize + CAPS <= nexus_abi::WORDS, "no room") };
    let mut message = encode_payload(label, payload);
    for (word, cap) in message.words.iter_mut().rev().zip(caps.iter().rev()) {
        *word = cap.0;
    }
    message.tag = Tag::new(label, nexus_abi::WORDS as u8, CAPS as u8);
    message
}

/// The payload of a message that carries exactly so many capabilities, and these.
///
/// # Errors
/// `Length` or `Value`. Whoever received the message still has what it carried.
pub fn decode_with_caps<T: Payload, const CAPS: usize>(
    message: &Message,
) -> Result<(T, [Handle; CAPS]), Malformed> {
    const { assert!(CAPS <= 4 && T::WORDS as usize + CAPS <= nexus_abi::WORDS, "no room") };
    let mut carried = message.caps();
    let caps = core::array::from_fn(|_| carried.next().unwrap_or(Handle::NONE));
    let whole = message.tag.words() == nexus_abi::WORDS as u64;
    if !whole || message.tag.caps() != CAPS as u64 {
        return Err(Malformed::Length);
    }
    let between = message.words.iter().skip(usize::from(T::WORDS)).rev().skip(CAPS);
    if between.into_iter().any(|word| *word != 0) {
        return Err(Malformed::Value);
    }
    let plain = Message { tag: Tag::new(message.tag.label(), T::WORDS, 0), ..*message };
    decode_payload(&plain).map(|payload| (payload, caps))
}

/// A refusal as a message.
#[inline]
#[must_use]
pub fn encode_error(error: ServiceError) -> Message {
    encode_payload(error.code(), &())
}

/// The payload of a message, whatever its label.
///
/// # Errors
/// `Length` or `Value`.
#[inline]
pub fn decode_payload<T: Payload>(message: &Message) -> Result<T, Malformed> {
    if message.tag.words() != u64::from(T::WORDS) || message.tag.caps() != 0 {
        return Err(Malformed::Length);
    }
    let (payload, _) =
        T::try_read_from_prefix(message.words.as_bytes()).map_err(|_| Malformed::Value)?;
    if payload.is_canonical() { Ok(payload) } else { Err(Malformed::Value) }
}

/// The payload that `bytes` begin with, and the bytes behind it; `None` when they are too few, or a field has
/// no such value. For what lies in memory and is no message.
#[must_use]
pub fn read_payload<T: Payload>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (payload, rest) = T::try_read_from_prefix(bytes).ok()?;
    payload.is_canonical().then_some((payload, rest))
}
