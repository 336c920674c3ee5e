//! The interrupt line of a driver (RFC-0003).

use nexus_abi::{Error, Handle, StartupCap};

use crate::sys;

/// The bit of a notification that stands for the line; the others are the server's.
pub(crate) const INTERRUPT: u64 = 1 << 63;

/// An interrupt line that is delivered to whoever receives at an endpoint of this process. It lasts as
/// long as the process.
#[derive(Debug)]
pub struct Line {
    irq: Handle,
    /// It was delivered and not acknowledged.
    delivered: bool,
}

impl Line {
    /// Has the line of the startup block delivered at `endpoint`, and enables it: an interrupt that
    /// the device has raised before comes now. `told`, which is bound to the endpoint, takes the bits;
    /// where there is none, one is made for this.
    ///
    /// # Errors
    /// As `notification_create`, `endpoint_bind` and `irq_bind`: `Busy` where either is bound.
    pub fn bind(irq: &StartupCap, endpoint: Handle, told: Option<Handle>) -> Result<Line, Error> {
        let irq = Handle(irq.handle);
        let told = match told {
            Some(told) => told,
            None => {
                let told = sys::notification_create()?;
                sys::endpoint_bind(endpoint, told)?;
                told
            }
        };
        sys::irq_bind(irq, told, INTERRUPT, Handle::NONE, 0)?;
        Ok(Line { irq, delivered: false })
    }

    /// A line that nobody has bound.
    #[cfg(test)]
    pub(crate) const fn for_test(irq: Handle) -> Line {
        Line { irq, delivered: false }
    }

    /// Notes what a notification says; the bits that are not the line's.
    pub(crate) const fn take(&mut self, bits: u64) -> u64 {
        if bits & INTERRUPT != 0 {
            self.delivered = true;
        }
        bits & !INTERRUPT
    }

    /// The handle to acknowledge on the way into a wait: none while nothing was delivered.
    pub(crate) const fn due(&self) -> Handle {
        if self.delivered { self.irq } else { Handle::NONE }
    }

    /// It was acknowledged.
    pub(crate) const fn acknowledged(&mut self) {
        self.delivered = false;
    }
}
