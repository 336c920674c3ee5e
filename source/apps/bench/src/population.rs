//! Objects that live while others are measured.

use alloc::vec::Vec;

use nexus_abi::{Error, Handle, Message, NO_DEADLINE, PAGE_SIZE, Prot, Rights};
use nexus_rt::sys;
use nexus_test::bare;

use crate::objects::{NEIGHBOURS, WINDOW_PAGES};
use crate::sleeper;

/// So many of each: notifications, children of the capability that is derived from, mappings of
/// memory beside the page that is mapped, mappings of the same window, and deadlines of threads of
/// other processes.
#[derive(Debug)]
pub(crate) struct Population {
    memory: Handle,
    made: Vec<Handle>,
    sleepers: Vec<Handle>,
    mapped: u64,
    window_mapped: u64,
}

impl Population {
    /// Nobody; the sleepers are there to wait.
    pub(crate) fn new(sleepers: Vec<Handle>) -> Result<Population, Error> {
        let memory = sys::vmo_create(1)?;
        Ok(Population { memory, made: Vec::new(), sleepers, mapped: 0, window_mapped: 0 })
    }

    /// Makes more, until there are `count` of each.
    pub(crate) fn grow(&mut self, count: u64, parent: Handle, window: Handle) -> Result<(), Error> {
        while (self.made.len() as u64) < 2 * count {
            self.made.push(sys::notification_create()?);
            self.made.push(sys::cap_derive(parent, Rights::SEND, 0, 0)?);
        }
        while self.mapped < count {
            let va = NEIGHBOURS + self.mapped * PAGE_SIZE;
            bare::vmo_map(self.memory, 0, PAGE_SIZE, va, Prot::READ)?;
            self.mapped += 1;
        }
        while self.window_mapped < count {
            let va = WINDOW_PAGES + self.window_mapped * PAGE_SIZE;
            bare::mmio_map(window, 0, PAGE_SIZE, va, Prot::READ)?;
            self.window_mapped += 1;
        }
        let mut left = count;
        for sleeper in &self.sleepers {
            let here = left.min(sleeper::MOST);
            sys::call(*sleeper, &Message::new(0, &[here]), NO_DEADLINE)?;
            left -= here;
        }
        if left != 0 {
            return Err(Error::BadState);
        }
        Ok(())
    }

    /// Its mappings have ended with the window.
    pub(crate) fn window_is_gone(&mut self) {
        self.window_mapped = 0;
    }
}
