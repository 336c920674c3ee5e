//! The plan, and its checks.

use core::ops::Range;

use elf::ElfBytes;
use elf::abi::{
    EI_NIDENT, EM_RISCV, ET_EXEC, PF_R, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_TLS,
};
use elf::endian::LittleEndian;
use elf::file::{Class, parse_ident};
use elf::parse::ParseError;
use elf::segment::ProgramHeader;
use nexus_abi::{MAX_PAGES_PER_CALL, PAGE_SIZE, Prot, USER_END, USER_START};

/// Most segments in an image.
pub const MAX_SEGMENTS: usize = 8;

/// Most program headers that are looked at.
const MAX_HEADERS: usize = 32;

/// Most bytes of a segment in memory: what one memory object holds.
const MAX_LEN: u64 = MAX_PAGES_PER_CALL.saturating_mul(PAGE_SIZE);

/// Why an image cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It is not an ELF file of this version, or its headers leave the file.
    NotElf,
    /// It is not 64-bit.
    WrongClass,
    /// It is not little-endian.
    WrongEndianness,
    /// It is not for RISC-V.
    WrongMachine,
    /// It is not a static executable (`ET_EXEC`).
    WrongType,
    /// More than 32 program headers.
    TooManyHeaders,
    /// It asks for an interpreter, dynamic linking or thread-local storage.
    NotStatic,
    /// More than 8 segments with memory.
    TooManySegments,
    /// A segment is writable and executable.
    WriteExec,
    /// A segment's flags are not R, RX or RW.
    BadFlags,
    /// A segment does not begin at a page.
    Misaligned,
    /// A segment is longer than 512 pages.
    TooLong,
    /// A segment has more bytes in the file than in memory.
    FileLongerThanMemory,
    /// A segment's bytes leave the file.
    OutsideFile,
    /// A segment leaves the user half of the address space.
    OutsideUser,
    /// Two segments share a page.
    Overlap,
    /// The entry is not in an executable segment, or not aligned to 2 bytes.
    BadEntry,
}

/// What a segment's pages allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Perm {
    /// Loads.
    R,
    /// Loads and instruction fetch.
    RX,
    /// Loads and stores.
    RW,
}

impl Perm {
    /// The protection to map with.
    #[must_use]
    pub const fn prot(self) -> Prot {
        match self {
            Perm::R => Prot::READ,
            Perm::RX => Prot::READ.union(Prot::EXEC),
            Perm::RW => Prot::READ.union(Prot::WRITE),
        }
    }

    fn from_flags(flags: u32) -> Result<Perm, LoadError> {
        const R: u32 = PF_R;
        const RX: u32 = PF_R | PF_X;
        const RW: u32 = PF_R | PF_W;
        match flags {
            R => Ok(Perm::R),
            RX => Ok(Perm::RX),
            RW => Ok(Perm::RW),
            flags if flags & PF_W != 0 && flags & PF_X != 0 => Err(LoadError::WriteExec),
            _ => Err(LoadError::BadFlags),
        }
    }
}

/// Pages to map, and the bytes they begin with; the rest is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First virtual address, a multiple of the page.
    pub va: u64,
    /// Where its bytes begin in the file.
    pub file_offset: u64,
    /// How many bytes it has in the file; at most `mem_len`.
    pub file_len: u64,
    /// Bytes in memory, 1 to 2 MiB.
    pub mem_len: u64,
    /// What its pages allow.
    pub perm: Perm,
}

impl Segment {
    /// Pages that it takes, 1 to 512.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.mem_len.div_ceil(PAGE_SIZE)
    }

    /// Its bytes in `image`, the file that the plan was made from.
    #[must_use]
    pub fn data<'a>(&self, image: &'a [u8]) -> &'a [u8] {
        file_range(self.file_offset, self.file_len).and_then(|at| image.get(at)).unwrap_or(&[])
    }

    /// First address past its last page.
    const fn end(&self) -> u64 {
        self.va.saturating_add(self.pages().saturating_mul(PAGE_SIZE))
    }

    fn contains(&self, va: u64) -> bool {
        self.va <= va && va < self.va.saturating_add(self.mem_len)
    }

    fn check(header: &ProgramHeader, image: &[u8]) -> Result<Segment, LoadError> {
        let perm = Perm::from_flags(header.p_flags)?;
        let segment = Segment {
            va: header.p_vaddr,
            file_offset: header.p_offset,
            file_len: header.p_filesz,
            mem_len: header.p_memsz,
            perm,
        };
        if !segment.va.is_multiple_of(PAGE_SIZE) {
            return Err(LoadError::Misaligned);
        }
        if segment.mem_len > MAX_LEN {
            return Err(LoadError::TooLong);
        }
        if segment.file_len > segment.mem_len {
            return Err(LoadError::FileLongerThanMemory);
        }
        let range = file_range(segment.file_offset, segment.file_len);
        if range.and_then(|range| image.get(range)).is_none() {
            return Err(LoadError::OutsideFile);
        }
        if segment.va < USER_START || segment.end() > USER_END {
            return Err(LoadError::OutsideUser);
        }
        Ok(segment)
    }
}

/// Where a segment's bytes are; `None` when no file is that long.
fn file_range(offset: u64, len: u64) -> Option<Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// What to map, and where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Address of the first instruction, inside an executable segment.
    pub entry: u64,
    segments: [Option<Segment>; MAX_SEGMENTS],
}

impl Plan {
    /// Reads an image.
    ///
    /// # Errors
    /// The first condition that it breaks, in the order of [`LoadError`]; those of one segment
    /// come before those of the next.
    pub fn parse(image: &[u8]) -> Result<Plan, LoadError> {
        let ident = image.get(..EI_NIDENT).ok_or(LoadError::NotElf)?;
        if parse_ident::<LittleEndian>(ident)?.1 != Class::ELF64 {
            return Err(LoadError::WrongClass);
        }
        let elf = ElfBytes::<LittleEndian>::minimal_parse(image)?;
        let header = &elf.ehdr;
        if header.e_machine != EM_RISCV {
            return Err(LoadError::WrongMachine);
        }
        if header.e_type != ET_EXEC {
            return Err(LoadError::WrongType);
        }
        let headers = elf.segments().ok_or(LoadError::BadEntry)?;
        if headers.len() > MAX_HEADERS {
            return Err(LoadError::TooManyHeaders);
        }
        let mut plan = Plan { entry: header.e_entry, segments: [None; MAX_SEGMENTS] };
        for header in headers.iter() {
            plan.add(&header, image)?;
        }
        let text = |segment: &Segment| segment.perm == Perm::RX && segment.contains(plan.entry);
        if plan.entry.is_multiple_of(2) && plan.segments().any(text) {
            Ok(plan)
        } else {
            Err(LoadError::BadEntry)
        }
    }

    /// What to map, in the order of the image.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().flatten()
    }

    fn add(&mut self, header: &ProgramHeader, image: &[u8]) -> Result<(), LoadError> {
        match header.p_type {
            PT_INTERP | PT_DYNAMIC | PT_TLS => return Err(LoadError::NotStatic),
            PT_LOAD if header.p_memsz > 0 || header.p_filesz > 0 => {}
            _ => return Ok(()),
        }
        let slot = self.segments.iter().position(Option::is_none);
        let free = slot.ok_or(LoadError::TooManySegments)?;
        let segment = Segment::check(header, image)?;
        if self.segments().any(|other| segment.va < other.end() && other.va < segment.end()) {
            return Err(LoadError::Overlap);
        }
        if let Some(slot) = self.segments.get_mut(free) {
            *slot = Some(segment);
        }
        Ok(())
    }
}

impl From<ParseError> for LoadError {
    fn from(error: ParseError) -> LoadError {
        match error {
            ParseError::UnsupportedElfClass(_) => LoadError::WrongClass,
            ParseError::UnsupportedElfEndianness(_) => LoadError::WrongEndianness,
            _ => LoadError::NotElf,
        }
    }
}
