//! Loads init, the only program that the kernel loads, and tells it what it holds.

use neuron::layout::PAGE;
use neuron::range::Range;
use neuron::tree::Board;
use neuron_core::PhysMem;
use neuron_core::kernel::boot::INIT_ID;
use neuron_core::object::capability::CapabilityKind;
use neuron_core::object::window::Window;
use neuron_core::store::addr::Frame;
use nexus_abi::{
    Error, FREE_START, Handle, Prot, Role, STACK_TOP, STARTUP_VA, Startup, StartupCap,
};
use nexus_loader::{LoadError, Perm, Plan, Segment};
use nexus_sysdesc::archive::{Archive, ArchiveError};
use zerocopy::transmute;

use super::phys::{FreeRam, Machine};
use super::watch::{self, TheKernel};

/// What the boot loader and the board give init.
pub(super) struct Loaded {
    /// The boot archive: a copy, in RAM that can be handed out.
    pub(super) archive: Range,
    /// The device tree, likewise.
    pub(super) tree: Range,
    /// Ticks of the `time` CSR in a second.
    pub(super) timebase_hz: u64,
}

/// Why init cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadFailure {
    /// A part of it is not whole in RAM.
    #[error("{0} is not where it can be used")]
    Place(&'static str),
    /// The boot archive is damaged.
    #[error("boot archive: {0}")]
    Archive(#[from] ArchiveError),
    /// So many frames for devices are not free in one piece.
    #[error("boot archive: no {0} frames for devices are free in one piece")]
    Devices(u64),
    /// The program is malformed.
    #[error("program of init: {0:?}")]
    Program(LoadError),
    /// The kernel refuses something.
    #[error("{0}: {1:?}")]
    Refused(&'static str, Error),
}

type Result<T = ()> = core::result::Result<T, LoadFailure>;

/// Pages of the stack of init. The page below is not mapped.
const STACK_PAGES: u64 = 16;

/// What could not be done when the kernel logic refuses.
fn refused(what: &'static str) -> impl Fn(Error) -> LoadFailure {
    move |error| LoadFailure::Refused(what, error)
}

/// Gives the kernel all RAM that nothing uses, and makes init and its first thread.
pub(super) fn init(
    kernel: &mut TheKernel,
    free: &mut FreeRam,
    loaded: &Loaded,
    board: &Board,
    objects: u32,
) -> Result {
    let image = read_archive(watch::machine(&kernel.platform), loaded.archive)?;
    give_ram(kernel, free, image.device_frames).ok_or(LoadFailure::Devices(image.device_frames))?;
    kernel.create_init(objects).map_err(refused("making init"))?;
    for segment in image.plan.segments() {
        load_segment(kernel, segment, image.program)?;
    }
    let len = STACK_PAGES * PAGE;
    let stack = kernel.boot_alloc(STACK_PAGES).map_err(refused("stack of init"))?;
    let read_write = Prot::READ.union(Prot::WRITE);
    kernel.boot_map(stack, len, STACK_TOP - len, read_write).map_err(refused("stack of init"))?;

    let mut block = Startup::new(INIT_ID, 1, loaded.timebase_hz, image.nonce);
    block.free_va = FREE_START;
    give_devices(kernel, &mut block, board)?;
    give_rest(kernel, &mut block, loaded)?;
    write_startup(kernel, block)?;
    kernel.start_init(image.plan.entry, STACK_TOP, STARTUP_VA).map_err(refused("starting init"))
}

/// What the archive says about init.
struct Image {
    plan: Plan,
    /// The ELF file, in RAM.
    program: Range,
    nonce: u64,
    device_frames: u64,
}

fn read_archive(machine: &Machine, archive: Range) -> Result<Image> {
    let bytes = machine.bytes(archive).ok_or(LoadFailure::Place("the boot archive"))?;
    let parsed = Archive::parse(bytes)?;
    let init = parsed.init()?;
    let plan = Plan::parse(init.data).map_err(LoadFailure::Program)?;
    let start = archive.start + init.offset;
    let program = Range { start, end: start + init.data.len() as u64 };
    Ok(Image { plan, program, nonce: parsed.nonce(), device_frames: parsed.device_frames() })
}

/// Hands `free` to the kernel, some of it for devices; `None` when that is not free in one piece.
fn give_ram(kernel: &mut TheKernel, free: &mut FreeRam, device_frames: u64) -> Option<()> {
    let devices = free.aside(device_frames)?;
    kernel.boot_reserve(Frame::at(devices.start)?, u32::try_from(device_frames).ok()?).ok()?;
    for range in free.iter() {
        let count = u32::try_from(range.len() / PAGE).ok()?;
        kernel.frames_mut().add(Frame::at(range.start)?, count);
    }
    Some(())
}

fn load_segment(kernel: &mut TheKernel, segment: &Segment, program: Range) -> Result {
    let pages = segment.pages();
    let vmo = kernel.boot_alloc(pages).map_err(refused("memory of init"))?;
    let data = program.start + segment.file_offset;
    let end = data + segment.file_len;
    for (page, start) in (0..).zip((data..end).step_by(PAGE as usize)) {
        let part = Range { start, end: end.min(start + PAGE) };
        let frame = kernel.boot_frame(vmo, page).map_err(refused("memory of init"))?;
        if !watch::machine_mut(&mut kernel.platform).copy(part, frame) {
            return Err(LoadFailure::Place("the program of init"));
        }
    }
    if segment.perm == Perm::RX {
        kernel.boot_seal(vmo).map_err(refused("sealing text of init"))?;
    }
    kernel
        .boot_map(vmo, pages * PAGE, segment.va, segment.perm.prot())
        .map_err(refused("mapping init"))?;
    Ok(())
}

fn give_devices(kernel: &mut TheKernel, block: &mut Startup, board: &Board) -> Result {
    for range in board.windows.iter() {
        let (base, len) = (range.start, range.len());
        let taken = board.kept.iter().map(|kept| kept.start..kept.end);
        let window = Window::new(base, len, taken).map_err(refused("root window"))?;
        let handle = kernel.boot_window(window).map_err(refused("root window"))?;
        push(block, Role::RootWindow, handle, Range { start: base, end: base + len })?;
    }
    if let Some(plic) = board.plic {
        let lines = kernel.boot_lines(plic.lines).map_err(refused("interrupt lines"))?;
        push(block, Role::Lines, lines, Range { start: 1, end: 1 + u64::from(plic.lines) })?;
    }
    Ok(())
}

fn give_rest(kernel: &mut TheKernel, block: &mut Startup, loaded: &Loaded) -> Result {
    let nothing = Range::default();
    let spawn = kernel.boot_authority(CapabilityKind::Spawn).map_err(refused("spawn authority"))?;
    push(block, Role::Spawn, spawn, nothing)?;
    let console =
        kernel.boot_authority(CapabilityKind::Console).map_err(refused("console authority"))?;
    push(block, Role::Console, console, nothing)?;
    for (role, range, what) in [
        (Role::BootArchive, loaded.archive, "memory of the boot archive"),
        (Role::DeviceTree, loaded.tree, "memory of the device tree"),
    ] {
        let pages = range.pages_outward();
        let first = Frame::at(pages.start).ok_or(LoadFailure::Place(what))?;
        let count = u32::try_from(pages.len() / PAGE).map_err(|_| LoadFailure::Place(what))?;
        let memory = kernel.boot_memory(first, count).map_err(refused(what))?;
        let start = range.start - pages.start;
        push(block, role, memory, Range { start, end: start + range.len() })?;
    }
    Ok(())
}

fn push(block: &mut Startup, role: Role, handle: Handle, range: Range) -> Result {
    let (base, len) = (range.start, range.len());
    let cap = StartupCap { role: role.code(), index: 0, handle: handle.0, base, len };
    if block.push(cap) { Ok(()) } else { Err(LoadFailure::Place("the startup block")) }
}

fn write_startup(kernel: &mut TheKernel, block: Startup) -> Result {
    let vmo = kernel.boot_alloc(1).map_err(refused("startup block"))?;
    let frame = kernel.boot_frame(vmo, 0).map_err(refused("startup block"))?;
    let words: [u64; 512] = transmute!(block);
    for (index, word) in words.into_iter().enumerate() {
        kernel.platform.write(frame, index, word);
    }
    kernel.boot_map(vmo, PAGE, STARTUP_VA, Prot::READ).map_err(refused("startup block"))?;
    Ok(())
}
