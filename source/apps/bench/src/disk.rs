//! What a driver does for a request to a disk: the code of virtioblkd, over its own pool and its own device.
//! Data is not copied.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::{StartError, startup, sys};
use nexus_virtio::acknowledge;
use virtioblkd::disk::{Op, Request};
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
    let (disk, regs) = start()?;
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
    /// Reads a batch; what submitting and completing took. Waiting is not counted, nor the looks that find
    /// nothing.
    #[inline(never)]
    fn batch(&mut self, depth: u64, spins: bool) -> Result<[u64; 2], Error> {
        let start = instret();
        for number in 0..depth {
            let sector = number * u64::from(SECTORS);
            let request = Request { op: Op::Read, sector, sectors: SECTORS, tag: number };
            let given = self.disk.submit(request, |_, _, _| Ok(()));
            given.map_err(|_| Error::BadState)?;
        }
        let Ok(()) = self.disk.ring(&mut self.regs);
        let submitted = between(start, instret());
        let (mut done, mut completed) = (0, 0);
        while done < depth {
            let mut start = instret();
            let waits = self.disk.may_wait(|| {
                start = instret();
                spins
            });
            if waits.map_err(|_| Error::BadState)? {
                completed += between(start, instret());
                self.wait()?;
                start = instret();
                let Ok(_) = acknowledge(&mut self.regs);
            }
            while let Some(one) =
                self.disk.complete(|_, _, _, _| ()).map_err(|_| Error::BadState)?
            {
                one.result.map_err(|_| Error::BadState)?;
                done += 1;
            }
            completed += between(start, instret());
        }
        Ok([submitted, completed])
    }

    /// Waits for an interrupt, and acknowledges the one before on the way.
    fn wait(&mut self) -> Result<(), Error> {
        let due = if self.delivered { self.line } else { Handle::NONE };
        wait(self.interrupts, NO_DEADLINE, due)?;
        self.delivered = true;
        Ok(())
    }
}
