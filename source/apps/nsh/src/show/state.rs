//! `state`: keys and values, and why the store did not do what was asked.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::ids;
use nexus_proto::state::BadKey;
use nexus_state::{Checked, Damage, Error, Found, OWN, Row, Usage, Version};
use nexus_words::amount::{count, size};

use crate::names::Names;
use crate::state::Place;
use crate::table::wrap;
use crate::trouble::Trouble;

use super::disk::sector;
use super::store::reason;

/// A key, and whose, where it is not the shell's own; or a whole tree.
fn shown(place: &Place, names: &Names) -> String {
    match (place.owner, place.key.as_str()) {
        (OWN, "") => "this shell's tree".to_string(),
        (other, "") => format!("the tree of {}", names.service(other)),
        (OWN, key) => seen(key),
        (other, key) => format!("{}:{}", names.service(other), seen(key)),
    }
}

/// A text of which each character is seen: one that changes how others stand, or is not seen itself, is written as its
/// number.
pub(super) fn seen(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{10ffff}')
    };
    let one = |c: char| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().map(one).collect()
}

/// True for a text that is shown as it is.
#[must_use]
pub fn is_seen(text: &str) -> bool {
    seen(text) == text
}

/// A value: as text where it is some, else its bytes.
#[must_use]
pub fn value(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok("") => "(no bytes)\n".to_string(),
        Ok(text) if text.lines().all(is_seen) => {
            format!("{}\n", text.trim_end_matches('\n'))
        }
        _ => sector(bytes) + &format!("{}\n", count(bytes.len() as u64, "byte")),
    }
}

/// That a value is longer than is shown.
#[must_use]
pub fn too_large(place: &Place, most: u64, names: &Names) -> String {
    let key = shown(place, names);
    wrap(
        "",
        &format!(
            "{key} has more than {}, and is not shown here; `state stat` tells its size",
            size(most)
        ),
    )
}

/// That there is no such key.
#[must_use]
pub fn no_key(place: &Place, names: &Names) -> String {
    wrap("", &format!("there is no {}", shown(place, names)))
}

/// That there are no such keys.
#[must_use]
pub fn no_keys(place: &Place, names: &Names) -> String {
    match place {
        Place { owner: OWN, key } if key.is_empty() => "this shell keeps nothing yet\n".to_string(),
        Place { key, .. } if key.is_empty() => format!("{} has no keys\n", shown(place, names)),
        place => wrap("", &format!("no keys under {}", shown(place, names))),
    }
}

/// Rows of a list: sizes and keys.
#[must_use]
pub fn rows(rows: &[Row]) -> String {
    rows.iter().map(|row| format!("{:>8}  {}\n", size(row.found.size), seen(&row.key))).collect()
}

/// What is under a key.
#[must_use]
pub fn found(place: &Place, found: &Found, names: &Names) -> String {
    let bytes = count(found.size, "byte");
    let Version(version) = found.version;
    let pieces = match found.pieces {
        0 => String::new(),
        pieces => format!(", in {}", count(pieces.into(), "piece")),
    };
    wrap("", &format!("{}: {bytes}{pieces}, version {version}", shown(place, names)))
}

/// That a value of so many bytes was put, and is durable.
#[must_use]
pub fn kept(place: &Place, bytes: u64, names: &Names) -> String {
    wrap("", &format!("{} is on the disk: {}", shown(place, names), count(bytes, "byte")))
}

/// That a key was removed, durably.
#[must_use]
pub fn removed(place: &Place, names: &Names) -> String {
    wrap("", &format!("{} is gone from the store", shown(place, names)))
}

/// What a tree uses, and may use.
#[must_use]
pub fn usage(place: &Place, usage: &Usage, names: &Names) -> String {
    let (keys, bytes) = (size(usage.bytes), size(usage.most_bytes));
    wrap(
        "",
        &format!(
            "{} has {} of {} keys, {keys} of {bytes}",
            shown(place, names),
            usage.keys,
            usage.most_keys
        ),
    )
}

/// Something that a check found wrong.
#[must_use]
pub fn flaw(text: &str) -> String {
    wrap("", &seen(text))
}

/// What a check has read, and how many things were wrong.
#[must_use]
pub fn checked(checked: &Checked, flaws: u64) -> String {
    let orphans = match checked.orphans {
        0 => String::new(),
        orphans => format!(", {orphans} of no service"),
    };
    let keys = format!("{}, {}", count(checked.keys, "key"), size(checked.bytes));
    let trees = count(checked.trees.into(), "tree");
    let pages = count(checked.pages.saturating_add(checked.log_pages), "page");
    let result = match flaws {
        0 => "all is right".to_string(),
        1 => "one thing is wrong; nothing was repaired".to_string(),
        flaws => format!("{flaws} things are wrong; nothing was repaired"),
    };
    wrap("", &format!("read {keys} in {trees}{orphans}, on {pages} of the disk: {result}"))
}

/// Why the store did not do what was asked of it at a place.
#[must_use]
pub fn refused(error: &Error, place: &Place, names: &Names) -> String {
    let key = shown(place, names);
    let text = match error {
        Error::NoRing(_) => "this shell shares no memory with statefsd: `rings` in its service file, and a [[ring]] \
             in policy.toml, would let it"
            .to_string(),
        Error::Call(error) => {
            Trouble { service: ids::STATEFSD, error: Some(*error) }.text(names)
        }
        Error::TimedOut => "statefsd does not answer; `services` tells how it stands, and `state get` later what was \
             done"
            .to_string(),
        Error::Unknown => format!("statefsd ended while it was asked: {key} is changed, or it is not; `state get` tells"),
        Error::Lost => "statefsd ended, and what it had not made durable is gone; nothing was done now, type it again"
            .to_string(),
        Error::Denied => {
            format!("{key} is not open to this shell: no [[allow-state]] in policy.toml opens it for that")
        },
        Error::NoTree => match place.owner {
            OWN => "this shell has no tree: `state` in its service file would give it one".to_string(),
            other => format!("{} keeps nothing: it has no tree", names.service(other)),
        },
        Error::QuotaKeys => "the tree has as many keys as it may; `state rm` makes room, `state` tells the quota".to_string(),
        Error::QuotaBytes => "the tree has as many bytes as it may; `state rm` makes room, `state` tells the quota".to_string(),
        Error::NoSpace => "the disk is full; `state rm` makes room".to_string(),
        Error::Conflict(_) | Error::NoPiece => format!("{key} was changed by another meanwhile; nothing was done"),
        Error::TooLarge | Error::NoRoom { .. } => format!("{key}: the value is larger than it may be"),
        Error::ReadOnly(why, detail) => {
            format!("nothing was done: the store can be read, and not written: {}", reason(*why, *detail))
        }
        Error::NoStore(why, detail) => format!("the store is not open: {}", reason(*why, *detail)),
        Error::Damaged(what) => damaged(what),
        Error::BadKey(why) => format!("{key} is no key: {}", bad_key(*why)),
        Error::InPieces(_) | Error::NoDraft | Error::Malformed | Error::Garbled => {
            format!("statefsd gives an answer that makes no sense: {error}")
        }
    };
    wrap("", &text)
}

fn damaged(what: &Damage) -> String {
    let what = match what {
        Damage::Key(key) => seen(key),
        Damage::Behind(key) if key.is_empty() => "what is there".to_string(),
        Damage::Behind(key) => format!("what is behind {}", seen(key)),
        Damage::Store => "what the store says of itself".to_string(),
    };
    format!(
        "{what} is damaged: the disk has not what was written there. Other keys may be right; nothing is repaired"
    )
}

const fn bad_key(why: BadKey) -> &'static str {
    match why {
        BadKey::Length => "one has 1 to 255 bytes",
        BadKey::NotText => "one is UTF-8",
        BadKey::Control => "it has a control character",
        BadKey::Part => "a part between slashes is empty, `.` or `..`",
        BadKey::Twice => "it is there twice",
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
