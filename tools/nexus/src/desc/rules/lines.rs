//! Interrupt lines and registers: policy allows exactly what is asked for, and the device has it.

use super::queues;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Allow, Device, Need, System, registers_toml};
use crate::desc::report::Reporter;
use crate::desc::source::Span;

/// Reports interrupts that `subject` asks for, of a device that has none.
pub(super) fn check_need(system: &System, subject: &str, need: &Need, reporter: &Reporter) {
    if let (None, Some(polls)) = (&need.irq, &need.polls) {
        let message = format!("{subject} says that it works without interrupts, and asks for none");
        let fix =
            "remove `polls`, or add `irq = true` if it receives them where the machine has them";
        reporter.add(Diagnostic::at(Kind::NoLine, polls, message, fix));
    }
    let Some(device) = system.board.device(&need.device) else { return };
    let Some(irq) = need.irq.as_ref().filter(|_| !device.irq) else { return };
    let name = &device.name.value;
    let message = format!("{subject} asks for the interrupts of {name}, which has none");
    let fix = format!("remove `irq`, or write `irq = true` for {name} if it has an interrupt line");
    let diagnostic = Diagnostic::at(Kind::NoLine, irq, message, fix);
    reporter.add(diagnostic.see(&device.name.span, "the device"));
}

/// Reports what `need` asks for and `line` does not allow, or the reverse. Both are about the same
/// service and device.
pub(super) fn check_pair(system: &System, need: &Need, line: &Allow, reporter: &Reporter) {
    let Some(device) = system.board.device(&need.device) else { return };
    let pair = Pair { device, need, line, reporter };
    pair.check_irq();
    pair.check_interval();
    queues::check_pair(device, need, line, reporter);
    // Where the rights differ, that is said, and likewise what nobody can be given.
    let possible = need.has_window_rights() && !queues::is_refused(device, need);
    if possible && need.rights.value == line.rights.value {
        pair.check_registers();
    }
}

/// A request and the policy line about it.
struct Pair<'a> {
    device: &'a Device,
    need: &'a Need,
    line: &'a Allow,
    reporter: &'a Reporter,
}

impl Pair<'_> {
    /// Of a device without a line, the request is refused by itself.
    fn check_irq(&self) {
        let name = &self.device.name;
        let what = format!("the interrupts of {}", name.value);
        match (&self.need.irq, &self.line.irq) {
            (Some(asked), None) if self.device.irq => {
                let fix = "if it may have them, add `irq = true` to the line; else remove `irq`";
                self.asks_more(&what, asked, &self.line.id.span, fix);
            }
            (None, Some(allowed)) if self.device.irq => {
                self.allows_more(&what, allowed, &self.need.span, "remove `irq` from the line");
            }
            (None, Some(allowed)) => {
                let message = format!("`{}` allows {what}, which has none", self.line.id.value);
                let fix = "remove `irq` from the line";
                let diagnostic = Diagnostic::at(Kind::NoLine, allowed, message, fix);
                self.reporter.add(diagnostic.see(&name.span, "the device"));
            }
            (Some(_), _) | (None, None) => {}
        }
    }

    /// A time between interrupts needs interrupts. Where they are asked for, it is said what to add.
    fn check_interval(&self) {
        let Some(interval) = &self.line.interval else { return };
        if self.line.irq.is_none() && self.need.irq.is_none() {
            let message =
                format!("`{}` says a time between interrupts, and allows none", self.line.id.value);
            let fix = "remove `interval` from the line";
            self.reporter.add(Diagnostic::at(Kind::NoLine, &interval.span, message, fix));
        }
    }

    /// Both name the same registers, or neither names any.
    fn check_registers(&self) {
        let (need, line) = (self.need, self.line);
        let asked = need.registers.as_ref().map(|registers| registers.value);
        let allowed = line.registers.as_ref().map(|registers| registers.value);
        let asked_at = need.registers.as_ref().map_or(&need.rights.span, |mask| &mask.span);
        let allowed_at = line.registers.as_ref().map_or(&line.rights.span, |mask| &mask.span);
        if let Some((what, mask)) = self.beyond(asked, allowed) {
            let fix = format!("write `registers = {}`, or change the line", registers_toml(mask));
            self.asks_more(&what, asked_at, allowed_at, &fix);
        }
        if let Some((what, mask)) = self.beyond(allowed, asked) {
            let fix = format!("write `registers = {}` in the line", registers_toml(mask));
            self.allows_more(&what, allowed_at, asked_at, &fix);
        }
    }

    /// What `one` has and `other` does not, and `other`. Without a mask there is no limit.
    fn beyond(&self, one: Option<u64>, other: Option<u64>) -> Option<(String, u64)> {
        let (device, other) = (&self.device.name.value, other?);
        let what = match one {
            None => format!("{device} without `registers`"),
            Some(one) if one & !other == 0 => return None,
            Some(one) => format!("writes to {} of {device}", registers_toml(one & !other)),
        };
        Some((what, other))
    }

    fn asks_more(&self, what: &str, asked: &Span, allowed: &Span, fix: &str) {
        let (subject, id) = (&self.line.subject.value, &self.line.id.value);
        let message = format!("{subject} asks for {what}, which `{id}` does not allow");
        let diagnostic = Diagnostic::at(Kind::NotAllowed, asked, message, fix);
        self.reporter.add(diagnostic.see(allowed, "what it allows"));
    }

    fn allows_more(&self, what: &str, allowed: &Span, asked: &Span, fix: &str) {
        let (subject, id) = (&self.line.subject.value, &self.line.id.value);
        let message = format!("`{id}` allows {what}, which {subject} does not ask for");
        let diagnostic = Diagnostic::at(Kind::AllowsMore, allowed, message, fix);
        self.reporter.add(diagnostic.see(asked, "what it asks for"));
    }
}
