//! Control registers and fences, each as a small function.

use core::arch::asm;

use riscv::register;

/// All of `sstatus` whenever user mode runs: 64-bit user mode, and else nothing. Clear are, among
/// others, the interrupt enable of the kernel, big-endian user mode, the previous privilege, floating
/// point and vector state, SUM and MXR.
const SSTATUS: u64 = 2 << 32;

/// `scounteren`: user mode may read `time`, and in a kernel for the benchmark `instret`.
const USER_COUNTERS: u64 = if cfg!(feature = "instret") { 0b110 } else { 0b010 };

/// Sv39 in the mode field of `satp`.
const SV39: u64 = 8 << 60;

/// The root table's page number in `satp`.
pub(super) const ROOT: u64 = (1 << 44) - 1;

/// Sets the registers that never change again: none is left as firmware or reset had it.
pub(super) fn init() {
    // What extensions give user mode, all of it closed: cache operations, pointer masks, shadow
    // stacks (`senvcfg`); the memory of guests (`hstatus`: HU, SPV); state that is not saved when
    // threads change (`sstateen0` to `3`).
    write_if_there::<0x10a>(0);
    write_if_there::<0x600>(0);
    write_if_there::<0x10c>(0);
    write_if_there::<0x10d>(0);
    write_if_there::<0x10e>(0);
    write_if_there::<0x10f>(0);
    // SAFETY: (1) `sstatus`: kernel code uses neither interrupts, user memory, floating point nor
    // vectors, so that clearing their bits takes nothing from it. (2) `scounteren` changes user
    // mode only. (3) `sie`: interrupts stay off in the kernel, because SIE is clear; in user mode
    // the timer leads to the trap vector, which is set.
    unsafe {
        asm!(
            "csrw sstatus, {status}",
            "csrw scounteren, {counters}",
            "csrw sie, {timer}",
            status = in(reg) SSTATUS,
            counters = in(reg) USER_COUNTERS,
            timer = in(reg) 1usize << 5,
            options(nomem, nostack),
        );
    }
}

/// Writes a register that a hart need not have; false when it has none. Before [`init`] is over: the
/// trap that says so leaves its marks in `sstatus`.
fn write_if_there<const REGISTER: u16>(value: u64) -> bool {
    let there: u64;
    // SAFETY: (1) the registers are those of `init` and `stimecmp`, of which none has a meaning for
    // the kernel before it is over. (2) For one that is not there the trap vector is the next
    // instruction but one, and what it was again after that. Interrupts are off.
    unsafe {
        asm!(
            "lla   {old}, 1f",
            "csrrw {old}, stvec, {old}",
            "li    {there}, 0",
            "csrw  {register}, {value}",
            "li    {there}, 1",
            ".balign 4",
            "1:",
            "csrw  stvec, {old}",
            old = out(reg) _,
            there = out(reg) there,
            value = in(reg) value,
            register = const REGISTER,
            options(nomem, nostack),
        );
    }
    there == 1
}

/// Ticks since the machine started.
pub(super) fn time() -> u64 {
    register::time::read64()
}

/// The cause of the trap being handled.
pub(super) fn scause() -> u64 {
    register::scause::read().bits() as u64
}

/// The address or instruction that the trap being handled is about.
pub(super) fn stval() -> u64 {
    register::stval::read() as u64
}

/// True when the timer interrupt waits to be taken.
pub(super) fn timer_pending() -> bool {
    register::sip::read().stimer()
}

/// True when an external interrupt waits to be taken, and is enabled.
pub(super) fn external_pending() -> bool {
    register::sip::read().sext() && register::sie::read().sext()
}

/// Lets external interrupts come. They stay off in the kernel, as all do.
pub(super) fn enable_external() {
    // SAFETY: (1) as in `init`: in user mode an external interrupt leads to the trap vector.
    unsafe { register::sie::set_sext() };
}

/// How often it is looked for an interrupt before the hart sleeps: for about as long as it takes an emulator's host to
/// wake it again.
const LOOKS: u32 = 2000;

/// Waits until an interrupt is pending: looks for it first, and then sleeps.
pub(super) fn wait_for_interrupt() {
    for _ in 0..LOOKS {
        if timer_pending() || external_pending() {
            return;
        }
    }
    riscv::asm::wfi();
}

/// True when the hart really has `stimecmp`. No timer interrupt is pending then. Before [`init`].
pub(super) fn has_stimecmp() -> bool {
    write_if_there::<0x14d>(u64::MAX)
}

/// Asks for a timer interrupt at `tick`, on a hart with Sstc.
pub(super) fn set_stimecmp(tick: u64) {
    // SAFETY: `stimecmp` (0x14d) decides only when the timer interrupt is pending.
    unsafe { asm!("csrw 0x14d, {}", in(reg) tick, options(nomem, nostack)) };
}

/// The value for `satp` that selects the root table in page `root` and address space `asid`.
pub(super) const fn satp(root: u64, asid: u16) -> u64 {
    SV39 | (asid as u64) << 44 | root
}

/// What `satp` holds.
pub(super) fn current_satp() -> u64 {
    register::satp::read().bits() as u64
}

/// Selects an address space.
///
/// # Safety
/// The upper half of its root table must be the kernel's: it maps all that the kernel uses.
pub(super) unsafe fn set_satp(satp: u64) {
    // SAFETY: the caller's promise. No `nomem`: page-table writes come before.
    unsafe { asm!("csrw satp, {}", in(reg) satp, options(nostack)) };
}

/// Bits that the ASID field of `satp` really has. Leaves ASID 0 with the current root selected.
pub(super) fn asid_bits() -> u32 {
    let current = current_satp();
    let ones = current | 0xffff << 44;
    // SAFETY: (1) the root table stays the same, so that every kernel address means the same.
    unsafe { set_satp(ones) };
    let found = current_satp();
    // SAFETY: (1) as above.
    unsafe { set_satp(current) };
    fence_all();
    ((found >> 44) & 0xffff).count_ones()
}

/// Orders page-table writes before later accesses to the page at `virt` in address space `asid`.
pub(super) fn fence_page(asid: u16, virt: u64) {
    riscv::asm::sfence_vma(usize::from(asid), virt as usize);
}

/// Orders page-table writes before all later accesses in address space `asid`.
pub(super) fn fence_space(asid: u16) {
    // SAFETY: a fence changes no memory and no mapping.
    unsafe { asm!("sfence.vma zero, {}", in(reg) usize::from(asid), options(nostack)) };
}

/// Orders page-table writes before all later accesses.
pub(super) fn fence_all() {
    riscv::asm::sfence_vma_all();
}

/// Orders stores to memory before its execution as code.
pub(super) fn fence_code() {
    riscv::asm::fence_i();
}

/// Orders stores to memory before a store to a register: a device that is told of them finds them.
pub(super) fn fence_device() {
    // SAFETY: a fence changes no memory. No `nomem`: stores of before stay before.
    unsafe { asm!("fence w, o", options(nostack)) };
}

/// Sends every later trap to `handler`.
///
/// # Safety
/// `handler` must be the address of code for that, a multiple of 4.
pub(super) unsafe fn set_trap_vector(handler: u64) {
    // SAFETY: the caller's promise.
    unsafe { asm!("csrw stvec, {}", in(reg) handler, options(nostack)) };
}
