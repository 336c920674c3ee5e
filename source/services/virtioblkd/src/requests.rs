//! Requests that come through the ring: each is one request to the device, or as many as its length takes.

use alloc::collections::VecDeque;
use core::convert::Infallible;

use nexus_mmio::{Exact, Shared, SharedMut};
use nexus_proto::disk::ring as wire;
use nexus_ring::{DONE, Driver, Ended, NotBegun, Ops, Request as Asked, Submission};
use nexus_virtio::block::{Op, SECTOR};

use crate::disk::{Disk, Done, Failure, Refused, Request};
use crate::held::Held;
use crate::tag::Tag;

/// Entries of the ring: most requests that are in flight.
pub const ENTRIES: usize = 64;
/// What can be asked for.
pub const OPS: Ops = Ops::of(&[wire::READ, wire::WRITE, wire::FLUSH, wire::DISCARD, wire::ZEROES]);

/// A request, and how far it is.
#[derive(Debug)]
struct Job {
    asked: Asked,
    op: Op,
    /// The first sector that the device was not asked for, and how many there are from there on.
    sector: u64,
    left: u32,
    /// Sectors that it was asked for.
    given: u32,
    /// Heads that the device has for it.
    out: u16,
    status: u8,
}

/// Who waits for what the device is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The consumer, in the attachment that it is in.
    Consumers,
    /// Nobody: its attachment is over.
    Nobodys,
}

/// The ring, and what came through it. `R` is its memory.
#[derive(Debug)]
pub(crate) struct Requests<R> {
    ring: Driver<R, ENTRIES>,
    attachment: u16,
    /// Heads that the device has for attachments that are over.
    old: u16,
    /// By id.
    jobs: [Option<Job>; ENTRIES],
    /// Those of which the device is still to be asked for something.
    waiting: VecDeque<u16>,
    /// Flushes that the device is not to be asked for yet.
    held: Held,
}

impl<R: SharedMut> Requests<R> {
    pub(crate) fn new(ring: Driver<R, ENTRIES>) -> Requests<R> {
        let (jobs, waiting) = ([const { None }; ENTRIES], VecDeque::with_capacity(ENTRIES));
        Requests { ring, attachment: 0, old: 0, jobs, waiting, held: Held::default() }
    }

    /// Joins the attachment that this life of the consumer has begun: nobody waits for what was asked for before.
    ///
    /// # Errors
    /// It has begun none.
    pub(crate) fn attach(&mut self, life: u32) -> Result<(), NotBegun> {
        if self.ring.attach(life)? {
            self.attachment = self.attachment.wrapping_add(1);
            self.old = self.jobs.iter().flatten().fold(self.old, |sum, job| sum + job.out);
            self.jobs = [const { None }; ENTRIES];
            self.waiting.clear();
            self.held = Held::default();
        }
        Ok(())
    }

    /// True when the device has nothing any more that an attachment before asked for.
    pub(crate) const fn is_settled(&self) -> bool {
        self.old == 0
    }

    /// Asks the device for what is asked here, as far as it has heads: first for what waits. It comes back
    /// early when the device is to be told now ([`Disk::is_urgent`]).
    ///
    /// # Errors
    /// Why the attachment is over. Nothing is asked any more until the next one.
    pub(crate) fn give<A: SharedMut, U: Shared, P: Exact, const HEADS: usize>(
        &mut self,
        disk: &mut Disk<A, U, P, HEADS>,
    ) -> Result<(), Ended> {
        for _ in 0..self.waiting.len() {
            if disk.is_urgent() {
                return Ok(());
            }
            if let Some(id) = self.waiting.pop_front() {
                self.advance(id, disk);
            }
        }
        for _ in 0..ENTRIES {
            if disk.is_urgent() {
                break;
            }
            let Some(asked) = self.ring.take()? else { break };
            self.begin(asked, disk);
        }
        Ok(())
    }

    fn begin<A: SharedMut, U: Shared, P: Exact, const HEADS: usize>(
        &mut self,
        asked: Asked,
        disk: &mut Disk<A, U, P, HEADS>,
    ) {
        let id = asked.submission().id;
        let checked = whole(&self.ring, &asked).and_then(|(op, sector, sectors)| {
            disk.check(op, sector, sectors)?;
            Ok((op, sector, sectors))
        });
        match (self.jobs.get_mut(usize::from(id)), checked) {
            (Some(place), Ok((op, sector, left))) => {
                *place = Some(Job { asked, op, sector, left, given: 0, out: 0, status: DONE });
                match op {
                    Op::Write | Op::Discard | Op::Zeroes => self.held.change(id),
                    Op::Flush => self.held.flush(id),
                    Op::Read | Op::Serial => {}
                }
                self.advance(id, disk);
            }
            (_, Ok(_)) => {}
            (_, Err(refused)) => {
                // Over: nobody waits for it.
                let _ = self.ring.complete(asked, status(refused), 0);
            }
        }
    }

    /// Asks the device for what is left of a request, as far as it has heads; for no flush that is held back.
    fn advance<A: SharedMut, U: Shared, P: Exact, const HEADS: usize>(
        &mut self,
        id: u16,
        disk: &mut Disk<A, U, P, HEADS>,
    ) {
        let Requests { ring, attachment, jobs, waiting, held, .. } = self;
        if held.holds(id) {
            return;
        }
        let Some(Some(job)) = jobs.get_mut(usize::from(id)) else { return };
        while job.left > 0 {
            if disk.is_urgent() {
                return waiting.push_front(id);
            }
            match job.give(Tag::Ring { id, attachment: *attachment, at: job.given }, ring, disk) {
                Ok(()) => {}
                Err(Refused::Later) => return waiting.push_back(id),
                Err(refused) => (job.left, job.status) = (0, status(refused)),
            }
        }
        self.end(id);
    }

    /// What the device has read for a part of a request.
    pub(crate) fn take(&mut self, tag: Tag, memory: &impl Shared, len: usize) {
        let Tag::Ring { id, attachment, at } = tag else { return };
        let Some(Some(job)) = self.jobs.get(usize::from(id)) else { return };
        if attachment == self.attachment {
            let at = at as usize * SECTOR as usize;
            // Over: nobody waits for it.
            let _ = self.ring.copy_from(&job.asked, at, memory, 0, len);
        }
    }

    /// The device is done with a part of a request.
    pub(crate) fn done(&mut self, tag: Tag, done: &Done) -> Whose {
        let Tag::Ring { id, attachment, .. } = tag else { return Whose::Consumers };
        if attachment != self.attachment {
            self.old = self.old.saturating_sub(1);
            return Whose::Nobodys;
        }
        let Some(Some(job)) = self.jobs.get_mut(usize::from(id)) else { return Whose::Consumers };
        job.out = job.out.saturating_sub(1);
        match done.result {
            Ok(()) => {}
            Err(Failure::Device) => (job.left, job.status) = (0, wire::FAILED),
            Err(Failure::Unsupported) => (job.left, job.status) = (0, wire::UNSUPPORTED),
        }
        self.end(id);
        Whose::Consumers
    }

    /// Completes a request of which nothing is left, and nothing is with the device; then the flushes that waited
    /// for it alone are held back no more.
    fn end(&mut self, id: u16) {
        let Some(status) = self.complete(id) else { return };
        self.held.done(id, status != DONE);
        while let Some((flush, failed)) = self.held.release() {
            if failed {
                self.fail_one(flush);
            } else {
                self.waiting.push_back(flush);
            }
        }
    }

    /// Completes it, if nothing of it is left, and nothing with the device: the status.
    fn complete(&mut self, id: u16) -> Option<u8> {
        let place = self.jobs.get_mut(usize::from(id))?;
        let job = place.take_if(|job| job.left == 0 && job.out == 0)?;
        let len = if job.status == DONE { job.asked.submission().len } else { 0 };
        // Over: nobody waits for it.
        let _ = self.ring.complete(job.asked, job.status, len);
        Some(job.status)
    }

    /// Fails a request that the device was not asked for.
    fn fail_one(&mut self, id: u16) {
        if let Some(Some(job)) = self.jobs.get_mut(usize::from(id)) {
            (job.left, job.status) = (0, wire::FAILED);
        }
        let _ = self.complete(id);
    }

    /// The device is of no use: whoever waits is told.
    pub(crate) fn fail(&mut self) {
        self.waiting.clear();
        self.old = 0;
        self.held = Held::default();
        for place in &mut self.jobs {
            if let Some(job) = place.take() {
                // Over: nobody waits for it.
                let _ = self.ring.complete(job.asked, wire::GONE, 0);
            }
        }
    }

    /// Tells the consumer of what was completed, if it wants to know.
    pub(crate) fn ring(&mut self, notify: impl FnOnce()) {
        let Ok(_) = self.ring.ring(|| {
            notify();
            Ok::<(), Infallible>(())
        });
    }

    /// True when the consumer will notify of the next request. One whose attachment is over has no more.
    pub(crate) fn may_wait(&mut self) -> bool {
        self.ring.may_wait().unwrap_or(true)
    }
}

impl Job {
    /// Gives the device the next part.
    fn give<A, U, P, R, const HEADS: usize>(
        &mut self,
        tag: Tag,
        ring: &Driver<R, ENTRIES>,
        disk: &mut Disk<A, U, P, HEADS>,
    ) -> Result<(), Refused>
    where
        A: SharedMut,
        U: Shared,
        P: Exact,
        R: SharedMut,
    {
        let (asked, at) = (&self.asked, self.given as usize * SECTOR as usize);
        let (op, sector, sectors) = (self.op, self.sector, self.left);
        let request = Request { op, sector, sectors, tag: tag.code() };
        let taken =
            disk.submit(request, |memory: &mut P, len| ring.copy_to(asked, at, memory, 0, len))?;
        self.sector = self.sector.saturating_add(taken.into());
        self.left = self.left.saturating_sub(taken);
        self.given = self.given.saturating_add(taken);
        self.out = self.out.saturating_add(1);
        Ok(())
    }
}

/// What a request asks for in all: the operation, the first sector, and how many.
fn whole<R: SharedMut>(
    ring: &Driver<R, ENTRIES>,
    asked: &Asked,
) -> Result<(Op, u64, u32), Refused> {
    let Submission { op, len, arg, .. } = asked.submission();
    let sectors = len.is_multiple_of(SECTOR).then_some(len / SECTOR).ok_or(Refused::OutOfRange);
    let data = |op| sectors.map(|sectors| (op, arg, sectors));
    match op {
        wire::READ => data(Op::Read),
        wire::WRITE => data(Op::Write),
        wire::FLUSH => Ok((Op::Flush, 0, 1)),
        wire::DISCARD => range(ring, asked).map(|(first, count)| (Op::Discard, first, count)),
        wire::ZEROES => range(ring, asked).map(|(first, count)| (Op::Zeroes, first, count)),
        _ => Err(Refused::Unsupported),
    }
}

/// The range that is the data of a request: loaded once.
fn range<R: SharedMut>(ring: &Driver<R, ENTRIES>, asked: &Asked) -> Result<(u64, u32), Refused> {
    let mut bytes = [0; wire::RANGE as usize];
    let fits = asked.submission().len == wire::RANGE;
    if !fits || ring.read(asked, 0, &mut bytes).is_err() {
        return Err(Refused::OutOfRange);
    }
    let [first, rest] = [bytes.first_chunk(), bytes.last_chunk()]
        .map(|half| half.copied().map_or(0, u64::from_le_bytes));
    // The four bytes after the count are 0, or it is no count.
    u32::try_from(rest).map(|count| (first, count)).map_err(|_| Refused::OutOfRange)
}

/// What the consumer is told of a refusal.
const fn status(refused: Refused) -> u8 {
    match refused {
        Refused::Unsupported => wire::UNSUPPORTED,
        Refused::OutOfRange | Refused::NoData => wire::OUT_OF_RANGE,
        Refused::Later | Refused::Gone => wire::GONE,
    }
}
