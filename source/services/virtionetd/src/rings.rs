//! A consumer with rings: two in one memory, one for each direction.

use core::convert::Infallible;

use nexus_mmio::{Outside, Shared, SharedMut, Split, TooSmall};
use nexus_proto::net::{BAD_LENGTH, MAX_FRAME, RECEIVE, TRANSMIT};
use nexus_ring::{DONE, Driver, Ended, NotBegun, Ops, PAGE, Request};

use crate::receive::Arrival;
use crate::transmit::Transmitter;

/// Entries of each ring.
pub const ENTRIES: usize = 64;

/// The driver's side of both.
#[derive(Debug)]
pub struct Rings<M> {
    receive: Driver<M, ENTRIES>,
    transmit: Driver<M, ENTRIES>,
}

impl<M: SharedMut> Rings<M> {
    /// `receive`, in which a consumer gives buffers, and `transmit`, in which it gives frames, in no attachment.
    ///
    /// # Errors
    /// The memory has no room for the rings.
    pub fn new(receive: M, transmit: M) -> Result<Rings<M>, TooSmall> {
        const BUFFERS: Ops = Ops::of(&[RECEIVE]);
        const FRAMES: Ops = Ops::of(&[TRANSMIT]);
        let receive = Driver::new(receive, BUFFERS)?;
        Ok(Rings { receive, transmit: Driver::new(transmit, FRAMES)? })
    }

    /// Joins the attachments that this life of the consumer has begun.
    ///
    /// # Errors
    /// It has not begun both.
    pub fn attach(&mut self, life: u32) -> Result<(), NotBegun> {
        self.receive.attach(life)?;
        self.transmit.attach(life)?;
        Ok(())
    }

    /// The same, with memory of which each has half.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn halves(memory: M) -> Result<Rings<M>, TooSmall>
    where
        M: Split,
    {
        let has = memory.len();
        let half = has / 2 / PAGE * PAGE;
        let halves = memory.split(half).map_err(|_| TooSmall { has, needs: half })?;
        Rings::new(halves.0, halves.1)
    }

    /// Copies a frame from the memory of the card to the next buffer, each byte once, and completes it. False when there is none.
    ///
    /// # Errors
    /// Why the attachment is over.
    pub fn deliver<P: Shared>(&mut self, frame: &Arrival<'_, P>) -> Result<bool, Ended> {
        let Some(buffer) = self.buffer()? else { return Ok(false) };
        let len = frame.len();
        let copied =
            frame.buffer().and_then(|from| self.receive.copy_from(&buffer, 0, &from, 0, len));
        let len = copied.map_or(0, |()| len as u32);
        // A buffer of an attachment that is over: nobody waits for it.
        Ok(self.receive.complete(buffer, DONE, len).is_ok())
    }

    /// Sends at most `most` frames, as far as the card has room. True when there may be more for it.
    ///
    /// # Errors
    /// Why the attachment is over.
    pub fn send<P: SharedMut, U: Shared>(
        &mut self,
        card: &mut Transmitter<P, U, Option<Request>>,
        most: usize,
    ) -> Result<bool, Ended> {
        for _ in 0..most {
            if !card.has_room() {
                return Ok(false);
            }
            let Some(request) = self.transmit.take()? else { return Ok(false) };
            self.send_one(card, request);
        }
        Ok(true)
    }

    /// The card is done with a frame.
    pub fn sent(&mut self, request: Request) {
        let len = request.submission().len;
        // One of an attachment that is over: nobody waits for it.
        let _ = self.transmit.complete(request, DONE, len);
    }

    /// After a batch: true when the consumer wants to be told of it. It must be, then.
    pub fn ring(&mut self) -> bool {
        let Ok(received) = self.receive.ring(|| Ok::<(), Infallible>(()));
        let Ok(sent) = self.transmit.ring(|| Ok::<(), Infallible>(()));
        received || sent
    }

    /// Before waiting: asks for a notification at the next frame to be sent, if the card `has_room` for one:
    /// else the card is waited for. Buffers are looked for when a frame comes. False when there is something
    /// to send.
    ///
    /// # Errors
    /// Why the attachment is over.
    pub fn may_wait(&mut self, has_room: bool) -> Result<bool, Ended> {
        Ok(!has_room || self.transmit.may_wait()?)
    }

    /// The next buffer that any frame fits.
    fn buffer(&mut self) -> Result<Option<Request>, Ended> {
        while let Some(buffer) = self.receive.take()? {
            if buffer.submission().len as usize >= MAX_FRAME {
                return Ok(Some(buffer));
            }
            let _ = self.receive.complete(buffer, BAD_LENGTH, 0);
        }
        Ok(None)
    }

    fn send_one<P: SharedMut, U: Shared>(
        &mut self,
        card: &mut Transmitter<P, U, Option<Request>>,
        request: Request,
    ) {
        let len = request.submission().len as usize;
        let sent = card.send(len, Some(request), |request, mut to| {
            let request = request.as_ref().ok_or(Outside)?;
            self.transmit.copy_to(request, 0, &mut to, 0, len)
        });
        // There is room for it: it is not as long as a frame must be.
        if let Err((_, Some(request))) = sent {
            let _ = self.transmit.complete(request, BAD_LENGTH, 0);
        }
    }
}
