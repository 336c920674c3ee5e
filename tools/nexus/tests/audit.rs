//! The audit reads the image alone, refuses a damaged one, and says the same every time.
//! `NEXUS_UPDATE=1` writes the expected texts anew.

#[path = "audit/command.rs"]
mod command;
mod common;
#[path = "audit/diff.rs"]
mod diff;
#[path = "audit/text.rs"]
mod text;

use common::{build_programs, checked, elf, fixtures, image};
use nexus::audit::{Assertions, of_image};
use nexus::desc::Program;
use nexus::image::{build, set_nonce, sha256};
use nexus_sysdesc::archive::{Archive, ArchiveWriter, Kind};
use nexus_sysdesc::{Description, Rule, Says, Serial, Shape};
use std::fs;

fn assert_golden(name: &str, text: &str) {
    let path = fixtures().join(name);
    if std::env::var_os("NEXUS_UPDATE").is_some() {
        fs::write(&path, text).expect("writing");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name}: expected\n{expected}\ngot\n{text}");
}

#[test]
fn says_who_may_touch_what() {
    let audit = of_image(&image("test")).expect("a good image");
    assert_golden("audit.txt", &audit.to_text(132));
    assert_golden("audit.json", &format!("{}\n", audit.to_json().expect("JSON")));
    assert_golden("audit.svg", &format!("{}\n", audit.to_svg()));
    assert_golden("audit.dot", &audit.to_dot());
    let svg = audit.to_svg();
    for window in &audit.windows {
        let title = format!("<title>{}: {}</title>", window.rule, window.reason);
        assert!(svg.contains(&title), "{title}\n{svg}");
    }
}

#[test]
fn tables_fit_terminals_of_40_to_200_columns() {
    let audit = of_image(&image("test")).expect("a good image");
    let words = |text: &str| -> usize { text.chars().filter(|c| !c.is_whitespace()).count() };
    for width in 40..=200 {
        let text = audit.to_text(width);
        let widest = text.lines().map(|line| line.chars().count()).max().expect("lines");
        assert!(widest <= width, "{widest} of {width} columns\n{text}");
        assert!(words(&text) >= words(&audit.to_text(200)), "something is lost at {width}\n{text}");
    }
    assert_eq!(audit.to_text(0), audit.to_text(40));
}

#[test]
fn says_what_chooses_a_device() {
    let chosen = |device: &str, says: Says| {
        let mut description = checked("prod").description;
        let named = description.devices.iter_mut().find(|one| one.name == device);
        let named = named.expect("a device");
        named.says = Some(says);
        let id = named.id;
        // By this a disk is asked for its serial number.
        let asks = Shape { heads: 1, reads: vec![16], writes: vec![20, 1] };
        let needs = description.services.iter_mut().flat_map(|service| &mut service.needs);
        let needs = needs.filter(|need| need.device == id).map(|need| &mut need.queues);
        let rules = description.rules.iter_mut().filter(|rule| rule.device == id);
        let queues = needs.chain(rules.map(|rule| &mut rule.queues));
        queues.for_each(|queues| queues[0].shapes.push(asks.clone()));
        let audit = of_image(&image_of(&description, |_| {})).expect("a good image");
        audit.device(device).expect("a device").chosen_by.clone().expect("it is chosen")
    };
    let serial = Serial::new("nexus-1").expect("a serial number");
    assert_eq!(chosen("blk0", Says::Serial(serial)), "serial nexus-1");
    assert_eq!(chosen("blk0", Says::Capacity(1 << 20)), "capacity 1048576");
    assert_eq!(chosen("net0", Says::Mac([2, 0, 0, 0, 0xab, 1])), "mac 02:00:00:00:ab:01");
}

// attack 72 H: an image made twice of the same files; the same bytes
#[test]
fn the_same_input_gives_the_same_image() {
    assert_eq!(sha256(&image("test")), sha256(&image("test")));
    assert_ne!(sha256(&image("test")), sha256(&image("prod")));
}

#[test]
fn the_nonce_changes_nothing_that_is_audited() {
    let plain = image("prod");
    let mut numbered = plain.clone();
    set_nonce(&mut numbered, 0x1234_5678_9abc_def0);
    assert_ne!(plain, numbered);
    assert_eq!(Archive::parse(&numbered).expect("valid").nonce(), 0x1234_5678_9abc_def0);
    assert_eq!(of_image(&plain).expect("good"), of_image(&numbered).expect("good"));
}

#[test]
fn says_who_is_started_again_and_how_often() {
    let title = "Who is started again when it ends";
    let of = |profile: &str| of_image(&image(profile)).expect("a good image");
    let (test, prod) = (of("test"), of("prod"));
    assert_eq!([test.unlimited_restarts, prod.unlimited_restarts], [true, false]);
    assert!(test.to_text(100).contains(&format!("{title}, without pause and limit\n")));
    assert!(prod.to_text(100).contains(&format!("{title}\n")));
    let disk = prod.service("virtioblkd").expect("a driver");
    assert_eq!((disk.restart, disk.answers_within), ("on-failure", Some(2000)));
}

// attack 70 H: what the production image holds, read out of it; no test device, no proof
#[test]
fn prod_carries_no_test_device_and_no_proofs() {
    let audit = of_image(&image("prod")).expect("a good image");
    assert!(audit.device("spare0").is_none());
    assert!(audit.services.iter().all(|service| service.must_prove.is_empty()));
    assert!(checked("prod").required_proofs().is_empty());
    let test = [("virtionetd".to_owned(), "mmio-window-mapped".to_owned())];
    assert_eq!(checked("test").required_proofs(), test);
}

// attack 92 H: memory that a driver shares with who asks it; an assertion about either says so; broken: assert-shares
// attack 99 H: who may reach whom by the network; an assertion about it says so; broken: assert-network
// attack 92 H: who may put into the state of another; an assertion about it says so; broken: assert-changes
#[test]
fn assertions_hold_or_say_who_breaks_them() {
    let audit = of_image(&image("test")).expect("a good image");
    let outcome = |name: &str| {
        let file = fixtures().join("assertions").join(name);
        let assertions = Assertions::read_from(&file, &fixtures());
        assertions.unwrap_or_else(|report| panic!("{report}")).check(&audit)
    };
    let hold = outcome("hold.toml");
    assert!(hold.holds(), "{hold}");
    assert_golden("assertions/hold.txt", &hold.to_string());
    let broken = outcome("broken.toml");
    assert!(!broken.holds());
    assert_golden("assertions/broken.txt", &broken.to_string());
    assert!(!broken.to_string().lines().any(|line| line.starts_with("holds ")), "{broken}");
}

// attack 48 H: a device that reaches more than its pool, in an audit made up; each assertion says so; broken: assert-pools
#[test]
fn a_device_that_reaches_more_than_its_pool_breaks_assertions() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("assertions.toml");
    let sentences = [
        "no service is trusted with all memory",
        "no device reaches more than its pool",
        "no device reaches more than 24_678 bytes",
    ];
    let text = sentences.iter().enumerate().map(|(number, sentence)| {
        format!("[[assert]]\nid = \"a{number}\"\nthat = \"{sentence}\"\n")
    });
    fs::write(&file, text.collect::<String>()).expect("writing");
    let assertions = Assertions::read_from(&file, dir.path()).unwrap_or_else(|why| panic!("{why}"));
    let good = of_image(&image("prod")).expect("a good image");
    let broken = |change: &dyn Fn(&mut nexus::audit::AuditWindow)| {
        let mut audit = good.clone();
        audit.memory.retain(|one| one.who != "flashd");
        audit.windows.iter_mut().filter(|one| one.device_name == "blk0").for_each(change);
        let text = assertions.check(&audit).to_string();
        let ways = text.lines().filter(|line| line.starts_with("         blk0"));
        ways.map(|line| line.trim().to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(broken(&|_| {}), Vec::<String>::new());
    let all = ["blk0 reaches all memory for virtioblkd"; 2];
    assert_eq!(broken(&|window| window.all_memory = true), all);
    let memory = |window: &mut nexus::audit::AuditWindow| window.memory.take().expect("queues");
    let beyond = broken(&|window| {
        window.memory = Some(nexus::audit::AuditMemory { beyond: 1, ..memory(window) });
    });
    assert_eq!(beyond, ["blk0 reaches 1 bytes that are not in its pool"]);
    let more = broken(&|window| {
        window.memory = Some(nexus::audit::AuditMemory { reach: 24_679, ..memory(window) });
    });
    assert_eq!(more, ["blk0 reaches 24679 bytes"]);
}

#[test]
fn the_assertions_of_the_standard_system_can_be_read() {
    let tree = fixtures().join("../../..");
    let file = tree.join("system/assertions.toml");
    if let Err(report) = Assertions::read_from(&file, &tree) {
        panic!("{report}");
    }
}

/// Why an image is refused.
fn refusal(image: &[u8]) -> String {
    format!("{:#}", of_image(image).expect_err("refused"))
}

#[test]
fn refuses_a_damaged_image() {
    let good = image("prod");
    let damaged = |at: usize| {
        let mut image = good.clone();
        image[at] ^= 1;
        refusal(&image)
    };
    assert_eq!(refusal(&good[..good.len() - 1]), "the archive is cut short");
    assert_eq!(refusal(&[]), "the archive is cut short");
    assert_eq!(damaged(0), "this is not a boot archive (wrong magic)");
    assert_eq!(damaged(4096), "entry 0: payload does not match its hash");
    assert_eq!(damaged(good.len() - 1), "bytes outside every entry are not zero");
    let longer = [good.as_slice(), &[0]].concat();
    assert_eq!(refusal(&longer), "bytes follow the archive");
}

/// An image of the small system whose programs `change` has changed: kind, id, name and file.
fn image_with(change: impl Fn(&mut Vec<(Kind, u32, String, Vec<u8>)>)) -> Vec<u8> {
    image_of(&checked("prod").description, change)
}

/// An image of `description`, with the programs of the small system as `change` leaves them.
fn image_of(
    description: &Description,
    change: impl Fn(&mut Vec<(Kind, u32, String, Vec<u8>)>),
) -> Vec<u8> {
    let checked = checked("prod");
    let init = description.init;
    let description = description.encode().expect("valid");
    let programs = checked.programs.iter().map(|program| {
        let kind = if program.id == init { Kind::Init } else { Kind::Service };
        (kind, program.id, program.name.clone(), elf(program.id))
    });
    let mut programs: Vec<_> = programs.collect();
    change(&mut programs);
    let mut writer = ArchiveWriter::new();
    writer.push(Kind::Description, 0, "description", &description);
    for (kind, id, name, elf) in &programs {
        writer.push(*kind, *id, name, elf);
    }
    writer.finish().expect("an archive")
}

#[test]
fn refuses_programs_that_do_not_belong() {
    let missing = image_with(|programs| {
        programs.pop();
    });
    assert_eq!(refusal(&missing), "`flashd` has no program in the image");
    let more = image_with(|programs| {
        programs.push((Kind::Service, 99, "backdoor".to_owned(), elf(99)));
    });
    assert_eq!(refusal(&more), "the program `backdoor` is no service's (id 99)");
    let renamed = image_with(|programs| programs[1].2 = "police".to_owned());
    assert_eq!(refusal(&renamed), "the program `police` is that of service `policyd`");
    let usurped = image_with(|programs| {
        programs[0].0 = Kind::Service;
        programs[1].0 = Kind::Init;
    });
    let disagree = "the kernel and the description disagree on which program is init";
    assert_eq!(refusal(&usurped), disagree);
    let writable_text = image_with(|programs| programs[2].3[64 + 4] = 7);
    assert_eq!(refusal(&writable_text), "the program `logd` cannot be loaded: WriteExec");
}

/// What becomes of the request for a device when the rule about it is changed: the refusal, if any.
fn refused(device: &str, change: impl Fn(&mut Rule)) -> Option<&'static str> {
    let mut description = checked("prod").description;
    let id = description.device_named(device).expect("a device").id;
    let rule = description.rules.iter_mut().find(|rule| rule.device == id);
    change(rule.expect("a rule"));
    let audit = of_image(&image_of(&description, |_| {})).expect("a good image");
    let why = audit.refused.iter().find(|one| one.device == device).map(|one| one.why);
    assert_eq!(why.is_none(), audit.windows.iter().any(|one| one.device_name == device));
    let receives = audit.services.iter().any(|one| one.receives.iter().any(|name| name == device));
    assert_eq!(receives, why.is_none() && device == "uart0");
    why
}

#[test]
fn says_what_will_be_denied() {
    assert_eq!(refused("uart0", |_| {}), None);
    assert_eq!(refused("uart0", |rule| rule.rights = 3), Some("more rights than the rule allows"));
    assert_eq!(
        refused("uart0", |rule| (rule.irq, rule.interval) = (false, 0)),
        Some("the rule does not allow the interrupt line")
    );
    let registers = Some("more registers than the rule allows");
    assert_eq!(refused("uart0", |rule| rule.registers = Some(u64::MAX)), registers);
    // Asked for: 0x50 and 0x64.
    let bits = |offsets: &[u32]| Some(offsets.iter().map(|offset| 1 << (offset / 4)).sum());
    assert_eq!(refused("blk0", |rule| rule.registers = bits(&[0x50])), registers);
    assert_eq!(refused("blk0", |rule| rule.registers = bits(&[0x64])), registers);
    assert_eq!(refused("blk0", |rule| rule.registers = bits(&[0x50, 0x64])), None);
    assert_eq!(refused("flash0", |rule| rule.registers = bits(&[0x50, 0x64])), registers);
}

// attack 50 H: an image whose devices have memory; the kernel is told to set it aside; broken: image-device-frames
#[test]
fn an_image_says_how_many_frames_its_devices_have() {
    let frames = |profile: &str| {
        let image = image(profile);
        Archive::parse(&image).expect("an archive").device_frames()
    };
    let laid = checked("test")
        .description
        .rules
        .iter()
        .map(|rule| {
            let sizes = nexus_sysdesc::layout::Sizes::of(&rule.queues).expect("a layout");
            sizes.frames()
        })
        .sum::<u64>();
    assert!(laid > 0);
    assert_eq!((frames("test"), frames("prod")), (laid, laid));
}

#[test]
fn an_image_needs_every_program_within_its_budget() {
    let mut checked = checked("prod");
    let dir = tempfile::tempdir().expect("a directory");
    let elf_of = |program: &Program| dir.path().join(&program.name);
    let error = build(&checked, &elf_of).expect_err("no programs");
    assert!(format!("{error:#}").starts_with("init is not built: reading "), "{error:#}");

    build_programs(&checked, dir.path(), "");
    build(&checked, &elf_of).expect("an image");
    for service in checked.description.services.iter_mut().filter(|one| one.name == "logd") {
        service.frames = 26;
    }
    let error = build(&checked, &elf_of).expect_err("a small budget");
    assert_eq!(
        format!("{error:#}"),
        "the system is refused\n\n\
         services/logd.toml:4:10: error: logd needs at least 27 frames to start (image 3, stack 16, 8 \
         more), and has a budget of 26\n  \
         4 | budget = { frames = 64, objects = 32 }\n    \
         |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
         fix: write `frames = 27` or more, or less than `stack-pages = 16`\n"
    );
}

#[test]
fn qemu_is_told_everything_about_the_board() {
    let arguments = checked("test").qemu_args().join(" ");
    assert_eq!(
        arguments,
        "-machine virt -cpu rv64 -m 32M -smp 1 -global virtio-mmio.force-legacy=off \
         -netdev user,id=link -device virtio-net-device,netdev=link,bus=virtio-mmio-bus.1,id=net0 \
         -blockdev driver=null-co,node-name=disk \
         -device virtio-blk-device,drive=disk,bus=virtio-mmio-bus.0,id=blk0"
    );
    assert_eq!(checked("test").ram(), (0x8000_0000, 32 << 20));
}
