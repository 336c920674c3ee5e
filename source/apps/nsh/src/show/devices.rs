//! `devices`: the board as a tree.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::init::{BoardEntry, BoardKind, OwnerInfo};
use nexus_proto::log::NO_DEVICE;
use nexus_words::amount::size;

use super::address;
use super::owners::holder;
use crate::names::Names;
use crate::table::{Table, left, right};

/// The tree, in the depth-first order in which init tells it.
#[must_use]
pub fn devices(board: &[BoardEntry], owners: &[OwnerInfo], names: &Names) -> String {
    let mut table =
        Table::new(&[left("BOARD"), left("ADDRESS"), right("SIZE"), left("DEVICE"), left("WHOSE")]);
    for (index, entry) in board.iter().enumerate() {
        let label = branch(board, index) + entry.name.as_str();
        let (at, bytes) = match entry.len {
            0 => (String::new(), String::new()),
            len => (address(entry.base), size(len)),
        };
        let device = match entry.device {
            NO_DEVICE => String::new(),
            number => names.device(number),
        };
        table.row([label, at, bytes, device, whose(entry, owners, names)]);
    }
    table.render()
}

fn whose(entry: &BoardEntry, owners: &[OwnerInfo], names: &Names) -> String {
    match entry.kind {
        BoardKind::Bus | BoardKind::Memory => String::new(),
        BoardKind::Kernel => "the kernel's own".to_string(),
        BoardKind::Unused => "nobody's".to_string(),
        BoardKind::EmptySlot if entry.device == NO_DEVICE => "(empty slot)".to_string(),
        BoardKind::Device | BoardKind::EmptySlot => {
            let owner = owners.iter().find(|owner| owner.device == entry.device);
            owner.map_or_else(|| "?".to_string(), |owner| holder(owner, names))
        }
    }
}

/// The lines that lead to an entry.
fn branch(board: &[BoardEntry], index: usize) -> String {
    let depth = board.get(index).map_or(0, |entry| entry.depth);
    let goes_on = |level: u8| {
        let after = board.iter().skip(index + 1).map(|entry| entry.depth);
        after.take_while(|d| *d >= level).any(|d| d == level)
    };
    let mut text = String::new();
    for level in 1..depth {
        text += if goes_on(level) { "│  " } else { "   " };
    }
    match depth {
        0 => text,
        depth => format!("{text}{}", if goes_on(depth) { "├─ " } else { "└─ " }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{names, owner};
    use nexus_proto::init::OwnerState;
    use nexus_proto::{Name, Zero};

    fn entry(
        depth: u8,
        kind: BoardKind,
        name: &str,
        base: u64,
        len: u64,
        device: u16,
    ) -> BoardEntry {
        let name = Name::new(name);
        BoardEntry { next: 0, device, kind, depth, base, len, virtio_id: 0, zero: Zero::ZERO, name }
    }

    #[test]
    fn draws_the_tree() {
        let board = [
            entry(0, BoardKind::Bus, "riscv-virtio", 0, 0, NO_DEVICE),
            entry(1, BoardKind::Memory, "memory@80000000", 0x8000_0000, 256 << 20, NO_DEVICE),
            entry(1, BoardKind::Bus, "soc", 0, 0, NO_DEVICE),
            entry(2, BoardKind::Kernel, "plic@c000000", 0xc00_0000, 6 << 20, NO_DEVICE),
            entry(2, BoardKind::Device, "serial@10000000", 0x1000_0000, 4096, 0),
            entry(2, BoardKind::EmptySlot, "virtio_mmio@10002000", 0x1000_2000, 4096, NO_DEVICE),
            entry(2, BoardKind::Device, "virtio_mmio@10006000", 0x1000_6000, 4096, 3),
            entry(1, BoardKind::Unused, "fw-cfg@10100000", 0x1010_0000, 24, NO_DEVICE),
        ];
        let owners = [owner(0, 4, OwnerState::Held), owner(3, 7, OwnerState::OwnerEnded)];
        assert_eq!(
            devices(&board, &owners, &names()),
            "\
BOARD                       ADDRESS        SIZE  DEVICE  WHOSE
riscv-virtio
├─ memory@80000000          0x80000000  256 MiB
├─ soc
│  ├─ plic@c000000          0x0c000000    6 MiB          the kernel's own
│  ├─ serial@10000000       0x10000000    4 KiB  uart0   consoled
│  ├─ virtio_mmio@10002000  0x10002000    4 KiB          (empty slot)
│  └─ virtio_mmio@10006000  0x10006000    4 KiB  rng0    nobody: rngd ended
└─ fw-cfg@10100000          0x10100000     24 B          nobody's
"
        );
    }

    #[test]
    fn an_empty_board_is_a_heading() {
        assert_eq!(devices(&[], &[], &names()), "BOARD  ADDRESS  SIZE  DEVICE  WHOSE\n");
    }
}
