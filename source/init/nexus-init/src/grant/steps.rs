//! The steps that hand a window and a line over, and those that take them back.

use nexus_abi::{Error, Handle, Rights};
use nexus_proto::init::Refusal;
use nexus_proto::policy::NO_LINE;

use super::World;
use super::answer::Allowed;
use super::machine::{Given, Grant, Kept, LineRoute, Stage};

/// Rights of the capability that init keeps of a window it has given: to hand it on and to take it
/// back, never to map it.
const KEPT: Rights = Rights::MAP
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::DERIVE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE);

/// The same for a line: to limit it, to hand it on, to tell how it stands, and to take it back. With
/// DERIVE it cannot be bound: who hands a line out does not receive it (RFC-0003 I2).
const KEPT_LINE: Rights = Rights::RECV
    .union(Rights::DERIVE)
    .union(Rights::GRANT)
    .union(Rights::REVOKE)
    .union(Rights::MANAGE);

/// What an owner may get: it uses its window, and cannot pass it on.
const OWNER: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);

/// The same for a line: it receives its interrupts.
const OWNER_LINE: Rights = Rights::RECV;

/// What an owner gets of what was asked for.
fn owner_rights(asked: u16) -> Rights {
    Rights::from_bits_truncate(asked) & OWNER
}

impl Grant {
    pub(super) fn derive(&self, world: &mut impl World, allowed: Allowed) -> Stage {
        let Some(offset) = self.question.base.checked_sub(self.route.root_base) else {
            return Stage::RecordRefusal(Refusal::OutOfReach);
        };
        let kept = match world.cap_derive(self.route.root, KEPT, offset, self.question.len) {
            Ok(kept) => kept,
            Err(error) => return Stage::RecordRefusal(not_derived(error)),
        };
        match self.question.registers {
            Some(mask) => Stage::Limit(allowed, kept, mask),
            None => Stage::Install(allowed, kept),
        }
    }

    /// Before the window is in the table of its owner: what it can do by then cannot be taken back.
    pub(super) fn limit(
        world: &mut impl World,
        allowed: Allowed,
        kept: Handle,
        mask: u64,
    ) -> Stage {
        match world.cap_limit(kept, mask) {
            Ok(()) => Stage::Install(allowed, kept),
            Err(_) => Stage::TakeBack(Kept::window(kept), Refusal::KernelRefused),
        }
    }

    pub(super) fn install(&self, world: &mut impl World, allowed: Allowed, kept: Handle) -> Stage {
        let rights = owner_rights(self.question.rights);
        let held = match world.cap_install(self.route.process, kept, rights) {
            Ok(held) => held,
            Err(error) => return Stage::TakeBack(Kept::window(kept), not_installed(error)),
        };
        let window = Given { kept, held };
        match (self.question.line, self.route.line) {
            (NO_LINE, _) => Stage::Confirm(allowed, window, None),
            (_, Some(line)) => Stage::DeriveLine(allowed, window, line),
            (_, None) => Stage::TakeBack(Kept::window(kept), Refusal::OutOfReach),
        }
    }

    pub(super) fn derive_line(
        &self,
        world: &mut impl World,
        allowed: Allowed,
        window: Given,
        line: LineRoute,
    ) -> Stage {
        let take_back = |refusal| Stage::TakeBack(Kept::window(window.kept), refusal);
        let Some(offset) = u64::from(self.question.line).checked_sub(line.first) else {
            return take_back(Refusal::OutOfReach);
        };
        match world.cap_derive(line.root, KEPT_LINE, offset, 1) {
            Ok(kept) if line.ticks > 0 => Stage::LimitLine(allowed, window, kept, line.ticks),
            Ok(kept) => Stage::InstallLine(allowed, window, kept),
            Err(error) => take_back(not_derived(error)),
        }
    }

    /// Before the line is in the table of its owner, like the registers of its window.
    pub(super) fn limit_line(
        world: &mut impl World,
        allowed: Allowed,
        window: Given,
        kept: Handle,
        ticks: u64,
    ) -> Stage {
        match world.cap_limit(kept, ticks) {
            Ok(()) => Stage::InstallLine(allowed, window, kept),
            Err(_) => Stage::TakeBack(Kept::both(window.kept, kept), Refusal::KernelRefused),
        }
    }

    pub(super) fn install_line(
        &self,
        world: &mut impl World,
        allowed: Allowed,
        window: Given,
        kept: Handle,
    ) -> Stage {
        match world.cap_install(self.route.process, kept, OWNER_LINE) {
            Ok(held) => Stage::Confirm(allowed, window, Some(Given { kept, held })),
            Err(error) => Stage::TakeBack(Kept::both(window.kept, kept), not_installed(error)),
        }
    }

    /// Before letting go: the children of a capability that is dropped live on.
    pub(super) fn take_back(world: &mut impl World, kept: Kept, refusal: Refusal) -> Stage {
        // It fails only when it is gone, and all derived from it with it.
        let _ = world.cap_revoke(kept.last());
        Stage::LetGo(kept, refusal)
    }

    pub(super) fn let_go(world: &mut impl World, kept: Kept, refusal: Refusal) -> Stage {
        // As above.
        let _ = world.cap_drop(kept.last());
        match kept.before_last() {
            Some(kept) => Stage::TakeBack(kept, refusal),
            None => Stage::RecordRefusal(refusal),
        }
    }
}

fn not_derived(error: Error) -> Refusal {
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
