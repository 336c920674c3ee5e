//! Who has the frames: whoever attached last.

use alloc::vec;
use core::mem;

use nexus_abi::Sender;
use nexus_mmio::{Shared, SharedMut};
use nexus_proto::ServiceError;
use nexus_ring::{Ended, Request};
use nexus_rt::{Tell, info, warn};

use crate::mailbox::Mailbox;
use crate::receive::Arrival;
use crate::rings::Rings;
use crate::transmit::Transmitter;

/// Whoever attached last.
#[derive(Debug)]
pub enum Consumer<M> {
    /// Nobody: what comes is dropped.
    Nobody,
    /// By message.
    Messages(Mailbox),
    /// With rings.
    Rings(Ringed<M>),
    /// Nobody: whoever had these rings did what no consumer does, or began anew, and may attach again.
    Over(Ringed<M>),
}

/// The one service that has rings, and they.
#[derive(Debug)]
pub struct Ringed<M> {
    /// Its id.
    pub owner: u32,
    /// Its rings.
    pub rings: Rings<M>,
    /// What tells it of completions.
    pub bell: Bell,
}

/// What tells a consumer, and how often it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bell {
    tell: Tell,
    rung: u64,
}

impl Bell {
    /// Tells whom `tell` tells.
    #[must_use]
    pub const fn new(tell: Tell) -> Bell {
        Bell { tell, rung: 0 }
    }

    /// How often it was rung.
    #[must_use]
    pub const fn rung(&self) -> u64 {
        self.rung
    }

    /// True when there is nobody who could hear it.
    fn is_gone(self) -> bool {
        self.tell.is_over()
    }

    pub(crate) fn ring(&mut self) {
        self.rung = self.rung.saturating_add(1);
        // With the notification its consumer is gone: nobody is to be told.
        let _ = self.tell.tell();
    }
}

impl<M: SharedMut> Consumer<M> {
    /// Service id of it; 0 for nobody.
    #[must_use]
    pub const fn id(&self) -> u32 {
        match self {
            Consumer::Nobody | Consumer::Over(_) => 0,
            Consumer::Messages(mailbox) => mailbox.owner().service_id,
            Consumer::Rings(ringed) => ringed.owner,
        }
    }

    /// The mailbox of `sender`.
    ///
    /// # Errors
    /// `BadState`: it is not attached, or no more.
    pub fn mailbox(&mut self, sender: Sender) -> Result<&mut Mailbox, ServiceError> {
        match self {
            Consumer::Messages(mailbox) if mailbox.owner() == sender => Ok(mailbox),
            _ => Err(ServiceError::BadState),
        }
    }

    /// Delivers a frame. False when there is no buffer for it.
    pub fn deliver<P: Shared>(&mut self, frame: &Arrival<'_, P>) -> bool {
        match self {
            Consumer::Nobody | Consumer::Over(_) => false,
            Consumer::Messages(mailbox) => {
                let mut bytes = vec![0; frame.len()];
                let room = mailbox.has_room() && frame.read(&mut bytes).is_ok();
                if room {
                    mailbox.put(bytes);
                }
                room
            }
            Consumer::Rings(Ringed { rings, .. }) => {
                let delivered = rings.deliver(frame);
                self.unless_over(delivered).unwrap_or(false)
            }
        }
    }

    /// Sends at most `most` frames that it has ready. True when there may be more.
    pub fn send<P: SharedMut, U: Shared>(
        &mut self,
        card: &mut Transmitter<P, U, Option<Request>>,
        most: usize,
    ) -> bool {
        let Consumer::Rings(Ringed { rings, .. }) = self else { return false };
        let sent = rings.send(card, most);
        self.unless_over(sent).unwrap_or(false)
    }

    /// The card is done with a frame: of a ring, or of a message.
    pub fn sent(&mut self, of: Option<Request>) {
        if let (Consumer::Rings(Ringed { rings, .. }), Some(request)) = (self, of) {
            rings.sent(request);
        }
    }

    /// After a batch: tells it what came, and what was sent, as far as it wants to know.
    pub fn ring(&mut self) {
        let Consumer::Rings(Ringed { rings, bell, .. }) = self else { return };
        if rings.ring() {
            bell.ring();
        }
    }

    /// Before waiting. False when there is something to send, and room for it.
    pub fn may_wait(&mut self, has_room: bool) -> bool {
        let Consumer::Rings(Ringed { rings, .. }) = self else { return true };
        let may = rings.may_wait(has_room);
        self.unless_over(may).unwrap_or(true)
    }

    /// True when it had rings, and has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self, Consumer::Rings(ringed) if ringed.bell.is_gone())
    }

    /// The rings, if it has any.
    pub const fn rings(&mut self) -> Option<&mut Ringed<M>> {
        match self {
            Consumer::Rings(ringed) | Consumer::Over(ringed) => Some(ringed),
            Consumer::Nobody | Consumer::Messages(_) => None,
        }
    }

    /// The rings, if it has any; they are its no more.
    pub fn into_rings(self) -> Option<Ringed<M>> {
        match self {
            Consumer::Rings(ringed) | Consumer::Over(ringed) => Some(ringed),
            Consumer::Nobody | Consumer::Messages(_) => None,
        }
    }

    /// A consumer whose attachment is over has no frames any more.
    fn unless_over<T>(&mut self, result: Result<T, Ended>) -> Option<T> {
        result
            .inspect_err(|why| {
                match why {
                    Ended::PeerGone => info!("service {} attaches again", self.id()),
                    why => warn!("service {} is detached: {why}", self.id()),
                }
                let ringed = mem::replace(self, Consumer::Nobody).into_rings();
                *self = ringed.map_or(Consumer::Nobody, Consumer::Over);
            })
            .ok()
    }
}
