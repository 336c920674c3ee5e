//! Every change of a page table is fenced before user mode can run.
//!
//! The model is the strictest that RISC-V allows: a hart may hold any entry it ever saw, invalid
//! ones too; `sfence.vma` with an address reaches leaf entries only (Privileged 1.12, 4.2.1), so a
//! change in an upper table needs the fence of the whole space.

use super::ledger::{Event, Ledger};
use super::rule::{Rule, Violation, ensure};
use super::scratch::{Role, Scratch};
use crate::kernel::Kernel;
use crate::platform::{Asid, Platform};
use crate::store::addr::{Frame, index};

impl<P: Platform> Kernel<'_, Ledger<'_, P>> {
    /// Looks at the order of writes and fences since the last time, and begins again. To be called
    /// right after [`Kernel::check`], with the same scratch.
    ///
    /// # Errors
    /// The first rule found broken, and where.
    pub fn check_fences(&mut self, scratch: &mut Scratch<'_>) -> Result<(), Violation> {
        let lost = self.platform.lost();
        let found = check_events(self.platform.events(), scratch);
        self.platform.clear();
        ensure(!lost, Rule::FenceLost, u64::MAX)?;
        found
    }
}

/// From the last event back, so that what is fenced later is known.
fn check_events(events: &[Event], scratch: &mut Scratch<'_>) -> Result<(), Violation> {
    for sum in scratch.processes.iter_mut() {
        sum.fenced = false;
    }
    let mut devices = false;
    for (number, event) in events.iter().enumerate().rev() {
        match *event {
            Event::FencePage(..) => {}
            Event::FenceKernel => devices = true,
            Event::Device(index) => ensure(devices, Rule::FenceMissing, index)?,
            Event::FenceSpace(asid) => {
                if let Some(sum) = scratch.sum(slot(asid)) {
                    sum.fenced = true;
                }
            }
            Event::Zero(frame) => check_zero(events.get(..number), scratch, frame)?,
            Event::Write { frame, index, .. } => {
                let later = events.get(number..).unwrap_or(&[]);
                check_write(later, scratch, frame, index)?;
            }
        }
    }
    check_gone(scratch)
}

/// A table that is one no more has left its space with a fence.
fn check_gone(scratch: &mut Scratch<'_>) -> Result<(), Violation> {
    let Scratch { frames, processes } = scratch;
    for (first, marks) in frames.iter() {
        for (step, mark) in (0..).zip(marks) {
            if let Role::Table { asid, .. } = mark.before
                && mark.role != mark.before
            {
                let fenced = processes.get(index(slot(asid))).is_some_and(|sum| sum.fenced);
                ensure(fenced, Rule::FenceLate, first.plus(step).number())?;
            }
        }
    }
    Ok(())
}

fn check_write(
    later: &[Event],
    scratch: &mut Scratch<'_>,
    frame: Frame,
    index: u16,
) -> Result<(), Violation> {
    let Some(mark) = scratch.mark(frame) else { return Ok(()) };
    let (now, before) = (mark.role, mark.before);
    // A frame that is a table no more was one until this step.
    let role = if matches!(now, Role::Table { .. }) { now } else { before };
    let Role::Table { asid, level, .. } = role else { return Ok(()) };
    // The kernel half of a root is written before the root is ever used.
    if level == 2 && index >= 256 && now != before {
        return Ok(());
    }
    let space = scratch.sum(slot(asid)).is_some_and(|sum| sum.fenced);
    let page =
        role.page(index).is_some_and(|(asid, page)| later.contains(&Event::FencePage(asid, page)));
    ensure(space || page, Rule::FenceMissing, frame.number())
}

/// A frame that was a table is cleared for its next use only after its space was fenced.
fn check_zero(
    earlier: Option<&[Event]>,
    scratch: &mut Scratch<'_>,
    frame: Frame,
) -> Result<(), Violation> {
    let Some(Role::Table { asid, .. }) = scratch.mark(frame).map(|mark| mark.before) else {
        return Ok(());
    };
    let fenced = earlier.unwrap_or(&[]).contains(&Event::FenceSpace(asid));
    ensure(fenced, Rule::FenceLate, frame.number())
}

/// Address space n belongs to slot n of the process table.
fn slot(asid: Asid) -> u32 {
    u32::from(asid.0)
}
