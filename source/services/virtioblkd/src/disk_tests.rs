//! Heads, and what they can be used for.

use std::vec;
use std::vec::Vec;

use nexus_mmio::fake::FakeShared;
use nexus_mmio::{ReadOnly, ReadWrite, SharedMut};
use nexus_sysdesc::{Queue, Shape};
use nexus_virtio::Notices;
use nexus_virtio::block::{Config, NoUse, Op, Use};
use nexus_virtio::fake::{FakeDoorbell, Layout, Order};

use crate::disk::{Disk, Done, Failure, Refused, Request};
use crate::fake::{CONFIG, Parts, SECTORS, parts};

fn request(op: Op, sector: u64, sectors: u32) -> Request {
    Request { op, sector, sectors, tag: sector }
}

fn plain() -> Parts {
    parts(CONFIG, Notices::EventIndex, Order::Oldest)
}

/// Bytes of the pieces that the device reads, and of those that it writes.
type Pieces<'a> = (&'a [u32], &'a [u32]);

type Memory<A> = FakeShared<A>;
type Made<const HEADS: usize> = Disk<Memory<ReadWrite>, Memory<ReadOnly>, Memory<ReadWrite>, HEADS>;

/// A disk with a queue with these heads.
fn disk_of<const HEADS: usize>(
    config: Config,
    shapes: &[Pieces<'_>],
) -> Result<Made<HEADS>, NoUse> {
    let shape = |(reads, writes): &Pieces<'_>| Shape {
        heads: 1,
        reads: reads.to_vec(),
        writes: writes.to_vec(),
    };
    let layout = Layout::of(&[Queue { shapes: shapes.iter().map(shape).collect() }]);
    let sealed = layout.sealed(&layout.memory(), Notices::Flags).queue::<HEADS>(0);
    let (queue, heads, slots) = sealed.unwrap();
    Disk::new(config, queue, heads, slots)
}

/// What is said of it.
fn made<const HEADS: usize>(config: Config, shapes: &[Pieces<'_>]) -> Result<(), NoUse> {
    disk_of::<HEADS>(config, shapes).map(|_| ())
}

#[test]
fn a_disk_has_heads_for_its_sectors() {
    let read: Pieces<'_> = (&[16], &[512, 1]);
    let write: Pieces<'_> = (&[16, 512], &[1]);
    assert_eq!(made::<2>(CONFIG, &[read, write]), Ok(()));
    assert_eq!(made::<1>(CONFIG, &[read]), Err(NoUse::NoSector(Use::Write)));
    assert_eq!(made::<1>(Config { writes: false, ..CONFIG }, &[read]), Ok(()));
    assert_eq!(made::<1>(CONFIG, &[write]), Err(NoUse::NoSector(Use::Read)));
    assert_eq!(made::<2>(CONFIG, &[(&[16], &[4096, 1]), write]), Err(NoUse::NoSector(Use::Read)));
    assert_eq!(made::<3>(CONFIG, &[read, (&[17], &[1]), write]), Err(NoUse::Head(1)));
    let lens: Vec<[u32; 2]> = (1..=17).map(|sectors| [512 * sectors, 1]).collect();
    let many: Vec<Pieces<'_>> = lens.iter().map(|len| (&[16][..], &len[..])).collect();
    let reads = Config { writes: false, ..CONFIG };
    assert_eq!(made::<16>(reads, &many[..16]), Ok(()));
    assert_eq!(made::<17>(reads, &many), Err(NoUse::Shapes));
    assert!(std::format!("{}", NoUse::NoSector(Use::Write)).contains("Write a sector of 512"));
}

#[test]
fn the_longest_head_that_fits_and_is_free_is_taken() {
    let Parts { mut disk, .. } = plain();
    let mut taken = |sectors| disk.submit(request(Op::Read, 0, sectors), |_, _| Ok(()));
    assert_eq!(taken(40), Ok(16));
    assert_eq!(taken(40), Ok(8));
    assert_eq!(taken(8), Ok(8));
    assert_eq!(taken(7), Ok(1));
    assert_eq!(taken(9), Ok(8));
    // Not in pieces of a sector while heads of eight are only in use.
    assert_eq!(taken(9), Err(Refused::Later));
    assert_eq!(taken(7), Ok(1));
    assert_eq!(taken(7), Err(Refused::Later));
    assert_eq!(taken(0), Err(Refused::OutOfRange));
}

#[test]
fn heads_longer_than_the_device_takes_are_not_used() {
    let config = Config { most: 4096, ..CONFIG };
    let Parts { mut disk, .. } = parts(config, Notices::Flags, Order::Oldest);
    assert_eq!(disk.submit(request(Op::Read, 0, 40), |_, _| Ok(())), Ok(8));
}

#[test]
fn a_request_whose_data_cannot_be_had_is_not_made() {
    let Parts { mut disk, mut device, platter, .. } = plain();
    let doorbell = &mut device.doorbell();
    for _ in 0..10 {
        let write = request(Op::Write, 3, 1);
        let refused = disk.submit(write, |_, _| Err(nexus_mmio::Outside));
        assert_eq!(refused, Err(Refused::NoData));
    }
    disk.ring(doorbell).unwrap();
    device.run();
    assert_eq!((platter.asked(), disk.in_flight(), disk.stats().writes), (vec![], 0, 0));
}

#[test]
fn a_request_is_as_the_specification_has_it() {
    let Parts { mut disk, mut device, memory, platter } = plain();
    for (op, code) in [(Op::Flush, 4), (Op::Serial, 8), (Op::Discard, 11), (Op::Zeroes, 13)] {
        disk.submit(request(op, 5, 1), |_, _| Ok(())).unwrap();
        disk.ring(&mut device.doorbell()).unwrap();
        device.run();
        memory.settle();
        let done = disk.complete(|_, _, _| ()).unwrap();
        assert_eq!(done, Some(Done { tag: 5, op, sectors: 0, result: Ok(()) }));
        assert_eq!(platter.asked().last(), Some(&(code, 0)));
    }
    let fill = |memory: &mut _, len| SharedMut::copy_in(memory, 0, &vec![9; len]);
    disk.submit(request(Op::Write, SECTORS - 1, 1), fill).unwrap();
    disk.ring(&mut device.doorbell()).unwrap();
    device.run();
    memory.settle();
    let done = disk.complete(|_, _, _| panic!("nothing was read")).unwrap().unwrap();
    assert_eq!((done.op, done.sectors, done.result), (Op::Write, 1, Ok(())));
    assert_eq!(platter.asked().last(), Some(&(1, SECTORS - 1)));
    assert!(platter.bytes().ends_with(&[9; 512]));
}

#[test]
fn what_was_not_read_is_not_taken() {
    let Parts { mut disk, mut device, memory, platter } = plain();
    platter.answer_with(Some(1));
    disk.submit(request(Op::Read, 3, 8), |_, _| Ok(())).unwrap();
    disk.ring(&mut device.doorbell()).unwrap();
    device.run();
    memory.settle();
    let done = disk.complete(|_, _, _| panic!("it failed")).unwrap().unwrap();
    assert_eq!((done.result, disk.stats().errors), (Err(Failure::Device), 1));
}

/// So that it begins while more is copied.
#[test]
fn much_to_write_is_urgent_until_the_device_is_told() {
    let (read, write): (Pieces<'_>, Pieces<'_>) = ((&[16], &[512, 1]), (&[16, 512], &[1]));
    let (long_read, long): (Pieces<'_>, Pieces<'_>) =
        ((&[16], &[65_536, 1]), (&[16, 65_536], &[1]));
    let shorter: Pieces<'_> = (&[16, 65_024], &[1]);
    let config = Config { sectors: 1024, ..CONFIG };
    let mut disk = disk_of::<5>(config, &[long_read, read, long, shorter, write]).unwrap();
    for (op, sectors, urgent) in [
        (Op::Read, 128, false),
        (Op::Write, 127, false),
        (Op::Write, 128, true),
        (Op::Write, 1, true),
    ] {
        assert_eq!(disk.submit(request(op, 0, sectors), |_, _| Ok(())), Ok(sectors));
        assert_eq!(disk.is_urgent(), urgent, "{op:?} {sectors}");
    }
    disk.ring(&mut FakeDoorbell::default()).unwrap();
    assert!(!disk.is_urgent());
}
