//! A consumer by messages: frames wait for it, and travel in pieces.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use nexus_abi::Sender;
use nexus_proto::net::MAX_FRAME;
use nexus_proto::{ServiceError, Text};
use nexus_rt::{Deadline, ReplyTo};

/// Frames that wait for it at most.
pub const FRAMES: usize = 16;

/// Whoever attached by message.
#[derive(Debug)]
pub struct Mailbox {
    owner: Sender,
    /// Frames that came, the oldest first.
    frames: VecDeque<Vec<u8>>,
    /// Bytes of the oldest that it has already.
    given: usize,
    /// What came of the frame that it sends.
    draft: Vec<u8>,
    /// It waits for a frame, until then.
    waiting: Option<(ReplyTo, Deadline)>,
}

impl Mailbox {
    /// Nothing came yet.
    #[must_use]
    pub fn new(owner: Sender) -> Mailbox {
        let (frames, draft) = (VecDeque::new(), Vec::new());
        Mailbox { owner, frames, given: 0, draft, waiting: None }
    }

    /// Whose it is.
    #[must_use]
    pub const fn owner(&self) -> Sender {
        self.owner
    }

    /// True when there is room for another frame.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.frames.len() < FRAMES
    }

    /// A frame came, for which there is room.
    pub fn put(&mut self, frame: Vec<u8>) {
        self.frames.push_back(frame);
    }

    /// The next piece of the oldest frame.
    pub fn piece(&mut self) -> Option<Text> {
        let frame = self.frames.front()?;
        let piece = Text::piece(frame.get(self.given..).unwrap_or(&[]));
        self.given = self.given.saturating_add(piece.as_bytes().len());
        if !piece.more() {
            self.frames.pop_front();
            self.given = 0;
        }
        Some(piece)
    }

    /// Takes a piece of a frame to be sent. The frame, when it was the last.
    ///
    /// # Errors
    /// `Malformed`: more follows a piece that is not full. `OutOfRange`: the frame is longer than any; its
    /// first bytes. In both cases nothing is left of it.
    pub fn take(&mut self, piece: &Text) -> Result<Option<Vec<u8>>, ServiceError> {
        let bytes = piece.as_bytes();
        if piece.more() && bytes.len() < Text::MAX {
            self.draft.clear();
            return Err(ServiceError::Malformed);
        }
        if self.draft.len().saturating_add(bytes.len()) > MAX_FRAME {
            self.draft.clear();
            return Err(ServiceError::OutOfRange);
        }
        self.draft.extend_from_slice(bytes);
        Ok((!piece.more()).then(|| core::mem::take(&mut self.draft)))
    }

    /// Its owner waits for a frame.
    ///
    /// # Errors
    /// The reply: it waits already.
    pub fn wait(&mut self, reply: ReplyTo, deadline: Deadline) -> Result<(), ReplyTo> {
        if self.waiting.is_some() {
            return Err(reply);
        }
        self.waiting = Some((reply, deadline));
        Ok(())
    }

    /// Until when its owner waits.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.waiting.as_ref().map_or(Deadline::NEVER, |(_, deadline)| *deadline)
    }

    /// Whom to answer now, when somebody waits: with a piece, or because the time is over.
    pub fn answer(&mut self) -> Option<(ReplyTo, Result<Text, ServiceError>)> {
        let late = self.deadline() != Deadline::NEVER && self.deadline().has_passed();
        if self.waiting.is_none() || self.frames.is_empty() && !late {
            return None;
        }
        let (reply, _) = self.waiting.take()?;
        Some((reply, self.piece().ok_or(ServiceError::TimedOut)))
    }

    /// Whoever waits does so no longer.
    pub fn end(&mut self) -> Option<ReplyTo> {
        self.waiting.take().map(|(reply, _)| reply)
    }
}
