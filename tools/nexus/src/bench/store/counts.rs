//! What is counted, on a small disk: the same figures on every machine.
//!
//! One boot is under an instruction counter, where a nanosecond is an instruction: how many a get takes, and a row of a
//! list, of all processes and the kernel together, when nothing is read of the disk. Another one has QEMU log each
//! write of `satp`: how often a call changes between the address spaces of the client and of statefsd.

use super::loads;
use crate::bench::BenchArgs;
use crate::bench::disk::{log, switches};
use crate::build::Built;
use crate::protocol::StoreLoad;
use crate::qemu::disk::fresh;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Bytes of the disk: the load goes by its size.
const DISK: u64 = 64 << 20;
/// Most changes between the two address spaces for a call.
const MOST_SWITCHES: u64 = 2;
/// The loads of which each operation is a call: one that statefsd answers at once, and one that waits for the disk.
const CALLS: [&str; 2] = ["get", "put_sync_1"];
/// Most instructions of an operation.
const MOST: [(&str, u64); 2] = [("get", 18_000), ("scan", 870)];
/// Trace event: a byte to the serial port.
pub(in crate::bench) const SERIAL: &str = "serial_write";
/// What a record of a load has before its name.
const RECORD: &str = "store-load ";

/// One load, and what was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Count {
    name: String,
    operations: u64,
    flushes: u64,
    /// Of all operations; none where the disk is waited for.
    instructions: Option<u64>,
    switches: u64,
    /// Changes to the address spaces of others.
    others: u64,
}

/// Counts in two boots on new images at `image`.
///
/// # Errors
/// When the system does not end as it must, or QEMU does not log what is looked for.
pub(super) fn counts(built: &Built, args: &BenchArgs, image: &Path) -> Result<Vec<Count>> {
    fresh(image, DISK)?;
    let counted = loads(built, args, image, &["-icount", "shift=0"].map(OsStr::new))?;
    fresh(image, DISK)?;
    let sites = switches::sites(&fs::read(&built.kernel)?)?;
    let ranges: Vec<String> = sites.iter().map(|site| format!("{site:#x}+0x1")).collect();
    let ranges = ranges.join(",");
    let file = built.directory.join("switches.log");
    let mut extra =
        ["-d", "exec,cpu", "-dfilter", &ranges, "-trace", SERIAL, "-D"].map(OsStr::new).to_vec();
    extra.push(file.as_os_str());
    loads(built, args, image, &extra)?;
    let text = fs::read_to_string(&file).context("reading what QEMU logged")?;
    fs::remove_file(&file).context("removing what QEMU logged")?;
    joined(&counted, &logged(text.lines()))
}

/// What was logged of a load: the address spaces, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Logged {
    name: String,
    spaces: Vec<u64>,
}

/// Each load ends with its record on the serial port.
fn logged<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Logged> {
    let (mut all, mut spaces, mut text) = (Vec::new(), Vec::new(), String::new());
    for line in lines {
        if let Some(space) = log::satp(line) {
            spaces.push(space);
        } else if line.starts_with(log::STOPPED) {
            spaces.pop();
        }
        let Some(byte) = serial(line) else { continue };
        text.push(char::from(byte));
        if byte == b'\n' {
            if let Some(name) = name(&text) {
                all.push(Logged { name, spaces: std::mem::take(&mut spaces) });
            }
            text.clear();
        }
    }
    all
}

/// The name of a load, in a line with its record: three numbers follow it.
fn name(line: &str) -> Option<String> {
    let (_, record) = line.split_once(RECORD)?;
    let words: Vec<&str> = record.split_whitespace().collect();
    let [name, numbers @ ..] = &words[..] else { return None };
    let all_are = numbers.len() == 3 && numbers.iter().all(|word| word.parse::<u64>().is_ok());
    all_are.then(|| (*name).to_owned())
}

/// The byte, in a line `serial_write write addr 0x00 val 0x41`.
pub(in crate::bench) fn serial(line: &str) -> Option<u8> {
    let (_, written) = line.split_once("serial_write write addr 0x00 val 0x")?;
    u8::from_str_radix(written.trim(), 16).ok()
}

/// The two address spaces between which a load of gets changes.
fn pair(logged: &[Logged]) -> Option<[u64; 2]> {
    let gets = logged.iter().find(|load| load.name == "get")?;
    let one = switches::commonest(gets.spaces.iter().copied())?;
    let two = switches::commonest(gets.spaces.iter().copied().filter(|space| *space != one))?;
    Some([one, two])
}

fn switches_of(spaces: &[u64], pair: [u64; 2]) -> u64 {
    let mut both: Vec<u64> = spaces.iter().copied().filter(|space| pair.contains(space)).collect();
    both.dedup();
    both.len() as u64
}

fn joined(loads: &[StoreLoad], logged: &[Logged]) -> Result<Vec<Count>> {
    let names = |loads: Vec<&str>| loads.join(" ");
    let told = names(loads.iter().map(|load| load.name.as_str()).collect());
    let seen = names(logged.iter().map(|load| load.name.as_str()).collect());
    ensure!(told == seen, "loads were told ({told}), and QEMU logged others ({seen})");
    let pair = pair(logged).context("there is no load of gets")?;
    let count = |(load, logged): (&StoreLoad, &Logged)| Count {
        name: load.name.clone(),
        operations: load.operations,
        flushes: load.flushes,
        instructions: MOST.iter().any(|(name, _)| *name == load.name).then_some(load.ns),
        switches: switches_of(&logged.spaces, pair),
        others: logged.spaces.iter().filter(|space| !pair.contains(space)).count() as u64,
    };
    Ok(loads.iter().zip(logged).map(count).collect())
}

#[allow(clippy::cast_precision_loss)]
fn each(count: &Count, number: u64) -> f64 {
    number as f64 / count.operations.max(1) as f64
}

/// A table: a row for each load.
pub(super) fn text(counts: &[Count]) -> String {
    let mut text = format!(
        "\nCounted on a small disk, for each operation: instructions of all processes and the kernel, where the disk is\n\
         not waited for; changes between the address spaces of client and statefsd; flushes for each 1,000.\n\n\
         {:14} {:>10} {:>12} {:>8} {:>8}\n",
        "load", "operations", "instructions", "switches", "flushes"
    );
    for count in counts {
        let instructions = count.instructions.map(|all| format!("{:.0}", each(count, all)));
        let _ = writeln!(
            text,
            "{:14} {:>10} {:>12} {:>8.2} {:>8.1}",
            count.name,
            count.operations,
            instructions.unwrap_or_else(|| "-".to_owned()),
            each(count, count.switches),
            each(count, count.flushes) * 1e3,
        );
    }
    text
}

/// What is above what it may be.
pub(super) fn over(counts: &[Count]) -> Vec<String> {
    let mut over = Vec::new();
    for count in counts {
        let Count { name, operations, .. } = count;
        // Beside its calls the load makes one more change to each side, at its ends.
        // Whoever wakes up meanwhile may take the processor from one of the two while the other is ready.
        let most = MOST_SWITCHES * (operations + 1) + count.others;
        if CALLS.contains(&name.as_str()) && count.switches > most {
            over.push(format!(
                "{name}: {} switches, of {operations} calls at most {most}",
                count.switches
            ));
        }
        let most = MOST.iter().find(|(limited, _)| limited == name);
        if let (Some((_, most)), Some(all)) = (most, count.instructions)
            && all > most * operations
        {
            over.push(format!("{name}: {} instructions each, at most {most}", all / operations));
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

    fn satp(space: u64) -> String {
        format!(" satp     {space:016x}")
    }

    fn load(name: &str, operations: u64, ns: u64) -> StoreLoad {
        StoreLoad { name: name.into(), operations, ns, flushes: 3 }
    }

    #[test]
    fn test_what_was_logged_belongs_to_the_next_record() {
        let mut lines = vec![satp(1), satp(2), "Stopped execution of TB chain before 0x7".into()];
        lines.extend(serial_of("services: store-load and others\n"));
        lines.push(satp(3));
        lines.extend(serial_of("NX 77 store-load fill 10 20 30\r\n"));
        lines.push("serial_write write addr 0x01 val 0x41".into());
        lines.extend([satp(4)]);
        lines.extend(serial_of("store-load get 1 2 3\n"));
        lines.push(satp(5));
        let all = logged(lines.iter().map(String::as_str));
        let expected = [("fill", vec![1, 3]), ("get", vec![4])];
        assert_eq!(all, expected.map(|(name, spaces)| Logged { name: name.into(), spaces }));
    }

    #[test]
    fn test_changes_between_client_and_statefsd_are_counted() {
        let logged =
            |name: &str, spaces: &[u64]| Logged { name: name.into(), spaces: spaces.into() };
        let all = [
            logged("fill", &[9, 9, 9, 1, 2]),
            logged("get", &[1, 2, 1, 7, 1, 2, 1, 2, 2, 1]),
            logged("put_sync_1", &[2, 7, 2, 1]),
        ];
        let loads = [load("fill", 4, 9), load("get", 3, 54_000), load("put_sync_1", 1, 9)];
        let counts = joined(&loads, &all).unwrap();
        let counted: Vec<_> =
            counts.iter().map(|count| (count.instructions, count.switches)).collect();
        assert_eq!(counted, [(None, 2), (Some(54_000), 7), (None, 2)]);
        assert!(over(&counts).is_empty(), "{:?}", over(&counts));
        let row = "get                     3        18000     2.33   1000.0";
        assert!(text(&counts).lines().any(|line| line == row), "{}", text(&counts));
        assert!(joined(&loads, &all[..2]).is_err());
        assert!(joined(&loads[..1], &all[..1]).is_err(), "no gets");
    }

    #[test]
    fn test_what_is_over_is_told() {
        let count = |name: &str, instructions, switches| Count {
            name: name.into(),
            operations: 10,
            flushes: 0,
            instructions,
            switches,
            others: 1,
        };
        let told =
            |name: &str, instructions, switches| over(&[count(name, instructions, switches)]);
        assert!(told("get", Some(170_000), 23).is_empty() && told("fill", None, 99).is_empty());
        assert_eq!(told("get", Some(0), 24), ["get: 24 switches, of 10 calls at most 23"]);
        assert_eq!(told("scan", Some(8_701), 99), ["scan: 870 instructions each, at most 870"]);
    }
}
