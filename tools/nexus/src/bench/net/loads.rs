//! The loads, which are the same for both sides.

use super::page::{self, Way};
use super::peer::{Page, Peer, Ports};
use anyhow::Result;
use std::time::Duration;

/// Bytes each way.
const BULK: usize = 32 << 20;
/// Round trips of each kind.
const TRIPS: usize = 500;
/// Requests in all, closed after each.
const CLOSED: usize = 480;
/// The same on connections that are kept: of eight each serves as many as a connection of ours may (RFC-0007, NP9), since
/// those that connect again at once wait for a second.
const KEPT: usize = 800;
/// Connections at the same time.
pub(super) const MANY: usize = 8;

/// How requests for the page are made, and how many.
pub(super) const PAGES: [(&str, Way, usize); 4] = [
    ("page_closed_1", Way { kept: false, at_once: 1 }, CLOSED),
    ("page_kept_1", Way { kept: true, at_once: 1 }, KEPT),
    ("page_closed_8", Way { kept: false, at_once: MANY }, CLOSED),
    ("page_kept_8", Way { kept: true, at_once: MANY }, KEPT),
];

/// One load of one round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    /// Bytes, or requests, in a second; or seconds of a round trip, in the median.
    pub(super) value: f64,
    /// Of the page: seconds that 99 of 100 requests took at most.
    pub(super) p99: Option<f64>,
}

/// The value below which this part, 0 to 100, of all is.
pub(super) fn percentile(times: &[Duration], part: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * part / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, Duration::as_secs_f64)
}

#[allow(clippy::cast_precision_loss)]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// One round of all loads but the page.
///
/// # Errors
/// The guest stands still, or is gone.
pub(super) fn round(peer: &mut Peer) -> Result<Vec<Sample>> {
    let sample = |name: &str, value| Sample { name: name.to_owned(), value, p99: None };
    let trips = |name: &str, each: &[Duration]| sample(name, percentile(each, 50));
    Ok(vec![
        sample("tcp_out", rate(BULK, peer.takes(BULK)?)),
        sample("tcp_in", rate(BULK, peer.sends(BULK)?)),
        trips("icmp", &peer.echoes(TRIPS)?),
        trips("udp", &peer.datagrams(TRIPS)?),
        trips("tcp", &peer.bytes(TRIPS)?),
    ])
}

/// One round of requests for the page at these ports.
///
/// # Errors
/// A request is not answered.
pub(super) fn pages(ports: Page) -> Result<Vec<Sample>> {
    let one = |(name, way, count): &(&str, Way, usize)| {
        let served = page::requests(ports, *way, count / way.at_once)?;
        let value = rate(served.each.len(), served.took);
        Ok(Sample { name: (*name).to_owned(), value, p99: Some(percentile(&served.each, 99)) })
    };
    PAGES.iter().map(one).collect()
}

/// All rounds of one boot, and the end of it: what the guest does, and its pages, one list for each.
///
/// # Errors
/// As [`round`] and [`pages`].
pub(super) fn boot(
    ports: Ports,
    pages_at: &[Page],
    rounds: usize,
) -> Result<(Vec<Sample>, Vec<Vec<Sample>>)> {
    let mut peer = Peer::connect(ports)?;
    let (mut samples, mut served) = (Vec::new(), vec![Vec::new(); pages_at.len()]);
    for _ in 0..rounds {
        samples.extend(round(&mut peer)?);
        for (ports, served) in pages_at.iter().zip(&mut served) {
            served.extend(pages(*ports)?);
        }
    }
    peer.end()?;
    Ok((samples, served))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_percentiles() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_secs).collect();
        assert_eq!([50, 99, 100].map(|part| percentile(&times, part)), [101.0, 199.0, 200.0]);
        assert_eq!(percentile(&[], 50), 0.0);
        assert_eq!(rate(10, Duration::from_secs(4)), 2.5);
    }
}
