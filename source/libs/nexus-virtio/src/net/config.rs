//! What the configuration of a network card says (virtio 1.2, 5.1.4), at its registers from 0x100 on.

use nexus_mmio::{Bus, ReadOnly, Reg, RegArray, Registers};
use nexus_proto::net::{MAX_FRAME, MIN_FRAME};

use super::Mac;
use crate::{Feature, regs};

/// Bytes of the registers, with as much of the configuration as is read here.
pub const REGISTERS: usize = regs::LEN + 12;

const GENERATION: Reg<u32, ReadOnly, 0xfc> = Reg::NEW;
const MAC: RegArray<u8, ReadOnly, 0x100, 6> = RegArray::NEW;
const STATUS: Reg<u16, ReadOnly, 0x106> = Reg::NEW;
const MTU: Reg<u16, ReadOnly, 0x10a> = Reg::NEW;

/// `VIRTIO_NET_S_LINK_UP`.
const LINK_UP: u16 = 1;
/// Most bytes of a frame behind its header: what heads and buffers are made for.
const MAX_MTU: u16 = (MAX_FRAME - MIN_FRAME) as u16;
/// The least that a device may say (5.1.4.1).
const MIN_MTU: u16 = 68;
/// How often a configuration is read that changes while it is read.
const READS: usize = 8;

/// What is in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address of the card.
    pub mac: Mac,
    /// Most bytes of a frame behind its header.
    pub mtu: u16,
    /// Frames can go out, and come in.
    pub link: bool,
    /// The device says so; else it is always so.
    has_status: bool,
}

impl Config {
    /// Most bytes of a frame.
    #[must_use]
    pub fn longest(&self) -> usize {
        MIN_FRAME.saturating_add(self.mtu.into())
    }

    /// Looks again how the link is. True when that has changed. The rest stays what it was.
    pub fn update<B: Bus>(&mut self, regs: &Registers<B, REGISTERS>) -> bool {
        let link = link(regs, self.has_status);
        core::mem::replace(&mut self.link, link) != link
    }
}

/// Why it is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The device has no address of its own.
    NoMac,
    /// The address is that of a group, or of nobody.
    BadMac(Mac),
    /// It was different each time.
    Restless,
}

impl core::fmt::Display for Unusable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Unusable::NoMac => {
                f.write_str("the card has no address: VIRTIO_NET_F_MAC is not agreed")
            }
            Unusable::BadMac(mac) => write!(f, "the card's address is no card's: {:02x?}", mac.0),
            Unusable::Restless => f.write_str("the card's configuration changes all the time"),
        }
    }
}

/// Reads the configuration, as far as the features say that it is there. `has` tells whether a feature was
/// agreed.
///
/// # Errors
/// Why it is of no use.
pub fn read<B: Bus>(
    regs: &Registers<B, REGISTERS>,
    has: impl Fn(Feature) -> bool,
) -> Result<Config, Unusable> {
    if !has(Feature::NET_MAC) {
        return Err(Unusable::NoMac);
    }
    for _ in 0..READS {
        let before = regs.read(GENERATION);
        let config = Config {
            mac: Mac(core::array::from_fn(|at| regs.read_at(MAC, at).unwrap_or(0))),
            mtu: if has(Feature::NET_MTU) { mtu(regs.read(MTU)) } else { MAX_MTU },
            link: link(regs, has(Feature::NET_STATUS)),
            has_status: has(Feature::NET_STATUS),
        };
        if regs.read(GENERATION) == before {
            let own = config.mac.is_own();
            return if own { Ok(config) } else { Err(Unusable::BadMac(config.mac)) };
        }
    }
    Err(Unusable::Restless)
}

fn link<B: Bus>(regs: &Registers<B, REGISTERS>, has_status: bool) -> bool {
    !has_status || regs.read(STATUS) & LINK_UP != 0
}

/// What of an MTU can be used: heads and buffers have a length that does not change.
fn mtu(said: u16) -> u16 {
    if said < MIN_MTU { MAX_MTU } else { said.min(MAX_MTU) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_mmio::fake::{Closures, FakeBus};

    /// What a device with these bytes of configuration, and these features, is taken for. Each look at its
    /// generation gives the next of `generations`, over and over.
    fn config(
        bytes: [u8; 12],
        features: &[Feature],
        generations: &'static [u32],
    ) -> Result<Config, Unusable> {
        let mut generations = generations.iter().cycle();
        let read = move |offset: usize, width: usize| match offset {
            0xfc => *generations.next().unwrap(),
            _ => {
                let bytes = bytes[offset - 0x100..].iter().take(width).rev();
                bytes.fold(0, |word, byte| word << 8 | u32::from(*byte))
            }
        };
        let write = |_: usize, _: usize, _: u32| panic!("the window is read-only");
        let regs = Registers::new(FakeBus::new(0x1000, Closures(read, write))).unwrap();
        super::read(&regs, |feature| features.contains(&feature))
    }

    const ALL: [Feature; 3] = [Feature::NET_MAC, Feature::NET_STATUS, Feature::NET_MTU];
    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn with(status: u8, mtu: u16) -> [u8; 12] {
        let [low, high] = mtu.to_le_bytes();
        [2, 0, 0, 0, 0, 1, status, 0, 0, 0, low, high]
    }

    #[test]
    fn what_the_features_offer_is_read() {
        let read = |features, status, mtu| {
            let config = config(with(status, mtu), features, &[0]).unwrap();
            assert_eq!(config.mac.0, MAC);
            (config.link, config.mtu)
        };
        assert_eq!(read(&ALL, 1, 1400), (true, 1400));
        assert_eq!(read(&ALL, 2, 68), (false, 68));
        assert_eq!(read(&ALL[..2], 0, 1400), (false, 1500), "no MTU");
        assert_eq!(read(&ALL[..1], 0, 1400), (true, 1500), "no status");
    }

    // attack 52 U: an MTU that buffers are not made for, or that no network has; cut, or not used
    #[test]
    fn an_mtu_is_no_larger_than_buffers_are() {
        for (said, used) in
            [(0, 1500), (67, 1500), (68, 68), (1500, 1500), (1501, 1500), (65535, 1500)]
        {
            assert_eq!(config(with(1, said), &ALL, &[0]).unwrap().mtu, used, "{said}");
        }
        assert_eq!(config(with(1, 68), &ALL, &[0]).unwrap().longest(), 82);
    }

    #[test]
    fn a_card_without_an_address_of_its_own_is_refused() {
        assert_eq!(config(with(1, 1500), &ALL[1..], &[0]), Err(Unusable::NoMac));
        for first in [0, 1, 0xff] {
            let mut bytes = with(1, 1500);
            (bytes[0], bytes[5]) = (first, 0);
            let mac = Mac([first, 0, 0, 0, 0, 0]);
            assert_eq!(config(bytes, &ALL, &[0]), Err(Unusable::BadMac(mac)));
        }
    }

    // attack 90 U: a configuration that changes while it is read; read again, and not without end
    #[test]
    fn a_configuration_that_changes_is_read_again() {
        assert!(config(with(1, 1500), &ALL, &[0, 1, 1, 1]).is_ok());
        assert_eq!(config(with(1, 1500), &ALL, &[0, 1]), Err(Unusable::Restless));
    }

    #[test]
    fn a_link_that_changes_is_told_when_it_does() {
        let mut states = [1_u8, 1, 0, 0, 1].into_iter();
        let mut status = 1;
        let read = move |offset: usize, width: usize| match (offset, width) {
            (0x106, 2) => {
                status = states.next().unwrap_or(status);
                status.into()
            }
            (0xfc, _) => 0,
            (at, _) => u32::from(with(1, 1500)[at - 0x100]),
        };
        let write = |_: usize, _: usize, _: u32| panic!("the window is read-only");
        let regs = Registers::new(FakeBus::new(0x1000, Closures(read, write))).unwrap();
        let mut config = super::read(&regs, |feature| ALL[..2].contains(&feature)).unwrap();
        let seen = [0; 5].map(|_| (config.update(&regs), config.link));
        let told = [(false, true), (true, false), (false, false), (true, true), (false, true)];
        assert_eq!(seen, told);
    }

    #[test]
    fn each_card_that_is_of_no_use_has_words() {
        let words = [
            (Unusable::NoMac, "VIRTIO_NET_F_MAC is not agreed"),
            (Unusable::BadMac(Mac([1, 0, 0, 0, 0, 0xab])), "no card's: [01, 00, 00, 00, 00, ab]"),
            (Unusable::Restless, "changes all the time"),
        ];
        for (why, words) in words {
            let told = alloc::format!("{why}");
            assert!(told.contains(words), "{told}");
        }
    }
}
