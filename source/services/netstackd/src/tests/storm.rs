//! Frames of every kind, each changed at random, without an end of the stack.

use super::*;
use crate::exercise::{good, mend};

/// Where the changes begin, and how many frames come: `just assure` says others.
const SEED: u64 = 7;
const FRAMES: u64 = 3000;
/// After so many frames it is looked whether the stack still answers.
const LOOKS: u64 = 1000;

fn said(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// Numbers by xorshift (Marsaglia 2003), which never are 0.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % end.max(1) as u64) as usize
    }

    /// A frame with bytes of another, of it again, or of nobody; two of three have the right sums.
    fn change(&mut self, all: &[Vec<u8>]) -> Vec<u8> {
        let mut frame = all[self.below(all.len())].clone();
        for _ in 0..=self.below(5) {
            let at = self.below(frame.len());
            match self.below(6) {
                0 => frame.truncate(at),
                1 => {
                    let other = &all[self.below(all.len())];
                    let from = self.below(other.len());
                    frame.truncate(at);
                    frame.extend_from_slice(&other[from..]);
                }
                2 => frame.resize(self.below(1515), 0),
                // A word at the bounds of words.
                3 => {
                    let word = [[0, 0], [0xff, 0xff], [0x7f, 0xff], [0, 1]][self.below(4)];
                    frame.iter_mut().skip(at & !1).zip(word).for_each(|(to, byte)| *to = byte);
                }
                _ => frame.iter_mut().skip(at).take(1).for_each(|to| *to = self.below(256) as u8),
            }
        }
        if self.below(3) > 0 {
            mend(&mut frame);
        }
        frame
    }
}

// attack 68 U: frames of every kind with bytes, lengths and ends changed at random, with the right sums and with wrong ones, by the rings of the card; the stack goes on, each is counted, none is recorded, and it answers; broken: net-router-multicast
#[test]
fn frames_at_random_end_nothing() {
    let (frames, seed) = (said("NEXUS_PACKETS", FRAMES), said("NEXUS_PACKETS_SEED", SEED));
    let all: Vec<Vec<u8>> = good().into_iter().map(|(_, frame)| frame).collect();
    let mut chance = Chance(seed | 1);
    let mut world = World::up();
    let mut a = world.client(A);
    let listener = world.opens(&mut a, wire::LISTEN, Target { port: 2, ..at(80) }).socket;
    let datagrams = world.opens(&mut a, wire::BIND, at(5000)).socket;
    let before = world.server.stats();
    let mut sent = 0;
    while sent < frames {
        let burst = (frames - sent).min(64);
        world.coming.extend((0..burst).map(|_| chance.change(&all)));
        sent += burst;
        world.until(|world| world.coming.is_empty());
        if sent % LOOKS < 64 {
            // Whoever stands, and what was heard, is let go.
            for (op, socket) in [(wire::ACCEPT, listener), (wire::RECEIVE_FROM, datagrams)] {
                if a.side.free_id().is_some() {
                    a.ask(op, socket, &[]);
                }
            }
            world.run(50);
        }
    }
    world.run(50);
    let after = world.server.stats();
    let (came, dropped) = (after.frames_in - before.frames_in, after.dropped - before.dropped);
    println!("packets {came} of which {dropped} were dropped, seed {seed}");
    assert!(came >= frames && dropped > frames / 20 && dropped < frames, "{came} {dropped}");
    assert!(world.denied().is_empty());
    assert!(world.server.stack().unwrap().addresses().count() <= 8);
    // What a neighbour said of another is forgotten after a minute; then both reach each other.
    world.run(61_000);
    let mut c = world.client(C);
    world.peer.listen(7);
    world.connection(&mut c, 7);
}
