//! What a wild process and the keeper say to each other.

use nexus_abi::Message;

use crate::counts::{Counts, ROWS};

/// Label of these messages.
const LABEL: u32 = 0x5749_4c44;
/// First word of them, so that no random message is taken for one.
const MARK: u64 = 0x6b65_6570_6572_2121;

/// What a wild process tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// It waits for its seed. The answer is a message with the seed and the number of calls.
    Begin,
    /// Three rows of its counts, from this one on.
    Rows(usize, [[u64; 2]; 3]),
    /// It ends next.
    End,
}

/// Rows in a message.
const ROWS_AT_ONCE: usize = 3;

impl Say {
    /// As a message.
    #[must_use]
    pub fn to_message(self) -> Message {
        let words = match self {
            Say::Begin => [MARK, u64::MAX, 0, 0, 0, 0, 0, 0],
            Say::End => [MARK, u64::MAX - 1, 0, 0, 0, 0, 0, 0],
            Say::Rows(first, [[a, b], [c, d], [e, f]]) => [MARK, first as u64, a, b, c, d, e, f],
        };
        Message::new(LABEL, &words)
    }

    /// Back from a message; `None` for any other message.
    #[must_use]
    pub fn from_message(message: &Message) -> Option<Say> {
        let [mark, what, a, b, c, d, e, f] = message.words;
        let tag = message.tag;
        if tag.label() != LABEL || tag.words() != 8 || tag.caps() != 0 || mark != MARK {
            return None;
        }
        match what {
            u64::MAX => Some(Say::Begin),
            what if what == u64::MAX - 1 => Some(Say::End),
            first => {
                let first = usize::try_from(first).ok().filter(|first| *first < ROWS)?;
                Some(Say::Rows(first, [[a, b], [c, d], [e, f]]))
            }
        }
    }
}

/// The counts in messages.
pub fn rows(counts: &Counts) -> impl Iterator<Item = Say> + '_ {
    (0..ROWS).step_by(ROWS_AT_ONCE).map(|first| {
        let mut some = [[0; 2]; ROWS_AT_ONCE];
        for (to, from) in some.iter_mut().zip(counts.rows.iter().skip(first)) {
            *to = *from;
        }
        Say::Rows(first, some)
    })
}

/// Adds the rows of a message.
pub fn add_rows(counts: &mut Counts, first: usize, some: [[u64; 2]; ROWS_AT_ONCE]) {
    for ([done, refused], [more_done, more_refused]) in counts.rows.iter_mut().skip(first).zip(some)
    {
        *done += more_done;
        *refused += more_refused;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back_and_nothing_else() {
        for say in [Say::Begin, Say::End, Say::Rows(3, [[1, 2], [3, 4], [5, 6]])] {
            assert_eq!(Say::from_message(&say.to_message()), Some(say));
        }
        assert_eq!(Say::from_message(&Message::new(LABEL, &[0; 8])), None);
        assert_eq!(Say::from_message(&Message::new(1, &[MARK; 8])), None);
        assert_eq!(Say::from_message(&Message::new(LABEL, &[MARK, 1 << 40])), None);
    }

    #[test]
    fn counts_arrive_whole() {
        let mut counts = Counts::default();
        for row in 0..ROWS {
            counts.note(row, row % 2 == 0);
        }
        let mut got = Counts::default();
        for say in rows(&counts) {
            let Say::Rows(first, some) = say else { panic!("rows") };
            add_rows(&mut got, first, some);
        }
        assert_eq!(got, counts);
    }
}
