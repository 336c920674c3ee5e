//! Finds the lines about attacks, and what each of them stands above.

use super::catalogue::Catalogue;
use super::claim::{Claim, FORM};
use super::fault::Fault;
use super::modules::Modules;
use super::rust::{self, Item, What};
use super::test::Test;
use crate::broken::{self, Defence};
use crate::{desc, paths};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Where tests are.
const TOPS: [&str; 5] = ["source", "system", "tests", "tools", "examples"];

/// How the names of files end that may have tests.
const ENDINGS: [&str; 3] = ["rs", "toml", "mjs"];

/// Where the fuzz targets are, each a function with the name of its target.
const FUZZ_TARGETS: &str = "tests/fuzz/src/targets/";

/// A line, and the test that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the line says.
    pub claim: Claim,
    /// The file, from the root of the tree.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What runs.
    pub test: Test,
}

/// Everything that the tree says.
#[derive(Debug, Default)]
pub struct Scan {
    /// By attack, then by way of testing.
    pub entries: Vec<Entry>,
    /// Lines that say nothing that can be used.
    pub faults: Vec<Fault>,
}

/// What a line may name.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) catalogue: &'a Catalogue,
    /// Defences that can be left out.
    pub(super) broken: Vec<Defence>,
    /// Required proofs: service and name.
    pub(super) proofs: Vec<(String, String)>,
}

/// Reads every Rust, TOML and JavaScript file of the tree.
///
/// # Errors
/// When one cannot be read.
pub fn scan(catalogue: &Catalogue) -> Result<Scan> {
    let root = paths::root()?;
    let broken = broken::all()?;
    let mut proofs = desc::load(None, "test")?.required_proofs();
    // The same tests, with more to try.
    let windows = root.join("tests/systems/windows");
    proofs.extend(desc::load(Some(&windows), "test")?.required_proofs());
    let known = Known { catalogue, broken, proofs };
    let mut modules = Modules::default();
    let mut scan = Scan::default();
    for path in TOPS.iter().map(|top| files(&root.join(top))).collect::<Result<Vec<_>>>()?.concat()
    {
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let short = path.strip_prefix(&root)?.to_string_lossy().into_owned();
        let file = File { path: &path, short: &short, text: &text };
        file.scan(&known, &mut modules, &mut scan)?;
    }
    let place =
        |entry: &Entry| (entry.claim.number, entry.claim.how, entry.file.clone(), entry.line);
    scan.entries.sort_by_key(place);
    scan.faults.extend(unnamed(&known.broken, &scan.entries));
    Ok(scan)
}

/// Defences that no line names.
pub(super) fn unnamed(broken: &[Defence], entries: &[Entry]) -> Vec<Fault> {
    let named = |name: &String| entries.iter().any(|entry| entry.claim.broken.contains(name));
    let fault = |defence: &Defence| Fault {
        file: broken::LIST.to_owned(),
        line: 1,
        what: format!("no test of an attack is said to fail without `{}`", defence.name),
        fix: format!("write `; broken: {}` at one that does", defence.name),
    };
    broken.iter().filter(|defence| !named(&defence.name)).map(fault).collect()
}

/// Rust, TOML and JavaScript files in `directory`, by name.
pub(super) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Ok(entries) = directory.read_dir() else { return Ok(found) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(paths::MODULES) {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|ending| ENDINGS.iter().any(|one| ending == *one)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A file that may have lines about attacks.
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
    /// From the root of the tree.
    pub(super) short: &'a str,
    pub(super) text: &'a str,
}

impl File<'_> {
    fn is_rust(&self) -> bool {
        self.short.ends_with(".rs")
    }

    fn is_script(&self) -> bool {
        self.short.ends_with(".mjs")
    }

    /// Adds what the lines of this file say.
    ///
    /// # Errors
    /// When it cannot be told which module it is.
    pub(super) fn scan(
        &self,
        known: &Known<'_>,
        modules: &mut Modules,
        scan: &mut Scan,
    ) -> Result<()> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut items = None;
        for (index, line) in lines.iter().enumerate() {
            let Some(claim) = self.comment(line).and_then(Claim::of_comment) else { continue };
            if items.is_none() && self.is_rust() {
                let source = rust::read(self.text).with_context(|| format!("in {}", self.short))?;
                items = Some(source.items);
            }
            let fault = |(what, fix): (String, String)| Fault {
                file: self.short.to_owned(),
                line: index + 1,
                what,
                fix,
            };
            let claim = claim.map_err(|what| (what, FORM.to_owned()));
            let below =
                lines.iter().zip(1..).skip(index + 1).find(|(line, _)| !self.passes_by(line));
            let below = below.map(|(line, number)| (*line, number));
            let test = self.test(below, items.as_deref().unwrap_or_default(), known, modules)?;
            let both = claim.and_then(|claim| checked(claim, test?, known));
            match both {
                Ok((claim, test)) => scan.entries.push(Entry {
                    claim,
                    file: self.short.to_owned(),
                    line: index + 1,
                    test,
                }),
                Err(wrong) => scan.faults.push(fault(wrong)),
            }
        }
        Ok(())
    }

    /// What a line comment says.
    fn comment<'a>(&self, line: &'a str) -> Option<&'a str> {
        let line = line.trim_start();
        match self.is_rust() || self.is_script() {
            true => line.strip_prefix("//").map(|text| text.trim_start_matches('/')),
            false => line.strip_prefix('#'),
        }
    }

    /// True for what may stand between a line and its item.
    fn passes_by(&self, line: &str) -> bool {
        self.comment(line).is_some()
    }

    /// What the line below the comments is: `below` is that line and its number.
    fn test(
        &self,
        below: Option<(&str, usize)>,
        items: &[Item],
        known: &Known<'_>,
        modules: &mut Modules,
    ) -> Result<Result<Test, (String, String)>> {
        let nothing = || {
            let fix = "put it directly above a `#[test]` function, a proof, a hostile program, a step, \
                       a fuzz target, or the first line of a system's file";
            ("there is nothing below it that runs".to_owned(), fix.to_owned())
        };
        let Some((line, number)) = below.filter(|(line, _)| !line.trim().is_empty()) else {
            return Ok(Err(nothing()));
        };
        if self.is_script() {
            return Ok(of_script(line).ok_or_else(nothing));
        }
        if !self.is_rust() {
            return Ok(self.of_toml(line, known).unwrap_or_else(|| Err(nothing())));
        }
        let around = |item: &&Item| (item.first..=item.last).contains(&number);
        let test = items.iter().find_map(|item| match &item.what {
            What::Test(path) if around(&item) => Some(path),
            _ => None,
        });
        if let Some(inner) = test {
            let Some(module) = modules.of_file(self.path)? else {
                return Ok(Err((
                    "no crate has this file".to_owned(),
                    "declare its module".to_owned(),
                )));
            };
            let path: Vec<&str> = module.path.iter().chain(inner).map(String::as_str).collect();
            return Ok(Ok(Test::Host { binary: module.binary, path: path.join("::") }));
        }
        let function = items.iter().find_map(|item| match &item.what {
            What::Function(name) if around(&item) => Some(name),
            _ => None,
        });
        if let Some(name) = function {
            let target = self.short.starts_with(FUZZ_TARGETS);
            return Ok(if target { Ok(Test::Fuzz(name.clone())) } else { Err(nothing()) });
        }
        let text = items.iter().find_map(|item| match &item.what {
            What::Text(text) if (number..=number + 1).contains(&item.first) => Some(text),
            _ => None,
        });
        Ok(text.map_or_else(|| Err(nothing()), |text| self.of_text(text, known)))
    }

    /// The step or proof that is called `text`.
    fn of_text(&self, text: &str, known: &Known<'_>) -> Result<Test, (String, String)> {
        match self.short {
            "tools/nexus/src/ci/mod.rs" => return Ok(Test::Step(text.to_owned())),
            "tools/nexus/src/assure/mod.rs" => return Ok(Test::Assure(text.to_owned())),
            _ => {}
        }
        let hostile = format!("hostile-{text}");
        let mut proofs = known.proofs.iter();
        let found = proofs.find(|(_, id)| id == text || *id == hostile);
        let test = |(service, id): &(String, String)| Test::Proof {
            service: service.clone(),
            id: id.clone(),
        };
        found.map(test).ok_or_else(|| {
            let what = format!("no service must prove `{text}`");
            (
                what,
                "name the proof under `must-prove` in system/services or tests/overlay/services"
                    .to_owned(),
            )
        })
    }

    /// What a TOML file stands for.
    fn of_toml(&self, line: &str, known: &Known<'_>) -> Option<Result<Test, (String, String)>> {
        let directory = |parent: &str| {
            let (name, _) = self.short.strip_prefix(parent)?.split_once('/')?;
            Some(name.to_owned())
        };
        let system = directory("tests/systems/").map(Test::System);
        let found = system.or_else(|| directory("tests/fixtures/check/").map(Test::Refusal));
        let word = line.split('=').next().unwrap_or_default();
        let text = word.trim().trim_end_matches(',').trim_matches('"');
        match found {
            Some(test) => Some(Ok(test)),
            None if ["system/services/", "tests/overlay/services/"]
                .iter()
                .any(|top| self.short.starts_with(top)) =>
            {
                Some(self.of_text(text, known))
            }
            None => None,
        }
    }
}

/// The test of a browser that begins in this line: `test("what holds", …`.
fn of_script(line: &str) -> Option<Test> {
    let (name, _) = line.strip_prefix("test(\"")?.split_once('"')?;
    Some(Test::Web(name.to_owned()))
}

/// `claim` and its test, when everything that it names is there, and the test notices what it says.
fn checked(claim: Claim, test: Test, known: &Known<'_>) -> Result<(Claim, Test), (String, String)> {
    if known.catalogue.find(claim.number).is_none() {
        let last = known.catalogue.attacks.len();
        let what = format!("there is no attack {}", claim.number);
        return Err((what, format!("tests/attacks.toml has 1 to {last}")));
    }
    for name in &claim.broken {
        let Some(defence) = known.broken.iter().find(|defence| defence.name == *name) else {
            let what = format!("there is no defence `{name}` that can be left out");
            return Err((what, "tests/broken.toml has the names".to_owned()));
        };
        if !defence.tries(&test) {
            let what = format!("a run without `{name}` does not look at {}", test.label());
            let fix = "name it at what its row in tests/broken.toml says, or at a test on the host";
            return Err((what, fix.to_owned()));
        }
    }
    Ok((claim, test))
}
