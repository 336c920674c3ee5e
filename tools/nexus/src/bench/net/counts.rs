//! What is counted: much the same on every machine, since nothing of it is time.
//!
//! One boot is under an instruction counter, and a thread of the load watches how long others ran: their instructions, of
//! all processes and the kernel together, without the time in which the machine waits. In another boot QEMU logs each
//! write of `satp` and each doorbell: how often the address space is changed for a burst of frames, which is what the
//! driver of the card does in one go, and for a request.

use super::loads::MANY;
use super::page::{self, Way};
use super::peer::{Mark, Peer, Ports};
use crate::bench::disk::{log, switches};
use crate::bench::store::counts::serial;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::thread;
use std::time::Duration;

/// Bytes each way.
const BULK: usize = 4 << 20;
/// Round trips and requests.
const TRIPS: usize = 128;
/// For so long nothing is asked before the first load.
const QUIET: Duration = Duration::from_millis(500);
/// What a record of a load has before its number.
const RECORD: &str = " net-load ";
/// Address spaces that take part: of the driver, the stack, and whoever is asked.
const PARTS: usize = 3;

/// What an operation of a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Each {
    /// A frame that goes, with its share of those that come.
    Out,
    /// A frame that comes, with its share of those that go.
    In,
    /// A round trip, or a request.
    One,
}

/// A load, and the most that each operation of it may cost.
#[derive(Debug)]
struct Load {
    name: &'static str,
    each: Each,
    /// Instructions.
    instructions: u64,
    /// Tenths of changes of the address space, for a burst.
    burst: u64,
    /// The same for an operation.
    operation: u64,
    /// Tenths of doorbells for an operation.
    doorbells: u64,
}

const fn load(
    name: &'static str,
    each: Each,
    instructions: u64,
    burst: u64,
    [operation, doorbells]: [u64; 2],
) -> Load {
    Load { name, each, instructions, burst, operation, doorbells }
}

/// No datagrams: QEMU lets none out while the guest is restricted, as it always is in tests. In the order in which they are
/// done; the number of each stands in its record.
const LOADS: [Load; 8] = [
    load("tcp_out", Each::Out, 16_500, 40, [15, 2]),
    load("tcp_in", Each::In, 14_000, 40, [15, 2]),
    load("icmp", Each::One, 49_000, 40, [50, 15]),
    load("tcp", Each::One, 42_000, 40, [50, 15]),
    load("page_closed_1", Each::One, 242_000, 40, [150, 40]),
    load("page_kept_1", Each::One, 113_000, 40, [60, 15]),
    load("page_closed_8", Each::One, 207_000, 40, [120, 30]),
    load("page_kept_8", Each::One, 93_000, 40, [25, 12]),
];

/// The host's end of one boot: what stood at the mark before the first load, and after each.
///
/// # Errors
/// The guest stands still, or is gone.
pub(super) fn loads(ports: Ports, watched: bool) -> Result<Vec<Mark>> {
    let mut peer = Peer::connect(ports)?;
    if watched {
        peer.count()?;
    }
    // What others begin with is over, and the watching thread has seen it.
    peer.takes(BULK)?;
    thread::sleep(QUIET);
    // Nothing is between these: what a mark itself takes.
    let mut marks = vec![peer.mark(0)?, peer.mark(0)?];
    for (number, load) in (1..).zip(&LOADS) {
        match load.name {
            "tcp_out" => drop(peer.takes(BULK)?),
            "tcp_in" => drop(peer.sends(BULK)?),
            "icmp" => drop(peer.echoes(TRIPS)?),
            "tcp" => drop(peer.bytes(TRIPS)?),
            page => {
                let at_once = if page.ends_with("_8") { MANY } else { 1 };
                let way = Way { kept: page.contains("_kept_"), at_once };
                page::requests(ports.page, way, TRIPS / at_once)?;
            }
        }
        marks.push(peer.mark(number)?);
    }
    peer.end()?;
    Ok(marks)
}

/// What QEMU logged of one load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Logged {
    number: u64,
    events: Vec<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// The address space was changed to this.
    Space(u64),
    /// A device was told.
    Doorbell,
}

/// Each load ends with its record on the serial port.
pub(super) fn logged<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Logged> {
    let (mut all, mut events, mut text) = (Vec::new(), Vec::new(), String::new());
    for line in lines {
        if let Some(space) = log::satp(line) {
            events.push(Event::Space(space));
        } else if line.starts_with(log::STOPPED) {
            let last = events.iter().rposition(|one| matches!(one, Event::Space(_)));
            last.map(|at| events.remove(at));
        } else if log::event(line, log::NOTIFY).is_some() {
            events.push(Event::Doorbell);
        }
        let Some(byte) = serial(line) else { continue };
        text.push(char::from(byte));
        if byte == b'\n' {
            if let Some(number) = number(&text) {
                all.push(Logged { number, events: std::mem::take(&mut events) });
            }
            text.clear();
        }
    }
    all
}

/// The number of a load, in a line with its record.
fn number(line: &str) -> Option<u64> {
    line.split_once(RECORD)?.1.trim().parse().ok()
}

/// One load, and what was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Count {
    name: &'static str,
    operations: u64,
    /// Frames that came and went, and turns of the stack, in the boot under the counter.
    came: u64,
    went: u64,
    turns: u64,
    instructions: u64,
    /// Of the other boot: what the driver did in one go.
    bursts: u64,
    /// Frames of them, both ways.
    frames: u64,
    switches: u64,
    doorbells: u64,
    /// Operations of that boot.
    logged: u64,
}

impl Load {
    const fn operations(&self, before: &Mark, after: &Mark) -> u64 {
        match self.each {
            Each::Out => after.went - before.went,
            Each::In => after.came - before.came,
            Each::One => TRIPS as u64,
        }
    }
}

/// What was told in one boot beside what was told and logged in the other.
///
/// # Errors
/// QEMU did not log what is looked for.
pub(super) fn counts(counted: &[Mark], told: &[Mark], logged: &[Logged]) -> Result<Vec<Count>> {
    // Who asked before the guest was there made marks, too.
    let first = logged.len().checked_sub(LOADS.len()).context("QEMU logged fewer loads")?;
    let logged = logged.get(first..).unwrap_or_default();
    let numbers: Vec<u64> = logged.iter().map(|one| one.number).collect();
    let expected: Vec<u64> = (1..=LOADS.len() as u64).collect();
    ensure!(numbers == expected, "QEMU logged the loads {numbers:?}");
    let driver = driver(logged).context("nobody rang a doorbell")?;
    let own = counted.first_chunk().map_or(0, |[before, after]: &[Mark; 2]| after.ns - before.ns);
    let pairs = |marks: &[Mark]| -> Vec<(Mark, Mark)> {
        marks.iter().skip(1).copied().zip(marks.iter().skip(2).copied()).collect()
    };
    let (counted, told) = (pairs(counted), pairs(told));
    ensure!(counted.len() == LOADS.len() && told.len() == LOADS.len(), "marks are missing");
    let rows = LOADS.iter().zip(counted).zip(told).zip(logged);
    let count =
        |(((load, (before, after)), (since, until)), logged): (((&Load, _), _), &Logged)| {
            let (before, after): (Mark, Mark) = (before, after);
            let (since, until): (Mark, Mark) = (since, until);
            let spaces = spaces(&logged.events);
            Count {
                name: load.name,
                operations: load.operations(&before, &after).max(1),
                came: after.came - before.came,
                went: after.went - before.went,
                turns: after.turns - before.turns,
                instructions: (after.ns - before.ns).saturating_sub(own),
                bursts: spaces.iter().filter(|space| **space == driver).count().max(1) as u64,
                frames: until.came - since.came + until.went - since.went,
                switches: spaces.len() as u64,
                doorbells: logged.events.iter().filter(|one| **one == Event::Doorbell).count()
                    as u64,
                logged: load.operations(&since, &until).max(1),
            }
        };
    Ok(rows.map(count).collect())
}

/// The address space in which most doorbells are rung.
fn driver(logged: &[Logged]) -> Option<u64> {
    let pairs = logged.iter().flat_map(|one| one.events.windows(2));
    switches::commonest(pairs.filter_map(|pair| match pair {
        [Event::Space(space), Event::Doorbell] => Some(*space),
        _ => None,
    }))
}

/// Changes between the address spaces that take part in a load: those that were changed to most often.
fn spaces(events: &[Event]) -> Vec<u64> {
    let all = || {
        events.iter().filter_map(|event| match event {
            Event::Space(space) => Some(*space),
            Event::Doorbell => None,
        })
    };
    let mut parts = Vec::new();
    while parts.len() < PARTS
        && let Some(next) = switches::commonest(all().filter(|space| !parts.contains(space)))
    {
        parts.push(next);
    }
    let mut spaces: Vec<u64> = all().filter(|space| parts.contains(space)).collect();
    spaces.dedup();
    spaces
}

/// Tenths, rounded.
const fn tenths(number: u64, each: u64) -> u64 {
    (number * 20 / each).div_ceil(2)
}

#[allow(clippy::cast_precision_loss)]
fn each(number: u64, each: u64) -> f64 {
    number as f64 / each as f64
}

/// A table: a row for each load.
pub(super) fn text(counts: &[Count]) -> String {
    let mut text = format!(
        "\nCounted, for each frame out or in of the first two, and for each round trip or request of the others:\n\
         instructions of all processes and the kernel; frames, turns of the stack, changes of the address space and\n\
         doorbells; and for a burst, which is what the driver of the card does in one go, changes and frames.\n\n\
         {:14} {:>10} {:>12} {:>6} {:>6} {:>8} {:>9} {:>8} {:>8}\n",
        "load",
        "operations",
        "instructions",
        "frames",
        "turns",
        "switches",
        "doorbells",
        "a burst",
        "frames"
    );
    for count in counts {
        let _ = writeln!(
            text,
            "{:14} {:>10} {:>12.0} {:>6.2} {:>6.2} {:>8.2} {:>9.2} {:>8.2} {:>8.2}",
            count.name,
            count.operations,
            each(count.instructions, count.operations),
            each(count.came + count.went, count.operations),
            each(count.turns, count.operations),
            each(count.switches, count.logged),
            each(count.doorbells, count.logged),
            each(count.switches, count.bursts),
            each(count.frames, count.bursts),
        );
    }
    text
}

/// What is over its limit.
pub(super) fn over(counts: &[Count]) -> Vec<String> {
    let mut over = Vec::new();
    for (load, count) in LOADS.iter().zip(counts) {
        let instructions = count.instructions / count.operations;
        if instructions > load.instructions {
            let most = load.instructions;
            over.push(format!("{}: {instructions} instructions, at most {most}", load.name));
        }
        let each = [
            ("switches a burst", tenths(count.switches, count.bursts), load.burst),
            ("switches", tenths(count.switches, count.logged), load.operation),
            ("doorbells", tenths(count.doorbells, count.logged), load.doorbells),
        ];
        for (what, tenths, most) in each.into_iter().filter(|(_, tenths, most)| tenths > most) {
            let [tenths, most] =
                [tenths, most].map(|tenths| format!("{}.{}", tenths / 10, tenths % 10));
            over.push(format!("{}: {tenths} {what}, at most {most}", load.name));
        }
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial_of(text: &str) -> Vec<String> {
        text.bytes().map(|byte| format!("serial_write write addr 0x00 val 0x{byte:02x}")).collect()
    }

    #[test]
    fn test_what_was_logged_belongs_to_the_next_record() {
        let bell = "virtio_queue_notify vdev 0x5 n 1 vq 0x6".to_owned();
        let satp = |space: u64| format!(" satp     {space:016x}");
        let mut lines = vec![satp(1), satp(2), "Stopped execution of TB chain before 0x7".into()];
        lines.extend(serial_of("NX 77 net-load 0\r\n"));
        lines.extend([satp(3), bell]);
        lines.extend(serial_of("something else\nNX 77 net-load 1\r\n"));
        lines.push(satp(4));
        let expected = [
            Logged { number: 0, events: vec![Event::Space(1)] },
            Logged { number: 1, events: vec![Event::Space(3), Event::Doorbell] },
        ];
        assert_eq!(logged(lines.iter().map(String::as_str)), expected);
    }

    fn marks(ns: u64) -> Vec<Mark> {
        // A mark takes 100; each load the rest.
        let after = (1..=LOADS.len() as u64 + 1).map(|n| Mark {
            came: n * 200,
            went: n * 200,
            turns: n,
            ns: 100 + n * ns,
        });
        let all: Vec<Mark> = after.collect();
        let first = Mark { came: 200, went: 200, turns: 1, ns };
        [vec![first], all].concat()
    }

    /// So often through driver 1, stack 2 and client 3, with others in between.
    fn events(times: usize, doorbells: usize) -> Vec<Event> {
        let round = [1, 2, 9, 3, 2].map(Event::Space);
        let mut all: Vec<Event> = round.iter().copied().cycle().take(times * 5).collect();
        for _ in 0..doorbells {
            all.extend([Event::Space(1), Event::Doorbell]);
        }
        all.extend([Event::Space(8)]);
        all
    }

    fn all_logged(times: usize, doorbells: usize) -> Vec<Logged> {
        let numbers = [0, 0].into_iter().chain(1..=LOADS.len() as u64);
        numbers.map(|number| Logged { number, events: events(times, doorbells) }).collect()
    }

    #[test]
    fn test_operations_share_what_was_counted() {
        let marks = marks(12_900);
        let counts = counts(&marks, &marks, &all_logged(64, 2)).unwrap();
        assert_eq!(counts.len(), LOADS.len());
        let [out, come, echo, ..] = &counts[..] else { panic!("{counts:?}") };
        assert_eq!([out.operations, come.operations, echo.operations], [200, 200, 128]);
        assert_eq!((out.instructions, out.switches, out.bursts), (12_800, 257, 65));
        assert_eq!((out.frames, out.doorbells, out.turns), (400, 2, 1));
        let row = "icmp                  128          100   3.12   0.01     2.01      0.02     3.95     6.15";
        assert!(text(&counts).lines().any(|line| line == row), "{}", text(&counts));
        assert!(over(&counts).is_empty(), "{:?}", over(&counts));
    }

    #[test]
    fn test_loads_that_were_not_logged_are_told() {
        let marks = marks(1000);
        let logged = all_logged(1, 1);
        assert!(counts(&marks, &marks, &logged[3..]).is_err());
        assert!(counts(&marks, &marks, &all_logged(1, 0)).is_err(), "no doorbell");
        assert!(counts(&marks[1..], &marks, &logged).is_err());
        let mut wrong = logged;
        wrong.rotate_left(1);
        assert!(counts(&marks, &marks, &wrong).is_err());
    }

    #[test]
    fn test_what_is_over_is_told() {
        let marks = marks(100);
        let mut counts = counts(&marks, &marks, &all_logged(64, 2)).unwrap();
        let one = &mut counts[0];
        let limits = &LOADS[0];
        one.instructions = (limits.instructions + 1) * one.operations;
        one.switches = one.bursts * (limits.burst + 1) / 10 + 1;
        one.doorbells = one.logged * (limits.doorbells + 2) / 10;
        let told = over(&counts);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().all(|one| one.starts_with("tcp_out: ")), "{told:?}");
        assert!(told[0].contains(" instructions, at most "), "{told:?}");
        assert!(told[1].contains(" switches a burst, at most "), "{told:?}");
        assert!(told[2].contains(" doorbells, at most "), "{told:?}");
        assert_eq!([tenths(1, 2), tenths(4, 1), tenths(1, 20)], [5, 40, 1]);
    }
}
