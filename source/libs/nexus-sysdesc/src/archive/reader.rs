//! Opening an archive. All checks happen once, in [`Archive::parse`].

use zerocopy::FromBytes;

use super::ArchiveError;
use super::layout::{Header, Kind, MAGIC, MAX_DEVICE_FRAMES, MAX_ENTRIES, PAGE, RawEntry, VERSION};

/// An archive whose every offset has been checked.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    header: &'a Header,
    table: &'a [RawEntry],
}

/// One payload and what the archive says about it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What it holds.
    pub kind: Kind,
    /// Service id of the program; 0 for the description.
    pub id: u32,
    /// For people only.
    pub name: &'a str,
    /// Bytes from the start of the archive to the payload; a multiple of [`PAGE`].
    pub offset: u64,
    /// SHA-256 of the payload, as the archive says. Opening an archive does not compute it.
    pub sha256: &'a [u8; 32],
    /// The payload.
    pub data: &'a [u8],
}

impl<'a> Archive<'a> {
    /// Opens the archive at the start of `bytes`. What follows `total_len` is ignored, because
    /// memory comes in pages.
    ///
    /// # Errors
    /// [`ArchiveError`] names the first thing that is wrong. Hashes are not computed here.
    pub fn parse(bytes: &'a [u8]) -> Result<Archive<'a>, ArchiveError> {
        let (header, rest) = Header::ref_from_prefix(bytes).map_err(|_| ArchiveError::Truncated)?;
        let count = check_header(header)?;
        let (table, _) = <[RawEntry]>::ref_from_prefix_with_elems(rest, count)
            .map_err(|_| ArchiveError::Truncated)?;
        let total = usize::try_from(header.total_len.get()).map_err(|_| ArchiveError::Truncated)?;
        let bytes = bytes.get(..total).ok_or(ArchiveError::Truncated)?;

        let archive = Archive { bytes, header, table };
        archive.check_entries()?;
        Ok(archive)
    }

    /// Number of this run; 0 in a built image.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.header.nonce.get()
    }

    /// Frames that the kernel sets aside for memory that devices reach: 0 to [`MAX_DEVICE_FRAMES`].
    #[must_use]
    pub fn device_frames(&self) -> u64 {
        self.header.device_frames.get()
    }

    /// Bytes of the archive.
    #[must_use]
    pub fn total_len(&self) -> u64 {
        self.header.total_len.get()
    }

    /// The bytes of the archive, without what may follow it in memory.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Every entry, in the order of the table.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let bytes = self.bytes;
        self.table.iter().filter_map(move |raw| entry(bytes, raw))
    }

    /// The program of init.
    ///
    /// # Errors
    /// `InitCount`; never after a successful [`Archive::parse`].
    pub fn init(&self) -> Result<Entry<'a>, ArchiveError> {
        self.entries().find(|entry| entry.kind == Kind::Init).ok_or(ArchiveError::InitCount)
    }

    /// The compiled description.
    ///
    /// # Errors
    /// `DescriptionCount`; never after a successful [`Archive::parse`].
    pub fn description(&self) -> Result<Entry<'a>, ArchiveError> {
        self.entries()
            .find(|entry| entry.kind == Kind::Description)
            .ok_or(ArchiveError::DescriptionCount)
    }

    /// The program of the service with this id. Init is not among the services.
    #[must_use]
    pub fn service(&self, id: u32) -> Option<Entry<'a>> {
        self.entries().find(|entry| entry.kind == Kind::Service && entry.id == id)
    }

    /// Checks that no byte hides outside the header, the table and the payloads.
    ///
    /// # Errors
    /// `PaddingNotZero`.
    pub fn check_padding(&self) -> Result<(), ArchiveError> {
        let table = size_of_val(self.table).saturating_add(size_of::<Header>());
        let mut end = table;
        for raw in self.table {
            let start = usize::try_from(raw.offset.get()).unwrap_or(usize::MAX);
            if !self.is_zero(end, start) {
                return Err(ArchiveError::PaddingNotZero);
            }
            end = start.saturating_add(usize::try_from(raw.len.get()).unwrap_or(usize::MAX));
        }
        if self.is_zero(end, self.bytes.len()) { Ok(()) } else { Err(ArchiveError::PaddingNotZero) }
    }

    fn is_zero(&self, from: usize, to: usize) -> bool {
        self.bytes.get(from..to).is_some_and(|gap| gap.iter().all(|byte| *byte == 0))
    }

    fn check_entries(&self) -> Result<(), ArchiveError> {
        let table = size_of_val(self.table).saturating_add(size_of::<Header>());
        let mut free = u64::try_from(table).map_err(|_| ArchiveError::Truncated)?;
        let (mut inits, mut descriptions) = (0u32, 0u32);
        for (index, raw) in (0u32..).zip(self.table) {
            let kind = Kind::from_code(raw.kind.get()).ok_or(ArchiveError::BadKind { index })?;
            name_of(raw).ok_or(ArchiveError::BadName { index })?;
            self.check_id(index, kind, raw.id.get())?;
            free = self.check_range(raw, free).ok_or(ArchiveError::BadRange { index })?;
            match kind {
                Kind::Init => inits = inits.saturating_add(1),
                Kind::Description => descriptions = descriptions.saturating_add(1),
                Kind::Service => {}
            }
        }
        if inits != 1 {
            return Err(ArchiveError::InitCount);
        }
        if descriptions != 1 {
            return Err(ArchiveError::DescriptionCount);
        }
        Ok(())
    }

    /// A program's id is not 0 and not that of an entry before it; the description's is 0.
    fn check_id(&self, index: u32, kind: Kind, id: u32) -> Result<(), ArchiveError> {
        let before = usize::try_from(index).unwrap_or(usize::MAX);
        let taken = self.table.iter().take(before).any(|raw| raw.id.get() == id);
        let valid = match kind {
            Kind::Description => id == 0,
            Kind::Init | Kind::Service => id != 0 && !taken,
        };
        if valid { Ok(()) } else { Err(ArchiveError::BadId { index }) }
    }

    /// The first byte after the payload, if it is a valid one that begins at `free` or later.
    fn check_range(&self, raw: &RawEntry, free: u64) -> Option<u64> {
        let (offset, len) = (raw.offset.get(), raw.len.get());
        let end = offset.checked_add(len)?;
        let valid = len > 0
            && offset.is_multiple_of(PAGE)
            && offset >= free
            && end <= self.header.total_len.get();
        valid.then_some(end)
    }
}

fn check_header(header: &Header) -> Result<usize, ArchiveError> {
    if header.magic != MAGIC {
        return Err(ArchiveError::BadMagic);
    }
    if header.version.get() != VERSION {
        return Err(ArchiveError::BadVersion);
    }
    if header.reserved.iter().any(|word| word.get() != 0) {
        return Err(ArchiveError::ReservedNotZero);
    }
    if header.device_frames.get() > MAX_DEVICE_FRAMES {
        return Err(ArchiveError::BadDeviceFrames);
    }
    let count = header.count.get();
    if count == 0 || count > MAX_ENTRIES {
        return Err(ArchiveError::BadCount);
    }
    usize::try_from(count).map_err(|_| ArchiveError::BadCount)
}

fn entry<'a>(bytes: &'a [u8], raw: &'a RawEntry) -> Option<Entry<'a>> {
    let start = usize::try_from(raw.offset.get()).ok()?;
    let len = usize::try_from(raw.len.get()).ok()?;
    Some(Entry {
        kind: Kind::from_code(raw.kind.get())?,
        id: raw.id.get(),
        name: name_of(raw)?,
        offset: raw.offset.get(),
        sha256: &raw.sha256,
        data: bytes.get(start..start.checked_add(len)?)?,
    })
}

/// The name without its padding, if it is well formed.
fn name_of(raw: &RawEntry) -> Option<&str> {
    let len = raw.name.iter().position(|byte| *byte == 0).unwrap_or(raw.name.len());
    let (name, padding) = raw.name.split_at_checked(len)?;
    let allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let valid =
        !name.is_empty() && name.iter().all(allowed) && padding.iter().all(|byte| *byte == 0);
    if valid { core::str::from_utf8(name).ok() } else { None }
}
