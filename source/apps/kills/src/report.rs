//! What the keeper is told of the load, which cannot be asked: it is less important.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::{sys, thread};

/// The loads, by number.
pub(crate) const NAMES: [&str; 4] =
    ["random bytes", "disk by messages", "disk by ring", "frames by rings"];
/// Their numbers.
pub(crate) const BYTES: usize = 0;
pub(crate) const MESSAGES: usize = 1;
pub(crate) const RING: usize = 2;
pub(crate) const FRAMES: usize = 3;

/// Words of a report.
const WORDS: usize = 6;
/// Pages of the stack of the thread that is told.
const STACK_PAGES: u64 = 4;

/// How the calls of one load ended: since the report before, as it is told; in all lives, as it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// By an answer.
    pub(crate) done: u64,
    /// With the server.
    pub(crate) gone: u64,
    /// By their deadline.
    pub(crate) late: u64,
    /// How much of what was read was as it must be.
    pub(crate) checked: u64,
    /// How much was not as it must be.
    pub(crate) wrong: u64,
    /// It makes no more calls, and none is under way.
    pub(crate) over: bool,
}

impl Report {
    const fn words(self) -> [u64; WORDS] {
        [self.done, self.gone, self.late, self.checked, self.wrong, self.over as u64]
    }

    const fn of([done, gone, late, checked, wrong, over]: [u64; WORDS]) -> Report {
        Report { done, gone, late, checked, wrong, over: over != 0 }
    }

    /// Tells the keeper. True when it wants more load.
    pub(crate) fn tell(self, keeper: Handle, number: usize) -> bool {
        let message = Message::new(u32::try_from(number).unwrap_or(u32::MAX), &self.words());
        let answer = sys::call(keeper, &message, NO_DEADLINE);
        answer.is_ok_and(|answer| answer.message.tag.label() == MORE)
    }
}

/// More load is wanted.
const MORE: u32 = 0;
/// It is not.
const ENOUGH: u32 = 1;

/// The last report of each load.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    words: [[AtomicU64; WORDS]; NAMES.len()],
    enough: AtomicBool,
}

impl Reports {
    /// Those that come at `endpoint`, to a thread of this priority.
    ///
    /// # Errors
    /// As `thread_create`.
    pub(crate) fn begin(endpoint: Handle, priority: u8) -> Result<Arc<Reports>, Error> {
        let reports = Arc::new(Reports::default());
        let own = Arc::clone(&reports);
        let thread = thread::spawn(priority, STACK_PAGES, move || own.take(endpoint))?;
        // Nobody needs to name it.
        sys::cap_drop(thread)?;
        Ok(reports)
    }

    fn take(&self, endpoint: Handle) {
        let (mut reply, mut answer) = (Handle::NONE, Message::default());
        loop {
            let received = match sys::reply_recv(endpoint, reply, &answer, NO_DEADLINE) {
                Ok(received) => received,
                // Whoever was to be answered has been killed.
                Err(_) if reply != Handle::NONE => {
                    reply = Handle::NONE;
                    continue;
                }
                Err(_) => return,
            };
            self.add(received.message.tag.label() as usize, received.message.words);
            reply = received.reply;
            let enough = self.enough.load(Ordering::Relaxed);
            answer = Message::new(if enough { ENOUGH } else { MORE }, &[]);
        }
    }

    /// Adds what one load tells. It is over as long as it says so.
    fn add(&self, number: usize, told: impl IntoIterator<Item = u64>) {
        let Some([counts @ .., over]) = self.words.get(number) else { return };
        let mut told = told.into_iter();
        for (count, more) in counts.iter().zip(&mut told) {
            count.fetch_add(more, Ordering::Relaxed);
        }
        over.store(told.next().unwrap_or(0), Ordering::Relaxed);
    }

    /// That of one load.
    pub(crate) fn last(&self, number: usize) -> Report {
        let words = self.words.get(number);
        let word = |at: usize| {
            words.and_then(|words| words.get(at)).map_or(0, |word| word.load(Ordering::Relaxed))
        };
        Report::of(core::array::from_fn(word))
    }

    /// Those of all loads, with their names.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, Report)> {
        NAMES.into_iter().enumerate().map(|(number, name)| (name, self.last(number)))
    }

    /// No more load is wanted.
    pub(crate) fn end(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read() {
        let report = Report { done: 1, gone: 2, late: 3, checked: 4, wrong: 5, over: true };
        assert_eq!(Report::of(report.words()), report);
        assert_eq!(Report::of([0; WORDS]), Report::default());
    }

    #[test]
    fn what_all_lives_tell_is_added() {
        let reports = Reports::default();
        let report = Report { done: 1, gone: 2, late: 3, checked: 4, wrong: 5, over: true };
        reports.add(RING, report.words());
        reports.add(RING, Report { over: false, ..report }.words());
        reports.add(NAMES.len(), report.words());
        let twice = Report { done: 2, gone: 4, late: 6, checked: 8, wrong: 10, over: false };
        assert_eq!(reports.last(RING), twice);
        assert_eq!(reports.last(FRAMES), Report::default());
    }
}
