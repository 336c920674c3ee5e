//! The tasks, and how long others may wait because of each.

/// Service ids.
pub mod ids {
    /// The meter.
    pub const METER: u32 = 70;
    /// Who does the tasks.
    pub const LOAD: u32 = 71;
    /// Who keeps the processor busy, between the load and the meter in importance.
    pub const HOG: u32 = 72;
    /// A server whose requests take long.
    pub const SLOW: u32 = 73;
    /// An equal of the load's that wants more than its share of the time.
    pub const RIVAL: u32 = 74;
}

/// Whom the meter asks while a task is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// logd, for its counts.
    Logd,
    /// init, for how far it is.
    Init,
    /// The slow server, for nothing.
    Slow,
}

/// A task of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Name of the proof.
    pub name: &'static str,
    /// What is done.
    pub work: Work,
    /// Whom the meter asks meanwhile.
    pub ask: Ask,
    /// Most that the meter may wake up after its time, in instructions.
    pub wake: u64,
    /// Most that the answer may take, in instructions.
    pub answer: u64,
    /// What the load must tell of it at least: objects made, lines, calls, pages.
    pub at_least: u64,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing: what the others take in any case.
    Nothing,
    /// Makes objects of each kind until the quota ends it, and drops them.
    Objects,
    /// Revokes chains of capabilities as deep as can be.
    DeepRevoke,
    /// Revokes thousands of children of one capability.
    WideRevoke,
    /// Revokes a capability with thousands of mapped pages.
    MappedRevoke,
    /// Writes lines to the log.
    LogFlood,
    /// Calls init, again and again.
    MessageFlood,
    /// Waits for an answer that never comes.
    Hung,
    /// Holds the slow server, while another process keeps the processor busy.
    Inversion,
    /// Fills its heap when no object is left to be made.
    Heap,
    /// Leaves memory in pieces, and makes large objects of it.
    Fragments,
    /// Counts its time, beside an equal that calls the slow server all the while.
    Share,
    /// Ends with thousands of objects in hand.
    End,
}

impl Work {
    /// Every one, by its number in a message.
    pub const ALL: [Work; 13] = [
        Work::Nothing,
        Work::Objects,
        Work::DeepRevoke,
        Work::WideRevoke,
        Work::MappedRevoke,
        Work::LogFlood,
        Work::MessageFlood,
        Work::Hung,
        Work::Inversion,
        Work::Heap,
        Work::Fragments,
        Work::Share,
        Work::End,
    ];

    /// Its number.
    #[must_use]
    pub fn number(self) -> u64 {
        Work::ALL.iter().zip(0..).find(|(one, _)| **one == self).map_or(0, |(_, number)| number)
    }
}

/// Instructions that the slow server spends on a request of the load.
pub const LONG: u64 = 300_000;

/// Instructions that the slow server spends on a request of the rival: a turn of its ends in one.
pub const CALL: u64 = 200_000;

/// Ticks for which load and rival share the hart: 200 ms, twenty turns.
pub const SHARED: u64 = 2_000_000;

/// Most that the meter wakes up late: the kernel lets interrupts in after each step of a long call
/// (RFC-0001, S6), clearing memory among them, so that a step and the way to the meter is what it
/// waits for. The longest is a mapping of 512 pages, 93,000.
const STEP: u64 = 100_000;
/// Most that a service takes which nobody holds: it is more important than the load.
const ANSWER: u64 = 20_000;

const fn task(name: &'static str, work: Work, at_least: u64) -> Task {
    Task { name, work, ask: Ask::Logd, wake: STEP, answer: ANSWER, at_least }
}

/// Every task, in order, with its bounds.
pub const TASKS: &[Task] = &[
    task("latency-quiet", Work::Nothing, 0),
    task("latency-objects", Work::Objects, 5_000),
    task("latency-deep-revoke", Work::DeepRevoke, 24 * 60),
    task("latency-wide-revoke", Work::WideRevoke, 3_000),
    task("latency-mapped-revoke", Work::MappedRevoke, 4_000),
    task("latency-log-flood", Work::LogFlood, 4_000),
    Task { ask: Ask::Init, ..task("latency-message-flood", Work::MessageFlood, 2_000) },
    task("latency-hung-receiver", Work::Hung, 20),
    // A server is at least as important as its clients, so that nobody in between holds it up: the
    // meter waits for one request of the load at most, before it wakes up or for its answer.
    Task {
        ask: Ask::Slow,
        wake: LONG + STEP,
        answer: LONG + ANSWER,
        ..task("latency-inversion", Work::Inversion, 50)
    },
    task("fragments-deny-nothing", Work::Fragments, 19_000),
    // In thousandths of the time: a half, less what the meter takes of it.
    Task { wake: LONG + STEP, answer: LONG + ANSWER, ..task("share-of-equals", Work::Share, 400) },
    // What the heap has taken it keeps.
    task("heap-without-objects", Work::Heap, 3_500),
    task("latency-end", Work::End, 3_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_is_a_task_and_has_its_number() {
        for (number, work) in (0..).zip(Work::ALL) {
            assert_eq!(work.number(), number);
            assert_eq!(TASKS.iter().filter(|task| task.work == work).count(), 1);
        }
    }

    #[test]
    fn the_system_requires_every_task() {
        let text = include_str!("../../../../tests/systems/pressure/services/pressure-meter.toml");
        let (_, table) = text.split_once("[must-prove]\n").unwrap();
        let asked: Vec<&str> =
            table.lines().map(|line| line.split_once(" = ").unwrap().0).collect();
        let names: Vec<&str> =
            TASKS.iter().map(|task| task.name).chain(["everything-comes-back"]).collect();
        assert_eq!(asked, names);
    }
}
