//! Which records a fold takes out of the ledger: those of lives that have ended, of one service.

use alloc::vec::Vec;

use nexus_proto::log::{Entry, Event, Outcome};
use nexus_proto::policy::NO_LINE;
use nexus_proto::{Fold, Resume, Subject};

use crate::chain::Link;

/// Lives of each service that stay on record whole after they have ended, for whoever asks why.
pub const KEPT_LIVES: usize = 2;

/// Fewest records that are worth a fold, which is one itself.
const LEAST: usize = 2;

/// The fold that is due for a service: of all its lives that have ended but the last [`KEPT_LIVES`]; and
/// the records that it takes out, in order. `None` when it would take out too little. It is to be the
/// record that follows `links`.
pub(super) fn plan(links: &[Link], service: u32) -> Option<(Fold, Vec<u64>)> {
    let lives = ended_lives(links, service);
    let incarnation = *lives.iter().rev().nth(KEPT_LIVES)?;
    let subject = Subject { id: service, incarnation };
    let covered: Vec<&Link> = covered(links, u64::MAX, subject).collect();
    let last = covered.last().filter(|_| covered.len() >= LEAST)?;
    let before = covered.iter().find_map(|link| Fold::of(&link.entry));
    let folded = before.map_or(0, |fold| fold.subject.incarnation);
    let new = lives.iter().filter(|life| (folded + 1..=incarnation).contains(*life)).count();
    let fold = Fold {
        subject,
        lives: before.map_or(0, |fold| fold.lives).saturating_add(u32::try_from(new).ok()?),
        records: before.map_or(0, |fold| fold.records) + u64::try_from(covered.len()).ok()?,
        last: u32::try_from(last.stamp.seq).ok()?,
        hash: Fold::start(&last.own),
    };
    (new > 0).then(|| (fold, covered.iter().map(|link| link.stamp.seq).collect()))
}

/// The records that a fold of these lives, with the number `seq`, takes out of `links`. Taken out in order
/// it is the same ones that are left over, wherever that stops.
pub(crate) fn covered(links: &[Link], seq: u64, subject: Subject) -> impl Iterator<Item = &Link> {
    let before = links.get(..links.partition_point(|link| link.stamp.seq < seq)).unwrap_or(&[]);
    before.iter().enumerate().filter_map(move |(index, link)| {
        let later = before.get(index + 1..).unwrap_or(&[]);
        let own = link.entry.subject;
        let over = own.id == subject.id && own.incarnation <= subject.incarnation;
        (over && is_foldable(&link.entry) && !is_last(&link.entry, later)).then_some(link)
    })
}

/// Records of what a life was given and how it ended. What was denied is never folded away, nor what is cut.
fn is_foldable(entry: &Entry) -> bool {
    match entry.event {
        Event::Decision => entry.outcome == Outcome::Allow,
        Event::Resume => Resume::of(entry).is_some_and(|resume| resume.cut == 0),
        Event::Grant
        | Event::Revoke
        | Event::Exit
        | Event::Start
        | Event::Order
        | Event::Prepared
        | Event::Fold => true,
        Event::Boot
        | Event::Refusal
        | Event::Drop
        | Event::Clock
        | Event::Share
        | Event::Unshare
        | Event::Anchor
        | Event::Access => false,
    }
}

/// True when the record says something of a device that no later one says again: what it was last set up
/// to reach, or where it was last allowed.
fn is_last(entry: &Entry, later: &[Link]) -> bool {
    let again = |other: &Entry| {
        let same = (other.event, other.outcome, other.device);
        same == (entry.event, entry.outcome, entry.device)
            && (other.line != NO_LINE || entry.line == NO_LINE)
    };
    matches!(entry.event, Event::Prepared | Event::Decision)
        && !later.iter().any(|link| again(&link.entry))
}

/// The lives of a service that have records to be folded, and have ended, in order: there is a record of
/// their end, or of that of a later one; or logd goes on in a later one.
fn ended_lives(links: &[Link], service: u32) -> Vec<u32> {
    let own = || links.iter().map(|link| &link.entry).filter(|entry| entry.subject.id == service);
    let ended = own().filter_map(|entry| match entry.event {
        Event::Exit => Some(entry.subject.incarnation),
        Event::Resume => entry.subject.incarnation.checked_sub(1),
        _ => None,
    });
    let ended = ended.max().unwrap_or(0);
    let of_life = |entry: &&Entry| is_foldable(entry) && entry.event != Event::Fold;
    let mut lives: Vec<u32> =
        own().filter(of_life).map(|entry| entry.subject.incarnation).collect();
    lives.retain(|life| *life <= ended);
    lives.sort_unstable();
    lives.dedup();
    lives
}
