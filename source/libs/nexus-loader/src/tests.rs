//! Each condition has a test, at its bound and one step either side of it.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests")]

extern crate std;

use std::vec;
use std::vec::Vec;

use nexus_abi::{PAGE_SIZE, Prot, USER_END};
use proptest::prelude::*;

use super::*;

const LOAD: u32 = 1;
const R: u32 = 4;
const RX: u32 = 5;
const RW: u32 = 6;
/// Where the program headers are.
const PHOFF: usize = 64;
const PHENT: usize = 56;

/// A program header, field by field.
#[derive(Clone, Copy, Debug)]
struct Header {
    kind: u32,
    flags: u32,
    offset: u64,
    va: u64,
    filesz: u64,
    memsz: u64,
}

/// A segment of one page with 8 bytes from the end of the headers.
const fn load(flags: u32, va: u64) -> Header {
    Header { kind: LOAD, flags, offset: 0x800, va, filesz: 8, memsz: PAGE_SIZE }
}

/// An image of 4096 bytes with these program headers, and an entry.
fn image_with_entry(headers: &[Header], entry: u64) -> Vec<u8> {
    let mut image = vec![0; 4096];
    image[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &2u16.to_le_bytes());
    put(18, &243u16.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &entry.to_le_bytes());
    put(32, &(PHOFF as u64).to_le_bytes());
    put(52, &64u16.to_le_bytes());
    put(54, &(PHENT as u16).to_le_bytes());
    put(56, &(headers.len() as u16).to_le_bytes());
    for (index, header) in headers.iter().enumerate() {
        let at = PHOFF + index * PHENT;
        put(at, &header.kind.to_le_bytes());
        put(at + 4, &header.flags.to_le_bytes());
        put(at + 8, &header.offset.to_le_bytes());
        put(at + 16, &header.va.to_le_bytes());
        put(at + 32, &header.filesz.to_le_bytes());
        put(at + 40, &header.memsz.to_le_bytes());
        put(at + 48, &PAGE_SIZE.to_le_bytes());
    }
    put(0x800, b"contents");
    image
}

const TEXT: Header = load(RX, 0x10_0000);

/// The verdict on an image with executable text and one more header.
fn with(header: Header) -> Result<Plan, LoadError> {
    Plan::parse(&image_with_entry(&[TEXT, header], TEXT.va))
}

/// The verdict on a good image with one byte changed.
fn patched(at: usize, byte: u8) -> Result<Plan, LoadError> {
    let mut image = image_with_entry(&[TEXT], TEXT.va);
    image[at] = byte;
    Plan::parse(&image)
}

#[test]
fn a_good_image_loads() {
    let data = Header { filesz: 0, memsz: 0x1001, ..load(RW, 0x10_2000) };
    let image = image_with_entry(&[TEXT, load(R, 0x10_1000), data], TEXT.va + 4);
    let plan = Plan::parse(&image).unwrap();
    assert_eq!(plan.entry, 0x10_0004);
    let segments: Vec<_> = plan.segments().copied().collect();
    let expected = Segment {
        va: 0x10_0000,
        file_offset: 0x800,
        file_len: 8,
        mem_len: PAGE_SIZE,
        perm: Perm::RX,
    };
    assert_eq!(segments[0], expected);
    assert_eq!(segments.iter().map(|s| s.perm).collect::<Vec<_>>(), [Perm::RX, Perm::R, Perm::RW]);
    assert_eq!(segments.iter().map(Segment::pages).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(segments[0].data(&image), b"contents");
    assert_eq!(segments[2].data(&image), b"");
    assert_eq!(segments[0].data(&[]), b"");
}

#[test]
fn protections() {
    assert_eq!(Perm::R.prot(), Prot::READ);
    assert_eq!(Perm::RX.prot(), Prot::READ | Prot::EXEC);
    assert_eq!(Perm::RW.prot(), Prot::READ | Prot::WRITE);
}

#[test]
fn not_elf() {
    assert_eq!(Plan::parse(&[]), Err(LoadError::NotElf));
    for at in 0..4 {
        assert_eq!(patched(at, 0), Err(LoadError::NotElf));
    }
    // File version, header size of program headers.
    assert_eq!(patched(6, 2), Err(LoadError::NotElf));
    assert_eq!(patched(54, 55), Err(LoadError::NotElf));
    // Headers that end with the file, and one byte later.
    let image = image_with_entry(&[TEXT, load(R, 0x10_1000)], TEXT.va);
    let end = PHOFF + 2 * PHENT;
    assert_eq!(Plan::parse(&image[..end]), Err(LoadError::OutsideFile));
    assert_eq!(Plan::parse(&image[..end - 1]), Err(LoadError::NotElf));
    assert_eq!(Plan::parse(&image[..63]), Err(LoadError::NotElf));
}

#[test]
fn wrong_class() {
    assert_eq!(patched(4, 1), Err(LoadError::WrongClass));
    assert_eq!(patched(4, 3), Err(LoadError::WrongClass));
}

#[test]
fn wrong_endianness() {
    assert_eq!(patched(5, 2), Err(LoadError::WrongEndianness));
}

#[test]
fn wrong_machine() {
    assert_eq!(patched(18, 242), Err(LoadError::WrongMachine));
    assert_eq!(patched(18, 244), Err(LoadError::WrongMachine));
}

#[test]
fn wrong_type() {
    for kind in [0, 1, 3, 4] {
        assert_eq!(patched(16, kind), Err(LoadError::WrongType));
    }
}

#[test]
fn too_many_headers() {
    let note = Header { kind: 4, ..TEXT };
    let mut headers = vec![note; 31];
    headers.push(TEXT);
    assert!(Plan::parse(&image_with_entry(&headers, TEXT.va)).is_ok());
    headers.push(note);
    let verdict = Plan::parse(&image_with_entry(&headers, TEXT.va));
    assert_eq!(verdict, Err(LoadError::TooManyHeaders));
}

#[test]
fn not_static() {
    for kind in [2, 3, 7] {
        assert_eq!(with(Header { kind, ..TEXT }), Err(LoadError::NotStatic));
    }
    // Notes, the header table itself, stack flags, RISC-V attributes.
    for kind in [0, 4, 5, 6, 0x6474_e551, 0x7000_0003] {
        assert!(with(Header { kind, ..TEXT }).is_ok());
    }
}

#[test]
fn too_many_segments() {
    let headers = |count: u64| -> Vec<Header> {
        (0..count).map(|n| Header { va: TEXT.va + n * PAGE_SIZE, ..TEXT }).collect()
    };
    let plan = Plan::parse(&image_with_entry(&headers(8), TEXT.va)).unwrap();
    assert_eq!(plan.segments().count(), MAX_SEGMENTS);
    let verdict = Plan::parse(&image_with_entry(&headers(9), TEXT.va));
    assert_eq!(verdict, Err(LoadError::TooManySegments));
}

#[test]
fn empty_segments_do_not_count() {
    let empty = Header { filesz: 0, memsz: 0, flags: 7, ..TEXT };
    assert_eq!(with(empty).unwrap().segments().count(), 1);
    // It has bytes and no memory: not empty, but wrong.
    let wrong = Header { filesz: 1, memsz: 0, ..load(R, 0x20_0000) };
    assert_eq!(with(wrong), Err(LoadError::FileLongerThanMemory));
}

// attack 13 U: a segment that is writable and executable; refused
#[test]
fn write_exec() {
    for flags in [3, 7, 0x8000_0007] {
        assert_eq!(with(load(flags, 0x20_0000)), Err(LoadError::WriteExec));
    }
}

#[test]
fn bad_flags() {
    for flags in [0, 1, 2, 8, R | 8, RW | 0x8000_0000] {
        assert_eq!(with(load(flags, 0x20_0000)), Err(LoadError::BadFlags));
    }
}

#[test]
fn misaligned() {
    for va in [0x20_0001, 0x20_0800, 0x20_0fff] {
        assert_eq!(with(load(R, va)), Err(LoadError::Misaligned));
    }
}

// attack 2 U: a segment one byte longer than a memory object; refused
#[test]
fn too_long() {
    let long = |memsz| with(Header { memsz, ..load(RW, 0x20_0000) });
    assert!(long((512 * PAGE_SIZE) - 1).is_ok());
    assert_eq!(long(512 * PAGE_SIZE).unwrap().segments().last().unwrap().pages(), 512);
    assert_eq!(long(512 * PAGE_SIZE + 1), Err(LoadError::TooLong));
    assert_eq!(long(u64::MAX), Err(LoadError::TooLong));
}

#[test]
fn file_longer_than_memory() {
    let sizes = |filesz, memsz| with(Header { filesz, memsz, ..load(R, 0x20_0000) });
    assert!(sizes(7, 8).is_ok());
    assert!(sizes(8, 8).is_ok());
    assert_eq!(sizes(9, 8), Err(LoadError::FileLongerThanMemory));
    assert_eq!(sizes(u64::MAX, 8), Err(LoadError::FileLongerThanMemory));
}

#[test]
fn outside_file() {
    let range = |offset, filesz| with(Header { offset, filesz, ..load(R, 0x20_0000) });
    assert!(range(4095, 1).is_ok());
    assert!(range(4096, 0).is_ok());
    assert!(range(0, 4096).is_ok());
    assert_eq!(range(4096, 1), Err(LoadError::OutsideFile));
    assert_eq!(range(4097, 0), Err(LoadError::OutsideFile));
    assert_eq!(range(1, 4096), Err(LoadError::OutsideFile));
    assert_eq!(range(u64::MAX, 0), Err(LoadError::OutsideFile));
    assert_eq!(range(u64::MAX, 1), Err(LoadError::OutsideFile));
}

// attack 5 U: a segment in the kernel half, in page zero or over the end; refused
#[test]
fn outside_user() {
    assert!(with(load(R, PAGE_SIZE)).is_ok());
    assert_eq!(with(load(R, 0)), Err(LoadError::OutsideUser));
    assert!(with(load(R, USER_END - PAGE_SIZE)).is_ok());
    let too_far = Header { memsz: PAGE_SIZE + 1, ..load(R, USER_END - PAGE_SIZE) };
    assert_eq!(with(too_far), Err(LoadError::OutsideUser));
    assert_eq!(with(load(R, USER_END)), Err(LoadError::OutsideUser));
    assert_eq!(with(load(R, 0xffff_ffff_ffff_f000)), Err(LoadError::OutsideUser));
}

// attack 6 U: segments that share a page; refused
#[test]
fn overlap() {
    let two = |va, memsz| with(Header { filesz: 0, memsz, ..load(R, va) });
    assert!(two(TEXT.va - PAGE_SIZE, PAGE_SIZE).is_ok());
    assert_eq!(two(TEXT.va - PAGE_SIZE, PAGE_SIZE + 1), Err(LoadError::Overlap));
    assert_eq!(two(TEXT.va, 8), Err(LoadError::Overlap));
    assert!(two(TEXT.va + PAGE_SIZE, 1).is_ok());
    // The first ends inside the second's page.
    let text = Header { memsz: PAGE_SIZE + 1, ..TEXT };
    let image = image_with_entry(&[text, load(R, TEXT.va + PAGE_SIZE)], TEXT.va);
    assert_eq!(Plan::parse(&image), Err(LoadError::Overlap));
}

#[test]
fn bad_entry() {
    let entry = |entry| Plan::parse(&image_with_entry(&[TEXT, load(R, 0x20_0000)], entry));
    assert!(entry(TEXT.va).is_ok());
    assert!(entry(TEXT.va + PAGE_SIZE - 2).is_ok());
    for wrong in [0, TEXT.va - 2, TEXT.va + 1, TEXT.va + PAGE_SIZE, 0x20_0000, u64::MAX - 1] {
        assert_eq!(entry(wrong), Err(LoadError::BadEntry));
    }
    assert_eq!(Plan::parse(&image_with_entry(&[], TEXT.va)), Err(LoadError::BadEntry));
    // No program headers at all.
    assert_eq!(patched(32, 0), Err(LoadError::BadEntry));
}

/// What a plan promises, whatever the image.
fn check_promises(plan: &Plan, image: &[u8]) {
    let segments: Vec<_> = plan.segments().collect();
    for (index, segment) in segments.iter().enumerate() {
        assert!(segment.va >= PAGE_SIZE && segment.va % PAGE_SIZE == 0);
        assert!((1..=512).contains(&segment.pages()));
        assert!(segment.va + segment.pages() * PAGE_SIZE <= USER_END);
        assert_eq!(segment.data(image).len() as u64, segment.file_len);
        assert!(segment.file_len <= segment.mem_len);
        for other in &segments[..index] {
            let (first, second) =
                if other.va < segment.va { (other, segment) } else { (segment, other) };
            assert!(first.va + first.pages() * PAGE_SIZE <= second.va);
        }
    }
    let holds_entry = |s: &&Segment| (s.va..s.va + s.mem_len).contains(&plan.entry);
    assert!(segments.iter().any(|s| s.perm == Perm::RX && holds_entry(s)));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(image in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Plan::parse(&image);
    }

    // attack 31 P: a damaged image; refused, or loaded inside its bounds and never W and X
    #[test]
    fn mutated_images_never_panic_and_keep_the_promises(
        changes in proptest::collection::vec((0usize..PHOFF + 3 * PHENT, any::<u8>()), 0..6),
        len in prop_oneof![Just(4096usize), 0usize..4096],
    ) {
        let headers = [TEXT, load(R, 0x10_1000), load(RW, 0x10_2000)];
        let mut image = image_with_entry(&headers, TEXT.va);
        for (at, byte) in changes {
            image[at] = byte;
        }
        image.truncate(len);
        if let Ok(plan) = Plan::parse(&image) {
            check_promises(&plan, &image);
        }
    }

    #[test]
    fn random_headers_keep_the_promises(
        raw in proptest::collection::vec(
            (prop_oneof![Just(LOAD), 0u32..8], 0u32..8, 0u64..4200, any::<u64>(), 0u64..5000, 0u64..9000),
            0..10,
        ),
        entry in 0u64..0x20000,
    ) {
        let header = |&(kind, flags, offset, va, filesz, memsz)| {
            // Most addresses low, so that overlaps and entries inside text happen.
            let va = if va % 8 == 0 { va } else { (va % 24) * PAGE_SIZE };
            Header { kind, flags, offset, va, filesz, memsz }
        };
        let headers: Vec<_> = raw.iter().map(header).collect();
        let image = image_with_entry(&headers, entry);
        if let Ok(plan) = Plan::parse(&image) {
            check_promises(&plan, &image);
        }
    }
}
