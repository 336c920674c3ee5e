//! The disk, by its ring.

use alloc::vec::Vec;

use nexus_proto::disk::{Attach, Disk, SECTOR, ring as wire};
use nexus_proto::ids;
use nexus_ring::{DONE, Submission};
use nexus_rt::{Client, attach, startup};

use crate::failed::Failed;
use crate::side::Side;
use crate::victim::{Victim, soon};

/// Deaths of the driver.
const DEATHS: u32 = 100;
/// Requests that are in flight when it dies.
const AT_ONCE: u16 = 32;
/// Bytes of each.
const PIECE: u32 = 4096;

/// The ring, with whichever life of the driver.
struct Load {
    side: Side,
    disk: Client<Disk>,
    driver: Victim,
    /// Requests that were in flight when it died.
    again: u32,
}

/// The driver is killed while it writes, and while it reads. What was acknowledged is there, and what was not is
/// asked again.
pub(crate) fn by_ring() -> Result<u32, Failed> {
    let ring = startup().ring(ids::VIRTIOBLKD).ok_or(Failed::Room)?;
    let side = Side::new(ring, ring.map()?)?;
    let (disk, driver) = (startup().client(ids::VIRTIOBLKD)?, Victim::new(ids::VIRTIOBLKD)?);
    let mut load = Load { side, disk, driver, again: 0 };
    load.attach()?;
    let mut checks = 0;
    for round in 0..DEATHS / 2 {
        for id in 0..AT_ONCE {
            load.side.consumer.write(offset(id), &bytes(round, id)).map_err(|_| Failed::Room)?;
        }
        load.at_once(wire::WRITE)?;
        for id in 0..AT_ONCE {
            load.side.consumer.write(offset(id), &[0; PIECE as usize]).map_err(|_| Failed::Room)?;
        }
        load.at_once(wire::READ)?;
        for id in 0..AT_ONCE {
            let mut seen = [0; PIECE as usize];
            load.side.consumer.read(offset(id), &mut seen).map_err(|_| Failed::Room)?;
            if seen.as_slice() != bytes(round, id).as_slice() {
                return Err(Failed::Lost(round, id));
            }
            checks += 1;
        }
    }
    nexus_rt::info!("{} requests were in flight at {DEATHS} deaths", load.again);
    if load.again > 0 { Ok(checks) } else { Err(Failed::Idle) }
}

impl Load {
    fn attach(&mut self) -> Result<(), Failed> {
        Ok(attach(&self.disk, &Attach {}, [&mut self.side.consumer], soon())?)
    }

    /// All at once, and the driver dies at them. Each is done, once it was asked often enough.
    fn at_once(&mut self, op: u8) -> Result<(), Failed> {
        let mut left: Vec<u16> = (0..AT_ONCE).collect();
        let mut lives = true;
        while !left.is_empty() {
            for id in left.drain(..) {
                self.side.submit(request(op, id))?;
            }
            self.side.tell()?;
            if core::mem::replace(&mut lives, false) {
                self.driver.kill()?;
            }
            while self.side.consumer.in_flight() > 0 {
                match self.side.completed()? {
                    Some(done) if done.status == DONE && done.len == PIECE => {}
                    Some(done) => return Err(Failed::Request(done.status)),
                    None => {
                        left = self.side.begin();
                        self.again += left.len() as u32;
                        self.attach()?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn offset(id: u16) -> u32 {
    u32::from(id) * PIECE
}

/// A request whose data is at the place of its id, in the ring and on the disk.
fn request(op: u8, id: u16) -> Submission {
    Submission { id, op, len: PIECE, offset: offset(id), arg: u64::from(offset(id)) / SECTOR }
}

/// What is written by a request of a round.
fn bytes(round: u32, id: u16) -> Vec<u8> {
    (0..PIECE).map(|at| (round * 89 + u32::from(id) * 37 + at * 11 + at / 97) as u8).collect()
}
