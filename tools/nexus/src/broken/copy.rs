//! The one copy of the tree in which defences are left out: `target/broken/`, with everything that is
//! built from it. Nothing else looks there for an image.

use super::Defence;
use crate::build::{Built, Place, Twin, system_in};
use crate::cli::SystemArgs;
use crate::paths;
use crate::steps::tools;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where cargo puts what is built for the host: for tests, and what runs when programs of a system are compiled.
const HOST: [&str; 2] = ["debug", "release"];
/// What is no program, of what is built.
const LIBRARIES: &[&str] = &["rlib", "rmeta", "so", "d"];

/// The copy, and the right to change it: one process at a time has it.
#[derive(Debug)]
pub struct Copy {
    /// Where it is, and what is built from it.
    pub place: Place,
    /// Where finished images and tests are kept while they are tried.
    pub kept: PathBuf,
    tree: Place,
    _lock: File,
}

impl Copy {
    /// The copy of the tree.
    ///
    /// # Errors
    /// See [`Copy::of`].
    pub fn open() -> Result<Copy> {
        Copy::of(&Place::tree()?)
    }

    /// Makes the copy like `tree`: files that are the same are left alone, so that nothing is
    /// compiled again for them.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn of(tree: &Place) -> Result<Copy> {
        let directory = tree.target.join("broken");
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let lock = File::create(directory.join("lock")).context("making the lock of the copy")?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            println!("waiting for another run in {}", directory.display());
            lock.lock().context("waiting for the copy")?;
        }
        let place = Place {
            root: directory.join("tree"),
            build: directory.join("build"),
            target: directory.join("target"),
            lenient: true,
        };
        let here = paths::files(&tree.root, &[&tree.target, &tree.build])?;
        let there = paths::files(&place.root, &[])?;
        for file in there.difference(&here) {
            fs::remove_file(place.root.join(file))?;
        }
        for file in &here {
            let (from, to) = (tree.root.join(file), place.root.join(file));
            if fs::read(&to).ok() != Some(fs::read(&from)?) {
                fs::create_dir_all(to.parent().context("a file has a directory")?)?;
                fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
            }
        }
        for profile in HOST {
            let (from, to) = (tree.target.join(profile), place.target.join(profile));
            if from.is_dir() && !to.exists() {
                crates_of_others(&from, &to)?;
            }
        }
        Ok(Copy { place, kept: directory.join("kept"), tree: tree.clone(), _lock: lock })
    }

    /// Leaves out `defence` until what it returns is dropped.
    ///
    /// # Errors
    /// See [`Defence::edited`].
    pub fn without(&mut self, defence: &Defence) -> Result<Without<'_>> {
        let edited = defence.edited(&self.place.root)?;
        let mut without = Without { copy: self, before: BTreeMap::new() };
        for (file, text) in edited {
            let path = without.copy.place.root.join(file);
            let before = fs::read_to_string(&path)?;
            without.before.insert(path.clone(), before);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(without)
    }
}

/// Copies what cargo has built for the host from `from` to `to`, but for programs: crates of others are the same in both
/// trees, and cargo finds that they need not be compiled again. It decides by times, which are kept.
fn crates_of_others(from: &Path, to: &Path) -> Result<()> {
    for (folder, wanted) in [(".fingerprint", None), ("build", None), ("deps", Some(LIBRARIES))] {
        let from = from.join(folder);
        for file in paths::files(&from, &[])? {
            let extension = file.extension().and_then(OsStr::to_str).unwrap_or_default();
            if wanted.is_none_or(|wanted| wanted.contains(&extension)) {
                copy_with_time(&from.join(&file), &to.join(folder).join(&file))?;
            }
        }
    }
    Ok(())
}

/// Copies `from` to `to`: what it holds, who may run it, and when it was changed.
fn copy_with_time(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file has a directory")?)?;
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    let changed = fs::metadata(from)?.modified()?;
    File::options().write(true).open(to)?.set_modified(changed)?;
    Ok(())
}

/// The copy without a defence.
#[derive(Debug)]
pub struct Without<'a> {
    copy: &'a Copy,
    before: BTreeMap<PathBuf, String>,
}

impl Without<'_> {
    /// Builds a system of the copy. Programs that the defence is not in are those of the tree, if they were built there.
    ///
    /// # Errors
    /// See [`system_in`].
    pub fn system(&self, directory: PathBuf, profile: &str) -> Result<Built> {
        let args = SystemArgs { system: Some(directory), profile: profile.to_owned() };
        let (place, tree) = (&self.copy.place, &self.copy.tree);
        let edited = self.before.keys().filter_map(|file| file.strip_prefix(&place.root).ok());
        let edited = edited.map(Path::to_path_buf).collect();
        system_in(place, &args, Some(&Twin { tree: tree.clone(), edited }))
    }

    /// Where the copy is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.copy.place
    }

    /// `cargo` in the copy, for the host.
    ///
    /// # Errors
    /// See `tools::cargo`.
    pub fn cargo(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = tools::cargo(arguments)?;
        command.current_dir(&self.copy.place.root).arg("--target-dir").arg(&self.copy.place.target);
        self.copy.place.let_warn(&mut command);
        command.env(paths::ROOT_VARIABLE, &self.copy.place.root);
        Ok(command)
    }
}

/// Also when a build failed: the next defence is left out of the tree as it is.
impl Drop for Without<'_> {
    fn drop(&mut self) {
        for (path, text) in &self.before {
            // What cannot be undone here is when the copy is opened the next time.
            let _ = fs::write(path, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broken::Edit;

    // attack 70 H: a defence left out of the tree itself, or for good; only the copy lacks it, until the build ends
    #[test]
    fn test_the_copy_lacks_a_defence_for_one_build() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("tree");
        let code = root.join("source/a.rs");
        fs::create_dir_all(root.join("source")).unwrap();
        fs::create_dir_all(root.join("build/nexus-prod")).unwrap();
        fs::write(&code, "a check;\n").unwrap();
        fs::write(root.join("build/nexus-prod/boot.img"), "").unwrap();
        let (build, target) = (root.join("build"), root.join("target"));
        let tree = Place { root, build, target, lenient: false };
        let (file, text) = ("source/a.rs".to_owned(), "a check;".to_owned());
        let one = Defence {
            name: "one".into(),
            defence: "No check.".into(),
            caught_by: None,
            system: None,
            edits: vec![Edit { file, text, replacement: String::new() }],
        };

        let mut copy = Copy::of(&tree).unwrap();
        let place = copy.place.clone();
        let there = || fs::read_to_string(place.root.join("source/a.rs")).unwrap();
        assert!(place.root.starts_with(tree.target.join("broken")));
        assert!(!place.build.starts_with(&tree.build) && !place.root.join("build").exists());
        let without = copy.without(&one).unwrap();
        assert_eq!(there(), "\n");
        drop(without);
        assert_eq!(there(), "a check;\n");
        std::mem::forget(copy.without(&one).unwrap());
        assert!(copy.without(&one).unwrap_err().to_string().contains("`one`"), "it lacks it");
        drop(copy);

        fs::write(place.root.join("source/b.rs"), "gone from the tree").unwrap();
        let _copy = Copy::of(&tree).unwrap();
        assert_eq!(there(), "a check;\n", "as after a run that was killed");
        assert!(!place.root.join("source/b.rs").exists());
        assert_eq!(fs::read_to_string(&code).unwrap(), "a check;\n");
    }
}
