//! The page, asked by clients of others: curl, wrk and nc, by a port of 127.0.0.1 that leads to the system in use.

mod curl;
mod metrics;
mod nc;
mod program;
mod stands;
mod wrk;

use crate::page_guest::PageGuest;
use crate::steps::outcome::Outcome;
use anyhow::{Context, Result};
use stands::Stands;
use std::fmt::Display;

/// The page, by where it is.
#[derive(Clone, Copy, Debug)]
struct Page {
    port: u16,
}

impl Page {
    fn url(self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The beginning of a request that is answered.
    fn begun(self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", self.port)
    }
}

/// What was seen, client by client.
#[derive(Debug, Default)]
struct Seen {
    held: usize,
    wrong: usize,
    notes: Vec<String>,
}

impl Seen {
    /// Something that holds, or what is wrong with it.
    fn take(&mut self, what: impl Display, seen: Result<()>) {
        match seen {
            Ok(()) => self.held += 1,
            Err(why) => {
                self.wrong += 1;
                println!("{what}: {why:#}");
            }
        }
    }

    fn outcome(self) -> Outcome {
        let note = self.notes.join("; ");
        Outcome { passed: self.held, failed: self.wrong, note, ..Outcome::default() }
    }
}

/// Boots the system in use, and has each client ask; in the end it stands as it did before.
pub(super) fn check() -> Result<Outcome> {
    let mut guest = PageGuest::boot()?;
    let port = guest.page().trim_end_matches('/').rsplit(':').next();
    let port = port.and_then(|port| port.parse().ok()).context("the page has no port")?;
    let page = Page { port };
    let mut seen = Seen::default();
    curl::answers(page, &mut seen)?;
    curl::connections(page, &mut seen)?;
    // What is asked for the first time costs memory that is kept for the next.
    wrk::warms(page)?;
    let before = Stands::settled(&mut guest, page)?;
    wrk::loads(page, &mut seen)?;
    nc::talks(&mut guest, page, &mut seen)?;
    seen.take("what is left behind", before.again(&mut guest, page));
    Ok(seen.outcome())
}
