//! One call of init that goes wrong, or at which somebody dies.

use nexus_abi::{EndReason, Error, Handle, Message, Received};
use nexus_proto::{ServiceError, encode_error};

use super::Fake;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is refused, and nothing is done.
    Refused,
    /// Whoever is asked is not there. A capability: it is gone already.
    Gone,
    /// It is done, and the answer is lost with whoever gave it.
    Lost,
    /// It is done, and the answer comes too late.
    Late,
    /// It is done, and somebody else answers.
    Stranger,
    /// It is done, and the answer is another one.
    Garbled,
    /// The last life of this service ends just before the call, which may go well.
    Dies(u32),
}

/// What can go wrong with a call of the kernel.
pub(crate) const KERNEL: &[Wrong] = &[Wrong::Refused];
/// What can go wrong with one that takes back, or tells.
pub(crate) const BACK: &[Wrong] = &[Wrong::Gone];
/// What can go wrong with a call of a server.
pub(crate) const SERVER: &[Wrong] =
    &[Wrong::Refused, Wrong::Gone, Wrong::Lost, Wrong::Late, Wrong::Stranger, Wrong::Garbled];
/// What can go wrong with a record.
pub(crate) const RECORD: &[Wrong] = &[Wrong::Gone, Wrong::Lost];

/// Which call goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) call: usize,
    pub(crate) wrong: Wrong,
    /// So do all after it that can.
    pub(crate) on: bool,
}

impl Fake {
    /// Notes a call with which this can go wrong, and tells what does.
    pub(crate) fn goes(&mut self, name: &'static str, can: &[Wrong]) -> Option<Wrong> {
        let call = self.calls.len();
        self.calls.push(name);
        let At { wrong, .. } =
            self.wrong.filter(|at| at.call == call || at.on && at.call < call)?;
        if let Wrong::Dies(service) = wrong {
            self.wrong = None;
            self.happened = true;
            self.dies(service, EndReason::Exit(3));
            return None;
        }
        self.happened |= can.contains(&wrong);
        Some(wrong).filter(|wrong| can.contains(wrong))
    }

    /// The answer of a server, as it comes to init.
    pub(crate) fn spoil(
        &mut self,
        wrong: Option<Wrong>,
        answer: Result<Received, Error>,
    ) -> Result<Received, Error> {
        let Some(wrong) = wrong else { return answer };
        let mut received = answer?;
        let lost = matches!(wrong, Wrong::Lost | Wrong::Late);
        if lost {
            // What an answer carries that does not arrive is nobody's.
            let carried: Vec<Handle> = received.message.caps().collect();
            self.caps.retain(|cap| !carried.contains(&cap.handle));
        }
        match wrong {
            Wrong::Lost => return Err(Error::PeerGone),
            Wrong::Late => return Err(Error::TimedOut),
            Wrong::Stranger => received.sender.incarnation += 1,
            Wrong::Garbled => received.message.words[0] ^= 1,
            _ => {}
        }
        Ok(received)
    }

    /// What a server that does nothing answers.
    pub(crate) fn unasked(&self, wrong: Wrong) -> Option<Result<Message, Error>> {
        match wrong {
            Wrong::Refused => Some(Ok(encode_error(ServiceError::BadState))),
            Wrong::Gone => Some(Err(Error::PeerGone)),
            _ => None,
        }
    }

    /// The last life of a service ends, and the kernel takes back what it held.
    pub(crate) fn dies(&mut self, service: u32, reason: EndReason) {
        let last = self.ends.iter_mut().rfind(|(_, id, _)| id.service_id == service);
        let Some((process, _, end @ None)) = last else { return };
        *end = Some(reason);
        let process = *process;
        self.buries(process);
    }

    /// The kernel takes back what a process held.
    pub(crate) fn buries(&mut self, process: Handle) {
        self.corpses.push(process);
        self.caps.retain(|cap| cap.holder != Some(process));
    }

    /// True when a service has died, and was not started again.
    pub(crate) fn is_dead(&self, service: u32) -> bool {
        let last = self.ends.iter().rfind(|(_, id, _)| id.service_id == service);
        last.is_some_and(|(.., end)| end.is_some())
    }

    /// True when this process has died like that.
    pub(crate) fn has_died(&self, process: Handle) -> bool {
        self.corpses.contains(&process)
    }
}
