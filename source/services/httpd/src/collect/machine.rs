//! Services, devices and memory: what init tells, which knows it of the kernel.

use alloc::string::ToString;
use alloc::vec::Vec;

use nexus_abi::PAGE_SIZE;
use nexus_proto::init::{
    Dma, DmaEntry, DmaState, EndKind, IDLE, IrqEntry, Irqs, Last, LifeInfo, Lives, Mem, OwnerInfo,
    OwnerState, Owners, Ready, ServiceInfo, ServiceState, Services, Stat, TimeInfo, Times,
};
use nexus_proto::policy::NO_RULE;
use nexus_proto::{Zero, ids};
use nexus_words::amount::duration;
use nexus_words::{ending, holding, standing};

use super::Known;
use super::quota::Quota;
use crate::ask::Ask;
use crate::model;

pub(super) fn ready<A: Ask>(quota: &mut Quota<'_, A>) -> Option<model::Ready> {
    let answer = quota.ask(ids::INIT, &Ready {});
    let ready = quota.had("ready", answer)?;
    Some(model::Ready {
        owners_ready: ready.owners_ready,
        owners_lost: ready.owners_lost,
        owners: ready.owners,
        services_started: ready.services_started,
        services: ready.services,
        distributed: ready.distributed,
        after_ms: (ready.ready_ticks != 0).then(|| quota.ms(ready.ready_ticks)),
    })
}

pub(super) fn memory<A: Ask>(quota: &mut Quota<'_, A>) -> Option<model::Memory> {
    let answer = quota.ask(ids::INIT, &Mem {});
    let mem = quota.had("memory", answer)?;
    let bytes = |frames: u64| frames.saturating_mul(PAGE_SIZE);
    Some(model::Memory {
        init: bytes(mem.frames),
        services: bytes(mem.frames_given),
        free: bytes(mem.frames_free),
    })
}

/// The time of each priority that ran; the last is that in which nothing did.
pub(super) fn times<A: Ask>(quota: &mut Quota<'_, A>) -> Vec<model::Time> {
    let list = quota.list(ids::INIT, |cursor| Times { cursor }, |item| item.next.into());
    let list: Vec<TimeInfo> = quota.had("times", list).unwrap_or_default();
    let all = list.iter().fold(0, |all: u64, one| all.saturating_add(one.ticks)).max(1);
    let time = |one: &TimeInfo| model::Time {
        priority: (one.priority != IDLE).then_some(one.priority.into()),
        ms: quota.ms(one.ticks),
        permille: u32::try_from(u128::from(one.ticks) * 1000 / u128::from(all)).unwrap_or(1000),
    };
    list.iter().map(time).collect()
}

/// The services. Where they stand is of now; who they are can be of the last time.
pub(super) fn services<A: Ask>(quota: &mut Quota<'_, A>, known: &mut Known) -> Vec<model::Service> {
    let list = quota.list(ids::INIT, |cursor| Services { cursor }, |item| item.next);
    if let Some(list) = quota.had("services", list) {
        known.services = list;
    }
    let lives = quota.list(ids::INIT, |cursor| Lives { cursor }, |item| item.next.into());
    let lives = quota.had("lives", lives).unwrap_or_default();
    known.services.iter().map(|info| service(quota, info, &lives)).collect()
}

fn service<A: Ask>(
    quota: &mut Quota<'_, A>,
    info: &ServiceInfo,
    lives: &[LifeInfo],
) -> model::Service {
    let id = info.service.id;
    let life = lives.iter().find(|life| life.service.id == id);
    let state = life.map_or(info.state, |life| life.state);
    // Of one that has no process nobody can tell.
    let stat = state.lives().then(|| quota.ask(ids::INIT, &Stat { service: id, zero: Zero::ZERO }));
    let stat = stat.and_then(|stat| quota.had("memory of services", stat));
    let amount = |used: u32, most: u32, unit: u64| model::Use {
        used: u64::from(used) * unit,
        most: u64::from(most) * unit,
    };
    let now = quota.ticks();
    model::Service {
        id,
        name: info.name.as_str().to_string(),
        priority: info.priority.into(),
        state: standing::service(state).to_string(),
        well: matches!(state, ServiceState::Started | ServiceState::Ready),
        lives: life.map_or(info.service.incarnation, |life| life.lives),
        deaths: life.map_or(0, |life| life.deaths),
        for_ms: life.map_or(0, |life| quota.ms(now.saturating_sub(life.since))),
        last_end: life
            .filter(|life| life.end != EndKind::None)
            .map(|life| ending::end(life.end, life.code)),
        next: life.and_then(|life| ending::next(life, now, duration, Last::text)),
        memory: stat.map(|stat| amount(stat.frames, stat.frames_limit, PAGE_SIZE)),
        objects: stat.map(|stat| amount(stat.objects, stat.objects_limit, 1)),
        ..model::Service::default()
    }
}

/// The devices. Who holds them can be of the last time.
pub(super) fn devices<A: Ask>(quota: &mut Quota<'_, A>, known: &mut Known) -> Vec<model::Device> {
    let list = quota.list(ids::INIT, |cursor| Owners { cursor }, |item| item.next.into());
    if let Some(list) = quota.had("devices", list) {
        known.owners = list;
    }
    let lines = quota.list(ids::INIT, |cursor| Irqs { cursor }, |item| item.next.into());
    let lines = quota.had("interrupts", lines).unwrap_or_default();
    let pools = quota.list(ids::INIT, |cursor| Dma { cursor }, |item| item.next.into());
    let pools = quota.had("pools", pools).unwrap_or_default();
    let of = |device: &OwnerInfo| {
        let line = lines.iter().find(|line| line.device == device.device);
        let pool = pools.iter().find(|pool| pool.device == device.device);
        model::Device {
            line: line.map(|line| self::line(quota, line)),
            pool: pool.filter(|pool| pool.state != DmaState::None).map(self::pool),
            ..self::device(device)
        }
    };
    known.owners.iter().map(of).collect()
}

fn device(info: &OwnerInfo) -> model::Device {
    let held = info.state == OwnerState::Held;
    model::Device {
        id: info.device.into(),
        name: info.name.as_str().to_string(),
        state: standing::owner(info.state).to_string(),
        owner: (info.owner.id != 0).then_some(info.owner.id),
        rule: (info.rule != NO_RULE).then_some(info.rule.into()),
        rights: if held { holding::rights(info.rights) } else { "none".to_string() },
        registers: info.registers.mask().filter(|_| held).map(u64::count_ones),
        ..model::Device::default()
    }
}

fn line<A: Ask>(quota: &Quota<'_, A>, line: &IrqEntry) -> model::Line {
    model::Line {
        number: line.line.into(),
        state: standing::line(line.state).to_string(),
        delivered: line.delivered,
        held_back: line.held_back,
        last_ms: (line.delivered > 0).then(|| quota.ms(line.last)),
    }
}

fn pool(pool: &DmaEntry) -> model::Pool {
    model::Pool {
        state: standing::pool(pool.state).to_string(),
        bytes: pool.len,
        reach: pool.reach,
    }
}
