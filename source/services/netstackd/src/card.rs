//! The card: frames by the rings of virtionetd, as smoltcp wants them.
//!
//! Frames are copied: out of the memory of the ring before anything looks at them, and into it once they are whole. What
//! virtionetd says of lengths is not believed. When its life ends, an attachment to the next is begun, and whoever has
//! connections goes on with them: what was under way is lost like a packet.

mod out;

use nexus_mmio::{SharedMut, Split, TooSmall};
use nexus_proto::net::{Card as Says, MAX_FRAME, MIN_FRAME, RECEIVE};
use nexus_ring::{Completion, Consumer, DONE, Ended, PAGE, Submission};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken};
use smoltcp::time::{Duration, Instant};

use crate::frame::Head;
use crate::road::Road;
use crate::sum::Frame;
pub use out::Goes;
use out::Out;

/// Entries of each ring.
pub const ENTRIES: usize = 64;
/// Bytes of a buffer.
pub const BUFFER: usize = 2048;
/// Most frames that come in, and most that go out, in a turn.
pub const TURN: u16 = 64;
/// Most of those that go out at once, in answer to one that came: the others are for what clients send.
pub const REPLIES: u16 = TURN / 2;
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
    frame: Frame,
    /// Its bytes, until something is made of it.
    looked: Option<usize>,
    /// Frames that may still come in this turn.
    left: u16,
    lives: u32,
    frames: Frames,
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
        let (frames, frame) = (Frames::default(), Frame::new(MAX_FRAME));
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

    /// True when more frames may go in this turn.
    pub fn may_send(&self) -> bool {
        self.attached && self.out.place().is_some()
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
    #[cold]
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
        self.attached = false;
        self.out.forget();
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
        let frame = self.frame.get_mut(len)?;
        self.receive.read(u32::from(done.id) * BUFFER as u32, frame).ok()?;
        self.head(len).filter(|_| self.frame.is_right(len))
    }

    /// One of this machine's to itself, whose checksum nobody has computed.
    fn take_own(&mut self, frame: &[u8]) -> Option<(usize, Head)> {
        self.frame.get_mut(frame.len())?.copy_from_slice(frame);
        self.head(frame.len())
    }

    fn head(&self, len: usize) -> Option<(usize, Head)> {
        Some((len, Head::of(self.frame.get(len)?)?))
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

impl RxToken for Received<'_> {
    fn consume<T, F: FnOnce(&[u8]) -> T>(self, f: F) -> T {
        f(self.0)
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
        let frame = self.frame.get(len)?;
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

/// What every card here can do: as much as Ethernet, and the checksum of TCP, which `sum.rs` computes.
#[must_use]
pub fn capabilities() -> DeviceCapabilities {
    let mut can = DeviceCapabilities::default();
    can.medium = Medium::Ethernet;
    can.max_transmission_unit = MAX_FRAME;
    can.checksum.tcp = Checksum::None;
    can
}
