//! What each operation asks of the disk, from a thousand keys on: `cargo run -p nexus-store --example measure
//! --features fake,std -- 1000000`.

use nexus_store::fake::FakeDisk;
use nexus_store::{
    BlockDevice, Check, Counters, Engine, Expect, Extent, FormatOptions, Identity, Key, Listing,
    OpenOptions, Step, Store, TreeId, format,
};
use std::error::Error;
use std::time::Instant;

const GUID: [u8; 16] = [7; 16];
const TREE: TreeId = TreeId(1);

type Measured = Result<(), Box<dyn Error>>;

/// A key of 17 bytes; in an order that is none.
fn name(at: u64) -> String {
    format!("k{:016x}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn value(at: u64) -> [u8; 100] {
    core::array::from_fn(|index| at.wrapping_mul(index as u64 + 3) as u8)
}

/// Prints what `times` operations asked for, on the average.
fn shown(what: &str, times: u64, store: &Engine<FakeDisk>, before: Counters, begun: Instant) {
    let used = store.counters().since(before);
    let each = |count: u64| count as f64 / times as f64;
    println!(
        "  {what:28} {:8.3} writes {:8.3} flushes {:8.3} pages written {:8.3} pages read {:10.1} us",
        each(used.writes),
        each(used.flushes),
        each(used.pages_written),
        each(used.pages_read),
        begun.elapsed().as_micros() as f64 / times as f64,
    );
}

fn load(store: &mut Engine<FakeDisk>, keys: u64) -> Measured {
    let (before, begun) = (store.counters(), Instant::now());
    for first in (0..keys).step_by(50) {
        let names: Vec<String> = (first..(first + 50).min(keys)).map(name).collect();
        let values: Vec<[u8; 100]> = (first..(first + 50).min(keys)).map(value).collect();
        let mut steps = Vec::new();
        for (name, value) in names.iter().zip(&values) {
            let key = Key::new(name).map_err(|error| error.to_string())?;
            steps.push(Step { key, value: Some(value), expect: Expect::Any });
        }
        store.batch(TREE, &steps)?;
        if first % 100 == 50 {
            store.sync()?;
        }
        store.turn()?;
    }
    while store.turn()? {}
    shown("load, 100 a sync", keys, store, before, begun);
    Ok(())
}

/// Puts and syncs keys so far apart, one at a time, with a turn behind each or none.
fn put_each(
    store: &mut Engine<FakeDisk>,
    keys: u64,
    apart: u64,
    times: u64,
    turns: bool,
) -> Measured {
    let (before, begun) = (store.counters(), Instant::now());
    for at in 0..times {
        let name = name(at * apart % keys);
        let key = Key::new(&name).map_err(|error| error.to_string())?;
        store.put(TREE, key, &value(at), Expect::Any)?;
        store.sync()?;
        if turns {
            store.turn()?;
        }
    }
    let what = if turns { "put + sync + its share of turns" } else { "put + sync, no turn" };
    shown(what, times, store, before, begun);
    Ok(())
}

/// Fills the log and folds it: what the largest of these turns asks for.
fn turns(store: &mut Engine<FakeDisk>, keys: u64) -> Measured {
    let (begun, mut most, mut turns) = (store.counters(), Counters::default(), 0);
    for round in 0..64 {
        let mut more = true;
        for at in 0..64 {
            let name = name((round * 64 + at) * 104_729 % keys);
            let key = Key::new(&name).map_err(|error| error.to_string())?;
            store.put(TREE, key, &value(at), Expect::Any)?;
            if at % 4 == 0 {
                store.sync()?;
            }
        }
        store.sync()?;
        while more {
            let before = store.counters();
            more = store.turn()?;
            most = largest(most, store.counters().since(before));
            turns += 1;
        }
    }
    let all = store.counters().since(begun);
    println!("  {turns} turns, {} pages written; the largest: {most:?}", all.pages_written);
    Ok(())
}

fn largest(one: Counters, two: Counters) -> Counters {
    Counters {
        reads: one.reads.max(two.reads),
        pages_read: one.pages_read.max(two.pages_read),
        writes: one.writes.max(two.writes),
        pages_written: one.pages_written.max(two.pages_written),
        flushes: one.flushes.max(two.flushes),
        waits: one.waits.max(two.waits),
    }
}

fn gets(store: &mut Engine<FakeDisk>, keys: u64) -> Measured {
    let mut out = Vec::new();
    for round in ["gets, first", "gets, again"] {
        let (before, begun) = (store.counters(), Instant::now());
        let mut most = 0;
        let mut over = 0;
        for at in 0..20_000 {
            let one = store.counters();
            let name = name(at * 15_485_863 % keys);
            store.get(TREE, Key::new(&name).map_err(|error| error.to_string())?, &mut out)?;
            let read = store.counters().since(one).pages_read;
            most = read.max(most);
            over += u64::from(read > 2);
        }
        shown(round, 20_000, store, before, begun);
        println!("    most pages read by one: {most}; more than 2: {over}");
    }
    Ok(())
}

fn scan(store: &mut Engine<FakeDisk>) -> Measured {
    let (before, begun) = (store.counters(), Instant::now());
    let (mut last, mut pages): (Option<String>, u64) = (None, 0);
    loop {
        let after = last.as_deref().map(Key::new).transpose().map_err(|error| error.to_string())?;
        let page = store.page(TREE, &Listing { under: None, after, rows: 64 }, true)?;
        last = page.rows.last().map(|row| row.key.clone());
        pages += 1;
        if !page.more {
            break;
        }
    }
    shown("scan, a page of 64 rows", pages, store, before, begun);
    Ok(())
}

fn measure(keys: u64, cache: usize) -> Measured {
    let pages = (keys * 420 / 4096).max(4096);
    let extent = Extent { first: 0, sectors: pages * 8 };
    let identity = Identity { guid: GUID, key: 1 };
    let disk = format(FakeDisk::new(pages * 8), extent, identity, FormatOptions::default())?;
    let options = OpenOptions { cache, ..OpenOptions::new(GUID, 5) };
    println!("{keys} keys, {} MiB of partition, {} MiB of cache", pages >> 8, cache >> 20);
    let mut store = Engine::open(disk.clone(), extent, &options)?;
    load(&mut store, keys)?;
    put_each(&mut store, keys, 7919, 100, false)?;
    put_each(&mut store, keys, 104_729, 4000, true)?;
    turns(&mut store, keys)?;
    drop(store);
    let begun = Instant::now();
    let mut store = Engine::open(disk.clone(), extent, &options)?;
    let opened = store.counters();
    shown("open", 1, &store, Counters::default(), begun);
    let known = store.sums_bytes();
    println!("    sums: {known} bytes, {:.2} a key", known as f64 / keys as f64);
    let mut check = Check::default();
    while store.check(&mut check).map_err(|flaw| flaw.to_string())? {}
    let (found, read) = (check.found(), opened.pages_read);
    println!(
        "    pages of the table: {}; read by the opening for each: {:.3}",
        found.pages,
        read as f64 / found.pages as f64
    );
    gets(&mut store, keys)?;
    scan(&mut store)?;
    assert_eq!(disk.sectors(), pages * 8);
    Ok(())
}

fn main() -> Measured {
    let most = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let cache = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(4_usize);
    let mut keys = 1000;
    while keys <= most {
        measure(keys, cache << 20)?;
        keys *= 10;
    }
    Ok(())
}
