//! Windows against a calendar that is walked day by day.

use super::DAY;
use crate::calendar::{UtcOffset, Window, WindowIndex};
use crate::{Millis, Span};

const WINDOWS: [Window; 5] = [Window::Minute, Window::Hour, Window::Day, Window::Week, Window::Month];

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn index(window: Window, at: u64) -> i64 {
    window.index(Millis(at), UtcOffset::UTC).0
}

#[test]
fn months_and_weeks_are_those_of_the_calendar_for_five_hundred_years() {
    let mut day = 0;
    for months in 0..6_000 {
        let (year, month) = (1970 + months / 12, months % 12 + 1);
        let first = day * DAY;
        for _ in 0..days_in(year, month) {
            for at in [day * DAY, day * DAY + DAY - 1] {
                assert_eq!(index(Window::Month, at), months as i64, "{year}-{month}");
                assert_eq!(index(Window::Week, at), (day as i64 + 3) / 7, "day {day}");
                assert_eq!(index(Window::Day, at), day as i64);
            }
            day += 1;
        }
        assert_eq!(
            Window::Month.start(WindowIndex(months as i64), UtcOffset::UTC),
            Millis(first),
            "{year}-{month}"
        );
        let length = days_in(year, month) * DAY;
        assert!(length <= Window::Month.longest().0);
    }
}

#[test]
fn known_edges() {
    let month_of = |at| index(Window::Month, at);
    // 2028-02-29T00:00Z is a day of February; the next midnight is March.
    let leap_day = 1_835_395_200_000;
    assert_eq!(month_of(leap_day), 58 * 12 + 1);
    assert_eq!(month_of(leap_day + DAY - 1), 58 * 12 + 1);
    assert_eq!(month_of(leap_day + DAY), 58 * 12 + 2);
    // 2100 is no leap year: the day after 2100-02-28 is 2100-03-01.
    let last_of_february = 4_107_456_000_000;
    assert_eq!(month_of(last_of_february), 130 * 12 + 1);
    assert_eq!(month_of(last_of_february + DAY), 130 * 12 + 2);
    // 2026-11-23 is a Monday, the first day of its week.
    assert_eq!(index(Window::Week, super::MONDAY - 1) + 1, index(Window::Week, super::MONDAY));
    assert_eq!(index(Window::Week, super::MONDAY + 7 * DAY - 1), index(Window::Week, super::MONDAY));
    assert_eq!(
        Window::Week.start(Window::Week.index(Millis(super::MONDAY), UtcOffset::UTC), UtcOffset::UTC),
        Millis(super::MONDAY)
    );
}

#[test]
fn an_offset_moves_midnight() {
    let kathmandu = UtcOffset::from_minutes(345).unwrap();
    let midnight_there = super::MONDAY - 345 * 60_000;
    for window in [Window::Day, Window::Week] {
        let before = window.index(Millis(midnight_there - 1), kathmandu);
        let after = window.index(Millis(midnight_there), kathmandu);
        assert_eq!(before.next(1), after, "{window:?}");
        assert_eq!(window.start(after, kathmandu), Millis(midnight_there), "{window:?}");
    }
    let new_york = UtcOffset::from_minutes(-300).unwrap();
    // 2026-12-01T00:00-05:00
    let december = super::MONDAY + 8 * DAY + 5 * 3_600_000;
    let there = Window::Month.index(Millis(december), new_york);
    assert_eq!(Window::Month.index(Millis(december - 1), new_york).next(1), there);
    assert_eq!(Window::Month.start(there, new_york), Millis(december));
    assert_eq!((UtcOffset::from_minutes(1_440), UtcOffset::from_minutes(-1_440)), (None, None));
}

#[test]
fn every_moment_is_inside_its_window() {
    let offsets = [-1_439, -300, 0, 345, 1_439].map(|minutes| UtcOffset::from_minutes(minutes).unwrap());
    for window in WINDOWS {
        for offset in offsets {
            for step in 0..3_000 {
                let at = Millis(2 * DAY + step * 977_777_777);
                let index = window.index(at, offset);
                let (start, end) = (window.start(index, offset), window.start(index.next(1), offset));
                assert!(start <= at && at < end, "{window:?} {offset:?} {at:?}: {start:?} to {end:?}");
                assert!(start.until(end) <= window.longest());
                assert_eq!(window.index(end, offset), index.next(1));
            }
        }
    }
}

#[test]
fn no_moment_and_no_number_is_too_much() {
    for window in WINDOWS {
        for offset in [-1_439, 0, 1_439].map(|minutes| UtcOffset::from_minutes(minutes).unwrap()) {
            assert_eq!(window.index(Millis(u64::MAX), offset), window.index(Millis::LAST, offset));
            assert_eq!(window.start(WindowIndex(i64::MAX), offset), Millis::LAST, "{window:?}");
            assert_eq!(window.start(WindowIndex(i64::MIN), offset), Millis(0), "{window:?}");
            assert!(window.index(Millis(0), offset).0 <= 1_439);
        }
    }
    assert_eq!(Span(1).whole_seconds(), 1);
}
