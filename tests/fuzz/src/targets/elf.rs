//! An ELF image for the loader.

use nexus_abi::Prot;
use nexus_loader::{Plan, Segment};

const PAGE: u64 = 4096;
/// The last page of the user half is never mapped; the first one neither.
const USER: std::ops::Range<u64> = nexus_abi::USER_START..nexus_abi::USER_END;

// attack 13 Z: an image with a page that is writable and executable; refused
// attack 6 Z: segments over each other or over the kernel half; refused
/// A plan that is accepted can be carried out without further checks.
pub fn elf(data: &[u8]) {
    let Ok(plan) = Plan::parse(data) else { return };
    let segments: Vec<Segment> = plan.segments().copied().collect();
    for (index, segment) in segments.iter().enumerate() {
        let end = end(segment);
        assert!(segment.va.is_multiple_of(PAGE) && segment.mem_len > 0);
        assert!(USER.start <= segment.va && end <= USER.end, "{segment:x?}");
        assert_eq!(u64::try_from(segment.data(data).len()), Ok(segment.file_len));
        assert!(segment.file_len <= segment.mem_len);
        let prot = segment.perm.prot();
        assert!(prot.contains(Prot::READ));
        assert!(!prot.contains(Prot::WRITE | Prot::EXEC), "{segment:x?}");
        for other in &segments[..index] {
            assert!(end <= other.va || self::end(other) <= segment.va, "{segments:x?}");
        }
    }
    let text = segments.iter().find(|one| one.va <= plan.entry && plan.entry < end(one));
    let text = text.expect("the entry is in a segment");
    assert!(text.perm.prot().contains(Prot::EXEC) && plan.entry.is_multiple_of(2));
}

fn end(segment: &Segment) -> u64 {
    segment.va + segment.mem_len.next_multiple_of(PAGE)
}

/// One program header: flags, address, bytes in the file, bytes in memory.
type Header = (u32, u64, u64, u64);

/// A static RISC-V executable with these segments, their bytes behind the headers.
pub(super) fn image(entry: u64, headers: &[Header]) -> Vec<u8> {
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    elf.resize(16, 0);
    elf.extend([2u16, 243].iter().flat_map(|half| half.to_le_bytes()));
    elf.extend(1u32.to_le_bytes());
    elf.extend([entry, 64, 0].iter().flat_map(|word| word.to_le_bytes()));
    elf.extend(0u32.to_le_bytes());
    let count = u16::try_from(headers.len()).unwrap_or(0);
    elf.extend([64u16, 56, count, 64, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    let offset = 64 + 56 * u64::from(count);
    for (flags, va, file_len, mem_len) in headers {
        elf.extend([1u32, *flags].iter().flat_map(|word| word.to_le_bytes()));
        let words = [offset, *va, *va, *file_len, *mem_len, PAGE];
        elf.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    elf.extend([0x13; 64]);
    elf
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    const TEXT: Header = (5, 0x10_0000, 8, 8);
    let good = image(TEXT.1, &[TEXT, (4, 0x10_1000, 8, 8), (6, 0x10_2000, 0, 0x3000)]);
    let write_exec = image(TEXT.1, &[TEXT, (7, 0x10_1000, 8, 8)]);
    let overlap = image(TEXT.1, &[TEXT, (6, 0x10_0000, 8, 0x1001)]);
    let kernel = image(TEXT.1, &[TEXT, (6, 0xffff_ffff_8000_0000, 8, 8)]);
    let last = image(TEXT.1, &[TEXT, (6, USER.end - PAGE, 8, PAGE)]);
    let entry = image(0x10_2000, &[TEXT, (6, 0x10_2000, 8, 8)]);
    let all = [
        ("good", good),
        ("write-exec", write_exec),
        ("overlap", overlap),
        ("kernel-half", kernel),
        ("last-page", last),
        ("entry-in-data", entry),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
