//! User stubs: the `ecall` for each row of the table.
//!
//! The kernel preserves every register but `a0`, `a1` and, for messages and records, the message
//! registers, so that the stubs declare no other clobber.
//!
//! Calls that change the address space of a process, or begin a thread in it, are unsafe. Of the
//! others the worst for the memory of the caller is that it loses some: `cap_drop` and `cap_revoke`
//! end the mappings that were made through a capability. Whoever uses such memory after that ends by a
//! page fault, as nothing is ever mapped where a value may still be.

use core::arch::asm;

use crate::table::{expand_stubs, regs};
use crate::*;

const _: () = assert!(regs::WORDS[0] == 12 && regs::WORDS[5] == 5 && regs::T3 == 28);

/// A register word as an argument.
trait ToWord {
    fn to_word(self) -> u64;
}
impl ToWord for u64 {
    fn to_word(self) -> u64 {
        self
    }
}
impl ToWord for Handle {
    fn to_word(self) -> u64 {
        self.0
    }
}
impl ToWord for Prot {
    fn to_word(self) -> u64 {
        u64::from(self.bits())
    }
}
impl ToWord for Rights {
    fn to_word(self) -> u64 {
        u64::from(self.bits())
    }
}

/// A single result.
trait FromWord {
    fn from_word(word: u64) -> Self;
}
impl FromWord for u64 {
    fn from_word(word: u64) -> u64 {
        word
    }
}
impl FromWord for Handle {
    fn from_word(word: u64) -> Handle {
        Handle(word)
    }
}
impl FromWord for () {
    fn from_word(_: u64) {}
}

/// A record result: the single result, the sender register and the message words.
trait FromRecord: Sized {
    fn from_record(value: u64, sender: Sender, record: &Record) -> Option<Self>;
}
impl FromRecord for CapInfo {
    fn from_record(_: u64, _: Sender, record: &Record) -> Option<CapInfo> {
        CapInfo::from_record(record)
    }
}
impl FromRecord for ProcessInfo {
    fn from_record(_: u64, sender: Sender, record: &Record) -> Option<ProcessInfo> {
        ProcessInfo::from_record(sender, record)
    }
}
impl FromRecord for IrqInfo {
    fn from_record(_: u64, _: Sender, record: &Record) -> Option<IrqInfo> {
        IrqInfo::from_record(record)
    }
}
impl FromRecord for (u64, Option<CapInfo>) {
    fn from_record(value: u64, _: Sender, record: &Record) -> Option<Self> {
        Some((value, CapInfo::from_record(record)))
    }
}

#[inline(always)]
fn check(code: u64) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::from_code(code).unwrap_or(Error::BadSyscall)) }
}

/// Any call with plain arguments and one result: `(error code, result)`. Public so that a test
/// can make calls that the typed stubs cannot express.
///
/// # Safety
/// No mapping of this process that holds a value of Rust ends or changes, none begins where such a
/// mapping may be made or must not be (below a stack), and a thread that begins finds instructions
/// that may run there, and a stack of its own.
#[inline(always)]
#[must_use]
pub unsafe fn raw(number: u64, args: [u64; 6]) -> (u64, u64) {
    let [a0, a1, a2, a3, a4, a5] = args;
    let (error, value);
    // SAFETY: (1) `ecall` passes control to the kernel, which preserves every register that is
    // not declared as an output. (2) The kernel writes no memory of this process; what it does to
    // mappings and threads is the caller's to answer for.
    unsafe {
        asm!("ecall", inlateout("a0") a0 => error, inlateout("a1") a1 => value,
             in("a2") a2, in("a3") a3, in("a4") a4, in("a5") a5, in("a7") number);
    }
    (error, value)
}

/// Any call with plain arguments and a record result.
///
/// # Safety
/// As [`raw`].
#[inline(always)]
#[must_use]
pub unsafe fn raw_record(number: u64, a0: u64, a1: u64) -> (u64, u64, Sender, Record) {
    let (error, value, sender);
    let mut words = [0u64; 8];
    let [w0, w1, w2, w3, w4, w5, w6, w7] = &mut words;
    // SAFETY: as in `raw`; the message registers, t3 and t4 are declared as outputs.
    unsafe {
        asm!("ecall", inlateout("a0") a0 => error, inlateout("a1") a1 => value,
             lateout("a2") *w0, lateout("a3") *w1, lateout("a4") *w2, lateout("a5") *w3,
             lateout("a6") *w4, lateout("t0") *w5, lateout("t1") *w6, lateout("t2") *w7,
             lateout("t3") sender, lateout("t4") _, in("a7") number);
    }
    (error, value, Sender::from_word(sender), words)
}

/// Any call with a message: `(error code, message, sender, reply)`.
///
/// # Safety
/// As [`raw`].
#[inline(always)]
#[must_use]
pub unsafe fn raw_message(
    number: u64,
    handle: Handle,
    message: &Message,
    deadline: u64,
    reply: Handle,
) -> (u64, Received) {
    let (error, tag, sender, reply_out);
    let mut words = message.words;
    let [w0, w1, w2, w3, w4, w5, w6, w7] = &mut words;
    // SAFETY: as in `raw`; the message registers, t3 and t4 are declared as outputs.
    unsafe {
        asm!("ecall", inlateout("a0") handle.0 => error, inlateout("a1") message.tag.0 => tag,
             inlateout("a2") *w0, inlateout("a3") *w1, inlateout("a4") *w2, inlateout("a5") *w3,
             inlateout("a6") *w4, inlateout("t0") *w5, inlateout("t1") *w6, inlateout("t2") *w7,
             inlateout("t3") deadline => sender, inlateout("t4") reply.0 => reply_out,
             in("a7") number);
    }
    let message = Message { tag: Tag(tag), words };
    (error, Received { message, sender: Sender::from_word(sender), reply: Handle(reply_out) })
}

/// `reply_recv` with a line to acknowledge: as [`raw_message`].
///
/// # Safety
/// As [`raw`].
#[inline(always)]
#[must_use]
pub unsafe fn raw_reply_recv_ack(
    handle: Handle,
    message: &Message,
    deadline: u64,
    reply: Handle,
    irq: Handle,
) -> (u64, Received) {
    let (error, tag, sender, reply_out);
    let mut words = message.words;
    let [w0, w1, w2, w3, w4, w5, w6, w7] = &mut words;
    // SAFETY: as in `raw`; the message registers, t3 and t4 are declared as outputs.
    unsafe {
        asm!("ecall", inlateout("a0") handle.0 => error,
             inlateout("a1") message.tag.0 | Tag::ACK => tag,
             inlateout("a2") *w0, inlateout("a3") *w1, inlateout("a4") *w2, inlateout("a5") *w3,
             inlateout("a6") *w4, inlateout("t0") *w5, inlateout("t1") *w6, inlateout("t2") *w7,
             inlateout("t3") deadline => sender, inlateout("t4") reply.0 => reply_out,
             in("t5") irq.0, in("a7") SYSCALL_REPLY_RECV);
    }
    let message = Message { tag: Tag(tag), words };
    (error, Received { message, sender: Sender::from_word(sender), reply: Handle(reply_out) })
}

#[inline(always)]
fn pad(args: &[u64]) -> [u64; 6] {
    let mut all = [0; 6];
    for (to, from) in all.iter_mut().zip(args) {
        *to = *from;
    }
    all
}

/// Expands one row of the table to its stub. Rows with messages are written out below.
macro_rules! stub {
    (memory $(#[doc = $doc:literal])+ $CONST:ident $name:ident ($($arg:ident: $ty:ty),*) -> $ret:ty) => {
        $(#[doc = $doc])+
        ///
        /// # Safety
        /// As [`raw`].
        #[inline(always)]
        pub unsafe fn $name($($arg: $ty),*) -> Result<$ret, Error> {
            // SAFETY: what `raw` asks for is asked for here.
            let (error, value) = unsafe { raw($CONST, pad(&[$($arg.to_word()),*])) };
            check(error)?;
            Ok(<$ret as FromWord>::from_word(value))
        }
    };
    (plain $(#[doc = $doc:literal])+ $CONST:ident $name:ident ($($arg:ident: $ty:ty),*) -> $ret:ty) => {
        $(#[doc = $doc])+
        #[inline(always)]
        pub fn $name($($arg: $ty),*) -> Result<$ret, Error> {
            // SAFETY: such a call makes no mapping and no thread, and ends mappings at worst.
            let (error, value) = unsafe { raw($CONST, pad(&[$($arg.to_word()),*])) };
            check(error)?;
            Ok(<$ret as FromWord>::from_word(value))
        }
    };
    (record $(#[doc = $doc:literal])+ $CONST:ident $name:ident ($first:ident: $ty:ty $(, $second:ident: $ty2:ty)?) -> $ret:ty) => {
        $(#[doc = $doc])+
        #[inline(always)]
        pub fn $name($first: $ty $(, $second: $ty2)?) -> Result<$ret, Error> {
            let [first, second, ..] = pad(&[$first.to_word() $(, $second.to_word())?]);
            // SAFETY: such a call changes nothing.
            let (error, value, sender, record) = unsafe { raw_record($CONST, first, second) };
            check(error)?;
            <$ret as FromRecord>::from_record(value, sender, &record).ok_or(Error::BadSyscall)
        }
    };
    (message $($rest:tt)*) => {};
}

expand_stubs!();

/// Sends a message to an endpoint and waits for the answer; returns the answer and who gave it.
///
/// # Errors
/// See [`SYSCALLS`]; `TimedOut` once `deadline` (ticks of the `time` CSR) has passed.
#[inline(always)]
pub fn call(endpoint: Handle, message: &Message, deadline: u64) -> Result<Received, Error> {
    let none = Handle::NONE;
    // SAFETY: a message changes no mapping and begins no thread.
    let (error, answer) = unsafe { raw_message(SYSCALL_CALL, endpoint, message, deadline, none) };
    check(error)?;
    Ok(answer)
}

/// Answers a call, if `reply` is not [`Handle::NONE`], and waits for the next message. When it has
/// answered, and many messages that came then failed, it returns a notification without bits.
///
/// # Errors
/// See [`SYSCALLS`].
#[inline(always)]
pub fn reply_recv(
    endpoint: Handle,
    reply: Handle,
    message: &Message,
    deadline: u64,
) -> Result<Received, Error> {
    // SAFETY: as in `call`.
    let (error, received) =
        unsafe { raw_message(SYSCALL_REPLY_RECV, endpoint, message, deadline, reply) };
    check(error)?;
    Ok(received)
}

/// As [`reply_recv`], and acknowledges a line (RECV) before the answer goes, if it was delivered.
///
/// # Errors
/// See [`SYSCALLS`].
#[inline(always)]
pub fn reply_recv_ack(
    endpoint: Handle,
    reply: Handle,
    message: &Message,
    deadline: u64,
    irq: Handle,
) -> Result<Received, Error> {
    // SAFETY: as in `call`.
    let (error, received) = unsafe { raw_reply_recv_ack(endpoint, message, deadline, reply, irq) };
    check(error)?;
    Ok(received)
}

/// Answers a call and goes on.
///
/// # Errors
/// See [`SYSCALLS`].
#[inline(always)]
pub fn reply(reply: Handle, message: &Message) -> Result<(), Error> {
    // SAFETY: as in `call`.
    let (error, _) = unsafe { raw_message(SYSCALL_REPLY, reply, message, 0, Handle::NONE) };
    check(error)
}

/// Ticks since the machine started (`time` CSR).
#[inline(always)]
#[must_use]
pub fn ticks() -> u64 {
    let ticks;
    // SAFETY: reads the `time` CSR, which the kernel enables for user mode; no side effect.
    unsafe { asm!("rdtime {}", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
    ticks
}

/// Instructions retired (`instret` CSR), for the benchmark under `-icount`.
#[inline(always)]
#[must_use]
pub fn instret() -> u64 {
    let count;
    // SAFETY: reads the `instret` CSR, which the kernel enables for user mode; no side effect.
    unsafe { asm!("rdinstret {}", out(reg) count, options(nomem, nostack, preserves_flags)) };
    count
}
