//! What is allowed, and what was done.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// A line of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rule {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub id: String,
    /// Why it was written.
    pub reason: String,
}

/// The ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ledger {
    /// Number of the last record: as many as there ever were.
    pub records: u64,
    /// Hash of the last record, in hexadecimal.
    pub head: String,
    /// How its chain stands.
    pub chain: Chain,
    /// Records read here so far: `last`, `denials` and `denied` say nothing of later ones.
    pub read: u64,
    /// The last records, oldest first.
    pub last: Vec<Record>,
    /// The last denials and refusals, oldest first.
    pub denials: Vec<Record>,
    /// How many records there were of such.
    pub denied: u64,
}

/// How the chain of the ledger stands: logd computes it anew, piece by piece, whenever the page is looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Chain {
    /// `whole`, `broken`, `replaced` (the ledger is not the one that was seen before) or `checking`.
    pub state: &'static str,
    /// Records that were computed anew, up to this number.
    pub checked: u64,
    /// Milliseconds after the start at which that was over.
    pub at_ms: Option<u64>,
    /// The first record that does not fit.
    pub broken_at: Option<u64>,
}

/// A record of the ledger, in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// Milliseconds after the start at which it was made.
    pub at_ms: u64,
    /// Who asked, where something was asked for.
    pub asker: String,
    /// What happened.
    pub what: &'static str,
    /// The service that it is about.
    pub service: String,
    /// The device that it is about.
    pub device: String,
    /// Why.
    pub why: String,
    /// What would have to change for another decision, of a denial.
    pub remedy: Option<&'static str>,
    /// How often, where that is counted; else 1.
    pub times: u64,
}
