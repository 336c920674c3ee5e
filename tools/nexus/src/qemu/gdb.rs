//! QEMU's debugger protocol (GDB manual, appendix E): stop at an address, read and write registers.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

/// How long one answer may take. A safety net: QEMU answers in milliseconds, firmware ends in seconds.
const LIMIT: Duration = Duration::from_secs(120);
/// What stops a guest that runs, outside of any packet.
const BREAK: &[u8] = b"\x03";
/// Bytes of a file that QEMU sends at a time, in hexadecimal.
const PART: usize = 0x800;

/// A connection to a QEMU that stands still.
#[derive(Debug)]
pub struct Gdb {
    stream: BufReader<UnixStream>,
    /// QEMU's list of control registers, with the number of each.
    registers: String,
}

impl Gdb {
    /// Takes the first connection, which must be QEMU's, and waits for it.
    ///
    /// # Errors
    /// When it is somebody else's, or is closed.
    pub fn accept(listener: &UnixListener) -> Result<Gdb> {
        let (stream, _) = listener.accept().context("waiting for QEMU's debugger")?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut gdb = Gdb { stream: BufReader::new(stream), registers: String::new() };
        gdb.registers = gdb.file("riscv-csr.xml")?;
        Ok(gdb)
    }

    /// Lets the guest run, and stops it before the instruction at `address`.
    ///
    /// # Errors
    /// When it does not come there, or the connection breaks.
    pub fn run_to(&mut self, address: u64) -> Result<()> {
        self.must(&format!("Z1,{address:x},4"))?;
        self.go_on()?;
        self.stopped()?;
        self.must(&format!("z1,{address:x},4"))
    }

    /// Lets the guest run.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn go_on(&mut self) -> Result<()> {
        self.send("c")
    }

    /// Stops the guest.
    ///
    /// # Errors
    /// When it does not stop, or the connection breaks.
    pub fn stop(&mut self) -> Result<()> {
        self.stream.get_mut().write_all(BREAK).context("writing to QEMU's debugger")?;
        self.stopped()
    }

    /// A control register, by its name in the specification.
    ///
    /// # Errors
    /// When the hart has no such register, or the connection breaks.
    pub fn read(&mut self, name: &str) -> Result<u64> {
        let number = self.number(name)?;
        let answer = self.ask(&format!("p{number:x}"))?;
        let value = u64::from_str_radix(&answer, 16).map(u64::swap_bytes);
        value.ok().filter(|_| answer.len() == 16).with_context(|| format!("{name} is `{answer}`"))
    }

    /// Writes a control register as machine mode would: what is fixed in it stays.
    ///
    /// # Errors
    /// When the hart has no such register, or the connection breaks.
    pub fn write(&mut self, name: &str, value: u64) -> Result<()> {
        let number = self.number(name)?;
        self.must(&format!("P{number:x}={:016x}", value.swap_bytes()))
    }

    fn number(&self, name: &str) -> Result<u32> {
        let (_, rest) = self
            .registers
            .split_once(&format!("name=\"{name}\""))
            .with_context(|| format!("the hart has no register {name}"))?;
        let (_, number) = rest.split_once("regnum=\"").context("a register without a number")?;
        let (number, _) = number.split_once('"').context("a number without an end")?;
        number.parse().with_context(|| format!("the number of {name} is `{number}`"))
    }

    fn file(&mut self, name: &str) -> Result<String> {
        let mut text = String::new();
        loop {
            let offset = text.len();
            let part = self.ask(&format!("qXfer:features:read:{name}:{offset:x},{PART:x}"))?;
            match part.split_at_checked(1) {
                Some(("m", more)) if !more.is_empty() => text.push_str(more),
                Some(("l", last)) => return Ok(text + last),
                _ => bail!("QEMU has no {name}: `{part}`"),
            }
        }
    }

    fn must(&mut self, request: &str) -> Result<()> {
        match self.ask(request)?.as_str() {
            "OK" => Ok(()),
            answer => bail!("`{request}` answered `{answer}`"),
        }
    }

    fn stopped(&mut self) -> Result<()> {
        match self.answer()? {
            answer if answer.starts_with(['S', 'T']) => Ok(()),
            answer => bail!("the guest did not stop: `{answer}`"),
        }
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        self.send(request)?;
        self.answer()
    }

    fn send(&mut self, request: &str) -> Result<()> {
        let packet = format!("${request}#{:02x}", sum(request.as_bytes()));
        self.stream.get_mut().write_all(packet.as_bytes()).context("writing to QEMU's debugger")
    }

    /// The next packet, of which QEMU is told that it came.
    fn answer(&mut self) -> Result<String> {
        let mut packet = Vec::new();
        self.stream.skip_until(b'$').context("reading from QEMU's debugger")?;
        self.stream.read_until(b'#', &mut packet).context("reading from QEMU's debugger")?;
        let mut digits = [0; 2];
        self.stream.read_exact(&mut digits).context("QEMU closed its debugger")?;
        packet.pop();
        if digits != *format!("{:02x}", sum(&packet)).as_bytes() {
            bail!("a packet of QEMU's debugger has the wrong sum");
        }
        self.stream.get_mut().write_all(b"+").context("writing to QEMU's debugger")?;
        String::from_utf8(packet).context("a packet of QEMU's debugger is no text")
    }
}

/// The sum of a packet's bytes, of which eight bits are sent.
fn sum(packet: &[u8]) -> u8 {
    packet.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::{self, JoinHandle};

    const REGISTERS: &str = r#"m<reg name="senvcfg" bitsize="64" regnum="300"/>"#;

    /// A debugger that answers each packet with the next of `answers`; what it was asked, and its end of
    /// the connection.
    fn debugger(answers: &'static [&'static str]) -> (Result<Gdb>, JoinHandle<(Vec<String>, Gdb)>) {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("gdb")).unwrap();
        let stream = UnixStream::connect(dir.path().join("gdb")).unwrap();
        let asked = thread::spawn(move || {
            let mut other = Gdb { stream: BufReader::new(stream), registers: String::new() };
            let mut asked = Vec::new();
            for answer in answers {
                let Ok(packet) = other.answer() else { break };
                asked.push(packet);
                other.send(answer).unwrap();
            }
            (asked, other)
        });
        (Gdb::accept(&listener), asked)
    }

    #[test]
    fn test_registers_are_found_read_and_written() {
        let (gdb, asked) = debugger(&[
            REGISTERS,
            r#"l<reg name="hstatus" regnum="7"/>"#,
            "0200000000000000",
            "OK",
        ]);
        let mut gdb = gdb.unwrap();
        assert_eq!(gdb.read("hstatus").unwrap(), 2);
        gdb.write("senvcfg", 0xf0).unwrap();
        assert!(gdb.read("env").is_err(), "no such register");
        assert_eq!(
            asked.join().unwrap().0,
            [
                "qXfer:features:read:riscv-csr.xml:0,800",
                "qXfer:features:read:riscv-csr.xml:2f,800",
                "p7",
                "P12c=f000000000000000",
            ]
        );
    }

    #[test]
    fn test_the_guest_runs_to_an_address() {
        let (gdb, asked) = debugger(&["l", "OK", "T05thread:01;", "OK"]);
        gdb.unwrap().run_to(0x8020_0000).unwrap();
        assert_eq!(asked.join().unwrap().0.split_off(1), ["Z1,80200000,4", "c", "z1,80200000,4"]);
    }

    #[test]
    fn test_what_is_not_an_answer_is_told() {
        assert!(debugger(&[""]).0.is_err(), "no list of registers");
        let (gdb, _asked) = debugger(&["l", "OK", "W00"]);
        assert!(gdb.unwrap().run_to(0).is_err(), "the guest ended");
        let (gdb, asked) = debugger(&[r#"l<reg name="senvcfg" regnum="1"/>"#, "E14", "E22"]);
        let mut gdb = gdb.unwrap();
        assert!(gdb.read("senvcfg").is_err(), "no value");
        assert!(gdb.write("senvcfg", 0).is_err(), "not written");
        drop(asked.join().unwrap());
        assert!(gdb.stop().is_err(), "closed connection");
    }

    #[test]
    fn test_a_wrong_sum_is_told() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut gdb = Gdb { stream: BufReader::new(ours), registers: String::new() };
        theirs.write_all(b"+$OK#9a+$OK#9b").unwrap();
        assert_eq!(gdb.answer().unwrap(), "OK");
        assert!(gdb.answer().is_err());
    }
}
