//! QEMU's arguments: what it would refuse, as far as that is seen without starting it.

use crate::desc::diagnostic::Diagnostic;
use crate::desc::kind::Kind;
use crate::desc::model::{Device, Machine, ProfileFile, System};
use crate::desc::qemu::words::{self, Argument, MODELS, Wrong};
use crate::desc::report::Reporter;
use crate::desc::source::At;
use crate::desc::suggest;
use crate::qemu::DISK;
use std::path::Path;

/// The board whose addresses and slots this tool knows.
const BOARD: &str = "virt";

/// Options that make something, the property that names it, and what names of that kind are for.
const MAKERS: &[(&str, &str, &str)] = &[
    ("object", "id", "object"),
    ("netdev", "id", "network"),
    ("chardev", "id", "character device"),
    ("device", "id", "device"),
    ("drive", "id", "drive"),
    ("blockdev", "node-name", "drive"),
    ("fsdev", "id", "file system"),
    ("audiodev", "id", "sound"),
    ("tpmdev", "id", "TPM"),
];

/// Properties of a device that name something, and what.
const USERS: &[(&str, &str)] = &[
    ("drive", "drive"),
    ("netdev", "network"),
    ("rng", "object"),
    ("memdev", "object"),
    ("cryptodev", "object"),
    ("iothread", "object"),
    ("chardev", "character device"),
    ("fsdev", "file system"),
    ("audiodev", "sound"),
];

/// What one device alone can have.
const ALONE: [&str; 2] = ["drive", "network"];

/// The ids that the tool takes for itself.
const OWN: [(&str, &str); 2] = [("character device", "serial"), ("character device", "qmp")];

/// Options and properties that name a file to read.
const FILES: &[(&str, &str)] = &[
    ("blockdev", "filename"),
    ("drive", "file"),
    ("device", "file"),
    ("device", "romfile"),
    ("bios", "driver"),
    ("dtb", "driver"),
    ("option-rom", "driver"),
    ("pflash", "driver"),
    ("mtdblock", "driver"),
    ("sd", "driver"),
    ("cdrom", "driver"),
    ("hda", "driver"),
    ("hdb", "driver"),
    ("hdc", "driver"),
    ("hdd", "driver"),
];

pub(super) fn check(system: &System, reporter: &Reporter) {
    if let Some(machine) = &system.board.qemu {
        check_machine(machine, reporter);
        check_words(&machine.options, reporter);
    }
    for device in &system.board.devices {
        check_words(&device.backend, reporter);
        check_model(device, reporter);
    }
    for profile in &system.profiles {
        check_names(system, profile, reporter);
    }
}

/// The board is the one that this tool knows.
fn check_machine(machine: &Machine, reporter: &Reporter) {
    let name = words::property(&machine.machine, "driver");
    let name = name.or_else(|| words::property(&machine.machine, "type"));
    if name.as_deref() != Some(BOARD) {
        let message =
            format!("`{}` is not the board that addresses are known of", machine.machine.value);
        let fix = format!("write `machine = \"{BOARD}\"`, with properties behind a comma");
        reporter.add(Diagnostic::at(Kind::UnknownWord, &machine.machine.span, message, fix));
    }
}

/// Each word is an option of QEMU, or its value, and no file is missing.
fn check_words(words: &[At<String>], reporter: &Reporter) {
    let (arguments, wrong) = words::split(words);
    for one in wrong {
        let (word, message, fix) = match one {
            Wrong::Unknown(word) => {
                let options = words::options();
                let meant = suggest::nearest(word, options.iter().map(String::as_str));
                let fix = meant.map_or_else(
                    || String::from("remove it and its value"),
                    |meant| format!("did you mean `{meant}`?"),
                );
                (word, format!("QEMU has no option `{}`", word.value), fix)
            }
            Wrong::Stray(word) => (
                word,
                format!(
                    "no option takes `{}`: QEMU would look for a disk of that name",
                    word.value
                ),
                String::from("write the option before it, or remove it"),
            ),
            Wrong::NoValue(word) => (
                word,
                format!("the value of `{}` is missing", word.value),
                String::from("write it behind it, as a text of its own"),
            ),
            Wrong::Elsewhere(word, place) => (
                word,
                format!("`{}` is said by {place}", word.value),
                String::from("remove it, with its value if it has one"),
            ),
        };
        reporter.add(Diagnostic::at(Kind::QemuOption, &word.span, message, fix));
    }
    for argument in &arguments {
        check_files(argument, reporter);
    }
}

/// The files that an argument names are there. QEMU looks for them from where it is started.
fn check_files(argument: &Argument<'_>, reporter: &Reporter) {
    let Some(value) = argument.value else { return };
    let keys = FILES.iter().filter(|(option, _)| *option == argument.name());
    for file in keys.filter_map(|(_, key)| argument.property(key)) {
        // What is no file: firmware of QEMU's own, none at all, a protocol.
        let is_other = file.is_empty() || file == "none" || file == "default" || file.contains(':');
        if is_other || Path::new(&file).exists() {
            continue;
        }
        let firmware = argument.name() == "bios" && !file.contains('/');
        if firmware {
            continue;
        }
        let message = format!("there is no file `{file}`, which QEMU would read");
        let fix = "create it, or write the path of another one: whole, or from the directory that the \
                   command is given in";
        reporter.add(Diagnostic::at(Kind::MissingFile, &value.span, message, fix));
    }
}

/// What is plugged in is there at all, and what the device is described as.
fn check_model(device: &Device, reporter: &Reporter) {
    let (Some(qemu), Some(id)) = (&device.qemu, &device.virtio_id) else { return };
    let model = words::property(qemu, "driver").unwrap_or_default();
    let Some((_, known)) = MODELS.iter().find(|(name, _)| *name == model) else {
        let names: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
        let message = format!("QEMU's virtio bus takes no `{model}`");
        let fix = suggest::instead(&model, "devices", &names);
        reporter.add(Diagnostic::at(Kind::WrongModel, &qemu.span, message, fix));
        return;
    };
    if *known != id.value {
        let message = format!(
            "a `{model}` says that it is DeviceID {known}, and {} is found by {}",
            device.name.value, id.value
        );
        let of_that = MODELS.iter().filter(|(_, known)| *known == id.value);
        let of_that: Vec<&str> = of_that.map(|(name, _)| *name).collect();
        let fix = match of_that.first() {
            Some(first) => format!("write `virtio-id = {known}`, or plug in a `{first}`"),
            None => format!("write `virtio-id = {known}`, or leave out `slot` and `qemu`"),
        };
        let diagnostic = Diagnostic::at(Kind::WrongModel, &qemu.span, message, fix);
        reporter.add(diagnostic.see(&id.span, "the DeviceID that it must have"));
    }
    if let Some((serial, known)) = device.serial().filter(|_| model == DISK) {
        let plugged = words::property(qemu, "serial");
        if plugged.as_deref() != Some(serial.as_str()) {
            let has = plugged.map_or(String::from("none"), |serial| format!("`{serial}`"));
            let name = &device.name.value;
            let message = format!(
                "the serial number of the disk is {has}, and {name} is known by `{serial}`"
            );
            // A comma in a value stands twice.
            let fix = format!("write `,serial={}` in it", serial.as_str().replace(',', ",,"));
            let diagnostic = Diagnostic::at(Kind::WrongModel, &qemu.span, message, fix);
            reporter.add(diagnostic.see(known, "the serial number that it must have"));
        }
    }
    if model == DISK && words::property(qemu, "drive").is_none() {
        let message =
            format!("{} has no drive, and QEMU plugs in no disk without one", device.name.value);
        let fix =
            "add `,drive=NAME`, and `backend = [\"-blockdev\", \"driver=null-co,node-name=NAME\"]`";
        reporter.add(Diagnostic::at(Kind::QemuBackend, &qemu.span, message, fix));
    }
}

/// A name among QEMU's arguments.
struct Named<'a> {
    kind: &'static str,
    name: String,
    at: &'a At<String>,
}

/// In a profile each name is one thing's, and each thing that a device names is there, for it alone.
fn check_names(system: &System, profile: &ProfileFile, reporter: &Reporter) {
    let Some(machine) = &system.board.qemu else { return };
    let devices = system.board.devices.iter();
    let devices: Vec<&Device> =
        devices.filter(|device| !profile.leaves_out_device(&device.name)).collect();
    let lists = devices.iter().map(|device| &device.backend);
    let lists = std::iter::once(&machine.options).chain(lists);
    let arguments: Vec<Argument<'_>> = lists.flat_map(|words| words::split(words).0).collect();
    let mut made: Vec<Named<'_>> = arguments.iter().filter_map(made_by).collect();
    let plugged = devices.iter().filter_map(|device| device.qemu.as_ref());
    made.extend(
        plugged
            .clone()
            .filter_map(|at| Some(Named { kind: "device", name: words::property(at, "id")?, at })),
    );
    check_made(&made, reporter);
    let options = arguments.iter().filter(|one| one.name() == "device").filter_map(|one| one.value);
    let used: Vec<Named<'_>> = options.chain(plugged).flat_map(uses).collect();
    check_used(&used, &made, profile, reporter);
}

fn made_by<'a>(argument: &Argument<'a>) -> Option<Named<'a>> {
    let (_, key, kind) = MAKERS.iter().find(|(option, ..)| *option == argument.name())?;
    Some(Named { kind, name: argument.property(key)?, at: argument.value? })
}

/// What a device names.
fn uses(at: &At<String>) -> Vec<Named<'_>> {
    let used = USERS
        .iter()
        .filter_map(|(key, kind)| Some(Named { kind, name: words::property(at, key)?, at }));
    used.collect()
}

fn check_made(made: &[Named<'_>], reporter: &Reporter) {
    for (index, Named { kind, name, at }) in made.iter().enumerate() {
        let own = OWN.contains(&(kind, name.as_str()));
        let mut before = made.iter().take(index);
        let first = before.find(|other| other.kind == *kind && other.name == *name);
        let mut letters = name.chars();
        let well_formed = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if own {
            let message = format!("`{name}` is the name of a {kind} of the tool itself");
            reporter.add(Diagnostic::at(Kind::QemuName, &at.span, message, "take another name"));
        } else if !well_formed {
            let message = format!("QEMU takes no name `{name}`");
            let fix = "write a letter first, and letters, digits, `-`, `.` and `_` behind it";
            reporter.add(Diagnostic::at(Kind::QemuName, &at.span, message, fix));
        } else if let Some(first) = first {
            let message = format!("there is another {kind} of the name `{name}`");
            let fix = "give one of them another name";
            let diagnostic = Diagnostic::at(Kind::QemuName, &at.span, message, fix);
            reporter.add(diagnostic.see(&first.at.span, "the other one"));
        }
    }
}

fn check_used(used: &[Named<'_>], made: &[Named<'_>], profile: &ProfileFile, reporter: &Reporter) {
    for (index, Named { kind, name, at }) in used.iter().enumerate() {
        let of_kind = || made.iter().filter(|other| other.kind == *kind);
        let mut before = used.iter().take(index);
        let other = before.find(|other| other.kind == *kind && other.name == *name);
        if !of_kind().any(|one| one.name == *name) {
            let message = format!(
                "in profile {} there is no {kind} `{name}` for this device",
                profile.name.value
            );
            let names: Vec<&str> = of_kind().map(|one| one.name.as_str()).collect();
            let fix = match suggest::nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("make it in the `backend` of the device: {}", maker(kind, name)),
            };
            reporter.add(Diagnostic::at(Kind::QemuBackend, &at.span, message, fix));
        } else if let Some(other) = other.filter(|_| ALONE.contains(kind)) {
            let message = format!("the {kind} `{name}` is another device's already");
            let fix =
                format!("make one more in the `backend` of this device: {}", maker(kind, "NAME"));
            let diagnostic = Diagnostic::at(Kind::QemuBackend, &at.span, message, fix);
            reporter.add(diagnostic.see(&other.at.span, "the other device"));
        }
    }
}

/// How something of a kind is made.
fn maker(kind: &str, name: &str) -> String {
    match kind {
        "drive" => format!("[\"-blockdev\", \"driver=null-co,node-name={name}\"]"),
        "network" => format!("[\"-netdev\", \"user,id={name}\"]"),
        "object" => format!("[\"-object\", \"rng-builtin,id={name}\"]"),
        "character device" => format!("[\"-chardev\", \"null,id={name}\"]"),
        "file system" => format!("[\"-fsdev\", \"local,id={name},path=DIR,security_model=none\"]"),
        _ => format!("[\"-audiodev\", \"none,id={name}\"]"),
    }
}
