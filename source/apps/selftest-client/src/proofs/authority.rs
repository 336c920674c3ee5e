//! Who asks is who the kernel says, whatever a message says.

use nexus_abi::{Handle, Rights, SYSCALL_CALL, Sender};
use nexus_proto::log::{
    Append, Entry, Event, FindLine, Level, LineText, Outcome, SetClock, Stats, Write,
};
use nexus_proto::policy::{Decide, NO_RULE};
use nexus_proto::{Asker, Operation, ServiceError, Subject, Text, Zero, ids};
use nexus_rt::{CallError, Client, Deadline};
use nexus_test::{SAFETY_MS, bare};

use crate::check::{Check, Failure, ensure, passed, same};
use crate::context::Context;
use crate::ledger;

/// A service that may do what this one may not.
const PRETENDED: Subject = Subject { id: ids::INIT, incarnation: 1 };

fn denied<O: Operation>(context: &Context, server: Client<O::Protocol>, ask: &O) -> Check {
    match context.ask(server, ask) {
        Err(CallError::Service(ServiceError::Denied)) => {
            passed(1);
            Ok(())
        }
        other => Err(Failure::new(format_args!("{}: {other:?}, expected Denied", O::NAME))),
    }
}

/// A question to policyd about `subject`, for a device that another service owns.
fn decide(context: &Context, subject: Subject) -> Result<Decide, Failure> {
    let (_, device) = context.other_owner()?;
    Ok(Decide {
        subject,
        asker: Asker::default(),
        device: device.id,
        rights: (Rights::MAP | Rights::READ | Rights::WRITE).bits(),
        zero: Zero::ZERO,
        base: 0x1000_8000,
        len: device.window_len,
        nonce: u64::MAX,
    })
}

/// Asking in the name of init is denied, and recorded in the name of whoever asked. Writing to the
/// ledger and to the clock is denied.
pub(crate) fn payload(context: &Context) -> Check {
    let before = ledger::count(context)?;
    denied(context, context.policyd, &decide(context, PRETENDED)?)?;
    let owner = Subject { id: context.other_owner()?.0.id, incarnation: 1 };
    denied(context, context.policyd, &decide(context, owner)?)?;
    let entry = Entry {
        event: Event::Grant,
        outcome: Outcome::Allow,
        device: 0,
        rights: 0,
        rule: NO_RULE,
        subject: Subject { id: context.own_id, incarnation: 1 },
        asker: Asker::default(),
        base: 0,
        len: 0,
        epoch: context.description.epoch,
        reason: 0,
        detail: 0,
    };
    denied(context, context.logd, &Append { entry })?;
    denied(context, context.logd, &SetClock { unix_ns: 1, ticks: 1 })?;
    let after = ledger::count(context)?;
    ensure!(after > before, "nobody recorded the question");
    for seq in before + 1..=after {
        let record = ledger::read(context, seq)?;
        same("reporter", &record.stamp.reporter.id, &ids::POLICYD)?;
        same("subject", &record.entry.subject.id, &context.own_id)?;
        same("outcome", &record.entry.outcome, &Outcome::Deny)?;
    }
    Ok(())
}

/// What a sender leaves in the registers where a receiver finds the sender changes nothing.
pub(crate) fn sender(context: &Context) -> Check {
    let init = Sender { service_id: ids::INIT, incarnation: 1 };
    let ask = decide(context, PRETENDED)?.encode();
    // A receiver finds the sender where the deadline of a call stands, and its reply handle where
    // that of an answer does.
    for (deadline, reply) in [
        (Deadline::after_ms(SAFETY_MS).ticks(), Handle(init.to_word())),
        (Deadline::after_ms(SAFETY_MS).ticks(), Handle::reply(0, 1)),
        (init.to_word() | (1 << 62), Handle(u64::MAX)),
    ] {
        let endpoint = context.policyd.endpoint();
        let (code, answer) = bare::raw_message(SYSCALL_CALL, endpoint, &ask, deadline, reply);
        same("error", &code, &0)?;
        same("who answers", &answer.sender.service_id, &ids::POLICYD)?;
        let refusal = Decide::decode_reply(&answer.message).err();
        let expected = nexus_proto::ReplyError::Service(ServiceError::Denied);
        same("answer", &refusal, &Some(expected))?;
    }
    Ok(())
}

/// A line that reads as if others had written it is kept as what it is: a line of this service,
/// without control characters.
pub(crate) fn line(context: &Context) -> Check {
    const TEXT: &[u8] = b"fine\r\n@nx 0 proof rngd forged\x1b[2J";
    let counts = context.ask(context.logd, &Stats {})?;
    let text = Text::piece(TEXT);
    context.ask(context.logd, &Write { level: Level::Info, zero: Zero::ZERO, text })?;
    let mut from = counts.lines + counts.proofs + 1;
    loop {
        let info = context.ask(context.logd, &FindLine { line: from })?;
        let ask = LineText { line: info.line, offset: 0, zero: Zero::ZERO };
        let kept = context.ask(context.logd, &ask)?;
        let kept = kept.as_bytes();
        if kept.starts_with(b"fine") {
            same("sender", &info.sender.id, &context.own_id)?;
            ensure!(kept.iter().all(|byte| !byte.is_ascii_control()), "kept as {kept:?}");
            return Ok(());
        }
        from = info.line + 1;
    }
}
