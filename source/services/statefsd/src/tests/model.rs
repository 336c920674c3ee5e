//! Random programs of two clients, against a map with a log: what was synced is what is there after statefsd ends.

use std::collections::BTreeMap;
use std::rc::Rc;

use nexus_state::{Change, Error, Expect, OWN, Version};
use nexus_store::Store;
use proptest::prelude::*;

use super::{A, B, Client, World, tree};

#[derive(Clone, Debug)]
enum Op {
    Put {
        client: usize,
        key: usize,
        len: usize,
        sync: bool,
        stale: bool,
    },
    Pieces {
        client: usize,
        key: usize,
        len: usize,
    },
    Delete {
        client: usize,
        key: usize,
        sync: bool,
    },
    Batch {
        client: usize,
        keys: Vec<(usize, Option<usize>)>,
        sync: bool,
    },
    /// What A may read of B.
    Others {
        key: usize,
    },
    List {
        client: usize,
        rows: u32,
        values: bool,
    },
    Sync {
        client: usize,
    },
    Turns,
    /// statefsd ends after so many turns.
    Dies(u32),
    Restart,
}

const NAMES: [&str; 6] = ["open/a", "open/b", "c", "d/e", "d/f", "open"];

fn op() -> impl Strategy<Value = Op> {
    let (client, key, len) = (0_usize..2, 0..NAMES.len(), 0_usize..3000);
    let both = (client.clone(), key.clone());
    prop_oneof![
        6 => (both.clone(), len.clone(), any::<bool>(), any::<bool>()).prop_map(
            |((client, key), len, sync, stale)| Op::Put { client, key, len, sync, stale }),
        1 => (both.clone(), 1_usize..40_000)
            .prop_map(|((client, key), len)| Op::Pieces { client, key, len }),
        3 => (both, any::<bool>()).prop_map(|((client, key), sync)| Op::Delete { client, key, sync }),
        2 => (client.clone(), proptest::collection::btree_map(key.clone(), proptest::option::of(len), 1..5), any::<bool>())
            .prop_map(|(client, keys, sync)| Op::Batch { client, keys: keys.into_iter().collect(), sync }),
        2 => key.prop_map(|key| Op::Others { key }),
        2 => (client.clone(), 1_u32..8, any::<bool>())
            .prop_map(|(client, rows, values)| Op::List { client, rows, values }),
        2 => client.prop_map(|client| Op::Sync { client }),
        1 => Just(Op::Turns),
        1 => (0_u32..3).prop_map(Op::Dies),
        1 => Just(Op::Restart),
    ]
}

type Tree = BTreeMap<&'static str, (Version, Vec<u8>)>;

struct Model {
    world: Rc<World>,
    clients: [Client; 2],
    now: [Tree; 2],
    /// What there was since the last sync that was answered, from then on.
    since: Vec<[Tree; 2]>,
    /// It has changes that were answered and not synced by itself.
    dirty: [bool; 2],
    /// Lives of statefsd that each client has seen.
    seen: [u32; 2],
    number: u8,
    /// Versions that were ever given: none twice.
    last: Version,
}

fn bytes(number: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31).wrapping_add(number)).collect()
}

impl Model {
    fn new() -> Model {
        let world = World::new();
        let clients = [world.client(A), world.client(B)];
        let (now, since) = (Default::default(), vec![Default::default()]);
        let seen = [world.lives.get(); 2];
        Model { world, clients, now, since, dirty: [false; 2], seen, number: 0, last: Version(0) }
    }

    /// What a client is told that finds another life of statefsd, before anything else.
    fn is_lost(&mut self, client: usize) -> bool {
        let other = self.seen[client] != self.world.lives.get();
        self.seen[client] = self.world.lives.get();
        core::mem::take(&mut self.dirty[client]) && other
    }

    /// statefsd has ended since `before`: what is there is what there was at some time since the last sync.
    fn after(&mut self, before: u32) {
        if self.world.lives.get() != before {
            let is = [A, B].map(|service| self.stored(service));
            assert!(self.since.contains(&is), "it was never so since the last sync");
            self.now = is.clone();
            self.since = vec![is];
        }
    }

    /// What a tree holds.
    fn stored(&self, service: u32) -> Tree {
        let there = NAMES.into_iter().filter_map(|name| {
            let key = nexus_store::Key::new(name).unwrap();
            let mut out = Vec::new();
            self.world.with(|server| {
                let store = server.store().unwrap();
                let found = match store.get(tree(service), key, &mut out) {
                    Err(nexus_store::Error::InPieces(found)) => found,
                    found => {
                        return found.unwrap().map(|found| (name, (Version(found.version.0), out)));
                    }
                };
                let mut whole = Vec::new();
                for index in 0..found.pieces {
                    store.get_piece(tree(service), key, found.version, index, &mut out).unwrap();
                    whole.extend_from_slice(&out);
                }
                Some((name, (Version(found.version.0), whole)))
            })
        });
        there.collect()
    }

    fn synced(&mut self, client: usize) {
        self.since = vec![self.now.clone()];
        self.dirty[client] = false;
    }

    /// A change of a client: what it says, and what then is so.
    fn change(
        &mut self,
        client: usize,
        sync: bool,
        ask: impl FnOnce(&mut Client, &Tree) -> Result<Version, Error>,
        then: impl FnOnce(&mut Tree, Version),
    ) {
        let before = self.world.lives.get();
        let had = self.now[client].clone();
        let stale = self.seen[client] != before;
        let made = ask(&mut self.clients[client], &had);
        let died = self.world.lives.get() != before;
        self.after(before);
        match made {
            Ok(version) => {
                assert!(!died || !self.dirty[client], "it goes on without what was lost");
                assert!(version == Version(0) || version > self.last, "{version:?} came before");
                self.last = self.last.max(version);
                then(&mut self.now[client], version);
                self.since.push(self.now.clone());
                self.dirty[client] = true;
                if sync {
                    self.synced(client);
                }
                self.seen[client] = self.world.lives.get();
            }
            Err(Error::Unknown | Error::Lost | Error::NoDraft) => {
                assert!(died || stale, "nothing has ended");
                self.dirty[client] = false;
                self.seen[client] = self.world.lives.get();
            }
            Err(Error::Conflict(version)) => {
                let is = had.values().map(|(version, _)| Some(*version));
                assert!(version.is_none() || is.chain([None]).any(|other| other == version));
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn put(&mut self, client: usize, key: usize, len: usize, sync: bool, stale: bool) {
        let name = NAMES[key];
        self.number = self.number.wrapping_add(1);
        let value = bytes(self.number, len);
        let put = value.clone();
        self.change(
            client,
            sync,
            |store, tree| {
                let is =
                    tree.get(name).map_or(Expect::Absent, |(version, _)| Expect::Version(*version));
                let expect = if stale { Expect::Version(Version(1)) } else { is };
                let put = store.put_in(OWN, name, &put, expect, sync);
                assert!(!stale || put.is_err());
                put
            },
            |tree, version| drop(tree.insert(name, (version, value))),
        );
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Put { client, key, len, sync, stale } => self.put(client, key, len, sync, stale),
            Op::Pieces { client, key, len } => {
                self.number = self.number.wrapping_add(1);
                let value = bytes(self.number, len);
                let put = value.clone();
                self.change(
                    client,
                    false,
                    |store, _| store.put_pieces(OWN, NAMES[key], &put, Expect::Any, false),
                    |tree, version| drop(tree.insert(NAMES[key], (version, value))),
                );
            }
            Op::Delete { client, key, sync } => {
                let was = self.now[client].contains_key(NAMES[key]);
                // What is not there is not removed, and nothing is synced for it.
                let sync = sync && was;
                let mut removed = false;
                self.change(
                    client,
                    sync,
                    |store, _| {
                        let gone = store.delete(OWN, NAMES[key], Expect::Any, sync)?;
                        removed = gone;
                        if gone { Ok(Version(0)) } else { Err(Error::Conflict(None)) }
                    },
                    |tree, _| drop(tree.remove(NAMES[key])),
                );
                assert!(!removed || was);
            }
            Op::Batch { client, keys, sync } => self.batch(client, &keys, sync),
            Op::Others { key } => self.others(key),
            Op::List { client, rows, values } => self.list(client, rows, values),
            Op::Sync { client } => {
                let before = self.world.lives.get();
                let lost = self.seen[client] != before && self.dirty[client];
                let synced = self.clients[client].sync();
                let died = self.world.lives.get() != before;
                let expected = lost || (died && self.dirty[client]);
                self.after(before);
                self.seen[client] = self.world.lives.get();
                assert_eq!(synced, if expected { Err(Error::Lost) } else { Ok(()) });
                self.dirty[client] = false;
                if !expected {
                    self.synced(client);
                }
            }
            Op::Turns => (0..4).for_each(|_| self.world.turn()),
            Op::Dies(after) => self.world.dies.set(Some(after)),
            Op::Restart => self.restart(),
        }
    }

    fn restart(&mut self) {
        let before = self.world.lives.get();
        self.world.restart();
        self.after(before);
    }

    fn batch(&mut self, client: usize, keys: &[(usize, Option<usize>)], sync: bool) {
        self.number = self.number.wrapping_add(1);
        let values: Vec<Option<Vec<u8>>> =
            keys.iter().map(|(_, len)| Some(bytes(self.number, (*len)?))).collect();
        let changes: Vec<Change<'_>> = keys
            .iter()
            .zip(&values)
            .map(|((key, _), value)| Change {
                key: NAMES[*key],
                value: value.as_deref(),
                expect: Expect::Any,
            })
            .collect();
        self.change(
            client,
            sync,
            |store, _| store.batch(OWN, &changes, sync),
            |tree, version| {
                for ((key, _), value) in keys.iter().zip(&values) {
                    match value {
                        Some(value) => drop(tree.insert(NAMES[*key], (version, value.clone()))),
                        None => drop(tree.remove(NAMES[*key])),
                    }
                }
            },
        );
    }

    /// Asks for something that changes nothing; none when what was lost is told instead.
    fn look<T>(
        &mut self,
        client: usize,
        ask: impl Fn(&mut Client) -> Result<T, Error>,
    ) -> Option<T> {
        let before = self.world.lives.get();
        let looked = ask(&mut self.clients[client]);
        let died = self.world.lives.get() != before;
        self.after(before);
        match looked {
            Err(Error::Lost) => {
                assert!(self.is_lost(client) || died, "nothing was lost");
                self.seen[client] = self.world.lives.get();
                None
            }
            Ok(value) => {
                let lost = self.seen[client] != self.world.lives.get() && self.dirty[client];
                assert!(!lost, "what was lost is not told");
                self.seen[client] = self.world.lives.get();
                Some(value)
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn others(&mut self, key: usize) {
        let name = NAMES[key];
        if !name.starts_with("open") {
            let _ = self.look(0, |store| match store.get(B, name) {
                Err(Error::Denied) => Ok(()),
                Ok(_) => panic!("{name} is not open"),
                Err(other) => Err(other),
            });
            return;
        }
        let value = self.look(0, |store| store.get_all(B, name, 1 << 20));
        if let Some(value) = value {
            let value = value.map(|value| (value.version, value.bytes));
            assert_eq!(value.as_ref(), self.now[1].get(name));
        }
    }

    fn list(&mut self, client: usize, rows: u32, values: bool) {
        let mut seen = Tree::new();
        let mut after: Option<String> = None;
        loop {
            let page =
                self.look(client, |store| store.list(OWN, "", after.as_deref(), rows, values));
            let Some(page) = page else { return };
            assert!(page.rows.len() <= rows as usize);
            for row in page.rows {
                let name = NAMES.into_iter().find(|name| *name == row.key).unwrap();
                let (version, value) = self.now[client].get(name).expect("it is there").clone();
                assert_eq!((row.found.version, row.found.size), (version, value.len() as u64));
                if values && row.found.pieces == 0 {
                    assert_eq!(row.value, value);
                }
                after = Some(row.key);
                seen.insert(name, (version, value));
            }
            if !page.more {
                break;
            }
        }
        let keys: Vec<_> = seen.keys().collect();
        let there: Vec<_> = self.now[client].keys().collect();
        assert_eq!(keys, there, "a list leaves none out");
    }

    fn all(&mut self) {
        for client in 0..2 {
            for name in NAMES {
                let value = self.look(client, |store| store.get_all(OWN, name, 1 << 20));
                let Some(value) = value else { continue };
                let value = value.map(|value| (value.version, value.bytes));
                assert_eq!(value.as_ref(), self.now[client].get(name), "{name} of {client}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 96 }, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_are_as_a_map_with_a_log(
        ops in proptest::collection::vec(op(), 1..40),
    ) {
        let mut model = Model::new();
        for op in ops {
            model.run(op);
        }
        model.world.dies.set(None);
        model.all();
        model.restart();
        model.all();
        model.all();
    }
}
