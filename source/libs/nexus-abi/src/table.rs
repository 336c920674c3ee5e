//! The table of system calls.
//!
//! One row declares a call: its number, names, typed arguments, result, errors and meaning. All
//! else about it is made from the row. Arguments travel in `a0` to `a5`, the number in `a7`; the
//! error code comes back in `a0` (0 for none) and a single result in `a1`. The three calls that
//! carry messages and the record results also use the message registers (see [`regs`]).

use crate::Error;

/// Where the words of a message stand in the registers, as indices `x0` to `x31`.
pub mod regs {
    /// Error code out, first argument in.
    pub const A0: usize = 10;
    /// Tag in and out, or single result.
    pub const A1: usize = 11;
    /// Message words 0 to 7: `a2`-`a6`, then `t0`-`t2`.
    pub const WORDS: [usize; 8] = [12, 13, 14, 15, 16, 5, 6, 7];
    /// Number of the call: `a7`.
    pub const NUMBER: usize = 17;
    /// Deadline in, sender out: `t3`.
    pub const T3: usize = 28;
    /// Reply handle in and out: `t4`.
    pub const T4: usize = 29;
    /// Handle of the line to acknowledge, in, where the tag says so: `t5`.
    pub const T5: usize = 30;
}

/// One row of the table, for the reference page.
#[derive(Debug)]
pub struct SyscallInfo {
    /// Its number.
    pub number: u64,
    /// Its name.
    pub name: &'static str,
    /// Arguments and their types, in register order.
    pub args: &'static [(&'static str, &'static str)],
    /// Result type.
    pub result: &'static str,
    /// Errors it can return, in the order in which they are checked.
    pub errors: &'static [Error],
    /// What it does.
    pub doc: &'static str,
}

macro_rules! syscalls {
    ($(
        $(#[doc = $doc:literal])+
        $kind:ident $number:literal $Variant:ident $CONST:ident
        fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty, [$($error:ident),*];
    )+) => {
        /// A system call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Syscall { $($(#[doc = $doc])+ $Variant,)+ }

        impl Syscall {
            /// The call with this number.
            #[must_use]
            #[inline]
            pub const fn decode(number: u64) -> Option<Syscall> {
                match number { $($number => Some(Syscall::$Variant),)+ _ => None }
            }

            /// Its number.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self { $(Syscall::$Variant => $number,)+ }
            }
        }

        $(#[doc = concat!("Number of `", stringify!($name), "`.")] pub const $CONST: u64 = $number;)+

        /// Every call, in order of number.
        pub const SYSCALLS: &[SyscallInfo] = &[$(SyscallInfo {
            number: $number,
            name: stringify!($name),
            args: &[$((stringify!($arg), stringify!($ty))),*],
            result: stringify!($ret),
            errors: &[$(Error::$error),*],
            doc: concat!($($doc, "\n"),+),
        },)+];

        /// Expands `$callback` with each row that has a plain stub.
        #[cfg(target_arch = "riscv64")]
        macro_rules! stubs {
            () => { $(stub!($kind $(#[doc = $doc])+ $CONST $name ($($arg: $ty),*) -> $ret);)+ };
        }
    };
}

syscalls! {
    /// Does nothing. The cost of entering and leaving the kernel.
    plain 0 Null SYSCALL_NULL fn null() -> (), [];
    /// Lets other threads of the same priority run first.
    plain 1 Yield SYSCALL_YIELD fn yield_now() -> (), [];
    /// Sends a message to an endpoint (SEND) and waits for the answer. Carried capabilities need
    /// GRANT; the receiver gets children of them. Returns the answer and who gave it.
    message 2 Call SYSCALL_CALL
        fn call(endpoint: Handle, message: &Message, deadline: u64) -> Message,
        [BadMessage, BadHandle, WrongKind, Denied, Busy, TooDeep, NoMemory, TimedOut, PeerGone];
    /// Answers a call, if `reply` is not NONE, then waits for the next message on the endpoint
    /// (RECV) or for a notification bound to it. Bad arguments are found before the answer goes.
    /// A tag with ACK acknowledges the line (RECV) whose handle is in `t5`, as `wait` does.
    message 3 ReplyRecv SYSCALL_REPLY_RECV
        fn reply_recv(endpoint: Handle, reply: Handle, message: &Message, deadline: u64) -> Received,
        [BadMessage, BadHandle, WrongKind, Denied, Busy, TooDeep, NoMemory, TimedOut, PeerGone];
    /// Answers a call and goes on.
    message 4 Reply SYSCALL_REPLY fn reply(reply: Handle, message: &Message) -> (),
        [BadMessage, BadHandle, Denied, Busy, TooDeep, NoMemory];
    /// Sets bits in a notification (SEND) and wakes its waiter.
    plain 5 Signal SYSCALL_SIGNAL fn signal(notification: Handle, bits: u64) -> (),
        [BadHandle, WrongKind, Denied];
    /// Waits until a notification (RECV) has bits set; returns and clears them. `irq`, if it is not
    /// NONE, is a line (RECV) that is acknowledged on the way, without a value, if it was delivered.
    plain 6 Wait SYSCALL_WAIT fn wait(notification: Handle, deadline: u64, irq: Handle) -> u64,
        [BadHandle, WrongKind, Denied, Busy, TimedOut, PeerGone];
    /// Makes an endpoint with all its rights.
    plain 7 EndpointCreate SYSCALL_ENDPOINT_CREATE fn endpoint_create() -> Handle, [NoMemory];
    /// Makes a notification with all its rights.
    plain 8 NotificationCreate SYSCALL_NOTIFICATION_CREATE fn notification_create() -> Handle,
        [NoMemory];
    /// Delivers a notification (RECV) to whoever receives on an endpoint (RECV). At most one each.
    /// Lasts until one of the two capabilities named here is dropped or revoked.
    plain 9 EndpointBind SYSCALL_ENDPOINT_BIND
        fn endpoint_bind(endpoint: Handle, notification: Handle) -> (),
        [BadHandle, WrongKind, Denied, Busy];
    /// Makes a memory object of zeroed pages (1 to 512), with all its
    /// rights.
    plain 10 VmoCreate SYSCALL_VMO_CREATE fn vmo_create(pages: u64) -> Handle,
        [OutOfRange, NoMemory];
    /// Makes a memory object (MANAGE) read-only for good, and so fit to be executed. Refused with
    /// Busy while any mapping of it is writable.
    plain 11 VmoSeal SYSCALL_VMO_SEAL fn vmo_seal(vmo: Handle) -> (),
        [BadHandle, WrongKind, Denied, Busy];
    /// Maps part of a memory object (MAP and the rights of `prot`) into a process (MANAGE; NONE
    /// is the caller). Writable and executable exclude each other for the whole object: EXEC
    /// needs a sealed object, WRITE one that is not.
    memory 12 VmoMap SYSCALL_VMO_MAP
        fn vmo_map(process: Handle, vmo: Handle, offset: u64, len: u64, va: u64, prot: Prot) -> u64,
        [BadHandle, WrongKind, Denied, BadState, InvalidProt, SealState, Misaligned, OutOfRange,
         BadAddress, Exists, NoMemory];
    /// Maps part of a device window (MAP, READ, and WRITE if asked) into the caller, never
    /// executable, and returns the address (RFC-0002).
    memory 13 MmioMap SYSCALL_MMIO_MAP
        fn mmio_map(window: Handle, offset: u64, len: u64, va: u64, prot: Prot) -> u64,
        [BadHandle, WrongKind, Denied, ExecDenied, InvalidProt, Misaligned, OutOfRange, BadAddress,
         Exists, Busy, NoMemory];
    /// Ends the mapping of the caller that begins at `va`, whole.
    memory 14 Unmap SYSCALL_UNMAP fn unmap(va: u64) -> (), [Misaligned, BadAddress];
    /// Changes the protection of the mapping of the caller that begins at `va`, under the same
    /// rules as making it.
    memory 15 Protect SYSCALL_PROTECT fn protect(va: u64, prot: Prot) -> (),
        [Misaligned, BadAddress, Denied, ExecDenied, InvalidProt, SealState];
    /// Makes a child of a capability (DERIVE) with some of its rights. For a window, `offset` and
    /// `len` select a part that no live sibling overlaps, for interrupt lines the same in lines; for
    /// any other kind both are 0. What `cap_limit` set is kept; a part of a window that begins at another
    /// page than the window has none of its registers.
    plain 16 CapDerive SYSCALL_CAP_DERIVE
        fn cap_derive(cap: Handle, rights: Rights, offset: u64, len: u64) -> Handle,
        [BadHandle, Denied, Misaligned, OutOfRange, Busy, TooDeep, NoMemory];
    /// Gives up a capability. Its mappings end; its children move up to its parent. Calls of the
    /// same process that wait by it fail with BadHandle, and what was bound by it is free. The
    /// last capability to an object ends the object: those that wait get PeerGone. Dropping a
    /// reply fails the call it answers.
    plain 17 CapDrop SYSCALL_CAP_DROP fn cap_drop(cap: Handle) -> (), [BadHandle];
    /// Ends every capability derived from this one (REVOKE), in every process, as dropping them
    /// would: with every mapping, wait and binding that they were used for, before it returns.
    /// A call that was received already goes on.
    plain 18 CapRevoke SYSCALL_CAP_REVOKE fn cap_revoke(cap: Handle) -> (), [BadHandle, Denied];
    /// Tells what a capability of the caller is. Base, object, and length of a window need MANAGE; the
    /// mask of a window does not.
    record 19 CapQuery SYSCALL_CAP_QUERY fn cap_query(cap: Handle) -> CapInfo, [BadHandle];
    /// Makes a child of a capability (GRANT) in another process (MANAGE), with some of its
    /// rights, and returns its handle there. The child costs that process's budget.
    plain 20 CapInstall SYSCALL_CAP_INSTALL
        fn cap_install(process: Handle, cap: Handle, rights: Rights) -> Handle,
        [BadHandle, WrongKind, Denied, BadState, Busy, TooDeep, NoMemory];
    /// Makes a process (Spawn capability) with an identity and a budget cut from the caller's:
    /// frames of 4 KiB in the low 32 bits, kernel objects in the high 32 bits. `bits` are
    /// signalled on `notification` (SEND) when it has ended.
    plain 21 ProcessCreate SYSCALL_PROCESS_CREATE
        fn process_create(spawn: Handle, service_id: u64, budget: u64, notification: Handle, bits: u64) -> Handle,
        [BadHandle, WrongKind, Denied, BadArgument, NoMemory];
    /// Ends a process (MANAGE; NONE is the caller) with a code of the caller's choice.
    plain 22 ProcessEnd SYSCALL_PROCESS_END fn process_end(process: Handle, code: u64) -> (),
        [BadHandle, WrongKind, Denied, BadState];
    /// Tells how a process (MANAGE; NONE is the caller) stands and why it ended. The physical
    /// root needs MANAGE.
    record 23 ProcessStat SYSCALL_PROCESS_STAT fn process_stat(process: Handle) -> ProcessInfo,
        [BadHandle, WrongKind, Denied];
    /// Tells the next capability of a process (MANAGE; NONE is the caller) after `cursor` (0 to
    /// begin), and its cursor, 0 when there is none. Of the caller's own, base, object,
    /// and length of a window need MANAGE on each.
    record 24 CapInspect SYSCALL_CAP_INSPECT
        fn cap_inspect(process: Handle, cursor: u64) -> (u64, Option<CapInfo>),
        [BadHandle, WrongKind, Denied];
    /// Starts a thread in a process (MANAGE; NONE is the caller) at `entry`, with `stack` in `sp`
    /// and `arg` in `a0`. Priority is 0 to 31, at most the caller's own.
    memory 25 ThreadCreate SYSCALL_THREAD_CREATE
        fn thread_create(process: Handle, entry: u64, stack: u64, arg: u64, priority: u64) -> Handle,
        [BadHandle, WrongKind, Denied, BadAddress, BadArgument, BadState, NoMemory];
    /// Ends the calling thread. The last thread ends its process, with exit code 0.
    plain 26 ThreadExit SYSCALL_THREAD_EXIT fn thread_exit() -> (), [];
    /// Writes up to 32 bytes, given in four words, to the kernel's console (Console capability).
    plain 27 ConsoleWrite SYSCALL_CONSOLE_WRITE
        fn console_write(console: Handle, len: u64, w0: u64, w1: u64, w2: u64, w3: u64) -> (),
        [BadHandle, WrongKind, OutOfRange];
    /// Delivers a line (RECV, one line, without DERIVE) as `bits` of a notification (SEND) of the
    /// caller, and enables it; it is the only thing that does. `window` (WRITE) and `offset` name the
    /// register that `irq_ack` writes, of a window that no other line names, or are NONE and 0. Lasts
    /// until one of the capabilities named here is dropped or revoked (RFC-0003).
    plain 28 IrqBind SYSCALL_IRQ_BIND
        fn irq_bind(irq: Handle, notification: Handle, bits: u64, window: Handle, offset: u64) -> (),
        [BadHandle, WrongKind, Denied, BadArgument, Misaligned, OutOfRange, RegisterDenied, Busy, NoMemory];
    /// Acknowledges a line (RECV) that was delivered: writes `value` to the register that was named
    /// at `irq_bind`, unless it is all ones, and lets the next interrupt come, at once or when
    /// the interval of the line is over.
    plain 29 IrqAck SYSCALL_IRQ_ACK fn irq_ack(irq: Handle, value: u64) -> (),
        [BadHandle, WrongKind, Denied, BadState, BadArgument];
    /// Tells how a line (MANAGE; one line) stands and what it has delivered; and how many interrupts of
    /// any line came to nobody.
    record 30 IrqStat SYSCALL_IRQ_STAT fn irq_stat(irq: Handle) -> IrqInfo,
        [BadHandle, WrongKind, Denied, OutOfRange];
    /// Limits what can be done by a capability (MANAGE) and by all that is derived from it later. For
    /// interrupt lines `limit` is the least ticks between two interrupts, at most 2^32 - 1. For a window
    /// it is a mask of registers: bit n for the 32-bit register at byte offset 4n; then it is written by
    /// `mmio_write` only, and not mapped writable. Refused with OutOfRange where it would take an earlier
    /// limit back, and with Busy while it has children or is used.
    plain 31 CapLimit SYSCALL_CAP_LIMIT fn cap_limit(cap: Handle, limit: u64) -> (),
        [BadHandle, WrongKind, Denied, OutOfRange, Busy, NoMemory];
    /// Writes 32 bits to the register at a byte offset (below 256) of a window (WRITE, without DERIVE)
    /// that `cap_limit` gave a mask, if the mask has it (RFC-0002).
    plain 32 MmioWrite SYSCALL_MMIO_WRITE
        fn mmio_write(window: Handle, offset: u64, value: u64) -> (),
        [BadHandle, WrongKind, Denied, Misaligned, OutOfRange, BadArgument, RegisterDenied, Busy];
    /// Makes memory that a device reaches, once for each window (PLACE, with a mask that has no address
    /// register) and role: 0 tables of descriptors, which nobody can map; 1 pool; 2 used rings. The pages
    /// lie one after the other, are zero, and are never another's again (RFC-0004).
    plain 33 DmaCreate SYSCALL_DMA_CREATE
        fn dma_create(window: Handle, pages: u64, role: u64) -> Handle,
        [BadHandle, WrongKind, Denied, BadArgument, OutOfRange, Exists, NoMemory];
    /// Clears all memory of the device of a window (PLACE), when its status register says that it is
    /// reset, and nobody but the caller has the window, a part of it, what it was derived from, or that
    /// memory: else Busy.
    plain 34 DmaQuiet SYSCALL_DMA_QUIET fn dma_quiet(window: Handle) -> (),
        [BadHandle, WrongKind, Denied, Busy];
    /// Writes descriptor `index` of a table (PLACE), once until it is cleared: the address of
    /// `offset..offset + len` of `object`, which is of the same device. `flags` has those of virtio in its
    /// low 16 bits and the next descriptor in the 16 above: NEXT and WRITE for a pool, INDIRECT for a table.
    plain 35 DmaPlace SYSCALL_DMA_PLACE
        fn dma_place(table: Handle, index: u64, object: Handle, offset: u64, len: u64, flags: u64) -> (),
        [BadHandle, WrongKind, Denied, BadArgument, Misaligned, OutOfRange, BadState, Exists];
    /// Writes the address of a byte of `object` to a pair of registers of its device, by the window (PLACE)
    /// of that: a table to 0x80 (descriptors), a pool to 0x90 (driver), used rings to 0xa0 (device).
    plain 36 MmioWriteDma SYSCALL_MMIO_WRITE_DMA
        fn mmio_write_dma(window: Handle, offset: u64, object: Handle, object_offset: u64) -> (),
        [BadHandle, WrongKind, Denied, RegisterDenied, Misaligned, OutOfRange, BadState, Busy];
    /// Tells (Spawn capability) the ticks in which threads of a priority ran; of number 32, those in which
    /// nothing ran. The kernel looks at the timer about every 31 ms, and gives the time since its last look to
    /// the priority that it finds: the numbers together are the time up to that look.
    plain 37 TimeStat SYSCALL_TIME_STAT fn time_stat(spawn: Handle, priority: u64) -> u64,
        [BadHandle, WrongKind, OutOfRange];
}

#[cfg(target_arch = "riscv64")]
pub(crate) use stubs as expand_stubs;
