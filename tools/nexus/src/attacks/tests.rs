//! Good and bad text.

use super::modules::{Modules, files_of_programs};
use super::scan::{File, Known};
use super::*;
use crate::broken::Defence;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CATALOGUE: &str = r#"
    [[attack]]
    number = 1
    group = "First"
    title = "one"
    letters = "UP"

    [[attack]]
    number = 2
    group = "First"
    title = "two"
    letters = "Q"
    later = "H, some day"

    [[attack]]
    number = 3
    group = "Second"
    title = "three"
    later = "with DMA"
"#;

fn catalogue() -> Catalogue {
    Catalogue::of_text(CATALOGUE).unwrap()
}

fn defence(name: &str, caught_by: Option<&str>, system: Option<&str>) -> Defence {
    Defence {
        name: name.into(),
        defence: "Something is left out.".into(),
        caught_by: caught_by.map(str::to_owned),
        system: system.map(str::to_owned),
        edits: Vec::new(),
    }
}

/// A package with one file `src/lib.rs`, or a file somewhere else in the tree, scanned.
fn scanned(short: &str, text: &str) -> Scan {
    let catalogue = catalogue();
    let proof = |service: &str, id: &str| (service.to_owned(), id.to_owned());
    let known = Known {
        catalogue: &catalogue,
        broken: vec![
            defence("a-fence", Some("proof missing: prover the-proof"), None),
            defence("a-check", None, None),
            defence("a-step", Some("checker: "), None),
            defence("a-system", Some("init ended"), Some("dead")),
        ],
        proofs: vec![proof("prover", "the-proof"), proof("prover", "hostile-jump")],
    };
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(short);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(root.path().join("Cargo.toml"), "[package]\nname = \"pack\"\n").unwrap();
    fs::write(&path, text).unwrap();
    let mut scan = Scan::default();
    let file = File { path: &path, short, text };
    file.scan(&known, &mut Modules::default(), &mut scan).unwrap();
    scan
}

#[track_caller]
fn one(short: &str, text: &str) -> Entry {
    let scan = scanned(short, text);
    assert!(scan.faults.is_empty(), "{:?}", scan.faults);
    assert_eq!(scan.entries.len(), 1, "{:?}", scan.entries);
    scan.entries.into_iter().next().unwrap()
}

#[track_caller]
fn fault(short: &str, text: &str) -> Fault {
    let scan = scanned(short, text);
    assert!(scan.entries.is_empty(), "{:?}", scan.entries);
    assert_eq!(scan.faults.len(), 1, "{:?}", scan.faults);
    scan.faults.into_iter().next().unwrap()
}

const GOOD: &str = "attack 1 U: a try; an end";

fn host(path: &str) -> Test {
    Test::Host { binary: "pack".into(), path: path.into() }
}

#[test]
fn test_line_above_a_test() {
    let text = format!(
        "mod a {{\n    // {GOOD}; broken: a-fence, a-check\n    #[test]\n    fn name() {{}}\n}}\n"
    );
    let entry = one("src/lib.rs", &text);
    assert_eq!((entry.line, entry.test), (2, host("a::name")));
    assert_eq!((entry.claim.number, entry.claim.how), (1, How::Unit));
    assert_eq!((entry.claim.tried.as_str(), entry.claim.expected.as_str()), ("a try", "an end"));
    assert_eq!(entry.claim.broken, ["a-fence", "a-check"]);
}

#[test]
fn test_comments_and_attributes_may_stand_between() {
    let text = format!(
        "// {GOOD}\n// attack 1 P: b; c\n// Something else.\n/// Documentation.\n#[cfg(unix)]\n#[test]\n\
         pub fn name() {{}}\n"
    );
    let scan = scanned("src/lib.rs", &text);
    assert_eq!(scan.faults, []);
    let tests: Vec<&Test> = scan.entries.iter().map(|entry| &entry.test).collect();
    assert_eq!(tests, [&host("name"), &host("name")]);
}

#[test]
fn test_line_inside_a_macro() {
    let text = format!("proptest! {{\n// {GOOD}\n#[test]\nfn name(x in 0..1) {{ f(x); }}\n}}\n");
    assert_eq!(one("src/lib.rs", &text).test, host("name"));
}

#[test]
fn test_proofs_and_steps() {
    let proof = |id: &str| Test::Proof { service: "prover".into(), id: id.into() };
    let text = format!("const A: X =\n// {GOOD}\nproof(\n\"the-proof\", 1);\n");
    assert_eq!(one("src/lib.rs", &text).test, proof("the-proof"));
    let text = format!("const A: &[X] = &[\n// {GOOD}\nenter(\"jump\", 1)];\n");
    assert_eq!(one("src/lib.rs", &text).test, proof("hostile-jump"));
    let step = format!("const A: &[X] = &[\n// {GOOD}\nstep(\"os\")];\n");
    assert_eq!(one("tools/nexus/src/ci/mod.rs", &step).test, Test::Step("os".into()));
    assert_eq!(one("tools/nexus/src/assure/mod.rs", &step).test, Test::Assure("os".into()));
    assert!(fault("src/lib.rs", &step).what.contains("no service must prove `os`"));
}

#[test]
fn test_toml() {
    let text = format!("# {GOOD}\nname = \"x\"\n");
    assert_eq!(one("tests/systems/dead/system.toml", &text).test, Test::System("dead".into()));
    assert_eq!(
        one("tests/fixtures/check/like/system.toml", &text).test,
        Test::Refusal("like".into())
    );
    let text = format!("must-prove = [\n    # {GOOD}\n    \"the-proof\",\n]\n");
    assert!(matches!(one("system/services/a.toml", &text).test, Test::Proof { .. }));
    let text = format!("[must-prove]\n# {GOOD}\nthe-proof = 12\n");
    assert!(matches!(one("system/services/a.toml", &text).test, Test::Proof { .. }));
    assert!(fault("tests/other.toml", &text).what.contains("nothing below it that runs"));
}

#[test]
fn test_fuzz_target() {
    let text = format!("// {GOOD}\n/// What it does.\npub fn elf(data: &[u8]) {{}}\n");
    assert_eq!(one("tests/fuzz/src/targets/elf.rs", &text).test, Test::Fuzz("elf".into()));
}

#[test]
fn test_browser() {
    let text = format!("// {GOOD}\n// More.\ntest(\"a frame stays empty\", async () => {{\n}});\n");
    let test = one("tests/web/others.mjs", &text).test;
    assert_eq!(test, Test::Web("a frame stays empty".into()));
    assert_eq!(test.name(), "web a frame stays empty");
    let found = fault("tests/web/others.mjs", &format!("// {GOOD}\nconst a = 1;\n"));
    assert!(found.what.contains("nothing below it that runs"));
    let bound = format!("// {GOOD}; broken: a-check\ntest(\"a\", f);\n");
    assert!(!scanned("tests/web/others.mjs", &bound).faults.is_empty(), "no run leaves one out");
}

#[test]
fn test_faults_say_where_and_what_to_do() {
    for (line, what) in [
        ("attack 4 U: a; b", "there is no attack 4"),
        ("attack 1 X: a; b", "`X` is none of"),
        ("attack 1 UP: a; b", "`UP` is none of"),
        ("attack 1: a; b", "no letter"),
        ("attack 1 U a; b", "no `: `"),
        ("attack 1 U: a", "does not say both"),
        ("attack 1 U: ; b", "does not say both"),
        ("attack 1x U: a; b", "`1x` is no number"),
        ("attack 1 U: a; b; broken: a-gap", "no defence `a-gap`"),
    ] {
        let found = fault("src/lib.rs", &format!("\n// {line}\n#[test]\nfn name() {{}}\n"));
        assert!(found.what.contains(what), "{line}: {found}");
        assert_eq!((found.file.as_str(), found.line), ("src/lib.rs", 2));
        assert!(!found.fix.is_empty() && found.to_string().contains("src/lib.rs:2: error: "));
    }
}

#[test]
fn test_line_without_an_item_is_a_fault() {
    for below in ["", "\n#[test]\nfn a() {}\n", "fn a() {}\n", "struct A;\n#[test]\nfn b() {}\n"] {
        let found = fault("src/lib.rs", &format!("// {GOOD}\n{below}"));
        assert!(found.what.contains("nothing below it that runs"), "{below}: {found}");
    }
    let found = fault("src/other.rs", &format!("// {GOOD}\n#[test]\nfn a() {{}}\n"));
    assert!(found.what.contains("no crate has this file"));
}

#[test]
fn test_other_comments_are_left_alone() {
    let text = "// attack the next one\n//! An attack 3 of sorts.\n#[test]\nfn a() {}\n";
    let scan = scanned("src/lib.rs", text);
    assert!(scan.entries.is_empty() && scan.faults.is_empty(), "{scan:?}");
}

#[test]
fn test_modules_of_files() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[package]\nname = \"pack\"\n");
    write("src/lib.rs", "mod a; mod b { mod inner; }");
    write("src/a.rs", "mod c; #[cfg(test)] #[path = \"a_tests.rs\"] mod tests;");
    write("src/a/c.rs", "");
    write("src/a_tests.rs", "");
    write("src/b/inner.rs", "");
    write("src/orphan.rs", "");
    write("src/main.rs", "");
    write("src/bin/two.rs", "");
    write("tests/one.rs", "");
    write("tests/many/main.rs", "mod d;");
    write("tests/many/d.rs", "");
    let mut modules = Modules::default();
    let mut name = |file: &str| {
        let module = modules.of_file(&root.path().join(file)).unwrap()?;
        Some(format!("{} {}", module.binary, module.path.join("::")))
    };
    for (file, expected) in [
        ("src/lib.rs", "pack "),
        ("src/a/c.rs", "pack a::c"),
        ("src/a_tests.rs", "pack a::tests"),
        ("src/b/inner.rs", "pack b::inner"),
        ("src/main.rs", "pack::bin/pack "),
        ("src/bin/two.rs", "pack::bin/two "),
        ("tests/one.rs", "pack::one "),
        ("tests/many/d.rs", "pack::many d"),
    ] {
        assert_eq!(name(file).as_deref(), Some(expected), "{file}");
    }
    assert_eq!(name("src/orphan.rs"), None);
}

#[test]
fn test_catalogue_that_is_wrong() {
    assert!(Catalogue::of_text(&CATALOGUE.replace("number = 2", "number = 5")).is_err());
    assert!(Catalogue::of_text(&CATALOGUE.replace("\"UP\"", "\"UX\"")).is_err());
    assert!(Catalogue::of_text(&CATALOGUE.replace("\"UP\"", "\"UU\"")).is_err());
    assert!(Catalogue::of_text(&CATALOGUE.replace("later = \"with DMA\"", "")).is_err());
}

fn entry(number: u32, letter: char, test: Test) -> Entry {
    let comment = format!("attack {number} {letter}: a; b");
    let claim = Claim::of_comment(&comment).unwrap().unwrap();
    Entry { claim, file: "f.rs".into(), line: 1, test }
}

#[test]
fn test_gaps() {
    let gaps = |entries: &[Entry]| -> Vec<(u32, Option<char>)> {
        let gaps = gaps(&catalogue(), entries);
        gaps.iter().map(|gap| (gap.number, gap.how.map(How::letter))).collect()
    };
    let all = [(1, Some('U')), (1, Some('P')), (1, None), (2, Some('Q')), (2, None)];
    assert_eq!(gaps(&[]), all);
    let unit = entry(1, 'U', host("t"));
    assert_eq!(gaps(&[unit.clone(), entry(2, 'U', host("t"))]), all[1..]);
    let rest = [unit.clone(), entry(1, 'P', host("t")), entry(2, 'Q', Test::System("s".into()))];
    assert_eq!(gaps(&rest), [(1, None), (2, None)]);
    let mut noticing = rest;
    noticing[1].claim.broken.push("a-fence".into());
    assert_eq!(gaps(&noticing), [(2, None)]);
    let reason = CATALOGUE.replace("later = \"H, some day\"", "no-defect = \"a reason\"");
    assert_eq!(super::gaps(&Catalogue::of_text(&reason).unwrap(), &noticing), []);
}

#[test]
fn test_defences_are_named_where_a_run_looks() {
    const NAMES: [&str; 4] = ["a-fence", "a-check", "a-step", "a-system"];
    let step = "const A: &[X] = &[\n// LINE\nstep(\"os\")];\n";
    let proof = "const A: X =\n// LINE\nproof(\n\"the-proof\", 1);\n";
    let places = [
        ("src/lib.rs", "// LINE\n#[test]\nfn name() {}\n", NAMES.as_slice()),
        ("tests/fuzz/src/targets/elf.rs", "// LINE\npub fn elf() {}\n", &NAMES),
        ("src/lib.rs", proof, &["a-fence"]),
        ("tools/nexus/src/ci/mod.rs", step, &["a-step"]),
        ("tools/nexus/src/assure/mod.rs", step, &[]),
        ("tests/systems/dead/system.toml", "# LINE\nname = \"x\"\n", &["a-system"]),
        ("tests/systems/slow/system.toml", "# LINE\nname = \"x\"\n", &[]),
    ];
    for (file, text, good) in places {
        for name in NAMES {
            let line = format!("attack 1 U: a; b; broken: {name}");
            let scan = scanned(file, &text.replace("LINE", &line));
            assert_eq!(scan.faults.is_empty(), good.contains(&name), "{file} {name}");
        }
    }
    let none = super::scan::unnamed(&[defence("a-fence", None, None)], &[]);
    assert!(none[0].to_string().contains("without `a-fence`"), "{none:?}");
}

#[test]
fn test_what_did_not_run() {
    let entries = [
        entry(1, 'U', host("t")),
        entry(1, 'P', Test::Assure("long".into())),
        entry(2, 'Q', Test::System("s".into())),
        entry(2, 'Q', Test::Web("a frame stays empty".into())),
    ];
    let not_run = |names: &[&str], browser| -> usize {
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        not_run(&entries, &names, browser).len()
    };
    let ran = |names: &[&str]| not_run(names, false);
    assert_eq!(ran(&[]), 2);
    assert_eq!(ran(&["pack t"]), 1);
    assert_eq!(ran(&["pack t2", "system s"]), 1);
    assert_eq!(ran(&["pack t", "system s"]), 0);
    assert_eq!(not_run(&["pack t", "system s"], true), 1, "a browser looked, and not at this");
    assert_eq!(not_run(&["pack t", "system s", "web a frame stays empty"], true), 0);
}

#[test]
fn test_page_has_every_attack() {
    let entries = [entry(1, 'U', host("module::t"))];
    let page = page(&catalogue(), &entries);
    for part in ["## First", "**1. one** [UP]", "`module::t` in `f.rs`", "## Second", "with DMA"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn test_names_of_this_crate_are_those_of_the_runner() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/attacks/tests.rs");
    let module = Modules::default().of_file(&here).unwrap().unwrap();
    let path = [module.path.join("::"), "test_names_of_this_crate_are_those_of_the_runner".into()];
    assert_eq!(std::thread::current().name(), Some(path.join("::").as_str()));
    assert_eq!(module.binary, "nexus");
}

#[test]
fn test_no_program_has_tests_of_its_own() {
    let root = crate::paths::root().unwrap();
    let files =
        ["source", "tests", "tools"].map(|top| super::scan::files(&root.join(top)).unwrap());
    let mut programs = 0;
    for manifest in files.concat().iter().filter(|file| file.ends_with("Cargo.toml")) {
        for file in files_of_programs(manifest.parent().unwrap()).unwrap().into_keys() {
            let text = fs::read_to_string(&file).unwrap();
            let file = file.display();
            assert!(
                !text.contains("#[test]"),
                "{file}: no step runs its tests; they go into a library"
            );
            programs += 1;
        }
    }
    assert!(programs > 50, "{programs} files of programs");
}
