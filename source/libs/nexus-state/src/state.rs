//! The calls.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_mmio::SharedMut;
use nexus_proto::{read_payload, state::ring as wire};
use nexus_ring::DONE;

use crate::answer::Done;
use crate::request::{ANSWER, Ask, steps};
use crate::session::Session;
use crate::{
    Change, Checked, Error, Expect, Found, Link, OWN, Page, Row, Rows, Usage, Value, Version,
};

/// Milliseconds that statefsd has for an answer, also when it is being started again. While it opens the store it has
/// longer: it says so.
const PATIENCE_MS: u64 = 30_000;
/// Bytes of the longest key.
const MAX_KEY: usize = 255;
/// Bytes of the largest piece.
const MAX_PIECE: usize = 64 * 1024;
/// How often a value is read from the start, when it changes under the reader.
const READS: u32 = 8;

/// The store, as one client sees it. `L` is how statefsd is reached, `M` the memory of the ring.
#[derive(Debug)]
pub struct State<L, M> {
    session: Session<L, M>,
    patience_ms: u64,
}

impl<L: Link<M>, M: SharedMut> State<L, M> {
    /// A client in this life, with the ring in `memory`. statefsd is told of it by the first call.
    ///
    /// # Errors
    /// [`Error::NoRing`]: the memory has no room for it.
    pub fn new(link: L, memory: M, life: u32) -> Result<Self, Error> {
        Ok(State { session: Session::new(link, memory, life)?, patience_ms: PATIENCE_MS })
    }

    /// Waits so many milliseconds for each answer, and beyond them while statefsd says that it opens the store.
    pub const fn set_patience(&mut self, ms: u64) {
        self.patience_ms = ms;
    }

    /// Bytes of the largest value that can be put at once under a key of so many bytes.
    #[must_use]
    pub fn largest(&self, key: usize) -> usize {
        self.session.data_len().saturating_sub(size_of::<wire::Head>() + key).min(MAX_PIECE)
    }

    /// The value under a key, which is whole.
    ///
    /// # Errors
    /// [`Error::InPieces`]; see [`Error`].
    pub fn get(&mut self, owner: u32, key: &str) -> Result<Option<Value>, Error> {
        for _ in 0..READS {
            match self.get_once(owner, key) {
                // It was replaced between two parts of it.
                Err(Error::Conflict(_)) => {}
                other => return other,
            }
        }
        Err(Error::NoPiece)
    }

    fn get_once(&mut self, owner: u32, key: &str) -> Result<Option<Value>, Error> {
        let mut bytes = Vec::new();
        let mut version = wire::ANY;
        loop {
            let ask = Ask::new(wire::GET, owner, key, &[]).expect(version);
            let part = self.look(ask.arg(bytes.len() as u64))?;
            if part.status == wire::ABSENT && version == wire::ANY {
                return Ok(None);
            }
            let part = done(part)?;
            version = part.head.version;
            if !append(&mut bytes, &part)? {
                return Ok(Some(Value { version: part.version(), bytes }));
            }
        }
    }

    /// What is under a key.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn stat(&mut self, owner: u32, key: &str) -> Result<Option<Found>, Error> {
        let found = self.one(Ask::new(wire::STAT, owner, key, &[]))?;
        if found.status == wire::ABSENT {
            return Ok(None);
        }
        Ok(Some(done(found)?.found()))
    }

    /// A piece of a version of a value.
    ///
    /// # Errors
    /// [`Error::NoPiece`]; see [`Error`].
    pub fn get_piece(
        &mut self,
        owner: u32,
        key: &str,
        version: Version,
        index: u32,
    ) -> Result<Vec<u8>, Error> {
        let ask = Ask::new(wire::GET_PIECE, owner, key, &[]).expect(version.0).n(index);
        let mut bytes = Vec::new();
        loop {
            let part = done(self.look(ask.arg(bytes.len() as u64))?)?;
            if !append(&mut bytes, &part)? {
                return Ok(bytes);
            }
        }
    }

    /// The value under a key, whole or in pieces, of at most `most` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`]: it has more. [`Error::NoPiece`]: it was replaced meanwhile. See [`Error`].
    pub fn get_all(&mut self, owner: u32, key: &str, most: u64) -> Result<Option<Value>, Error> {
        let Some(found) = self.stat(owner, key)? else { return Ok(None) };
        if found.size > most {
            return Err(Error::TooLarge);
        }
        let found = match self.get(owner, key) {
            Err(Error::InPieces(found)) => found,
            whole => return whole,
        };
        let mut bytes = Vec::new();
        for index in 0..found.pieces {
            bytes.extend(self.get_piece(owner, key, found.version, index)?);
            if bytes.len() as u64 > most {
                return Err(Error::TooLarge);
            }
        }
        if bytes.len() as u64 != found.size {
            return Err(Error::Garbled);
        }
        Ok(Some(Value { version: found.version, bytes }))
    }

    /// Puts a value under a key of this service's own tree. Durable with the next [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`Error::NoRoom`]: it does not fit the ring; see [`put_pieces`](Self::put_pieces). See [`Error`].
    pub fn put(&mut self, key: &str, value: &[u8], expect: Expect) -> Result<Version, Error> {
        self.put_in(OWN, key, value, expect, false)
    }

    /// Puts a value under a key, and returns when it is durable, with all that was put before: one call.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_sync(&mut self, key: &str, value: &[u8], expect: Expect) -> Result<Version, Error> {
        self.put_in(OWN, key, value, expect, true)
    }

    /// Puts a value under a key of a tree that may be another's; durable when this returns, with `sync`.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_in(
        &mut self,
        owner: u32,
        key: &str,
        value: &[u8],
        expect: Expect,
        sync: bool,
    ) -> Result<Version, Error> {
        let ask = Ask::new(wire::PUT, owner, key, value).expect(expect.wire());
        let put = self.one(ask.flag(wire::FLAG_SYNC, sync))?;
        Ok(done(put)?.version())
    }

    /// Removes a key of a tree; whether it was there. Durable when this returns, with `sync`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn delete(
        &mut self,
        owner: u32,
        key: &str,
        expect: Expect,
        sync: bool,
    ) -> Result<bool, Error> {
        let ask = Ask::new(wire::DELETE, owner, key, &[]).expect(expect.wire());
        let deleted = self.one(ask.flag(wire::FLAG_SYNC, sync))?;
        if deleted.status == wire::ABSENT {
            return Ok(false);
        }
        done(deleted).map(|_| true)
    }

    /// Makes all changes, or none: at most 64, of different keys, that fit the ring together. Durable when this
    /// returns, with `sync`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn batch(
        &mut self,
        owner: u32,
        changes: &[Change<'_>],
        sync: bool,
    ) -> Result<Version, Error> {
        let steps = steps(changes);
        let n = u32::try_from(changes.len()).map_err(|_| Error::TooLarge)?;
        let ask = Ask::new(wire::BATCH, owner, "", &steps).n(n);
        Ok(done(self.one(ask.flag(wire::FLAG_SYNC, sync))?)?.version())
    }

    /// Puts each of these under its key, many at a time, each for itself: how each went, in their order.
    ///
    /// # Errors
    /// Not of a single one: what was not answered is unknown then.
    pub fn put_each(
        &mut self,
        owner: u32,
        values: &[(&str, &[u8])],
    ) -> Result<Vec<Result<Version, Error>>, Error> {
        let asks: Vec<Ask<'_>> =
            values.iter().map(|(key, value)| Ask::new(wire::PUT, owner, key, value)).collect();
        let mut outcomes = alloc::vec![Err(Error::Garbled); asks.len()];
        self.session.ask(&asks, self.patience_ms, |number, answer| {
            if let Some(outcome) = outcomes.get_mut(number) {
                *outcome = done(answer).map(|put| put.version());
            }
        })?;
        Ok(outcomes)
    }

    /// Puts a value in pieces, which become visible together: at most 256, each as large as the ring takes.
    /// Durable when this returns, with `sync`.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; see [`Error`].
    pub fn put_pieces(
        &mut self,
        owner: u32,
        key: &str,
        value: &[u8],
        expect: Expect,
        sync: bool,
    ) -> Result<Version, Error> {
        let draft = done(self.one(Ask::new(wire::BEGIN, owner, "", &[]))?)?.head.version;
        let put = self.finish_pieces(draft, value, |draft| {
            let ask = Ask::new(wire::FINISH, owner, key, &[]).expect(expect.wire()).arg(draft);
            ask.flag(wire::FLAG_SYNC, sync)
        });
        if put.is_err() {
            // Of an attachment that is over there is nothing to drop.
            let _ = self.one(Ask::new(wire::ABANDON, owner, "", &[]).arg(draft));
        }
        put
    }

    fn finish_pieces<'a>(
        &mut self,
        draft: u64,
        value: &[u8],
        finish: impl FnOnce(u64) -> Ask<'a>,
    ) -> Result<Version, Error> {
        let most = self.largest(0).max(1);
        for piece in value.chunks(most) {
            done(self.one(Ask::new(wire::PIECE, OWN, "", piece).arg(draft))?)?;
        }
        Ok(done(self.one(finish(draft))?)?.version())
    }

    /// At most `rows` rows of keys that have `under` as whole parts at their beginning (all, when it is empty),
    /// behind `after`; with values, as far as they are whole and fit. A page may have fewer and say that there
    /// are more.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn list(
        &mut self,
        owner: u32,
        under: &str,
        after: Option<&str>,
        rows: u32,
        values: bool,
    ) -> Result<Page, Error> {
        let page = self.rows(owner, under, after, rows, values, Rows::default())?;
        let rows = page.iter().map(|row| Row::try_from(row?)).collect::<Result<_, _>>()?;
        Ok(Page { rows, more: page.more() })
    }

    /// The same, in the memory of a page that is not needed any more: for who looks at many.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn rows(
        &mut self,
        owner: u32,
        under: &str,
        after: Option<&str>,
        rows: u32,
        values: bool,
        used: Rows,
    ) -> Result<Rows, Error> {
        self.session.reuse(used.into_memory());
        let after = after.unwrap_or_default().as_bytes();
        let ask = Ask::new(wire::LIST, owner, under, after).n(rows);
        let rows = Rows::new(done(self.look(ask.flag(wire::FLAG_VALUES, values))?)?);
        // Whoever asks for what is behind the last row must get on.
        if rows.more() && rows.iter().next().is_none() { Err(Error::Garbled) } else { Ok(rows) }
    }

    /// Returns when all that was changed before by this client is durable.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]: what was changed since the last sync is there or not. See [`Error`].
    pub fn sync(&mut self) -> Result<(), Error> {
        done(self.one(Ask::new(wire::SYNC, OWN, "", &[]))?).map(|_| ())
    }

    /// What a tree uses, and may use.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn usage(&mut self, owner: u32) -> Result<Usage, Error> {
        let room = size_of::<Usage>();
        done(self.one(Ask::new(wire::USAGE, owner, "", &[]).room(room))?)?.payload()
    }

    /// Reads and verifies all that is stored, of every tree, and tells `flaw` of each thing that is wrong.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn check(&mut self, mut flaw: impl FnMut(&str)) -> Result<Checked, Error> {
        let mut first = true;
        loop {
            let ask = Ask::new(wire::CHECK, OWN, "", &[]).n(u32::from(!first));
            let part = done(self.look(ask)?)?;
            let (checked, text) = read_payload(part.body()).ok_or(Error::Garbled)?;
            if part.head.n != 0 {
                flaw(&String::from_utf8_lossy(text));
            }
            if !part.head.more {
                return Ok(checked);
            }
            first = false;
        }
    }

    /// After [`Error::Unknown`]: whether a change of `key` was made that wanted `before`, by the only one who
    /// changes that key. The version that is there then; `None`: it was not made, and can be made again.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn was_made(
        &mut self,
        owner: u32,
        key: &str,
        before: Expect,
    ) -> Result<Option<Option<Version>>, Error> {
        let is = self.stat(owner, key)?.map(|found| found.version);
        let was = match before {
            // It does not say what was there: nobody can tell.
            Expect::Any => return Err(Error::Unknown),
            Expect::Absent => None,
            Expect::Version(version) => Some(version),
        };
        Ok((is != was).then_some(is))
    }

    /// Asks with all the room that there is for the answer.
    fn look(&mut self, ask: Ask<'_>) -> Result<Done, Error> {
        let room = self.session.data_len().saturating_sub(ANSWER);
        self.one(ask.room(room))
    }

    fn one(&mut self, ask: Ask<'_>) -> Result<Done, Error> {
        if ask.key.len() > MAX_KEY {
            return Err(Error::BadKey(nexus_proto::state::BadKey::Length));
        }
        let mut answer = Done::default();
        self.session.ask(&[ask], self.patience_ms, |_, done| answer = done)?;
        Ok(answer)
    }
}

/// Appends a part of a value, or of a piece, to those before it; whether there is more.
fn append(bytes: &mut Vec<u8>, part: &Done) -> Result<bool, Error> {
    bytes.extend_from_slice(part.body());
    if bytes.len() > MAX_PIECE {
        return Err(Error::Garbled);
    }
    match part.head.more {
        false if part.head.size == bytes.len() as u64 => Ok(false),
        true if !part.body().is_empty() => Ok(true),
        _ => Err(Error::Garbled),
    }
}

/// An answer that says that it was done.
fn done(answer: Done) -> Result<Done, Error> {
    if answer.status == DONE { Ok(answer) } else { Err(Error::of(&answer)) }
}
