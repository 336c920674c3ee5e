use super::*;
use nexus_store::{BlockDevice, DeviceError, Expect, Refused};
use std::fs;
use std::os::unix::fs::FileExt;

const TREE: TreeId = TreeId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

fn command(command: Command) -> Result<Exit> {
    told(&command, &mut std::io::sink())
}

/// What a command that passes prints.
fn text(command: Command) -> String {
    let mut out = Vec::new();
    assert_eq!(told(&command, &mut out).unwrap(), Exit::Pass);
    String::from_utf8(out).unwrap()
}

/// The store of an image, to be written.
fn written(path: &Path) -> Engine<ImageFile> {
    let mut image = ImageFile::open_to_write(path).unwrap();
    let [StorePartition { guid, extent }] = gpt::stores(&mut image).unwrap()[..] else { panic!() };
    Engine::open(image, extent, &OpenOptions::new(guid, 1)).unwrap()
}

/// An image with some keys.
fn image() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.disk");
    command(Command::New { image: path.clone(), size: 4, guid: None }).unwrap();
    let mut store = written(&path);
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
    let new = || command(Command::New { image: path.clone(), size: 8, guid: None });
    assert_eq!(new().unwrap(), Exit::Pass);
    let before = fs::read(&path).unwrap();
    assert_eq!(before.len(), 8 << 20);
    let there = new().unwrap_err().to_string();
    assert!(there.contains("a.disk is there, and nothing is ever made over it"), "{there}");
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
    let ls = |tree, under| command(Command::Ls { image: path.clone(), tree, under, system: None });
    assert_eq!(ls(None, None).unwrap(), Exit::Pass);
    assert_eq!(ls(Some(TREE.to_string()), Some("dir".into())).unwrap(), Exit::Pass);
    assert!(ls(Some("nsh".into()), None).is_err(), "no system");
    let get = |key: &str| {
        let (tree, key) = (TREE.to_string(), key.into());
        command(Command::Get { image: path.clone(), tree, key, system: None })
    };
    assert_eq!(get("dir/7").unwrap(), Exit::Pass);
    assert_eq!(crate::exit::of_error(&get("dir/77").unwrap_err()), Exit::Failed);
    assert!(get("../etc").is_err());
    let error = open(path.parent().unwrap()).unwrap_err().to_string();
    assert!(error.contains("is a directory"), "{error}");
    assert_eq!(command(Command::Check { image: path.clone() }).unwrap(), Exit::Pass);
    assert!(fs::read(&path).unwrap() == before);
    let (_, mut store) = open(&path).unwrap();
    assert_eq!(store.read_only(), Some(nexus_store::ReadOnly::Asked));
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
    // One copy of the superblock is enough to read what there is; both are not.
    flip(mib + 9);
    let mut out = Vec::new();
    assert_eq!(told(&Command::Check { image: path.clone() }, &mut out).unwrap(), Exit::Failed);
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.contains("superblock") && out.ends_with(": wrong: 1; nothing was repaired\n"),
        "{out}"
    );
    assert_eq!(open(&path).unwrap().1.trees().count(), 1);
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
fn test_a_guid_can_be_given_and_nothing_is_left_of_what_failed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.disk");
    let guid = random_guid().unwrap();
    let new = |guid, size| command(Command::New { image: path.clone(), size, guid: Some(guid) });
    assert!(new(Guid::ZERO, 4).is_err(), "the GUID of nothing");
    assert!(new(guid, 1).is_err(), "too small");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(new(guid, 4).unwrap(), Exit::Pass);
    assert_eq!(open(&path).unwrap().0, guid);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

// attack 67 H: an image is looked at while a machine runs on it; refused, and it is told who has it; broken: disk-lock
#[test]
fn test_an_image_in_use_is_not_looked_at() {
    let (_dir, path) = image();
    let running = ImageFile::open_to_write(&path).unwrap();
    let error = format!("{:#}", command(Command::Check { image: path.clone() }).unwrap_err());
    assert!(error.contains("is in use: "), "{error}");
    assert!(open(&path).is_err());
    drop(running);
    let looked = open(&path).unwrap();
    assert!(open(&path).is_ok(), "many may look at one time");
    assert!(ImageFile::open_to_write(&path).is_err());
    drop(looked);
    assert!(ImageFile::open_to_write(&path).is_ok());
}

#[test]
fn test_what_is_in_an_image_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.disk");
    let guid = random_guid().unwrap();
    let new = text(Command::New { image: path.clone(), size: 4, guid: Some(guid) });
    assert_eq!(new, format!("{}  {guid}\n", path.display()));
    let ls = |tree: Option<TreeId>, under: Option<&str>| {
        let (tree, under) = (tree.map(|tree| tree.to_string()), under.map(str::to_owned));
        text(Command::Ls { image: path.clone(), tree, under, system: None })
    };
    assert_eq!(ls(None, None), format!("store {guid} is empty\n"));
    let large = vec![7; nexus_store::MAX_VALUE + 1];
    let mut store = written(&path);
    store.put(TREE, key("a/b").unwrap(), b"four", Expect::Any).unwrap();
    store.put(TREE, key("gone").unwrap(), b"", Expect::Any).unwrap();
    let mut draft = store.begin().unwrap();
    large.chunks(nexus_store::MAX_VALUE).for_each(|part| store.piece(&mut draft, part).unwrap());
    store.finish(TREE, key("large").unwrap(), draft, Expect::Any).unwrap();
    store.put(TreeId(7), key("gone").unwrap(), b"", Expect::Any).unwrap();
    store.delete(TreeId(7), key("gone").unwrap(), Expect::Any).unwrap();
    store.delete(TREE, key("gone").unwrap(), Expect::Any).unwrap();
    store.sync().unwrap();
    let bytes = store.usage(TREE).bytes;
    drop(store);
    assert_eq!(ls(None, None), format!("{TREE}  2 keys, {bytes} bytes\n"), "none without keys");
    assert_eq!(ls(Some(TREE), None), "         4  a/b\n     65537  large\n");
    assert_eq!(ls(Some(TREE), Some("a")), "         4  a/b\n");
    assert_eq!(ls(Some(TREE), Some("b")), "no keys there\n");
    let get = |key: &str| {
        let (tree, key) = (TREE.to_string(), key.to_owned());
        text(Command::Get { image: path.clone(), tree, key, system: None })
    };
    assert_eq!(get("a/b"), "four");
    assert!(get("large").as_bytes() == large);
    let rows = rows_of(&path, TREE).unwrap();
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["a/b", "large"]);
    assert!(rows["large"] == large && rows["a/b"] == b"four");
    let check = text(Command::Check { image: path.clone() });
    let lines: Vec<&str> = check.lines().collect();
    assert_eq!(
        lines[..2],
        [format!("{:032x}  0 keys, 0 bytes", 7), format!("{TREE}  2 keys, {bytes} bytes")]
    );
    let (begins, ends) = (format!("store {guid}: trees "), ": all is right");
    assert!(lines[2].starts_with(&begins) && lines[2].ends_with(ends), "{check}");
}

#[test]
fn test_a_tree_is_named_by_the_service_of_a_system() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.disk");
    command(Command::New { image: path.clone(), size: 4, guid: None }).unwrap();
    let standard = Path::new("standard");
    let tree = Trees::of(Some(standard)).unwrap().find("archived").unwrap();
    let mut store = written(&path);
    store.put(tree, key("a").unwrap(), b"1", Expect::Any).unwrap();
    store.sync().unwrap();
    drop(store);
    let rows = rows(&path, standard, "archived").unwrap();
    assert_eq!(rows, BTreeMap::from([("a".to_owned(), b"1".to_vec())]));
    let (image, system) = (path, Some(standard.to_owned()));
    let listed = text(Command::Ls { image, tree: None, under: None, system });
    assert!(listed.starts_with(&format!("{tree}  archived ")), "{listed}");
}

#[test]
fn test_an_image_is_whole_sectors_within_its_bounds() {
    let (_dir, path) = image();
    let mut image = ImageFile::open_to_write(&path).unwrap();
    let (sectors, size) = (image.sectors(), fs::metadata(&path).unwrap().len());
    assert_eq!(sectors, size / 512);
    let beyond = Err(DeviceError::OutOfRange);
    for (sector, len) in [(sectors - 1, 1024), (sectors, 512), (0, 100), (u64::MAX, 512)] {
        assert_eq!(image.read(sector, &mut vec![0; len]), beyond, "{len} bytes from {sector} on");
        assert_eq!(image.write(sector, &vec![0; len]), beyond, "{len} bytes from {sector} on");
    }
    image.write(sectors - 1, &[7; 512]).unwrap();
    image.flush().unwrap();
    let mut last = [0; 512];
    image.read(sectors - 1, &mut last).unwrap();
    assert!(last == [7; 512] && fs::metadata(&path).unwrap().len() == size);
}

#[test]
fn test_what_is_started_has_the_lock_of_the_image() {
    use std::process::{Command, Stdio};
    let (_dir, path) = image();
    let image = ImageFile::open_to_write(&path).unwrap();
    image.hand_on_lock().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    drop(image);
    assert!(ImageFile::open_to_write(&path).is_err(), "it runs");
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(ImageFile::open_to_write(&path).is_ok());
}
