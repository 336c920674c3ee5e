//! Where the kernel changes the address space, and how often it did.

use super::log::{Between, Logged};
use crate::protocol::Load;
use anyhow::{Context, Result, ensure};
use object::elf::{FileHeader64, PF_X, PT_LOAD};
use object::endian::LittleEndian as LE;
use object::read::elf::{FileHeader, ProgramHeader};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The register that selects the address space (privileged specification, 4.1.11).
const SATP: u32 = 0x180;
/// SYSTEM, the major opcode of every instruction that writes such a register.
const SYSTEM: u32 = 0x73;
/// Most changes of the address space for a batch of requests.
const MOST_SWITCHES: u64 = 2;
/// Most doorbells for a batch.
const MOST_DOORBELLS: u64 = 1;

/// One load of all rounds, and what was counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Count {
    name: String,
    requests: u64,
    /// Batches that the driver gave the device.
    batches: u64,
    /// Doorbells as the driver counts them, and as QEMU does.
    doorbells: [u64; 2],
    /// Changes from the driver's address space to its consumer's, or back, whoever ran in between; up to the
    /// last batch.
    switches: u64,
    /// Changes to the address spaces of others, who woke up meanwhile.
    others: u64,
}

/// The address spaces of the driver and of its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair([u64; 2]);

impl Pair {
    /// The driver's is the one in which most doorbells were rung, and its consumer's the one that was changed to
    /// most often beside it.
    fn of(between: &[Between]) -> Option<Pair> {
        let pairs = || between.iter().flat_map(|one| one.0.windows(2));
        let driver = commonest(pairs().filter_map(|pair| match pair {
            [Logged::Space(space), Logged::Doorbell] => Some(*space),
            _ => None,
        }))?;
        let consumer = commonest(pairs().filter_map(|pair| match pair {
            [_, Logged::Space(space)] if *space != driver => Some(*space),
            _ => None,
        }))?;
        Some(Pair([driver, consumer]))
    }

    /// Changes between the two, and changes to others.
    fn count(self, logged: &[Logged]) -> [u64; 2] {
        let (mut switches, mut others, mut last) = (0, 0, None);
        for one in logged {
            match one {
                Logged::Doorbell => {}
                Logged::Space(space) if !self.0.contains(space) => others += 1,
                Logged::Space(space) if last == Some(*space) => {}
                Logged::Space(space) => {
                    last = Some(*space);
                    switches += 1;
                }
            }
        }
        [switches, others]
    }
}

pub(in crate::bench) fn commonest(numbers: impl Iterator<Item = u64>) -> Option<u64> {
    let mut counts = BTreeMap::new();
    for number in numbers {
        *counts.entry(number).or_insert(0_u64) += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(number, _)| number)
}

/// Addresses of the instructions after those that can write `satp`: each begins a block when it was written.
///
/// # Errors
/// When `elf` is not a 64-bit little-endian ELF file.
pub(in crate::bench) fn sites(elf: &[u8]) -> Result<Vec<u64>> {
    let header = FileHeader64::<LE>::parse(elf).context("not a 64-bit ELF file")?;
    let segments = header.program_headers(LE, elf).context("reading program headers")?;
    let code =
        segments.iter().filter(|one| one.p_type(LE) == PT_LOAD && one.p_flags(LE).0 & PF_X.0 != 0);
    let mut sites = Vec::new();
    for segment in code {
        let data = segment.data(LE, elf).ok().context("a segment lies outside the file")?;
        sites.extend(sites_in(segment.p_vaddr(LE), data));
    }
    Ok(sites)
}

/// The same in code from `base` on.
fn sites_in(base: u64, code: &[u8]) -> Vec<u64> {
    let half = |at: usize| Some(u16::from_le_bytes(*code.get(at..)?.first_chunk()?));
    let (mut sites, mut at) = (Vec::new(), 0);
    while let Some(low) = half(at) {
        // The two lowest bits are set in instructions of four bytes; there are no longer ones.
        let len = if low & 3 == 3 { 4 } else { 2 };
        let word = u32::from(low) | u32::from(half(at + 2).unwrap_or(0)) << 16;
        if len == 4 && writes_satp(word) {
            sites.push(base + (at + len) as u64);
        }
        at += len;
    }
    sites
}

/// `csrrw` and `csrrwi` write always, the other four when their source is not register, or number, 0.
const fn writes_satp(word: u32) -> bool {
    let (opcode, kind, source) = (word & 0x7f, word >> 12 & 7, word >> 15 & 0x1f);
    let writes = match kind {
        1 | 5 => true,
        2 | 3 | 6 | 7 => source != 0,
        _ => false,
    };
    opcode == SYSTEM && word >> 20 == SATP && writes
}

/// What was told beside what was logged for it.
///
/// # Errors
/// When there are not as many pairs of marks as loads.
pub(super) fn counts(loads: &[Load], between: &[Between]) -> Result<Vec<Count>> {
    let (told, logged) = (loads.len(), between.len());
    ensure!(told == logged, "{told} loads were told, and QEMU logged the marks of {logged}");
    let pair = Pair::of(between).context("nobody rang a doorbell of the disk")?;
    let mut counts: Vec<Count> = Vec::new();
    for (load, between) in loads.iter().zip(between) {
        let name = || Count {
            name: load.name.clone(),
            requests: 0,
            batches: 0,
            doorbells: [0; 2],
            switches: 0,
            others: 0,
        };
        let index = counts.iter().position(|count| count.name == load.name);
        let index = index.unwrap_or_else(|| {
            counts.push(name());
            counts.len() - 1
        });
        let Some(count) = counts.get_mut(index) else { continue };
        count.requests += load.requests;
        count.batches += load.batches;
        let [driver, qemu] = &mut count.doorbells;
        *driver += load.doorbells;
        *qemu += between.doorbells();
        let [switches, others] = pair.count(between.before_the_last_batch());
        count.switches += switches;
        count.others += others;
    }
    Ok(counts)
}

impl Count {
    #[allow(clippy::cast_precision_loss)]
    fn a_batch(&self, number: u64) -> f64 {
        number as f64 / self.batches.max(1) as f64
    }
}

/// A table: a row for each load.
pub(super) fn text(counts: &[Count]) -> String {
    let mut text = format!(
        "\nCounted in a boot of its own, from QEMU's log: for each batch of requests that the driver gives its\n\
         device, changes of the address space between it and its consumer (at most {MOST_SWITCHES}), doorbells (at\n\
         most {MOST_DOORBELLS}) as the driver and as QEMU count them; changes to others, who woke up meanwhile.\n\n\
         {:22} {:>8} {:>8} {:>8} {:>8} {:>9} {:>8} {:>8}\n",
        "load", "requests", "batches", "a batch", "switches", "doorbells", "by QEMU", "others"
    );
    for count in counts {
        let [driver, qemu] = count.doorbells;
        let _ = writeln!(
            text,
            "{:22} {:>8} {:>8} {:>8.2} {:>8.2} {:>9.2} {:>8.2} {:>8.2}",
            count.name,
            count.requests,
            count.batches,
            count.a_batch(count.requests),
            count.a_batch(count.switches),
            count.a_batch(driver),
            count.a_batch(qemu),
            count.a_batch(count.others),
        );
    }
    text
}

/// What is above what it may be. Whoever wakes up meanwhile may take the processor from one of the two while the
/// other is ready, and so there may be as many changes more as there were to others.
pub(super) fn over(counts: &[Count]) -> Vec<String> {
    let mut over = Vec::new();
    for count in counts {
        let [driver, qemu] = count.doorbells;
        for (what, number, most) in [
            ("switches", count.switches, MOST_SWITCHES * count.batches + count.others),
            ("doorbells", driver.max(qemu), MOST_DOORBELLS * count.batches),
        ] {
            if number > most {
                let (name, batches) = (&count.name, count.batches);
                over.push(format!("{name}: {number} {what}, of {batches} batches at most {most}"));
            }
        }
    }
    over
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(words: &[&[u8]]) -> Vec<u8> {
        words.concat()
    }

    #[test]
    fn test_the_instruction_after_each_write_is_found() {
        let csrw = &0x1805_1073_u32.to_le_bytes()[..]; // csrw satp, a0
        let csrr = &0x1800_2573_u32.to_le_bytes()[..]; // csrr a0, satp
        let csrrw = &0x1805_1573_u32.to_le_bytes()[..]; // csrrw a0, satp, a0
        let csrs = &0x1805_a073_u32.to_le_bytes()[..]; // csrs satp, a1
        let csrwi = &0x1800_5073_u32.to_le_bytes()[..]; // csrwi satp, 0
        let sscratch = &0x1405_1073_u32.to_le_bytes()[..]; // csrw sscratch, a0
        let nop = &[0x01, 0x00][..]; // c.nop
        let all = code(&[nop, csrw, csrr, nop, csrrw, sscratch, csrs, csrwi, nop]);
        assert_eq!(sites_in(0x1000, &all), [0x1006, 0x1010, 0x1018, 0x101c]);
    }

    #[test]
    fn test_what_only_looks_like_one_is_none() {
        // lui a0, 0x10730; and an instruction whose upper half, with what follows, would be one.
        let lui = &0x1073_0537_u32.to_le_bytes()[..];
        let follows = &[0x05, 0x18][..]; // c.addi16sp or the like: two bytes
        assert_eq!(sites_in(0, &code(&[lui, follows])), [0_u64; 0]);
        assert_eq!(sites_in(0, &[0x73, 0x10]), [0_u64; 0]);
        assert_eq!(sites_in(0, &[]), [0_u64; 0]);
    }

    #[test]
    fn test_garbage_is_refused() {
        assert!(sites(b"").is_err() && sites(&[0; 4096]).is_err());
    }

    fn load(name: &str, requests: u64, batches: u64, doorbells: u64) -> Load {
        Load { name: name.into(), requests, bytes: 0, ns: 1, batches, doorbells }
    }

    /// Driver 1, consumer 2, others 3 and 4; 0 for a doorbell.
    fn between(logged: &[u64]) -> Between {
        let one = |space: &u64| match space {
            0 => Logged::Doorbell,
            space => Logged::Space(*space),
        };
        Between(logged.iter().map(one).collect())
    }

    #[test]
    fn test_who_wakes_up_meanwhile_is_told_apart() {
        let pair = Pair::of(&[between(&[2, 1, 0, 2, 1, 0, 3, 3, 2, 2])]);
        assert_eq!(pair, Some(Pair([1, 2])));
        let count = |spaces: &[u64]| Pair([1, 2]).count(&between(spaces).0);
        assert_eq!(count(&[2, 1, 0, 2, 1]), [4, 0]);
        assert_eq!(count(&[2, 3, 4, 3, 2, 1]), [2, 3]);
        assert_eq!(count(&[2, 3, 1]), [2, 1]);
        assert_eq!(count(&[]), [0, 0]);
        assert_eq!(Pair::of(&[between(&[2, 1])]), None);
    }

    #[test]
    fn test_rounds_are_added() {
        let loads = [load("a", 16, 4, 3), load("b", 10, 10, 10), load("a", 16, 4, 4)];
        let logged = [
            between(&[2, 1, 0, 2, 1, 0, 2, 1, 3, 2, 1, 0, 2, 1, 2, 1, 0]),
            between(&[2, 1, 0].repeat(11)),
            between(&[2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0]),
        ];
        let counts = counts(&loads, &logged).unwrap();
        let count = |name: &str, requests, batches, doorbells, switches, others| Count {
            name: name.into(),
            requests,
            batches,
            doorbells,
            switches,
            others,
        };
        let expected = [count("a", 32, 8, [7, 6], 14, 1), count("b", 10, 10, [10, 10], 20, 0)];
        assert_eq!(counts, expected);
        assert!(over(&counts).is_empty(), "{:?}", over(&counts));
        let text = text(&counts);
        let row = "a                            32        8     4.00     1.75      0.88     0.75     0.12";
        assert!(text.lines().any(|line| line == row), "{text}");
    }

    #[test]
    fn test_limits() {
        let count = |switches, others, doorbells| Count {
            name: "a".into(),
            requests: 10,
            batches: 10,
            doorbells,
            switches,
            others,
        };
        assert!(over(&[count(20, 0, [10, 10]), count(23, 3, [10, 10])]).is_empty());
        let switches = over(&[count(21, 0, [10, 10]), count(24, 3, [10, 10])]);
        assert_eq!(switches[0], "a: 21 switches, of 10 batches at most 20");
        assert_eq!(switches[1], "a: 24 switches, of 10 batches at most 23");
        let doorbells = "a: 11 doorbells, of 10 batches at most 10";
        assert_eq!(over(&[count(0, 9, [11, 0])]), [doorbells]);
        assert_eq!(over(&[count(0, 9, [0, 11])]), [doorbells]);
    }

    #[test]
    fn test_each_load_has_its_marks() {
        let one = [between(&[2, 1, 0, 2, 1, 0])];
        assert!(counts(&[load("a", 1, 1, 1)], &[]).is_err());
        assert!(counts(&[], &one).is_err());
        assert!(counts(&[load("a", 1, 1, 1)], &one).is_ok());
        assert!(counts(&[load("a", 1, 1, 1)], &[Between::default()]).is_err());
    }
}
