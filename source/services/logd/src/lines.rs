//! The ordinary log. Every sender has a share of its own, so that a flood costs only the sender
//! that makes it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use nexus_abi::Sender;

use nexus_proto::log::{Level, Write};

use crate::bucket::Bucket;
use crate::text::Text;
use crate::time::Moment;

/// Lines kept for each sender; the oldest goes first.
pub const SHARE: usize = 64;

/// A line as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Its number, in order of completion among all lines and proofs.
    pub number: u64,
    /// When it was complete.
    pub at: Moment,
    /// Who wrote it, as the kernel stamped it.
    pub sender: Sender,
    /// How much it matters, in the eyes of the sender.
    pub level: Level,
    /// What it says.
    pub text: Text,
}

/// What became of a piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It waits for the rest of the line.
    Staged,
    /// The line is complete and in the log.
    Line,
    /// The sender is over its rate. The line is gone, and counted.
    Dropped,
    /// The description knows no such sender. Counted.
    UnknownSender,
}

/// Counts for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineStats {
    /// Lines ever taken.
    pub lines: u64,
    /// Lines refused because their sender was over its rate, or unknown.
    pub dropped: u64,
    /// Lines taken and since displaced by later lines of the same sender.
    pub displaced: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Share {
    id: u32,
    incarnation: u32,
    bucket: Bucket,
    staged: Text,
    lines: VecDeque<Line>,
    stats: LineStats,
}

/// All shares.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Lines {
    shares: Vec<Share>,
    unknown: u64,
}

impl Lines {
    /// A log for these senders and no others. All memory is taken here.
    #[must_use]
    pub fn new(senders: impl Iterator<Item = u32>, timebase_hz: u64) -> Lines {
        let share = |id| Share {
            id,
            incarnation: 0,
            bucket: Bucket::new(timebase_hz),
            staged: Text::EMPTY,
            lines: VecDeque::with_capacity(SHARE),
            stats: LineStats::default(),
        };
        Lines { shares: senders.map(share).collect(), unknown: 0 }
    }

    /// Takes a piece of a line from `sender`; the last piece completes it under `number`.
    pub fn write(&mut self, sender: Sender, piece: &Write, number: u64, at: Moment) -> Written {
        let Some(share) = self.shares.iter_mut().find(|share| share.id == sender.service_id) else {
            self.unknown = self.unknown.saturating_add(1);
            return Written::UnknownSender;
        };
        share.stage(sender.incarnation, piece.text.as_bytes());
        if piece.text.more() {
            return Written::Staged;
        }
        let text = core::mem::take(&mut share.staged);
        let line = Line { number, at, sender, level: piece.level, text };
        if share.keep(line) { Written::Line } else { Written::Dropped }
    }

    /// The first line with this number or a higher one, of any sender or of one.
    #[must_use]
    pub fn find(&self, number: u64, of: Option<u32>) -> Option<&Line> {
        let first = |share: &'_ Share| share.lines.partition_point(|line| line.number < number);
        self.shares
            .iter()
            .filter(|share| of.is_none_or(|id| share.id == id))
            .filter_map(|share| share.lines.get(first(share)))
            .min_by_key(|line| line.number)
    }

    /// Counts for one sender; `None` when it is unknown.
    #[must_use]
    pub fn stats_of(&self, service_id: u32) -> Option<LineStats> {
        self.shares.iter().find(|share| share.id == service_id).map(|share| share.stats)
    }

    /// Counts for all senders together.
    #[must_use]
    pub fn stats(&self) -> LineStats {
        let mut total = LineStats { dropped: self.unknown, ..LineStats::default() };
        for share in &self.shares {
            total.lines += share.stats.lines;
            total.dropped += share.stats.dropped;
            total.displaced += share.stats.displaced;
        }
        total
    }
}

impl Share {
    /// Adds a piece. A new life of the sender does not continue a line of the old one.
    fn stage(&mut self, incarnation: u32, bytes: &[u8]) {
        if self.incarnation != incarnation {
            self.incarnation = incarnation;
            self.staged = Text::EMPTY;
        }
        self.staged.push(bytes);
    }

    fn keep(&mut self, line: Line) -> bool {
        if !self.bucket.take(line.at.ticks) {
            self.stats.dropped += 1;
            return false;
        }
        if self.lines.len() == SHARE {
            self.lines.pop_front();
            self.stats.displaced += 1;
        }
        self.lines.push_back(line);
        self.stats.lines += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use nexus_proto::{Text as Piece, Zero};

    use super::*;

    const A: Sender = Sender { service_id: 7, incarnation: 1 };
    const B: Sender = Sender { service_id: 8, incarnation: 1 };
    const HZ: u64 = 1_000_000;

    /// The log under test, numbering its lines.
    struct Log {
        lines: Lines,
        next: u64,
    }

    impl Log {
        fn new() -> Log {
            Log { lines: Lines::new([7, 8].into_iter(), HZ), next: 1 }
        }

        fn piece(&mut self, sender: Sender, text: &[u8], more: bool, ticks: u64) -> Written {
            let text = Piece::piece(text).with_more(more);
            let write = Write { level: Level::Info, zero: Zero::ZERO, text };
            let at = Moment { ticks, unix_ns: 0 };
            let written = self.lines.write(sender, &write, self.next, at);
            self.next += u64::from(written == Written::Line);
            written
        }

        fn say(&mut self, sender: Sender, text: &[u8], ticks: u64) -> Written {
            self.piece(sender, text, false, ticks)
        }

        fn text(&self, number: u64) -> &[u8] {
            self.lines.find(number, None).unwrap().text.as_bytes()
        }
    }

    #[test]
    fn lines_come_back_in_order_by_number() {
        let mut log = Log::new();
        log.say(A, b"one", 1);
        log.say(B, b"two", 2);
        log.say(A, b"three", 3);
        let mut number = 0;
        let mut seen = Vec::new();
        while let Some(line) = log.lines.find(number, None) {
            number = line.number + 1;
            seen.push((line.sender.service_id, line.text.as_bytes().to_vec()));
        }
        assert_eq!(seen, [(7, b"one".to_vec()), (8, b"two".to_vec()), (7, b"three".to_vec())]);
        assert_eq!(log.lines.find(u64::MAX, None), None);
    }

    // attack 44 U: a flood of lines; dropped and counted, and nobody else loses a line; broken: logd-rate
    #[test]
    fn a_flood_costs_only_its_sender() {
        let mut log = Log::new();
        log.say(B, b"quiet", 0);
        let taken = (0..100_000).filter(|_| log.say(A, b"noise", 1) != Written::Dropped);
        assert_eq!(taken.count(), 64);
        let mut now = 1;
        for _ in 0..10_000 {
            now += HZ / 32;
            log.say(A, b"slow noise", now);
        }
        assert_eq!(
            log.lines.find(0, None).map(|line| line.sender),
            Some(B),
            "B's line is still there"
        );
        let a = log.lines.stats_of(7).unwrap();
        assert_eq!((a.lines, a.dropped), (10_064, 99_936));
        assert_eq!(a.displaced, a.lines - SHARE as u64);
        assert_eq!(log.lines.stats_of(8).unwrap().dropped, 0);
        assert_eq!(log.lines.stats(), LineStats { lines: a.lines + 1, ..a }, "of both");
        assert_eq!(log.say(B, b"still heard", now), Written::Line);
    }

    #[test]
    fn pieces_of_two_senders_do_not_mix() {
        let mut log = Log::new();
        assert_eq!(log.piece(A, b"a1 ", true, 0), Written::Staged);
        assert_eq!(log.piece(B, b"b1 ", true, 0), Written::Staged);
        log.say(A, b"a2", 0);
        log.say(B, b"b2", 0);
        assert_eq!(log.text(1), b"a1 a2");
        assert_eq!(log.text(2), b"b1 b2");
    }

    // attack 28 U: a new life of a sender; it does not continue the line of the old one
    #[test]
    fn a_new_life_does_not_end_the_line_of_the_old_one() {
        let mut log = Log::new();
        log.piece(A, b"unfinished ", true, 0);
        log.say(Sender { incarnation: 2, ..A }, b"fresh", 0);
        assert_eq!(log.text(1), b"fresh");
    }

    // attack 62 U: a line without end; cut at its bound
    #[test]
    fn pieces_without_end_are_bounded() {
        let mut log = Log::new();
        for _ in 0..1000 {
            assert_eq!(log.piece(A, &[b'x'; 48], true, 0), Written::Staged);
        }
        log.say(A, b"", 0);
        let line = log.lines.find(1, None).unwrap();
        assert!(line.text.is_cut());
        assert_eq!(line.text.as_bytes().len(), crate::text::LINE_BYTES);
    }

    // attack 44 U: lines of a sender that the description does not have; counted and not kept
    #[test]
    fn unknown_senders_are_counted_only() {
        let mut log = Log::new();
        let stranger = Sender { service_id: 99, incarnation: 1 };
        assert_eq!(log.say(stranger, b"hello", 0), Written::UnknownSender);
        assert_eq!(log.lines.stats(), LineStats { lines: 0, dropped: 1, displaced: 0 });
        assert_eq!(log.lines.find(0, None), None);
    }
}
