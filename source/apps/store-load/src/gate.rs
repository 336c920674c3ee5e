//! Where the clients wait until they are to begin, and tell that they are through: one call is both.

use alloc::vec::Vec;

use nexus_abi::{Handle, Message, NO_DEADLINE};
use nexus_rt::{Deadline, StartError, startup, sys};
use nexus_test::{Failed, SAFETY_MS};

use crate::{CLIENTS, LOAD};

/// How many puts a client makes, and the seed of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) puts: u64,
    pub(crate) keys: u64,
    pub(crate) seed: u64,
}

impl Work {
    fn message(self) -> Message {
        Message::new(0, &[self.puts, self.keys, self.seed])
    }

    fn of(message: &Message) -> Work {
        let [puts, keys, seed, ..] = message.words;
        Work { puts, keys, seed }
    }

    /// Waits for it. `wrong`: the last one was not done as it must be.
    ///
    /// # Errors
    /// There is nobody to call, or it has ended.
    pub(crate) fn wait(wrong: bool) -> Result<Work, Failed> {
        let gate = startup().service(LOAD)?;
        let answer = sys::call(gate, &Message::new(u32::from(wrong), &[]), NO_DEADLINE)?;
        Ok(Work::of(&answer.message))
    }
}

/// The gate, at the endpoint of this process.
#[derive(Debug)]
pub(crate) struct Gate {
    endpoint: Handle,
    waiting: Vec<Handle>,
}

impl Gate {
    pub(crate) fn new() -> Result<Gate, StartError> {
        Ok(Gate { endpoint: startup().serve()?, waiting: Vec::new() })
    }

    /// Waits until all clients are there; whether all did what they had to.
    ///
    /// # Errors
    /// They do not come.
    pub(crate) fn gather(&mut self) -> Result<bool, Failed> {
        let deadline = Deadline::after_ms(SAFETY_MS).ticks();
        let mut right = true;
        while self.waiting.len() < CLIENTS {
            let nobody = (Handle::NONE, Message::default());
            let received = sys::reply_recv(self.endpoint, nobody.0, &nobody.1, deadline)?;
            right &= received.message.tag.label() == 0;
            self.waiting.push(received.reply);
        }
        Ok(right)
    }

    /// Lets all begin, each with numbers of its own.
    ///
    /// # Errors
    /// One of them has ended.
    pub(crate) fn open(&mut self, work: Work) -> Result<(), Failed> {
        for (reply, number) in self.waiting.drain(..).zip(1..) {
            let seed = work.seed.wrapping_add(number << 32);
            sys::reply(reply, &Work { seed, ..work }.message())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_what_was_given() {
        let work = Work { puts: 500, keys: 10_000, seed: u64::MAX };
        assert_eq!(Work::of(&work.message()), work);
    }
}
