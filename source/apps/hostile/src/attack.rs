//! The table of attacks.

use nexus_abi::{Prot, SYSCALL_CAP_DROP, SYSCALL_THREAD_EXIT, SYSCALL_UNMAP};

use crate::code::register::{A0, A1, A7, S1, S2, T0, ZERO};
use crate::code::{
    EBREAK, ECALL, FLOAT, Instruction, SEMIHOSTING_AFTER, SEMIHOSTING_BEFORE, SFENCE_VMA, SRET,
    WFI, copy, csr, jump, load_double, load_immediate, load_word, read_csr, store_word, write_csr,
};
use crate::fault::Fault;
use crate::place;

/// Service id of the first attack; the others follow in the order of the table.
pub const FIRST_ID: u32 = 32;

/// One attack. Its service is called `hostile-<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attack {
    /// Its name.
    pub name: &'static str,
    /// What the process does.
    pub role: Role,
}

/// What a hostile process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs instructions that must end it.
    Faulty(Faulty),
    /// Makes objects until its budget is spent, and ends holding all of them.
    Spam,
    /// Receives a call, tells its reply handle to the thief, and answers twice.
    Hold,
    /// Tries to answer a call that another process received.
    Steal,
    /// Asks for what only others may have.
    Ask,
    /// Writes lines to the log as fast as it can.
    Flood,
}

/// Instructions that must end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faulty {
    /// What is mapped at [`place::PAGE`] first.
    pub page: Page,
    /// The address that the instructions get.
    pub target: u64,
    /// The instructions, at [`place::CODE`].
    pub code: &'static [Instruction],
    /// Where the thread begins.
    pub entry: u64,
    /// How the process must end.
    pub end: Fault,
}

/// What is mapped at [`place::PAGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Nothing.
    Nothing,
    /// The device window of the process.
    Window(Prot),
    /// Memory, readable and writable, with the instructions in it.
    Memory,
}

const READ_WRITE: Prot = Prot::READ.union(Prot::WRITE);

/// Instructions that do nothing and leave.
const LEAVE: &[Instruction] = &[number(SYSCALL_THREAD_EXIT), ECALL];

/// Sets the number of a system call.
const fn number(call: u64) -> Instruction {
    assert!(call < 2048, "a number fits an immediate");
    #[allow(clippy::cast_possible_truncation, reason = "checked above")]
    load_immediate(A7, call as u32)
}

/// Loads from the target.
const LOAD: &[Instruction] =
    &[load_double(S1, A0, 0), load_word(T0, S1), number(SYSCALL_THREAD_EXIT), ECALL];

/// Stores to the target.
const STORE: &[Instruction] =
    &[load_double(S1, A0, 0), store_word(ZERO, S1), number(SYSCALL_THREAD_EXIT), ECALL];

/// Jumps to the target.
const JUMP: &[Instruction] =
    &[load_double(S1, A0, 0), jump(S1), number(SYSCALL_THREAD_EXIT), ECALL];

/// Touches the target, unmaps it, and touches it again.
const UNMAP_AND_LOAD: &[Instruction] = &[
    load_double(S1, A0, 0),
    load_word(T0, S1),
    copy(A0, S1),
    number(SYSCALL_UNMAP),
    ECALL,
    load_word(T0, S1),
    number(SYSCALL_THREAD_EXIT),
    ECALL,
];

/// Touches the target, drops the window that it is mapped through, and touches it again.
const DROP_AND_LOAD: &[Instruction] = &[
    load_double(S1, A0, 0),
    load_double(S2, A0, 8),
    load_word(T0, S1),
    copy(A0, S2),
    number(SYSCALL_CAP_DROP),
    ECALL,
    load_word(T0, S1),
    number(SYSCALL_THREAD_EXIT),
    ECALL,
];

/// Asks the debugger, if one listens, to end the machine (Arm semihosting 2.0, SYS_EXIT).
const SEMIHOSTING: &[Instruction] = &[
    load_immediate(A0, 0x18),
    load_immediate(A1, 0),
    SEMIHOSTING_BEFORE,
    EBREAK,
    SEMIHOSTING_AFTER,
    number(SYSCALL_THREAD_EXIT),
    ECALL,
];

const fn faulty(
    name: &'static str,
    page: Page,
    code: &'static [Instruction],
    end: Fault,
) -> Attack {
    let faulty = Faulty { page, target: place::PAGE, code, entry: place::CODE, end };
    Attack { name, role: Role::Faulty(faulty) }
}

/// The code goes to `target`, which is not the page of the attack.
const fn at(name: &'static str, target: u64, code: &'static [Instruction], end: Fault) -> Attack {
    let faulty = Faulty { page: Page::Nothing, target, code, entry: place::CODE, end };
    Attack { name, role: Role::Faulty(faulty) }
}

/// The thread begins in the page of the attack.
const fn enter(name: &'static str, page: Page) -> Attack {
    let end = Fault::jump_to(place::PAGE);
    let faulty = Faulty { page, target: place::PAGE, code: LEAVE, entry: place::PAGE, end };
    Attack { name, role: Role::Faulty(faulty) }
}

/// The first instruction is one that user mode does not have.
const fn illegal(name: &'static str, code: &'static [Instruction]) -> Attack {
    assert!(!code.is_empty(), "there is an instruction");
    faulty(name, Page::Nothing, code, Fault::illegal(code[0]))
}

const fn role(name: &'static str, role: Role) -> Attack {
    Attack { name, role }
}

impl Attack {
    /// Every attack; the service id of the first is [`FIRST_ID`].
    pub const ALL: &'static [Attack] = &[
        enter("exec-device", Page::Window(READ_WRITE)),
        faulty(
            "load-unmapped",
            Page::Window(READ_WRITE),
            UNMAP_AND_LOAD,
            Fault::load(5, place::PAGE),
        ),
        faulty(
            "load-dropped",
            Page::Window(READ_WRITE),
            DROP_AND_LOAD,
            Fault::load(6, place::PAGE),
        ),
        faulty("store-read-only", Page::Window(Prot::READ), STORE, Fault::store(1, place::PAGE)),
        enter("exec-memory", Page::Memory),
        at("store-text", place::CODE, STORE, Fault::store(1, place::CODE)),
        at("store-startup", place::STARTUP, STORE, Fault::store(1, place::STARTUP)),
        at("load-null", 0, LOAD, Fault::load(1, 0)),
        at("load-kernel", place::KERNEL_TEXT, LOAD, Fault::load(1, place::KERNEL_TEXT)),
        at("store-kernel", place::KERNEL_DATA, STORE, Fault::store(1, place::KERNEL_DATA)),
        at("exec-kernel", place::KERNEL_TEXT, JUMP, Fault::jump_to(place::KERNEL_TEXT)),
        illegal("wfi", &[WFI, number(SYSCALL_THREAD_EXIT), ECALL]),
        illegal("sret", &[SRET, number(SYSCALL_THREAD_EXIT), ECALL]),
        illegal("sfence", &[SFENCE_VMA, number(SYSCALL_THREAD_EXIT), ECALL]),
        illegal("read-csr", &[read_csr(T0, csr::SSTATUS), number(SYSCALL_THREAD_EXIT), ECALL]),
        illegal("write-csr", &[write_csr(csr::SATP, ZERO), number(SYSCALL_THREAD_EXIT), ECALL]),
        illegal(
            "write-timer",
            &[write_csr(csr::STIMECMP, ZERO), number(SYSCALL_THREAD_EXIT), ECALL],
        ),
        illegal("float", &[FLOAT, number(SYSCALL_THREAD_EXIT), ECALL]),
        faulty("semihosting", Page::Nothing, SEMIHOSTING, Fault::breakpoint(3)),
        role("spam", Role::Spam),
        role("hold", Role::Hold),
        role("steal", Role::Steal),
        role("ask", Role::Ask),
        role("flood", Role::Flood),
    ];

    /// The attack that the service with this id carries out.
    #[must_use]
    pub fn of_service(id: u32) -> Option<&'static Attack> {
        let index = usize::try_from(id.checked_sub(FIRST_ID)?).ok()?;
        Attack::ALL.get(index)
    }

    /// Every attack with the id of its service.
    pub fn services() -> impl Iterator<Item = (u32, &'static Attack)> {
        (FIRST_ID..).zip(Attack::ALL)
    }

    /// True when the process holds a device window.
    #[must_use]
    pub const fn has_window(&self) -> bool {
        matches!(self.role, Role::Faulty(Faulty { page: Page::Window(_), .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::cause;

    fn faulty_ones() -> impl Iterator<Item = (&'static str, Faulty)> {
        Attack::ALL.iter().filter_map(|attack| match attack.role {
            Role::Faulty(faulty) => Some((attack.name, faulty)),
            _ => None,
        })
    }

    #[test]
    fn a_fault_in_the_code_is_at_the_instruction_that_makes_it() {
        for (name, faulty) in faulty_ones().filter(|(_, one)| one.end.cause != cause::EXECUTE) {
            let index = usize::try_from((faulty.end.pc - place::CODE) / 4).unwrap();
            let word = faulty.code[index];
            let fits = match faulty.end.cause {
                cause::LOAD => word == load_word(T0, S1),
                cause::STORE => word == store_word(ZERO, S1),
                cause::BREAKPOINT => word == EBREAK,
                _ => index == 0,
            };
            assert!(fits, "{name}: {word:#x}");
        }
    }

    #[test]
    fn code_that_survives_leaves_and_fits_before_its_words() {
        for (name, faulty) in faulty_ones() {
            assert!(faulty.code.ends_with(LEAVE), "{name}");
            assert!(faulty.code.len() * 4 <= 0x800, "{name}");
        }
    }

    #[test]
    fn names_are_unique() {
        for (index, attack) in Attack::ALL.iter().enumerate() {
            assert!(Attack::ALL[..index].iter().all(|other| other.name != attack.name));
        }
    }

    #[test]
    fn every_attack_has_its_service_file() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../system/services");
        for (id, attack) in Attack::services() {
            let path = format!("{directory}/hostile-{}.toml", attack.name);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no {path}"));
            assert!(text.lines().any(|line| line == format!("id = {id}")), "{path}");
            assert_eq!(text.contains("needs ="), attack.has_window(), "{path}");
        }
        let files = std::fs::read_dir(directory).unwrap();
        let hostile = files.filter(|file| {
            file.as_ref().unwrap().file_name().to_string_lossy().starts_with("hostile-")
        });
        assert_eq!(hostile.count(), Attack::ALL.len());
    }
}
