//! An image is with whoever writes it alone, or with those who read it.
//!
//! The lock is the operating system's, on the open file: it ends with the last process that has that file open, and
//! nothing is left of it. Programs that do not ask for it are not kept out.

use anyhow::{Context, Result, anyhow};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fs::{self, File, TryLockError};
use std::path::Path;

/// Locks the image at `path`, open as `file`, for one who writes.
///
/// # Errors
/// Another has it: who, and what to do.
pub(super) fn alone(file: &File, path: &Path) -> Result<()> {
    told(file.try_lock(), path)
}

/// The same for one who reads.
///
/// # Errors
/// Somebody writes it: who, and what to do.
pub(super) fn shared(file: &File, path: &Path) -> Result<()> {
    told(file.try_lock_shared(), path)
}

/// Has programs that are started from now on keep `file` open, and with it the lock.
///
/// # Errors
/// When the operating system refuses.
pub(super) fn hand_on(file: &File) -> Result<()> {
    fcntl_setfd(file, FdFlags::empty()).context("handing on the lock of the disk")
}

fn told(locked: Result<(), TryLockError>, path: &Path) -> Result<()> {
    let shown = path.display();
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let who = holder(path).unwrap_or_else(|| String::from("another process"));
            Err(anyhow!(
                "{shown} is in use: {who} has it; end that first (`poweroff` at its prompt), or look at a copy \
                 that was made when it was off"
            ))
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {shown}")),
    }
}

/// A process that has the file open, as far as this one may know: `process 123 (qemu-system-ris)`.
fn holder(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let numbers = fs::read_dir("/proc").ok()?.flatten();
    let mut numbers: Vec<u32> =
        numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    let has_it = |number: &u32| {
        let files = fs::read_dir(format!("/proc/{number}/fd")).into_iter().flatten().flatten();
        *number != std::process::id()
            && files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file == path)
    };
    let number = numbers.into_iter().find(has_it)?;
    let name = fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
    Some(format!("process {number} ({})", name.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};

    fn open(path: &Path) -> File {
        File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    }

    #[test]
    fn test_who_writes_is_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let (one, other) = (open(&path), open(&path));
        shared(&one, &path).unwrap();
        shared(&other, &path).unwrap();
        assert!(alone(&other, &path).is_err(), "somebody reads");
        drop(one);
        alone(&other, &path).unwrap();
        assert!(shared(&open(&path), &path).is_err());
        drop(other);
        alone(&open(&path), &path).unwrap();
    }

    #[test]
    fn test_the_lock_is_handed_on_and_its_holder_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = open(&path);
        alone(&file, &path).unwrap();
        hand_on(&file).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        // What started it is gone.
        drop(file);
        let error = shared(&open(&path), &path).unwrap_err().to_string();
        let who = format!("process {} (sh) has it", child.id());
        assert!(error.contains(&who) && error.contains("`poweroff`"), "{error}");
        drop(child.stdin.take());
        child.wait().unwrap();
        shared(&open(&path), &path).unwrap();
    }
}
