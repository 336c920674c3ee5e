//! System calls and the counter, as the stubs of nexus-abi have them.

#[cfg(target_os = "none")]
pub(crate) use nexus_abi::{
    call, cap_derive, cap_drop, instret, irq_ack, mmio_write, null, reply, reply_recv,
    reply_recv_ack, signal, wait,
};

#[cfg(not(target_os = "none"))]
pub(crate) use nexus_rt::sys::{
    call, cap_derive, cap_drop, irq_ack, mmio_write, reply, reply_recv, reply_recv_ack, signal,
    wait,
};

/// Nothing is counted on a host.
#[cfg(not(target_os = "none"))]
pub(crate) fn instret() -> u64 {
    0
}

/// There is no kernel on a host.
#[cfg(not(target_os = "none"))]
pub(crate) fn null() -> Result<(), nexus_abi::Error> {
    Err(nexus_abi::Error::BadSyscall)
}

/// Instructions between two reads of the counter, without the reads themselves.
#[inline(always)]
pub(crate) const fn between(start: u64, end: u64) -> u64 {
    end.wrapping_sub(start).wrapping_sub(1)
}
