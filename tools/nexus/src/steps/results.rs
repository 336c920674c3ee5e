//! What steps came to, kept for `--resume`: one file for each part of a step, with the hash of the
//! tree that it was of. `--write` publishes them in the tree itself, which carries them to another
//! machine, and shows to whoever reads it what was looked at.

use crate::build::Place;
use crate::paths;
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The page that results are written into; it is no part of what they are of.
const PAGE: &str = "docs/security/assurance.md";
/// Where they are published, in a folder for each list of steps; no part of it either.
const PUBLISHED: &str = "docs/security/results";

/// The results of one list of steps.
#[derive(Debug)]
pub(crate) struct Results {
    directory: PathBuf,
    /// Where they are published.
    published: PathBuf,
    /// The tree that they are of.
    tree: String,
    /// Those of an earlier run count.
    resume: bool,
}

/// What one part of a step came to.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept<T> {
    /// SHA-256 of all files of the tree.
    tree: String,
    /// Where random runs began.
    pub(crate) seed: u64,
    pub(crate) took: Duration,
    pub(crate) outcome: T,
}

impl Results {
    /// Those of the list `name`, of the tree as it is now.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(crate) fn open(name: &str, resume: bool) -> Result<Results> {
        let place = Place::tree()?;
        let published = place.root.join(PUBLISHED);
        let tree = hash(&place.root, &[&place.target, &place.build, &published])?;
        let directory = place.target.join("results").join(name);
        Ok(Results { directory, published: published.join(name), tree, resume })
    }

    /// The seed of an earlier run that can go on.
    pub(crate) fn seed(&self) -> Option<u64> {
        let all = [&self.directory, &self.published].into_iter().flat_map(|place| files(place));
        all.filter(|_| self.resume).find_map(|path| Some(self.read::<Value>(&path)?.seed))
    }

    /// What this part came to before, with this seed and of this tree; also that it failed.
    pub(crate) fn find<T: DeserializeOwned>(
        &self,
        step: &str,
        [part, parts]: [u32; 2],
        seed: u64,
    ) -> Option<Kept<T>> {
        let name = name(step, part, parts);
        let all = [&self.directory, &self.published].map(|place| self.read(&place.join(&name)));
        all.into_iter().flatten().find(|kept| self.resume && kept.seed == seed)
    }

    /// Publishes those of this tree, in place of all that were published.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn publish(&self) -> Result<()> {
        fs::create_dir_all(&self.published)?;
        for old in files(&self.published).iter().filter(|path| !self.is_of_this_tree(path)) {
            fs::remove_file(old)?;
        }
        for path in files(&self.directory).iter().filter(|path| self.is_of_this_tree(path)) {
            let name = path.file_name().context("a file has a name")?;
            fs::copy(path, self.published.join(name))?;
        }
        Ok(())
    }

    /// Forgets what this part came to before.
    pub(crate) fn forget(&self, step: &str, [part, parts]: [u32; 2]) {
        // What is not there is forgotten.
        let name = name(step, part, parts);
        let _ = fs::remove_file(self.directory.join(&name));
        let _ = fs::remove_file(self.published.join(&name));
    }

    /// Keeps what this part came to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn keep<T: Serialize>(
        &self,
        step: &str,
        [part, parts]: [u32; 2],
        seed: u64,
        (outcome, took): (T, Duration),
    ) -> Result<Kept<T>> {
        let kept = Kept { tree: self.tree.clone(), seed, took, outcome };
        fs::create_dir_all(&self.directory)?;
        let path = self.directory.join(name(step, part, parts));
        // In one step, so that a run that is cut short leaves all of it or nothing.
        let whole = path.with_extension("new");
        fs::write(&whole, serde_json::to_vec_pretty(&kept)?)?;
        fs::rename(&whole, &path).with_context(|| format!("writing {}", path.display()))?;
        Ok(kept)
    }

    /// A result of this tree.
    fn read<T: DeserializeOwned>(&self, path: &Path) -> Option<Kept<T>> {
        let kept: Kept<T> = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        (kept.tree == self.tree).then_some(kept)
    }

    fn is_of_this_tree(&self, path: &Path) -> bool {
        self.read::<Value>(path).is_some()
    }

    /// SHA-256 of the tree that they are of.
    pub(crate) fn tree(&self) -> &str {
        &self.tree
    }
}

fn name(step: &str, part: u32, parts: u32) -> String {
    format!("{step}-{part}-of-{parts}.json")
}

/// The files of a folder, by name; none when it is not there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// SHA-256 of the names and bytes of all files below `root`.
fn hash(root: &Path, without: &[&Path]) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in paths::files(root, without)? {
        if file == Path::new(PAGE) {
            continue;
        }
        let bytes = fs::read(root.join(&file)).with_context(|| file.display().to_string())?;
        let name = file.as_os_str().as_encoded_bytes();
        for part in [name, bytes.as_slice()] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::outcome::Outcome;
    use super::*;

    pub(in crate::steps) fn results(directory: &Path, tree: &str, resume: bool) -> Results {
        let published = directory.join("published");
        Results { directory: directory.to_path_buf(), published, tree: tree.to_owned(), resume }
    }

    #[test]
    fn test_what_is_published_counts_where_nothing_else_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let run = results(scratch.path(), "one", true);
        let came_to = || (Outcome::success("x"), Duration::from_secs(9));
        let kept = run.keep("a", [1, 1], 7, came_to()).unwrap();
        run.publish().unwrap();
        fs::remove_file(scratch.path().join("a-1-of-1.json")).unwrap();
        assert_eq!((run.seed(), run.find::<Outcome>("a", [1, 1], 7)), (Some(7), Some(kept)));
        let anew = results(scratch.path(), "one", false);
        assert_eq!(
            (anew.seed(), anew.find::<Outcome>("a", [1, 1], 7)),
            (None, None),
            "not asked for"
        );

        let other = results(scratch.path(), "two", true);
        assert_eq!(
            (other.seed(), other.find::<Outcome>("a", [1, 1], 7)),
            (None, None),
            "of another tree"
        );
        other.keep("b", [1, 1], 8, came_to()).unwrap();
        other.publish().unwrap();
        assert_eq!(run.find::<Outcome>("a", [1, 1], 7), None, "published are those of one tree");
        assert_eq!(files(&other.published).len(), 1);
    }

    #[test]
    fn test_only_results_of_this_tree_and_seed_count() {
        let scratch = tempfile::tempdir().unwrap();
        let first = results(scratch.path(), "one", false);
        let came_to =
            |failed| (Outcome { failed, ..Outcome::success("x") }, Duration::from_secs(9));
        let kept = first.keep("a", [1, 2], 7, came_to(1)).unwrap();
        assert_eq!(
            (first.seed(), first.find::<Outcome>("a", [1, 2], 7)),
            (None, None),
            "not asked for"
        );

        let again = results(scratch.path(), "one", true);
        assert_eq!(again.seed(), Some(7));
        assert_eq!(again.find::<Outcome>("a", [1, 2], 7), Some(kept), "also what failed");
        for (step, part, seed) in [("b", [1, 2], 7), ("a", [2, 2], 7), ("a", [1, 2], 8)] {
            assert_eq!(again.find::<Outcome>(step, part, seed), None);
        }
        assert_eq!(again.find::<Outcome>("a", [1, 3], 7), None, "cut in another way");
        let other = results(scratch.path(), "two", true);
        assert_eq!((other.seed(), other.find::<Outcome>("a", [1, 2], 7)), (None, None));
        again.forget("a", [1, 2]);
        assert_eq!(again.find::<Outcome>("a", [1, 2], 7), None);
    }

    #[test]
    fn test_every_byte_of_the_tree_is_in_the_hash() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        let mut seen = std::collections::BTreeSet::new();
        let mut differs = || seen.insert(hash(root, &[&root.join("build")]).unwrap());
        fs::create_dir_all(root.join("docs/security")).unwrap();
        assert!(differs());
        fs::write(root.join("a"), "b").unwrap();
        assert!(differs(), "another file");
        fs::write(root.join("a"), "c").unwrap();
        assert!(differs(), "another text");
        fs::rename(root.join("a"), root.join("c")).unwrap();
        assert!(differs(), "another name");
        fs::write(root.join(PAGE), "figures").unwrap();
        fs::create_dir_all(root.join("target")).unwrap();
        fs::write(root.join("target/x"), "built").unwrap();
        fs::create_dir_all(root.join("build")).unwrap();
        fs::write(root.join("build/x"), "built").unwrap();
        assert!(!differs(), "what is made from it");
    }
}
