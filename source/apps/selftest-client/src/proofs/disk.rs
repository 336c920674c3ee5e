//! The disk of virtioblkd, by messages.

use alloc::vec::Vec;
use core::fmt::Debug;

use nexus_proto::disk::{
    Attach, Disk, DiskInfo, DiskStats, Flush, Info, Read, SECTOR, Stats, Write, can, ring as wire,
};
use nexus_proto::{Operation, ServiceError, Text, Zero, ids};
use nexus_ring::{DONE, REFUSED, Refused, Submission};
use nexus_rt::{CallError, Client, Ring, startup};

use crate::check::{Check, Failure, ensure, passed, same};
use crate::context::Context;
use crate::proofs::ring::{self, Side};

/// What is written at these sectors and read back: the first, one in the middle of a block, and the last.
const BYTES: usize = 40;

fn ask<O: Operation<Protocol = Disk>>(context: &Context, op: &O) -> Result<O::Reply, CallError> {
    let disk: Client<Disk> = startup()
        .client(ids::VIRTIOBLKD)
        .map_err(|_| CallError::Service(ServiceError::NoSuchService))?;
    context.ask(disk, op)
}

fn read(offset: u64, len: u32) -> Read {
    Read { offset, len, zero: Zero::ZERO }
}

fn refused<T: Debug>(what: &str, answer: Result<T, CallError>, why: ServiceError) -> Check {
    match answer {
        Err(CallError::Service(error)) if error == why => {
            passed(1);
            Ok(())
        }
        other => Err(Failure::new(format_args!("{what}: {other:?}, expected {why:?}"))),
    }
}

/// Bytes of which each depends on where it is.
fn pattern(sector: u64) -> Vec<u8> {
    (0..BYTES as u64).map(|at| (sector.wrapping_mul(31) ^ at.wrapping_mul(7)) as u8 | 1).collect()
}

/// What is written at three places is there afterwards, at each its own, and what is beside it is as it was;
/// before, the disk holds zeroes. It counts what it did.
pub(crate) fn read_back(context: &Context) -> Check {
    let DiskInfo { sectors, can, .. } = ask(context, &Info {})?;
    ensure!(sectors >= 16, "a disk of {sectors} sectors");
    ensure!(can & can::WRITE != 0 && can & can::FLUSH != 0, "it can do {can:#x}");
    let before: DiskStats = ask(context, &Stats {})?;
    let places = [0, 11, sectors - 1];
    for sector in places {
        let start = sector * SECTOR;
        same("a new disk", &ask(context, &read(start, 48))?, &Text::piece(&[0; 48]))?;
        let write = Write { offset: start + 3, data: Text::piece(&pattern(sector)) };
        same("bytes written", &ask(context, &write)?.len, &(BYTES as u64))?;
    }
    ask(context, &Flush {})?;
    for sector in places {
        let start = sector * SECTOR;
        let text = ask(context, &read(start + 3, BYTES as u32))?;
        same("what was written", &text.as_bytes(), &pattern(sector).as_slice())?;
        same("before it", &ask(context, &read(start, 3))?, &Text::piece(&[0; 3]))?;
        let after = read(start + 3 + BYTES as u64, 40);
        same("after it", &ask(context, &after)?, &Text::piece(&[0; 40]))?;
    }
    let stats: DiskStats = ask(context, &Stats {})?;
    // A write of bytes reads the sector first.
    same("reads", &(stats.reads - before.reads), &15)?;
    same("writes", &(stats.writes - before.writes), &3)?;
    same("bytes", &(stats.written_bytes - before.written_bytes), &(3 * SECTOR))?;
    same("flushes", &(stats.flushes - before.flushes), &1)?;
    same("errors", &stats.errors, &0)
}

/// Requests by the ring that are under way at one time.
const AT_ONCE: u16 = 32;
/// Bytes of each.
const PIECE: u32 = 4096;
/// The first sector that is written by the ring.
const FIRST: u64 = 32;

/// A request whose data is at the place of its id, in the ring and on the disk.
fn request(op: u8, id: u16) -> Submission {
    let offset = u32::from(id) * PIECE;
    Submission { id, op, len: PIECE, offset, arg: FIRST + u64::from(offset) / SECTOR }
}

/// Byte `at` of what is written by request `id`.
fn byte(id: u16, at: usize) -> u8 {
    (usize::from(id) * 37 + at * 11 + at / 97) as u8
}

/// What is written by the ring, all at once, is read back by it, all at once, and by messages.
/// What cannot be is refused, and the device does not hear of it.
pub(crate) fn by_ring(context: &Context) -> Check {
    let (ring, memory) = ring::with(ids::VIRTIOBLKD)?;
    let mut side = ring::side(memory)?;
    attach(&mut side)?;
    let DiskInfo { sectors, .. } = ask(context, &Info {})?;
    let end = request(wire::WRITE, AT_ONCE).arg;
    ensure!(sectors >= end, "a disk of {sectors} sectors");
    let before: DiskStats = ask(context, &Stats {})?;
    for id in 0..AT_ONCE {
        let bytes: Vec<u8> = (0..PIECE as usize).map(|at| byte(id, at)).collect();
        side.write(u32::from(id) * PIECE, &bytes)?;
    }
    at_once(ring, &mut side, wire::WRITE)?;
    one(ring, &mut side, Submission { op: wire::FLUSH, ..Submission::default() }, DONE)?;
    for id in 0..AT_ONCE {
        side.write(u32::from(id) * PIECE, &[0; PIECE as usize])?;
    }
    at_once(ring, &mut side, wire::READ)?;
    for id in 0..AT_ONCE {
        let mut bytes = [0; PIECE as usize];
        side.read(u32::from(id) * PIECE, &mut bytes)?;
        let right = bytes.iter().enumerate().all(|(at, seen)| *seen == byte(id, at));
        ensure!(right, "request {id} does not read what was written");
        let text = ask(context, &read(request(wire::READ, id).arg * SECTOR, 48))?;
        let expected: Vec<u8> = (0..48).map(|at| byte(id, at)).collect();
        same("the same by a message", &text.as_bytes(), &expected.as_slice())?;
    }
    let done: DiskStats = ask(context, &Stats {})?;
    same("writes", &(done.writes - before.writes), &AT_ONCE.into())?;
    same("reads", &(done.reads - before.reads), &(2 * u64::from(AT_ONCE)))?;
    ring_refusals(ring, &mut side, sectors)?;
    let after: DiskStats = ask(context, &Stats {})?;
    same("what was done", &after, &done)
}

/// As many requests as are under way at one time; all are done. Those that were under way when the driver died
/// are made again: to read or write the same twice is the same as once.
fn at_once(ring: Ring, side: &mut Side, op: u8) -> Check {
    let mut left: Vec<u16> = (0..AT_ONCE).collect();
    let mut seen = 0_u64;
    while !left.is_empty() {
        for id in left.drain(..) {
            side.submit(request(op, id)).map_err(refused_here)?;
        }
        ring::tell(ring, side)?;
        while side.in_flight() > 0 {
            let Some(done) = ring::completed(ring, side)? else {
                left.extend(side.begin());
                attach(side)?;
                break;
            };
            same("status and length", &(done.status, done.len), &(DONE, PIECE))?;
            seen |= 1 << done.id;
        }
    }
    same("requests that were completed", &seen, &((1 << AT_ONCE) - 1))
}

/// One request, and how it must come out; made again when the driver dies.
fn one(ring: Ring, side: &mut Side, request: Submission, status: u8) -> Check {
    loop {
        side.submit(request).map_err(refused_here)?;
        ring::tell(ring, side)?;
        if let Some(done) = ring::completed(ring, side)? {
            return same("id and status", &(done.id, done.status), &(request.id, status));
        }
        same("what was in flight", &side.begin().collect::<Vec<_>>(), &Vec::from([request.id]))?;
        attach(side)?;
    }
}

fn attach(side: &mut Side) -> Check {
    ring::attached(&startup().client(ids::VIRTIOBLKD)?, &Attach {}, [side])
}

/// Sectors, lengths and operations that cannot be.
fn ring_refusals(ring: Ring, side: &mut Side, sectors: u64) -> Check {
    for op in [wire::READ, wire::WRITE] {
        for (sector, len) in [
            (sectors, 512),
            (sectors - 1, 1024),
            (u64::MAX, 512),
            (u64::MAX - 1, 1024),
            (0, 511),
            (0, 1),
            (0, 0),
        ] {
            let request = Submission { id: 63, op, len, offset: 0, arg: sector };
            one(ring, side, request, wire::OUT_OF_RANGE)?;
        }
    }
    for op in [5, 63, 64, u8::MAX] {
        one(ring, side, request(op, 9), REFUSED)?;
    }
    Ok(())
}

fn refused_here(why: Refused) -> Failure {
    Failure::new(format_args!("not submitted: {why:?}"))
}

/// Places and lengths that cannot be: the device does not hear of any.
pub(crate) fn refusals(context: &Context) -> Check {
    let end = ask(context, &Info {})?.sectors * SECTOR;
    let before: DiskStats = ask(context, &Stats {})?;
    for (offset, len) in [
        (0, 0),
        (0, 49),
        (0, u32::MAX),
        (SECTOR - 1, 2),
        (end - 1, 2),
        (end, 1),
        (end + SECTOR, 48),
        (u64::MAX - 47, 48),
        (u64::MAX, 1),
    ] {
        refused("a read", ask(context, &read(offset, len)), ServiceError::OutOfRange)?;
    }
    for (offset, bytes) in [(0, 0), (SECTOR - 1, 2), (end, 1), (end - 1, 2), (u64::MAX, 1)] {
        let data = Text::piece([1; 2].get(..bytes).unwrap_or(&[]));
        refused("a write", ask(context, &Write { offset, data }), ServiceError::OutOfRange)?;
    }
    let after: DiskStats = ask(context, &Stats {})?;
    same("what was done", &after, &before)
}

/// A disk that holds the store takes no data by messages, whatever is asked, and tells what it is.
pub(crate) fn of_the_store(context: &Context) -> Check {
    let end = ask(context, &Info {})?.sectors * SECTOR;
    for offset in [0, SECTOR, end - SECTOR, end, u64::MAX] {
        let data = Text::piece(&pattern(offset));
        refused("a read", ask(context, &read(offset, 48)), ServiceError::BadState)?;
        refused("a write", ask(context, &Write { offset, data }), ServiceError::BadState)?;
        refused("a flush", ask(context, &Flush {}), ServiceError::BadState)?;
    }
    same("errors", &ask(context, &Stats {})?.errors, &0)
}
