//! How many tokens a prompt has, found by as little work as its limits allow.
//!
//! A request may be served by any of the targets that can express it, and their models count differently. The first target's count is the one
//! that is published and corrected by what was learnt; what is reserved is the largest of all.

use config::{CountingMode, InputTokensHeader};
use metering::{Family, Limits, Memory, NotCountable, Part, Surface, UpTo, Within};
use seam::{Effect, Output, Page};

use crate::accounting::Count;
use crate::admission::Metered;
use crate::limits::{self, Limit};
use crate::meter::{Meter, RouteMeter, Source};
use crate::refusal::Refusal;

/// Bytes of text that are counted of a prompt where its mode is `estimate`, and where a number only has to be named.
const SAMPLED_BYTES: usize = 1 << 10;

/// Learnt corrections are at most this factor, up or down: `Calibration::factor_permille` is from 250 to 4,000.
const LARGEST_CORRECTION: u64 = 4;

/// Whether a budget wants to know how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Budgeted {
    /// One that cannot admit what it does not know.
    Required,
    /// None but such as are only reported, or count something else: what can be known will do.
    Welcome,
    No,
}

/// What is known of a prompt's tokens.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// Nothing, and nobody wants to know.
    Nothing,
    /// That there are no more, at any target.
    Bounded(u64),
    /// How many there are.
    Counted(Counted),
}

/// A count.
#[derive(Clone, Debug)]
pub(crate) struct Counted {
    /// At the first target.
    pub(crate) count: Count,
    /// What stands there corrects it.
    pub(crate) page: Option<Page>,
    /// The most at any other target, uncorrected.
    pub(crate) elsewhere: u64,
}

impl Known {
    /// As many as there may be, for a reservation.
    pub(crate) fn at_most(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Bounded(bound) => *bound,
            Self::Counted(counted) => counted.count.tokens.max(counted.elsewhere),
        }
    }
}

/// What has to be known before the request may be sent: nothing, a bound that is within every limit, or a count.
pub(crate) fn look(
    meter: &Meter,
    metered: &Metered,
    budgeted: Budgeted,
    body: &[u8],
    out: &mut dyn Output,
) -> Result<Known, Refusal> {
    // A key's own limits apply where the configuration would not count.
    let counts = |route: &&RouteMeter| route.mode != CountingMode::Off || budgeted != Budgeted::No;
    let Some(route) = meter.route(metered.route).filter(counts) else { return Ok(Known::Nothing) };
    let as_needed = matches!(route.mode, CountingMode::Auto | CountingMode::Off);
    if as_needed && meter.counting().header == InputTokensHeader::Absent {
        let limit = route.limits().map(Limit::most).min();
        if limit.is_none() && budgeted == Budgeted::No {
            return Ok(Known::Nothing);
        }
        let bound = bound(meter, metered, body);
        match (bound, limit) {
            (Some(bound), Some(limit)) if bound > limit => {}
            (Some(bound), _) => {
                out.emit(Effect::Count(route.bounded, 1));
                return Ok(Known::Bounded(bound));
            }
            (None, _) => {}
        }
        // A budget that is nearly spent wants a number.
        let bound = bound.filter(|_| budgeted == Budgeted::No);
        return count(meter, route, metered, budgeted, body, bound, out);
    }
    count(meter, route, metered, budgeted, body, None, out)
}

/// Counts a prompt of which a bound is known that was not enough.
pub(crate) fn count_after_all(
    meter: &Meter,
    metered: &Metered,
    budgeted: Budgeted,
    body: &[u8],
    out: &mut dyn Output,
) -> Result<Known, Refusal> {
    match meter.route(metered.route) {
        Some(route) => count(meter, route, metered, budgeted, body, None, out),
        None => Ok(Known::Nothing),
    }
}

/// More tokens than the prompt can have anywhere, if all of its parts have a bound.
fn bound(meter: &Meter, metered: &Metered, body: &[u8]) -> Option<u64> {
    let mut largest = 0;
    for family in families(meter, metered) {
        // The bound is one of uncorrected estimates, and may be multiplied by at most that.
        let correction = if family.is_exact() { 1 } else { LARGEST_CORRECTION };
        let bound = metering::bound(metered.surface, family, body).ok()?;
        largest = bound.saturating_mul(correction).max(largest);
    }
    Some(largest)
}

/// The families that count the request's prompt, the first target's first, each once.
fn families<'a>(meter: &'a Meter, metered: &Metered) -> Vec<&'a Family> {
    let mut families: Vec<&Family> = Vec::new();
    let Some(route) = meter.route(metered.route) else { return families };
    for target in [metered.target].iter().chain(&metered.able) {
        let Some(target) = route.target(*target) else { continue };
        let family = meter.family(target, &metered.model);
        if !families.iter().any(|known| std::ptr::eq(*known, family)) {
            families.push(family);
        }
    }
    families
}

/// Counts the prompt, or as much of it as brings its bound, where that is given, down to its limit.
fn count(
    meter: &Meter,
    route: &RouteMeter,
    metered: &Metered,
    budgeted: Budgeted,
    body: &[u8],
    bound: Option<u64>,
    out: &mut dyn Output,
) -> Result<Known, Refusal> {
    let Some(target) = route.target(metered.target) else { return Ok(Known::Nothing) };
    let family = meter.family(target, &metered.model);
    let (surface, dialect, memory) = (metered.surface, metered.dialect, meter.memory());
    out.emit(Effect::Count(route.counted, 1));
    let limit = route.limits().min_by_key(|limit| limit.most());
    let is_limited = limit.is_some() || budgeted == Budgeted::Required;
    let mut most = meter.counting().extrapolate_above;
    if route.mode == CountingMode::Estimate {
        most = most.min(SAMPLED_BYTES);
    }
    let limits = Limits { extrapolate_above: most };
    let refuse = |refusal, out: &mut dyn Output| {
        out.emit(Effect::Count(route.refused, 1));
        Err(refusal)
    };
    // An estimate's correction is not known yet, and a sample of a text says nothing of the rest.
    let bound = bound.filter(|_| family.is_exact() && body.len() <= most);
    let found = match (bound, limit) {
        (Some(bound), Some(limit)) => metering::within(surface, family, body, bound, limit.most(), memory),
        _ => up_to(surface, family, body, &limits, limit, memory),
    };
    let prompt = match (found, limit) {
        (Ok(Within::AtMost(bound)), _) => return Ok(Known::Bounded(bound)),
        (Ok(Within::Counted(prompt)), _) => match prompt.uncharged {
            Some(part) if is_limited => return refuse(limits::not_countable(dialect, part), out),
            _ => prompt,
        },
        (Ok(Within::MoreThan(_)), Some(limit)) => {
            let about = about(surface, family, body, memory).max(limit.most().saturating_add(1));
            return refuse(limit.exceeded(dialect, about, Source::Extrapolated), out);
        }
        (Err(_), _) if is_limited => return refuse(limits::not_countable(dialect, Part::Body), out),
        // Without a limit what cannot be counted is the provider's to judge.
        (Ok(Within::MoreThan(_)) | Err(_), _) => return Ok(Known::Nothing),
    };
    let elsewhere = if budgeted != Budgeted::No {
        let others = families(meter, metered).into_iter().skip(1);
        let counts =
            others.filter_map(|family| metering::prompt(surface, family, body, &limits, memory).ok());
        counts.map(|prompt| prompt.tokens).max().unwrap_or(0)
    } else {
        0
    };
    let page = target.learning.as_ref().map(|learning| learning.page).filter(|_| !family.is_exact());
    Ok(Known::Counted(Counted { count: Count::of(prompt), page, elsewhere }))
}

/// Counts, and stops where the limit is exceeded whatever the correction.
fn up_to(
    surface: Surface,
    family: &Family,
    body: &[u8],
    limits: &Limits,
    limit: Option<Limit>,
    memory: &Memory,
) -> Result<Within, NotCountable> {
    let correction = if family.is_exact() { 1 } else { LARGEST_CORRECTION };
    let limit = limit.map_or(u64::MAX, |limit| limit.most().saturating_mul(correction));
    Ok(match metering::prompt_up_to(surface, family, body, limits, limit, memory)? {
        UpTo::Within(prompt) => Within::Counted(prompt),
        UpTo::MoreThan(limit) => Within::MoreThan(limit),
    })
}

/// A number to name where counting stopped.
fn about(surface: Surface, family: &Family, body: &[u8], memory: &Memory) -> u64 {
    let limits = Limits { extrapolate_above: SAMPLED_BYTES };
    metering::prompt(surface, family, body, &limits, memory).map_or(0, |prompt| prompt.tokens)
}

/// Counts a prompt that nobody limits, for whoever asked. The page, where there is one, has what the estimate is corrected by.
pub(crate) fn count_for_client(
    meter: &Meter,
    metered: &Metered,
    body: &[u8],
) -> Result<(Count, Option<Page>), NotCountable> {
    let limits = Limits { extrapolate_above: meter.counting().extrapolate_above };
    let target = meter.route(metered.route).and_then(|route| route.target(metered.target));
    let family = match target {
        Some(target) => meter.family(target, &metered.model),
        None => meter.counting().families.of(&metered.model),
    };
    let prompt = metering::prompt(metered.surface, family, body, &limits, meter.memory())?;
    let page = target.and_then(|target| target.learning.as_ref()).map(|learning| learning.page);
    Ok((Count::of(prompt), page.filter(|_| !family.is_exact())))
}
