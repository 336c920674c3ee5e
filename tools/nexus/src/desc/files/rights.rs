//! Lists of rights.

use crate::desc::kind::Kind;
use crate::desc::source::{At, Span};
use crate::desc::table::{Key, Table, key};
use nexus_abi::Rights;

const RIGHTS: Key = key("rights", "[\"map\", \"read\", \"write\"]");

/// Every right by the name that it has in files.
const NAMES: &[(&str, Rights)] = &[
    ("map", Rights::MAP),
    ("read", Rights::READ),
    ("write", Rights::WRITE),
    ("exec", Rights::EXEC),
    ("send", Rights::SEND),
    ("recv", Rights::RECV),
    ("derive", Rights::DERIVE),
    ("grant", Rights::GRANT),
    ("revoke", Rights::REVOKE),
    ("manage", Rights::MANAGE),
];

/// The key `rights`. Rights that make no sense for a window are found later.
pub(super) fn read_rights(table: &mut Table<'_>) -> Option<At<Rights>> {
    table.must_have(RIGHTS);
    if table.is_empty_list(RIGHTS) {
        let message = String::from("no rights: nobody could use the window");
        let fix = "write `rights = [\"map\", \"read\"]`, or with \"write\" as well";
        table.refuse(Kind::WindowRights, &table.span, message, fix);
    }
    let before = table.reporter.count();
    let words = table.choices(RIGHTS, "a right", NAMES);
    if table.reporter.count() > before {
        return None;
    }
    let first = words.first()?.span.clone();
    let end = words.last().map_or(first.bytes.end, |last| last.span.bytes.end);
    let rights = words.iter().fold(Rights::empty(), |all, word| all | word.value);
    Some(At { value: rights, span: Span { source: first.source, bytes: first.bytes.start..end } })
}
