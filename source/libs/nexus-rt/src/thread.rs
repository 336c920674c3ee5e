//! More threads of this process.
#![allow(unsafe_code, reason = "hands a closure to the thread that it starts")]

use alloc::boxed::Box;

use nexus_abi::{Error, Handle};

use crate::{Memory, sys};

type Run = Box<dyn FnOnce() + Send>;

/// Starts a thread that runs `run` and then ends. Its stack of `stack_pages` (1 to 512), with an
/// unmapped page below, stays until the process ends. `priority` is 0 to 31, at most that of the
/// caller.
///
/// # Errors
/// As `vmo_create`, `vmo_map` and `thread_create`; then `run` has not run and never will.
pub fn spawn(
    priority: u8,
    stack_pages: u64,
    run: impl FnOnce() + Send + 'static,
) -> Result<Handle, Error> {
    let stack = Memory::new(stack_pages)?;
    let top = stack.bytes().as_ptr_range().end.expose_provenance() as u64;
    let argument = Box::into_raw(Box::new(Box::new(run) as Run));
    let entry: extern "C" fn(usize) -> ! = begin;
    let (entry, argument_word) = (entry as usize as u64, argument.expose_provenance() as u64);
    // SAFETY: (1) `begin` is made to be begun so. (2) The stack is its own, and is forgotten below.
    let started =
        unsafe { sys::thread_create(Handle::NONE, entry, top, argument_word, u64::from(priority)) };
    match started {
        Ok(_) => core::mem::forget(stack),
        // SAFETY: (1) the pointer came from `Box::into_raw` above. (2) No thread has it, since
        // none was started.
        Err(_) => drop(unsafe { Box::from_raw(argument) }),
    }
    started
}

/// The first function of a thread.
extern "C" fn begin(argument: usize) -> ! {
    let run = core::ptr::with_exposed_provenance_mut::<Run>(argument);
    // SAFETY: (1) `spawn` made the pointer with `Box::into_raw`, and passes it to one thread.
    // (2) This is the only use of it in that thread.
    let run = unsafe { Box::from_raw(run) };
    run();
    loop {
        // Returns only if the kernel refuses, which it has no reason to.
        let _ = sys::thread_exit();
    }
}
