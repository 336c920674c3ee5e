//! Interrupt lines: who receives each, what the controller has enabled, and their alarms.

use super::rule::{Rule, Violation, ensure, present};
use super::walk;
use crate::kernel::Kernel;
use crate::kernel::alarm::above;
use crate::kernel::lines::MAX_SIGNALLING;
use crate::object::capability::{Capability, CapabilityKind};
use crate::object::line::{Line, Receiver};
use crate::platform::Platform;
use crate::store::addr::index;
use crate::store::pool::Id;
use nexus_abi::{LineState, NO_DEADLINE, ProcessState, Rights};

impl<P: Platform> Kernel<'_, P> {
    pub(super) fn check_lines(&self) -> Result<(), Violation> {
        let mut bound = 0u32;
        for (id, line) in self.lines.iter() {
            bound = bound.wrapping_add(u32::from(line.receiver.is_some()));
            let open = self.platform.is_open(id.slot());
            ensure(open == line.receiver.is_some(), Rule::LineOpen, id.slot())?;
            let held = line.receiver.is_some_and(|receiver| receiver.state == LineState::Held);
            ensure(held == (line.alarm.at != NO_DEADLINE), Rule::LineAlarm, id.slot())?;
            if let Some(receiver) = &line.receiver {
                self.check_receiver(id, receiver)?;
            }
        }
        self.check_line_lists(bound)?;
        self.check_line_alarms()
    }

    /// Both capabilities are of one process, which can use them.
    fn check_receiver(&self, id: Id<Line>, receiver: &Receiver) -> Result<(), Violation> {
        let at = id.slot();
        let by = present(self.caps.get(receiver.by), Rule::LineReceiver, at)?;
        let with = present(self.caps.get(receiver.with), Rule::LineReceiver, at)?;
        ensure(self.line_of(receiver.by, by) == Some(id), Rule::LineReceiver, at)?;
        if let Some(register) = receiver.register {
            let page = present(self.registers.get(register.page), Rule::LineReceiver, at)?;
            let may = page.mask >> (register.offset / 4) & 1 == 1;
            ensure(page.line == Some(at) && may, Rule::LineReceiver, at)?;
        }
        let alone = !by.rights.contains(Rights::DERIVE) && by.children.is_empty();
        ensure(by.rights.contains(Rights::RECV) && alone, Rule::LineReceiver, at)?;
        let signals = CapabilityKind::Notification(receiver.notification);
        let may = |cap: &Capability| cap.kind == signals && cap.rights.contains(Rights::SEND);
        ensure(may(with) && by.owner == with.owner, Rule::LineReceiver, at)?;
        let owner = self.processes.get(by.owner).map(|owner| owner.state);
        let alive = matches!(owner, Ok(ProcessState::Live | ProcessState::Ending));
        let free = receiver.state == LineState::Free;
        ensure(alive && !free && receiver.bits != 0, Rule::LineReceiver, at)
    }

    /// Each line that is bound is in the list of its process and in that of its notification.
    fn check_line_lists(&self, bound: u32) -> Result<(), Violation> {
        let mut listed = [0u32; 2];
        let [received, signalling] = &mut listed;
        for (process, record) in self.processes.iter() {
            // Before anything else of a process that has ended, its lines do.
            let early = record.state == ProcessState::Live || record.swept == 1;
            ensure(early || record.lines.is_empty(), Rule::LineReceiver, process.slot())?;
            *received += walk(&record.lines, &self.lines, |id, line| {
                let by = line.receiver.and_then(|receiver| self.caps.get(receiver.by).ok());
                let own = by.is_some_and(|cap| cap.owner == process);
                ensure(own, Rule::LineReceiver, id.slot())
            })?;
        }
        for (notification, record) in self.notifications.iter() {
            let count = walk(&record.lines, &self.lines, |id, line| {
                let own = line.receiver.is_some_and(|one| one.notification == notification);
                ensure(own, Rule::LineReceiver, id.slot())
            })?;
            ensure(index(count) <= MAX_SIGNALLING, Rule::LineReceiver, notification.slot())?;
            *signalling += count;
        }
        ensure(listed == [bound; 2], Rule::ListMember, bound)
    }

    fn check_line_alarms(&self) -> Result<(), Violation> {
        let alarms = self.held.set();
        for (place, alarm) in alarms.iter().enumerate() {
            let id = present(alarm.of.ok_or(()), Rule::LineAlarm, alarm.at)?;
            let line = present(self.lines.get(id), Rule::LineAlarm, id.slot())?;
            let there = line.alarm.at == alarm.at && line.alarm.place == place;
            let upper = above(place).and_then(|above| alarms.get(above));
            let order = upper.map_or(self.hart.programmed, |upper| upper.at) <= alarm.at;
            ensure(there && order, Rule::LineAlarm, id.slot())?;
        }
        let set = self.lines.iter().filter(|(_, line)| line.alarm.at != NO_DEADLINE).count();
        ensure(set == alarms.len(), Rule::LineAlarm, NO_DEADLINE)
    }
}
