//! The calendar: UTC, Gregorian.

use core::fmt;

const NS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment as people write it, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// For example 2026.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
    /// Name of the day of the week, three letters.
    pub weekday: &'static str,
    /// Seconds since midnight.
    pub second: u64,
}

impl Date {
    /// The moment `unix_ns` nanoseconds after 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn of(unix_ns: u64) -> Date {
        let seconds = unix_ns / NS_PER_SECOND;
        let days = seconds / SECONDS_PER_DAY;
        let (year, month, day) = civil(days);
        let weekday = DAYS.get(usize::try_from(days % 7).unwrap_or(0)).unwrap_or(&"?");
        Date { year, month, day, weekday, second: seconds % SECONDS_PER_DAY }
    }

    /// Nanoseconds after 1970-01-01 00:00 UTC of a moment as in `2026-11-30T09:00:00`; `None` when it is none that
    /// there is, or before that time.
    #[must_use]
    pub fn read(text: &str) -> Option<u64> {
        let (date, time) = text.split_once('T')?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days(year, month, day)?;
        let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        seconds.checked_mul(NS_PER_SECOND)
    }

    fn month_name(&self) -> &'static str {
        let index = usize::try_from(self.month.saturating_sub(1)).unwrap_or(0);
        MONTHS.get(index).unwrap_or(&"?")
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, day, weekday, second, .. } = self;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let month = self.month_name();
        write!(f, "{weekday} {day} {month} {year} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

/// Year, month and day of the day that many days after 1970-01-01. Counts from a March, so that
/// the leap day is the last of a year (400 years are 146097 days).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Three numbers of so many digits.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| is_number)?;
    }
    parts.next().is_none().then_some(numbers)
}

/// How many days after 1970-01-01 a day is: the inverse of [`civil`], which decides whether there is such a day.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let from_march = (month + 9) % 12;
    let year_from_march = year.checked_sub(u64::from(month <= 2))?;
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_year = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    (civil(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64) -> String {
        Date::of(seconds * NS_PER_SECOND + 999_999_999).to_string()
    }

    #[test]
    fn known_moments() {
        assert_eq!(text(0), "Thu 1 Jan 1970 00:00:00 UTC");
        assert_eq!(text(951_782_399), "Mon 28 Feb 2000 23:59:59 UTC");
        assert_eq!(text(951_782_400), "Tue 29 Feb 2000 00:00:00 UTC");
        assert_eq!(text(951_868_800), "Wed 1 Mar 2000 00:00:00 UTC");
        assert_eq!(text(1_795_368_730), "Sun 22 Nov 2026 17:32:10 UTC");
        assert_eq!(text(4_107_542_400), "Mon 1 Mar 2100 00:00:00 UTC");
        assert_eq!(text(4_107_542_399), "Sun 28 Feb 2100 23:59:59 UTC");
    }

    #[test]
    fn every_day_of_800_years_follows_the_one_before() {
        let mut last = civil(0);
        for days in 1..800 * 365 {
            let now = civil(days);
            let (year, month, day) = last;
            let next_in_month = (year, month, day + 1);
            let next_month = (year, month + 1, 1);
            let next_year = (year + 1, 1, 1);
            assert!(
                now == next_in_month && day < 31
                    || now == next_month && day >= 28
                    || now == next_year && (month, day) == (12, 31),
                "{last:?} -> {now:?}"
            );
            last = now;
        }
    }

    #[test]
    fn a_moment_is_read_as_it_is_written_or_not_at_all() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00", 0),
            ("2000-02-29T00:00:00", 951_782_400),
            ("2026-11-22T17:32:10", 1_795_368_730),
            ("2100-02-28T23:59:59", 4_107_542_399),
        ] {
            assert_eq!(Date::read(text), Some(seconds * NS_PER_SECOND), "{text}");
        }
        for day in 0..150_000 {
            let (year, month, day_of_month) = civil(day);
            assert_eq!(days(year, month, day_of_month), Some(day));
        }
        for wrong in [
            "",
            "T",
            "2026-11-22",
            "2026-11-22T",
            "2026-11-22T17:32",
            "2026-11-22T17:32:10Z",
            "2026-11-22 17:32:10",
            "2100-02-29T00:00:00",
            "2026-00-01T00:00:00",
            "2026-13-01T00:00:00",
            "2026-04-31T00:00:00",
            "2026-04-00T00:00:00",
            "2026-04-01T24:00:00",
            "2026-04-01T00:60:00",
            "2026-04-01T00:00:60",
            "1969-12-31T23:59:59",
            "+026-04-01T00:00:00",
            "2026-4-1T00:00:00",
            "2026-04-01-01T00:00:00",
            "9999-12-31T23:59:59",
        ] {
            assert_eq!(Date::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_last_moment_there_is() {
        assert_eq!(Date::of(u64::MAX).to_string(), "Sun 21 Jul 2554 23:34:33 UTC");
    }
}
