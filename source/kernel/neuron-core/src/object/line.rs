//! Interrupt lines: which of them a capability names, and where each is between two interrupts.

use nexus_abi::{Error, LineState};

use crate::Result;
use crate::kernel::alarm::{Ring, Rings};
use crate::object::capability::Capability;
use crate::object::endpoint::Notification;
use crate::object::register::Register;
use crate::store::list::{Links, linked};
use crate::store::pool::Id;

/// Lines that follow each other, at least one, and the least ticks between two interrupts of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lines {
    first: u32,
    count: u32,
    interval: u32,
}

impl Lines {
    /// Lines 1 to `count`, without an interval.
    ///
    /// # Errors
    /// `OutOfRange` for none.
    pub(crate) fn all(count: u32) -> Result<Lines> {
        if count == 0 { Err(Error::OutOfRange) } else { Ok(Lines { first: 1, count, interval: 0 }) }
    }

    /// `len` of these lines, from number `offset` of them, with the same interval.
    ///
    /// # Errors
    /// `OutOfRange` for none, or past the last.
    pub(crate) fn narrow(self, offset: u64, len: u64) -> Result<Lines> {
        let (offset, count) = (u32::try_from(offset), u32::try_from(len));
        let (Ok(offset), Ok(count)) = (offset, count) else { return Err(Error::OutOfRange) };
        let end = offset.checked_add(count).ok_or(Error::OutOfRange)?;
        if count == 0 || end > self.count {
            return Err(Error::OutOfRange);
        }
        let first = self.first.checked_add(offset).ok_or(Error::OutOfRange)?;
        Ok(Lines { first, count, ..self })
    }

    /// The same lines with a longer interval, in ticks.
    ///
    /// # Errors
    /// `OutOfRange` for a shorter one, or above 2^32 - 1.
    pub(crate) fn slower(self, interval: u64) -> Result<Lines> {
        let interval = u32::try_from(interval).map_err(|_| Error::OutOfRange)?;
        if interval < self.interval {
            Err(Error::OutOfRange)
        } else {
            Ok(Lines { interval, ..self })
        }
    }

    /// The line, when it is one.
    ///
    /// # Errors
    /// `OutOfRange` when there are more.
    pub(crate) fn sole(self) -> Result<Id<Line>> {
        if self.count == 1 { Id::from_slot(u64::from(self.first)) } else { Err(Error::OutOfRange) }
    }

    /// True when the two share a line.
    pub(crate) fn overlaps(self, other: Lines) -> bool {
        let end = |lines: Lines| lines.first.saturating_add(lines.count);
        self.first < end(other) && other.first < end(self)
    }

    /// Number of the first line, and how many they are.
    pub(crate) fn range(self) -> (u64, u64) {
        (u64::from(self.first), u64::from(self.count))
    }

    /// Least ticks from one interrupt of a line to the next; 0 for no such bound.
    pub(crate) fn interval(self) -> u64 {
        u64::from(self.interval)
    }
}

/// Who receives a line. It lasts as long as the capabilities with which it was made: those to the line, the
/// notification, and the window of the register, if there is one.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Receiver {
    /// The capability to the line.
    pub by: Id<Capability>,
    /// The notification that is signalled.
    pub notification: Id<Notification>,
    /// The capability to the notification.
    pub with: Id<Capability>,
    /// The bits that are signalled, not 0.
    pub bits: u64,
    /// What an acknowledgement with a value writes.
    pub register: Option<Register>,
    /// Where the line is: anything but free. Delivered or held, it is claimed at the controller.
    pub state: LineState,
}

impl Receiver {
    /// What an acknowledgement with this value writes, and where.
    ///
    /// # Errors
    /// `BadArgument` when no register was named, or the value has more than 32 bits.
    pub(crate) fn writes(&self, value: u64) -> Result<(Register, u32)> {
        self.register.zip(u32::try_from(value).ok()).ok_or(Error::BadArgument)
    }
}

/// List of the lines that signal a notification.
#[derive(Debug)]
pub struct Signalling;
/// List of the lines that a process has bound.
#[derive(Debug)]
pub struct Received;

/// One line. Its slot is its number at the controller.
#[derive(Debug)]
pub struct Line {
    /// Who receives it; `None` while it is free, and disabled at the controller.
    pub receiver: Option<Receiver>,
    /// Interrupts delivered since the machine started.
    pub delivered: u64,
    /// Acknowledgements that came before the interval was over.
    pub held_back: u64,
    /// Tick of the last interrupt delivered; 0 before the first.
    pub last: u64,
    /// Its alarm, while it is held.
    pub alarm: Ring,
    signalling: Links<Line>,
    received: Links<Line>,
}

linked!(Line, Signalling, signalling);
linked!(Line, Received, received);

impl Line {
    /// A line that nobody receives.
    pub const FREE: Line = Line {
        receiver: None,
        delivered: 0,
        held_back: 0,
        last: 0,
        alarm: Ring::NONE,
        signalling: Links::NONE,
        received: Links::NONE,
    };

    /// Who receives it, if its next interrupt is to be delivered.
    pub(crate) fn armed(&self) -> Option<Receiver> {
        self.receiver.filter(|receiver| receiver.state == LineState::Armed)
    }

    /// It is there now, if somebody receives it.
    pub(crate) fn set(&mut self, state: LineState) {
        if let Some(receiver) = &mut self.receiver {
            receiver.state = state;
        }
    }

    /// Its interrupt is delivered, at tick `now`.
    pub(crate) fn deliver(&mut self, now: u64) {
        self.set(LineState::Delivered);
        self.delivered = self.delivered.wrapping_add(1);
        self.last = now;
    }

    /// The first tick at which its next interrupt may come, with this interval.
    pub(crate) fn due(&self, interval: u64) -> u64 {
        self.last.saturating_add(interval)
    }

    /// Where it is between two interrupts.
    pub(crate) fn state(&self) -> LineState {
        self.receiver.map_or(LineState::Free, |receiver| receiver.state)
    }
}

impl Rings for Line {
    fn alarm(&mut self) -> &mut Ring {
        &mut self.alarm
    }
}
