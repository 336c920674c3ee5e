//! The page in a browser: the tests of tests/web, beside a machine whose page and prompt they are given.

mod clerk;
mod tap;

use crate::page_guest::PageGuest;
use crate::paths;
use crate::steps::capture;
use crate::steps::outcome::Outcome;
use anyhow::{Context, Result};
use clerk::Clerk;
use std::env;
use std::process::Command;

/// Asks for this step: it installs a browser.
const ASKS: &str = "NEXUS_WEB";
/// Where the page is, for the tests.
const PAGE: &str = "NEXUS_PAGE";
/// A socket at which the prompt is asked, for the tests.
const PROMPT: &str = "NEXUS_PROMPT";
/// What installs what is missing.
const SETUP: &str = "scripts/setup-web.sh";
/// What runs the tests.
const TESTS: [&str; 3] = ["--test-reporter=tap", "--enable-source-maps", "tests/web/all.mjs"];

/// True where `NEXUS_WEB=1` asks for the browser.
#[must_use]
pub(crate) fn is_asked() -> bool {
    env::var_os(ASKS).is_some_and(|value| value == "1")
}

/// Installs what is missing, boots, and has the browser look.
pub(super) fn check() -> Result<Outcome> {
    if !is_asked() {
        return Ok(Outcome::skip(
            "left out: NEXUS_WEB=1 looks at the page in Chromium, and installs that",
        ));
    }
    let root = paths::root()?;
    let (there, _) = capture::run(Command::new(root.join(SETUP)).current_dir(&root))?;
    if !there {
        return Ok(Outcome::failure("what it needs is not there; why stands above"));
    }
    let machine = PageGuest::boot()?;
    let page = machine.page().to_owned();
    let clerk = Clerk::of(machine)?;
    let mut node = Command::new("node");
    node.args(TESTS).current_dir(&root).env(PAGE, page).env(PROMPT, clerk.place());
    let (good, said) = capture::run_showing(&mut node, &tap::is_shown)?;
    clerk.close().context("at the prompt")?;
    Ok(tap::outcome(good, &said))
}
