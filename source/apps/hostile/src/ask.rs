//! Asks, without any permission, for what only others may have.

use nexus_abi::Rights;
use nexus_proto::console::{Console, Prompt, ReadKey, ReadLine, Write};
use nexus_proto::init::{BoardEntry, Init};
use nexus_proto::log::{
    Append, Entry, Event, FindLine, Log, Outcome as Came, ReadEntry, ReadHashes, ReadStamp,
    SetClock, Verify,
};
use nexus_proto::policy::{
    Decide, Explain, ExplainNet, ExplainPermit, ExplainRing, ExplainState, NetTerms, Policy,
    RuleReason, RuleText, StatePrefix,
};
use nexus_proto::power::{Exit, Off, Power, Reboot};
use nexus_proto::{Asker, Operation, Registers, ServiceError, Subject, Text, Zero, ids, init};
use nexus_rt::{CallError, Client, Deadline, StartError, startup};
use nexus_test::SAFETY_MS;

use crate::talk::Outcome;

/// A service that may do what this one may not, to put in payloads.
const PRETENDED: Subject = Subject { id: ids::INIT, incarnation: 1 };

/// Questions, and how many of them were answered as they must be; word 1 has a bit for each.
#[derive(Default)]
struct Score {
    asked: u64,
    refused: u64,
}

impl Score {
    fn take(&mut self, as_it_must_be: bool) {
        self.refused |= u64::from(as_it_must_be) << self.asked;
        self.asked += 1;
    }

    /// Asks for something that must be denied.
    fn denied<O: Operation>(&mut self, server: Client<O::Protocol>, ask: &O) {
        let answer = server.call(ask, Deadline::after_ms(SAFETY_MS));
        self.take(matches!(answer, Err(CallError::Service(ServiceError::Denied))));
    }
}

/// Asks everything. Word 0 tells how many questions there were, word 1 has a bit set for each
/// that was refused as it must be.
#[must_use]
pub fn run() -> Outcome {
    let mut score = Score::default();
    match ask_all(&mut score) {
        Ok(()) => Outcome::Done([score.asked, score.refused]),
        Err(_) => Outcome::NotBegun { step: 1, error: 0 },
    }
}

fn ask_all(score: &mut Score) -> Result<(), StartError> {
    let start = startup();
    ask_policyd(score, start.client(ids::POLICYD)?);
    ask_logd(score, start.client(ids::LOGD)?);
    ask_init(score, start.client(ids::INIT)?);
    ask_powerd(score, start.client(ids::POWERD)?);
    ask_consoled(score, start.client(ids::CONSOLED)?, start.block().nonce);
    Ok(())
}

fn ask_policyd(score: &mut Score, policyd: Client<Policy>) {
    let rights = (Rights::MAP | Rights::READ | Rights::WRITE).bits();
    let decide = Decide {
        subject: PRETENDED,
        asker: Asker::default(),
        device: 0,
        rights,
        base: 0x1000_0000,
        nonce: u64::MAX,
        pages: 1,
        pool: 0,
        line: 10,
        registers: Registers::UNMASKED,
        zero: Zero::ZERO,
    };
    score.denied(policyd, &decide);
    score.denied(policyd, &Explain { service: ids::CONSOLED, device: 0, rights: 0 });
    score.denied(policyd, &ExplainPermit { service: ids::INIT, permission: 0, zero: Zero::ZERO });
    score.denied(policyd, &ExplainRing { service: ids::INIT, driver: ids::LOGD });
    let (service, owner, zero) = (ids::INIT, ids::NSH, Zero::ZERO);
    score.denied(policyd, &ExplainState { service, owner, index: 0, zero });
    score.denied(policyd, &StatePrefix { line: 1, zero: Zero::ZERO, offset: 0 });
    let (protocol, port) = (0, 80);
    let net = ExplainNet {
        address: [0; 16],
        service,
        port,
        index: 0,
        protocol,
        inward: false,
        one: false,
        zero: Zero::ZERO,
    };
    score.denied(policyd, &net);
    score.denied(policyd, &NetTerms { line: 1, addresses: true, zero: Zero::ZERO, offset: 0 });
    score.denied(policyd, &RuleText { rule: 1, zero: Zero::ZERO, offset: 0 });
    score.denied(policyd, &RuleReason { rule: 1, zero: Zero::ZERO, offset: 0 });
}

fn ask_logd(score: &mut Score, logd: Client<Log>) {
    let entry = Entry { device: 0, epoch: 1, ..Entry::about(Event::Grant, Came::Allow, PRETENDED) };
    score.denied(logd, &Append { entry });
    score.denied(logd, &SetClock { unix_ns: 1, ticks: 1 });
    score.denied(logd, &ReadEntry { seq: 1 });
    score.denied(logd, &ReadStamp { seq: 1 });
    score.denied(logd, &ReadHashes { seq: 1 });
    score.denied(logd, &Verify { from: 0 });
    // init has written lines before; of them and of all others' there are none for this process.
    let line = logd.call(&FindLine { line: 0 }, Deadline::after_ms(SAFETY_MS));
    score.take(matches!(line, Err(CallError::Service(ServiceError::NotFound))));
}

fn ask_init(score: &mut Score, init: Client<Init>) {
    score.denied(init, &init::Owners { cursor: 0 });
    score.denied(init, &init::Irqs { cursor: 0 });
    score.denied(init, &init::Times { cursor: 0 });
    score.denied(init, &init::Caps { service: ids::CONSOLED, zero: Zero::ZERO, cursor: 0 });
    score.denied(init, &init::Try { service: ids::CONSOLED, device: 0, rights: 0 });
    score.take(init_hides_roots(init));
    score.take(init_hides_addresses(init));
}

/// How a service stands is told without the address of its page table.
fn init_hides_roots(init: Client<Init>) -> bool {
    let ask = init::Stat { service: ids::CONSOLED, zero: Zero::ZERO };
    init.call(&ask, Deadline::after_ms(SAFETY_MS)).is_ok_and(|stat| stat.root == 0)
}

/// What the board has is told without addresses.
fn init_hides_addresses(init: Client<Init>) -> bool {
    let ask = |cursor| init.call(&init::Board { cursor }, Deadline::after_ms(SAFETY_MS));
    let mut next = Some(0);
    while let Some(cursor) = next {
        let Ok(BoardEntry { base: 0, next: cursor, .. }) = ask(cursor) else { return false };
        next = Some(u64::from(cursor)).filter(|cursor| *cursor != 0);
    }
    true
}

fn ask_powerd(score: &mut Score, powerd: Client<Power>) {
    score.denied(powerd, &Exit { code: 33, zero: Zero::ZERO });
    score.denied(powerd, &Off {});
    score.denied(powerd, &Reboot {});
}

/// Begins a record of this run, a test and a kernel line in every way that consoled offers, and
/// reads what is typed. The host counts each record that it sees as one that must not be there.
fn ask_consoled(score: &mut Score, consoled: Client<Console>, nonce: u64) {
    let mut record = *b"@nx 0000000000000000 verdict 0 1\n";
    for (place, digit) in record.iter_mut().skip(4).zip((0..16u32).rev()) {
        let value = (nonce >> (4 * digit) & 0xf) as u8;
        *place = if value < 10 { b'0' + value } else { b'a' + value - 10 };
    }
    let lines: [&[u8]; 5] =
        [&record, b"SELFTEST: forged FAILED\n", b"neuron: panic: forged\n", b"@n", &record[2..32]];
    let deadline = || Deadline::after_ms(SAFETY_MS);
    for text in lines {
        let taken = consoled.call(&Write { text: Text::piece(text) }, deadline());
        score.take(taken.is_ok());
    }
    let prompt = consoled.call(&Prompt { text: Text::piece(&record[..32]) }, deadline());
    score.take(prompt.is_ok());
    score.denied(consoled, &ReadLine { deadline: 0 });
    score.denied(consoled, &ReadKey { deadline: 0 });
    let end = consoled.call(&Write { text: Text::piece(b"\r\n") }, deadline());
    score.take(end.is_ok());
}
