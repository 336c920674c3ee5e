//! The network, by the rings of its card: QEMU's user network answers for the gateway.

use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::Split;
use nexus_proto::ids;
use nexus_proto::net::{AttachRings, Info, Net, RECEIVE, TRANSMIT};
use nexus_ring::{DONE, PAGE, Submission};
use nexus_rt::{Client, attach, startup};

use crate::failed::Failed;
use crate::side::Side;
use crate::victim::{Victim, soon};

/// Deaths of the driver.
const DEATHS: u32 = 50;
/// Buffers that are given at once, and bytes of each.
const BUFFERS: u16 = 32;
const BUFFER: u32 = 2048;
/// Who asks, and whom, as QEMU's user network numbers them.
const OWN: [u8; 4] = [10, 0, 2, 15];
const GATEWAY: [u8; 4] = [10, 0, 2, 2];
const ARP: [u8; 2] = [0x08, 0x06];

/// Both rings, with whichever life of the driver.
struct Card {
    net: Client<Net>,
    mac: [u8; 6],
    receive: Side,
    transmit: Side,
    again: u32,
}

/// The driver is killed between a question and its answer, which come again until the answer is there.
pub(crate) fn by_ring() -> Result<u32, Failed> {
    let ring = startup().ring(ids::VIRTIONETD).ok_or(Failed::Room)?;
    let half = ring.bytes() as usize / 2 / PAGE * PAGE;
    let (receive, transmit) = ring.map()?.split(half).map_err(|_| Failed::Room)?;
    let net: Client<Net> = startup().client(ids::VIRTIONETD)?;
    let mac = net.call(&Info {}, soon())?.mac;
    let (receive, transmit) = (Side::new(ring, receive)?, Side::new(ring, transmit)?);
    let mut card = Card { net, mac, receive, transmit, again: 0 };
    let driver = Victim::new(ids::VIRTIONETD)?;
    card.attach()?;
    for _ in 0..DEATHS {
        let mut dies = true;
        loop {
            card.ask()?;
            if core::mem::replace(&mut dies, false) {
                driver.kill()?;
            }
            if card.answered()? {
                break;
            }
            card.again += 1;
            card.attach()?;
        }
        // Buffers that are left are given back with the next attachment.
        card.attach()?;
    }
    nexus_rt::info!("{} questions were in flight at {DEATHS} deaths", card.again);
    if card.again > 0 { Ok(DEATHS) } else { Err(Failed::Idle) }
}

impl Card {
    /// Begins anew: buffers and frames that are in flight are nobody's.
    fn attach(&mut self) -> Result<(), Failed> {
        drop((self.receive.begin(), self.transmit.begin()));
        let sides = [&mut self.receive.consumer, &mut self.transmit.consumer];
        Ok(attach(&self.net, &AttachRings {}, sides, soon())?)
    }

    /// Gives buffers, and asks who has the address of the gateway (RFC 826).
    fn ask(&mut self) -> Result<(), Failed> {
        for id in 0..BUFFERS {
            self.receive.submit(buffer(id))?;
        }
        self.receive.tell()?;
        let fixed = [0, 1, 8, 0, 6, 4, 0, 1];
        let to: [&[u8]; 8] =
            [&[0xff; 6], &self.mac, &ARP, &fixed, &self.mac, &OWN, &[0; 6], &GATEWAY];
        let frame = to.concat();
        self.transmit.consumer.write(0, &frame).map_err(|_| Failed::Room)?;
        let len = frame.len() as u32;
        self.transmit.submit(Submission { id: 0, op: TRANSMIT, len, offset: 0, arg: 0 })?;
        self.transmit.tell()
    }

    /// Waits for what was sent, and for the answer. False when the driver died.
    fn answered(&mut self) -> Result<bool, Failed> {
        match self.transmit.completed()? {
            None => return Ok(false),
            Some(done) if done.status == DONE => {}
            Some(done) => return Err(Failed::Request(done.status)),
        }
        while let Some(done) = self.receive.completed()? {
            let mut frame: Vec<u8> = vec![0; done.len as usize];
            let at = u32::from(done.id) * BUFFER;
            self.receive.consumer.read(at, &mut frame).map_err(|_| Failed::Room)?;
            if frame.get(12..14) == Some(&ARP[..]) && frame.get(28..32) == Some(&GATEWAY[..]) {
                return Ok(true);
            }
            self.receive.submit(buffer(done.id))?;
            self.receive.tell()?;
        }
        Ok(false)
    }
}

const fn buffer(id: u16) -> Submission {
    Submission { id, op: RECEIVE, len: BUFFER, offset: id as u32 * BUFFER, arg: 0 }
}
