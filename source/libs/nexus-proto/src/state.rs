//! `state`: what the store is, and who has attached to it. Served by statefsd.
//!
//! Everybody may ask what it is and what was done. Keys and values go through a ring alone (crate nexus-ring),
//! whose operations are in [`ring`]; who shares one with statefsd is said by policy.

use crate::Zero;

/// Operations and statuses of the ring of a client, and what stands in a request's data.
///
/// The data of a request begins with a [`Head`](ring::Head), then the key, then the value. The answer is written over it: an
/// [`Answer`](ring::Answer), then bytes. A request's data is therefore as long as the longer of the two may be, and at least
/// [`Answer`](ring::Answer)'s length.
pub mod ring {
    use crate::Zero;

    /// Entries of the ring.
    pub const ENTRIES: usize = 64;

    /// Bytes of a whole value, from byte `arg` on; `expect` may say of which version.
    pub const GET: u8 = 1;
    /// What is under a key.
    pub const STAT: u8 = 2;
    /// Bytes of piece `n` of version `expect`, from byte `arg` of the piece on.
    pub const GET_PIECE: u8 = 3;
    /// Puts a value under a key.
    pub const PUT: u8 = 4;
    /// Removes a key.
    pub const DELETE: u8 = 5;
    /// Makes `n` changes, or none. The value is so many times a [`Step`], its key and its value. No key.
    pub const BATCH: u8 = 6;
    /// At most `n` rows under the key, which is a prefix of whole parts, or is not there; behind the value, which is
    /// the cursor: a key, or nothing. The bytes of the answer are so many times a [`Row`], its key and its value, behind
    /// each of these zeros up to a multiple of [`ROW_ALIGN`].
    pub const LIST: u8 = 7;
    /// Answered when all that this client changed before is durable.
    pub const SYNC: u8 = 8;
    /// Begins a value in pieces: the answer's version is the number of the draft.
    pub const BEGIN: u8 = 9;
    /// The value is the next piece of draft `arg`.
    pub const PIECE: u8 = 10;
    /// Puts the value that the pieces of draft `arg` are under a key.
    pub const FINISH: u8 = 11;
    /// Drops draft `arg`.
    pub const ABANDON: u8 = 12;
    /// What a tree uses, and may use: the bytes of the answer are a [`Usage`].
    pub const USAGE: u8 = 13;
    /// Reads and verifies the next part of all that is stored, of every tree, from the start with `n` 0. The bytes of
    /// the answer are a [`Checked`] of all parts so far, and behind it, with `n` 1, what is wrong in this part, as text.
    pub const CHECK: u8 = 14;

    /// Every operation.
    pub const OPS: [u8; 14] = [
        GET, STAT, GET_PIECE, PUT, DELETE, BATCH, LIST, SYNC, BEGIN, PIECE, FINISH, ABANDON, USAGE,
        CHECK,
    ];

    /// A flag of a change: answered when it is durable.
    pub const FLAG_SYNC: u16 = 1;
    /// A flag of a list: with values, as far as they are whole and there is room.
    pub const FLAG_VALUES: u16 = 2;

    /// Where each [`Row`] of an answer begins, its key and its value: at a multiple of so many bytes.
    pub const ROW_ALIGN: usize = 8;

    /// In [`Head::expect`]: whatever is there.
    pub const ANY: u64 = 0;
    /// In [`Head::expect`]: there is no such key.
    pub const ABSENT_WANTED: u64 = u64::MAX;

    /// There is no such key.
    pub const ABSENT: u8 = 1;
    /// Something else is there: its version, 0 for nothing.
    pub const CONFLICT: u8 = 2;
    /// The value is in pieces: what was found.
    pub const IN_PIECES: u8 = 3;
    /// There is no such piece, or not of this version any more.
    pub const NO_PIECE: u8 = 4;
    /// A value, a piece, a batch or a value in pieces is larger than it may be.
    pub const TOO_LARGE: u8 = 5;
    /// The disk is full: deleting helps.
    pub const NO_SPACE: u8 = 6;
    /// The tree has as many keys as it may.
    pub const QUOTA_KEYS: u8 = 7;
    /// The tree has as many bytes as it may.
    pub const QUOTA_BYTES: u8 = 8;
    /// What would have to be read is not what was written: of the key in the bytes of the answer.
    pub const DAMAGED: u8 = 9;
    /// The same, of keys behind the one in the bytes of the answer, or of all.
    pub const DAMAGED_BEHIND: u8 = 10;
    /// The same, of the store's own records.
    pub const DAMAGED_STORE: u8 = 11;
    /// Nothing may be written: `n` is the code of a [`Reason`](super::Reason), the version its detail.
    pub const READ_ONLY: u8 = 12;
    /// Not this client's tree, and no line of the policy opens it for this.
    pub const DENIED: u8 = 13;
    /// No key: `n` is the code of a [`BadKey`](super::BadKey).
    pub const BAD_KEY: u8 = 14;
    /// There is no open store: `n` and version as with [`READ_ONLY`].
    pub const NO_STORE: u8 = 15;
    /// The data is too short for what its head says, or the head says what cannot be.
    pub const MALFORMED: u8 = 16;
    /// This attachment has no such draft, or has as many as it may.
    pub const NO_DRAFT: u8 = 17;
    /// The client has no tree of its own.
    pub const NO_TREE: u8 = 18;

    payloads! {
        /// What the data of a request begins with.
        #[derive(Default)]
        pub struct Head {
            /// What must be there: [`ANY`], [`ABSENT_WANTED`], or the version.
            pub expect: u64,
            /// Service id of whose tree; 0 for the client's own.
            pub owner: u32,
            /// Rows, steps, or which piece.
            pub n: u32,
            /// Bytes of the value, which follows the key.
            pub value: u32,
            /// Bytes of the key, which follows.
            pub key: u16,
            /// Flags.
            pub flags: u16,
        }

        /// What the data of an answer begins with.
        #[derive(Default)]
        pub struct Answer {
            /// Version that was found or put; of a conflict; number of a draft; detail of a reason.
            pub version: u64,
            /// Bytes of the value that was found, or of the piece.
            pub size: u64,
            /// Pieces that it is in; 0: it is whole.
            pub pieces: u32,
            /// Rows; code of a reason.
            pub n: u32,
            /// Bytes that follow.
            pub len: u32,
            /// More may follow: bytes of the value, rows of the list, parts of the check.
            pub more: bool,
            /// Padding.
            pub zero: Zero<3>,
        }

        /// A change of a batch, before its key and its value.
        #[derive(Default)]
        pub struct Step {
            /// As [`Head::expect`].
            pub expect: u64,
            /// Bytes of the value.
            pub value: u32,
            /// Bytes of the key.
            pub key: u16,
            /// The key is removed; it has no value then.
            pub remove: bool,
            /// Padding.
            pub zero: Zero<1>,
        }

        /// A row of a list, before its key and its value.
        #[derive(Default)]
        pub struct Row {
            /// Version of the value.
            pub version: u64,
            /// Bytes of the value.
            pub size: u64,
            /// Pieces that it is in; 0: it is whole.
            pub pieces: u32,
            /// Bytes of it that are here.
            pub value: u32,
            /// Bytes of the key: in a word of its own, so that nothing of a row is to be compared with zero.
            pub key: u64,
        }

        /// What a tree uses, and may use.
        #[derive(Default)]
        pub struct Usage {
            /// Keys.
            pub keys: u64,
            /// Bytes of keys and values.
            pub bytes: u64,
            /// Most keys.
            pub most_keys: u64,
            /// Most bytes of keys and values.
            pub most_bytes: u64,
        }

        /// What was read and verified.
        #[derive(Default)]
        pub struct Checked {
            /// Keys.
            pub keys: u64,
            /// Bytes of keys and values.
            pub bytes: u64,
            /// Pages of the table.
            pub pages: u64,
            /// Pages of the log.
            pub log_pages: u64,
            /// Values in pieces.
            pub objects: u64,
            /// Trees with keys.
            pub trees: u32,
            /// Trees that no service has.
            pub orphans: u32,
        }
    }
}

protocol! {
    /// Marker of the protocol.
    pub State = 12 "state" {
        /// What the store is, and how it stands.
        1 Info -> StoreInfo, again;
        /// The caller has begun a new attachment to the ring that it shares with statefsd: what was asked before
        /// by the ring is nobody's any more, and what was begun by it and not finished is dropped. `Denied` for
        /// whoever shares none.
        2 Attach -> (), again;
        /// What was done since statefsd began.
        3 Stats -> StoreStats, again;
        /// The caller has put something in its ring, and wants to be told of what is done there: answered when it is to
        /// be told, in place of that, and at once when something was done that it has not seen, or it is in no
        /// attachment. One at a time, else `Busy`; `Denied` for whoever shares no ring.
        4 Wait -> ();
    }
}

codes! {
    /// How the store stands.
    pub enum Standing: u32 {
        /// It is being found, verified and opened.
        1 Opening,
        /// It can be read and written.
        2 Ready,
        /// It can be read; the reason says why it cannot be written.
        3 ReadOnly,
        /// It is not open; the reason says why.
        4 Failed,
    }
}

codes! {
    /// Why a store is not open, or cannot be written. What a detail is stands in brackets.
    pub enum Reason: u32 {
        /// There is none.
        1 Fine,
        /// The description names no store.
        2 NotNamed,
        /// There is no disk, or its owner does not answer.
        3 NoDisk,
        /// The disk said no while the store was looked for or opened.
        4 Disk,
        /// A copy of the partition table is not right (1 or 2: which).
        5 PartitionTable,
        /// The two copies of the partition table differ.
        6 TablesDiffer,
        /// No partition has the GUID.
        7 NoPartition,
        /// More than one partition has the GUID.
        8 TwoPartitions,
        /// The disk has another store (the first 8 bytes of its GUID).
        9 OtherStore,
        /// The partition with the GUID is no store.
        10 WrongType,
        /// The partition does not begin on a page.
        11 Misaligned,
        /// A partition table is to be made, and the disk is not blank.
        12 NotBlank,
        /// A partition table is to be made, and the disk is too small.
        13 TooSmall,
        /// Nothing was formatted in the partition.
        14 NotFormatted,
        /// Neither copy of the superblock is right.
        15 Superblock,
        /// The format is newer than this statefsd (its number).
        16 NewerFormat,
        /// There is no such format (its number).
        17 UnknownFormat,
        /// The store belongs to another partition.
        18 OtherPartition,
        /// The parts of the store do not fit the partition.
        19 Geometry,
        /// A frame of the log that was acknowledged is not whole (its number).
        20 LogFrame,
        /// A frame of the log says nothing (its number).
        21 LogMeaning,
        /// The table's header is damaged.
        22 TableHeader,
        /// A page of the table is damaged (its number; the largest where it is not known).
        23 TablePage,
        /// The store's own records are damaged.
        24 Records,
        /// What is in the log could not be put into the table.
        25 Fold,
        /// It was opened to be read.
        26 Asked,
        /// The log could not be written.
        27 LogWrite,
        /// The table could not be written.
        28 TableWrite,
        /// The table could not be read.
        29 TableRead,
        /// Pages of the table do not fit together.
        30 Inconsistent,
        /// The table is full.
        31 TableFull,
    }
}

codes! {
    /// What is wrong with a key.
    pub enum BadKey: u32 {
        /// No bytes, or more than 255.
        1 Length,
        /// Not UTF-8.
        2 NotText,
        /// A control character.
        3 Control,
        /// A part between slashes that is empty, `.` or `..`.
        4 Part,
        /// A batch has a key twice.
        5 Twice,
    }
}

payloads! {
    /// Asks what the store is.
    pub struct Info {}

    /// What the store is, and how it stands.
    pub struct StoreInfo {
        /// How it stands.
        pub standing: Standing,
        /// Why it does not stand better.
        pub reason: Reason,
        /// What the reason has in brackets, else 0.
        pub detail: u64,
        /// GUID of its partition, as its bytes are on the disk.
        pub guid: [u8; 16],
        /// Bytes of its partition; 0 while it is not open.
        pub bytes: u64,
        /// Number of its format; 0 while it is not open.
        pub format: u32,
        /// Trees that it has.
        pub trees: u32,
        /// Of those, trees that no service has.
        pub orphans: u32,
        /// Services that share a ring with statefsd.
        pub clients: u32,
    }

    /// Tells of a new attachment.
    pub struct Attach {}

    /// Tells of what was asked by the ring, and waits for what comes of it.
    pub struct Wait {}

    /// Asks what was done.
    pub struct Stats {}

    /// What was done since statefsd began.
    pub struct StoreStats {
        /// Requests that changed nothing.
        pub looks: u64,
        /// Requests that changed something.
        pub changes: u64,
        /// Requests that waited for a sync.
        pub waited: u64,
        /// Syncs that they shared.
        pub syncs: u64,
        /// Reads that the disk was asked for.
        pub reads: u64,
        /// Writes that the disk was asked for.
        pub writes: u64,
        /// Flushes that the disk was asked for.
        pub flushes: u64,
        /// Requests that were denied.
        pub denied: u32,
        /// Padding.
        pub zero: Zero<4>,
    }
}
