//! Whose request a head carries.

/// What a head is used for, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// A part of a request of the ring.
    Ring {
        /// The request.
        id: u16,
        /// Of which attachment.
        attachment: u16,
        /// Where in its data the part begins, in sectors.
        at: u32,
    },
    /// A request of the caller whose turn it is.
    Call,
    /// The serial number.
    Serial,
}

const CALL: u64 = u64::MAX;
const SERIAL: u64 = u64::MAX - 1;

impl Tag {
    /// As a number.
    #[inline]
    pub(crate) const fn code(self) -> u64 {
        match self {
            Tag::Ring { id, attachment, at } => {
                (id as u64) << 48 | (attachment as u64) << 32 | at as u64
            }
            Tag::Call => CALL,
            Tag::Serial => SERIAL,
        }
    }

    /// Back from a number. No ring has so many requests that one of them is taken for another kind.
    #[inline]
    pub(crate) const fn from_code(code: u64) -> Tag {
        match code {
            CALL => Tag::Call,
            SERIAL => Tag::Serial,
            _ => Tag::Ring {
                id: (code >> 48) as u16,
                attachment: (code >> 32) as u16,
                at: code as u32,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_back_from_its_number() {
        let most = Tag::Ring { id: 63, attachment: u16::MAX, at: u32::MAX };
        for tag in [Tag::Call, Tag::Serial, Tag::Ring { id: 0, attachment: 0, at: 0 }, most] {
            assert_eq!(Tag::from_code(tag.code()), tag);
        }
    }
}
