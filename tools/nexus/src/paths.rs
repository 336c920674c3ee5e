//! Where things are.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// This program, to start it again. It is found even when cargo has replaced its file since.
pub const TOOL: &str = "/proc/self/exe";

/// Names another tree than the one that this tool was built from.
pub const ROOT_VARIABLE: &str = "NEXUS_ROOT";

/// The root of the Nexus tree: the one that this tool was built from, or `NEXUS_ROOT`.
///
/// # Errors
/// When there is no such directory (any more).
pub fn root() -> Result<PathBuf> {
    let root = match env::var_os(ROOT_VARIABLE) {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
    };
    root.canonicalize().context("the Nexus tree is not where this tool was built; build it again")
}

/// The standard system.
///
/// # Errors
/// See [`root`].
pub fn standard_system() -> Result<PathBuf> {
    Ok(root()?.join("system"))
}

/// The system of tests, which is laid over the others, in the tree that has this standard system.
#[must_use]
pub fn tests_beside(standard: &Path) -> PathBuf {
    standard.with_file_name("tests").join("overlay")
}

/// Where built systems go: `NEXUS_BUILD_DIR`, else `build/` in the tree.
///
/// # Errors
/// See [`root`].
pub fn build() -> Result<PathBuf> {
    match env::var_os("NEXUS_BUILD_DIR") {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => Ok(root()?.join("build")),
    }
}

/// Names the directory where disks of systems are, instead of the systems' own.
pub const DISKS_VARIABLE: &str = "NEXUS_DISKS";

/// The disk of the system `name` in `directory`, for people who run it: there, or in `NEXUS_DISKS`. It is no part of any
/// tree: whatever copies or compares trees leaves it out.
#[must_use]
pub fn own_disk(directory: &Path, name: &str) -> PathBuf {
    let disks = env::var_os(DISKS_VARIABLE).filter(|disks| !disks.is_empty()).map(PathBuf::from);
    disks.unwrap_or_else(|| directory.to_path_buf()).join(format!("{name}.{DISK}"))
}

/// The ending of that.
const DISK: &str = "disk";
/// The ending of the file with the heads of its ledgers.
const HEADS: &str = "heads";

/// The file with the heads of the ledgers that are on the disk `image`: beside it.
#[must_use]
pub fn heads_beside(image: &Path) -> PathBuf {
    image.with_extension(HEADS)
}

/// True for the name of such a disk, and of such a file.
#[must_use]
pub fn is_kept(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == DISK || ending == HEADS)
}

/// Where npm puts what it installs.
pub const MODULES: &str = "node_modules";

/// The files below `root`, from there, without what git keeps, what is in `without`, what cargo
/// has built, what npm has installed, disks and what is kept of them.
///
/// # Errors
/// When an entry cannot be read.
pub fn files(root: &Path, without: &[&Path]) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = directory.read_dir() else { continue };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let named = |name: &str| entry.file_name() == name;
            if named(".git")
                || named("target")
                || named(MODULES)
                || without.contains(&path.as_path())
            {
                continue;
            }
            if entry.file_type()?.is_dir() {
                directories.push(path);
            } else if !is_kept(&path) {
                found.insert(path.strip_prefix(root)?.to_path_buf());
            }
        }
    }
    Ok(found)
}

/// Copies a file, or a directory with all that is in it but disks, what is kept of them, and what was built there.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    if from.is_file() {
        fs::create_dir_all(to.parent().context("a file has a directory")?)?;
        fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
        return Ok(());
    }
    for entry in from.read_dir().with_context(|| format!("reading {}", from.display()))? {
        let name = entry?.file_name();
        if name != "target" && name != "build" && name != MODULES && !is_kept(Path::new(&name)) {
            copy_tree(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_disk_of_a_system_is_no_part_of_its_tree() {
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let disk = own_disk(one.path(), "standard");
        assert_eq!(disk, one.path().join("standard.disk"));
        fs::write(&disk, "state").unwrap();
        fs::write(heads_beside(&disk), "head").unwrap();
        fs::write(one.path().join("disk"), "file").unwrap();
        let file = BTreeSet::from([PathBuf::from("disk")]);
        assert_eq!(files(one.path(), &[]).unwrap(), file);
        copy_tree(one.path(), other.path()).unwrap();
        assert!(!other.path().join("standard.disk").exists());
        assert!(!other.path().join("standard.heads").exists());
        assert_eq!(files(other.path(), &[]).unwrap(), file);
    }
}
