//! The tasks themselves. Each tells how much it did.

use alloc::vec::Vec;

use nexus_abi::{Error, Handle, MAX_PAGES_PER_CALL, Message, NO_DEADLINE, PAGE_SIZE, Prot, Rights};
use nexus_proto::init::{Init, Ready};
use nexus_proto::log::{Level, Log, Write};
use nexus_proto::{Text, Zero};
use nexus_rt::{CallError, Deadline, startup, sys, ticks};
use nexus_test::bare;

use crate::slow;
use crate::task::{CALL, LONG, SHARED, Work, ids};

/// Where pages are mapped.
const PLACE: u64 = 0x32_0000_0000;
/// Children of one capability.
const WIDTH: u64 = 3_000;
/// Pages of the largest memory object, and how often it is mapped.
const PAGES: u64 = MAX_PAGES_PER_CALL;
const TIMES: u64 = 8;
/// Instructions that the hog spends.
const HOG: u64 = 10_000_000;

/// Does `work` and tells how much.
///
/// # Errors
/// What the kernel refused, and should not have.
pub fn perform(work: Work) -> Result<u64, Error> {
    match work {
        Work::Nothing => {
            slow::spend(LONG * 10);
            Ok(0)
        }
        Work::Objects => objects(),
        Work::DeepRevoke => deep(),
        Work::WideRevoke => wide(),
        Work::MappedRevoke => mapped(),
        Work::LogFlood => log_flood(),
        Work::MessageFlood => message_flood(),
        Work::Hung => hung(),
        Work::Inversion => hold_slow(),
        Work::Heap => heap(),
        Work::Fragments => fragments(),
        Work::Share => Ok(share()),
        Work::End => many(sys::notification_create()?),
    }
}

/// Keeps the processor busy.
pub fn hog() {
    slow::spend(HOG);
}

/// Calls the slow server again and again until `end`, in ticks: each turn ends while something more
/// important runs.
///
/// # Errors
/// What the kernel refused.
pub fn rival(end: u64) -> Result<(), Error> {
    let slow = startup().service(ids::SLOW).map_err(|_| Error::BadHandle)?;
    while ticks() < end {
        sys::call(slow, &Message::new(0, &[CALL]), NO_DEADLINE)?;
    }
    Ok(())
}

/// The time that this process has, in thousandths: what passes between two looks at the clock, when
/// it is so little that nobody else ran.
fn share() -> u64 {
    /// Ticks: 5,000 instructions.
    const GAP: u64 = 50;
    let begin = ticks();
    let (mut last, mut own) = (begin, 0);
    while last < begin + SHARED {
        slow::spend(300);
        let now = ticks();
        own += Some(now - last).filter(|gap| *gap < GAP).unwrap_or(0);
        last = now;
    }
    own * 1_000 / SHARED
}

/// Takes the frames of its budget in large objects, with a small one after each; then gives the
/// large ones back, and takes the frames again in larger ones than any run of free frames.
fn fragments() -> Result<u64, Error> {
    let frames = || sys::process_stat(Handle::NONE).map(|stat| stat.frames);
    let (_, limit) = frames()?;
    let mut pins = Vec::with_capacity(limit as usize / PAGES as usize + 1);
    let mut large = Vec::with_capacity(pins.capacity());
    while let Ok(handle) = sys::vmo_create(PAGES - 1) {
        large.push(handle);
        pins.push(sys::vmo_create(1)?);
    }
    let count = large.len();
    large.drain(..).try_for_each(sys::cap_drop)?;
    let (used, _) = frames()?;
    let room = u64::from(limit - used) / PAGES;
    for _ in 0..room {
        large.push(sys::vmo_create(PAGES)?);
    }
    large.drain(..).chain(pins).try_for_each(sys::cap_drop)?;
    if count < 2 { Err(Error::NoMemory) } else { Ok(room * PAGES) }
}

/// Makes objects until that is refused for want of memory, and drops them; so with each kind.
fn objects() -> Result<u64, Error> {
    let (_, limit) = sys::process_stat(Handle::NONE)?.objects;
    // Before the count, because the heap costs objects as well.
    let mut made = Vec::with_capacity(limit as usize);
    let before = sys::process_stat(Handle::NONE)?.objects;
    let kinds: [fn() -> Result<Handle, Error>; 3] =
        [sys::notification_create, sys::endpoint_create, || sys::vmo_create(1)];
    let mut total = 0;
    for make in kinds {
        let error = loop {
            match make() {
                Ok(handle) => made.push(handle),
                Err(error) => break error,
            }
        };
        if error != Error::NoMemory {
            return Err(error);
        }
        total += made.len() as u64;
        for handle in made.drain(..) {
            sys::cap_drop(handle)?;
        }
        if sys::process_stat(Handle::NONE)?.objects != before {
            return Err(Error::BadState);
        }
    }
    Ok(total)
}

/// Chains of capabilities as deep as can be, each the child of the one before, revoked from the top.
fn deep() -> Result<u64, Error> {
    let top = sys::notification_create()?;
    let mut ended = 0;
    for _ in 0..24 {
        let mut last = top;
        let error = loop {
            match sys::cap_derive(last, rights(), 0, 0) {
                Ok(child) => last = child,
                Err(error) => break error,
            }
            ended += 1;
        };
        if error != Error::TooDeep {
            return Err(error);
        }
        sys::cap_revoke(top)?;
    }
    sys::cap_drop(top)?;
    Ok(ended)
}

fn rights() -> Rights {
    Rights::DERIVE | Rights::REVOKE | Rights::SEND
}

/// Thousands of children of `top`.
fn many(top: Handle) -> Result<u64, Error> {
    for _ in 0..WIDTH {
        sys::cap_derive(top, rights(), 0, 0)?;
    }
    Ok(WIDTH)
}

fn wide() -> Result<u64, Error> {
    let top = sys::notification_create()?;
    let made = many(top)?;
    sys::cap_revoke(top)?;
    sys::cap_drop(top)?;
    Ok(made)
}

/// Thousands of pages mapped through one child, which is revoked.
fn mapped() -> Result<u64, Error> {
    let vmo = sys::vmo_create(PAGES)?;
    let child = sys::cap_derive(vmo, Rights::MAP | Rights::READ, 0, 0)?;
    let len = PAGES * PAGE_SIZE;
    for n in 0..TIMES {
        bare::vmo_map(child, 0, len, PLACE + n * len, Prot::READ)?;
    }
    sys::cap_revoke(vmo)?;
    let gone = bare::unmap(PLACE) == Err(Error::BadAddress);
    sys::cap_drop(vmo)?;
    if gone { Ok(TIMES * PAGES) } else { Err(Error::BadState) }
}

fn log_flood() -> Result<u64, Error> {
    let logd = startup().client::<Log>(nexus_proto::ids::LOGD).map_err(|_| Error::BadHandle)?;
    for done in 0..4_000 {
        let text = Text::piece(b"pressure");
        let line = Write { level: Level::Debug, zero: Zero::ZERO, text };
        match logd.call(&line, Deadline::NEVER) {
            Ok(()) | Err(CallError::Service(_)) => {}
            Err(_) => return Ok(done),
        }
    }
    Ok(4_000)
}

fn message_flood() -> Result<u64, Error> {
    let init = startup().client::<Init>(nexus_proto::ids::INIT).map_err(|_| Error::BadHandle)?;
    let answered = (0..2_000).take_while(|_| init.call(&Ready {}, Deadline::NEVER).is_ok());
    Ok(answered.count() as u64)
}

/// Calls an endpoint where nobody receives: each call ends at its deadline, and soon after it.
fn hung() -> Result<u64, Error> {
    /// Ticks to wait, and ticks by which it may be late: 1 ms, and 50,000 instructions.
    const WAIT: u64 = 10_000;
    const LATE: u64 = 500;
    let nobody = sys::endpoint_create()?;
    let mut on_time = 0;
    for _ in 0..20 {
        let deadline = ticks() + WAIT;
        let answer = sys::call(nobody, &Message::default(), deadline);
        let late = ticks().checked_sub(deadline).ok_or(Error::BadState)?;
        on_time += u64::from(answer == Err(Error::TimedOut) && late <= LATE);
    }
    sys::cap_drop(nobody)?;
    Ok(on_time)
}

fn hold_slow() -> Result<u64, Error> {
    let slow = startup().service(ids::SLOW).map_err(|_| Error::BadHandle)?;
    for _ in 0..50 {
        sys::call(slow, &Message::new(0, &[LONG]), NO_DEADLINE)?;
    }
    Ok(50)
}

/// Makes objects until there are none, and then fills the heap: it takes the frames that are left.
fn heap() -> Result<u64, Error> {
    /// Pages of a block, with what the heap keeps beside it.
    const BLOCK: u64 = 16;
    let stat = sys::process_stat(Handle::NONE)?;
    let mut made = Vec::with_capacity(stat.objects.1 as usize);
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(stat.frames.1 as usize);
    let first = sys::notification_create()?;
    made.push(first);
    while let Ok(handle) = sys::cap_derive(first, rights(), 0, 0) {
        made.push(handle);
    }
    if sys::notification_create() != Err(Error::NoMemory) {
        return Err(Error::BadState);
    }
    while blocks.len() < blocks.capacity() {
        let mut block = Vec::new();
        if block.try_reserve_exact((BLOCK * PAGE_SIZE - 64) as usize).is_err() {
            break;
        }
        blocks.push(block);
    }
    made.into_iter().rev().try_for_each(sys::cap_drop)?;
    Ok(blocks.len() as u64 * BLOCK)
}
