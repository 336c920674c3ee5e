use super::*;
use nexus_store::{Expect, Refused};
use std::os::unix::fs::FileExt;

const TREE: TreeId = TreeId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

fn command(command: Command) -> Result<Exit> {
    run(&DiskArgs { command })
}

/// An image with some keys.
fn image() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.disk");
    command(Command::New { image: path.clone(), size: 4 }).unwrap();
    let mut reader = ImageFile::open(&path).unwrap();
    let [StorePartition { guid, extent }] = gpt::stores(&mut reader).unwrap()[..] else { panic!() };
    let writer = ImageFile::open_to_write(&path).unwrap();
    let mut store = Engine::open(writer, extent, &OpenOptions::new(guid, 1)).unwrap();
    for at in 0..40_u8 {
        let name = format!("dir/{at}");
        store.put(TREE, Key::new(&name).unwrap(), &[at; 100], Expect::Any).unwrap();
        store.sync().unwrap();
    }
    (dir, path)
}

#[test]
fn test_a_new_image_has_an_empty_store_and_is_never_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.disk");
    let new = || command(Command::New { image: path.clone(), size: 8 });
    assert_eq!(new().unwrap(), Exit::Pass);
    let before = fs::read(&path).unwrap();
    assert_eq!(before.len(), 8 << 20);
    assert!(new().is_err(), "there is one");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(command(Command::Check { image: path.clone() }).unwrap(), Exit::Pass);
    let (_, store) = open(&path).unwrap();
    assert_eq!(store.trees().count(), 0);
}

#[test]
fn test_what_looks_at_an_image_writes_nothing() {
    let (_dir, path) = image();
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let before = fs::read(&path).unwrap();
    let ls = |tree, under| command(Command::Ls { image: path.clone(), tree, under });
    assert_eq!(ls(None, None).unwrap(), Exit::Pass);
    assert_eq!(ls(Some(TREE), Some("dir".into())).unwrap(), Exit::Pass);
    let get =
        |key: &str| command(Command::Get { image: path.clone(), tree: TREE, key: key.into() });
    assert_eq!(get("dir/7").unwrap(), Exit::Pass);
    assert_eq!(crate::exit::of_error(&get("dir/77").unwrap_err()), Exit::Failed);
    assert!(get("../etc").is_err());
    assert_eq!(command(Command::Check { image: path.clone() }).unwrap(), Exit::Pass);
    assert!(fs::read(&path).unwrap() == before);
    let (_, mut store) = open(&path).unwrap();
    let mut names = Vec::new();
    each_row(&mut store, TREE, None, |_, row| {
        names.push(row.key.clone());
        Ok(())
    })
    .unwrap();
    assert_eq!(names.len(), 40);
}

// attack 67 H: an image with a changed byte in superblock, log, table or partition table; the check says where, and repairs nothing
#[test]
fn test_a_damaged_image_is_told_of_and_not_repaired() {
    let (_dir, path) = image();
    let mib = 1 << 20;
    let flip = |at: u64| {
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    };
    let log = mib + 2 * 4096;
    let table = log + 256 * 4096;
    // One copy of the superblock is enough; both are not.
    flip(mib + 9);
    assert_eq!(command(Command::Check { image: path.clone() }).unwrap(), Exit::Pass);
    for (at, text) in [(512 + 60, "wrong sum"), (log + 20, "frame 1"), (table + 12, "header")] {
        flip(at);
        let before = fs::read(&path).unwrap();
        let error = command(Command::Check { image: path.clone() }).unwrap_err();
        assert_eq!(crate::exit::of_error(&error), Exit::Failed);
        assert!(format!("{error:#}").contains(text), "{error:#}");
        assert!(fs::read(&path).unwrap() == before);
        flip(at);
    }
    flip(mib + 4096 + 9);
    let error = open(&path).unwrap_err();
    let refused = error.downcast_ref::<Refused>().unwrap();
    assert!(matches!(refused, Refused::Superblock(_)), "{refused}");
}

#[test]
fn test_trees_are_32_digits() {
    assert_eq!(parse_tree(&TREE.to_string()), Ok(TREE));
    for bad in ["", "7", "+123456789abcdef0123456789abcdef0", "0123456789abcdef0123456789abcdeg"] {
        assert!(parse_tree(bad).is_err(), "{bad}");
    }
}
