//! The kernel's console: the firmware's. Used for the boot line, for init before the UART has an
//! owner, and for panics.

use core::fmt;

use sbi_rt::Console as Dbcn;

/// Writes to the firmware's console. Has no state, so that a panic can always use it.
pub(super) struct Console;

impl Console {
    /// Writes bytes, one by one.
    pub(super) fn write(&self, bytes: &[u8]) {
        let debug_console = sbi_rt::probe_extension(Dbcn).is_available();
        for byte in bytes {
            if debug_console {
                sbi_rt::console_write_byte(*byte);
            } else {
                #[allow(deprecated, reason = "firmware without the debug console extension")]
                sbi_rt::legacy::console_putchar(usize::from(*byte));
            }
        }
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}

/// Writes one line that begins with the kernel's name. Lines end in CR LF, because the console is
/// a raw serial line.
macro_rules! say {
    ($($arg:tt)*) => {{
        use core::fmt::Write;
        // The console never fails.
        let _ = write!($crate::machine::console::Console, "neuron: {}\r\n", format_args!($($arg)*));
    }};
}
pub(super) use say;
