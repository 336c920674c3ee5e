//! `policy`: who may hold which device. Served by policyd.

use nexus_abi::PAGE_SIZE;

use crate::{Asker, Registers, Subject, Text, Zero};

protocol! {
    /// Marker of the protocol.
    pub Policy = 1 "policy" {
        /// May `subject` be given this window, and this line? Asked by the distributor only.
        1 Decide -> Decision;
        /// What would be decided for a service and a device, and by which rule. Decides nothing.
        2 Explain -> Explanation, again;
        /// Identifier of a line, as written in the policy.
        3 RuleText -> Text, again;
        /// Version and size of the rules.
        4 Epoch -> EpochInfo, again;
        /// Why a line was written, in the words of the policy.
        5 RuleReason -> Text, again;
        /// Which line of the policy lets a service have a permission.
        6 ExplainPermit -> PermitLine, again;
        /// Which line of the policy lets a service share memory with another. That is no decision: init
        /// does what the description says, and asks nobody.
        7 ExplainRing -> PermitLine, again;
        /// Which lines of the policy open the state of a service to another, one by one. That is no decision,
        /// either: who keeps the state does what the description says.
        8 ExplainState -> StateLine, again;
        /// Which keys such a line opens: the whole parts at their beginning.
        9 StatePrefix -> Text, again;
        /// Which lines of the policy let a service do something with the network, one by one. That is no decision,
        /// either: the network stack does what the description says.
        10 ExplainNet -> NetLine, again;
        /// Which ports such a line lets, or which addresses.
        11 NetTerms -> Text, again;
    }
}

codes! {
    /// A decision.
    pub enum Verdict: u8 {
        /// No.
        1 Deny,
        /// Yes.
        2 Allow,
    }
}

codes! {
    /// Why a decision came out as it did.
    pub enum Reason: u8 {
        /// A rule allows it.
        1 Allowed,
        /// No rule names this service and this device.
        2 NoRule,
        /// A rule names them, but not all the rights asked for.
        3 RightsExceedRule,
        /// The description has no such service.
        5 UnknownService,
        /// The description has no such device.
        6 UnknownDevice,
        /// The window is not one that this device can have.
        7 WindowMismatch,
        /// The incarnation is zero or older than one already decided for.
        8 StaleIncarnation,
        /// The nonce was used before.
        9 NonceReused,
        /// The decision could not be recorded, and so is no.
        10 NotRecorded,
        /// A rule names them, but not all the registers asked for, or none one at a time.
        11 RegistersDenied,
        /// A rule names them, and does not allow the interrupt line.
        12 LineDenied,
        /// The line was allowed for another device, or this device with another line.
        13 LineMismatch,
        /// A rule names them, and does not allow what the device would be made to reach.
        14 QueuesDenied,
        /// The asker may not have anything decided.
        15 MayNotAsk,
        /// What was decided before this life of policyd could not be read.
        16 HistoryUnread,
    }
}

payloads! {
    /// Asks for a decision.
    pub struct Decide {
        /// Who would hold the window.
        pub subject: Subject,
        /// On whose behalf it is asked: the distributor itself, or who has it ask.
        pub asker: Asker,
        /// Number of the device in the description.
        pub device: u16,
        /// Rights asked for ([`nexus_abi::Rights`] bits).
        pub rights: u16,
        /// First physical address of the window.
        pub base: u64,
        /// A number that the asker uses once.
        pub nonce: u64,
        /// Pages of the window.
        pub pages: u16,
        /// Pages of all memory that the device is to reach by itself; 0 for none.
        pub pool: u16,
        /// Number of the interrupt line that is asked for; [`NO_LINE`] when none is.
        pub line: u16,
        /// The registers that are asked for to be written.
        pub registers: Registers,
        /// Padding.
        pub zero: Zero<1>,
    }

    /// A decision about exactly one [`Decide`].
    pub struct Decision {
        /// What was asked, word for word.
        pub asked: Decide,
        /// Version of the rules that it was decided by.
        pub epoch: u32,
        /// Number of the deciding rule; [`NO_RULE`] when none applied.
        pub rule: u16,
        /// Yes or no.
        pub verdict: Verdict,
        /// Why.
        pub reason: Reason,
        /// Sequence number of the ledger record of this decision; 0 when it is not recorded,
        /// which only a denial can be.
        pub record: u32,
        /// Least microseconds between two interrupts of the line that is allowed; 0 for no such
        /// bound, or when none is.
        pub interval: u32,
    }

    /// Asks what would be decided.
    pub struct Explain {
        /// Service id.
        pub service: u32,
        /// Number of the device.
        pub device: u16,
        /// Rights that would be asked for; 0 stands for those of the rule.
        pub rights: u16,
    }

    /// What would be decided.
    pub struct Explanation {
        /// Version of the rules.
        pub epoch: u32,
        /// Number of the rule concerned; [`NO_RULE`] when there is none.
        pub rule: u16,
        /// Rights that the rule allows; 0 when there is none.
        pub rights: u16,
        /// Yes or no.
        pub verdict: Verdict,
        /// Why.
        pub reason: Reason,
        /// There is a rule, and the device reaches memory by itself.
        pub dma: bool,
        /// The rule allows the interrupt line.
        pub irq: bool,
        /// Least microseconds between two interrupts, as the rule says.
        pub interval: u32,
        /// The registers that the rule allows to be written.
        pub registers: Registers,
        /// Padding.
        pub zero: Zero<7>,
    }

    /// Asks about a permission.
    pub struct ExplainPermit {
        /// Service id.
        pub service: u32,
        /// Number of the permission in the description.
        pub permission: u8,
        /// Padding.
        pub zero: Zero<3>,
    }

    /// Asks about memory that two services share.
    pub struct ExplainRing {
        /// Service id of the consumer.
        pub service: u32,
        /// That of the driver.
        pub driver: u32,
    }

    /// What lets a service have a permission, or share memory.
    pub struct PermitLine {
        /// Version of the rules.
        pub epoch: u32,
        /// Number of the line, among those of [`RuleText`]; [`NO_RULE`] when none permits it.
        pub line: u16,
        /// Padding.
        pub zero: Zero<2>,
    }

    /// Asks about the state of a service.
    pub struct ExplainState {
        /// Service id of who would open it.
        pub service: u32,
        /// Of whose state it is.
        pub owner: u32,
        /// Which of the lines about these two, from 0.
        pub index: u16,
        /// Padding.
        pub zero: Zero<6>,
    }

    /// What opens the state of a service to another.
    pub struct StateLine {
        /// Version of the rules.
        pub epoch: u32,
        /// Number of the line, among those of [`RuleText`]; [`NO_RULE`] when there are no more.
        pub line: u16,
        /// What may be done: 1 get, 2 list, 4 put.
        pub rights: u8,
        /// The owner keeps state at all.
        pub kept: bool,
    }

    /// Asks for a piece of the prefix that a line opens; empty for every key.
    pub struct StatePrefix {
        /// Number of the line: that of [`StateLine`].
        pub line: u16,
        /// Padding.
        pub zero: Zero<2>,
        /// First byte wanted.
        pub offset: u32,
    }

    /// Asks about the network.
    pub struct ExplainNet {
        /// The peer, as in [`crate::socket::ring::Target`]; counts where `one` says so.
        pub address: [u8; 16],
        /// Service id.
        pub service: u32,
        /// Of whoever is connected to; of an echo 0.
        pub port: u16,
        /// Which of the lines that let it do that, from 0.
        pub index: u16,
        /// Number of the protocol in the description.
        pub protocol: u8,
        /// The peer begins, and not the service.
        pub inward: bool,
        /// It is about the one peer with this address, and not about any.
        pub one: bool,
        /// Padding.
        pub zero: Zero<5>,
    }

    /// What lets a service do something with the network.
    pub struct NetLine {
        /// Most bytes of the buffers of its sockets.
        pub bytes: u64,
        /// Most sockets that it may have; 0 for none.
        pub sockets: u32,
        /// Version of the rules.
        pub epoch: u32,
        /// Number of the line, among those of [`RuleText`]; [`NO_RULE`] when there are no more.
        pub line: u16,
        /// The board has a network.
        pub network: bool,
        /// The service would reach an address of this machine, as far as the description says: no line lets anybody
        /// do that, but who may call who listens there.
        pub this_machine: bool,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Asks for a piece of the terms of a line about the network.
    pub struct NetTerms {
        /// Number of the line: that of [`NetLine`].
        pub line: u16,
        /// Of its addresses, and not of its ports.
        pub addresses: bool,
        /// Padding.
        pub zero: Zero<1>,
        /// First byte wanted.
        pub offset: u32,
    }

    /// Asks for a piece of the identifier of a line: of a rule, or of a permit.
    pub struct RuleText {
        /// Number of the line: that of the rule, or of [`PermitLine`].
        pub rule: u16,
        /// Padding.
        pub zero: Zero<2>,
        /// First byte wanted.
        pub offset: u32,
    }

    /// Asks for a piece of the reason of a line.
    pub struct RuleReason {
        /// Number of the line, as in [`RuleText`].
        pub rule: u16,
        /// Padding.
        pub zero: Zero<2>,
        /// First byte wanted.
        pub offset: u32,
    }

    /// Asks which rules are in force.
    pub struct Epoch {
        /// A number that comes back in the answer; an asker that acts on it uses it once.
        pub nonce: u64,
    }

    /// Which rules are in force.
    pub struct EpochInfo {
        /// Version, from 1.
        pub epoch: u32,
        /// Number of rules.
        pub rules: u32,
        /// That of the question.
        pub nonce: u64,
    }
}

/// Stands for "no rule" in a rule number.
pub const NO_RULE: u16 = u16::MAX;

/// Stands for "no interrupt line" in the number of a line.
pub const NO_LINE: u16 = 0;

impl Decide {
    /// Bytes of the window.
    #[must_use]
    pub fn window_len(&self) -> u64 {
        u64::from(self.pages) * PAGE_SIZE
    }
}

impl Decision {
    /// True when this is an allow, and an answer to `asked`: same subject, incarnation, device,
    /// window, rights, registers, line and nonce. An answer that is not must be treated as a denial.
    #[must_use]
    pub fn allows(&self, asked: &Decide) -> bool {
        self.verdict == Verdict::Allow
            && self.reason == Reason::Allowed
            && self.rule != NO_RULE
            && self.epoch != 0
            && self.record != 0
            && (self.interval == 0 || asked.line != NO_LINE)
            && self.asked == *asked
    }
}
