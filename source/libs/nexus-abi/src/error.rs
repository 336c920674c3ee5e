//! Error codes of system calls. Each names one condition; there is no catch-all.

macro_rules! errors {
    ($($(#[doc = $doc:literal])+ $code:literal $name:ident;)+) => {
        /// Why a system call was refused. A refused call changes nothing (RFC-0001).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u64)]
        pub enum Error { $($(#[doc = $doc])+ $name = $code,)+ }

        impl Error {
            /// Every code with its name and meaning, for the reference page.
            pub const ALL: &'static [(Error, &'static str, &'static str)] =
                &[$((Error::$name, stringify!($name), concat!($($doc),+)),)+];

            /// The code as it stands in `a0`. Zero is never an error.
            #[must_use]
            pub const fn code(self) -> u64 {
                match self { $(Error::$name => $code,)+ }
            }

            /// The error that `code` stands for; `None` for zero and for unknown codes.
            #[must_use]
            pub const fn from_code(code: u64) -> Option<Error> {
                match code { $($code => Some(Error::$name),)+ _ => None }
            }
        }
    };
}

errors! {
    /// The number in `a7` names no system call.
    1 BadSyscall;
    /// The handle names no live capability of the caller: empty, stale, or another process's.
    2 BadHandle;
    /// The capability is of another kind than the call needs.
    3 WrongKind;
    /// A right that the call needs is absent.
    4 Denied;
    /// Executable access was asked for memory that can never have it.
    5 ExecDenied;
    /// Protection bits outside READ, WRITE, EXEC, or write without read, or none.
    6 InvalidProt;
    /// Offset, address, base or length is not a multiple of the 4 KiB page.
    7 Misaligned;
    /// Length zero, or a range that wraps or leaves the object.
    8 OutOfRange;
    /// The virtual address is not in the user half, or names no mapping of this process.
    9 BadAddress;
    /// The virtual range already holds a mapping.
    10 Exists;
    /// The object is in use in a way that excludes this call: a live child, mapping, or sibling.
    11 Busy;
    /// The budget of the process is spent.
    12 NoMemory;
    /// The deadline passed first.
    13 TimedOut;
    /// The other side ended, or dropped the call, before it answered.
    14 PeerGone;
    /// The message tag is malformed: too many words or capabilities.
    15 BadMessage;
    /// A memory object is sealed and can no longer be written, or is not sealed and cannot be
    /// executed.
    16 SealState;
    /// The process is not in the state that the call needs (for example, it has already ended).
    17 BadState;
    /// A numeric argument is outside its range (priority, service id, budget).
    18 BadArgument;
    /// The derivation would be deeper than 64 steps.
    19 TooDeep;
    /// The register is not one that the holder of the window may write.
    20 RegisterDenied;
}
