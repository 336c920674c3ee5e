//! What may be believed of an answer of policyd.

use nexus_abi::{Error, Received, Sender};
use nexus_proto::init::Refusal;
use nexus_proto::policy::{Decide, Decision, Epoch, Verdict};
use nexus_proto::{Operation, ReplyError, ServiceError};

/// An allow that answers the question, word for word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Allowed {
    /// The deciding rule.
    pub rule: u16,
    /// Version of the rules that it was decided by.
    pub epoch: u32,
    /// Least microseconds between two interrupts of the line; 0 for no such bound.
    pub interval: u32,
}

/// An answer of policyd that is an answer to `ask`: an allow or a denial. `policyd` is who must
/// have given it, as the kernel stamps it.
///
/// # Errors
/// `PolicyGone`, `PolicyLate`, `PolicyDenied` for a policyd that will not decide for init, and
/// `PolicyGarbled` for everything else that is not exactly an answer.
pub fn check(
    ask: &Decide,
    policyd: Sender,
    answer: Result<Received, Error>,
) -> Result<Decision, Refusal> {
    let received = from_policyd(policyd, answer)?;
    let decision = Decide::decode_reply(&received.message).map_err(|error| match error {
        ReplyError::Service(ServiceError::Denied) => Refusal::PolicyDenied,
        ReplyError::Service(_) | ReplyError::Malformed(_) => Refusal::PolicyGarbled,
    })?;
    let echoed = decision.asked == *ask;
    let sound = decision.verdict == Verdict::Deny || decision.allows(&decision.asked);
    if echoed && sound { Ok(decision) } else { Err(Refusal::PolicyGarbled) }
}

/// The same, for an allow under the rules of version `epoch`, which give the line this `interval`.
///
/// # Errors
/// `PolicyDenied`, `EpochChanged`, `PolicyGarbled`.
pub(super) fn allowed(decision: &Decision, epoch: u32, interval: u32) -> Result<Allowed, Refusal> {
    if decision.verdict != Verdict::Allow {
        return Err(Refusal::PolicyDenied);
    }
    if decision.epoch != epoch {
        return Err(Refusal::EpochChanged);
    }
    if decision.interval != interval {
        return Err(Refusal::PolicyGarbled);
    }
    Ok(Allowed { rule: decision.rule, epoch: decision.epoch, interval })
}

/// That policyd still decides by the rules of version `epoch`, as an answer to `ask`.
pub(super) fn same_epoch(
    ask: &Epoch,
    epoch: u32,
    policyd: Sender,
    answer: Result<Received, Error>,
) -> Result<(), Refusal> {
    let received = from_policyd(policyd, answer)?;
    let info = Epoch::decode_reply(&received.message).map_err(|_| Refusal::PolicyGarbled)?;
    if info.nonce != ask.nonce {
        return Err(Refusal::PolicyGarbled);
    }
    if info.epoch == epoch { Ok(()) } else { Err(Refusal::EpochChanged) }
}

fn from_policyd(policyd: Sender, answer: Result<Received, Error>) -> Result<Received, Refusal> {
    match answer {
        Ok(received) if received.sender == policyd => Ok(received),
        Ok(_) => Err(Refusal::PolicyGarbled),
        Err(Error::TimedOut) => Err(Refusal::PolicyLate),
        Err(_) => Err(Refusal::PolicyGone),
    }
}
