//! What is held: kinds of capabilities, and rights.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nexus_abi::{KindCode, Rights};

const RIGHTS: [(Rights, &str); 11] = [
    (Rights::MAP, "map"),
    (Rights::READ, "read"),
    (Rights::WRITE, "write"),
    (Rights::EXEC, "exec"),
    (Rights::SEND, "send"),
    (Rights::RECV, "recv"),
    (Rights::DERIVE, "derive"),
    (Rights::GRANT, "grant"),
    (Rights::REVOKE, "revoke"),
    (Rights::MANAGE, "manage"),
    (Rights::PLACE, "place"),
];

/// What whoever made a thing may do with it. All of them together are called `own`.
const OWN: Rights = Rights::DERIVE.union(Rights::GRANT).union(Rights::REVOKE).union(Rights::MANAGE);

/// Rights ([`Rights`] bits): `map read write`.
#[must_use]
pub fn rights(bits: u16) -> String {
    let rights = Rights::from_bits_truncate(bits);
    let own = rights.contains(OWN);
    let named = if own { rights - OWN } else { rights };
    let names = RIGHTS.iter().filter(|(right, _)| named.contains(*right)).map(|(_, name)| *name);
    let names: Vec<&str> = names.chain(own.then_some("own")).collect();
    if names.is_empty() { "none".to_string() } else { names.join(" ") }
}

/// A kind of capability ([`KindCode`] as a number).
#[must_use]
pub fn kind(code: u16) -> String {
    let name = match KindCode::from_code(code.into()) {
        Some(KindCode::Endpoint) => "endpoint",
        Some(KindCode::Reply) => "reply",
        Some(KindCode::Notification) => "notification",
        Some(KindCode::Vmo) => "memory",
        Some(KindCode::DeviceMmio) => "window",
        Some(KindCode::Process) => "process",
        Some(KindCode::Thread) => "thread",
        Some(KindCode::Spawn) => "spawn",
        Some(KindCode::Console) => "console",
        Some(KindCode::Irq) => "line",
        None => return format!("kind {code}"),
    };
    name.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_in_order() {
        assert_eq!(rights(0), "none");
        assert_eq!(rights(0b111), "map read write");
        assert_eq!(rights(0x7ff), "map read write exec send recv place own");
        assert_eq!(rights((OWN - Rights::GRANT).bits()), "derive revoke manage");
        // Each has a name.
        for right in Rights::all() {
            assert!(!rights(right.bits()).contains("none"), "{right:?}");
        }
    }

    #[test]
    fn each_kind_has_a_name() {
        let names: Vec<String> = (1..=10).map(kind).collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!name.starts_with("kind") && !names[..index].contains(name), "{name}");
        }
        assert_eq!((kind(0), kind(11)), ("kind 0".into(), "kind 11".into()));
    }
}
