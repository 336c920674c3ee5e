//! Takes a window back and gives it again, and counts.

use bench::measure::instructions;
use nexus_abi::{Handle, Sender};
use nexus_init::grant::{Given, Grant, Outcome, Piece, Question, Route, Source, World as _};
use nexus_init::init::Init;
use nexus_init::live::Live;
use nexus_proto::policy::NO_LINE;
use nexus_proto::{Asker, ids};

/// The first nonce: above all that init has used to boot.
const FIRST_NONCE: u64 = 1 << 32;

/// How often a window was given.
#[derive(Default)]
pub(crate) struct Regrant {
    given: u64,
    /// What is kept of the window that is given now; NONE before the first one.
    kept: Handle,
}

impl Regrant {
    /// Ends the sender's window. Returns how many instructions the call of the kernel took.
    pub(crate) fn take_back(&mut self, init: &mut Init<Live>, sender: Sender) -> Option<[u64; 2]> {
        let (_, root) = window_of(init, sender)?;
        let kept = if self.kept == Handle::NONE { root } else { self.kept };
        let start = instructions();
        let revoked = init.machine.cap_revoke(kept);
        let end = instructions();
        revoked.ok()?;
        if kept != root {
            init.machine.cap_drop(kept).ok()?;
            self.kept = Handle::NONE;
        }
        Some([end.wrapping_sub(start).wrapping_sub(1), 0])
    }

    /// Gives the sender its window again. Returns how many instructions that took, and the handle.
    pub(crate) fn give(&mut self, init: &mut Init<Live>, sender: Sender) -> Option<[u64; 2]> {
        let (device, root) = window_of(init, sender)?;
        let window = init.registry.device(device)?.window?;
        let description = init.registry.description();
        let need = description.service(sender.service_id)?.need(device)?;
        let question = Question {
            asker: Asker::new(description.init),
            service: sender.service_id,
            incarnation: sender.incarnation,
            device,
            rights: need.rights,
            base: window.base,
            len: window.len,
            registers: need.registers,
            line: NO_LINE,
            pool: 0,
            nonce: FIRST_NONCE + self.given,
        };
        // What init kept of the window at boot stands for the root window that it dropped.
        let route = Route {
            source: Source::Root { root, base: window.base },
            line: None,
            process: init.registry.service(sender.service_id)?.process?,
            policyd: init.registry.sender(ids::POLICYD),
            epoch: description.epoch,
            on_record: None,
            again: None,
        };
        self.given += 1;
        let start = instructions();
        let outcome = Grant::new(question, route).run(&mut init.machine);
        let end = instructions();
        let Outcome::Granted(granted) = outcome else { return None };
        let Given { kept, held } = granted.pieces.get(Piece::Window)?;
        self.kept = kept;
        Some([end.wrapping_sub(start).wrapping_sub(1), held.0])
    }
}

/// The one device that the sender owns without its interrupts, and what init kept of it at boot.
fn window_of(init: &Init<Live>, sender: Sender) -> Option<(u16, Handle)> {
    let service = init.registry.description().service(sender.service_id)?;
    let device = service.needs.iter().find(|need| !need.irq)?.device;
    let kept = init.registry.device(device)?.pieces.kept(Piece::Window)?;
    Some((device, kept))
}
