//! The boot archive.

use nexus_sysdesc::archive::{Archive, ArchiveWriter, Entry, Kind};

use super::elf;
use crate::system;

// attack 31 Z: an archive whose lengths and offsets lie; refused, and no payload leaves it
/// What is opened holds one init and one description, and payloads that lie apart inside it.
pub fn archive(data: &[u8]) {
    let Ok(archive) = Archive::parse(data) else { return };
    let entries: Vec<Entry<'_>> = archive.entries().collect();
    let mut free = 64 + 88 * entries.len();
    let mut ids = Vec::new();
    for entry in &entries {
        let start = usize::try_from(entry.offset).expect("inside the bytes");
        assert!(start.is_multiple_of(4096) && start >= free, "{entry:?}");
        assert_eq!(data.get(start..start + entry.data.len()), Some(entry.data));
        free = start + entry.data.len();
        assert_eq!(entry.id == 0, entry.kind == Kind::Description);
        assert!(!ids.contains(&entry.id), "one entry an id");
        ids.push(entry.id);
    }
    assert!(free <= archive.bytes().len() && archive.bytes().len() <= data.len());
    let count = |kind| entries.iter().filter(|entry| entry.kind == kind).count();
    assert_eq!((count(Kind::Init), count(Kind::Description)), (1, 1));
    write_again(&archive, &entries);
    // Whether the gaps are zero is asked apart, and must not fail on an archive that was opened.
    let _ = archive.check_padding();
}

/// What was read can be written, and reads the same.
fn write_again(archive: &Archive<'_>, entries: &[Entry<'_>]) {
    let mut writer = ArchiveWriter::new();
    writer.set_device_frames(archive.device_frames());
    entries.iter().for_each(|entry| writer.push(entry.kind, entry.id, entry.name, entry.data));
    let bytes = writer.finish().expect("what was read can be written");
    let again = Archive::parse(&bytes).expect("what was written can be read");
    assert_eq!(again.check_padding(), Ok(()));
    assert_eq!(again.device_frames(), archive.device_frames());
    let plain =
        |entry: &Entry<'_>| (entry.kind, entry.id, entry.name.to_owned(), entry.data.to_vec());
    let (before, after): (Vec<_>, Vec<_>) =
        (entries.iter().map(plain).collect(), again.entries().map(|entry| plain(&entry)).collect());
    assert_eq!(before, after);
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    let description = system::either(1).encode().expect("a valid description");
    let program = elf::image(0x10_0000, &[(5, 0x10_0000, 8, 8)]);
    let mut writer = ArchiveWriter::new();
    writer.set_device_frames(300);
    writer.push(Kind::Init, 1, "init", &program);
    writer.push(Kind::Service, 7, "rngd", &program);
    writer.push(Kind::Description, 0, "description", &description);
    let mut good = writer.finish().expect("an archive");
    // The gap behind the last payload is not needed to see anything.
    let cut = good[..good.len() - 1].to_vec();
    let mut devices = good.clone();
    devices[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut long = good.clone();
    long[64 + 16..64 + 24].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut twice = good.clone();
    twice[64 + 88..64 + 92].copy_from_slice(&1u32.to_le_bytes());
    good.extend(b"what follows in memory");
    let all = [
        ("good", good),
        ("cut", cut),
        ("endless", long),
        ("two-inits", twice),
        ("all-for-devices", devices),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
