//! Devices that answer anything, init that asks for anything, and what must be true whatever they do.

use std::boxed::Box;
use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use nexus_abi::{Handle, KindCode, Message, Rights, Sender};
use nexus_proto::bus::{REGISTERS, Request};
use nexus_proto::log::NO_DEVICE;
use nexus_proto::{Operation as _, Request as _};

use super::system::{
    GREEDY, INIT, LOOKER, MASK, OTHER, OWNERS, machine, prepare, release, system, system_by_serial,
    take,
};
use super::{FakeKernel, Holder, INIT_WINDOW, Tells};
use crate::{ASKS, Bus, POLLS};

/// Most calls of the kernel for one request: every descriptor of a device here, every queue that is looked
/// at, and what comes before and after.
const MOST_CALLS: usize = 250;
/// Every feature that is agreed with any device.
const FEATURES: u64 = 0x1_3001_666e;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Devices that were passed on.
    pub prepared: usize,
    /// Devices that failed.
    pub failed: usize,
}

/// Bytes to act by, from the last. Devices take from them too.
type Bytes = Rc<RefCell<Vec<u8>>>;

fn next(bytes: &Bytes) -> u8 {
    bytes.borrow_mut().pop().unwrap_or(0)
}

struct Scene {
    kernel: FakeKernel,
    bus: Bus<u32>,
    bytes: Bytes,
    asked: u32,
    /// What init has.
    given: Vec<Handle>,
    read: usize,
    outcome: Outcome,
}

/// busd among devices that say anything, and whoever asks it, all driven by `data`.
///
/// # Panics
/// Something is not true that must be: an address is written where none may be, or a register; a device is
/// told to work before it took the features; a request takes too many calls, or has two answers; init gets
/// more than the rule says, or another than init gets anything.
#[must_use]
pub fn exercise(data: &[u8]) -> Outcome {
    let bytes: Bytes = Rc::new(RefCell::new(data.iter().rev().copied().collect()));
    let by_serial = next(&bytes) % 2 == 1;
    let system = if by_serial { system_by_serial("nexus-1") } else { system() };
    let mut scene = Scene {
        kernel: machine(),
        bus: Bus::new(system),
        bytes,
        asked: 0,
        given: Vec::new(),
        read: 0,
        outcome: Outcome::default(),
    };
    while !scene.bytes.borrow().is_empty() {
        let before = scene.kernel.calls;
        let act = scene.next();
        scene.act(act);
        let devices = scene.kernel.devices.len();
        assert!(scene.kernel.calls - before <= devices * MOST_CALLS);
        scene.check();
    }
    for _ in 0..=2 * POLLS + ASKS {
        scene.bus.tick(&mut scene.kernel);
    }
    assert!(!scene.bus.is_waiting(), "each reset ends");
    scene.check();
    assert_eq!(scene.read, scene.asked as usize, "an answer for each request");
    scene.outcome.failed = scene.kernel.failures.len();
    scene.outcome
}

impl Scene {
    fn next(&self) -> u8 {
        next(&self.bytes)
    }

    fn device(&self) -> u16 {
        u16::from(self.next() % 4)
    }

    fn act(&mut self, act: u8) {
        match act % 8 {
            0 => self.take(),
            1 | 2 => {
                let device = self.device();
                let all = [OWNERS.as_slice(), &OWNERS, &[LOOKER, OTHER, GREEDY, 99]].concat();
                let owner = OWNERS.get(usize::from(device)).copied().unwrap_or(0);
                let picked = all[usize::from(self.next()) % all.len()];
                let service = if act & 8 == 0 { owner } else { picked };
                self.send(INIT, prepare(service, device).encode());
            }
            3 => {
                let device = self.device();
                self.send(INIT, release(device).encode());
            }
            4 => self.bus.tick(&mut self.kernel),
            5 => {
                let given = self.given.len().min(1 + usize::from(self.next() % 3));
                let ends: Vec<Handle> = self.given.drain(..given).collect();
                ends.into_iter().for_each(|cap| self.kernel.end(cap));
            }
            6 => self.spoil(),
            _ => self.stranger(),
        }
    }

    /// A window: mostly one as it must be.
    fn take(&mut self) {
        let (device, odd) = (self.device(), self.next());
        let at = usize::from(device) % self.kernel.devices.len();
        let (mut rights, mut mask) = (INIT_WINDOW, Some(REGISTERS));
        match odd {
            0xf0..=0xf7 => mask = Some(REGISTERS | 1 << (8 * (odd & 7))),
            0xf8..=0xfb => rights -= Rights::from_bits_truncate(1 << (self.next() % 11)),
            0xfc.. => mask = None,
            _ => {}
        }
        if !self.kernel.has_window(at) {
            let window = self.kernel.window(at, rights, mask);
            let told = device != 1 || odd % 4 == 0;
            let number = if odd == 0xef || !told { NO_DEVICE } else { device };
            self.send(INIT, take(number, window));
        }
    }

    /// A device is another one, or says anything from now on.
    fn spoil(&mut self) {
        let (device, what, value) = (self.next() % 3, self.next(), self.next());
        let one = &mut self.kernel.devices[usize::from(device)];
        match what % 16 {
            8 => one.tells.serial[usize::from(value % 20)] ^= value,
            9 => one.tells.status = value,
            10 => one.tells.more[usize::from(value % 3)] ^= u32::from(value),
            11 => one.tells.after = (value % 64).into(),
            12 => one.tells = Tells { after: u32::MAX, ..Tells::honest("nexus-1") },
            13 => one.tells = Tells::honest("nexus-1"),
            0 => one.id = value.into(),
            1 => one.offers ^= 1 << (value % 40),
            2 => one.version = (value % 4).into(),
            3 => one.resets_after = u32::from(value % 128),
            4 => one.refuses = !one.refuses,
            5 => one.queues[0].most = value.into(),
            6 => self.kernel.ends_at = Some((self.kernel.calls + usize::from(value), false)),
            _ => {
                let bytes = Rc::clone(&self.bytes);
                one.lie = Some(Box::new(move |_, honest| match next(&bytes) {
                    wide @ 0xf0.. => u32::from(wide) << 24 | u32::from(next(&bytes)),
                    flips @ 0xc0..0xf0 => honest ^ 1 << (flips & 31),
                    _ => honest,
                }));
            }
        }
    }

    /// Another than init asks, or init sends what is no request.
    fn stranger(&mut self) {
        let (device, who) = (self.device(), self.next());
        let sender = Sender { service_id: u32::from(who % 12), incarnation: 1 };
        match who / 16 {
            0..4 => self.send(sender, prepare(OWNERS[0], device).encode()),
            4..8 => self.send(sender, release(device).encode()),
            _ => {
                let mut message = Message::new(0x8_0000 | u32::from(who % 5), &[device.into()]);
                if who % 2 == 0 && !self.kernel.has_window(0) {
                    let window = self.kernel.window(0, INIT_WINDOW, Some(REGISTERS));
                    message = Message::with_cap(message.tag.label(), &[device.into()], window);
                }
                self.send(sender, message);
            }
        }
    }

    fn send(&mut self, sender: Sender, message: Message) {
        let (answers, held) = (self.kernel.answers.len(), self.kernel.held(Holder::Busd));
        self.asked += 1;
        match Request::decode(&message) {
            Ok(request) => self.bus.request(sender, &request, self.asked, &mut self.kernel),
            Err(_) => self.bus.carried(sender, &message, self.asked, &mut self.kernel),
        }
        if sender.service_id != INIT.service_id {
            let [answer] = &self.kernel.answers[answers..] else { panic!("answered at once") };
            assert!(answer.message.tag.label() != 0 && answer.message.tag.caps() == 0);
            assert!(self.kernel.held(Holder::Busd) <= held, "nothing is taken from a stranger");
        }
    }

    fn check(&mut self) {
        assert_eq!(self.kernel.forbidden, []);
        for device in &self.kernel.devices {
            assert!(!device.misled, "told to work without features");
            assert_eq!(device.taken & !FEATURES, 0, "{:#x}", device.taken);
        }
        while let Some(answer) = self.kernel.answers.get(self.read).cloned() {
            self.read += 1;
            let earlier = &self.kernel.answers[..self.read - 1];
            assert!(earlier.iter().all(|one| one.reply != answer.reply), "two answers");
            let caps: Vec<Handle> = answer.message.caps().collect();
            self.outcome.prepared += usize::from(!caps.is_empty());
            caps.iter().for_each(|cap| self.look(*cap));
            self.given.extend(caps);
        }
    }

    /// What init gets is no more than an owner may have, and what it takes to pass it on.
    fn look(&self, cap: Handle) {
        let info = self.kernel.look(cap).expect("init has it");
        assert!(!info.rights.intersects(Rights::DERIVE | Rights::PLACE | Rights::EXEC));
        if info.kind == KindCode::DeviceMmio {
            assert_eq!(info.registers.map(|mask| mask & !MASK), Some(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // attack 87 P: devices that answer anything while they are set up; no address and no register that may not be, no work without features, no loop without end; broken: busd-features-ok
        #[test]
        fn whatever_devices_answer(data in prop::collection::vec(any::<u8>(), 50..600)) {
            let _ = exercise(&data);
        }
    }

    /// Else nothing of the above would show anything.
    #[test]
    fn devices_are_set_up_and_fail() {
        let mut state = 1_u64;
        let mut byte = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            state.to_be_bytes()[0]
        };
        let mut all = Outcome::default();
        let (inputs, least) = if cfg!(miri) { (3, 0) } else { (500, 500) };
        for _ in 0..inputs {
            let data: Vec<u8> = (0..400).map(|_| byte()).collect();
            let Outcome { prepared, failed } = exercise(&data);
            all = Outcome { prepared: all.prepared + prepared, failed: all.failed + failed };
        }
        assert!(all.prepared > least && all.failed > least, "{all:?}");
    }
}
