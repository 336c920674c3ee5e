//! Where a process begins and ends.
#![allow(unsafe_code, reason = "reads the startup page")]

#[cfg(not(target_os = "none"))]
use nexus_abi::Startup;

/// Exit codes of the runtime itself. A program's own are smaller.
pub mod exit {
    /// The program panicked.
    pub const PANIC: u64 = 0xdead_0001;
    /// The startup block is not one.
    pub const NO_STARTUP: u64 = 0xdead_0002;
    /// `main` returned an error.
    pub const FAILED: u64 = 1;
}

/// Declares the program's main function: no arguments; returns nothing, or a `Result` whose error
/// is logged. On a host target the program does nothing.
#[macro_export]
macro_rules! entry {
    (main) => {
        $crate::entry!(@target main);
    };
    ($main:ident) => {
        $crate::entry!(@target $main);
        #[cfg(not(target_os = "none"))]
        fn main() {
            let _ = $main;
        }
    };
    (@target $main:ident) => {
        #[cfg(target_os = "none")]
        #[unsafe(no_mangle)]
        extern "C" fn _start(startup: usize) -> ! {
            $crate::entry::start(startup, || $crate::entry::End::end($main()))
        }
    };
}

/// What a main function returns.
pub trait End {
    /// The exit code.
    fn end(self) -> u64;
}

impl End for () {
    fn end(self) -> u64 {
        0
    }
}

impl End for core::convert::Infallible {
    fn end(self) -> u64 {
        match self {}
    }
}

impl<T: End, E: core::fmt::Debug> End for Result<T, E> {
    fn end(self) -> u64 {
        match self {
            Ok(value) => value.end(),
            Err(error) => {
                crate::error!("ends: {error:?}");
                exit::FAILED
            }
        }
    }
}

#[cfg(target_os = "none")]
mod target {
    use nexus_abi::{Handle, STARTUP_MAGIC, STARTUP_VA, Startup};

    use super::exit;
    use crate::sys;

    const BLOCK: usize = STARTUP_VA as usize;

    /// Runs the program. For `entry!`, with the argument of the first thread.
    pub fn start(startup: usize, main: impl FnOnce() -> u64) -> ! {
        if startup != BLOCK || block().magic != STARTUP_MAGIC {
            end(exit::NO_STARTUP);
        }
        end(main())
    }

    /// The startup block.
    pub(crate) fn block() -> &'static Startup {
        let block = core::ptr::with_exposed_provenance(BLOCK);
        // SAFETY: (1) every process begins with a readable page at this address, which stays until
        // it ends. (2) The page is never writable, so that nobody changes it. (3) Any bytes make a
        // valid `Startup`, which is one page long.
        unsafe { &*block }
    }

    /// Ends the process.
    pub fn end(code: u64) -> ! {
        loop {
            // Returns only if the kernel refuses, which it has no reason to.
            let _ = sys::process_end(Handle::NONE, code);
        }
    }
}

#[cfg(target_os = "none")]
pub(crate) use target::block;
#[cfg(target_os = "none")]
pub use target::{end, start};

/// The startup block of a host process: empty, with QEMU's time base.
#[cfg(not(target_os = "none"))]
pub(crate) fn block() -> &'static Startup {
    static BLOCK: std::sync::OnceLock<Startup> = std::sync::OnceLock::new();
    BLOCK.get_or_init(|| Startup::new(0, 0, 10_000_000, 0))
}

/// Ends the process.
#[cfg(not(target_os = "none"))]
pub fn end(code: u64) -> ! {
    std::process::exit(i32::try_from(code).unwrap_or(1))
}
