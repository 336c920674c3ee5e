//! The call in which a client waits for what it has asked for by the ring.

use nexus_mmio::SharedMut;
use nexus_proto::socket::Wait;
use nexus_proto::{Operation, ServiceError};
use nexus_rt::abi::Sender;
use nexus_rt::refusals::Refusals;
use nexus_rt::{Answer, ReplyTo};

use super::Server;
use crate::numbers::Source;
use crate::road::Road;

impl<M: SharedMut, R: Road, S: Source, T: Refusals> Server<M, R, S, T> {
    /// A client has asked for something in its ring, and waits for what comes of it, first of all of one `turn`.
    pub(crate) fn wait(
        &mut self,
        who: Sender,
        ask: Wait,
        reply: ReplyTo,
        turn: impl FnOnce(&mut Self),
    ) -> Answer {
        let at = self.sessions.iter().position(|session| session.service() == who.service_id);
        let Some(session) = at.and_then(|at| self.sessions.get_mut(at)) else {
            return reply.answer(&ask, Err(ServiceError::Denied));
        };
        session.wait(reply, ask);
        turn(self);
        let due = at.and_then(|at| self.sessions.get_mut(at)?.due());
        match due {
            // There is another turn before it would be handed over.
            Some(reply) if self.next.has_passed() => {
                // Who has given it up does not wait in this attachment any more.
                let _ = reply.send(&ask.answer(Ok(())));
                Answer::later()
            }
            // With the next wait, in one step.
            Some(reply) => reply.answer(&ask, Ok(())),
            None => Answer::later(),
        }
    }
}
