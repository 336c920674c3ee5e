//! Who asks is who the kernel says, whatever a message says.

use nexus_abi::{Handle, Rights, SYSCALL_CALL, Sender};
use nexus_proto::log::{
    Append, Entry, Event, FindLine, Level, LineText, Outcome, SetClock, Stats, Write,
};
use nexus_proto::policy::{Decide, NO_LINE};
use nexus_proto::{Asker, Operation, Registers, ServiceError, Subject, Text, Zero, ids};
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
        base: 0x1000_8000,
        nonce: u64::MAX,
        pages: 1,
        pool: 0,
        line: NO_LINE,
        registers: Registers::UNMASKED,
        zero: Zero::ZERO,
    })
}

/// Asking in the name of init is denied, and recorded in the name of whoever asked. Writing to the
/// ledger and to the clock is denied.
pub(crate) fn payload(context: &Context) -> Check {
    let before = ledger::count(context)?;
    denied(context, context.policyd, &decide(context, PRETENDED)?)?;
    let owner = Subject { id: context.other_owner()?.0.id, incarnation: 1 };
    denied(context, context.policyd, &decide(context, owner)?)?;
    let own = Subject { id: context.own_id, incarnation: 1 };
    let about = Entry::about(Event::Grant, Outcome::Allow, own);
    let entry = Entry { device: 0, epoch: context.description.epoch, ..about };
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
