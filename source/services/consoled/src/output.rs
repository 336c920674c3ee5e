//! What waits to go out, bounded, and the lines that writers have begun.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use nexus_abi::Sender;

use crate::guard::Line;

/// Most bytes that wait for the wire.
pub const MAX_WAITING: usize = 16 * 1024;
/// Longest line of a writer, in bytes; a longer one is broken.
pub const MAX_LINE: usize = 320;
/// Most writers with a line begun; the one that began first is shown as it stands.
pub const MAX_WRITERS: usize = 16;

/// Bytes on their way to the wire. What does not fit is dropped and counted.
#[derive(Debug, Default)]
pub struct Output {
    waiting: VecDeque<u8>,
    dropped: u64,
}

impl Output {
    /// Appends bytes, all or none. False when they were dropped.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.room();
        if fits {
            self.waiting.extend(bytes);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        fits
    }

    /// Bytes that still fit.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_WAITING.saturating_sub(self.waiting.len())
    }

    /// Pieces that were dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The bytes that wait, oldest first, for the transmitter to take from.
    pub fn waiting(&mut self) -> &mut VecDeque<u8> {
        &mut self.waiting
    }
}

/// A line begun, by whom, and whether that service may report.
#[derive(Debug)]
struct Begun {
    writer: Sender,
    reports: bool,
    text: Vec<u8>,
}

impl Begun {
    /// Ends the line, and begins another one.
    fn end(&mut self) -> Line {
        Line::new(&core::mem::take(&mut self.text), self.reports)
    }
}

/// Lines begun and not yet ended, by writer.
#[derive(Debug, Default)]
pub struct Writers {
    begun: Vec<Begun>,
}

impl Writers {
    /// Adds what `sender` wrote and returns the lines that are now complete. `reports`: it may begin
    /// records.
    pub fn push(&mut self, sender: Sender, reports: bool, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let text = self.take(sender).map_or_else(Vec::new, |begun| begun.text);
        let mut line = Begun { writer: sender, reports, text };
        for byte in bytes {
            if *byte == b'\n' {
                lines.push(line.end());
                continue;
            }
            if line.text.len() == MAX_LINE {
                lines.push(line.end());
            }
            line.text.push(*byte);
        }
        if !line.text.is_empty() {
            if self.begun.len() == MAX_WRITERS {
                lines.push(self.begun.remove(0).end());
            }
            self.begun.push(line);
        }
        lines
    }

    /// Ends the line that `sender` has begun, if any.
    pub fn end(&mut self, sender: Sender) -> Option<Line> {
        self.take(sender).map(|mut begun| begun.end())
    }

    fn take(&mut self, sender: Sender) -> Option<Begun> {
        let index = self.begun.iter().position(|begun| begun.writer == sender)?;
        Some(self.begun.remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(writers: &mut Writers, sender: Sender, bytes: &[u8]) -> Vec<String> {
        let lines = writers.push(sender, false, bytes);
        lines.iter().map(|line| line.as_str().to_owned()).collect()
    }

    const A: Sender = Sender { service_id: 7, incarnation: 1 };
    const B: Sender = Sender { service_id: 8, incarnation: 1 };

    // attack 46 U: two writers at once; neither ends the other's line
    #[test]
    fn lines_of_two_writers_do_not_mix() {
        let mut writers = Writers::default();
        assert!(push(&mut writers, A, b"first ").is_empty());
        assert_eq!(push(&mut writers, B, b"second\nthi"), ["second"]);
        assert_eq!(push(&mut writers, A, b"half\n"), ["first half"]);
        assert_eq!(push(&mut writers, B, b"rd\n\n"), ["third", ""]);
    }

    #[test]
    fn another_life_of_a_service_is_another_writer() {
        let mut writers = Writers::default();
        push(&mut writers, A, b"old");
        let again = Sender { incarnation: 2, ..A };
        assert_eq!(push(&mut writers, again, b"new\n"), ["new"]);
        assert_eq!(writers.end(A).unwrap().as_str(), "old");
        assert_eq!(writers.end(A), None);
    }

    #[test]
    fn a_line_is_broken_at_its_bound() {
        let mut writers = Writers::default();
        assert!(push(&mut writers, A, &[b'x'; MAX_LINE]).is_empty());
        assert_eq!(push(&mut writers, A, b"y\n"), ["x".repeat(MAX_LINE), "y".into()]);
    }

    #[test]
    fn too_many_writers_show_the_first_one_begun() {
        let mut writers = Writers::default();
        for id in 0..MAX_WRITERS {
            let sender = Sender { service_id: u32::try_from(id).unwrap(), incarnation: 1 };
            assert!(push(&mut writers, sender, &[b'a' + u8::try_from(id).unwrap()]).is_empty());
        }
        assert_eq!(push(&mut writers, Sender { service_id: 99, incarnation: 1 }, b"z"), ["a"]);
    }

    // attack 78 U: a begun record is pushed out by a line of a service that may report; still marked; broken: console-record
    #[test]
    fn a_line_is_its_writers_whoever_pushes_it_out() {
        let mut writers = Writers::default();
        let sender = |id| Sender { service_id: id, incarnation: 1 };
        for id in 0..16 {
            push(&mut writers, sender(id), b"@nx 0 verdict 9 0");
        }
        let lines = writers.push(sender(99), true, b"z");
        assert_eq!(lines.first().map(Line::as_str), Some("? @nx 0 verdict 9 0"));
    }

    #[test]
    fn output_is_bounded_and_counts_what_it_drops() {
        let mut out = Output::default();
        assert!(out.push(&[b'x'; MAX_WAITING - 1]));
        assert!(!out.push(b"yz"));
        assert_eq!((out.room(), out.dropped()), (1, 1));
        assert!(out.push(b"y"));
        assert_eq!((out.room(), out.dropped(), out.waiting().len()), (0, 1, MAX_WAITING));
    }
}
