//! The commands, and what a line asks for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_proto::disk::SECTOR;
use nexus_sysdesc::Permission;

use crate::names::Names;
use crate::suggest::suggest;

/// Records or lines that are shown when nobody says how many.
pub const SHOWN: usize = 20;

/// Random bytes that are shown when nobody says how many.
pub const RANDOM_SHOWN: usize = 16;
/// Most random bytes that are shown.
pub const RANDOM_MOST: usize = 256;

/// What stands after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// Name of a service.
    Service,
    /// Name of a device.
    Device,
    /// Name of a device, or of a permission.
    Ruled,
    /// Name of a command, or nothing.
    Command,
    /// A number, `all`, or nothing.
    HowMany,
    /// Anything of `-f`, a service, a number, `all`.
    LogPart,
    /// `read`, or nothing.
    Read,
    /// Number of a sector.
    Sector,
    /// A number, or nothing.
    Bytes,
}

/// A command as `help` tells it.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// What stands after it.
    pub args: &'static [Arg],
    /// The same in words.
    pub usage: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// What else there is to know.
    pub more: &'static str,
}

macro_rules! specs {
    ($($name:literal [$($arg:ident),*] $usage:literal, $summary:literal, $more:literal;)+) => {
        /// Every command, in the order of `help`.
        pub const SPECS: &[Spec] = &[$(Spec {
            name: $name, args: &[$(Arg::$arg),*], usage: $usage, summary: $summary, more: $more,
        },)+];
    };
}

specs! {
    "help" [Command] "help [COMMAND]", "this list, or more about one command", "";
    "devices" [] "devices", "what the board has, as a tree",
        "Found by init in the device tree and the virtio slots, never by their order.";
    "owners" [] "owners", "which service holds which device, by which rule",
        "A device has one owner. One that does DMA reaches a pool of its own and no other memory, \
         whatever its owner does: `dma` shows it.";
    "irqs" [] "irqs", "the interrupt lines: owners, and what came",
        "A line has one owner, that of its device. Held back is an acknowledgement that came before \
         the interval of the rule was over: the next interrupt waits for the rest of it.";
    "dma" [] "dma", "which device reaches memory by itself, and what",
        "A device reaches its pool and nothing else. Reach is what of that it can be made to read or \
         write, by tables that nobody can change; the digest is of those. A device in quarantine did not \
         come to rest when its owner ended, and is given to nobody any more.";
    "caps" [Service] "caps SERVICE", "what a service holds, as the kernel tells it",
        "`send` is an endpoint that it may call, `recv` the one that it serves; `own` stands for \
         derive, grant, revoke and manage together.";
    "ledger" [HowMany] "ledger [N|all]", "the security record, and whether its chain holds",
        "Every decision, grant, refusal and end, in order. Each record holds the hash of the one \
         before; all of them are computed anew here. The head below is the hash of the last: init \
         tells one on the console when the machine starts, and whoever keeps one knows later that \
         nothing before it was written anew.";
    "why" [Service, Ruled] "why SERVICE WHAT",
        "allowed or denied, and by which rule",
        "WHAT is a device, a permission of the policy, or another service: may the first share memory with \
         it? Where a name is several of these, the first is meant. Asks policyd. Nothing is decided, and \
         nothing is recorded.";
    "try" [Service, Device] "try SERVICE DEVICE", "ask for a grant the proper way, on the record",
        "init asks policyd, which records its decision. Nothing is given, even if it is allowed.";
    "ps" [] "ps", "the services: state, memory, and how they ended", "";
    "mem" [] "mem", "memory and kernel objects", "";
    "log" [LogPart, LogPart, LogPart] "log [-f] [SERVICE] [N|all]", "what the services said",
        "-f goes on showing what is new, until Ctrl-C or q.";
    "disk" [Read, Sector] "disk [read SECTOR]", "what the disk is and does; or what a sector holds",
        "To read a sector needs a permission of its own (`why nsh disk`). In flight are requests that \
         the device has now. A batch is what it was given at once; of some it is not told, because it is \
         about to look anyway.";
    "net" [] "net", "the network card: link, address, counters",
        "Frames that were delivered, or that the card took; and those that were not, by reason. The card \
         hands over all frames of its network: those for another are left out.";
    "date" [] "date", "the wall clock", "";
    "uptime" [] "uptime", "time since the machine started", "";
    "random" [Bytes] "random [N]", "random bytes, 16 if nobody says how many",
        "From the generator of rngd, which its device seeds. 256 at most.";
    "poweroff" [] "poweroff", "turn the machine off", "";
    "reboot" [] "reboot", "start the machine anew", "";
}

/// What other systems call it.
const ELSEWHERE: &[(&str, &str)] = &[
    ("exit", "poweroff"),
    ("quit", "poweroff"),
    ("logout", "poweroff"),
    ("shutdown", "poweroff"),
    ("halt", "poweroff"),
    ("restart", "reboot"),
    ("ls", "devices"),
    ("lsdev", "devices"),
    ("lspci", "devices"),
    ("top", "ps"),
    ("interrupts", "irqs"),
    ("free", "mem"),
    ("dmesg", "log"),
    ("journalctl", "log"),
    ("man", "help"),
    ("audit", "ledger"),
    ("whoami", "caps nsh"),
    ("ifconfig", "net"),
    ("ip", "net"),
];

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
    /// What policy says about a service and a device.
    Why(u32, u16),
    /// Whether a service may share memory with another, the driver.
    Ring(u32, u32),
    /// What policy says about a service and a permission.
    Permit(u32, Permission),
    /// What happens if one asks.
    Try(u32, u16),
    /// Services.
    Ps,
    /// Memory.
    Mem,
    /// Lines.
    Log(LogPart),
    /// What the disk is, and what was done.
    Disk,
    /// What a sector holds.
    DiskRead(u64),
    /// The network card.
    Net,
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

/// The command with this name.
#[must_use]
pub fn spec(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
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
    let args: Vec<&str> = words.collect();
    if args.len() > spec.args.len() {
        return Err(format!("{name}: too many words; usage: {}", spec.usage));
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
        ("ledger", args) => Command::Ledger(how_many(spec, args.first())?),
        ("why", args) => {
            let service = service(spec, args.first(), names)?;
            match (permission(args.get(1), names), peer(args.get(1), names)) {
                (Some(permission), _) => Command::Permit(service, permission),
                (None, Some(driver)) => Command::Ring(service, driver),
                (None, None) => Command::Why(service, device(spec, args.get(1), names)?),
            }
        }
        ("try", args) => {
            let service = service(spec, args.first(), names)?;
            Command::Try(service, device(spec, args.get(1), names)?)
        }
        ("ps", _) => Command::Ps,
        ("mem", _) => Command::Mem,
        ("log", args) => Command::Log(log_part(spec, args, names)?),
        ("disk", []) => Command::Disk,
        ("disk", ["read", rest @ ..]) => Command::DiskRead(sector(spec, rest.first())?),
        ("disk", [other, ..]) => {
            return Err(format!("disk: `{other}` is not `read`; usage: {}", spec.usage));
        }
        ("net", _) => Command::Net,
        ("date", _) => Command::Date,
        ("uptime", _) => Command::Uptime,
        ("random", args) => Command::Random(bytes(spec, args.first())?),
        ("poweroff", _) => Command::PowerOff,
        ("reboot", _) => Command::Reboot,
        _ => return Err(unknown_command(name)),
    }))
}

fn unknown_command(word: &str) -> String {
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours);
    let meant = elsewhere.or_else(|| suggest(word, SPECS.iter().map(|spec| spec.name)));
    match meant {
        Some(meant) => format!("no command `{word}`; did you mean `{meant}`?"),
        None => format!("no command `{word}`; `help` lists them"),
    }
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
