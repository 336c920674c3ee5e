//! The kernel as it is.

use nexus_abi::{CapInfo, Error, Handle, Message, Rights};
use nexus_rt::{ReplyTo, peek, sys};
use nexus_sysdesc::layout::Descriptor;

use crate::{Failure, Kernel, Role};

/// The kernel that runs this process.
#[derive(Clone, Copy, Debug)]
pub struct Live;

impl Kernel for Live {
    type Reply = ReplyTo;

    fn query(&mut self, cap: Handle) -> Result<CapInfo, Error> {
        sys::cap_query(cap)
    }

    fn derive(&mut self, cap: Handle, rights: Rights, len: u64) -> Result<Handle, Error> {
        sys::cap_derive(cap, rights, 0, len)
    }

    fn limit(&mut self, window: Handle, mask: u64) -> Result<(), Error> {
        sys::cap_limit(window, mask)
    }

    fn give_up(&mut self, cap: Handle) {
        // Nothing to do when it fails: then it is gone already.
        let _ = sys::cap_drop(cap);
    }

    fn read(&mut self, window: Handle, offset: usize) -> Result<u32, Error> {
        peek(window, [offset]).map(|[value]| value)
    }

    fn write(&mut self, window: Handle, offset: usize, value: u32) -> Result<(), Error> {
        sys::mmio_write(window, offset as u64, value.into())
    }

    fn create(&mut self, window: Handle, pages: u64, role: Role) -> Result<Handle, Error> {
        sys::dma_create(window, pages, role as u64)
    }

    fn place(&mut self, tables: Handle, object: Handle, one: &Descriptor) -> Result<(), Error> {
        let flags = u64::from(one.flags) | u64::from(one.next) << 16;
        sys::dma_place(tables, one.index, object, one.offset, one.len.into(), flags)
    }

    fn point(&mut self, window: Handle, offset: u64, object: Handle, at: u64) -> Result<(), Error> {
        sys::mmio_write_dma(window, offset, object, at)
    }

    fn put(&mut self, memory: Handle, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        nexus_rt::put(memory, offset, bytes)
    }

    fn get(&mut self, memory: Handle, offset: u64, to: &mut [u8]) -> Result<(), Error> {
        nexus_rt::get(memory, offset, to)
    }

    fn quiet(&mut self, window: Handle) -> Result<(), Error> {
        sys::dma_quiet(window)
    }

    fn answer(&mut self, reply: ReplyTo, message: &Message) {
        // Who asked may have stopped waiting, or be gone.
        let _ = reply.send(message);
    }

    fn failed(&mut self, device: u16, why: &Failure) {
        nexus_rt::error!("device {device} failed: {why}");
    }
}
