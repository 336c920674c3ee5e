//! `state`: what a line asks of the store, and asking it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_state::{Error, Expect, OWN};

use crate::names::Names;
use crate::screen::Screen;
use crate::show;
use crate::specs::Spec;
use crate::store::{Client, Store};

/// Rows of a page.
const ROWS: u32 = 64;
/// Bytes of the longest value that is shown.
pub const MOST_SHOWN: u64 = 16 * 1024;
/// Pages that are looked at for what Tab could mean.
const PAGES_FOR_TAB: usize = 16;
/// Bytes of the longest key.
const LONGEST_KEY: usize = 255;
/// Milliseconds that the store has for an answer.
const PATIENCE_MS: u64 = 10_000;

/// What can be asked of the store, as it is typed.
pub const VERBS: [&str; 6] = ["ls", "get", "put", "rm", "stat", "check"];

/// Whose tree, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Service id; [`OWN`] for the tree of the shell.
    pub owner: u32,
    /// A key, or a prefix of keys; empty for the whole tree.
    pub key: String,
}

/// What a line asks of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Keys.
    List(Place),
    /// A value.
    Get(Place),
    /// Keeps a value.
    Put(Place, String),
    /// Removes a key.
    Remove(Place),
    /// What is under a key; how the store stands and what a tree uses, where there is no key.
    Stat(Place),
    /// Reads and verifies everything.
    Check,
}

/// What `line` asks for, which begins with `state`.
///
/// # Errors
/// What is wrong with it, for the person who typed it.
pub fn parse(line: &str, spec: &Spec, names: &Names) -> Result<Ask, String> {
    let (_, rest) = word(line);
    let (verb, rest) = word(rest);
    let (at, rest) = word(rest);
    let usage = || format!("usage: {}; `help state` tells more", spec.usage);
    let place = || Place::parse(at, names);
    let key = || match place()? {
        place if place.key.is_empty() => Err(format!("state {verb}: which key? {}", usage())),
        place => Ok(place),
    };
    let ask = match verb {
        "" => Ask::Stat(Place::own("")),
        "ls" => Ask::List(place()?),
        "get" => Ask::Get(key()?),
        "put" if rest.is_empty() => {
            key()?;
            return Err(format!("state put: which value? {}", usage()));
        }
        "put" => return Ok(Ask::Put(key()?, rest.to_string())),
        "rm" => Ask::Remove(key()?),
        "stat" => Ask::Stat(place()?),
        "check" if !at.is_empty() => {
            return Err(format!("state check: too many words; {}", usage()));
        }
        "check" => Ask::Check,
        other => {
            return Err(format!("state: `{other}` is none of {}; {}", VERBS.join(", "), usage()));
        }
    };
    if rest.is_empty() {
        Ok(ask)
    } else {
        Err(format!("state {verb}: too many words; {}", usage()))
    }
}

/// The first word of a text, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    (word, rest.trim_start())
}

impl Place {
    /// A place in the tree of the shell.
    #[must_use]
    pub fn own(key: &str) -> Place {
        Place { owner: OWN, key: key.to_string() }
    }

    /// `KEY`, `:KEY`, `SERVICE:KEY`, `SERVICE:`. A slash at the end of a key is left out.
    ///
    /// # Errors
    /// There is no such service.
    pub fn parse(word: &str, names: &Names) -> Result<Place, String> {
        let (service, key) = word.split_once(':').unwrap_or(("", word));
        let key = key.strip_suffix('/').unwrap_or(key);
        if service.is_empty() {
            return Ok(Place::own(key));
        }
        let named = names.services.iter().find(|(_, name)| name == service);
        let (owner, _) = named.ok_or_else(|| {
            format!("there is no service `{service}`; `:{word}` is a key of this shell's own")
        })?;
        Ok(Place { owner: *owner, key: key.to_string() })
    }
}

/// Asks the store, and shows what it answers.
///
/// # Errors
/// Why it did not do it.
pub(crate) fn answer(
    ask: &Ask,
    store: &mut Store,
    screen: &Screen,
    names: &Names,
) -> Result<(), Error> {
    let client = store.open()?;
    client.set_patience(PATIENCE_MS);
    let text = match ask {
        Ask::List(place) => return list(place, client, screen, names),
        Ask::Get(place) => match client.get_all(place.owner, &place.key, MOST_SHOWN) {
            Err(Error::TooLarge) => show::too_large(place, MOST_SHOWN, names),
            value => match value? {
                Some(value) => show::value(&value.bytes),
                None => show::no_key(place, names),
            },
        },
        Ask::Put(place, value) => {
            let bytes = value.as_bytes();
            client.put_in(place.owner, &place.key, bytes, Expect::Any, true)?;
            show::kept(place, bytes.len() as u64, names)
        }
        Ask::Remove(place) => match client.delete(place.owner, &place.key, Expect::Any, true)? {
            true => show::removed(place, names),
            false => show::no_key(place, names),
        },
        Ask::Stat(place) if place.key.is_empty() => {
            show::usage(place, &client.usage(place.owner)?, names)
        }
        Ask::Stat(place) => match client.stat(place.owner, &place.key)? {
            Some(found) => show::found(place, &found, names),
            None => show::no_key(place, names),
        },
        Ask::Check => {
            let mut flaws = 0;
            let checked = client.check(|flaw| {
                flaws += 1;
                screen.print(&show::flaw(flaw));
            })?;
            show::checked(&checked, flaws)
        }
    };
    screen.print(&text);
    Ok(())
}

impl Ask {
    /// What it is about: the whole tree of the shell, where it is about everything.
    pub(crate) fn place(&self) -> Place {
        match self {
            Ask::List(place)
            | Ask::Get(place)
            | Ask::Put(place, _)
            | Ask::Remove(place)
            | Ask::Stat(place) => place.clone(),
            Ask::Check => Place::own(""),
        }
    }

    /// It is about how the store stands, too.
    pub(crate) fn is_about_the_store(&self) -> bool {
        matches!(self, Ask::Stat(Place { owner: OWN, key }) if key.is_empty())
    }
}

fn list(place: &Place, client: &mut Client, screen: &Screen, names: &Names) -> Result<(), Error> {
    let mut last: Option<String> = None;
    loop {
        let page = client.list(place.owner, &place.key, last.as_deref(), ROWS, false)?;
        screen.print(&show::rows(&page.rows));
        match page.rows.last() {
            Some(row) => last = Some(row.key.clone()),
            None if last.is_none() => screen.print(&show::no_keys(place, names)),
            None => {}
        }
        if !page.more || page.rows.is_empty() {
            return Ok(());
        }
    }
}

/// What a word could become in which the place of a key was begun: keys, up to the next slash behind what stands
/// there. Nothing where the store does not answer, or where there are too many.
pub(crate) fn begun(word: &str, store: &mut Store, names: &Names) -> Vec<String> {
    let services = names.service_names().filter(|_| !word.contains(':'));
    let mut words: Vec<String> = services.map(|name| format!("{name}:")).collect();
    words.retain(|service| !word.is_empty() && service.starts_with(word));
    let own = Place::parse(word, names).ok().and_then(|place| {
        let client = store.open().ok()?;
        client.set_patience(PATIENCE_MS);
        keys_begun(word, |under, after| {
            client
                .list(place.owner, under, after, ROWS, false)
                .ok()
                .map(|page| (page.rows.into_iter().map(|row| row.key).collect(), page.more))
        })
    });
    words.extend(own.unwrap_or_default());
    words
}

/// Keys and beginnings of keys that `word` can become, from the pages that `list` gives of keys under one, behind one.
fn keys_begun(
    word: &str,
    mut list: impl FnMut(&str, Option<&str>) -> Option<(Vec<String>, bool)>,
) -> Option<Vec<String>> {
    let tree = word.find(':').map_or(0, |colon| colon + 1);
    let (tree, key) = word.split_at_checked(tree)?;
    let under = key.rfind('/').and_then(|slash| key.get(..slash)).unwrap_or("");
    let mut words: Vec<String> = Vec::new();
    let mut last: Option<String> = None;
    for _ in 0..PAGES_FOR_TAB {
        let (keys, more) = list(under, last.as_deref())?;
        for found in keys.iter().filter(|found| found.starts_with(key)) {
            let word = format!("{tree}{}", up_to_slash(found, key.len()));
            if words.last() != Some(&word) && is_one_word(&word, tree) {
                words.push(word);
            }
        }
        last = keys.last().map(|found| behind(found, key));
        if !more || last.is_none() {
            return Some(words);
        }
    }
    None
}

/// Whether the word, typed, is this key: it is not parted, each character of it is seen, and what stands before a
/// colon is the `tree` that was typed.
fn is_one_word(word: &str, tree: &str) -> bool {
    let is_named = !tree.is_empty() || !word.contains(':');
    is_named && !word.contains(char::is_whitespace) && show::is_seen(word)
}

/// A key up to the first slash behind byte `from`, with it.
fn up_to_slash(key: &str, from: usize) -> &str {
    let slash = key.get(from..).and_then(|rest| rest.find('/'));
    slash.and_then(|slash| key.get(..from + slash + 1)).unwrap_or(key)
}

/// A cursor behind `found` and, where it begins with `key`, behind all others that become the same word.
fn behind(found: &str, key: &str) -> String {
    let word = if found.starts_with(key) { up_to_slash(found, key.len()) } else { found };
    // No key of such a part is behind this one.
    let last = format!("{word}{}", char::MAX);
    if word.ends_with('/') && last.len() <= LONGEST_KEY { last } else { found.to_string() }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
