//! System calls that the runtime does not offer to services.

#[cfg(target_os = "none")]
pub(crate) use nexus_abi::{raw, raw_message};

/// As on the target, where no kernel is: refused.
#[cfg(not(target_os = "none"))]
pub(crate) fn raw(_number: u64, _args: [u64; 6]) -> (u64, u64) {
    (nexus_abi::Error::BadSyscall.code(), 0)
}

/// As on the target, where no kernel is: refused.
#[cfg(not(target_os = "none"))]
pub(crate) fn raw_message(
    _number: u64,
    _handle: nexus_abi::Handle,
    message: &nexus_abi::Message,
    _deadline: u64,
    _reply: nexus_abi::Handle,
) -> (u64, nexus_abi::Received) {
    let received = nexus_abi::Received {
        message: *message,
        sender: nexus_abi::Sender::default(),
        reply: nexus_abi::Handle::NONE,
    };
    (nexus_abi::Error::BadSyscall.code(), received)
}
