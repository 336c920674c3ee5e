//! Finding each device of the description, and giving it to its owner.

use alloc::vec::Vec;

use nexus_abi::{Handle, Rights};
use nexus_proto::bus;
use nexus_proto::init::{DmaState, OwnerState, Refusal};
use nexus_proto::log::NO_DEVICE;
use nexus_proto::policy::{NO_LINE, NO_RULE};
use nexus_proto::{Asker, Zero, ids};
use nexus_sysdesc::layout::Sizes;
use nexus_sysdesc::{Need, Serial};

use crate::board::{Finder, Line, Node, Probe, Range, Tree, view};
use crate::grant::{
    Bus, Grant, Granted, KEPT, Laid, LineRoute, Outcome, Question, Refused, Route, Source,
    not_derived, refusal_entry,
};
use crate::init::{Init, Lines, Machine, Root};
use crate::serials::{Asked, serial_of};
use crate::words;

impl<M: Machine + Probe> Init<M> {
    /// Looks for every device of the description, whether or not anybody asks for it.
    pub fn locate(&mut self, tree: &Tree) {
        let devices = self.registry.description().devices.clone();
        let mut finder = Finder::new(tree, &devices);
        let mut places = Vec::with_capacity(devices.len());
        for device in &devices {
            let found = finder.find(device, &mut self.machine);
            places.push(found.ok().map(|found| found.node));
            if let Some(record) = self.registry.device_mut(device.id) {
                record.window = found.ok().map(|found| found.window);
                record.line = found.map_or(Line::None, |found| found.line);
                record.missing = found.err();
            }
        }
        let device_at = |node: usize| {
            let device = places.iter().position(|place| *place == Some(node));
            device.and_then(|device| u16::try_from(device).ok()).unwrap_or(NO_DEVICE)
        };
        let windows = finder.full_slots(&mut self.machine).into_iter();
        self.reaching = windows.map(|(node, window)| (device_at(node), window)).collect();
        let name = |node: usize| tree.nodes().get(node).map_or("", Node::name).into();
        let unnamed = finder.unnamed(&mut self.machine).into_iter();
        self.unnamed = unnamed.map(|(node, range, why)| (name(node), range, why)).collect();
        self.asked = Asked::of(finder.slots());
        let roots: Vec<Range> = self.roots.iter().map(|root| root.range).collect();
        self.board = view(tree, finder.slots(), &places, &roots);
    }
}

/// Pages of all memory that a device is to reach for a need.
pub(crate) fn pages_of(need: &Need) -> u16 {
    Sizes::of(&need.queues).map_or(0, Sizes::pages)
}

impl<M: Machine> Init<M> {
    /// Gives a service what it needs of one device, if policyd allows it and it is recorded.
    /// Returns the window and the line as the service names them.
    ///
    /// # Errors
    /// Why not: it is on record.
    pub fn give(&mut self, service: u32, process: Handle, need: &Need) -> Result<Granted, Refused> {
        let outcome = match self.begin(service, process, need) {
            Ok(grant) => grant.run(&mut self.machine),
            Err(refused) => Outcome::Refused(refused),
        };
        self.finish(service, need, outcome)
    }

    /// The grant of a need, not begun; its steps are made over [`Init::machine`], and its outcome
    /// goes to [`Init::finish`].
    ///
    /// # Errors
    /// A refusal that needs no question, recorded.
    pub fn begin(&mut self, service: u32, process: Handle, need: &Need) -> Result<Grant, Refused> {
        let question = self.ask_for(service, need);
        let again = (self.second_questions > 0).then(|| self.nonces.take());
        let route = self.route(&question, process, need);
        let route = route.map(|route| Route { again, ..route });
        match route {
            Ok(route) => Ok(Grant::new(question, route)),
            Err(refusal) => Err(self.refuse(&question, refusal)),
        }
    }

    /// Keeps how a grant came out. Returns what was given.
    ///
    /// # Errors
    /// What was refused.
    pub fn finish(
        &mut self,
        service: u32,
        need: &Need,
        outcome: Outcome,
    ) -> Result<Granted, Refused> {
        let (name, device) = (self.registry.name(service), self.registry.device_name(need.device));
        match outcome {
            Outcome::Granted(granted) => {
                nexus_rt::debug!("{device} goes to {name} by rule {}", granted.rule);
                if granted.second {
                    nexus_rt::warn!("{device} went to {name} at the second question");
                    self.second_questions = self.second_questions.saturating_sub(1);
                }
                let subject = self.registry.subject(service);
                self.registry.granted(need, subject, &granted);
                Ok(granted)
            }
            Outcome::Refused(refused) => {
                let why = words::sentence(&refused);
                nexus_rt::warn!("{device} does not go to {name}: {why}");
                if refused.was_late() {
                    // It was late twice: nobody waits for it any more.
                    self.second_questions = 0;
                }
                if let Some(state) = refused.released {
                    self.registry.released(need.device, state);
                }
                self.registry.refused(need.device, &refused);
                Err(refused)
            }
        }
    }

    /// Refuses a service all devices that it has not been given or refused yet.
    pub fn refuse_needs(&mut self, service: u32, refusal: Refusal) {
        let described = self.registry.description().service(service);
        let needs = described.map(|service| service.needs.clone()).unwrap_or_default();
        for need in needs {
            let record = self.registry.device(need.device);
            if record.is_some_and(|record| record.state == OwnerState::Unclaimed) {
                let question = self.ask_for(service, &need);
                let refused = self.refuse(&question, refusal);
                self.registry.refused(need.device, &refused);
            }
        }
    }

    fn ask_for(&mut self, service: u32, need: &Need) -> Question {
        let record = self.registry.device(need.device);
        let window = record.and_then(|device| device.window);
        let line = record.filter(|_| self.has_line(need)).map_or(Line::None, |device| device.line);
        Question {
            asker: Asker::new(self.registry.description().init),
            service,
            incarnation: self.registry.subject(service).incarnation,
            device: need.device,
            rights: need.rights,
            base: window.map_or(0, |window| window.base),
            len: window.map_or(0, |window| window.len),
            registers: need.registers,
            line: line.number(),
            pool: self.laid(need).map_or(0, |laid| laid.pages),
            nonce: self.nonces.take(),
        }
    }

    /// What the queues of a need come to, computed once: each device has one owner, and its queues stay. `None`
    /// for queues that no device can have.
    fn laid(&mut self, need: &Need) -> Option<Laid> {
        let record = self.registry.device_mut(need.device)?;
        if record.laid.is_none() {
            record.laid = Laid::of(&need.queues);
        }
        record.laid
    }

    /// True when the line is asked for, and not only where the machine has lines to give.
    fn has_line(&self, need: &Need) -> bool {
        need.irq && !(need.polls && self.lines.is_empty())
    }

    fn route(&self, question: &Question, process: Handle, need: &Need) -> Result<Route, Refusal> {
        let record = self.registry.device(need.device).ok_or(Refusal::Absent)?;
        if let Some(refusal) = record.missing {
            return Err(refusal);
        }
        if self.has_line(need) {
            let line = u64::from(record.line.own()?);
            self.lines_with(line).ok_or(Refusal::OutOfReach)?;
        }
        Ok(Route {
            source: self.source(question, need)?,
            line: self.line_route(question),
            process,
            policyd: self.registry.sender(ids::POLICYD),
            epoch: self.registry.description().epoch,
            on_record: record.memory,
            again: None,
        })
    }

    /// Where the window of a device comes from: from busd, if the device reaches memory by itself.
    fn source(&self, question: &Question, need: &Need) -> Result<Source, Refusal> {
        let description = self.registry.description();
        if !description.device(need.device).is_some_and(|device| device.dma) {
            let window = Range::new(question.base, question.len).ok_or(Refusal::Absent)?;
            let Root { handle: root, range } = self.root_of(window)?;
            return Ok(Source::Root { root, base: range.base });
        }
        // busd is not asked about a device that it would have to take from somebody, or that is no good.
        match self.registry.device(need.device).map(|record| (record.state, record.dma)) {
            Some((OwnerState::Held, _)) => return Err(Refusal::KernelRefused),
            Some((_, DmaState::Quarantined)) => return Err(Refusal::BusRefused),
            _ => {}
        }
        let rule = description.rule_for(question.service, question.device);
        let as_ruled = rule.is_some_and(|rule| rule.queues == need.queues);
        let laid = self.registry.device(need.device).and_then(|record| record.laid);
        let laid = laid.ok_or(Refusal::BusRefused)?;
        Ok(Source::Bus(Bus::of(self.registry.sender(ids::BUSD), laid, as_ruled)))
    }

    pub(crate) fn root_of(&self, window: Range) -> Result<Root, Refusal> {
        let mut roots = self.roots.iter();
        roots.find(|root| root.range.contains(window)).copied().ok_or(Refusal::OutOfReach)
    }

    /// Where lines come from, and how often this one may interrupt.
    fn line_route(&self, question: &Question) -> Option<LineRoute> {
        let description = self.registry.description();
        let rule = description.rule_for(question.service, question.device);
        let interval = rule.map_or(0, |rule| rule.interval);
        let lines = self.lines_with(u64::from(question.line))?;
        let Lines { handle: root, first, .. } = *lines;
        Some(LineRoute { root, first, interval, ticks: lines.ticks(interval) })
    }

    /// What this line is derived from.
    fn lines_with(&self, line: u64) -> Option<&Lines> {
        self.lines.iter().find(|lines| lines.have(line))
    }

    /// Records a refusal that did not come to a question.
    fn refuse(&mut self, question: &Question, refusal: Refusal) -> Refused {
        let entry = refusal_entry(question, NO_RULE, self.registry.description().epoch, refusal);
        // A refusal stands whether or not it is recorded.
        let _ = self.machine.record(&entry);
        Refused { refusal, ruling: None, released: None }
    }

    /// Records that nobody gets the devices that the description does not mean.
    pub fn refuse_unnamed(&mut self) {
        for (node, range, why) in self.unnamed.clone() {
            nexus_rt::warn!("{node} goes to nobody: {}", why.text());
            let question = Question {
                service: self.registry.description().init,
                incarnation: self.registry.subject(self.registry.description().init).incarnation,
                device: NO_DEVICE,
                rights: Rights::empty().bits(),
                base: range.map_or(0, |range| range.base),
                len: range.map_or(0, |range| range.len),
                registers: None,
                line: NO_LINE,
                pool: 0,
                nonce: 0,
                asker: Asker::new(self.registry.description().init),
            };
            let _ = self.refuse(&question, why);
        }
    }

    /// Before the first owner starts: passes every device that reaches memory by itself to busd, which
    /// resets it, and lets go of all root windows. What is left is a window for each other device that
    /// somebody asks for.
    pub fn hand_over(&mut self) {
        for (device, window) in core::mem::take(&mut self.reaching) {
            let taken = self.pass_on(device, window);
            self.asked.told(device, window, taken);
            let Err(refusal) = taken else { continue };
            nexus_rt::warn!(
                "busd does not have {}: {}",
                self.registry.device_name(device),
                refusal.text()
            );
            if let Some(record) = self.registry.device_mut(device) {
                record.missing = Some(refusal);
            }
        }
        let parts = self.parts_to_give();
        let roots = core::mem::replace(&mut self.roots, parts);
        self.drop_windows(roots);
    }

    /// Gives busd the window of a device, by which it can have addresses placed, and can write no
    /// register that holds one. If busd does not take it, nobody has it. Returns the serial number that the
    /// device told, if it was asked.
    fn pass_on(&mut self, device: u16, window: Range) -> Result<Option<Serial>, Refusal> {
        let root = self.root_of(window)?;
        let offset = window.base.wrapping_sub(root.range.base);
        let rights = KEPT | Rights::PLACE;
        let part = self.machine.cap_derive(root.handle, rights, offset, window.len);
        let part = part.map_err(not_derived)?;
        let limited = self.machine.cap_limit(part, bus::REGISTERS);
        let taken = limited.map_err(|_| Refusal::KernelRefused).and_then(|()| {
            let answer = self.machine.take(&bus::Take { device, zero: Zero::ZERO }, part);
            serial_of(self.registry.sender(ids::BUSD), answer)
        });
        if taken.is_err() {
            // It fails only when it is gone, and all derived from it with it.
            let _ = self.machine.cap_revoke(part);
        }
        // As above. What busd has of it stays.
        let _ = self.machine.cap_drop(part);
        taken
    }
}
