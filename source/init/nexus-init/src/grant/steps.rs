//! The steps that hand the pieces of a device over, and those that take them back.

use nexus_abi::{Error, Handle, Rights};
use nexus_proto::Zero;
use nexus_proto::bus::{Prepare, Release};
use nexus_proto::init::{DmaState, Refusal};
use nexus_proto::policy::NO_LINE;

use super::bus::release;
use super::machine::{Grant, Source, Stage};
use super::{Bus, Given, Memory, Piece, World, is_done};

/// Rights of the capability that init keeps of a window it has given: to hand it on and to take it
/// back, never to map it.
pub(crate) const KEPT: Rights = Rights::MAP
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::DERIVE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE);

/// The same for a line: to limit it, to hand it on, to tell how it stands, and to take it back. With
/// DERIVE it cannot be bound: who hands a line out does not receive it (RFC-0003 I2).
pub(crate) const KEPT_LINE: Rights = Rights::RECV
    .union(Rights::DERIVE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE);

/// What an owner may get: it uses its window, and cannot pass it on.
const OWNER: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);

/// What an owner gets of a piece, of which it asked for these rights on the window.
pub(super) fn owner_rights(piece: Piece, asked: u16) -> Rights {
    match piece {
        Piece::Line => Rights::RECV,
        Piece::Window => Rights::from_bits_truncate(asked) & OWNER,
        Piece::Pool => OWNER,
        Piece::Used => OWNER.difference(Rights::WRITE),
    }
}

/// What a piece is derived from.
struct Part {
    parent: Handle,
    rights: Rights,
    offset: u64,
    len: u64,
}

impl Grant {
    /// Who sets the device up, if it reaches memory by itself.
    pub(super) fn bus(&self) -> Option<Bus> {
        match self.route.source {
            Source::Bus(bus) => Some(bus),
            Source::Root { .. } => None,
        }
    }

    /// The memory that the device is to reach.
    pub(super) fn memory(&self) -> Option<Memory> {
        self.bus().and_then(|bus| bus.memory)
    }

    /// The first step once policyd has allowed it.
    pub(super) fn first_step(&self) -> Stage {
        match self.route.source {
            Source::Bus(_) => Stage::Prepare,
            Source::Root { .. } => Stage::Derive(Piece::Window),
        }
    }

    /// The next piece that the owner is to have.
    fn after(&self, piece: Piece) -> Option<Piece> {
        let wanted = |one: &Piece| match one {
            Piece::Window => true,
            Piece::Pool | Piece::Used => self.memory().is_some(),
            Piece::Line => self.question.line != NO_LINE,
        };
        let later = Piece::GIVEN.into_iter().skip_while(|one| *one != piece).skip(1);
        later.into_iter().find(wanted)
    }

    /// busd is told to take the device back from here on, whatever it answers: nobody knows how far it
    /// came. What the answer carries is taken first, then looked at.
    pub(super) fn prepare(&mut self, world: &mut impl World) -> Stage {
        let Some(bus) = self.bus() else { return self.give_up(Refusal::BusGone) };
        let (service, device) = (self.question.service, self.question.device);
        let ask = Prepare { service, device, zero: Zero::ZERO, nonce: self.question.nonce };
        self.prepared = true;
        let answer = world.prepare(&ask);
        let carried = answer.iter().flat_map(|received| received.message.caps());
        for (piece, kept) in Piece::GIVEN.into_iter().zip(carried) {
            self.pieces.set(piece, Some(Given { kept, held: Handle::NONE }));
        }
        match bus.prepared(&ask, answer) {
            Ok(prepared) => {
                self.features = prepared.features;
                Stage::Look(Piece::Window)
            }
            Err(refusal) => self.give_up(refusal),
        }
    }

    /// Compares a piece from busd with what is allowed, before anything is handed over.
    pub(super) fn look(&self, world: &mut impl World, piece: Piece) -> Stage {
        let (Some(bus), Some(given)) = (self.bus(), self.pieces.get(piece)) else {
            return self.give_up(Refusal::BusGarbled);
        };
        let seen = world.cap_query(given.kept);
        if !seen.is_ok_and(|cap| bus.is_piece(&self.question, piece, &cap)) {
            return self.give_up(Refusal::BusGarbled);
        }
        match self.after(piece) {
            Some(next) if next != Piece::Line => Stage::Look(next),
            _ => Stage::Install(Piece::Window),
        }
    }

    pub(super) fn derive(&mut self, world: &mut impl World, piece: Piece) -> Stage {
        let Some(part) = self.part(piece) else { return self.give_up(Refusal::OutOfReach) };
        let kept = match world.cap_derive(part.parent, part.rights, part.offset, part.len) {
            Ok(kept) => kept,
            Err(error) => return self.give_up(not_derived(error)),
        };
        self.pieces.set(piece, Some(Given { kept, held: Handle::NONE }));
        match self.limit_of(piece) {
            Some(limit) => Stage::Limit(piece, limit),
            None => Stage::Install(piece),
        }
    }

    fn part(&self, piece: Piece) -> Option<Part> {
        match (piece, self.route.source) {
            (Piece::Window, Source::Root { root, base }) => {
                let offset = self.question.base.checked_sub(base)?;
                Some(Part { parent: root, rights: KEPT, offset, len: self.question.len })
            }
            (Piece::Line, _) => {
                let line = self.route.line?;
                let offset = u64::from(self.question.line).checked_sub(line.first)?;
                Some(Part { parent: line.root, rights: KEPT_LINE, offset, len: 1 })
            }
            _ => None,
        }
    }

    /// The registers of a window, or the interval of a line in ticks.
    fn limit_of(&self, piece: Piece) -> Option<u64> {
        match piece {
            Piece::Window => self.question.registers,
            Piece::Line => self.route.line.map(|line| line.ticks).filter(|ticks| *ticks > 0),
            Piece::Pool | Piece::Used => None,
        }
    }

    /// Before the piece is in the table of its owner: what it can do by then cannot be taken back.
    pub(super) fn limit(&self, world: &mut impl World, piece: Piece, limit: u64) -> Stage {
        let kept = self.pieces.kept(piece).unwrap_or(Handle::NONE);
        match world.cap_limit(kept, limit) {
            Ok(()) => Stage::Install(piece),
            Err(_) => self.give_up(Refusal::KernelRefused),
        }
    }

    pub(super) fn install(&mut self, world: &mut impl World, piece: Piece) -> Stage {
        let kept = self.pieces.kept(piece).unwrap_or(Handle::NONE);
        let rights = owner_rights(piece, self.question.rights);
        match world.cap_install(self.route.process, kept, rights) {
            Ok(held) => self.pieces.set(piece, Some(Given { kept, held })),
            Err(error) => return self.give_up(not_installed(error)),
        }
        match self.after(piece) {
            Some(next) if self.pieces.get(next).is_some() => Stage::Install(next),
            Some(next) => Stage::Derive(next),
            None => Stage::Confirm,
        }
    }

    /// Takes back one piece after the other, and then the device, before the refusal is recorded.
    pub(super) fn give_up(&self, refusal: Refusal) -> Stage {
        match self.pieces.first() {
            Some(_) => Stage::TakeBack(refusal),
            None if self.prepared => Stage::Release(refusal),
            None => Stage::RecordRefusal(refusal),
        }
    }

    /// Before letting go: the children of a capability that is dropped live on.
    pub(super) fn take_back(&self, world: &mut impl World, refusal: Refusal) -> Stage {
        if let Some((_, given)) = self.pieces.first() {
            // It fails only when it is gone, and all derived from it with it.
            let _ = world.cap_revoke(given.kept);
        }
        Stage::LetGo(refusal)
    }

    pub(super) fn let_go(&mut self, world: &mut impl World, refusal: Refusal) -> Stage {
        if let Some((piece, given)) = self.pieces.first() {
            // As above.
            let _ = world.cap_drop(given.kept);
            self.pieces.set(piece, None);
        }
        self.give_up(refusal)
    }

    /// After everything is let go of: busd clears memory that nobody else has.
    pub(super) fn release(&mut self, world: &mut impl World, refusal: Refusal) -> Stage {
        self.prepared = false;
        let busd = self.bus().map(|bus| bus.busd).unwrap_or_default();
        let answer = world.release(&release(self.question.device));
        self.released = Some(state_after(is_done::<Release>(busd, answer)));
        self.give_up(refusal)
    }
}

/// How the memory of a device stands once busd was told to take it back.
pub(crate) fn state_after(released: Result<(), Refusal>) -> DmaState {
    match released {
        Ok(()) => DmaState::Quiet,
        Err(_) => DmaState::Quarantined,
    }
}

pub(crate) fn not_derived(error: Error) -> Refusal {
    match error {
        Error::OutOfRange => Refusal::OutOfReach,
        _ => Refusal::KernelRefused,
    }
}

fn not_installed(error: Error) -> Refusal {
    match error {
        Error::BadState | Error::BadHandle => Refusal::SubjectEnded,
        _ => Refusal::KernelRefused,
    }
}
