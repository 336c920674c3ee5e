//! A small system, built: real description, tiny programs.

use nexus::desc::{self, Checked, Program};
use nexus::image;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn fixtures() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/audit");
    path.canonicalize().expect("the fixtures")
}

/// The small system in this profile.
pub(crate) fn checked(profile: &str) -> Checked {
    let system = fixtures().join("system");
    let all = desc::check(&system, &system, &system).expect("the tool works");
    let all = all.unwrap_or_else(|report| panic!("{report}"));
    all.into_iter().find(|checked| checked.profile == profile).expect("the profile")
}

/// Its image.
pub(crate) fn image(profile: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let checked = checked(profile);
    build_programs(&checked, dir.path(), "");
    let elf_of = |program: &Program| dir.path().join(&program.name);
    image::build(&checked, &elf_of).expect("an image")
}

/// Writes a tiny program for each service into `directory`, called by its name and `ending`.
pub(crate) fn build_programs(checked: &Checked, directory: &Path, ending: &str) {
    for program in &checked.programs {
        let file = directory.join(format!("{}{ending}", program.name));
        fs::write(file, elf(program.id)).expect("writing");
    }
}

/// A static RISC-V executable with a page of text that holds `mark`, and two pages of data.
pub(crate) fn elf(mark: u32) -> Vec<u8> {
    const TEXT: u64 = 0x10_0000;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    elf.resize(16, 0);
    for half in [2u16, 243] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend(1u32.to_le_bytes());
    for word in [TEXT, 64, 0] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 2, 64, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    let segments: [(u32, u64, u64, u64); 2] = [(5, 4096, TEXT, 8), (6, 4104, TEXT + 4096, 0)];
    for (flags, offset, va, file_len) in segments {
        elf.extend(1u32.to_le_bytes());
        elf.extend(flags.to_le_bytes());
        let mem_len = if file_len == 0 { 8192 } else { file_len };
        for word in [offset, va, va, file_len, mem_len, 4096] {
            elf.extend(word.to_le_bytes());
        }
    }
    elf.resize(4096, 0);
    elf.extend(0x13u32.to_le_bytes());
    elf.extend(mark.to_le_bytes());
    elf
}
