//! The registers of several threads at their system calls, on the real kernel and a simulated
//! machine. An input is a list of events, each one byte for the thread and one for what it does.

use neuron_core::sim::{Config, Status, User, World, run_with};
use nexus_abi::{Handle, NO_DEADLINE, Rights, Syscall, regs};

use crate::input::Input;

/// Events of one input.
const EVENTS: usize = 96;

/// Calls that there are.
const CALLS: u64 = nexus_abi::SYSCALLS.len() as u64;

/// From here on, the second byte is a call with a number of any size, a fault, time, or a device that
/// raises or lowers its level.
const WILD: u8 = 0xf0;
const FAULT: u8 = 0xf1;
const TIME: u8 = 0xf2;
const LEVEL: u8 = 0xf3;

/// Addresses, lengths and tags that are nearly right.
const NUMBERS: [u64; 24] = [
    0,
    1,
    3,
    5,
    7,
    0x3cf,
    0x3ff,
    0x18,
    0x48,
    4096,
    8192,
    0x20_0000,
    0x10_0000,
    0x10_0000_0000,
    0x10_001f_f000,
    0x10_3fff_f000,
    0x3f_ffff_f000,
    1 << 38,
    1 << 63,
    u64::MAX - 4095,
    u64::MAX,
    0x10_0000_0010,
    2 << 32 | 8,
    1_000_100,
];

struct Machine<'w, 'a> {
    world: &'w mut World<'a>,
    users: Vec<User>,
    /// Handles that came back from calls, dead ones too.
    handles: Vec<u64>,
    /// Threads in a wait, and the call that it is in.
    waiting: Vec<(User, Option<Syscall>)>,
}

// attack 3 Z: offsets, lengths and addresses of any size in any call; nothing wraps, the checker is content
// attack 97 Z: masks and registers of any size, in any order with all else; the checker is content
// attack 12 Z: any protection in any call; no device page is executable
// attack 19 Z: handles that were good once, changed, or another's; each does nothing
// attack 89 Z: lines in any call, with any register of any window, and levels at any time; none is enabled without a receiver, the checker is content
// attack 31 Z: tags that lie about words and capabilities; refused, or copied once
/// No registers make the kernel panic, or leave what the checker finds.
pub fn syscalls(data: &[u8]) {
    let config = Config { objects: 160, frames: 556, device: 300, ..Config::default() };
    run_with(&config, |world| {
        let mut machine = Machine::new(world);
        let mut input = Input::new(data);
        machine.world.fast = input.byte() & 1 != 0;
        for _ in 0..EVENTS {
            if input.is_empty() || machine.world.kernel.init_ended().is_some() {
                break;
            }
            machine.event(&mut input);
        }
        machine.world.settle();
    });
}

impl<'w, 'a> Machine<'w, 'a> {
    /// Init and two processes with two threads each, which hold an endpoint, a notification, memory
    /// and a window.
    fn new(world: &'w mut World<'a>) -> Machine<'w, 'a> {
        let init = world.init;
        let mut users = vec![init];
        let endpoint = world.endpoint_create(init).expect("an endpoint");
        let notification = world.notification_create(init).expect("a notification");
        let memory = world.vmo_create(init, 2).expect("memory");
        let mut handles = vec![world.spawn, world.console, world.roots[0], world.lines, endpoint];
        handles.extend([notification, memory, world.archive]);
        users.push(world.thread_by(init, Handle::NONE, 31).expect("a thread").1);
        for (service, page) in [(2, 0), (3, 4)] {
            let child = world.child(service, 32, 40);
            users.push(child.user);
            users.push(world.thread_in(child.process, 31).1);
            let keep = Rights::all().difference(Rights::SEND | Rights::RECV | Rights::EXEC);
            let kept = world.derive_part(init, world.roots[0], keep, page * 4096, 0x4000);
            let kept = kept.expect("a window");
            let masked = world.derive_part(init, world.roots[0], keep, (8 + page) * 4096, 4096);
            let masked = masked.expect("a window");
            world.cap_limit(init, masked, 0b1011).expect("a mask");
            let line = Rights::RECV | Rights::MANAGE | Rights::GRANT;
            let line = world.derive_part(init, world.lines, line, page, 1).expect("a line");
            let mut give = |cap, rights| {
                world.install(init, child.process, cap, rights).expect("a capability")
            };
            let talk = Rights::SEND | Rights::RECV | Rights::GRANT;
            handles.push(give(line, Rights::RECV | Rights::MANAGE));
            let used = Rights::MAP | Rights::READ | Rights::WRITE | Rights::GRANT;
            let all = Rights::all().difference(Rights::SEND | Rights::RECV | Rights::PLACE);
            handles.extend([masked, give(masked, used)]);
            handles.extend([give(endpoint, talk), give(notification, talk)]);
            handles.extend([give(kept, used), give(memory, all), child.process, kept]);
        }
        let handles = handles.into_iter().map(|handle| handle.0).collect();
        Machine { world, users, handles, waiting: Vec::new() }
    }

    fn event(&mut self, input: &mut Input<'_>) {
        let (who, what) = (usize::from(input.byte()), input.byte());
        if what == TIME {
            return self.world.advance(u64::from(input.word()));
        }
        if what == LEVEL {
            self.world.set_level(1 + (who as u32 >> 1) % 8, who % 2 == 1);
            return self.world.interrupts();
        }
        let ready: Vec<User> =
            self.users.iter().copied().filter(|user| self.world.is_ready(*user)).collect();
        let Some(&user) = ready.get(who % ready.len().max(1)) else {
            return self.world.advance(1 << 30);
        };
        if what == FAULT && user != self.world.init {
            return self.world.fault(user, 13, 0xbad);
        }
        let number = if what >= WILD { input.double() } else { u64::from(what) % CALLS };
        let call = Syscall::decode(number);
        let message = matches!(call, Some(Syscall::Call | Syscall::ReplyRecv | Syscall::Reply));
        let args: [u64; 6] = std::array::from_fn(|_| self.word(input));
        let (deadline, reply) = match message {
            true => (self.word(input), self.word(input)),
            false => (NO_DEADLINE, 0),
        };
        let status = self.world.raw(user, number, |frame| {
            for (n, word) in args.iter().enumerate() {
                frame.set(regs::A0 + n, *word);
            }
            frame.set(regs::T3, deadline);
            frame.set(regs::T4, reply);
            frame.set(regs::T5, args[5]);
        });
        match status {
            Status::Done => self.learn(user, call),
            Status::Blocked => self.waiting.push((user, call)),
            Status::Again | Status::Gone => {}
        }
        self.world.step_reaper();
        for (user, call) in std::mem::take(&mut self.waiting) {
            match self.world.state(user) {
                Some(_) if self.world.is_ready(user) => self.learn(user, call),
                Some(_) => self.waiting.push((user, call)),
                None => {}
            }
        }
    }

    /// A register: what the first byte says, or the eight after it.
    fn word(&mut self, input: &mut Input<'_>) -> u64 {
        match usize::from(input.byte()) {
            n @ 0..160 => self.handles[self.handles.len() - 1 - n % self.handles.len()],
            n @ 160..250 => NUMBERS[n % NUMBERS.len()],
            _ => input.double(),
        }
    }

    /// Keeps what a call gave.
    fn learn(&mut self, user: User, call: Option<Syscall>) {
        let Ok(value) = self.world.result(user) else { return };
        match call {
            Some(Syscall::ThreadCreate) => {
                self.users.push(self.world.user_of(Handle(value)));
                self.handles.push(value);
            }
            Some(Syscall::ReplyRecv | Syscall::Call) => {
                let frame = self.world.frame(user);
                let (words, reply) = (frame.words(), frame.get(regs::T4));
                self.handles.extend([words[6], words[7], reply].iter().filter(|word| **word != 0));
            }
            _ if self.world.cap(Handle(value)).is_some() => self.handles.push(value),
            _ => {}
        }
    }
}

/// An event: thread, call, and registers as bytes that select them.
fn event(who: u8, call: Syscall, args: &[u8]) -> Vec<u8> {
    let message = matches!(call, Syscall::Call | Syscall::ReplyRecv | Syscall::Reply);
    let mut bytes = vec![who, u8::try_from(call.number()).unwrap_or(WILD)];
    bytes.extend(args);
    bytes.resize(2 + if message { 8 } else { 6 }, number(0));
    bytes
}

/// The byte that selects this number.
fn number(number: u64) -> u8 {
    let place = NUMBERS.iter().position(|one| *one == number).unwrap_or(0);
    u8::try_from(168 + place).unwrap_or(168)
}

pub(super) fn seeds() -> Vec<(String, Vec<u8>)> {
    // Handles from the last one back: kept, process, memory, window, notification, endpoint, window
    // with a mask of C, and what it is below; then the same of B.
    let (rw, page, va) = (number(3), number(4096), number(0x10_0000_0000));
    let map = event(4, Syscall::MmioMap, &[3, number(0), page, va, rw]);
    let unmap = event(4, Syscall::Unmap, &[va]);
    let revoke = event(0, Syscall::CapRevoke, &[0]);
    let memory = event(4, Syscall::VmoMap, &[number(0), 2, number(0), page, va, rw]);
    let receive =
        event(4, Syscall::ReplyRecv, &[5, number(0), 0, 0, 0, 0, number(u64::MAX), number(0)]);
    let call = event(2, Syscall::Call, &[13, number(0), 0, 0, 0, 0, number(u64::MAX), 0]);
    let reply = event(4, Syscall::Reply, &[0, number(0)]);
    let end = event(0, Syscall::ProcessEnd, &[2, number(7)]);
    let limit = event(0, Syscall::CapLimit, &[7, number(3)]);
    let write = event(4, Syscall::MmioWrite, &[6, number(0), number(5)]);
    let take = event(0, Syscall::CapRevoke, &[7]);
    let one = |events: &[&Vec<u8>]| {
        let mut bytes = vec![0];
        events.iter().for_each(|event| bytes.extend(*event));
        bytes
    };
    let all = [
        ("map-unmap", one(&[&map, &unmap])),
        ("map-revoke", one(&[&map, &revoke])),
        ("memory", one(&[&memory, &unmap])),
        ("call", one(&[&receive, &call, &reply, &reply])),
        ("server-ends", one(&[&receive, &call, &end])),
        ("registers", one(&[&write, &take, &limit, &write])),
        ("fault", one(&[&map, &vec![4, FAULT]])),
    ];
    all.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}
