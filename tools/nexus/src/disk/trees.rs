//! Whose tree is which, where a system is given.

use crate::desc;
use anyhow::{Result, anyhow, bail};
use nexus_store::TreeId;
use std::path::Path;

/// The trees of the services of a system.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// None without a system.
    known: Option<Vec<(TreeId, String)>>,
}

impl Trees {
    /// Those of the system in this directory, in any of its profiles.
    ///
    /// # Errors
    /// What the system lacks.
    pub(super) fn of(system: Option<&Path>) -> Result<Trees> {
        let Some(system) = system else { return Ok(Trees::default()) };
        let named = Some(system).filter(|system| *system != Path::new("standard"));
        let all = desc::load_all(named)?;
        let services = all.iter().flat_map(|checked| &checked.description.services);
        let trees = services.filter_map(|one| Some((TreeId(one.tree?.id), one.name.clone())));
        let mut known: Vec<_> = trees.collect();
        known.sort();
        known.dedup();
        Ok(Trees { known: Some(known) })
    }

    /// Whose a tree is, as a column; `orphan` is a tree that no service of the system has.
    pub(super) fn whose(&self, tree: TreeId) -> String {
        let Some(known) = &self.known else { return String::new() };
        let name = known.iter().find(|(id, _)| *id == tree).map_or("orphan", |(_, name)| name);
        let width = known.iter().map(|(_, name)| name.len()).chain(["orphan".len()]).max();
        format!("{name:0$}  ", width.unwrap_or_default())
    }

    /// The tree with these 32 digits, or that of the service with this name.
    ///
    /// # Errors
    /// There is none: what could be said instead.
    pub(super) fn find(&self, word: &str) -> Result<TreeId> {
        if word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(TreeId(u128::from_str_radix(word, 16)?));
        }
        let Some(known) = &self.known else {
            bail!(
                "a tree has 32 hexadecimal digits, and not {word:?}; --system DIR lets it be named by its service"
            )
        };
        let named = known.iter().find(|(_, name)| name == word).map(|(tree, _)| *tree);
        named.ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|(_, name)| name.as_str()).collect();
            anyhow!(
                "no service {word:?} has a tree; {}",
                desc::suggest::instead(word, "services", &names)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TreeId = TreeId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

    #[test]
    fn test_trees_are_32_digits_or_named() {
        let none = Trees::default();
        assert_eq!(none.find(&ONE.to_string()).unwrap(), ONE);
        for bad in
            ["", "7", "+123456789abcdef0123456789abcdef0", "0123456789abcdef0123456789abcdeg"]
        {
            assert!(none.find(bad).unwrap_err().to_string().contains("32 hexadecimal"), "{bad}");
        }
        let trees = Trees { known: Some(vec![(ONE, "nsh".into())]) };
        assert_eq!(trees.find("nsh").unwrap(), ONE);
        let error = trees.find("nsg").unwrap_err().to_string();
        assert!(error.contains("`nsh`"), "{error}");
    }

    #[test]
    fn test_a_tree_of_nobody_is_an_orphan() {
        let trees = Trees { known: Some(vec![(ONE, "archived".into())]) };
        assert_eq!(
            (trees.whose(ONE), trees.whose(TreeId(7))),
            ("archived  ".into(), "orphan    ".into())
        );
        assert_eq!(Trees::default().whose(ONE), "");
    }
}
