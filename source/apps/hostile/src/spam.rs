//! Makes objects until the budget is spent, and ends with all of them in hand.
#![allow(unsafe_code, reason = "starts threads that find no instructions")]

use nexus_abi::{Error, Handle, PAGE_SIZE, Prot};
use nexus_rt::sys;
use nexus_test::bare;

use crate::place;
use crate::talk::Outcome;

/// What the process ends with when every limit held, in the lowest byte; above it, how many objects
/// were made of the first kind.
const SPENT: u64 = 0x51;

/// How many objects the process made before that was refused, from what it ended with; `None` when
/// some limit did not hold.
#[must_use]
pub fn objects_made(code: u64) -> Option<u64> {
    (code & 0xff == SPENT).then_some(code >> 8)
}

/// More objects than any budget of such a process.
const MOST: usize = 1024;

/// Objects that were made, to drop them again.
struct Made {
    handles: [Handle; MOST],
    count: usize,
}

impl Made {
    /// Makes objects until that is refused, which must be for want of memory.
    fn until_refused(&mut self, make: impl Fn() -> Result<Handle, Error>) -> Result<usize, Error> {
        let before = self.count;
        loop {
            match make() {
                Ok(handle) => {
                    let slot = self.handles.get_mut(self.count).ok_or(Error::OutOfRange)?;
                    *slot = handle;
                    self.count += 1;
                }
                Err(Error::NoMemory) => return Ok(self.count - before),
                Err(error) => return Err(error),
            }
        }
    }

    /// Drops all but the first `keep`.
    fn drop_to(&mut self, keep: usize) -> Result<(), Error> {
        for handle in self.handles.get(keep..self.count).unwrap_or_default() {
            sys::cap_drop(*handle)?;
        }
        self.count = keep.min(self.count);
        Ok(())
    }
}

/// Spends everything and ends the process ([`objects_made`]). Returns when a limit did not hold.
#[must_use]
pub fn run() -> Outcome {
    match spend() {
        Ok(first) => {
            // Refused only when the process has ended already.
            let _ = sys::process_end(Handle::NONE, SPENT | (first as u64) << 8);
            Outcome::Survived
        }
        Err((step, error)) => Outcome::NotBegun { step, error: error.map_or(0, Error::code) },
    }
}

/// A step and what was wrong with it: an error, or a count that differs.
type Wrong = (u64, Option<Error>);

fn at(step: u64) -> impl Fn(Error) -> Wrong {
    move |error| (step, Some(error))
}

/// Returns how many objects of the first kind there could be.
fn spend() -> Result<usize, Wrong> {
    let mut made = Made { handles: [Handle::NONE; MOST], count: 0 };
    let first = made.until_refused(sys::notification_create).map_err(at(1))?;
    made.drop_to(0).map_err(at(2))?;
    // Dropping gave everything back, so that as many can be made again, of any kind.
    let again = made.until_refused(sys::endpoint_create).map_err(at(3))?;
    if first == 0 || first != again {
        return Err((4, None));
    }
    made.drop_to(first / 2).map_err(at(5))?;
    let vmos = made.until_refused(|| sys::vmo_create(1)).map_err(at(6))?;
    made.drop_to(first / 2 + vmos / 2).map_err(at(7))?;
    spend_mappings(&made, first / 2).map_err(at(8))?;
    spend_threads().map_err(at(9))?;
    Ok(first)
}

/// Maps one memory object again and again, a page table for each, until that is refused.
fn spend_mappings(made: &Made, vmo: usize) -> Result<(), Error> {
    /// Bytes that one page table covers.
    const STRIDE: u64 = 512 * PAGE_SIZE;
    let vmo = *made.handles.get(vmo).ok_or(Error::OutOfRange)?;
    for n in 0u64.. {
        let va = place::PAGE + n * STRIDE;
        match bare::vmo_map(vmo, 0, PAGE_SIZE, va, Prot::READ) {
            Ok(_) => {}
            Err(Error::NoMemory) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Starts threads, which never get to run, until that is refused.
fn spend_threads() -> Result<(), Error> {
    loop {
        // SAFETY: nothing is mapped there, and the process ends before they get to run.
        match unsafe { sys::thread_create(Handle::NONE, place::CODE, 0, 0, 0) } {
            Ok(_) => {}
            Err(Error::NoMemory) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
