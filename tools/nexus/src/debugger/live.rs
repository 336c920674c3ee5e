//! Where a machine that runs can be reached by those who started it: sockets in a folder that nobody else may enter.

use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Most bytes of a socket's path (`sun_path` of unix(7), with its end).
const LONGEST: usize = 107;

/// The folder of the system that is built in a directory.
#[derive(Debug)]
pub struct Live {
    folder: PathBuf,
}

impl Live {
    /// Of the system that is built there.
    #[must_use]
    pub fn of(directory: &Path) -> Live {
        Live { folder: directory.join("live") }
    }

    /// The socket of the debugger.
    #[must_use]
    pub fn gdb(&self) -> PathBuf {
        self.folder.join("gdb")
    }

    /// The file that says of which image the machine is.
    fn image(&self) -> PathBuf {
        self.folder.join("image")
    }

    /// Makes the folder for a machine with this image, by its hash. What one left that ended by force is removed.
    ///
    /// # Errors
    /// A machine of this system runs already, or there is no place for the folder.
    pub fn open(self, image_sha256: &str) -> Result<Open> {
        let socket = self.gdb();
        let length = socket.as_os_str().len();
        ensure!(
            length <= LONGEST,
            "{} has {length} bytes, and a socket's path at most {LONGEST}: build in a shorter place \
             (NEXUS_BUILD_DIR)",
            socket.display()
        );
        if UnixStream::connect(&socket).is_ok() {
            bail!("a machine of this system runs already, with a debugger at {}", socket.display());
        }
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&self.folder);
        made.and_then(|()| fs::set_permissions(&self.folder, Permissions::from_mode(0o700)))
            .with_context(|| self.folder.display().to_string())?;
        remove(&socket)?;
        fs::write(self.image(), image_sha256).context("writing which image it is")?;
        Ok(Open(self))
    }

    /// The socket of the debugger of a machine that runs, which is of this image.
    ///
    /// # Errors
    /// There is none, or it is of another image.
    pub fn find(&self, image_sha256: &str) -> Result<PathBuf> {
        let (socket, image) = (self.gdb(), fs::read_to_string(self.image()).unwrap_or_default());
        ensure!(socket.exists(), "no machine of this system runs with a debugger");
        ensure!(image == image_sha256, "the machine that runs is of another build than the last");
        Ok(socket)
    }
}

/// The folder for the time that a machine runs.
#[derive(Debug)]
pub struct Open(Live);

impl Open {
    /// The socket of the debugger.
    #[must_use]
    pub fn gdb(&self) -> PathBuf {
        self.0.gdb()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Who looks finds no machine there, either way.
        let _ = fs::remove_dir_all(&self.0.folder);
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    // attack 111 U: the folder is there and open to everybody, a socket in it is left over, and another machine runs; nobody else may enter, and nothing is taken for another; broken: live-open, live-foreign
    #[test]
    fn test_nobody_else_may_enter_and_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let live = || Live::of(dir.path());
        assert!(live().find("a").is_err(), "none runs");
        // One that was there before, of a machine that ended by force, and open for everybody.
        fs::create_dir(dir.path().join("live")).unwrap();
        fs::set_permissions(dir.path().join("live"), Permissions::from_mode(0o777)).unwrap();
        drop(UnixListener::bind(live().gdb()).unwrap());
        let open = live().open("a").unwrap();
        let mode = fs::metadata(dir.path().join("live")).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, open.gdb().exists()), (0o700, false));
        let listens = UnixListener::bind(open.gdb()).unwrap();
        assert_eq!(live().find("a").unwrap(), open.gdb());
        assert!(live().find("b").unwrap_err().to_string().contains("another build"));
        assert!(live().open("a").unwrap_err().to_string().contains("runs already"));
        drop((listens, open));
        assert!(!dir.path().join("live").exists());
    }

    #[test]
    fn test_a_path_that_is_too_long_is_told() {
        let live = Live::of(Path::new(&format!("/{}", "long/".repeat(30))));
        assert!(live.open("a").unwrap_err().to_string().contains("at most 107"));
    }
}
