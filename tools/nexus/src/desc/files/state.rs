//! What is kept in the store: trees, what opens them, and the partition.

use crate::desc::kind::Kind;
use crate::desc::model::{AllowState, Keys, Opens, Tree};
use crate::desc::source::{At, Span};
use crate::desc::table::{Key, Table, key};
use crate::disk::random;
use crate::visible;
use nexus_sysdesc::{GUID_LEN, StateRight, bounds};
use uguid::Guid;

const STATE: Key =
    key("state", "{ tree = \"5b0c8e63f1d94f0e8a1b7c2d3e4f5a69\", keys = 1000, bytes = 1048576 }");
const TREE_ID: Key = key("tree", "\"…\"");
const KEYS: Key = key("keys", "1000");
const BYTES: Key = key("bytes", "1048576");
const OPENS: Key = key("opens", "[{ tree = \"archived\", rights = [\"get\", \"list\"] }]");
const TREE: Key = key("tree", "\"archived\"");
const PREFIX: Key = key("prefix", "\"boots/last\"");
const RIGHTS: Key = key("rights", "[\"get\", \"list\"]");
const STORE: Key = key("store", "\"0fc63daf-8483-4772-8e79-3d69d8477de4\"");
const ID: Key = key("id", "\"open-nsh-archived\"");
const SUBJECT: Key = key("subject", "\"nsh\"");
const REASON: Key = key("reason", "\"nsh shows the ledger of earlier boots\"");

/// Digits of the id of a tree.
const TREE_DIGITS: usize = 32;

/// What the key `state` of a service says.
pub(super) fn read_state(table: &mut Table<'_>) -> Option<Tree> {
    let mut table = table.table(STATE, "`state`")?;
    for needed in [TREE_ID, KEYS, BYTES] {
        table.must_have(needed);
    }
    let id = read_tree_id(&mut table);
    let keys = table.number(KEYS, bounds::TREE_KEYS);
    let bytes = table.number(BYTES, bounds::TREE_BYTES);
    let span = table.span.clone();
    table.finish();
    Some(Tree { span, id: id?, keys: keys?.value, bytes: bytes?.value })
}

fn read_tree_id(table: &mut Table<'_>) -> Option<At<u128>> {
    let text = table.string(TREE_ID)?;
    if let Some(value) = tree_id(&text) {
        return Some(At { value, span: text.span });
    }
    let message = format!("`{}` is no id of a tree", text.value.escape_default());
    let fix = format!(
        "write {TREE_DIGITS} digits of 0 to 9 and a to f that no tree has had, as `tree = \"{:032x}\"`, which \
         was drawn just now",
        fresh_tree()
    );
    table.refuse(Kind::OutOfRange, &text.span, message, fix);
    None
}

/// The id with these digits; 0 is none.
fn tree_id(text: &str) -> Option<u128> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let id = u128::from_str_radix(text, 16).ok();
    id.filter(|id| digits && text.len() == TREE_DIGITS && *id != 0)
}

/// An id that no tree has had.
pub(crate) fn fresh_tree() -> u128 {
    random().map_or_else(|_| fastrand::u128(1..), u128::from_le_bytes)
}

/// What the key `opens` of a service says.
pub(super) fn read_opens(table: &mut Table<'_>) -> Vec<Opens> {
    table.tables(OPENS, "an entry of `opens`").into_iter().filter_map(read_open).collect()
}

fn read_open(mut table: Table<'_>) -> Option<Opens> {
    table.must_have(TREE);
    let tree = table.string(TREE);
    let prefix = read_prefix(&mut table);
    let rights = read_rights(&mut table);
    table.finish();
    Some(Opens { keys: Keys { tree: tree?, prefix: prefix? }, rights: rights? })
}

/// The keys that are meant: all of them where there is no `prefix`.
fn read_prefix(table: &mut Table<'_>) -> Option<At<String>> {
    if !table.has(PREFIX) {
        return Some(At { value: String::new(), span: table.span.clone() });
    }
    let prefix = table.string(PREFIX)?;
    let whole = !prefix.value.is_empty() && bounds::is_prefix(&prefix);
    if whole && prefix.value.chars().all(visible::is_visible) {
        return Some(prefix);
    }
    let message = format!("`{}` is no prefix of keys", prefix.value.escape_default());
    let fix = format!(
        "write whole parts of keys, as `prefix = \"a/b\"`: of visible characters, none of them empty, `.` or \
         `..`, at most {} bytes; without `prefix` it is every key",
        bounds::MAX_KEY
    );
    table.refuse(Kind::BadPrefix, &prefix.span, message, fix);
    None
}

/// The bits of the rights, and where they stand.
fn read_rights(table: &mut Table<'_>) -> Option<At<u8>> {
    table.must_have(RIGHTS);
    if table.is_empty_list(RIGHTS) {
        let message = String::from("no rights: nothing would be opened");
        let fix = format!("write one or more of {}", rights_toml(StateRight::BITS));
        table.refuse(Kind::OutOfRange, &table.span, message, fix);
    }
    let before = table.reporter.count();
    let names = StateRight::ALL.map(|right| (right.name(), right));
    let words = table.choices(RIGHTS, "a right to state", &names);
    if table.reporter.count() > before {
        return None;
    }
    let (first, last) = (&words.first()?.span, &words.last()?.span);
    let span = Span { source: first.source.clone(), bytes: first.bytes.start..last.bytes.end };
    Some(At { value: words.iter().fold(0, |bits, right| bits | right.bit()), span })
}

/// `["get", "list"]`.
pub(crate) fn rights_toml(bits: u8) -> String {
    let names: Vec<String> =
        StateRight::of(bits).map(|right| format!("\"{}\"", right.name())).collect();
    format!("[{}]", names.join(", "))
}

/// A line of `[[allow-state]]`.
pub(super) fn read_allow_state(
    mut table: Table<'_>,
    unread: &mut Vec<(Option<String>, Option<String>)>,
) -> Option<AllowState> {
    for needed in [ID, SUBJECT, TREE, REASON] {
        table.must_have(needed);
    }
    let span = table.span.clone();
    let id = table.name(ID);
    let subject = table.string(SUBJECT);
    let tree = table.string(TREE);
    let prefix = read_prefix(&mut table);
    let rights = read_rights(&mut table);
    let reason = table.text(REASON, bounds::MAX_REASON);
    table.finish();
    let value = |read: &Option<At<String>>| read.as_ref().map(|read| read.value.clone());
    let given = (value(&subject), value(&tree));
    let line = (|| {
        let (reason, rights) = (reason?.value, rights?);
        let keys = Keys { tree: tree?, prefix: prefix? };
        Some(AllowState { span, id: id?, subject: subject?, keys, rights, reason })
    })();
    if line.is_none() {
        unread.push(given);
    }
    line
}

/// The GUID that the key `store` of a device says.
pub(super) fn read_store(table: &mut Table<'_>) -> Option<At<[u8; GUID_LEN]>> {
    let text = table.string(STORE)?;
    let guid = Guid::try_parse(&text.value).ok().filter(|guid| !guid.is_zero());
    if let Some(guid) = guid {
        return Some(At { value: guid.to_bytes(), span: text.span });
    }
    let message = format!("`{}` is no GUID of a partition", text.value.escape_default());
    let fix = format!(
        "write the one that `cargo nexus disk new` prints, as `{} = {}`",
        STORE.name, STORE.example
    );
    table.refuse(Kind::OutOfRange, &text.span, message, fix);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_an_id_of_a_tree_has_32_digits() {
        assert_eq!(tree_id("000000000000000000000000000000ff"), Some(255));
        assert_eq!(tree_id(&"f".repeat(32)), Some(u128::MAX));
        for bad in ["", "ff", &"0".repeat(32), &"f".repeat(33), &"F".repeat(32)] {
            assert_eq!(tree_id(bad), None, "{bad}");
        }
        assert_eq!(tree_id("+0000000000000000000000000000001"), None);
        assert_eq!(tree_id("0000-000000000000000000000000001"), None);
    }

    #[test]
    fn test_rights_are_written_in_their_order() {
        assert_eq!(rights_toml(0b101), "[\"get\", \"put\"]");
        assert_eq!(rights_toml(StateRight::BITS), "[\"get\", \"list\", \"put\"]");
    }
}
