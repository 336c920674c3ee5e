//! What is behind the disk of a board.

use super::errors::{self, DiskError};
use crate::desc::property;
use crate::qemu::DISK;
use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// Options that make what is behind a disk, and the property that names it.
const MAKERS: [(&str, &str); 2] = [("-drive", "id"), ("-blockdev", "node-name")];

/// Where the arguments of a board say what is behind its one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What the disk calls it.
    name: String,
    /// Option and value.
    place: Range<usize>,
    /// Bytes of the disk, where the board says them.
    bytes: Option<u64>,
}

/// What stands there instead.
#[derive(Clone, Copy, Debug)]
pub enum Backing<'a> {
    /// A raw image.
    Image(&'a Path),
    /// The same, and a log of all that is written to it, in the format of [`super::WriteLog`].
    Logged {
        /// The image.
        image: &'a Path,
        /// The log: a file that is there, and empty.
        log: &'a Path,
    },
    /// The same, and these requests fail.
    Failing {
        /// The image.
        image: &'a Path,
        /// Which.
        errors: &'a [DiskError],
    },
}

impl Slot {
    /// Where `board` says it.
    ///
    /// # Errors
    /// The board has no disk, or several, or nothing is behind it.
    pub fn of(board: &[String]) -> Result<Slot> {
        Slot::among(board, None)
    }

    /// Where `board` says it of the disk that is this device of the description.
    ///
    /// # Errors
    /// There is no such disk, or nothing is behind it.
    pub fn of_device(board: &[String], device: &str) -> Result<Slot> {
        Slot::among(board, Some(device))
    }

    fn among(board: &[String], device: Option<&str>) -> Result<Slot> {
        let words = |option: &'static str| {
            let pairs = board.iter().zip(board.iter().skip(1)).enumerate();
            pairs.filter(move |(_, (word, _))| *word == option).map(|(at, (_, value))| (at, value))
        };
        let is_meant = |value: &str| {
            let is = |key: &str, word: &str| property(value, key).as_deref() == Some(word);
            is("driver", DISK) && device.is_none_or(|device| is("id", device))
        };
        let disks = words("-device").filter(|(_, value)| is_meant(value));
        let disks = disks.map(|(_, value)| property(value, "drive"));
        let name = match disks.collect::<Vec<_>>().as_slice() {
            [Some(name)] => name.clone(),
            [] => bail!("the board has no {DISK}: a run on a disk needs one"),
            [None] => bail!("the {DISK} of the board has no `drive`"),
            more => bail!("the board has {} disks: which is meant is not known", more.len()),
        };
        for (option, key) in MAKERS {
            for (at, value) in words(option) {
                if property(value, key).as_deref() == Some(name.as_str()) {
                    let bytes = property(value, "size").and_then(|size| size.parse().ok());
                    return Ok(Slot { name, place: at..at + 2, bytes });
                }
            }
        }
        bail!("nothing on the board is called `{name}`, which its disk has as its drive")
    }

    /// Bytes of the disk, in whole sectors.
    ///
    /// # Errors
    /// The board does not say them.
    pub fn bytes(&self) -> Result<u64> {
        let bytes = self.bytes.with_context(|| {
            format!("`{}` has no `size` in bytes: write it behind its `driver=null-co`", self.name)
        })?;
        ensure!(bytes % super::SECTOR as u64 == 0, "`{}` has {bytes} bytes", self.name);
        Ok(bytes)
    }

    /// The arguments of `board` with `backing` behind its disk.
    ///
    /// # Errors
    /// A path is not UTF-8.
    pub fn with(&self, mut board: Vec<String>, backing: Backing<'_>) -> Result<Vec<String>> {
        let name = &self.name;
        let nodes = match backing {
            Backing::Image(image) => vec![raw(name, image)?],
            Backing::Logged { image, log } => vec![
                raw(&format!("{name}-image"), image)?,
                file(&format!("{name}-log"), log)?,
                format!(
                    "driver=blklogwrites,node-name={name},file={name}-image,log={name}-log,\
                     log-sector-size={},discard=unmap",
                    super::SECTOR
                ),
            ],
            Backing::Failing { image, errors } => {
                let mut nodes = vec![file(&format!("{name}-file"), image)?];
                nodes.extend(errors::nodes(name, &format!("{name}-file"), errors));
                nodes
            }
        };
        let words = nodes.into_iter().flat_map(|node| ["-blockdev".to_owned(), node]);
        board.splice(self.place.clone(), words);
        Ok(board)
    }
}

fn raw(node: &str, path: &Path) -> Result<String> {
    let path = escaped(path)?;
    Ok(format!(
        "driver=raw,node-name={node},discard=unmap,file.driver=file,file.discard=unmap,\
         file.filename={path}"
    ))
}

fn file(node: &str, path: &Path) -> Result<String> {
    Ok(format!("driver=file,node-name={node},discard=unmap,filename={}", escaped(path)?))
}

/// A comma in a value is written twice.
fn escaped(path: &Path) -> Result<String> {
    let path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok(path.replace(',', ",,"))
}

/// A new disk of so many bytes at `path`, all of them zero, in the place of one that a run has left there.
///
/// # Errors
/// When it cannot be made.
pub fn fresh(path: &Path, bytes: u64) -> Result<()> {
    let file = File::create(path).with_context(|| format!("making {}", path.display()))?;
    file.set_len(bytes).with_context(|| format!("making {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(words: &str) -> Vec<String> {
        words.split(' ').map(str::to_owned).collect()
    }

    const ONE: &str = "-machine virt -drive if=none,id=d0,driver=null-co,size=1024 \
                       -device virtio-rng-device -device virtio-blk-device,drive=d0,serial=x";

    #[test]
    fn test_what_is_behind_the_disk_is_replaced() {
        let (board, image) = (board(ONE), Path::new("a,b"));
        let slot = Slot::of(&board).unwrap();
        assert_eq!(slot.bytes().unwrap(), 1024);
        let with = |backing| slot.with(board.clone(), backing).unwrap().join(" ");
        let raw = "file.driver=file,file.discard=unmap,file.filename=a,,b";
        let rest = "-device virtio-rng-device -device virtio-blk-device,drive=d0,serial=x";
        assert_eq!(
            with(Backing::Image(image)),
            format!("-machine virt -blockdev driver=raw,node-name=d0,discard=unmap,{raw} {rest}")
        );
        let logged = with(Backing::Logged { image, log: Path::new("l") });
        assert!(logged.contains(&format!("node-name=d0-image,discard=unmap,{raw} ")), "{logged}");
        assert!(
            logged.contains(" -blockdev driver=file,node-name=d0-log,discard=unmap,filename=l")
        );
        let log = "driver=blklogwrites,node-name=d0,file=d0-image,log=d0-log,log-sector-size=512";
        assert!(logged.contains(log) && logged.ends_with(rest), "{logged}");
    }

    #[test]
    fn test_a_disk_among_others_is_known_by_its_device() {
        let board = board(
            "-drive if=none,id=a -device virtio-blk-device,drive=a,id=blk0 \
             -blockdev node-name=b,size=512 -device virtio-blk-device,drive=b,id=blk1 -device x,id=blk2",
        );
        assert!(Slot::of(&board).is_err(), "two");
        assert_eq!(Slot::of_device(&board, "blk1").unwrap().bytes().unwrap(), 512);
        let with = Slot::of_device(&board, "blk0").unwrap();
        let with = with.with(board.clone(), Backing::Image(Path::new("i"))).unwrap();
        assert!(with[1].ends_with("filename=i") && with[2..] == board[2..], "{with:?}");
        assert!(Slot::of_device(&board, "blk2").is_err(), "no disk");
    }

    #[test]
    fn test_a_board_whose_disk_is_not_known_says_why() {
        let disk = "-device virtio-blk-device,drive=d0";
        for (words, why) in [
            ("-machine virt".to_owned(), "has no virtio-blk-device"),
            ("-device virtio-blk-device,serial=d0".to_owned(), "has no `drive`"),
            (format!("{disk} {disk}"), "2 disks"),
            (format!("{disk} -drive id=d1 -blockdev node-name=d2"), "nothing on the board"),
        ] {
            let error = Slot::of(&board(&words)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let unsized_disk = format!("{disk} -blockdev driver=null-co,node-name=d0");
        let error = Slot::of(&board(&unsized_disk)).unwrap().bytes().unwrap_err().to_string();
        assert!(error.contains("no `size`"), "{error}");
        let odd = format!("{disk} -blockdev driver=null-co,node-name=d0,size=1000");
        assert!(Slot::of(&board(&odd)).unwrap().bytes().is_err());
    }

    #[test]
    fn test_a_fresh_disk_is_zero() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        std::fs::write(&path, [1; 2000]).unwrap();
        fresh(&path, 1024).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [0; 1024]);
    }
}
