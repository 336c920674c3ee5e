//! A tree from which another differs in a few files: programs that none of these went into are the same in both, and
//! compiled in one of them.

use super::Place;
use super::origin::Origin;
use super::sources::{self, Sources};
use crate::cli::SystemArgs;
use crate::desc::Checked;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What programs and libraries are written in, but for what runs when they are compiled.
const CODE: &str = "rs";
const RUN_BY_CARGO: &str = "build.rs";

/// The other tree.
#[derive(Debug)]
pub struct Twin {
    /// Where it is, and what is built from it.
    pub tree: Place,
    /// Files that are other there, from the root.
    pub edited: BTreeSet<PathBuf>,
}

/// The same system, as it was built there.
#[derive(Debug)]
pub(super) struct Same<'a> {
    folder: PathBuf,
    twin: &'a Twin,
}

impl Twin {
    /// The system of `here` as it was built in the tree. None: it was not, or is not of the tree as it is now, or it
    /// cannot be told what the files went into.
    pub(super) fn same(&self, here: &Place, checked: &Checked) -> Option<Same<'_>> {
        if !self.edited.iter().all(|file| is_code(file)) {
            return None;
        }
        let system = self.tree.root.join(checked.directory.strip_prefix(&here.root).ok()?);
        let args = SystemArgs { system: Some(system), profile: checked.profile.clone() };
        let there = self.tree.load(&args).ok()?;
        let folder = self.tree.folder(&there).ok()?;
        let _sources: Sources = Origin::programs(&folder, &there).ok()?;
        Some(Same { folder, twin: self })
    }
}

impl Same<'_> {
    /// The program `name`, with the list of what it was compiled from beside it: if none of that is other here.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let binary = self.folder.join("debug").join(name);
        let listed = sources::of(&binary).ok()?;
        let root = &self.twin.tree.root;
        let is_other = |file: &PathBuf| {
            file.strip_prefix(root).is_ok_and(|file| self.twin.edited.contains(file))
        };
        (!listed.is_empty() && !listed.iter().any(is_other) && binary.is_file()).then_some(binary)
    }
}

/// True for code that stands in the list of each program that it went into.
fn is_code(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == CODE)
        && file.file_name().is_some_and(|name| name != RUN_BY_CARGO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn twin(root: &Path, edited: &[&str]) -> Twin {
        let (build, target) = (root.join("build"), root.join("target"));
        let tree = Place { root: root.to_path_buf(), build, target, lenient: false };
        Twin { tree, edited: edited.iter().map(PathBuf::from).collect() }
    }

    #[test]
    fn test_a_program_that_no_edited_file_went_into_is_the_same() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("build/one");
        let binary = folder.join("debug/rngd");
        fs::create_dir_all(binary.parent().unwrap()).unwrap();
        fs::write(&binary, "ELF").unwrap();
        let file = |name: &str| scratch.path().join(name).display().to_string();
        let has = |edited: &[&str]| {
            let twin = twin(scratch.path(), edited);
            Same { folder: folder.clone(), twin: &twin }.program("rngd")
        };
        assert_eq!(has(&["source/b.rs"]), None, "it is not known what it was compiled from");
        let list = format!("/t/rngd: {} {}\n", file("source/a.rs"), file("source/lib/c.rs"));
        fs::write(binary.with_added_extension("d"), list).unwrap();
        assert_eq!(has(&["source/b.rs"]), Some(binary.clone()));
        assert_eq!(has(&["source/b.rs", "source/lib/c.rs"]), None);
        fs::remove_file(&binary).unwrap();
        assert_eq!(has(&["source/b.rs"]), None);
    }

    #[test]
    fn test_what_else_programs_are_made_by_is_in_no_list() {
        for (file, expected) in [
            ("source/a.rs", true),
            ("source/services/httpd/build.rs", false),
            ("source/kernel/neuron/link.ld", false),
            ("source/kernel/neuron/Cargo.toml", false),
        ] {
            assert_eq!(is_code(Path::new(file)), expected, "{file}");
        }
    }
}
