//! Tables with an entry for each frame of RAM. RAM lies in banks, and a table costs what they hold,
//! however far they are apart.

use core::array;

use crate::store::addr::Frame;

/// Most banks. A look-up tries them one after the other.
pub const MAX_BANKS: usize = 8;

/// The entries of one bank.
#[derive(Debug)]
struct Bank<'a, T> {
    first: Frame,
    entries: &'a mut [T],
}

/// A table of `T`, one for each frame of each bank.
#[derive(Debug)]
pub struct Banks<'a, T>([Bank<'a, T>; MAX_BANKS]);

impl<T> Default for Banks<'_, T> {
    /// No bank.
    fn default() -> Self {
        Banks(array::from_fn(|_| Bank { first: Frame::from_number(0), entries: &mut [] }))
    }
}

impl<'a, T> Banks<'a, T> {
    /// Adds the bank from `first` with a frame for each entry. `None`, and nothing done, when it has
    /// none, when a frame has a number of more than 32 bits, or when there are [`MAX_BANKS`].
    pub fn add(&mut self, first: Frame, entries: &'a mut [T]) -> Option<()> {
        let last = u64::try_from(entries.len()).ok()?.checked_sub(1)?;
        u32::try_from(first.plus(last).number()).ok().filter(|last| *last != u32::MAX)?;
        let bank = self.0.iter_mut().find(|bank| bank.entries.is_empty())?;
        *bank = Bank { first, entries };
        Some(())
    }

    /// The entry of a frame; `None` outside RAM.
    #[inline(always)]
    pub fn get(&self, frame: Frame) -> Option<&T> {
        let [bank, others @ ..] = &self.0;
        bank.entries.get(place(bank.first, frame)).or_else(|| far(others, frame))
    }

    /// The entry of a frame; `None` outside RAM.
    #[inline(always)]
    pub fn get_mut(&mut self, frame: Frame) -> Option<&mut T> {
        let [bank, others @ ..] = &mut self.0;
        bank.entries.get_mut(place(bank.first, frame)).or_else(|| far_mut(others, frame))
    }

    /// The first frame of each bank, and its entries.
    #[cfg(feature = "checker")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Frame, &[T])> {
        self.0.iter().map(|bank| (bank.first, &*bank.entries))
    }

    /// The entries of each bank.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        self.0.iter_mut().map(|bank| &mut *bank.entries)
    }
}

/// Where a bank from `first` has a frame; past its end when it does not.
fn place(first: Frame, frame: Frame) -> usize {
    usize::try_from(frame.number().wrapping_sub(first.number())).unwrap_or(usize::MAX)
}

/// The entry of a frame that is not in the first bank.
#[inline(never)]
fn far<'b, T>(banks: &'b [Bank<'_, T>], frame: Frame) -> Option<&'b T> {
    banks.iter().find_map(|bank| bank.entries.get(place(bank.first, frame)))
}

/// The same.
#[inline(never)]
fn far_mut<'b, T>(banks: &'b mut [Bank<'_, T>], frame: Frame) -> Option<&'b mut T> {
    banks.iter_mut().find_map(|bank| bank.entries.get_mut(place(bank.first, frame)))
}
