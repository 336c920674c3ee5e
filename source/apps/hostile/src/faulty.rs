//! Runs hostile instructions: as data in sealed memory, with a thread of its own.
#![allow(unsafe_code, reason = "starts a thread that runs hostile instructions")]

use nexus_abi::{Error, Handle, NO_DEADLINE, PAGE_SIZE, Prot};
use nexus_rt::{Memory, startup, sys};
use nexus_test::bare;

use crate::attack::{Faulty, Page};
use crate::code::Instruction;
use crate::place;
use crate::talk::Outcome;

/// Priority of the thread that runs them: it runs while the first thread waits.
const PRIORITY: u64 = 1;
/// Where the words for the instructions are in their page.
const WORDS_AT: usize = (place::WORDS - place::CODE) as usize;

/// Runs them. Returns only when they could not begin.
#[must_use]
pub fn run(attack: &Faulty) -> Outcome {
    let window = startup().window();
    let len = window.map_or(0, |cap| cap.len);
    let window = window.map_or(Handle::NONE, |cap| Handle(cap.handle));
    if let Err(error) = map_page(attack, window, len) {
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
        Ok(never) => wait_for_the_end(never),
        Err(error) => Outcome::not_begun(3, error),
    }
}

/// Lets the attack run: nobody signals `never`, and the wait ends with the process. How long that takes
/// depends on the host, so that no number of milliseconds would tell an attack that survived.
fn wait_for_the_end(never: Handle) -> Outcome {
    let error = sys::wait(never, NO_DEADLINE, Handle::NONE).map_or_else(Error::code, |_| 0);
    Outcome::NotBegun { step: 4, error }
}

fn map_page(attack: &Faulty, window: Handle, len: u64) -> Result<(), Error> {
    match attack.page {
        Page::Nothing => {}
        Page::Window(prot) => {
            if prot == Prot::READ {
                cannot_write(window)?;
            }
            only_inside(window, len, prot)?;
            bare::mmio_map(window, 0, PAGE_SIZE, place::PAGE, prot)?;
            let later = bare::protect(place::PAGE, Prot::READ | Prot::EXEC);
            refused(later, Error::ExecDenied)?;
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
    refused(map(window, 0, PAGE_SIZE, Prot::READ | Prot::WRITE), Error::Denied)
}

/// A window of `len` bytes is mapped to its last page, in whole pages, not to be executed, and no further.
fn only_inside(window: Handle, len: u64, prot: Prot) -> Result<(), Error> {
    let last = len.checked_sub(PAGE_SIZE).ok_or(Error::OutOfRange)?;
    for (offset, len, prot, error) in [
        (len, PAGE_SIZE, prot, Error::OutOfRange),
        (last, 2 * PAGE_SIZE, prot, Error::OutOfRange),
        (0, PAGE_SIZE - 1, prot, Error::Misaligned),
        (0, PAGE_SIZE + 1, prot, Error::Misaligned),
        (1, PAGE_SIZE, prot, Error::Misaligned),
        (0, PAGE_SIZE, prot | Prot::EXEC, Error::ExecDenied),
    ] {
        refused(map(window, offset, len, prot), error)?;
    }
    map(window, last, PAGE_SIZE, prot)?;
    bare::unmap(place::PAGE)
}

fn map(window: Handle, offset: u64, len: u64, prot: Prot) -> Result<u64, Error> {
    bare::mmio_map(window, offset, len, place::PAGE, prot)
}

/// What must be refused, and so; else the attack does not begin.
fn refused<T>(result: Result<T, Error>, with: Error) -> Result<(), Error> {
    match result {
        Err(error) if error == with => Ok(()),
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
