//! The ns16550a (National Semiconductor PC16550D data sheet): input by interrupt or by looks, output by
//! looks.

use alloc::collections::VecDeque;

use nexus_mmio::{Bus, ReadOnly, ReadWrite, Reg, Registers, TooSmall, WriteOnly};

/// Received byte.
const RBR: Reg<u8, ReadOnly, 0> = Reg::NEW;
/// Byte to transmit.
const THR: Reg<u8, WriteOnly, 0> = Reg::NEW;
/// Low half of the divisor, while [`LCR_DIVISOR`] is set.
const DLL: Reg<u8, WriteOnly, 0> = Reg::NEW;
/// Interrupt enable.
const IER: Reg<u8, WriteOnly, 1> = Reg::NEW;
/// High half of the divisor, while [`LCR_DIVISOR`] is set.
const DLM: Reg<u8, WriteOnly, 1> = Reg::NEW;
/// Interrupt identification.
const IIR: Reg<u8, ReadOnly, 2> = Reg::NEW;
/// FIFO control.
const FCR: Reg<u8, WriteOnly, 2> = Reg::NEW;
/// Line control.
const LCR: Reg<u8, WriteOnly, 3> = Reg::NEW;
/// Modem control.
const MCR: Reg<u8, WriteOnly, 4> = Reg::NEW;
/// Line status.
const LSR: Reg<u8, ReadOnly, 5> = Reg::NEW;
/// Scratch: holds what was written, does nothing.
const SCR: Reg<u8, ReadWrite, 7> = Reg::NEW;

/// Both FIFOs work: what a 16550A says and its predecessors do not.
const IIR_FIFOS: u8 = 0b1100_0000;
const FCR_ENABLE: u8 = 1 << 0;
/// Interrupts for received bytes: from one on, until none is left.
const IER_RECEIVED: u8 = 1 << 0;
const LCR_8N1: u8 = 0b011;
const LCR_DIVISOR: u8 = 1 << 7;
const MCR_DTR_RTS: u8 = 0b11;
const LSR_RECEIVED: u8 = 1 << 0;
/// A byte came when there was no room in the FIFO, and is lost.
const LSR_OVERRUN: u8 = 1 << 1;
/// Parity error, framing error, break: the byte is none.
const LSR_BROKEN: u8 = 0b1_1100;
/// The transmit FIFO is empty.
const LSR_THR_EMPTY: u8 = 1 << 5;
/// The last bit has left.
const LSR_IDLE: u8 = 1 << 6;

/// Divisor for 115200 baud at the board's 3.6864 MHz.
const DIVISOR: u8 = 2;
/// Bytes that fit once the transmit FIFO is empty.
const FIFO: usize = 16;
/// Reads of the status register before the transmitter counts as not ready.
const READY_POLLS: usize = 64;
/// The same, for whoever wrote before to have finished.
const IDLE_POLLS: usize = 20_000;
/// Bytes received in one go, so that a flood cannot hold the service.
pub const RECEIVE_BURST: usize = 64;

/// Why there is no UART.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UartError {
    /// The window is smaller than the registers.
    TooSmall(TooSmall),
    /// The scratch register does not hold what is written: nothing answers.
    NoDevice,
    /// It answers, but has no FIFOs: not a 16550A.
    NoFifo {
        /// What the interrupt identification register says.
        iir: u8,
    },
}

impl core::fmt::Display for UartError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            UartError::TooSmall(small) => small.fmt(f),
            UartError::NoDevice => f.write_str("no UART answers in the window"),
            UartError::NoFifo { iir } => write!(f, "not a 16550A (IIR {iir:#04x})"),
        }
    }
}

/// What was taken from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The byte; `None` for one that came broken.
    pub byte: Option<u8>,
    /// Others came before it, and are lost.
    pub overrun: bool,
}

/// The device.
#[derive(Debug)]
pub struct Uart<B> {
    regs: Registers<B, 8>,
    /// A look at the line status told of lost bytes; each such look is told once.
    overrun: bool,
}

impl<B: Bus> Uart<B> {
    /// Checks that a 16550A is there and sets it to 115200 baud, 8n1, FIFOs on, interrupts off.
    /// Waits, not without end, for what others have sent.
    ///
    /// # Errors
    /// What is there instead.
    pub fn start(bus: B) -> Result<Uart<B>, UartError> {
        let mut regs = Registers::new(bus).map_err(UartError::TooSmall)?;
        for pattern in [0x5a, 0xa5] {
            regs.write(SCR, pattern);
            if regs.read(SCR) != pattern {
                return Err(UartError::NoDevice);
            }
        }
        let idle = |_: &usize| regs.read(LSR) & LSR_IDLE != 0;
        (0..IDLE_POLLS).find(idle);
        regs.write(LCR, LCR_8N1);
        regs.write(IER, 0);
        regs.write(LCR, LCR_DIVISOR | LCR_8N1);
        regs.write(DLL, DIVISOR);
        regs.write(DLM, 0);
        regs.write(LCR, LCR_8N1);
        regs.write(FCR, FCR_ENABLE);
        regs.write(MCR, MCR_DTR_RTS);
        let iir = regs.read(IIR);
        if iir & IIR_FIFOS != IIR_FIFOS {
            return Err(UartError::NoFifo { iir });
        }
        Ok(Uart { regs, overrun: false })
    }

    /// What the registers are on, for a test to look at.
    #[cfg(test)]
    pub(crate) fn bus(&self) -> &B {
        self.regs.bus()
    }

    /// Has received bytes interrupt from now on.
    pub fn listen(&mut self) {
        self.regs.write(IER, IER_RECEIVED);
    }

    /// Takes the next byte from the device.
    pub fn receive(&mut self) -> Option<Received> {
        let status = self.status();
        if status & LSR_RECEIVED == 0 {
            return None;
        }
        let byte = Some(self.regs.read(RBR)).filter(|_| status & LSR_BROKEN == 0);
        Some(Received { byte, overrun: core::mem::take(&mut self.overrun) })
    }

    /// The line status. The device tells of lost bytes once, to whoever looks first.
    fn status(&mut self) -> u8 {
        let status = self.regs.read(LSR);
        self.overrun |= status & LSR_OVERRUN != 0;
        status
    }

    /// Takes bytes from `waiting` for as long as the transmitter is ready; false when it stopped
    /// being so. Never waits for it.
    pub fn transmit(&mut self, waiting: &mut VecDeque<u8>) -> bool {
        while !waiting.is_empty() {
            let ready = |_: usize| self.status() & LSR_THR_EMPTY != 0;
            if !(0..READY_POLLS).any(ready) {
                return false;
            }
            let count = waiting.len().min(FIFO);
            for byte in waiting.drain(..count) {
                self.regs.write(THR, byte);
            }
        }
        true
    }
}

/// Tells when the transmitter has been stuck for too long to go on waiting for it.
#[derive(Debug, Default)]
pub struct Stall {
    since: Option<u64>,
}

impl Stall {
    /// Notes at the tick `now` whether the transmitter was ready.
    pub fn note(&mut self, ready: bool, now: u64) {
        if ready {
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(now);
        }
    }

    /// True when it has not been ready for `limit` ticks.
    #[must_use]
    pub fn is_longer_than(&self, limit: u64, now: u64) -> bool {
        self.since.is_some_and(|since| now.saturating_sub(since) >= limit)
    }
}

#[cfg(test)]
#[path = "uart_tests.rs"]
mod tests;
