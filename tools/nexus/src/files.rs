//! Reading files that others wrote: regular files only, so that no pipe or device is waited for.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Most bytes of a file that people write.
pub const MAX_TEXT: u64 = 1 << 20;

/// Why a file was not read.
#[derive(Debug)]
pub enum Unread {
    /// There is none.
    Missing,
    /// A link to what is not there.
    Dangling(PathBuf),
    /// Something else than a file: what it is.
    NoFile(&'static str),
    /// More than [`MAX_TEXT`] bytes.
    TooLarge(u64),
    /// Not UTF-8: line and column, from 1, of the first bad byte.
    NotText(usize, usize),
    /// The host refuses.
    Failed(io::Error),
}

impl Display for Unread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Unread::Missing => f.write_str("it is missing"),
            Unread::Dangling(target) => {
                write!(f, "it is a link to `{}`, which is not there", target.display())
            }
            Unread::NoFile(what) => write!(f, "it is {what}, not a file"),
            Unread::TooLarge(bytes) => {
                write!(f, "it has {bytes} bytes; no such file has more than {MAX_TEXT}")
            }
            Unread::NotText(line, column) => {
                write!(f, "it is not UTF-8 text: line {line}, column {column}")
            }
            Unread::Failed(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Unread {}

/// True when there is something at `path`, even a link to nothing.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The text of a regular file of at most [`MAX_TEXT`] bytes.
///
/// # Errors
/// See [`Unread`].
pub fn text(path: &Path) -> Result<String, Unread> {
    let len = regular(path)?;
    if len > MAX_TEXT {
        return Err(Unread::TooLarge(len));
    }
    let bytes = fs::read(path).map_err(Unread::Failed)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..good).unwrap_or_default();
        let before = String::from_utf8_lossy(before);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Unread::NotText(before.matches('\n').count() + 1, column)
    })
}

/// The bytes of a regular file.
///
/// # Errors
/// See [`Unread`].
pub fn bytes(path: &Path) -> Result<Vec<u8>, Unread> {
    regular(path)?;
    fs::read(path).map_err(Unread::Failed)
}

/// Bytes of the file at `path`, when it is one.
fn regular(path: &Path) -> Result<u64, Unread> {
    match path.metadata() {
        Ok(there) if there.is_file() => Ok(there.len()),
        Ok(there) => Err(Unread::NoFile(name(there.file_type()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.read_link() {
            Ok(target) => Err(Unread::Dangling(target)),
            Err(_) => Err(Unread::Missing),
        },
        Err(error) => Err(Unread::Failed(error)),
    }
}

fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    // attack 82 H: a pipe, a device, a directory, a socket, links to nothing and to themselves; refused at once
    #[test]
    fn test_what_is_no_file_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink(at("pipe"), at("to-pipe")).unwrap();
        let why = |path: &Path| text(path).unwrap_err().to_string();
        assert_eq!(why(&at("none")), "it is missing");
        assert_eq!(why(&at("dangling")), "it is a link to `nowhere`, which is not there");
        assert_eq!(why(&at("pipe")), "it is a pipe, not a file");
        assert_eq!(why(&at("to-pipe")), "it is a pipe, not a file");
        assert_eq!(why(&at("socket")), "it is a socket, not a file");
        assert_eq!(why(dir.path()), "it is a directory, not a file");
        assert_eq!(why(Path::new("/dev/zero")), "it is a device, not a file");
        assert!(why(&at("loop")).starts_with("it cannot be read: "));
        assert!(bytes(&at("pipe")).is_err() && is_there(&at("dangling")) && !is_there(&at("none")));
    }

    #[test]
    fn test_text_is_utf8_and_not_endless() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, b"one\n\xc3\xb6 \xff\n").unwrap();
        assert_eq!(text(&path).unwrap_err().to_string(), "it is not UTF-8 text: line 2, column 3");
        let long = fs::File::create(&path).unwrap();
        long.set_len(MAX_TEXT).unwrap();
        assert!(text(&path).is_ok());
        long.set_len(MAX_TEXT + 1).unwrap();
        assert!(matches!(text(&path), Err(Unread::TooLarge(_))));
    }
}
