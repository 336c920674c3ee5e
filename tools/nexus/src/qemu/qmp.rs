//! QEMU's machine protocol: stop, read memory, go on.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// How long one answer may take. A safety net: QEMU answers in milliseconds.
const LIMIT: Duration = Duration::from_secs(120);

/// A connection to a running QEMU.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Takes the connection that QEMU made when it started. QEMU connects to a socket that already
    /// listens, so there is nothing to wait for.
    ///
    /// # Errors
    /// When there is no such connection.
    pub fn accept(listener: &UnixListener) -> Result<Qmp> {
        listener.set_nonblocking(true)?;
        let (stream, _) = listener.accept().context("QEMU has not connected its monitor")?;
        stream.set_nonblocking(false)?;
        Qmp::greeted(stream)
    }

    /// Waits for the first connection, which must be QEMU's.
    ///
    /// # Errors
    /// When it is somebody else's, or is closed.
    pub fn wait(listener: &UnixListener) -> Result<Qmp> {
        let (stream, _) = listener.accept().context("waiting for QEMU's monitor")?;
        Qmp::greeted(stream)
    }

    fn greeted(stream: UnixStream) -> Result<Qmp> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut qmp = Qmp { stream: BufReader::new(stream) };
        if qmp.line()?.get("QMP").is_none() {
            bail!("the monitor did not greet");
        }
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs `command` and returns its result. Events that come in between are passed over.
    ///
    /// # Errors
    /// QEMU's own error, or a broken connection.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let request = json!({ "execute": command, "arguments": arguments });
        writeln!(self.stream.get_mut(), "{request}").context("writing to the monitor")?;
        loop {
            let mut answer = self.line()?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refused {command}: {error}");
            }
            if let Some(result) = answer.get_mut("return") {
                return Ok(result.take());
            }
        }
    }

    /// Does `f` while the guest stands still.
    ///
    /// # Errors
    /// See [`Qmp::execute`]; and those of `f`.
    pub fn stopped<T>(&mut self, f: impl FnOnce(&mut Qmp) -> Result<T>) -> Result<T> {
        self.execute("stop", json!({}))?;
        let result = f(self)?;
        self.execute("cont", json!({}))?;
        Ok(result)
    }

    /// Writes `len` bytes of guest memory from `base` to `file`.
    ///
    /// # Errors
    /// See [`Qmp::execute`].
    pub fn save_memory(&mut self, base: u64, len: u64, file: &Path) -> Result<()> {
        let name = file.to_str().context("the path of the dump is not UTF-8")?;
        self.execute("pmemsave", json!({ "val": base, "size": len, "filename": name }))?;
        Ok(())
    }

    /// `count` 32-bit words at physical address `base`, device registers included.
    ///
    /// # Errors
    /// See [`Qmp::execute`]; also when the answer is not that many words.
    pub fn read_words(&mut self, base: u64, count: usize) -> Result<Vec<u32>> {
        let line = format!("xp /{count}wx {base:#x}");
        let answer = self.monitor(&line)?;
        let words = words(&answer);
        if words.len() != count {
            bail!("`{line}` answered {answer:?}");
        }
        Ok(words)
    }

    /// A register of the hart that is stopped, by QEMU's name for it.
    ///
    /// # Errors
    /// See [`Qmp::execute`]; also when there is no such register.
    pub fn read_register(&mut self, name: &str) -> Result<u64> {
        let answer = self.monitor("info registers")?;
        register(&answer, name).with_context(|| format!("`info registers` shows no {name}"))
    }

    /// What QEMU's monitor for people says to `line`.
    ///
    /// # Errors
    /// See [`Qmp::execute`].
    pub fn monitor(&mut self, line: &str) -> Result<String> {
        let answer = self.execute("human-monitor-command", json!({ "command-line": line }))?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).context("reading from the monitor")? == 0 {
            bail!("QEMU closed its monitor");
        }
        serde_json::from_str(&line).with_context(|| format!("the monitor said {line:?}"))
    }
}

/// The words in `0000000010008000: 0x74726976 0x00000002`, over several lines.
fn words(text: &str) -> Vec<u32> {
    let of_line = |line: &str| -> Vec<u32> {
        let values = line.split_once(": ").map_or("", |(_, values)| values);
        let hex = |word: &str| u32::from_str_radix(word.trim().strip_prefix("0x")?, 16).ok();
        values.split(' ').filter_map(hex).collect()
    };
    text.lines().flat_map(of_line).collect()
}

/// The value after `name`, among names and values in hexadecimal.
fn register(text: &str, name: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    words.find(|word| *word == name)?;
    u64::from_str_radix(words.next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// A monitor that greets, then answers each line with the next of `answers`.
    fn monitor(answers: &'static [&'static str]) -> (tempfile::TempDir, UnixListener) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp");
        let listener = UnixListener::bind(&path).unwrap();
        let stream = UnixStream::connect(&path).unwrap();
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            writeln!(stream.get_mut(), r#"{{"QMP": {{"version": {{}}}}}}"#).unwrap();
            for answer in answers {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                writeln!(stream.get_mut(), "{answer}").unwrap();
            }
        });
        (dir, listener)
    }

    #[test]
    fn test_events_are_passed_over_and_results_returned() {
        let (_dir, listener) = monitor(&[
            r#"{"return": {}}"#,
            "{\"event\": \"STOP\"}\n{\"return\": \"0000000010008000: 0x74726976 0x00000002\\r\\n\"}",
        ]);
        let mut qmp = Qmp::accept(&listener).unwrap();
        assert_eq!(qmp.read_words(0x1000_8000, 2).unwrap(), [0x7472_6976, 2]);
    }

    #[test]
    fn test_registers_are_found_by_name() {
        let text = " mhartid  0000000000000000\r\n mstatus  0000000a000c00a0\r\n x0/zero 0";
        assert_eq!(register(text, "mstatus"), Some(0xa_000c_00a0));
        assert_eq!(register(text, "status"), None);
        assert_eq!(register("mstatus", "mstatus"), None);
    }

    #[test]
    fn test_error_is_told() {
        let (_dir, listener) =
            monitor(&[r#"{"return": {}}"#, r#"{"error": {"desc": "no such thing"}}"#]);
        let mut qmp = Qmp::accept(&listener).unwrap();
        let error = qmp.execute("nonsense", json!({})).unwrap_err().to_string();
        assert!(error.contains("no such thing"), "{error}");
        assert!(qmp.execute("stop", json!({})).is_err(), "closed connection");
    }

    #[test]
    fn test_a_monitor_is_waited_for() {
        let (_dir, listener) = monitor(&[r#"{"return": {}}"#, r#"{"return": "no network\r\n"}"#]);
        assert_eq!(
            Qmp::wait(&listener).unwrap().monitor("info usernet").unwrap(),
            "no network\r\n"
        );
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("qmp")).unwrap();
        drop(UnixStream::connect(dir.path().join("qmp")).unwrap());
        assert!(Qmp::wait(&listener).is_err(), "closed connection");
    }

    #[test]
    fn test_nobody_connected() {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("qmp")).unwrap();
        assert!(Qmp::accept(&listener).is_err());
    }
}
