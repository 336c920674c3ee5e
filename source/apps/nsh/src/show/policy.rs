//! `why` and `try`: what policy says, in words.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::init::TryAnswer;
use nexus_proto::policy::{Explanation, NO_RULE, Reason, Verdict};
use nexus_sysdesc::{Permission, StateRight};
use nexus_words::holding::rights;

use super::{Device, registers};
use crate::names::Names;
use crate::table::wrap;

/// What `why` was about and what was answered.
#[derive(Clone, Copy, Debug)]
pub struct Why<'a> {
    /// Service id.
    pub service: u32,
    /// Number of the device.
    pub device: u16,
    /// policyd's answer.
    pub answer: &'a Explanation,
    /// Why the rule was made, in the words of the policy.
    pub reason: Option<&'a str>,
    /// How the device stands, where that is known.
    pub stands: Option<Device<'a>>,
    /// The tick of now.
    pub now: u64,
}

/// Allowed or denied, by which rule, and what would have to change.
#[must_use]
pub fn why(why: &Why<'_>, names: &Names) -> String {
    let Why { service, device, answer, reason, stands, now } = *why;
    let (who, what) = (names.service(service), names.device(device));
    let rule = rule(answer.rule, answer.epoch, names);
    let mut text;
    if answer.verdict == Verdict::Allow {
        text = wrap("", &format!("allowed: {who} may hold {what}"));
        text += &wrap("  by rule    ", &rule);
        text += &reason.map(|reason| wrap("  reason     ", reason)).unwrap_or_default();
        text += &wrap("  rights     ", &rights(answer.rights));
        if let Some(mask) = answer.registers.mask() {
            text += &wrap("  registers  ", &registers(mask));
        }
        if answer.irq {
            text += &wrap("  line       ", &line(answer.interval));
        }
        if answer.dma {
            let reached = format!("by DMA {what} reaches a pool of its own, and no other memory");
            text += &wrap("  memory     ", &reached);
        }
    } else {
        text = wrap("", &format!("denied: {who} may not hold {what}"));
        text += &wrap("  by rule    ", &rule);
        text += &wrap("  because    ", answer.reason.text());
        text += &wrap("  to change  ", answer.reason.remedy());
    }
    match stands {
        None => text,
        Some(device) => text + &wrap("  now        ", &device.now(now, names)),
    }
}

/// What `why` said of a permission.
#[derive(Clone, Debug)]
pub struct May {
    /// Service id.
    pub service: u32,
    /// What it may ask for, or may not.
    pub permission: Permission,
    /// Version of the rules.
    pub epoch: u32,
    /// Identifier and reason of the line that permits it.
    pub line: Option<(String, String)>,
}

/// Permitted or not, by which line, and what would have to change.
#[must_use]
pub fn permit(may: &May, names: &Names) -> String {
    let (who, what, epoch) = (names.service(may.service), may.permission.name(), may.epoch);
    let Some((id, reason)) = &may.line else {
        let change = format!(
            "`asks = [\"{what}\"]` in the file of the service, a reviewed line in policy.toml, and a \
             new image"
        );
        return wrap("", &format!("denied: {who} may not ask for `{what}`"))
            + &wrap("  by rule    ", &rule(NO_RULE, epoch, names))
            + &wrap("  because    ", "no line permits it to this service")
            + &wrap("  to change  ", &change);
    };
    wrap("", &format!("allowed: {who} may ask for `{what}`"))
        + &wrap("  by rule    ", &format!("{id} (policy epoch {epoch})"))
        + &wrap("  reason     ", reason)
}

/// What `why` said of two services.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Service id of the one that would ask.
    pub service: u32,
    /// Of the driver.
    pub driver: u32,
    /// Version of the rules.
    pub epoch: u32,
    /// Identifier and reason of the line that allows it.
    pub line: Option<(String, String)>,
}

/// Whether two services may share memory, by which line, and what would have to change.
#[must_use]
pub fn ring(shared: &Shared, names: &Names) -> String {
    let Shared { service, driver, epoch, ref line } = *shared;
    let (who, whom) = (names.service(service), names.service(driver));
    let Some((id, reason)) = line else {
        let change = format!(
            "`rings = [{{ with = \"{whom}\", pages = N }}]` in the file of {who}, a reviewed [[ring]] in \
             policy.toml, and a new image"
        );
        return wrap("", &format!("denied: {who} may not share memory with {whom}"))
            + &wrap("  by rule    ", &rule(NO_RULE, epoch, names))
            + &wrap("  because    ", "no line lets the one ask the other by a ring")
            + &wrap("  to change  ", &change);
    };
    wrap("", &format!("allowed: {who} may share memory with {whom}, its driver"))
        + &wrap("  by rule    ", &format!("{id} (policy epoch {epoch})"))
        + &wrap("  reason     ", reason)
}

/// What a line of the policy opens of the state of another.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The parts that the keys begin with; empty for every key.
    pub prefix: String,
    /// Bits of [`StateRight`].
    pub rights: u8,
    /// Identifier and reason of the line.
    pub line: (String, String),
}

/// What a service may open of the state of `owner`, which keeps some: by which lines, or what would have to
/// change.
#[must_use]
pub fn state(service: u32, owner: u32, epoch: u32, opened: &[Opened], names: &Names) -> String {
    let (who, whom) = (names.service(service), names.service(owner));
    if opened.is_empty() {
        let change = format!(
            "`opens = [{{ tree = \"{whom}\", rights = [\"get\"] }}]` in the file of {who}, a reviewed \
             [[allow-state]] in policy.toml, and a new image"
        );
        return wrap("", &format!("denied: {who} may not open state of {whom}"))
            + &wrap("  by rule    ", &rule(NO_RULE, epoch, names))
            + &wrap("  because    ", "no line opens it to this service")
            + &wrap("  to change  ", &change);
    }
    let shown = |Opened { prefix, rights, line: (id, reason) }: &Opened| {
        let keys = match prefix.as_str() {
            "" => "all".to_string(),
            prefix => format!("`{prefix}` and what is under it"),
        };
        let rights: Vec<&str> = StateRight::of(*rights).map(StateRight::name).collect();
        wrap("", &format!("allowed: {who} may open state of {whom}"))
            + &wrap("  by rule    ", &format!("{id} (policy epoch {epoch})"))
            + &wrap("  reason     ", reason)
            + &wrap("  keys       ", &keys)
            + &wrap("  rights     ", &rights.join(" "))
    };
    opened.iter().map(shown).collect()
}

/// What `try` was about and what was answered.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// Service id.
    pub service: u32,
    /// Number of the device.
    pub device: u16,
    /// init's answer, from policyd.
    pub answer: &'a TryAnswer,
}

/// Who was asked, what the answer is, and what is on record. Nothing is ever given.
#[must_use]
pub fn tried(tried: &Tried<'_>, names: &Names) -> String {
    let Tried { service, device, answer } = *tried;
    let (who, what) = (names.service(service), names.device(device));
    let record = match answer.record {
        0 => "no record of it".to_string(),
        seq => format!("ledger record {seq}"),
    };
    if answer.verdict == Verdict::Deny || answer.reason != Reason::Allowed {
        let refused = format!("refused: policyd does not let {who} hold {what} ({record})");
        let mut text = wrap("", &refused);
        text += &wrap("  by rule    ", &rule(answer.rule, answer.epoch, names));
        return text + &wrap("  because    ", answer.reason.text());
    }
    let held = answer.owner.id != 0;
    let outcome = if held && answer.owner.id != service {
        format!("refused: policyd would let {who} hold {what}, but it has an owner ({record})")
    } else {
        format!("allowed: policyd lets {who} hold {what} ({record})")
    };
    let mut text = wrap("", &outcome);
    text += &wrap("  by rule    ", &rule(answer.rule, answer.epoch, names));
    let now = match (held, answer.owner.id == service) {
        (true, true) => format!("{who} holds it already; nothing more was given"),
        (true, false) => {
            format!("{} holds it, and a device has one owner", names.service(answer.owner.id))
        }
        (false, _) => "nothing was given: devices are given at start only".to_string(),
    };
    text + &wrap("  now        ", &now)
}

/// An interrupt line that a rule allows. `interval` is in microseconds.
fn line(interval: u32) -> String {
    match interval {
        0 => "its interrupts, as they come".to_string(),
        interval => format!("its interrupts, one in {interval} us at most"),
    }
}

pub(super) fn rule(number: u16, epoch: u32, names: &Names) -> String {
    match number {
        NO_RULE => format!("none: what no rule allows is denied (policy epoch {epoch})"),
        number => format!("{} (policy epoch {epoch})", names.rule(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{names, owner};
    use nexus_proto::init::{OwnerInfo, OwnerState};
    use nexus_proto::{Registers, Subject, Zero};

    fn about<'a>(service: u32, device: u16, answer: &'a Explanation) -> Why<'a> {
        Why { service, device, answer, reason: None, stands: None, now: 0 }
    }

    fn with(owner: &OwnerInfo) -> Option<Device<'_>> {
        Some(Device { owner, dma: None, life: None })
    }

    fn explanation(verdict: Verdict, reason: Reason, rule: u16) -> Explanation {
        let rights = if verdict == Verdict::Allow { 7 } else { 0 };
        let dma = verdict == Verdict::Allow;
        let (irq, interval, registers) = (false, 0, Registers::UNMASKED);
        Explanation {
            epoch: 1,
            rule,
            rights,
            verdict,
            reason,
            dma,
            irq,
            interval,
            registers,
            zero: Zero::ZERO,
        }
    }

    #[test]
    fn denied_says_what_would_have_to_change() {
        let answer = explanation(Verdict::Deny, Reason::NoRule, NO_RULE);
        let owner = owner(4, 8, OwnerState::Held);
        let asked = Why { stands: with(&owner), ..about(7, 4, &answer) };
        assert_eq!(
            why(&asked, &names()),
            "\
denied: rngd may not hold blk0
  by rule    none: what no rule allows is denied (policy epoch 1)
  because    no rule names this service and this device
  to change  a reviewed rule for both in policy.toml, and a new image
  now        virtioblkd holds blk0
"
        );
    }

    #[test]
    fn allowed_says_by_what_and_at_which_price() {
        let answer = explanation(Verdict::Allow, Reason::Allowed, 4);
        let owner = owner(3, 7, OwnerState::OwnerEnded);
        let reason = Some("rngd is the driver of rng0");
        let asked = Why { reason, stands: with(&owner), ..about(7, 3, &answer) };
        assert_eq!(
            why(&asked, &names()),
            "\
allowed: rngd may hold rng0
  by rule    allow-rngd-rng0 (policy epoch 1)
  reason     rngd is the driver of rng0
  rights     map read write
  memory     by DMA rng0 reaches a pool of its own, and no other memory
  now        rng0 is with nobody: rngd ended
"
        );
    }

    #[test]
    fn allowed_says_which_registers_and_the_line() {
        let plain = explanation(Verdict::Allow, Reason::Allowed, 4);
        let registers = Registers::new(Some(1 << 20 | 1 << 25));
        let answer = Explanation { irq: true, interval: 100, registers, ..plain };
        let asked = about(7, 3, &answer);
        let text = why(&asked, &names());
        assert!(
            text.contains(
                "  rights     map read write
  registers  0x50 0x64
  line       its interrupts, one in 100 us at most
"
            ),
            "{text}"
        );
        let free = Explanation { interval: 0, ..answer };
        let text = why(&Why { answer: &free, ..asked }, &names());
        assert!(text.contains("  line       its interrupts, as they come\n"), "{text}");
    }

    #[test]
    fn unknown_ones_are_denied_too() {
        let answer = explanation(Verdict::Deny, Reason::UnknownService, NO_RULE);
        let asked = about(42, 99, &answer);
        let text = why(&asked, &names());
        assert!(text.starts_with("denied: service 42 may not hold device 99\n"), "{text}");
        assert!(!text.contains("now"), "{text}");
    }

    #[test]
    fn a_permission_has_its_line_or_the_way_to_one() {
        let line = Some(("permit-nsh-view".into(), "the person may see who holds what".into()));
        let asked = May { service: 10, permission: Permission::View, epoch: 2, line };
        assert_eq!(
            permit(&asked, &names()),
            "\
allowed: nsh may ask for `view`
  by rule    permit-nsh-view (policy epoch 2)
  reason     the person may see who holds what
"
        );
        let asked = May { service: 7, permission: Permission::Power, epoch: 2, line: None };
        assert_eq!(
            permit(&asked, &names()),
            "\
denied: rngd may not ask for `power`
  by rule    none: what no rule allows is denied (policy epoch 2)
  because    no line permits it to this service
  to change  `asks = [\"power\"]` in the file of the service, a reviewed line in
             policy.toml, and a new image
"
        );
    }

    #[test]
    fn a_ring_has_its_line_or_the_way_to_one() {
        let line = Some(("ring-nsh-virtioblkd".into(), "the person copies whole disks".into()));
        let asked = Shared { service: 10, driver: 8, epoch: 2, line };
        assert_eq!(
            ring(&asked, &names()),
            "\
allowed: nsh may share memory with virtioblkd, its driver
  by rule    ring-nsh-virtioblkd (policy epoch 2)
  reason     the person copies whole disks
"
        );
        let asked = Shared { service: 10, driver: 9, epoch: 2, line: None };
        assert_eq!(
            ring(&asked, &names()),
            "\
denied: nsh may not share memory with virtionetd
  by rule    none: what no rule allows is denied (policy epoch 2)
  because    no line lets the one ask the other by a ring
  to change  `rings = [{ with = \"virtionetd\", pages = N }]` in the file of nsh,
             a reviewed [[ring]] in policy.toml, and a new image
"
        );
    }

    #[test]
    fn state_has_its_lines_or_the_way_to_one() {
        let line = |id: &str| (id.into(), "the person looks at it".into());
        let opened = [
            Opened { prefix: String::new(), rights: 2, line: line("list-nsh-logd") },
            Opened { prefix: "boots/1".into(), rights: 5, line: line("write-nsh-logd") },
        ];
        assert_eq!(
            state(10, 3, 2, &opened, &names()),
            "\
allowed: nsh may open state of logd
  by rule    list-nsh-logd (policy epoch 2)
  reason     the person looks at it
  keys       all
  rights     list
allowed: nsh may open state of logd
  by rule    write-nsh-logd (policy epoch 2)
  reason     the person looks at it
  keys       `boots/1` and what is under it
  rights     get put
"
        );
        assert_eq!(
            state(7, 3, 2, &[], &names()),
            "\
denied: rngd may not open state of logd
  by rule    none: what no rule allows is denied (policy epoch 2)
  because    no line opens it to this service
  to change  `opens = [{ tree = \"logd\", rights = [\"get\"] }]` in the file of
             rngd, a reviewed [[allow-state]] in policy.toml, and a new image
"
        );
    }

    fn answer(verdict: Verdict, reason: Reason, rule: u16, owner: u32) -> TryAnswer {
        let owner = Subject { id: owner, incarnation: 1 };
        TryAnswer { epoch: 1, rule, verdict, reason, owner, record: 17 }
    }

    fn trial(service: u32, device: u16, answer: &TryAnswer) -> String {
        tried(&Tried { service, device, answer }, &names())
    }

    #[test]
    fn a_refusal_is_on_record() {
        assert_eq!(
            trial(10, 4, &answer(Verdict::Deny, Reason::NoRule, NO_RULE, 8)),
            "\
refused: policyd does not let nsh hold blk0 (ledger record 17)
  by rule    none: what no rule allows is denied (policy epoch 1)
  because    no rule names this service and this device
"
        );
    }

    #[test]
    fn an_allow_gives_nothing() {
        let text = trial(7, 3, &answer(Verdict::Allow, Reason::Allowed, 4, 7));
        assert!(text.starts_with("allowed: policyd lets rngd hold rng0 (ledger record 17)\n"));
        assert!(text.ends_with("now        rngd holds it already; nothing more was given\n"));
        let text = trial(7, 3, &answer(Verdict::Allow, Reason::Allowed, 4, 0));
        assert!(text.contains("nothing was given"), "{text}");
    }

    #[test]
    fn a_second_owner_is_refused_even_if_policy_would_allow() {
        let text = trial(7, 3, &answer(Verdict::Allow, Reason::Allowed, 4, 8));
        assert!(text.starts_with("refused: policyd would let rngd hold rng0, but it has an owner"));
        assert!(text.contains("virtioblkd holds it, and a device has one owner"), "{text}");
    }
}
