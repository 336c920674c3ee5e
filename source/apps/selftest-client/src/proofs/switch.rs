//! What a thread finds in its registers after others ran.
#![allow(unsafe_code, reason = "starts threads that run instructions of its own")]

use alloc::vec::Vec;

use hostile::code::register::{A0, A1, A7, T0, ZERO};
use hostile::code::{
    ECALL, Instruction, add_immediate, add_pages, branch_unless_equal, load_double, load_immediate,
    load_reserved, store_conditional,
};
use nexus_abi::{Handle, PAGE_SIZE, Prot, SYSCALL_SIGNAL, SYSCALL_THREAD_EXIT, SYSCALL_YIELD};
use nexus_rt::{Deadline, Memory, sys};
use nexus_test::bare;

use super::window::FREE;
use crate::check::{Check, ensure};
use crate::context::Context;

const T1: u32 = 6;
const T2: u32 = 7;

/// Where their instructions are; their data is in the next page. Both stay mapped.
const CODE: u64 = FREE + (1 << 24);
/// Times that each thread sets all registers, yields, and looks at them; and that it does so without
/// yielding, for some time slices.
const YIELDS: u64 = 500;
const TURNS: u64 = 60_000;

/// Words of the data of a thread: the notification, and the rounds that are left of each kind.
const BLOCK: u64 = 32;
/// Milliseconds that they may take.
const LIMIT_MS: u64 = 60_000;

/// Two threads keep a number of their own in each register, while each runs between the steps of the
/// other; and a reservation that one made before the other ran is gone.
pub(crate) fn registers(context: &Context) -> Check {
    let told = sys::notification_create()?;
    let mut text = Vec::new();
    let entries = [1, 2].map(|number| {
        let entry = CODE + 4 * text.len() as u64;
        Program { text: &mut text, number }.write();
        entry
    });
    let mut code = Memory::new(1)?;
    for (to, word) in code.bytes_mut().chunks_exact_mut(4).zip(&text) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    let code = code.into_vmo();
    sys::vmo_seal(code)?;
    bare::vmo_map(code, 0, PAGE_SIZE, CODE, Prot::READ | Prot::EXEC)?;
    let mut data = Memory::new(1)?;
    let words = [told.0, YIELDS, TURNS, 0];
    let words = words.iter().chain(&words).flat_map(|word| word.to_le_bytes());
    for (to, byte) in data.bytes_mut().iter_mut().zip(words) {
        *to = byte;
    }
    let data = data.into_vmo();
    let write = Prot::READ | Prot::WRITE;
    bare::vmo_map(data, 0, PAGE_SIZE, CODE + PAGE_SIZE, write)?;
    let priority = u64::from(context.own_service()?.priority);
    for entry in entries {
        // SAFETY: the instructions store in the page behind them only, and use no stack.
        unsafe { sys::thread_create(Handle::NONE, entry, 0, 0, priority)? };
    }
    let limit = Deadline::after_ms(LIMIT_MS).ticks();
    let mut bits = 0;
    while bits != GOOD {
        bits |= sys::wait(told, limit, Handle::NONE)?;
        ensure!(
            bits & !GOOD == 0,
            "a register changed, or a reservation outlived a switch: {bits:#x}"
        );
    }
    Ok(())
}

/// The bits of both threads.
const GOOD: u64 = 0b11;

/// The instructions of one thread.
struct Program<'a> {
    text: &'a mut Vec<Instruction>,
    /// 1 or 2.
    number: u32,
}

impl Program<'_> {
    fn write(&mut self) {
        let mut fails = Vec::new();
        self.reservation(&mut fails);
        self.rounds(true, [A0, A1], 8, &mut fails);
        self.rounds(false, [T0, T1], 16, &mut fails);
        self.end(1 << (self.number - 1));
        let here = self.text.len();
        for (at, a, b) in fails {
            let offset = i32::try_from(4 * (here - at)).unwrap_or(0);
            if let Some(word) = self.text.get_mut(at) {
                *word = branch_unless_equal(a, b, offset);
            }
        }
        self.end(1 << (self.number + 1));
    }

    /// The number that register `n` has in this thread.
    fn value(&self, n: u32) -> u32 {
        64 * self.number + n
    }

    /// The address of this thread's data from `offset` on.
    fn address(&mut self, to: u32, offset: u32) {
        self.address_of(self.number, to, offset);
    }

    /// The address of the data of thread `number` from `offset` on.
    fn address_of(&mut self, number: u32, to: u32, offset: u32) {
        let here = i32::try_from(4 * self.text.len()).unwrap_or(0);
        let data = i32::try_from(u64::from(number - 1) * BLOCK).unwrap_or(0);
        let offset = i32::try_from(offset).unwrap_or(0);
        self.text.extend([add_pages(to, 1), add_immediate(to, to, data + offset - here)]);
    }

    fn call(&mut self, number: u64) {
        let number = u32::try_from(number).unwrap_or(0);
        self.text.extend([load_immediate(A7, number), ECALL]);
    }

    /// A place for a branch to the end that tells of a failure.
    fn fail_unless_equal(&mut self, a: u32, b: u32, fails: &mut Vec<(usize, u32, u32)>) {
        fails.push((self.text.len(), a, b));
        self.text.push(0);
    }

    /// Reserves, lets the other reserve the same word, and must not be able to store.
    fn reservation(&mut self, fails: &mut Vec<(usize, u32, u32)>) {
        self.address_of(1, T0, 24);
        self.text.push(load_reserved(T1, T0));
        self.call(SYSCALL_YIELD);
        self.text.extend([store_conditional(T2, T1, T0), load_immediate(T1, 1)]);
        self.fail_unless_equal(T2, T1, fails);
    }

    /// Sets all registers but two and looks at them, as often as the word at `count` says.
    fn rounds(
        &mut self,
        yields: bool,
        [spare, other]: [u32; 2],
        count: u32,
        fails: &mut Vec<(usize, u32, u32)>,
    ) {
        let top = self.text.len();
        let all = (1..32).filter(|n| *n != spare && *n != other);
        for n in all.clone() {
            self.text.push(load_immediate(n, self.value(n)));
        }
        if yields {
            self.call(SYSCALL_YIELD);
            self.text.push(load_immediate(A7, self.value(A7)));
        }
        for n in all {
            self.text.push(load_immediate(spare, self.value(n)));
            self.fail_unless_equal(n, spare, fails);
        }
        self.address(spare, count);
        self.text.extend([load_double(other, spare, 0), add_immediate(other, other, -1)]);
        self.text.push(store_double(other, spare));
        let back = i32::try_from(4 * (self.text.len() - top)).unwrap_or(0);
        self.text.push(branch_unless_equal(other, ZERO, -back));
    }

    /// Tells `bits`, and ends the thread.
    fn end(&mut self, bits: u32) {
        self.address(A0, 0);
        self.text.extend([load_double(A0, A0, 0), load_immediate(A1, bits)]);
        self.call(SYSCALL_SIGNAL);
        self.call(SYSCALL_THREAD_EXIT);
    }
}

/// `sd rs, 0(base)`.
const fn store_double(rs: u32, base: u32) -> Instruction {
    (rs << 20) | (base << 15) | (3 << 12) | 0x23
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_fit_their_page() {
        let mut text = Vec::new();
        for number in [1, 2] {
            Program { text: &mut text, number }.write();
        }
        assert!(4 * text.len() as u64 <= PAGE_SIZE, "{}", text.len());
        // An offset from an instruction to the data is less than half a page.
        assert!(4 * text.len() < 2048 + 32, "{}", text.len());
        assert!(!text.contains(&0));
    }
}
