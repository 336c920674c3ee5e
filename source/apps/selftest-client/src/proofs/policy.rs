//! What policyd says, asked the proper way: init asks, policyd decides, logd records.

use nexus_abi::Rights;
use nexus_proto::ids;
use nexus_proto::init::{Try, TryAnswer};
use nexus_proto::log::{Event, Outcome};
use nexus_proto::policy::{NO_RULE, Reason, Verdict};
use nexus_rt::CallError;

use crate::check::{Check, Failure, same};
use crate::context::Context;
use crate::ledger;

const ALL: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);

/// A service id that no system has.
const NO_SERVICE: u32 = 1000;
/// A device number that no system has.
const NO_DEVICE: u16 = 1000;

fn ask(
    context: &Context,
    service: u32,
    device: u16,
    rights: Rights,
) -> Result<TryAnswer, CallError> {
    context.ask(context.init, &Try { service, device, rights: rights.bits() })
}

/// That the answer is this verdict for this reason by this rule, and that the ledger says so too.
fn said(
    context: &Context,
    (service, device): (u32, u16),
    answer: &TryAnswer,
    reason: Reason,
    rule: u16,
) -> Check {
    let verdict = if reason == Reason::Allowed { Verdict::Allow } else { Verdict::Deny };
    same("verdict", &answer.verdict, &verdict)?;
    same("reason", &answer.reason, &reason)?;
    same("rule", &answer.rule, &rule)?;
    same("version of the rules", &answer.epoch, &context.description.epoch)?;
    let record = ledger::read(context, answer.record)?;
    let outcome = if verdict == Verdict::Allow { Outcome::Allow } else { Outcome::Deny };
    let seen = record.entry;
    same("recorded event", &seen.event, &Event::Decision)?;
    same("recorded outcome", &seen.outcome, &outcome)?;
    same("recorded reason", &seen.reason, &reason.code())?;
    same("recorded rule", &seen.rule, &rule)?;
    same("recorded subject", &(seen.subject.id, seen.device), &(service, device))?;
    same("reporter", &record.stamp.reporter.id, &ids::POLICYD)
}

/// This service asks for every device of others: no rule names the two, and that is the reason.
pub(crate) fn deny(context: &Context) -> Check {
    let own = context.device_of(context.own_id)?.id;
    let mut asked = 1;
    for device in context.description.devices.iter().filter(|device| device.id != own) {
        let answer = ask(context, context.own_id, device.id, ALL)?;
        said(context, (context.own_id, device.id), &answer, Reason::NoRule, NO_RULE)?;
        let owner = context.description.owner(device.id).map_or(0, |(service, _)| service.id);
        same("owner", &answer.owner.id, &owner)?;
        asked += 1;
    }
    same("devices, with the own one", &asked, &context.description.devices.len())
}

/// The owner itself is allowed, by its rule.
pub(crate) fn allow(context: &Context) -> Check {
    let (owner, device) = context.other_owner()?;
    let rule = context.description.rule_for(owner.id, device.id);
    let rule = rule.ok_or_else(|| Failure::new("no rule for an owner"))?;
    let answer = ask(context, owner.id, device.id, rule.rights())?;
    said(context, (owner.id, device.id), &answer, Reason::Allowed, rule.number)?;
    same("owner", &answer.owner.id, &owner.id)
}

/// A rule that allows reading does not allow writing; where every rule allows both, none allows more.
pub(crate) fn excess(context: &Context) -> Check {
    let rules = &context.description.rules;
    let reader = rules.iter().find(|rule| !rule.rights().contains(ALL));
    let (rule, beyond) = match (reader, rules.first()) {
        (Some(reader), _) => (reader, ALL),
        (None, Some(first)) => (first, ALL | Rights::DERIVE),
        (None, None) => return Err(Failure::new("there is no rule")),
    };
    let answer = ask(context, rule.subject, rule.device, beyond)?;
    let asked = (rule.subject, rule.device);
    said(context, asked, &answer, Reason::RightsExceedRule, rule.number)?;
    let answer = ask(context, rule.subject, rule.device, rule.rights())?;
    said(context, asked, &answer, Reason::Allowed, rule.number)
}

/// A service or device that does not exist is no way around a rule.
pub(crate) fn unknown(context: &Context) -> Check {
    let device = context.other_owner()?.1.id;
    let answer = ask(context, NO_SERVICE, device, ALL)?;
    said(context, (NO_SERVICE, device), &answer, Reason::UnknownService, NO_RULE)?;
    let answer = ask(context, context.own_id, NO_DEVICE, ALL)?;
    said(context, (context.own_id, NO_DEVICE), &answer, Reason::UnknownDevice, NO_RULE)
}
