//! One request, as picoserve sees it: a connection that has its head and no more, and whose end is not that of the
//! real one.

use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt::{Arguments, Write as _};

use picoserve::io::{BaseWrite, ErrorType, Read, Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::{Timeouts, Timer};

/// Bytes of an answer that are gathered before some are sent: a small answer is one piece.
const GATHERED: usize = 4096;
/// Most bytes that are written at once by who wants to see the room for them.
const LENT: usize = 512;

/// A head, and where its answer goes.
pub(crate) struct One<'a, W> {
    pub(crate) head: &'a [u8],
    pub(crate) writer: &'a mut Gather<W>,
    /// Set when picoserve looks for another request: it has told the client that there can be one.
    pub(crate) goes_on: &'a Cell<bool>,
}

impl<R, W: BaseWrite> Socket<R> for One<'_, W>
where
    W::Error: 'static,
{
    type Error = W::Error;
    type ReadHalf<'b>
        = Head<'b, W>
    where
        Self: 'b;
    type WriteHalf<'b>
        = &'b mut Gather<W>
    where
        Self: 'b;

    fn split(&mut self) -> (Self::ReadHalf<'_>, Self::WriteHalf<'_>) {
        let head =
            Head { left: self.head, goes_on: self.goes_on, errors: core::marker::PhantomData };
        (head, self.writer)
    }

    async fn abort<T: Timer<R>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Self::Error>> {
        Ok(())
    }

    async fn shutdown<T: Timer<R>>(
        self,
        _timeouts: &Timeouts,
        _timer: &T,
    ) -> Result<(), picoserve::Error<Self::Error>> {
        Ok(())
    }
}

/// A head that is read; behind it is the end.
pub(crate) struct Head<'a, W> {
    left: &'a [u8],
    goes_on: &'a Cell<bool>,
    errors: core::marker::PhantomData<fn() -> W>,
}

impl<W: BaseWrite> ErrorType for Head<'_, W> {
    type Error = W::Error;
}

impl<W: BaseWrite> Read for Head<'_, W> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let len = buf.len().min(self.left.len());
        let (now, later) = self.left.split_at(len);
        self.goes_on.set(now.is_empty());
        for (to, from) in buf.iter_mut().zip(now) {
            *to = *from;
        }
        self.left = later;
        Ok(len)
    }
}

/// Gathers what is written, and sends it in few pieces.
pub(crate) struct Gather<W> {
    writer: W,
    gathered: Vec<u8>,
}

impl<W: BaseWrite> Gather<W> {
    pub(crate) fn new(writer: W) -> Gather<W> {
        Gather { writer, gathered: Vec::new() }
    }

    /// Sends what is gathered.
    pub(crate) async fn send(&mut self) -> Result<(), W::Error> {
        self.writer.write_all(&self.gathered).await?;
        self.gathered.clear();
        self.writer.flush().await
    }
}

impl<W: BaseWrite> ErrorType for Gather<W> {
    type Error = W::Error;
}

impl<W: BaseWrite> BaseWrite for Gather<W> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        if self.gathered.len() + buf.len() <= GATHERED {
            self.gathered.extend_from_slice(buf);
            return Ok(buf.len());
        }
        if self.gathered.is_empty() {
            return self.writer.write(buf).await;
        }
        // What is first goes first, and with it as much as there is room for.
        let len = GATHERED.saturating_sub(self.gathered.len()).min(buf.len());
        self.gathered.extend_from_slice(buf.get(..len).unwrap_or_default());
        self.writer.write_all(&self.gathered).await?;
        self.gathered.clear();
        Ok(len)
    }

    /// Nothing: head and body are one piece, and [`Gather::send`] sends the last.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<W: BaseWrite> Write for Gather<W> {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(
        &mut self,
        f: F,
    ) -> Result<R, Self::Error> {
        let mut lent = [0; LENT];
        let mut lent = BorrowedBuffer::new(&mut lent);
        let result = f(lent.unfilled());
        self.write_all(lent.filled()).await?;
        Ok(result)
    }

    async fn write_fmt(&mut self, args: Arguments<'_>) -> Result<(), Self::Error> {
        let mut text = alloc::string::String::new();
        // A string takes everything, and what is written here are headers.
        let _ = text.write_fmt(args);
        self.write_all(text.as_bytes()).await
    }
}
