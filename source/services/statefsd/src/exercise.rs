//! What a request in a ring is taken for, for bytes that anybody made up.

use alloc::vec::Vec;

use nexus_store::MAX_BATCH;

use crate::session::ask::{Ask, Bad, HEAD, body};

/// Takes `data` for a request: the operation, its argument, then the bytes in the ring. True when it is one.
///
/// # Panics
/// Something is not true that must be: more bytes are looked at than there are, or copied than the request has; a
/// request that was taken is not within its bytes; a batch has more steps than it may, or a key twice.
#[must_use]
pub fn request(data: &[u8]) -> bool {
    let Some((op, rest)) = data.split_first() else { return false };
    let Some((arg, bytes)) = rest.split_first_chunk::<8>() else { return false };
    let arg = u64::from_le_bytes(*arg);
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let len = match body(head, bytes.len()) {
        Ok(len) => len,
        Err(bad) => {
            assert!(matches!(bad, Bad::Malformed | Bad::Key(_)), "{bad:?}");
            return false;
        }
    };
    assert!(HEAD + len <= bytes.len(), "{len} bytes behind the head of {}", bytes.len());
    let copied = bytes.get(..HEAD + len).unwrap_or_default();
    let ask = Ask::parse(*op, arg, copied);
    assert_eq!(Ask::parse(*op, arg, bytes), ask, "what is behind a request counts");
    match ask {
        Ok(ask) => {
            check(&ask, len);
            true
        }
        Err(_) => false,
    }
}

fn check(ask: &Ask<'_>, len: usize) {
    match ask {
        Ask::Put { key, value, .. } => assert_eq!(key.as_str().len() + value.len(), len),
        Ask::Piece { bytes, .. } => assert_eq!(bytes.len(), len),
        Ask::List { under, after, .. } => {
            let parts = [under, after].into_iter().flatten();
            assert_eq!(parts.map(|key| key.as_str().len()).sum::<usize>(), len);
        }
        Ask::Batch { steps, .. } => {
            assert!((1..=MAX_BATCH).contains(&steps.len()), "{} steps", steps.len());
            let mut keys: Vec<&str> = steps.iter().map(|step| step.key.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), steps.len(), "a key twice");
        }
        _ => {}
    }
}
