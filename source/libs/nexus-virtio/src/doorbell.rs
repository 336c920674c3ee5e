//! What a driver tells its device by registers, and hears from it.

use core::convert::Infallible;

use nexus_mmio::{Bus, Registers};

use crate::regs::{INTERRUPT_ACK, INTERRUPT_STATUS, QUEUE_NOTIFY};

/// The registers by which driver and device tell each other that there is something. How they are written
/// is not a driver's business: its window is mapped read-only, and the kernel stores for it.
pub trait Doorbell {
    /// Why a register was not written.
    type Error;

    /// QueueNotify (0x050): there are new heads in queue `queue`.
    ///
    /// # Errors
    /// The register was not written.
    fn notify(&mut self, queue: u16) -> Result<(), Self::Error>;

    /// InterruptStatus (0x060): why there is an interrupt.
    fn status(&self) -> u32;

    /// InterruptACK (0x064): these bits of InterruptStatus have been seen.
    ///
    /// # Errors
    /// The register was not written.
    fn acknowledge(&mut self, bits: u32) -> Result<(), Self::Error>;
}

/// The registers of a window. A store that is refused ends the process, as [`nexus_rt::DeviceWindow`] says.
impl<B: Bus, const BYTES: usize> Doorbell for Registers<B, BYTES> {
    type Error = Infallible;

    fn notify(&mut self, queue: u16) -> Result<(), Infallible> {
        self.write(QUEUE_NOTIFY, queue.into());
        Ok(())
    }

    fn status(&self) -> u32 {
        self.read(INTERRUPT_STATUS)
    }

    fn acknowledge(&mut self, bits: u32) -> Result<(), Infallible> {
        self.write(INTERRUPT_ACK, bits);
        Ok(())
    }
}

/// Why a device raised its interrupt. Neither: the interrupt is spurious.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// It has completed heads.
    pub queue: bool,
    /// Its configuration has changed.
    pub config: bool,
}

const QUEUE: u32 = 1;
const CONFIG: u32 = 2;

/// Reads why there is an interrupt and acknowledges exactly that. On waking, **before** the queues are
/// looked at: what the device completes after the look raises the interrupt again.
///
/// # Errors
/// The register was not written: the interrupt stays.
pub fn acknowledge<D: Doorbell>(doorbell: &mut D) -> Result<Causes, D::Error> {
    let bits = doorbell.status() & (QUEUE | CONFIG);
    if bits != 0 {
        doorbell.acknowledge(bits)?;
    }
    Ok(Causes { queue: bits & QUEUE != 0, config: bits & CONFIG != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeDoorbell;
    use crate::regs::LEN;
    use nexus_mmio::fake::{Access, Closures, FakeBus};

    /// The causes that are seen when InterruptStatus is `status`, and what is acknowledged.
    fn causes(status: u32) -> (Result<Causes, ()>, Vec<u32>) {
        let mut doorbell = FakeDoorbell::default();
        doorbell.raise(status);
        (acknowledge(&mut doorbell), doorbell.acknowledged())
    }

    #[test]
    fn exactly_what_was_read_is_acknowledged() {
        let both = Causes { queue: true, config: true };
        assert_eq!(causes(1), (Ok(Causes { queue: true, config: false }), vec![1]));
        assert_eq!(causes(2), (Ok(Causes { queue: false, config: true }), vec![2]));
        assert_eq!(causes(3), (Ok(both), vec![3]));
        assert_eq!(causes(u32::MAX), (Ok(both), vec![3]), "bits without a meaning are left out");
    }

    // attack 90 U: an interrupt without a cause; nothing is acknowledged, and nothing is there to do
    #[test]
    fn a_spurious_interrupt_has_no_cause() {
        assert_eq!(causes(0), (Ok(Causes::default()), vec![]));
        assert_eq!(causes(!3), (Ok(Causes::default()), vec![]));
    }

    #[test]
    fn a_refused_acknowledgement_is_told() {
        let mut doorbell = FakeDoorbell::default();
        doorbell.raise(1);
        doorbell.refuse(true);
        assert_eq!(acknowledge(&mut doorbell), Err(()));
        assert_eq!(doorbell.acknowledged(), []);
    }

    #[test]
    fn a_window_is_written_at_two_registers() {
        let read = |offset: usize, _: usize| if offset == 0x60 { 3 } else { 0 };
        let bus = FakeBus::new(0x1000, Closures(read, |_: usize, _: usize, _: u32| ()));
        let mut regs = Registers::<_, LEN>::new(bus).unwrap();
        assert_eq!(regs.notify(2), Ok(()));
        assert_eq!(acknowledge(&mut regs), Ok(Causes { queue: true, config: true }));
        let expected = [
            Access::Write { offset: 0x50, width: 4, value: 2 },
            Access::Read { offset: 0x60, width: 4, value: 3 },
            Access::Write { offset: 0x64, width: 4, value: 3 },
        ];
        assert_eq!(regs.bus().accesses(), expected);
    }
}
