//! Why a device is of no use.

use core::fmt;

use nexus_abi::Error;
use nexus_sysdesc::ask::Odd;

/// What a device did, or what the kernel refused. Nobody gets the device any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The kernel refused a call about it.
    Kernel(Error),
    /// MagicValue or Version is not that of a device of today: this is what they hold.
    NotVirtio(u32, u32),
    /// This is its DeviceID, and not the described one.
    AnotherDevice(u32),
    /// Requests to devices with this DeviceID may carry addresses.
    CarriesAddresses(u32),
    /// It does not offer these features, and it cannot be used safely without.
    Lacks(u64),
    /// Its status is not what was written: it refuses the features, or gave up. This is what it holds.
    Status(u32),
    /// It has no queue with this number, or a smaller one than is described.
    NoQueue(u32),
    /// It does not say of the queue with this number what was written: that it is used, or that it is not.
    QueueReady(u32),
    /// It does not reset.
    NotReset(u32),
    /// It was asked for its serial number, and this is what came of it.
    NoSerial(Odd),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Kernel(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Kernel(error) => write!(f, "the kernel refused a call: {error:?}"),
            Failure::NotVirtio(magic, version) => write!(
                f,
                "no virtio device of today: magic {magic:#010x}, version {version}; \
                 QEMU needs -global virtio-mmio.force-legacy=off"
            ),
            Failure::AnotherDevice(id) => write!(f, "DeviceID {id} is not the described one"),
            Failure::CarriesAddresses(id) => write!(f, "DeviceID {id}: requests carry addresses"),
            Failure::Lacks(features) => write!(f, "no features {features:#x}"),
            Failure::Status(status) => write!(f, "status {status:#x}: features refused, or broken"),
            Failure::NoQueue(queue) => write!(f, "queue {queue} is not there, or too small"),
            Failure::QueueReady(queue) => write!(f, "queue {queue} is not as it was set"),
            Failure::NotReset(status) => write!(f, "does not reset: status {status:#x}"),
            Failure::NoSerial(odd) => write!(f, "asked for its serial number: {odd}"),
        }
    }
}
