//! The kernel's half of an address space.

use super::check::{KIND_DEVICE, overlaps};
use super::sv39::{Leaf, Space};
use crate::protocol::Cap;
use std::ops::Range;

/// Where the kernel has the pages of devices whose registers it writes for their owners.
const DEVICES: Range<u64> = 0xffff_ffff_c000_0000..0xffff_ffff_c020_0000;

/// What must hold in the upper half of one address space.
pub(super) fn check(space: &Space, caps: &[Cap], say: &mut impl FnMut(String)) {
    let windows: Vec<&Cap> = caps.iter().filter(|cap| cap.kind == KIND_DEVICE).collect();
    let writable = |leaf: &&Leaf| leaf.kernel_half() && leaf.w() && !leaf.x();
    let writable: Vec<&Leaf> = space.leaves.iter().filter(writable).collect();
    for leaf in space.leaves.iter().filter(|leaf| leaf.kernel_half()) {
        if leaf.u() {
            say(format!("user page in the kernel half: {leaf}"));
        }
        if leaf.w() && leaf.x() {
            say(format!("writable and executable in the kernel half: {leaf}"));
        }
        let code = leaf.pa..leaf.pa.saturating_add(leaf.len);
        if let Some(alias) = writable.iter().find(|other| leaf.x() && overlaps(other, &code)) {
            say(format!("kernel code {leaf} is writable elsewhere: {alias}"));
        }
        if DEVICES.contains(&leaf.va) {
            device_page(leaf, &windows, say);
            continue;
        }
        let touches = |cap: &&&Cap| overlaps(leaf, &(cap.base..cap.base.saturating_add(cap.len)));
        if let Some(window) = windows.iter().find(touches) {
            say(format!("the kernel maps window {:#x} of a service: {leaf}", window.base));
        }
    }
    for window in windows.iter().filter(|window| window.registers.is_some()) {
        if !space.leaves.iter().any(|leaf| is_place_of(leaf, window)) {
            say(format!("the kernel does not map window {:#x}, which has a mask", window.base));
        }
    }
}

/// A page through which the kernel writes registers: data, and the first page of a window with a mask, in
/// the place that the kernel names.
fn device_page(leaf: &Leaf, windows: &[&Cap], say: &mut impl FnMut(String)) {
    if !windows.iter().any(|window| is_place_of(leaf, window)) {
        say(format!("the kernel maps a device page of no window with a mask: {leaf}"));
    }
    let right = leaf.r() && leaf.w() && !leaf.x() && leaf.g() && leaf.ready();
    if !right || leaf.len != 4096 {
        say(format!("a device page of the kernel's is not 4 KiB to read and write: {leaf}"));
    }
}

fn is_place_of(leaf: &Leaf, window: &Cap) -> bool {
    let place = DEVICES.start.saturating_add(window.object.saturating_mul(4096));
    window.registers.is_some() && (leaf.va, leaf.pa) == (place, window.base)
}

/// The upper half is the same in every address space.
pub(super) fn same(spaces: &[(u32, Space)], found: &mut Vec<String>) {
    let half = |space: &Space| -> Vec<Leaf> {
        space.leaves.iter().copied().filter(Leaf::kernel_half).collect()
    };
    let Some((first, space)) = spaces.first() else { return };
    let expected = half(space);
    for (service, space) in spaces {
        let here = half(space);
        let only_in = |some: &[Leaf], others: &[Leaf]| {
            some.iter().find(|leaf| !others.contains(leaf)).map(Leaf::to_string)
        };
        if here != expected {
            found.push(format!(
                "kernel half of service {service} differs from that of {first}: only here {}, only \
                 there {}",
                only_in(&here, &expected).unwrap_or_default(),
                only_in(&expected, &here).unwrap_or_default(),
            ));
        }
    }
}
