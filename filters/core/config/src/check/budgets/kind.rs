//! How much a budget allows: a rate or a quota, in the budget's own unit.

use budget::{Amount, Limit, LimitError, Quota, Rate, Span, UtcOffset, Window};
use pricing::{Decimal, DecimalError, MicroDollars};

use crate::Unit;
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted};
use crate::raw::budgets::{RawAmount, RawLimit, RawQuota, RawRate, RawSpan, RawWindow};

/// The rate or the quota: one of the two.
pub(super) fn kind(
    place: &Place,
    raw: &RawLimit,
    unit: Option<Unit>,
    findings: &mut Findings,
) -> Option<Limit> {
    match (&raw.rate, &raw.quota) {
        (Field::Missing, Field::Missing) => {
            let hint = "add `rate`: {\"amount\": 10000, \"per\": \"minute\"}, or `quota`: {\"amount\": 100000, \"window\": \"day\"}";
            findings.report(place, Fault::new("a budget without an amount", hint));
            None
        }
        (Field::Given(_), Field::Given(quota)) => {
            let hint = "make two budgets of it, which both apply";
            findings.report(&quota.place, Fault::new("a budget has a rate or a quota, not both", hint));
            None
        }
        (Field::Given(at), _) => rate(at, unit, findings),
        (_, Field::Given(at)) => quota(&at.value, unit, findings),
        (Field::Wrong, _) | (_, Field::Wrong) => None,
    }
}

fn rate(at: &At<RawRate>, unit: Option<Unit>, findings: &mut Findings) -> Option<Limit> {
    let RawRate { amount, per, burst } = &at.value;
    let amount = amount.check(findings, |raw| amount_of(raw, unit));
    let burst = burst.check_or(None, findings, |raw| amount_of(raw, unit).map(Some));
    let per = per.given().map(|at| match at.value {
        RawSpan::Second => Span(1_000),
        RawSpan::Minute => Span(60_000),
        RawSpan::Hour => Span(3_600_000),
        RawSpan::Day => Span(86_400_000),
    });
    let rate = match Rate::new(amount?, per?) {
        Ok(rate) => rate,
        Err(error @ (LimitError::NeverRefills | LimitError::Span(_))) => {
            findings.report(
                &at.place,
                Fault::new(error.to_string(), "write how much a caller may spend in each span"),
            );
            return None;
        }
    };
    Some(Limit::Rate(match burst? {
        Some(burst) => rate.with_burst(burst),
        None => rate,
    }))
}

fn quota(raw: &RawQuota, unit: Option<Unit>, findings: &mut Findings) -> Option<Limit> {
    let amount = raw.amount.check(findings, |raw| amount_of(raw, unit));
    let window = raw.window.given().map(|at| match at.value {
        RawWindow::Minute => Window::Minute,
        RawWindow::Hour => Window::Hour,
        RawWindow::Day => Window::Day,
        RawWindow::Week => Window::Week,
        RawWindow::Month => Window::Month,
    });
    let offset = raw.utc_offset.check_or(UtcOffset::UTC, findings, |text| {
        utc_offset(text).ok_or_else(|| {
            Fault::new(
                format!("{} is no offset from UTC", quoted(text)),
                "write hours and minutes, as in `+02:00` or `-05:30`",
            )
        })
    });
    Some(Limit::Quota(Quota::new(amount?, window?).at_offset(offset?)))
}

/// `+02:00`, in minutes.
fn utc_offset(text: &str) -> Option<UtcOffset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<i16>().ok())
            .flatten()
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes).filter(|minutes| *minutes < 60)?);
    UtcOffset::from_minutes(hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(sign)?)
}

/// An amount in the budget's own unit: for money, millionths of a dollar.
fn amount_of(RawAmount(text): &RawAmount, unit: Option<Unit>) -> Result<Amount, Fault> {
    let money = unit == Some(Unit::MicroDollars);
    let decimals = if money { MicroDollars::DECIMALS } else { 0 };
    let amount = Decimal::parse(text).and_then(|decimal| decimal.exactly(decimals));
    amount.map(Amount).map_err(|error| {
        let hint = match (money, error) {
            (true, _) => "write dollars with at most six decimals, such as `500` or `0.25`",
            (false, DecimalError::Fine) => "write a whole number; only `dollars` have decimals",
            (false, _) => "write a whole number, such as `100000`",
        };
        let said = if text.len() <= 24 { format!("{} ", quoted(text)) } else { String::new() };
        Fault::new(format!("{said}{error}"), hint)
    })
}
