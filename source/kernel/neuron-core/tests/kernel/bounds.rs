//! What one entry into the kernel does at most (RFC-0001, S6). The world looks at every entry of every
//! test; here are those that do as much as there is to do.

use crate::common::*;

fn large(body: impl FnOnce(&mut World<'_>)) {
    let config = Config { objects: 4096, frames: 16 + 4096, ..Config::default() };
    run_with(&config, |w| {
        w.checking = false;
        w.most = [0; 4];
        body(w);
        w.checking = true;
        w.check();
    });
}

/// A process with `count` mappings of `pages` pages, each so many pages `apart`.
fn mapped(w: &mut World<'_>, pages: u64, count: u64, apart: u64) -> Child {
    let child = w.child(7, 1800, 1800);
    let memory = w.vmo_create(child.user, pages).unwrap();
    for n in 0..count {
        let va = VA + n * apart * PAGE;
        w.vmo_map(child.user, memory, pages * PAGE, va, R).unwrap();
    }
    child
}

// attack 64 U: take apart what is mapped in pieces of any size; each entry fences, clears and writes a bounded number; broken: uncounted-fences
#[test]
fn what_is_taken_apart_at_once_is_bounded() {
    let sizes = [(1, 400), (2, 400), (7, 400), (8, 400), (9, 400), (63, 200), (512, 60)];
    // Each in a table of its own, so that the table goes, too; or side by side, with their own fences.
    for (apart, (pages, count)) in sizes.into_iter().flat_map(|size| [(512, size), (size.0, size)])
    {
        large(|w| {
            let child = mapped(w, pages, count, apart);
            w.most = [0; 4];
            w.process_end(w.init, child.process, 1).unwrap();
            let steps = w.settle();
            let [fences, leaves, ..] = w.most;
            println!(
                "{count} mappings of {pages} pages: {steps} steps, at most {fences} fences and {leaves} leaves"
            );
            // Enough at once, too, for it to come to its end.
            assert!(leaves >= 40 && steps < 80, "{steps}");
        });
    }
}

// attack 64 U: the largest object and mapping that there can be; cleared in steps, each of a bounded number of frames; broken: uncounted-clearing
#[test]
fn the_largest_object_is_cleared_in_steps() {
    large(|w| {
        let free = w.free_frames();
        let (handle, mut steps) = (w.init, 0);
        while w.start(handle, Syscall::VmoCreate, &[MAX_PAGES_PER_CALL]) == Status::Again {
            steps += 1;
        }
        let memory = Handle(w.result(w.init).unwrap());
        let [_, _, cleared, taken] = w.most;
        assert!(steps >= 12 && (16..=40).contains(&cleared), "{steps} {cleared}");
        assert_eq!(u64::from(taken), MAX_PAGES_PER_CALL);
        assert!(w.memory_of(memory).iter().all(|word| *word == 0));
        w.vmo_map(w.init, memory, MAX_PAGES_PER_CALL * PAGE, VA + PAGE, RW).unwrap();
        w.protect(w.init, VA + PAGE, R).unwrap();
        w.unmap(w.init, VA + PAGE).unwrap();
        w.cap_drop(w.init, memory).unwrap();
        assert_eq!(w.free_frames(), free);
    });
}

// attack 64 U: ask for the largest object with all frames that it takes and no kernel objects, or without a slot or a frame; refused, and no frame was touched; broken: memory-first
#[test]
fn a_refused_object_touches_no_frame() {
    large(|w| {
        let child = w.child(7, 600, 64);
        let before = w.used(child.user);
        w.most = [0; 4];
        for left in 0..2 {
            w.limit(child.user, None, Some(before.1 + left));
            w.refuses(child.user, Error::NoMemory, Syscall::VmoCreate, &[MAX_PAGES_PER_CALL]);
        }
        w.limit(child.user, None, Some(before.1 + 2));
        // Anchor, capability, object, first and last frame.
        for n in [0, 1, 2, 3, 514] {
            fault::fail_at(Some(n));
            w.refuses(child.user, Error::NoMemory, Syscall::VmoCreate, &[MAX_PAGES_PER_CALL]);
        }
        fault::fail_at(None);
        assert_eq!((w.most[3], w.used(child.user)), (0, before));
        w.vmo_create(child.user, MAX_PAGES_PER_CALL).unwrap();
    });
}

/// To take frames counts in the step in which they are cleared.
#[test]
fn the_more_is_taken_the_less_is_cleared_in_a_step() {
    large(|w| {
        for (pages, cleared, status) in
            [(MAX_PAGES_PER_CALL, 0, Status::Again), (28, 28, Status::Done)]
        {
            w.most = [0; 4];
            assert_eq!(w.start(w.init, Syscall::VmoCreate, &[pages]), status);
            assert_eq!(w.most[2], cleared);
        }
    });
}

/// However many frames are asked for, all of them are taken or none.
#[test]
fn frames_are_taken_all_or_none() {
    run(|w| {
        let frames = w.kernel.frames_mut();
        let free = frames.free_count();
        assert_eq!(frames.alloc_pages(free + 1), Err(Error::NoMemory));
        assert_eq!(frames.free_count(), free);
        let mut pages = frames.alloc_pages(free).unwrap();
        assert_eq!((pages.count(), frames.free_count()), (free, 0));
        while frames.release_last(&mut pages) {}
        assert_eq!(frames.free_count(), free);
    });
}

/// What one entry does, in the units that calls in steps are cut by: a step has 256 (RFC-0001, S6).
fn units(w: &mut World<'_>, call: Syscall, args: &[u64]) -> u32 {
    let entries = w.entries;
    w.most = [0; 4];
    assert_eq!(w.start(w.init, call, args), Status::Done);
    assert_eq!((w.result(w.init).is_ok(), w.entries), (true, entries + 1));
    let [fences, leaves, cleared, _] = w.most;
    println!("{call:?}: {fences} fences, {leaves} leaves, {cleared} cleared");
    fences * 4 + leaves.div_ceil(4) + cleared * 8
}

// attack 64 U: the largest mapping that there can be is made, protected and unmapped, in two new tables; each is one entry, and no more than a step of a call that goes in steps
#[test]
fn the_largest_mapping_is_no_more_than_a_step() {
    large(|w| {
        let memory = w.vmo_create(w.init, MAX_PAGES_PER_CALL).unwrap();
        // Half of it in each of two tables that are under different tables; none is there.
        let va = VA - 256 * PAGE;
        let (len, write, read) = (MAX_PAGES_PER_CALL * PAGE, RW.bits().into(), R.bits().into());
        let map = units(w, Syscall::VmoMap, &[0, memory.0, 0, len, va, write]);
        let protect = units(w, Syscall::Protect, &[va, read]);
        let unmap = units(w, Syscall::Unmap, &[va]);
        // A leaf and its record are two words, of which a protection changes one.
        for (units, least) in [(map, 128), (protect, 64), (unmap, 128)] {
            assert!((least..=256).contains(&units), "{units}");
        }
    });
}

// attack 76 U: other calls, and the end of the process, while an object is being made in steps; nothing of it can be named, and all comes back
/// S1, for what is being made.
#[test]
fn what_is_half_made_names_nothing() {
    run(|w| {
        let child = w.child(7, 600, 64);
        let (_, second) = w.thread_in(child.process, 31);
        let before = w.live();
        assert_eq!(w.start(child.user, Syscall::VmoCreate, &[500]), Status::Again);
        // It is paid for, and nobody can see it.
        assert_eq!(w.used(child.user).0, 501);
        assert_eq!(w.live()[3], before[3] + 1);
        for slot in 0..w.live()[0] + 8 {
            for generation in 1..4 {
                let handle = Handle::new(slot, generation);
                let found = w.query(second, handle);
                assert!(found.is_err() || found.unwrap().kind != nexus_abi::KindCode::Vmo);
            }
        }
        assert_eq!(w.vmo_create(second, 500), Err(Error::NoMemory));
        w.vmo_create(second, 4).unwrap();
        // Another call of the same thread begins anew.
        let memory = w.vmo_create(child.user, 500);
        assert_eq!(w.query(second, memory.unwrap()).unwrap().len, 500 * PAGE);
        assert_eq!(w.start(w.init, Syscall::VmoCreate, &[400]), Status::Again);
        w.process_end(w.init, child.process, 1).unwrap();
        w.settle();
        w.vmo_create(w.init, 400).unwrap();
    });
}

#[test]
fn a_process_may_end_while_it_makes_something() {
    run(|w| {
        let free = w.free_frames();
        let child = w.child(7, 600, 64);
        assert_eq!(w.start(child.user, Syscall::VmoCreate, &[500]), Status::Again);
        w.process_end(w.init, child.process, 1).unwrap();
        w.settle();
        assert_eq!(w.free_frames(), free);
    });
}
