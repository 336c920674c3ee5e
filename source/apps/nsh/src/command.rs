//! What a line asks for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::disk::SECTOR;
use nexus_sysdesc::Permission;

use crate::names::Names;
use crate::past::{Options, Past};
use crate::reach::{self, Asked};
use crate::specs::{Arg, Spec, spec, unknown_command};
use crate::state::{self, Ask};
use crate::suggest::suggest;
use crate::url::{Host, Url};

/// Records or lines that are shown when nobody says how many.
pub const SHOWN: usize = 20;

/// Random bytes that are shown when nobody says how many.
pub const RANDOM_SHOWN: usize = 16;
/// Most random bytes that are shown.
pub const RANDOM_MOST: usize = 256;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The list, or one command.
    Help(Option<&'static Spec>),
    /// The tree.
    Devices,
    /// Who holds what.
    Owners,
    /// Interrupt lines.
    Irqs,
    /// Devices that reach memory by themselves.
    Dma,
    /// Capabilities of a service.
    Caps(u32),
    /// So many records.
    Ledger(usize),
    /// What the archive has of the boots.
    Past(Past),
    /// What policy says about a service and a device.
    Why(u32, u16),
    /// Whether a service may share memory with another, the driver.
    Ring(u32, u32),
    /// What policy says about a service and a permission.
    Permit(u32, Permission),
    /// What policy says about a service and the network.
    Reach(Asked),
    /// What happens if one asks.
    Try(u32, u16),
    /// How a service stands, and why.
    Stands(u32),
    /// Lives of the services.
    Services,
    /// Has a service ended or started.
    Order(Order, u32),
    /// What services use.
    Ps,
    /// How long each priority ran.
    Times,
    /// Memory.
    Mem,
    /// Lines.
    Log(LogPart),
    /// What the disk is, and what was done.
    Disk,
    /// What a sector holds.
    DiskRead(u64),
    /// Something of the store.
    State(Ask),
    /// The network card.
    Net,
    /// How the network stands.
    Ip,
    /// The sockets that there are.
    Sockets,
    /// Echoes.
    Ping(Host),
    /// Addresses of a name.
    Resolve(Host),
    /// A page.
    Fetch(Url),
    /// Wall clock.
    Date,
    /// Time since start.
    Uptime,
    /// So many random bytes.
    Random(usize),
    /// Off.
    PowerOff,
    /// Restart.
    Reboot,
}

/// What can be ordered of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Another life.
    Restart,
    /// No other life.
    Stop,
    /// The end of this life.
    Kill,
}

/// Which lines of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPart {
    /// Goes on with what is new.
    pub follow: bool,
    /// Only this service's.
    pub service: Option<u32>,
    /// At most so many.
    pub count: usize,
}

/// What a line asks for; `None` for a blank one.
///
/// # Errors
/// What is wrong with it, for the person who typed it.
pub fn parse(line: &str, names: &Names) -> Result<Option<Command>, String> {
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else { return Ok(None) };
    let spec =
        spec(if name == "?" { "help" } else { name }).ok_or_else(|| unknown_command(name))?;
    if spec.name == "state" {
        return state::parse(line, spec, names).map(|ask| Some(Command::State(ask)));
    }
    let args: Vec<&str> = words.collect();
    let too_many = || format!("{name}: too many words; usage: {}", spec.usage);
    if args.len() > spec.args.len() {
        return Err(too_many());
    }
    Ok(Some(match (spec.name, args.as_slice()) {
        ("help", []) => Command::Help(None),
        ("help", [about, ..]) => {
            Command::Help(Some(self::spec(about).ok_or_else(|| unknown_command(about))?))
        }
        ("devices", _) => Command::Devices,
        ("owners", _) => Command::Owners,
        ("irqs", _) => Command::Irqs,
        ("dma", _) => Command::Dma,
        ("caps", args) => Command::Caps(service(spec, args.first(), names)?),
        ("ledger", args) => ledger(spec, args, names)?,
        ("why", [who, "net", protocol, rest @ ..]) => {
            Command::Reach(reach::parse(service(spec, Some(who), names)?, protocol, rest)?)
        }
        ("why", [_, _, _, ..]) => return Err(too_many()),
        ("why", args) => {
            let service = service(spec, args.first(), names)?;
            let what = args.get(1);
            match (what, permission(what, names), peer(what, names)) {
                (None, ..) => Command::Stands(service),
                (_, Some(permission), _) => Command::Permit(service, permission),
                (_, None, Some(driver)) => Command::Ring(service, driver),
                (_, None, None) => Command::Why(service, device(spec, what, names)?),
            }
        }
        ("try", args) => {
            let service = service(spec, args.first(), names)?;
            Command::Try(service, device(spec, args.get(1), names)?)
        }
        ("services", _) => Command::Services,
        ("restart", args) => Command::Order(Order::Restart, service(spec, args.first(), names)?),
        ("stop", args) => Command::Order(Order::Stop, service(spec, args.first(), names)?),
        ("kill", args) => Command::Order(Order::Kill, service(spec, args.first(), names)?),
        ("ps", _) => Command::Ps,
        ("times", _) => Command::Times,
        ("mem", _) => Command::Mem,
        ("log", args) => Command::Log(log_part(spec, args, names)?),
        ("disk", []) => Command::Disk,
        ("disk", ["read", rest @ ..]) => Command::DiskRead(sector(spec, rest.first())?),
        ("disk", [other, ..]) => {
            return Err(format!("disk: `{other}` is not `read`; usage: {}", spec.usage));
        }
        ("net", _) => Command::Net,
        ("ip", _) => Command::Ip,
        ("sockets", _) => Command::Sockets,
        ("ping", args) => Command::Ping(outside(spec, args.first(), "host", Host::parse)?),
        ("resolve", args) => Command::Resolve(outside(spec, args.first(), "name", Host::parse)?),
        ("fetch", args) => Command::Fetch(outside(spec, args.first(), "page", Url::parse)?),
        ("date", _) => Command::Date,
        ("uptime", _) => Command::Uptime,
        ("random", args) => Command::Random(bytes(spec, args.first())?),
        ("poweroff", _) => Command::PowerOff,
        ("reboot", _) => Command::Reboot,
        _ => return Err(unknown_command(name)),
    }))
}

fn ledger(spec: &Spec, words: &[&str], names: &Names) -> Result<Command, String> {
    let wrong = |what| format!("ledger: {what}; usage: {}", spec.usage);
    let Some(options) = Options::of(words).map_err(wrong)? else {
        if words.len() > 1 {
            return Err(format!("ledger: too many words; usage: {}", spec.usage));
        }
        return Ok(Command::Ledger(how_many(spec, words.first())?));
    };
    let count = how_many(spec, options.count.as_ref())?;
    options.past(count, names).map(Command::Past).map_err(wrong)
}

fn service(spec: &Spec, word: Option<&&str>, names: &Names) -> Result<u32, String> {
    let word = word.ok_or_else(|| missing(spec, "service", names.service_names()))?;
    names.find_service(word).ok_or_else(|| unknown("service", word, names.service_names()))
}

fn device(spec: &Spec, word: Option<&&str>, names: &Names) -> Result<u16, String> {
    let all = spec.args.contains(&Arg::Ruled);
    let what = if all { "device, permission or service" } else { "device" };
    let known = || {
        let others = permission_names().chain(names.service_names()).filter(|_| all);
        names.device_names().chain(others)
    };
    let word = word.ok_or_else(|| missing(spec, what, known()))?;
    names.find_device(word).ok_or_else(|| unknown(what, word, known()))
}

/// What is outside this machine.
fn outside<T>(
    spec: &Spec,
    word: Option<&&str>,
    what: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, String> {
    let word = word.ok_or_else(|| format!("{}: which {what}? usage: {}", spec.name, spec.usage))?;
    parse(word).map_err(|why| format!("{}: {why}", spec.name))
}

/// The permission that somebody typed, unless a device has that name.
fn permission(word: Option<&&str>, names: &Names) -> Option<Permission> {
    let word = word.filter(|word| names.find_device(word).is_none())?;
    Permission::ALL.into_iter().find(|permission| permission.name() == *word)
}

/// The service that somebody typed by its name, unless a device or a permission has that name.
fn peer(word: Option<&&str>, names: &Names) -> Option<u32> {
    let word = word.filter(|word| names.find_device(word).is_none() && !is_number(word))?;
    names.find_service(word)
}

/// Names of the permissions.
pub(crate) fn permission_names<'a>() -> impl Iterator<Item = &'a str> {
    Permission::ALL.into_iter().map(|permission| -> &'a str { permission.name() })
}

fn how_many(spec: &Spec, word: Option<&&str>) -> Result<usize, String> {
    match word {
        None => Ok(SHOWN),
        Some(&"all") => Ok(usize::MAX),
        Some(word) if is_number(word) => match word.parse() {
            Ok(0) => Err(format!("{}: 0 shows nothing; say a number from 1, or `all`", spec.name)),
            Ok(number) => Ok(number),
            // More than there can be.
            Err(_) => Ok(usize::MAX),
        },
        Some(word) => Err(format!("{}: `{word}` is no number; usage: {}", spec.name, spec.usage)),
    }
}

/// The number of a sector whose bytes have numbers, too.
fn sector(spec: &Spec, word: Option<&&str>) -> Result<u64, String> {
    let word = word.ok_or_else(|| format!("disk: which sector? usage: {}", spec.usage))?;
    let number = word.parse().ok().filter(|number| is_number(word) && *number <= u64::MAX / SECTOR);
    number.ok_or_else(|| format!("disk: `{word}` is no number of a sector; usage: {}", spec.usage))
}

/// How many random bytes.
fn bytes(spec: &Spec, word: Option<&&str>) -> Result<usize, String> {
    let Some(word) = word else { return Ok(RANDOM_SHOWN) };
    let number = word.parse().ok().filter(|number| (1..=RANDOM_MOST).contains(number));
    number
        .filter(|_| is_number(word))
        .ok_or_else(|| format!("random: `{word}` is not 1 to {RANDOM_MOST}; usage: {}", spec.usage))
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn log_part(spec: &Spec, words: &[&str], names: &Names) -> Result<LogPart, String> {
    let mut part = LogPart { follow: false, service: None, count: SHOWN };
    for word in words {
        let is_count = *word == "all" || is_number(word);
        match *word {
            "-f" => part.follow = true,
            _ if is_count => part.count = how_many(spec, Some(word))?,
            _ => part.service = Some(service(spec, Some(word), names)?),
        }
    }
    Ok(part)
}

fn missing<'a>(spec: &Spec, what: &str, known: impl Iterator<Item = &'a str>) -> String {
    format!("{}: which {what}? {}\nusage: {}", spec.name, list(known), spec.usage)
}

fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match suggest(word, known.iter().copied()) {
        Some(meant) => format!("no {what} `{word}`; did you mean `{meant}`?"),
        None => format!("no {what} `{word}`; there are: {}", list(known.into_iter())),
    }
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    if words.is_empty() {
        "(none known: init does not answer)".to_string()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
