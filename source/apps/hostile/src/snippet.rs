//! The instructions of the attacks. They get a pointer to two words in `a0`: the target, and the
//! handle of the window ([`crate::place::WORDS`]). Those that survive end their process themselves:
//! its end is no fault then, however long they took.

use nexus_abi::{SYSCALL_CAP_DROP, SYSCALL_PROCESS_END, SYSCALL_UNMAP};

use crate::code::register::{A0, A1, A7, S1, S2, T0, ZERO};
use crate::code::{
    EBREAK, ECALL, Instruction, SEMIHOSTING_AFTER, SEMIHOSTING_BEFORE, copy, jump, load_double,
    load_immediate, load_word, store_word,
};

/// Names the caller itself to a call about a process.
const ITSELF: Instruction = load_immediate(A0, 0);

/// Instructions that do nothing and leave.
pub(crate) const LEAVE: &[Instruction] = &[ITSELF, number(SYSCALL_PROCESS_END), ECALL];

/// Sets the number of a system call.
pub(crate) const fn number(call: u64) -> Instruction {
    assert!(call < 2048, "a number fits an immediate");
    #[allow(clippy::cast_possible_truncation, reason = "checked above")]
    load_immediate(A7, call as u32)
}

/// Loads from the target.
pub(crate) const LOAD: &[Instruction] =
    &[load_double(S1, A0, 0), load_word(T0, S1), ITSELF, number(SYSCALL_PROCESS_END), ECALL];

/// Stores to the target.
pub(crate) const STORE: &[Instruction] =
    &[load_double(S1, A0, 0), store_word(ZERO, S1), ITSELF, number(SYSCALL_PROCESS_END), ECALL];

/// Jumps to the target.
pub(crate) const JUMP: &[Instruction] =
    &[load_double(S1, A0, 0), jump(S1), ITSELF, number(SYSCALL_PROCESS_END), ECALL];

/// Touches the target, unmaps it, and touches it again.
pub(crate) const UNMAP_AND_LOAD: &[Instruction] = &[
    load_double(S1, A0, 0),
    load_word(T0, S1),
    copy(A0, S1),
    number(SYSCALL_UNMAP),
    ECALL,
    load_word(T0, S1),
    ITSELF,
    number(SYSCALL_PROCESS_END),
    ECALL,
];

/// Touches the target, drops the window that it is mapped through, and touches it again.
pub(crate) const DROP_AND_LOAD: &[Instruction] = &[
    load_double(S1, A0, 0),
    load_double(S2, A0, 8),
    load_word(T0, S1),
    copy(A0, S2),
    number(SYSCALL_CAP_DROP),
    ECALL,
    load_word(T0, S1),
    ITSELF,
    number(SYSCALL_PROCESS_END),
    ECALL,
];

/// Asks the debugger, if one listens, to end the machine (Arm semihosting 2.0, SYS_EXIT).
pub(crate) const SEMIHOSTING: &[Instruction] = &[
    load_immediate(A0, 0x18),
    load_immediate(A1, 0),
    SEMIHOSTING_BEFORE,
    EBREAK,
    SEMIHOSTING_AFTER,
    ITSELF,
    number(SYSCALL_PROCESS_END),
    ECALL,
];

/// One instruction, and out.
pub(crate) const fn alone(word: Instruction) -> [Instruction; 4] {
    [word, ITSELF, number(SYSCALL_PROCESS_END), ECALL]
}
