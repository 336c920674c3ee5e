//! Nothing that a program puts in its registers makes the kernel panic, or an illegal state.

use crate::common::*;
use nexus_abi::SYSCALLS;

/// A small random number generator (xorshift), with its seed printed on failure.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A value that programs get wrong.
    fn word(&mut self, handles: &[Handle]) -> u64 {
        match self.below(8) {
            0 => self.next(),
            1 => self.pick(&[0, 1, 2, 3, 5, 7, 8, 31, 32, 64, 511, 512, 513, 1023, 1024]),
            2 => PAGE * self.below(8) + self.pick(&[0, 0, 0, 1, 0xfff]),
            3 => VA + PAGE * self.below(64),
            4 => self.pick(&[USER_END, USER_END - PAGE, u64::MAX, 1 << 63, 1 << 32, !(PAGE - 1)]),
            5 => (self.below(16) << 32) | self.below(64),
            _ if handles.is_empty() => self.below(64),
            _ => self.pick(handles).0 ^ self.pick(&[0, 0, 0, 0, 0, 0, 1, 1 << 32, 1 << 63]),
        }
    }
}

#[test]
fn unknown_calls_are_refused() {
    run(|w| {
        let first = SYSCALLS.len() as u64;
        for number in [first, first + 1, 100, 255, 256, 1 << 31, 1 << 32, 1 << 63, u64::MAX] {
            w.refused(w.init, Error::BadSyscall, |w| w.raw(w.init, number, |_| {}));
        }
        for number in 0..first {
            assert!(Syscall::decode(number).is_some());
        }
    });
}

#[test]
fn console_writes_what_it_was_given() {
    run(|w| {
        let words = [b"01234567", b"89abcdef", b"ghijklmn", b"opqrstuv"]
            .map(|word| u64::from_le_bytes(*word));
        for len in 0..=32usize {
            w.machine().console.clear();
            let args = [w.console.0, len as u64, words[0], words[1], words[2], words[3]];
            w.call(w.init, Syscall::ConsoleWrite, &args).unwrap();
            assert_eq!(w.machine().console, b"0123456789abcdefghijklmnopqrstuv"[..len]);
        }
        for len in [33, 64, 1 << 32, u64::MAX] {
            let args = [w.console.0, len, 0, 0, 0, 0];
            w.refuses(w.init, Error::OutOfRange, Syscall::ConsoleWrite, &args);
        }
        w.refuses(w.init, Error::WrongKind, Syscall::ConsoleWrite, &[w.spawn.0, 1, 0, 0, 0, 0]);
    });
}

/// Who makes wild calls, and what they know.
struct Storm {
    random: Random,
    users: Vec<User>,
    handles: Vec<Handle>,
}

impl Storm {
    /// Init makes somebody new, and gives them some of what there is.
    fn newcomer(&mut self, w: &mut World<'_>) {
        let service = 2 + self.random.below(9);
        let Ok(process) = w.process_create(service, 20, 40, Handle::NONE, 0) else { return };
        let Ok((_, user)) = w.thread_by(w.init, process, 31) else { return };
        self.users.push(user);
        self.handles.push(process);
        for _ in 0..3 {
            let cap = self.random.pick(&self.handles);
            if let Some(rights) = w.rights(cap)
                && let Ok(child) = w.install(w.init, process, cap, rights)
            {
                self.handles.push(child);
            }
        }
    }

    /// One call with wild arguments. What it returns may be the name of something.
    fn call(&mut self, w: &mut World<'_>, user: User, number: u64, label: u32) {
        let Storm { random, handles, .. } = self;
        let status = w.raw(user, number, |frame| {
            for register in 1..32 {
                let value = random.word(handles);
                frame.set(register, value);
            }
            if random.below(2) == 0 {
                let (words, caps) = (random.below(9), random.below(5));
                frame.set(11, Tag::new(label, words as u8, caps as u8).0);
            }
            if random.below(2) == 0 {
                frame.set(28, NO_DEADLINE);
            }
        });
        if status == Status::Done && w.result(user).is_ok() {
            let frame = w.frame(user);
            let words = [11, 16, 7, 29].map(|register| Handle(frame.get(register)));
            self.handles.extend(words);
        }
        if self.handles.len() > 200 {
            self.handles.drain(8..100);
        }
    }
}

/// Processes of all kinds make calls with wild arguments; the checker looks after each.
fn storm(seed: u64, calls: u32) {
    let config = Config { objects: 300, frames: 200, ..Config::default() };
    run_with(&config, |w| {
        w.fast = seed & 1 == 0;
        let mut handles = w.roots.clone();
        handles.extend([w.spawn, w.console, w.archive]);
        let mut storm = Storm { random: Random(seed | 1), users: vec![w.init], handles };
        for n in 0..calls {
            let users = storm.users.iter().copied();
            let ready: Vec<User> = users.filter(|user| w.is_ready(*user)).collect();
            if ready.is_empty() || storm.random.below(16) == 0 {
                let ticks = storm.random.pick(&[1, 1000, 10_000, 200_000, 1 << 22]);
                w.advance(ticks);
                w.step_reaper();
            }
            if ready.len() < 2 {
                if !w.is_ready(w.init) {
                    break;
                }
                w.settle();
                storm.newcomer(w);
                continue;
            }
            let random = &mut storm.random;
            let user = random.pick(&ready);
            let row = &SYSCALLS[random.below(SYSCALLS.len() as u64) as usize];
            let ends = [Syscall::ThreadExit.number(), Syscall::ProcessEnd.number()];
            if ends.contains(&row.number) && (user == w.init || random.below(4) != 0) {
                continue;
            }
            if random.below(400) == 0 && user != w.init {
                w.fault(user, random.below(16), random.next());
                continue;
            }
            storm.call(w, user, row.number, n);
        }
    });
}

#[test]
fn wild_calls() {
    let (seeds, calls) = if cfg!(miri) { (1, 60) } else { (40, 600) };
    for seed in 1..=seeds {
        let seed = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(seed);
        let result = std::panic::catch_unwind(|| storm(seed, calls));
        assert!(result.is_ok(), "seed {seed:#x}");
    }
}
