//! What happens between trap entry and trap exit: the kernel logic, then the choice of who runs.

use neuron_core::object::thread::TrapFrame;
use neuron_core::{Platform, Run, Way};
use nexus_abi::EndReason;

use super::console::say;
use super::lock::{Guard, Lock};
use super::paging::enter_space;
use super::watch::{self, Base, TheKernel};
use super::{csr, panic};

/// The kernel, once it is built. No trap comes from user mode before.
static KERNEL: Lock<TheKernel> = Lock::empty();

const TIMER_INTERRUPT: u64 = 1 << 63 | 5;
const EXTERNAL_INTERRUPT: u64 = 1 << 63 | 9;

/// Makes `kernel` the one that traps use, and gives the frame of the first thread to run.
pub(super) fn install(kernel: TheKernel) -> *mut TrapFrame {
    leave(KERNEL.fill(kernel))
}

/// `null` by the current thread. Returns, as the other ways in do, the frame of the thread that
/// runs next.
pub(super) extern "C" fn null() -> *mut TrapFrame {
    fast(TheKernel::fast_null)
}

/// `call`.
pub(super) extern "C" fn call() -> *mut TrapFrame {
    fast(TheKernel::fast_call)
}

/// `reply_recv`.
pub(super) extern "C" fn reply_recv() -> *mut TrapFrame {
    by(KERNEL.lock(), TheKernel::fast_reply_recv, TheKernel::fast_next, the_long_way)
}

/// `signal`.
pub(super) extern "C" fn signal() -> *mut TrapFrame {
    by(KERNEL.lock(), TheKernel::fast_signal, TheKernel::fast_bound, the_long_way)
}

/// `mmio_write`.
pub(super) extern "C" fn mmio_write() -> *mut TrapFrame {
    fast(TheKernel::fast_mmio_write)
}

/// `irq_ack`.
pub(super) extern "C" fn irq_ack() -> *mut TrapFrame {
    fast(TheKernel::fast_irq_ack)
}

/// Any other system call.
pub(super) extern "C" fn syscall() -> *mut TrapFrame {
    let mut kernel = KERNEL.lock();
    let turn = watch::before(&mut kernel);
    let run = kernel.syscall();
    watch::after(&mut kernel, turn);
    match run {
        Some(run) => resume(&kernel.platform, run),
        None => leave(kernel),
    }
}

/// A system call by its fast path, if that applies.
fn fast(path: impl FnOnce(&mut TheKernel) -> Option<Run>) -> *mut TrapFrame {
    by(KERNEL.lock(), |kernel| path(kernel).map(Way::Done), |_, ()| None, the_long_way)
}

/// What was begun, by its fast path or the long way.
#[inline(always)]
fn by<T>(
    mut kernel: Guard<'static, TheKernel>,
    path: impl FnOnce(&mut TheKernel) -> Option<Way<T>>,
    on: impl FnOnce(&mut TheKernel, T) -> Option<Run>,
    long: impl FnOnce(Guard<'static, TheKernel>) -> *mut TrapFrame,
) -> *mut TrapFrame {
    let turn = watch::before(&mut kernel);
    match path(&mut kernel) {
        Some(Way::Done(run)) => {
            watch::after(&mut kernel, turn);
            resume(&kernel.platform, run)
        }
        Some(Way::On(rest)) => second(kernel, rest, on, long),
        None => long(kernel),
    }
}

/// The second part of a fast path. Only what calls no other function saves no registers.
#[inline(never)]
fn second<T>(
    mut kernel: Guard<'static, TheKernel>,
    rest: T,
    on: impl FnOnce(&mut TheKernel, T) -> Option<Run>,
    long: impl FnOnce(Guard<'static, TheKernel>) -> *mut TrapFrame,
) -> *mut TrapFrame {
    let turn = watch::before(&mut kernel);
    match on(&mut kernel, rest) {
        Some(run) => {
            watch::after(&mut kernel, turn);
            resume(&kernel.platform, run)
        }
        None => long(kernel),
    }
}

/// A system call that its fast path leaves alone.
#[cold]
#[inline(never)]
fn the_long_way(kernel: Guard<'_, TheKernel>) -> *mut TrapFrame {
    drop(kernel);
    syscall()
}

/// Selects the address space of the thread that runs next, and gives its frame.
#[inline(always)]
fn resume(base: &Base, run: Run) -> *mut TrapFrame {
    if csr::current_satp() != run.satp {
        enter_space(run.satp, watch::machine(base).must_flush());
    }
    run.frame
}

/// An interrupt from user mode.
pub(super) extern "C" fn interrupt() -> *mut TrapFrame {
    if csr::scause() != EXTERNAL_INTERRUPT {
        return other();
    }
    let mut kernel = KERNEL.lock();
    let line = kernel.platform.claim();
    let path = |kernel: &mut TheKernel| kernel.fast_line(line);
    by(kernel, path, TheKernel::fast_bound_line, |kernel| claimed(kernel, line))
}

/// The interrupt of a line that was claimed, and that its fast path leaves alone.
#[cold]
#[inline(never)]
fn claimed(mut kernel: Guard<'_, TheKernel>, line: u32) -> *mut TrapFrame {
    let turn = watch::before(&mut kernel);
    kernel.claimed(line);
    watch::after(&mut kernel, turn);
    leave(kernel)
}

/// Any other trap from user mode.
pub(super) extern "C" fn other() -> *mut TrapFrame {
    let cause = csr::scause();
    let mut kernel = KERNEL.lock();
    let turn = watch::before(&mut kernel);
    match cause {
        TIMER_INTERRUPT => kernel.timer(),
        _ => kernel.fault(cause, csr::stval()),
    }
    watch::after(&mut kernel, turn);
    leave(kernel)
}

/// Goes on with the current thread, or with another when there is none.
#[inline(always)]
fn leave(mut kernel: Guard<'_, TheKernel>) -> *mut TrapFrame {
    match kernel.current().map(|(frame, satp)| Run { frame, satp }) {
        Some(run) => resume(&kernel.platform, run),
        None => choose(kernel),
    }
}

/// Finds a thread to run, and sleeps until there is one.
#[cold]
#[inline(never)]
fn choose(mut kernel: Guard<'_, TheKernel>) -> *mut TrapFrame {
    loop {
        if let Some(reason) = kernel.init_ended() {
            init_ended(reason);
        }
        let turn = watch::before(&mut kernel);
        let found = kernel.schedule();
        watch::after(&mut kernel, turn);
        if found {
            return leave(kernel);
        }
        if csr::timer_pending() {
            kernel.timer();
        } else if csr::external_pending() {
            kernel.external();
        } else {
            drop(kernel);
            csr::wait_for_interrupt();
            kernel = KERNEL.lock();
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
