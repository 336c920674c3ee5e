//! Why an archive was refused.

use core::fmt;

/// Why an archive was refused. Where it is about one entry, `index` counts from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// Fewer bytes than the header, the table or `total_len` need.
    Truncated,
    /// It does not begin with the magic.
    BadMagic,
    /// Another version of the layout.
    BadVersion,
    /// A reserved field is not zero.
    ReservedNotZero,
    /// More frames for devices than the most there can be.
    BadDeviceFrames,
    /// No entries, or more than the most there can be.
    BadCount,
    /// The entry's kind is unknown.
    BadKind {
        /// Which entry.
        index: u32,
    },
    /// The name is empty, not `[a-z0-9-]`, or not padded with zeros.
    BadName {
        /// Which entry.
        index: u32,
    },
    /// The service id is 0 where a program needs one, not 0 for the description, or taken.
    BadId {
        /// Which entry.
        index: u32,
    },
    /// The payload is empty, does not begin on a page, leaves the archive, or overlaps the
    /// table or the payload before it.
    BadRange {
        /// Which entry.
        index: u32,
    },
    /// There is not exactly one init.
    InitCount,
    /// There is not exactly one description.
    DescriptionCount,
    /// Bytes that belong to no entry are not zero.
    PaddingNotZero,
    /// The payload's hash is not the one in its entry.
    HashMismatch {
        /// Which entry.
        index: u32,
    },
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Truncated => f.write_str("the archive is cut short"),
            ArchiveError::BadMagic => f.write_str("this is not a boot archive (wrong magic)"),
            ArchiveError::BadVersion => f.write_str("another version of the archive's layout"),
            ArchiveError::ReservedNotZero => f.write_str("a reserved header field is not zero"),
            ArchiveError::BadDeviceFrames => f.write_str("too many frames for devices"),
            ArchiveError::BadCount => f.write_str("no entries, or too many"),
            ArchiveError::BadKind { index } => write!(f, "entry {index}: unknown kind"),
            ArchiveError::BadName { index } => write!(f, "entry {index}: malformed name"),
            ArchiveError::BadId { index } => write!(f, "entry {index}: bad or repeated id"),
            ArchiveError::BadRange { index } => write!(f, "entry {index}: bad payload range"),
            ArchiveError::InitCount => f.write_str("there must be exactly one init"),
            ArchiveError::DescriptionCount => f.write_str("there must be exactly one description"),
            ArchiveError::PaddingNotZero => f.write_str("bytes outside every entry are not zero"),
            ArchiveError::HashMismatch { index } => {
                write!(f, "entry {index}: payload does not match its hash")
            }
        }
    }
}

impl core::error::Error for ArchiveError {}
