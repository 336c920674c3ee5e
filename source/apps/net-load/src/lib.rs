//! What the host asks `net-load` for: nine bytes, an operation and a number.
#![cfg_attr(target_os = "none", no_std)]
#![forbid(unsafe_code)]

/// Bytes of what is asked.
pub const ASKED: usize = 9;

/// A load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// So many bytes come; one is sent when they have.
    In(u64),
    /// So many bytes are sent.
    Out(u64),
    /// So many bytes come, each alone, and each is sent back.
    Tcp(u64),
    /// So many datagrams come, and each is sent back.
    Udp(u64),
    /// The router is asked for so many echoes; how many nanoseconds each took is sent, eight bytes each.
    Ping(u64),
    /// What was counted is sent, and said on the serial port, where a load with this number ends.
    Mark(u64),
    /// What others do is counted from now on.
    Count,
    /// The machine ends.
    End,
}

impl Asked {
    /// What nine bytes ask for; nothing for an operation that there is not.
    #[must_use]
    pub fn of(asked: [u8; ASKED]) -> Option<Asked> {
        let [op, number @ ..] = asked;
        let number = u64::from_le_bytes(number);
        Some(match op {
            b'i' => Asked::In(number),
            b'o' => Asked::Out(number),
            b't' => Asked::Tcp(number),
            b'u' => Asked::Udp(number),
            b'p' => Asked::Ping(number),
            b'm' => Asked::Mark(number),
            b'c' => Asked::Count,
            b'e' => Asked::End,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked() {
        let asked = |op| Asked::of([op, 1, 2, 0, 0, 0, 0, 0, 0]);
        let number = 0x201;
        let each = [
            (b'i', Asked::In(number)),
            (b'o', Asked::Out(number)),
            (b't', Asked::Tcp(number)),
            (b'u', Asked::Udp(number)),
            (b'p', Asked::Ping(number)),
            (b'm', Asked::Mark(number)),
            (b'c', Asked::Count),
            (b'e', Asked::End),
        ];
        for (op, expected) in each {
            assert_eq!(asked(op), Some(expected));
        }
        assert_eq!(asked(b'x'), None);
    }
}
