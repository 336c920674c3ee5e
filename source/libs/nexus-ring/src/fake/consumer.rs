//! A consumer whose driver lies.

use alloc::vec::Vec;

use nexus_mmio::Outside;
use nexus_mmio::ReadWrite;
use nexus_mmio::fake::FakeShared;

use super::{LEN, LIFE, N, Outcome, Stage, check_len, is_inside, somewhere};
use crate::{Consumer, Ended, Refused, Submission};

struct Exercise<'a> {
    stage: &'a Stage,
    ring: Consumer<FakeShared<ReadWrite>, N>,
    /// The length of each request that is in flight.
    in_flight: [Option<u32>; N],
    over: bool,
    outcome: Outcome,
}

/// `restarts` says whether it attaches again.
pub(super) fn run(stage: &Stage, restarts: bool) -> Outcome {
    let mut ring = Consumer::new(stage.part(), LIFE).expect("memory for this");
    check_len(&stage.part(), ring.data_len());
    stage.liar.borrow_mut().join();
    ring.attached().expect("a driver that has joined");
    stage.begin(false);
    let (in_flight, outcome) = ([None; N], Outcome::default());
    let mut exercise = Exercise { stage, ring, in_flight, over: false, outcome };
    while let Some(byte) = stage.byte() {
        match byte % 8 {
            0 | 1 => exercise.submit(byte >> 3),
            2 => exercise.ring(byte),
            3 => exercise.drain(),
            4 => exercise.wait(),
            5 => stage.memory.overtake(1),
            6 if byte > 0xf0 && restarts => exercise.restart(),
            _ => stage.lie(),
        }
        exercise.check();
    }
    exercise.outcome
}

impl Exercise<'_> {
    fn submit(&mut self, byte: u8) {
        let id = u16::from(byte) % (N as u16 + 1);
        let range = somewhere(self.stage.byte().unwrap_or(7));
        let known = self.in_flight.get(usize::from(id)).copied();
        let (offset, len) = range;
        let expected = if self.over {
            Err(Refused::Over)
        } else if !is_inside(range) {
            Err(Refused::Outside)
        } else if known == Some(None) {
            Ok(())
        } else {
            Err(Refused::Id)
        };
        let request = Submission { id, op: 1, len, offset, arg: 0 };
        assert_eq!(self.ring.submit(request), expected, "{request:?}");
        if expected.is_ok() {
            self.in_flight[usize::from(id)] = Some(len);
        }
        let mut bytes = [0; LEN];
        let bytes = bytes.get_mut(..len as usize);
        let read = bytes.map(|bytes| self.ring.read(offset, bytes));
        assert!(read.is_none_or(|read| read.is_ok() == is_inside(range)));
    }

    fn ring(&mut self, byte: u8) {
        let refuses = byte & 0x80 != 0;
        let rung =
            self.stage.within(1, || self.ring.ring(|| if refuses { Err(()) } else { Ok(()) }));
        assert!(refuses || rung.is_ok());
    }

    /// Takes what is there: no more than was in flight.
    fn drain(&mut self) {
        for _ in 0..self.ring.in_flight() {
            if !self.pop() {
                return;
            }
        }
        assert!(!self.pop(), "more completions than requests");
    }

    fn pop(&mut self) -> bool {
        let popped = self.stage.within(3, || self.ring.pop());
        let Some(Some(done)) = self.outcome.noted(&mut self.over, popped) else { return false };
        let had = self.in_flight.get_mut(usize::from(done.id)).and_then(Option::take);
        assert!(had.is_some_and(|len| done.len <= len), "{done:?} of {had:?}");
        self.outcome.completed += 1;
        true
    }

    fn wait(&mut self) {
        let waits = self.stage.within(2, || self.ring.may_wait());
        if self.outcome.noted(&mut self.over, waits) == Some(false) {
            self.pop();
        }
    }

    fn restart(&mut self) {
        let lost: Vec<u16> = self.ring.begin().collect();
        let had = (0..).zip(&self.in_flight).filter(|(_, len)| len.is_some());
        assert!(had.map(|(id, _)| id).eq(lost), "nobody is told of what was in flight");
        assert_eq!(self.ring.pop(), Err(Ended::Before), "the driver has not joined");
        self.stage.liar.borrow_mut().join();
        self.stage.memory.settle();
        assert_eq!(self.stage.within(1, || self.ring.attached()), Ok(()));
        (self.in_flight, self.over) = ([None; N], false);
        self.outcome.restarts += 1;
    }

    fn check(&mut self) {
        let count = self.in_flight.iter().flatten().count();
        assert_eq!(usize::from(self.ring.in_flight()), count);
        let free = self.ring.free_id().map(usize::from);
        assert_eq!(free, self.in_flight.iter().position(Option::is_none));
        assert_eq!(self.ring.write(LEN as u32, &[0]), Err(Outside));
        assert_eq!(self.ring.read(u32::MAX, &mut [0]), Err(Outside));
    }
}
