use super::*;
use crate::fixture::names;
use crate::table::{columns, width};
use nexus_proto::state::Reason;
use nexus_rt::{CallError, abi};

fn own(key: &str) -> Place {
    Place::own(key)
}

fn rngd(key: &str) -> Place {
    Place { owner: ids::RNGD, key: key.into() }
}

/// What is shown of a refusal, on one line.
fn why(error: &Error, place: &Place) -> String {
    let text = refused(error, place, &names());
    assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
    text.trim_end().replace('\n', " ")
}

#[test]
fn text_is_shown_as_text_and_bytes_as_bytes() {
    assert_eq!(value(b"two\nlines\n"), "two\nlines\n");
    assert_eq!(value("é".as_bytes()), "é\n");
    assert_eq!(value(b""), "(no bytes)\n");
    assert_eq!(value(b"\n"), "\n");
    let bytes = "0000  00 ff                                            ..\n0002\n2 bytes\n";
    assert_eq!(value(&[0, 255]), bytes);
}

// attack 78 U: a value or a key has what moves the cursor, hides text or turns it round; the terminal is sent none of it; broken: nsh-value-shown
#[test]
fn nothing_that_is_kept_reaches_the_terminal_as_a_command() {
    for hidden in
        ["\u{1b}[2J", "\r", "\u{202e}abc", "a\u{200b}b", "\u{9b}1A", "\u{feff}", "\u{2066}"]
    {
        let text = value(format!("good {hidden}").as_bytes());
        assert!(text.is_ascii() && !text.contains(hidden), "{text}");
        let place = own(&format!("a{hidden}"));
        let row = Row {
            key: place.key.clone(),
            found: Found { version: Version(1), size: 1, pieces: 0 },
            value: [].into(),
        };
        let damaged = Error::Damaged(Damage::Key(place.key.clone()));
        for text in [no_key(&place, &names()), rows(&[row]), refused(&damaged, &place, &names())] {
            assert!(
                text.is_ascii() && text.contains("a\\u{")
                    || hidden == "\u{1b}[2J" && text.contains("\\u{1b}"),
                "{text}"
            );
        }
    }
}

#[test]
fn what_was_done() {
    let names = names();
    assert_eq!(kept(&own("a/b"), 1, &names), "a/b is on the disk: 1 byte\n");
    assert_eq!(removed(&rngd("a"), &names), "rngd:a is gone from the store\n");
    assert_eq!(no_key(&own("a"), &names), "there is no a\n");
    let pieces = Found { version: Version(3), size: 70_000, pieces: 2 };
    assert_eq!(found(&own("a"), &pieces, &names), "a: 70000 bytes, in 2 pieces, version 3\n");
    let whole = Found { version: Version(3), size: 5, pieces: 0 };
    assert_eq!(found(&own("a"), &whole, &names), "a: 5 bytes, version 3\n");
    assert!(too_large(&own("a"), 16 << 10, &names).contains("more than 16 KiB"));
}

#[test]
fn keys_in_a_list() {
    let row = |key: &str, size| Row {
        key: key.into(),
        found: Found { version: Version(1), size, pieces: 0 },
        value: [].into(),
    };
    assert_eq!(rows(&[row("a/b", 5), row("c", 70_000)]), "     5 B  a/b\n  68 KiB  c\n");
    assert_eq!(no_keys(&own(""), &names()), "this shell keeps nothing yet\n");
    assert_eq!(no_keys(&own("a"), &names()), "no keys under a\n");
    assert_eq!(no_keys(&rngd(""), &names()), "the tree of rngd has no keys\n");
}

#[test]
fn what_a_tree_uses_and_what_was_verified() {
    let used = Usage { keys: 3, bytes: 120, most_keys: 10_000, most_bytes: 4 << 20 };
    assert_eq!(
        usage(&own(""), &used, &names()),
        "this shell's tree has 3 of 10000 keys, 120 B of 4 MiB\n"
    );
    assert!(usage(&rngd(""), &used, &names()).starts_with("the tree of rngd has"));
    let all =
        Checked { keys: 1, bytes: 5, pages: 40, log_pages: 2, objects: 0, trees: 2, orphans: 0 };
    let right = "read 1 key, 5 B in 2 trees, on 42 pages of the disk: all is right\n";
    assert_eq!(checked(&all, 0), right);
    let text = checked(&Checked { orphans: 1, ..all }, 2).replace('\n', " ");
    assert!(
        text.contains("2 trees, 1 of no service") && text.contains("2 things are wrong"),
        "{text}"
    );
    assert!(checked(&all, 1).contains("one thing is wrong"));
    assert_eq!(flaw("\u{1b}x"), "\\u{1b}x\n");
}

#[test]
fn each_refusal_says_why_and_what_would_help() {
    for (error, place, parts) in [
        (Error::NoRing(None), own("a"), ["shares no memory with statefsd", "[[ring]]"]),
        (
            Error::Call(CallError::Kernel(abi::Error::TimedOut)),
            own("a"),
            ["does not answer", "`services`"],
        ),
        (Error::TimedOut, own("a"), ["does not answer", "`state get`"]),
        (Error::Unknown, own("a"), ["a is changed, or it is not", "`state get`"]),
        (Error::Lost, own("a"), ["nothing was done now", "again"]),
        (Error::Denied, rngd("a"), ["rngd:a is not open to this shell", "[[allow-state]]"]),
        (Error::Denied, rngd(""), ["the tree of rngd is not open", "[[allow-state]]"]),
        (Error::NoTree, own(""), ["this shell has no tree", "`state` in its service file"]),
        (Error::NoTree, rngd(""), ["rngd keeps nothing", "no tree"]),
        (Error::QuotaKeys, own("a"), ["as many keys", "`state rm`"]),
        (Error::QuotaBytes, own("a"), ["as many bytes", "`state rm`"]),
        (Error::NoSpace, own("a"), ["disk is full", "`state rm`"]),
        (Error::Conflict(None), own("a"), ["changed by another", "nothing was done"]),
        (Error::TooLarge, own("a"), ["a: the value", "larger than it may be"]),
        (
            Error::ReadOnly(Reason::LogWrite, 0),
            own("a"),
            ["nothing was done", "`restart statefsd`"],
        ),
        (
            Error::NoStore(Reason::NoPartition, 0),
            own("a"),
            ["the store is not open", "`cargo nexus disk new`"],
        ),
        (
            Error::Damaged(Damage::Key("k".into())),
            own("a"),
            ["k is damaged", "nothing is repaired"],
        ),
        (
            Error::Damaged(Damage::Behind("k".into())),
            own("a"),
            ["what is behind k is damaged", "Other keys"],
        ),
        (Error::Damaged(Damage::Behind("".into())), own("a"), ["what is there is damaged", ""]),
        (Error::Damaged(Damage::Store), own("a"), ["what the store says of itself", "damaged"]),
        (Error::BadKey(BadKey::Part), own("../a"), ["../a is no key", "`..`"]),
        (Error::BadKey(BadKey::Length), own("a"), ["a is no key", "255"]),
        (Error::Garbled, own("a"), ["makes no sense", ""]),
    ] {
        let text = why(&error, &place);
        assert!(parts.iter().all(|part| text.contains(part)), "{error:?}: {text}");
    }
}
