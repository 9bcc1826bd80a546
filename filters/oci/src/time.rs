//! The moment that an image says it was made: an argument, so that the same commit gives the same image.

use std::fmt;

/// A moment in whole seconds, as OCI writes it: `2026-11-25T20:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Created {
    seconds: u64,
}

/// The last second of the year 9999; no later one can be written with four digits.
const LAST: u64 = 253_402_300_799;

impl Created {
    /// That many seconds after 1970 began, as in `SOURCE_DATE_EPOCH`; none after the year 9999.
    pub const fn at(seconds: u64) -> Option<Self> {
        if seconds <= LAST { Some(Self { seconds }) } else { None }
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds / 86_400, self.seconds % 86_400);
        let (year, month, day) = date(days);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// Year, month and day of that many days after 1970 began. The year is taken to begin in March, so that the leap day is its last.
fn date(days: u64) -> (u64, u64, u64) {
    // Days since 1 March of the year 0; there are 146,097 in 400 years.
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leap_days =
        (day_of_era / 1_460).saturating_add(day_of_era / 146_096).saturating_sub(day_of_era / 36_524);
    let year_of_era = day_of_era.saturating_sub(leap_days) / 365;
    let days_before =
        year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let day_of_year = day_of_era.saturating_sub(days_before);
    let month_from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let days_before_month = month_from_march.saturating_mul(153).saturating_add(2) / 5;
    let day = day_of_year.saturating_sub(days_before_month).saturating_add(1);
    let (month, next_year) = if month_from_march < 10 {
        (month_from_march.saturating_add(3), 0)
    } else {
        (month_from_march.saturating_sub(9), 1)
    };
    (era.saturating_mul(400).saturating_add(year_of_era).saturating_add(next_year), month, day)
}

#[cfg(test)]
mod tests {
    use super::{Created, LAST};

    #[test]
    fn moments_are_written_as_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_764_100_800, "2025-11-25T20:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Created::at(seconds).unwrap().to_string(), text);
        }
        assert_eq!(Created::at(LAST + 1), None);
    }

    #[test]
    fn every_day_follows_the_one_before_it() {
        let mut before = (1970, 1, 0);
        for day in 0..200_000 {
            let (year, month, number) = super::date(day);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match before.1 {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match before {
                (year, month, number) if number < length => (year, month, number + 1),
                (year, 12, _) => (year + 1, 1, 1),
                (year, month, _) => (year, month + 1, 1),
            };
            assert_eq!((year, month, number), expected);
            before = expected;
        }
    }
}
