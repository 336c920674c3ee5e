//! What `cargo nexus gdb` begins with: how one service is told from all others.

mod common;

use common::{checked, elf, image};
use nexus::debugger::Target;
use nexus_sysdesc::archive::{Archive, ArchiveWriter, Kind};
use std::path::Path;

fn script(image: &[u8], service: &str) -> Result<String, String> {
    let target = Target::of(image, Path::new("/build"), service).map_err(|why| why.to_string())?;
    let sources = [("/home/me".into(), "/cargo")];
    target
        .script(Path::new("/build/live/gdb"), Path::new("/here"), &sources)
        .map_err(|why| why.to_string())
}

// attack 111 H: each service of an image is looked at beside all others; a word of its code tells it apart
#[test]
fn each_service_has_a_word_that_no_other_has() {
    let image = image("prod");
    for program in &checked("prod").programs {
        let script = script(&image, &program.name).expect("a script");
        // The second half of the first word of these programs is their number.
        let mark = format!("MARK = (0x100000, {:#x})", u64::from(program.id) << 32 | 0x13);
        let head: Vec<&str> = script.lines().take(6).collect();
        let name = &program.name;
        assert_eq!(
            head,
            [
                format!("SERVICE = \"{name}\"").as_str(),
                mark.as_str(),
                format!("PROGRAM = \"/build/debug/{name}\"").as_str(),
                "KERNEL = \"/build/debug/neuron\"",
                "SOCKET = \"/build/live/gdb\"",
                "SOURCES = [(\"\", \"/here\"), (\"/cargo\", \"/home/me\")]",
            ]
        );
    }
    let kernel = script(&image, "kernel").expect("a script");
    assert!(kernel.contains("\nMARK = None\nPROGRAM = \"/build/debug/neuron\"\n"), "{kernel}");
}

// attack 111 H: a service has the code of another; it is refused, and not taken for that; broken: debug-everywhere
#[test]
fn what_cannot_be_looked_at_is_told() {
    let image = image("prod");
    let why = script(&image, "gone").expect_err("no such service");
    assert!(why.starts_with("there is no service `gone`: choose from kernel, init, "), "{why}");
    assert!(!why.contains("description"), "{why}");
    // The same program twice.
    let archive = Archive::parse(&image).expect("an image");
    let (twin, mut writer) = (elf(9), ArchiveWriter::new());
    for entry in archive.entries() {
        let same = entry.kind == Kind::Service && ["nsh", "webd"].contains(&entry.name);
        writer.push(entry.kind, entry.id, entry.name, if same { &twin } else { entry.data });
    }
    let image = writer.finish().expect("an archive");
    let why = script(&image, "nsh").expect_err("its twin");
    assert!(why.contains("another service has the code of nsh"), "{why}");
    assert!(script(&image, "logd").is_ok());
}
