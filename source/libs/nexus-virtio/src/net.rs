//! What belongs to any network card (virtio 1.2, 5.1): its queues, the header before each frame, its address,
//! and its [configuration](config).
//!
//! No offload, no mergeable buffer and no control queue is agreed (RFC-0004): a frame is in one buffer, whole,
//! and its header says nothing but that.

pub mod config;

use nexus_mmio::{Outside, Shared, SharedMut};

use crate::{Head, Slots};

/// Number of the receive queue (5.1.2).
pub const RECEIVE: u16 = 0;
/// Number of the transmit queue.
pub const TRANSMIT: u16 = 1;

/// Bytes of the header before a frame (5.1.6).
pub const HEADER: usize = 12;
/// The header: the first piece of a slot.
pub const HEADER_PIECE: usize = 0;
/// The frame: the second piece.
pub const FRAME_PIECE: usize = 1;

/// Where `num_buffers` is in the header, 2 bytes: in how many buffers the frame is.
const BUFFERS: usize = 10;
/// The only value without `VIRTIO_NET_F_MRG_RXBUF` (5.1.6.3.2, 5.1.6.4.1).
const ONE: [u8; 2] = 1_u16.to_le_bytes();

/// Before a buffer goes to the device: what must be in its header when it comes back. QEMU before 9.2.1 does
/// not write `num_buffers` where it must be 1, and leaves what was there: 1, not what another device, or this
/// one, wrote in an earlier life of the buffer.
///
/// # Errors
/// The slot has no header piece of 12 bytes.
pub fn expect_one_buffer<P: SharedMut>(slots: &mut Slots<P>, head: &Head) -> Result<(), Outside> {
    slots.write(head, HEADER_PIECE, BUFFERS, &ONE)
}

/// True when the device says that the frame is in this one buffer. It can say nothing else (5.1.6.4.1: "the
/// device MUST set `num_buffers` to 1"); what it says with another value is no frame.
#[must_use]
pub fn in_one_buffer<P: Shared>(slots: &Slots<P>, head: &Head) -> bool {
    let mut buffers = [0; ONE.len()];
    slots.read(head, HEADER_PIECE, BUFFERS, &mut buffers).is_ok() && buffers == ONE
}

/// An address of a card (IEEE 802-2014, 8.2): six bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// True for the address of a group, to which the broadcast address belongs.
    #[must_use]
    pub const fn is_group(self) -> bool {
        let [first, ..] = self.0;
        first & 1 == 1
    }

    /// True for one that a card can have of its own.
    #[must_use]
    pub fn is_own(self) -> bool {
        !self.is_group() && self.0 != [0; 6]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_a_card_of_a_group_or_of_nobody() {
        let kinds = |first, last| {
            let mac = Mac([first, 0, 0, 0, 0, last]);
            (mac.is_own(), mac.is_group())
        };
        assert_eq!([kinds(2, 1), kinds(0, 1), kinds(0x52, 0)], [(true, false); 3]);
        assert_eq!([kinds(1, 0), kinds(0x33, 1), kinds(0xff, 0xff)], [(false, true); 3]);
        assert_eq!(kinds(0, 0), (false, false));
    }
}
