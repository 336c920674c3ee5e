//! What a page names: files, commands of the tool, recipes.

use crate::cli::Cli;
use crate::paths;
use clap::CommandFactory;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a page, and what they name that is not there.
pub(super) fn missing(root: &Path, page: &Path, text: &str) -> Vec<(usize, String)> {
    let read = |name| fs::read_to_string(root.join(name)).unwrap_or_default();
    let (justfile, makefile) = (read("justfile"), read("Makefile"));
    let known = [("just", recipes(&justfile)), ("make", recipes(&makefile))];
    let places = places(root);
    let mut fenced = false;
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        fenced ^= text.trim_start().starts_with("```");
        let mut tell = |what: String| found.push((line, what));
        for link in links(text) {
            if !is_link_good(page, link) {
                tell(format!("the link `{link}` leads nowhere"));
            }
        }
        for path in code(text).filter(|code| is_path_of_tree(root, code)) {
            if !places.iter().any(|place| place.join(path).exists()) {
                tell(format!("there is no {path}"));
            }
        }
        for (program, recipes) in &known {
            let lines = fenced.then_some(text);
            let commands = code(text).chain(lines);
            let names = commands.filter_map(|command| word_after(command, program));
            for name in names.filter(|name| !recipes.contains(name)) {
                tell(format!("there is no `{program} {name}`"));
            }
        }
        found.extend(commands(text).map(|what| (line, what)));
    }
    found
}

/// Where the links of a line lead.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// A link leads to a file, to a heading of a file, or out of the tree.
fn is_link_good(page: &Path, link: &str) -> bool {
    if link.contains("://") {
        return true;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = if file.is_empty() { page.to_path_buf() } else { page.with_file_name(file) };
    let at = |text: String| text.lines().any(|line| heading_of(line).as_deref() == Some(heading));
    path.exists() && (heading.is_empty() || fs::read_to_string(path).is_ok_and(at))
}

/// The name by which a heading can be linked to.
fn heading_of(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = title.to_lowercase().replace(' ', "-");
    Some(kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect())
}

/// What stands between backticks in a line.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// True for a path that begins with a directory of the tree, without a place for a name in it, and not of what is made
/// there.
fn is_path_of_tree(root: &Path, code: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let named =
        code.split('/').any(|part| part.len() > 1 && part.chars().all(|c| c.is_uppercase()));
    let Some((first, _)) = code.split_once('/') else { return false };
    let elsewhere = ["", ".", "..", "target", "build"].contains(&first);
    let made = elsewhere || paths::is_kept(Path::new(code));
    code.chars().all(plain) && !named && !made && root.join(first).is_dir()
}

/// The word that follows `program` in a command.
fn word_after<'a>(command: &'a str, program: &str) -> Option<&'a str> {
    let rest = command.strip_prefix(program)?.strip_prefix(' ')?;
    name(rest)
}

/// The name at the beginning of a text.
fn name(text: &str) -> Option<&str> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
        .next()
        .filter(|name| !name.is_empty())
}

/// Where a path may begin: the tree, and each crate of it.
fn places(root: &Path) -> Vec<PathBuf> {
    let inside = |directory: &PathBuf| -> Vec<PathBuf> {
        let entries = directory.read_dir().into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    let mut rooms = inside(&root.join("source"));
    rooms.extend([root.join("tools"), root.join("tests")]);
    let crates = rooms.iter().flat_map(inside).filter(|path| path.join("Cargo.toml").is_file());
    crates.chain([root.to_path_buf()]).collect()
}

/// The recipes of a justfile, or the targets of a Makefile, by name.
fn recipes(file: &str) -> BTreeSet<&str> {
    let heads = file.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    heads.filter_map(|line| line.split([' ', ':']).next()).collect()
}

/// What of the commands `cargo nexus NAME --option` in a line the tool does not know.
fn commands(text: &str) -> impl Iterator<Item = String> {
    let tool = Cli::command();
    text.split("cargo nexus ").skip(1).filter_map(move |rest| {
        let typed = rest.split(['`', '|', ',', ';', ')']).next()?;
        let name = name(typed)?;
        let Some(command) = tool.find_subcommand(name) else {
            return Some(format!("there is no `cargo nexus {name}`"));
        };
        let known = |word: &&str| {
            let option = word.trim_start_matches("--").split('=').next();
            command.get_arguments().any(|one| one.get_long() == option)
        };
        let unknown = typed
            .split_whitespace()
            // Behind a `--` alone stands what others are told.
            .take_while(|word| *word != "--")
            .filter(|word| word.starts_with("--"))
            .find(|word| !known(word))?;
        Some(format!("`cargo nexus {name}` has no `{unknown}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_in(text: &str) -> Vec<String> {
        let root = paths::root().unwrap();
        let found = missing(&root, &root.join("README.md"), text);
        found.into_iter().map(|(_, what)| what).collect()
    }

    #[test]
    fn test_what_is_there() {
        let page = "# A `b` c\n[a](docs/system.md#tests) [b](https://x/y) [c](#a-b-c) `docs/system.md`\n\
                    `just run`, `just fuzz NAME`, `make test` only\n`cargo nexus ci --only a`\n\
                    `tests/systems/NAME` `target/nothing` `system/standard.disk` `just` `cargo nexus …`\njust one\n```\njust ci   all\n";
        let root = paths::root().unwrap();
        let place = tempfile::tempdir_in(root.join("target")).unwrap();
        let file = place.path().join("page.md");
        fs::write(&file, page).unwrap();
        let there =
            missing(&root, &file, &page.replace("docs/system.md#", "../../docs/system.md#"));
        assert_eq!(there, []);
    }

    #[test]
    fn test_what_is_not_there() {
        for (text, what) in [
            ("[a](docs/none.md)", "the link `docs/none.md` leads nowhere"),
            ("[a](docs/system.md#none)", "the link `docs/system.md#none` leads nowhere"),
            ("see `tests/none.toml`", "there is no tests/none.toml"),
            ("`just mutants`", "there is no `just mutants`"),
            ("```\njust mutants   all", "there is no `just mutants`"),
            ("`make none`", "there is no `make none`"),
            ("`cargo nexus none`", "there is no `cargo nexus none`"),
            ("a `cargo nexus ci --none x`", "`cargo nexus ci` has no `--none`"),
            ("a `cargo nexus run --none -- -S --all`", "`cargo nexus run` has no `--none`"),
        ] {
            assert_eq!(missing_in(text), [what]);
        }
    }
}
