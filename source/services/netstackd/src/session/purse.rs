//! What a client may have, and what it has.

use nexus_proto::socket::ring as wire;
use nexus_sysdesc::Sockets;

/// Most bytes of a buffer, each way.
pub const MOST: usize = 64 << 10;
/// Least bytes of one.
pub const LEAST: usize = 4 << 10;

/// Sockets and bytes of a client.
///
/// A socket has two buffers, of as many bytes as its client may have for each of its sockets: so a client that has all
/// of its sockets has all of its bytes, and none fails for want of bytes of another. Between [`LEAST`] and [`MOST`].
#[derive(Clone, Copy, Debug)]
pub struct Purse {
    may: Sockets,
    count: u32,
    bytes: u64,
}

impl Purse {
    /// An empty one.
    #[must_use]
    pub const fn new(may: Sockets) -> Purse {
        Purse { may, count: 0, bytes: 0 }
    }

    /// Bytes of a buffer, each way.
    #[must_use]
    pub fn buffer(&self) -> usize {
        let each = self.may.bytes / u64::from(self.may.count.max(1)) / 2;
        let each = usize::try_from(each).unwrap_or(MOST).clamp(LEAST, MOST);
        // Whole pages.
        each / LEAST * LEAST
    }

    /// Takes what a socket costs.
    ///
    /// # Errors
    /// The status that says what there is not enough of.
    pub fn take(&mut self) -> Result<usize, u8> {
        let buffer = self.buffer();
        let bytes = self.bytes.saturating_add(2 * buffer as u64);
        if self.count >= self.may.count {
            return Err(wire::QUOTA_SOCKETS);
        }
        if bytes > self.may.bytes {
            return Err(wire::QUOTA_BYTES);
        }
        (self.count, self.bytes) = (self.count + 1, bytes);
        Ok(buffer)
    }

    /// Gives back what one costs.
    pub fn give(&mut self) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(2 * self.buffer() as u64);
    }

    /// Sockets that it has.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of their buffers.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_a_share_of_all() {
        let buffer = |count, bytes| Purse::new(Sockets { count, bytes }).buffer();
        assert_eq!(buffer(8, 1 << 20), MOST);
        assert_eq!(buffer(1, 1 << 20), MOST);
        assert_eq!(buffer(32, 1 << 20), 16 << 10);
        assert_eq!(buffer(3, 100_000), 16 << 10);
        assert_eq!(buffer(64, 64 << 10), LEAST);
        assert_eq!(buffer(0, 0), LEAST);
    }

    #[test]
    fn what_is_not_there_is_not_taken() {
        let mut purse = Purse::new(Sockets { count: 2, bytes: 1 << 20 });
        assert_eq!([purse.take(), purse.take()], [Ok(MOST); 2]);
        assert_eq!(purse.take(), Err(wire::QUOTA_SOCKETS));
        purse.give();
        assert_eq!((purse.count(), purse.bytes()), (1, 2 * MOST as u64));
        assert_eq!(purse.take(), Ok(MOST));
        let mut narrow = Purse::new(Sockets { count: 64, bytes: 3 * 2 * LEAST as u64 });
        assert_eq!([narrow.take(), narrow.take(), narrow.take()], [Ok(LEAST); 3]);
        assert_eq!(narrow.take(), Err(wire::QUOTA_BYTES));
        assert_eq!(Purse::new(Sockets { count: 0, bytes: 0 }).take(), Err(wire::QUOTA_SOCKETS));
    }
}
