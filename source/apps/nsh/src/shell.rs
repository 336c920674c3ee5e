//! The shell: reads a line, asks, shows.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use nexus_abi::Rights;
use nexus_proto::init::{Readiness, ServiceInfo};
use nexus_proto::net::Direction;
use nexus_proto::policy::NO_RULE;
use nexus_proto::state::Standing;
use nexus_rt::{CallError, ns_of_ticks, ticks, uptime_ns};
use nexus_sysdesc::bounds::{MAX_OPENS, MAX_REACHES};
use nexus_words::amount::duration_at_length;

use crate::archive;
use crate::ask;
use crate::command::{Command, LogPart, parse};
use crate::complete::complete;
use crate::date::Date;
use crate::names::Names;
use crate::network::{self, Failed, Network};
use crate::order::{self, Known};
use crate::reach::Asked;
use crate::screen::{Screen, Typed};
use crate::show::{
    self, Chain, Checkpoint, LedgerRecord, Let, LogLine, May, Opened, Reached, Shared, Tried,
    Verifier, Why,
};
use crate::state::{self, Ask};
use crate::store::Store;
use crate::table::grid;
use crate::trouble::Trouble;

/// What stands before the line.
pub const PROMPT: &str = "nexus> ";
/// Milliseconds that the owners have to become ready before the prompt appears without them.
const READY_MS: u64 = 2000;
/// Milliseconds between two looks at them.
const LOOK_MS: u64 = 5;
/// Milliseconds that the archive has for the end of the ledger before power goes.
const ARCHIVE_MS: u64 = 10_000;
/// Times that a ledger is read again that does not fit.
const LEDGER_AGAIN: usize = 2;
/// Milliseconds between two looks at the log while it is followed.
const FOLLOW_MS: u64 = 200;
/// Keys that end that: Ctrl-C, Ctrl-D, q.
pub(crate) const ENDS: [u8; 3] = [0x03, 0x04, b'q'];
/// What `try` asks for.
const WINDOW: Rights = Rights::MAP.union(Rights::READ).union(Rights::WRITE);

/// The shell.
#[derive(Debug)]
pub struct Shell {
    screen: Screen,
    names: Names,
    /// The ledger as it was when it was last shown.
    seen: Option<Checkpoint>,
    store: Store,
    network: Network,
}

impl Shell {
    /// A shell on `screen`.
    #[must_use]
    pub fn new(screen: Screen) -> Shell {
        let (names, store, network) = (Names::default(), Store::default(), Network::default());
        Shell { screen, names, seen: None, store, network }
    }

    /// Welcomes, and does what is typed, until consoled is gone.
    ///
    /// # Errors
    /// What became of consoled.
    pub fn run(&mut self) -> Result<(), CallError> {
        let ready = self.wait_for_owners();
        self.screen.print(&show::welcome(env!("CARGO_PKG_VERSION"), ready.as_ref()));
        self.names = ask::names();
        loop {
            match self.screen.read()? {
                Typed::Line(line) if line.trim().is_empty() => {}
                Typed::Line(line) => {
                    self.names = ask::names();
                    self.line(&line);
                }
                Typed::Tab(text, cursor) => self.tab(&text, cursor),
                Typed::Interrupt => {}
                Typed::EndOfInput => self.screen.print("`poweroff` turns the machine off\n"),
            }
        }
    }

    fn wait_for_owners(&self) -> Option<Readiness> {
        let mut ready = None;
        for _ in 0..READY_MS / LOOK_MS {
            ready = ask::ready().ok();
            let wait =
                ready.is_some_and(|ready| ready.owners_ready + ready.owners_lost < ready.owners);
            if !wait {
                break;
            }
            self.screen.pause(LOOK_MS);
        }
        ready
    }

    fn tab(&mut self, text: &str, cursor: usize) {
        let (names, store) = (&self.names, &mut self.store);
        let completion = complete(text, cursor, names, |word| state::begun(word, store, names));
        if completion.candidates.len() > 1 {
            let words: Vec<&str> = completion.candidates.iter().map(String::as_str).collect();
            self.screen.print(&grid(&words));
        }
        if !completion.insert.is_empty() {
            self.screen.insert(&completion.insert);
        }
    }

    fn line(&mut self, line: &str) {
        let command = match parse(line, &self.names) {
            Ok(None) => return,
            Ok(Some(command)) => command,
            Err(text) => return self.screen.print(&format!("{text}\n")),
        };
        let shown = match command {
            Command::Log(part) => self.log(part),
            Command::State(ask) => self.state(&ask),
            Command::Ping(host) => self.outside(&host, network::ping),
            Command::Fetch(url) => self.outside(&url, network::fetch),
            Command::Resolve(host) => self.outside(&host, network::resolve_host),
            Command::PowerOff => self.end("Turning the machine off.\n", ask::power_off),
            Command::Reboot => self.end("Starting the machine anew.\n", ask::reboot),
            command => self.answer(&command).map(|text| self.screen.print(&text)),
        };
        if let Err(trouble) = shown {
            self.screen.print(&format!("{}\n", trouble.text(&self.names)));
        }
    }

    /// Does a command that is answered with text.
    fn answer(&mut self, command: &Command) -> Result<String, Trouble> {
        let names = &self.names;
        Ok(match *command {
            Command::Help(None) => show::help(),
            Command::Help(Some(spec)) => show::help_one(spec),
            Command::Devices => {
                show::devices(&ask::board()?, &ask::owners().unwrap_or_default(), names)
            }
            Command::Owners => show::owners(&ask::owners()?, names),
            Command::Irqs => show::irqs(&ask::irqs()?, names),
            Command::Dma => show::dma(&ask::dma()?, names),
            Command::Caps(service) => {
                let servers = ask::servers(&ask::services()?);
                let owners = ask::owners().unwrap_or_default();
                show::caps(service, &ask::caps(service)?, &servers, &owners, names)
            }
            Command::Ledger(count) => self.ledger(count)?,
            Command::Past(past) => archive::answer(past, &mut self.store, names),
            Command::Why(service, device) => {
                let answer = ask::explain(service, device)?;
                let known = Known::ask();
                // None where there is no rule.
                let reason = ask::reason(answer.rule).ok();
                let (reason, stands, now) = (reason.as_deref(), known.find(device), ticks());
                show::why(&Why { service, device, answer: &answer, reason, stands, now }, names)
            }
            Command::Permit(service, permission) => {
                let answer = ask::permit(service, permission)?;
                // None where nothing permits it.
                let line = ask::rule_text(answer.line).ok();
                let line = line.zip(ask::reason(answer.line).ok());
                show::permit(&May { service, permission, epoch: answer.epoch, line }, names)
            }
            Command::Ring(service, driver) => {
                let answer = ask::ring(service, driver)?;
                // None where nothing allows it.
                let line = ask::rule_text(answer.line).ok();
                let line = line.zip(ask::reason(answer.line).ok());
                show::ring(&Shared { service, driver, epoch: answer.epoch, line }, names)
                    + &state(service, driver, names)?
            }
            Command::Reach(asked) => reach(&asked, false, names)? + &reach(&asked, true, names)?,
            Command::Try(service, device) => {
                let answer = ask::try_grant(service, device, WINDOW.bits())?;
                show::tried(&Tried { service, device, answer: &answer }, names)
            }
            Command::Stands(service) => order::stands(service, names)?,
            Command::Services => show::services(&ask::lives()?, ticks(), names),
            Command::Order(what, service) => order::order(what, service, &self.screen, names)?,
            Command::Ps => {
                let services = ask::services()?;
                let with_stat = |info: ServiceInfo| (info, ask::stat(info.service.id).ok());
                show::ps(&services.iter().map(|info| with_stat(*info)).collect::<Vec<_>>())
            }
            Command::Times => show::times(&ask::priorities()?, &ask::services()?),
            Command::Mem => show::mem(&ask::mem()?),
            Command::Disk => show::disk(&ask::disk()?, &ask::disk_stats()?),
            Command::DiskRead(sector) => match ask::disk()?.sectors {
                sectors if sector >= sectors => show::no_sector(sector, sectors),
                _ => show::sector(&ask::disk_sector(sector)?),
            },
            Command::Net => {
                let [input, output] = [ask::frames(Direction::In)?, ask::frames(Direction::Out)?];
                show::net(&ask::card()?, &input, &output, names)
            }
            Command::Ip => {
                let (addresses, servers) = (ask::network_addresses()?, ask::network_servers()?);
                show::ip(&ask::network()?, &addresses, &servers, &ask::network_stats()?)
            }
            Command::Sockets => show::sockets(&ask::sockets()?, &ask::network_stats()?, names),
            Command::Date => format!("{}\n", Date::of(ask::now()?.unix_ns)),
            Command::Random(count) => show::random(&ask::random(count)?),
            Command::Uptime => {
                format!("up {}\n", duration_at_length(Duration::from_nanos(uptime_ns())))
            }
            Command::Log(_)
            | Command::State(_)
            | Command::Ping(_)
            | Command::Resolve(_)
            | Command::Fetch(_)
            | Command::PowerOff
            | Command::Reboot => String::new(),
        })
    }

    /// Reads the ledger from the first record on, and keeps the last `count`.
    fn read_ledger(&self, count: usize) -> Result<(Verifier, VecDeque<LedgerRecord>), Trouble> {
        let mut verifier = Verifier::new(self.seen);
        let mut last = VecDeque::new();
        while let Some(record) = ask::record(verifier.next())? {
            verifier.push(&record);
            last.push_back(record);
            if last.len() > count {
                last.pop_front();
            }
        }
        Ok((verifier, last))
    }

    fn ledger(&mut self, count: usize) -> Result<String, Trouble> {
        let (mut verifier, mut last) = self.read_ledger(count)?;
        // What is folded away while it is read looks like a record too many.
        for _ in 0..LEDGER_AGAIN {
            if !matches!(verifier.chain(), Chain::Broken(_)) {
                break;
            }
            (verifier, last) = self.read_ledger(count)?;
        }
        if let Chain::Whole(at) = verifier.chain() {
            self.seen = Some(at);
        }
        let since = ask::now()
            .ok()
            .map(|now| Date::of(now.unix_ns.saturating_sub(ns_of_ticks(now.ticks))).to_string());
        Ok(show::ledger(last.iter(), &verifier, since.as_deref(), &self.names))
    }

    fn state(&mut self, ask: &Ask) -> Result<(), Trouble> {
        if ask.is_about_the_store() {
            self.screen.print(&show::store(&ask::store()?));
        }
        if let Err(why) = state::answer(ask, &mut self.store, &self.screen, &self.names) {
            self.screen.print(&show::refused(&why, &ask.place(), &self.names));
        }
        Ok(())
    }

    /// Does something with what is outside, and shows what comes of it.
    fn outside<T: ToString>(
        &mut self,
        what: &T,
        act: fn(&T, &mut Network, &Screen) -> Result<(), Failed>,
    ) -> Result<(), Trouble> {
        if let Err(why) = act(what, &mut self.network, &self.screen) {
            self.screen.print(&show::failed(&why, &what.to_string(), &self.names));
        }
        Ok(())
    }

    fn log(&self, part: LogPart) -> Result<(), Trouble> {
        let wanted = |line: &LogLine| part.service.is_none_or(|id| line.info.sender.id == id);
        let mut next = 0;
        let mut last = VecDeque::new();
        while let Some(line) = ask::line(next)? {
            next = line.info.line + 1;
            if wanted(&line) {
                last.push_back(line);
            }
            if last.len() > part.count {
                last.pop_front();
            }
        }
        for line in &last {
            self.screen.print(&show::log_line(line, &self.names));
        }
        if !part.follow {
            if last.is_empty() {
                self.screen.print(&show::no_lines(part.service, &self.names));
            }
            return Ok(());
        }
        self.screen.print("(what is new follows; Ctrl-C or q ends)\n");
        self.follow(next, wanted)
    }

    fn follow(&self, mut next: u64, wanted: impl Fn(&LogLine) -> bool) -> Result<(), Trouble> {
        loop {
            while let Some(line) = ask::line(next)? {
                next = line.info.line + 1;
                if wanted(&line) {
                    self.screen.print(&show::log_line(&line, &self.names));
                }
            }
            match self.screen.key(FOLLOW_MS) {
                Ok(Some(key)) if ENDS.contains(&key) => return Ok(()),
                Ok(_) => {}
                Err(_) => return Ok(()),
            }
        }
    }

    fn end(&mut self, text: &str, how: fn() -> Result<(), Trouble>) -> Result<(), Trouble> {
        self.screen.print(text);
        if !self.archive_is_through() {
            self.screen.print("The archive has not all of the ledger of this boot.\n");
        }
        how()
    }

    /// Lets the archive come to the end of the ledger, for a while: what it has not kept when power goes is lost. False
    /// when it has not all of it then; where there is none to ask, there is nothing to wait for.
    fn archive_is_through(&mut self) -> bool {
        for _ in 0..ARCHIVE_MS / LOOK_MS {
            let Ok(info) = ask::store() else { return true };
            let has_all = match info.standing {
                Standing::Opening => Some(false),
                Standing::Ready => {
                    ask::head().ok().and_then(|ends| archive::has_all(&ends, &mut self.store))
                }
                Standing::ReadOnly | Standing::Failed => None,
            };
            match has_all {
                Some(false) => self.screen.pause(LOOK_MS),
                Some(true) | None => return true,
            }
        }
        false
    }
}

/// What a service may do of what is asked about the network; `inward`: what others may do with it.
fn reach(asked: &Asked, inward: bool, names: &Names) -> Result<String, Trouble> {
    let first = ask::reach(asked, inward, 0)?;
    let (mut lines, mut next) = (Vec::new(), first.line);
    while next != NO_RULE && lines.len() < MAX_REACHES {
        lines.push(Let {
            line: (ask::rule_text(next)?, ask::reason(next)?),
            ports: ask::net_terms(next, false)?,
            addresses: ask::net_terms(next, true)?,
        });
        let index = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        next = ask::reach(asked, inward, index)?.line;
    }
    Ok(show::reach(&Reached { asked: *asked, inward, first, lines }, names))
}

/// What a service may open of the state of `owner`; nothing where that keeps none.
fn state(service: u32, owner: u32, names: &Names) -> Result<String, Trouble> {
    let mut opened = Vec::new();
    for index in 0.. {
        let answer = ask::state(service, owner, index)?;
        if !answer.kept || service == owner {
            return Ok(String::new());
        }
        if answer.line == NO_RULE || opened.len() == MAX_OPENS {
            return Ok(show::state(service, owner, answer.epoch, &opened, names));
        }
        let line = (ask::rule_text(answer.line)?, ask::reason(answer.line)?);
        opened.push(Opened {
            prefix: ask::state_prefix(answer.line)?,
            rights: answer.rights,
            line,
        });
    }
    Ok(String::new())
}
