//! `owners`: who holds which device.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::init::{OwnerInfo, OwnerState};
use nexus_proto::policy::NO_LINE;
use nexus_words::amount::size;
use nexus_words::holding::rights;

use super::{address, and, registers};
use crate::names::Names;
use crate::table::{Table, left, right, wrap};

/// The devices, their windows and owners, the lines and registers that those have, and whose reach memory
/// by themselves.
#[must_use]
pub fn owners(list: &[OwnerInfo], names: &Names) -> String {
    let mut table = Table::new(&[
        left("DEVICE"),
        left("OWNER"),
        left("WINDOW"),
        right("SIZE"),
        left("RIGHTS"),
        left("BY RULE"),
    ]);
    for owner in list {
        let held = owner.state == OwnerState::Held;
        table.row([
            owner.name.as_str().to_string(),
            holder(owner, names),
            if owner.len > 0 { address(owner.base) } else { String::new() },
            if owner.len > 0 { size(owner.len) } else { String::new() },
            if held { rights(owner.rights) } else { String::new() },
            if held { names.rule(owner.rule) } else { String::new() },
        ]);
    }
    table.render() + &limits(list) + &reached(list, names)
}

/// The devices whose owner has an interrupt line, or writes single registers; nothing without any.
fn limits(list: &[OwnerInfo]) -> String {
    let mut table = Table::new(&[left("DEVICE"), right("LINE"), left("REGISTERS WRITTEN")]);
    let held = list.iter().filter(|owner| owner.state == OwnerState::Held);
    let mut any = false;
    for owner in held.filter(|one| one.line != NO_LINE || one.registers.mask().is_some()) {
        any = true;
        table.row([
            owner.name.as_str().to_string(),
            if owner.line == NO_LINE { "-".to_string() } else { owner.line.to_string() },
            owner.registers.mask().map_or_else(|| "all, mapped".to_string(), registers),
        ]);
    }
    if any { "\n".to_string() + &table.render() } else { String::new() }
}

/// Who holds it, or why nobody does.
#[must_use]
pub(super) fn holder(owner: &OwnerInfo, names: &Names) -> String {
    let name = names.service(owner.owner.id);
    match owner.state {
        OwnerState::Held => name,
        OwnerState::Unclaimed => "nobody: unclaimed".to_string(),
        OwnerState::NotFound => "nobody: not found".to_string(),
        OwnerState::Denied => "nobody: denied".to_string(),
        OwnerState::OwnerEnded => format!("nobody: {name} ended"),
        OwnerState::NotGranted => "nobody: not granted".to_string(),
    }
}

fn reached(list: &[OwnerInfo], names: &Names) -> String {
    let held = list.iter().filter(|owner| owner.dma && owner.state == OwnerState::Held);
    let held: Vec<String> = held.map(|owner| names.service(owner.owner.id)).collect();
    if held.is_empty() {
        return String::new();
    }
    let text = format!(
        "{} {} a device that does DMA: it reaches a pool of its own, and no other memory.",
        and(&held),
        if held.len() == 1 { "holds" } else { "each hold" }
    );
    "\n".to_string() + &wrap("", &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{names, owner};
    use nexus_proto::Registers;

    #[test]
    fn who_holds_what() {
        let list = [
            owner(0, 4, OwnerState::Held),
            owner(3, 7, OwnerState::Held),
            owner(4, 8, OwnerState::Held),
            owner(5, 9, OwnerState::Denied),
        ];
        assert_eq!(
            owners(&list, &names()),
            "\
DEVICE  OWNER           WINDOW       SIZE  RIGHTS          BY RULE
uart0   consoled        0x10000000  4 KiB  map read write  allow-consoled-uart0
rng0    rngd            0x10003000  4 KiB  map read write  allow-rngd-rng0
blk0    virtioblkd      0x10004000  4 KiB  map read write  allow-virtioblkd-blk0
net0    nobody: denied  0x10005000  4 KiB

rngd and virtioblkd each hold a device that does DMA: it reaches a pool of its
own, and no other memory.
"
        );
    }

    #[test]
    fn lines_and_registers_where_there_are_any() {
        let mask = Registers::new(Some(1 << 20 | 1 << 25));
        let list = [
            OwnerInfo { line: 10, ..owner(0, 4, OwnerState::Held) },
            owner(1, 5, OwnerState::Held),
            OwnerInfo { registers: Registers::new(Some(0)), ..owner(2, 6, OwnerState::Held) },
            OwnerInfo { line: 3, registers: mask, ..owner(3, 7, OwnerState::Held) },
            OwnerInfo { line: 4, registers: mask, ..owner(4, 8, OwnerState::OwnerEnded) },
        ];
        let text = owners(&list, &names());
        let (_, text) = text.split_once("\n\n").unwrap();
        assert_eq!(
            text,
            "\
DEVICE  LINE  REGISTERS WRITTEN
uart0     10  all, mapped
power0     -  none
rng0       3  0x50 0x64

rngd holds a device that does DMA: it reaches a pool of its own, and no other
memory.
"
        );
    }

    #[test]
    fn every_state_has_words() {
        for state in OwnerState::ALL {
            assert!(!holder(&owner(0, 4, *state), &names()).is_empty());
        }
    }

    #[test]
    fn without_dma_nothing_is_said_of_reached() {
        let text = owners(&[owner(0, 4, OwnerState::Held)], &names());
        assert_eq!(text.lines().count(), 2);
    }
}
