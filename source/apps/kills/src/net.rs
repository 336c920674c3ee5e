//! Frames by messages: echoes that QEMU's user network answers.

use alloc::vec::Vec;

use nexus_proto::net::{Attach, Info, MAX_FRAME, Net, Receive, Send};
use nexus_proto::{ServiceError, Text, ids};
use nexus_rt::{CallError, Client, Deadline, startup};
use nexus_test::Failed;

use crate::frames::{self, Mac};
use crate::load::Load;
use crate::tally::{Tally, soon};

/// Milliseconds in which what was sent is answered, by a card whose owner lives.
const ANSWER_MS: u64 = 20_000;
/// Bytes of the data of an echo.
const BYTES: usize = 56;
/// Frames of others that are looked at while an answer is waited for.
const OTHERS: usize = 64;

/// Asks virtionetd.
pub(crate) struct Frames {
    card: Client<Net>,
    own: u32,
    /// This side, and the gateway, while this process is attached.
    sides: Option<(Mac, Mac)>,
    number: u64,
}

impl Frames {
    pub(crate) fn new() -> Result<Frames, Failed> {
        let start = startup();
        let card = start.client(ids::VIRTIONETD)?;
        Ok(Frames { card, own: start.block().service_id, sides: None, number: 0 })
    }

    /// The frames are this process's again, and the gateway is asked for.
    fn attach(&mut self, tally: &Tally) -> Option<(Mac, Mac)> {
        tally.ended(self.card.call(&Attach {}, soon()))?;
        let own = tally.ended(self.card.call(&Info {}, soon()))?.mac;
        self.send(&frames::arp_request(own), tally)?;
        let gateway = self.receive(tally, frames::gateway)?;
        Some((own, gateway))
    }

    fn echo(&mut self, (own, gateway): (Mac, Mac), tally: &Tally) -> Option<()> {
        self.number += 1;
        let number = self.number;
        self.send(&frames::echo(own, gateway, number, BYTES), tally)?;
        let is_it =
            |frame: &[u8]| frames::answered(frame, BYTES).filter(|(seen, _)| *seen == number);
        let (_, whole) = self.receive(tally, is_it)?;
        tally.check(whole.then_some(()).ok_or("an echo with other data"));
        Some(())
    }

    fn send(&self, frame: &[u8], tally: &Tally) -> Option<()> {
        Text::pieces(frame).try_for_each(|data| tally.ended(self.card.call(&Send { data }, soon())))
    }

    /// The first frame that is `wanted`, as what that makes of it; `None` when the card's owner has ended.
    fn receive<T>(&self, tally: &Tally, wanted: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let deadline = Deadline::after_ms(ANSWER_MS).ticks();
        for _ in 0..OTHERS {
            let mut frame = Vec::new();
            loop {
                let piece = match self.card.call(&Receive { deadline }, soon()) {
                    Err(CallError::Service(ServiceError::TimedOut)) => return self.missed(tally),
                    answer => tally.ended(answer)?,
                };
                frame.extend_from_slice(piece.as_bytes());
                if !piece.more() || frame.len() > MAX_FRAME {
                    break;
                }
            }
            if let Some(found) = wanted(&frame) {
                return Some(found);
            }
        }
        tally.check(Err("others alone answer"));
        None
    }

    /// No answer has come. It is lost, unless the owner of the card has ended: then nobody is attached.
    fn missed<T>(&self, tally: &Tally) -> Option<T> {
        let card = tally.ended(self.card.call(&Info {}, soon()))?;
        if card.consumer == self.own {
            tally.check(Err("no answer to a frame that was sent, and nobody has ended"));
        }
        None
    }
}

impl Load for Frames {
    fn turn(&mut self, tally: &Tally) {
        match self.sides {
            None => self.sides = self.attach(tally),
            Some(sides) => {
                if self.echo(sides, tally).is_none() {
                    self.sides = None;
                }
            }
        }
    }
}
