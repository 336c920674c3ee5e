//! Ethernet frames, as far as a card's driver looks at them, and why it drops one.

use nexus_proto::net::Counters;
use nexus_virtio::net::Mac;

/// True when a frame to `to` is for the card with address `own`: that address, or that of a group.
#[must_use]
pub fn is_for(own: Mac, to: Mac) -> bool {
    to == own || to.is_group()
}

/// Why a frame is not delivered, or not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Nobody has a buffer for it, or the device no head.
    NoBuffer,
    /// It has not even a header.
    TooShort,
    /// It is longer than the network takes.
    TooLong,
    /// It is for another card.
    NotForUs,
    /// The device says that it is not in exactly one buffer (virtio 1.2, 5.1.6.4.1).
    Split,
}

/// Counts a frame with `bytes`, or why there is none.
pub fn count(counters: &mut Counters, outcome: Result<usize, Dropped>) {
    let dropped = match outcome {
        Ok(bytes) => {
            counters.bytes = counters.bytes.saturating_add(bytes as u64);
            &mut counters.frames
        }
        Err(Dropped::NoBuffer) => &mut counters.no_buffer,
        Err(Dropped::TooShort) => &mut counters.too_short,
        Err(Dropped::TooLong) => &mut counters.too_long,
        Err(Dropped::NotForUs) => &mut counters.not_for_us,
        Err(Dropped::Split) => &mut counters.split,
    };
    *dropped = dropped.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

    // attack 52 U: frames for another card, of which the device hands over all; dropped; broken: net-filter
    #[test]
    fn a_card_takes_what_is_for_it_and_for_groups() {
        let all = [0xff; 6];
        let multicast = [0x33, 0x33, 0, 0, 0, 1];
        let (mut near, mut local) = (OWN.0, OWN.0);
        (near[5], local[0]) = (0x57, 0x56);
        let taken = |to| is_for(OWN, Mac(to));
        assert!(taken(OWN.0) && taken(all) && taken(multicast) && taken([1, 0, 0, 0, 0, 0]));
        assert!(!taken(near) && !taken(local) && !taken([0; 6]));
    }

    #[test]
    fn each_reason_has_its_counter() {
        let mut counters = Counters::default();
        let drops = [
            Dropped::NoBuffer,
            Dropped::TooShort,
            Dropped::TooLong,
            Dropped::NotForUs,
            Dropped::Split,
        ];
        for (times, dropped) in drops.into_iter().enumerate() {
            (0..=times).for_each(|_| count(&mut counters, Err(dropped)));
        }
        count(&mut counters, Ok(60));
        count(&mut counters, Ok(1514));
        let expected = Counters {
            frames: 2,
            bytes: 1574,
            no_buffer: 1,
            too_short: 2,
            too_long: 3,
            not_for_us: 4,
            split: 5,
        };
        assert_eq!(counters, expected);
        count(&mut counters, Ok(usize::MAX));
        assert_eq!((counters.frames, counters.bytes), (3, u64::MAX));
    }
}
