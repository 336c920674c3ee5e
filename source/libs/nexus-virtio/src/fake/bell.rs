//! The registers between driver and device.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::Doorbell;

#[derive(Debug, Default)]
struct Line {
    rung: Vec<u16>,
    unheard: Vec<u16>,
    acknowledged: Vec<u32>,
    status: u32,
    refuses: bool,
}

/// QueueNotify, InterruptStatus and InterruptACK. A clone is the same registers: one for the driver, one
/// for each queue of the device.
#[derive(Clone, Debug, Default)]
pub struct FakeDoorbell(Rc<RefCell<Line>>);

impl FakeDoorbell {
    /// The queues that the doorbell was rung for.
    #[must_use]
    pub fn rung(&self) -> Vec<u16> {
        self.0.borrow().rung.clone()
    }

    /// What was acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<u32> {
        self.0.borrow().acknowledged.clone()
    }

    /// The device raises the interrupt: bit 0 for a queue, bit 1 for its configuration.
    pub fn raise(&self, bits: u32) {
        self.0.borrow_mut().status |= bits;
    }

    /// From now on no register is written; or again.
    pub fn refuse(&self, refuses: bool) {
        self.0.borrow_mut().refuses = refuses;
    }

    /// True when the doorbell was rung for this queue since the last time.
    pub(super) fn heard(&self, queue: u16) -> bool {
        let unheard = &mut self.0.borrow_mut().unheard;
        let before = unheard.len();
        unheard.retain(|rung| *rung != queue);
        unheard.len() < before
    }

    /// The line, when it is not refused.
    fn written(&self, write: impl FnOnce(&mut Line)) -> Result<(), ()> {
        let mut line = self.0.borrow_mut();
        if line.refuses {
            return Err(());
        }
        write(&mut line);
        Ok(())
    }
}

impl Doorbell for FakeDoorbell {
    type Error = ();

    fn notify(&mut self, queue: u16) -> Result<(), ()> {
        self.written(|line| {
            line.rung.push(queue);
            line.unheard.push(queue);
        })
    }

    fn status(&self) -> u32 {
        self.0.borrow().status
    }

    fn acknowledge(&mut self, bits: u32) -> Result<(), ()> {
        self.written(|line| {
            line.acknowledged.push(bits);
            line.status &= !bits;
        })
    }
}
