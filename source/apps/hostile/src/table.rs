//! The attacks.

use nexus_abi::Prot;

use crate::attack::{Attack, Faulty, Page, Role};
use crate::code::register::{T0, ZERO};
use crate::code::{FLOAT, Instruction, SFENCE_VMA, SRET, WFI, csr, read_csr, write_csr};
use crate::fault::Fault;
use crate::place;
use crate::snippet::{DROP_AND_LOAD, JUMP, LEAVE, LOAD, SEMIHOSTING, STORE, UNMAP_AND_LOAD, alone};

const READ_WRITE: Prot = Prot::READ.union(Prot::WRITE);

/// Attacks with a window of their own; the service id of the first is [`crate::FIRST_WITH_WINDOW`].
pub(crate) const WITH_WINDOW: &[Attack] = &[
    // attack 11 Q: jump into a device page; instruction page fault, the process ends
    enter("exec-device", "jumps into a device page, which it can write", Page::Window(READ_WRITE)),
    // attack 10 Q: read a page right after `unmap`; load page fault
    faulty(
        "load-unmapped",
        "touches a device page that it has just unmapped",
        Page::Window(Prot::READ),
        UNMAP_AND_LOAD,
        Fault::load(5, place::PAGE),
    ),
    // attack 21 Q: drop the only capability and read the page; load page fault
    faulty(
        "load-dropped",
        "touches a device page, which it can write, whose window it has just dropped",
        Page::Window(READ_WRITE),
        DROP_AND_LOAD,
        Fault::load(6, place::PAGE),
    ),
    // attack 18 Q: write through a window without that right; store page fault
    faulty(
        "store-read-only",
        "writes to a page of a window that it may only read",
        Page::Window(Prot::READ),
        STORE,
        Fault::store(1, place::PAGE),
    ),
];

/// The others; the service id of the first is [`crate::FIRST_ID`].
pub(crate) const ALL: &[Attack] = &[
    // attack 13 Q: jump into memory that is writable; instruction page fault
    // attack 32 Q: a server ends in the middle of a call; the caller gets `PeerGone`
    enter("exec-memory", "jumps into memory that it can write", Page::Memory),
    // attack 13 Q: write to instructions; store page fault
    at(
        "store-text",
        "writes to its own instructions",
        place::CODE,
        STORE,
        Fault::store(1, place::CODE),
    ),
    at(
        "store-startup",
        "writes to its startup block",
        place::STARTUP,
        STORE,
        Fault::store(1, place::STARTUP),
    ),
    at("load-null", "reads from address zero", 0, LOAD, Fault::load(1, 0)),
    // attack 5 Q: read kernel text; load page fault
    at(
        "load-kernel",
        "reads kernel text",
        place::KERNEL_TEXT,
        LOAD,
        Fault::load(1, place::KERNEL_TEXT),
    ),
    // attack 5 Q: write to kernel memory; store page fault
    at(
        "store-kernel",
        "writes to memory of the kernel",
        place::KERNEL_DATA,
        STORE,
        Fault::store(1, place::KERNEL_DATA),
    ),
    // attack 5 Q: jump to kernel text; instruction page fault
    at(
        "exec-kernel",
        "jumps to kernel text",
        place::KERNEL_TEXT,
        JUMP,
        Fault::jump_to(place::KERNEL_TEXT),
    ),
    illegal("wfi", "waits for interrupts", &alone(WFI)),
    illegal("sret", "returns from a trap that never was", &alone(SRET)),
    illegal("sfence", "flushes the TLB", &alone(SFENCE_VMA)),
    illegal("read-csr", "reads a register of supervisor mode", &alone(read_csr(T0, csr::SSTATUS))),
    illegal("write-csr", "turns address translation off", &alone(write_csr(csr::SATP, ZERO))),
    illegal("write-timer", "sets the timer of the kernel", &alone(write_csr(csr::STIMECMP, ZERO))),
    illegal("float", "uses a floating-point register, of which no state is kept", &alone(FLOAT)),
    faulty(
        "semihosting",
        "asks a debugger to end the machine",
        Page::Nothing,
        SEMIHOSTING,
        Fault::breakpoint(3),
    ),
    // attack 62 Q: make objects until the budget is spent, and end; nobody is harmed, all of it comes back
    role("spam", "spends its whole budget, and ends with everything in hand", Role::Spam),
    // attack 29 Q: answer a call twice, and answer another's call; refused each time; broken: reply-twice, reply-stolen
    role("hold", "answers one call twice, and tells the thief how", Role::Hold),
    role("steal", "answers a call that another service received", Role::Steal),
    // attack 30 Q: ask init, policyd and logd for what only others may have; denied each time; broken: init-inspect, policyd-inspect
    // attack 108 Q: ask init for how long others ran; denied; broken: init-inspect
    // attack 78 Q: write, prompt and read at consoled with records, tests and kernel lines of this run; none goes out as one; broken: console-read
    role("ask", "asks for what only others may have, in the name of init", Role::Ask),
    role("flood", "floods the log", Role::Flood),
    at(
        "store-below-stack",
        "runs off the end of its stack",
        place::BELOW_STACK,
        STORE,
        Fault::store(1, place::BELOW_STACK),
    ),
    // attack 5 Q: read where Sv39 has no addresses; load page fault
    at(
        "load-beyond",
        "reads from an address that Sv39 does not have",
        place::BEYOND,
        LOAD,
        Fault::load(1, place::BEYOND),
    ),
    // attack 94 Q: count instructions; illegal instruction; broken: counters-as-left
    illegal("count-instructions", "counts instructions", &alone(read_csr(T0, csr::INSTRET))),
    // attack 94 Q: count cycles; illegal instruction; broken: counter-cycle
    illegal("count-cycles", "counts cycles", &alone(read_csr(T0, csr::CYCLE))),
];

const fn faulty(
    name: &'static str,
    deed: &'static str,
    page: Page,
    code: &'static [Instruction],
    end: Fault,
) -> Attack {
    let faulty = Faulty { page, target: place::PAGE, code, entry: place::CODE, end };
    Attack { name, deed, role: Role::Faulty(faulty) }
}

/// The code goes to `target`, which is not the page of the attack.
const fn at(
    name: &'static str,
    deed: &'static str,
    target: u64,
    code: &'static [Instruction],
    end: Fault,
) -> Attack {
    let faulty = Faulty { page: Page::Nothing, target, code, entry: place::CODE, end };
    Attack { name, deed, role: Role::Faulty(faulty) }
}

/// The thread begins in the page of the attack.
const fn enter(name: &'static str, deed: &'static str, page: Page) -> Attack {
    let end = Fault::jump_to(place::PAGE);
    let faulty = Faulty { page, target: place::PAGE, code: LEAVE, entry: place::PAGE, end };
    Attack { name, deed, role: Role::Faulty(faulty) }
}

/// The first instruction is one that user mode does not have.
const fn illegal(name: &'static str, deed: &'static str, code: &'static [Instruction]) -> Attack {
    assert!(!code.is_empty(), "there is an instruction");
    faulty(name, deed, Page::Nothing, code, Fault::illegal(code[0]))
}

const fn role(name: &'static str, deed: &'static str, role: Role) -> Attack {
    Attack { name, deed, role }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::register::S1;
    use crate::code::{EBREAK, load_word, store_word};
    use crate::fault::cause;

    fn faulty_ones() -> impl Iterator<Item = (&'static str, Faulty)> {
        Attack::services().filter_map(|(_, attack)| match attack.role {
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
        for (id, attack) in Attack::services() {
            assert_eq!(Attack::services().filter(|(_, one)| one.name == attack.name).count(), 1);
            assert_eq!(Attack::of_service(id), Some(attack));
        }
    }

    #[test]
    fn every_attack_has_its_service_file() {
        let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests");
        let directory = format!("{tests}/overlay/services");
        for (id, attack) in Attack::services() {
            let path = match attack.has_window() {
                true => format!("{tests}/systems/windows/services/{}.toml", attack.name),
                false => format!("{directory}/hostile-{}.toml", attack.name),
            };
            let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no {path}"));
            assert!(text.lines().any(|line| line == format!("id = {id}")), "{path}");
            assert_eq!(text.contains("needs ="), attack.has_window(), "{path}");
        }
        let files = std::fs::read_dir(directory).unwrap();
        let hostile = files.filter(|file| {
            file.as_ref().unwrap().file_name().to_string_lossy().starts_with("hostile-")
        });
        assert_eq!(hostile.count(), ALL.len());
    }
}
