//! The disk of a system that people run: a file beside its description, with the store that this names.
//!
//! It is made when it is not there, and never made again. Runs that are judged or measured have disks of their own,
//! which are gone afterwards.

use super::file::ImageFile;
use super::{DEFAULT_MIB, make};
use crate::desc::{self, Checked};
use crate::paths;
use crate::qemu::disk::{Backing, Slot};
use anyhow::{Result, anyhow};
use nexus_store::gpt;
use nexus_sysdesc::{Description, Profile, Says};
use std::env;
use std::path::{Path, PathBuf};
use uguid::Guid;

/// The profile of a system that people run.
const IN_USE: &str = "prod";

/// The disk, locked for as long as this is there, and for what [`OwnDisk::arguments`] starts.
#[derive(Debug)]
pub struct OwnDisk {
    image: ImageFile,
    path: PathBuf,
    device: String,
    made: Option<Guid>,
}

/// What the description says of the disk of the store.
#[derive(Clone, Debug)]
struct Described {
    /// The device that it is.
    device: String,
    /// The GUID of the store's partition.
    store: Guid,
    /// Bytes of the disk.
    bytes: u64,
}

impl Described {
    fn of(description: &Description) -> Option<Described> {
        let (device, store) = description.store()?;
        let device = description.devices.get(usize::from(device))?;
        let bytes = match device.says {
            Some(Says::Capacity(bytes)) => bytes,
            _ => DEFAULT_MIB << 20,
        };
        Some(Described { device: device.name.clone(), store: Guid::from_bytes(store), bytes })
    }
}

impl OwnDisk {
    /// The disk of a system: `NAME.disk` in its directory. None where the description names no store, and in a
    /// profile for tests.
    ///
    /// # Errors
    /// It cannot be made; another has it; it has not the one store that the description names: what was seen, and
    /// what to do.
    pub fn of(checked: &Checked) -> Result<Option<OwnDisk>> {
        let description = &checked.description;
        if description.profile != Profile::Prod {
            return Ok(None);
        }
        let path = place(checked)?;
        Described::of(description).map(|described| OwnDisk::at(&path, described)).transpose()
    }

    fn at(path: &Path, described: Described) -> Result<OwnDisk> {
        let Described { device, store, bytes } = described;
        let (image, made) = if path.symlink_metadata().is_ok() {
            (opened(path, &device, store)?, None)
        } else {
            (ImageFile::create(path, bytes, |image| make(image, store))?.0, Some(store))
        };
        Ok(OwnDisk { image, path: path.to_owned(), device, made })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is, and whether it was made just now.
    #[must_use]
    pub fn shown(&self) -> String {
        let path = self.path.display();
        match self.made {
            None => format!("the disk is {path}"),
            Some(store) => {
                format!("the disk is {path}, made just now, with the empty store {store}")
            }
        }
    }

    /// The arguments of `board` with this disk, for QEMU, which keeps the lock as well.
    ///
    /// # Errors
    /// The board has no such disk.
    pub fn arguments(&self, board: Vec<String>) -> Result<Vec<String>> {
        self.image.hand_on_lock()?;
        Slot::of_device(&board, &self.device)?.with(board, Backing::Image(&self.path))
    }
}

/// Where the disk of a system is, from here.
fn place(checked: &Checked) -> Result<PathBuf> {
    let path = paths::own_disk(&checked.directory.canonicalize()?, &checked.description.name);
    let here = env::current_dir()?.canonicalize()?;
    Ok(path.strip_prefix(&here).unwrap_or(&path).to_owned())
}

/// Where the disk is of the system in this directory, or of the `standard` one.
///
/// # Errors
/// There is no such system.
pub(crate) fn own_of(system: &Path) -> Result<PathBuf> {
    let named = Some(system).filter(|system| *system != Path::new("standard"));
    place(&desc::load(named, IN_USE)?)
}

/// The image at `path`, which must have `store`.
fn opened(path: &Path, device: &str, store: Guid) -> Result<ImageFile> {
    let mut image = ImageFile::open_to_write(path)?;
    gpt::find(&mut image, store.to_bytes()).map_err(|seen| {
        anyhow!(
            "{}: {seen}. The description names store {store} (`store` of {device} in the board file). It is left \
             as it is; move it elsewhere and an empty one is made, or `cargo nexus disk check` it",
            path.display()
        )
    })?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::random_guid;
    use std::fs;

    fn described(store: Guid) -> Described {
        Described { device: "blk0".into(), store, bytes: 4 << 20 }
    }

    fn board() -> Vec<String> {
        let words =
            "-blockdev node-name=x,driver=null-co -device virtio-blk-device,drive=x,id=blk0";
        words.split(' ').map(str::to_owned).collect()
    }

    // attack 67 U: a system is run twice at once, or after its disk was there; the second run is told who has it, and what is there is kept; broken: disk-lock, disk-made-again
    #[test]
    fn test_it_is_made_once_and_is_with_one_run_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.disk");
        let store = random_guid().unwrap();
        let first = OwnDisk::at(&path, described(store)).unwrap();
        assert!(first.shown().contains(&format!("made just now, with the empty store {store}")));
        let arguments = first.arguments(board()).unwrap();
        assert!(arguments[1].ends_with(&format!("file.filename={}", path.display())));
        let second = OwnDisk::at(&path, described(store)).unwrap_err().to_string();
        assert!(second.contains("is in use: "), "{second}");
        drop(first);
        let before = fs::read(&path).unwrap();
        let again = OwnDisk::at(&path, described(store)).unwrap();
        assert_eq!(again.shown(), format!("the disk is {}", path.display()));
        assert!(fs::read(&path).unwrap() == before);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    // attack 67 U: the disk of a system has another store than is described, none, or nothing right; the run says what was seen and does not begin, and not a byte is written; broken: disk-other-store
    #[test]
    fn test_what_has_not_the_described_store_is_told_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.disk");
        let [mine, other] = [random_guid().unwrap(), random_guid().unwrap()];
        drop(OwnDisk::at(&path, described(other)).unwrap());
        let refused = |seen: &str| {
            let before = fs::read(&path).unwrap();
            let error = OwnDisk::at(&path, described(mine)).unwrap_err().to_string();
            for part in [seen, "names store", "blk0", &mine.to_string()] {
                assert!(error.contains(part), "{error}");
            }
            assert!(fs::read(&path).unwrap() == before);
        };
        refused(&format!("the disk has another store: {other}"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[512 + 60] ^= 1;
        fs::write(&path, &bytes).unwrap();
        refused("the first copy of the partition table");
        fs::write(&path, vec![0; 4 << 20]).unwrap();
        refused("there is none");
        fs::write(&path, "text").unwrap();
        let error = OwnDisk::at(&path, described(mine)).unwrap_err().to_string();
        assert!(error.contains("no disk image"), "{error}");
    }

    #[test]
    fn test_a_system_has_its_disk_beside_it_as_large_as_the_board_says() {
        let mut checked = desc::load(None, IN_USE).unwrap();
        let dir = tempfile::tempdir().unwrap();
        checked.directory = dir.path().canonicalize().unwrap();
        let (device, store) = checked.description.store().unwrap();
        let says = Some(Says::Capacity(5 << 20));
        checked.description.devices[usize::from(device)].says = says;
        let disk = OwnDisk::of(&checked).unwrap().unwrap();
        let path = checked.directory.join(format!("{}.disk", checked.description.name));
        assert_eq!((disk.path(), disk.made), (path.as_path(), Some(Guid::from_bytes(store))));
        assert_eq!(fs::metadata(&path).unwrap().len(), 5 << 20);
    }

    #[test]
    fn test_where_the_disk_of_a_system_is() {
        let standard = paths::standard_system().unwrap();
        let beside = paths::own_disk(&standard.canonicalize().unwrap(), "standard");
        let here = env::current_dir().unwrap().canonicalize().unwrap();
        for named in [Path::new("standard"), &standard] {
            assert_eq!(here.join(own_of(named).unwrap()), beside);
        }
        assert!(own_of(Path::new("/nowhere/at/all")).is_err());
    }

    // attack 67 U: a run for tests is started by hand; the disk that people keep things on is not opened; broken: disk-of-people
    #[test]
    fn test_the_disk_of_people_is_not_for_tests() {
        let checked = desc::load(None, "test").unwrap();
        let described = Described::of(&checked.description).unwrap();
        assert_eq!((described.device.as_str(), described.bytes), ("blk0", DEFAULT_MIB << 20));
        assert!(OwnDisk::of(&checked).unwrap().is_none());
    }
}
