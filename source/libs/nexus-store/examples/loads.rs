//! What the loads of `nexus bench --store` ask of the disk, in the order in which that does them, with the background
//! as statefsd has it: `cargo run --release -p nexus-store --example loads --features fake,std -- 1000000`.

use nexus_store::fake::FakeDisk;
use nexus_store::{
    Counters, Engine, Expect, Extent, FormatOptions, Identity, Key, Listing, OpenOptions, Step,
    Store, TreeId, format,
};
use std::error::Error;
use std::time::Instant;

const GUID: [u8; 16] = [7; 16];
const TREE: TreeId = TreeId(1);
/// Bytes that are changed for which statefsd has a step of the background due.
const STEP_BYTES: usize = 64 << 10;
/// Bytes for which it counts a row that is changed.
const CHANGE: usize = 2048;
/// Requests of one client in a turn.
const SHARE: u64 = 16;

type Done = Result<(), Box<dyn Error>>;

fn name(at: u64) -> String {
    format!("k{:016x}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The store, and what statefsd counts.
struct Loads {
    store: Engine<FakeDisk>,
    keys: u64,
    at: u64,
    owed: usize,
    turns: u64,
    largest: u64,
}

impl Loads {
    /// So many puts at random, a sync after each `each`.
    fn puts(&mut self, what: &str, puts: u64, each: u64) -> Done {
        let (before, begun) = (self.store.counters(), Instant::now());
        (self.turns, self.largest) = (0, 0);
        for _ in 0..puts / each {
            let mut left = each;
            while left > 0 {
                let some = left.min(SHARE);
                self.put_some(some)?;
                left -= some;
                if left == 0 {
                    self.store.sync()?;
                }
                self.background(some as usize * CHANGE)?;
            }
        }
        self.shown(what, puts, before, begun);
        Ok(())
    }

    /// Puts as many as are asked at one time.
    fn put_some(&mut self, puts: u64) -> Done {
        let names: Vec<String> = (0..puts).map(|_| self.next()).collect();
        let keys = keys(&names)?;
        if puts > 1 {
            self.store.ahead(&keys);
        }
        for (tree, key) in keys {
            self.store.put(tree, key, &[self.at as u8; 100], Expect::Any)?;
        }
        Ok(())
    }

    /// A key at random.
    fn next(&mut self) -> String {
        self.at += 1;
        name(self.at.wrapping_mul(7_368_787) % self.keys)
    }

    /// So many gets at random, one at a time.
    fn gets(&mut self, gets: u64) -> Done {
        let (before, begun) = (self.store.counters(), Instant::now());
        let mut out = Vec::new();
        for _ in 0..gets {
            let name = [self.next()];
            for (tree, key) in keys(&name)? {
                self.store.get(tree, key, &mut out)?.ok_or("a key that is not there")?;
            }
        }
        self.shown("get", gets, before, begun);
        Ok(())
    }

    fn background(&mut self, changed: usize) -> Done {
        self.owed += changed;
        let due = self.owed / STEP_BYTES;
        self.owed %= STEP_BYTES;
        let steps = if self.store.pressing() { due.max(1) } else { 0 };
        for _ in 0..steps {
            let before = self.store.counters();
            let more = self.store.turn()?;
            let now = self.store.counters();
            self.largest = self.largest.max(now.waits - before.waits);
            self.turns += 1;
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn shown(&self, what: &str, times: u64, before: Counters, begun: Instant) {
        let now = self.store.counters();
        let each = |now: u64, before: u64| (now - before) as f64 / times as f64;
        println!(
            "{what:14} {:7.3} reads {:7.3} writes {:7.3} pages written {:7.3} flushes {:7.3} waits {:8.2} us; {} turns, of {} waits at most; log {:?}",
            each(now.reads, before.reads),
            each(now.writes, before.writes),
            each(now.pages_written, before.pages_written),
            each(now.flushes, before.flushes),
            each(now.waits, before.waits),
            begun.elapsed().as_micros() as f64 / times as f64,
            self.turns,
            self.largest,
            self.store.log_pages(),
        );
    }

    fn scan(&mut self) -> Done {
        let (before, begun) = (self.store.counters(), Instant::now());
        let mut last: Option<String> = None;
        loop {
            let after =
                last.as_deref().map(Key::new).transpose().map_err(|error| error.to_string())?;
            let page = self.store.page(TREE, &Listing { under: None, after, rows: 430 }, true)?;
            last = page.rows.last().map(|row| row.key.clone());
            if !page.more {
                break;
            }
        }
        self.shown("scan", self.keys, before, begun);
        Ok(())
    }
}

fn keys(names: &[String]) -> Result<Vec<(TreeId, Key<'_>)>, String> {
    let key = |name| Key::new(name).map(|key| (TREE, key)).map_err(|error| error.to_string());
    names.iter().map(String::as_str).map(key).collect()
}

fn fill(store: &mut Engine<FakeDisk>, keys: u64) -> Done {
    for first in (0..keys).step_by(50) {
        let names: Vec<String> = (first..first + 50).map(name).collect();
        let keys = names.iter().map(|name| Key::new(name)).collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(|error| error.to_string())?;
        let steps =
            keys.iter().map(|key| Step { key: *key, value: Some(&[5; 100]), expect: Expect::Any });
        store.batch(TREE, &steps.collect::<Vec<_>>())?;
        store.turn()?;
    }
    store.sync()?;
    while store.turn()? {}
    Ok(())
}

fn main() -> Done {
    let keys: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let cache: usize = std::env::args().nth(2).map_or(Ok(18), |text| text.parse())?;
    let only = std::env::args().nth(3);
    let pages = (2_u64 << 30) / 4096 * keys / 1_000_000;
    let extent = Extent { first: 0, sectors: pages * 8 };
    let identity = Identity { guid: GUID, key: 3 };
    let disk = format(
        FakeDisk::new(pages * 8),
        extent,
        identity,
        FormatOptions { log_pages: Some(2048) },
    )?;
    let mut store = Engine::open(
        disk,
        extent,
        &OpenOptions { cache: cache << 20, ..OpenOptions::new(GUID, 9) },
    )?;
    let begun = Instant::now();
    fill(&mut store, keys)?;
    println!("fill: {} ms", begun.elapsed().as_millis());
    let mut loads = Loads { store, keys, at: 0, owed: 0, turns: 0, largest: 0 };
    if let Some(only) = only {
        let each = only.parse()?;
        return loads.puts("puts", 40_000, each);
    }
    for _ in 0..3 {
        loads.puts("put_sync_1", 1000, 1)?;
        loads.puts("put_sync_8", 4000, 8)?;
        loads.puts("put_100_sync", 10_000, 100)?;
        loads.gets(10_000)?;
    }
    loads.puts("alone", 10_000, 1)?;
    loads.scan()
}
