//! What documents show is what commands print.
//!
//! A block ` ```console ` of README.md, docs/ or an example is a session: lines that begin with `$ ` are
//! typed on the host, lines that begin with `nexus> ` at the prompt that the command before them
//! reached, and what stands below each is compared with what it prints. `[…]` stands for any lines, `…`
//! within a line for any text; times and hashes may differ. docs/prompt.svg is such a session, too.

mod compare;
mod host;
mod named;
mod page;
mod svg;

use crate::page_guest::page_of;
use crate::paths;
use crate::prompt::Session;
use crate::steps::outcome::Outcome;
use anyhow::{Context, Result};
use compare::{difference, renewed};
use host::Host;
use page::Typed;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Types the sessions of every document, and compares; looks whether what documents name is there.
/// With `NEXUS_UPDATE` documents are written anew.
///
/// # Errors
/// When a document cannot be read, or a session cannot be started.
pub(super) fn check() -> Result<Outcome> {
    let root = paths::root()?;
    let mut total = picture(&root)?;
    for page in pages(&root)? {
        let text = fs::read_to_string(&page).with_context(|| format!("{}", page.display()))?;
        let shown = page.strip_prefix(&root).unwrap_or(&page).display().to_string();
        total = total
            .and(named(&root, &page, &shown, &text))
            .and(sessions(&root, &page, &shown, &text)?);
    }
    Ok(total)
}

fn updates() -> bool {
    std::env::var_os("NEXUS_UPDATE").is_some()
}

/// The pages of the root, of docs/, and of the examples, by name.
fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let mut open = vec![root.join("docs"), root.join("examples")];
    let top = root.read_dir()?.collect::<std::io::Result<Vec<_>>>()?;
    pages.extend(top.iter().map(fs::DirEntry::path).filter(|path| is_page(path)));
    while let Some(directory) = open.pop() {
        for entry in directory.read_dir()? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                open.push(path);
            } else if is_page(&path) {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// What a page names, and is not there.
fn named(root: &Path, page: &Path, shown: &str, text: &str) -> Outcome {
    let missing = named::missing(root, page, text);
    for (line, what) in &missing {
        println!("{shown}:{line}: {what}");
    }
    Outcome { failed: missing.len(), ..Outcome::of(missing.is_empty(), "") }
}

/// The sessions of one page, one after the other in one place: compared, or written anew.
fn sessions(root: &Path, page: &Path, shown: &str, text: &str) -> Result<Outcome> {
    let host = Host::new(root)?;
    let mut all = Vec::new();
    for block in page::blocks(text) {
        let printed = session(&host, &block)?;
        all.extend(block.into_iter().zip(printed));
    }
    if updates() {
        write_anew(page, text, &all)?;
    }
    let judged = all.iter().map(|(typed, printed)| judged(shown, typed, printed));
    Ok(judged.fold(Outcome::default(), Outcome::and))
}

/// What each command of one block prints.
fn session(host: &Host<'_>, block: &[Typed]) -> Result<Vec<Vec<String>>> {
    let mut prompt: Option<Session> = None;
    let mut all = Vec::new();
    for (index, typed) in block.iter().enumerate() {
        let printed = match (typed.at_prompt, &mut prompt) {
            (true, Some(session)) => at_prompt(session, &typed.text)?,
            (true, None) => vec!["there is no prompt here".to_owned()],
            (false, _) if block.get(index + 1).is_some_and(|next| next.at_prompt) => {
                // The machine before it has the disk until it has ended.
                drop(prompt.take());
                let (session, printed) = Session::start(&mut host.command(&typed.text)?)?;
                prompt = Some(session);
                printed
            }
            (false, _) => host.run(&typed.text)?,
        };
        all.push(host.as_shown(printed)?);
    }
    Ok(all)
}

/// What is printed of a line at the prompt. Where the page is, is said once it is served, whatever is typed meanwhile.
fn at_prompt(session: &mut Session, typed: &str) -> Result<Vec<String>> {
    let lines = session.command(typed)?;
    Ok(lines.into_iter().filter(|line| page_of(line).is_none()).collect())
}

/// The page with what was printed in place of what it shows.
fn write_anew(page: &Path, text: &str, all: &[(Typed, Vec<String>)]) -> Result<()> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the last, so that those above it stay on their lines.
    for (typed, printed) in all.iter().rev() {
        let shown = typed.line..typed.line + typed.printed.len();
        lines.splice(shown, renewed(&typed.printed, printed));
    }
    let new = lines.join("\n") + "\n";
    if new != text {
        fs::write(page, new)?;
        println!("{} is written anew", page.display());
    }
    Ok(())
}

fn judged(page: &str, typed: &Typed, printed: &[String]) -> Outcome {
    let shown = if updates() { &renewed(&typed.printed, printed) } else { &typed.printed };
    match difference(shown, printed) {
        None => Outcome::success(""),
        Some(different) => {
            let line = typed.line + 1 + different.line;
            println!(
                "{page}:{line}: `{}` prints something else\n  shown:   {}\n  printed: {}\n  \
                 fix: NEXUS_UPDATE=1 cargo nexus ci --only docs",
                typed.text, different.shown, different.printed
            );
            Outcome::failure("")
        }
    }
}

/// docs/prompt.svg, against the prompt of the standard system.
fn picture(root: &Path) -> Result<Outcome> {
    let path = root.join("docs/prompt.svg");
    let disks = tempfile::tempdir()?;
    let mut command = Command::new(paths::TOOL);
    command.arg("run").current_dir(root).env(paths::DISKS_VARIABLE, disks.path());
    let (mut session, _) = Session::start(&mut command)?;
    let mut lines = Vec::new();
    for command in svg::COMMANDS {
        lines.push(format!("nexus> {command}"));
        lines.extend(at_prompt(&mut session, command)?);
    }
    lines.push("nexus>".to_owned());
    let drawn = svg::lines(&fs::read_to_string(&path)?);
    let Some(different) = difference(&drawn, &lines) else { return Ok(Outcome::success("")) };
    if updates() {
        fs::write(&path, svg::draw(&lines))?;
        return Ok(Outcome::success("docs/prompt.svg is drawn anew"));
    }
    println!(
        "docs/prompt.svg: line {} of the picture\n  shown:   {}\n  printed: {}\n  \
         fix: NEXUS_UPDATE=1 cargo nexus ci --only docs",
        different.line + 1,
        different.shown,
        different.printed
    );
    Ok(Outcome::failure(""))
}
