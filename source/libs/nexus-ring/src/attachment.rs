//! Which attachment the words of a ring are of.

/// The name of an attachment: the life of the consumer that began it in the high half, and which one of that
/// life it is in the low half. Later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attachment(pub(crate) u64);

impl Attachment {
    /// None: a driver says so that has not been asked into one yet.
    pub(crate) const NONE: Attachment = Attachment(0);

    /// The one after `last`, begun by a consumer in this life; its first, when `last` is of another.
    pub(crate) const fn after(last: Attachment, life: u32) -> Attachment {
        let before = if last.life() == life { last.0 as u32 } else { 0 };
        let number = before.wrapping_add(1);
        // 0 is none, in life 0.
        Attachment((life as u64) << 32 | if number == 0 { 1 } else { number as u64 })
    }

    /// This name, if a consumer can have come to it; else none. The driver, too, can write where it stands, and behind
    /// the last names of a life there are none that are later: no driver would join, in any life of it.
    pub(crate) const fn believed(self) -> Attachment {
        if self.0 as u32 >> 31 == 0 { self } else { Attachment::NONE }
    }

    /// The life that began it.
    pub(crate) const fn life(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let first = Attachment::after(Attachment::NONE, 0);
        assert_eq!((first, first.life()), (Attachment(1), 0));
        let second = Attachment::after(first, 0);
        let third = Attachment::after(second, 7);
        assert_eq!((second, third), (Attachment(2), Attachment(7 << 32 | 1)));
        assert!(Attachment::NONE < first && first < second && second < third);
        assert_eq!(third.life(), 7);
        assert_eq!(Attachment::after(Attachment(u64::MAX), u32::MAX).0 as u32, 1);
    }
}
