//! ELF files with what a loader reads and nothing else, so that neither a path nor a debug section
//! can change the image.

use anyhow::{Context, Result, ensure};
use object::elf::{FileHeader64, PT_LOAD};
use object::endian::LittleEndian as LE;
use object::read::elf::{FileHeader, ProgramHeader};

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const PAGE: usize = 4096;

/// The loadable segments of `elf` as an ELF file of their own: the same entry, addresses, flags
/// and contents; no sections, no symbols.
///
/// # Errors
/// When `elf` is not a 64-bit little-endian ELF file with at least one segment.
pub(super) fn strip(elf: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader64::<LE>::parse(elf).context("not a 64-bit ELF file")?;
    let segments: Vec<_> = header
        .program_headers(LE, elf)
        .context("reading program headers")?
        .iter()
        .filter(|segment| segment.p_type(LE) == PT_LOAD && segment.p_memsz(LE) > 0)
        .collect();
    ensure!(!segments.is_empty(), "nothing to load");
    let mut out = file_header(header, segments.len())?;
    let mut payload = Vec::new();
    let start = (HEADER + PROGRAM_HEADER * segments.len()).next_multiple_of(PAGE);
    for segment in segments {
        let data = segment.data(LE, elf).ok().context("a segment lies outside the file")?;
        let within_page = usize::try_from(segment.p_vaddr(LE) % PAGE as u64)?;
        payload.resize(payload.len().next_multiple_of(PAGE) + within_page, 0);
        let words = [
            (start + payload.len()) as u64,
            segment.p_vaddr(LE),
            segment.p_paddr(LE),
            data.len() as u64,
            segment.p_memsz(LE),
            PAGE as u64,
        ];
        out.extend(PT_LOAD.0.to_le_bytes());
        out.extend(segment.p_flags(LE).0.to_le_bytes());
        words.iter().for_each(|word| out.extend(word.to_le_bytes()));
        payload.extend(data);
    }
    out.resize(start, 0);
    out.extend(payload);
    Ok(out)
}

fn file_header(header: &FileHeader64<LE>, segments: usize) -> Result<Vec<u8>> {
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    out.resize(16, 0);
    out.extend(header.e_type(LE).0.to_le_bytes());
    out.extend(header.e_machine(LE).0.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(header.e_entry(LE).to_le_bytes());
    out.extend((HEADER as u64).to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(header.e_flags(LE).0.to_le_bytes());
    let halves = [HEADER, PROGRAM_HEADER, segments, 64, 0, 0];
    for half in halves {
        out.extend(u16::try_from(half)?.to_le_bytes());
    }
    Ok(out)
}

/// Physical ranges that the segments of `elf` take, zero-filled memory included.
///
/// # Errors
/// When `elf` is not a 64-bit little-endian ELF file.
pub(super) fn physical_ranges(elf: &[u8]) -> Result<Vec<std::ops::Range<u64>>> {
    let header = FileHeader64::<LE>::parse(elf).context("not a 64-bit ELF file")?;
    let segments = header.program_headers(LE, elf).context("reading program headers")?;
    let loaded = segments.iter().filter(|segment| segment.p_type(LE) == PT_LOAD);
    Ok(loaded
        .map(|segment| {
            let start = segment.p_paddr(LE);
            start..start.saturating_add(segment.p_memsz(LE))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_stripped_file_loads_the_same() {
        let exe = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let stripped = strip(&exe).unwrap();
        assert!(stripped.len() < exe.len());
        let before = FileHeader64::<LE>::parse(&*exe).unwrap();
        let after = FileHeader64::<LE>::parse(&*stripped).unwrap();
        assert_eq!(before.e_entry(LE), after.e_entry(LE));
        let loads = |header: &FileHeader64<LE>, data: &[u8]| -> Vec<(u64, u32, u64, Vec<u8>)> {
            let segments = header.program_headers(LE, data).unwrap().iter();
            segments
                .filter(|s| s.p_type(LE) == PT_LOAD)
                .map(|s| {
                    let bytes = s.data(LE, data).unwrap().to_vec();
                    (s.p_vaddr(LE), s.p_flags(LE).0, s.p_memsz(LE), bytes)
                })
                .collect()
        };
        assert_eq!(loads(before, &exe), loads(after, &stripped));
        assert_eq!(strip(&stripped).unwrap(), stripped);
        assert_eq!(physical_ranges(&exe).unwrap(), physical_ranges(&stripped).unwrap());
    }

    #[test]
    fn test_garbage_is_refused() {
        assert!(strip(b"").is_err());
        assert!(strip(&[0; 4096]).is_err());
    }
}
