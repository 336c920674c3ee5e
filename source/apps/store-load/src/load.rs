//! All loads, several times.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use nexus_mmio::{ReadWrite, SharedMemory};
use nexus_proto::disk::{Disk, DiskInfo, DiskStats, Info, Stats};
use nexus_proto::ids;
use nexus_rt::{Client, Deadline, ns_of_ticks, startup, ticks};
use nexus_state::{Expect, OWN, RingLink, Rows, State, open};
use nexus_test::{Host, SAFETY_MS, records};

use crate::gate::{Gate, Work};
use crate::keys::{Numbers, VALUE, key};
use crate::size::Size;
use crate::{CLIENTS, Failed};

/// Puts between two syncs while the store is filled, and in the load of that name.
const FILLED: u64 = 1000;
const HUNDRED: u64 = 100;
/// Rows of a page, at most: the ring has room for some 430.
const ROWS: u32 = 1024;

/// Measures everything, tells the host, and ends the machine.
///
/// # Errors
/// Why the machine goes on.
pub fn run() -> Result<Infallible, Failed> {
    let host = Host::new()?;
    let (passed, failed) = match measured(host) {
        Ok(measured) => (measured, 0),
        Err(failed) => {
            host.console.line(&format!("store-load: {failed:?}"))?;
            (0, 1)
        }
    };
    Ok(host.end(passed, failed)?)
}

/// How many figures were told.
fn measured(host: Host) -> Result<u32, Failed> {
    host.wait_for_owners()?;
    let disk: Client<Disk> = startup().client(ids::VIRTIOBLKD)?;
    let DiskInfo { sectors, .. } = disk.call(&Info {}, Deadline::after_ms(SAFETY_MS))?;
    let (mut state, gate) = (open()?, Gate::new()?);
    // Once that is answered, the store is open.
    state.usage(OWN)?;
    let (size, numbers) = (Size::of(sectors), Numbers::new(1));
    let mut suite = Suite { host, disk, state, gate, size, numbers, told: 0 };
    suite.run()?;
    Ok(suite.told)
}

/// What is measured on.
struct Suite {
    host: Host,
    disk: Client<Disk>,
    state: State<RingLink, SharedMemory<ReadWrite>>,
    gate: Gate,
    size: Size,
    numbers: Numbers,
    /// Figures that were told.
    told: u32,
}

impl Suite {
    fn run(&mut self) -> Result<(), Failed> {
        self.measure("fill", Suite::fill)?;
        for _ in 0..self.size.rounds {
            self.measure("put_sync_1", Suite::put_and_sync)?;
            self.put_by_all()?;
            self.measure("put_100_sync", Suite::put_hundreds)?;
            self.measure("get", Suite::get)?;
            self.measure("scan", Suite::scan)?;
        }
        Ok(())
    }

    /// The time that a load takes, which returns how many operations it made.
    fn measure(
        &mut self,
        name: &str,
        load: impl FnOnce(&mut Suite) -> Result<u64, Failed>,
    ) -> Result<(), Failed> {
        let before = self.flushes()?;
        let start = ticks();
        let operations = load(self)?;
        let took = ns_of_ticks(ticks().saturating_sub(start));
        let flushes = u64::from(self.flushes()?.wrapping_sub(before));
        self.host.record(&records::store_load(name, operations, took, flushes))?;
        self.told += 1;
        Ok(())
    }

    fn flushes(&self) -> Result<u32, Failed> {
        let DiskStats { flushes, .. } = self.disk.call(&Stats {}, Deadline::after_ms(SAFETY_MS))?;
        Ok(flushes)
    }

    fn fill(&mut self) -> Result<u64, Failed> {
        for first in (0..self.size.keys).step_by(FILLED as usize) {
            let numbers = first..self.size.keys.min(first + FILLED);
            self.put_each(numbers.map(key).collect())?;
        }
        Ok(self.size.keys)
    }

    /// Puts new values under these, and syncs once.
    fn put_each(&mut self, keys: Vec<String>) -> Result<(), Failed> {
        let values: Vec<[u8; VALUE]> = keys.iter().map(|_| self.numbers.value()).collect();
        let pairs = keys.iter().zip(&values).map(|(key, value)| (key.as_str(), value.as_slice()));
        let pairs: Vec<(&str, &[u8])> = pairs.collect();
        for put in self.state.put_each(OWN, &pairs)? {
            put?;
        }
        Ok(self.state.sync()?)
    }

    fn put_and_sync(&mut self) -> Result<u64, Failed> {
        for _ in 0..self.size.puts {
            let key = key(self.numbers.below(self.size.keys));
            self.state.put_sync(&key, &self.numbers.value(), Expect::Any)?;
        }
        Ok(self.size.puts)
    }

    /// Eight others, at the same time.
    fn put_by_all(&mut self) -> Result<(), Failed> {
        self.gather()?;
        let (keys, seed, puts) = (self.size.keys, self.numbers.next(), self.size.puts_of_each);
        self.measure("put_sync_8", |suite| {
            suite.gate.open(Work { puts, keys, seed })?;
            suite.gather()?;
            Ok(puts * CLIENTS as u64)
        })
    }

    fn gather(&mut self) -> Result<(), Failed> {
        if self.gate.gather()? { Ok(()) } else { Err(Failed::Wrong("a client's put")) }
    }

    fn put_hundreds(&mut self) -> Result<u64, Failed> {
        for _ in 0..self.size.hundreds {
            let keys = (0..HUNDRED).map(|_| key(self.numbers.below(self.size.keys))).collect();
            self.put_each(keys)?;
        }
        Ok(self.size.hundreds * HUNDRED)
    }

    fn get(&mut self) -> Result<u64, Failed> {
        for _ in 0..self.size.gets {
            let key = key(self.numbers.below(self.size.keys));
            let value =
                self.state.get(OWN, &key)?.ok_or(Failed::Wrong("a key that is not there"))?;
            if value.bytes.len() != VALUE {
                return Err(Failed::Wrong("a value"));
            }
        }
        Ok(self.size.gets)
    }

    /// All rows in order, each looked at where it lies, as SQLite shows them.
    fn scan(&mut self) -> Result<u64, Failed> {
        let (mut rows, mut page, mut last) = (0, Rows::default(), None::<String>);
        loop {
            page = self.state.rows(OWN, "", last.as_deref(), ROWS, true, page)?;
            let mut behind = None;
            for row in page.iter() {
                let row = row?;
                if row.value.len() != VALUE {
                    return Err(Failed::Wrong("a row's value"));
                }
                rows += 1;
                behind = Some(row.key);
            }
            if !page.more() {
                break;
            }
            let behind = core::str::from_utf8(behind.unwrap_or_default());
            last = Some(behind.map_err(|_| Failed::Wrong("a key"))?.into());
        }
        if rows == self.size.keys {
            Ok(rows)
        } else {
            Err(Failed::Wrong("how many rows there are"))
        }
    }
}
