//! A connection of the stranger's, segment by segment.

use std::time::Instant;

use anyhow::Result;
use smoltcp::wire::Ipv4Address;

use crate::client::ECHO;
use crate::peer::{AGAIN, GUEST, Peer, STRANGE};
use crate::raw::{self, Came, Segment, Way, flag};

/// The stranger's side.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Who speaks.
    pub way: Way,
    /// Its port.
    pub port: u16,
    /// The guest's.
    pub to: u16,
    /// Number of the next byte that it sends.
    pub seq: u32,
    /// Number of the next that it expects.
    pub ack: u32,
    /// Bytes that it has room for.
    pub window: u16,
}

impl Talk {
    /// One that has not begun, from the stranger.
    #[must_use]
    pub fn new(peer: &mut Peer) -> Talk {
        let (port, seq) = (40_000 + peer.random.u16(0..20_000), peer.random.u32(..));
        Talk { way: STRANGE, port, to: ECHO, seq, ack: 0, window: 8192 }
    }

    /// One that stands.
    ///
    /// # Errors
    /// The guest does not answer.
    pub fn open(peer: &mut Peer) -> Result<Talk> {
        let mut talk = Talk::new(peer);
        peer.settle()?;
        let mut asked: Option<Instant> = None;
        let answer = peer.until("no answer to a request", |peer| {
            // A port that is full does not hear it: who means it asks again.
            if asked.is_none_or(|at| at.elapsed() > AGAIN) {
                asked = Some(Instant::now());
                talk.say(peer, flag::SYN, b"");
            }
            let answers = |segment: &Segment| segment.flags & flag::SYN != 0;
            Ok(peer.came.drain(..).find_map(|came| talk.of(&came).filter(answers)))
        })?;
        talk.seq = talk.seq.wrapping_add(1);
        talk.ack = answer.seq.wrapping_add(1);
        talk.say(peer, flag::ACK, b"");
        Ok(talk)
    }

    /// A segment, as this side stands.
    #[must_use]
    pub fn segment(&self, flags: u8, data: &[u8]) -> Segment {
        let Talk { port, to, seq, ack, window, .. } = *self;
        Segment { from: port, to, seq, ack, flags, window, urgent: 0, data: data.to_vec() }
    }

    /// Sends one; what it carries does not count as sent.
    pub fn say(&self, peer: &Peer, flags: u8, data: &[u8]) {
        self.say_segment(peer, &self.segment(flags, data));
    }

    /// Sends this one.
    pub fn say_segment(&self, peer: &Peer, segment: &Segment) {
        peer.send(&raw::tcp(self.way, segment));
    }

    /// Sends data, which counts.
    pub fn send(&mut self, peer: &Peer, data: &[u8]) {
        self.say(peer, flag::ACK | flag::PSH, data);
        self.seq = self.seq.wrapping_add(data.len() as u32);
    }

    /// What a frame has of this connection.
    #[must_use]
    pub fn of(&self, came: &Came) -> Option<Segment> {
        match came {
            Came::Tcp(from, to, segment)
                if *from == GUEST.into()
                    && *to == Ipv4Address::into(self.way.from)
                    && (segment.from, segment.to) == (self.to, self.port) =>
            {
                Some(segment.clone())
            }
            _ => None,
        }
    }

    /// The next segment that `is` takes.
    ///
    /// # Errors
    /// None comes.
    pub fn hear(
        &self,
        peer: &mut Peer,
        what: &str,
        is: impl Fn(&Segment) -> bool,
    ) -> Result<Segment> {
        peer.next(what, |came| self.of(came).filter(|segment| is(segment)))
    }

    /// Takes data of the guest's, in order, until there are so many bytes; each is acknowledged.
    ///
    /// # Errors
    /// So many do not come.
    pub fn receive(&mut self, peer: &mut Peer, count: usize) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < count {
            let next = self.ack;
            let what = format!("{} of {count} bytes", all.len());
            let segment = self.hear(peer, &what, |s| s.seq == next && !s.data.is_empty())?;
            self.ack = self.ack.wrapping_add(segment.data.len() as u32);
            all.extend(segment.data);
            self.say(peer, flag::ACK, b"");
        }
        Ok(all)
    }

    /// Ends it at once.
    pub fn reset(&self, peer: &Peer) {
        self.say(peer, flag::RST | flag::ACK, b"");
    }

    /// Ends it at once, when the guest may have taken so many bytes that this side has not counted: a reset counts
    /// anywhere in the window (RFC 9293, 3.10.7.4).
    pub fn reset_beyond(&self, peer: &Peer, most: u32) {
        let beyond = Talk { seq: self.seq.wrapping_add(most), ..self.clone() };
        beyond.say(peer, flag::RST, b"");
    }

    /// Every segment of this connection that came since, after the guest has done all that it was sent.
    ///
    /// # Errors
    /// The guest says nothing more.
    pub fn heard(&self, peer: &mut Peer) -> Result<Vec<Segment>> {
        peer.settle()?;
        let heard = peer.came.iter().filter_map(|came| self.of(came)).collect();
        peer.came.clear();
        Ok(heard)
    }
}
