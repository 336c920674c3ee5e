//! Device trees that QEMU does not make: changes of one that it has made.

use anyhow::{Context, Result};
use dtoolkit::ToPropertyValue;
use dtoolkit::fdt::Fdt;
use dtoolkit::memreserve::MemoryReservation;
use dtoolkit::model::{DeviceTree, DeviceTreeNode, DeviceTreeProperty};

const RESERVED: &str = "/reserved-memory";

/// One change.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edit {
    /// An entry of the block of reservations: address and bytes.
    Reserve(u64, u64),
    /// A node below `/reserved-memory`: its name and its registers.
    ReserveNode(&'static str, &'static [u32]),
    /// A text property of a node.
    Text(&'static str, &'static str, &'static str),
    /// A property that is a list of texts.
    Texts(&'static str, &'static str, &'static [&'static str]),
    /// A property of cells.
    Cells(&'static str, &'static str, &'static [u32]),
    /// A property taken out.
    Without(&'static str, &'static str),
    /// A child taken out of a node.
    Cut(&'static str, &'static str),
    /// A child of a node: its name, what it is compatible with, its registers.
    Add(&'static str, &'static str, &'static str, &'static [u32]),
    /// So many more harts, each with its interrupt controller.
    Harts(u32),
}

/// The tree with all changes.
///
/// # Errors
/// When it is no tree, or a node is not there.
pub(super) fn apply(bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>> {
    // The file may be longer.
    let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_be_bytes);
    let bytes = bytes.get(..usize::try_from(size)?).unwrap_or(bytes);
    let fdt = Fdt::new(bytes).ok().context("QEMU made a malformed device tree")?;
    let mut tree = DeviceTree::from_fdt(&fdt);
    for edit in edits {
        change(&mut tree, *edit)?;
    }
    Ok(tree.to_dtb())
}

fn change(tree: &mut DeviceTree, edit: Edit) -> Result<()> {
    match edit {
        Edit::Reserve(base, len) => {
            tree.memory_reservations.push(MemoryReservation::new(base, len));
            Ok(())
        }
        Edit::ReserveNode(name, reg) => {
            if tree.find_node_mut(RESERVED).is_none() {
                let mut parent = DeviceTreeNode::new("reserved-memory").ok().context("a name")?;
                set(&mut parent, "#address-cells", 2_u32)?;
                set(&mut parent, "#size-cells", 2_u32)?;
                set(&mut parent, "ranges", [0_u8; 0])?;
                tree.root.add_child(parent);
            }
            change(tree, Edit::Add(RESERVED, name, "a,b", reg))
        }
        Edit::Text(path, name, text) => set(node(tree, path)?, name, text),
        Edit::Texts(path, name, texts) => set(node(tree, path)?, name, texts),
        Edit::Cells(path, name, cells) => set(node(tree, path)?, name, cells),
        Edit::Without(path, name) => {
            node(tree, path)?.remove_property(name).map(drop).context("no such property")
        }
        Edit::Cut(path, name) => {
            node(tree, path)?.remove_child(name).map(drop).context("no such child")
        }
        Edit::Add(path, name, compatible, reg) => {
            let mut child = DeviceTreeNode::new(name).ok().context("a bad name")?;
            set(&mut child, "compatible", compatible)?;
            set(&mut child, "reg", reg)?;
            node(tree, path)?.add_child(child);
            Ok(())
        }
        Edit::Harts(count) => (100..100 + count).try_for_each(|number| {
            let mut local = DeviceTreeNode::new("interrupt-controller").ok().context("a name")?;
            set(&mut local, "interrupt-controller", [0_u8; 0])?;
            let name = format!("cpu@{number:x}");
            let mut hart = DeviceTreeNode::new(name).ok().context("a name")?;
            set(&mut hart, "device_type", "cpu")?;
            set(&mut hart, "reg", number)?;
            set(&mut hart, "riscv,isa", "rv64imac")?;
            set(&mut hart, "status", "disabled")?;
            hart.add_child(local);
            node(tree, "/cpus")?.add_child(hart);
            Ok(())
        }),
    }
}

fn node<'a>(tree: &'a mut DeviceTree, path: &str) -> Result<&'a mut DeviceTreeNode> {
    tree.find_node_mut(path).with_context(|| format!("the tree has no {path}"))
}

fn set(node: &mut DeviceTreeNode, name: &str, value: impl ToPropertyValue) -> Result<()> {
    let property = DeviceTreeProperty::new(name, value).ok().context("a bad property")?;
    node.add_property(property);
    Ok(())
}
