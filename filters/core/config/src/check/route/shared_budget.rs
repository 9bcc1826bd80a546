//! `sharedBudget`, `replicas` and `outlierDetection`: what a fleet of gateways has together.

use crate::place::{At, Field};
use crate::problem::{Fault, Findings};
use crate::raw::route::{RawOnFailure, RawOutlierDetection, RawSharedBudget};
use crate::route::{Given, OutlierDetection, SharedBudget};

/// More gateways than one file will ever run.
const MOST_REPLICAS: u64 = 1000;
/// More failures than anybody waits for.
const MOST_FAILURES: u32 = 1000;

/// The budget, where there is one.
pub(super) fn of(field: &Field<RawSharedBudget>, findings: &mut Findings) -> Option<SharedBudget> {
    let At { place, value: raw } = field.given()?;
    let windows = [&raw.per_minute, &raw.per_hour, &raw.per_day];
    if windows.iter().all(|window| window.is_missing()) {
        let hint = "add `perMinute`, `perHour` or `perDay`: each caller's tokens";
        findings.report(place, Fault::new("has no window", hint));
    }
    let mut tokens = |field: &Field<u64>| {
        field.check_or(None, findings, |tokens| match u32::try_from(*tokens) {
            Ok(tokens) if tokens > 0 => Ok(Some(tokens)),
            _ => Err(Fault::new(
                format!("{tokens} is not from 1 to {}", u32::MAX),
                "leave it out where there is no limit",
            )),
        })
    };
    let windows = windows.map(|window| tokens(window).flatten());
    Some(SharedBudget {
        place: Given::place(place),
        windows,
        service: raw.service.given().map(Given::copy),
        timeout: raw.timeout.given().map(Given::copy),
        refuse: raw.on_failure.given().is_some_and(|at| at.value == RawOnFailure::Refuse),
    })
}

/// When a provider's address is left out, where it is said.
pub(super) fn outliers(
    field: &Field<RawOutlierDetection>,
    findings: &mut Findings,
) -> Option<OutlierDetection> {
    let At { place, value: raw } = field.given()?;
    let failures = raw.failures.check(findings, |count| match u32::try_from(*count) {
        Ok(count) if (1..=MOST_FAILURES).contains(&count) => Ok(count),
        _ => Err(Fault::new(
            format!("{count} is not from 1 to {MOST_FAILURES}"),
            "5 is what Envoy takes by itself",
        )),
    })?;
    let ejection_time = raw.ejection_time.given().map(Given::copy);
    Some(OutlierDetection { place: Given::place(place), failures, ejection_time })
}

/// How many gateways there are, where it is said.
pub(super) fn replicas(field: &Field<u64>, findings: &mut Findings) -> Option<Given<u64>> {
    let at = field.given()?;
    let value = at.check(findings, |count| {
        if (1..=MOST_REPLICAS).contains(count) {
            return Ok(*count);
        }
        Err(Fault::new(format!("{count} is not from 1 to {MOST_REPLICAS}"), "leave it out for one"))
    })?;
    Some(Given { order: at.place.order(), path: at.place.path(), value })
}
