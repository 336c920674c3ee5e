//! Results that take more than one word: they come back in the message words.

use crate::{Rights, Sender};

/// The eight message words of a result.
pub type Record = [u64; 8];

macro_rules! codes {
    ($(#[doc = $edoc:literal])+ $Enum:ident { $($(#[doc = $doc:literal])+ $code:literal $name:ident,)+ }) => {
        $(#[doc = $edoc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $Enum { $($(#[doc = $doc])+ $name,)+ }
        impl $Enum {
            /// As a word.
            #[must_use]
            pub const fn code(self) -> u64 { match self { $($Enum::$name => $code,)+ } }
            /// Back from a word.
            #[must_use]
            pub const fn from_code(code: u64) -> Option<Self> {
                match code { $($code => Some($Enum::$name),)+ _ => None }
            }
        }
    };
}

codes! {
    /// What kind of thing a capability names.
    KindCode {
        /// Messages go through it.
        1 Endpoint,
        /// Answers one call, once.
        2 Reply,
        /// A word of event bits.
        3 Notification,
        /// Memory.
        4 Vmo,
        /// The registers of one device.
        5 DeviceMmio,
        /// A process.
        6 Process,
        /// A thread.
        7 Thread,
        /// The authority to make processes and give them identities.
        8 Spawn,
        /// The authority to write to the kernel's console.
        9 Console,
        /// Interrupt lines.
        10 Irq,
    }
}

/// What `cap_query` and `cap_inspect` tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapInfo {
    /// The kind.
    pub kind: KindCode,
    /// Its rights.
    pub rights: Rights,
    /// First physical address of a window, or number of the first of some lines, for a holder with
    /// MANAGE only; else 0.
    pub base: u64,
    /// Bytes of a memory object; of a window, or how many lines, for a holder with MANAGE only; else 0.
    pub len: u64,
    /// A number that is equal for capabilities to the same object of the same kind, for a holder
    /// with MANAGE only; else 0. Of a window with a mask, where the kernel has its first page.
    pub object: u64,
    /// Pages that are mapped through this capability.
    pub mapped_pages: u64,
    /// Live children derived from it.
    pub children: u64,
    /// Mask of the registers that `mmio_write` may write through a window that `cap_limit` gave one:
    /// bit n is the 32-bit register at byte offset 4n.
    pub registers: Option<u64>,
}

/// In the word of the kind: the last word is a mask.
const MASKED: u64 = 1 << 8;

impl CapInfo {
    /// As message words.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let masked = if self.registers.is_some() { MASKED } else { 0 };
        [
            self.kind.code() | masked,
            u64::from(self.rights.bits()),
            self.base,
            self.len,
            self.object,
            self.mapped_pages,
            self.children,
            self.registers.unwrap_or(0),
        ]
    }

    /// Back from message words; `None` when they are not a capability record.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<CapInfo> {
        let [kind, rights, base, len, object, mapped_pages, children, mask] = *record;
        Some(CapInfo {
            kind: KindCode::from_code(kind & !MASKED)?,
            rights: Rights::from_bits(u16::try_from(rights).ok()?)?,
            base,
            len,
            object,
            mapped_pages,
            children,
            registers: (kind & MASKED != 0).then_some(mask),
        })
    }
}

codes! {
    /// Where a process is in its life.
    ProcessState {
        /// It can run.
        1 Live,
        /// It has ended and the kernel is still taking it apart.
        2 Ending,
        /// It has ended, and all it held is back with the budget it came from.
        3 Ended,
    }
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// It called `process_exit` with this code.
    Exit(u64),
    /// It did what hardware or the interface does not allow.
    Fault {
        /// `scause` (RISC-V Privileged 1.12, table 4.2).
        cause: u64,
        /// `stval`: the address or instruction concerned.
        address: u64,
        /// Where it was.
        pc: u64,
    },
    /// A holder of its process capability ended it, with this code.
    Killed(u64),
}

/// What `process_stat` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Identity; `process_stat` returns it in the sender register.
    pub id: Sender,
    /// Where it is in its life.
    pub state: ProcessState,
    /// Why it ended, once it has.
    pub end: Option<EndReason>,
    /// Frames charged, and the limit.
    pub frames: (u32, u32),
    /// Kernel objects charged, and the limit.
    pub objects: (u32, u32),
    /// Physical address of its root page table.
    pub root: u64,
}

impl ProcessInfo {
    /// As message words.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let (kind, first, address, pc) = match self.end {
            None => (0, 0, 0, 0),
            Some(EndReason::Exit(code)) => (1, code, 0, 0),
            Some(EndReason::Fault { cause, address, pc }) => (2, cause, address, pc),
            Some(EndReason::Killed(code)) => (3, code, 0, 0),
        };
        let pair = |(used, limit): (u32, u32)| (u64::from(limit) << 32) | u64::from(used);
        [
            (kind << 8) | self.state.code(),
            first,
            address,
            pc,
            pair(self.frames),
            pair(self.objects),
            self.root,
            0,
        ]
    }

    /// Back from message words; `None` when they are not a process record.
    #[must_use]
    pub fn from_record(id: Sender, record: &Record) -> Option<ProcessInfo> {
        let [state, first, address, pc, frames, objects, root, _] = *record;
        let end = match state >> 8 {
            0 => None,
            1 => Some(EndReason::Exit(first)),
            2 => Some(EndReason::Fault { cause: first, address, pc }),
            3 => Some(EndReason::Killed(first)),
            _ => return None,
        };
        let pair = |word: u64| {
            let halves = Sender::from_word(word);
            (halves.service_id, halves.incarnation)
        };
        Some(ProcessInfo {
            id,
            state: ProcessState::from_code(state & 0xff)?,
            end,
            frames: pair(frames),
            objects: pair(objects),
            root,
        })
    }
}

codes! {
    /// Where an interrupt line is between two interrupts.
    LineState {
        /// Nobody receives it, and it is disabled.
        1 Free,
        /// Its next interrupt is delivered.
        2 Armed,
        /// It was delivered and not acknowledged: nothing more comes.
        3 Delivered,
        /// It was acknowledged before its interval was over: the next comes after that.
        4 Held,
    }
}

/// What `irq_stat` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IrqInfo {
    /// Number of the line at its controller.
    pub line: u64,
    /// Where it is.
    pub state: LineState,
    /// Least ticks between two interrupts, as the capability says; 0 for no such bound.
    pub interval: u64,
    /// Interrupts delivered since the machine started.
    pub delivered: u64,
    /// Acknowledgements that were held back because they came before the interval was over.
    pub held_back: u64,
    /// Tick of the last one delivered; 0 before the first.
    pub last: u64,
    /// Interrupts of any line that came to nobody, since the machine started: nobody had bound the line, it
    /// was claimed already, or there is none of that number.
    pub strays: u64,
}

impl IrqInfo {
    /// As message words.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let IrqInfo { line, state, interval, delivered, held_back, last, strays } = *self;
        [line, state.code(), interval, delivered, held_back, last, strays, 0]
    }

    /// Back from message words; `None` when they are not a line's record.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<IrqInfo> {
        let [line, state, interval, delivered, held_back, last, strays, _] = *record;
        let state = LineState::from_code(state)?;
        Some(IrqInfo { line, state, interval, delivered, held_back, last, strays })
    }
}
