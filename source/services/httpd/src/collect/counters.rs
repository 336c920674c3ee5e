//! What disk, network, store and log count, and what time it is.

use alloc::string::ToString;

use nexus_proto::disk::{self, SECTOR};
use nexus_proto::net::{self, Counters, Direction};
use nexus_proto::{Zero, ids, log, rtc, socket, state};
use nexus_words::amount::hex;
use nexus_words::standing;

use super::quota::Quota;
use crate::ask::Ask;
use crate::model::{Card, Disk, Frames, Log, Network, Snapshot, Store};

pub(super) fn unix_ms<A: Ask>(quota: &mut Quota<'_, A>) -> Option<u64> {
    let answer = quota.ask(ids::RTCD, &rtc::Now {});
    let time = quota.had("time", answer)?;
    let since = quota.ms(quota.ticks().saturating_sub(time.ticks));
    Some((time.unix_ns / 1_000_000).saturating_add(since))
}

pub(super) fn disk<A: Ask>(quota: &mut Quota<'_, A>) -> Option<Disk> {
    let info = quota.ask(ids::VIRTIOBLKD, &disk::Info {});
    let info = quota.had("disk", info)?;
    let stats = quota.ask(ids::VIRTIOBLKD, &disk::Stats {});
    let stats = quota.had("disk", stats)?;
    Some(Disk {
        bytes: info.sectors.saturating_mul(SECTOR),
        reads: stats.reads,
        writes: stats.writes,
        flushes: stats.flushes.into(),
        read_bytes: stats.read_bytes,
        written_bytes: stats.written_bytes,
        errors: stats.errors.into(),
        in_flight: stats.in_flight.into(),
    })
}

/// Of `snapshot` the names of services.
pub(super) fn card<A: Ask>(quota: &mut Quota<'_, A>, snapshot: &Snapshot) -> Option<Card> {
    let card = quota.ask(ids::VIRTIONETD, &net::Info {});
    let card = quota.had("card", card)?;
    Some(Card {
        link: card.link,
        mac: hex(&card.mac, ":"),
        consumer: (card.consumer != 0).then(|| snapshot.service(card.consumer)),
        received: frames(quota, Direction::In)?,
        sent: frames(quota, Direction::Out)?,
    })
}

fn frames<A: Ask>(quota: &mut Quota<'_, A>, direction: Direction) -> Option<Frames> {
    let stats = net::Stats { direction, zero: Zero::ZERO };
    let counters = quota.ask(ids::VIRTIONETD, &stats);
    let Counters { frames, bytes, no_buffer, too_short, too_long, not_for_us, split } =
        quota.had("card", counters)?;
    let others = [too_long, not_for_us, split];
    let dropped = others.into_iter().fold(too_short, u64::saturating_add);
    Some(Frames { frames, bytes, no_buffer, dropped })
}

pub(super) fn network<A: Ask>(quota: &mut Quota<'_, A>) -> Option<Network> {
    let info = quota.ask(ids::NETSTACKD, &socket::Info {});
    let info = quota.had("network", info)?;
    let stats = quota.ask(ids::NETSTACKD, &socket::Stats {});
    let stats = quota.had("network", stats)?;
    Some(Network {
        link: standing::link(info.link).to_string(),
        sockets: info.sockets,
        connections: stats.connections,
        denied: stats.denied.into(),
        dropped: stats.dropped,
    })
}

pub(super) fn store<A: Ask>(quota: &mut Quota<'_, A>) -> Option<Store> {
    let answer = quota.ask(ids::STATEFSD, &state::Info {});
    let info = quota.had("store", answer)?;
    Some(Store {
        standing: standing::store(info.standing).to_string(),
        bytes: info.bytes,
        trees: info.trees,
    })
}

pub(super) fn log<A: Ask>(quota: &mut Quota<'_, A>) -> Option<Log> {
    let answer = quota.ask(ids::LOGD, &log::Stats {});
    let log::Counts { lines, limited, refused, room, .. } = quota.had("log", answer)?;
    Some(Log { lines, limited, refused, room })
}
