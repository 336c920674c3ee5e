//! How the machine stands, by its prompt and by its own page: what clients leave behind would be seen here.

use super::{Page, metrics, program};
use crate::page_guest::PageGuest;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// For so long connections that are over may be kept (netstackd lets go of what was closed after 30 s at most).
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_secs(1);
/// Longer than a connection is kept that both sides have ended (RFC 9293, 3.6.1: TIME-WAIT, which is 10 s here).
const CALM: Duration = Duration::from_secs(12);
/// What is compared of `/metrics`: what there is, and no count of what was done.
const GAUGES: [&str; 5] = [
    "nexus_service_up",
    "nexus_service_lives_total",
    "nexus_service_memory_bytes",
    "nexus_service_objects",
    "nexus_sockets",
];

/// How it stands: each line by its name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stands(BTreeMap<String, String>);

impl Stands {
    /// As it does now.
    ///
    /// # Errors
    /// It does not tell.
    pub(super) fn of(guest: &mut PageGuest, page: Page) -> Result<Stands> {
        let mut all = BTreeMap::new();
        let services = rows(&guest.command("ps")?);
        ensure!(services.len() > 8, "`ps` shows {} services", services.len());
        all.extend(services.into_iter().map(|(name, says)| (format!("ps {name}"), says)));
        let sockets = guest.command("sockets")?;
        let listens = sockets.iter().filter(|line| line.contains("listens"));
        ensure!(listens.count() > 0, "`sockets` shows nobody who listens");
        all.extend((0..).zip(sockets).map(|(line, says)| (format!("sockets {line:03}"), says)));
        let said =
            program::run("curl", &["--silent", "--noproxy", "*", &page.url("/metrics")], b"")?;
        let samples = metrics::samples(&String::from_utf8(said.out).context("/metrics")?)?;
        let is = |name: &str| GAUGES.iter().any(|gauge| name.split('{').next() == Some(gauge));
        let samples = samples.into_iter().filter(|(name, _)| is(name));
        all.extend(samples.map(|(name, value)| (name, value.to_string())));
        Ok(Stands(all))
    }

    /// As it stands once that has not changed for a while: what earlier clients had is over.
    ///
    /// # Errors
    /// It goes on changing.
    pub(super) fn settled(guest: &mut PageGuest, page: Page) -> Result<Stands> {
        let until = Instant::now() + PATIENCE;
        let (mut stands, mut since) = (Stands::of(guest, page)?, Instant::now());
        while since.elapsed() < CALM {
            ensure!(Instant::now() < until, "it never comes to rest");
            thread::sleep(LOOK);
            let now = Stands::of(guest, page)?;
            if now != stands {
                (stands, since) = (now, Instant::now());
            }
        }
        Ok(stands)
    }

    /// Fails when it does not stand so again.
    pub(super) fn again(&self, guest: &mut PageGuest, page: Page) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let other = self.other(&Stands::of(guest, page)?);
            if other.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < until, "{}", other.join("; "));
            thread::sleep(LOOK);
        }
    }

    /// What is other in `now`.
    fn other(&self, now: &Stands) -> Vec<String> {
        let names = self.0.keys().chain(now.0.keys().filter(|name| !self.0.contains_key(*name)));
        let pairs = names.map(|name| (name, self.0.get(name), now.0.get(name)));
        pairs
            .filter(|(_, before, now)| before != now)
            .map(|(name, before, now)| format!("{name}: {before:?} before, {now:?} now"))
            .collect()
    }
}

/// The services that `ps` shows: each by its name, with life, memory and objects.
fn rows(lines: &[String]) -> BTreeMap<String, String> {
    let row = |line: &String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [id, name, rest @ ..] = &words[..] else { return None };
        id.parse::<u32>().ok()?;
        Some(((*name).to_owned(), rest.join(" ")))
    };
    lines.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_services_are_read() {
        let lines = [
            "  ID  NAME   LIFE  PRIO  MEMORY       OF  OBJECTS  STATE",
            "   7  rngd      1    16  160 KiB  1.0 MiB    21/64  runs",
            "",
        ];
        let rows = rows(&lines.map(str::to_owned));
        assert_eq!(rows.len(), 1);
        assert_eq!(rows["rngd"], "1 16 160 KiB 1.0 MiB 21/64 runs");
    }

    #[test]
    fn test_what_is_other_is_told() {
        let stands = |pairs: &[(&str, &str)]| {
            Stands(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
        };
        let before = stands(&[("a", "1"), ("b", "2")]);
        assert_eq!(before.other(&before), Vec::<String>::new());
        let other = before.other(&stands(&[("a", "1"), ("b", "3"), ("c", "4")]));
        let expected =
            ["b: Some(\"2\") before, Some(\"3\") now", "c: None before, Some(\"4\") now"];
        assert_eq!(other, expected);
        assert_eq!(before.other(&stands(&[("a", "1")])).len(), 1);
    }
}
