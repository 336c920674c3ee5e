//! Proofs: that a service did what its description says it must prove. Kept in reserved space.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use nexus_abi::Sender;

use crate::time::Moment;

/// Longest name of a proof in bytes.
pub const NAME_BYTES: usize = 48;
/// Longest text of a proof: its name, a space, and a number of 32 bits.
const TEXT_BYTES: usize = NAME_BYTES + 1 + 10;
/// Proofs kept in all.
pub const CAPACITY: usize = 512;
/// Proofs kept for one sender.
pub const PER_SENDER: usize = 256;

/// A proof: who showed what, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proof {
    /// Its number among all lines and proofs.
    pub number: u64,
    /// When it came.
    pub at: Moment,
    /// Who, as the kernel stamped it.
    pub sender: Sender,
    text: [u8; TEXT_BYTES],
    len: usize,
}

impl Proof {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(to) = self.text.get_mut(self.len) {
                *to = *byte;
                self.len += 1;
            }
        }
    }

    /// The name, a space, and how many checks the proof rests on.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    /// True when `later` is what a later life of the same service proves by the same name.
    fn is_shown_again_by(&self, later: &Proof) -> bool {
        let name = |proof: &Proof| proof.text().iter().position(|byte| *byte == b' ');
        self.sender.service_id == later.sender.service_id
            && self.sender.incarnation < later.sender.incarnation
            && name(self) == name(later)
            && self
                .text()
                .iter()
                .zip(later.text())
                .take(name(self).unwrap_or(0))
                .all(|(a, b)| a == b)
    }
}

impl Write for Proof {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Why a proof was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The name is empty, too long, or holds another character.
    BadName,
    /// It rests on no check.
    NoChecks,
    /// The sender has used up its share, or all space is used.
    Full,
}

/// All proofs, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proofs(Vec<Proof>);

impl Default for Proofs {
    fn default() -> Proofs {
        Proofs(Vec::with_capacity(CAPACITY))
    }
}

impl Proofs {
    /// Keeps a proof under `number`. One that is given twice is kept twice: the host refuses it. What an
    /// earlier life of the service has proved, a later one shows again, and nothing more is kept of it.
    ///
    /// # Errors
    /// See [`ProofError`].
    pub fn add(
        &mut self,
        sender: Sender,
        name: &[u8],
        checks: u32,
        number: u64,
        at: Moment,
    ) -> Result<(), ProofError> {
        let plain = name.iter().all(|byte| is_name_byte(*byte));
        if !plain || !(1..=NAME_BYTES).contains(&name.len()) {
            return Err(ProofError::BadName);
        }
        if checks == 0 {
            return Err(ProofError::NoChecks);
        }
        let mut proof = Proof { number, at, sender, text: [0; TEXT_BYTES], len: 0 };
        proof.push(name);
        // There is room for any number.
        let _ = write!(proof, " {checks}");
        if self.0.iter().any(|kept| kept.is_shown_again_by(&proof)) {
            return Ok(());
        }
        let own = self.0.iter().filter(|kept| kept.sender.service_id == sender.service_id).count();
        if own >= PER_SENDER || self.0.len() >= CAPACITY {
            return Err(ProofError::Full);
        }
        self.0.push(proof);
        Ok(())
    }

    /// The first proof with this number or a higher one, of any sender or of one.
    #[must_use]
    pub fn find(&self, number: u64, of: Option<u32>) -> Option<&Proof> {
        let mut later = self.0.iter().skip(self.0.partition_point(|proof| proof.number < number));
        later.find(|proof| of.is_none_or(|id| proof.sender.service_id == id))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Sender = Sender { service_id: 7, incarnation: 1 };

    fn add(proofs: &mut Proofs, sender: Sender, name: &[u8]) -> Result<(), ProofError> {
        let number = proofs.count() + 10;
        proofs.add(sender, name, 1, number, Moment::default())
    }

    #[test]
    fn each_is_kept_in_order_and_a_repetition_too() {
        let mut proofs = Proofs::default();
        for name in [&b"mmio-window-mapped"[..], b"mmio-window-mapped", b"second"] {
            assert_eq!(add(&mut proofs, A, name), Ok(()));
        }
        assert_eq!(proofs.count(), 3);
        assert_eq!(proofs.find(0, None).unwrap().text(), b"mmio-window-mapped 1");
        assert_eq!(proofs.find(11, None).unwrap().text(), b"mmio-window-mapped 1");
        assert_eq!(proofs.find(12, None).unwrap().text(), b"second 1");
        assert_eq!(proofs.find(13, None), None);
    }

    #[test]
    fn what_a_later_life_shows_again_is_kept_once() {
        let mut proofs = Proofs::default();
        let next = Sender { incarnation: 2, ..A };
        for (sender, name, kept) in [
            (A, &b"one"[..], 1),
            (next, b"one", 1),
            (next, b"one-more", 2),
            (Sender { service_id: 8, ..next }, b"one", 3),
            (A, b"one", 4),
        ] {
            assert_eq!(add(&mut proofs, sender, name), Ok(()));
            assert_eq!(proofs.count(), kept, "{sender:?}");
        }
    }

    // attack 46 U: a proof whose name ends the line; refused
    #[test]
    fn names_that_could_confuse_a_reader_are_refused() {
        let mut proofs = Proofs::default();
        for bad in [&b""[..], b"two words", b"a\nb", b"UPPER", &[b'a'; NAME_BYTES + 1]] {
            assert_eq!(add(&mut proofs, A, bad), Err(ProofError::BadName));
        }
        assert_eq!(add(&mut proofs, A, &[b'a'; NAME_BYTES]), Ok(()));
    }

    #[test]
    fn a_proof_says_how_many_checks_it_rests_on() {
        let mut proofs = Proofs::default();
        let mut with = |name: &[u8], checks| proofs.add(A, name, checks, 1, Moment::default());
        assert_eq!(with(b"empty", 0), Err(ProofError::NoChecks));
        assert_eq!(with(&[b'a'; NAME_BYTES], u32::MAX), Ok(()));
        let longest = format!("{} {}", "a".repeat(NAME_BYTES), u32::MAX);
        assert_eq!(proofs.find(0, None).unwrap().text(), longest.as_bytes());
    }

    // attack 62 U: proofs without end; one sender has its share
    #[test]
    fn one_sender_cannot_take_all_space() {
        let mut proofs = Proofs::default();
        let name = |i: usize| format!("p{i}").into_bytes();
        for i in 0..PER_SENDER {
            assert_eq!(add(&mut proofs, A, &name(i)), Ok(()));
        }
        assert_eq!(add(&mut proofs, A, &name(PER_SENDER)), Err(ProofError::Full));
        assert_eq!(add(&mut proofs, A, &name(0)), Err(ProofError::Full), "a repetition, too");
        assert_eq!(add(&mut proofs, Sender { service_id: 8, incarnation: 1 }, b"mine"), Ok(()));
    }
}
