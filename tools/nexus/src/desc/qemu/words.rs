//! QEMU's arguments as it takes them: options, their values, and the properties in a value.

use crate::desc::source::At;
use serde_json::Value;

/// Options without a value, of QEMU 7.2 and 10.0 for RISC-V.
const ALONE: &str = "preconfig S async-teardown audio-help daemonize enable-kvm enable-sync-profile \
    full-screen mem-prealloc no-reboot no-shutdown no-user-config nodefaults nographic \
    only-migratable portrait s semihosting singlestep snapshot usb";

/// Options with a value.
const WITH_VALUE: &str = "D L accel action add-fd append audio audiodev bios blockdev boot cdrom \
    chardev chroot compat cpu d debugcon device dfilter display drive dtb dump-vmstate echr fsdev \
    fw_cfg g gdb global hda hdb hdc hdd icount incoming initrd iscsi k kernel loadvm m machine M \
    mem-path mon monitor msg mtdblock name net netdev nic numa object old-param option-rom \
    overcommit parallel pflash pidfile plugin prom-env qmp qmp-pretty readconfig rotate rtc \
    run-with runas sandbox sd seed semihosting-config serial set shim smbios smp spice tpmdev trace \
    usbdevice uuid vga virtfs vnc watchdog-action";

/// Options that are said in other words, or by the tool itself, and where.
const ELSEWHERE: &[(&str, &str)] = &[
    ("machine", "the key `machine`"),
    ("M", "the key `machine`"),
    ("cpu", "the key `cpu`"),
    ("m", "the key `memory`"),
    ("smp", "the key `harts`"),
    ("kernel", "the tool, which gives QEMU the kernel that it builds"),
    ("initrd", "the tool, which gives QEMU the image that it builds"),
    ("append", "the tool, by the keys `watch` and `watch-every` of a profile"),
    ("serial", "the tool, which has the serial port"),
    ("nographic", "the tool, which has the serial port"),
    ("monitor", "the tool, which has the monitor"),
    ("mon", "the tool, which has the monitor"),
    ("qmp", "the tool, which has the monitor"),
    ("qmp-pretty", "the tool, which has the monitor"),
    ("semihosting", "the tool, which reads the exit code of the guest by it"),
    ("semihosting-config", "the tool, which reads the exit code of the guest by it"),
    ("daemonize", "nobody: the tool waits for the end of QEMU"),
    ("S", "nobody: the guest would wait for a command"),
    ("preconfig", "nobody: the guest would wait for a command"),
];

/// An option, and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument<'a> {
    /// The option, with its dash.
    pub(crate) option: &'a At<String>,
    /// Its value, where it has one.
    pub(crate) value: Option<&'a At<String>>,
}

/// Why words are no arguments.
#[derive(Clone, Debug)]
pub(crate) enum Wrong<'a> {
    /// QEMU has no such option.
    Unknown(&'a At<String>),
    /// A word that no option takes.
    Stray(&'a At<String>),
    /// An option whose value is missing.
    NoValue(&'a At<String>),
    /// An option that is said elsewhere: where.
    Elsewhere(&'a At<String>, &'static str),
}

impl<'a> Argument<'a> {
    /// Its name, without dashes.
    pub(crate) fn name(&self) -> &'a str {
        name(self.option)
    }

    /// The value of a property; of `driver,key=value`, the first is named `driver`.
    pub(crate) fn property(&self, key: &str) -> Option<String> {
        property(self.value?, key)
    }
}

fn name(option: &At<String>) -> &str {
    let name = option.value.strip_prefix('-').unwrap_or(&option.value);
    name.strip_prefix('-').unwrap_or(name)
}

/// The names of all options, each with its dash.
pub(crate) fn options() -> Vec<String> {
    let names = ALONE.split_whitespace().chain(WITH_VALUE.split_whitespace());
    names.map(|name| format!("-{name}")).collect()
}

/// The arguments that `words` are, and what is wrong with them.
pub(crate) fn split(words: &[At<String>]) -> (Vec<Argument<'_>>, Vec<Wrong<'_>>) {
    let (mut arguments, mut wrong) = (Vec::new(), Vec::new());
    let mut rest = words.iter();
    while let Some(option) = rest.next() {
        let name = name(option);
        let has = |list: &str| list.split_whitespace().any(|one| one == name);
        if !option.value.starts_with('-') {
            wrong.push(Wrong::Stray(option));
            continue;
        }
        let value = match (has(ALONE), has(WITH_VALUE)) {
            (true, _) => None,
            (_, true) => match rest.next() {
                None => {
                    wrong.push(Wrong::NoValue(option));
                    continue;
                }
                value => value,
            },
            (false, false) => {
                wrong.push(Wrong::Unknown(option));
                // What follows is most likely its value.
                if rest.as_slice().first().is_some_and(|next| !next.value.starts_with('-')) {
                    rest.next();
                }
                continue;
            }
        };
        match ELSEWHERE.iter().find(|(other, _)| *other == name) {
            Some((_, place)) => wrong.push(Wrong::Elsewhere(option, place)),
            None => arguments.push(Argument { option, value }),
        }
    }
    (arguments, wrong)
}

/// The value of a property in `driver,key=value,…`.
pub(crate) fn property(text: &str, key: &str) -> Option<String> {
    properties(text).into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The properties in `driver,key=value,…`, where `,,` stands for a comma, or in an object of JSON.
fn properties(text: &str) -> Vec<(String, String)> {
    if let Ok(Value::Object(object)) = serde_json::from_str(text) {
        let texts = object.into_iter().filter_map(|(key, value)| match value {
            Value::String(value) => Some((key, value)),
            _ => None,
        });
        return texts.collect();
    }
    let parts = text.replace(",,", "\0");
    let parts = parts.split(',').map(|part| part.replace('\0', ","));
    let named = |(index, part): (usize, String)| match part.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None if index == 0 => (String::from("driver"), part),
        None => (part, String::from("on")),
    };
    parts.enumerate().map(named).collect()
}

/// The device models of the virtio-mmio bus, each with its DeviceID (virtio 1.2, section 5).
pub(crate) const MODELS: &[(&str, u32)] = &[
    ("virtio-net-device", 1),
    ("virtio-blk-device", 2),
    ("vhost-user-blk", 2),
    ("virtio-serial-device", 3),
    ("virtio-rng-device", 4),
    ("vhost-user-rng", 4),
    ("virtio-balloon-device", 5),
    ("virtio-scsi-device", 8),
    ("vhost-scsi", 8),
    ("vhost-user-scsi", 8),
    ("virtio-9p-device", 9),
    ("virtio-gpu-device", 16),
    ("vhost-user-gpu", 16),
    ("virtio-keyboard-device", 18),
    ("virtio-mouse-device", 18),
    ("virtio-tablet-device", 18),
    ("virtio-multitouch-device", 18),
    ("virtio-input-host-device", 18),
    ("vhost-user-input", 18),
    ("vhost-vsock-device", 19),
    ("vhost-user-vsock-device", 19),
    ("virtio-crypto-device", 20),
    ("virtio-iommu-device", 23),
    ("virtio-sound-device", 25),
    ("vhost-user-snd-device", 25),
    ("vhost-user-fs-device", 26),
    ("vhost-user-scmi-device", 32),
    ("vhost-user-i2c-device", 34),
    ("vhost-user-gpio-device", 41),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desc::source::{Source, Span};
    use std::sync::Arc;

    fn shown(words: &[&str]) -> String {
        let source = Arc::new(Source::new(String::from("x"), String::new()));
        let at = |word: &&str| At { value: (*word).to_owned(), span: Span::start_of(&source) };
        let words: Vec<At<String>> = words.iter().map(at).collect();
        let (arguments, wrong) = split(&words);
        let good = arguments.iter().map(|one| match one.value {
            Some(value) => format!("{}={}", one.name(), value.value),
            None => one.name().to_owned(),
        });
        let bad = wrong.iter().map(|one| match one {
            Wrong::Unknown(word) => format!("unknown {}", word.value),
            Wrong::Stray(word) => format!("stray {}", word.value),
            Wrong::NoValue(word) => format!("no value {}", word.value),
            Wrong::Elsewhere(word, _) => format!("elsewhere {}", word.value),
        });
        good.chain(bad).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn test_words_are_options_and_values() {
        assert_eq!(shown(&["-nodefaults", "--global", "a=b"]), "nodefaults; global=a=b");
        assert_eq!(shown(&["-global"]), "no value -global");
        assert_eq!(shown(&["disk.img", "-usb"]), "usb; stray disk.img");
        assert_eq!(shown(&["-globl", "a=b", "-usb"]), "usb; unknown -globl");
        assert_eq!(shown(&["-m", "1G", "-usb"]), "usb; elsewhere -m");
        assert_eq!(shown(&["-name", "-usb"]), "name=-usb");
    }

    #[test]
    fn test_properties_of_a_value() {
        let text = "file,node-name=a,filename=x,,y,read-only";
        assert_eq!(property(text, "driver").as_deref(), Some("file"));
        assert_eq!(property(text, "filename").as_deref(), Some("x,y"));
        assert_eq!(property(text, "read-only").as_deref(), Some("on"));
        assert_eq!(property("{\"driver\": \"file\", \"n\": 1}", "driver").as_deref(), Some("file"));
        assert_eq!(property(text, "id"), None);
    }
}
