//! Arguments: mostly such that a call could be done, else around every bound.

use hostile::place;
use nexus_abi::{Handle, Message, PAGE_SIZE, Rights, SYSCALLS, Syscall, Tag, USER_END};

use crate::hand::{Hand, Kind};
use crate::random::Random;

/// First of the pages that it maps and unmaps.
pub const ARENA: u64 = 0x32_0000_0000;
/// Pages there.
pub const ARENA_PAGES: u64 = 24;
/// Where its instructions are, which it did not map itself.
pub const TEXT: u64 = 0x10_0000;
/// Longest wait, in ticks (10 MHz: 4 ms). A look at everything takes a part of that.
const WAIT: u64 = 40_000;
/// How long it waits for another wild process, in ticks: 40 ms.
pub const MEETING: u64 = 400_000;

/// What can be derived, passed on, taken back and asked about.
const KINDS: [Kind; 5] =
    [Kind::Memory, Kind::Endpoint, Kind::Notification, Kind::Window, Kind::Line];

/// Numbers around which something changes.
const EDGES: [u64; 18] = [
    0,
    1,
    7,
    8,
    63,
    PAGE_SIZE - 1,
    PAGE_SIZE,
    PAGE_SIZE + 1,
    512,
    513,
    USER_END - PAGE_SIZE,
    USER_END,
    0x8020_0000,
    place::KERNEL_TEXT,
    place::KERNEL_DATA,
    1 << 63,
    u64::MAX - PAGE_SIZE + 1,
    u64::MAX,
];

/// Any number: an edge, or one that means nothing.
pub fn word(random: &mut Random) -> u64 {
    if random.one_in(4) { random.word() } else { random.pick(&EDGES) }
}

/// Mostly `usual`, else anything.
fn mostly(random: &mut Random, usual: u64) -> u64 {
    if random.one_in(10) { word(random) } else { usual }
}

/// A page of the arena, or an address around a bound.
fn place_for(random: &mut Random) -> u64 {
    let page = ARENA + random.below(ARENA_PAGES) * PAGE_SIZE;
    match random.below(8) {
        0 => word(random),
        1 => page + random.pick(&[1, 8, PAGE_SIZE - 1]),
        _ => page,
    }
}

/// What it unmaps or protects: mostly what it mapped, never its own stack or data, which would end
/// it; `text` only where that is harmless.
fn place_of(random: &mut Random, hand: &Hand, text: bool) -> u64 {
    match random.below(8) {
        0 if text => TEXT,
        0 | 1 => place_for(random),
        _ => random.pick(&hand.mapped),
    }
}

/// Where a thread may begin without ending the process: at an instruction that ends the thread, or
/// where the kernel refuses.
fn entry(random: &mut Random) -> u64 {
    if random.one_in(4) {
        random.pick(&[place::CODE + 1, USER_END, place::KERNEL_TEXT, u64::MAX, 3])
    } else {
        place::CODE
    }
}

/// The caller itself, or what is no process.
fn process(random: &mut Random, hand: &Hand) -> u64 {
    if random.one_in(6) { hand.draw(random, Kind::Other).0 } else { 0 }
}

fn rights(random: &mut Random) -> u64 {
    let all = u64::from(Rights::all().bits());
    let passing_on = Rights::DERIVE | Rights::GRANT | Rights::REVOKE;
    match random.below(8) {
        0 => word(random),
        1 => all,
        2 | 3 => random.word() & all,
        _ => random.word() & u64::from(passing_on.bits()),
    }
}

/// A time to wait until that has passed, or is close.
pub fn deadline(random: &mut Random, now: u64) -> u64 {
    match random.below(8) {
        0 => 0,
        1 => now.wrapping_sub(random.below(WAIT)),
        _ => now + random.below(WAIT),
    }
}

/// The arguments of a call without a message.
pub fn arguments(random: &mut Random, hand: &Hand, call: Syscall) -> [u64; 6] {
    let mut handle = |kind| hand.draw(random, kind).0;
    match call {
        Syscall::Signal => [handle(Kind::Notification), word(random), 0, 0, 0, 0],
        Syscall::EndpointBind => [handle(Kind::Endpoint), handle(Kind::Notification), 0, 0, 0, 0],
        Syscall::VmoCreate => {
            let pages = 1 + random.below(3);
            [mostly(random, pages), 0, 0, 0, 0, 0]
        }
        Syscall::VmoSeal => [handle(Kind::Memory), 0, 0, 0, 0, 0],
        Syscall::VmoMap => {
            let vmo = handle(Kind::Memory);
            let prot = random.pick(&[1, 3, 5]);
            let process = process(random, hand);
            let [offset, len] = [0, PAGE_SIZE].map(|usual| mostly(random, usual));
            [process, vmo, offset, len, place_for(random), mostly(random, prot)]
        }
        Syscall::MmioMap => {
            let window = handle(Kind::Window);
            let prot = random.pick(&[1, 3]);
            let [offset, len] = [0, PAGE_SIZE].map(|usual| mostly(random, usual));
            [window, offset, len, place_for(random), mostly(random, prot), 0]
        }
        Syscall::Unmap => [place_of(random, hand, false), 0, 0, 0, 0, 0],
        Syscall::Protect => {
            let prot = random.pick(&[1, 3, 5]);
            [place_of(random, hand, true), mostly(random, prot), 0, 0, 0, 0]
        }
        Syscall::CapDerive => {
            let kind = random.pick(&KINDS);
            let cap = hand.draw(random, kind).0;
            let rights = rights(random);
            [cap, rights, mostly(random, 0), mostly(random, 0), 0, 0]
        }
        Syscall::CapInstall => {
            let kind = random.pick(&KINDS);
            let cap = hand.draw(random, kind).0;
            [process(random, hand), cap, rights(random), 0, 0, 0]
        }
        Syscall::CapDrop => [spare(random, hand), 0, 0, 0, 0, 0],
        Syscall::CapRevoke | Syscall::CapQuery => {
            let kind = random.pick(&KINDS);
            [hand.draw(random, kind).0, 0, 0, 0, 0, 0]
        }
        Syscall::ProcessStat | Syscall::CapInspect => {
            let cursor = if random.one_in(2) { 0 } else { hand.draw(random, Kind::Other).0 };
            [process(random, hand), cursor, 0, 0, 0, 0]
        }
        Syscall::IrqBind => {
            let (line, notification) = (handle(Kind::Line), handle(Kind::Notification));
            let window = handle(Kind::Window);
            if random.one_in(2) {
                let offset = 4 * random.below(72);
                return [line, notification, word(random), window, offset, 0];
            }
            let [window, offset] = [0, 0].map(|usual| mostly(random, usual));
            [line, notification, word(random), window, offset, 0]
        }
        Syscall::IrqAck => {
            let line = handle(Kind::Line);
            [line, mostly(random, u64::MAX), 0, 0, 0, 0]
        }
        Syscall::IrqStat => [handle(Kind::Line), 0, 0, 0, 0, 0],
        Syscall::CapLimit => {
            let kind = random.pick(&[Kind::Window, Kind::Line]);
            [hand.draw(random, kind).0, word(random), 0, 0, 0, 0]
        }
        Syscall::MmioWrite => {
            let window = handle(Kind::Window);
            let offset = 4 * random.below(72);
            [window, mostly(random, offset), random.word() >> 32, 0, 0, 0]
        }
        // Never NONE: that is itself.
        Syscall::ProcessEnd => [handle(Kind::Other).max(1), word(random), 0, 0, 0, 0],
        Syscall::ThreadCreate => {
            let priority = random.below(12);
            let process = process(random, hand);
            let priority = mostly(random, priority);
            [process, entry(random), word(random), word(random), priority, 0]
        }
        _ => {
            let first = handle(Kind::Other);
            let mut rest = || word(random);
            [first, rest(), rest(), rest(), rest(), rest()]
        }
    }
}

/// What it drops: never what it must keep.
fn spare(random: &mut Random, hand: &Hand) -> u64 {
    if !random.one_in(4) {
        return hand.spare(random).0;
    }
    match hand.draw(random, Kind::Other) {
        kept if hand.is_fixed(kept) => u64::MAX,
        other => other.0,
    }
}

/// A message: mostly well formed, with words of every kind, and up to four capabilities.
pub fn message(random: &mut Random, hand: &Hand) -> Message {
    let label = if random.one_in(4) { random.word() } else { random.below(16) };
    let label = u32::try_from(label & 0xffff_ffff).unwrap_or(0);
    let (words, caps) = match random.below(8) {
        0 => (random.below(16), random.below(8)),
        1 | 2 => (8, random.below(3)),
        _ => (random.below(9), 0),
    };
    let narrow = |number: u64| u8::try_from(number).unwrap_or(0);
    let mut tag = Tag::new(label, narrow(words), narrow(caps));
    if random.one_in(16) {
        tag = Tag(random.word());
    }
    let mut message = Message { tag, words: [0; 8] };
    let from = 8usize.saturating_sub(usize::try_from(tag.caps()).unwrap_or(8));
    for (index, word_of) in message.words.iter_mut().enumerate() {
        let kind = random.pick(&KINDS);
        *word_of = if index >= from { hand.draw(random, kind).0 } else { word(random) };
    }
    message
}

/// Whom it calls: mostly a service.
pub fn server(random: &mut Random, hand: &Hand) -> Handle {
    let kind = match random.below(8) {
        0 => Kind::Endpoint,
        1..4 => Kind::Peer,
        _ => Kind::Service,
    };
    hand.draw(random, kind)
}

/// Number of a call, or of none. It does not leave of itself here.
pub fn number(random: &mut Random) -> u64 {
    const CALLS: u64 = SYSCALLS.len() as u64;
    match random.below(CALLS + 4) {
        number if Syscall::decode(number).is_some_and(|call| call != Syscall::ThreadExit) => number,
        _ => random.pick(&[CALLS, CALLS + 1, 255, 1 << 16, 1 << 32, 1 << 63, u64::MAX]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_ends_itself_or_takes_away_what_it_stands_on() {
        let mut hand = Hand::default();
        let kept = Handle(5 << 32 | 7);
        hand.begin_with(Kind::Other, kept);
        hand.begin_with(Kind::Service, Handle(1 << 32 | 9));
        let mut random = Random::new(1);
        for _ in 0..20_000 {
            let [process, ..] = arguments(&mut random, &hand, Syscall::ProcessEnd);
            assert_ne!(process, 0);
            let [dropped, ..] = arguments(&mut random, &hand, Syscall::CapDrop);
            assert_ne!(Handle(dropped), kept);
            let [va, ..] = arguments(&mut random, &hand, Syscall::Unmap);
            assert!(!(TEXT..0x3000_0000).contains(&va), "{va:#x}");
            let [_, entry, ..] = arguments(&mut random, &hand, Syscall::ThreadCreate);
            assert!(entry == place::CODE || entry % 2 == 1 || entry >= USER_END, "{entry:#x}");
            assert_ne!(number(&mut random), Syscall::ThreadExit.number());
        }
    }

    #[test]
    fn every_number_and_unknown_ones_are_drawn() {
        let mut random = Random::new(1);
        let drawn: Vec<u64> = (0..2000).map(|_| number(&mut random)).collect();
        for call in (0..28).filter(|call| *call != Syscall::ThreadExit.number()) {
            assert!(drawn.contains(&call), "{call}");
        }
        assert!(drawn.contains(&u64::MAX));
    }

    #[test]
    fn a_deadline_is_never_far() {
        let mut random = Random::new(1);
        assert!((0..2000).all(|_| deadline(&mut random, 1_000_000) <= 1_000_000 + WAIT));
    }
}
