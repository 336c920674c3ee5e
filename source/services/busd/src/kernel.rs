//! What is outside: the kernel, and who waits for an answer.

use nexus_abi::{CapInfo, Error, Handle, Message, Rights};
use nexus_sysdesc::layout::Descriptor;

use crate::Failure;

/// What memory of a device is for, as `dma_create` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tables of descriptors, which nobody maps.
    Tables = 0,
    /// What the driver writes.
    Pool = 1,
    /// Rings that the device writes.
    Used = 2,
}

/// The kernel, as far as devices are set up by it, and the way back to whoever asked. Errors are those of
/// the calls of `nexus_abi` with these names.
pub trait Kernel {
    /// The right to answer one call.
    type Reply;

    /// `cap_query`.
    fn query(&mut self, cap: Handle) -> Result<CapInfo, Error>;
    /// `cap_derive`: of a window the first `len` bytes, of memory all (0).
    fn derive(&mut self, cap: Handle, rights: Rights, len: u64) -> Result<Handle, Error>;
    /// `cap_limit`: the mask of a window.
    fn limit(&mut self, window: Handle, mask: u64) -> Result<(), Error>;
    /// `cap_drop`. There is nothing to do when it fails: then it is gone already.
    fn give_up(&mut self, cap: Handle);
    /// Reads the 32-bit register at a byte offset.
    fn read(&mut self, window: Handle, offset: usize) -> Result<u32, Error>;
    /// `mmio_write`.
    fn write(&mut self, window: Handle, offset: usize, value: u32) -> Result<(), Error>;
    /// `dma_create`.
    fn create(&mut self, window: Handle, pages: u64, role: Role) -> Result<Handle, Error>;
    /// `dma_place`: a descriptor in `tables`, which names a part of `object`.
    fn place(&mut self, tables: Handle, object: Handle, one: &Descriptor) -> Result<(), Error>;
    /// `mmio_write_dma`: the address of a byte of `object`, to the registers at `offset` and behind it.
    fn point(&mut self, window: Handle, offset: u64, object: Handle, at: u64) -> Result<(), Error>;
    /// Copies bytes to memory of a device. It is mapped for that long, and no longer.
    fn put(&mut self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error>;
    /// Copies bytes out of memory of a device, likewise.
    fn get(&mut self, memory: Handle, offset: u64, to: &mut [u8]) -> Result<(), Error>;
    /// `dma_quiet`.
    fn quiet(&mut self, window: Handle) -> Result<(), Error>;

    /// Answers a call. What the message carries stays here too.
    fn answer(&mut self, reply: Self::Reply, message: &Message);
    /// A device is of no use from here on, and why.
    fn failed(&mut self, device: u16, why: &Failure);
}
