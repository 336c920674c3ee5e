//! `net`: frames in and out. Served by the owner of a network card, virtionetd.
//!
//! A frame is an Ethernet frame without its check sum: 14 bytes of header, and up to as much more as the
//! network takes (`Card::mtu`). By messages it travels in pieces of up to 48 bytes, for whoever needs little;
//! who needs much has a ring, whose operations are [`TRANSMIT`] and [`RECEIVE`].
//!
//! Received frames go to one consumer: whoever attached last. Nothing of what came for an earlier one is
//! given to it. Attaching, sending and receiving need the permission `net`.

use crate::{Text, Zero};

protocol! {
    /// Marker of the protocol.
    pub Net = 11 "net" {
        /// What the card is, and how it stands.
        1 Info -> Card, again;
        /// What came in, or went out, since the owner started.
        2 Stats -> Counters, again;
        /// Frames that come from now on are the caller's.
        3 Attach -> (), again;
        /// The next piece of a frame; the last one sends it. A piece with more after it is full. `BadState`
        /// for whoever is not attached. After every other refusal too the next piece begins a frame:
        /// `OutOfRange` for one that is too short or too long, `Busy` while the card has no room.
        4 Send -> ();
        /// The next piece of a frame that came; waits for one. `BadState` for whoever is not attached, or
        /// no more; one receiver at a time, else `Busy`.
        5 Receive -> Text;
        /// The caller has begun a new attachment to the rings that it shares with the owner, in each half of
        /// the memory one: first that for [`RECEIVE`], then that for [`TRANSMIT`]. Frames that come from now
        /// on are the caller's. `Denied` for whoever shares none.
        6 AttachRings -> (), again;
    }
}

/// In a ring: data of one frame goes out. Completed when the card is done with it.
pub const TRANSMIT: u8 = 1;
/// In a ring: a buffer of [`MAX_FRAME`] bytes or more. Completed with the frame that came, and its length.
pub const RECEIVE: u8 = 2;
/// The status of a request in a ring whose frame is too short or too long, or whose buffer is too short.
pub const BAD_LENGTH: u8 = 1;

/// Least bytes of a frame: its header.
pub const MIN_FRAME: usize = 14;
/// Most bytes of a frame.
pub const MAX_FRAME: usize = 1514;

codes! {
    /// Which way frames go.
    pub enum Direction: u8 {
        /// From the network.
        1 In,
        /// To the network.
        2 Out,
    }
}

payloads! {
    /// Asks what the card is.
    pub struct Info {}

    /// What the card is, and how it stands.
    pub struct Card {
        /// Its address.
        pub mac: [u8; 6],
        /// Most bytes of a frame behind its header.
        pub mtu: u16,
        /// Service id of who has the frames; 0 for nobody.
        pub consumer: u32,
        /// Frames can go out, and come in.
        pub link: bool,
        /// Padding.
        pub zero: Zero<3>,
    }

    /// Asks for counters.
    pub struct Stats {
        /// Of what came in, or of what went out.
        pub direction: Direction,
        /// Padding.
        pub zero: Zero<7>,
    }

    /// Frames since the owner started: delivered to the consumer, or taken by the card; and those that were
    /// not, by reason.
    #[derive(Default)]
    pub struct Counters {
        /// Frames.
        pub frames: u64,
        /// Their bytes, without padding.
        pub bytes: u64,
        /// Dropped: the consumer had no buffer, or there was none; or the card had no room.
        pub no_buffer: u64,
        /// Dropped: shorter than the header of a frame.
        pub too_short: u64,
        /// Dropped: longer than the network takes.
        pub too_long: u64,
        /// Dropped: for another card.
        pub not_for_us: u64,
        /// Dropped: the card says that it is not in exactly one buffer.
        pub split: u64,
    }

    /// Asks for the frames.
    pub struct Attach {}

    /// Asks for the frames by rings.
    pub struct AttachRings {}

    /// Sends a piece of a frame.
    pub struct Send {
        /// The piece.
        pub data: Text,
    }

    /// Asks for a piece of a frame.
    pub struct Receive {
        /// Tick after which to answer the error `TimedOut`; [`nexus_abi::NO_DEADLINE`] for never.
        pub deadline: u64,
    }
}
