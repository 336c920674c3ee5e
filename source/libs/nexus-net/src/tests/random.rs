//! Programs of sockets and peers, beside a model of both.

use std::collections::VecDeque;
use std::rc::Rc;
use std::vec;
use std::vec::Vec;

use core::cell::RefCell;

use nexus_mmio::fake::FakePeer;
use proptest::prelude::*;

use super::link::FakeLink;
use super::stack::Stack;
use super::{FakeNet, SOON, pair_of, peer};
use crate::{Connection, Error};

#[derive(Clone, Copy, Debug)]
enum Step {
    Connect,
    Knock,
    PeerSends(u8, u16),
    PeerFinishes(u8),
    PeerResets(u8),
    PeerTakes(u8, u16),
    Read(u8, u16),
    Write(u8, u16),
    Finish(u8),
    Drop(u8),
    Abort(u8),
    Dies,
    Wait,
    /// From now on so much is moved at once, beginning with that request.
    Moves(u16, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..8_u8;
    prop_oneof![
        2 => Just(Step::Connect),
        2 => Just(Step::Knock),
        4 => (which.clone(), 1..3000_u16).prop_map(|(which, len)| Step::PeerSends(which, len)),
        1 => which.clone().prop_map(Step::PeerFinishes),
        1 => which.clone().prop_map(Step::PeerResets),
        4 => (which.clone(), 0..5000_u16).prop_map(|(which, len)| Step::PeerTakes(which, len)),
        6 => (which.clone(), 1..4000_u16).prop_map(|(which, len)| Step::Read(which, len)),
        6 => (which.clone(), 1..4000_u16).prop_map(|(which, len)| Step::Write(which, len)),
        1 => which.clone().prop_map(Step::Finish),
        1 => which.clone().prop_map(Step::Drop),
        1 => which.prop_map(Step::Abort),
        1 => Just(Step::Dies),
        8 => Just(Step::Wait),
        2 => (1..4000_u16, any::<u8>()).prop_map(|(most, first)| Step::Moves(most, first)),
    ]
}

/// A connection, and what is known of it on both sides.
struct Model<'n> {
    connection: Connection<'n, FakeLink, FakePeer>,
    number: u64,
    /// Of which life of netstackd it is.
    life: u32,
    /// What the peer sent that was not read, and whether it sends no more.
    sent: VecDeque<u8>,
    sent_all: bool,
    wrote: Vec<u8>,
    finished: bool,
    reset: bool,
}

struct World<'n> {
    net: &'n FakeNet,
    stack: Rc<RefCell<Stack>>,
    models: Vec<Model<'n>>,
    life: u32,
    byte: u8,
}

impl<'n> World<'n> {
    fn add(&mut self, connection: Connection<'n, FakeLink, FakePeer>) {
        let number = *self.stack.borrow().streams().last().unwrap();
        self.stack.borrow_mut().stream(number).window = 0;
        let (sent, wrote, life) = (VecDeque::new(), Vec::new(), self.life);
        let (sent_all, finished, reset) = (false, false, false);
        let model = Model { connection, number, life, sent, sent_all, wrote, finished, reset };
        self.models.push(model);
    }

    fn bytes(&mut self, len: u16) -> Vec<u8> {
        let bytes = (0..len).map(|_| {
            self.byte = self.byte.wrapping_add(1);
            self.byte
        });
        bytes.collect()
    }

    /// The model with this index, and true while netstackd lives that it is of.
    fn model(&mut self, which: u8) -> Option<(usize, bool)> {
        let index = usize::from(which);
        let life = self.life;
        self.models.get(index).map(|model| (index, model.life == life))
    }

    fn peer(&mut self, step: Step) {
        let (which, len) = match step {
            Step::PeerSends(which, len) | Step::PeerTakes(which, len) => (which, len),
            Step::PeerFinishes(which) | Step::PeerResets(which) => (which, 0),
            _ => return,
        };
        let Some((index, true)) = self.model(which) else { return };
        let bytes = self.bytes(len);
        let model = &mut self.models[index];
        let mut stack = self.stack.borrow_mut();
        let stream = stack.stream(model.number);
        match step {
            Step::PeerSends(..) if !model.sent_all && !model.reset => {
                stream.sent.extend(&bytes);
                model.sent.extend(&bytes);
            }
            Step::PeerTakes(_, len) => stream.window += usize::from(len),
            Step::PeerFinishes(_) => (stream.sent_all, model.sent_all) = (true, true),
            Step::PeerResets(_) => (stream.reset, model.reset) = (true, true),
            _ => {}
        }
    }

    fn read(&mut self, which: u8, len: u16) {
        let Some((index, lives)) = self.model(which) else { return };
        let mut into = vec![0; usize::from(len)];
        let model = &mut self.models[index];
        match model.connection.read(&mut into, SOON) {
            Ok(0) => assert!(model.sent_all && model.sent.is_empty()),
            Ok(len) => {
                let expected: Vec<u8> = model.sent.drain(..len).collect();
                assert_eq!(into[..len], expected);
            }
            Err(Error::TimedOut) => {
                assert!(lives && model.sent.is_empty() && !model.sent_all && !model.reset);
            }
            Err(Error::Gone) => assert!(!lives),
            Err(Error::Reset) => assert!(model.reset),
            Err(why) => panic!("{why:?}"),
        }
    }

    fn write(&mut self, which: u8, len: u16) {
        let Some((index, lives)) = self.model(which) else { return };
        let bytes = self.bytes(len);
        let model = &mut self.models[index];
        match model.connection.write(&bytes, SOON) {
            Ok(len) => {
                assert!(len > 0 && !model.finished);
                model.wrote.extend(&bytes[..len]);
            }
            Err(Error::TimedOut) => assert!(lives),
            Err(Error::Closed) => assert!(model.finished),
            Err(Error::Gone) => assert!(!lives),
            Err(Error::Reset) => assert!(model.reset),
            Err(why) => panic!("{why:?}"),
        }
        self.check(index);
    }

    /// What the peer has is the first part of what was written.
    fn check(&mut self, index: usize) {
        let model = &self.models[index];
        if model.life != self.life {
            return;
        }
        let mut stack = self.stack.borrow_mut();
        let stream = stack.stream(model.number);
        assert!(model.wrote.starts_with(&stream.got));
        assert!(!stream.got_all || model.finished && stream.got == model.wrote);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Connect if self.models.len() < 8 => {
                let connection = self.net.connect(peer(), SOON).unwrap();
                self.add(connection);
            }
            Step::Knock if self.models.len() < 8 => {
                let Ok(listener) = self.net.listen(peer(), 1, SOON) else { panic!() };
                assert!(self.stack.borrow_mut().knock(peer()));
                let connection = listener.accept(SOON).unwrap();
                self.add(connection);
            }
            Step::Read(which, len) => self.read(which, len),
            Step::Write(which, len) => self.write(which, len),
            Step::Finish(which) => {
                if let Some((index, _)) = self.model(which) {
                    self.models[index].finished |=
                        self.models[index].connection.finish(SOON).is_ok();
                    // It may be done later.
                    self.models[index].finished = true;
                }
            }
            Step::Drop(which) | Step::Abort(which) => {
                if let Some((index, _)) = self.model(which) {
                    self.check(index);
                    let model = self.models.remove(index);
                    match step {
                        Step::Abort(_) => model.connection.abort(),
                        _ => drop(model.connection),
                    }
                }
            }
            Step::Dies => {
                self.stack.borrow_mut().die();
                self.life += 1;
            }
            Step::Wait => {
                let _ = self.net.wait(SOON);
            }
            Step::Moves(most, first) => {
                let mut stack = self.stack.borrow_mut();
                (stack.most, stack.first) = (most.into(), first.into());
            }
            step => self.peer(step),
        }
    }

    /// Peers take all: then they have all that was written, and what they sent was read.
    fn end(&mut self) {
        self.stack.borrow_mut().most = usize::MAX;
        while let Some(mut model) = self.models.pop() {
            if model.life != self.life || model.reset {
                continue;
            }
            self.stack.borrow_mut().stream(model.number).window = usize::MAX;
            model.connection.settle(SOON).unwrap();
            assert_eq!(self.stack.borrow_mut().stream(model.number).got, model.wrote);
            let mut rest = Vec::new();
            let mut into = [0; 777];
            while let Ok(len @ 1..) = model.connection.read(&mut into, SOON) {
                rest.extend(&into[..len]);
            }
            assert!(model.sent.iter().eq(&rest));
            let number = model.number;
            model.connection.close(SOON).unwrap();
            let _ = self.net.wait(SOON);
            assert!(self.stack.borrow().closed.contains(&(number, false)));
        }
        // Sockets that were dropped with something to send have peers that take it.
        let streams = self.stack.borrow().streams();
        for number in streams {
            self.stack.borrow_mut().stream(number).window = usize::MAX;
        }
        while self.net.wait(SOON).is_ok() {}
        assert!(self.stack.borrow().sockets.is_empty());
        assert!(self.net.is_idle());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 512 }))]

    // attack 59 U: programs of several connections, whose requests are done in any order and in parts, whose peers break off, and whose netstackd ends; the bytes of each come whole and in order, and in the end nothing is in use
    #[test]
    fn bytes_come_whole_and_in_order(
        pages in prop_oneof![Just(1_usize), Just(2), Just(16)],
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let (net, stack) = pair_of(pages * 4096);
        let models = Vec::new();
        let mut world = World { net: &net, stack, models, life: 0, byte: 0 };
        steps.into_iter().for_each(|step| world.step(step));
        world.end();
    }
}
