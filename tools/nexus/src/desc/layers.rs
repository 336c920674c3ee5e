//! The directories that a system is made of: its own, and those that it extends.

use super::diagnostic::Diagnostic;
use super::files::{
    BoardFile, PolicyFile, SystemFile, open, read_board, read_policy, read_profile, read_service,
    read_system,
};
use super::kind::Kind;
use super::model::{Board, ProfileFile, Service};
use super::report::Reporter;
use super::source::{At, Source};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// One directory, read.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) dir: PathBuf,
    pub(crate) system: SystemFile,
    pub(crate) services: Vec<Service>,
    pub(crate) policy: Option<PolicyFile>,
    pub(crate) profiles: Vec<ProfileFile>,
}

/// Reads `dir` and what it extends, base first. `standard` is what `extends = "standard"` means.
pub(crate) fn read_layers(reporter: &Reporter, dir: &Path, standard: &Path) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut next = Some(canonical(dir));
    while let Some(dir) = next {
        let Some(layer) = read_layer(reporter, &dir) else { break };
        next = base_of(reporter, &layer, &layers, standard);
        layers.push(layer);
    }
    layers.reverse();
    layers
}

/// The directory that `layer` extends; `None` when it stands alone, or after an error.
fn base_of(
    reporter: &Reporter,
    layer: &Layer,
    above: &[Layer],
    standard: &Path,
) -> Option<PathBuf> {
    let extends = layer.system.extends.as_ref()?;
    let base = match extends.as_str() {
        "standard" => canonical(standard),
        path => canonical(&layer.dir.join(path)),
    };
    if base == layer.dir || above.iter().any(|other| other.dir == base) {
        let message = format!("this system extends itself, by way of `{}`", extends.value);
        let fix = "extend another system, or remove `extends` and let this one stand alone";
        reporter.add(Diagnostic::at(Kind::ExtendsLoop, &extends.span, message, fix));
        return None;
    }
    if !base.join("system.toml").is_file() {
        let message = format!("there is no system at `{}`", extends.value);
        let fix = "write \"standard\", or the path of a directory with a system.toml, relative \
                   to this one";
        reporter.add(Diagnostic::at(Kind::MissingFile, &extends.span, message, fix));
        return None;
    }
    Some(base)
}

fn read_layer(reporter: &Reporter, dir: &Path) -> Option<Layer> {
    let fix =
        "create it with `name = \"…\"` and `extends = \"standard\"`, or give another --system";
    let source = open(reporter, &dir.join("system.toml"), "the file that makes a system", fix)?;
    let system = read_system(reporter, &source)?;
    let extends = system.extends.is_some();
    Some(Layer {
        dir: dir.to_path_buf(),
        services: read_all(reporter, &dir.join("services"), |source, path| {
            read_service(reporter, source, path, dir)
        }),
        policy: read_policy_of(reporter, dir, extends),
        profiles: read_all(reporter, &dir.join("profiles"), |source, path| {
            read_profile(reporter, source, path)
        }),
        system,
    })
}

/// A system that extends another one needs no policy of its own.
fn read_policy_of(reporter: &Reporter, dir: &Path, extends: bool) -> Option<PolicyFile> {
    let path = dir.join("policy.toml");
    if extends && !path.exists() {
        return None;
    }
    let fix = "create it with `epoch = 1`, and a line for each request that is to be allowed";
    let source = open(reporter, &path, "the policy", fix)?;
    read_policy(reporter, &source, extends)
}

/// Every `.toml` file of a directory, by name; none where there is no such directory.
fn read_all<T>(
    reporter: &Reporter,
    dir: &Path,
    read: impl Fn(&Rc<Source>, &Path) -> Option<T>,
) -> Vec<T> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let fix = "make it readable, as UTF-8 text";
    paths.iter().filter_map(|path| read(&open(reporter, path, "this file", fix)?, path)).collect()
}

/// The board that the topmost layer with a `board` names: the topmost file of that name that has a
/// `[qemu]`, and after its devices those of the files above it.
pub(crate) fn read_named_board(reporter: &Reporter, layers: &[Layer]) -> Option<Board> {
    let name = layers.iter().rev().find_map(|layer| layer.system.board.as_ref())?;
    let all: Vec<PathBuf> = layers.iter().map(|layer| board_path(&layer.dir, name)).collect();
    let paths: Vec<&PathBuf> = all.iter().filter(|path| path.is_file()).collect();
    if paths.is_empty() {
        let shown = all.last().map(|path| reporter.paths.show(path)).unwrap_or_default();
        let message = format!("there is no board `{}`", name.value);
        let fix = format!("name a board that exists, or describe this one in {shown}");
        reporter.add(Diagnostic::at(Kind::MissingFile, &name.span, message, fix));
        return None;
    }
    let mut added = Vec::new();
    for (below, path) in paths.iter().enumerate().rev() {
        let file = read_board_file(reporter, path, below > 0)?;
        added.push(file.devices);
        if let Some(qemu) = file.qemu {
            let devices = added.into_iter().rev().flatten().collect();
            return Some(Board { qemu, devices });
        }
    }
    None
}

fn read_board_file(reporter: &Reporter, path: &Path, above: bool) -> Option<BoardFile> {
    let source = open(reporter, path, "the board", "make it readable, as UTF-8 text")?;
    read_board(reporter, &source, above)
}

fn board_path(dir: &Path, name: &At<String>) -> PathBuf {
    dir.join("boards").join(format!("{}.toml", name.value))
}

fn canonical(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf())
}
