//! What the shell has init do about a service, and what it tells of it.

use alloc::string::String;
use alloc::vec::Vec;

use nexus_proto::ids;
use nexus_proto::init::{DmaEntry, LifeInfo, OwnerInfo};
use nexus_rt::{Deadline, startup, ticks};

use crate::ask;
use crate::command::Order;
use crate::names::Names;
use crate::screen::Screen;
use crate::show::{self, Device};
use crate::trouble::Trouble;

/// Milliseconds that an order has to come about before it is told how far it is.
const ORDER_MS: u64 = 3000;
/// Milliseconds between two looks at that.
const LOOK_MS: u64 = 5;

/// Has a service ended or started, and waits for what comes of it.
pub(crate) fn order(
    order: Order,
    service: u32,
    screen: &Screen,
    names: &Names,
) -> Result<String, Trouble> {
    let own = startup().block().service_id;
    if order == Order::Stop && [own, ids::CONSOLED].contains(&service) {
        return Ok(show::needed(service, names));
    }
    let owner = ask::owners().unwrap_or_default().iter().any(|one| one.owner.id == service);
    let lives = ask::lives()?;
    let found = (0..).zip(&lives).find(|(_, life)| life.service.id == service);
    let Some((place, before)) = found else { return Ok(show::no_service(service)) };
    if let Err(trouble) = ask::order(order, service) {
        let error = trouble.refused().ok_or(trouble)?;
        return Ok(show::not_ordered(order, before, error, ticks(), names));
    }
    let deadline = Deadline::after_ms(ORDER_MS);
    let mut life = *before;
    while !deadline.has_passed() {
        // While it takes a device back, init has no time.
        life = ask::life(place).unwrap_or(life);
        if show::is_over(before, &life, owner) {
            break;
        }
        screen.pause(LOOK_MS);
    }
    Ok(show::ordered(before, &life, ticks(), names))
}

/// How a service stands, and its devices.
pub(crate) fn stands(service: u32, names: &Names) -> Result<String, Trouble> {
    let known = Known { lives: ask::lives()?, ..Known::ask() };
    let Some(life) = known.life(service) else { return Ok(show::no_service(service)) };
    let own = known.owners.iter().filter(|one| one.owner.id == service);
    let devices: Vec<Device<'_>> = own.map(|one| known.device(one)).collect();
    Ok(show::stands(life, &devices, ticks(), names))
}

/// What is known of devices and lives, as far as it can be had.
#[derive(Debug)]
pub(crate) struct Known {
    owners: Vec<OwnerInfo>,
    dma: Vec<DmaEntry>,
    lives: Vec<LifeInfo>,
}

impl Known {
    /// Asks for all of it.
    pub(crate) fn ask() -> Known {
        Known {
            owners: ask::owners().unwrap_or_default(),
            dma: ask::dma().unwrap_or_default(),
            lives: ask::lives().unwrap_or_default(),
        }
    }

    fn life(&self, service: u32) -> Option<&LifeInfo> {
        self.lives.iter().find(|life| life.service.id == service)
    }

    fn device<'a>(&'a self, owner: &'a OwnerInfo) -> Device<'a> {
        let dma = self.dma.iter().find(|one| one.device == owner.device);
        Device { owner, dma: dma.map(|one| one.state), life: self.life(owner.owner.id) }
    }

    /// The device with this number.
    pub(crate) fn find(&self, device: u16) -> Option<Device<'_>> {
        self.owners.iter().find(|one| one.device == device).map(|one| self.device(one))
    }
}
