//! What a driver tells its device by registers, and hears from it.

use nexus_mmio::{Bus, Registers};

use crate::regs::INTERRUPT_STATUS;

/// The two registers that a driver writes. How is not its business: its window is mapped read-only, and
/// the kernel stores for it.
pub trait Doorbell {
    /// Why a register was not written.
    type Error;

    /// QueueNotify (0x050): there are new heads in queue `queue`.
    ///
    /// # Errors
    /// The register was not written.
    fn notify(&mut self, queue: u16) -> Result<(), Self::Error>;

    /// InterruptACK (0x064): these bits of InterruptStatus have been seen.
    ///
    /// # Errors
    /// The register was not written.
    fn acknowledge(&mut self, bits: u32) -> Result<(), Self::Error>;
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
pub fn acknowledge<B: Bus, D: Doorbell, const BYTES: usize>(
    regs: &Registers<B, BYTES>,
    doorbell: &mut D,
) -> Result<Causes, D::Error> {
    let bits = regs.read(INTERRUPT_STATUS) & (QUEUE | CONFIG);
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
    use nexus_mmio::fake::{Closures, FakeBus};

    fn causes(status: u32, doorbell: &mut FakeDoorbell) -> Result<Causes, ()> {
        let read = move |offset: usize, _: usize| if offset == 0x60 { status } else { 0 };
        let write = |_: usize, _: usize, _: u32| panic!("the window is read-only");
        let bus = FakeBus::new(0x1000, Closures(read, write));
        acknowledge(&Registers::<_, LEN>::new(bus).unwrap(), doorbell)
    }

    #[test]
    fn exactly_what_was_read_is_acknowledged() {
        let mut doorbell = FakeDoorbell::default();
        let both = Causes { queue: true, config: true };
        assert_eq!(causes(1, &mut doorbell), Ok(Causes { queue: true, config: false }));
        assert_eq!(causes(2, &mut doorbell), Ok(Causes { queue: false, config: true }));
        assert_eq!(causes(3, &mut doorbell), Ok(both));
        assert_eq!(
            causes(u32::MAX, &mut doorbell),
            Ok(both),
            "bits without a meaning are left out"
        );
        assert_eq!(doorbell.acknowledged(), [1, 2, 3, 3]);
    }

    // attack 90 U: an interrupt without a cause; nothing is acknowledged, and nothing is there to do
    #[test]
    fn a_spurious_interrupt_has_no_cause() {
        let mut doorbell = FakeDoorbell::default();
        assert_eq!(causes(0, &mut doorbell), Ok(Causes::default()));
        assert_eq!(causes(!3, &mut doorbell), Ok(Causes::default()));
        assert_eq!(doorbell.acknowledged(), []);
    }

    #[test]
    fn a_refused_acknowledgement_is_told() {
        let mut doorbell = FakeDoorbell::default();
        doorbell.refuse(true);
        assert_eq!(causes(1, &mut doorbell), Err(()));
        assert_eq!(doorbell.acknowledged(), []);
    }
}
