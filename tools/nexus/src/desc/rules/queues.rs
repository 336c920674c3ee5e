//! What a device can be made to reach: the queues that its owner asks for are such a device's, policy
//! allows exactly them, and the machine has memory for all of them.

use crate::desc::classes::class_of;
use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Allow, Device, Need, ProfileFile, System, queues_toml, registers_toml};
use crate::desc::report::Reporter;
use crate::desc::source::{At, Span};
use nexus_abi::Rights;
use nexus_sysdesc::ask::Ask;
use nexus_sysdesc::bounds::{STRANGERS, is_window_rights};
use nexus_sysdesc::layout::{Layout, Sizes};
use nexus_sysdesc::sealed::{self, Class, OWNERS_REGISTERS};
use nexus_sysdesc::{Queue, Shape};

/// The part of the machine's memory that devices can have: one in so many.
const SHARE: u64 = 4;
/// Frames of 4 KiB in a mebibyte.
const FRAMES_PER_MIB: u64 = 256;

/// Reports what `subject` cannot be given of a device that reaches memory by itself, and queues of one
/// that does not.
pub(super) fn check_need(system: &System, subject: &str, need: &Need, reporter: &Reporter) {
    let Some(device) = system.board.device(&need.device) else { return };
    // Of a device that cannot be sealed, that is said.
    let class = class_of(device).filter(|_| device.has_dma());
    match (class, &need.queues) {
        (None, Some(queues)) if !device.may_have_dma() => {
            let name = &device.name;
            let message =
                format!("{subject} asks for queues of {}, which reaches no memory", name.value);
            let diagnostic =
                Diagnostic::at(Kind::NeedlessQueues, &queues.span, message, "remove `queues`");
            reporter.add(diagnostic.see(&name.span, "the device"));
        }
        (None, _) => {}
        (Some(class), queues) => {
            check_registers(subject, need, reporter);
            if let Some(queues) = queues {
                check_queues(device, class, queues, reporter);
                check_asked(system, device, queues, reporter);
            }
        }
    }
}

/// True for registers that the owner of such a device cannot be given.
pub(super) fn is_refused(device: &Device, need: &Need) -> bool {
    let mask = need.registers.as_ref().map(|registers| registers.value);
    device.has_dma() && !mask.is_some_and(sealed::is_owners)
}

/// No register with addresses, features, or the status of the device.
fn check_registers(subject: &str, need: &Need, reporter: &Reporter) {
    let device = &need.device.value;
    let asked = need.registers.as_ref().map(|registers| registers.value);
    let (span, message) = match (asked, &need.registers) {
        (Some(mask), Some(registers)) if !sealed::is_owners(mask) => (
            &registers.span,
            format!(
                "{subject} asks to write {} of {device}, which is not for its owner",
                registers_toml(mask & !OWNERS_REGISTERS)
            ),
        ),
        // Of rights that no window can have, that is said.
        (None, _) if is_window_rights(need.rights.bits()) => (
            &need.rights.span,
            format!(
                "{subject} asks for {device} without `registers`: for those with addresses, too"
            ),
        ),
        _ => return,
    };
    let writes = need.rights.contains(Rights::WRITE);
    let mask = asked.map_or(OWNERS_REGISTERS, |asked| asked & OWNERS_REGISTERS);
    let mask = if writes { mask } else { 0 };
    let fix = format!(
        "write `registers = {}`; an owner can have QueueNotify {:#04x} and InterruptACK {:#04x}",
        registers_toml(mask),
        sealed::QUEUE_NOTIFY,
        sealed::INTERRUPT_ACK
    );
    reporter.add(Diagnostic::at(Kind::DmaRegisters, span, message, fix));
}

/// As many queues as such a device has, none larger.
fn check_queues(device: &Device, class: Class, queues: &At<Vec<Queue>>, reporter: &Reporter) {
    let (name, what) = (&device.name.value, class.name);
    let add = |message, fix| {
        let diagnostic = Diagnostic::at(Kind::WrongQueues, &queues.span, message, fix);
        reporter.add(diagnostic.see(device.class_span(), format!("{name}: {what}")));
    };
    if queues.len() != class.queues {
        let message =
            format!("{name} has {} {}, not {}", class.queues, plural(class.queues), queues.len());
        let fix = format!("describe {} {}, queue 0 first", class.queues, plural(class.queues));
        return add(message, fix);
    }
    for (number, queue) in queues.iter().enumerate() {
        let heads = queue.heads();
        if heads > u32::from(class.entries) {
            let message = format!(
                "{heads} heads in queue {number}, and a queue of {name} has {} entries",
                class.entries
            );
            add(message, format!("leave at most {} heads in it", class.entries));
        }
    }
}

/// A disk that is known by its serial number can be asked for it; and like any other such disk, since
/// nobody knows yet which one it is.
fn check_asked(system: &System, device: &Device, queues: &At<Vec<Queue>>, reporter: &Reporter) {
    let (name, Some((_, known))) = (&device.name.value, device.serial()) else { return };
    let add = |message, fix, at: &Span, what: String| {
        let diagnostic = Diagnostic::at(Kind::WrongQueues, &queues.span, message, fix);
        reporter.add(diagnostic.see(at, what));
    };
    if Layout::of(&queues.value).is_some_and(|layout| Ask::of(&layout).is_none()) {
        let message =
            format!("{name} is known by its serial number, and no head can ask it for that");
        let fix = "add `{ count = 1, reads = [16], writes = [20, 1] }` to the `heads`, here and in the \
                   policy line";
        return add(message, fix, known, String::from("its serial number"));
    }
    let needs = system.services.iter().flat_map(|service| &service.needs);
    let others = needs.filter_map(|need| Some((system.board.device(&need.device)?, need)));
    let mut others = others.filter(|(other, _)| other.serial().is_some());
    let first = others.find_map(|(other, need)| Some((&other.name.value, need.queues.as_ref()?)));
    if let Some((other, first)) = first.filter(|(_, first)| first.value != queues.value) {
        let message = format!(
            "{name} has other queues than {other}, and both are known by their serial numbers: which \
             is which is not known before they are asked"
        );
        add(message, "write the same `queues` for both", &first.span, format!("those of {other}"));
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "queue" } else { "queues" }
}

/// Reports queues that `need` asks for and `line` does not allow, or the reverse.
pub(super) fn check_pair(device: &Device, need: &Need, line: &Allow, reporter: &Reporter) {
    let asked: &[Queue] = need.queues.as_ref().map_or(&[], |queues| &queues.value);
    let allowed: &[Queue] = line.queues.as_ref().map_or(&[], |queues| &queues.value);
    let (subject, id, name) = (&line.subject.value, &line.id.value, &device.name.value);
    if !device.has_dma() {
        // What is asked for without need is refused by itself.
        if let (Some(queues), None) = (&line.queues, &need.queues) {
            let message = format!("`{id}` allows queues of {name}, which reaches no memory");
            let fix = "remove `queues` from the line";
            let diagnostic = Diagnostic::at(Kind::NeedlessQueues, &queues.span, message, fix);
            reporter.add(diagnostic.see(&device.name.span, "the device"));
        }
        return;
    }
    let asked_at = need.queues.as_ref().map_or(&need.span, |queues| &queues.span);
    let allowed_at = line.queues.as_ref().map_or(&line.id.span, |queues| &queues.span);
    let (more, less) = (beyond(asked, allowed), beyond(allowed, asked));
    if let Some(more) = &more {
        let message = format!("{subject} asks for {more} of {name}, which `{id}` does not allow");
        let fix = format!("if it may have them, write in the line:\n{}", queues_toml(asked));
        let diagnostic = Diagnostic::at(Kind::NotAllowed, asked_at, message, fix);
        reporter.add(diagnostic.see(allowed_at, "what it allows"));
    }
    if let Some(less) = &less {
        let message = format!("`{id}` allows {less} of {name}, which {subject} does not ask for");
        let fix = match asked {
            [] => String::from("remove `queues` from the line"),
            asked => format!("write in the line:\n{}", queues_toml(asked)),
        };
        let diagnostic = Diagnostic::at(Kind::AllowsMore, allowed_at, message, fix);
        reporter.add(diagnostic.see(asked_at, "what it asks for"));
    }
    if more.is_none() && less.is_none() && asked != allowed {
        let message =
            format!("{subject} asks for the queues of {name} in another order than `{id}` allows");
        let fix =
            format!("heads are numbered in that order; write in the line:\n{}", queues_toml(asked));
        let diagnostic = Diagnostic::at(Kind::NotAllowed, asked_at, message, fix);
        reporter.add(diagnostic.see(allowed_at, "what it allows"));
    }
}

/// The first heads that `one` has in a queue, and `other` has not there.
fn beyond(one: &[Queue], other: &[Queue]) -> Option<String> {
    let empty = Queue::default();
    one.iter().enumerate().find_map(|(number, queue)| {
        let other = other.get(number).unwrap_or(&empty);
        let more = queue.shapes.iter().find_map(|shape| {
            let heads = heads_like(queue, shape).saturating_sub(heads_like(other, shape));
            let heads = u16::try_from(heads).unwrap_or(u16::MAX);
            (heads > 0).then(|| Shape { heads, ..shape.clone() })
        })?;
        Some(format!("heads {more} in queue {number}"))
    })
}

/// Heads of the queue that have the pieces of this one.
fn heads_like(queue: &Queue, shape: &Shape) -> u32 {
    let alike =
        queue.shapes.iter().filter(|one| one.reads == shape.reads && one.writes == shape.writes);
    alike.map(|one| u32::from(one.heads)).sum()
}

/// Frames that the machine sets aside for the devices of a profile: where disks are known by their serial
/// numbers, for those that nobody has, and for strangers, too.
pub(super) fn frames(system: &System, profile: &ProfileFile) -> u64 {
    let devices = system.board.devices.iter();
    let described = devices.filter(|device| !profile.leaves_out_device(&device.name));
    let described = described.filter(|device| device.serial().is_some()).count() as u64;
    let asked: Vec<u64> = pools(system, profile)
        .filter(|(device, ..)| device.serial().is_some())
        .map(|(.., frames)| frames)
        .collect();
    let more = asked.first().map_or(0, |one| one * (described + STRANGERS - asked.len() as u64));
    pools(system, profile).map(|(.., frames)| frames).sum::<u64>() + more
}

/// Each device of a profile that has queues, those, and the frames that they need.
fn pools<'a>(
    system: &'a System,
    profile: &'a ProfileFile,
) -> impl Iterator<Item = (&'a Device, &'a At<Vec<Queue>>, u64)> {
    let services = system.services.iter();
    let staying = services.filter(|service| !profile.leaves_out(&service.name));
    let needs = staying.flat_map(|service| &service.needs);
    let needs = needs.filter(|need| !profile.leaves_out_device(&need.device));
    needs.filter_map(|need| {
        let device = system.board.device(&need.device).filter(|device| device.has_dma())?;
        let queues = need.queues.as_ref()?;
        Some((device, queues, Sizes::of(queues)?.frames()))
    })
}

/// Reports memory of devices that is more than their share of the machine's; true when it is not.
pub(super) fn check_share(system: &System, profile: &ProfileFile, reporter: &Reporter) -> bool {
    let memory = system.board.qemu.as_ref().map(|qemu| &qemu.memory_mib);
    let Some(memory) = memory else { return true };
    let most = u64::from(memory.value) * FRAMES_PER_MIB / SHARE;
    let all = frames(system, profile);
    let largest = pools(system, profile).max_by_key(|(.., frames)| *frames);
    let Some((_, queues, frames)) = largest.filter(|_| all > most) else { return true };
    let message = format!(
        "in profile {} the memory of devices comes to {all} frames of 4 KiB, {frames} of them for \
         these queues; {} MiB of memory leave {most} for it",
        profile.name.value, memory.value
    );
    let needed = (all * SHARE).div_ceil(FRAMES_PER_MIB);
    let fix = format!("ask for fewer or smaller heads, or give the board `memory = \"{needed}M\"`");
    let diagnostic = Diagnostic::at(Kind::PoolsTooLarge, &queues.span, message, fix);
    reporter.add(diagnostic.see(&memory.span, "the machine's memory"));
    false
}
