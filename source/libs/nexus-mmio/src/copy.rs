//! From one shared memory to another.

use crate::{Outside, Shared, SharedMut};

/// Bytes in the widest load or store.
const WORD: usize = size_of::<u64>();

/// Copies `len` bytes, each loaded and stored once. Where both offsets are equally far from a word, it is
/// a load and a store for each eight bytes, and nothing stands between.
///
/// # Errors
/// The bytes are not all inside `from`, or not all inside `to`; nothing was copied.
#[inline]
pub fn copy_between<F, T>(
    from: &F,
    from_offset: usize,
    to: &mut T,
    to_offset: usize,
    len: usize,
) -> Result<(), Outside>
where
    F: Shared + ?Sized,
    T: SharedMut + ?Sized,
{
    for (offset, has) in [(from_offset, from.len()), (to_offset, to.len())] {
        if offset > has || len > has - offset {
            return Err(Outside);
        }
    }
    if from_offset % WORD != to_offset % WORD {
        return by_chunks(from, from_offset, to, to_offset, len);
    }
    let head = len.min(from_offset.wrapping_neg() % WORD);
    by_chunks(from, from_offset, to, to_offset, head)?;
    let words = (len - head) / WORD;
    to.put_words(to_offset + head, from.words(from_offset + head, words)?)?;
    let end = head + words * WORD;
    by_chunks(from, from_offset + end, to, to_offset + end, len - end)
}

/// The same with a few bytes at a time in between, whatever the offsets are. All of it is inside.
fn by_chunks<F, T>(
    from: &F,
    from_offset: usize,
    to: &mut T,
    to_offset: usize,
    len: usize,
) -> Result<(), Outside>
where
    F: Shared + ?Sized,
    T: SharedMut + ?Sized,
{
    let mut bytes = [0; 64];
    for at in (0..len).step_by(bytes.len()) {
        let (chunk, _) = bytes.split_at_mut((len - at).min(64));
        from.copy_out(from_offset + at, chunk)?;
        to.copy_in(to_offset + at, chunk)?;
    }
    Ok(())
}
