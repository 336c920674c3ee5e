//! `unsafe` stands in a few named places, and there is no more of it than tests/unsafe-budget.toml
//! says (attack 71).

use crate::paths;
use crate::steps::outcome::Outcome;
use anyhow::{Context, Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    /// Uses of the word `unsafe` allowed in each directory.
    directories: BTreeMap<String, usize>,
}

pub(super) fn check() -> Result<Outcome> {
    let root = paths::root()?;
    let path = root.join("tests/unsafe-budget.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let budget: Budget = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for top in ["source", "tools", "tests", "examples"] {
        for file in rust_files(&root.join(top))? {
            let text = fs::read_to_string(&file)?;
            let count = count(&text).with_context(|| format!("in {}", file.display()))?;
            let short = file.strip_prefix(&root)?.to_string_lossy().into_owned();
            *counts.entry(directory_of(&short, &budget)).or_default() += count;
        }
    }
    let wrong = over(&counts, &budget);
    wrong.iter().for_each(|line| println!("{line}"));
    let total: usize = counts.values().sum();
    Ok(Outcome::of(wrong.is_empty(), format!("{total} uses of unsafe")))
}

/// The directory of the budget that `file` is in, else the file itself.
fn directory_of(file: &str, budget: &Budget) -> String {
    let found = budget.directories.keys().find(|one| file.starts_with(&format!("{one}/")));
    found.cloned().unwrap_or_else(|| file.to_owned())
}

fn over(counts: &BTreeMap<String, usize>, budget: &Budget) -> Vec<String> {
    let mut wrong = Vec::new();
    for (place, count) in counts {
        let allowed = budget.directories.get(place).copied().unwrap_or(0);
        if *count > allowed {
            wrong.push(format!("{place}: {count} uses of unsafe, {allowed} allowed"));
        }
    }
    wrong
}

/// How often the word `unsafe` is used as code: not in comments, strings or longer words.
fn count(text: &str) -> Result<usize> {
    let tokens: TokenStream = text.parse().map_err(|error| anyhow!("not Rust: {error}"))?;
    Ok(count_in(tokens))
}

fn count_in(tokens: TokenStream) -> usize {
    let one = |token| match token {
        TokenTree::Ident(word) => usize::from(word == "unsafe"),
        TokenTree::Group(group) => count_in(group.stream()),
        _ => 0,
    };
    tokens.into_iter().map(one).sum()
}

pub(super) fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let Ok(entries) = directory.read_dir() else { return Ok(files) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 71 H: unsafe code inside a macro, the word in a comment; all code is counted and nothing else
    #[test]
    fn test_only_code_counts() {
        let text = r#"
            #![forbid(unsafe_code)]
            // unsafe
            /* unsafe */
            /// unsafe
            const TEXT: &str = "unsafe { }";
            unsafe fn f() { g!(unsafe { 1 }); }
        "#;
        // The documentation comment is text in an attribute, not a word.
        assert_eq!(count(text).unwrap(), 2);
        assert!(count("fn f( {").is_err());
    }

    // attack 71 H: one use of unsafe more than the budget, or outside of it; a fault; broken: unsafe-budget
    #[test]
    fn test_budget() {
        let directories = BTreeMap::from([("source/a".to_owned(), 2)]);
        let budget = Budget { directories };
        assert_eq!(directory_of("source/a/src/lib.rs", &budget), "source/a");
        assert_eq!(directory_of("source/ab/src/lib.rs", &budget), "source/ab/src/lib.rs");
        let counts = |count| BTreeMap::from([("source/a".to_owned(), count)]);
        assert!(over(&counts(2), &budget).is_empty());
        assert_eq!(over(&counts(3), &budget).len(), 1);
        assert_eq!(over(&BTreeMap::from([("tools/x.rs".to_owned(), 1)]), &budget).len(), 1);
    }
}
