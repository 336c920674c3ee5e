//! How a client is bound to a stack of a test.

use std::rc::Rc;

use core::cell::RefCell;

use nexus_mmio::SharedMut;
use nexus_proto::socket::ring::ENTRIES;
use nexus_ring::Consumer;
use nexus_rt::abi::Error as KernelError;
use nexus_rt::{CallError, Deadline};

use super::LIFE;
use super::stack::Stack;
use crate::Link;

/// How the client is bound to it.
pub(super) struct FakeLink(pub(super) Rc<RefCell<Stack>>);

impl<M: SharedMut> Link<M> for FakeLink {
    fn attach(&mut self, side: &mut Consumer<M, ENTRIES>, _: Deadline) -> Result<(), CallError> {
        let mut stack = self.0.borrow_mut();
        let gone = CallError::Kernel(KernelError::PeerGone);
        if stack.gone {
            return Err(gone);
        }
        if stack.driver.attach(LIFE).map_err(|_| gone)? {
            stack.forget();
        }
        stack.attached += 1;
        side.attached().map_err(|_| gone)
    }

    fn tell(&mut self) -> Result<(), KernelError> {
        let mut stack = self.0.borrow_mut();
        stack.told += 1;
        if stack.deaf {
            return Err(KernelError::BadHandle);
        }
        if stack.prompt {
            stack.step();
            // It waits for what comes next.
            let _ = stack.driver.may_wait();
        }
        Ok(())
    }

    fn wait(&mut self, until: Deadline) -> Result<(), KernelError> {
        let mut stack = self.0.borrow_mut();
        stack.waited += 1;
        stack.until = until;
        assert!(stack.waited < 500_000, "it is waited for without an end");
        let moved = stack.step();
        if stack.prompt {
            let _ = stack.driver.may_wait();
        }
        match moved {
            true => Ok(()),
            false if stack.gone => Err(KernelError::PeerGone),
            false if stack.noisy => Ok(()),
            false => Err(KernelError::TimedOut),
        }
    }

    /// In one step, and not for what a calm client does not wait for.
    fn tell_and_wait(&mut self, calm: bool, until: Deadline) -> Result<(), KernelError> {
        self.0.borrow_mut().told += 1;
        self.0.borrow_mut().loud = false;
        let mut done = false;
        loop {
            let waited = Link::<M>::wait(self, until);
            let mut stack = self.0.borrow_mut();
            stack.unseen += usize::from(done && waited.is_err());
            done = waited.is_ok();
            if waited.is_err() || !calm || stack.loud {
                return waited;
            }
            stack.waited -= 1;
        }
    }
}
