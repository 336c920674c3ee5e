//! `policy.toml`: what is allowed.

use super::lines::{read_interval, read_irq, read_registers};
use super::net::read_allow_net;
use super::queues::read_queues;
use super::rights::read_rights;
use super::service::{PAGES, WITH};
use super::state::read_allow_state;
use crate::desc::kind::Kind;
use crate::desc::model::{Allow, AllowState, Permit, Share};
use crate::desc::net::AllowNet;
use crate::desc::report::Reporter;
use crate::desc::source::{At, Source};
use crate::desc::table::{Key, Parsed, Table, key};
use nexus_sysdesc::{Permission, bounds};
use std::sync::Arc;

const EPOCH: Key = key("epoch", "1");
const ALLOW: Key = key("allow", "[]");
const PERMIT: Key = key("permit", "[]");
const RING: Key = key("ring", "[]");
const ALLOW_STATE: Key = key("allow-state", "[]");
const ALLOW_NET: Key = key("allow-net", "[]");
const ID: Key = key("id", "\"allow-rngd-rng0\"");
const SUBJECT: Key = key("subject", "\"rngd\"");
const DEVICE: Key = key("device", "\"rng0\"");
/// A key that there is no more.
const DMA: Key = key("dma", "");
const REASON: Key = key("reason", "\"rngd is the driver of the entropy device\"");
const PERMISSION: Key = key("permission", "\"view\"");

/// What one `policy.toml` says.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile {
    /// Absent where a base's epoch stays.
    pub(crate) epoch: Option<u32>,
    pub(crate) allows: Vec<Allow>,
    pub(crate) permits: Vec<Permit>,
    pub(crate) shares: Vec<Share>,
    pub(crate) states: Vec<AllowState>,
    pub(crate) nets: Vec<AllowNet>,
    /// What lines that could not be read whole may give.
    pub(crate) unread: Vec<(Option<String>, Option<String>)>,
}

/// Reads it. A system that extends another one may leave out the epoch.
pub(crate) fn read_policy(reporter: &Reporter, source: &Arc<Source>, extends: bool) -> PolicyFile {
    let parsed = Parsed::new(source);
    let mut table = parsed.root("policy.toml", reporter);
    if !extends {
        table.must_have(EPOCH);
    }
    let epoch = table.number(EPOCH, 1..=u32::MAX).map(|epoch| epoch.value);
    let mut unread = Vec::new();
    if source.has_mistakes() {
        unread.push((None, None));
    }
    let allows = table.tables(ALLOW, "[[allow]]").into_iter();
    let allows = allows.filter_map(|line| read_allow(line, &mut unread)).collect();
    let permits = table.tables(PERMIT, "[[permit]]").into_iter();
    let permits = permits.filter_map(|line| read_permit(line, &mut unread)).collect();
    let shares = table.tables(RING, "[[ring]]").into_iter();
    let shares = shares.filter_map(|line| read_share(line, &mut unread)).collect();
    let states = table.tables(ALLOW_STATE, "[[allow-state]]").into_iter();
    let states = states.filter_map(|line| read_allow_state(line, &mut unread)).collect();
    let nets = table.tables(ALLOW_NET, "[[allow-net]]").into_iter();
    let nets = nets.filter_map(|line| read_allow_net(line, &mut unread)).collect();
    table.finish();
    PolicyFile { epoch, allows, permits, shares, states, nets, unread }
}

fn value<T: Clone>(read: Option<&At<T>>) -> Option<T> {
    read.map(|read| read.value.clone())
}

fn read_allow(
    mut table: Table<'_>,
    unread: &mut Vec<(Option<String>, Option<String>)>,
) -> Option<Allow> {
    for needed in [ID, SUBJECT, DEVICE, REASON] {
        table.must_have(needed);
    }
    let span = table.span.clone();
    let id = table.name(ID);
    let subject = table.string(SUBJECT);
    let device = table.string(DEVICE);
    let before = table.reporter.count();
    let rights = read_rights(&mut table);
    let irq = read_irq(&mut table);
    let registers = read_registers(&mut table);
    let interval = read_interval(&mut table);
    let queues = read_queues(&mut table);
    let whole = table.reporter.count() == before;
    refuse_dma(&mut table);
    let reason = table.text(REASON, bounds::MAX_REASON);
    table.finish();
    let given = (value(subject.as_ref()), value(device.as_ref()));
    let line = (|| {
        let reason = reason?.value;
        Some(Allow {
            span,
            id: id?,
            subject: subject?,
            device: device?,
            rights: rights.filter(|_| whole)?,
            irq,
            registers,
            interval,
            queues,
            reason,
        })
    })();
    if line.is_none() {
        unread.push(given);
    }
    line
}

/// The key of old, by which a line trusted its subject with all memory.
fn refuse_dma(table: &mut Table<'_>) {
    if !table.has(DMA) {
        return;
    }
    if let Some((span, _)) = table.entry(DMA) {
        let message =
            String::from("a line cannot let a device reach all memory: `dma` is no key of it");
        let fix = "remove it; what the device may be made to reach is in `queues`, exactly as the service \
                   asks for them";
        table.refuse(Kind::UnconfinedDma, &span, message, fix);
    }
}

fn read_permit(
    mut table: Table<'_>,
    unread: &mut Vec<(Option<String>, Option<String>)>,
) -> Option<Permit> {
    for needed in [ID, SUBJECT, PERMISSION, REASON] {
        table.must_have(needed);
    }
    let permissions = Permission::ALL.map(|permission| (permission.name(), permission));
    let span = table.span.clone();
    let id = table.name(ID);
    let subject = table.string(SUBJECT);
    let permission = table.choice(PERMISSION, "a permission", &permissions);
    let reason = table.text(REASON, bounds::MAX_REASON);
    table.finish();
    let what = permission.as_ref().map(|permission| permission.name().to_owned());
    let given = (value(subject.as_ref()), what);
    let line = (|| {
        let reason = reason?.value;
        Some(Permit { span, id: id?, subject: subject?, permission: permission?, reason })
    })();
    if line.is_none() {
        unread.push(given);
    }
    line
}

fn read_share(
    mut table: Table<'_>,
    unread: &mut Vec<(Option<String>, Option<String>)>,
) -> Option<Share> {
    for needed in [ID, SUBJECT, WITH, PAGES, REASON] {
        table.must_have(needed);
    }
    let span = table.span.clone();
    let id = table.name(ID);
    let subject = table.string(SUBJECT);
    let with = table.string(WITH);
    let pages = table.number(PAGES, bounds::RING_PAGES);
    let reason = table.text(REASON, bounds::MAX_REASON);
    table.finish();
    let given = (value(subject.as_ref()), value(with.as_ref()));
    let line = (|| {
        let reason = reason?.value;
        Some(Share { span, id: id?, subject: subject?, with: with?, pages: pages?, reason })
    })();
    if line.is_none() {
        unread.push(given);
    }
    line
}
