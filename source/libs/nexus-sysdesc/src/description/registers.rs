//! Masks of registers: bit n is the 32-bit register at 4n, within the first 256 bytes of a window.

/// Bytes of a register.
pub const BYTES: u8 = 4;
/// Offset of the last register that a mask can name. Every window is longer.
pub const LAST: u8 = 252;

/// The mask of the register at `offset` alone; `None` when it is no multiple of 4.
#[must_use]
pub fn bit(offset: u8) -> Option<u64> {
    let whole = offset.is_multiple_of(BYTES);
    whole.then(|| 1u64.checked_shl(u32::from(offset / BYTES))).flatten()
}

/// Offsets of the registers in `mask`, ascending.
pub fn offsets(mask: u64) -> impl Iterator<Item = u8> {
    let all = (0..=LAST).step_by(usize::from(BYTES));
    all.filter(move |offset| bit(*offset).is_some_and(|bit| mask & bit != 0))
}
