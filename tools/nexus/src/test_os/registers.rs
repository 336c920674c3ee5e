//! Registers that decide what user mode may do. Firmware may leave anything in them: a run begins with
//! all of their bits set, and the kernel must have closed them.

use crate::qemu::Gdb;
use anyhow::{Result, ensure};
use std::os::unix::net::UnixListener;

/// Where firmware hands over to the kernel.
const ENTRY: u64 = 0x8020_0000;

/// What the kernel makes of each. In `hstatus` VSXL is fixed: guests have 64 bits; in `scounteren` only
/// `time` is open.
pub(super) const CLOSED: [(&str, u64); 3] =
    [("senvcfg", 0), ("hstatus", 2 << 32), ("scounteren", 0b010)];

/// Takes QEMU's connection, lets firmware run, and sets every bit there is in the registers before the
/// kernel's first instruction.
///
/// # Errors
/// When QEMU does not connect, or a register takes nothing: then nothing would be shown.
pub(super) fn open(listener: &UnixListener) -> Result<Gdb> {
    let mut gdb = Gdb::accept(listener)?;
    gdb.run_to(ENTRY)?;
    for (name, closed) in CLOSED {
        gdb.write(name, u64::MAX)?;
        ensure!(gdb.read(name)? != closed, "{name} cannot be opened");
    }
    gdb.go_on()?;
    Ok(gdb)
}

/// The registers now, of a guest that runs.
///
/// # Errors
/// When the connection breaks.
pub(super) fn read(gdb: &mut Gdb) -> Result<Vec<(&'static str, u64)>> {
    gdb.stop()?;
    let values = CLOSED.iter().map(|(name, _)| Ok((*name, gdb.read(name)?))).collect();
    gdb.go_on()?;
    values
}

/// What is not as the kernel must make it, of registers that were opened. None may be missing.
pub(super) fn left_open(registers: &[(&'static str, u64)]) -> impl Iterator<Item = String> {
    CLOSED.iter().filter_map(|(name, closed)| {
        match registers.iter().find(|(register, _)| register == name) {
            None => Some(format!("{name} was not opened and read")),
            Some((_, value)) if value == closed => None,
            Some((_, value)) => Some(format!("{name} is as firmware left it, or open: {value:#x}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    /// Only `time` can be read (bit 1 of `scounteren`), and guests have 64 bits (VSXL, bits 32 and 33 of
    /// `hstatus`).
    #[test]
    fn test_closed_is_what_the_architecture_calls_so() {
        let open = |hstatus, scounteren| {
            let all = [("senvcfg", 0), ("hstatus", hstatus), ("scounteren", scounteren)];
            left_open(&all).count()
        };
        assert_eq!(open(0x2_0000_0000, 2), 0);
        assert_eq!(open(0, 2), 1);
        assert_eq!(open(0x2_0000_0000, 0), 1);
    }

    /// What QEMU's debugger says when it is asked which registers there are.
    const NUMBERS: &str = "l<reg name=\"senvcfg\" regnum=\"1\"/><reg name=\"hstatus\" regnum=\"2\"/>\
                           <reg name=\"scounteren\" regnum=\"3\"/>";
    const ALL_BITS: &str = "ffffffffffffffff";

    /// Where a debugger listens that has given `answers` already, and its end of the connection.
    fn debugger(answers: &[&str]) -> (UnixListener, UnixStream) {
        let place = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(place.path().join("gdb")).unwrap();
        let mut other = UnixStream::connect(place.path().join("gdb")).unwrap();
        for answer in answers {
            let sum = answer.bytes().fold(0, u8::wrapping_add);
            write!(other, "${answer}#{sum:02x}").unwrap();
        }
        (listener, other)
    }

    /// Before the kernel begins, and of a guest that goes on afterwards.
    #[test]
    fn test_registers_are_opened_and_read() {
        let to_entry = [NUMBERS, "OK", "T05", "OK"];
        let opened = ["OK", ALL_BITS].repeat(3);
        let stopped = ["T05", "0000000000000000", "0000000002000000", "0200000000000000"];
        let (listener, mut other) = debugger(&[&to_entry[..], &opened, &stopped].concat());
        let mut gdb = open(&listener).unwrap();
        assert_eq!(read(&mut gdb).unwrap(), CLOSED);
        drop(gdb);
        let mut asked = String::new();
        other.read_to_string(&mut asked).unwrap();
        let packets = asked.split('$').skip(2).map(|packet| packet.split_once('#').unwrap().0);
        let packets: Vec<&str> = packets.collect();
        let [at, go, end, opening @ .., again, one, two, three, last] = &packets[..] else {
            panic!("{asked}");
        };
        assert_eq!([*at, *go, *end, *again], ["Z1,80200000,4", "c", "z1,80200000,4", "c"]);
        let of = |number| [format!("P{number}={ALL_BITS}"), format!("p{number}")];
        assert_eq!(opening, (1..=3).flat_map(of).collect::<Vec<_>>());
        assert_eq!([*one, *two, *three, *last], ["p1", "p2", "p3", "c"]);
    }

    #[test]
    fn test_a_register_that_cannot_be_opened_shows_nothing() {
        let answers = [NUMBERS, "OK", "T05", "OK", "OK", "0000000000000000"];
        let (listener, _other) = debugger(&answers);
        let why = open(&listener).unwrap_err().to_string();
        assert_eq!(why, "senvcfg cannot be opened");
    }
}
