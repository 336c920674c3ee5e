//! What a driver does for a request to a disk: the code of virtioblkd, over its own pool and its own device.
//! Data is not copied.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::{StartError, startup, sys};
use nexus_virtio::acknowledge;
use nexus_virtio::block::Op;
use nexus_virtio::owner::description;
use virtioblkd::disk::Request;
use virtioblkd::start::{OwnDisk, OwnRegisters, start};

use crate::count::{between, instret, wait};
use crate::samples::Samples;

/// Sectors of a request: 4 KiB.
const SECTORS: u32 = 8;

/// The disk of this process, and its interrupts.
struct Bench {
    disk: OwnDisk,
    regs: OwnRegisters,
    line: Handle,
    interrupts: Handle,
    /// The line was delivered.
    delivered: bool,
}

/// Serves as a disk that answers one question for ever: what a request takes. The words of the question are
/// how many requests a batch has, and 1 where the completion of one is looked for until it is there, as
/// virtioblkd does for some microseconds; those of the answer are median and equal samples of submitting and
/// of completing a batch.
///
/// # Errors
/// Why it cannot go on.
pub fn serve() -> Result<(), StartError> {
    let endpoint = startup().serve()?;
    let (disk, regs) = start(&description()?)?;
    let line = Handle(startup().line().ok_or(Error::BadHandle)?.handle);
    let interrupts = sys::notification_create()?;
    sys::irq_bind(line, interrupts, 1, Handle::NONE, 0)?;
    let mut bench = Bench { disk, regs, line, interrupts, delivered: false };
    let mut reply = Handle::NONE;
    let mut message = Message::default();
    loop {
        let received = sys::reply_recv(endpoint, reply, &message, NO_DEADLINE)?;
        reply = received.reply;
        let [depth, spins, ..] = received.message.words;
        let [submit, complete] = Samples::take_two(|| bench.batch(depth, spins == 1))?;
        let equal = [&submit, &complete].map(|samples| samples.equal() as u64);
        message = Message::new(0, &[submit.median(), equal[0], complete.median(), equal[1]]);
    }
}

impl Bench {
    /// Reads a batch; what submitting and completing took. Waiting is not counted, nor a look that finds
    /// nothing.
    #[inline(never)]
    fn batch(&mut self, depth: u64, spins: bool) -> Result<[u64; 2], Error> {
        let start = instret();
        for number in 0..depth {
            let sector = number * u64::from(SECTORS);
            let request = Request { op: Op::Read, sector, sectors: SECTORS, tag: number };
            let given = self.disk.submit(request, |_, _| Ok(()));
            given.map_err(|_| Error::BadState)?;
        }
        let submitted = between(start, instret());
        // Before the device hears of the batch, so that the interrupt comes, however fast the device is.
        let start = instret();
        let mut waits = !spins && self.may_wait()?;
        let mut completed = between(start, instret());
        let start = instret();
        let Ok(()) = self.disk.ring(&mut self.regs);
        let submitted = submitted + between(start, instret());
        while self.disk.in_flight() > 0 {
            if waits {
                self.wait()?;
            }
            let mut start = instret();
            if waits {
                let Ok(_) = acknowledge(&mut self.regs);
            } else if spins {
                let again = || {
                    start = instret();
                    true
                };
                self.disk.may_wait(again).map_err(|_| Error::BadState)?;
            }
            while let Some(one) = self.disk.complete(|_, _, _| ()).map_err(|_| Error::BadState)? {
                one.result.map_err(|_| Error::BadState)?;
            }
            waits = self.may_wait()?;
            completed += between(start, instret());
        }
        Ok([submitted, completed])
    }

    /// Asks for an interrupt, without a spin.
    #[inline(always)]
    fn may_wait(&mut self) -> Result<bool, Error> {
        self.disk.may_wait(|| false).map_err(|_| Error::BadState)
    }

    /// Waits for an interrupt, and acknowledges the one before on the way.
    fn wait(&mut self) -> Result<(), Error> {
        let due = if self.delivered { self.line } else { Handle::NONE };
        wait(self.interrupts, NO_DEADLINE, due)?;
        self.delivered = true;
        Ok(())
    }
}
