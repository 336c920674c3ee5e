//! A storm for a while, and a count beside it.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};

use nexus_abi::{Error, Handle, NO_DEADLINE};
use nexus_proto::ids;
use nexus_proto::init::{Init, Irqs};
use nexus_rt::{Client, Deadline, startup, sys, thread, ticks};
use nexus_test::{Failed, SAFETY_MS, Waiter};

/// Registers of the clock: the low half of its alarm, and whether that interrupts.
const ALARM_LOW: u64 = 0x08;
const IRQ_ENABLED: u64 = 0x10;

/// Milliseconds that it lasts: so many million instructions.
const LASTS_MS: u64 = 40;
/// Pages of a stack.
const STACK: u64 = 4;
/// Bits of the notification.
const LINE: u64 = 1;
const OVER: u64 = 2;

/// All threads are to end.
static STOP: AtomicBool = AtomicBool::new(false);
/// So many have not.
static LIVE: AtomicU32 = AtomicU32::new(0);
/// What the thread that counts has come to.
static COUNTED: AtomicU64 = AtomicU64::new(0);
/// How often the storm was woken by its line.
static WOKEN: AtomicU64 = AtomicU64::new(0);

/// When the owner acknowledges an interrupt. It never has its device lower the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledges {
    AtOnce,
    Never,
}

/// What was seen of a storm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// What the thread that counts came to.
    pub(crate) counted: u64,
    /// How often the storm was woken.
    pub(crate) woken: u64,
    /// Interrupts that the kernel delivered.
    pub(crate) delivered: u64,
    /// Ticks that it lasted.
    pub(crate) elapsed: u64,
    /// Ticks by which this thread woke up late.
    pub(crate) late: u64,
}

/// The device, its line, and how important the storm is.
pub(crate) struct Gale {
    window: Handle,
    line: Handle,
    priority: u8,
    init: Client<Init>,
    waiter: Waiter,
    /// Nobody signals it.
    never: Handle,
}

impl Gale {
    /// The one device of this process.
    pub(crate) fn new(priority: u8) -> Result<Gale, Failed> {
        let start = startup();
        let line = start.line().ok_or(Error::BadHandle)?;
        Ok(Gale {
            window: Handle(start.window()?.handle),
            line: Handle(line.handle),
            priority,
            init: start.client(ids::INIT)?,
            waiter: Waiter::new()?,
            never: sys::notification_create()?,
        })
    }

    /// A storm for a while, or a calm, beside a thread of a priority that counts.
    pub(crate) fn blow(
        &self,
        storm: Option<Acknowledges>,
        counts: Option<u8>,
    ) -> Result<Seen, Failed> {
        STOP.store(false, SeqCst);
        [&COUNTED, &WOKEN].into_iter().for_each(|count| count.store(0, SeqCst));
        let told = sys::notification_create()?;
        let before = self.delivered()?;
        if let Some(acknowledges) = storm {
            self.raise(told, acknowledges)?;
        }
        if let Some(priority) = counts {
            begin(priority, count)?;
        }
        let begun = ticks();
        let due = Deadline::after_ms(LASTS_MS).ticks();
        // It ends by its deadline, and by nothing else.
        let _ = sys::wait(self.never, due, Handle::NONE);
        let late = ticks().saturating_sub(due);
        let elapsed = ticks().saturating_sub(begun);
        STOP.store(true, SeqCst);
        let (counted, woken) = (COUNTED.load(SeqCst), WOKEN.load(SeqCst));
        let delivered = self.delivered()?.saturating_sub(before);
        sys::mmio_write(self.window, IRQ_ENABLED, 0)?;
        sys::signal(told, OVER)?;
        while LIVE.load(SeqCst) > 0 {
            self.waiter.pause(1);
        }
        // The line is free with it.
        sys::cap_drop(told)?;
        Ok(Seen { counted, woken, delivered, elapsed, late })
    }

    /// An alarm that rang long ago, and that nobody clears.
    fn raise(&self, told: Handle, acknowledges: Acknowledges) -> Result<(), Failed> {
        let (line, window) = (self.line, self.window);
        sys::irq_bind(line, told, LINE, Handle::NONE, 0)?;
        begin(self.priority, move || receive(told, line, window, acknowledges))?;
        sys::mmio_write(self.window, ALARM_LOW, 1)?;
        sys::mmio_write(self.window, IRQ_ENABLED, 1)?;
        Ok(())
    }

    /// Interrupts of this line since the machine was started.
    fn delivered(&self) -> Result<u64, Failed> {
        let own = startup().block().service_id;
        let mut cursor = 0;
        loop {
            let entry = self.init.call(&Irqs { cursor }, Deadline::after_ms(SAFETY_MS))?;
            if entry.owner.id == own {
                return Ok(entry.delivered);
            }
            cursor = u64::from(entry.next);
            if cursor == 0 {
                return Err(Error::BadState.into());
            }
        }
    }
}

fn begin(priority: u8, run: impl FnOnce() + Send + 'static) -> Result<(), Failed> {
    LIVE.fetch_add(1, SeqCst);
    let thread = thread::spawn(priority, STACK, move || {
        run();
        LIVE.fetch_sub(1, SeqCst);
    })?;
    Ok(sys::cap_drop(thread)?)
}

fn count() {
    while !STOP.load(SeqCst) {
        COUNTED.fetch_add(1, SeqCst);
    }
}

/// The device raises its line anew before each acknowledgement: QEMU's controller, unlike others, does not look
/// again at a line that stays raised.
fn receive(told: Handle, line: Handle, window: Handle, acknowledges: Acknowledges) {
    let acknowledged = match acknowledges {
        Acknowledges::AtOnce => line,
        Acknowledges::Never => Handle::NONE,
    };
    while let Ok(bits) = sys::wait(told, NO_DEADLINE, acknowledged) {
        WOKEN.fetch_add(bits & LINE, SeqCst);
        if bits & OVER != 0 {
            return;
        }
        let _ = sys::mmio_write(window, ALARM_LOW, 1);
    }
}
