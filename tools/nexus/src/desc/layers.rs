//! The directories that a system is made of: its own, and those that it extends.

use super::diagnostic::Diagnostic;
use super::files::{
    PolicyFile, SystemFile, open, read_board, read_policy, read_profile, read_service, read_system,
};
use super::kind::Kind;
use super::model::{Board, ProfileFile, Service};
use super::report::Reporter;
use super::source::{At, Source};
use super::unread::Unread;
use crate::files;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One directory, read.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) dir: PathBuf,
    pub(crate) system: SystemFile,
    pub(crate) services: Vec<Service>,
    pub(crate) policy: Option<PolicyFile>,
    pub(crate) profiles: Vec<ProfileFile>,
    pub(crate) unread: Unread,
}

/// Reads `dir` and what it extends, base first. `standard` is what `extends = "standard"` means.
pub(crate) fn read_layers(reporter: &Reporter, dir: &Path, standard: &Path) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut next = Some(canonical(dir));
    while let Some(dir) = next {
        let mut layer = read_layer(reporter, &dir);
        next = base_of(reporter, &layer, &layers, standard);
        let extends = layer.system.unread || layer.system.extends.is_some();
        layer.unread.base |= extends && next.is_none();
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
    if !files::is_there(&base.join("system.toml")) {
        let message = format!("there is no system at `{}`", extends.value);
        let fix = "write \"standard\", or the path of a directory with a system.toml, relative \
                   to this one";
        reporter.add(Diagnostic::at(Kind::MissingFile, &extends.span, message, fix));
        return None;
    }
    Some(base)
}

/// Reads one directory.
pub(crate) fn read_layer(reporter: &Reporter, dir: &Path) -> Layer {
    let fix =
        "create it with `name = \"…\"` and `extends = \"standard\"`, or give another --system";
    let path = dir.join("system.toml");
    let system = match open(reporter, &path, "the file that makes a system", fix) {
        Some(source) => read_system(reporter, &source),
        None => {
            SystemFile::missing(&Arc::new(Source::new(reporter.paths.show(&path), String::new())))
        }
    };
    let extends = system.unread || system.extends.is_some();
    let mut unread = Unread::default();
    let services =
        read_all(reporter, &dir.join("services"), &mut unread, |source, path, unread| {
            read_service(reporter, source, path, dir, unread)
        });
    let policy = read_policy_of(reporter, dir, extends, &mut unread);
    let profiles = read_all(reporter, &dir.join("profiles"), &mut unread, |source, path, _| {
        read_profile(reporter, source, path)
    });
    Layer { dir: dir.to_path_buf(), services, policy, profiles, system, unread }
}

/// A system that extends another one needs no policy of its own.
fn read_policy_of(
    reporter: &Reporter,
    dir: &Path,
    extends: bool,
    unread: &mut Unread,
) -> Option<PolicyFile> {
    let path = dir.join("policy.toml");
    if extends && !files::is_there(&path) {
        return None;
    }
    let fix = "create it with `epoch = 1`, and a line for each request that is to be allowed";
    let Some(source) = open(reporter, &path, "the policy", fix) else {
        unread.lines.push((None, None));
        return None;
    };
    let policy = read_policy(reporter, &source, extends);
    unread.lines.extend(policy.unread.iter().cloned());
    Some(policy)
}

/// Every `.toml` file of a directory, by name; none where there is no such directory.
fn read_all<T>(
    reporter: &Reporter,
    dir: &Path,
    unread: &mut Unread,
    read: impl Fn(&Arc<Source>, &Path, &mut Unread) -> Option<T>,
) -> Vec<T> {
    let mut all = Vec::new();
    for path in files_in(reporter, dir, unread) {
        match open(reporter, &path, "a file of the system", "create it") {
            Some(source) => all.extend(read(&source, &path, unread)),
            None => {
                let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                unread.services.extend(stem);
            }
        }
    }
    all
}

fn files_in(reporter: &Reporter, dir: &Path, unread: &mut Unread) -> Vec<PathBuf> {
    if !files::is_there(dir) {
        return Vec::new();
    }
    let entries: io::Result<Vec<PathBuf>> = std::fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
    match entries {
        Ok(mut paths) => {
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
            paths.sort();
            paths
        }
        Err(error) => {
            unread.base = true;
            let message = format!("this should be a directory, and cannot be read: {error}");
            let fix = "make it a directory with a file for each, or remove it";
            let shown = reporter.paths.show(dir);
            reporter.add(Diagnostic::path(Kind::NotAFile, shown, message, fix));
            Vec::new()
        }
    }
}

/// The board that the topmost layer with a `board` names: the topmost file of that name that has a
/// `[qemu]`, and after its devices those of the files above it.
pub(crate) fn read_named_board(
    reporter: &Reporter,
    layers: &[Layer],
    unread: &mut Unread,
) -> Board {
    let Some(name) = layers.iter().rev().find_map(|layer| layer.system.board.as_ref()) else {
        unread.board = true;
        return Board::default();
    };
    let all: Vec<PathBuf> = layers.iter().map(|layer| board_path(&layer.dir, name)).collect();
    let paths: Vec<&PathBuf> = all.iter().filter(|path| files::is_there(path)).collect();
    if paths.is_empty() {
        unread.board = true;
        if !unread.base {
            let shown = all.last().map(|path| reporter.paths.show(path)).unwrap_or_default();
            let message = format!("there is no board `{}`", name.value);
            let fix = format!("name a board that exists, or describe this one in {shown}");
            reporter.add(Diagnostic::at(Kind::MissingFile, &name.span, message, fix));
        }
        return Board::default();
    }
    let (mut added, mut qemu, mut network) = (Vec::new(), None, None);
    for (below, path) in paths.iter().enumerate().rev() {
        let above = below > 0 || unread.base;
        let Some(source) = open(reporter, path, "the board", "make it readable, as UTF-8 text")
        else {
            unread.board = true;
            break;
        };
        let file = read_board(reporter, &source, above);
        unread.devices.extend(file.unread);
        unread.board |= file.more;
        unread.network |= file.network_unread;
        network = network.or(file.network);
        added.push(file.devices);
        qemu = file.qemu;
        if file.has_qemu {
            break;
        }
    }
    // Without `[qemu]` there may have to be a board below.
    unread.board |= qemu.is_none();
    Board { qemu, devices: added.into_iter().rev().flatten().collect(), network }
}

fn board_path(dir: &Path, name: &At<String>) -> PathBuf {
    dir.join("boards").join(format!("{}.toml", name.value))
}

fn canonical(dir: &Path) -> PathBuf {
    dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf())
}
