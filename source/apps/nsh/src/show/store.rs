//! How the store stands, and why it does not stand better.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::state::{Reason, Standing, StoreInfo};
use nexus_words::amount::{count, size};

use crate::table::wrap;

/// How the store stands.
#[must_use]
pub fn store(info: &StoreInfo) -> String {
    let why = || reason(info.reason, info.detail);
    let text = match info.standing {
        Standing::Opening => {
            "the store is being opened: what is on the disk is verified first".into()
        }
        Standing::Ready => {
            let trees = count(info.trees.into(), "tree");
            let orphans = match info.orphans {
                0 => String::new(),
                orphans => format!(", {orphans} of them of no service"),
            };
            format!(
                "the store is ready: {}, format {}, {trees}{orphans}",
                size(info.bytes),
                info.format
            )
        }
        Standing::ReadOnly => format!("the store can be read, and not written: {}", why()),
        Standing::Failed => format!("the store is not open: {}", why()),
    };
    wrap("", &text)
}

/// Why a store is not open, or cannot be written, and what tells more or helps.
pub(super) fn reason(reason: Reason, detail: u64) -> String {
    let what = what(reason, detail);
    match help(reason) {
        "" => what,
        help => format!("{what}; {help}"),
    }
}

fn what(reason: Reason, detail: u64) -> String {
    match reason {
        Reason::Fine => "it does not say why",
        Reason::NotNamed => "the description names none",
        Reason::NoDisk => "there is no disk, or its driver does not answer",
        Reason::Disk => "the disk did not do what it was asked",
        Reason::PartitionTable if detail == 1 => {
            "the first copy of the partition table is not right"
        }
        Reason::PartitionTable => "the second copy of the partition table is not right",
        Reason::TablesDiffer => "the two copies of the partition table differ",
        Reason::NoPartition => "the disk has not the store that the description names",
        Reason::TwoPartitions => "two partitions have the GUID that the description names",
        Reason::OtherStore => {
            return format!(
                "the disk has another store than the description names, {detail:016x}…"
            );
        }
        Reason::WrongType => "the partition that the description names is no store",
        Reason::Misaligned => "its partition does not begin on a page",
        Reason::NotBlank => "the disk has none, and is not blank",
        Reason::TooSmall => "the disk is too small for one",
        Reason::NotFormatted => "nothing was formatted in its partition",
        Reason::Superblock => "both copies of its superblock are damaged",
        Reason::NewerFormat => return format!("its format, {detail}, is newer than this system"),
        Reason::UnknownFormat => {
            return format!("its format is {detail}, and there is no such format");
        }
        Reason::OtherPartition => "it was made for another partition",
        Reason::Geometry => "its parts do not fit its partition",
        Reason::LogFrame | Reason::LogMeaning => {
            return format!("frame {detail} of its log is damaged");
        }
        Reason::TableHeader => "the header of its table is damaged",
        Reason::TablePage if detail == u64::MAX => "a page of its table is damaged",
        Reason::TablePage => return format!("page {detail} of its table is damaged"),
        Reason::Records => "what it says of itself is damaged",
        Reason::Fold => "what is in its log does not fit its table",
        Reason::Asked => "it was opened to be read",
        Reason::LogWrite | Reason::TableWrite => "the disk did not write what it was told to",
        Reason::TableRead => "the disk could not be read",
        Reason::Inconsistent => "pages of its table do not fit together",
        Reason::TableFull => "its table is full",
    }
    .to_string()
}

const fn help(reason: Reason) -> &'static str {
    match reason {
        Reason::Fine | Reason::Asked => "",
        Reason::NotNamed => "`store` of a disk in the board file would",
        Reason::NoDisk => "`services` tells how that stands",
        Reason::Disk => "`disk` counts errors",
        Reason::NoPartition | Reason::NotBlank | Reason::TooSmall => {
            "`cargo nexus disk new` makes one, and `cargo nexus run` by itself"
        }
        Reason::NewerFormat => "a newer system opens it",
        Reason::LogWrite | Reason::TableWrite | Reason::TableRead | Reason::TableFull => {
            "`restart statefsd` opens it anew"
        }
        _ => "`cargo nexus disk check` on the host tells more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{columns, width};
    use alloc::vec::Vec;

    fn info(standing: Standing, reason: Reason, detail: u64) -> StoreInfo {
        let (guid, bytes, format) = ([7; 16], 62 << 20, 1);
        StoreInfo {
            standing,
            reason,
            detail,
            guid,
            bytes,
            format,
            trees: 2,
            orphans: 0,
            clients: 1,
        }
    }

    #[test]
    fn how_it_stands() {
        let ready = info(Standing::Ready, Reason::Fine, 0);
        assert_eq!(store(&ready), "the store is ready: 62 MiB, format 1, 2 trees\n");
        let orphans = store(&StoreInfo { orphans: 1, ..ready });
        assert_eq!(
            orphans,
            "the store is ready: 62 MiB, format 1, 2 trees, 1 of them of no service\n"
        );
        assert!(store(&info(Standing::Opening, Reason::Fine, 0)).contains("is being opened"));
        assert_eq!(
            store(&info(Standing::Failed, Reason::NotNamed, 0)),
            "the store is not open: the description names none; `store` of a disk in the\nboard file would\n"
        );
        let damaged = store(&info(Standing::ReadOnly, Reason::TablePage, 9)).replace('\n', " ");
        assert!(
            damaged.contains("not written: page 9 of its table is damaged; `cargo nexus disk"),
            "{damaged}"
        );
    }

    #[test]
    fn each_reason_has_words_of_its_own_that_fit() {
        let all: Vec<Reason> = (0..100).filter_map(Reason::from_code).collect();
        assert!(all.len() >= 31);
        let mut texts: Vec<String> = all.iter().map(|reason| what(*reason, 5)).collect();
        texts.sort();
        texts.dedup();
        // Two of the log, and two of what is not written, are the same to a person.
        assert_eq!(texts.len(), all.len() - 2);
        for reason in all {
            let text = store(&info(Standing::Failed, reason, u64::MAX));
            assert!(text.lines().all(|line| width(line) <= columns()), "{text}");
        }
    }
}
