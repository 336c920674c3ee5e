//! Boot: from the device tree to the first instruction of init.

use neuron::range::Range;
use neuron::tree::Board;
use neuron_core::kernel::alarm::Alarm;
use neuron_core::kernel::boot::table_sizes;
use neuron_core::object::dma::DEVICE_MEMORIES;
use neuron_core::object::register::DEVICE_PAGES;
use neuron_core::store::frames::FrameInfo;
use neuron_core::store::pool::Slot;
use neuron_core::{Kernel, Tables};

use super::console::say;
use super::load::{self, Loaded};
use super::paging::KernelHalf;
use super::phys::{FreeRam, Machine, boot_bytes};
use super::watch::{Room, TheKernel};
use super::{csr, trap};

/// Kernel objects: one for every four frames of RAM, in bounds.
const OBJECTS: core::ops::RangeInclusive<u32> = 1024..=32768;

const _: () = assert!(neuron::layout::MAX_BANKS == neuron_core::store::banks::MAX_BANKS);

/// Most lines that are said of nodes that are not used.
const MAX_TOLD: u32 = 32;

/// Called by the boot assembly, once, on the stack of the hart.
pub(super) extern "C" fn start(hart: u64, tree: u64) -> ! {
    trap::init();
    let has_stimecmp = csr::has_stimecmp();
    csr::init();
    let tree = tree_range(tree);
    let mut board = read_board(hart, tree);
    board.sstc &= has_stimecmp;
    let left = [board.initrd, tree];
    let Some((mut free, [archive, tree])) = FreeRam::new(&board.ram, left) else {
        panic!("RAM is too small for what the boot loader left");
    };
    let half = match KernelHalf::activate(&board, &mut free) {
        Ok(half) => half,
        Err(error) => panic!("cannot map the kernel: {error:?}"),
    };
    let loaded = Loaded { archive, tree, timebase_hz: board.timebase_hz };
    let Some((mut kernel, objects)) = build(half, &board, &mut free, &loaded) else {
        panic!("RAM is too small for the tables of the kernel");
    };
    if let Err(error) = load::init(&mut kernel, &mut free, &loaded, &board, objects) {
        panic!("cannot load init: {error}");
    }
    let ram = board.banks.len() >> 20;
    let timer = if board.sstc { "stimecmp" } else { "firmware" };
    say!("hart {hart}, {ram} MiB of RAM, {objects} objects, timer: {timer}");
    trap::run(kernel)
}

/// Reads the device tree, and says what of it is not used.
fn read_board(hart: u64, tree: Range) -> Board {
    let mut told = 0;
    let mut tell = |line: core::fmt::Arguments<'_>| {
        if told < MAX_TOLD {
            say!("{line}");
        }
        told += 1;
    };
    let Some(bytes) = boot_bytes(tree) else {
        panic!("cannot boot: the device tree is out of reach, at {tree}");
    };
    let board = match Board::read(bytes, hart, &mut tell) {
        Ok(board) => board,
        Err(error) => panic!("cannot boot: {error}"),
    };
    if let more @ 1.. = told.saturating_sub(MAX_TOLD) {
        say!("{more} more nodes are not used");
    }
    board
}

/// Where the device tree is: its header begins with a magic number and its length.
fn tree_range(start: u64) -> Range {
    let header = Range::from_len(start, 8).and_then(boot_bytes);
    let Some([_, _, _, _, len @ ..]) = header else {
        panic!("cannot boot: the device tree is out of reach, at {start:#x}");
    };
    let len = len.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
    Range { start, end: start.saturating_add(len) }
}

/// The kernel without any RAM to hand out; also how many objects it can have. `None` when RAM
/// is too small for its tables.
fn build(
    half: KernelHalf,
    board: &Board,
    free: &mut FreeRam,
    loaded: &Loaded,
) -> Option<(TheKernel, u32)> {
    let copies = &[loaded.archive, loaded.tree];
    let frames = u32::try_from(board.banks.len() >> 12).ok()?;
    let objects = (frames / 4).clamp(*OBJECTS.start(), *OBJECTS.end());
    let (light, heavy) = table_sizes(objects);
    let lines = board.plic.map_or(0, |plic| plic.lines);
    let tables = Tables {
        caps: free.array(light, || Slot::EMPTY)?,
        endpoints: free.array(light, || Slot::EMPTY)?,
        notifications: free.array(light, || Slot::EMPTY)?,
        vmos: free.array(light, || Slot::EMPTY)?,
        registers: free.array(DEVICE_PAGES, || Slot::EMPTY)?,
        memories: free.array(DEVICE_MEMORIES, || Slot::EMPTY)?,
        mappings: free.array(light, || Slot::EMPTY)?,
        processes: free.array(heavy, || Slot::EMPTY)?,
        threads: free.array(heavy, || Slot::EMPTY)?,
        alarms: free.array(heavy, || Alarm::EMPTY)?,
        lines: free.array(lines + 1, || Slot::EMPTY)?,
        held: free.array(lines + 1, || Alarm::EMPTY)?,
        frames: free.frames(&board.banks, || FrameInfo::RESERVED)?,
    };
    let room = Room::new(free, &board.banks, heavy)?;
    for range in free.kept().iter() {
        say!("keeps {:#x} to {:#x}", range.start, range.end);
    }
    let machine = Machine::new(half, free, copies, board, heavy).ok()?;
    Some((Kernel::new(room.over(machine, loaded.tree), tables), objects))
}
