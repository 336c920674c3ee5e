//! Memory that the firmware keeps for itself, as the device tree in guest memory says.

use super::ram::Ram;
use dtoolkit::fdt::Fdt;
use std::ops::Range;

/// First word of a flattened device tree.
const MAGIC: u32 = 0xd00d_feed;

/// The physical ranges under `/reserved-memory` of the device tree that the firmware handed over,
/// empty when there is none. It is the highest tree in memory: QEMU puts it at the top, before
/// anything runs.
#[must_use]
pub fn reserved(ram: &Ram) -> Vec<Range<u64>> {
    let pages = (ram.end() - ram.base()) / 4096;
    let at = |page| ram.from(ram.base() + page * 4096);
    (0..pages).rev().find_map(|page| ranges_in(at(page))).unwrap_or_default()
}

/// The reserved ranges of the tree that begins `data`; `None` when it is not one of a board.
fn ranges_in(data: &[u8]) -> Option<Vec<Range<u64>>> {
    let magic = u32::from_be_bytes(data.get(..4)?.try_into().ok()?);
    let len = u32::from_be_bytes(data.get(4..8)?.try_into().ok()?);
    if magic != MAGIC {
        return None;
    }
    let tree = Fdt::new(data.get(..usize::try_from(len).ok()?)?).ok()?;
    let mut ranges = Vec::new();
    for memory in tree.reserved_memory()? {
        for reg in memory.reg().ok()?? {
            let (start, len) = (reg.address::<u64>().ok()?, reg.size::<u64>().ok()?);
            ranges.push(start..start.checked_add(len)?);
        }
    }
    (!ranges.is_empty()).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

    fn node(name: &str, cells: &[(&str, &[u32])]) -> DeviceTreeNode {
        let mut node = DeviceTreeNode::new(name).unwrap();
        for (name, value) in cells {
            node.add_property(DeviceTreeProperty::new(*name, *value).unwrap());
        }
        node
    }

    fn tree() -> Vec<u8> {
        let sizes: [(&str, &[u32]); 2] = [("#address-cells", &[2]), ("#size-cells", &[2])];
        let mut memory = node("reserved-memory", &sizes);
        let reg: [(&str, &[u32]); 1] = [("reg", &[0, 0x8000_0000, 0, 0x8_0000])];
        memory.add_child(node("mmode_resv0@80000000", &reg));
        let mut tree = DeviceTree::new();
        tree.root.add_child(memory);
        tree.to_dtb()
    }

    #[test]
    fn test_tree_in_memory_is_found() {
        let mut bytes = vec![0; 0x8000];
        let tree = tree();
        bytes[0x3000..0x3000 + tree.len()].copy_from_slice(&tree);
        bytes[0x5000..0x5004].copy_from_slice(&MAGIC.to_be_bytes());
        let ram = Ram::new(0x8000_0000, bytes);
        assert_eq!(reserved(&ram), vec![0x8000_0000..0x8008_0000]);
    }

    #[test]
    fn test_no_tree() {
        assert!(reserved(&Ram::new(0x8000_0000, vec![0; 0x4000])).is_empty());
        assert!(reserved(&Ram::new(0x8000_0000, vec![])).is_empty());
    }
}
