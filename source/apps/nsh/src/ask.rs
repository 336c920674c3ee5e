//! What the shell asks of the other services.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_abi::KindCode;
use nexus_proto::disk::{self, Disk, DiskInfo, DiskStats};
use nexus_proto::entropy::{Entropy, Random};
use nexus_proto::init::{
    Board, BoardEntry, CapEntry, Caps, Dma, DmaEntry, Init, IrqEntry, Irqs, Kill, LifeInfo, Lives,
    Mem, MemInfo, OwnerInfo, Owners, Readiness, Ready, Restart, ServiceInfo, ServiceStat, Services,
    Stat, Stop, TimeInfo, Times, Try, TryAnswer,
};
use nexus_proto::log::{Event, FindLine, Head, HeadInfo, LineInfo, LineText, Log, ReadCount};
use nexus_proto::net::{self, Card, Counters, Direction, Net};
use nexus_proto::policy::{
    Epoch, Explain, ExplainNet, ExplainPermit, ExplainRing, ExplainState, Explanation, NetLine,
    NetTerms, PermitLine, Policy, RuleReason, RuleText, StateLine, StatePrefix,
};
use nexus_proto::power::{Off, Power, Reboot};
use nexus_proto::rtc::{Now, Rtc, Time};
use nexus_proto::socket::{self, AddressInfo, NetInfo, NetStats, ServerInfo, Socket, SocketInfo};
use nexus_proto::state::{self, State, StoreInfo};
use nexus_proto::{Malformed, Operation, Protocol, ServiceError, Text, Zero, ids};
use nexus_rt::{CallError, Client, Deadline, record_in_chain, startup};
use nexus_sysdesc::{Permission, ip_of};

use crate::command::Order;
use crate::names::Names;
use crate::reach::Asked;
use crate::show::{LedgerRecord, LogLine};
use crate::trouble::Trouble;

/// Milliseconds that a service has to answer.
const ANSWER_MS: u64 = 3000;
/// Most items of a list that are asked for, so that no answer can hold the shell.
const MAX_ITEMS: usize = 4096;
/// Most pieces of a text.
const MAX_PIECES: usize = 64;

/// Asks the service with this id.
fn ask<P: Protocol, O: Operation<Protocol = P>>(service: u32, op: &O) -> Result<O::Reply, Trouble> {
    let client: Client<P> =
        startup().client(service).map_err(|_| Trouble { service, error: None })?;
    let answer = client.call(op, Deadline::after_ms(ANSWER_MS));
    answer.map_err(|error| Trouble { service, error: Some(error) })
}

/// Reads a list item by item: `next` tells the cursor after one.
fn list<P: Protocol, O: Operation<Protocol = P>>(
    service: u32,
    item: impl Fn(u64) -> O,
    next: impl Fn(&O::Reply) -> u64,
) -> Result<Vec<O::Reply>, Trouble> {
    let mut items = Vec::new();
    let mut cursor = 0;
    while items.len() < MAX_ITEMS {
        match ask(service, &item(cursor)) {
            Ok(item) => {
                cursor = next(&item);
                items.push(item);
            }
            Err(trouble) if trouble.refused() == Some(ServiceError::NotFound) => break,
            Err(trouble) => return Err(trouble),
        }
        if cursor == 0 {
            break;
        }
    }
    Ok(items)
}

/// Reads a list whose items have numbers, up to the first number that is out of range.
fn numbered<P: Protocol, O: Operation<Protocol = P>>(
    service: u32,
    item: impl Fn(u64) -> O,
) -> Result<Vec<O::Reply>, Trouble> {
    let mut items = Vec::new();
    while items.len() < MAX_ITEMS {
        match ask(service, &item(items.len() as u64)) {
            Ok(item) => items.push(item),
            Err(trouble) if trouble.refused() == Some(ServiceError::OutOfRange) => break,
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(items)
}

/// The services.
///
/// # Errors
/// See [`Trouble`]; likewise for every question below.
pub fn services() -> Result<Vec<ServiceInfo>, Trouble> {
    list(ids::INIT, |cursor| Services { cursor }, |item| item.next)
}

/// The devices and their owners.
pub fn owners() -> Result<Vec<OwnerInfo>, Trouble> {
    list(ids::INIT, |cursor| Owners { cursor }, |item| item.next.into())
}

/// The interrupt lines that are given.
pub fn irqs() -> Result<Vec<IrqEntry>, Trouble> {
    list(ids::INIT, |cursor| Irqs { cursor }, |item| item.next.into())
}

/// The devices that reach memory by themselves.
pub fn dma() -> Result<Vec<DmaEntry>, Trouble> {
    list(ids::INIT, |cursor| Dma { cursor }, |item| item.next.into())
}

/// The board.
pub fn board() -> Result<Vec<BoardEntry>, Trouble> {
    list(ids::INIT, |cursor| Board { cursor }, |item| item.next.into())
}

/// The capabilities of a service; none when it has ended or never began.
pub fn caps(service: u32) -> Result<Vec<CapEntry>, Trouble> {
    list(ids::INIT, |cursor| Caps { service, zero: Zero::ZERO, cursor }, |item| item.next)
}

/// How a service stands.
pub fn stat(service: u32) -> Result<ServiceStat, Trouble> {
    ask::<Init, _>(ids::INIT, &Stat { service, zero: Zero::ZERO })
}

/// The lives of the services.
pub fn lives() -> Result<Vec<LifeInfo>, Trouble> {
    list(ids::INIT, |cursor| Lives { cursor }, |item| item.next.into())
}

/// The lives of the service at this place in that list.
pub fn life(place: u64) -> Result<LifeInfo, Trouble> {
    ask::<Init, _>(ids::INIT, &Lives { cursor: place })
}

/// Has a service ended, or started. It has begun when the answer comes.
pub fn order(order: Order, service: u32) -> Result<(), Trouble> {
    let zero = Zero::ZERO;
    match order {
        Order::Restart => ask::<Init, _>(ids::INIT, &Restart { service, zero }),
        Order::Stop => ask::<Init, _>(ids::INIT, &Stop { service, zero }),
        Order::Kill => ask::<Init, _>(ids::INIT, &Kill { service, zero }),
    }
}

/// Memory and objects.
pub fn mem() -> Result<MemInfo, Trouble> {
    ask::<Init, _>(ids::INIT, &Mem {})
}

/// The time of each priority that ran.
pub fn priorities() -> Result<Vec<TimeInfo>, Trouble> {
    list(ids::INIT, |cursor| Times { cursor }, |item| item.next.into())
}

/// How far distribution is.
pub fn ready() -> Result<Readiness, Trouble> {
    ask::<Init, _>(ids::INIT, &Ready {})
}

/// Asks init, which asks policyd, on the record. Gives nothing.
pub fn try_grant(service: u32, device: u16, rights: u16) -> Result<TryAnswer, Trouble> {
    ask::<Init, _>(ids::INIT, &Try { service, device, rights })
}

/// Which service receives on which endpoint, by the number of the object. init has made them all,
/// and could receive on any: it counts where nobody else can.
pub fn servers(services: &[ServiceInfo]) -> Vec<(u64, u32)> {
    let mut servers = Vec::new();
    let others = services.iter().map(|info| info.service.id).filter(|id| *id != ids::INIT);
    for id in others.chain([ids::INIT]) {
        // Whoever cannot be asked about serves nothing that could be named.
        for cap in caps(id).unwrap_or_default() {
            let endpoint = u64::from(cap.kind) == KindCode::Endpoint.code();
            if endpoint && cap.rights & nexus_abi::Rights::RECV.bits() != 0 {
                servers.push((cap.object, id));
            }
        }
    }
    servers
}

/// What policy says of a service and a device.
pub fn explain(service: u32, device: u16) -> Result<Explanation, Trouble> {
    ask::<Policy, _>(ids::POLICYD, &Explain { service, device, rights: 0 })
}

/// The line of the policy that lets a service have a permission.
pub fn permit(service: u32, permission: Permission) -> Result<PermitLine, Trouble> {
    let permission = permission.code();
    ask::<Policy, _>(ids::POLICYD, &ExplainPermit { service, permission, zero: Zero::ZERO })
}

/// The line of the policy that lets a service share memory with another.
pub fn ring(service: u32, driver: u32) -> Result<PermitLine, Trouble> {
    ask::<Policy, _>(ids::POLICYD, &ExplainRing { service, driver })
}

/// Of the lines of the policy that open the state of `owner` to a service, the one with this index.
pub fn state(service: u32, owner: u32, index: u16) -> Result<StateLine, Trouble> {
    let zero = Zero::ZERO;
    ask::<Policy, _>(ids::POLICYD, &ExplainState { service, owner, index, zero })
}

/// The keys that a line opens: the parts that they begin with.
pub fn state_prefix(line: u16) -> Result<String, Trouble> {
    text(|offset| ask::<Policy, _>(ids::POLICYD, &StatePrefix { line, zero: Zero::ZERO, offset }))
}

/// Of the lines of the policy that let what is asked about the network, the one with this index; `inward`: let others
/// reach the service.
pub fn reach(asked: &Asked, inward: bool, index: u16) -> Result<NetLine, Trouble> {
    let Asked { service, protocol, port, peer } = *asked;
    let question = ExplainNet {
        address: peer.map_or([0; 16], ip_of),
        service,
        port,
        index,
        protocol: protocol.code(),
        inward,
        one: peer.is_some(),
        zero: Zero::ZERO,
    };
    ask::<Policy, _>(ids::POLICYD, &question)
}

/// The ports that a line lets, or the addresses.
pub fn net_terms(line: u16, addresses: bool) -> Result<String, Trouble> {
    let terms = |offset| NetTerms { line, addresses, zero: Zero::ZERO, offset };
    text(|offset| ask::<Policy, _>(ids::POLICYD, &terms(offset)))
}

/// Identifiers of all rules.
fn rules() -> Result<Vec<(u16, String)>, Trouble> {
    let count = ask::<Policy, _>(ids::POLICYD, &Epoch { nonce: 0 })?.rules;
    let count = u16::try_from(count).unwrap_or(u16::MAX).min(1024);
    (1..=count).map(|rule| Ok((rule, rule_text(rule)?))).collect()
}

/// The identifier of a line of the policy.
pub fn rule_text(rule: u16) -> Result<String, Trouble> {
    text(|offset| ask::<Policy, _>(ids::POLICYD, &RuleText { rule, zero: Zero::ZERO, offset }))
}

/// Why a line of the policy was written.
pub fn reason(rule: u16) -> Result<String, Trouble> {
    text(|offset| ask::<Policy, _>(ids::POLICYD, &RuleReason { rule, zero: Zero::ZERO, offset }))
}

/// Reads a text piece by piece.
fn text(piece: impl Fn(u32) -> Result<Text, Trouble>) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    for _ in 0..MAX_PIECES {
        let piece = piece(u32::try_from(bytes.len()).unwrap_or(u32::MAX))?;
        bytes.extend_from_slice(piece.as_bytes());
        if !piece.more() {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).to_string())
}

/// Names of everything, as far as they can be had: the shell works without.
#[must_use]
pub fn names() -> Names {
    let services = services().unwrap_or_default();
    let named = |info: &ServiceInfo| (info.service.id, info.name.as_str().to_string());
    let mut names = Names { services: services.iter().map(named).collect(), ..Names::default() };
    if names.services.is_empty() {
        return names;
    }
    let named = |info: &OwnerInfo| (info.device, info.name.as_str().to_string());
    names.devices = owners().unwrap_or_default().iter().map(named).collect();
    names.rules = rules().unwrap_or_default();
    names
}

/// The first ledger record with this number or a higher one; `None` past the end.
pub fn record(seq: u64) -> Result<Option<LedgerRecord>, Trouble> {
    let trouble = |error| Trouble { service: ids::LOGD, error };
    let logd: Client<Log> = startup().client(ids::LOGD).map_err(|_| trouble(None))?;
    let found = record_in_chain(logd, seq, Deadline::after_ms(ANSWER_MS));
    let found = found.map_err(|error| trouble(Some(error)))?;
    Ok(found.map(|(stamp, entry, hashes)| {
        let times = if entry.event == Event::Access { times(stamp.seq) } else { 0 };
        LedgerRecord { stamp, entry, hashes, times }
    }))
}

/// How often what a record says has happened; 0 when logd does not tell.
fn times(seq: u64) -> u64 {
    ask::<Log, _>(ids::LOGD, &ReadCount { seq }).map_or(0, |count| count.times)
}

/// The first line of the log with this number or a higher one; `None` past the end.
pub fn line(number: u64) -> Result<Option<LogLine>, Trouble> {
    match ask::<Log, _>(ids::LOGD, &FindLine { line: number }) {
        Ok(info) => Ok(Some(LogLine { text: line_text(&info)?, info })),
        Err(trouble) if trouble.refused() == Some(ServiceError::NotFound) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

fn line_text(info: &LineInfo) -> Result<String, Trouble> {
    let line = info.line;
    text(|offset| ask::<Log, _>(ids::LOGD, &LineText { line, offset, zero: Zero::ZERO }))
}

/// The wall clock.
pub fn now() -> Result<Time, Trouble> {
    ask::<Rtc, _>(ids::RTCD, &Now {})
}

/// What the disk is.
pub fn disk() -> Result<DiskInfo, Trouble> {
    ask::<Disk, _>(ids::VIRTIOBLKD, &disk::Info {})
}

/// What the disk did.
pub fn disk_stats() -> Result<DiskStats, Trouble> {
    ask::<Disk, _>(ids::VIRTIOBLKD, &disk::Stats {})
}

/// What a sector holds, read piece by piece.
pub fn disk_sector(sector: u64) -> Result<Vec<u8>, Trouble> {
    let first = sector.saturating_mul(disk::SECTOR);
    let mut bytes = Vec::new();
    for at in (0..disk::SECTOR).step_by(Text::MAX) {
        let len = (disk::SECTOR - at).min(Text::MAX as u64) as u32;
        let read = disk::Read { offset: first.saturating_add(at), len, zero: Zero::ZERO };
        bytes.extend_from_slice(ask::<Disk, _>(ids::VIRTIOBLKD, &read)?.as_bytes());
    }
    Ok(bytes)
}

/// How the store stands.
pub fn store() -> Result<StoreInfo, Trouble> {
    ask::<State, _>(ids::STATEFSD, &state::Info {})
}

/// Where the ledger ends.
pub fn head() -> Result<HeadInfo, Trouble> {
    ask::<Log, _>(ids::LOGD, &Head {})
}

/// The network card.
pub fn card() -> Result<Card, Trouble> {
    ask::<Net, _>(ids::VIRTIONETD, &net::Info {})
}

/// What came in through it, or went out.
pub fn frames(direction: Direction) -> Result<Counters, Trouble> {
    ask::<Net, _>(ids::VIRTIONETD, &net::Stats { direction, zero: Zero::ZERO })
}

/// How the network stands.
pub fn network() -> Result<NetInfo, Trouble> {
    ask::<Socket, _>(ids::NETSTACKD, &socket::Info {})
}

/// What netstackd did.
pub fn network_stats() -> Result<NetStats, Trouble> {
    ask::<Socket, _>(ids::NETSTACKD, &socket::Stats {})
}

/// The addresses of this machine.
pub fn network_addresses() -> Result<Vec<AddressInfo>, Trouble> {
    numbered(ids::NETSTACKD, |index| socket::Address { index })
}

/// The servers that the network names.
pub fn network_servers() -> Result<Vec<ServerInfo>, Trouble> {
    numbered(ids::NETSTACKD, |index| socket::Server { index })
}

/// The sockets of all services.
pub fn sockets() -> Result<Vec<SocketInfo>, Trouble> {
    numbered(ids::NETSTACKD, |index| socket::Row { index })
}

/// So many random bytes, asked for piece by piece.
pub fn random(count: usize) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let len = (count - bytes.len()).min(nexus_proto::Text::MAX);
        let piece = ask::<Entropy, _>(ids::RNGD, &Random { len: len as u64 })?;
        if piece.as_bytes().len() != len {
            let error = Some(CallError::Malformed(Malformed::Length));
            return Err(Trouble { service: ids::RNGD, error });
        }
        bytes.extend_from_slice(piece.as_bytes());
    }
    Ok(bytes)
}

/// Turns the machine off; returns only when that failed.
pub fn power_off() -> Result<(), Trouble> {
    ask::<Power, _>(ids::POWERD, &Off {})
}

/// Starts the machine anew; returns only when that failed.
pub fn reboot() -> Result<(), Trouble> {
    ask::<Power, _>(ids::POWERD, &Reboot {})
}
