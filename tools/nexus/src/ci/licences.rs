//! Dependencies: pinned, from the registry, under a licence that deny.toml allows (attack 71).

use crate::paths;
use crate::steps::outcome::Outcome;
use crate::steps::tools::cargo;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use spdx::{Expression, ParseMode};
use std::fs;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Fails when Cargo.lock does not pin every dependency.
const LOCKED: [&str; 4] = ["metadata", "--format-version", "1", "--locked"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<String>,
}

/// deny.toml, as far as this check knows it: a rule that it does not know is an error, so that it and
/// cargo-deny, which `just assure` runs, hold the same.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    wildcards: String,
    allow_wildcard_paths: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
}

/// Reads deny.toml.
fn rules(text: &str) -> Result<Rules> {
    let rules: Rules = toml::from_str(text)?;
    let Rules { bans, sources, .. } = &rules;
    ensure!(bans.multiple_versions == "allow", "multiple-versions is not looked at here");
    ensure!(bans.wildcards == "deny" && bans.allow_wildcard_paths, "wildcards are refused");
    let unknown = [&sources.unknown_registry, &sources.unknown_git];
    ensure!(unknown == ["deny", "deny"], "other sources are refused");
    Ok(rules)
}

pub(super) fn check() -> Result<Outcome> {
    let text = fs::read_to_string(paths::root()?.join("deny.toml")).context("reading deny.toml")?;
    let rules = rules(&text).context("in deny.toml")?;
    let output = cargo(&LOCKED)?.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "Cargo.lock does not pin everything: {said}");
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        wrong.extend(faults(package, &rules.licenses.allow));
    }
    wrong.iter().for_each(|fault| println!("{fault}"));
    let packages = metadata.packages.len();
    Ok(Outcome::of(wrong.is_empty(), format!("{packages} packages")))
}

fn faults(package: &Package, allowed: &[String]) -> Vec<String> {
    let name = &package.name;
    let mut faults = Vec::new();
    if let Some(source) = &package.source
        && source != REGISTRY
    {
        faults.push(format!("{name}: comes from {source}"));
    }
    match &package.license {
        Some(license) if permits(license, allowed) => {}
        Some(license) => faults.push(format!("{name}: licence {license}")),
        None => faults.push(format!("{name}: no licence")),
    }
    if package.source.is_none() {
        let wild = package.dependencies.iter().filter(|one| one.path.is_none() && one.req == "*");
        faults.extend(wild.map(|one| format!("{name}: any version of {}", one.name)));
    }
    faults
}

fn permits(license: &str, allowed: &[String]) -> bool {
    let Ok(expression) = Expression::parse_mode(license, ParseMode::LAX) else { return false };
    expression.evaluate(|one| allowed.iter().any(|name| *name == one.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 71 H: a licence that deny.toml does not allow, or none; a fault
    #[test]
    fn test_licence_expressions() {
        let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned()];
        for good in ["MIT", "MIT/Apache-2.0", "Unlicense OR MIT", "(MIT OR Zlib) AND Apache-2.0"] {
            assert!(permits(good, &allowed), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND Zlib", "", "Apache-2.0 WITH LLVM-exception", "My own"] {
            assert!(!permits(bad, &allowed), "{bad}");
        }
    }

    // attack 71 H: a package from elsewhere, or of any version; a fault
    #[test]
    fn test_sources_and_wildcards() {
        let package = |source: Option<&str>, req: &str| Package {
            name: "p".into(),
            license: Some("MIT".into()),
            source: source.map(str::to_owned),
            dependencies: vec![Dependency { name: "d".into(), req: req.into(), path: None }],
        };
        let allowed = ["MIT".to_owned()];
        assert!(faults(&package(Some(REGISTRY), "^1"), &allowed).is_empty());
        assert_eq!(faults(&package(Some("git+https://x"), "^1"), &allowed).len(), 1);
        assert_eq!(faults(&package(Some("registry+https://x"), "^1"), &allowed).len(), 1);
        let unlicensed = Package { license: None, ..package(Some(REGISTRY), "^1") };
        assert_eq!(faults(&unlicensed, &allowed).len(), 1);
        assert_eq!(faults(&package(Some(REGISTRY), "^1"), &["ISC".to_owned()]).len(), 1);
        assert_eq!(faults(&package(None, "*"), &allowed).len(), 1);
    }

    // attack 71 H: deny.toml is loosened, or asks for what this check does not know; an error
    #[test]
    fn test_rules_are_those_of_the_file_and_no_others() {
        let text = fs::read_to_string(paths::root().unwrap().join("deny.toml")).unwrap();
        assert!(!rules(&text).unwrap().licenses.allow.is_empty());
        for (from, to) in [
            ("unknown-git = \"deny\"", "unknown-git = \"allow\""),
            ("unknown-registry = \"deny\"", "unknown-registry = \"warn\""),
            ("wildcards = \"deny\"", "wildcards = \"allow\""),
            ("[bans]", "[bans]\ndeny = []"),
            ("[sources]", "[advisories]\n[sources]"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(rules(&text.replace(from, to)).is_err(), "{to}");
        }
    }

    // attack 71 H: a dependency that Cargo.lock does not pin; cargo refuses to go on
    #[test]
    fn test_what_is_not_pinned_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(tree.path().join(name), text).unwrap();
        let manifest = "[package]\nname = \"p\"\nversion = \"0.1.0\"\n\
                        [lib]\npath = \"l.rs\"\n[workspace]\n";
        write("Cargo.toml", manifest);
        write("l.rs", "");
        let holds = || {
            let mut command = cargo(&LOCKED).unwrap();
            command.current_dir(tree.path()).arg("--offline").output().unwrap().status.success()
        };
        assert!(!holds(), "there is no lock file");
        write("Cargo.lock", "version = 4\n[[package]]\nname = \"p\"\nversion = \"0.1.0\"\n");
        assert!(holds());
        write("Cargo.toml", &format!("{manifest}[dependencies]\nserde = \"1\"\n"));
        assert!(!holds(), "the lock file does not have it");
    }
}
