//! Calendar windows in integers: which minute, hour, day, week or month a moment belongs to, and when that window begins and ends.
//!
//! Days are counted from 1970-01-01 in the proleptic Gregorian calendar, as POSIX time does: every day has 86,400 seconds and there is no
//! leap second to place. Weeks are those of ISO 8601 and begin on Monday. An offset moves midnight and all that follows from it by a fixed
//! amount; there are no daylight saving rules, because a day of 23 or 25 hours would be a budget that differs twice a year.

use crate::{Millis, Span};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 86_400_000;
/// 1970-01-01 was a Thursday: three days after a Monday.
const DAYS_SINCE_MONDAY: i64 = 3;

/// The length of a quota's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// From :00 to :59.
    Minute,
    /// From xx:00 to xx:59.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday's midnight on.
    Week,
    /// From the first day's midnight on.
    Month,
}

/// How far local midnight is from that of UTC, in minutes: east is positive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcOffset(i16);

impl UtcOffset {
    /// UTC itself.
    pub const UTC: Self = Self(0);

    /// An offset of so many minutes; `None` from a whole day on.
    pub const fn from_minutes(minutes: i16) -> Option<Self> {
        if minutes > -1_440 && minutes < 1_440 { Some(Self(minutes)) } else { None }
    }

    /// In minutes.
    pub const fn minutes(self) -> i16 {
        self.0
    }

    fn millis(self) -> i64 {
        i64::from(self.0).saturating_mul(MINUTE)
    }
}

/// Which window of its length: the windows in the order of time, the one with 1970-01-01 near number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WindowIndex(pub(crate) i64);

impl WindowIndex {
    pub(crate) fn next(self, count: u64) -> Self {
        Self(self.0.saturating_add_unsigned(count))
    }

    /// How many windows lie between this one and a later one; none if it is not later.
    pub(crate) fn until(self, later: Self) -> u64 {
        u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0)
    }
}

impl Window {
    /// The window that a moment belongs to.
    pub(crate) fn index(self, at: Millis, offset: UtcOffset) -> WindowIndex {
        let at = i64::try_from(at.min(Millis::LAST).0).unwrap_or(i64::MAX);
        let local = at.saturating_add(offset.millis());
        let day = local.div_euclid(DAY);
        WindowIndex(match self {
            Self::Minute => local.div_euclid(MINUTE),
            Self::Hour => local.div_euclid(HOUR),
            Self::Day => day,
            Self::Week => day.saturating_add(DAYS_SINCE_MONDAY).div_euclid(7),
            Self::Month => month_of_day(day),
        })
    }

    /// The first moment of a window. What begins before 1970 begins, for the ledger, in 1970; what begins after [`Millis::LAST`], then.
    pub(crate) fn start(self, index: WindowIndex, offset: UtcOffset) -> Millis {
        let index = index.0;
        let local = match self {
            Self::Minute => index.saturating_mul(MINUTE),
            Self::Hour => index.saturating_mul(HOUR),
            Self::Day => index.saturating_mul(DAY),
            Self::Week => index.saturating_mul(7).saturating_sub(DAYS_SINCE_MONDAY).saturating_mul(DAY),
            Self::Month => first_day_of_month(index).saturating_mul(DAY),
        };
        let at = local.saturating_sub(offset.millis());
        Millis(u64::try_from(at).unwrap_or(0)).min(Millis::LAST)
    }

    /// How long the longest window of this kind lasts.
    pub const fn longest(self) -> Span {
        Span(match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
            Self::Week => 604_800_000,
            Self::Month => 2_678_400_000,
        })
    }
}

/// Months are counted from January 1970. The year is taken to begin in March, so that the leap day is its last: then the day of the year
/// follows from the month by a line, 153 days in five months.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a day before the year 10000 is far from the ends of an i64"
)]
fn month_of_day(day: i64) -> i64 {
    /// From 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    const DAYS_IN_400_YEARS: i64 = 146_097;

    let day = day + EPOCH;
    let era = day.div_euclid(DAYS_IN_400_YEARS);
    let day_of_era = day.rem_euclid(DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let months_since_march_0000 = (era * 400 + year_of_era) * 12 + month_from_march;
    // 1970-01 is the eleventh month of the year that began in March 1969.
    months_since_march_0000 - (1_969 * 12 + 10)
}

/// The inverse: the number of a month's first day.
#[expect(clippy::arithmetic_side_effects, reason = "the month is held within the first ten thousand years")]
fn first_day_of_month(month: i64) -> i64 {
    const EPOCH: i64 = 719_468;
    const DAYS_IN_400_YEARS: i64 = 146_097;

    // What stands in a page may be anything: held to the years that `Millis` can name, and then a little.
    let months_since_march_0000 = month.clamp(-12, 12 * 8_100) + 1_969 * 12 + 10;
    let year = months_since_march_0000.div_euclid(12);
    let month_from_march = months_since_march_0000.rem_euclid(12);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_IN_400_YEARS + day_of_era - EPOCH
}
