//! One place in the sources, and what stands there when a defence is left out.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// Where the code is that can lack a defence.
const TOPS: [&str; 2] = ["source/", "tools/"];

/// A text of a file, and what replaces it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, from the root of the tree.
    pub file: String,
    /// What is there, exactly once.
    pub text: String,
    /// What is there without the defence. Nothing, when it is empty.
    pub replacement: String,
}

impl Edit {
    /// The file as it is in the tree at `root`.
    pub(super) fn read(&self, root: &Path) -> Result<String> {
        let inside = TOPS.iter().any(|top| self.file.starts_with(top));
        if !inside || self.file.split('/').any(|part| part == "..") {
            bail!("`{}` is not a file under {}", self.file, TOPS.join(" or "));
        }
        fs::read_to_string(root.join(&self.file)).with_context(|| format!("reading {}", self.file))
    }

    /// `before` with the text replaced.
    ///
    /// # Errors
    /// When the text is not there exactly once, or the replacement is the same.
    pub fn apply(&self, before: &str) -> Result<String> {
        let shown = self.text.trim();
        match before.matches(&self.text).count() {
            _ if shown.is_empty() => bail!("{}: a `text` is empty", self.file),
            _ if self.text == self.replacement => {
                bail!("{}: text and replacement are the same: {shown}", self.file)
            }
            1 => Ok(before.replacen(&self.text, &self.replacement, 1)),
            0 => bail!(
                "{}: the text is not there (any more); write it as the code has it now: {shown}",
                self.file
            ),
            count => bail!(
                "{}: the text is there {count} times; add the line before or after it: {shown}",
                self.file
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, replacement: &str) -> Edit {
        let file = "source/a.rs".to_owned();
        Edit { file, text: text.into(), replacement: replacement.into() }
    }

    #[test]
    fn test_a_text_is_there_exactly_once() {
        assert_eq!(edit("b", "x").apply("abc").unwrap(), "axc");
        assert_eq!(edit("b", "").apply("abc").unwrap(), "ac");
        for (text, before, says) in [
            ("d", "abc", "not there"),
            ("b", "abcb", "2 times"),
            (" ", "a b", "is empty"),
            ("x", "axc", "the same"),
        ] {
            let error = edit(text, "x").apply(before).unwrap_err().to_string();
            assert!(error.contains(says) && error.starts_with("source/a.rs: "), "{error}");
        }
    }

    #[test]
    fn test_only_code_of_the_tree_is_edited() {
        for file in ["system/policy.toml", "source/../system/policy.toml", "/etc/passwd", ""] {
            let edit = Edit { file: file.into(), ..edit("a", "b") };
            assert!(edit.read(Path::new("/")).unwrap_err().to_string().contains("is not a file"));
        }
    }
}
