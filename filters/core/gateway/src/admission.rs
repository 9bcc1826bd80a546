//! Whether a request is within its limits, by as little counting as that takes.
//!
//! ```text
//!                mode, limits, header                            its family's estimates are learnt
//! a planned body ─┬─ nobody wants to know ──► admitted, uncounted      │
//!                 ├─ its bound fits (auto) ─► admitted, uncounted      ▼
//!                 └─ counted ─┬────────────────────────────────► Judging ──page──► admitted, or refused
//!                             └─ exact ──► admitted, or refused
//! ```

use std::rc::Rc;

use config::{CountingMode, InputTokensHeader};
use llm_api::Dialect;
use metering::{Calibration, Family, Limits, NotCountable, Part, Prompt, Surface, UpTo};
use seam::{Effect, Output, Page};

use crate::accounting::{Account, Accounting, Count};
use crate::limits::{self, Limit};
use crate::meter::{Meter, RouteMeter, Source};
use crate::refusal::Refusal;

/// Bytes of text that are counted of a prompt where its mode is `estimate`, and where a number only has to be named.
const SAMPLED_BYTES: usize = 1 << 10;

/// Learnt corrections are at most this factor, up or down: `Calibration::factor_permille` is from 250 to 4,000.
const LARGEST_CORRECTION: u64 = 4;

/// Which of the configured models and targets a request is counted for: those of the first attempt.
#[derive(Clone, Debug)]
pub(crate) struct Metered {
    /// The API that its client speaks.
    pub(crate) dialect: Dialect,
    pub(crate) surface: Surface,
    /// The route's number.
    pub(crate) route: usize,
    /// The target's number among the route's.
    pub(crate) target: usize,
    /// The model's name after aliases, which is the target's where that has none of its own.
    pub(crate) model: String,
}

/// What became of a request that was looked at.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It may go on.
    Admitted(Accounting),
    /// Its estimate has to be corrected first, by what stands on that page.
    Correcting(Page, Box<Judging>),
}

/// A request whose estimate is not corrected yet. Only [`admit`] makes one, and only its correction makes an [`Accounting`] of it.
#[derive(Debug)]
pub(crate) struct Judging {
    account: Account,
    estimate: Count,
}

/// Looks at a request that is planned, before it goes anywhere.
pub(crate) fn admit(
    meter: &Rc<Meter>,
    metered: Metered,
    body: &[u8],
    out: &mut dyn Output,
) -> Result<Admission, Refusal> {
    let (Some(route), dialect) = (meter.route(metered.route), metered.dialect) else {
        return Ok(Admission::Admitted(Accounting::Nothing));
    };
    let Some(target) = route.target(metered.target).filter(|_| route.mode != CountingMode::Off) else {
        return Ok(Admission::Admitted(Accounting::Nothing));
    };
    let family = meter.family(target, &metered.model);
    let wanted = wanted(meter, route, family, metered.surface, body, out);
    let account = |kept: bool| Account::new(Rc::clone(meter), metered.clone(), kept.then_some(body));
    let Wanted::Counted { sampled } = wanted else {
        return Ok(Admission::Admitted(account(true).open(None)));
    };
    out.emit(Effect::Count(route.counted, 1));
    let limit = route.limits().min_by_key(|limit| limit.most());
    let mut most = meter.counting().extrapolate_above;
    if sampled {
        most = most.min(SAMPLED_BYTES);
    }
    let counted = count(metered.surface, family, body, &Limits { extrapolate_above: most }, limit);
    let refuse = |refusal, out: &mut dyn Output| {
        out.emit(Effect::Count(route.refused, 1));
        Err(refusal)
    };
    let prompt = match (counted, limit) {
        (Ok(UpTo::Within(Prompt { uncharged: Some(part), .. })), Some(_)) => {
            return refuse(limits::not_countable(dialect, part), out);
        }
        (Ok(UpTo::Within(prompt)), _) => prompt,
        (Ok(UpTo::MoreThan(_)), Some(limit)) => {
            let about = about(metered.surface, family, body).max(limit.most().saturating_add(1));
            return refuse(limit.exceeded(dialect, about, Source::Extrapolated), out);
        }
        (Err(_), Some(_)) => return refuse(limits::not_countable(dialect, Part::Body), out),
        // Without a limit what cannot be counted is the provider's to judge.
        (Ok(UpTo::MoreThan(_)) | Err(_), None) => return Ok(Admission::Admitted(account(false).open(None))),
    };
    let judging = Judging { account: account(false), estimate: Count::of(prompt) };
    match &target.learning {
        Some(learning) if !family.is_exact() => Ok(Admission::Correcting(learning.page, Box::new(judging))),
        _ => judging.judged(out).map(Admission::Admitted),
    }
}

/// What has to be known of a prompt before it is sent.
enum Wanted {
    Nothing,
    Counted { sampled: bool },
}

fn wanted(
    meter: &Meter,
    route: &RouteMeter,
    family: &Family,
    surface: Surface,
    body: &[u8],
    out: &mut dyn Output,
) -> Wanted {
    match route.mode {
        CountingMode::Off => return Wanted::Nothing,
        CountingMode::Exact => return Wanted::Counted { sampled: false },
        CountingMode::Estimate => return Wanted::Counted { sampled: true },
        CountingMode::Auto if meter.counting().header == InputTokensHeader::Shown => {
            return Wanted::Counted { sampled: false };
        }
        CountingMode::Auto => {}
    }
    let Some(limit) = route.limits().min_by_key(|limit| limit.most()) else { return Wanted::Nothing };
    // The bound is one of uncorrected estimates, and may be multiplied by at most that.
    let correction = if family.is_exact() { 1 } else { LARGEST_CORRECTION };
    match metering::bound(surface, family, body) {
        Ok(bound) if bound.saturating_mul(correction) <= limit.most() => {
            out.emit(Effect::Count(route.bounded, 1));
            Wanted::Nothing
        }
        _ => Wanted::Counted { sampled: false },
    }
}

/// Counts, and stops where the limit is exceeded whatever the correction.
fn count(
    surface: Surface,
    family: &Family,
    body: &[u8],
    limits: &Limits,
    limit: Option<Limit>,
) -> Result<UpTo, NotCountable> {
    let Some(limit) = limit else {
        return metering::prompt(surface, family, body, limits).map(UpTo::Within);
    };
    let correction = if family.is_exact() { 1 } else { LARGEST_CORRECTION };
    metering::prompt_up_to(surface, family, body, limits, limit.most().saturating_mul(correction))
}

/// A number to name where counting stopped.
fn about(surface: Surface, family: &Family, body: &[u8]) -> u64 {
    let limits = Limits { extrapolate_above: SAMPLED_BYTES };
    metering::prompt(surface, family, body, &limits).map_or(0, |prompt| prompt.tokens)
}

impl Judging {
    /// Corrects the estimate by what stands on its page, and judges it.
    pub(crate) fn corrected(
        mut self,
        page: Option<&[u8]>,
        out: &mut dyn Output,
    ) -> Result<Accounting, Refusal> {
        self.estimate.correct(&Calibration::decode(page.unwrap_or_default()));
        self.judged(out)
    }

    fn judged(self, out: &mut dyn Output) -> Result<Accounting, Refusal> {
        let Self { account, estimate } = self;
        let dialect = account.dialect();
        if let Some(route) = account.route() {
            for limit in route.limits() {
                if let Err(refusal) = limit.judge(dialect, estimate.tokens, estimate.source) {
                    out.emit(Effect::Count(route.refused, 1));
                    return Err(refusal);
                }
            }
        }
        estimate.publish(out);
        Ok(account.open(Some(estimate)))
    }
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
    let prompt = metering::prompt(metered.surface, family, body, &limits)?;
    let page = target.and_then(|target| target.learning.as_ref()).map(|learning| learning.page);
    Ok((Count::of(prompt), page.filter(|_| !family.is_exact())))
}
