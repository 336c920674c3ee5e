//! The archive: what is written is read back, and every damage is refused by name.

use nexus_sysdesc::archive::{
    Archive, ArchiveError, ArchiveWriter, HOST_READS, Kind, MAX_DEVICE_FRAMES, MAX_ENTRIES,
    NONCE_OFFSET, WriteError, image_hash,
};
use proptest::prelude::*;

const HEADER: usize = 64;
const ENTRY: usize = 88;

fn sample() -> Vec<u8> {
    let mut writer = ArchiveWriter::new();
    writer.set_device_frames(300);
    writer.push(Kind::Init, 1, "init", &[1; 5000]);
    writer.push(Kind::Service, 7, "rngd", &[2; 4096]);
    writer.push(Kind::Description, 0, "description", &[3; 10]);
    writer.finish().expect("a valid archive")
}

/// The sample with `bytes` written at `at`.
fn damaged(at: usize, bytes: &[u8]) -> Result<(), ArchiveError> {
    let mut archive = sample();
    archive[at..at + bytes.len()].copy_from_slice(bytes);
    Archive::parse(&archive).map(|_| ())
}

#[test]
fn reads_back_what_was_written() {
    let bytes = sample();
    assert_eq!(bytes.len(), 4096 * 5);
    let archive = Archive::parse(&bytes).expect("valid");
    assert_eq!((archive.nonce(), archive.device_frames()), (0, 300));
    assert_eq!(archive.total_len(), 4096 * 5);
    assert_eq!(archive.entries().count(), 3);
    let init = archive.init().expect("init");
    assert_eq!((init.id, init.name, init.offset, init.data), (1, "init", 4096, &[1; 5000][..]));
    let rngd = archive.service(7).expect("rngd");
    assert_eq!((rngd.name, rngd.offset, rngd.data), ("rngd", 12288, &[2; 4096][..]));
    assert_eq!(archive.description().expect("description").data, &[3; 10]);
    assert!(archive.service(1).is_none(), "init is not among the services");
    assert!(archive.service(0).is_none());
    assert_eq!(archive.check_hashes(), Ok(()));
    assert_eq!(archive.check_padding(), Ok(()));
}

#[test]
fn the_same_entries_give_the_same_bytes() {
    assert_eq!(sample(), sample());
}

#[test]
fn the_nonce_is_outside_the_hash_of_the_image() {
    let plain = sample();
    let mut with_nonce = plain.clone();
    with_nonce[NONCE_OFFSET..NONCE_OFFSET + 8].copy_from_slice(&0xfeed_u64.to_le_bytes());
    assert_eq!(Archive::parse(&with_nonce).expect("valid").nonce(), 0xfeed);
    assert_eq!(image_hash(&plain), image_hash(&with_nonce));
    with_nonce[5000] ^= 1;
    assert_ne!(image_hash(&plain), image_hash(&with_nonce));
    // The highest bit of its last byte.
    with_nonce[NONCE_OFFSET..NONCE_OFFSET + 8].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0x80]);
    assert_eq!(Archive::parse(&with_nonce).expect("valid").nonce(), HOST_READS);
}

#[test]
fn refuses_a_damaged_header() {
    assert_eq!(damaged(0, b"M"), Err(ArchiveError::BadMagic));
    assert_eq!(damaged(8, &[1]), Err(ArchiveError::BadVersion));
    assert_eq!(damaged(12, &[0]), Err(ArchiveError::BadCount));
    assert_eq!(damaged(12, &(MAX_ENTRIES + 1).to_le_bytes()), Err(ArchiveError::BadCount));
    assert_eq!(damaged(12, &u32::MAX.to_le_bytes()), Err(ArchiveError::BadCount));
    assert_eq!(damaged(24, &u64::MAX.to_le_bytes()), Err(ArchiveError::Truncated));
    assert_eq!(damaged(24, &(4096 * 5 + 1u64).to_le_bytes()), Err(ArchiveError::Truncated));
    for word in 1..4 {
        assert_eq!(damaged(32 + 8 * word + 7, &[1]), Err(ArchiveError::ReservedNotZero));
    }
}

#[test]
fn as_many_entries_as_there_can_be_are_written_and_read() {
    let archive = |count: u32| {
        let mut writer = ArchiveWriter::new();
        writer.push(Kind::Init, 1, "init", &[1]);
        writer.push(Kind::Description, 0, "description", &[2]);
        let names: Vec<String> = (2..count).map(|id| format!("service-{id}")).collect();
        for (id, name) in (2..).zip(&names) {
            writer.push(Kind::Service, id, name, &[3]);
        }
        writer.finish()
    };
    let most = archive(MAX_ENTRIES).expect("as many as there can be");
    let count = Archive::parse(&most).expect("valid").entries().count();
    assert_eq!(u32::try_from(count), Ok(MAX_ENTRIES));
    assert_eq!(archive(MAX_ENTRIES + 1), Err(WriteError::TooLarge));
}

// attack 31 U: more frames for devices than there can be; refused; broken: archive-device-frames
#[test]
fn refuses_too_many_frames_for_devices() {
    assert_eq!(damaged(32, &MAX_DEVICE_FRAMES.to_le_bytes()), Ok(()));
    let many = [MAX_DEVICE_FRAMES + 1, 1 << 32, u64::MAX];
    for frames in many.map(u64::to_le_bytes) {
        assert_eq!(damaged(32, &frames), Err(ArchiveError::BadDeviceFrames));
    }
}

#[test]
fn refuses_a_damaged_entry() {
    let entry = |index: usize| HEADER + ENTRY * index;
    assert_eq!(damaged(entry(1), &[4]), Err(ArchiveError::BadKind { index: 1 }));
    assert_eq!(damaged(entry(1), &[1]), Err(ArchiveError::InitCount));
    assert_eq!(damaged(entry(0), &[2]), Err(ArchiveError::InitCount));
    assert_eq!(damaged(entry(1) + 4, &[1]), Err(ArchiveError::BadId { index: 1 }));
    assert_eq!(damaged(entry(1) + 4, &[0]), Err(ArchiveError::BadId { index: 1 }));
    assert_eq!(damaged(entry(2) + 4, &[1]), Err(ArchiveError::BadId { index: 2 }));
    assert_eq!(damaged(entry(1) + 56, b"R"), Err(ArchiveError::BadName { index: 1 }));
    assert_eq!(damaged(entry(1) + 56, &[0]), Err(ArchiveError::BadName { index: 1 }));
    assert_eq!(damaged(entry(1) + 56 + 31, b"x"), Err(ArchiveError::BadName { index: 1 }));
}

// attack 31 U: payloads that overlap or leave the archive; refused
#[test]
fn refuses_a_payload_out_of_place() {
    let offset = HEADER + ENTRY + 8;
    let bad = Err(ArchiveError::BadRange { index: 1 });
    assert_eq!(damaged(offset, &0u64.to_le_bytes()), bad, "over the table");
    assert_eq!(damaged(offset, &8192u64.to_le_bytes()), bad, "over the payload before it");
    assert_eq!(damaged(offset, &12289u64.to_le_bytes()), bad, "not on a page");
    assert_eq!(damaged(offset, &u64::MAX.to_le_bytes()), bad);
    assert_eq!(damaged(offset, &(!4095u64).to_le_bytes()), bad, "wraps");
    assert_eq!(damaged(offset + 8, &0u64.to_le_bytes()), bad, "empty");
    assert_eq!(damaged(offset + 8, &(8192 + 1u64).to_le_bytes()), bad, "past the end");
    assert_eq!(damaged(offset + 8, &u64::MAX.to_le_bytes()), bad);
    let over_next = Err(ArchiveError::BadRange { index: 2 });
    assert_eq!(damaged(offset + 8, &4097u64.to_le_bytes()), over_next);
}

#[test]
fn refuses_every_shorter_length() {
    let bytes = sample();
    for len in (0..400).chain(bytes.len() - 3..bytes.len()) {
        assert_eq!(Archive::parse(&bytes[..len]).err(), Some(ArchiveError::Truncated), "{len}");
    }
}

#[test]
fn ignores_what_follows_in_the_last_page() {
    let mut bytes = sample();
    bytes.extend([0xff; 100]);
    let archive = Archive::parse(&bytes).expect("valid");
    assert_eq!(archive.bytes().len(), bytes.len() - 100);
    assert_eq!(archive.check_padding(), Ok(()));
}

#[test]
fn finds_hidden_bytes_and_changed_payloads() {
    for at in [HEADER + 3 * ENTRY, 4095, 4096 + 5000, 4096 * 4 + 10, 4096 * 5 - 1] {
        let mut bytes = sample();
        bytes[at] = 1;
        let archive = Archive::parse(&bytes).expect("still an archive");
        assert_eq!(archive.check_padding(), Err(ArchiveError::PaddingNotZero), "at {at}");
    }
    for (at, index) in [(4096, 0), (12288, 1), (4096 * 4 + 9, 2)] {
        let mut bytes = sample();
        bytes[at] ^= 0x80;
        let archive = Archive::parse(&bytes).expect("still an archive");
        assert_eq!(archive.check_hashes(), Err(ArchiveError::HashMismatch { index }));
        assert_eq!(archive.check_padding(), Ok(()));
    }
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let mut writer = ArchiveWriter::new();
    assert_eq!(writer.finish(), Err(WriteError::Refused(ArchiveError::BadCount)));
    writer.push(Kind::Init, 1, "init", &[1]);
    assert_eq!(writer.finish(), Err(WriteError::Refused(ArchiveError::DescriptionCount)));
    writer.push(Kind::Description, 0, "description", &[]);
    assert_eq!(writer.finish(), Err(WriteError::Refused(ArchiveError::BadRange { index: 1 })));
    let mut devices = ArchiveWriter::new();
    devices.set_device_frames(MAX_DEVICE_FRAMES + 1);
    devices.push(Kind::Init, 1, "init", &[1]);
    devices.push(Kind::Description, 0, "description", &[1]);
    assert_eq!(devices.finish(), Err(WriteError::Refused(ArchiveError::BadDeviceFrames)));
    let mut long = ArchiveWriter::new();
    long.push(Kind::Init, 1, "a-name-of-thirty-three-characters", &[1]);
    assert_eq!(long.finish(), Err(WriteError::NameTooLong));
    let mut many = ArchiveWriter::new();
    for id in 0..=MAX_ENTRIES {
        many.push(Kind::Service, id + 1, "x", &[1]);
    }
    assert_eq!(many.finish(), Err(WriteError::TooLarge));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Archive::parse(&bytes);
    }

    // attack 31 P: a damaged boot archive; refused or read inside its bounds
    #[test]
    fn damaged_archives_never_panic(
        damage in proptest::collection::vec((0usize..4096 * 5, any::<u8>()), 0..8),
        len in 0usize..4096 * 5 + 1,
    ) {
        let mut bytes = sample();
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        if let Ok(archive) = Archive::parse(&bytes[..len]) {
            let entries = archive.entries().count();
            prop_assert!(entries > 0);
            let _ = (archive.check_hashes(), archive.check_padding());
        }
        let _ = image_hash(&bytes[..len]);
    }
}

#[test]
fn each_refusal_has_words_of_its_own() {
    let index = 3;
    let all = [
        ArchiveError::Truncated,
        ArchiveError::BadMagic,
        ArchiveError::BadVersion,
        ArchiveError::ReservedNotZero,
        ArchiveError::BadDeviceFrames,
        ArchiveError::BadCount,
        ArchiveError::BadKind { index },
        ArchiveError::BadName { index },
        ArchiveError::BadId { index },
        ArchiveError::BadRange { index },
        ArchiveError::InitCount,
        ArchiveError::DescriptionCount,
        ArchiveError::PaddingNotZero,
        ArchiveError::HashMismatch { index },
    ];
    let mut texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    texts.extend([WriteError::NameTooLong, WriteError::TooLarge].map(|error| error.to_string()));
    let count = texts.len();
    let refused = WriteError::Refused(ArchiveError::InitCount).to_string();
    assert!(refused.contains(&ArchiveError::InitCount.to_string()));
    assert!(ArchiveError::BadId { index }.to_string().contains('3'));
    texts.sort_unstable();
    texts.dedup();
    assert_eq!((texts.len(), texts[0].is_empty()), (count, false));
}
