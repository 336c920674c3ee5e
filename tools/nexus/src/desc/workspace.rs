//! Which workspace a crate is built in, as cargo decides it.

use super::manifest::{strings_in, table_in, value_in};
use crate::files;
use crate::steps::tools::cargo;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The `Cargo.toml` to build the crate in `dir` from, which has `manifest`: of the first workspace
/// at it or above it, else its own.
///
/// # Errors
/// The `Cargo.toml` of a workspace that the crate lies in and is no member of.
pub(super) fn of_crate(dir: &Path, manifest: &DeTable<'_>) -> Result<PathBuf, PathBuf> {
    let own = dir.join("Cargo.toml");
    if value_in(manifest, "workspace").is_some() {
        return Ok(own);
    }
    for above in dir.ancestors().skip(1) {
        let root = above.join("Cargo.toml");
        let text = files::text(&root).unwrap_or_default();
        let Ok(table) = DeTable::parse(&text) else { continue };
        let Some(workspace) = table_in(table.get_ref(), "workspace") else { continue };
        if strings_in(workspace, "members").iter().any(|member| above.join(member) == dir) {
            return Ok(root);
        }
        // By a pattern, as a dependency of a member, or excluded: cargo knows.
        return as_cargo_says(&own).ok_or(root);
    }
    Ok(own)
}

/// The `Cargo.toml` of the workspace of `manifest`; `None` when cargo refuses the two together.
fn as_cargo_says(manifest: &Path) -> Option<PathBuf> {
    let asked = ["locate-project", "--workspace", "--message-format", "plain", "--manifest-path"];
    let output = cargo(&asked).ok()?.arg(manifest).output().ok()?;
    let root = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(root.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn test_members_are_those_of_cargo() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"named\", \"all/*\"]\n\
                         exclude = [\"apart\"]\n";
        write(&root.join("Cargo.toml"), workspace);
        let crates = ["named", "all/one", "used", "apart", "stray"];
        for at in crates {
            let name = at.replace('/', "-");
            let mut text = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
            if at == "named" {
                text += "[dependencies]\nused = { path = \"../used\" }\n";
            }
            write(&root.join(at).join("Cargo.toml"), &text);
            write(&root.join(at).join("src/main.rs"), "fn main() {}\n");
        }
        let found = crates.map(|at| {
            let text = fs::read_to_string(root.join(at).join("Cargo.toml")).unwrap();
            of_crate(&root.join(at), DeTable::parse(&text).unwrap().get_ref())
        });
        let whole = root.join("Cargo.toml");
        let all = || Ok(whole.clone());
        let apart = Ok(root.join("apart/Cargo.toml"));
        assert_eq!(found, [all(), all(), all(), apart, Err(whole.clone())]);
    }
}
