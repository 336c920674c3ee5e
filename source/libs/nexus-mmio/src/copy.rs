//! From one shared memory to another.

use crate::{Outside, Shared, SharedMut};

/// Bytes in the widest load or store.
const WORD: usize = size_of::<u64>();
/// Words that are copied without a branch in between.
const RUN: usize = 16;

/// Copies `len` bytes, each loaded and stored once. Where both offsets are equally far from a word, it is
/// a load and a store for each eight bytes, sixteen of both in a row.
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
    let mut end = head;
    while len - end >= RUN * WORD {
        to.put_words(to_offset + end, from.words(from_offset + end, RUN)?)?;
        end += RUN * WORD;
    }
    let words = (len - end) / WORD;
    to.put_words(to_offset + end, from.words(from_offset + end, words)?)?;
    end += words * WORD;
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
