//! How the wild processes end: each in another way.

use hostile::fault::cause;
use nexus_abi::{Error, Handle, PAGE_SIZE, STACK_TOP};
use nexus_proto::init::EndKind;
use nexus_rt::sys;
use nexus_test::bare;

use crate::draw::TEXT;

/// Service id of the first wild process.
pub const FIRST: u32 = 60;
/// How many there are.
pub const COUNT: u32 = 4;
/// What one of them ends with.
const CODE: u64 = 0x71;
/// Pages of its stack (system description, default).
const STACK_PAGES: u64 = 16;

/// Ends this process, as its place says.
///
/// # Errors
/// Why it goes on.
pub fn end(place: u32) -> Result<(), Error> {
    match place {
        0 => sys::process_end(Handle::NONE, CODE),
        1 => sys::thread_exit(),
        2 => bare::unmap(TEXT),
        _ => bare::unmap(STACK_TOP - STACK_PAGES * PAGE_SIZE),
    }
}

/// True when a process at this place ended as it must: how, and with which code or cause.
#[must_use]
pub fn fits(place: u32, kind: EndKind, code: u64) -> bool {
    match place {
        0 => (kind, code) == (EndKind::Exit, CODE),
        1 => (kind, code) == (EndKind::Exit, 0),
        2 => (kind, code) == (EndKind::Fault, cause::EXECUTE),
        _ => kind == EndKind::Fault && [cause::LOAD, cause::STORE].contains(&code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_an_end_of_its_own() {
        let ends = [
            (EndKind::Exit, CODE),
            (EndKind::Exit, 0),
            (EndKind::Fault, cause::EXECUTE),
            (EndKind::Fault, cause::STORE),
        ];
        for place in 0..COUNT {
            let fitting: Vec<usize> =
                (0..4).filter(|n| fits(place, ends[*n].0, ends[*n].1)).collect();
            assert_eq!(fitting, [place as usize]);
        }
        assert!((0..COUNT).all(|place| !fits(place, EndKind::None, 0)));
    }
}
