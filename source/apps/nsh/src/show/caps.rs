//! `caps`: what a service holds, as the kernel tells it.

use alloc::format;
use alloc::string::{String, ToString};

use nexus_abi::KindCode;
use nexus_proto::init::{CapEntry, OwnerInfo};
use nexus_words::amount::{count, size};
use nexus_words::holding::{kind, rights};

use super::{address, registers};
use crate::names::Names;
use crate::table::{Table, left};

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
    for (index, cap) in list.iter().enumerate() {
        let alike = || list.iter().filter(|other| is_alike(cap, other));
        if list.iter().take(index).any(|other| is_alike(cap, other)) {
            continue;
        }
        let what = match alike().count() {
            1 => what(service, cap, servers, owners, names),
            several => together(cap, several, alike()),
        };
        table.row([kind(cap.kind), rights(cap.rights), what]);
    }
    let head = match list.len() {
        1 => format!("{name} holds 1 capability\n"),
        several => format!("{name} holds {several} capabilities\n"),
    };
    head + &table.render()
}

/// True for capabilities that are shown in one row: there is nothing to tell one from the other.
fn is_alike(one: &CapEntry, other: &CapEntry) -> bool {
    let told_apart = match KindCode::from_code(one.kind.into()) {
        Some(KindCode::Endpoint) => one.object != other.object,
        Some(KindCode::DeviceMmio | KindCode::Irq) => one.base != other.base,
        _ => false,
    };
    one.kind == other.kind && one.rights == other.rights && !told_apart
}

/// Several that are alike.
fn together<'a>(
    first: &CapEntry,
    number: usize,
    all: impl Iterator<Item = &'a CapEntry>,
) -> String {
    if u64::from(first.kind) != KindCode::Vmo.code() {
        return format!("{number} of them");
    }
    let sum = |(len, pages): (u64, u64), cap: &CapEntry| {
        (len.saturating_add(cap.len), pages.saturating_add(cap.mapped_pages))
    };
    let (len, pages) = all.fold((0, 0), sum);
    mapped(format!("{number} of them, {}", size(len)), pages)
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
        Some(KindCode::Irq) => line(cap, owners),
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
    let place = place.trim_start();
    let text = match cap.children {
        0 => mapped(place.to_string(), cap.mapped_pages),
        _ => format!("{place}, given on"),
    };
    match cap.registers.mask() {
        None => text,
        Some(mask) => format!("{text}, writes {}", registers(mask)),
    }
}

fn line(cap: &CapEntry, owners: &[OwnerInfo]) -> String {
    if cap.len != 1 {
        return format!("{} from {}", count(cap.len, "line"), cap.base);
    }
    let owner = owners.iter().find(|owner| u64::from(owner.line) == cap.base);
    let device = owner.map_or("", |owner| owner.name.as_str());
    let given = if cap.children > 0 { ", given on" } else { "" };
    format!("{device} line {}{given}", cap.base).trim_start().to_string()
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
    use nexus_proto::{Registers, Zero};

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
            registers: Registers::UNMASKED,
            zero: Zero::ZERO,
        }
    }

    #[test]
    fn names_every_end() {
        let window = Rights::MAP | Rights::READ | Rights::WRITE;
        let ends = Rights::EXEC | Rights::SEND | Rights::RECV;
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
            CapEntry {
                base: 0x1000_3000,
                len: 4096,
                children: 1,
                ..cap(KindCode::DeviceMmio, Rights::all() - ends - Rights::PLACE, 0)
            },
            CapEntry { len: 40_960, mapped_pages: 10, ..cap(KindCode::Vmo, Rights::READ, 0) },
            CapEntry { len: 4096, ..cap(KindCode::Vmo, Rights::WRITE, 0) },
            CapEntry { len: 4096, mapped_pages: 1, ..cap(KindCode::Vmo, Rights::READ, 1) },
            cap(KindCode::Process, Rights::MANAGE, 2),
            cap(KindCode::Process, Rights::MANAGE, 3),
            CapEntry { kind: 77, rights: 0, ..cap(KindCode::Vmo, Rights::READ, 0) },
        ];
        let owners = [owner(3, 7, OwnerState::Held)];
        assert_eq!(
            caps(7, &list, &[(5, 7), (3, 3)], &owners, &names()),
            "\
rngd holds 11 capabilities
KIND      RIGHTS              WHAT IT IS
endpoint  recv                its own: here others ask it
endpoint  send                to logd
endpoint  send                nobody receives
window    map read write      rng0 0x10003000, 4 KiB, 1 page mapped
window    map read write own  rng0 0x10003000, 4 KiB, given on
memory    read                2 of them, 44 KiB, 11 pages mapped
memory    write               4 KiB, not mapped
process   manage              2 of them
kind 77   none
"
        );
    }

    #[test]
    fn lines_and_masks() {
        let window = Rights::MAP | Rights::READ | Rights::WRITE;
        let masked = CapEntry {
            base: 0x1000_3000,
            len: 4096,
            mapped_pages: 1,
            registers: Registers::new(Some(1 << 20 | 1 << 25)),
            ..cap(KindCode::DeviceMmio, window, 0)
        };
        let line = |base, len| CapEntry { base, len, ..cap(KindCode::Irq, Rights::RECV, 0) };
        let kept = CapEntry { children: 1, ..line(3, 1) };
        let list = [masked, line(3, 1), line(4, 1), line(1, 95), kept];
        let owners = [OwnerInfo { line: 3, ..owner(3, 7, OwnerState::Held) }];
        let text = caps(7, &list[..4], &[], &owners, &names());
        let (_, rows) = text.split_once("WHAT IT IS\n").unwrap();
        assert_eq!(
            rows,
            "\
window  map read write  rng0 0x10003000, 4 KiB, 1 page mapped, writes 0x50 0x64
line    recv            rng0 line 3
line    recv            line 4
line    recv            95 lines from 1
"
        );
        let text = caps(1, &list[4..], &[], &owners, &names());
        assert!(text.ends_with("line  recv    rng0 line 3, given on\n"), "{text}");
    }

    #[test]
    fn who_holds_nothing() {
        assert_eq!(caps(42, &[], &[], &[], &names()), "service 42 holds nothing\n");
    }
}
