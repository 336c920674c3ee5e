//! System calls: the stubs of `nexus-abi` on the target, unsafe where they could change this
//! process's own memory or begin a thread: [`crate::Memory`], [`crate::map_window`],
//! [`crate::thread`] and [`crate::child`] are the safe ways. On a host target calls have the same
//! signatures and fail with `BadSyscall`, but for messages, which a test may answer
//! ([`crate::host`]).

#[cfg(target_os = "none")]
pub use nexus_abi::{
    call, cap_derive, cap_drop, cap_inspect, cap_install, cap_limit, cap_query, cap_revoke,
    console_write, dma_create, dma_place, dma_quiet, endpoint_bind, endpoint_create, irq_ack,
    irq_bind, irq_stat, mmio_map, mmio_write, mmio_write_dma, notification_create, process_create,
    process_end, process_stat, protect, reply, reply_recv, reply_recv_ack, signal, thread_create,
    thread_exit, ticks, time_stat, unmap, vmo_create, vmo_map, vmo_seal, wait, yield_now,
};

#[cfg(not(target_os = "none"))]
pub use crate::host::calls::*;
