//! What a driver does for a request to a disk: the code of virtioblkd, over its own pool and its own device.
//! Data is not copied.

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::{StartError, startup, sys};
use nexus_virtio::acknowledge;
use virtioblkd::disk::{Op, Request};
use virtioblkd::start::{OwnDisk, OwnRegisters, start};

use crate::count::{between, instret, wait};
use crate::samples::Samples;

/// Requests of a batch.
const DEPTHS: [u32; 2] = [1, 8];
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

/// Serves as a disk that answers one question for ever: what a request takes. The words of the answer are
/// median and equal samples of submitting and of completing, for a batch of one and of eight.
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
        let mut words = [0; 8];
        for (four, depth) in words.as_chunks_mut::<4>().0.iter_mut().zip(DEPTHS) {
            let [submit, complete] = Samples::take_two(|| bench.batch(depth))?;
            *four = [
                submit.median(),
                submit.equal() as u64,
                complete.median(),
                complete.equal() as u64,
            ];
        }
        message = Message::new(0, &words);
    }
}

impl Bench {
    /// Reads a batch; what submitting and completing took. Waiting is not counted.
    #[inline(never)]
    fn batch(&mut self, depth: u32) -> Result<[u64; 2], Error> {
        let start = instret();
        for number in 0..depth {
            let sector = u64::from(number * SECTORS);
            let request = Request { op: Op::Read, sector, sectors: SECTORS, tag: number.into() };
            let given = self.disk.submit(request, |_, _, _| Ok(()));
            given.map_err(|_| Error::BadState)?;
        }
        let Ok(()) = self.disk.ring(&mut self.regs);
        let submitted = between(start, instret());
        let (mut done, mut completed) = (0, 0);
        while done < depth {
            self.wait()?;
            let start = instret();
            let Ok(_) = acknowledge(&mut self.regs);
            loop {
                let next = self.disk.complete(|_, _, _, _| ()).map_err(|_| Error::BadState)?;
                match next {
                    Some(one) if one.result.is_ok() => done += 1,
                    Some(_) => return Err(Error::BadState),
                    None if self.disk.may_wait().map_err(|_| Error::BadState)? => break,
                    None => {}
                }
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
