//! What is known about classes of devices, apart from what a board says of them.

use super::model::Device;
use nexus_sysdesc::sealed::{self, Class};

/// Devices that are the kernel's own: interrupt controllers, timers, the IOMMU. No window is ever
/// made for one.
const KERNEL: &[&str] = &[
    "riscv,plic0",
    "sifive,plic-1.0.0",
    "riscv,clint0",
    "sifive,clint0",
    "riscv,aclint-mtimer",
    "riscv,aclint-mswi",
    "riscv,aclint-sswi",
    "riscv,aplic",
    "riscv,imsics",
    "riscv,cpu-intc",
    "riscv,timer",
    "riscv,iommu",
];

/// Devices that reach memory by themselves.
const WITH_DMA: &[&str] = &["virtio,mmio", "qemu,fw-cfg-mmio", "pci-host-ecam-generic"];

/// Devices that do not.
const WITHOUT_DMA: &[&str] =
    &["ns16550a", "google,goldfish-rtc", "sifive,test0", "sifive,test1", "cfi-flash"];

/// The `compatible` of virtio's register windows.
pub(crate) const VIRTIO: &str = sealed::VIRTIO_MMIO;

/// The DeviceID of a slot with nothing in it.
pub(crate) const EMPTY_SLOT: u32 = 0;

/// What is known about a device's DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dma {
    Always,
    Never,
    Unknown,
}

pub(crate) fn is_kernels(device: &Device) -> bool {
    KERNEL.contains(&device.compatible.as_str())
}

pub(crate) fn is_virtio(device: &Device) -> bool {
    device.compatible.value == VIRTIO
}

pub(crate) fn dma_of(device: &Device) -> Dma {
    let empty = device.virtio_id.as_ref().is_some_and(|id| id.value == EMPTY_SLOT);
    let compatible = device.compatible.as_str();
    if is_virtio(device) && empty {
        Dma::Never
    } else if WITH_DMA.contains(&compatible) {
        Dma::Always
    } else if WITHOUT_DMA.contains(&compatible) {
        Dma::Never
    } else {
        Dma::Unknown
    }
}

/// The class of a device that can be sealed; `None` for any other.
pub(crate) fn class_of(device: &Device) -> Option<Class> {
    let id = device.virtio_id.as_ref().filter(|_| is_virtio(device))?;
    sealed::class(id.value)
}
