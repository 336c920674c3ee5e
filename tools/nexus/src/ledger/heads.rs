//! Heads that the host kept, in a file that only grows.

use crate::image::hex;
use anyhow::{Context, Result, anyhow};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A head of the ledger of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeptHead {
    /// Number of the run.
    pub(super) nonce: u64,
    /// Number of the last record then.
    pub(super) records: u64,
    /// Its hash.
    pub(super) hash: [u8; 32],
    /// The boot that the image had this of when the run had ended; none, where the machine told it.
    pub(super) boot: Option<u32>,
}

impl fmt::Display for KeptHead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KeptHead { nonce, records, hash, boot } = self;
        write!(out, "{nonce:016x} {records} {}", hex(hash))?;
        boot.map_or(Ok(()), |boot| write!(out, " boot {boot}"))
    }
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
                     records, and the hash of the last in 64; and `boot N`, where it was read from the image",
                    at + 1
                )
            })
        })
        .collect()
}

fn parse(line: &str) -> Option<KeptHead> {
    let fields: Vec<&str> = line.split(' ').collect();
    let (&[nonce, records, hash], boot) = match fields.as_slice() {
        [head @ .., "boot", boot] => (head.try_into().ok()?, Some(boot.parse().ok()?)),
        head => (head.try_into().ok()?, None),
    };
    let nonce = is_hex(nonce, 16).then(|| u64::from_str_radix(nonce, 16).ok())??;
    let (records, hash) = numbered(records, hash)?;
    Some(KeptHead { nonce, records, hash, boot })
}

/// The number of a last record, and its hash.
pub(super) fn numbered(records: &str, hash: &str) -> Option<(u64, [u8; 32])> {
    let byte = |at: usize| u8::from_str_radix(hash.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    let records = records.parse().ok().filter(|records| *records > 0)?;
    Some((records, bytes.filter(|_| is_hex(hash, 64))?.try_into().ok()?))
}

fn is_hex(text: &str, digits: usize) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == digits && text.bytes().all(digit)
}

/// A file of heads that more are added to.
#[derive(Debug)]
pub(super) struct HeadsFile {
    file: File,
    path: PathBuf,
}

impl HeadsFile {
    /// Opens it, or makes one that is its owner's alone.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn open(path: PathBuf) -> Result<HeadsFile> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("opening {} to keep heads", path.display()))?;
        Ok(HeadsFile { file, path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a head.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn append(&mut self, head: &KeptHead) -> Result<()> {
        let written = self.file.write_all(format!("{head}\n").as_bytes());
        written.with_context(|| format!("writing {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    // attack 67 U: a file of heads is written anew, or read by others; it only grows, and is its owner's alone; broken: heads-grow
    #[test]
    fn test_a_file_of_heads_grows_and_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heads");
        let head = |nonce, boot| KeptHead { nonce, records: 7, hash: [0xa5; 32], boot };
        let all = [head(1, None), head(2, Some(3)), head(u64::MAX, Some(u32::MAX))];
        for some in [&all[..2], &all[2..]] {
            let mut file = HeadsFile::open(path.clone()).unwrap();
            some.iter().for_each(|head| file.append(head).unwrap());
        }
        assert_eq!(read(&path).unwrap(), all);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn test_what_is_no_head_is_told_by_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heads");
        let hash = "a5".repeat(32);
        for wrong in [
            format!("1 7 {hash}"),
            format!("000000000000000A 7 {hash}"),
            format!("0000000000000001 0 {hash}"),
            format!("0000000000000001 -7 {hash}"),
            format!("0000000000000001 7 {hash}00"),
            format!("0000000000000001 7 {hash} "),
            format!("0000000000000001 7 {hash} 3"),
            format!("0000000000000001 7 {hash} boot"),
            format!("0000000000000001 7 {hash} boot -3"),
            "0000000000000001 7".to_owned(),
        ] {
            fs::write(&path, format!("\n{wrong}\n")).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("heads:2: no head"), "{error}");
        }
    }
}
