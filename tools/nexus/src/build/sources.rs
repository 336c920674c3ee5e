//! The files that a program is compiled from: those that cargo lists beside the binary, and the
//! manifests that they are built by.

use crate::files;
use crate::image::sha256;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

/// Each file by its whole path, and its SHA-256.
pub type Sources = BTreeMap<PathBuf, String>;

/// Adds what `binary` is compiled from, `manifest` being that of its workspace.
///
/// # Errors
/// When cargo did not list it, or a file cannot be read.
pub(super) fn add(sources: &mut Sources, binary: &Path, manifest: &Path) -> Result<()> {
    let lock = manifest.with_file_name("Cargo.lock");
    let mut found = vec![manifest.to_path_buf()];
    found.extend(Some(lock).filter(|lock| lock.is_file()));
    for file in of(binary)? {
        let manifests = file.ancestors().skip(1).map(|dir| dir.join("Cargo.toml"));
        found.extend(manifests.into_iter().find(|manifest| manifest.is_file()));
        found.push(file);
    }
    for file in found {
        if let Entry::Vacant(new) = sources.entry(file) {
            let file = new.key();
            let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            new.insert(sha256(&bytes));
        }
    }
    Ok(())
}

/// The files that `binary` is compiled from, as cargo listed them beside it.
///
/// # Errors
/// When it did not.
pub(super) fn of(binary: &Path) -> Result<Vec<PathBuf>> {
    let list = list_of(binary);
    let text = files::text(&list).with_context(|| format!("reading {}", list.display()))?;
    Ok(listed(&text))
}

/// Where that list is.
pub(super) fn list_of(binary: &Path) -> PathBuf {
    binary.with_added_extension("d")
}

/// The first of `sources` that is not as it was, and what happened to it.
pub(super) fn change(sources: &Sources) -> Option<String> {
    sources.iter().find_map(|(file, before)| match fs::read(file) {
        Ok(bytes) if sha256(&bytes) == *before => None,
        Ok(_) => Some(format!("{} has changed", file.display())),
        Err(_) => Some(format!("{} is gone", file.display())),
    })
}

/// The files behind `binary: ` in a list for make, in which a space of a name stands behind `\`.
fn listed(text: &str) -> Vec<PathBuf> {
    let Some((_, files)) = text.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let whole = files.replace("\\ ", "\0");
    whole.split(' ').map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_a_list_for_make_is_read() {
        let text = "/t/release/rngd: /a/src/main.rs /a\\ b/src/lib.rs\n\n/a/src/main.rs:\n";
        assert_eq!(listed(text), [Path::new("/a/src/main.rs"), Path::new("/a b/src/lib.rs")]);
        assert!(listed("").is_empty());
    }

    #[test]
    fn test_each_file_counts_with_its_manifests() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir_all(at("one/src")).unwrap();
        let files = ["Cargo.toml", "Cargo.lock", "one/Cargo.toml", "one/src/main.rs"];
        for file in files {
            fs::write(at(file), file).unwrap();
        }
        let list = format!("{}: {}\n", at("bin").display(), at("one/src/main.rs").display());
        fs::write(at("bin.d"), list).unwrap();
        let mut sources = Sources::new();
        add(&mut sources, &at("bin"), &at("Cargo.toml")).unwrap();
        assert!(
            sources
                .keys()
                .eq(&files.map(at).into_iter().collect::<std::collections::BTreeSet<_>>())
        );
        assert_eq!(change(&sources), None);
        for file in files {
            fs::write(at(file), "other").unwrap();
            let expected = format!("{} has changed", at(file).display());
            assert_eq!(change(&sources), Some(expected));
            fs::write(at(file), file).unwrap();
        }
        fs::remove_file(at("Cargo.lock")).unwrap();
        assert_eq!(change(&sources), Some(format!("{} is gone", at("Cargo.lock").display())));
    }
}
