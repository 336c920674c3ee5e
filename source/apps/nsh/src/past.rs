//! `ledger` about boots before this one: what is asked, and who held a device then.

use alloc::format;
use alloc::string::String;

use nexus_archive::{Facts, Place, Record};
use nexus_proto::Subject;
use nexus_proto::log::Event;

use crate::date::Date;
use crate::names::Names;

const NS_PER_SECOND: u128 = 1_000_000_000;

/// What is asked of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Which boots there are.
    Boots,
    /// The ledger of a boot: its last records, so many.
    Boot(u32, usize),
    /// Who held a device at a time.
    Held(u16, At),
}

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Nanoseconds after 1970-01-01 00:00 UTC.
    Clock(u64),
    /// Nanoseconds after a boot began.
    Boot(u32, u64),
}

/// The options of a line, which come in any order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options<'a> {
    pub(crate) boots: bool,
    pub(crate) boot: Option<&'a str>,
    pub(crate) device: Option<&'a str>,
    pub(crate) at: Option<&'a str>,
    pub(crate) count: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// What the words say; `None` when they say nothing of the past.
    ///
    /// # Errors
    /// A word that is none, or that is missing.
    pub(crate) fn of(words: &[&'a str]) -> Result<Option<Options<'a>>, String> {
        if !words.iter().any(|word| word.starts_with("--")) {
            return Ok(None);
        }
        let mut options = Options::default();
        let mut rest = words.iter().copied();
        while let Some(word) = rest.next() {
            let option = match word {
                "--boots" => {
                    options.boots = true;
                    continue;
                }
                "--boot" => &mut options.boot,
                "--device" => &mut options.device,
                "--at" => &mut options.at,
                other if other.starts_with("--") => {
                    return Err(format!("`{other}` is no option of it"));
                }
                count => {
                    options.count = Some(count);
                    continue;
                }
            };
            *option = Some(rest.next().ok_or_else(|| format!("what follows `{word}` is missing"))?);
        }
        Ok(Some(options))
    }

    /// What they ask for; `count` is how many records are to be shown.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn past(&self, count: usize, names: &Names) -> Result<Past, String> {
        let boot = self.boot.map(boot).transpose()?;
        match (self.boots, boot, self.device, self.at) {
            (true, None, None, None) if self.count.is_none() => Ok(Past::Boots),
            (false, Some(boot), None, None) => Ok(Past::Boot(boot, count)),
            (false, boot, Some(device), Some(time)) if self.count.is_none() => {
                let found = names.find_device(device);
                let device = found.ok_or_else(|| format!("no device `{device}`"))?;
                Ok(Past::Held(device, at(boot, time)?))
            }
            _ => Err("these do not go together".into()),
        }
    }
}

fn boot(word: &str) -> Result<u32, String> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{word}` is no number of a boot"))
}

/// A date, or seconds of a boot.
fn at(boot: Option<u32>, word: &str) -> Result<At, String> {
    match boot {
        Some(boot) => seconds(word).map(|ns| At::Boot(boot, ns)).ok_or_else(|| {
            format!("`{word}` is no number of seconds after a boot began, as in 12.5")
        }),
        None => Date::read(word)
            .map(At::Clock)
            .ok_or_else(|| format!("`{word}` is no time (UTC), as in 2026-11-30T09:00:00")),
    }
}

/// Nanoseconds of a number of seconds with at most nine places behind the point.
fn seconds(word: &str) -> Option<u64> {
    let (whole, part) = word.split_once('.').unwrap_or((word, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = if part.is_empty() { 0 } else { format!("{part:0<9}").parse().ok()? };
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(part)
}

/// Nanoseconds after the boot began at which `ticks` was.
#[must_use]
pub fn since_boot(facts: &Facts, ticks: u64) -> u64 {
    let hz = u128::from(facts.timebase_hz.max(1));
    u64::try_from(u128::from(ticks) * NS_PER_SECOND / hz).unwrap_or(u64::MAX)
}

/// When the boot began by the wall clock; `None` when that was never known.
#[must_use]
pub fn began(facts: &Facts) -> Option<u64> {
    (facts.unix_ns != 0).then(|| facts.unix_ns.saturating_sub(since_boot(facts, facts.ticks)))
}

/// Who held a device at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The service, and which life of it.
    pub subject: Subject,
    /// By which rule.
    pub rule: u16,
    /// Number of the record that says that it was given.
    pub seq: u64,
    /// Since when, in nanoseconds after the boot began.
    pub since: u64,
    /// Until when; `None`: as far as the records go.
    pub until: Option<u64>,
}

/// Finds out who held a device, record by record.
#[derive(Clone, Debug)]
pub struct Held {
    device: u16,
    at: u64,
    facts: Facts,
    holder: Option<(Holder, u64)>,
    /// Records are missing in between since the device was last given, before that time.
    unsure: bool,
    /// Time of the last record.
    last: u64,
}

impl Held {
    /// Of `device`, `at` nanoseconds after the boot began.
    #[must_use]
    pub const fn new(device: u16, at: u64, facts: Facts) -> Held {
        Held { device, at, facts, holder: None, unsure: false, last: 0 }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &Record, place: Place) {
        let (entry, now) = (&record.entry, since_boot(&self.facts, record.stamp.ticks));
        self.last = self.last.max(now);
        let is_after = now > self.at;
        let goes_on = self.holder.is_some_and(|(holder, _)| holder.until.is_none());
        if is_after && !goes_on {
            return;
        }
        if !is_after && matches!(place, Place::Gap(..) | Place::Anew) {
            self.unsure = true;
        }
        let ends = self.holder.is_some_and(|(holder, nonce)| {
            let own = entry.subject == holder.subject;
            match entry.event {
                Event::Exit => own,
                Event::Revoke => own && entry.device == self.device,
                Event::Refusal => own && entry.device == self.device && entry.detail == nonce,
                Event::Grant => entry.device == self.device,
                _ => false,
            }
        });
        if ends && is_after {
            self.holder =
                self.holder.map(|(holder, nonce)| (Holder { until: Some(now), ..holder }, nonce));
            return;
        }
        if ends {
            self.holder = None;
        }
        if !is_after && entry.event == Event::Grant && entry.device == self.device {
            let (subject, rule, seq) = (entry.subject, entry.rule, record.stamp.seq);
            let holder = Holder { subject, rule, seq, since: now, until: None };
            self.holder = Some((holder, entry.detail));
            self.unsure = false;
        }
    }

    /// Who held it; `None`: nobody, by the records.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        self.holder.map(|(holder, _)| holder)
    }

    /// True when what is missing may say otherwise.
    #[must_use]
    pub const fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// When the last record was made, in nanoseconds after the boot began.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
