//! The wire: each datagram is a frame.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Most bytes of a frame.
const MOST: usize = 2048;
/// After so long a frame that QEMU does not take is lost: a safety net.
const PATIENCE: Duration = Duration::from_secs(20);

/// One end of a wire, whose other end is a socket of QEMU's.
#[derive(Debug)]
pub struct Line {
    socket: UnixDatagram,
    other: PathBuf,
    bytes: Vec<u8>,
    over: Arc<AtomicBool>,
}

impl Line {
    /// The end at `own`, which is made; the other is at `other`, once QEMU runs.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn bind(own: &Path, other: &Path) -> Result<Line> {
        let socket = UnixDatagram::bind(own)
            .with_context(|| format!("making a socket at {}", own.display()))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Line { socket, other: other.to_path_buf(), bytes: vec![0; MOST], over: Arc::default() })
    }

    /// What is set once nothing more comes: then to receive is an error.
    #[must_use]
    pub fn over(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.over)
    }

    /// Sends a frame, and waits while there is no room for it. One that nobody takes is lost, as on any wire.
    pub fn send(&self, frame: &[u8]) {
        // Before QEMU runs, and after it has ended, nobody does.
        let _ = self.socket.send_to(frame, &self.other);
    }

    /// The next frame; `None` when none comes for so long.
    ///
    /// # Errors
    /// The socket is over.
    pub fn receive(&mut self, wait: Duration) -> Result<Option<Vec<u8>>> {
        ensure!(!self.over.load(Ordering::Relaxed), "the guest has ended");
        self.socket.set_nonblocking(wait.is_zero())?;
        if !wait.is_zero() {
            self.socket.set_read_timeout(Some(wait))?;
        }
        let received = self.socket.recv(&mut self.bytes);
        self.socket.set_nonblocking(false)?;
        match received {
            Ok(len) => Ok(self.bytes.get(..len).map(<[u8]>::to_vec)),
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(why) => Err(why).context("receiving frames"),
        }
    }
}
