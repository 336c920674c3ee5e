//! The commands, as `help` tells them.

use alloc::format;
use alloc::string::String;

use crate::suggest::suggest;

/// What stands after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// Name of a service.
    Service,
    /// Name of a device.
    Device,
    /// Name of a device, of a permission or of a service, or nothing.
    Ruled,
    /// What is spoken by the network, or nothing.
    Protocol,
    /// Its port, or nothing.
    Port,
    /// Address of a peer, or nothing.
    Address,
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
    /// What is asked of the store, or nothing.
    State,
    /// A key, or the beginning of one.
    Key,
    /// All of the line.
    Value,
    /// Anything of a number, `all`, options of the past, and what follows those.
    LedgerPart,
    /// Name or address of a host.
    Host,
    /// Name of a host.
    HostName,
    /// Where a page is.
    Url,
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
    "ledger" [LedgerPart, LedgerPart, LedgerPart, LedgerPart, LedgerPart, LedgerPart]
        "ledger [N|all] [OPTIONS]",
        "the security record, and whether its chain holds",
        "Every decision, grant, refusal and end, in order. Each record holds the hash of the one \
         before; all of them are computed anew here. The head below is the number and the hash of the last: init \
         tells one on the console when the machine starts, and whoever keeps one, as `cargo nexus run` does, \
         knows later that nothing before it was written anew. With `--boots`, `--boot 7`, or `--device blk0 --at \
         2026-11-30T09:00:00` (or `--boot 7 --device blk0 --at 12.5`, in seconds) it is the archive that \
         is asked: which boots it has, the ledger of one, and who held a device then.";
    "why" [Service, Ruled, Protocol, Port, Address] "why SERVICE [WHAT]",
        "allowed or denied, and by which rule",
        "WHAT is a device, a permission of the policy, or another service: may the first share memory with \
         it, or open what the other keeps? Where a name is several of these, the first is meant. Or it is \
         `net tcp 80`, `net udp 53 10.0.2.3`, `net echo`: may it reach others by the network, or they it? Asks policyd. Nothing is decided, and \
         nothing is recorded. Without WHAT: how the service stands, and what would change that.";
    "try" [Service, Device] "try SERVICE DEVICE", "ask for a grant the proper way, on the record",
        "init asks policyd, which records its decision. Nothing is given, even if it is allowed.";
    "services" [] "services", "the lives of the services, and how they go on",
        "Deaths are those of the last minute that nobody ordered; with the eighth a service is given up. \
         Behind a short life there is a pause, which doubles with each of them. `why SERVICE` tells more, \
         `ps` what each uses.";
    "restart" [Service] "restart SERVICE", "end a service, and start it again",
        "Starts one that does not run, too, and forgets its deaths. It is given what it needs anew, after a \
         new decision. Needs the permission `supervise`, like `stop` and `kill`; who ordered it is in \
         the ledger.";
    "stop" [Service] "stop SERVICE", "end a service for good",
        "Until somebody starts it again by `restart`. Whoever calls it is told at once that it is gone.";
    "kill" [Service] "kill SERVICE", "end this life of a service",
        "What follows is what its service file says of any end: never, on-failure, always. It does not \
         count as a death.";
    "ps" [] "ps", "the services: state, memory, and how they ended", "";
    "times" [] "times", "how long each priority ran, and how long nothing did",
        "The kernel looks about every 31 ms at what runs, and gives the time since its last look to that. What is \
         done in the kernel for somebody counts as theirs.";
    "mem" [] "mem", "memory and kernel objects", "";
    "log" [LogPart, LogPart, LogPart] "log [-f] [SERVICE] [N|all]", "what the services said",
        "-f goes on showing what is new, until Ctrl-C or q.";
    "disk" [Read, Sector] "disk [read SECTOR]", "what the disk is and does; or what a sector holds",
        "To read a sector needs a permission of its own (`why nsh disk`), and a disk that does not hold the \
         store: `state` is for that. In flight are requests that \
         the device has now. A batch is what it was given at once; of some it is not told, because it is \
         about to look anyway.";
    "state" [State, Key, Value] "state [WHAT [KEY [VALUE]]]", "what is kept on the disk, under keys",
        "WHAT is `ls`, `get`, `put`, `rm`, `stat` or `check`; without it, how the store stands. What `put` and \
         `rm` answer is on the disk: it is there after a cut of the power. A key is parts between slashes, as \
         a/b; `ls a` lists what is under a, `stat a/b` tells its size, `check` reads and verifies everything. \
         A value is all of the line behind its key. SERVICE:KEY is a key of another service, which a line \
         [[allow-state]] of the policy must open; :KEY is one of the shell's own.";
    "net" [] "net", "the network card: link, address, counters",
        "Frames that were delivered, or that the card took; and those that were not, by reason. The card \
         hands over all frames of its network: those for another are left out.";
    "ip" [] "ip", "how the network stands: link, addresses, routers",
        "netstackd speaks IP by the frames of the card (`net`). An address comes from DHCP or from the \
         description of the board; one of IPv6 from what a router tells, too.";
    "sockets" [] "sockets", "who has which connection or port",
        "To read is what came and its service has not taken; unsent is what it has given, and the peer has not \
         acknowledged. Who may reach whom is in policy.toml: `why SERVICE net tcp 80` tells.";
    "ping" [Host] "ping HOST", "ask a host for an echo, four times",
        "HOST is a name or an address. Ctrl-C or q ends it.";
    "resolve" [HostName] "resolve NAME", "the addresses of a name",
        "Asks the servers that `ip` lists. Needs the permission `resolve`.";
    "fetch" [Url] "fetch URL", "show a page of http",
        "URL is http://HOST[:PORT][/PATH]. 16 KiB of the page are shown, with each character that would move the \
         cursor written as its number. What it says of another place is shown, and not followed. The board keeps \
         this machine from all that is outside; `cargo nexus run --net open` lifts that, and 10.0.2.2 is then \
         the person's own machine.";
    "date" [] "date", "the wall clock", "";
    "uptime" [] "uptime", "time since the machine started", "";
    "random" [Bytes] "random [N]", "random bytes, 16 if nobody says how many",
        "From the generator of rngd, which its device seeds. 256 at most.";
    "poweroff" [] "poweroff", "turn the machine off", "";
    "reboot" [] "reboot", "start the machine anew", "";
}

/// What may be typed, as it stands, on the standard system.
const EXAMPLES: &[&str] = &[
    "help why",
    "caps rngd",
    "ledger 5",
    "ledger --boot 7 --device blk0 --at 12.5",
    "why rngd rng0",
    "why nsh supervise",
    "why nsh net tcp 80",
    "try rngd uart0",
    "restart rngd",
    "stop rtcd",
    "kill virtioblkd",
    "log rngd",
    "log -f virtionetd",
    "disk read 0",
    "state put notes/first what it says",
    "state get notes/first",
    "state ls notes",
    "ping 10.0.2.2",
    "resolve deb.debian.org",
    "fetch http://10.0.2.2:8000/",
    "random 32",
];

/// The examples of a command.
pub fn examples(name: &str) -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().copied().filter(move |line| line.split(' ').next() == Some(name))
}

/// What other systems call it.
const ELSEWHERE: &[(&str, &str)] = &[
    ("exit", "poweroff"),
    ("quit", "poweroff"),
    ("logout", "poweroff"),
    ("shutdown", "poweroff"),
    ("halt", "poweroff"),
    ("start", "restart"),
    ("pkill", "kill"),
    ("killall", "kill"),
    ("systemctl", "services"),
    ("service", "services"),
    ("status", "services"),
    ("ls", "state ls"),
    ("cat", "state get"),
    ("rm", "state rm"),
    ("fsck", "state check"),
    ("df", "state"),
    ("lsdev", "devices"),
    ("lspci", "devices"),
    ("top", "times"),
    ("interrupts", "irqs"),
    ("free", "mem"),
    ("dmesg", "log"),
    ("journalctl", "log"),
    ("man", "help"),
    ("audit", "ledger"),
    ("whoami", "caps nsh"),
    ("ifconfig", "ip"),
    ("route", "ip"),
    ("curl", "fetch"),
    ("wget", "fetch"),
    ("host", "resolve"),
    ("dig", "resolve"),
    ("nslookup", "resolve"),
    ("netstat", "sockets"),
    ("ss", "sockets"),
];

/// The command with this name.
#[must_use]
pub fn spec(name: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.name == name)
}

/// What to type instead of a word that is no command.
pub(crate) fn unknown_command(word: &str) -> String {
    let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours);
    let meant = elsewhere.or_else(|| suggest(word, SPECS.iter().map(|spec| spec.name)));
    match meant {
        Some(meant) => format!("no command `{word}`; did you mean `{meant}`?"),
        None => format!("no command `{word}`; `help` lists them"),
    }
}
