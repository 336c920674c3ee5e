//! What people read: each error says what is wrong, and where.

use std::prelude::rust_2024::*;

use crate::gpt::{NoStore, TableCopy, TableFault};
use crate::{
    Asked, DeviceError, Error, Flaw, Found, KeyError, Limit, LogDamage, Part, ReadOnly, Refused,
    TreeId, Unreadable, Usage, Version,
};

#[test]
fn an_error_says_what_was_asked_and_why_not() {
    let found = Found { version: Version(3), size: 9, pieces: 2 };
    for (error, text) in [
        (Error::Conflict(None), "there is no such key"),
        (Error::Conflict(Some(Version(7))), "version 7 is there"),
        (Error::InPieces(found), "the value is in 2 pieces"),
        (Error::NoPiece, "no such piece of this version"),
        (Error::TooLarge, "larger than it may be"),
        (Error::NoSpace, "the disk is full"),
        (Error::Quota(Limit::Keys), "the tree has as many keys as it may"),
        (Error::Quota(Limit::Bytes), "the tree has as many bytes as it may"),
        (Error::Damaged(Asked::Key("a/b".into())), "damaged: a/b"),
        (Error::Damaged(Asked::Behind("a".into())), "damaged: keys behind \"a\""),
        (Error::Damaged(Asked::Store), "damaged: the store's own records"),
        (Error::ReadOnly(ReadOnly::Asked), "read-only: opened so"),
        (
            Error::ReadOnly(ReadOnly::LogWrite(DeviceError::Failed)),
            "read-only: the log could not be written: the disk failed",
        ),
        (
            Error::ReadOnly(ReadOnly::TableWrite(DeviceError::OutOfRange)),
            "read-only: the table could not be written: outside the disk",
        ),
        (Error::ReadOnly(ReadOnly::DamagedPage(5)), "read-only: page 5 of the table is damaged"),
        (
            Error::ReadOnly(ReadOnly::TableRead(DeviceError::Failed)),
            "read-only: the table could not be read: the disk failed",
        ),
        (
            Error::ReadOnly(ReadOnly::Inconsistent),
            "read-only: pages of the table do not fit together",
        ),
        (Error::ReadOnly(ReadOnly::TableFull), "read-only: the table is full"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_refusal_says_what_was_seen() {
    let page = |page| Refused::TablePage(page);
    for (refused, text) in [
        (Refused::Device(DeviceError::Failed), "the disk failed"),
        (Refused::Superblock(Unreadable::Blank), "nothing was formatted here"),
        (Refused::Superblock(Unreadable::Damaged), "neither copy of the superblock is right"),
        (Refused::Superblock(Unreadable::Newer(9)), "format 9 is newer than 1"),
        (Refused::Superblock(Unreadable::Unknown(0)), "there is no format 0"),
        (
            Refused::Superblock(Unreadable::Foreign([1; 16])),
            "the store belongs to another partition",
        ),
        (
            Refused::Superblock(Unreadable::Geometry),
            "the parts of the store do not fit the partition",
        ),
        (Refused::Log(LogDamage::Frame(4)), "frame 4 of the log was acknowledged and is not whole"),
        (Refused::Log(LogDamage::Meaning(4)), "frame 4 says nothing"),
        (Refused::TableHeader, "the table's header is damaged"),
        (page(Some(8)), "page 8 of the table is damaged"),
        (page(None), "the table is damaged"),
        (Refused::Fold, "what is in the log could not be put into the table"),
        (Refused::Record, "the store's own records are damaged"),
    ] {
        assert_eq!(refused.to_string(), text);
    }
    for (error, text) in [
        (KeyError::Length, "a key has 1 to 255 bytes"),
        (KeyError::NotText, "a key is UTF-8"),
        (KeyError::Control, "a key has no control characters"),
        (KeyError::Part, "no part of a key is empty, `.` or `..`"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_flaw_says_where_it_is() {
    let usage = |keys, bytes| Usage { keys, bytes };
    let unread = |part| Flaw::Unread(part, DeviceError::Failed);
    for (flaw, text) in [
        (Flaw::Superblock(1), "copy 1 of the superblock is damaged"),
        (Flaw::Header, "the table's header is damaged"),
        (Flaw::Page(7), "page 7 of the table is damaged"),
        (Flaw::LogPage(3), "page 3 of the log is damaged"),
        (
            unread(Part::Superblock(0)),
            "copy 0 of the superblock could not be read: the disk failed",
        ),
        (unread(Part::Log(2)), "page 2 of the log could not be read: the disk failed"),
        (unread(Part::Table(6)), "page 6 of the table could not be read: the disk failed"),
        (Flaw::Rows(Asked::Key("k".into())), "k is damaged"),
        (Flaw::Rows(Asked::Behind("k".into())), "keys behind \"k\" cannot be read"),
        (Flaw::Rows(Asked::Store), "the store's own records are damaged"),
        (
            Flaw::Usage { tree: TreeId(10), counted: usage(1, 2), found: usage(3, 4) },
            "tree 0000000000000000000000000000000a has 3 keys and 4 bytes, and 1 and 2 are counted",
        ),
        (Flaw::Orphan(12), "a piece of object 12 belongs to no key"),
    ] {
        assert_eq!(flaw.to_string(), text);
    }
}

#[test]
fn a_disk_without_the_store_is_told_apart() {
    let table = |copy, fault| NoStore::Table(copy, fault);
    let (first, second) = (TableCopy::First, TableCopy::Second);
    for (error, text) in [
        (NoStore::Device(DeviceError::Failed), "the disk failed"),
        (table(first, TableFault::Missing), "the first copy of the partition table: there is none"),
        (
            table(second, TableFault::HeaderSum),
            "the second copy of the partition table: the header has a wrong sum",
        ),
        (
            table(first, TableFault::Header),
            "the first copy of the partition table: the header says what cannot be",
        ),
        (
            table(first, TableFault::EntriesSum),
            "the first copy of the partition table: the entries have a wrong sum",
        ),
        (
            table(first, TableFault::Entries),
            "the first copy of the partition table: the partitions do not fit",
        ),
        (NoStore::Differ, "the two copies of the partition table differ"),
        (NoStore::Absent, "no partition is a store with this GUID"),
        (NoStore::Twice, "more than one partition has this GUID"),
        (
            NoStore::Other([0; 16]),
            "the disk has another store: 00000000-0000-0000-0000-000000000000",
        ),
        (NoStore::WrongType, "the partition with this GUID is no store"),
        (NoStore::Misaligned, "the partition does not begin on a page"),
        (NoStore::NotBlank, "the disk is not blank"),
        (NoStore::TooSmall, "the disk is too small"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
