//! The walker and its rules on synthetic memory: one page table built by hand, one fault each.

use super::check::KIND_MEMORY;
use super::*;
use crate::protocol::{Cap, Root};
use std::ops::Range;

const BASE: u64 = 0x8000_0000;
pub(super) const ROOT: u64 = 0x8010_0000;
const UART: u64 = 0x1000_0000;
const DEVICE_LEAF: u64 = 0xd7; // V R W U A D
const TEXT_LEAF: u64 = 0x5b; // V R X U A
const DATA_LEAF: u64 = 0xd7;
const KERNEL_TEXT: u64 = 0x6b; // V R X G A
const FORBIDDEN: Range<u64> = BASE..0x8008_0000;

/// 4 MiB of RAM in which page tables are built from page 0x100 on.
pub(super) struct Build {
    bytes: Vec<u8>,
    next: u64,
}

impl Build {
    pub(super) fn new() -> Build {
        Build { bytes: vec![0; 4 << 20], next: ROOT }
    }

    pub(super) fn page(&mut self) -> u64 {
        self.next += 4096;
        self.next - 4096
    }

    fn slot(&mut self, table: u64, index: u64) -> &mut [u8] {
        let at = usize::try_from(table - BASE + index * 8).unwrap();
        &mut self.bytes[at..at + 8]
    }

    fn get(&mut self, table: u64, index: u64) -> u64 {
        u64::from_le_bytes(self.slot(table, index).try_into().unwrap())
    }

    pub(super) fn set(&mut self, table: u64, index: u64, pte: u64) {
        self.slot(table, index).copy_from_slice(&pte.to_le_bytes());
    }

    pub(super) fn below(&mut self, table: u64, index: u64) -> u64 {
        let pte = self.get(table, index);
        if pte != 0 {
            return pte >> 10 << 12;
        }
        let page = self.page();
        self.set(table, index, page >> 12 << 10 | 1);
        page
    }

    pub(super) fn map(&mut self, root: u64, va: u64, pa: u64, flags: u64) {
        let middle = self.below(root, va >> 30 & 511);
        let last = self.below(middle, va >> 21 & 511);
        self.set(last, va >> 12 & 511, pa >> 12 << 10 | flags);
    }

    pub(super) fn ram(self) -> Ram {
        Ram::new(BASE, self.bytes)
    }
}

/// A good process: text, data, one UART page, and the kernel in the upper half.
fn process(build: &mut Build, frames: u64) -> u64 {
    let root = build.page();
    build.map(root, 0x10_0000, frames, TEXT_LEAF);
    build.map(root, 0x10_1000, frames + 0x1000, DATA_LEAF);
    build.map(root, 0xffff_ffff_8020_0000, 0x8000_0000, KERNEL_TEXT);
    root
}

fn uart(service: u32, mapped_pages: u64) -> Cap {
    let (kind, rights, base, len) = (KIND_DEVICE, 7, UART, 0x1000);
    Cap { service, kind, rights, base, len, mapped_pages, object: 0, registers: None }
}

fn findings(build: Build, roots: &[Root], caps: &[Cap]) -> Vec<String> {
    let services: Vec<u32> = roots.iter().map(|root| root.service).collect();
    findings_of(build, &services, roots, caps)
}

fn findings_of(build: Build, services: &[u32], roots: &[Root], caps: &[Cap]) -> Vec<String> {
    let forbidden = std::slice::from_ref(&FORBIDDEN);
    let (reaches, devices) = (&[], &[]);
    check(&build.ram(), &Claims { services, roots, caps, forbidden, reaches, devices })
}

/// One owner of the UART whose page is mapped with `flags` at `pa`; what is found.
fn one(pa: u64, flags: u64, caps: &[Cap]) -> Vec<String> {
    let mut build = Build::new();
    let phys = process(&mut build, 0x8020_0000);
    build.map(phys, 0x10_0000_0000, pa, flags);
    findings(build, &[Root { service: 4, phys }], caps)
}

#[track_caller]
fn assert_one(found: &[String], what: &str) {
    assert!(found.len() == 1 && found[0].contains(what), "{found:#?}");
}

#[test]
fn test_good_process_has_no_finding() {
    assert_eq!(one(UART, DEVICE_LEAF, &[uart(4, 1)]), Vec::<String>::new());
}

#[test]
fn test_leaf_is_read_back() {
    let mut build = Build::new();
    let root = process(&mut build, 0x8020_0000);
    build.map(root, 0x10_0000_0000, UART, DEVICE_LEAF);
    let space = walk(&build.ram(), root);
    assert_eq!(space.errors, Vec::<String>::new());
    assert_eq!(space.leaves.len(), 4);
    assert_eq!((space.tables.len(), space.user_tables.len()), (7, 5), "two are of the kernel half");
    assert_eq!(space.user_tables[0], root);
    let shown: Vec<String> = space.leaves.iter().map(Leaf::to_string).collect();
    assert_eq!(shown[2], "0x1000000000 -> 0x10000000 (4 KiB rw-u-)");
    assert_eq!(shown[3], "0xffffffff80200000 -> 0x80000000 (4 KiB r-x-g)");
}

// attack 43 H: the guest leaves out a process, names one twice, one that is none, or the tables of another for it; found
#[test]
fn test_every_service_has_one_root_of_its_own() {
    let with = |services: &[u32], named: &[(u32, usize)]| {
        let mut build = Build::new();
        let phys = [process(&mut build, 0x8020_0000), process(&mut build, 0x8021_0000)];
        let roots: Vec<Root> =
            named.iter().map(|(service, at)| Root { service: *service, phys: phys[*at] }).collect();
        findings_of(build, services, &roots, &[])
    };
    assert_eq!(with(&[4, 5], &[(4, 0), (5, 1)]), Vec::<String>::new());
    assert_one(&with(&[4, 5], &[(4, 0)]), "service 5: 0 root page tables");
    assert_one(&with(&[4], &[(4, 0), (4, 1)]), "service 4: 2 root page tables");
    assert_one(&with(&[4], &[(4, 0), (5, 1)]), "service 5: a root page table of nobody");
    assert_one(&with(&[4, 5], &[(4, 0), (5, 0)])[..1], "service 5: has the root page table of 4");
    assert_one(&with(&[4], &[]), "service 4: 0 root page tables");
}

// attack 12 H: a device page that is executable, writable and executable, or not of a window; found
// attack 1 H: a device page beside the window; found
#[test]
fn test_device_page_faults_are_found() {
    assert_one(&one(UART, DEVICE_LEAF | 8, &[uart(4, 1)])[..1], "writable and executable");
    assert!(one(UART, 0x5b, &[uart(4, 1)])[0].contains("executable device page"));
    assert_one(&one(UART, DEVICE_LEAF, &[uart(5, 0)]), "outside every window");
    assert!(one(UART + 0x1000, DEVICE_LEAF, &[uart(4, 0)])[0].contains("outside every window"));
    assert_one(&one(UART, DEVICE_LEAF & !0x10, &[uart(4, 1)]), "not a user page");
    assert_one(&one(UART, DEVICE_LEAF | 0x20, &[uart(4, 1)]), "G set");
    assert_one(&one(UART, DEVICE_LEAF & !0x80, &[uart(4, 1)]), "A or D clear");
}

// attack 18 H: a writable page of a window without WRITE; found
#[test]
fn test_read_only_window_is_not_writable() {
    let cap = Cap { rights: 3, ..uart(4, 1) };
    assert_one(&one(UART, DEVICE_LEAF, &[cap]), "read-only window");
}

// attack 18 H: a writable page of a window whose registers are written one at a time; found; broken: witness-mask
#[test]
fn test_a_window_with_a_mask_is_not_writable() {
    const READ_ONLY: u64 = 0x53; // V R U A
    for registers in [Some(0), Some(1), Some(u64::MAX)] {
        let cap = Cap { registers, ..uart(4, 1) };
        // The kernel half has no page of it here, which is found as well.
        let is_writable = |found: &String| found.contains("writable page of a window with a mask");
        let found = one(UART, DEVICE_LEAF, std::slice::from_ref(&cap));
        assert!(found.iter().any(is_writable), "{found:#?}");
        assert!(!one(UART, READ_ONLY, &[cap]).iter().any(is_writable));
    }
}

/// A process with one more page in the kernel half.
fn with_kernel_page(va: u64, pa: u64, flags: u64, cap: &Cap) -> Vec<String> {
    let mut build = Build::new();
    let phys = process(&mut build, 0x8020_0000);
    build.map(phys, va, pa, flags);
    findings(build, &[Root { service: 4, phys }], std::slice::from_ref(cap))
}

// attack 5 H: the kernel maps a device that has no window with a mask; found; broken: witness-mask
#[test]
fn test_the_kernel_maps_devices_with_a_mask_alone() {
    const FIRST: u64 = 0xffff_ffff_c000_1000;
    const LAST: u64 = 0xffff_ffff_c01f_f000;
    let masked = |place| Cap { registers: Some(1), object: place, ..uart(4, 0) };
    for (place, va) in [(1, FIRST), (511, LAST)] {
        assert_eq!(with_kernel_page(va, UART, 0xe7, &masked(place)), Vec::<String>::new());
    }
    let without = Cap { registers: None, ..masked(1) };
    assert_one(&with_kernel_page(FIRST, UART, 0xe7, &without), "of no window with a mask");
    let longer = Cap { len: 0x2000, ..masked(1) };
    let found = with_kernel_page(FIRST, UART + 0x1000, 0xe7, &longer);
    assert!(found[0].contains("of no window with a mask"), "{found:#?}");
    for va in [0xffff_ffff_bfff_f000, LAST + 0x1000] {
        let found = with_kernel_page(va, UART, 0xe7, &masked(511));
        assert!(found[0].contains("the kernel maps window"), "{found:#?}");
    }
}

#[test]
fn test_counter_of_mapped_pages_is_compared() {
    assert_one(&one(UART, DEVICE_LEAF, &[uart(4, 0)]), "counts 0 mapped pages");
    assert_one(&one(UART, DEVICE_LEAF, &[uart(4, 2)]), "the tables have 1");
}

// attack 7 H: a user page over kernel, firmware or a page table; found
#[test]
fn test_kernel_memory_and_tables_are_not_user_pages() {
    let last_kernel_page = FORBIDDEN.end - 4096;
    assert_one(&one(last_kernel_page, DATA_LEAF, &[]), "kernel or firmware memory");
    assert_one(&one(ROOT, DATA_LEAF, &[]), "kernel or firmware memory");
    assert_eq!(one(FORBIDDEN.end, DATA_LEAF, &[]), Vec::<String>::new());
}

// attack 7 H: a page table of a process in memory that the kernel keeps; found
#[test]
fn test_tables_of_a_process_are_not_in_kernel_memory() {
    let mut build = Build::new();
    let phys = process(&mut build, 0x8020_0000);
    build.map(phys, 0x10_0000_0000, UART, DEVICE_LEAF);
    let keeps = ROOT + 0x2000..ROOT + 0x3000;
    let roots = [Root { service: 4, phys }];
    let caps = [uart(4, 1)];
    let claims = Claims {
        services: &[4],
        roots: &roots,
        caps: &caps,
        forbidden: &[keeps],
        reaches: &[],
        devices: &[],
    };
    assert_one(&check(&build.ram(), &claims), "page table 0x80102000 in kernel");
}

#[test]
fn test_page_past_the_end_of_ram_is_a_device_page() {
    assert_one(&one(BASE + (4 << 20), DATA_LEAF, &[]), "outside every window");
}

// attack 13 H: a frame writable in one process and executable in another; found
#[test]
fn test_writable_here_and_executable_there() {
    let mut build = Build::new();
    let first = process(&mut build, 0x8020_0000);
    let second = process(&mut build, 0x8021_0000);
    build.map(second, 0x4000_0000, 0x8020_0000, DATA_LEAF);
    let roots = [Root { service: 4, phys: first }, Root { service: 5, phys: second }];
    let found = findings(build, &roots, &[]);
    assert_one(&found[..1], "service 4 executes what 5 can write");
    assert_one(&found[1..], "service 4 has 1 pages that 5 can write");
}

/// Two processes, of which the second has the data page of the first, with `flags`.
fn shared(flags: u64, caps: &[Cap]) -> Vec<String> {
    let mut build = Build::new();
    let first = process(&mut build, 0x8020_0000);
    let second = process(&mut build, 0x8021_0000);
    build.map(second, 0x4000_0000, 0x8020_1000, flags);
    findings(build, &[Root { service: 4, phys: first }, Root { service: 5, phys: second }], caps)
}

// attack 13 H: a page that a process can write, mapped in another that has nothing in common with it; found
#[test]
fn test_writable_frames_of_another_are_found() {
    const READ_ONLY: u64 = 0x53; // V R U A
    let memory = |service, object| Cap { kind: KIND_MEMORY, base: 0, object, ..uart(service, 1) };
    assert_one(&shared(READ_ONLY, &[]), "service 5 has 1 pages that 4 can write");
    assert_eq!(shared(DATA_LEAF, &[]).len(), 2);
    assert_one(&shared(READ_ONLY, &[memory(4, 1), memory(5, 2)]), "both hold objects of 0");
    assert_one(
        &shared(READ_ONLY, &[Cap { len: 0, ..memory(4, 1) }, memory(5, 1)]),
        "service 5 has 1",
    );
    assert_eq!(shared(DATA_LEAF, &[memory(4, 1), memory(5, 1)]), Vec::<String>::new());
}

/// Two pages of another, where both hold an object of one page.
#[test]
fn test_no_more_is_shared_than_what_both_hold() {
    let mut build = Build::new();
    let first = process(&mut build, 0x8020_0000);
    let second = process(&mut build, 0x8021_0000);
    build.map(first, 0x4100_0000, 0x8020_2000, DATA_LEAF);
    for (va, pa) in [(0x4000_0000, 0x8020_1000), (0x4000_1000, 0x8020_2000)] {
        build.map(second, va, pa, DATA_LEAF);
    }
    let memory = |service| Cap { kind: KIND_MEMORY, base: 0, object: 1, ..uart(service, 1) };
    let roots = [Root { service: 4, phys: first }, Root { service: 5, phys: second }];
    let found = findings(build, &roots, &[memory(4), memory(5)]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|one| one.contains("2 pages that")), "{found:?}");
    assert!(found.iter().all(|one| one.contains("both hold objects of 1")), "{found:?}");
}

#[test]
fn test_addresses_are_hexadecimal() {
    assert_eq!(super::parse_address("0x80000000"), Ok(0x8000_0000));
    assert_eq!(super::parse_address("10"), Ok(0x10));
    assert!(super::parse_address("0xg").is_err());
}

#[test]
fn test_what_nobody_can_write_may_be_shared() {
    let mut build = Build::new();
    let first = process(&mut build, 0x8020_0000);
    let second = process(&mut build, 0x8021_0000);
    build.map(second, 0x4000_0000, 0x8020_0000, TEXT_LEAF);
    let roots = [Root { service: 4, phys: first }, Root { service: 5, phys: second }];
    assert_eq!(findings(build, &roots, &[]), Vec::<String>::new());
}

// attack 5 H: a kernel half that differs or is open to user mode, in a memory image; found
#[test]
fn test_kernel_half_rules() {
    let mut build = Build::new();
    let first = process(&mut build, 0x8020_0000);
    let second = process(&mut build, 0x8021_0000);
    build.map(second, 0xffff_ffff_8030_0000, UART, 0xe7);
    let roots = [Root { service: 4, phys: first }, Root { service: 5, phys: second }];
    let found = findings(build, &roots, &[uart(4, 0)]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("the kernel maps window"));
    assert!(found[1].contains("kernel half of service 5 differs"));
}

/// Place 3 of the device pages in the kernel half.
const PLACE: u64 = 0xffff_ffff_c000_3000;
const KERNEL_DATA: u64 = 0xe7; // V R W G A D

/// What is found of an owner of the UART with a mask in place 3, when the kernel half has `pa` at `va`,
/// and the owner, if it has any, a page with these flags.
fn masked(va: u64, pa: u64, flags: u64, own: Option<u64>) -> Vec<String> {
    let mut build = Build::new();
    let phys = process(&mut build, 0x8020_0000);
    build.map(phys, va, pa, flags);
    if let Some(flags) = own {
        build.map(phys, 0x10_0000_0000, UART, flags);
    }
    let cap = Cap { registers: Some(1), object: 3, ..uart(4, own.iter().count() as u64) };
    findings(build, &[Root { service: 4, phys }], &[cap])
}

// attack 97 H: a device page in the kernel half that no mask is for, open, executable or read-only, or none for a mask; a writable mapping beside it; found; broken: witness-device-page
#[test]
fn test_device_pages_of_the_kernel_are_those_of_masks() {
    assert_eq!(masked(PLACE, UART, KERNEL_DATA, Some(0xd3)), Vec::<String>::new());
    assert_one(&masked(PLACE, UART, KERNEL_DATA, Some(DEVICE_LEAF)), "a window with a mask");
    assert_one(&masked(PLACE, UART, KERNEL_DATA | 1 << 4, None), "user page in the kernel half");
    for flags in [4, 0x20, 0x40, 0x80].map(|bit| KERNEL_DATA & !bit) {
        assert_one(&masked(PLACE, UART, flags, None), "is not 4 KiB to read and write");
    }
    let found = masked(PLACE, UART, KERNEL_DATA | 8, None);
    assert!(found.iter().any(|one| one.contains("is not 4 KiB to read and write")), "{found:#?}");
    // In another place, or of another page.
    for (va, pa) in [(PLACE + 4096, UART), (PLACE - 4096, UART), (PLACE, UART + 4096)] {
        let found = masked(va, pa, KERNEL_DATA, None);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("of no window with a mask"), "{found:#?}");
        assert!(found[1].contains("does not map window 0x10000000"), "{found:#?}");
    }
    // Elsewhere in the kernel half it is the window of a service still.
    let found = masked(0xffff_ffff_c020_3000, UART, KERNEL_DATA, None);
    assert!(found[0].contains("the kernel maps window"), "{found:#?}");
}

// attack 13 H: kernel code writable by another address; found
#[test]
fn test_kernel_code_is_not_writable_elsewhere() {
    let mut build = Build::new();
    let phys = process(&mut build, 0x8020_0000);
    build.map(phys, 0xffff_ffc0_0000_0000, BASE, 0xe7);
    let found = findings(build, &[Root { service: 4, phys }], &[]);
    assert_one(&found, "is writable elsewhere: 0xffffffc000000000 -> 0x80000000");
}

/// Pages beside the code, and the code for reading elsewhere, are no other way to write it.
#[test]
fn test_what_is_beside_kernel_code_is_not_the_code() {
    const CODE: u64 = BASE + 0x4000;
    const KERNEL_READ: u64 = 0x63; // V R G A
    let mut build = Build::new();
    let phys = process(&mut build, 0x8020_0000);
    build.map(phys, 0xffff_ffff_8020_4000, CODE, KERNEL_TEXT);
    for (page, pa, flags) in
        [(0, CODE - 4096, KERNEL_DATA), (1, CODE + 4096, KERNEL_DATA), (2, CODE, KERNEL_READ)]
    {
        build.map(phys, 0xffff_ffc0_0000_0000 + page * 4096, pa, flags);
    }
    assert_eq!(findings(build, &[Root { service: 4, phys }], &[]), Vec::<String>::new());
}

#[test]
fn test_what_differs_between_kernel_halves_is_named() {
    let mut build = Build::new();
    let first = process(&mut build, 0x8020_0000);
    let second = process(&mut build, 0x8021_0000);
    build.map(first, 0xffff_ffff_8030_0000, BASE, KERNEL_TEXT);
    build.map(second, 0xffff_ffff_8031_0000, BASE, KERNEL_TEXT);
    let roots = [Root { service: 4, phys: first }, Root { service: 5, phys: second }];
    assert_one(
        &findings(build, &roots, &[]),
        "only here 0xffffffff80310000 -> 0x80000000 (4 KiB r-x-g), only there 0xffffffff80300000",
    );
}

#[test]
fn test_a_page_that_can_only_be_executed_is_shown_so() {
    let mut build = Build::new();
    let root = build.page();
    build.map(root, 0x10_0000, 0x8020_0000, TEXT_LEAF & !0x2);
    let shown = walk(&build.ram(), root).leaves[0].to_string();
    assert_eq!(shown, "0x100000 -> 0x80200000 (4 KiB --xu-)");
}

#[test]
fn test_ram_is_from_its_base_to_its_end() {
    let ram = Ram::new(BASE, vec![1; 16]);
    assert_eq!((ram.base(), ram.end()), (BASE, BASE + 16));
    assert!(ram.contains(BASE, 16) && ram.contains(BASE + 16, 0) && !ram.contains(BASE + 9, 8));
    assert!(!ram.contains(BASE - 1, 2) && !ram.contains(u64::MAX, 2));
    let ones = 0x0101_0101_0101_0101;
    let words = [BASE - 1, BASE, BASE + 8, BASE + 9].map(|at| ram.word(at));
    assert_eq!(words, [None, Some(ones), Some(ones), None]);
}

#[test]
fn test_user_page_in_kernel_half() {
    let mut build = Build::new();
    let phys = process(&mut build, 0x8020_0000);
    build.map(phys, 0xffff_ffff_8030_0000, 0x8022_0000, DATA_LEAF);
    assert_one(&findings(build, &[Root { service: 4, phys }], &[]), "user page in the kernel half");
}

// attack 14 H: W without R, reserved bits, a pointer at the last level; found
#[test]
fn test_reserved_encodings_are_errors() {
    for (pte, what) in [
        (UART >> 12 << 10 | 0xd5, "reserved encoding"), // W without R
        (UART >> 12 << 10 | 0xd7 | 1 << 63, "reserved encoding"),
        (UART >> 12 << 10 | 0x01, "below the last level"),
    ] {
        let mut build = Build::new();
        let root = build.page();
        let middle = build.below(root, 1);
        let last = build.below(middle, 1);
        build.set(last, 1, pte);
        let errors = walk(&build.ram(), root).errors;
        assert!(errors.iter().any(|error| error.contains(what)), "{errors:?}");
    }
}

// attack 24 H: a page table outside RAM; found
#[test]
fn test_tables_outside_ram_and_large_pages() {
    let mut build = Build::new();
    let root = build.page();
    build.set(root, 0, 0x1000_0000 >> 12 << 10 | 1);
    build.set(root, 1, 0x8000_1000 >> 12 << 10 | DATA_LEAF);
    let space = walk(&build.ram(), root);
    assert_eq!(space.errors.len(), 2, "{:?}", space.errors);
    assert!(space.errors[0].contains("not in RAM"));
    assert!(space.errors[1].contains("not aligned"));
}

#[test]
fn test_unaligned_root() {
    assert_eq!(walk(&Build::new().ram(), ROOT + 8).errors.len(), 1);
}
