//! Interrupts of a device whose level follows a register: the Goldfish clock, of which an alarm is set
//! to a time that has passed. Its level is high while `IRQ_ENABLED` is 1.
//!
//! The kernel writes that register (`mmio_write`), so that the interrupt waits when it goes back to user
//! mode, and is taken before the next instruction of whoever wrote.

use core::sync::atomic::{AtomicU64, Ordering};

use nexus_abi::{Error, Handle, Message, NO_DEADLINE};
use nexus_rt::{Deadline, sys, thread};

use crate::count::{
    between, call, instret, irq_ack, mmio_write, reply_recv, reply_recv_ack, signal, wait,
};
use crate::partner::{ARM, ARM_DRIVER, BIND, DROP, TAKE, WOKEN};
use crate::samples::Samples;

/// Registers of the clock, as offsets in bytes: the low half of the alarm, which sets it, and whether
/// it interrupts. The high half is 0 from reset.
const ALARM_LOW: u64 = 0x08;
const IRQ_ENABLED: u64 = 0x10;

/// The value of `irq_ack` that writes no register.
const NO_VALUE: u64 = u64::MAX;

/// Milliseconds until the deadline of a receive: as services have them.
const SERVE_MS: u64 = 1000;

/// The instruction at which the thread of [`receive`] that is interrupted ran again.
static RESUMED: AtomicU64 = AtomicU64::new(0);

/// The clock: its window, of which these two registers may be written, and its line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    window: Handle,
    irq: Handle,
}

impl Clock {
    /// The clock behind `window`, whose alarm has rung; the level is low.
    pub(crate) fn new(window: Handle, irq: Handle) -> Result<Clock, Error> {
        let clock = Clock { window, irq };
        clock.set_level(0)?;
        mmio_write(window, ALARM_LOW, 1)?;
        Ok(clock)
    }

    fn set_level(self, level: u64) -> Result<(), Error> {
        self.counted(level).map(|_| ())
    }

    /// Sets the level, and tells what was counted before and after it. One function, so that each time
    /// it takes the same instructions.
    #[inline(never)]
    fn counted(self, level: u64) -> Result<[u64; 2], Error> {
        let start = instret();
        let written = mmio_write(self.window, IRQ_ENABLED, level);
        let end = instret();
        written.map(|()| [start, end])
    }
}

/// Writes a register of a window by its mask.
pub(crate) fn write(clock: Clock) -> Result<Samples, Error> {
    Samples::take(|| {
        let [start, end] = clock.counted(0)?;
        Ok(between(start, end))
    })
}

/// From before the write that raises the level to the waiter running in the other process; and
/// the acknowledgement, when the level is low again.
pub(crate) fn wake(clock: Clock, partner: Handle) -> Result<[Samples; 2], Error> {
    let notification = sys::notification_create()?;
    call(partner, &Message::with_cap(TAKE, &[], notification), NO_DEADLINE)?;
    woken(clock, partner, notification, ARM, NO_VALUE)
}

/// The acknowledgement that lowers the level itself: the line is bound with the register for that.
pub(crate) fn ack_value(clock: Clock, partner: Handle) -> Result<Samples, Error> {
    let notification = sys::notification_create()?;
    call(partner, &Message::with_cap(TAKE, &[], notification), NO_DEADLINE)?;
    let [_, ack] = woken(clock, partner, notification, ARM, 0)?;
    Ok(ack)
}

/// The same when the notification is bound to the endpoint where the other process receives, by a
/// deadline, as `nexus_rt::drive` does.
pub(crate) fn wake_driver(clock: Clock, partner: Handle) -> Result<Samples, Error> {
    let notification = sys::notification_create()?;
    call(partner, &Message::with_cap(TAKE, &[], notification), NO_DEADLINE)?;
    call(partner, &Message::new(BIND, &[]), NO_DEADLINE)?;
    let [wake, _] = woken(clock, partner, notification, ARM_DRIVER, NO_VALUE)?;
    Ok(wake)
}

#[inline(never)]
fn woken(
    clock: Clock,
    partner: Handle,
    notification: Handle,
    arm: u32,
    value: u64,
) -> Result<[Samples; 2], Error> {
    let (window, offset) =
        if value == NO_VALUE { (Handle::NONE, 0) } else { (clock.window, IRQ_ENABLED) };
    sys::irq_bind(clock.irq, notification, 1, window, offset)?;
    let samples = Samples::take_two(|| {
        call(partner, &Message::new(arm, &[]), NO_DEADLINE)?;
        let [start, _] = clock.counted(1)?;
        if value == NO_VALUE {
            clock.set_level(0)?;
        }
        let before = instret();
        let acknowledged = irq_ack(clock.irq, value);
        let after = instret();
        acknowledged?;
        let answer = call(partner, &Message::new(WOKEN, &[]), NO_DEADLINE)?;
        let [woken, ..] = answer.message.words;
        Ok([between(start, woken), between(before, after)])
    });
    call(partner, &Message::new(DROP, &[]), NO_DEADLINE)?;
    sys::cap_drop(notification)?;
    samples
}

/// What a driver takes to wait again after an interrupt, with nothing to answer: from before its
/// receive to the first instruction of a less important thread that is ready. The first acknowledges
/// before it, with a call of its own that is not measured, the second on the way. `priority` is that of
/// this process.
pub(crate) fn receive(clock: Clock, priority: u8) -> Result<[Samples; 2], Error> {
    let apart = waits(clock, priority, |endpoint, by| {
        irq_ack(clock.irq, NO_VALUE)?;
        let start = instret();
        let received = reply_recv(endpoint, Handle::NONE, &Message::default(), by);
        received.map(|_| start)
    });
    let on_the_way = waits(clock, priority, |endpoint, by| {
        let start = instret();
        let received = reply_recv_ack(endpoint, Handle::NONE, &Message::default(), by, clock.irq);
        received.map(|_| start)
    });
    Ok([apart?, on_the_way?])
}

#[inline(always)]
fn waits(
    clock: Clock,
    priority: u8,
    receive: impl Fn(Handle, u64) -> Result<u64, Error>,
) -> Result<Samples, Error> {
    let (endpoint, turn) = (sys::endpoint_create()?, sys::notification_create()?);
    let (notification, ended) = (sys::notification_create()?, sys::notification_create()?);
    thread::spawn(priority.saturating_sub(1), 1, move || {
        while wait(turn, NO_DEADLINE, Handle::NONE) == Ok(1) {
            RESUMED.store(instret(), Ordering::Relaxed);
            let _ = clock.set_level(1);
        }
        let _ = signal(ended, 1);
    })?;
    sys::endpoint_bind(endpoint, notification)?;
    sys::irq_bind(clock.irq, notification, 1, Handle::NONE, 0)?;
    // The first interrupt, after which each sample waits for the next.
    signal(turn, 1)?;
    reply_recv(endpoint, Handle::NONE, &Message::default(), NO_DEADLINE)?;
    let samples = Samples::take(|| {
        clock.set_level(0)?;
        signal(turn, 1)?;
        let start = receive(endpoint, Deadline::after_ms(SERVE_MS).ticks())?;
        Ok(between(start, RESUMED.load(Ordering::Relaxed)))
    });
    clock.set_level(0)?;
    signal(turn, 2)?;
    wait(ended, NO_DEADLINE, Handle::NONE)?;
    for cap in [endpoint, turn, notification, ended] {
        sys::cap_drop(cap)?;
    }
    samples
}
