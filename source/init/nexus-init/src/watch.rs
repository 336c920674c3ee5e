//! Whether a service still answers (RFC-0005): it is asked from time to time, by a bit of the notification
//! that is bound to its endpoint, which comes before all calls that wait there. Time counts against it only
//! while nothing above it was ready: that is measured by a thread of its own priority, which has run for as
//! long as the service may take before the service is ended.

use nexus_abi::Handle;

/// The bit by which a service is asked whether it answers.
pub use nexus_abi::ASKED;

pub use nexus_proto::init::killed::LATE;

/// How far it has come with one life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Until this tick there is nothing to ask.
    Resting(u64),
    /// It was asked, and has time by the clock until this tick.
    Asked(u64),
    /// It was late by the clock; its own time is measured.
    Measured,
}

/// What has come since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The service has answered.
    pub answer: bool,
    /// A thread of its priority has run for as long as it may take.
    pub time_out: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// To ask it.
    Ask,
    /// To measure its time.
    Measure,
    /// To measure no more.
    Stop,
    /// To end it.
    End,
}

/// The watch over one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Ticks that it may take.
    within: u64,
    /// The process of the life that is watched; [`Handle::NONE`] for none.
    process: Handle,
    stage: Stage,
}

impl Watched {
    /// Of a service that may take `within` ticks, before its first life.
    #[must_use]
    pub const fn new(within: u64) -> Watched {
        Watched { within, process: Handle::NONE, stage: Stage::Resting(u64::MAX) }
    }

    /// When to look again, if nothing comes before.
    #[must_use]
    pub const fn deadline(&self) -> u64 {
        match self.stage {
            Stage::Resting(until) | Stage::Asked(until) => until,
            Stage::Measured => u64::MAX,
        }
    }

    /// Looks at tick `now`. `process` is that of the life that runs now, if one does.
    pub fn look(&mut self, process: Handle, now: u64, heard: Heard) -> Act {
        let measured = self.stage == Stage::Measured;
        if process != self.process {
            self.process = process;
            let until = if process == Handle::NONE { u64::MAX } else { self.later(now) };
            self.stage = Stage::Resting(until);
            return if measured { Act::Stop } else { Act::Nothing };
        }
        match self.stage {
            Stage::Resting(until) if now >= until => {
                self.stage = Stage::Asked(self.later(now));
                Act::Ask
            }
            Stage::Asked(_) | Stage::Measured if heard.answer => {
                self.stage = Stage::Resting(self.later(now));
                if measured { Act::Stop } else { Act::Nothing }
            }
            Stage::Asked(until) if now >= until => {
                self.stage = Stage::Measured;
                Act::Measure
            }
            Stage::Measured if heard.time_out => {
                self.stage = Stage::Resting(u64::MAX);
                Act::End
            }
            _ => Act::Nothing,
        }
    }

    const fn later(&self, now: u64) -> u64 {
        now.saturating_add(self.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Handle = Handle(7);
    const ANSWER: Heard = Heard { answer: true, time_out: false };
    const TIME_OUT: Heard = Heard { answer: false, time_out: true };
    const NOTHING: Heard = Heard { answer: false, time_out: false };

    /// A life that was asked at tick 200.
    fn asked() -> Watched {
        let mut watched = Watched::new(100);
        assert_eq!(watched.look(LIFE, 100, NOTHING), Act::Nothing);
        assert_eq!(watched.deadline(), 200, "a life has as much to begin with");
        assert_eq!(watched.look(LIFE, 199, NOTHING), Act::Nothing);
        assert_eq!(watched.look(LIFE, 200, NOTHING), Act::Ask);
        watched
    }

    #[test]
    fn who_answers_is_asked_again_later() {
        let mut watched = asked();
        assert_eq!(watched.look(LIFE, 210, ANSWER), Act::Nothing);
        assert_eq!(watched.deadline(), 310);
        assert_eq!(watched.look(LIFE, 310, NOTHING), Act::Ask);
    }

    // attack 60 U: a service does not answer any more; it is ended, but only when it had its time; broken: watch-by-the-clock
    #[test]
    fn who_does_not_answer_is_ended_once_it_had_its_time() {
        let mut watched = asked();
        assert_eq!(watched.look(LIFE, 299, NOTHING), Act::Nothing);
        assert_eq!(watched.look(LIFE, 300, NOTHING), Act::Measure);
        assert_eq!(watched.look(LIFE, 1_000_000, NOTHING), Act::Nothing, "load is not its fault");
        assert_eq!(watched.look(LIFE, 1_000_001, TIME_OUT), Act::End);
        assert_eq!(watched.look(LIFE, 1_000_002, NOTHING), Act::Nothing, "once");
    }

    #[test]
    fn who_answers_late_by_the_clock_goes_on() {
        let mut watched = asked();
        assert_eq!(watched.look(LIFE, 300, NOTHING), Act::Measure);
        assert_eq!(watched.look(LIFE, 900, ANSWER), Act::Stop);
        assert_eq!(watched.look(LIFE, 950, TIME_OUT), Act::Nothing, "it came too late");
    }

    // attack 59 U: a life ends while it is measured; the next one is not ended for it; broken: watch-next-life
    #[test]
    fn another_life_begins_anew() {
        for before in [200, 300] {
            let mut watched = asked();
            let measured = watched.look(LIFE, before, NOTHING) == Act::Measure;
            let act = watched.look(Handle::NONE, 310, TIME_OUT);
            assert_eq!(act, if measured { Act::Stop } else { Act::Nothing });
            assert_eq!(watched.deadline(), u64::MAX);
            assert_eq!(watched.look(Handle(8), 400, TIME_OUT), Act::Nothing);
            assert_eq!(watched.look(Handle(8), 400, TIME_OUT), Act::Nothing);
            assert_eq!(watched.deadline(), 500);
        }
    }
}
