//! A kernel on a simulated machine, and how it begins.

use std::boxed::Box;
use std::vec::Vec;

use nexus_abi::Handle;

use super::machine::{FAR_BASE, Machine, RAM_BASE};
use super::pace;
use crate::check::{Event, FrameMark, Ledger, ProcessSum, Scratch};
use crate::kernel::alarm::Alarm;
use crate::kernel::boot::table_sizes;
use crate::kernel::{Kernel, Tables};
use crate::object::capability::{Capability, CapabilityKind};
use crate::object::dma::{DEVICE_MEMORIES, DeviceMemory};
use crate::object::endpoint::{Endpoint, Notification, Vmo};
use crate::object::line::Line;
use crate::object::mapping::Mapping;
use crate::object::process::Process;
use crate::object::register::{DEVICE_PAGES, Registers};
use crate::object::thread::{Thread, TrapFrame};
use crate::object::window::Window;
use crate::store::addr::Frame;
use crate::store::banks::Banks;
use crate::store::frames::FrameInfo;
use crate::store::pool::{Id, Slot};

/// What machine and tables to have.
#[derive(Clone, Debug)]
pub struct Config {
    /// Kernel objects in all.
    pub objects: u32,
    /// Frames of RAM, of which the first 16 are reserved.
    pub frames: u32,
    /// How many of them, the last ones, are in a second bank.
    pub far: u32,
    /// Interrupt lines, from 1.
    pub lines: u32,
    /// How many are set aside for devices, behind the reserved ones.
    pub device: u32,
    /// They are the first of the second bank instead, whose addresses do not fit 32 bits.
    pub far_device: bool,
    /// Root windows: base and length.
    pub windows: Vec<(u64, u64)>,
}

/// Most fences of one entry into the kernel.
pub const MAX_FENCES: u32 = 72;
/// Most page-table leaves that one entry writes or clears.
pub const MAX_LEAVES: u32 = 1536;
/// Most frames that one entry clears.
pub const MAX_CLEARED: u32 = 40;
/// Most frames that one entry takes or gives back.
pub const MAX_FRAMES: u32 = 520;

/// Frames of RAM that are not given out: kernel, and the boot archive in the last four of them.
pub const RESERVED: u32 = 16;

impl Default for Config {
    fn default() -> Config {
        Config {
            objects: if cfg!(miri) { 640 } else { 1024 },
            frames: if cfg!(miri) { 400 } else { 1536 },
            far: 0,
            lines: 8,
            device: 0,
            far_device: false,
            windows: std::vec![
                (0x1000_0000, 0x1_0000),
                (0x10_1000, 0x1000),
                (0x4000_0000, 0x1000_0000),
            ],
        }
    }
}

impl Config {
    /// Frames in the first bank.
    fn near(&self) -> u32 {
        self.frames - self.far
    }
}

/// A table with an entry for each frame, of which the first `near` are in the first bank.
fn banks<T>(near: u32, entries: &mut [T]) -> Banks<'_, T> {
    let (near, far) = entries.split_at_mut(usize::try_from(near).unwrap());
    let mut banks = Banks::default();
    for (base, entries) in [(RAM_BASE, near), (FAR_BASE, far)] {
        let added = banks.add(Frame::at(base).unwrap(), entries);
        assert!(added.is_some() || base == FAR_BASE);
    }
    banks
}

/// One thread of a user program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User(pub(super) Handle);

/// A process with a thread, and init's capabilities to both.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    pub process: Handle,
    pub thread: Handle,
    pub user: User,
}

/// What became of a system call at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It returned; the registers tell what.
    Done,
    /// Its thread waits.
    Blocked,
    /// Its thread makes the call again.
    Again,
    /// Its thread has ended.
    Gone,
}

pub struct World<'a> {
    pub kernel: Kernel<'a, Ledger<'a, Machine>>,
    pub(super) scratch: Scratch<'a>,
    /// Init's first thread.
    pub init: User,
    /// Init's root windows, in the order of [`Config::windows`].
    pub roots: Vec<Handle>,
    pub spawn: Handle,
    pub console: Handle,
    /// Init's capability to the boot archive: four sealed pages.
    pub archive: Handle,
    /// Init's capability to all interrupt lines; NONE when there are none.
    pub lines: Handle,
    /// Whether the checker looks after each entry into the kernel.
    pub checking: bool,
    /// Whether the short ways of `call` and `reply_recv` are tried first, as the kernel does.
    pub fast: bool,
    /// Most fences, leaves, and frames cleared, and taken or given back, of one entry so far.
    pub most: [u32; 4],
    /// Entries into the kernel so far.
    pub entries: u64,
    /// How many of them a short way has made.
    pub short: u64,
    pub(super) forced: bool,
    /// Entries were made that the checker did not see.
    unseen: bool,
}

/// Runs `body` in a world of the default configuration.
pub fn run<R>(body: impl FnOnce(&mut World<'_>) -> R) -> R {
    run_with(&Config::default(), body)
}

/// Runs `body` in a world.
pub fn run_with<R>(config: &Config, body: impl FnOnce(&mut World<'_>) -> R) -> R {
    let mut memory = Memory::new(config);
    body(&mut World::over(config, &mut memory))
}

/// What the tables of a kernel, and its checker, stand in.
struct Memory {
    caps: Vec<Slot<Capability>>,
    endpoints: Vec<Slot<Endpoint>>,
    notifications: Vec<Slot<Notification>>,
    vmos: Vec<Slot<Vmo>>,
    registers: Vec<Slot<Registers>>,
    memories: Vec<Slot<DeviceMemory>>,
    mappings: Vec<Slot<Mapping>>,
    processes: Vec<Slot<Process>>,
    threads: Vec<Slot<Thread>>,
    alarms: Vec<Alarm<Thread>>,
    lines: Vec<Slot<Line>>,
    held: Vec<Alarm<Line>>,
    frames: Vec<FrameInfo>,
    events: Vec<Event>,
    marks: Vec<FrameMark>,
    sums: Vec<ProcessSum>,
}

impl Memory {
    fn new(config: &Config) -> Memory {
        fn slots<T>(count: u32) -> Vec<Slot<T>> {
            (0..count).map(|_| Slot::EMPTY).collect()
        }
        let (light, heavy) = table_sizes(config.objects);
        let frames = usize::try_from(config.frames).unwrap();
        Memory {
            caps: slots(light),
            endpoints: slots(light),
            notifications: slots(light),
            vmos: slots(light),
            registers: slots(DEVICE_PAGES),
            memories: slots(DEVICE_MEMORIES),
            mappings: slots(light),
            processes: slots(heavy),
            threads: slots(heavy),
            alarms: std::vec![Alarm::EMPTY; usize::try_from(heavy).unwrap()],
            lines: slots(config.lines + 1),
            held: std::vec![Alarm::EMPTY; usize::try_from(config.lines).unwrap()],
            frames: std::vec![FrameInfo::RESERVED; frames],
            // A page that is mapped, cleared or unmapped makes some events; one entry, no more than
            // that for each frame.
            events: std::vec![Event::Zero(Frame::at(0).unwrap()); frames.max(64) * 12],
            marks: std::vec![FrameMark::default(); frames],
            sums: std::vec![ProcessSum::default(); usize::try_from(heavy).unwrap()],
        }
    }
}

impl World<'static> {
    /// A world that several threads can have. Its memory is not given back.
    #[must_use]
    pub fn leaked(config: &Config) -> World<'static> {
        World::over(config, Box::leak(Box::new(Memory::new(config))))
    }
}

impl<'a> World<'a> {
    fn over(config: &Config, memory: &'a mut Memory) -> World<'a> {
        let near = config.near();
        let tables = Tables {
            caps: &mut memory.caps,
            endpoints: &mut memory.endpoints,
            notifications: &mut memory.notifications,
            vmos: &mut memory.vmos,
            registers: &mut memory.registers,
            memories: &mut memory.memories,
            mappings: &mut memory.mappings,
            processes: &mut memory.processes,
            threads: &mut memory.threads,
            alarms: &mut memory.alarms,
            lines: &mut memory.lines,
            held: &mut memory.held,
            frames: banks(near, &mut memory.frames),
        };
        let machine = Machine::new(config.frames, config.far, config.lines);
        let platform = Ledger::new(machine, &mut memory.events);
        let kernel = Kernel::new(platform, tables);
        let scratch = Scratch::new(banks(near, &mut memory.marks), &mut memory.sums);
        World::boot(config, kernel, scratch)
    }

    fn boot(
        config: &Config,
        mut kernel: Kernel<'a, Ledger<'a, Machine>>,
        scratch: Scratch<'a>,
    ) -> World<'a> {
        let at = |number: u32| Frame::at(RAM_BASE + u64::from(number) * 4096).unwrap();
        let far = Frame::at(FAR_BASE).unwrap();
        let [first, behind] =
            if config.far_device { [0, config.device] } else { [config.device, 0] };
        kernel.frames_mut().add(at(RESERVED + first), config.near() - RESERVED - first);
        let reserve = if config.far_device { far } else { at(RESERVED) };
        kernel.boot_reserve(reserve, config.device).unwrap();
        kernel.frames_mut().add(far.plus(behind.into()), config.far - behind);
        kernel.create_init(config.objects).unwrap();
        let forbidden = World::forbidden(config);
        let roots = config.windows.iter().map(|&(base, len)| {
            let window = Window::new(base, len, forbidden.iter().cloned()).unwrap();
            kernel.boot_window(window).unwrap()
        });
        let roots = roots.collect();
        let spawn = kernel.boot_authority(CapabilityKind::Spawn).unwrap();
        let console = kernel.boot_authority(CapabilityKind::Console).unwrap();
        let archive = kernel.boot_memory(at(RESERVED - 4), 4).unwrap();
        let lines = match config.lines {
            0 => Handle::NONE,
            count => kernel.boot_lines(count).unwrap(),
        };
        kernel.start_init(0x10_0000, 0x3000_0000, 0x3001_0000).unwrap();
        assert!(kernel.schedule());
        let init = kernel.hart.current.unwrap();
        let init = User(kernel.threads.handle(init));
        let mut world = World {
            kernel,
            scratch,
            init,
            roots,
            spawn,
            console,
            archive,
            lines,
            checking: true,
            fast: false,
            most: [0; 4],
            entries: 0,
            short: 0,
            forced: false,
            unseen: true,
        };
        // What booting took is no entry's.
        pace::frames();
        world.kernel.platform.clear();
        world.check();
        world
    }

    /// RAM, and the devices that the kernel keeps: what no window may touch.
    #[must_use]
    pub fn forbidden(config: &Config) -> Vec<core::ops::Range<u64>> {
        std::vec![
            RAM_BASE..RAM_BASE + u64::from(config.near()) * 4096,
            FAR_BASE..FAR_BASE + u64::from(config.far) * 4096,
            0x0c00_0000..0x0c60_0000,
            0x0200_0000..0x0201_0000,
        ]
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.kernel.platform.machine
    }

    /// Has the checker look at everything.
    ///
    /// # Panics
    /// When it finds a broken rule.
    pub fn check(&mut self) {
        self.measure();
        // Miri, which looks for something else, takes a second for each look.
        if !self.checking || cfg!(miri) {
            self.kernel.platform.clear();
            self.unseen = true;
            return;
        }
        let mut found = self.kernel.check(&mut self.scratch);
        if self.unseen {
            // What the checker remembers of the time before is more than one entry old.
            self.kernel.platform.clear();
            self.unseen = false;
        } else {
            found = found.and_then(|()| self.kernel.check_fences(&mut self.scratch));
        }
        let current = if self.forced { Ok(()) } else { self.kernel.check_current() };
        if let Err(violation) = found.and(current) {
            let whole = std::env::var_os("NEURON_DESCRIBE").map(|_| self.describe(None));
            panic!("{violation}\n{}", whole.unwrap_or_default());
        }
    }

    /// Looks at what the entry before did to page tables and memory: it has bounds (RFC-0001, S6).
    ///
    /// # Panics
    /// When one is passed.
    fn measure(&mut self) {
        let (mut fences, mut leaves, mut cleared) = (0u32, 0u32, 0u32);
        for event in self.kernel.platform.events() {
            match event {
                Event::FencePage(..) | Event::FenceSpace(_) | Event::FenceKernel => fences += 1,
                Event::Write { .. } => leaves += 1,
                Event::Device(_) => {}
                Event::Zero(_) => cleared += 1,
            }
        }
        // A leaf and its record are two words.
        let done = [fences, leaves / 2, cleared, pace::frames()];
        let most = [MAX_FENCES, MAX_LEAVES, MAX_CLEARED, MAX_FRAMES];
        for (done, (most, all)) in done.into_iter().zip(most.into_iter().zip(&mut self.most)) {
            assert!(done <= most, "an entry did {done:?} of at most {most:?}");
            *all = done.max(*all);
        }
    }

    /// Runs the checker and tells what it found.
    pub fn find(&mut self) -> Result<(), crate::check::Violation> {
        self.kernel.check(&mut self.scratch)?;
        self.kernel.check_fences(&mut self.scratch)
    }

    pub(crate) fn id(&self, user: User) -> Option<Id<Thread>> {
        self.kernel.threads.by_handle(user.0).ok().map(|(id, _)| id)
    }

    pub(super) fn thread(&self, user: User) -> Option<&Thread> {
        self.kernel.threads.by_handle(user.0).ok().map(|(_, thread)| thread)
    }

    /// The registers of a thread.
    ///
    /// # Panics
    /// When it is gone.
    pub fn frame(&mut self, user: User) -> &mut TrapFrame {
        let id = self.id(user).expect("the thread is gone");
        &mut self.kernel.threads.get_mut(id).unwrap().frame
    }
}
