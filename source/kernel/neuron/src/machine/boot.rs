//! From the firmware's jump to Rust in the high half.
//!
//! OpenSBI enters `_start` in S-mode with translation off: `a0` = hart, `a1` = physical address of
//! the device tree. The boot page table maps the gigabyte that holds the kernel where it is (for the
//! instruction after `satp` is written) and as the kernel image, and in the direct map all that the
//! final one can have: the device tree may be anywhere. The final map (`map`) has RAM there and
//! nothing else, no gigabyte where it is, and nothing writable and executable.

use core::arch::global_asm;

use neuron::layout::{DIRECT, DIRECT_END, IMAGE, PAGE};
use neuron::range::Range;

/// The physical memory that the boot page table reaches, through the direct map.
pub(super) const REACH: Range = Range { start: 0, end: DIRECT_END };

/// Gigabytes in the direct map.
const GIGABYTES: u64 = DIRECT_END >> 30;

/// The page-table entry of the gigabyte that the kernel is loaded in.
const GIGABYTE: u64 = (0x8000_0000 >> 12) << 10;

/// Says on the firmware's console that this hart is not one that the kernel can run on.
const REFUSAL: &str = "neuron: this hart cannot run the kernel, which needs rv64imac and Sv39\r\n";

global_asm!(
    ".section .text.boot, \"ax\"",
    ".global _start",
    "_start:",
    // Interrupts off. Until the vector is set, a trap means that the hart lacks something.
    "csrw   sie, zero",
    "lla    t0, cannot_run",
    "csrw   stvec, t0",
    "lla    t0, __bss_start",
    "lla    t1, __bss_end",
    "1:",
    "bgeu   t0, t1, 2f",
    "sd     zero, 0(t0)",
    "addi   t0, t0, 8",
    "j      1b",
    "2:",
    // Sv39, address space 0, boot table.
    "lla    t0, boot_table",
    "srli   t0, t0, 12",
    "li     t1, 8 << 60",
    "or     t0, t0, t1",
    "sfence.vma",
    "csrw   satp, t0",
    "sfence.vma",
    "csrr   t1, satp",
    "bne    t0, t1, cannot_run",
    // To the address that the image is linked at.
    "li     t1, {image}",
    "lla    t0, 3f",
    "add    t0, t0, t1",
    "jr     t0",
    "3:",
    "lla    t0, trap_entry",
    "csrw   stvec, t0",
    "lla    sp, __stack_top",
    "li     s0, 0",
    "call   {start}",
    //
    // Translation is off, or where it is has not changed. By the firmware's debug console, or
    // its older one byte by byte; then the firmware ends the machine.
    ".balign 4",
    "cannot_run:",
    "lla    t0, halt_forever",
    "csrw   stvec, t0",
    "lla    s1, refusal",
    "li     a7, 0x10",
    "li     a6, 3",
    "li     a0, 0x4442434e",
    "ecall",
    "beqz   a1, 1f",
    "li     a7, 0x4442434e",
    "li     a6, 0",
    "li     a0, {refusal_len}",
    "mv     a1, s1",
    "li     a2, 0",
    "ecall",
    "j      2f",
    "1:",
    "lbu    a0, 0(s1)",
    "beqz   a0, 2f",
    "li     a7, 1",
    "ecall",
    "addi   s1, s1, 1",
    "j      1b",
    "2:",
    "li     a7, 0x53525354",
    "li     a6, 0",
    "li     a0, 0",
    "li     a1, 1",
    "ecall",
    ".balign 4",
    ".global halt_forever",
    "halt_forever:",
    "wfi",
    "j      halt_forever",
    // V R W X A D and V R W A D; not global, so that the final map's fence drops them.
    ".section .data.boot_table, \"aw\"",
    ".balign 4096",
    "boot_table:",
    ".zero  8 * 2",
    ".dword {gigabyte} | 0xcf",
    ".zero  8 * (256 - 3)",
    ".set   number, 0",
    ".rept  {gigabytes}",
    ".dword (number << 28) | 0xc7",
    ".set   number, number + 1",
    ".endr",
    ".zero  8 * (510 - 256 - {gigabytes})",
    ".dword {gigabyte} | 0xcf",
    ".zero  8",
    start = sym super::start::start,
    image = const IMAGE,
    gigabyte = const GIGABYTE,
    gigabytes = const GIGABYTES,
    refusal_len = const REFUSAL.len(),
);

/// With the zero that ends it.
#[unsafe(export_name = "refusal")]
static REFUSAL_BYTES: [u8; REFUSAL.len() + 1] = {
    let mut bytes = [0; REFUSAL.len() + 1];
    bytes.split_at_mut(REFUSAL.len()).0.copy_from_slice(REFUSAL.as_bytes());
    bytes
};

const _: () = assert!((DIRECT >> 30) & 511 == 256 && GIGABYTES < 510 - 256);
const _: () = assert!(((IMAGE + 0x8000_0000) >> 30) & 511 == 510);

unsafe extern "C" {
    static __image_start: u8;
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __data_end: u8;
    static __stack_bottom: u8;
    static __stack_top: u8;
    static __emergency_bottom: u8;
    static __emergency_top: u8;
    static __image_end: u8;
}

/// Parts of the kernel image, at the addresses they are linked at.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// All of it, guard pages included.
    Image,
    /// Code.
    Text,
    /// Constants.
    Rodata,
    /// Data and bss.
    Data,
    /// The stack of the hart. The page below it is not mapped.
    Stack,
    /// The stack for kernel panics that a trap starts. The page below it is not mapped.
    EmergencyStack,
}

impl Part {
    /// Virtual addresses, whole pages.
    pub(super) fn virt(self) -> Range {
        let (start, end) = match self {
            Part::Image => (&raw const __image_start, &raw const __image_end),
            Part::Text => (&raw const __text_start, &raw const __text_end),
            Part::Rodata => (&raw const __rodata_start, &raw const __rodata_end),
            Part::Data => (&raw const __data_start, &raw const __data_end),
            Part::Stack => (&raw const __stack_bottom, &raw const __stack_top),
            Part::EmergencyStack => (&raw const __emergency_bottom, &raw const __emergency_top),
        };
        Range { start: start.addr() as u64, end: end.addr() as u64 }
    }

    /// Physical addresses, whole pages.
    pub(super) fn phys(self) -> Range {
        let Range { start, end } = self.virt();
        Range { start: start - IMAGE, end: end - IMAGE }
    }
}

const _: () = assert!(PAGE == 4096);
