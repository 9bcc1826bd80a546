//! What the options of `keys` look like: spans of time, and dollars.

use std::time::{SystemTime, UNIX_EPOCH};

use identity::UnixSeconds;

use super::Problem;

/// The longest that a key may be valid, in days: ten years.
const MOST_DAYS: u64 = 3650;

/// A span of time in seconds: `90d`, `12h`, `30m`, `45s`.
pub(super) fn span(text: &str) -> Result<u64, String> {
    let wrong = || format!("a whole number and one of s, m, h, d, such as 90d; at most {MOST_DAYS}d");
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = whole(digits).and_then(|number| number.checked_mul(unit));
    let bounds = 1..=MOST_DAYS.saturating_mul(86_400);
    seconds.filter(|seconds| bounds.contains(seconds)).ok_or_else(wrong)
}

/// Dollars as millionths of one: `25`, `0.5`, `12.345678`. Exactly: money is never rounded here.
pub(super) fn micro_dollars(text: &str) -> Result<u64, String> {
    const DIGITS: usize = 6;
    let wrong = || "dollars with at most six decimals, such as 25 or 0.50".to_owned();
    let (dollars, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > DIGITS {
        return Err(wrong());
    }
    let micros = format!("{fraction:0<DIGITS$}");
    let whole_dollars =
        whole(dollars).and_then(|dollars| dollars.checked_mul(1_000_000)).ok_or_else(wrong)?;
    let sum = whole(fraction).and(whole(&micros)).and_then(|micros| whole_dollars.checked_add(micros));
    sum.filter(|sum| *sum > 0).ok_or_else(wrong)
}

/// A number of digits alone: `parse` would take a sign.
fn whole(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The time, for keys that begin now.
pub(super) fn now() -> Result<UnixSeconds, Problem> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Problem::NoTime)?;
    Ok(UnixSeconds(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::{micro_dollars, span};

    #[test]
    fn spans_are_numbers_with_a_unit() {
        for (text, expected) in [
            ("1s", Some(1)),
            ("2m", Some(120)),
            ("3h", Some(10_800)),
            ("90d", Some(7_776_000)),
            ("3650d", Some(315_360_000)),
            ("3651d", None),
            ("0d", None),
            ("", None),
            ("d", None),
            ("30", None),
            ("+3d", None),
            ("-3d", None),
            ("1.5d", None),
            ("3w", None),
            ("3é", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(span(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn dollars_are_exact() {
        for (text, expected) in [
            ("25", Some(25_000_000)),
            ("0.5", Some(500_000)),
            ("0.50", Some(500_000)),
            ("12.345678", Some(12_345_678)),
            ("0.000001", Some(1)),
            ("0.0000001", None),
            ("0", None),
            ("0.0", None),
            (".5", None),
            ("5.", None),
            ("", None),
            ("-1", None),
            ("1e3", None),
            ("1,5", None),
            ("1.+5", None),
            ("18446744073710", None),
        ] {
            assert_eq!(micro_dollars(text).ok(), expected, "{text}");
        }
    }
}
