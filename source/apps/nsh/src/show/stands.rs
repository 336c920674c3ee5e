//! `why SERVICE`: how a service stands, and what would change that; and how its devices stand.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_proto::ids;
use nexus_proto::init::{DmaState, EndKind, Last, LifeInfo, OwnerInfo, OwnerState, ServiceState};
use nexus_sysdesc::restart::LIMIT;
use nexus_words::amount::brief;
use nexus_words::ending::{end, soon};
use nexus_words::standing;

use super::lives::{age, lives};
use super::owners::holder;
use crate::names::Names;
use crate::table::wrap;

/// A device, and what is known of whoever has it or had it last.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// How it stands.
    pub owner: &'a OwnerInfo,
    /// How its memory stands; `None` for one that reaches none.
    pub dma: Option<DmaState>,
    /// The lives of its owner.
    pub life: Option<&'a LifeInfo>,
}

/// How a service stands. `devices` are those that it has or had.
#[must_use]
pub fn stands(life: &LifeInfo, devices: &[Device<'_>], now: u64, names: &Names) -> String {
    let name = names.service(life.service.id);
    let lost = devices.iter().any(Device::is_lost);
    let mut text = wrap("", &format!("{name} {}", state(life, now)));
    if life.end != EndKind::None {
        text += &wrap("  last end   ", &end(life.end, life.code));
    }
    if life.deaths > 0 {
        let deaths = format!("{} in the last minute; {LIMIT} are too many", life.deaths);
        text += &wrap("  deaths     ", &deaths);
    }
    for device in devices {
        text += &wrap("  device     ", &device.now(now, names));
    }
    if !lives(life)
        && let Some(means) = means(life.service.id)
    {
        text += &wrap("  meanwhile  ", means);
    }
    match change(life, &name, lost) {
        Some(change) => text + &wrap("  to change  ", &change),
        None => text,
    }
}

fn state(life: &LifeInfo, now: u64) -> String {
    let (age, which) = (age(life, now), life.lives);
    match life.state {
        ServiceState::Started | ServiceState::Ready => {
            format!("is {} in life {which}, for {age}", standing::service(life.state))
        }
        ServiceState::Failed => format!("runs in life {which}, and has told that it cannot work"),
        ServiceState::Restarting => {
            format!(
                "ended {age} ago in life {which}, and is started again {}",
                soon(life, now, brief)
            )
        }
        ServiceState::Waiting => "was never started: it lacks a device that it needs".to_string(),
        ServiceState::NotLoaded => "was never started: it could not be loaded".to_string(),
        ServiceState::Ended | ServiceState::GivenUp | ServiceState::Stopped => {
            format!(
                "ended {age} ago in life {which}, and is not started again: {}",
                life.last.text()
            )
        }
    }
}

/// What it means for others that a service does not run.
const fn means(service: u32) -> Option<&'static str> {
    match service {
        ids::POLICYD | ids::LOGD => {
            Some("no device is given to anybody; whoever has one goes on with it")
        }
        ids::BUSD => Some(
            "drivers of devices that do DMA go on, but none is started again: nobody brings its device to rest",
        ),
        _ => None,
    }
}

/// What would have it run; nothing where it does, or will by itself.
fn change(life: &LifeInfo, name: &str, lost: bool) -> Option<String> {
    let again = format!("`restart {name}` starts it again");
    let reboot = "`reboot` starts all anew";
    Some(match (life.state, life.last) {
        (ServiceState::Started | ServiceState::Ready, _) => return None,
        (ServiceState::Restarting, _) if life.again == 0 => {
            "`restart policyd` and `restart logd` start what does not run of them".to_string()
        }
        (ServiceState::Restarting, _) => format!("`restart {name}` starts it now"),
        (ServiceState::Failed, _) => format!("{again}; `log {name}` tells what it saw"),
        (ServiceState::Waiting, _) => {
            format!("`why {name} DEVICE` tells of a device; {reboot}")
        }
        (ServiceState::NotLoaded, _) => format!("`log init` tells why; {reboot}"),
        _ if lost => format!("nothing in this run: {reboot}"),
        (_, Last::Never) => reboot.to_string(),
        (_, Last::NotLoaded) => format!("`log init` tells why; {again}"),
        (_, Last::TooOften | Last::NoDevice) => format!("{again}; `log {name}` tells more"),
        (_, Last::None | Last::EndedWell | Last::Stopped) => again,
    })
}

impl Device<'_> {
    /// True when it is given to nobody any more.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.dma == Some(DmaState::Quarantined)
    }

    /// How it stands, in words.
    #[must_use]
    pub fn now(&self, now: u64, names: &Names) -> String {
        let (what, who) = (names.device(self.owner.device), names.service(self.owner.owner.id));
        match (self.owner.state, self.life) {
            (OwnerState::Held, _) => format!("{who} holds {what}"),
            _ if self.is_lost() => format!(
                "{what} did not come to rest when {who} ended, or nobody could tell: it is in quarantine, \
                 and is given to nobody until the machine starts anew"
            ),
            (OwnerState::OwnerEnded, Some(life)) if life.state == ServiceState::Restarting => {
                format!(
                    "{what} is with nobody: {who} ended, and is started again {}",
                    soon(life, now, brief)
                )
            }
            (OwnerState::OwnerEnded, Some(life)) if life.last != Last::None => {
                let why = life.last.text();
                format!("{what} is with nobody: {who} ended, and is not started again: {why}")
            }
            _ => format!("{what} is with {}", holder(self.owner, names)),
        }
    }
}

#[cfg(test)]
#[path = "stands_tests.rs"]
mod tests;
