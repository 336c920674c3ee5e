//! The card: frames by the rings of virtionetd, as smoltcp wants them.
//!
//! Frames are copied: out of the memory of the ring before anything looks at them, and into it once they are whole. What
//! virtionetd says of lengths is not believed. When its life ends, an attachment to the next is begun, and whoever has
//! connections goes on with them: what was under way is lost like a packet.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::{SharedMut, Split, TooSmall};
use nexus_proto::net::{Card as Says, MAX_FRAME, MIN_FRAME, RECEIVE, TRANSMIT};
use nexus_ring::{Completion, Consumer, DONE, Ended, PAGE, Submission};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};

use crate::frame::{self, Head};
use crate::road::Road;

/// Entries of each ring.
pub const ENTRIES: usize = 64;
/// Bytes of a buffer.
pub const BUFFER: usize = 2048;
/// Most frames that come in, and most that go out, in a turn.
pub const TURN: u16 = 64;
/// Most of those that go out at once, in answer to one that came: the others are for what clients send.
pub const REPLIES: u16 = TURN / 2;
/// Most frames of this machine's to itself that wait to be looked at: about 48 KB. The others are lost like packets.
const TO_ITSELF: usize = 32;
/// After so long a driver that does not answer is asked again.
const AGAIN: Duration = Duration::from_millis(100);
/// After so long a card without a link is looked at again.
const LINK: Duration = Duration::from_millis(1000);

/// Frames since this process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// That came.
    pub came: u64,
    /// Their bytes.
    pub came_bytes: u64,
    /// That went.
    pub went: u64,
    /// Their bytes.
    pub went_bytes: u64,
    /// That came, and of which nothing was made.
    pub dropped: u64,
    /// That were to go, and for which there was no room.
    pub no_room: u64,
}

/// A card, over memory of the rings with its driver.
#[derive(Debug)]
pub struct Card<M, R> {
    receive: Consumer<M, ENTRIES>,
    out: Out<M>,
    road: R,
    /// Both sides are in the attachment, as far as this one knows.
    attached: bool,
    /// When the driver is asked next.
    due: Option<Instant>,
    says: Option<Says>,
    /// The frame that is looked at.
    frame: Vec<u8>,
    /// Its bytes, until something is made of it.
    looked: Option<usize>,
    /// Frames that may still come in this turn.
    left: u16,
    /// Ports at which nobody is taken now: who wants to connect is not heard, and asks again.
    full: Vec<u16>,
    lives: u32,
    frames: Frames,
}

/// The half by which frames go.
#[derive(Debug)]
struct Out<M> {
    ring: Consumer<M, ENTRIES>,
    frame: Vec<u8>,
    /// Those of this machine's to itself, which are looked at as if they came.
    to_itself: VecDeque<Vec<u8>>,
    places: u16,
    left: u16,
    replies: u16,
    /// Those that answer one that came, and have not gone yet: a bit for each place.
    answers: u64,
    went: u64,
    bytes: u64,
    no_room: u64,
}

impl<M: SharedMut, R: Road> Card<M, R> {
    /// With memory of which each direction has half, as this life of the consumer; in no attachment yet.
    ///
    /// # Errors
    /// The memory has no room for the rings.
    pub fn new(memory: M, life: u32, road: R) -> Result<Card<M, R>, TooSmall>
    where
        M: Split,
    {
        let has = memory.len();
        let half = has / 2 / PAGE * PAGE;
        let halves = memory.split(half).map_err(|_| TooSmall { has, needs: half })?;
        let (receive, transmit) = (Consumer::new(halves.0, life)?, Consumer::new(halves.1, life)?);
        let (frames, frame) = (Frames::default(), vec![0; MAX_FRAME]);
        Ok(Card {
            receive,
            out: Out::new(transmit),
            road,
            attached: false,
            due: Some(Instant::ZERO),
            says: None,
            frame,
            looked: None,
            left: 0,
            full: Vec::new(),
            lives: 0,
            frames,
        })
    }

    /// What the card is, as its driver said last; `None` when it never has.
    pub const fn says(&self) -> Option<Says> {
        self.says
    }

    /// True while its driver is there.
    pub const fn is_attached(&self) -> bool {
        self.attached
    }

    /// Lives of the driver after the first.
    pub const fn lives(&self) -> u32 {
        self.lives
    }

    /// What came and went.
    pub const fn frames(&self) -> Frames {
        let Out { went, bytes, no_room, .. } = self.out;
        Frames { went, went_bytes: bytes, no_room, ..self.frames }
    }

    /// The driver, as this side reaches it.
    pub const fn road(&mut self) -> &mut R {
        &mut self.road
    }

    /// Begins a turn. Asks the driver what is to be asked, if it is time to.
    pub fn begin(&mut self, now: Instant) {
        (self.left, self.out.left, self.out.replies) = (TURN, TURN, REPLIES);
        self.settle(now);
        if self.due.is_some_and(|due| due <= now) {
            self.ask(now);
        }
    }

    /// Takes what has gone.
    pub fn settle(&mut self, now: Instant) {
        if let Err(why) = self.out.settle() {
            self.over(why, now);
        }
    }

    /// Ports at which nobody is taken from now on.
    pub fn set_full(&mut self, ports: Vec<u16>) {
        self.full = ports;
    }

    /// True when more frames may go in this turn.
    pub fn may_send(&self) -> bool {
        self.attached && self.out.place().is_some()
    }

    /// How many frames may still come in this turn.
    pub const fn left(&self) -> u16 {
        self.left
    }

    /// Looks at what comes next, of which something may be made: it is what smoltcp receives next, unless it is
    /// [dropped](Self::drop_it). `None` when nothing comes now.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Came> {
        while self.attached && self.left > 0 {
            let own = self.out.to_itself.pop_front();
            let by = if own.is_some() { By::Itself } else { By::Wire };
            let taken = match own {
                Some(frame) => self.take_own(&frame),
                None => self.next(now)?,
            };
            self.left -= 1;
            if let Some((len, head)) = taken {
                self.looked = Some(len);
                return Some(Came { head, by });
            }
            self.frames.dropped += 1;
        }
        None
    }

    /// Nothing is made of what was looked at.
    pub const fn drop_it(&mut self) {
        self.looked = None;
        self.frames.dropped += 1;
    }

    /// Ends a turn: tells the driver of all that was given to it. False when there is something already.
    pub fn end(&mut self) -> bool {
        let Card { receive, out, road, .. } = self;
        // Once, for both. What is not told is seen when the driver tells.
        let mut told = false;
        let _ = receive.ring(|| {
            told = true;
            Ok::<(), ()>(())
        });
        let _ = out.ring.ring(|| {
            told = true;
            Ok::<(), ()>(())
        });
        if told {
            road.tell();
        }
        self.may_wait()
    }

    /// When the driver is to be asked something.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    fn may_wait(&mut self) -> bool {
        if !self.attached {
            return true;
        }
        // Whose frames have all gone need not know it.
        let out = self.out.ring.free_id().is_some() || self.out.ring.may_wait().unwrap_or(false);
        let received = self.receive.may_wait().unwrap_or(false);
        out && received && self.out.to_itself.is_empty()
    }

    /// Attaches, or looks at the link.
    fn ask(&mut self, now: Instant) {
        self.due = Some(now + AGAIN);
        if self.road.is_over() {
            self.due = None;
            return;
        }
        if !self.attached && !self.attach() {
            return;
        }
        self.says = self.road.info().or(self.says);
        let up = self.says.is_some_and(|says| says.link);
        self.due = if up { None } else { Some(now + LINK) };
    }

    fn attach(&mut self) -> bool {
        if !self.road.join() {
            return false;
        }
        if self.receive.attached().and_then(|()| self.out.ring.attached()).is_err() {
            // It died since it answered. Nothing was under way.
            drop((self.receive.begin(), self.out.ring.begin()));
            return false;
        }
        self.attached = true;
        let room = self.receive.data_len() as usize / BUFFER;
        for id in 0..u16::try_from(room.min(ENTRIES)).unwrap_or(0) {
            self.give(id);
        }
        true
    }

    /// A buffer, which is filled with what comes.
    fn give(&mut self, id: u16) {
        let (offset, len) = (u32::from(id) * BUFFER as u32, BUFFER as u32);
        // There is an entry for each, and memory. When the driver ends, that is seen when something is taken.
        let _ = self.receive.submit(Submission { id, op: RECEIVE, len, offset, arg: 0 });
    }

    /// The attachment is over: the next is begun.
    fn over(&mut self, why: Ended, now: Instant) {
        if !self.attached {
            return;
        }
        match why {
            Ended::PeerGone => nexus_rt::info!("virtionetd is another: attaching again"),
            why => nexus_rt::warn!("the rings of virtionetd are given up: {why}"),
        }
        drop((self.receive.begin(), self.out.ring.begin()));
        (self.attached, self.out.answers) = (false, 0);
        self.lives = self.lives.saturating_add(1);
        self.due = Some(now);
    }

    /// The next frame of the wire; `None` when there is none, or the attachment is over.
    fn next(&mut self, now: Instant) -> Option<Option<(usize, Head)>> {
        let done = match self.receive.pop() {
            Ok(done) => done?,
            Err(why) => {
                self.over(why, now);
                return None;
            }
        };
        let taken = self.take(done);
        self.give(done.id);
        Some(taken)
    }

    /// Copies a frame out; its bytes, when something may be made of it.
    fn take(&mut self, done: Completion) -> Option<(usize, Head)> {
        let len = done.len as usize;
        self.frames.came += 1;
        self.frames.came_bytes += u64::from(done.len);
        if done.status != DONE || !(MIN_FRAME..=MAX_FRAME).contains(&len) {
            return None;
        }
        let frame = self.frame.get_mut(..len)?;
        self.receive.read(u32::from(done.id) * BUFFER as u32, frame).ok()?;
        self.head(len)
    }

    /// One of this machine's to itself.
    fn take_own(&mut self, frame: &[u8]) -> Option<(usize, Head)> {
        self.frame.get_mut(..frame.len())?.copy_from_slice(frame);
        self.head(frame.len())
    }

    fn head(&self, len: usize) -> Option<(usize, Head)> {
        let head = Head::of(self.frame.get(..len)?)?;
        let full = head.asks().is_some_and(|port| self.full.contains(&port));
        (!full).then_some((len, head))
    }
}

impl<M: SharedMut> Out<M> {
    fn new(ring: Consumer<M, ENTRIES>) -> Out<M> {
        let places = u16::try_from((ring.data_len() as usize / BUFFER).min(ENTRIES)).unwrap_or(0);
        let frame = vec![0; MAX_FRAME];
        let to_itself = VecDeque::new();
        Out { ring, frame, to_itself, places, left: 0, replies: 0, answers: 0, went: 0, bytes: 0, no_room: 0 }
    }

    /// Takes what has gone.
    fn settle(&mut self) -> Result<(), Ended> {
        while let Some(done) = self.ring.pop()? {
            self.answers &= !bit(done.id);
        }
        Ok(())
    }

    /// A place for a frame.
    fn place(&self) -> Option<u16> {
        self.ring.free_id().filter(|id| *id < self.places && self.left > 0)
    }

    /// True when one more may go at once, in answer: of all that have not gone yet, too, so many at most.
    const fn may_answer(&self) -> bool {
        self.replies > 0 && self.answers.count_ones() < REPLIES as u32
    }

    fn send(&mut self, len: usize, id: u16) {
        if frame::is_to_itself(self.frame.get(..len).unwrap_or_default()) {
            self.answers &= !bit(id);
            self.hand_back(len);
            return;
        }
        let (offset, bytes) = (u32::from(id) * BUFFER as u32, len as u32);
        let frame = self.frame.get(..len).unwrap_or_default();
        let request = Submission { id, op: TRANSMIT, len: bytes, offset, arg: 0 };
        // When the driver ends, that is seen when something is taken.
        let sent = self.ring.write(offset, frame).is_ok() && self.ring.submit(request).is_ok();
        self.left = self.left.saturating_sub(1);
        if sent {
            self.went += 1;
            self.bytes += u64::from(bytes);
        } else {
            self.no_room += 1;
        }
    }

    /// A frame of this machine's to itself comes next: no card brings it back.
    fn hand_back(&mut self, len: usize) {
        self.left = self.left.saturating_sub(1);
        if self.to_itself.len() >= TO_ITSELF {
            self.no_room += 1;
            return;
        }
        self.to_itself.extend(self.frame.get(..len).map(Vec::from));
    }
}

/// By what way a frame came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// By the wire: anybody may have made it.
    Wire,
    /// This machine sent it to itself.
    Itself,
}

/// A frame that came, and was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    /// What it says of itself.
    pub(crate) head: Head,
    /// By what way it came.
    pub(crate) by: By,
}

/// A frame that is received.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

/// Room for a frame that goes; `None`: it is lost.
#[derive(Debug)]
pub struct Goes<'a, M> {
    out: &'a mut Out<M>,
    /// It answers one that came.
    reply: bool,
}

impl RxToken for Received<'_> {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, f: F) -> T {
        f(self.0)
    }
}

impl<M: SharedMut> TxToken for Goes<'_, M> {
    fn consume<T, F: FnOnce(&mut [u8]) -> T>(self, len: usize, f: F) -> T {
        let Goes { out, reply } = self;
        if out.frame.len() < len {
            // smoltcp makes none that is longer than the card says; it is lost like a packet.
            out.no_room += 1;
            return f(&mut vec![0; len]);
        }
        let result = f(out.frame.get_mut(..len).unwrap_or_default());
        match out.place() {
            Some(id) if !reply || out.may_answer() => {
                out.replies -= u16::from(reply);
                out.answers |= if reply { bit(id) } else { 0 };
                out.send(len, id);
            }
            _ => out.no_room += 1,
        }
        result
    }
}

impl<M: SharedMut, R: Road> Device for Card<M, R> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Goes<'a, M>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Goes<'_, M>)> {
        let len = self.looked.take()?;
        let frame = self.frame.get(..len)?;
        Some((Received(frame), Goes { out: &mut self.out, reply: true }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Goes<'_, M>> {
        if !self.attached || self.out.place().is_none() {
            return None;
        }
        Some(Goes { out: &mut self.out, reply: false })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities()
    }
}

/// The bit of a place.
const fn bit(id: u16) -> u64 {
    1_u64.wrapping_shl(id as u32)
}

/// What every card here can do: as much as Ethernet.
#[must_use]
pub fn capabilities() -> DeviceCapabilities {
    let mut can = DeviceCapabilities::default();
    can.medium = Medium::Ethernet;
    can.max_transmission_unit = MAX_FRAME;
    can
}
