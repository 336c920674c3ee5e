//! What went over the networks of a run, as QEMU itself has written it down (`filter-dump`): that nothing is
//! in a frame behind the packet that it carries.
//!
//! A driver whose heads have fixed lengths pads frames. What it leaves there goes to everybody on the
//! network.

use crate::protocol::Proof;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A capture file (the "classic" pcap format): bytes before its records, and before each frame.
const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;
/// Its first four bytes, by the byte order of who wrote it.
const MAGIC: u32 = 0xa1b2_c3d4;
/// Where in a frame's header its bytes are counted that were kept, and that it had.
const KEPT: usize = 8;
const HAD: usize = 12;

/// Where in a frame its sender is, and the guest's card, as QEMU numbers the first.
const SOURCE: Range<usize> = 6..12;
const GUEST: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
/// Where in a frame its type is, and the packet.
const TYPE: usize = 12;
const PACKET: usize = 14;
/// The proof that sends frames of all lengths.
const SENT: &str = "net-echo";
/// Bytes of an ARP packet over Ethernet and IPv4 (RFC 826), and before the data of one of IPv6 (RFC 8200).
const ARP: usize = 28;
const IPV6_HEADER: usize = 40;

/// The networks of one run.
#[derive(Debug)]
pub(super) struct Networks(Vec<Network>);

#[derive(Debug)]
struct Network {
    name: String,
    capture: PathBuf,
    /// A peer of the tests sends what it likes: only the guest's frames count.
    hostile: bool,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Frames.
    pub frames: usize,
    /// Of those, how many were longer than their packet.
    pub padded: usize,
    /// What was behind a packet and was not zero.
    pub findings: Vec<String>,
}

impl Networks {
    /// The networks that QEMU is asked for by `args`; each is written down in a file in `directory`.
    #[must_use]
    pub(super) fn of(args: &[String], directory: &Path) -> Networks {
        let pairs = args.iter().zip(args.iter().skip(1));
        let asked =
            pairs.filter(|(option, _)| option.as_str() == "-netdev").map(|(_, value)| value);
        let names = asked.filter_map(|value| {
            let name = value.split(',').find_map(|part| part.strip_prefix("id="))?;
            Some((name, value.starts_with("dgram,")))
        });
        let network = |(name, hostile): (&str, bool)| Network {
            hostile,
            name: name.to_owned(),
            capture: directory.join(format!("{name}.pcap")),
        };
        Networks(names.map(network).collect())
    }

    /// What has QEMU write them down.
    ///
    /// # Errors
    /// When a file of an earlier run cannot be removed.
    pub(super) fn dump(&self) -> Result<Vec<String>> {
        let mut args = Vec::new();
        for (number, Network { name, capture, .. }) in self.0.iter().enumerate() {
            if capture.exists() {
                fs::remove_file(capture)
                    .with_context(|| format!("removing {}", capture.display()))?;
            }
            // QEMU takes two commas for one.
            let file = capture.display().to_string().replace(',', ",,");
            let filter = format!("filter-dump,id=frames{number},netdev={name},file={file}");
            args.extend(["-object".to_owned(), filter]);
        }
        Ok(args)
    }

    /// Looks at what was written down. What cannot be read is a finding.
    pub(super) fn look(&self) -> Seen {
        let mut all = Seen::default();
        for Network { name, capture, hostile } in &self.0 {
            let read = fs::read(capture).map_err(anyhow::Error::from);
            let seen =
                read.and_then(|bytes| look_of(&bytes, *hostile)).unwrap_or_else(|error| Seen {
                    findings: vec![format!("{}: {error:#}", capture.display())],
                    ..Seen::default()
                });
            all.frames += seen.frames;
            all.padded += seen.padded;
            all.findings.extend(seen.findings.iter().map(|found| format!("{name}: {found}")));
        }
        all
    }
}

impl Seen {
    /// What is wrong with it. Where the proof [`SENT`] is required, frames must have been padded: else there
    /// was nothing to see.
    #[must_use]
    pub(super) fn judge(mut self, required: &[Proof]) -> Vec<String> {
        if self.padded == 0 && required.iter().any(|proof| proof.id == SENT) {
            let frames = self.frames;
            self.findings
                .push(format!("of {frames} frames on the network none was padded: none was seen"));
        }
        self.findings
    }
}

/// Looks at every frame of a capture; of a network with a hostile peer, at those of the guest.
fn look_of(capture: &[u8], hostile: bool) -> Result<Seen> {
    let word = word_of(capture)?;
    let (_, mut rest) = capture.split_at(FILE_HEADER);
    let mut seen = Seen::default();
    while !rest.is_empty() {
        let (Some(kept), Some(had)) = (word(rest, KEPT), word(rest, HAD)) else {
            bail!("the last frame is cut off");
        };
        ensure!(kept == had, "of a frame of {had} bytes {kept} were kept");
        let Some(frame) = rest.get(FRAME_HEADER..FRAME_HEADER + kept) else {
            bail!("the last frame is cut off");
        };
        rest = &rest[FRAME_HEADER + kept..];
        seen.frames += 1;
        if !hostile || frame.get(SOURCE) == Some(&GUEST[..]) {
            look_at(frame, &mut seen);
        }
    }
    Ok(seen)
}

/// Reads the 32-bit word at an offset.
type Word = fn(&[u8], usize) -> Option<usize>;

/// How a capture's words are read.
fn word_of(capture: &[u8]) -> Result<Word> {
    let first = capture.get(..FILE_HEADER).context("not a capture: it is too short")?;
    match u32::from_le_bytes([first[0], first[1], first[2], first[3]]) {
        MAGIC => Ok(|bytes, at| read(bytes, at).map(u32::from_le_bytes).map(|word| word as usize)),
        magic if magic.swap_bytes() == MAGIC => {
            Ok(|bytes, at| read(bytes, at).map(u32::from_be_bytes).map(|word| word as usize))
        }
        magic => bail!("not a capture: it begins with {magic:#x}"),
    }
}

fn read(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

/// Looks at what is in a frame behind its packet.
fn look_at(frame: &[u8], seen: &mut Seen) {
    let behind = packet_end(frame).and_then(|end| frame.get(end..)).unwrap_or(&[]);
    seen.padded += usize::from(!behind.is_empty());
    if let Some(at) = behind.iter().position(|byte| *byte != 0) {
        let (number, len) = (seen.frames, frame.len());
        let at = len - behind.len() + at;
        seen.findings.push(format!(
            "frame {number}, of {len} bytes, has something behind its packet, at byte {at}: padding is \
             zero, or memory of its sender goes to the network"
        ));
    }
}

/// Where the packet in a frame ends, when it is of a kind that says so.
fn packet_end(frame: &[u8]) -> Option<usize> {
    let half =
        |at: usize| Some(usize::from(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?])));
    match half(TYPE)? {
        0x0806 => Some(PACKET + ARP),
        0x0800 => Some(PACKET + half(PACKET + 2)?),
        0x86dd => Some(PACKET + IPV6_HEADER + half(PACKET + 4)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(capture: &[u8]) -> Result<Seen> {
        look_of(capture, false)
    }

    #[test]
    fn test_beside_a_hostile_peer_only_the_guest_s_frames_count() {
        let mut own = frame(0x0806, &[9; ARP], &[1]);
        let all = [own.clone(), frame(0x0806, &[9; ARP], &[1])];
        assert_eq!(look_of(&capture(&all), true).unwrap().findings.len(), 0);
        own[SOURCE].copy_from_slice(&GUEST);
        let all = [own, frame(0x0806, &[9; ARP], &[1])];
        assert_eq!(look_of(&capture(&all), true).unwrap().findings.len(), 1);
    }

    fn frame(kind: u16, packet: &[u8], behind: &[u8]) -> Vec<u8> {
        [&[2; 12][..], &kind.to_be_bytes(), packet, behind].concat()
    }

    fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        bytes.resize(FILE_HEADER, 0);
        for frame in frames {
            let len = (frame.len() as u32).to_le_bytes();
            bytes.extend([&[0; 8][..], &len, &len, frame].concat());
        }
        bytes
    }

    fn ipv4(len: u8) -> Vec<u8> {
        let mut packet = vec![9; len.into()];
        packet[2..4].copy_from_slice(&[0, len]);
        packet
    }

    #[test]
    fn test_zeroes_behind_a_packet_are_padding() {
        let mut ipv6 = vec![9; 48];
        ipv6[4..6].copy_from_slice(&[0, 8]);
        let frames = [
            frame(0x0806, &[9; ARP], &[]),
            frame(0x0806, &[9; ARP], &[0; 22]),
            frame(0x0800, &ipv4(30), &[0; 20]),
            frame(0x86dd, &ipv6, &[0; 2]),
            frame(0x88cc, &[9; 50], &[]),
        ];
        let seen = look(&capture(&frames)).unwrap();
        assert_eq!(seen, Seen { frames: 5, padded: 3, findings: vec![] });
    }

    // attack 50 H: bytes of another frame behind a packet on the network; the run fails
    #[test]
    fn test_a_byte_behind_a_packet_is_told() {
        let mut behind = [0; 20];
        behind[19] = 1;
        let frames = [frame(0x0800, &ipv4(30), &[0; 20]), frame(0x0800, &ipv4(30), &behind)];
        let seen = look(&capture(&frames)).unwrap();
        assert_eq!((seen.frames, seen.padded, seen.findings.len()), (2, 2, 1));
        assert!(seen.findings[0].starts_with("frame 2, of 64 bytes, has something"), "{seen:?}");
        assert!(seen.findings[0].contains("at byte 63"), "{seen:?}");
    }

    #[test]
    fn test_frames_that_were_sent_must_be_seen() {
        let proof = |id: &str| Proof { service: "tests".into(), id: id.into(), checks: 1 };
        let required = [proof("net-arp"), proof(SENT)];
        let none = Seen { frames: 3, ..Seen::default() };
        assert_eq!(none.clone().judge(&required[..1]), Vec::<String>::new());
        assert!(none.clone().judge(&required)[0].starts_with("of 3 frames"));
        assert_eq!(Seen { padded: 1, ..none }.judge(&required), Vec::<String>::new());
    }

    #[test]
    fn test_a_packet_longer_than_its_frame_has_nothing_behind() {
        let mut packet = ipv4(30);
        packet[2] = 0xff;
        let seen = look(&capture(&[frame(0x0800, &packet, &[1; 4])])).unwrap();
        assert_eq!(seen, Seen { frames: 1, padded: 0, findings: vec![] });
    }

    #[test]
    fn test_what_is_no_capture_is_an_error() {
        let good = capture(&[frame(0x0806, &[9; ARP], &[])]);
        for cut in [0, 23, FILE_HEADER + 3, FILE_HEADER + FRAME_HEADER, good.len() - 1] {
            assert!(look(&good[..cut]).is_err(), "{cut}");
        }
        assert_eq!(look(&good[..FILE_HEADER]).unwrap(), Seen::default());
        let mut other = good.clone();
        other[0] ^= 1;
        assert!(look(&other).is_err() && look(&other[..FILE_HEADER]).is_err());
        let mut shortened = good;
        shortened[FILE_HEADER + HAD] += 1;
        assert!(look(&shortened).is_err());
    }

    #[test]
    fn test_a_capture_of_the_other_byte_order_is_read() {
        let mut bytes = capture(&[frame(0x0806, &[9; ARP], &[0, 1])]);
        bytes[..4].reverse();
        bytes[FILE_HEADER + KEPT..FILE_HEADER + FRAME_HEADER].reverse();
        assert_eq!(look(&bytes).unwrap().findings.len(), 1);
    }

    #[test]
    fn test_each_network_is_written_down_in_its_file() {
        let place = tempfile::tempdir().unwrap();
        let args = ["-machine", "virt", "-netdev", "user,id=a,restrict=on", "-netdev", "user,id=b"];
        let networks = Networks::of(&args.map(str::to_owned), place.path());
        let dump = networks.dump().unwrap();
        assert_eq!(dump.len(), 4);
        assert_eq!(dump[0], "-object");
        let file = place.path().join("b.pcap");
        assert_eq!(dump[3], format!("filter-dump,id=frames1,netdev=b,file={}", file.display()));
        assert_eq!(networks.look().findings.len(), 2, "nothing was written down");
        for name in ["a.pcap", "b.pcap"] {
            fs::write(place.path().join(name), capture(&[frame(0x0806, &[9; ARP], &[1])])).unwrap();
        }
        let seen = networks.look();
        assert_eq!((seen.frames, seen.padded, seen.findings.len()), (2, 2, 2));
        assert!(seen.findings[1].starts_with("b: frame 1"), "{seen:?}");
        networks.dump().unwrap();
        assert!(!file.exists(), "that of an earlier run is gone");
    }
}
