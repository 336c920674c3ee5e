//! What must hold in every address space after boot, whatever the kernel's own opinion is.

use super::dma::{Device, Reach};
use super::kernel;
use super::ram::Ram;
use super::sv39::{Leaf, Space, walk};
use crate::protocol::{Cap, Root};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// `KindCode::DeviceMmio` as a number.
pub const KIND_DEVICE: u64 = 5;
/// `KindCode::Vmo` as a number.
pub const KIND_MEMORY: u64 = 4;

/// What the guest said about itself, and what the host knows about the kernel.
#[derive(Debug)]
pub struct Claims<'a> {
    /// Every service that lives, as the description has it: each has one root of its own.
    pub services: &'a [u32],
    /// Each process's root page table.
    pub roots: &'a [Root],
    /// Each process's capabilities.
    pub caps: &'a [Cap],
    /// Physical ranges that user mode must never reach: firmware, and what the kernel keeps.
    pub forbidden: &'a [Range<u64>],
    /// What each device reaches by itself.
    pub reaches: &'a [Reach],
    /// Every device that can, as QEMU has it.
    pub devices: &'a [Device],
}

/// Walks every root and says what is wrong; empty when all holds.
#[must_use]
pub fn check(ram: &Ram, claims: &Claims<'_>) -> Vec<String> {
    let spaces: Vec<(u32, Space)> =
        claims.roots.iter().map(|root| (root.service, walk(ram, root.phys))).collect();
    let tables: BTreeSet<u64> =
        spaces.iter().flat_map(|(_, space)| space.tables.iter().copied()).collect();
    let mut found = Vec::new();
    one_root_each(claims, &mut found);
    for (service, space) in &spaces {
        let mut say = |what: String| found.push(format!("service {service}: {what}"));
        space.errors.iter().cloned().for_each(&mut say);
        let windows: Vec<&Cap> = claims
            .caps
            .iter()
            .filter(|cap| cap.service == *service && cap.kind == KIND_DEVICE)
            .collect();
        user_half(ram, space, &windows, claims.forbidden, &tables, &mut say);
        mapped_counts(ram, space, &windows, &mut say);
        tables_apart(space, claims.forbidden, &mut say);
        kernel::check(space, claims.caps, &mut say);
    }
    kernel::same(&spaces, &mut found);
    frames_write_xor_execute(ram, &spaces, &mut found);
    frames_have_one_user(ram, &spaces, claims.caps, &mut found);
    found
}

/// Nothing is left out: a process whose root is not named would not be looked at.
fn one_root_each(claims: &Claims<'_>, found: &mut Vec<String>) {
    let named = |service: &u32| claims.roots.iter().filter(|root| root.service == *service).count();
    for service in claims.services {
        let count = named(service);
        if count != 1 {
            found.push(format!("service {service}: {count} root page tables, not one"));
        }
    }
    let mut seen = BTreeMap::new();
    for root in claims.roots {
        if !claims.services.contains(&root.service) {
            found.push(format!("service {}: a root page table of nobody", root.service));
        }
        if let Some(other) = seen.insert(root.phys, root.service).filter(|one| *one != root.service)
        {
            found.push(format!("service {}: has the root page table of {other}", root.service));
        }
    }
}

fn user_half(
    ram: &Ram,
    space: &Space,
    windows: &[&Cap],
    forbidden: &[Range<u64>],
    tables: &BTreeSet<u64>,
    say: &mut impl FnMut(String),
) {
    for leaf in space.leaves.iter().filter(|leaf| !leaf.kernel_half()) {
        if !leaf.u() {
            say(format!("not a user page in the user half: {leaf}"));
        }
        if leaf.w() && leaf.x() {
            say(format!("writable and executable: {leaf}"));
        }
        if leaf.g() || !leaf.ready() {
            say(format!("G set, or A or D clear: {leaf}"));
        }
        if leaf.len != 4096 {
            say(format!("large page: {leaf}"));
        }
        if ram.contains(leaf.pa, leaf.len) {
            let kernel = forbidden.iter().any(|range| overlaps(leaf, range));
            if kernel || tables.range(leaf.pa..leaf.pa + leaf.len).next().is_some() {
                say(format!("kernel or firmware memory: {leaf}"));
            }
        } else {
            device_leaf(leaf, windows, say);
        }
    }
}

fn device_leaf(leaf: &Leaf, windows: &[&Cap], say: &mut impl FnMut(String)) {
    if leaf.x() {
        say(format!("executable device page: {leaf}"));
    }
    match windows.iter().find(|window| inside(leaf, window)) {
        None => say(format!("device page outside every window it holds: {leaf}")),
        Some(window) if leaf.w() && window.rights & 4 == 0 => {
            say(format!("writable page of a read-only window: {leaf}"));
        }
        Some(window) if leaf.w() && window.registers.is_some() => {
            say(format!("writable page of a window with a mask: {leaf}"));
        }
        Some(_) => {}
    }
}

/// The kernel's counters of mapped pages are equal to the pages found.
fn mapped_counts(ram: &Ram, space: &Space, windows: &[&Cap], say: &mut impl FnMut(String)) {
    for window in windows {
        let pages = space
            .leaves
            .iter()
            .filter(|leaf| !leaf.kernel_half() && !ram.contains(leaf.pa, leaf.len))
            .filter(|leaf| inside(leaf, window))
            .count() as u64;
        if pages != window.mapped_pages {
            say(format!(
                "window {:#x}: the kernel counts {} mapped pages, the tables have {pages}",
                window.base, window.mapped_pages
            ));
        }
    }
}

/// No table of a process lies where the kernel keeps something else. The kernel half has its tables
/// in the image.
fn tables_apart(space: &Space, forbidden: &[Range<u64>], say: &mut impl FnMut(String)) {
    for table in &space.user_tables {
        if forbidden.iter().any(|range| range.contains(table)) {
            say(format!("page table {table:#x} in kernel or firmware memory"));
        }
    }
}

/// No frame is writable for one process and executable for any.
fn frames_write_xor_execute(ram: &Ram, spaces: &[(u32, Space)], found: &mut Vec<String>) {
    let mut writable: BTreeMap<u64, u32> = BTreeMap::new();
    for (service, space) in spaces {
        writable.extend(memory(ram, space).filter(|leaf| leaf.w()).map(|leaf| (leaf.pa, *service)));
    }
    for (service, space) in spaces {
        for leaf in memory(ram, space).filter(|leaf| leaf.x()) {
            if let Some(writer) = writable.get(&leaf.pa) {
                found.push(format!("service {service} executes what {writer} can write: {leaf}"));
            }
        }
    }
}

/// What one process can write is mapped in no other, but for the memory objects that both hold, and
/// no more pages than these have.
fn frames_have_one_user(ram: &Ram, spaces: &[(u32, Space)], caps: &[Cap], found: &mut Vec<String>) {
    for (writer, space) in spaces {
        let written: BTreeSet<u64> =
            memory(ram, space).filter(|leaf| leaf.w()).map(|leaf| leaf.pa).collect();
        for (other, space) in spaces.iter().filter(|(other, _)| other != writer) {
            let shared: BTreeMap<u64, &Leaf> = memory(ram, space)
                .filter(|leaf| written.contains(&leaf.pa))
                .map(|leaf| (leaf.pa, leaf))
                .collect();
            let held = pages_of_both(caps, *writer, *other);
            if let Some(leaf) = shared.values().next().filter(|_| shared.len() as u64 > held) {
                found.push(format!(
                    "service {other} has {} pages that {writer} can write, and both hold objects of \
                     {held}: {leaf}",
                    shared.len()
                ));
            }
        }
    }
}

/// Pages of the memory objects that two services both have a capability to.
fn pages_of_both(caps: &[Cap], one: u32, other: u32) -> u64 {
    let objects = |service: u32| -> BTreeMap<u64, u64> {
        let memory = caps.iter().filter(|cap| (cap.service, cap.kind) == (service, KIND_MEMORY));
        memory.map(|cap| (cap.object, cap.len / 4096)).collect()
    };
    let others = objects(other);
    objects(one)
        .iter()
        .filter(|(object, _)| others.contains_key(object))
        .map(|(_, pages)| pages)
        .sum()
}

/// What a process has of RAM.
fn memory<'a>(ram: &'a Ram, space: &'a Space) -> impl Iterator<Item = &'a Leaf> {
    let leaves = space.leaves.iter();
    leaves.filter(|leaf| !leaf.kernel_half() && ram.contains(leaf.pa, leaf.len))
}

fn inside(leaf: &Leaf, window: &Cap) -> bool {
    let end = window.base.saturating_add(window.len);
    leaf.pa >= window.base && leaf.pa.saturating_add(leaf.len) <= end
}

pub(super) fn overlaps(leaf: &Leaf, range: &Range<u64>) -> bool {
    leaf.pa < range.end && range.start < leaf.pa.saturating_add(leaf.len)
}
