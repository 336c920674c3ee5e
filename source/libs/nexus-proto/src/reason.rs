//! Reasons in words: the one place where they are written for people.

use crate::init::{Last, Refusal};
use crate::policy::Reason;

impl Reason {
    /// A short word, the same for ever: for records that programs read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Allowed => "allowed",
            Reason::NoRule => "no-rule",
            Reason::RightsExceedRule => "rights-exceed-rule",
            Reason::UnknownService => "unknown-service",
            Reason::UnknownDevice => "unknown-device",
            Reason::WindowMismatch => "window-mismatch",
            Reason::StaleIncarnation => "stale-incarnation",
            Reason::NonceReused => "nonce-reused",
            Reason::NotRecorded => "not-recorded",
            Reason::RegistersDenied => "registers-denied",
            Reason::LineDenied => "line-denied",
            Reason::LineMismatch => "line-mismatch",
            Reason::QueuesDenied => "queues-denied",
            Reason::MayNotAsk => "may-not-ask",
            Reason::HistoryUnread => "history-unread",
        }
    }

    /// Why, in a sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Reason::Allowed => "a rule allows it",
            Reason::NoRule => "no rule names this service and this device",
            Reason::RightsExceedRule => "the rule does not allow all the rights asked for",
            Reason::UnknownService => "the description has no such service",
            Reason::UnknownDevice => "the description has no such device",
            Reason::WindowMismatch => "the window is not one that this device can have",
            Reason::StaleIncarnation => "this life of the service is over, or was never begun",
            Reason::NonceReused => "the question was asked before, and its answer is used up",
            Reason::NotRecorded => "the decision could not be recorded",
            Reason::RegistersDenied => "the rule does not allow all the registers asked for",
            Reason::LineDenied => "the rule does not allow the interrupt line",
            Reason::LineMismatch => "the interrupt line is another device's, or was another",
            Reason::QueuesDenied => "the rule does not allow what the device would reach",
            Reason::MayNotAsk => "who asked may not have anything decided",
            Reason::HistoryUnread => "what was decided before could not be read",
        }
    }

    /// What would have to change for an allow.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Reason::Allowed => "nothing",
            Reason::NoRule => "a reviewed rule for both in policy.toml, and a new image",
            Reason::RightsExceedRule => "fewer rights in the request, or more in the rule",
            Reason::UnknownService => "a service file with that id, and a rule for it",
            Reason::UnknownDevice => "the device in the board file, and a rule for it",
            Reason::WindowMismatch => "a request for the pages of that device and no others",
            Reason::StaleIncarnation => "a request for the service that runs now",
            Reason::NonceReused => "a new question with a new nonce",
            Reason::NotRecorded => "logd answering, with room in its ledger",
            Reason::RegistersDenied => "fewer registers in the request, or more in the rule",
            Reason::LineDenied => "no line in the request, or `irq` in the rule",
            Reason::LineMismatch => "a request for the line of that device and no other",
            Reason::QueuesDenied => "the queues of the rule in the request, and no others",
            Reason::MayNotAsk => "the question from init, which alone has things decided",
            Reason::HistoryUnread => "logd answering, with a ledger that can be read",
        }
    }
}

impl Refusal {
    /// A short word, the same for ever: for records that programs read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Refusal::Absent => "absent",
            Refusal::NotOneRange => "not-one-range",
            Refusal::WrongSize => "wrong-size",
            Refusal::SharedPage => "shared-page",
            Refusal::Disabled => "disabled",
            Refusal::WrongDevice => "wrong-device",
            Refusal::WrongPlace => "wrong-place",
            Refusal::ProbeFailed => "probe-failed",
            Refusal::OutOfReach => "out-of-reach",
            Refusal::PolicyDenied => "policy-denied",
            Refusal::PolicyGone => "policy-gone",
            Refusal::PolicyLate => "policy-late",
            Refusal::PolicyGarbled => "policy-garbled",
            Refusal::EpochChanged => "epoch-changed",
            Refusal::KernelRefused => "kernel-refused",
            Refusal::NotRecorded => "not-recorded",
            Refusal::SubjectEnded => "subject-ended",
            Refusal::NotLoaded => "not-loaded",
            Refusal::Ambiguous => "ambiguous",
            Refusal::NoLine => "no-line",
            Refusal::LineShared => "line-shared",
            Refusal::BusGone => "bus-gone",
            Refusal::BusLate => "bus-late",
            Refusal::BusRefused => "bus-refused",
            Refusal::BusGarbled => "bus-garbled",
            Refusal::WrongSerial => "wrong-serial",
            Refusal::NotAtRest => "not-at-rest",
        }
    }

    /// Why, in a sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Refusal::Absent => "the board has no such device, or not that many",
            Refusal::NotOneRange => "the device tree gives it no single range of registers",
            Refusal::WrongSize => "its registers are not the pages that the description says",
            Refusal::SharedPage => "another device has registers in the same page",
            Refusal::Disabled => "the device tree says that it is not to be used",
            Refusal::WrongDevice => "its registers say that it is something else",
            Refusal::WrongPlace => "it is not where the description says",
            Refusal::ProbeFailed => "a slot could not be read, so all of them are in doubt",
            Refusal::OutOfReach => "init holds no authority over its registers",
            Refusal::PolicyDenied => "policyd denied it",
            Refusal::PolicyGone => "policyd is not there",
            Refusal::PolicyLate => "policyd did not answer in time",
            Refusal::PolicyGarbled => "policyd's answer does not answer the question",
            Refusal::EpochChanged => "the rules changed between the decision and the grant",
            Refusal::KernelRefused => "the kernel refused it",
            Refusal::NotRecorded => "the grant could not be recorded, and was taken back",
            Refusal::SubjectEnded => "the service had ended",
            Refusal::NotLoaded => "the service could not be loaded",
            Refusal::Ambiguous => "the board has more or fewer of these than the description names",
            Refusal::NoLine => "the device tree gives it no single interrupt line",
            Refusal::LineShared => "another device has the same interrupt line",
            Refusal::BusGone => "busd is not there",
            Refusal::BusLate => "busd did not answer in time",
            Refusal::BusRefused => "busd could not set the device up",
            Refusal::BusGarbled => "what busd gave is not what policy allows",
            Refusal::WrongSerial => "its serial number is not the one that is described",
            Refusal::NotAtRest => {
                "it did not come to rest when its owner ended, or nobody could tell"
            }
        }
    }
}

impl Last {
    /// Why, in a sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Last::None => "another life follows",
            Last::Never => "it is started once",
            Last::EndedWell => "it has ended well",
            Last::Stopped => "somebody had it stopped",
            Last::TooOften => "it has ended too often in too short a time",
            Last::NoDevice => "a device that it needs could not be given to it again",
            Last::NotLoaded => "it could not be loaded again",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::collections::BTreeSet;

    /// Each has words of its own, and there are some.
    fn differ<T>(all: &[T], words: impl Fn(&T) -> &'static str) {
        let different: BTreeSet<_> = all.iter().map(&words).collect();
        assert_eq!(different.len(), all.len());
        assert!(different.iter().all(|text| text.trim() == *text && text.len() > 4));
    }

    #[test]
    fn each_reason_has_words_of_its_own() {
        differ(Reason::ALL, |reason| reason.word());
        differ(Reason::ALL, |reason| reason.text());
        differ(Reason::ALL, |reason| reason.remedy());
        differ(Refusal::ALL, |refusal| refusal.word());
        differ(Refusal::ALL, |refusal| refusal.text());
        differ(Last::ALL, |last| last.text());
    }

    #[test]
    fn a_word_is_one_word() {
        let words = Reason::ALL.iter().map(|one| one.word());
        for word in words.chain(Refusal::ALL.iter().map(|one| one.word())) {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{word}");
        }
    }
}
