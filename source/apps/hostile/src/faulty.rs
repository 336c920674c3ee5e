//! Runs hostile instructions: as data in sealed memory, with a thread of its own.
#![allow(unsafe_code, reason = "starts a thread that runs hostile instructions")]

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot};
use nexus_rt::{Deadline, Memory, startup, sys};
use nexus_test::bare;

use crate::attack::{Faulty, Page};
use crate::code::Instruction;
use crate::place;
use crate::talk::Outcome;

/// Times that the attack is let run before it counts as survived.
const CHANCES: u32 = 12;
/// Milliseconds the first time; each time it is twice as long. A short one may be over before the attack
/// has run at all: where the kernel checks itself, and the host lets the guest stand still. The last
/// is 20 seconds.
const FIRST_MS: u64 = 10;
/// Priority of the thread that runs them: it runs while the first thread waits.
const PRIORITY: u64 = 1;
/// Where the words for the instructions are in their page.
const WORDS_AT: usize = (place::WORDS - place::CODE) as usize;

/// Runs them. Returns only when they did not end the process.
#[must_use]
pub fn run(attack: &Faulty) -> Outcome {
    let window = startup().window().map_or(Handle::NONE, |cap| Handle(cap.handle));
    if let Err(error) = map_page(attack, window) {
        return Outcome::not_begun(1, error);
    }
    if let Err(error) = map_code(attack, window) {
        return Outcome::not_begun(2, error);
    }
    let begun = sys::notification_create().and_then(|never| {
        // SAFETY: this process has nothing that they could break: it is here to end by them.
        unsafe { sys::thread_create(Handle::NONE, attack.entry, 0, place::WORDS, PRIORITY)? };
        Ok(never)
    });
    match begun {
        Ok(never) => survive(never),
        Err(error) => Outcome::not_begun(3, error),
    }
}

/// Lets the attack run. Nobody signals `never`: the waits end with the process, or too late.
fn survive(never: Handle) -> Outcome {
    for chance in 0..CHANCES {
        match sys::wait(never, Deadline::after_ms(FIRST_MS << chance).ticks()) {
            Err(Error::TimedOut) => {}
            other => {
                let error = other.map_or_else(Error::code, |_| 0);
                return Outcome::NotBegun { step: 4, error };
            }
        }
    }
    Outcome::Survived
}

fn map_page(attack: &Faulty, window: Handle) -> Result<(), Error> {
    match attack.page {
        Page::Nothing => {}
        Page::Window(prot) => {
            if prot == Prot::READ {
                cannot_write(window)?;
            }
            bare::mmio_map(window, 0, PAGE_SIZE, place::PAGE, prot)?;
        }
        Page::Memory => {
            let memory = filled(attack.code, [0; 2])?;
            let prot = Prot::READ | Prot::WRITE;
            bare::vmo_map(memory, 0, PAGE_SIZE, place::PAGE, prot)?;
        }
    }
    Ok(())
}

/// A window without WRITE is not mapped writable.
fn cannot_write(window: Handle) -> Result<(), Error> {
    match bare::mmio_map(window, 0, PAGE_SIZE, place::PAGE, Prot::READ | Prot::WRITE) {
        Err(Error::Denied) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::Exists),
    }
}

fn map_code(attack: &Faulty, window: Handle) -> Result<(), Error> {
    let code = filled(attack.code, [attack.target, window.0])?;
    sys::vmo_seal(code)?;
    let prot = Prot::READ | Prot::EXEC;
    bare::vmo_map(code, 0, PAGE_SIZE, place::CODE, prot)?;
    Ok(())
}

/// A page of memory with instructions and the words for them in it.
fn filled(code: &[Instruction], words: [u64; 2]) -> Result<Handle, Error> {
    let mut memory = Memory::new(1)?;
    let (start, rest) = memory.bytes_mut().split_at_mut(WORDS_AT);
    for (to, from) in start.chunks_exact_mut(4).zip(code) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    for (to, from) in rest.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    Ok(memory.into_vmo())
}
