//! `caps`: what a service holds, as the kernel tells it.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_abi::KindCode;
use nexus_proto::init::{CapEntry, OwnerInfo};

use super::address;
use crate::names::Names;
use crate::table::{Table, left};
use crate::units::{count, rights, size};

/// The capabilities of one service. `servers` tells which service receives on an endpoint, by the
/// number of the object.
#[must_use]
pub fn caps(
    service: u32,
    list: &[CapEntry],
    servers: &[(u64, u32)],
    owners: &[OwnerInfo],
    names: &Names,
) -> String {
    let name = names.service(service);
    if list.is_empty() {
        return format!("{name} holds nothing\n");
    }
    let mut table = Table::new(&[left("KIND"), left("RIGHTS"), left("WHAT IT IS")]);
    for cap in list {
        table.row([kind(cap.kind), rights(cap.rights), what(service, cap, servers, owners, names)]);
    }
    let head = match list.len() {
        1 => format!("{name} holds 1 capability\n"),
        several => format!("{name} holds {several} capabilities\n"),
    };
    head + &table.render()
}

fn kind(code: u16) -> String {
    let name = match KindCode::from_code(code.into()) {
        Some(KindCode::Endpoint) => "endpoint",
        Some(KindCode::Reply) => "reply",
        Some(KindCode::Notification) => "notification",
        Some(KindCode::Vmo) => "memory",
        Some(KindCode::DeviceMmio) => "device window",
        Some(KindCode::Process) => "process",
        Some(KindCode::Thread) => "thread",
        Some(KindCode::Spawn) => "spawn",
        Some(KindCode::Console) => "console",
        None => return format!("kind {code}"),
    };
    name.to_string()
}

fn what(
    service: u32,
    cap: &CapEntry,
    servers: &[(u64, u32)],
    owners: &[OwnerInfo],
    names: &Names,
) -> String {
    match KindCode::from_code(cap.kind.into()) {
        Some(KindCode::Endpoint) => endpoint(service, cap, servers, names),
        Some(KindCode::Vmo) => mapped(size(cap.len), cap.mapped_pages),
        Some(KindCode::DeviceMmio) => window(cap, owners),
        Some(KindCode::Spawn) => "makes processes and gives them identities".to_string(),
        Some(KindCode::Console) => "writes to the kernel's console".to_string(),
        _ => String::new(),
    }
}

fn endpoint(service: u32, cap: &CapEntry, servers: &[(u64, u32)], names: &Names) -> String {
    match servers.iter().find(|(object, _)| *object == cap.object) {
        Some((_, server)) if *server == service => "its own: here others ask it".to_string(),
        Some((_, server)) => format!("to {}", names.service(*server)),
        None => "nobody receives".to_string(),
    }
}

fn window(cap: &CapEntry, owners: &[OwnerInfo]) -> String {
    let inside = |owner: &&OwnerInfo| owner.base <= cap.base && cap.base - owner.base < owner.len;
    let device = owners.iter().find(inside).map_or("", |owner| owner.name.as_str());
    let place = format!("{device} {}, {}", address(cap.base), size(cap.len));
    let text = mapped(place.trim_start().to_string(), cap.mapped_pages);
    match cap.children {
        0 => text,
        children => format!("{text}, given on: {children}"),
    }
}

fn mapped(what: String, pages: u64) -> String {
    match pages {
        0 => format!("{what}, not mapped"),
        pages => format!("{what}, {} mapped", count(pages, "page")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{names, owner};
    use nexus_abi::Rights;
    use nexus_proto::init::OwnerState;

    fn cap(kind: KindCode, rights: Rights, object: u64) -> CapEntry {
        CapEntry {
            next: 0,
            kind: u16::try_from(kind.code()).unwrap(),
            rights: rights.bits(),
            children: 0,
            base: 0,
            len: 0,
            object,
            mapped_pages: 0,
        }
    }

    #[test]
    fn names_every_end() {
        let window = Rights::MAP | Rights::READ | Rights::WRITE;
        let list = [
            cap(KindCode::Endpoint, Rights::RECV, 5),
            cap(KindCode::Endpoint, Rights::SEND, 3),
            cap(KindCode::Endpoint, Rights::SEND, 9),
            CapEntry {
                base: 0x1000_3000,
                len: 4096,
                mapped_pages: 1,
                ..cap(KindCode::DeviceMmio, window, 0)
            },
            CapEntry { len: 40_960, mapped_pages: 10, ..cap(KindCode::Vmo, Rights::READ, 0) },
            CapEntry { kind: 77, rights: 0, ..cap(KindCode::Vmo, Rights::READ, 0) },
        ];
        let owners = [owner(3, 7, OwnerState::Held)];
        assert_eq!(
            caps(7, &list, &[(5, 7), (3, 3)], &owners, &names()),
            "\
rngd holds 6 capabilities
KIND           RIGHTS          WHAT IT IS
endpoint       recv            its own: here others ask it
endpoint       send            to logd
endpoint       send            nobody receives
device window  map read write  rng0 0x10003000, 4 KiB, 1 page mapped
memory         read            40 KiB, 10 pages mapped
kind 77        none
"
        );
    }

    #[test]
    fn who_holds_nothing() {
        assert_eq!(caps(42, &[], &[], &[], &names()), "service 42 holds nothing\n");
    }
}
