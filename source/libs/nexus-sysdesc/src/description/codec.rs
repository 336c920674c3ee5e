//! To bytes and back.

use alloc::vec::Vec;

use super::{DescError, Description, Place, Problem};

/// Most bytes of an encoded description.
pub const MAX_LEN: usize = 256 * 1024;

const fn refused(problem: Problem) -> DescError {
    DescError { place: Place::Description, problem }
}

impl Description {
    /// The bytes of a valid description.
    ///
    /// # Errors
    /// What [`Description::validate`] says, or `Malformed` when it would be too long.
    pub fn encode(&self) -> Result<Vec<u8>, DescError> {
        self.validate()?;
        let bytes = postcard::to_allocvec(self).map_err(|_| refused(Problem::Malformed))?;
        if bytes.len() > MAX_LEN { Err(refused(Problem::Malformed)) } else { Ok(bytes) }
    }

    /// The valid description that these bytes encode. No other bytes encode it.
    ///
    /// # Errors
    /// [`DescError`] names the first thing that is wrong, and where.
    pub fn decode(bytes: &[u8]) -> Result<Description, DescError> {
        if bytes.len() > MAX_LEN {
            return Err(refused(Problem::Malformed));
        }
        let (description, rest) = postcard::take_from_bytes::<Description>(bytes)
            .map_err(|_| refused(Problem::Malformed))?;
        if !rest.is_empty() {
            return Err(refused(Problem::NotCanonical));
        }
        if description.encode()? != bytes {
            return Err(refused(Problem::NotCanonical));
        }
        Ok(description)
    }
}
