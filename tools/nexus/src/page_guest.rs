//! The standard system as a person runs it: at its prompt, with a port of this machine that leads to its page.

use crate::paths;
use crate::prompt::Session;
use anyhow::{Context, Result};
use std::process::Command;
use tempfile::TempDir;

/// What `cargo nexus run` says of the page, before where it is.
const PAGE: &str = "nexus: the page: ";

/// A machine that runs until this is dropped, with a disk of its own that is empty at first.
#[derive(Debug)]
pub(crate) struct PageGuest {
    // Before its disk goes the machine does.
    session: Session,
    page: String,
    _disks: TempDir,
}

impl PageGuest {
    /// Builds and boots it; waits until there is a prompt, and until the page is served.
    ///
    /// # Errors
    /// It does not build or does not start, or one of the two does not come.
    pub(crate) fn boot() -> Result<PageGuest> {
        PageGuest::boot_with(&[])
    }

    /// The same, with arguments of `cargo nexus run`.
    ///
    /// # Errors
    /// As [`boot`](Self::boot).
    pub(crate) fn boot_with(arguments: &[&str]) -> Result<PageGuest> {
        let disks = tempfile::tempdir().context("making a place for a disk")?;
        let mut command = Command::new(paths::TOOL);
        command
            .arg("run")
            .args(arguments)
            .current_dir(paths::root()?)
            .env(paths::DISKS_VARIABLE, disks.path());
        let (mut session, before) = Session::start(&mut command)?;
        let said = before.into_iter().find(|line| page_of(line).is_some());
        let said = match said {
            Some(line) => line,
            None => session.line(|line| page_of(line).is_some()).context("waiting for the page")?,
        };
        let page = page_of(&said).unwrap_or_default().to_owned();
        Ok(PageGuest { session, page, _disks: disks })
    }

    /// Where its page is: `http://127.0.0.1:PORT/`.
    #[must_use]
    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    /// Types a line at its prompt; the lines that it prints.
    ///
    /// # Errors
    /// There is no prompt any more.
    pub(crate) fn command(&mut self, typed: &str) -> Result<Vec<String>> {
        self.session.command(typed)
    }
}

/// Where the page is, by a line that says so.
pub(crate) fn page_of(line: &str) -> Option<&str> {
    line.strip_prefix(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_page_is_where_the_line_says() {
        let line = "nexus: the page: http://127.0.0.1:40123/";
        assert_eq!(page_of(line), Some("http://127.0.0.1:40123/"));
        assert_eq!(page_of("nexus: 127.0.0.1:40123 leads to httpd, port 80"), None);
    }
}
