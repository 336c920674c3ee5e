//! Trap entry and exit.
//!
//! # Register atlas
//! Interrupts are off from the trap to `sret`: hardware clears SIE, the kernel never sets it.
//!
//! In user mode `sscratch` holds the address of the thread's `TrapFrame` (`regs[0]` the program
//! counter, `regs[n]` = `xn`), in the kernel as well; there is always one, if only [`IDLE`].
//!
//! | at | live in | clobbered |
//! |---|---|---|
//! | `trap_entry` | all user registers | `sp` -> frame, user `sp` in `sscratch` |
//! | after the stores | `gp`, `tp`, `s0`-`s11` of the user, still in their registers | `ra`, `t0`-`t6`, `a0`-`a7`: in the frame |
//! | handler | `a7` number of the call, `sp` the hart's stack | what the C ABI lets it; it keeps `gp`, `tp`, `s0`-`s11` |
//! | `trap_exit` | `a0` frame of the thread that runs next | - |
//! | `switch` | as `trap_exit`, `a1` the old frame | `gp`, `tp`, `s0`-`s11` go to the old frame and come from the new |
//!
//! So a call that returns to its caller moves 18 registers each way, and only a change of threads
//! moves the other 14. The kernel is compiled without uses of `gp` and `tp`.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;

use neuron_core::object::thread::TrapFrame;
use nexus_abi::{
    SYSCALL_CALL, SYSCALL_IRQ_ACK, SYSCALL_MMIO_WRITE, SYSCALL_NULL, SYSCALL_REPLY_RECV,
    SYSCALL_SIGNAL,
};

use super::watch::TheKernel;
use super::{csr, entry, panic};

global_asm!(
    // Register `xn` is at `8 * n` of a frame. `sp` and `a0` (x2, x10) are moved by hand.
    ".macro on_caller_saved op, base",
    ".irp   n, 1, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31",
    "\\op   x\\n, 8 * \\n(\\base)",
    ".endr",
    ".endm",
    ".macro on_callee_saved op, base",
    ".irp   n, 3, 4, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27",
    "\\op   x\\n, 8 * \\n(\\base)",
    ".endr",
    ".endm",
    //
    ".section .text.trap, \"ax\"",
    ".balign 4",
    ".global trap_entry",
    "trap_entry:",
    "csrrw  sp, sscratch, sp",
    "on_caller_saved sd, sp",
    "sd     a0, 80(sp)",
    "csrr   t0, sepc",
    "csrr   t1, scause",
    "csrrw  t2, sscratch, sp",
    "sd     t2, 16(sp)",
    "li     t2, 8",
    "bne    t1, t2, 1f",
    // A system call. The thread goes on after the `ecall`.
    "addi   t0, t0, 4",
    "sd     t0, 0(sp)",
    "lla    sp, __stack_top",
    "beqz   a7, 4f",
    "li     t2, {call_number}",
    "beq    a7, t2, 5f",
    "li     t2, {reply_recv_number}",
    "beq    a7, t2, 6f",
    "li     t2, {signal_number}",
    "beq    a7, t2, 7f",
    "li     t2, {mmio_write_number}",
    "beq    a7, t2, 8f",
    "li     t2, {irq_ack_number}",
    "beq    a7, t2, 9f",
    "jal    {syscall}",
    //
    "trap_exit:",
    "csrr   a1, sscratch",
    "bne    a0, a1, switch",
    "2:",
    "ld     t0, 0(a0)",
    "csrw   sepc, t0",
    "on_caller_saved ld, a0",
    "ld     sp, 16(a0)",
    "ld     a0, 80(a0)",
    "sret",
    //
    "switch:",
    "on_callee_saved sd, a1",
    ".global trap_enter",
    "trap_enter:",
    "csrw   sscratch, a0",
    "on_callee_saved ld, a0",
    // Ends a reservation that the old thread may hold, so that the new one cannot complete it.
    "ld     t0, 0(a0)",
    "sc.d   zero, t0, 0(a0)",
    "j      2b",
    //
    // The calls that have a way of their own. After most, another thread runs.
    "4:",
    "jal    {null}",
    "j      trap_exit",
    "5:",
    "jal    {call}",
    "csrr   a1, sscratch",
    "bne    a0, a1, switch",
    "j      2b",
    "6:",
    "jal    {reply_recv}",
    "csrr   a1, sscratch",
    "bne    a0, a1, switch",
    "j      2b",
    "7:",
    "jal    {signal}",
    "j      trap_exit",
    "8:",
    "jal    {mmio_write}",
    "j      trap_exit",
    "9:",
    "jal    {irq_ack}",
    "j      trap_exit",
    //
    // Anything but a system call: a fault, an interrupt, or a mistake of the kernel itself.
    "1:",
    "sd     t0, 0(sp)",
    "mv     a0, sp",
    "lla    sp, __stack_top",
    "csrr   t2, sstatus",
    "andi   t2, t2, 0x100",
    "bnez   t2, 3f",
    "bltz   t1, 10f",
    "jal    {other}",
    "j      trap_exit",
    "10:",
    "jal    {interrupt}",
    "j      trap_exit",
    //
    // From kernel mode. The frame has the kernel's registers now; its stack cannot be trusted.
    "3:",
    "on_callee_saved sd, a0",
    "lla    sp, __emergency_top",
    "jal    {kernel}",
    call_number = const SYSCALL_CALL,
    reply_recv_number = const SYSCALL_REPLY_RECV,
    signal_number = const SYSCALL_SIGNAL,
    mmio_write_number = const SYSCALL_MMIO_WRITE,
    irq_ack_number = const SYSCALL_IRQ_ACK,
    null = sym entry::null,
    call = sym entry::call,
    reply_recv = sym entry::reply_recv,
    signal = sym entry::signal,
    mmio_write = sym entry::mmio_write,
    irq_ack = sym entry::irq_ack,
    syscall = sym entry::syscall,
    other = sym entry::other,
    interrupt = sym entry::interrupt,
    kernel = sym kernel_trap,
);

const _: () = assert!(SYSCALL_NULL == 0);

unsafe extern "C" {
    fn trap_enter(frame: *const TrapFrame) -> !;
}

/// A frame that belongs to no thread: where registers go when a hart has nothing to run.
#[repr(transparent)]
struct IdleFrame(UnsafeCell<TrapFrame>);

// SAFETY: (1) only trap entry and exit access it, of the one hart that it belongs to.
unsafe impl Sync for IdleFrame {}

static IDLE: IdleFrame = IdleFrame(UnsafeCell::new(TrapFrame { regs: [0; 32] }));

/// Makes the idle frame the current one, so that a trap has somewhere to store registers.
pub(super) fn init() {
    // SAFETY: (1) trap entry stores through `sscratch`; the idle frame is there for that.
    unsafe { asm!("csrw sscratch, {}", in(reg) IDLE.0.get(), options(nostack)) };
}

/// Runs `kernel` from now on. The rest of the boot stack is given up.
pub(super) fn run(kernel: TheKernel) -> ! {
    let frame = entry::install(kernel);
    // SAFETY: (1) `install` gives the frame of a live thread, and has selected its address space.
    unsafe { trap_enter(frame) }
}

/// A trap in the kernel itself: a mistake. On the emergency stack.
extern "C" fn kernel_trap(frame: &TrapFrame) -> ! {
    panic::from_trap(frame, csr::scause(), csr::stval())
}
