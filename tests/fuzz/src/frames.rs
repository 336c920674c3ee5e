//! Bytes as messages that a service receives.
//!
//! One message: a byte for the sender (service id in the low half, incarnation in the high half), a
//! byte as the low byte of the tag (words and capabilities), two bytes of label, and eight bytes
//! for each word. With bit 15 of the label two more bytes are its high half, else that is the
//! number of the service's protocol.

use nexus_abi::{Handle, Message, Received, Sender, Tag, WORDS};

use crate::input::Input;

/// Most messages of one input.
const MOST: usize = 96;
/// In the low half of a label: the high half follows.
const FOREIGN: u16 = 1 << 15;

/// The messages in `input`, each with a reply capability of its own, from 1000.
pub fn read(protocol: u16, mut input: Input<'_>) -> Vec<Received> {
    let mut frames = Vec::new();
    while !input.is_empty() && frames.len() < MOST {
        let reply = Handle(1000 + u64::try_from(frames.len()).unwrap_or(0));
        frames.push(one(protocol, &mut input, reply));
    }
    frames
}

fn one(protocol: u16, input: &mut Input<'_>, reply: Handle) -> Received {
    let sender = sender(input.byte());
    let counts = input.byte();
    let low = input.half();
    let high = if low & FOREIGN == 0 { protocol } else { input.half() };
    let label = u32::from(high) << 16 | u32::from(low & !FOREIGN);
    let mut words = [0; WORDS];
    // More than eight words: the kernel refuses that tag, so no service ever sees it.
    let used = usize::from(counts & 15).min(WORDS);
    words.iter_mut().take(used).for_each(|word| *word = input.double());
    let caps = (counts >> 4 & 7).min(4);
    let tag = Tag::new(label, u8::try_from(used).unwrap_or(0), caps);
    Received { message: Message { tag, words }, sender, reply }
}

/// The sender that a byte stands for.
#[must_use]
pub fn sender(byte: u8) -> Sender {
    Sender { service_id: u32::from(byte & 15), incarnation: u32::from(byte >> 4) }
}

/// The bytes that [`read`] makes `message` of, sent by service `id` in its first life.
#[must_use]
pub fn write(id: u32, message: &Message) -> Vec<u8> {
    let [low, high] = [message.tag.label() & 0xffff, message.tag.label() >> 16];
    let half = |value: u32| u16::try_from(value).unwrap_or(0).to_le_bytes();
    let words = usize::try_from(message.tag.words()).unwrap_or(0);
    let counts = message.tag.words() | message.tag.caps() << 4;
    let mut bytes = vec![0x10 | u8::try_from(id & 15).unwrap_or(0)];
    bytes.push(u8::try_from(counts).unwrap_or(0));
    bytes.extend(half(low | u32::from(FOREIGN)));
    bytes.extend(half(high));
    bytes.extend(message.words.iter().take(words).flat_map(|word| word.to_le_bytes()));
    bytes
}

/// Several messages of the same sender.
#[must_use]
pub fn write_all(id: u32, messages: &[Message]) -> Vec<u8> {
    messages.iter().flat_map(|message| write(id, message)).collect()
}
