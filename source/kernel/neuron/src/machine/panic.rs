//! The end of the kernel: what happened, how it came to that, and an exit code of its own.
//!
//! Addresses are printed as they are, one frame a line; the host tool turns them into names.

use core::arch::asm;
use core::panic::PanicInfo;

use neuron_core::object::thread::TrapFrame;
use riscv::ExceptionNumber;
use riscv::interrupt::supervisor::Exception;

use super::boot::Part;
use super::console::say;
use super::csr;

/// Exit code of the emulator when the kernel panics.
pub(super) const PANIC_CODE: u64 = 102;
/// Exit code of the emulator when init has ended.
pub(super) const INIT_ENDED_CODE: u64 = 101;

/// Most frames in a backtrace.
const MAX_FRAMES: usize = 64;

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    stop_traps();
    say!("panic: {}", info.message());
    if let Some(location) = info.location() {
        say!("at {location}");
    }
    let here: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, s0", out(reg) here, options(nomem, nostack)) };
    backtrace(0, here);
    exit(PANIC_CODE)
}

/// A trap from kernel mode.
pub(super) fn from_trap(frame: &TrapFrame, cause: u64, value: u64) -> ! {
    stop_traps();
    let [pc, ra, sp, ..] = frame.regs;
    match Exception::from_number(cause as usize) {
        Ok(exception) => say!("panic: {exception:?} in the kernel"),
        Err(_) => say!("panic: unexpected trap in the kernel"),
    }
    say!("scause {cause:#x} stval {value:#018x} sepc {pc:#018x}");
    for (row, registers) in (0..).zip(frame.regs.chunks(4)) {
        if let [a, b, c, d] = registers {
            say!("x{:<2} {a:016x} {b:016x} {c:016x} {d:016x}", row * 4);
        }
    }
    if Part::Stack.virt().start > sp && sp + 4096 >= Part::Stack.virt().start {
        say!("the kernel stack is full");
    }
    say!("#0 {pc:#018x}");
    say!("#1 {:#018x}", call_before(ra));
    backtrace(2, frame.regs[8]);
    exit(PANIC_CODE)
}

/// Ends the machine with an exit code for the emulator, or, without one, powers it off.
pub(super) fn exit(code: u64) -> ! {
    stop_traps();
    semihosting_exit(code);
    sbi_rt::system_reset(sbi_rt::Shutdown, sbi_rt::SystemFailure);
    loop {
        csr::wait_for_interrupt();
    }
}

/// A further trap halts the hart instead of starting the next panic.
fn stop_traps() {
    unsafe extern "C" {
        fn halt_forever();
    }
    // SAFETY: (1) `halt_forever` is an endless loop, aligned to 4.
    unsafe { csr::set_trap_vector(halt_forever as *const () as u64) };
}

/// Prints where the calls on the kernel stacks are, from the frame pointer `fp` up. RISC-V
/// calling convention: `fp - 8` holds the return address, `fp - 16` the caller's frame pointer.
fn backtrace(first: usize, mut fp: u64) {
    for number in first..MAX_FRAMES {
        let stacks = [Part::Stack.virt(), Part::EmergencyStack.virt()];
        let inside = stacks.iter().any(|stack| stack.start + 16 <= fp && fp <= stack.end);
        if !inside || !fp.is_multiple_of(8) {
            return;
        }
        // SAFETY: (1) the 16 bytes below `fp` are inside a kernel stack, which is always mapped,
        // and aligned to 8. (2) They may be anything: both are only printed and compared.
        let [caller, return_address] = unsafe { ((fp - 16) as *const [u64; 2]).read_volatile() };
        say!("#{number} {:#018x}", call_before(return_address));
        if caller <= fp {
            return;
        }
        fp = caller;
    }
}

/// An address inside the call that returns to `return_address`: the one that has the name and
/// line of the call. Instructions have at least two bytes.
fn call_before(return_address: u64) -> u64 {
    return_address.wrapping_sub(2)
}

/// Arm semihosting SYS_EXIT_EXTENDED, as RISC-V has it (RISC-V Semihosting 0.4). Returns only
/// when nobody listens to it, and only when the trap vector is not the halt loop.
fn semihosting_exit(code: u64) {
    const SYS_EXIT_EXTENDED: u64 = 0x20;
    const APPLICATION_EXIT: u64 = 0x20026;
    let block = [APPLICATION_EXIT, code];
    // SAFETY: (1) the debugger reads the two words of `block` and ends the machine. (2) Without a
    // debugger it is a breakpoint; the vector that is set here skips it.
    unsafe {
        asm!(
            ".option push",
            ".option norvc",
            "lla  t0, 2f",
            "csrw stvec, t0",
            "j    1f",
            ".balign 16",
            "1:",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".balign 4",
            "2:",
            "lla  t0, halt_forever",
            "csrw stvec, t0",
            ".option pop",
            in("a0") SYS_EXIT_EXTENDED,
            in("a1") block.as_ptr(),
            out("t0") _,
            lateout("a0") _,
        );
    }
}
