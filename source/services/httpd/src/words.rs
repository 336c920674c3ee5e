//! What messages say in numbers, in words: the same as at the prompt (nsh).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_abi::{KindCode, LineState, Rights};
use nexus_proto::init::{
    DmaState, EndKind, Last, LifeInfo, Ordered, OwnerState, Refusal, ServiceState, killed,
};
use nexus_proto::log::{Access, Entry, Event, Outcome};
use nexus_proto::policy::{NO_LINE, Reason};
use nexus_proto::socket::Link;
use nexus_proto::state::Standing;

/// Code with which a process ends that panics.
const PANIC: u64 = nexus_rt::entry::exit::PANIC;

/// Bytes: `4 KiB`, `1.5 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = (bytes.max(1).ilog2() / 10) as usize;
    let one = 1_u64 << (10 * unit);
    let name = UNITS.get(unit).copied().unwrap_or_default();
    match (bytes / one, bytes % one * 10 / one) {
        (whole @ 0..10, tenths @ 1..) => format!("{whole}.{tenths} {name}"),
        (whole, _) => format!("{whole} {name}"),
    }
}

/// Milliseconds as a duration, in its two largest units: `3 min 12 s`.
#[must_use]
pub fn duration(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut left = ms / 1000;
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        let count = left / unit;
        left %= unit;
        if count > 0 || (unit == 1 && parts.is_empty()) {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.truncate(2);
    parts.join(" ")
}

/// Milliseconds after the start: `0.214`.
#[must_use]
pub fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A number with its thousands apart: `12 345`, by a space that no line breaks at.
#[must_use]
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Bytes in hexadecimal, with `between` after each but the last.
#[must_use]
pub fn hex(bytes: &[u8], between: &str) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(between)
}

const RIGHTS: [(Rights, &str); 11] = [
    (Rights::MAP, "map"),
    (Rights::READ, "read"),
    (Rights::WRITE, "write"),
    (Rights::EXEC, "exec"),
    (Rights::SEND, "send"),
    (Rights::RECV, "recv"),
    (Rights::DERIVE, "derive"),
    (Rights::GRANT, "grant"),
    (Rights::REVOKE, "revoke"),
    (Rights::MANAGE, "manage"),
    (Rights::PLACE, "place"),
];

/// What whoever made a thing may do with it.
const OWN: Rights = Rights::DERIVE.union(Rights::GRANT).union(Rights::REVOKE).union(Rights::MANAGE);

/// Rights: `map read write`.
#[must_use]
pub fn rights(bits: u16) -> String {
    let rights = Rights::from_bits_truncate(bits);
    let own = rights.contains(OWN);
    let named = if own { rights - OWN } else { rights };
    let names = RIGHTS.iter().filter(|(right, _)| named.contains(*right)).map(|(_, name)| *name);
    let names: Vec<&str> = names.chain(own.then_some("own")).collect();
    if names.is_empty() { "none".to_string() } else { names.join(" ") }
}

/// A kind of capability.
#[must_use]
pub fn kind(code: u16) -> String {
    let name = match KindCode::from_code(code.into()) {
        Some(KindCode::Endpoint) => "endpoint",
        Some(KindCode::Reply) => "reply",
        Some(KindCode::Notification) => "notification",
        Some(KindCode::Vmo) => "memory",
        Some(KindCode::DeviceMmio) => "window",
        Some(KindCode::Process) => "process",
        Some(KindCode::Thread) => "thread",
        Some(KindCode::Spawn) => "spawn",
        Some(KindCode::Console) => "console",
        Some(KindCode::Irq) => "line",
        None => return format!("kind {code}"),
    };
    name.to_string()
}

/// How a device stands.
#[must_use]
pub const fn owner(state: OwnerState) -> &'static str {
    match state {
        OwnerState::Held => "held",
        OwnerState::Unclaimed => "unclaimed",
        OwnerState::NotFound => "not found",
        OwnerState::Denied => "denied",
        OwnerState::OwnerEnded => "owner ended",
        OwnerState::NotGranted => "not granted",
    }
}

/// Where an interrupt line is.
#[must_use]
pub fn line(code: u8) -> &'static str {
    match LineState::from_code(code.into()) {
        Some(LineState::Free) => "not bound",
        Some(LineState::Armed) => "armed",
        Some(LineState::Delivered) => "delivered",
        Some(LineState::Held) => "held back",
        None => "?",
    }
}

/// How the memory of a device stands.
#[must_use]
pub const fn pool(state: DmaState) -> &'static str {
    match state {
        DmaState::None => "none",
        DmaState::InUse => "in use",
        DmaState::Quiet => "quiet",
        DmaState::Quarantined => "quarantined",
    }
}

/// Where a service is in its life.
#[must_use]
pub const fn service(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Waiting => "not started",
        ServiceState::Started => "running",
        ServiceState::Ready => "ready",
        ServiceState::Failed => "cannot work",
        ServiceState::Ended => "ended",
        ServiceState::NotLoaded => "not loaded",
        ServiceState::Restarting => "restarting",
        ServiceState::GivenUp => "given up",
        ServiceState::Stopped => "stopped",
    }
}

/// How the network stands.
#[must_use]
pub const fn link(link: Link) -> &'static str {
    match link {
        Link::NoCard => "no card",
        Link::Down => "down",
        Link::Asking => "asking for an address",
        Link::Up => "up",
    }
}

/// How the store stands.
#[must_use]
pub const fn store(standing: Standing) -> &'static str {
    match standing {
        Standing::Opening => "opening",
        Standing::Ready => "ready",
        Standing::ReadOnly => "not written",
        Standing::Failed => "not open",
    }
}

/// How a life ended, without where.
#[must_use]
pub fn end(kind: EndKind, code: u64) -> String {
    match (kind, code) {
        (EndKind::None, _) => "by nobody".to_string(),
        (EndKind::Exit, PANIC) => "panic".to_string(),
        (EndKind::Exit, code) => format!("exit {code}"),
        (EndKind::Killed, killed::UNKNOWN) => "nobody knows how".to_string(),
        (EndKind::Killed, killed::ORDERED) => "by order".to_string(),
        (EndKind::Killed, killed::LATE) => "did not answer".to_string(),
        (EndKind::Killed, killed::STOPPED) => "order to stop".to_string(),
        (EndKind::Killed, killed::RESTARTED) => "order to restart".to_string(),
        (EndKind::Killed, code) => format!("killed, code {code}"),
        (EndKind::Fault, code) => cause(code),
    }
}

/// Exceptions (RISC-V Privileged 1.12, table 4.2).
fn cause(code: u64) -> String {
    let name = match code {
        0 => "misaligned jump",
        1 => "instruction access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "misaligned load",
        5 => "load access fault",
        6 => "misaligned store",
        7 => "store access fault",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store page fault",
        other => return format!("fault {other}"),
    };
    name.to_string()
}

/// When the next life begins, or why none does; nothing for one that lives. `ms` tells a tick in milliseconds.
#[must_use]
pub fn next(life: &LifeInfo, now: u64, ms: impl Fn(u64) -> u64) -> Option<String> {
    Some(match (life.state, life.last) {
        (ServiceState::Restarting, _) if life.again == 0 => "once policyd and logd run".to_string(),
        (ServiceState::Restarting, _) => match life.again.saturating_sub(now) {
            0 => "now".to_string(),
            ticks => format!("in {}", duration(ms(ticks))),
        },
        (_, Last::None) => return None,
        (_, last) => format!("none: {}", last.text()),
    })
}

/// What a record says has happened.
#[must_use]
pub const fn what(entry: &Entry) -> &'static str {
    match (entry.event, entry.outcome) {
        (Event::Boot, _) => "begins",
        (Event::Decision, Outcome::Allow) => "allowed",
        (Event::Decision, _) => "denied",
        (Event::Grant, _) => "granted",
        (Event::Refusal, _) => "refused",
        (Event::Revoke, _) => "revoked",
        (Event::Exit, _) => "ended",
        (Event::Start, _) => "started",
        (Event::Order, _) => "ordered",
        (Event::Drop, _) => "let go",
        (Event::Clock, _) => "clock set",
        (Event::Prepared, _) => "set up",
        (Event::Share, _) => "shared",
        (Event::Unshare, _) => "unshared",
        (Event::Fold, _) => "folded",
        (Event::Resume, _) => "resumed",
        (Event::Anchor, _) => "anchored",
        (Event::Access, _) => "no access",
    }
}

/// True for a record of something that somebody was not given.
#[must_use]
pub const fn is_denial(entry: &Entry) -> bool {
    match (entry.event, entry.outcome) {
        (Event::Decision, outcome) => !matches!(outcome, Outcome::Allow),
        (event, _) => matches!(event, Event::Refusal | Event::Access),
    }
}

/// What would have to change for another decision; nothing of what is no denial of policyd's.
#[must_use]
pub fn remedy(entry: &Entry) -> Option<&'static str> {
    let denied = entry.event == Event::Decision && is_denial(entry);
    Reason::from_code(entry.reason).filter(|_| denied).map(Reason::remedy)
}

/// Why, as a record says it; `rule` names a line of the policy.
#[must_use]
pub fn why(entry: &Entry, rule: impl Fn(u16) -> String) -> String {
    let code = entry.reason;
    match entry.event {
        Event::Boot => format!("run {:016x}", entry.detail),
        Event::Decision if entry.outcome == Outcome::Allow => rule(entry.rule),
        Event::Decision => Reason::from_code(code).map_or("?", Reason::text).to_string(),
        Event::Refusal => refusal(code),
        Event::Revoke if code != 0 => refusal(code),
        Event::Grant | Event::Revoke => given(entry),
        Event::Exit => end(EndKind::from_code(code).unwrap_or(EndKind::None), entry.detail),
        Event::Start => String::new(),
        Event::Order => match Ordered::from_code(code) {
            Some(Ordered::Start) => "another life".to_string(),
            Some(Ordered::Stop) => "no other life".to_string(),
            None => "?".to_string(),
        },
        Event::Drop => let_go(entry),
        Event::Prepared => format!("{} of {} bytes in reach", entry.interval, entry.len),
        Event::Share | Event::Unshare => size(entry.len),
        Event::Fold => format!("{} lives, {} records", entry.epoch, entry.len),
        Event::Anchor if entry.epoch == 1 => "boot 1, the first".to_string(),
        Event::Anchor => format!("boot {}, {} records before", entry.epoch, entry.interval),
        Event::Access => format!("{}, {}", access(code), rule(entry.rule)),
        Event::Resume if entry.base == 0 => format!("{} records kept", entry.detail),
        Event::Resume => format!("{} of {} kept, cut at {}", entry.detail, entry.len, entry.base),
        Event::Clock => "by the hardware clock".to_string(),
    }
}

fn refusal(code: u8) -> String {
    Refusal::from_code(code).map_or("?", Refusal::text).to_string()
}

fn access(code: u8) -> &'static str {
    Access::from_code(code).map_or("?", Access::word)
}

/// The rights on a window, with its registers where those are counted, and the line with it.
fn given(entry: &Entry) -> String {
    let mask = entry.registers.mask();
    let write = mask.map_or(0, |_| Rights::WRITE.bits());
    let registers = mask.map(|mask| match mask.count_ones() {
        1 => "1 register".to_string(),
        count => format!("{count} registers"),
    });
    let line = (entry.line != NO_LINE).then(|| format!("line {}", entry.line));
    let parts = [Some(rights(entry.rights & !write)), registers, line];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What init has let go of: `detail` is the kind of the capability.
fn let_go(entry: &Entry) -> String {
    let kind = kind(u16::try_from(entry.detail).unwrap_or(0));
    match entry.len {
        0 => kind,
        len if entry.line != NO_LINE => format!("{len} lines from {}", entry.line),
        len => format!("{kind}, {}", size(len)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Page and prompt say the same.
    #[test]
    fn the_prompt_has_the_same_words() {
        for bits in 0..1 << 11 {
            assert_eq!(rights(bits), nsh::units::rights(bits));
        }
        for power in 0..64 {
            for bytes in [1_u64 << power, (1 << power) - 1, (1 << power) + (1 << power) / 3] {
                assert_eq!(size(bytes), nsh::units::size(bytes));
                assert_eq!(seconds(bytes / 1_000_000), nsh::units::seconds(bytes));
            }
        }
        let others = [EndKind::None, EndKind::Exit, EndKind::Killed];
        for code in (0..20).chain([PANIC]) {
            for kind in others {
                assert_eq!(end(kind, code), nsh::show::end(kind, code, 0, 0));
            }
            let fault = nsh::show::end(EndKind::Fault, code, 0, 0);
            assert!(fault.starts_with(&(end(EndKind::Fault, code) + " at ")), "{fault}");
        }
    }

    #[test]
    fn durations_and_numbers() {
        for (ms, text) in [
            (999, "0 s"),
            (59_999, "59 s"),
            (192_000, "3 min 12 s"),
            (3_600_000, "1 h"),
            (90_061_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
        assert_eq!((number(0), number(999)), ("0".into(), "999".into()));
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
