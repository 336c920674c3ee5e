//! A busd: it takes windows, makes what it hands over, and can lie in every way.

use nexus_abi::{Error, Handle, KindCode, Message, Received, Rights, Sender};
use nexus_proto::bus::{self, Prepare, Prepared, Release, Take, Taken};
use nexus_proto::{Operation, ServiceError, Zero, encode_with_caps, ids};
use nexus_sysdesc::{Queue, Shape};

use super::{Cap, Fake, Wrong, masked, question, route};
use crate::grant::{Bus, Piece, Question, Route, Source};

/// The process of busd.
pub(crate) const BUSD: Handle = Handle(110);
/// busd, as the kernel stamps it.
pub(crate) const BUSD_ID: Sender = Sender { service_id: 11, incarnation: 1 };
/// Rights on a window that busd hands over.
pub(crate) const WINDOW_RIGHTS: Rights = Rights::MAP
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE);
/// Rights on a pool that busd hands over.
const POOL_RIGHTS: Rights =
    Rights::MAP.union(Rights::READ).union(Rights::WRITE).union(Rights::GRANT).union(Rights::REVOKE);

/// How busd behaves, and what it has.
#[derive(Clone)]
pub(crate) struct Busd {
    pub(crate) answers_as: Sender,
    /// The registers and the queues of the rule, as it knows them.
    pub(crate) registers: u64,
    pub(crate) queues: Vec<Queue>,
    /// Every call fails.
    pub(crate) fails: Option<Error>,
    /// A refusal to whatever it is asked.
    pub(crate) refuses: Option<ServiceError>,
    /// What it hands over is changed.
    pub(crate) change: fn(Piece, &mut Cap),
    /// Its answer about a device that it has set up is changed.
    pub(crate) edit: fn(&mut Message),
    /// A device does not come to rest.
    pub(crate) stuck: bool,
    /// Where disks are, what they tell, and which devices busd takes them for.
    pub(crate) serials: Vec<(u64, [u8; 20], u16)>,
    /// It refuses, or fails, when it is given the device there.
    pub(crate) odd: Option<(u64, Result<ServiceError, Error>)>,
    /// Devices and their windows.
    pub(crate) has: Vec<(u16, Handle)>,
    /// Devices that are set up.
    pub(crate) set_up: Vec<u16>,
    /// Devices that were reset because they were taken back, each time.
    pub(crate) released: Vec<u16>,
}

impl Default for Busd {
    fn default() -> Busd {
        Busd {
            answers_as: BUSD_ID,
            registers: masked(1).registers.unwrap(),
            queues: queues(),
            fails: None,
            refuses: None,
            change: |_, _| {},
            edit: |_| {},
            stuck: false,
            serials: Vec::new(),
            odd: None,
            has: Vec::new(),
            set_up: Vec::new(),
            released: Vec::new(),
        }
    }
}

/// A queue of four heads, each with a piece to be read and one to be written.
pub(crate) fn queues() -> Vec<Queue> {
    vec![Queue { shapes: vec![Shape { heads: 4, reads: vec![16], writes: vec![4096] }] }]
}

/// A device that reaches memory by itself, with two registers and the line.
pub(crate) fn sealed(nonce: u64) -> Question {
    Question { pool: 8, ..masked(nonce) }
}

/// Where it comes from and goes.
pub(crate) fn bus_route() -> Route {
    Route { source: Source::Bus(Bus::new(BUSD_ID, &queues(), true).unwrap()), ..route() }
}

impl Fake {
    /// With the device of [`question`] at busd.
    pub(crate) fn with_bus() -> Fake {
        let mut fake = Fake::default();
        let question = question(1);
        let rights = WINDOW_RIGHTS | Rights::DERIVE | Rights::PLACE;
        let limit = Some(bus::REGISTERS);
        let (kind, handle) = (KindCode::DeviceMmio, Handle(50));
        let (base, len, parent) = (question.base, question.len, None);
        let holder = Some(BUSD);
        fake.caps.push(Cap { holder, kind, rights, base, len, limit, parent, handle });
        fake.busd.has.push((question.device, handle));
        fake
    }

    pub(super) fn busd_takes(&mut self, ask: &Take, window: Handle) -> Result<Received, Error> {
        self.busd_answers(None, |fake| {
            let given = fake.cap(window).unwrap();
            assert_eq!(given.limit, Some(bus::REGISTERS), "no address register");
            assert!(given.rights.contains(Rights::GRANT | Rights::PLACE));
            let (rights, range) = (given.rights, (given.base, given.len));
            let own = fake.child(window, Some(BUSD), rights, range)?;
            match fake.busd.odd.filter(|(base, _)| *base == range.0) {
                Some((_, Ok(error))) => return Ok(ask.answer(Err(error))),
                Some((_, Err(error))) => return Err(error),
                None => {}
            }
            let told = fake.busd.serials.iter().find(|(base, ..)| *base == range.0);
            let (_, serial, device) = told.copied().unwrap_or((0, [0; 20], ask.device));
            fake.busd.has.push((device, own));
            Ok(ask.answer(Ok(Taken { serial, zero: Zero::ZERO })))
        })
    }

    pub(super) fn busd_prepares(
        &mut self,
        ask: &Prepare,
        wrong: Option<Wrong>,
    ) -> Result<Received, Error> {
        self.busd_answers(wrong, |fake| {
            let Some((device, window)) = fake.busd_has(ask.device) else {
                return Ok(ask.answer(Err(ServiceError::NoSuchDevice)));
            };
            if fake.busd.set_up.contains(&device) {
                return Ok(ask.answer(Err(ServiceError::Busy)));
            }
            fake.busd.set_up.push(device);
            let Bus { digest, memory, .. } = Bus::new(BUSD_ID, &fake.busd.queues, true).unwrap();
            let prepared = Prepared { nonce: ask.nonce, features: 0xf, digest };
            let part = fake.cap(window).unwrap();
            let range = (part.base, part.len);
            let window = fake.hand(Piece::Window, window, WINDOW_RIGHTS, range)?;
            let mut answer = match memory {
                None => encode_with_caps(0, &prepared, [window]),
                Some(memory) => {
                    let [pool, used] = [memory.pool, memory.used].map(|len| fake.memory(len));
                    let rights = POOL_RIGHTS;
                    let pool = fake.hand(Piece::Pool, pool, rights, (0, memory.pool))?;
                    let rights = rights.difference(Rights::WRITE);
                    let used = fake.hand(Piece::Used, used, rights, (0, memory.used))?;
                    encode_with_caps(0, &prepared, [window, pool, used])
                }
            };
            (fake.busd.edit)(&mut answer);
            Ok(answer)
        })
    }

    /// Refused while somebody else has a part of the device, as the kernel does.
    pub(super) fn busd_releases(
        &mut self,
        ask: &Release,
        wrong: Option<Wrong>,
    ) -> Result<Received, Error> {
        self.busd_answers(wrong, |fake| {
            let Some((device, _)) = fake.busd_has(ask.device) else {
                return Ok(ask.answer(Err(ServiceError::NoSuchDevice)));
            };
            let busds: Vec<Handle> = fake
                .caps
                .iter()
                .filter(|cap| cap.holder == Some(BUSD))
                .map(|cap| cap.handle)
                .collect();
            let below = |cap: &Cap| cap.parent.is_some_and(|parent| busds.contains(&parent));
            let mut others = fake.caps.iter().filter(|cap| cap.holder != Some(BUSD));
            if others.any(below) {
                return Ok(ask.answer(Err(ServiceError::Busy)));
            }
            if fake.busd.stuck {
                return Ok(ask.answer(Err(ServiceError::DeviceFailed)));
            }
            fake.busd.set_up.retain(|one| *one != device);
            fake.busd.released.push(device);
            Ok(ask.answer(Ok(())))
        })
    }

    fn busd_answers(
        &mut self,
        wrong: Option<Wrong>,
        answer: impl FnOnce(&mut Fake) -> Result<Message, Error>,
    ) -> Result<Received, Error> {
        if self.is_dead(ids::BUSD) {
            return Err(Error::PeerGone);
        }
        if let Some(unasked) = wrong.and_then(|wrong| self.unasked(wrong)) {
            let sender = self.busd.answers_as;
            return Ok(Received { message: unasked?, sender, reply: Handle::NONE });
        }
        if let Some(error) = self.busd.fails {
            return Err(error);
        }
        let message = match self.busd.refuses {
            Some(error) => nexus_proto::encode_error(error),
            None => answer(self)?,
        };
        Ok(Received { message, sender: self.busd.answers_as, reply: Handle::NONE })
    }

    fn busd_has(&self, device: u16) -> Option<(u16, Handle)> {
        self.busd.has.iter().copied().find(|(number, _)| *number == device)
    }

    /// Memory that a device reaches.
    fn memory(&mut self, len: u64) -> Handle {
        let rights = POOL_RIGHTS | Rights::DERIVE | Rights::PLACE;
        self.object_of(Some(BUSD), KindCode::Vmo, rights, len)
    }

    /// A child of what busd has, in the hands of init.
    fn hand(
        &mut self,
        piece: Piece,
        from: Handle,
        rights: Rights,
        range: (u64, u64),
    ) -> Result<Handle, Error> {
        let child = self.child(from, None, rights, range)?;
        let (registers, change) = (self.busd.registers, self.busd.change);
        let made = self.caps.iter_mut().find(|cap| cap.handle == child).unwrap();
        made.limit = Some(registers).filter(|_| piece == Piece::Window);
        change(piece, made);
        Ok(child)
    }
}
