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
/// Service ids of the clients at rings.
const DISK_CLIENT: u32 = 84;
const NET_CLIENT: u32 = 85;
/// Looks, a millisecond apart, until no call is under way any more.
const LOOKS: u32 = 60_000;

/// Those who are killed, by kind.
#[derive(Debug)]
struct Group {
    /// The proof by whose number there are to be so many deaths of them together.
    proof: &'static str,
    victims: Vec<Victim>,
    /// How many deaths there are to be.
    deaths: u32,
    /// How many were seen to be as they must, or what went wrong first.
    seen: Check,
}

impl Group {
    fn new(proof: &'static str, victims: impl Into<Vec<Victim>>) -> Result<Group, StartError> {
        let deaths = must_prove(startup().block().service_id, proof)?;
        Ok(Group { proof, victims: victims.into(), deaths, seen: Ok(0) })
    }

    /// Drivers, with the loads that ask them; clients at their rings; and all others that can die.
    fn all() -> Result<[Group; 3], StartError> {
        let drivers = [
            Victim::new(ids::RNGD, "rngd", true).with(&[BYTES]),
            Victim::new(ids::VIRTIOBLKD, "virtioblkd", true).with(&[MESSAGES, RING]),
            Victim::new(ids::VIRTIONETD, "virtionetd", true).with(&[FRAMES]),
        ];
        let clients = [
            Victim::client(DISK_CLIENT, "kills-disk", ids::VIRTIOBLKD, RING),
            Victim::client(NET_CLIENT, "kills-net", ids::VIRTIONETD, FRAMES),
        ];
        let others = [
            Victim::new(ids::RTCD, "rtcd", true),
            Victim::new(ids::CONSOLED, "consoled", true),
            Victim::new(ids::POWERD, "powerd", true),
            Victim::new(ids::POLICYD, "policyd", false),
            Victim::new(ids::LOGD, "logd", false),
        ];
        Ok([
            Group::new("drivers-killed", drivers)?,
            Group::new("clients-killed", clients)?,
            Group::new("others-killed", others)?,
        ])
    }

    /// The one with the fewest deaths, and how many these are.
    fn next(&self) -> (usize, u32) {
        let deaths = self.victims.iter().map(|victim| victim.deaths).enumerate();
        deaths.min_by_key(|(_, deaths)| *deaths).unwrap_or_default()
    }

    /// How far it is, in thousandths: 1,000 and more when each has died as often as it is to.
    fn progress(&self) -> u64 {
        let (_, least) = self.next();
        let each = u64::from(self.deaths).div_ceil(self.victims.len().max(1) as u64);
        (u64::from(least) * 1000).checked_div(each).unwrap_or(1000)
    }
}

/// How much was checked, or what went wrong first, in other respects.
#[derive(Debug)]
struct Seen {
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
    groups: [Group; 3],
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
        let seed = start.block().nonce;
        let reports = Reports::begin(start.serve()?, PRIORITY)?;
        Ok(Keeper {
            facts: Facts::new(host),
            budgets: Budgets::new()?,
            waiter: Waiter::new()?,
            killer: Killer::new(seed, Arc::clone(&reports))?,
            journal: Journal::new()?,
            rtcd: start.client(ids::RTCD)?,
            consoled: start.client(ids::CONSOLED)?,
            policyd: start.client(ids::POLICYD)?,
            reports,
            groups: Group::all()?,
            before: None,
            seen: Seen { recorded: Ok(0), comes_back: Ok(0) },
        })
    }

    /// Kills as often as it is to, and ends the machine.
    ///
    /// # Errors
    /// Why the machine goes on.
    pub fn run(mut self) -> Result<Infallible, Failed> {
        // Each once: from then on nothing must grow.
        for group in 0..self.groups.len() {
            for at in 0..self.groups[group].victims.len() {
                self.kill(group, at);
            }
        }
        while let Some(group) = self.next_group().filter(|_| self.is_well()) {
            let (at, _) = self.groups[group].next();
            self.kill(group, at);
        }
        self.end()
    }

    /// The group that is least far, unless all have died as often as they are to.
    fn next_group(&self) -> Option<usize> {
        let progress = self.groups.iter().map(Group::progress).enumerate();
        progress.min_by_key(|(_, done)| *done).filter(|(_, done)| *done < 1000).map(|(at, _)| at)
    }

    fn is_well(&self) -> bool {
        let Seen { recorded, comes_back } = &self.seen;
        let seen = self.groups.iter().map(|group| &group.seen);
        seen.chain([recorded, comes_back]).all(Check::is_ok)
            && self.reports.all().all(|(_, load)| load.wrong == 0 && load.late == 0)
    }

    /// Kills one, and looks around when it is back.
    fn kill(&mut self, group: usize, at: usize) {
        let Some(victim) = self.groups[group].victims.get_mut(at) else { return };
        let id = victim.id;
        let killed = self.killer.kill(victim);
        let deaths = *killed.as_ref().unwrap_or(&0);
        let check = killed.and_then(|deaths| self.answers(id).map(|()| deaths));
        note(&mut self.groups[group].seen, check);
        let lives = Lives { ended: deaths, begun: deaths };
        let recorded = self.journal.news(id).and_then(|news| {
            let why = || format!("of {lives:?} of service {id} the ledger has {news:?}");
            (news == lives).then_some(deaths).ok_or_else(why)
        });
        note(&mut self.seen.recorded, recorded);
        self.look_around();
    }

    fn victims(&self) -> impl Iterator<Item = &Victim> {
        self.groups.iter().flat_map(|group| &group.victims)
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
        if self.victims().any(|victim| victim.deaths == 0) {
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
        for victim in self.victims() {
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
        let Keeper { ref mut facts, ref seen, ref groups, .. } = self;
        for group in groups {
            facts.tell(group.proof, &group.seen)?;
        }
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
