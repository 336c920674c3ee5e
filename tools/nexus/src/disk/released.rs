//! An image of each format that was released is opened by today's code.
//!
//! Images are kept as text: for each sector that is not zero its number, then its bytes in hexadecimal, `BYTE*COUNT`
//! where one is repeated. `NEXUS_UPDATE=1 cargo test -p nexus released` writes that of the format that the code has, if
//! there is none yet; one that is there is never written again.

use super::*;
use nexus_store::{Expect, FORMAT, MAX_VALUE, SECTOR, Step};
use std::fmt::Write as _;
use std::{env, fs, io, iter};

/// Bytes of the images.
const BYTES: usize = 4 << 20;
const GUID: [u8; 16] = *b"released format.";
const TREES: [TreeId; 2] = [TreeId(0x51), TreeId(0x52)];
/// Keys of the first tree that go into the table.
const KEYS: u64 = 40;
/// Bytes of the value in pieces.
const LARGE: u64 = 2 * MAX_VALUE as u64 + 1;

fn fixture(format: u32) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/store");
    fixtures.join(format!("format-{format}.txt"))
}

fn key(text: &str) -> Key<'_> {
    Key::new(text).unwrap()
}

/// What the first tree has under its keys.
fn value(number: u64) -> Vec<u8> {
    vec![number as u8; number as usize * 7]
}

/// Fills a new image: keys in the table and in the log, one that was replaced, one that is gone, a value in pieces.
fn fill(path: &Path) {
    let (mut image, ()) = ImageFile::create(path, BYTES as u64, |_| Ok(())).unwrap();
    let extent = gpt::create(&mut image, [7; 16], GUID).unwrap();
    let identity = Identity { guid: GUID, key: 1 };
    let image = nexus_store::format(image, extent, identity, FormatOptions::default()).unwrap();
    let options = OpenOptions { fold_at: Some(1), ..OpenOptions::new(GUID, 2) };
    let mut store = Engine::open(image, extent, &options).unwrap();
    for number in 0..KEYS {
        let name = format!("folded/{number}");
        store.put(TREES[0], key(&name), &value(number), Expect::Any).unwrap();
    }
    let mut draft = store.begin().unwrap();
    for piece in vec![0xa5; LARGE as usize].chunks(MAX_VALUE) {
        store.piece(&mut draft, piece).unwrap();
    }
    store.finish(TREES[1], key("large"), draft, Expect::Absent).unwrap();
    store.sync().unwrap();
    while store.turn().unwrap() {}
    let steps = [
        Step { key: key("folded/1"), value: None, expect: Expect::Any },
        Step { key: key("folded/2"), value: Some(b"new"), expect: Expect::Any },
        Step { key: key("logged/ü"), value: Some(b"in the log"), expect: Expect::Absent },
    ];
    store.batch(TREES[0], &steps).unwrap();
    store.sync().unwrap();
}

fn written(image: &[u8]) -> String {
    let mut text = String::new();
    for (number, sector) in (0..).zip(image.chunks(SECTOR)) {
        if sector.iter().all(|byte| *byte == 0) {
            continue;
        }
        write!(text, "{number}").unwrap();
        for run in sector.chunk_by(|one, next| one == next) {
            let byte = run[0];
            match run.len() {
                count @ 3.. => write!(text, " {byte:02x}*{count}").unwrap(),
                count => (0..count).for_each(|_| write!(text, " {byte:02x}").unwrap()),
            }
        }
        text.push('\n');
    }
    text
}

fn read(text: &str) -> Vec<u8> {
    let mut image = vec![0; BYTES];
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let number: usize = words.next().unwrap().parse().unwrap();
        let bytes = words.flat_map(|word| {
            let (byte, count) = word.split_once('*').unwrap_or((word, "1"));
            let byte = u8::from_str_radix(byte, 16).unwrap();
            iter::repeat_n(byte, count.parse().unwrap())
        });
        let bytes: Vec<u8> = bytes.collect();
        image[number * SECTOR..][..SECTOR].copy_from_slice(&bytes);
    }
    image
}

/// What [`fill`] put there, and nothing else.
fn holds_what_was_put(store: &mut Engine<ImageFile>) {
    let mut bytes = Vec::new();
    for number in 0..KEYS {
        let name = format!("folded/{number}");
        let found = store.get(TREES[0], key(&name), &mut bytes).unwrap();
        assert_eq!(found.is_some(), number != 1);
        if number > 2 {
            assert_eq!(bytes, value(number));
        }
    }
    for (name, value) in [("folded/2", "new"), ("logged/ü", "in the log")] {
        store.get(TREES[0], key(name), &mut bytes).unwrap().unwrap();
        assert_eq!(bytes, value.as_bytes());
    }
    bytes.clear();
    let whole = super::value(store, TREES[1], key("large"), |part| {
        bytes.extend_from_slice(part);
        Ok(())
    });
    assert!(whole.unwrap());
    assert!(bytes == vec![0xa5; LARGE as usize]);
    let keys: Vec<(TreeId, u64)> = store.trees().map(|(tree, usage)| (tree, usage.keys)).collect();
    assert_eq!(keys, [(TREES[0], KEYS), (TREES[1], 1)]);
}

#[test]
fn test_an_image_of_each_released_format_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    if env::var_os("NEXUS_UPDATE").is_some() && !fixture(FORMAT).exists() {
        let path = dir.path().join("new.disk");
        fill(&path);
        fs::create_dir_all(fixture(FORMAT).parent().unwrap()).unwrap();
        fs::write(fixture(FORMAT), written(&fs::read(&path).unwrap())).unwrap();
    }
    for format in 1..=FORMAT {
        let path = dir.path().join(format!("{format}.disk"));
        let text = fs::read_to_string(fixture(format)).expect("each format has an image");
        fs::write(&path, read(&text)).unwrap();
        let (guid, mut store) = open(&path).unwrap();
        assert_eq!(guid.to_bytes(), GUID);
        holds_what_was_put(&mut store);
        drop(store);
        assert_eq!(check(&mut io::sink(), &path).unwrap(), Exit::Pass);
        assert!(fs::read(&path).unwrap() == read(&text), "format {format} was written to");
        // And opened to be written, twice: what was upgraded is right, too.
        for put in [b"1", b"2"] {
            let mut image = ImageFile::open_to_write(&path).unwrap();
            let extent = gpt::find(&mut image, GUID).unwrap();
            let mut store = Engine::open(image, extent, &OpenOptions::new(GUID, 3)).unwrap();
            holds_what_was_put(&mut store);
            store.put(TREES[0], key("folded/0"), put, Expect::Any).unwrap();
            store.sync().unwrap();
        }
        assert_eq!(check(&mut io::sink(), &path).unwrap(), Exit::Pass);
    }
}
