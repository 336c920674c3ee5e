//! Heads that the host kept, in a file that only grows.

use crate::image::hex;
use anyhow::{Context, Result, anyhow};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

/// A head of the ledger that a run told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptHead {
    /// Number of the run.
    pub nonce: u64,
    /// Number of the last record then.
    pub records: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// The heads in a file, in its order.
///
/// # Errors
/// It cannot be read, or a line is no head; which.
pub(super) fn read(path: &Path) -> Result<Vec<KeptHead>> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("reading {shown}"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            parse(line).ok_or_else(|| {
                anyhow!(
                    "{shown}:{}: no head; a line is the number of the run in 16 hexadecimal digits, how many \
                     records, and the hash of the last in 64",
                    at + 1
                )
            })
        })
        .collect()
}

fn parse(line: &str) -> Option<KeptHead> {
    let mut fields = line.split(' ');
    let (nonce, records, hash) = (fields.next()?, fields.next()?, fields.next()?);
    let is_hex = |text: &str, digits: usize| {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == digits && text.bytes().all(digit)
    };
    if fields.next().is_some() || !is_hex(nonce, 16) || !is_hex(hash, 64) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(hash.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    Some(KeptHead {
        nonce: u64::from_str_radix(nonce, 16).ok()?,
        records: records.parse().ok().filter(|records| *records > 0)?,
        hash: bytes?.try_into().ok()?,
    })
}

/// Adds heads to a file, which is made when it is not there.
///
/// # Errors
/// It cannot be written.
pub fn append(path: &Path, heads: &[KeptHead]) -> Result<()> {
    let text: String = heads
        .iter()
        .map(|head| format!("{:016x} {} {}\n", head.nonce, head.records, hex(&head.hash)))
        .collect();
    let file = OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.with_context(|| format!("opening {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_a_file_of_heads_grows_and_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heads");
        let head = |nonce| KeptHead { nonce, records: 7, hash: [0xa5; 32] };
        append(&path, &[head(1), head(2)]).unwrap();
        append(&path, &[head(u64::MAX)]).unwrap();
        assert_eq!(read(&path).unwrap(), [head(1), head(2), head(u64::MAX)]);
        let hash = "a5".repeat(32);
        for wrong in [
            format!("1 7 {hash}"),
            format!("000000000000000A 7 {hash}"),
            format!("0000000000000001 0 {hash}"),
            format!("0000000000000001 -7 {hash}"),
            format!("0000000000000001 7 {hash}00"),
            format!("0000000000000001 7 {hash} "),
            "0000000000000001 7".to_owned(),
        ] {
            fs::write(&path, format!("\n{wrong}\n")).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("heads:2: no head"), "{error}");
        }
    }
}
