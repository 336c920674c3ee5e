//! Changes with numbers, in an order that the host knows (`tools/nexus/src/qemu/disk/kept.rs`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_rt::startup;
use nexus_state::{Change, Error, Expect, OWN, RingLink, State};

use crate::value::Value;

/// Keys. Changes go round them.
const KEYS: u64 = 64;
/// Changes of a batch.
const BATCH: u64 = 4;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Put,
    Delete,
    /// It and the ones behind it are one batch.
    Batch,
}

/// Each 16th is the first of a batch, and each 16th deletes.
const fn kind(number: u64) -> Kind {
    match number % 16 {
        1 => Kind::Batch,
        9 => Kind::Delete,
        _ => Kind::Put,
    }
}

/// Whether there is a state after so many changes: not inside of a batch.
const fn is_state(upto: u64) -> bool {
    !matches!(upto % 16, 1..BATCH)
}

/// The key that a change is of.
fn key(number: u64) -> String {
    format!("load/{:02}", number % KEYS)
}

/// A client, and how far it is.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) store: State<RingLink, SharedMemory<ReadWrite>>,
    nonce: u64,
    who: u32,
    /// Changes that were made.
    pub(crate) made: u64,
    /// All up to this one were acknowledged by a sync.
    pub(crate) synced: u64,
}

impl Load {
    /// With nothing made yet.
    pub(crate) fn new() -> Result<Load, Error> {
        let block = startup().block();
        let (nonce, who) = (block.nonce, block.service_id);
        Ok(Load { store: nexus_state::open()?, nonce, who, made: 0, synced: 0 })
    }

    /// Makes the next change, or the next batch of them.
    pub(crate) fn change(&mut self) -> Result<(), Error> {
        let number = self.made + 1;
        match kind(number) {
            Kind::Put => {
                self.store.put(&key(number), &self.value(number), Expect::Any)?;
                self.made = number;
            }
            Kind::Delete => {
                self.store.delete(OWN, &key(number), Expect::Any, false)?;
                self.made = number;
            }
            Kind::Batch => {
                let all = number..number + BATCH;
                let rows: Vec<(String, Vec<u8>)> =
                    all.map(|number| (key(number), self.value(number))).collect();
                let changes: Vec<Change<'_>> = rows
                    .iter()
                    .map(|(key, value)| Change { key, value: Some(value), expect: Expect::Any })
                    .collect();
                self.store.batch(OWN, &changes, false)?;
                self.made = number + BATCH - 1;
            }
        }
        Ok(())
    }

    /// All that was made is durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.store.sync()?;
        self.synced = self.made;
        Ok(())
    }

    /// Goes on behind a change that is there, where those after it are not.
    pub(crate) const fn go_on_behind(&mut self, number: u64) {
        (self.made, self.synced) = (number, number);
    }

    /// The content after one of the changes of this client from `synced` on is what is there: which change that
    /// is, and how many keys were looked at.
    pub(crate) fn found(&mut self) -> Result<(u64, u32), Lost> {
        let mut there = Vec::new();
        for place in 0..KEYS {
            there.push(self.store.get(OWN, &key(place))?.map(|value| value.bytes));
        }
        let matches = |upto: &u64| {
            let each =
                |(place, value): (u64, &Option<Vec<u8>>)| self.is(*upto, place, value.as_deref());
            is_state(*upto) && (0..).zip(&there).all(each)
        };
        let upto = (self.synced..=self.made + BATCH).find(matches);
        upto.map(|upto| (upto, KEYS as u32)).ok_or(Lost::Content(self.synced))
    }

    /// Whether a key holds what it did after so many changes. Up to which they were acknowledged when a value was
    /// put is not compared.
    fn is(&self, upto: u64, place: u64, value: Option<&[u8]>) -> bool {
        let last = (0..=upto).rev().find(|number| *number == 0 || number % KEYS == place);
        let number = last.filter(|number| *number != 0 && number % KEYS == place);
        let number = number.filter(|number| kind(*number) != Kind::Delete);
        match (number, value) {
            (None, None) => true,
            (Some(number), Some(bytes)) => {
                let synced = bytes.get(32..40).and_then(|word| word.first_chunk());
                let synced = synced.map_or(0, |word| u64::from_le_bytes(*word));
                let Load { nonce, who, .. } = *self;
                bytes == Value { nonce, who, number, synced }.bytes()
            }
            _ => false,
        }
    }

    fn value(&self, number: u64) -> Vec<u8> {
        let Load { nonce, who, synced, .. } = *self;
        Value { nonce, who, number, synced }.bytes()
    }
}

/// What was acknowledged is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The store does not answer.
    Store(Error),
    /// The content is that after none of the changes from this one on.
    Content(u64),
}

impl From<Error> for Lost {
    fn from(why: Error) -> Lost {
        Lost::Store(why)
    }
}
