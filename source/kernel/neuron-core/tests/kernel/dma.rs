//! Memory that devices reach: who makes it, what clears it, and which addresses the kernel writes.

use crate::common::*;
use neuron_core::sim::pace;

const CREATE: Syscall = Syscall::DmaCreate;
const QUIET: Syscall = Syscall::DmaQuiet;
const PLACE: Syscall = Syscall::DmaPlace;
const WRITE_DMA: Syscall = Syscall::MmioWriteDma;

const TABLE: u64 = 0;
const POOL: u64 = 1;
const USED: u64 = 2;

/// Where the first root window begins.
const BASE: u64 = 0x1000_0000;
/// Frames of a device's object, and behind it.
const GUARD: u32 = 128;
/// All registers below 0x100 but those that hold addresses.
const SETUP: u64 = !(0x333 << 32 | 1 << 16);
/// What the process that sets devices up has of a window, and of memory.
const BUS: Rights =
    USE.union(Rights::PLACE).union(Rights::DERIVE).union(Rights::GRANT).union(Rights::REVOKE);

/// Flags of a descriptor.
const NEXT: u64 = 1;
const STORE: u64 = 2;
const INDIRECT: u64 = 4;

fn run_dma<R>(body: impl FnOnce(&mut World<'_>) -> R) -> R {
    run_with(&Config { device: 1000, frames: 2400, ..Config::default() }, body)
}

/// The process that sets up a device, what it made for it, and what init keeps.
struct Bus {
    child: Child,
    user: User,
    window: Handle,
    kept: Handle,
    table: Handle,
    pool: Handle,
    used: Handle,
}

/// The window of a device on `page` for a process, with a mask.
fn window_for(w: &mut World<'_>, child: Child, page: u64, mask: u64) -> (Handle, Handle) {
    let keep = KEEP | Rights::PLACE;
    let kept = w.derive_part(w.init, w.roots[0], keep, page * PAGE, PAGE).unwrap();
    w.cap_limit(w.init, kept, mask).unwrap();
    (kept, w.install(w.init, child.process, kept, BUS).unwrap())
}

fn create(w: &mut World<'_>, user: User, window: Handle, pages: u64, role: u64) -> Handle {
    Handle(w.call(user, CREATE, &[window.0, pages, role]).unwrap())
}

fn bus(w: &mut World<'_>, service: u64, page: u64) -> Bus {
    let child = w.child(service, 32, 64);
    let (kept, window) = window_for(w, child, page, SETUP);
    let [table, pool, used] =
        [(2, TABLE), (5, POOL), (1, USED)].map(|(n, role)| create(w, child.user, window, n, role));
    Bus { child, user: child.user, window, kept, table, pool, used }
}

impl Bus {
    /// Init lets go of all that is above the window.
    fn alone(&self, w: &mut World<'_>) {
        w.cap_drop(w.init, self.kept).unwrap();
        w.cap_drop(w.init, w.roots[0]).unwrap();
    }

    fn place(&self, w: &mut World<'_>, index: u64, object: Handle, part: [u64; 3]) {
        let [offset, len, flags] = part;
        w.call(self.user, PLACE, &[self.table.0, index, object.0, offset, len, flags]).unwrap();
    }

    /// A driver with a window of two registers, the pool, and the used rings to read.
    fn driver(&self, w: &mut World<'_>) -> (Child, Handle, Handle) {
        let child = w.child(40, 32, 64);
        let rights = USE | Rights::GRANT;
        let window = w.derive_part(self.user, self.window, rights, 0, PAGE).unwrap();
        let process = w.install(w.init, self.child.process, child.process, Rights::MANAGE).unwrap();
        let given = w.install(self.user, process, window, USE).unwrap();
        w.cap_drop(self.user, window).unwrap();
        let pool = w.install(self.user, process, self.pool, USE).unwrap();
        w.cap_drop(self.user, process).unwrap();
        (child, given, pool)
    }
}

/// The physical address of page 0.
fn base_of(w: &World<'_>, memory: Handle) -> u64 {
    w.frames_of(memory)[0].address()
}

// attack 50 U: memory of two devices, and behind each; in one piece, apart from all other by more than a ring can reach, zero, and nobody's afterwards; broken: dma-guard
#[test]
fn test_each_device_has_memory_of_its_own() {
    run_dma(|w| {
        let free = w.free_frames();
        let (one, other) = (bus(w, 7, 3), bus(w, 8, 4));
        let mut all = Vec::new();
        for memory in [one.table, one.pool, one.used, other.table, other.pool, other.used] {
            let frames = w.frames_of(memory);
            for pair in frames.windows(2) {
                assert_eq!(pair[1], pair[0].plus(1));
            }
            assert!(w.memory_of(memory).iter().all(|word| *word == 0));
            all.push((frames[0].number(), u64::try_from(frames.len()).unwrap()));
        }
        all.sort_unstable();
        for pair in all.windows(2) {
            assert!(pair[0].0 + pair[0].1 + u64::from(GUARD) <= pair[1].0);
        }
        // It is in nobody's budget, and comes back to nobody.
        assert_eq!(w.used(one.user).0, w.used(other.user).0);
        w.process_end(w.init, one.child.process, 0).unwrap();
        w.settle();
        assert!(w.free_frames() > free - 64);
        let (_, window) = {
            w.revoke(w.init, one.kept).unwrap();
            (one.kept, w.install(w.init, other.child.process, one.kept, BUS).unwrap())
        };
        for role in [TABLE, POOL, USED] {
            w.refuses(other.user, Error::Exists, CREATE, &[window.0, 1, role]);
        }
    });
}

#[test]
fn test_reject_dma_create() {
    run_dma(|w| {
        let one = bus(w, 7, 3);
        let child = w.child(8, 32, 64);
        let memory = w.vmo_create(child.user, 1).unwrap();
        let (_, window) = window_for(w, child, 4, SETUP);
        let all = u64::MAX;
        for (error, args) in [
            (Error::BadHandle, [one.window.0, all, all]),
            (Error::WrongKind, [memory.0, all, all]),
            (Error::BadArgument, [window.0, all, 3]),
            (Error::BadArgument, [window.0, all, all]),
            (Error::OutOfRange, [window.0, 0, POOL]),
            (Error::OutOfRange, [window.0, 1 << 32, POOL]),
            (Error::NoMemory, [window.0, 700, POOL]),
            (Error::NoMemory, [window.0, (1 << 32) - 1, POOL]),
        ] {
            w.refuses(child.user, error, CREATE, &args);
        }
        // Once for each role, also where the window is another.
        w.refuses(one.user, Error::Exists, CREATE, &[one.window.0, 1, POOL]);
        let create = |w: &mut World<'_>| w.call(child.user, CREATE, &[window.0, 1, POOL]);
        // Its anchor, its capability, its object, and its place.
        assert_eq!(fails_at_every_allocation(w, child.user, create), 4);
    });
}

// attack 48 U: set a device up by a window without PLACE, without a mask, or with a register that holds an address; refused with `Denied`; broken: dma-address-register, dma-without-right
#[test]
fn test_who_sets_a_device_up_has_no_address_register() {
    run_dma(|w| {
        let child = w.child(7, 32, 64);
        let registers = [0x40u64, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4];
        for (page, offset) in registers.into_iter().enumerate() {
            let mask = SETUP | 1 << (offset / 4);
            let (_, window) = window_for(w, child, u64::try_from(page).unwrap(), mask);
            w.refuses(child.user, Error::Denied, CREATE, &[window.0, 1, POOL]);
            w.refuses(child.user, Error::Denied, QUIET, &[window.0]);
        }
        let kept = w.derive_part(w.init, w.roots[0], KEEP, 8 * PAGE, PAGE).unwrap();
        let open = w.install(w.init, child.process, kept, USE).unwrap();
        w.refuses(child.user, Error::Denied, CREATE, &[open.0, 1, POOL]);
        let (kept, _) = window_for(w, child, 9, SETUP);
        w.revoke(w.init, kept).unwrap();
        let weak = w.install(w.init, child.process, kept, USE).unwrap();
        w.refuses(child.user, Error::Denied, CREATE, &[weak.0, 1, POOL]);
        w.refuses(child.user, Error::Denied, QUIET, &[weak.0]);
        let args = [weak.0, 0x80, weak.0, 0];
        w.refuses(child.user, Error::Denied, WRITE_DMA, &args);
    });
}

// attack 48 U: map a table, make memory of a device executable, or derive a right to either; refused with `Denied`; broken: dma-table-mapped
#[test]
fn test_tables_are_mapped_by_nobody_and_nothing_is_executable() {
    run_dma(|w| {
        let one = bus(w, 7, 3);
        for memory in [one.table, one.pool, one.used] {
            let info = w.query(one.user, memory).unwrap();
            assert_eq!((info.base, info.object), (0, 0), "where it is, is told to nobody");
            for right in Rights::EXEC | Rights::MANAGE {
                let args = [memory.0, u64::from(right.bits()), 0, 0];
                w.refuses(one.user, Error::Denied, Syscall::CapDerive, &args);
            }
            w.refuses(one.user, Error::Denied, Syscall::VmoSeal, &[memory.0]);
            let args = [0, memory.0, 0, PAGE, VA, u64::from(RX.bits())];
            w.refuses(one.user, Error::Denied, Syscall::VmoMap, &args);
        }
        for prot in [R, RW] {
            let args = [0, one.table.0, 0, PAGE, VA, u64::from(prot.bits())];
            w.refuses(one.user, Error::Denied, Syscall::VmoMap, &args);
        }
        w.vmo_map(one.user, one.pool, 5 * PAGE, VA, RW).unwrap();
        // The driver gets used rings without WRITE.
        let read = w.derive(one.user, one.used, Rights::MAP | Rights::READ).unwrap();
        w.vmo_map(one.user, read, PAGE, VA + 8 * PAGE, R).unwrap();
        w.refuses(one.user, Error::Denied, Syscall::Protect, &[VA + 8 * PAGE, 3]);
    });
}

#[test]
fn test_a_descriptor_is_what_was_placed() {
    run_dma(|w| {
        let one = bus(w, 7, 3);
        one.place(w, 0, one.table, [PAGE, 64, INDIRECT]);
        one.place(w, 256, one.pool, [12, 16, NEXT | 1 << 16]);
        one.place(w, 257, one.pool, [PAGE + 7, 4 * PAGE - 7, NEXT | STORE | 2 << 16]);
        one.place(w, 511, one.pool, [5 * PAGE - 1, 1, STORE]);
        let (table, pool) = (base_of(w, one.table), base_of(w, one.pool));
        let words = w.memory_of(one.table);
        let at = |index: usize| [words[2 * index], words[2 * index + 1]];
        assert_eq!(at(0), [table + PAGE, 4 << 32 | 64]);
        assert_eq!(at(256), [pool + 12, 1 << 48 | 1 << 32 | 16]);
        assert_eq!(at(257), [pool + PAGE + 7, 2 << 48 | 3 << 32 | (4 * PAGE - 7)]);
        assert_eq!(at(511), [pool + 5 * PAGE - 1, 2 << 32 | 1]);
        assert_eq!(words.iter().filter(|word| **word != 0).count(), 8);
    });
}

// attack 48 U: descriptors that name other memory, more than there is, a table to be written, a chain without end, or take the place of another; refused; broken: dma-other-device, dma-past-end, dma-flags, dma-placed-twice
// attack 51 U: a table in memory that a driver writes, a table with a flag beside INDIRECT, or a chain past the 255 that can follow; refused with `BadArgument`; broken: dma-flags
// attack 53 U: a window, or memory that is no device's, for what a descriptor names; refused with `WrongKind`
#[test]
fn test_reject_dma_place() {
    run_dma(|w| {
        let (one, other) = (bus(w, 7, 3), bus(w, 8, 4));
        let process = w.install(w.init, other.child.process, one.child.process, Rights::MANAGE);
        let foreign = w.install(other.user, process.unwrap(), other.pool, BUS).unwrap();
        let memory = w.vmo_create(one.user, 2).unwrap();
        let weak = w.derive(one.user, one.table, Rights::GRANT).unwrap();
        one.place(w, 9, one.pool, [0, 1, 0]);
        let (t, p, u) = (one.table.0, one.pool.0, one.used.0);
        let all = u64::MAX;
        for (error, args) in [
            (Error::BadHandle, [other.table.0, all, p, 0, 1, 0]),
            (Error::WrongKind, [memory.0, all, p, 0, 1, 0]),
            (Error::WrongKind, [one.window.0, all, p, 0, 1, 0]),
            (Error::WrongKind, [p, all, p, 0, 1, 0]),
            (Error::Denied, [weak.0, all, p, 0, 1, 0]),
            (Error::BadHandle, [t, all, 99, 0, 1, 0]),
            (Error::WrongKind, [t, all, memory.0, 0, 1, 0]),
            (Error::WrongKind, [t, all, one.window.0, 0, 1, 0]),
            (Error::Denied, [t, all, foreign.0, 0, 1, 0]),
            (Error::BadArgument, [t, all, u, 0, 16, 0]),
            (Error::BadArgument, [t, all, u, 0, 16, STORE]),
            (Error::BadArgument, [t, all, t, 0, 16, 0]),
            (Error::BadArgument, [t, all, t, 0, 16, STORE]),
            (Error::BadArgument, [t, all, t, 0, 16, INDIRECT | STORE]),
            (Error::BadArgument, [t, all, t, 0, 16, INDIRECT | NEXT]),
            (Error::BadArgument, [t, all, t, 0, 16, INDIRECT | 1 << 16]),
            (Error::BadArgument, [t, all, p, 0, 16, INDIRECT]),
            (Error::BadArgument, [t, all, p, 0, 16, 8]),
            (Error::BadArgument, [t, all, p, 0, 16, NEXT | 256 << 16]),
            (Error::BadArgument, [t, all, p, 0, 16, 1 << 16]),
            (Error::BadArgument, [t, all, p, 0, 16, 1 << 32]),
            (Error::Misaligned, [t, all, t, 8, 16, INDIRECT]),
            (Error::Misaligned, [t, all, t, 0, 24, INDIRECT]),
            (Error::Misaligned, [t, all, t, 8, 24, INDIRECT]),
            (Error::OutOfRange, [t, 0, p, 0, 0, 0]),
            (Error::OutOfRange, [t, 0, p, 0, 5 * PAGE + 1, 0]),
            (Error::OutOfRange, [t, 0, p, 5 * PAGE, 1, 0]),
            (Error::OutOfRange, [t, 0, p, 1, 5 * PAGE, 0]),
            (Error::OutOfRange, [t, 0, p, all, 1, 0]),
            (Error::OutOfRange, [t, 0, p, all, 2, 0]),
            (Error::OutOfRange, [t, 0, p, 0, 1 << 32, 0]),
            (Error::OutOfRange, [t, 0, t, PAGE, PAGE + 16, INDIRECT]),
            (Error::OutOfRange, [t, 512, p, 0, 1, 0]),
            (Error::OutOfRange, [t, 1 << 60, p, 0, 1, 0]),
            (Error::OutOfRange, [t, all, p, 0, 1, 0]),
            (Error::Exists, [t, 9, p, 0, 1, 0]),
            (Error::Exists, [t, 9, p, 16, 8, STORE]),
        ] {
            w.refuses(one.user, error, PLACE, &args);
        }
    });
}

// attack 48 U: addresses for the wrong register, of other memory, or while a driver has the device; refused; broken: dma-wrong-register, dma-while-owned
#[test]
fn test_the_kernel_writes_addresses_of_queues() {
    run_dma(|w| {
        let (one, other) = (bus(w, 7, 3), bus(w, 8, 4));
        let process = w.install(w.init, other.child.process, one.child.process, Rights::MANAGE);
        let foreign = w.install(other.user, process.unwrap(), other.pool, BUS).unwrap();
        let memory = w.vmo_create(one.user, 2).unwrap();
        let device = BASE + 3 * PAGE;
        for (register, object, offset) in
            [(0x80, one.table, PAGE), (0x90, one.pool, 0), (0xa0, one.used, 16)]
        {
            w.call(one.user, WRITE_DMA, &[one.window.0, register, object.0, offset]).unwrap();
            let address = base_of(w, object) + offset;
            let stored = w.machine().stores.split_off(0);
            let low = u32::try_from(address & 0xffff_ffff).unwrap();
            let high = u32::try_from(address >> 32).unwrap();
            assert_eq!(stored, [(device + register, low), (device + register + 4, high)]);
        }
        let (v, t, p, u) = (one.window.0, one.table.0, one.pool.0, one.used.0);
        for (error, args) in [
            (Error::BadHandle, [other.window.0, 0x80, t, 0]),
            (Error::WrongKind, [p, 0x80, t, 0]),
            (Error::BadHandle, [v, 0x80, other.table.0, 0]),
            (Error::WrongKind, [v, 0x80, memory.0, 0]),
            (Error::Denied, [v, 0x90, foreign.0, 0]),
            // A table that the device would write, a pool from which it would take addresses.
            (Error::RegisterDenied, [v, 0xa0, t, 0]),
            (Error::RegisterDenied, [v, 0x90, t, 0]),
            (Error::RegisterDenied, [v, 0x80, p, 0]),
            (Error::RegisterDenied, [v, 0xa0, p, 0]),
            (Error::RegisterDenied, [v, 0x80, u, 0]),
            (Error::RegisterDenied, [v, 0x84, t, 0]),
            (Error::RegisterDenied, [v, 0x50, p, 0]),
            (Error::RegisterDenied, [v, 0, p, 0]),
            (Error::RegisterDenied, [v, u64::MAX, p, 0]),
            (Error::Misaligned, [v, 0x90, p, 8]),
            (Error::OutOfRange, [v, 0x90, p, 5 * PAGE]),
            (Error::OutOfRange, [v, 0x90, p, u64::MAX - 15]),
        ] {
            w.refuses(one.user, error, WRITE_DMA, &args);
        }
        one.driver(w);
        w.refuses(one.user, Error::Busy, WRITE_DMA, &[v, 0x80, t, 0]);
        assert_eq!(w.machine().stores, []);
    });
}

#[test]
fn test_addresses_have_64_bits() {
    let far = Config { far: 500, device: 500, far_device: true, frames: 1500, ..Config::default() };
    run_with(&far, |w| {
        let child = w.child(7, 32, 64);
        let (_, window) = window_for(w, child, 3, SETUP);
        let pool = create(w, child.user, window, 1, POOL);
        let address = base_of(w, pool);
        assert!(address >> 40 != 0);
        w.call(child.user, WRITE_DMA, &[window.0, 0x90, pool.0, 16]).unwrap();
        let [(_, low), (_, high)] = w.machine().stores[..] else { panic!("a pair of registers") };
        assert_eq!(u64::from(high) << 32 | u64::from(low), address + 16);
    });
}

// attack 49 U: say that a device is quiet while its driver has the window, or its memory, while init has what both came from, or while the device is not reset; refused with `Busy`; broken: dma-quiet-owned, dma-quiet-memory, dma-quiet-above, dma-quiet-running
#[test]
fn test_a_device_is_quiet_when_nobody_has_it_and_it_says_so() {
    run_dma(|w| {
        let one = bus(w, 7, 3);
        w.refuses(one.user, Error::Busy, QUIET, &[one.window.0]);
        w.cap_drop(w.init, one.kept).unwrap();
        w.refuses(one.user, Error::Busy, QUIET, &[one.window.0]);
        w.cap_drop(w.init, w.roots[0]).unwrap();
        let (driver, window, pool) = one.driver(w);
        w.vmo_map(driver.user, pool, PAGE, VA, RW).unwrap();
        w.refuses(one.user, Error::Busy, QUIET, &[one.window.0]);
        // Either is enough.
        w.cap_drop(driver.user, window).unwrap();
        w.refuses(one.user, Error::Busy, QUIET, &[one.window.0]);
        w.process_end(w.init, driver.process, 0).unwrap();
        w.settle();
        for status in [1, 0x40, u32::MAX] {
            w.machine().status = status;
            w.refuses(one.user, Error::Busy, QUIET, &[one.window.0]);
        }
        w.machine().status = 0;
        // A part of its own is no other's.
        let own = w.derive_part(one.user, one.window, USE | Rights::GRANT, 0, PAGE).unwrap();
        w.call(one.user, QUIET, &[one.window.0]).unwrap();
        // A second capability to the pool is somebody's, whoever has it.
        let copy = w.derive(one.user, one.pool, USE).unwrap();
        w.refuses(one.user, Error::Busy, QUIET, &[one.window.0]);
        w.cap_drop(one.user, copy).unwrap();
        let below = w.install(one.user, Handle::NONE, own, USE).unwrap();
        w.refuses(one.user, Error::Busy, QUIET, &[one.window.0]);
        w.cap_drop(one.user, below).unwrap();
        w.call(one.user, QUIET, &[one.window.0]).unwrap();
    });
}

/// What is of another device, and what took the place of memory that nobody holds any more, stays.
#[test]
fn test_quiet_clears_nothing_else() {
    run_dma(|w| {
        let (one, other) = (bus(w, 7, 3), bus(w, 8, 4));
        one.alone(w);
        w.cap_drop(one.user, one.used).unwrap();
        let next = w.vmo_create(one.user, 1).unwrap();
        other.place(w, 3, other.pool, [0, 64, STORE]);
        let rest = [next, other.table, other.pool, other.used];
        for memory in [one.pool, next, other.pool, other.used] {
            w.fill(memory, 0x5ec3_e700);
        }
        let before = rest.map(|memory| w.memory_of(memory));
        assert!(before.iter().all(|words| words.iter().any(|word| *word != 0)));
        w.call(one.user, QUIET, &[one.window.0]).unwrap();
        assert!(w.memory_of(one.pool).iter().all(|word| *word == 0));
        assert_eq!(rest.map(|memory| w.memory_of(memory)), before);
    });
}

// attack 49 U: use memory of a device between two steps of its clearing; refused with `BadState`, and all of it is zero at the end; broken: dma-half-cleared, dma-not-cleared
#[test]
fn test_quiet_clears_everything_in_steps() {
    run_dma(|w| {
        let one = bus(w, 7, 3);
        one.alone(w);
        let (_, second) = w.thread_in(one.child.process, 9);
        for _ in 0..2 {
            one.place(w, 3, one.pool, [0, 64, STORE]);
            w.fill(one.pool, 0x5ec3_e700);
            w.fill(one.used, 0x5ec3_e700);
            pace::set_step(Some(1));
            let mut steps = 0;
            while w.start(one.user, QUIET, &[one.window.0]) == Status::Again {
                steps += 1;
                // Used rings, which were made last, are cleared last.
                let args = [0, one.used.0, 0, PAGE, VA, u64::from(RW.bits())];
                w.refuses(second, Error::BadState, Syscall::VmoMap, &args);
                let args = [one.window.0, 0xa0, one.used.0, 0];
                w.refuses(second, Error::BadState, WRITE_DMA, &args);
                if steps == 1 {
                    let args = [one.table.0, 8, one.pool.0, 0, 1, 0];
                    w.refuses(second, Error::BadState, PLACE, &args);
                }
            }
            pace::set_step(None);
            w.result(one.user).unwrap();
            assert!(steps >= 7, "{steps}");
            for memory in [one.table, one.pool, one.used] {
                assert!(w.memory_of(memory).iter().all(|word| *word == 0));
            }
        }
    });
}

// attack 49 U: the process that sets devices up dies; the driver goes on, nothing is given to another, and no new life begins; broken: dma-given-back
#[test]
fn test_memory_outlives_who_made_it() {
    run_dma(|w| {
        let one = bus(w, 7, 3);
        let (driver, window, pool) = one.driver(w);
        w.vmo_map(driver.user, pool, 2 * PAGE, VA, RW).unwrap();
        let frames = w.frames_of(pool);
        w.process_end(w.init, one.child.process, 0).unwrap();
        w.settle();
        assert!(w.holds(driver.user, pool) && w.holds(driver.user, window));
        assert_eq!((w.mapped_pages(), w.frames_of(pool)), (2, frames.clone()));
        let free = w.free_frames();
        w.cap_drop(driver.user, pool).unwrap();
        // The page tables of the mapping, and nothing of the memory.
        assert!(w.free_frames() <= free + 4, "{} {free}", w.free_frames());
        let again = w.child(9, 32, 64);
        w.revoke(w.init, one.kept).unwrap();
        let window = w.install(w.init, again.process, one.kept, BUS).unwrap();
        w.refuses(again.user, Error::Exists, CREATE, &[window.0, 1, POOL]);
    });
}
