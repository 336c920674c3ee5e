//! wrk: as many requests as there is time for, by few connections and by more than are served at one time.

use super::program;
use super::{Page, Seen};
use anyhow::{Context, Result, ensure};

/// How many connections, and how many of them are served at one time (RFC-0007, NP10).
const CONNECTIONS: [u32; 3] = [1, 8, 32];
const SERVED: u32 = 8;
/// Seconds that each load lasts.
const LASTS: u64 = 4;
/// So often in a second one gives way at most, to whoever has waited for a quarter of it (NP10).
const GIVE_WAY: u64 = 4;
/// Answers that there must be of each at least: else there was no load.
const ANSWERS: u64 = 200;

/// What wrk says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    answers: u64,
    /// Answers that are no success.
    other: u64,
    /// Connections that could not be made, broke off while they were read or written, or were silent for too long.
    connect: u64,
    read: u64,
    write: u64,
    timeout: u64,
}

/// A moment of the heaviest load, so that what comes later is not the first of its kind.
pub(super) fn warms(page: Page) -> Result<()> {
    load(page, 32, 1).map(drop)
}

/// Each load.
pub(super) fn loads(page: Page, seen: &mut Seen) -> Result<()> {
    for connections in CONNECTIONS {
        let told = load(page, connections, LASTS)?;
        seen.take(format!("wrk with {connections} connections"), judged(told, connections));
        let Told { answers, read, timeout, .. } = told;
        seen.notes
            .push(format!("wrk {connections}: {answers} answers, {} cut off", read + timeout));
    }
    Ok(())
}

fn load(page: Page, connections: u32, seconds: u64) -> Result<Told> {
    let connections = connections.to_string();
    let url = page.url("/alive");
    let lasts = format!("{seconds}s");
    let arguments = ["-t", "1", "-c", &connections, "-d", &lasts, "--timeout", "10s", &url];
    let said = program::run("wrk", &arguments, b"")?;
    ensure!(said.status.success(), "wrk ends with {}: {}", said.status, said.err.trim());
    told(&String::from_utf8_lossy(&said.out))
}

/// What is wrong. Where there are more connections than are served, one that has not got on for longest gives way.
fn judged(told: Told, connections: u32) -> Result<()> {
    let Told { answers, other, connect, read, write, timeout } = told;
    ensure!(answers >= ANSWERS, "{answers} answers are no load");
    ensure!(other == 0, "{other} answers are no success");
    // One more second: the load has an end, at which some are in the midst of it.
    let may_give_way = if connections > SERVED { GIVE_WAY * (LASTS + 1) } else { 0 };
    let wrong = connect + write > 0 || read + timeout > may_give_way;
    ensure!(!wrong, "connections go wrong: {told:?}");
    Ok(())
}

fn told(text: &str) -> Result<Told> {
    let line = text.lines().find(|line| line.contains(" requests in "));
    let answers = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let mut told = Told { answers: answers.context("it tells of no requests")?, ..Told::default() };
    for line in text.lines().map(str::trim) {
        if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses: ") {
            told.other = count.parse()?;
        }
        let Some(counts) = line.strip_prefix("Socket errors: ") else { continue };
        for count in counts.split(", ") {
            let (what, count) = count.split_once(' ').context("a count without a number")?;
            let place = match what {
                "connect" => &mut told.connect,
                "read" => &mut told.read,
                "write" => &mut told.write,
                _ => &mut told.timeout,
            };
            *place = count.parse()?;
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_what_wrk_says() {
        let text = "Running 4s test @ http://127.0.0.1:1/alive\n  1 threads and 8 connections\n  \
                    Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency    50.00ms\n  \
                    1234 requests in 4.00s, 1.00MB read\n  \
                    Socket errors: connect 1, read 2, write 3, timeout 4\n  \
                    Non-2xx or 3xx responses: 5\nRequests/sec:    308.50\n";
        let all = Told { answers: 1234, other: 5, connect: 1, read: 2, write: 3, timeout: 4 };
        assert_eq!(told(text).unwrap(), all);
        assert!(told("unable to connect to 127.0.0.1:1 Connection refused").is_err());
    }

    #[test]
    fn test_what_is_wrong_with_a_load() {
        let good = Told { answers: ANSWERS, ..Told::default() };
        assert!(judged(good, 8).is_ok());
        let given_way = Told { read: 1, timeout: 1, ..good };
        assert!(judged(given_way, 32).is_ok() && judged(given_way, 8).is_err());
        for wrong in [
            Told { answers: ANSWERS - 1, ..good },
            Told { other: 1, ..good },
            Told { connect: 1, ..good },
            Told { write: 1, ..good },
            Told { read: 21, ..good },
        ] {
            assert!(judged(wrong, 32).is_err(), "{wrong:?}");
        }
    }
}
