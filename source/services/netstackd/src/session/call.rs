//! The call in which a client waits for what it has asked for by the ring.

use nexus_mmio::SharedMut;
use nexus_proto::Operation;
use nexus_proto::socket::Wait;
use nexus_proto::socket::ring::CALM;
use nexus_ring::{DONE, Request};
use nexus_rt::{ReplyTo, Tell};

use super::Side;

/// How a client waits.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// The call that waits, and whether that is for what it is calm about, too.
    waits: Option<(ReplyTo, Wait)>,
    /// One that is to be answered at the end of the turn in which it came.
    due: Option<ReplyTo>,
    /// It came in this turn.
    called: bool,
    /// Something was done that a calm client wants to know.
    loud: bool,
}

impl Call {
    /// A call came.
    pub(super) fn begin<M: SharedMut>(&mut self, reply: ReplyTo, ask: Wait, side: &Side<M>) {
        // Of one before, whose client has given it up, or waits twice.
        let before = self.waits.take().map(|(reply, _)| reply).or(self.due.take());
        before.into_iter().for_each(answer);
        if side.is_awaited() {
            self.waits = Some((reply, ask));
        } else {
            self.due = Some(reply);
        }
        self.called = true;
    }

    /// A request was done.
    pub(super) fn note(&mut self, request: &Request, status: u8) {
        let op = request.submission().op;
        self.loud |= !(CALM.contains(&op) && status == DONE);
    }

    /// Something was done of which the client is told in any case.
    pub(super) const fn is_loud(&mut self) {
        self.loud = true;
    }

    /// Tells the client of what was answered, if it wants to be told: by the answer to its call, if one waits.
    pub(super) fn ring<M: SharedMut>(&mut self, side: &mut Side<M>, tell: Tell) {
        if !self.loud && self.waits.as_ref().is_some_and(|(_, ask)| ask.calm) {
            return;
        }
        self.loud = false;
        let Call { waits, due, called, .. } = self;
        // Nobody to tell when it is gone.
        let _ = side.ring(|| match waits.take() {
            Some((reply, _)) if *called => {
                *due = Some(reply);
                Ok(())
            }
            // A call that its client has given up takes no answer: then it waits in another way.
            Some((reply, _)) => {
                reply.send(&Wait::new(true).answer(Ok(()))).or_else(|_| tell.tell())
            }
            None => tell.tell(),
        });
    }

    /// The end of the turn in which a call came: the right to answer it, when it is to be answered.
    pub(super) fn end(&mut self) -> Option<ReplyTo> {
        self.called = false;
        self.due.take()
    }
}

fn answer(reply: ReplyTo) {
    // Nobody waits for it when that fails.
    let _ = reply.send(&Wait::new(true).answer(Ok(())));
}
