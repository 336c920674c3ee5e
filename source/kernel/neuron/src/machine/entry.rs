//! What happens between trap entry and trap exit: the kernel logic, then the choice of who runs.

use neuron_core::Kernel;
use neuron_core::thread::TrapFrame;
use nexus_abi::EndReason;

use super::console::say;
use super::lock::{Guard, Lock};
use super::paging::enter_space;
use super::phys::Machine;
use super::{csr, panic};

type TheKernel = Kernel<'static, Machine>;

/// The kernel; `None` until it is built.
static KERNEL: Lock<Option<TheKernel>> = Lock::new(None);

const TIMER_INTERRUPT: u64 = 1 << 63 | 5;

/// Makes `kernel` the one that traps use, and gives the frame of the first thread to run.
pub(super) fn install(kernel: TheKernel) -> *mut TrapFrame {
    let mut slot = KERNEL.lock();
    *slot = Some(kernel);
    leave(slot)
}

/// A system call by the current thread. Returns the frame of the thread that runs next.
pub(super) extern "C" fn syscall() -> *mut TrapFrame {
    let mut slot = KERNEL.lock();
    if let Some(kernel) = slot.as_mut() {
        kernel.syscall();
    }
    leave(slot)
}

/// Any other trap from user mode.
pub(super) extern "C" fn other() -> *mut TrapFrame {
    let cause = csr::scause();
    let mut slot = KERNEL.lock();
    if let Some(kernel) = slot.as_mut() {
        if cause == TIMER_INTERRUPT {
            kernel.timer();
        } else {
            kernel.fault(cause, csr::stval());
        }
    }
    leave(slot)
}

/// Selects the address space of the thread that runs next.
#[inline(always)]
fn leave(mut slot: Guard<'_, Option<TheKernel>>) -> *mut TrapFrame {
    if let Some(kernel) = slot.as_mut()
        && let Some((frame, satp)) = kernel.current()
    {
        let frame: *mut TrapFrame = frame;
        if csr::current_satp() != satp {
            enter_space(satp, kernel.platform.must_flush());
        }
        return frame;
    }
    choose(slot)
}

/// Finds a thread to run, and sleeps until there is one.
#[cold]
#[inline(never)]
fn choose(mut slot: Guard<'_, Option<TheKernel>>) -> *mut TrapFrame {
    loop {
        let Some(kernel) = slot.as_mut() else { panic!("a trap before the kernel is built") };
        if let Some(reason) = kernel.init_ended() {
            init_ended(reason);
        }
        if kernel.schedule() {
            return leave(slot);
        }
        if csr::timer_pending() {
            kernel.timer();
        } else {
            drop(slot);
            csr::wait_for_interrupt();
            slot = KERNEL.lock();
        }
    }
}

/// The system is over.
fn init_ended(reason: EndReason) -> ! {
    match reason {
        EndReason::Exit(code) => say!("init ended: exit code {code}"),
        EndReason::Killed(code) => say!("init ended: killed with code {code}"),
        EndReason::Fault { cause, address, pc } => {
            say!("init ended: fault {cause} at address {address:#x}, pc {pc:#x}");
        }
    }
    panic::exit(panic::INIT_ENDED_CODE)
}
