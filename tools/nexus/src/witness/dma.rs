//! What each device reaches by itself, as QEMU has it and as guest memory has it: equal to what the image
//! says, and recorded so. The device's own queue addresses count, not what anybody in the guest says.

use super::check::{Claims, overlaps};
use super::ram::Ram;
use super::sv39::{Space, walk};
use nexus_sysdesc::layout::{DESCRIPTOR, Descriptor, INDIRECT, Layout, NEXT, Seal, Segment, WRITE};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

/// A virtio device, as QEMU tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name in the description, which is its id in QEMU.
    pub name: String,
    /// Its status register is 0.
    pub in_reset: bool,
    /// Its queues, by number.
    pub queues: Vec<Queue>,
    /// Of a disk: the serial number that it was started with; empty for none.
    pub serial: Option<String>,
}

/// Where a device has the parts of one of its queues: physical addresses, 0 where it was told none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Entries of its rings; without meaning where it was told no addresses.
    pub size: u64,
    /// Its descriptors.
    pub table: u64,
    /// Its available ring.
    pub avail: u64,
    /// Its used ring.
    pub used: u64,
}

/// What a device reaches, as image and ledger say.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Its name in the description.
    pub device: String,
    /// Its number there.
    pub number: u16,
    /// Service id of its owner.
    pub owner: u32,
    /// The serial number that it is known by.
    pub serial: Option<String>,
    /// Its queues. Without any, the device is in reset.
    pub layout: Layout,
    /// The digest of what was placed, as the ledger has it.
    pub recorded: Option<u64>,
}

/// Pages behind each piece of a device's memory that are nobody's.
const GUARD: u64 = nexus_abi::DEVICE_GUARD_PAGES * 4096;

/// Says everything that is wrong; empty when all holds.
#[must_use]
pub(crate) fn check(ram: &Ram, claims: &Claims<'_>) -> Vec<String> {
    let Claims { reaches, devices, forbidden, .. } = *claims;
    let spaces: Vec<(u32, Space)> =
        claims.roots.iter().map(|root| (root.service, walk(ram, root.phys))).collect();
    let mut found = Vec::new();
    let mut pieces: Vec<(String, Range<u64>)> = Vec::new();
    for reach in reaches.iter().filter(|reach| !reach.layout.queues.is_empty()) {
        let name = &reach.device;
        let mut say = |what: String| found.push(format!("{name}: {what}"));
        let Some(device) = devices.iter().find(|device| device.name == *name) else {
            say("QEMU shows no such device".to_owned());
            continue;
        };
        check_serial(reach, device, devices, &mut say);
        let Some(places) = Places::of(&reach.layout, device, &mut say) else { continue };
        pieces
            .extend(places.pieces().map(|(what, range)| (format!("the {what} of {name}"), range)));
        check_tables(ram, reach, &places, &mut say);
        check_mapped(&spaces, reach.owner, &places, &mut say);
    }
    check_apart(ram, &pieces, forbidden, &mut found);
    check_behind(ram, &pieces, &mut found);
    for device in devices.iter().filter(|device| !device.in_reset) {
        let sealed = |reach: &Reach| reach.device == device.name && !reach.layout.queues.is_empty();
        if !reaches.iter().any(sealed) {
            found.push(format!("{}: nobody may use it, and it is not in reset", device.name));
        }
    }
    found
}

/// A disk that is known by its serial number, and that somebody has, is the one that QEMU was given with it,
/// and there is no other.
fn check_serial(reach: &Reach, device: &Device, all: &[Device], say: &mut impl FnMut(String)) {
    let Some(known) = &reach.serial else { return };
    if device.serial.as_ref() != Some(known) {
        let has = device.serial.as_deref().unwrap_or_default();
        say(format!("its serial number is `{has}`, and `{known}` is described"));
    }
    let alike = all.iter().filter(|one| one.serial.as_ref() == Some(known)).count();
    if alike > 1 {
        say(format!("{alike} disks have the serial number `{known}`, and one of them is given"));
    }
}

/// Where the memory of a device is, from its own queue addresses.
#[derive(Debug)]
struct Places {
    tables: Range<u64>,
    pool: Range<u64>,
    used: Range<u64>,
}

impl Places {
    /// From where queue 0 is; every other part must be where the layout has it from there.
    fn of(layout: &Layout, device: &Device, say: &mut impl FnMut(String)) -> Option<Places> {
        let first = device.queues.first().copied().unwrap_or_default();
        let laid = layout.queues.first()?;
        let range = |at: u64, offset: u64, len: u64| {
            let start = at.checked_sub(offset)?;
            Some(start..start.checked_add(len)?)
        };
        let places = (|| {
            Some(Places {
                tables: range(first.table, laid.table, layout.tables)?,
                pool: range(first.avail, laid.avail, layout.pool)?,
                used: range(first.used, laid.used, layout.used)?,
            })
        })();
        let Some(places) = places else {
            say(format!("queue 0 is nowhere: {first:x?}"));
            return None;
        };
        for (number, queue) in device.queues.iter().enumerate() {
            let expected = layout.queues.get(number).map_or_else(Queue::default, |laid| Queue {
                size: laid.size.into(),
                table: places.tables.start + laid.table,
                avail: places.pool.start + laid.avail,
                used: places.used.start + laid.used,
            });
            let told = if expected.table == 0 { Queue { size: 0, ..*queue } } else { *queue };
            if told != expected {
                say(format!("queue {number} is {queue:x?}, and should be {expected:x?}"));
            }
        }
        if device.queues.len() < layout.queues.len() {
            say(format!("{} queues, and the image has more", device.queues.len()));
        }
        Some(places)
    }

    fn pieces(&self) -> impl Iterator<Item = (&'static str, Range<u64>)> {
        let all = [("tables", &self.tables), ("pool", &self.pool), ("used rings", &self.used)];
        all.into_iter().map(|(what, range)| (what, range.clone()))
    }
}

/// The descriptors in memory: exactly those of the image, and nothing behind them.
fn check_tables(ram: &Ram, reach: &Reach, places: &Places, say: &mut impl FnMut(String)) {
    let layout = &reach.layout;
    let mut seal = Seal::default();
    let mut reached = BTreeSet::new();
    for expected in layout.descriptors() {
        match read(ram, places, expected.index) {
            Some(one) => {
                seal.descriptor(&one);
                reached.extend(segment(&one));
            }
            None => say(format!("descriptor {} names neither pool nor tables", expected.index)),
        }
    }
    let expected: BTreeSet<Segment> = layout.segments().collect();
    if reached != expected {
        let beyond = describe(reached.difference(&expected));
        let missing = describe(expected.difference(&reached));
        say(format!(
            "reaches {beyond}, which the image does not say; and not {missing}, which it says"
        ));
    }
    for queue in &layout.queues {
        seal.queue(queue.size, [queue.table, queue.avail, queue.used]);
    }
    let digest = seal.finish();
    if reach.recorded != Some(digest) || digest != layout.digest() {
        let recorded =
            reach.recorded.map_or_else(|| "none".to_owned(), |one| format!("{one:016x}"));
        say(format!(
            "the tables in memory have digest {digest:016x}, the record {recorded}, the image {:016x}",
            layout.digest()
        ));
    }
    let used: BTreeSet<u64> = layout.descriptors().map(|one| one.index).collect();
    let all = 0..(layout.tables + GUARD) / DESCRIPTOR;
    let empty = |index: &u64| raw(ram, places.tables.start + index * DESCRIPTOR) == Some([0, 0]);
    if let Some(stray) = all.filter(|index| !used.contains(index)).find(|index| !empty(index)) {
        say(format!("there is something at descriptor {stray}, where nothing was placed"));
    }
}

fn describe<'a>(segments: impl Iterator<Item = &'a Segment>) -> String {
    let mut text = String::new();
    for (index, one) in segments.enumerate() {
        if index == 4 {
            return text + " ...";
        }
        let what = if one.writes { "writes" } else { "reads" };
        let _ = write!(text, "[{what} {} at {:#x}]", one.len, one.offset);
    }
    if text.is_empty() { "nothing".to_owned() } else { text }
}

fn segment(one: &Descriptor) -> Option<Segment> {
    let writes = one.flags & WRITE != 0;
    (!one.of_tables).then_some(Segment { offset: one.offset, len: one.len, writes })
}

/// A descriptor with its address taken back to what it names; `None` when that is neither tables nor pool
/// of its device, whole, or it has other flags than a descriptor can have.
fn read(ram: &Ram, places: &Places, index: u64) -> Option<Descriptor> {
    let [address, word] = raw(ram, places.tables.start.checked_add(index * DESCRIPTOR)?)?;
    let len = u32::try_from(word & 0xffff_ffff).ok()?;
    let flags = u16::try_from(word >> 32 & 0xffff).ok()?;
    let next = u16::try_from(word >> 48).ok()?;
    let of_tables = flags & INDIRECT != 0;
    let within = if of_tables { &places.tables } else { &places.pool };
    let end = address.checked_add(u64::from(len))?;
    let inside = len > 0 && within.contains(&address) && end <= within.end;
    let plain = flags & !(NEXT | WRITE | INDIRECT) == 0 && (!of_tables || flags == INDIRECT);
    let offset = address.checked_sub(within.start)?;
    (inside && plain).then_some(Descriptor { index, of_tables, offset, len, flags, next })
}

fn raw(ram: &Ram, address: u64) -> Option<[u64; 2]> {
    Some([ram.word(address)?, ram.word(address.checked_add(8)?)?])
}

/// Tables are mapped by nobody, used rings are written by nobody, and neither they nor the pool are mapped
/// by anybody but the owner.
fn check_mapped(
    spaces: &[(u32, Space)],
    owner: u32,
    places: &Places,
    say: &mut impl FnMut(String),
) {
    for (service, space) in spaces {
        for leaf in space.leaves.iter().filter(|leaf| !leaf.kernel_half()) {
            for (what, _) in places.pieces().filter(|(_, range)| overlaps(leaf, range)) {
                let right = match what {
                    "tables" => false,
                    "pool" => *service == owner,
                    _ => *service == owner && !leaf.w(),
                };
                if !right {
                    say(format!("service {service} maps the {what}: {leaf}"));
                }
            }
        }
    }
}

/// Whole pages of RAM, none of which is another's, the kernel's or the firmware's.
fn check_apart(
    ram: &Ram,
    pieces: &[(String, Range<u64>)],
    forbidden: &[Range<u64>],
    found: &mut Vec<String>,
) {
    let overlap = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
    for (index, (name, range)) in pieces.iter().enumerate() {
        let whole = range.start.is_multiple_of(4096) && range.end.is_multiple_of(4096);
        if !whole || !ram.contains(range.start, range.end - range.start) {
            found.push(format!("{name} are not whole pages of memory: {range:x?}"));
        }
        if let Some((other, _)) = pieces.iter().skip(index + 1).find(|(_, one)| overlap(one, range))
        {
            found.push(format!("{name} and {other} overlap"));
        }
        if forbidden.iter().any(|one| overlap(one, range)) {
            found.push(format!("{name} are in kernel or firmware memory: {range:x?}"));
        }
    }
}

/// As far as a device goes past the end of a ring there is nothing behind any piece: nobody has written there.
fn check_behind(ram: &Ram, pieces: &[(String, Range<u64>)], found: &mut Vec<String>) {
    for (name, range) in pieces {
        let mut behind = (range.end..range.end.saturating_add(GUARD)).step_by(8);
        if let Some(at) = behind.find(|at| ram.word(*at) != Some(0)) {
            found.push(format!("there is something behind {name}, at {at:#x}"));
        }
    }
}

#[cfg(test)]
#[path = "dma_tests.rs"]
mod tests;
