//! The Goldfish real-time clock: nanoseconds since 1970 in two halves.

use core::fmt;

use nexus_mmio::{Bus, ReadOnly, Reg, Registers, TooSmall};

/// Low half. On this device, reading it latches the high half.
const TIME_LOW: Reg<u32, ReadOnly, 0x00> = Reg::NEW;
/// High half.
const TIME_HIGH: Reg<u32, ReadOnly, 0x04> = Reg::NEW;

/// 2020-01-01: a clock that says less was never set.
const EARLIEST_NS: u64 = 1_577_836_800 * 1_000_000_000;
/// 2200-01-01: a clock that says more is not one.
const LATEST_NS: u64 = 7_258_118_400 * 1_000_000_000;
/// Times to read again when the halves do not fit together. They fit again at once, unless the
/// device is broken: the low half rolls over every 4.3 seconds.
const ATTEMPTS: usize = 4;

/// Why there is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcError {
    /// The window is smaller than the registers.
    TooSmall(TooSmall),
    /// The two halves never fit together.
    Unsteady,
    /// A time that cannot be: the clock was never set, or is no clock.
    Implausible {
        /// Nanoseconds since 1970.
        unix_ns: u64,
    },
}

impl fmt::Display for RtcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RtcError::TooSmall(small) => small.fmt(f),
            RtcError::Unsteady => f.write_str("the two halves of the time never fit together"),
            RtcError::Implausible { unix_ns } => {
                write!(f, "a time outside 2020 to 2200: {unix_ns} ns since 1970")
            }
        }
    }
}

/// The device.
#[derive(Debug)]
pub struct Rtc<B> {
    regs: Registers<B, 8>,
}

impl<B: Bus> Rtc<B> {
    /// The clock behind `bus`. Reads it once, to know that it is one.
    ///
    /// # Errors
    /// See [`RtcError`].
    pub fn start(bus: B) -> Result<Rtc<B>, RtcError> {
        let rtc = Rtc { regs: Registers::new(bus).map_err(RtcError::TooSmall)? };
        rtc.read()?;
        Ok(rtc)
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC. Right whether or not the device latches: both
    /// halves are read twice, and must tell one time and a later one.
    ///
    /// # Errors
    /// `Unsteady`, `Implausible`.
    pub fn read(&self) -> Result<u64, RtcError> {
        let (_, unix_ns) = (0..ATTEMPTS)
            .map(|_| (self.halves(), self.halves()))
            .find(|(first, second)| first >> 32 == second >> 32 && first <= second)
            .ok_or(RtcError::Unsteady)?;
        if (EARLIEST_NS..LATEST_NS).contains(&unix_ns) {
            Ok(unix_ns)
        } else {
            Err(RtcError::Implausible { unix_ns })
        }
    }

    fn halves(&self) -> u64 {
        let low = self.regs.read(TIME_LOW);
        let high = self.regs.read(TIME_HIGH);
        (u64::from(high) << 32) | u64::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_mmio::fake::{Device, FakeBus, Mortal};

    /// 2026-11-22 12:00 UTC, in units of the high half, and so not divisible by them.
    const NOON_NS: u64 = 1_795_348_800 * 1_000_000_000;

    /// A clock that moves `step` nanoseconds at every read.
    struct Clock {
        now: u64,
        step: u64,
        latches: bool,
        latched: u64,
    }

    impl Device for Clock {
        fn read(&mut self, offset: usize, width: usize) -> u32 {
            assert_eq!(width, 4);
            self.now = self.now.wrapping_add(self.step);
            match offset {
                0 => {
                    self.latched = self.now;
                    self.now as u32
                }
                4 if self.latches => (self.latched >> 32) as u32,
                4 => (self.now >> 32) as u32,
                other => panic!("load at {other:#x}"),
            }
        }
        fn write(&mut self, offset: usize, _: usize, _: u32) {
            panic!("store at {offset:#x}");
        }
    }

    fn clock(now: u64, step: u64, latches: bool) -> Result<Rtc<FakeBus<Clock>>, RtcError> {
        Rtc::start(FakeBus::new(0x1000, Clock { now, step, latches, latched: 0 }))
    }

    #[test]
    fn reads_both_halves() {
        assert_eq!(clock(NOON_NS, 0, true).unwrap().read(), Ok(NOON_NS));
        assert_eq!(clock(NOON_NS, 0, false).unwrap().read(), Ok(NOON_NS));
    }

    #[test]
    fn a_rollover_between_the_halves_is_read_again() {
        let boundary = (NOON_NS >> 32) << 32;
        for latches in [false, true] {
            for before in 0..20 {
                let rtc = clock(NOON_NS, 0, latches).unwrap();
                rtc.regs.bus().with_device(|clock| {
                    (clock.now, clock.step) = (boundary - before, 1);
                });
                let read = rtc.read().unwrap();
                let end = rtc.regs.bus().with_device(|clock| clock.now);
                assert!((boundary - before..=end).contains(&read), "{before} before: {read}");
            }
        }
    }

    // attack 57 F: the clock's driver dies at each register access; the next life reads the right time
    #[test]
    fn whatever_a_dead_driver_leaves_the_next_one_reads_the_time() {
        let boundary = (NOON_NS >> 32) << 32;
        let lives = (0..=8).flat_map(|accesses| [(false, accesses), (true, accesses)]);
        for (latches, accesses) in lives {
            let mut clock = Clock { now: boundary - 6, step: 1, latches, latched: 0 };
            let dying = Rtc::start(FakeBus::new(0x1000, Mortal::new(&mut clock, accesses)));
            assert_eq!(dying.is_err(), accesses < 4, "{accesses}");
            // A dead device tells nothing that could be right or wrong.
            let _ = dying.and_then(|rtc| rtc.read());
            let before = clock.now;
            let next = Mortal::new(&mut clock, usize::MAX);
            let read = Rtc::start(FakeBus::new(0x1000, next)).and_then(|rtc| rtc.read()).unwrap();
            assert!((before..=clock.now).contains(&read), "latches {latches}, {accesses}: {read}");
        }
    }

    #[test]
    fn never_goes_backwards() {
        let rtc = clock(NOON_NS, 333_333_333, false).unwrap();
        let times: Vec<u64> = (0..100).map(|_| rtc.read().unwrap()).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn gives_up_on_a_clock_that_jumps_about() {
        let rtc = clock(NOON_NS, 1 << 32, false);
        assert_eq!(rtc.err(), Some(RtcError::Unsteady));
    }

    #[test]
    fn refuses_a_time_that_cannot_be() {
        for unix_ns in [0, EARLIEST_NS - 1, LATEST_NS, u64::MAX] {
            assert_eq!(clock(unix_ns, 0, true).err(), Some(RtcError::Implausible { unix_ns }));
        }
        for unix_ns in [EARLIEST_NS, LATEST_NS - 1] {
            assert_eq!(clock(unix_ns, 0, true).unwrap().read(), Ok(unix_ns));
        }
    }

    #[test]
    fn refuses_a_window_that_is_too_small() {
        let device = Clock { now: NOON_NS, step: 0, latches: true, latched: 0 };
        let error = Rtc::start(FakeBus::new(4, device)).err();
        assert_eq!(error, Some(RtcError::TooSmall(TooSmall { has: 4, needs: 8 })));
    }
}
