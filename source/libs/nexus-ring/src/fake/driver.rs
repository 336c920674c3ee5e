//! A driver whose consumer lies.

use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::fake::FakeShared;
use nexus_mmio::{Outside, ReadWrite};

use super::liar::OPS;
use super::{LEN, LIFE, N, Outcome, Stage, is_inside};
use crate::{DONE, Driver, NotBegun, Ops, Over, Request};

struct Exercise<'a> {
    stage: &'a Stage,
    ring: Driver<FakeShared<ReadWrite>, N>,
    has: Vec<Request>,
    /// Requests of attachments that are over.
    old: Vec<Request>,
    over: bool,
    outcome: Outcome,
}

/// `restarts` says whether it is attached again.
pub(super) fn run(stage: &Stage, restarts: bool) -> Outcome {
    let mut ring = Driver::new(stage.part(), Ops::of(&OPS)).expect("memory for this");
    stage.begin(true);
    stage.liar.borrow_mut().attach();
    let attached = ring.attach(LIFE);
    let outcome = Outcome::default();
    let mut exercise = Exercise {
        stage,
        ring,
        has: Vec::new(),
        old: Vec::new(),
        over: attached.is_err(),
        outcome,
    };
    while let Some(byte) = stage.byte() {
        match byte % 8 {
            0 => exercise.drain(),
            1 => exercise.complete(byte >> 3),
            2 => exercise.ring(byte),
            3 => exercise.wait(),
            4 => stage.memory.overtake(1),
            5 if byte > 0xf0 && restarts => exercise.restart(),
            5 => exercise.complete_old(),
            _ => stage.lie(),
        }
        assert_eq!(usize::from(exercise.ring.held()), exercise.has.len());
        assert!(exercise.has.len() <= N);
    }
    Outcome { refused: exercise.ring.refused(), ..exercise.outcome }
}

impl Exercise<'_> {
    /// Takes what is there: no more than there can be.
    fn drain(&mut self) {
        for _ in self.has.len()..N {
            if !self.take() {
                return;
            }
        }
        assert!(!self.take(), "more requests than entries");
    }

    fn take(&mut self) -> bool {
        let before = self.ring.refused();
        let taken = self.stage.within(2 + 3 * N, || self.ring.take());
        assert!(self.ring.refused() - before <= N as u64, "refused more than entries");
        let Some(Some(request)) = self.outcome.noted(&mut self.over, taken) else { return false };
        let what = request.submission();
        assert!(usize::from(what.id) < N && OPS.contains(&what.op), "{what:?}");
        assert!(is_inside((what.offset, what.len)), "{what:?}");
        assert!(self.has.iter().all(|other| other.submission().id != what.id), "{what:?} twice");
        self.check_data(&request);
        self.has.push(request);
        true
    }

    /// Its own bytes, and no others.
    fn check_data(&mut self, request: &Request) {
        let len = request.submission().len as usize;
        let mut bytes = vec![0; len + 1];
        assert_eq!(self.ring.read(request, 0, &mut bytes), Err(Outside));
        assert_eq!(self.ring.write(request, 1, &bytes[..len]), Err(Outside));
        let mut pool = self.stage.memory.peer(0..LEN);
        assert_eq!(self.ring.copy_to(request, len, &mut pool, 0, 1), Err(Outside));
        assert_eq!(self.ring.copy_from(request, usize::MAX, &pool, 0, 1), Err(Outside));
        assert_eq!(self.ring.read(request, 0, &mut bytes[..len]), Ok(()));
        assert_eq!(self.ring.write(request, 0, &bytes[..len]), Ok(()));
    }

    fn complete(&mut self, byte: u8) {
        if self.has.is_empty() {
            return;
        }
        let request = self.has.swap_remove(usize::from(byte) % self.has.len());
        if self.over {
            assert_eq!(self.ring.write(&request, 0, &[]), Err(Outside));
            self.has.push(request);
            return;
        }
        assert_eq!(self.stage.within(0, || self.ring.complete(request, DONE, u32::MAX)), Ok(()));
        self.outcome.completed += 1;
    }

    fn complete_old(&mut self) {
        let Some(request) = self.old.pop() else { return };
        assert_eq!(self.ring.read(&request, 0, &mut []), Err(Outside));
        assert_eq!(self.ring.complete(request, DONE, 0), Err(Over));
    }

    fn ring(&mut self, byte: u8) {
        let refuses = byte & 0x80 != 0;
        let rung =
            self.stage.within(1, || self.ring.ring(|| if refuses { Err(()) } else { Ok(()) }));
        assert!(refuses || rung.is_ok());
    }

    fn wait(&mut self) {
        let waits = self.stage.within(2, || self.ring.may_wait());
        if self.outcome.noted(&mut self.over, waits) == Some(false) {
            self.take();
        }
    }

    fn restart(&mut self) {
        self.stage.liar.borrow_mut().attach();
        self.stage.memory.settle();
        let other = self.stage.within(1, || self.ring.attach(LIFE + 1));
        assert_eq!(other, Err(NotBegun), "for a life that has not begun it");
        if self.stage.within(2, || self.ring.attach(LIFE)).is_err() {
            return;
        }
        self.old.append(&mut self.has);
        self.over = false;
        self.outcome.restarts += 1;
    }
}
