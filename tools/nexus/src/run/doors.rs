//! Says where services of a running guest are reached, each as soon as that is true.

use super::network::Door;
use crate::qemu::usernet::{Forward, forwards};
use crate::qemu::{self, Lines, Qmp};
use anyhow::{Context, Result};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// How long a page may take to answer before it is asked again.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);

/// QEMU's monitor for the time of a run, and what is to be said of it.
#[derive(Debug)]
pub(super) struct Doors {
    all: Vec<Door>,
    listener: UnixListener,
    scratch: TempDir,
}

impl Doors {
    /// Has QEMU connect a monitor.
    ///
    /// # Errors
    /// There is no place for its socket.
    pub(super) fn attach(all: Vec<Door>, command: &mut Command) -> Result<Doors> {
        let scratch = tempfile::tempdir().context("making a scratch directory")?;
        let socket = scratch.path().join(SOCKET);
        let listener = UnixListener::bind(&socket).context("listening for the monitor")?;
        qemu::monitor(command, &socket);
        Ok(Doors { all, listener, scratch })
    }

    /// Nobody connects any more.
    pub(super) fn close(&self) {
        // Fails when nobody waits.
        drop(UnixStream::connect(self.scratch.path().join(SOCKET)));
    }

    /// Asks QEMU where its forwards begin, and says so on `screen`: of a page once it is served. True when there was
    /// a machine; `over` ends with it.
    pub(super) fn say(&self, screen: &Screen, over: &Receiver<()>) -> bool {
        let Ok(qmp) = Qmp::wait(&self.listener) else { return false };
        let said = self.say_of(qmp, screen, over);
        // Of a machine that is over nobody wants to know where it is reached.
        if let Err(error) = said
            && over.try_recv() == Err(TryRecvError::Empty)
        {
            screen.say(&format!("it is not known where the guest is reached: {error:#}"));
        }
        true
    }

    fn say_of(&self, mut qmp: Qmp, screen: &Screen, over: &Receiver<()>) -> Result<()> {
        let all = forwards(&qmp.monitor("info usernet")?);
        let leads_to = |door: &Door| {
            let found = all.iter().find(|forward| forward.guest == door.port);
            found.copied().with_context(|| {
                format!("QEMU has made no forward to {} of {}", door.port, door.service)
            })
        };
        let (pages, others): (Vec<&Door>, Vec<&Door>) =
            self.all.iter().partition(|door| door.is_page());
        for door in others {
            let Forward { host, guest } = leads_to(door)?;
            screen.say(&format!("127.0.0.1:{host} leads to {}, port {guest}", door.service));
        }
        for door in pages {
            let Forward { host, .. } = leads_to(door)?;
            if is_served_before(host, over) {
                screen.say(&format!("the page: http://127.0.0.1:{host}/"));
            }
        }
        Ok(())
    }
}

const SOCKET: &str = "qmp";

/// Waits until the page is served at this port: false when the run is over before that.
fn is_served_before(port: u16, over: &Receiver<()>) -> bool {
    loop {
        if is_served(port) {
            return true;
        }
        if over.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
            return false;
        }
    }
}

/// True when HTTP is answered there. QEMU takes a connection before the guest does, so that one alone says nothing.
fn is_served(port: u16) -> bool {
    let answer = || -> io::Result<Vec<u8>> {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Of a page that shows the machine this costs no look at it (RFC-0007, section 5).
        let head = format!("HEAD /alive HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        let mut line = Vec::new();
        BufReader::new(stream.take(FIRST_LINE)).read_until(b'\n', &mut line)?;
        Ok(line)
    };
    answer().is_ok_and(|line| line.starts_with(b"HTTP/1.") && line.ends_with(b"\n"))
}

/// Bytes of the first line of an answer, at most.
const FIRST_LINE: u64 = 512;

/// The terminal, which the guest writes to as well.
#[derive(Debug, Default)]
pub(super) struct Screen(Mutex<Lines>);

impl Screen {
    /// Takes a byte that the guest wrote to it; the line that it ends.
    pub(super) fn take(&self, byte: u8) -> Option<String> {
        self.lines().take(byte)
    }

    /// Writes a line in the place of the one that has not ended, and that anew below it, as Nexus does over its prompt.
    fn say(&self, line: &str) {
        let lines = self.lines();
        let mut out = io::stdout().lock();
        // Whoever does not look any more need not be told.
        let _ = out.write_all(over(line, &lines.rest().unwrap_or_default()).as_bytes());
        let _ = out.flush();
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line over the row of a terminal that has `rest`.
fn over(line: &str, rest: &str) -> String {
    format!("\r\x1b[Knexus: {line}\r\n{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc::channel;
    use std::thread;

    /// A server that answers connections one after the other; of the last it keeps the port.
    fn server(answers: &'static [&'static str]) -> (u16, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut stream = BufReader::new(stream);
                let head: Vec<String> = stream
                    .by_ref()
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                asked.push(head.join(" | "));
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        (port, asked)
    }

    #[test]
    fn test_a_page_is_said_once_it_is_served() {
        let (port, asked) = server(&["", "HTTP/1.1 200", "SSH-2.0\r\n", "HTTP/1.1 200 OK\r\n\r\n"]);
        let (_run, over) = channel();
        assert!(is_served_before(port, &over));
        let asked = asked.join().unwrap();
        let question = format!("HEAD /alive HTTP/1.1 | Host: 127.0.0.1:{port} | Connection: close");
        assert_eq!(asked, vec![question; 4], "asked until it was an answer");
    }

    #[test]
    fn test_a_page_is_not_waited_for_after_the_run() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let (run, over) = channel();
        drop(run);
        assert!(!is_served_before(port, &over));
    }

    #[test]
    fn test_the_prompt_is_there_again_below_a_line() {
        let screen = Screen::default();
        b"Nexus\r\n\r\x1b[Knexus> own".iter().for_each(|byte| drop(screen.take(*byte)));
        let rest = screen.lines().rest().unwrap();
        assert_eq!(over("the page", &rest), "\r\x1b[Knexus: the page\r\nnexus> own");
    }

    #[test]
    fn test_without_a_machine_nothing_is_said() {
        let doors = Doors::attach(Vec::new(), &mut Command::new("true")).unwrap();
        let (_run, over) = channel();
        thread::scope(|scope| {
            let doors = &doors;
            let said = scope.spawn(move || doors.say(&Screen::default(), &over));
            doors.close();
            assert!(!said.join().unwrap());
        });
    }
}
