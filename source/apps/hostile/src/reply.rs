//! Reply capabilities that are used twice, and by the wrong process.

use nexus_abi::{Error, Handle, Message, Received};
use nexus_rt::{Deadline, StartError, startup, sys};
use nexus_test::SAFETY_MS;

use crate::attack::{Attack, Role};
use crate::talk::{GO, Outcome};

/// A call that was held and answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    reply: Handle,
    /// Uses of its reply handle that came out as they must not.
    wrong: u64,
}

/// Holds the call in `received`: lets the thief try to answer it, answers it with what the thief
/// says, and tries to answer and to drop it again.
#[must_use]
pub fn hold(received: &Received) -> Held {
    let reply = received.reply;
    let outcome = match thief() {
        Ok(thief) => ask_thief(thief, reply),
        Err(_) => Outcome::NotBegun { step: 1, error: 0 },
    };
    let answer = outcome.to_message();
    let first = sys::reply(reply, &answer);
    let further = [sys::reply(reply, &answer), sys::cap_drop(reply)];
    let accepted = further.iter().filter(|result| **result != Err(Error::BadHandle)).count();
    Held { reply, wrong: u64::from(first.is_err()) + accepted as u64 }
}

impl Held {
    /// What the next call of the same thread is answered with. The handle of the first call is
    /// tried on it before.
    #[must_use]
    pub fn report(self) -> Outcome {
        let stale = sys::reply(self.reply, &Outcome::Survived.to_message());
        Outcome::Done([self.wrong + u64::from(stale != Err(Error::BadHandle)), 0])
    }
}

fn thief() -> Result<Handle, StartError> {
    let steal = Attack::services().find(|(_, attack)| attack.role == Role::Steal);
    let (id, _) = steal.ok_or(StartError::NothingToServe)?;
    startup().service(id)
}

fn ask_thief(thief: Handle, reply: Handle) -> Outcome {
    let ask = Message::new(GO, &[reply.0]);
    match sys::call(thief, &ask, Deadline::after_ms(SAFETY_MS).ticks()) {
        Ok(answer) => Outcome::from_message(&answer.message)
            .unwrap_or(Outcome::NotBegun { step: 2, error: 0 }),
        Err(error) => Outcome::not_begun(2, error),
    }
}

/// Tries to use `reply`, which another process holds, in every way there is, and handles like it.
/// Tells how many tries there were, and how many were refused as they must be.
#[must_use]
pub fn steal(endpoint: Handle, reply: Handle) -> Outcome {
    let stolen = Outcome::Survived.to_message();
    let mut tries = 0;
    let mut refused = 0;
    let mut count = |result: Result<(), Error>| {
        tries += 1;
        refused += u64::from(result == Err(Error::BadHandle));
    };
    let [up, down] = [1u64 << 16, (1u64 << 16).wrapping_neg()];
    for handle in [reply.0, reply.0 + 1, reply.0 - 1, reply.0 + up, reply.0.wrapping_add(down)] {
        count(sys::reply(Handle(handle), &stolen));
        count(sys::cap_drop(Handle(handle)));
        let soon = Deadline::after_ms(10).ticks();
        count(sys::reply_recv(endpoint, Handle(handle), &stolen, soon).map(|_| ()));
    }
    Outcome::Done([tries, refused])
}
