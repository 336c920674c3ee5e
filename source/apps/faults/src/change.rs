//! Faults in machine code (RV64IMAC; RISC-V Unprivileged 20191213, chapters 2, 16 and 24).

use alloc::vec::Vec;
use core::fmt;

use rogue::random::Random;

use crate::ask::NO_FAULTS;

/// Fewest and most faults of a life.
const FEWEST: u64 = 8;
const MOST: u64 = 16;

/// What is wrong with an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One bit is another.
    Bit,
    /// It writes another register.
    Destination,
    /// It reads another register.
    Source,
    /// One bit of its constant is another: another address, bound, amount or place to go on.
    Constant,
    /// Its condition is the opposite.
    Condition,
    /// It does nothing.
    Nothing,
    /// It is any other.
    Any,
    /// It is the one behind it: what it did is not done, and that is done twice.
    Twice,
}

impl Kind {
    /// Each.
    pub const ALL: [Kind; 8] = [
        Kind::Bit,
        Kind::Destination,
        Kind::Source,
        Kind::Constant,
        Kind::Condition,
        Kind::Nothing,
        Kind::Any,
        Kind::Twice,
    ];
}

/// Where the instructions of a program begin.
#[derive(Clone, Debug, Default)]
pub struct Code(Vec<u32>);

impl Code {
    /// Of these bytes, of which the first is the first of an instruction.
    #[must_use]
    pub fn of(text: &[u8]) -> Code {
        let mut places = Vec::new();
        let mut at = 0;
        while let Some(word) = load(text, at) {
            places.push(u32::try_from(at).unwrap_or(u32::MAX));
            at += length(word);
        }
        Code(places)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn any(&self, random: &mut Random) -> usize {
        let index = random.below(self.0.len().max(1) as u64) as usize;
        self.0.get(index).map_or(0, |at| *at as usize)
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Bytes from the first instruction.
    pub at: usize,
    /// What is wrong.
    pub kind: Kind,
    /// The instruction: of one of two bytes, the low half.
    pub before: u32,
    /// What it is now.
    pub after: u32,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { at, kind, before, after } = self;
        write!(f, "{at:#x} {kind:?} {before:08x} {after:08x}")
    }
}

/// The numbers that the faults of a life follow from. Seeds that differ in one bit have nothing in common
/// (the finalizer of splitmix64).
#[must_use]
pub fn random(seed: u64) -> Random {
    let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    Random::new(mixed ^ mixed >> 31)
}

/// Makes the faults of a life in its code, and says which.
pub fn change(text: &mut [u8], code: &Code, seed: u64) -> Vec<Change> {
    if seed == NO_FAULTS {
        swap_sources(text, code);
        return Vec::new();
    }
    let mut random = random(seed);
    // The larger of two, so that most lives have many.
    let mut count = || FEWEST + random.below(MOST - FEWEST + 1);
    let count = count().max(count());
    (0..count).filter_map(|_| one(text, code, &mut random)).collect()
}

/// Swaps what is added, multiplied or combined by bits in each such instruction: other code, everywhere, that does
/// the same.
fn swap_sources(text: &mut [u8], code: &Code) {
    for at in code.0.iter().map(|at| *at as usize) {
        let Some(word) = load(text, at).filter(|word| is_commutative(*word)) else { continue };
        let (first, second) = (word >> 15 & 0x1f, word >> 20 & 0x1f);
        let swapped = word & !(0x3ff << 15) | second << 15 | first << 20;
        if let Some(to) = text.get_mut(at..at + 4) {
            to.copy_from_slice(&swapped.to_le_bytes());
        }
    }
}

/// One of add, xor, or, and, mul, addw and mulw, of four bytes.
const fn is_commutative(word: u32) -> bool {
    let operation = (word >> 25, word >> 12 & 7);
    match word & 0x7f {
        OP => matches!(operation, (0, 0 | 4 | 6 | 7) | (1, 0)),
        OP_32 => matches!(operation, (0 | 1, 0)),
        _ => false,
    }
}

fn one(text: &mut [u8], code: &Code, random: &mut Random) -> Option<Change> {
    let at = code.any(random);
    let before = load(text, at)?;
    let kind = Kind::ALL.get(random.below(8) as usize).copied().unwrap_or(Kind::Bit);
    let after = match kind {
        Kind::Twice => load(text, at + length(before)),
        kind => altered(kind, before, random),
    };
    // What an instruction cannot have wrong is another bit of it.
    let (kind, after) =
        after.map_or_else(|| (Kind::Bit, bit(before, random)), |after| (kind, after));
    let bytes = after.to_le_bytes();
    let to = text.get_mut(at..at + length(before))?;
    to.copy_from_slice(bytes.get(..to.len())?);
    let low = if length(before) == 2 { 0xffff } else { u32::MAX };
    Some(Change { at, kind, before: before & low, after: after & low })
}

/// The instruction at an offset, with what follows it when it is a short one.
fn load(text: &[u8], at: usize) -> Option<u32> {
    let low = text.get(at..at + 2)?;
    let low = u16::from_le_bytes(low.try_into().ok()?);
    if length(low.into()) == 2 {
        return Some(low.into());
    }
    Some(u32::from_le_bytes(text.get(at..at + 4)?.try_into().ok()?))
}

/// Bytes of an instruction.
const fn length(word: u32) -> usize {
    if word & 3 == 3 { 4 } else { 2 }
}

fn bit(word: u32, random: &mut Random) -> u32 {
    word ^ 1 << random.below(8 * length(word) as u64)
}

/// An instruction with this fault, where it can have it.
fn altered(kind: Kind, word: u32, random: &mut Random) -> Option<u32> {
    if length(word) == 2 {
        return altered_short(kind, word, random);
    }
    let opcode = word & 0x7f;
    let (branch, store, upper) =
        (opcode == BRANCH, opcode == STORE, matches!(opcode, LUI | AUIPC | JAL));
    match kind {
        Kind::Destination if !branch && !store => Some(field(word, 7, 5, random)),
        Kind::Source if !upper => Some(field(word, 15, 5, random)),
        Kind::Constant if branch || store => Some(one_of(word, &SPLIT, random)),
        Kind::Constant if upper => Some(one_of(word, &UPPER, random)),
        Kind::Constant if matches!(opcode, LOAD | OP_IMM | OP_IMM_32 | JALR) => {
            Some(one_of(word, &IMMEDIATE, random))
        }
        // beq and bne, blt and bge, bltu and bgeu.
        Kind::Condition if branch => Some(word ^ 1 << 12),
        Kind::Nothing => Some(NOP),
        Kind::Any => Some(random.next() as u32),
        _ => None,
    }
}

/// The same of one of two bytes. Its registers are where they are in most formats.
fn altered_short(kind: Kind, word: u32, random: &mut Random) -> Option<u32> {
    let is_branch = word & 3 == 1 && word >> 14 & 3 == 3;
    match kind {
        Kind::Destination => Some(field(word, 7, 5, random)),
        Kind::Source => Some(field(word, 2, 5, random)),
        Kind::Constant => Some(one_of(word, &SHORT, random)),
        // c.beqz and c.bnez.
        Kind::Condition if is_branch => Some(word ^ 1 << 13),
        Kind::Nothing => Some(SHORT_NOP),
        Kind::Any => Some(random.next() as u32 & 0xffff),
        _ => None,
    }
}

const LOAD: u32 = 0x03;
const OP_IMM: u32 = 0x13;
const AUIPC: u32 = 0x17;
const OP_IMM_32: u32 = 0x1b;
const STORE: u32 = 0x23;
const OP: u32 = 0x33;
const LUI: u32 = 0x37;
const OP_32: u32 = 0x3b;
const BRANCH: u32 = 0x63;
const JALR: u32 = 0x67;
const JAL: u32 = 0x6f;
const NOP: u32 = 0x0000_0013;
const SHORT_NOP: u32 = 0x0001;

/// Bits of the constants of the formats I, S and B, U and J, and of most short ones.
const IMMEDIATE: [u32; 12] = [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];
const SPLIT: [u32; 12] = [7, 8, 9, 10, 11, 25, 26, 27, 28, 29, 30, 31];
const UPPER: [u32; 20] =
    [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31];
const SHORT: [u32; 6] = [2, 3, 4, 5, 6, 12];

/// Another bit of these is set, or is not.
fn one_of(word: u32, bits: &[u32], random: &mut Random) -> u32 {
    word ^ 1 << random.one_of(bits)
}

/// Another value in a field.
fn field(word: u32, from: u32, bits: u32, random: &mut Random) -> u32 {
    let values = (1 << bits) - 1;
    // Never 0, so that it is another one.
    let other = 1 + random.below(values) as u32;
    word ^ other << from
}

#[cfg(test)]
mod tests {
    use super::*;

    /// addi a0, a0, 1; c.nop; beq a0, a1, 8; c.beqz a0, 4; ld a0, 8(a1); sd a0, 8(a1); lui a0, 1; jal 8
    fn text() -> Vec<u8> {
        let mut text = Vec::new();
        for word in [0x0015_0513_u32, 0x0001, 0x00b5_0463, 0xc111, 0x0085_b503, 0x00a5_b423] {
            text.extend_from_slice(&word.to_le_bytes()[..length(word)]);
        }
        for word in [0x0000_1537_u32, 0x0080_006f] {
            text.extend_from_slice(&word.to_le_bytes());
        }
        text
    }

    #[test]
    fn instructions_of_either_length_are_found() {
        let code = Code::of(&text());
        assert_eq!(code.0, [0, 4, 6, 10, 12, 16, 20, 24]);
        assert!(Code::of(&[0x13, 0x05]).is_empty());
    }

    #[test]
    fn a_seed_is_the_same_faults_again_and_another_is_others() {
        let code = Code::of(&text());
        let faults = |seed| {
            let mut text = text();
            (change(&mut text, &code, seed), text)
        };
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7).0, faults(8).0);
    }

    #[test]
    fn one_seed_is_none_and_other_code_all_the_same() {
        let code = Code::of(&commutative());
        let mut copy = commutative();
        assert_eq!(change(&mut copy, &code, NO_FAULTS), []);
        let words: Vec<u32> =
            copy.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        // add a0, a2, a1; sub a0, a1, a2; mulw a0, a2, a1
        assert_eq!(words, [0x00b6_0533, 0x40c5_8533, 0x02b6_053b]);
        assert_eq!(change(&mut copy, &code, NO_FAULTS), []);
        assert_eq!(copy, commutative());
    }

    /// add a0, a1, a2; sub a0, a1, a2; mulw a0, a1, a2
    fn commutative() -> Vec<u8> {
        [0x00c5_8533_u32, 0x40c5_8533, 0x02c5_853b]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    #[test]
    fn as_many_as_there_are_to_be_each_in_its_place() {
        let code = Code::of(&text());
        let (mut fewest, mut most, mut kinds) = (u64::MAX, 0, Vec::new());
        for seed in 1..2000 {
            let mut text = text();
            let changes = change(&mut text, &code, seed);
            let count = changes.len() as u64;
            (fewest, most) = (fewest.min(count), most.max(count));
            for Change { at, kind, .. } in changes {
                assert!(code.0.contains(&u32::try_from(at).unwrap()));
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
        }
        assert_eq!((fewest, most, kinds.len()), (FEWEST, MOST, Kind::ALL.len()));
    }

    #[test]
    fn a_fault_is_what_its_kind_says() {
        let mut random = random(1);
        let branch = 0x00b5_0463;
        assert_eq!(altered(Kind::Condition, branch, &mut random), Some(0x00b5_1463));
        assert_eq!(altered(Kind::Condition, 0xc111, &mut random), Some(0xe111));
        assert_eq!(altered(Kind::Condition, NOP, &mut random), None);
        assert_eq!(altered(Kind::Nothing, branch, &mut random), Some(NOP));
        assert_eq!(altered(Kind::Nothing, 0xc111, &mut random), Some(SHORT_NOP));
        assert_eq!(altered(Kind::Destination, branch, &mut random), None);
        for _ in 0..200 {
            let load = 0x0085_b503;
            let other = |kind, random: &mut Random| altered(kind, load, random).unwrap() ^ load;
            assert_eq!(other(Kind::Destination, &mut random) & !(0x1f << 7), 0);
            assert_eq!(other(Kind::Source, &mut random) & !(0x1f << 15), 0);
            assert_eq!(other(Kind::Constant, &mut random) & !(0xfff << 20), 0);
            assert_eq!((bit(load, &mut random) ^ load).count_ones(), 1);
        }
    }
}
