//! A system that extends another one: what it adds, replaces and removes.

use nexus::desc::{self, Checked};
use nexus_sysdesc::Address;
use nexus_sysdesc::Description;
use std::path::{Path, PathBuf};

fn tree() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    path.canonicalize().expect("the tree")
}

/// The small system is not judged.
fn load_small(system: &Path) -> Vec<Checked> {
    let checked = desc::check(system, &tree().join("system"), system).expect("the tool works");
    checked.unwrap_or_else(|report| panic!("{report}"))
}

fn load(system: &Path) -> Vec<Checked> {
    let (standard, tests) = (tree().join("system"), tree().join("tests/overlay"));
    let checked = desc::check_with_tests(system, &standard, Some(&tests), system);
    let checked = checked.expect("the tool works");
    checked.unwrap_or_else(|report| panic!("{report}"))
}

fn profile(name: &str) -> Checked {
    let all = load_small(&tree().join("tests/fixtures/extends"));
    all.into_iter().find(|checked| checked.profile == name).expect("the profile")
}

fn services(description: &Description) -> Vec<(u32, &str)> {
    description.services.iter().map(|one| (one.id, one.name.as_str())).collect()
}

fn devices(description: &Description) -> Vec<&str> {
    description.devices.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn services_are_added_replaced_and_removed() {
    let description = profile("prod").description;
    assert_eq!(description.name, "extended");
    let expected = [(1, "init"), (2, "policyd"), (3, "logd"), (9, "timed"), (14, "consoled")];
    assert_eq!(services(&description), expected);
    let consoled = description.service(14).expect("consoled");
    assert!(consoled.talks_to.is_empty() && !consoled.serves, "the base's file is replaced whole");
}

#[test]
fn policy_lines_are_added_and_removed() {
    let description = profile("prod").description;
    assert_eq!(description.epoch, 2);
    let rules: Vec<(u16, &str)> =
        description.rules.iter().map(|rule| (rule.number, rule.id.as_str())).collect();
    assert_eq!(rules, [(1, "allow-timed-rtc0"), (2, "allow-consoled-uart0")]);
}

#[test]
fn devices_are_added_to_a_board() {
    assert_eq!(devices(&profile("prod").description), ["uart0", "rng0", "rtc0"]);
}

#[test]
fn a_profile_is_added_to_that_of_its_name() {
    let test = profile("test");
    assert_eq!(devices(&test.description), ["uart0", "rtc0"]);
    let proofs = [("timed".to_owned(), "date".to_owned()), ("timed".to_owned(), "time".to_owned())];
    assert_eq!(test.required_proofs(), proofs, "those of the file and of the profile, once each");
    assert!(!test.qemu_args().iter().any(|argument| argument.contains("virtio-rng")));
    assert!(profile("prod").qemu_args().iter().any(|argument| argument.contains("virtio-rng")));
}

#[test]
fn the_standard_system_is_accepted() {
    let all = load(&tree().join("system"));
    let names: Vec<&str> = all.iter().map(|checked| checked.profile.as_str()).collect();
    assert_eq!(names, ["prod", "test"]);
    for checked in &all {
        assert_eq!(checked.programs.len(), checked.description.services.len());
    }
}

#[test]
fn standard_can_be_extended_from_anywhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let system = "name = \"mine\"\nextends = \"standard\"\n";
    std::fs::write(dir.path().join("system.toml"), system).expect("writing");
    let all = load(dir.path());
    assert!(all.iter().all(|checked| checked.description.name == "mine"));
    let standard = load(&tree().join("system"));
    assert_eq!(all[0].description.rules, standard[0].description.rules);
}

/// Writes these files into a directory of their own: path and text.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("making a directory");
        let program = tree().join("tests/fixtures/check/base/crate");
        let text = text.replace("PROGRAM", &program.display().to_string());
        std::fs::write(path, text).expect("writing");
    }
    dir
}

/// A file of a service without anything in it.
const SERVICE: &str = "binary = { path = \"PROGRAM\", bin = \"program\" }\npriority = 5\n\
                       budget = { frames = 64, objects = 32 }\n";

/// A system that extends the one of the audit's tests: its nsh keeps a tree, and opens that of webd.
fn over_the_audit(files: &[(&str, &str)], remove: &str) -> tempfile::TempDir {
    let base = tree().join("tests/fixtures/audit/system");
    let system = format!("name = \"mine\"\nextends = {:?}\n{remove}", base.display().to_string());
    let files: Vec<_> = files.iter().copied().chain([("system.toml", system.as_str())]).collect();
    directory(&files)
}

#[test]
fn lines_about_state_are_added_and_removed() {
    let nsh = format!(
        "id = 10\n{SERVICE}talks-to = [\"init\", \"statefsd\"]\nasks = [\"view\"]\n\
         rings = [{{ with = \"statefsd\", pages = 9 }}]\n\
         opens = [{{ tree = \"webd\", prefix = \"a\", rights = [\"list\"] }}]\n"
    );
    let policy = "[[allow-state]]\nid = \"nsh-lists\"\nsubject = \"nsh\"\ntree = \"webd\"\n\
                  prefix = \"a\"\nrights = [\"list\"]\nreason = \"less than the base\"\n";
    let remove = "[remove]\npolicy = [\"list-nsh-webd\", \"write-nsh-webd\", \"permit-nsh-resolve\", \
                  \"ring-nsh-netstackd\", \"net-nsh-http\", \"net-nsh-time\", \"net-nsh-ping\"]\n";
    let dir = over_the_audit(&[("services/nsh.toml", &nsh), ("policy.toml", policy)], remove);
    let description = &load_small(dir.path())[0].description;
    let opens: Vec<_> = description.opens().map(|(who, open)| (who, open.id.as_str())).collect();
    assert_eq!(opens, [(10, "nsh-lists")]);
    let (nsh, webd) = (description.tree_of(10), description.tree_of(22));
    assert!(nsh.is_none() && webd.is_some(), "a service is replaced whole, its tree as well");
    assert!(description.store().is_some(), "the base's board");
}

#[test]
fn a_server_without_a_device_has_the_tests_as_consumers_too() {
    let tester = format!(
        "id = 900\n{SERVICE}state = {{ tree = \"{:032x}\", keys = 1, bytes = 1 }}\n\
         [where.statefsd]\ntalks-to = [\"statefsd\"]\n[where.statefsd.ring]\npages = 3\n\
         [where.virtionetd]\ntalks-to = [\"virtionetd\"]\n[where.virtionetd.ring]\npages = 4\n",
        7
    );
    let line = |with: &str, pages: u16| {
        format!(
            "[[ring]]\nid = \"selftest-ring-{with}\"\nsubject = \"selftest\"\nwith = \"{with}\"\n\
             pages = {pages}\nreason = \"a test\"\n"
        )
    };
    let policy = format!("{}\n{}", line("statefsd", 3), line("virtionetd", 4));
    let tests = directory(&[
        ("system.toml", "name = \"tests\"\nboard = \"tests\"\nextends = \"standard\"\n"),
        ("boards/tests.toml", "device = []\n"),
        ("profiles/test.toml", "kind = \"test\"\n"),
        ("policy.toml", &policy),
        ("services/selftest.toml", &tester),
    ]);
    let base = tree().join("tests/fixtures/audit/system");
    let checked = desc::check_with_tests(&base, &base, Some(tests.path()), &base);
    let all = checked.expect("the tool works").unwrap_or_else(|report| panic!("{report}"));
    let judged = all.iter().find(|checked| checked.judged).expect("one that is judged");
    let rings = judged.description.rings();
    let rings: Vec<_> = rings.map(|(consumer, ring)| (consumer, ring.server)).collect();
    // virtionetd owns a device, and has a consumer.
    assert_eq!(rings, [(10, 12), (10, 14), (12, 8), (22, 9), (22, 12), (22, 14), (900, 12)]);
    assert_eq!(judged.description.tree_of(900).map(|tree| tree.id), Some(7));
}

/// What webd of the small system is, with these keys beside.
fn webd(keys: &str) -> String {
    format!(
        "id = 22\n{}talks-to = [\"virtionetd\", \"statefsd\", \"netstackd\"]\n\
         state = {{ tree = \"5b0c8e63f1d94f0e8a1b7c2d3e4f5a69\", keys = 1000, bytes = 1048576 }}\n\
         rings = [{{ with = \"virtionetd\", pages = 4 }}, {{ with = \"statefsd\", pages = 17 }}, \
         {{ with = \"netstackd\", pages = 33 }}]\nserves = true\n{keys}",
        SERVICE.replace("priority = 5", "priority = 10")
    )
}

#[test]
fn lines_about_the_network_are_added_and_removed() {
    let webd = webd(
        "sockets = { count = 4, bytes = 65536 }\n\
         reaches = [{ protocol = \"udp\", direction = \"out\", ports = [\"53\"], addresses = [\"10.0.2.3/32\", \"::/0\"] }]\n",
    );
    let policy = "[[allow-net]]\nid = \"webd-asks\"\nsubject = \"webd\"\nprotocol = \"udp\"\n\
                  direction = \"out\"\nports = [\"53\"]\naddresses = [\"10.0.2.3/32\", \"::/0\"]\n\
                  reason = \"another than in the base\"\n";
    let remove = "[remove]\npolicy = [\"net-webd-http\"]\n";
    let files = [("services/webd.toml", webd.as_str()), ("policy.toml", policy)];
    let dir = over_the_audit(&files, remove);
    let description = &load_small(dir.path())[0].description;
    let reaches: Vec<_> =
        description.reaches().map(|(who, reach)| (who, reach.id.as_str())).collect();
    let of_nsh = ["net-nsh-http", "net-nsh-time", "net-nsh-ping"].map(|id| (10, id));
    assert_eq!(reaches, [&of_nsh[..], &[(22, "webd-asks")]].concat());
    let (_, asks) = description.reaches().last().expect("that of webd");
    // Ascending, as the image has them.
    assert_eq!(asks.addresses_text(), "::/0 10.0.2.3/32");
    assert_eq!(description.service(22).and_then(|webd| webd.sockets).map(|one| one.count), Some(4));
    let network = description.network.as_ref().expect("that of the base's board");
    assert_eq!(network.leads_back.len(), 2);
}

#[test]
fn a_network_above_replaces_that_of_the_base() {
    let files = [("boards/small.toml", "[network]\naddress = \"dhcp\"\n")];
    let dir = over_the_audit(&files, "");
    let description = &load_small(dir.path())[0].description;
    let network = description.network.as_ref().expect("a network");
    assert_eq!((&network.address, network.leads_back.len()), (&Address::Dhcp, 0));
    assert!(description.device_named("net0").is_some(), "the devices of the base stay");
}

#[test]
fn the_tests_have_sockets_where_there_is_a_stack() {
    let terms = |between: &str| {
        [
            "protocol = \"tcp\"",
            "direction = \"out\"",
            "ports = [\"7\"]",
            "addresses = [\"10.0.2.2/32\"]",
        ]
        .join(between)
    };
    let tester = format!(
        "id = 900\n{SERVICE}[where.netstackd]\ntalks-to = [\"netstackd\"]\n\
         sockets = {{ count = 2, bytes = 4096 }}\nreaches = [{{ {} }}]\n\
         [where.netstackd.ring]\npages = 3\n",
        terms(", ")
    );
    let policy = format!(
        "[[ring]]\nid = \"selftest-ring\"\nsubject = \"selftest\"\nwith = \"netstackd\"\npages = 3\n\
         reason = \"a test\"\n[[allow-net]]\nid = \"selftest-net\"\nsubject = \"selftest\"\n{}\nreason = \"a test\"\n",
        terms("\n")
    );
    let tests = directory(&[
        ("system.toml", "name = \"tests\"\nboard = \"tests\"\nextends = \"standard\"\n"),
        ("boards/tests.toml", "device = []\n"),
        ("profiles/test.toml", "kind = \"test\"\n"),
        ("policy.toml", &policy),
        ("services/selftest.toml", &tester),
    ]);
    let judged = |base: &str| {
        let base = tree().join(base);
        let checked = desc::check_with_tests(&base, &base, Some(tests.path()), &base);
        let all = checked.expect("the tool works").unwrap_or_else(|report| panic!("{report}"));
        all.into_iter().find(|checked| checked.judged).expect("one that is judged").description
    };
    let with = judged("tests/fixtures/audit/system");
    let tester = with.service(900).expect("the tests");
    assert_eq!((tester.sockets.map(|one| one.count), tester.reaches.len()), (Some(2), 1));
    let without = judged("tests/fixtures/check/base");
    let tester = without.service(900).expect("the tests");
    assert_eq!((tester.sockets, tester.reaches.len(), without.network), (None, 0, None));
}
