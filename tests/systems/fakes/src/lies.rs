//! Answers to a question for a decision, none of which is one.

use nexus_abi::{Message, Tag};
use nexus_proto::policy::{Decide, Decision, Epoch, EpochInfo, NO_RULE, Reason, Verdict};
use nexus_proto::{Malformed, Operation, Request as _, Subject, policy};

/// The version of the rules that the systems with a fake policyd have: system/policy.toml's.
pub const EPOCH: u32 = 9;

/// The allow that an honest policyd would give under the rules of version `epoch`.
#[must_use]
pub const fn allow(asked: Decide, epoch: u32) -> Decision {
    let (verdict, reason) = (Verdict::Allow, Reason::Allowed);
    Decision { asked, epoch, rule: 1, verdict, reason, record: 1, interval: 0 }
}

/// A denial, as an honest policyd gives it.
#[must_use]
pub const fn deny(asked: Decide) -> Decision {
    Decision {
        asked,
        epoch: EPOCH,
        rule: NO_RULE,
        verdict: Verdict::Deny,
        reason: Reason::NoRule,
        record: 1,
        interval: 0,
    }
}

/// The answer to whatever is no question for a decision: the rules are those of `epoch`.
fn epoch_of(request: &Result<policy::Request, Malformed>, epoch: u32) -> Message {
    let nonce = match request {
        Ok(policy::Request::Epoch(ask)) => ask.nonce,
        _ => 0,
    };
    Epoch { nonce }.answer(Ok(EpochInfo { epoch, rules: 1, nonce }))
}

/// The answer of a policyd whose decisions are those of `decide`, by rules that never change.
#[must_use]
pub fn decided(message: &Message, decide: impl Fn(Decide) -> Decision) -> Message {
    match policy::Request::decode(message) {
        Ok(policy::Request::Decide(asked)) => asked.answer(Ok(decide(asked))),
        other => epoch_of(&other, EPOCH),
    }
}

/// What is no message of the protocol at all.
#[must_use]
pub fn garbage(asked: &Decide, nth: usize) -> Message {
    let honest = asked.answer(Ok(allow(*asked, EPOCH)));
    let mut message = honest;
    match nth % 8 {
        0 => message = Message::default(),
        1 => message.tag = Tag::new(0, 6, 0),
        2 => message.tag = Tag::new(0, 7, 0),
        3 => message.tag = Tag::new(1 << 31, 8, 0),
        4 => message.words = [u64::MAX; 8],
        5 => message.words = [0; 8],
        6 => message.words.rotate_right(1),
        // An allow, but the padding at the end of the question says more.
        _ => {
            let [.., last, _, _] = &mut message.words;
            *last |= 1 << 63;
        }
    }
    message
}

/// Allows every question, and answers another one, or contradicts itself.
#[derive(Debug, Default)]
pub struct Other {
    asked: usize,
    first: Option<Decision>,
}

impl Other {
    /// How many lies it has, one for each question.
    pub const LIES: usize = 16;

    /// The answer to a message.
    pub fn answer(&mut self, message: &Message) -> Message {
        match policy::Request::decode(message) {
            Ok(policy::Request::Decide(asked)) => asked.answer(Ok(self.decide(&asked))),
            other => epoch_of(&other, EPOCH),
        }
    }

    fn decide(&mut self, asked: &Decide) -> Decision {
        let honest = allow(*asked, EPOCH);
        let first = *self.first.get_or_insert(honest);
        let nth = self.asked;
        self.asked += 1;
        let mut decision = honest;
        let told = &mut decision.asked;
        match nth % Other::LIES {
            0 => told.subject = Subject { id: asked.subject.id + 1, ..asked.subject },
            1 => told.subject.incarnation += 1,
            2 => told.device += 1,
            3 => told.nonce += 1,
            4 => decision = first,
            5 => told.base += 0x1000,
            6 => told.pages += 1,
            7 => told.rights ^= 0x80,
            8 => told.asker.id += 1,
            9 => decision.reason = Reason::NoRule,
            10 => decision.rule = NO_RULE,
            11 => decision.record = 0,
            12 => told.registers = Some(u64::MAX).into(),
            13 => told.line += 1,
            14 => decision.interval = 1,
            _ => decision.epoch = 0,
        }
        decision
    }
}

/// Allows every question, under rules that change all the time.
#[derive(Debug, Default)]
pub struct Fickle {
    asked: u32,
}

impl Fickle {
    /// The answer to a message: every other question is allowed under other rules than init has, and
    /// the rest with rules that have changed when init asks again.
    pub fn answer(&mut self, message: &Message) -> Message {
        match policy::Request::decode(message) {
            Ok(policy::Request::Decide(asked)) => {
                self.asked += 1;
                let epoch = if self.asked % 2 == 1 { EPOCH + self.asked } else { EPOCH };
                asked.answer(Ok(allow(asked, epoch)))
            }
            other => epoch_of(&other, EPOCH + 1 + self.asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_abi::{Handle, Received, Sender};
    use nexus_init::grant::check;
    use nexus_proto::init::Refusal;
    use nexus_proto::policy::NO_LINE;
    use nexus_proto::{Asker, Registers, Zero};

    const POLICYD: Sender = Sender { service_id: 2, incarnation: 1 };
    const ASKED: Decide = Decide {
        subject: Subject { id: 7, incarnation: 1 },
        asker: Asker::new(1),
        device: 3,
        rights: 7,
        base: 0x1000_8000,
        nonce: 9,
        pages: 1,
        pool: 0,
        line: NO_LINE,
        registers: Registers::UNMASKED,
        zero: Zero::ZERO,
    };

    fn believed(message: Message) -> Result<Decision, Refusal> {
        let received = Received { message, sender: POLICYD, reply: Handle::NONE };
        check(&ASKED, POLICYD, Ok(received))
    }

    #[test]
    fn the_rules_are_those_of_the_standard_system() {
        let policy = include_str!("../../../../system/policy.toml");
        assert!(policy.lines().any(|line| line == format!("epoch = {EPOCH}")));
    }

    #[test]
    fn an_honest_allow_would_be_believed() {
        assert!(believed(ASKED.answer(Ok(allow(ASKED, EPOCH)))).is_ok());
    }

    #[test]
    fn a_denial_is_believed_and_is_no_allow() {
        let decision = believed(decided(&ASKED.encode(), deny)).unwrap();
        assert!(!decision.allows(&ASKED));
    }

    #[test]
    fn no_garbage_is_believed() {
        for nth in 0..8 {
            assert_eq!(believed(garbage(&ASKED, nth)), Err(Refusal::PolicyGarbled), "{nth}");
        }
    }

    #[test]
    fn no_answer_to_another_question_is_believed() {
        let mut other = Other::default();
        for nth in 0..Other::LIES {
            let asked = Decide { nonce: 9 + nth as u64, ..ASKED };
            let received = Received {
                message: other.answer(&asked.encode()),
                sender: POLICYD,
                reply: Handle::NONE,
            };
            let believed = check(&asked, POLICYD, Ok(received));
            assert_eq!(believed, Err(Refusal::PolicyGarbled), "{nth}");
        }
    }

    #[test]
    fn rules_change_between_decision_and_grant() {
        let mut fickle = Fickle::default();
        let mut epochs = Vec::new();
        for _ in 0..3 {
            let decision = Decide::decode_reply(&fickle.answer(&ASKED.encode())).unwrap();
            let epoch = Epoch::decode_reply(&fickle.answer(&Epoch { nonce: 1 }.encode())).unwrap();
            epochs.push((decision.epoch, epoch.epoch));
        }
        assert!(
            epochs.iter().all(|(decided, now)| *decided != EPOCH || *now != EPOCH),
            "{epochs:?}"
        );
    }
}
