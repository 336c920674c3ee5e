//! `log`: ordinary lines, proofs, and the security ledger. Served by logd, which calls nobody.

use zerocopy::IntoBytes;

use crate::{Asker, Registers, Subject, Text, Zero};

protocol! {
    /// Marker of the protocol.
    pub Log = 2 "log" {
        /// Adds a piece of a line. Pieces of one sender are joined until one has no more after it.
        1 Write -> ();
        /// Adds a record to the ledger: one message, so that it is there whole or not at all.
        /// Needs the permission to record; who may record which event is one table of logd.
        2 Append -> Appended;
        /// Records that the sender has shown something that the run must show. Test profile only,
        /// else `NotSupported`.
        3 Proof -> ();
        /// Tells the wall clock. Needs the permission to set it. A change leaves a record; after the
        /// first one, `OutOfRange` when it is far from that.
        4 SetClock -> (), again;
        /// The first line or proof at or after a number: of any sender for one that may read the log,
        /// else of its own.
        5 FindLine -> LineInfo, again;
        /// Text of such a line, from an offset.
        6 LineText -> Text, again;
        /// What a ledger record says. Needs the permission to view, or to record; addresses, and what they
        /// could be guessed from, are 0 for a sender that may neither read the log nor record.
        7 ReadEntry -> Entry, again;
        /// When, and by whom, the first ledger record at or after a number was made: so the ledger is read
        /// over the holes that folds leave. Needs the permission to view, or to record.
        8 ReadStamp -> Stamp, again;
        /// How a ledger record hangs in the chain. Needs the permission to read the log: the addresses
        /// that are hashed can be guessed.
        9 ReadHashes -> Hashes, again;
        /// Computes a piece of the chain anew: at most [`VERIFY_RECORDS`] records a call.
        /// Needs the permission to view.
        10 Verify -> Verification, again;
        /// Counts.
        11 Stats -> Counts, again;
        /// How long the ledger is, and the hash of its last record, to be kept elsewhere. Needs the
        /// permission to view, to record or to report.
        12 Head -> HeadInfo, again;
        /// Waits for a record with a higher number: answered once there is one. Needs the permission to
        /// archive. One can wait at a time: who waited before is answered with `PeerGone`.
        13 Await -> HeadInfo, again;
        /// Has the anchor of this boot recorded. Needs the permission to archive. There is one a boot: asked
        /// again for the same one it is that record, and for another it is `BadState`.
        14 Anchor -> Appended, again;
        /// Counts what a service was refused by who keeps state for others, or reaches the network for them, and
        /// records the first of each kind. Needs the permission to tell of refusals. The answer is the record, number 0 where its
        /// service has no room for one.
        15 Refuse -> Appended;
        /// How often what such a record says has happened. Needs the permission to view, or to record.
        16 ReadCount -> Count, again;
    }
}

codes! {
    /// How much a line matters.
    #[derive(PartialOrd, Ord)]
    pub enum Level: u8 {
        /// For whoever works on the service.
        1 Debug,
        /// What happened.
        2 Info,
        /// Something is not as it should be; the service goes on.
        3 Warn,
        /// The service cannot do its work.
        4 Error,
    }
}

codes! {
    /// What a ledger record is about.
    pub enum Event: u8 {
        /// The ledger begins.
        1 Boot,
        /// policyd has decided.
        2 Decision,
        /// A window has been given.
        3 Grant,
        /// A window has not been given.
        4 Refusal,
        /// A window has been taken back, and no end of its owner says so.
        5 Revoke,
        /// A life of a service has ended, and all that it held has come back.
        6 Exit,
        /// The distributor has let go of an authority that it no longer needs.
        7 Drop,
        /// The wall clock of the log has been set.
        8 Clock,
        /// A device has been set up, and what it reaches by itself is its own memory (RFC-0004). Counts
        /// until the next one of the device.
        9 Prepared,
        /// Memory for a ring is shared by two services: the consumer, who is the subject, and the driver.
        10 Share,
        /// One of the two has ended for good: the memory is given to nobody any more.
        11 Unshare,
        /// Records of lives that have ended are folded away: this one stands for them ([`crate::Fold`]).
        12 Fold,
        /// A later life of logd goes on with the ledger that it found ([`crate::Resume`]).
        13 Resume,
        /// A later life of a service has begun, of one that is given no device: else its grant says so.
        14 Start,
        /// Somebody has ordered the start of a service that has no life, or that none follows
        /// ([`crate::init::Ordered`]). An order that ends a life is on record with its end.
        15 Order,
        /// Where the archive of the boots before this one ends ([`Anchor`]). The subject is the archive.
        16 Anchor,
        /// Who keeps state for others, or reaches the network for them, has refused it to one: the first of its kind ([`Refuse`]). Those that
        /// follow are counted.
        17 Access,
    }
}

codes! {
    /// How it came out.
    pub enum Outcome: u8 {
        /// Nothing was decided.
        1 None,
        /// Denied.
        2 Deny,
        /// Allowed.
        3 Allow,
    }
}

codes! {
    /// What was to be done: with a tree of state, or by the network.
    #[derive(PartialOrd, Ord)]
    pub enum Access: u8 {
        /// To read a value, or how large it is.
        1 Get,
        /// To list keys.
        2 List,
        /// To put, delete, or change many.
        3 Put,
        /// To connect to a peer.
        4 Connect,
        /// To accept connections at a port.
        5 Listen,
        /// To have datagrams that come to a port, or to send any.
        6 Bind,
        /// To send a datagram to a peer.
        7 SendTo,
        /// To ask a peer for an echo.
        8 Echo,
        /// To have a name resolved.
        9 Resolve,
    }
}

impl Access {
    /// Its name for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Access::Get => "get",
            Access::List => "list",
            Access::Put => "put",
            Access::Connect => "connect",
            Access::Listen => "listen",
            Access::Bind => "bind",
            Access::SendTo => "send to",
            Access::Echo => "echo",
            Access::Resolve => "resolve",
        }
    }
}

codes! {
    /// What a numbered line is.
    pub enum LineKind: u8 {
        /// Text for people.
        1 Line,
        /// Name of a proof, and how many checks it rests on.
        2 Proof,
    }
}

payloads! {
    /// Adds a piece of a line.
    pub struct Write {
        /// How much it matters; that of the last piece counts.
        pub level: Level,
        /// Padding.
        pub zero: Zero<7>,
        /// The piece.
        pub text: Text,
    }

    /// What a ledger record says. The reporter is not in it: the kernel stamps that.
    pub struct Entry {
        /// What it is about.
        pub event: Event,
        /// How it came out.
        pub outcome: Outcome,
        /// Number of the device; [`NO_DEVICE`] when it is about none.
        pub device: u16,
        /// Rights concerned ([`nexus_abi::Rights`] bits).
        pub rights: u16,
        /// Number of the rule; [`crate::policy::NO_RULE`] when none applied.
        pub rule: u16,
        /// The service that it is about.
        pub subject: Subject,
        /// First physical address of the window; for an exit, where the service was. Prepared: 0.
        pub base: u64,
        /// Bytes of the window; for an exit, the address concerned; for a drop of interrupt lines, how
        /// many. Prepared: bytes of the pool of the device. Share: bytes of the memory.
        pub len: u64,
        /// Version of the rules; 0 when they were not asked.
        pub epoch: u32,
        /// Who asked, where something was asked for; else nobody, id 0. Decision, grant, refusal: the
        /// distributor, or the service that has it `Try`. Clock: who set it. Share: the driver. Exit and
        /// order: who ordered it.
        pub asker: Asker,
        /// Boot: the number of the run. Decision, grant, refusal: the nonce of the question. Exit: its
        /// code or cause. Drop: the kind of the capability. Clock: the time that it was set to; what
        /// it said before is in the [`Stamp`]. Prepared: the digest of what was placed, as in
        /// [`crate::bus::Prepared`]. Fold and resume: see [`crate::Fold`], [`crate::Resume`].
        pub detail: u64,
        /// Why: a code whose meaning depends on the event. Decision: a
        /// [`crate::policy::Reason`]. Refusal: a [`crate::init::Refusal`]; revoke: 0,
        /// or that of a device that is given to nobody any more. Exit: a
        /// [`crate::init::EndKind`]. Order: a [`crate::init::Ordered`]. Access: an [`Access`].
        pub reason: u8,
        /// Registers concerned, of a window that is written one register at a time.
        pub registers: Registers,
        /// Number of the interrupt line concerned, for a drop of lines the first;
        /// [`crate::policy::NO_LINE`] when it is about none.
        pub line: u16,
        /// Least microseconds between two interrupts of the line; 0 for no such bound. Prepared: bytes of
        /// the pool that the device can be made to read or write.
        pub interval: u32,
    }

    /// Adds a record to the ledger.
    pub struct Append {
        /// What it says.
        pub entry: Entry,
    }

    /// The record is in the ledger.
    pub struct Appended {
        /// Its sequence number, from 1.
        pub seq: u64,
    }

    /// Records a proof.
    pub struct Proof {
        /// How many checks it rests on, all of which came out as they must. Never 0.
        pub checks: u32,
        /// Padding.
        pub zero: Zero<4>,
        /// Its name, in one piece.
        pub name: Text,
    }

    /// Tells the wall clock.
    pub struct SetClock {
        /// Nanoseconds since 1970-01-01 00:00 UTC.
        pub unix_ns: u64,
        /// The tick (`time` CSR) at which it was so.
        pub ticks: u64,
    }

    /// Asks for the first line at or after a number.
    pub struct FindLine {
        /// The number; lines count from 1, and 0 asks for the oldest that is kept.
        pub line: u64,
    }

    /// A line.
    pub struct LineInfo {
        /// Its number. A jump tells that older lines are gone.
        pub line: u64,
        /// When it was complete, in ticks.
        pub ticks: u64,
        /// The same by the wall clock; 0 when that was not known.
        pub unix_ns: u64,
        /// Who wrote it.
        pub sender: Subject,
        /// Its bytes.
        pub len: u32,
        /// How much it matters.
        pub level: Level,
        /// What it is.
        pub kind: LineKind,
        /// True when it was cut to the length kept.
        pub cut: bool,
        /// Padding.
        pub zero: Zero<1>,
    }

    /// Asks for text of a line.
    pub struct LineText {
        /// Its number.
        pub line: u64,
        /// First byte wanted.
        pub offset: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Asks what a record says.
    pub struct ReadEntry {
        /// Its sequence number.
        pub seq: u64,
    }

    /// Asks when and by whom the first record at or after a number was made.
    pub struct ReadStamp {
        /// The number.
        pub seq: u64,
    }

    /// When and by whom a record was made.
    pub struct Stamp {
        /// Sequence number.
        pub seq: u64,
        /// Ticks.
        pub ticks: u64,
        /// Wall clock; 0 when that was not known.
        pub unix_ns: u64,
        /// Who asked for it, as the kernel stamped it.
        pub reporter: Subject,
    }

    /// Asks for the hashes of a record.
    pub struct ReadHashes {
        /// Its sequence number.
        pub seq: u64,
    }

    /// Hashes of a record. Whoever remembers the hash of a record can tell later that nothing up
    /// to it was changed or cut.
    pub struct Hashes {
        /// That of the record before; zero for the first.
        pub previous: [u8; 32],
        /// Its own: SHA-256 over `previous`, the [`Stamp`] as it travels, and [`Entry::hashed`].
        pub own: [u8; 32],
    }

    /// Asks for a piece of the chain to be computed anew.
    pub struct Verify {
        /// Sequence number of the first record; 0 begins at the first of all.
        pub from: u64,
    }

    /// How the chain stands.
    pub struct Verification {
        /// Number of the last record: as many as there ever were.
        pub records: u64,
        /// Sequence number of the first record of the piece that does not fit; 0 when all do.
        pub first_bad: u64,
        /// Where the next piece begins; 0 when this was the last.
        pub next: u64,
        /// Hash of the last record.
        pub head: [u8; 32],
    }

    /// Asks for the head of the chain.
    pub struct Head {}

    /// The head of the chain.
    pub struct HeadInfo {
        /// Number of the last record: as many as there ever were.
        pub records: u64,
        /// Hash of the last one; zero when there is none.
        pub head: [u8; 32],
    }

    /// Waits for a record.
    pub struct Await {
        /// The number that it is to be above.
        pub after: u64,
    }

    /// Where the archive of the boots before this one ends. As a record: see [`Anchor::entry`].
    pub struct Anchor {
        /// Number of this boot in the archive, from 1. The archive of the one before ends at what follows.
        pub boot: u32,
        /// Number of the last record there; 0 when this is the first boot.
        pub records: u32,
        /// Boots just before this one whose ledgers, as they are kept, have no anchor; 65,535 for more.
        pub without: u16,
        /// Padding.
        pub zero: Zero<6>,
        /// Hash of that record; zero when this is the first boot.
        pub head: [u8; 32],
    }

    /// Counts refusals of one kind.
    pub struct Refuse {
        /// Who was refused; life 0 where it is not told which of its lives it was.
        pub subject: Subject,
        /// Number of the line of the policy concerned; [`crate::policy::NO_RULE`] when there is none.
        pub rule: u16,
        /// What was asked for.
        pub access: Access,
        /// Padding.
        pub zero: Zero<5>,
        /// How often since this was told last; at least 1.
        pub times: u64,
    }

    /// Asks how often it has happened.
    pub struct ReadCount {
        /// Number of the record; 0 asks for what had no room for a record.
        pub seq: u64,
    }

    /// How often something has happened.
    pub struct Count {
        /// Times since boot.
        pub times: u64,
    }

    /// Asks for counts.
    pub struct Stats {}

    /// Counts since boot.
    pub struct Counts {
        /// Lines taken.
        pub lines: u64,
        /// Lines not taken, because their sender wrote too much.
        pub limited: u64,
        /// Lines that have made room for newer ones.
        pub overwritten: u64,
        /// Proofs.
        pub proofs: u64,
        /// Number of the last ledger record: as many as there ever were.
        pub records: u64,
        /// Ledger records for which there is still room: what is free in all, of which a sender has a share.
        pub room: u64,
        /// Requests refused: malformed, or without permission.
        pub refused: u64,
    }
}

/// Most records that one [`Verify`] computes: bounds the time for which logd does nothing else.
pub const VERIFY_RECORDS: u64 = 64;

/// Pages of the memory that the ledger lies in: init makes it, and gives it to each life of logd.
pub const RECORD_PAGES: u64 = 128;

/// Stands for "no device" in a device number.
pub const NO_DEVICE: u16 = u16::MAX;

impl Entry {
    /// A record that says nothing else: of no device, by no rule, for nobody.
    #[must_use]
    pub fn about(event: Event, outcome: Outcome, subject: Subject) -> Entry {
        Entry {
            event,
            outcome,
            device: NO_DEVICE,
            rights: 0,
            rule: crate::policy::NO_RULE,
            subject,
            asker: Asker::default(),
            base: 0,
            len: 0,
            epoch: 0,
            reason: 0,
            detail: 0,
            registers: Registers::UNMASKED,
            line: crate::policy::NO_LINE,
            interval: 0,
        }
    }

    /// What is hashed of it: all of it as it travels, but for the 15 bytes of registers, line and
    /// interval at its end where all of them are zero. Without them it is 113 bytes with the hash
    /// before and the stamp, which with what SHA-256 adds are two blocks and not three.
    #[must_use]
    pub fn hashed(&self) -> &[u8] {
        let whole = self.as_bytes();
        match whole.split_last_chunk::<15>() {
            Some((hashed, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])) => hashed,
            _ => whole,
        }
    }
}
