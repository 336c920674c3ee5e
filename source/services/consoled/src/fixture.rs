//! A small system, and a UART, for tests.

use std::collections::VecDeque;

use nexus_mmio::fake::Device;
use nexus_sysdesc::testing::{service, system};
use nexus_sysdesc::{Description, Permission, Profile};

/// init (1), rngd (7), nsh (10, the shell), tests (11, which report).
pub(crate) fn description() -> Description {
    let services = vec![
        service(1, "init", &[]),
        service(7, "rngd", &[]),
        service(10, "nsh", &[Permission::View, Permission::Log, Permission::Ask]),
        service(11, "tests", &[Permission::Report]),
    ];
    system(Profile::Test, services)
}

/// Looks at the line status for which a byte is on its way.
const LOOKS: u8 = 3;

/// A UART as far as the driver can tell.
#[derive(Default)]
pub(crate) struct UartModel {
    pub(crate) received: VecDeque<u8>,
    pub(crate) broken: bool,
    /// Bytes were lost before the next look at the line status.
    pub(crate) overrun: bool,
    pub(crate) sent: Vec<u8>,
    /// Looks at the line status until the last byte has left; a new line setting spoils it before.
    pub(crate) leaving: u8,
    pub(crate) spoiled: bool,
    pub(crate) scratch: u8,
    pub(crate) lcr: u8,
    pub(crate) divisor: [u8; 2],
    pub(crate) fcr: u8,
    pub(crate) ier: u8,
    /// The transmitter never gets ready after this many bytes.
    pub(crate) sticks_after: Option<usize>,
    pub(crate) no_fifo: bool,
    /// The scratch register reads as this.
    pub(crate) absent: Option<u8>,
}

impl Device for UartModel {
    fn read(&mut self, offset: usize, _: usize) -> u32 {
        let stuck = self.sticks_after.is_some_and(|count| self.sent.len() >= count);
        u32::from(match offset {
            0 => self.received.pop_front().unwrap_or(0),
            2 if self.fcr & 1 != 0 && !self.no_fifo => 0xc1,
            2 => 0x01,
            5 => {
                let received = if self.received.is_empty() { 0 } else { 0x01 };
                let broken = if self.broken { 0x08 } else { 0 };
                let idle = if self.leaving == 0 { 0x40 } else { 0 };
                self.leaving = self.leaving.saturating_sub(1);
                let overrun = if core::mem::take(&mut self.overrun) { 0x02 } else { 0 };
                received | overrun | broken | if stuck { 0 } else { 0x20 | idle }
            }
            7 => self.absent.unwrap_or(self.scratch),
            _ => 0,
        })
    }

    fn write(&mut self, offset: usize, _: usize, value: u32) {
        let value = value as u8;
        match offset {
            0 | 1 if self.lcr & 0x80 != 0 => self.divisor[offset] = value,
            0 => {
                self.sent.push(value);
                self.leaving = LOOKS;
            }
            1 => self.ier = value,
            2 => self.fcr = value,
            3 => {
                self.spoiled |= self.leaving > 0;
                self.lcr = value;
            }
            7 => self.scratch = value,
            _ => {}
        }
    }
}
