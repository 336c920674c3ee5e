//! What is on the board: the device tree, and the identity registers of the virtio slots.

mod find;
mod lines;
mod tree;
mod view;

pub use find::{Finder, Found, Identity, Probe, Slot, VIRTIO_COMPATIBLE};
pub use lines::Line;
pub use nexus_devicetree::Reach;
pub use tree::{MAX_NODES, Node, PAGE, Range, Tree, TreeError};
pub use view::{Piece, view};
