//! What a driver takes of what was set up for it.

use nexus_mmio::fake::{FakeMemory, FakeShared};
use nexus_mmio::{ReadOnly, ReadWrite};
use nexus_sysdesc::Queue;
use nexus_sysdesc::layout::Layout;

use crate::fake::{FakeDevice, Layout as FakeLayout};
use crate::{Doorbell, Feature, Mismatch, Notices, Sealed};

type Tested = Sealed<FakeShared<ReadWrite>, FakeShared<ReadOnly>>;

/// Two queues, of 3 heads and 2.
fn queues() -> Vec<Queue> {
    vec![FakeLayout::queue(3, &[], &[64]), FakeLayout::queue(2, &[16, 100], &[1, 4])]
}

/// Taken from memory of these lengths.
fn sealed(queues: &[Queue], pool: usize, used: usize) -> Result<Tested, Mismatch> {
    let memory = FakeMemory::new(pool + used);
    let parts = (memory.part(0..pool), memory.part(pool..pool + used));
    let layout = Layout::of(queues).unwrap();
    Sealed::new("services/rngd.toml, needs rng0", layout, 0, parts.0, parts.1)
        .map_err(|misfit| misfit.what)
}

// attack 42 U: memory of another device, shorter or longer than what is described; refused; broken: sealed-lengths
#[test]
fn memory_is_as_long_as_it_is_laid_out() {
    let queues = queues();
    let (pool, used) = (2 * 4096, 4096);
    assert!(sealed(&queues, pool, used).is_ok());
    for (has, used) in [(0, used), (4096, used), (pool + 4096, used)] {
        let wrong = Mismatch::Length { of: "pool", has: has as u64, needs: pool as u64 };
        assert_eq!(sealed(&queues, has, used).unwrap_err(), wrong);
    }
    for has in [0, 4088, 8192] {
        let wrong =
            Mismatch::Length { of: "memory of the used rings", has: has as u64, needs: 4096 };
        assert_eq!(sealed(&queues, pool, has).unwrap_err(), wrong);
    }
    assert_eq!(sealed(&[], 0, 0).unwrap_err(), Mismatch::NoQueues);
}

// attack 42 U: a description of another device, with other heads than the driver is built for; refused with place and fix; broken: sealed-heads
#[test]
fn a_queue_has_the_heads_that_its_driver_is_built_for() {
    let mut sealed = sealed(&queues(), 2 * 4096, 4096).unwrap();
    let wrong = sealed.queue::<4>(0).map(|_| ()).unwrap_err();
    assert_eq!(wrong.what, Mismatch::Heads { number: 0, described: 3, built: 4 });
    let text = "services/rngd.toml, needs rng0: queue 0 has 3 heads, and the driver is built for 4; \
                make them equal, there or in the driver";
    assert_eq!(alloc::format!("{wrong}"), text);
    assert!(sealed.queue::<2>(0).is_err());
    assert!(sealed.queue::<3>(0).is_ok(), "it is not lost by that");
    assert_eq!(sealed.queue::<3>(0).map(|_| ()).unwrap_err().what, Mismatch::NoQueue { number: 0 });
    assert!(sealed.queue::<2>(1).is_ok());
    for number in [2, u16::MAX] {
        let none = sealed.queue::<2>(number).map(|_| ()).unwrap_err();
        assert_eq!(none.what, Mismatch::NoQueue { number });
    }
}

// attack 52 U: the device says that it wrote more than its pieces have; the sum of them; broken: sealed-writable
#[test]
fn the_device_may_write_what_is_described() {
    let layout = FakeLayout::of(&queues());
    let memory = layout.memory();
    let mut sealed = layout.sealed(&memory, Notices::Flags);
    let (mut queue, [head, _], _) = sealed.queue::<2>(1).unwrap();
    queue.post(head).unwrap();
    let used = layout.used(1).start;
    memory.device_write(used + 4, &[[0; 4], [0xff; 4]].concat());
    memory.device_write(used + 2, &[1, 0]);
    memory.settle();
    assert_eq!(queue.pop().unwrap().unwrap().len(), 5);
}

#[test]
fn two_queues_of_a_device_share_registers_and_no_memory() {
    let layout = FakeLayout::of(&queues());
    let memory = layout.memory();
    let device = |queue| {
        FakeDevice::new(&memory, &layout, queue, Notices::EventIndex, move |head, read| {
            let len = if queue == 0 { 64 } else { read.len().min(5) };
            vec![queue as u8 * 10 + head as u8; len]
        })
    };
    let mut first = device(0);
    let mut second = device(1).with_doorbell(&first.doorbell());
    let mut sealed = layout.sealed(&memory, Notices::EventIndex);
    let (mut one, heads, slots) = sealed.queue::<3>(0).unwrap();
    let (mut two, [head, _], mut others) = sealed.queue::<2>(1).unwrap();
    let mut doorbell = first.doorbell();
    for head in heads {
        one.post(head).unwrap();
    }
    others.write(&head, 1, 0, &[7; 100]).unwrap();
    two.post(head).unwrap();
    assert_eq!(two.ring(&mut doorbell), Ok(true));
    first.run();
    assert_eq!((first.step(), doorbell.status()), (false, 0), "it was not rung for");
    second.run();
    memory.settle();
    let done = two.pop().unwrap().unwrap();
    let mut bytes = [0; 4];
    others.read(done.head(), 3, 0, &mut bytes).unwrap();
    assert_eq!((done.len(), bytes), (5, [10; 4]));
    assert_eq!(one.ring(&mut doorbell), Ok(true));
    first.run();
    memory.settle();
    for expected in 0..3 {
        let done = one.pop().unwrap().unwrap();
        let mut bytes = [0; 64];
        slots.read(done.head(), 0, 0, &mut bytes).unwrap();
        assert_eq!(bytes, [expected; 64]);
    }
}

// attack 90 U: features that were not agreed are believed; an event index where there is none; broken: notices-believed
#[test]
fn how_both_sides_are_told_is_what_was_agreed() {
    for (features, agreed) in
        [(0, false), (Feature::EVENT_IDX.bit(), true), (!Feature::EVENT_IDX.bit(), false)]
    {
        let layout = Layout::of(&queues()).unwrap();
        let memory = FakeMemory::new(3 * 4096);
        let pool: FakeShared<ReadWrite> = memory.part(0..8192);
        let used: FakeShared<ReadOnly> = memory.part(8192..12288);
        let mut sealed = Sealed::new("a test", layout, features, pool, used).unwrap();
        assert_eq!(sealed.has(Feature::EVENT_IDX), agreed);
        let (mut queue, [head, ..], _) = sealed.queue::<3>(0).unwrap();
        // `avail_event`, which is the flag of nothing: the device wants to hear of the 1,000th head.
        memory.device_write(8192 + 4 + 8 * 4, &1000_u16.to_le_bytes());
        memory.settle();
        queue.post(head).unwrap();
        let mut doorbell = crate::fake::FakeDoorbell::default();
        assert_eq!(queue.ring(&mut doorbell), Ok(!agreed));
    }
}
