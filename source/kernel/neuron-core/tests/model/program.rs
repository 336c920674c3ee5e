//! Random programs: each step is made from one random number.

/// A choice among the handles that there are.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    /// One of the actor's that fits the call.
    Fit(u8),
    /// Any of the actor's.
    Own(u8),
    /// Anybody's.
    Any(u8),
    /// One that is no more.
    Dead(u8),
    /// One of the actor's, changed.
    Bent(u8, u64),
    /// NONE.
    Nothing,
}

/// A bit of the number in a [`Pick`]: rather what a call in steps is about, if there is one.
pub const NEAR: u8 = 16;

#[derive(Clone, Debug)]
pub enum Call {
    Endpoint,
    Notification,
    Memory {
        pages: u64,
    },
    Derive {
        cap: Pick,
        rights: u64,
        offset: u64,
        len: u64,
    },
    Drop {
        cap: Pick,
    },
    Revoke {
        cap: Pick,
    },
    Install {
        target: Pick,
        cap: Pick,
        rights: u64,
    },
    MapMemory {
        target: Pick,
        cap: Pick,
        place: [u64; 4],
    },
    MapDevice {
        cap: Pick,
        place: [u64; 4],
    },
    Unmap {
        va: u64,
    },
    Protect {
        va: u64,
        prot: u64,
    },
    Seal {
        cap: Pick,
    },
    Mask {
        cap: Pick,
        mask: u64,
    },
    WriteRegister {
        cap: Pick,
        offset: u64,
        value: u64,
    },
    Spawn {
        cap: Pick,
        service: u64,
        frames: u32,
        objects: u32,
        notify: Pick,
        bits: u64,
    },
    End {
        target: Pick,
    },
    Fault,
    /// A call without arguments, or with a number that there is not.
    Bare {
        number: u64,
    },
    Thread {
        target: Pick,
        entry: u64,
        priority: u64,
    },
    ThreadExit,
    Query {
        cap: Pick,
    },
    Inspect {
        target: Pick,
        cursor: Pick,
    },
    Stat {
        target: Pick,
    },
    Console {
        cap: Pick,
        len: u64,
    },
    Send {
        to: Pick,
        letter: Letter,
        wait: Wait,
    },
    Receive {
        from: Pick,
        reply: Pick,
        letter: Letter,
        wait: Wait,
        irq: Pick,
    },
    Reply {
        reply: Pick,
        letter: Letter,
    },
    DropReply {
        reply: Pick,
    },
    Signal {
        cap: Pick,
        bits: u64,
    },
    Wait {
        cap: Pick,
        wait: Wait,
        irq: Pick,
    },
    Bind {
        endpoint: Pick,
        notification: Pick,
    },
    IrqBind {
        irq: Pick,
        notification: Pick,
        bits: u64,
        window: Pick,
        offset: u64,
    },
    IrqAck {
        irq: Pick,
        value: u64,
    },
    IrqStat {
        irq: Pick,
    },
    Time {
        spawn: Pick,
        priority: u64,
    },
    Limit {
        cap: Pick,
        limit: u64,
    },
    DmaCreate {
        cap: Pick,
        pages: u64,
        role: u64,
    },
    DmaQuiet {
        cap: Pick,
    },
    /// Index, offset, length and flags.
    DmaPlace {
        table: Pick,
        object: Pick,
        place: [u64; 4],
    },
    WriteDma {
        cap: Pick,
        object: Pick,
        register: u64,
        offset: u64,
    },
    /// The status register of every device says this.
    Status {
        value: u32,
    },
    /// A device raises or lowers its level.
    Level {
        line: u64,
        level: bool,
    },
    /// Time passes.
    Advance {
        ticks: u64,
    },
}

impl Call {
    /// Whether it uses memory of devices (`true`) or makes or clears it (`false`).
    pub fn uses_devices(&self) -> Option<bool> {
        match self {
            Call::DmaPlace { .. } | Call::WriteDma { .. } => Some(true),
            Call::DmaCreate { .. } | Call::DmaQuiet { .. } => Some(false),
            _ => None,
        }
    }
}

/// A message.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Set in the tag besides the counts.
    pub bits: u64,
    pub words: u8,
    pub caps: Vec<Pick>,
    pub seed: u64,
}

/// A deadline, in ticks from now; or none.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    Ever,
    For(i64),
}

/// One call of one thread, at which an allocation may fail; or one step of something that has begun.
#[derive(Clone, Debug)]
pub struct Step {
    pub actor: u8,
    pub call: Call,
    pub fail: Option<u8>,
    /// What happens while something is half done.
    pub meanwhile: Meanwhile,
}

/// What happens in place of the call of a step, if something that goes in steps has begun.
#[derive(Clone, Copy, Debug)]
pub enum Meanwhile {
    /// One of those things goes on.
    GoOn(u8),
    /// A call about one of them.
    Meddle(u64),
    /// The call of the step.
    Nothing,
}

/// A call about what another call is half through, made from a number.
pub fn meddle(number: u64) -> Call {
    let mut dice = Dice(number);
    let near = Pick::Fit(dice.byte() | NEAR);
    match dice.below(13) {
        9.. => dma_use(&mut dice),
        0 | 8 => {
            let (offset, len) = (dice.below(16) * 4096, (1 + dice.below(4)) * 4096);
            Call::Derive { cap: near, rights: dice.rights() | 1, offset, len }
        }
        1 => Call::Install { target: dice.target(), cap: near, rights: dice.rights() },
        2 => Call::Query { cap: Pick::Dead(dice.byte() | NEAR) },
        3 => Call::MapMemory { target: dice.target(), cap: near, place: dice.place() },
        4 => Call::Revoke { cap: near },
        _ => Call::Drop { cap: near },
    }
}

/// The step that a number stands for. Plain code and not a strategy of `proptest`, which would take
/// longer than all the rest; `proptest` makes the numbers, and takes steps away when it shrinks.
pub fn step(number: u64) -> Step {
    let mut dice = Dice(number);
    let fail = dice.one_in(10).then(|| dice.below(6) as u8);
    let call = match dice.below(21) {
        0..10 => holding(&mut dice),
        10..13 => living(&mut dice),
        13 if dice.one_in(12) => Call::Status { value: u32::from(dice.one_in(3)) },
        13 => dma(&mut dice),
        _ => passing(&mut dice),
    };
    let actor = dice.byte();
    let meanwhile = match dice.below(8) {
        0..4 => Meanwhile::GoOn(dice.byte()),
        4..6 => Meanwhile::Meddle(dice.next()),
        _ => Meanwhile::Nothing,
    };
    Step { actor, call, fail, meanwhile }
}

/// Random numbers (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of(&mut self, from: &[u64]) -> u64 {
        from[self.below(from.len() as u64) as usize]
    }

    fn pick(&mut self) -> Pick {
        match self.below(30) {
            0..24 => Pick::Fit(self.byte()),
            24..27 => Pick::Own(self.byte()),
            27 => Pick::Any(self.byte()),
            28 => Pick::Dead(self.byte()),
            _ => Pick::Bent(self.byte(), self.bend()),
        }
    }

    /// For a message or a signal: more often a handle that is wrong.
    fn guess(&mut self) -> Pick {
        match self.below(30) {
            0..21 => Pick::Fit(self.byte()),
            21..23 => Pick::Own(self.byte()),
            23..25 => Pick::Any(self.byte()),
            25..28 => Pick::Dead(self.byte()),
            _ => Pick::Bent(self.byte(), self.bend()),
        }
    }

    fn bend(&mut self) -> u64 {
        match self.below(6) {
            0 => self.next() | 1,
            _ => self.of(&[1, 1 << 32, 2 << 32, 1 << 31, 1 << 63]),
        }
    }

    fn or_nothing(&mut self, one_in: u64) -> Pick {
        if self.one_in(one_in) { Pick::Nothing } else { self.pick() }
    }

    fn target(&mut self) -> Pick {
        self.or_nothing(3)
    }

    fn line(&mut self) -> Pick {
        self.or_nothing(2)
    }

    fn reply(&mut self) -> Pick {
        if self.one_in(5) { self.pick() } else { Pick::Fit(self.byte()) }
    }

    /// Bytes: some pages, or what is wrong.
    fn size(&mut self) -> u64 {
        match self.below(16) {
            0..12 => self.below(5) * 4096,
            12 | 13 => self.below(20) * 4096,
            14 => self.of(&[1, 0x800, 4095, 4097, 1 << 21, (1 << 21) + 4096, 1 << 40]),
            _ => self.of(&[!4095, u64::MAX, 1 << 63]),
        }
    }

    fn address(&mut self) -> u64 {
        match self.below(16) {
            0..10 => VA + self.below(10) * 4096,
            10..13 => VA + 0x20_0000 - 3 * 4096 + self.below(6) * 4096,
            13 | 14 => VA + 0x4000_0000 - 3 * 4096 + self.below(6) * 4096,
            _ => self.of(&[
                0,
                4096,
                VA + 8,
                VA + 4095,
                1 << 38,
                (1 << 38) - 4096,
                (1 << 38) - 8192,
                1 << 39,
                1 << 63,
                !4095,
                u64::MAX,
            ]),
        }
    }

    fn prot(&mut self) -> u64 {
        match self.below(11) {
            0..4 => 1,
            4..8 => 3,
            8 | 9 => 5,
            _ => self.of(&[0, 2, 4, 6, 7, 8, 9, 1 << 8, (1 << 32) | 1, u64::MAX]),
        }
    }

    fn rights(&mut self) -> u64 {
        match self.below(18) {
            // To use; all of a window; that but DERIVE; all of memory; all of an endpoint; anything.
            0..4 => 7,
            4..7 => 0x3c7,
            7 => 0x387,
            8 | 9 => 0x3cf,
            10 | 11 => 0x3f0,
            12 | 13 => 0xf0,
            14..17 => self.below(1024),
            _ => self.of(&[1 << 11, 1 << 16, 1 << 63, u64::MAX]),
        }
    }

    /// Offset, length, address and protection: mostly what could be mapped.
    fn place(&mut self) -> [u64; 4] {
        if self.below(5) < 2 {
            return [self.size(), self.size(), self.address(), self.prot()];
        }
        let (first, pages) = (self.below(2) * 4096, (1 + self.below(3)) * 4096);
        [first, pages, VA + self.below(24) * 4096, self.of(&[1, 3, 5])]
    }

    /// Registers of a window: some of the first ones, or others.
    fn mask(&mut self) -> u64 {
        match self.below(8) {
            0..4 => self.below(16) | self.below(16),
            4 => self.of(&[0, 1 << 63, 1 << 20]),
            5 => u64::MAX,
            _ => 15,
        }
    }

    /// A byte offset and a value.
    fn register(&mut self) -> (u64, u64) {
        let offset = match self.below(12) {
            0 => self.of(&[1, 2, 6, 253, 256, 4096, 1 << 63, u64::MAX - 3]),
            1 => self.of(&[252, 80]),
            _ => self.below(4) * 4,
        };
        (offset, if self.one_in(12) { 1 << 32 } else { self.below(1 << 32) })
    }

    fn letter(&mut self) -> Letter {
        let bits = match self.below(26) {
            0..20 => 0,
            20..25 => self.next() << 32,
            _ => self.of(&[1 << 7, 1 << 8, 1 << 31, 9, 0x50, u64::MAX]),
        };
        let caps = if self.one_in(3) { self.below(5) } else { 0 };
        Letter {
            bits,
            words: self.below(9) as u8,
            caps: (0..caps).map(|_| self.pick()).collect(),
            seed: self.next(),
        }
    }

    fn wait(&mut self) -> Wait {
        match self.below(11) {
            0 | 1 => Wait::Ever,
            2..8 => Wait::For(self.below(3000) as i64),
            8 | 9 => Wait::For(self.below(1 << 24) as i64),
            _ => Wait::For([-1, -1_000_000, i64::MAX][self.below(3) as usize]),
        }
    }
}

const VA: u64 = 0x10_0000_0000;

/// The first number that is no call.
const UNKNOWN: u64 = nexus_abi::SYSCALLS.len() as u64;

/// Calls about capabilities and memory.
fn holding(dice: &mut Dice) -> Call {
    match dice.below(55) {
        0 | 1 => Call::Endpoint,
        2 => Call::Notification,
        3..6 => {
            let wrong = dice.one_in(9);
            let pages =
                if wrong { dice.of(&[0, 40, 513, 1 << 32, u64::MAX]) } else { 1 + dice.below(5) };
            Call::Memory { pages }
        }
        6..14 => Call::Derive {
            cap: dice.pick(),
            rights: dice.rights(),
            offset: dice.size(),
            len: dice.size(),
        },
        14 | 15 => Call::Drop { cap: dice.pick() },
        16 => Call::Revoke { cap: dice.pick() },
        17..25 => Call::Install { target: dice.target(), cap: dice.pick(), rights: dice.rights() },
        25..33 => Call::MapMemory { target: dice.target(), cap: dice.pick(), place: dice.place() },
        33..40 => Call::MapDevice { cap: dice.pick(), place: dice.place() },
        40 => Call::Drop { cap: dice.pick() },
        41 => Call::Revoke { cap: dice.pick() },
        42..45 => Call::Unmap { va: dice.address() },
        45..49 => Call::Protect { va: dice.address(), prot: dice.prot() },
        49 => Call::Seal { cap: dice.pick() },
        50 | 51 => Call::Mask { cap: dice.pick(), mask: dice.mask() },
        _ => {
            let (offset, value) = dice.register();
            Call::WriteRegister { cap: dice.pick(), offset, value }
        }
    }
}

/// Calls about processes and threads, and those that only look.
fn living(dice: &mut Dice) -> Call {
    match dice.below(25) {
        0..6 => spawn(dice),
        6 => Call::End { target: dice.target() },
        7 => Call::Fault,
        8..12 => {
            let entry = match dice.below(7) {
                0 => dice.of(&[0, 4095, 4096, 0x10_0001, 1 << 38, u64::MAX]),
                _ => 0x10_0000,
            };
            let priority =
                if dice.one_in(7) { dice.of(&[32, 255, u64::MAX]) } else { dice.below(32) };
            Call::Thread { target: dice.target(), entry, priority }
        }
        12 => Call::ThreadExit,
        13 => Call::Bare { number: dice.of(&[0, 1, UNKNOWN, 255, 1 << 32, u64::MAX]) },
        14..17 => Call::Query { cap: dice.pick() },
        17..20 => Call::Inspect { target: dice.target(), cursor: dice.or_nothing(4) },
        20..22 => Call::Stat { target: dice.target() },
        22 => {
            let wrong = dice.one_in(4);
            let priority = if wrong { dice.of(&[33, 255, u64::MAX]) } else { dice.below(33) };
            Call::Time { spawn: dice.pick(), priority }
        }
        _ => {
            let len = if dice.one_in(6) { dice.of(&[33, u64::MAX]) } else { dice.below(33) };
            Call::Console { cap: dice.pick(), len }
        }
    }
}

fn spawn(dice: &mut Dice) -> Call {
    let service = if dice.one_in(7) { dice.of(&[0, 1024, 1 << 32]) } else { 2 + dice.below(7) };
    let mut size = |low: u64, high: u64, small: u64| match dice.below(8) {
        0 => dice.below(small) as u32,
        1 => u32::MAX,
        _ => (low + dice.below(high - low)) as u32,
    };
    let (frames, objects) = (size(8, 40, 3), size(20, 70, 12));
    let (notify, bits) = (if dice.one_in(3) { dice.pick() } else { Pick::Nothing }, dice.below(4));
    Call::Spawn { cap: dice.pick(), service, frames, objects, notify, bits }
}

/// Calls about interrupt lines, and interrupts.
fn line(dice: &mut Dice) -> Call {
    match dice.below(15) {
        0 | 1 => {
            let window = if dice.one_in(2) { dice.pick() } else { Pick::Nothing };
            let offset = match window {
                Pick::Nothing if !dice.one_in(12) => 0,
                _ => dice.register().0,
            };
            let bits = if dice.one_in(12) { 0 } else { 1 << dice.below(6) };
            let (irq, notification) = (dice.pick(), dice.pick());
            Call::IrqBind { irq, notification, bits, window, offset }
        }
        2..6 => {
            let value = if dice.one_in(2) { dice.register().1 } else { u64::MAX };
            Call::IrqAck { irq: dice.pick(), value }
        }
        6 => Call::IrqStat { irq: dice.pick() },
        7 => {
            let limit = match dice.below(8) {
                0 => dice.of(&[1 << 32, u64::MAX, u64::from(u32::MAX)]),
                _ => dice.below(3000),
            };
            Call::Limit { cap: dice.pick(), limit }
        }
        _ => Call::Level { line: 1 + dice.below(3), level: !dice.one_in(3) },
    }
}

/// In place of a register: the one for the object.
pub const RIGHT: u64 = 1;

/// Calls about memory of devices.
fn dma(dice: &mut Dice) -> Call {
    match dice.below(16) {
        0 | 1 => {
            let pages =
                if dice.one_in(5) { dice.of(&[0, 1 << 32, 700]) } else { 1 + dice.below(3) };
            let role = if dice.one_in(8) { dice.of(&[3, u64::MAX]) } else { dice.below(3) };
            Call::DmaCreate { cap: dice.pick(), pages, role }
        }
        2..6 => Call::DmaQuiet { cap: dice.pick() },
        _ => dma_use(dice),
    }
}

/// Calls that use memory of devices.
fn dma_use(dice: &mut Dice) -> Call {
    let offset = match dice.below(8) {
        0 => dice.of(&[8, 16, 4088, 1 << 20, u64::MAX, u64::MAX - 15]),
        1 => dice.below(9000),
        2 => 4096 + dice.below(4) * 16,
        _ => dice.below(4) * 16,
    };
    let mut pick = || match dice.pick() {
        Pick::Fit(n) => Pick::Fit(n & !NEAR),
        other => other,
    };
    let (one, object) = (pick(), pick());
    if dice.one_in(3) {
        let register = dice.of(&[RIGHT, RIGHT, RIGHT, RIGHT, 0x80, 0x90, 0xa0, 0x84, 0]);
        return Call::WriteDma { cap: one, object, register, offset };
    }
    let wrong = dice.one_in(8);
    let index = if wrong { dice.of(&[256, 1 << 60, u64::MAX]) } else { dice.below(2) };
    let flags = dice.of(&[0, 2, 4, 4, 4, 1 | 1 << 16, 3 | 255 << 16, 1 << 16, 1 | 256 << 16, 8]);
    let len = if dice.one_in(5) { dice.below(2) } else { 16 + dice.below(4) * 16 };
    Call::DmaPlace { table: one, object, place: [index, offset, len, flags] }
}

/// Calls that pass something, and time.
fn passing(dice: &mut Dice) -> Call {
    match dice.below(44) {
        37..44 => line(dice),
        0..10 => Call::Send { to: dice.guess(), letter: dice.letter(), wait: dice.wait() },
        10..18 => {
            let reply = if dice.one_in(4) { Pick::Nothing } else { dice.reply() };
            let (from, irq) = (dice.guess(), dice.line());
            Call::Receive { from, reply, letter: dice.letter(), wait: dice.wait(), irq }
        }
        18..24 => Call::Reply { reply: dice.reply(), letter: dice.letter() },
        24 => Call::DropReply { reply: dice.reply() },
        25..28 => {
            let bits = match dice.below(6) {
                0 => 0,
                1 => dice.next(),
                _ => 1 + dice.below(15),
            };
            Call::Signal { cap: dice.guess(), bits }
        }
        28..31 => Call::Wait { cap: dice.pick(), wait: dice.wait(), irq: dice.line() },
        31 | 32 => Call::Bind { endpoint: dice.pick(), notification: dice.pick() },
        _ => {
            let most = dice.of(&[2000, 2000, 2000, 2000, 1 << 15, 1 << 15, 1 << 25]);
            Call::Advance { ticks: dice.below(most) }
        }
    }
}
