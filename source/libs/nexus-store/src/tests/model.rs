//! Random programs beside a map with a log of its states.

use std::prelude::rust_2024::*;
use std::{format, vec};

use super::common::{Content, GUID, TREE, content, formatted, key, open};
use crate::fake::FakeDisk;
use crate::{
    Engine, Error, Expect, Limit, Listing, OpenOptions, Quota, Step, Store, TreeId, Version,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

const OTHER: TreeId = TreeId(8);
const QUOTA: Quota = Quota { keys: 6, bytes: 9000 };

#[derive(Clone, Debug)]
enum Op {
    Put { key: u8, len: u16, expect: Want },
    Delete { key: u8, expect: Want },
    Batch(Vec<(u8, Option<u16>)>),
    Pieces { key: u8, lens: Vec<u16>, finish: bool },
    Other { key: u8, len: u16 },
    List { rows: usize, under: bool },
    Sync,
    Turn,
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Want {
    Any,
    Absent,
    Right,
    Wrong,
}

fn want() -> impl Strategy<Value = Want> {
    prop_oneof![6 => Just(Want::Any), 1 => Just(Want::Absent), 2 => Just(Want::Right), 1 => Just(Want::Wrong)]
}

fn op() -> impl Strategy<Value = Op> {
    let len = || prop_oneof![4 => 0..200_u16, 2 => 200..2000_u16, 1 => 2000..6000_u16];
    prop_oneof![
        8 => (0..10_u8, len(), want()).prop_map(|(key, len, expect)| Op::Put { key, len, expect }),
        3 => (0..10_u8, want()).prop_map(|(key, expect)| Op::Delete { key, expect }),
        2 => prop::collection::vec((0..10_u8, prop::option::of(0..300_u16)), 0..5).prop_map(Op::Batch),
        1 => (0..10_u8, prop::collection::vec(1..900_u16, 0..4), any::<bool>())
            .prop_map(|(key, lens, finish)| Op::Pieces { key, lens, finish }),
        2 => (0..10_u8, len()).prop_map(|(key, len)| Op::Other { key, len }),
        2 => (1..5_usize, any::<bool>()).prop_map(|(rows, under)| Op::List { rows, under }),
        4 => Just(Op::Sync),
        6 => Just(Op::Turn),
        1 => Just(Op::Reopen),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    content: Content,
    other: Content,
}

/// The store, and all it may be after a reopening without a sync.
struct Pair {
    disk: FakeDisk,
    store: Option<Engine<FakeDisk>>,
    now: Model,
    /// Since the last sync, in order.
    since: Vec<Model>,
    versions: BTreeMap<String, Version>,
    newest: Version,
}

fn name(key: u8) -> String {
    format!("{}/k{key}", if key.is_multiple_of(2) { "even" } else { "odd" })
}

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u64 * 31 + seed) as u8).collect()
}

impl Pair {
    fn new() -> Self {
        let disk = formatted(16, 128);
        let mut store = open(&disk);
        store.set_quota(OTHER, QUOTA);
        let now = Model::default();
        Self {
            disk,
            store: Some(store),
            since: vec![now.clone()],
            now,
            versions: BTreeMap::new(),
            newest: Version(0),
        }
    }

    fn store(&mut self) -> &mut Engine<FakeDisk> {
        self.store.as_mut().unwrap()
    }

    fn expect(&self, name: &str, want: Want) -> (Expect, bool) {
        let version = self.versions.get(name).copied();
        match want {
            Want::Any => (Expect::Any, true),
            Want::Absent => (Expect::Absent, version.is_none()),
            Want::Right => match version {
                Some(version) => (Expect::Version(version), true),
                None => (Expect::Absent, true),
            },
            Want::Wrong => (Expect::Version(Version(1)), false),
        }
    }

    fn new_version(&mut self, version: Version) {
        assert!(version > self.newest, "versions only rise");
        self.newest = version;
    }

    fn put(&mut self, key_of: u8, len: u16, want: Want) {
        let name = name(key_of);
        let (expect, good) = self.expect(&name, want);
        let value = bytes(self.newest.0, usize::from(len));
        let version = self.versions.get(&name).copied();
        match self.store().put(TREE, key(&name), &value, expect) {
            Ok(version) => {
                assert!(good);
                self.new_version(version);
                self.versions.insert(name.clone(), version);
                self.now.content.insert(name, value);
                self.remember();
            }
            Err(error) => assert_eq!((good, error), (false, Error::Conflict(version))),
        }
    }

    fn delete(&mut self, key_of: u8, want: Want) {
        let name = name(key_of);
        let (expect, good) = self.expect(&name, want);
        let version = self.versions.get(&name).copied();
        match self.store().delete(TREE, key(&name), expect) {
            Ok(was) => {
                assert!(good);
                assert_eq!(was, self.now.content.remove(&name).is_some());
                self.versions.remove(&name);
                self.remember();
            }
            Err(error) => assert_eq!((good, error), (false, Error::Conflict(version))),
        }
    }

    fn batch(&mut self, steps: &[(u8, Option<u16>)]) {
        let seed = self.newest.0;
        let steps: BTreeMap<String, Option<Vec<u8>>> = steps
            .iter()
            .map(|(key, len)| (name(*key), len.map(|len| bytes(seed, usize::from(len)))))
            .collect();
        let list: Vec<Step<'_>> = steps
            .iter()
            .map(|(name, value)| Step {
                key: key(name),
                value: value.as_deref(),
                expect: Expect::Any,
            })
            .collect();
        let version = self.store().batch(TREE, &list).unwrap();
        self.new_version(version);
        for (name, value) in steps {
            match value {
                Some(value) => {
                    self.versions.insert(name.clone(), version);
                    self.now.content.insert(name, value);
                }
                None => {
                    self.versions.remove(&name);
                    self.now.content.remove(&name);
                }
            }
        }
        self.remember();
    }

    fn pieces(&mut self, key_of: u8, lens: &[u16], finish: bool) {
        let name = name(key_of);
        let seed = self.newest.0;
        let mut draft = self.store().begin().unwrap();
        let mut whole = Vec::new();
        for len in lens {
            let piece = bytes(seed, usize::from(*len));
            self.store().piece(&mut draft, &piece).unwrap();
            whole.extend(piece);
        }
        if finish {
            let finished = self.store().finish(TREE, key(&name), draft, Expect::Any);
            let version = finished.map_err(|(_, error)| error).unwrap();
            self.new_version(version);
            self.versions.insert(name.clone(), version);
            self.now.content.insert(name, whole);
        } else if seed.is_multiple_of(2) {
            self.store().abandon(draft).unwrap();
        }
        self.remember();
    }

    /// In a tree with a quota.
    fn other(&mut self, key_of: u8, len: u16) {
        let name = name(key_of);
        let value = bytes(self.newest.0, usize::from(len));
        let mut after = self.now.other.clone();
        let grows = after.get(&name).is_none_or(|old| old.len() < value.len());
        let more = after.insert(name.clone(), value.clone()).is_none();
        let size: usize = after.iter().map(|(name, value)| name.len() + value.len()).sum();
        let limit = if more && after.len() as u64 > QUOTA.keys {
            Some(Limit::Keys)
        } else {
            (grows && size as u64 > QUOTA.bytes).then_some(Limit::Bytes)
        };
        match self.store().put(OTHER, key(&name), &value, Expect::Any) {
            Ok(version) => {
                assert_eq!(limit, None);
                self.new_version(version);
                self.now.other = after;
                self.remember();
            }
            Err(error) => assert_eq!(Some(error), limit.map(Error::Quota)),
        }
    }

    fn list(&mut self, rows: usize, under: bool) {
        let under = under.then(|| key("even"));
        let listing = Listing { under, after: None, rows };
        let page = self.store().page(TREE, &listing, false).unwrap();
        let all: Vec<&String> = self
            .now
            .content
            .keys()
            .filter(|name| under.is_none() || name.starts_with("even/"))
            .collect();
        let listed: Vec<&String> = page.rows.iter().map(|row| &row.key).collect();
        assert_eq!(listed, all[..rows.min(all.len())]);
        assert_eq!(page.more, all.len() > rows);
        for row in &page.rows {
            assert_eq!(self.versions.get(&row.key), Some(&row.found.version));
            assert_eq!(self.now.content[&row.key].len() as u64, row.found.size);
        }
    }

    fn remember(&mut self) {
        let now = self.now.clone();
        self.since.push(now);
    }

    fn sync(&mut self) {
        let ticket = self.store().ticket();
        self.store().sync().unwrap();
        assert_eq!(self.store().settled(ticket), Some(Ok(())));
        self.since = vec![self.now.clone()];
    }

    fn reopen(&mut self) {
        self.store = None;
        let mut store = open(&self.disk);
        store.set_quota(OTHER, QUOTA);
        let content_of = |store: &mut Engine<FakeDisk>| Model {
            content: content(store, TREE, 3).unwrap(),
            other: content(store, OTHER, 3).unwrap(),
        };
        let found = content_of(&mut store);
        assert!(self.since.contains(&found), "what is there was there since the last sync");
        self.versions.clear();
        for name in found.content.keys() {
            let stat = store.stat(TREE, key(name)).unwrap().unwrap();
            self.versions.insert(name.clone(), stat.version);
        }
        self.store = Some(store);
        self.since = vec![found.clone()];
        self.now = found;
    }

    fn check(&mut self) {
        let listed = content(self.store(), TREE, 4).unwrap();
        assert_eq!(listed, self.now.content);
        for (tree, content) in [(TREE, self.now.content.clone()), (OTHER, self.now.other.clone())] {
            let used = self.store().usage(tree);
            let size: usize = content.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert_eq!((used.keys, used.bytes), (content.len() as u64, size as u64));
        }
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Put { key, len, expect } => self.put(*key, *len, *expect),
            Op::Delete { key, expect } => self.delete(*key, *expect),
            Op::Batch(steps) => self.batch(steps),
            Op::Pieces { key, lens, finish } => self.pieces(*key, lens, *finish),
            Op::Other { key, len } => self.other(*key, *len),
            Op::List { rows, under } => self.list(*rows, *under),
            Op::Sync => self.sync(),
            Op::Turn => drop(self.store().turn().unwrap()),
            Op::Reopen => self.reopen(),
        }
    }
}

/// `just assure` says how many programs.
fn cases() -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    cases.unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    // attack 92 U: random programs with quotas, versions, batches and reopenings; as a map with a log of its states; broken: store-read-only, store-versions
    #[test]
    fn random_programs_are_as_a_map_with_a_log(ops in prop::collection::vec(op(), 1..120)) {
        let mut pair = Pair::new();
        for (at, op) in ops.iter().enumerate() {
            pair.run(op);
            if at % 16 == 15 {
                pair.check();
            }
        }
        pair.check();
        pair.sync();
        pair.reopen();
        pair.check();
        // For reading alone, nothing is written.
        let before = pair.disk.bytes();
        let read = OpenOptions { write: false, ..OpenOptions::new(GUID, 3) };
        let mut store = super::common::open_with(&pair.disk, &read).unwrap();
        prop_assert_eq!(content(&mut store, TREE, 7).unwrap(), pair.now.content.clone());
        drop(store);
        prop_assert!(before == pair.disk.bytes());
    }
}
