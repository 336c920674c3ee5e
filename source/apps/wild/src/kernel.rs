//! System calls with arguments that no typed stub has.

#[cfg(target_os = "none")]
pub(crate) use nexus_abi::{raw, raw_message, raw_record};

#[cfg(not(target_os = "none"))]
pub(crate) use elsewhere::{raw, raw_message, raw_record};

/// As on the target, where no kernel is: refused.
#[cfg(not(target_os = "none"))]
mod elsewhere {
    use nexus_abi::{Error, Handle, Message, Received, Record, Sender};

    pub(crate) fn raw(_number: u64, _args: [u64; 6]) -> (u64, u64) {
        (Error::BadSyscall.code(), 0)
    }

    pub(crate) fn raw_record(_number: u64, _a0: u64, _a1: u64) -> (u64, u64, Sender, Record) {
        (Error::BadSyscall.code(), 0, Sender::default(), [0; 8])
    }

    pub(crate) fn raw_message(
        _number: u64,
        _handle: Handle,
        message: &Message,
        _deadline: u64,
        _reply: Handle,
    ) -> (u64, Received) {
        let sender = Sender::default();
        (Error::BadSyscall.code(), Received { message: *message, sender, reply: Handle::NONE })
    }
}
