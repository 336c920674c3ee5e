//! The keeper: kills, and looks around.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;

use nexus_abi::Role;
use nexus_proto::Text;
use nexus_proto::console::{Console, Write};
use nexus_proto::ids;
use nexus_proto::init::MemInfo;
use nexus_proto::policy::{Epoch, Policy};
use nexus_proto::rtc::{Now, Rtc};
use nexus_rt::{Client, Deadline, StartError, startup};
use nexus_sysdesc::Description;
use nexus_test::{Budgets, Check, Facts, Failed, Host, Waiter};

use crate::journal::{Journal, Lives};
use crate::report::{BYTES, FRAMES, MESSAGES, RING, Report, Reports};
use crate::tally::soon;
use crate::victim::{Killer, Victim};

/// Service id of the keeper.
pub const KEEPER: u32 = 82;
/// Its priority in the description.
const PRIORITY: u8 = 17;
/// The proof by whose number there are so many deaths of drivers, of each a third.
const DRIVERS: &str = "drivers-killed";
/// And of all others together.
const OTHERS: &str = "others-killed";
/// Looks, a millisecond apart, until no call is under way any more.
const LOOKS: u32 = 60_000;

/// How much was checked, or what went wrong first, in each respect.
#[derive(Debug)]
struct Seen {
    drivers: Check,
    others: Check,
    recorded: Check,
    comes_back: Check,
}

/// The keeper at work.
#[derive(Debug)]
pub struct Keeper {
    facts: Facts,
    budgets: Budgets,
    waiter: Waiter,
    killer: Killer,
    journal: Journal,
    rtcd: Client<Rtc>,
    consoled: Client<Console>,
    policyd: Client<Policy>,
    reports: Arc<Reports>,
    drivers: Vec<Victim>,
    others: Vec<Victim>,
    /// Deaths of each driver, and of all others together, that there are to be.
    deaths: [u32; 2],
    /// How memory was divided after the first deaths.
    before: Option<MemInfo>,
    seen: Seen,
}

impl Keeper {
    /// Waits until the system is there, and starts the load.
    ///
    /// # Errors
    /// What is missing.
    pub fn new() -> Result<Keeper, Failed> {
        let start = startup();
        let host = Host::new()?;
        host.wait_for_owners()?;
        let (own, seed) = (start.block().service_id, start.block().nonce);
        let reports = Reports::begin(start.serve()?, PRIORITY)?;
        let nothing = || Ok(0);
        let seen = Seen {
            drivers: nothing(),
            others: nothing(),
            recorded: nothing(),
            comes_back: nothing(),
        };
        let mut keeper = Keeper {
            facts: Facts::new(host),
            budgets: Budgets::new()?,
            waiter: Waiter::new()?,
            killer: Killer::new(seed, Arc::clone(&reports))?,
            journal: Journal::new()?,
            rtcd: start.client(ids::RTCD)?,
            consoled: start.client(ids::CONSOLED)?,
            policyd: start.client(ids::POLICYD)?,
            reports,
            drivers: [
                Victim::new(ids::RNGD, "rngd", true).with(&[BYTES]),
                Victim::new(ids::VIRTIOBLKD, "virtioblkd", true).with(&[MESSAGES, RING]),
                Victim::new(ids::VIRTIONETD, "virtionetd", true).with(&[FRAMES]),
            ]
            .into(),
            others: [(ids::RTCD, "rtcd"), (ids::CONSOLED, "consoled"), (ids::POWERD, "powerd")]
                .map(|(id, name)| Victim::new(id, name, true))
                .into(),
            deaths: [must_prove(own, DRIVERS)?.div_ceil(3), must_prove(own, OTHERS)?],
            before: None,
            seen,
        };
        let deciders = [(ids::POLICYD, "policyd"), (ids::LOGD, "logd")];
        keeper.others.extend(deciders.map(|(id, name)| Victim::new(id, name, false)));
        Ok(keeper)
    }

    /// Kills as often as it is to, and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        let [each, others] = self.deaths;
        // Each once, of all those without load: from then on nothing must grow.
        let mut killed_others = (0..self.others.len()).map(|at| self.kill(false, at)).sum::<u32>();
        let mut turn = 0;
        while let Some((at, deaths)) = self.next_driver().filter(|(_, deaths)| *deaths < each) {
            if !self.is_well() {
                break;
            }
            self.kill(true, at);
            // Spread over all of them.
            if u64::from(killed_others) * u64::from(each) < u64::from(others) * u64::from(deaths) {
                killed_others += self.kill(false, turn % self.others.len().max(1));
                turn += 1;
            }
        }
        self.end()
    }

    /// The driver with the fewest deaths, and how many these are.
    fn next_driver(&self) -> Option<(usize, u32)> {
        let deaths = self.drivers.iter().map(|victim| victim.deaths).enumerate();
        deaths.min_by_key(|(_, deaths)| *deaths)
    }

    fn is_well(&self) -> bool {
        let Seen { drivers, others, recorded, comes_back } = &self.seen;
        [drivers, others, recorded, comes_back].iter().all(|check| check.is_ok())
            && self.reports.all().all(|(_, load)| load.wrong == 0 && load.late == 0)
    }

    /// Kills one, and looks around when it is back. How many deaths that were.
    fn kill(&mut self, driver: bool, at: usize) -> u32 {
        let victims = if driver { &mut self.drivers } else { &mut self.others };
        let Some(victim) = victims.get_mut(at) else { return 0 };
        let id = victim.id;
        let killed = self.killer.kill(victim);
        let deaths = *killed.as_ref().unwrap_or(&0);
        let check = killed.and_then(|deaths| self.answers(id).map(|()| deaths));
        note(if driver { &mut self.seen.drivers } else { &mut self.seen.others }, check);
        let lives = Lives { ended: deaths, begun: deaths };
        let recorded = self.journal.news(id).and_then(|news| {
            let why = || format!("of {lives:?} of service {id} the ledger has {news:?}");
            (news == lives).then_some(deaths).ok_or_else(why)
        });
        note(&mut self.seen.recorded, recorded);
        self.look_around();
        deaths
    }

    /// Asks those who have no load.
    fn answers(&self, id: u32) -> Result<(), String> {
        let answer = match id {
            ids::RTCD => self.rtcd.call(&Now {}, soon()).map(drop),
            ids::CONSOLED => self.consoled.call(&Write { text: Text::EMPTY }, soon()),
            ids::POLICYD => self.policyd.call(&Epoch { nonce: 1 }, soon()).map(drop),
            _ => Ok(()),
        };
        answer.map_err(|error| format!("service {id} answers {error:?}"))
    }

    /// A life more takes nothing more. Once each has died, of which the first life was at the boot.
    fn look_around(&mut self) {
        if self.drivers.iter().chain(&self.others).any(|victim| victim.deaths == 0) {
            return;
        }
        let check = match self.budgets.mem() {
            Ok(mem) => {
                let before = *self.before.get_or_insert(mem);
                let why = || format!("{mem:?}, and {before:?} before");
                (mem == before).then_some(1).ok_or_else(why)
            }
            Err(error) => Err(format!("{error:?}")),
        };
        note(&mut self.seen.comes_back, check);
    }

    fn end(mut self) -> Result<Infallible, Failed> {
        let ended = self.end_load();
        let host = self.facts.host;
        // What consoled had begun to say when it died stands on a line of its own.
        host.console.line("")?;
        for victim in self.drivers.iter().chain(&self.others) {
            let [median, late, most] = victim.microseconds();
            let Victim { name, deaths, .. } = victim;
            host.console.line(&format!(
                "kills: {name}: {deaths} deaths, ready again after {median} us, {late} us, {most} us \
                 (median, 99 of 100, most)"
            ))?;
        }
        let mut kept = Ok(0);
        for (name, load) in self.reports.all() {
            let Report { done, gone, checked, wrong, .. } = load;
            let line = format!("kills: {name}: {done} answered, {gone} ended with the driver");
            host.console.line(&format!("{line}, {checked} reads as they must be"))?;
            let why = || format!("{name}: {wrong} are not as they must be");
            note(&mut kept, (wrong == 0).then_some(count(checked)).ok_or_else(why));
        }
        let Keeper { ref mut facts, ref seen, .. } = self;
        facts.tell(DRIVERS, &seen.drivers)?;
        facts.tell(OTHERS, &seen.others)?;
        facts.tell("acknowledged-kept", &kept)?;
        facts.tell("calls-end", &ended)?;
        facts.tell("lives-recorded", &seen.recorded)?;
        facts.tell("everything-comes-back", &seen.comes_back)?;
        host.witness(Deadline::NEVER)?;
        self.facts.end()
    }

    /// No call is under way any more, and none has ended by its deadline.
    fn end_load(&self) -> Check {
        self.reports.end();
        for _ in 0..LOOKS {
            if self.reports.all().all(|(_, load)| load.over) {
                break;
            }
            self.waiter.pause(1);
        }
        let mut ended = Ok(0);
        for (name, load) in self.reports.all() {
            let Report { over, late, .. } = load;
            let why = || format!("{name}: over {over}, {late} by the deadline");
            let all = count(load.done.saturating_add(load.gone));
            note(&mut ended, (over && late == 0).then_some(all).ok_or_else(why));
        }
        ended
    }
}

fn count(checks: u64) -> u32 {
    u32::try_from(checks).unwrap_or(u32::MAX)
}

/// Counts checks that came out as they must, and keeps what is wrong, if it is the first.
fn note(kept: &mut Check, check: Check) {
    if let Ok(checks) = kept {
        *kept = check.map(|more| checks.saturating_add(more));
    }
}

/// How many checks this service must prove `name` by; 0 when it has to prove nothing, as in the system in use.
fn must_prove(service: u32, name: &str) -> Result<u32, StartError> {
    let described = startup().map_memory(Role::Description)?;
    let description = Description::decode(described.bytes()).map_err(|_| StartError::BadMemory)?;
    let proofs = description.service(service).map(|service| service.must_prove.iter());
    let mut proofs = proofs.into_iter().flatten();
    Ok(proofs.find(|proof| proof.name == name).map_or(0, |proof| proof.checks))
}
