//! The store, by the ring with statefsd.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::ids;
use nexus_proto::state::{BadKey, Info, Standing};
use nexus_rt::startup;
use nexus_state::{Change, Error, Expect, OWN, RingLink, State, Version};

use crate::check::{Check, Failure, ensure, same};
use crate::context::Context;

type Store = State<RingLink, SharedMemory<ReadWrite>>;

/// Everything that is put here is under it.
const UNDER: &str = "selftest";
/// Rows that are listed, in pages of [`PAGE`].
const ROWS: usize = 150;
const PAGE: u32 = 64;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::new(error)
    }
}

pub(crate) fn open() -> Result<Store, Failure> {
    Ok(nexus_state::open_with(ids::STATEFSD)?)
}

fn key(name: &str) -> String {
    alloc::format!("{UNDER}/{name}")
}

/// What is put is there, is listed, is durable once that is answered, and is gone when it is deleted.
pub(crate) fn kept(context: &Context) -> Check {
    let statefsd = startup().client(ids::STATEFSD)?;
    let info = context.ask(statefsd, &Info {})?;
    same("how the store stands", &info.standing, &Standing::Ready)?;
    let mut store = open()?;
    single(&mut store)?;
    batches(&mut store)?;
    lists(&mut store)?;
    large(&mut store)?;
    let mut flaws = 0;
    let checked = store.check(|_| flaws += 1)?;
    ensure!(checked.pages > 0 && checked.orphans == 0 && flaws == 0, "{flaws}: {checked:?}");
    same("what is left", &store.usage(OWN)?.keys, &0)
}

fn single(store: &mut Store) -> Check {
    let one = key("one");
    same("before", &store.get(OWN, &one)?, &None)?;
    let first = store.put(&one, b"first", Expect::Absent)?;
    let found = store.get(OWN, &one)?;
    let found = found.ok_or_else(|| Failure::new("what was put is not there"))?;
    same("what was put", &(found.version, found.bytes.as_slice()), &(first, &b"first"[..]))?;
    let conflict = store.put(&one, b"other", Expect::Absent);
    same("over what is there", &conflict, &Err(Error::Conflict(Some(first))))?;
    let second = store.put_sync(&one, b"second", Expect::Version(first))?;
    ensure!(second > first, "{second:?} is not later than {first:?}");
    store.sync()?;
    same("removed", &store.delete(OWN, &one, Expect::Version(second), true)?, &true)?;
    same("removed twice", &store.delete(OWN, &one, Expect::Any, false)?, &false)?;
    same("after", &store.stat(OWN, &one)?, &None)
}

fn batches(store: &mut Store) -> Check {
    let (a, b) = (key("batch/a"), key("batch/b"));
    let change = |key, value, expect| Change { key, value, expect };
    let none = Expect::Absent;
    let both = [change(&a, Some(&b"a"[..]), none), change(&b, Some(&b"b"[..]), none)];
    let version = store.batch(OWN, &both, false)?;
    let there = store.stat(OWN, &b)?.map(|found| found.version);
    same("of a batch", &there, &Some(version))?;
    let wrong = [change(&a, None, Expect::Any), change(&b, None, none)];
    let refused = store.batch(OWN, &wrong, false);
    same("a batch that cannot be", &refused, &Err(Error::Conflict(Some(version))))?;
    ensure!(store.stat(OWN, &a)?.is_some(), "half of a batch was done");
    let gone = [change(&a, None, Expect::Any), change(&b, None, Expect::Any)];
    store.batch(OWN, &gone, true)?;
    same("after a batch", &store.stat(OWN, &a)?, &None)
}

fn lists(store: &mut Store) -> Check {
    let keys: Vec<String> = (0..ROWS).map(|row| key(&alloc::format!("list/{row:04}"))).collect();
    let rows: Vec<(&str, &[u8])> = keys.iter().map(|key| (&**key, key.as_bytes())).collect();
    for put in store.put_each(OWN, &rows)? {
        put?;
    }
    store.sync()?;
    let mut seen = Vec::new();
    loop {
        let after: Option<&String> = seen.last();
        let page = store.list(OWN, &key("list"), after.map(|key| &**key), PAGE, true)?;
        for row in &page.rows {
            same("the value of a row", &row.value.as_slice(), &row.key.as_bytes())?;
        }
        seen.extend(page.rows.into_iter().map(|row| row.key));
        if !page.more {
            break;
        }
    }
    same("keys in order", &seen, &keys)?;
    for key in &keys {
        store.delete(OWN, key, Expect::Any, false)?;
    }
    Ok(store.sync()?)
}

/// A value of several pieces, and one that fits at once.
fn large(store: &mut Store) -> Check {
    let name = key("large");
    let bytes: Vec<u8> = (0..100_000_u32).map(|byte| (byte % 251) as u8).collect();
    let whole = store.largest(name.len());
    let one = bytes.get(..whole).unwrap_or(&bytes);
    store.put(&name, one, Expect::Any)?;
    let found = store.get(OWN, &name)?.map(|value| value.bytes);
    ensure!(found.as_deref() == Some(one), "{whole} bytes came back as others");
    let refused = store.put(&name, &vec![0; whole + 1], Expect::Any);
    ensure!(matches!(refused, Err(Error::NoRoom { .. } | Error::TooLarge)), "{refused:?}");
    let version = store.put_pieces(OWN, &name, &bytes, Expect::Any, true)?;
    ensure!(matches!(store.get(OWN, &name), Err(Error::InPieces(_))), "it is in one piece");
    let found = store.get_all(OWN, &name, bytes.len() as u64)?;
    let found = found.ok_or_else(|| Failure::new("nothing came back of a large value"))?;
    same("its version", &found.version, &version)?;
    ensure!(found.bytes == bytes, "{} bytes came back as others", bytes.len());
    same("removed", &store.delete(OWN, &name, Expect::Any, true)?, &true)
}

/// What is not this service's is not shown and not changed, and what is no key is none.
pub(crate) fn refused(_context: &Context) -> Check {
    let mut store = open()?;
    for owner in [ids::NSH, ids::INIT, ids::STATEFSD, 899, u32::MAX] {
        same("a value", &store.get(owner, "x"), &Err(Error::Denied))?;
        same("a put", &store.put_in(owner, "x", b"", Expect::Any, false), &Err(Error::Denied))?;
        same("a delete", &store.delete(owner, "x", Expect::Any, false), &Err(Error::Denied))?;
        same("a list", &store.list(owner, "", None, 1, false), &Err(Error::Denied))?;
        same("the use", &store.usage(owner), &Err(Error::Denied))?;
    }
    for (name, why) in [
        ("", BadKey::Length),
        ("/a", BadKey::Part),
        ("a//b", BadKey::Part),
        ("a/../b", BadKey::Part),
        ("./a", BadKey::Part),
        ("a\n", BadKey::Control),
    ] {
        same(name, &store.put(name, b"", Expect::Any), &Err(Error::BadKey(why)))?;
    }
    let of_none = store.get_piece(OWN, "x", Version(1), 0);
    same("a piece of nothing", &of_none, &Err(Error::NoPiece))
}
