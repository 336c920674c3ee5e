//! Calls that make no sense, and calls that nobody answers.
#![allow(unsafe_code, reason = "starts threads that the kernel must refuse")]

use nexus_abi::{Error, Handle, Message, NO_DEADLINE, SYSCALL_CALL, SYSCALLS, Tag, USER_END};
use nexus_rt::{Deadline, sys, ticks};
use nexus_test::{SAFETY_MS, bare};

use super::window::unchanged;
use crate::check::{Check, ensure, refused, same};
use crate::context::Context;

/// Messages that the kernel refuses before anybody sees them.
pub(crate) fn malformed(context: &Context) -> Check {
    let logd = context.logd.endpoint();
    let soon = Deadline::after_ms(SAFETY_MS).ticks();
    unchanged(context, || {
        for tag in [9, 15, 0x50, 0x70, 0x80, 0x100, 0x200, 1 << 31, u64::MAX] {
            let message = Message { tag: Tag(tag), words: [0; 8] };
            refused("a tag", sys::call(logd, &message, soon), Error::BadMessage)?;
        }
        for caps in 1..=4 {
            let message = Message { tag: Tag::new(0, 8, caps), words: [u64::MAX; 8] };
            let what = "capabilities that do not exist";
            refused(what, sys::call(logd, &message, soon), Error::BadHandle)?;
        }
        let none = sys::call(Handle::NONE, &Message::default(), soon);
        refused("an endpoint that does not exist", none, Error::BadHandle)
    })
}

/// Threads above the own priority, or that begin where no instruction can be.
pub(crate) fn threads(context: &Context) -> Check {
    let priority = u64::from(context.own_service()?.priority);
    unchanged(context, || {
        // SAFETY: each is refused; none has a stack on which it could do anything.
        let create =
            |entry, priority| unsafe { sys::thread_create(Handle::NONE, entry, 0, 0, priority) };
        for above in [priority + 1, 31, 32, u64::MAX] {
            refused("a priority", create(0x10_0000, above), Error::BadArgument)?;
        }
        for entry in [0, 0x10_0001, USER_END, hostile::place::KERNEL_TEXT, u64::MAX] {
            refused("an entry", create(entry, priority), Error::BadAddress)?;
        }
        Ok(())
    })
}

/// A wait ends when its time is over, and not before. How much later is measured where instructions
/// are the time, in tests/systems/pressure: here the host may let the guest stand still.
pub(crate) fn deadline(_: &Context) -> Check {
    const WAIT_MS: u64 = 20;
    let nobody = sys::endpoint_create()?;
    let never = sys::notification_create()?;
    let message = Message::default();
    for what in ["call", "receive", "wait"] {
        let end = Deadline::after_ms(WAIT_MS).ticks();
        let ended = match what {
            "call" => sys::call(nobody, &message, end).map(|_| ()),
            "receive" => sys::reply_recv(nobody, Handle::NONE, &message, end).map(|_| ()),
            _ => sys::wait(never, end, Handle::NONE).map(|_| ()),
        };
        refused(what, ended, Error::TimedOut)?;
        ensure!(ticks() >= end, "{what} ended before its time");
    }
    refused("a time that is over", sys::wait(never, 0, Handle::NONE), Error::TimedOut)?;
    sys::signal(never, 5)?;
    same("bits", &sys::wait(never, NO_DEADLINE, Handle::NONE)?, &5)?;
    sys::cap_drop(never)?;
    sys::cap_drop(nobody)?;
    Ok(())
}

/// Words that are handles, addresses, sizes and rights of nothing.
const WORDS: [u64; 8] = [1, 7, 0xfff, 1 << 31, u32::MAX as u64, 1 << 38, 1 << 63, u64::MAX];

/// Calls that need a handle as their first argument and do nothing without one. The others make
/// an object, or act on this process itself.
const WITH_HANDLE: [&str; 14] = [
    "signal",
    "wait",
    "endpoint_bind",
    "vmo_seal",
    "mmio_map",
    "cap_derive",
    "cap_drop",
    "cap_revoke",
    "cap_query",
    "process_create",
    "cap_inspect",
    "console_write",
    "process_end",
    "time_stat",
];

/// Numbers that are no calls, and calls with any words: each is an error, and changes nothing.
pub(crate) fn wild(context: &Context) -> Check {
    unchanged(context, || {
        let first = SYSCALLS.len() as u64;
        for number in (first..first + 64).chain([1 << 31, 1 << 32, 1 << 63, u64::MAX]) {
            let (code, _) = bare::raw(number, WORDS_HEAD);
            same("a number", &Error::from_code(code), &Some(Error::BadSyscall))?;
            let (code, _) =
                bare::raw_message(number, Handle::NONE, &Message::default(), 0, Handle::NONE);
            same("a number", &Error::from_code(code), &Some(Error::BadSyscall))?;
        }
        for call in SYSCALLS.iter().filter(|call| WITH_HANDLE.contains(&call.name)) {
            for n in 0..64 {
                let (code, _) = bare::raw(call.number, words(n));
                ensure!(Error::from_code(code).is_some(), "{} took {:x?}", call.name, words(n));
            }
        }
        for n in 0..64 {
            let [endpoint, tag, deadline, reply, ..] = words(n);
            let message = Message { tag: Tag(tag), words: [u64::MAX; 8] };
            let (code, _) = bare::raw_message(
                SYSCALL_CALL,
                Handle(endpoint),
                &message,
                deadline,
                Handle(reply),
            );
            ensure!(Error::from_code(code).is_some(), "call took {:x?}", words(n));
        }
        Ok(())
    })
}

/// The first six of [`WORDS`].
const WORDS_HEAD: [u64; 6] = [1, 7, 0xfff, 1 << 31, u32::MAX as u64, 1 << 38];

/// Six words, another choice for each `n` from 0 to 63.
fn words(n: usize) -> [u64; 6] {
    let pick = |step: usize| {
        let index = (n + step * (1 + n / WORDS.len())) % WORDS.len();
        WORDS.get(index).copied().unwrap_or(0)
    };
    [pick(0), pick(1), pick(2), pick(3), pick(4), pick(5)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_in_every_place() {
        for place in 0..6 {
            for word in WORDS {
                assert!((0..64).any(|n| words(n)[place] == word), "{word:#x} at {place}");
            }
        }
    }

    #[test]
    fn calls_that_are_tried_take_a_handle_first() {
        for name in WITH_HANDLE {
            let call = SYSCALLS.iter().find(|call| call.name == name).expect("a call");
            assert_eq!(call.args[0].1, "Handle", "{name}");
        }
    }
}
