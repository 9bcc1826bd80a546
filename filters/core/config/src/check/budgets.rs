//! What ai-gateway's file means for budgets: limits, units and tables, and what of these cannot be together.

mod kind;

use std::collections::{BTreeMap, BTreeSet};

use budget::{Lease, Mode, Overflow, Span};
use identity::{Identity, SourceSettings};
use pricing::Prices;

use crate::check::text;
use crate::place::{At, Field, Place};
use crate::problem::{Fault, Findings, quoted, quoted_list};
use crate::raw::budgets::{
    DEFAULT_CALLERS, DEFAULT_COMPLETION_TOKENS, DEFAULT_KEYS, DEFAULT_LEASE_SECONDS, MOST_CALLERS,
    MOST_LEASE_SECONDS, RawBudgetMode, RawBudgets, RawCompletions, RawDowngrade, RawLimit, RawScope, RawUnit,
    RawUnseen, RawWeights, RawWhenFull,
};
use crate::raw::counting::MOST_TOKENS;
use crate::read::List;
use crate::suggest::did_you_mean;
use crate::{
    BudgetHeaders, BudgetLimit, Budgets, Completions, CountingMode, Downgrade, HardStop, ModelRoute, Models,
    Scope, Unit, Unlimited, UnseenAnswer, Weights,
};

/// What budgets are checked against; none of what is wrong itself.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) models: Option<&'a Models>,
    pub(crate) prices: Option<&'a Prices>,
    pub(crate) identity: Option<&'a Identity>,
}

/// How many budgets there may be. Each that applies is two writes to shared memory for a request.
const MOST_LIMITS: usize = 32;

/// The section, or what it is where there is none.
pub(crate) fn budgets(
    field: &Field<RawBudgets>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Budgets> {
    let section = match field {
        Field::Missing => return Some(Budgets::none()),
        Field::Wrong => return None,
        Field::Given(section) => &section.value,
    };
    let limits = match &section.limits {
        Field::Missing => Some(Vec::new()),
        Field::Wrong => None,
        Field::Given(list) => limits(list, context, findings),
    };
    let keys = whole(&section.keys, DEFAULT_KEYS, 1..=MOST_CALLERS, findings);
    let default_completion_tokens =
        whole(&section.default_completion_tokens, DEFAULT_COMPLETION_TOKENS, 0..=MOST_TOKENS, findings);
    if let (Field::Given(At { place, value: 0 }), Field::Given(At { value: RawCompletions::Bounded, .. })) =
        (&section.default_completion_tokens, &section.completions)
    {
        let message = "no provider writes an answer of 0 tokens, and `bounded` asks for that";
        findings.report(place, Fault::new(message, format!("leave it out for {DEFAULT_COMPLETION_TOKENS}")));
    }
    let least = whole(&section.least_completion_tokens, 16, 1..=MOST_TOKENS, findings);
    let completions = section.completions.copied_or(RawCompletions::AsAsked);
    if let (Some(RawCompletions::AsAsked), Field::Given(at)) = (completions, &section.least_completion_tokens)
    {
        let message = "says where shortening ends, and completions are not shortened";
        findings.report(&at.place, Fault::new(message, "remove it, or set `completions` to `shortened`"));
    }
    let lease = whole(&section.lease_seconds, DEFAULT_LEASE_SECONDS, 1..=MOST_LEASE_SECONDS, findings);
    let unseen = section.unseen_answer.copied_or(RawUnseen::Reserved);
    let headers = section.headers.copied_or(true);
    Some(Budgets {
        limits: limits?,
        keys: u32::try_from(keys?).ok()?,
        default_completion_tokens: default_completion_tokens?,
        completions: match completions? {
            RawCompletions::AsAsked => Completions::AsAsked,
            RawCompletions::Shortened => {
                Completions::Shortened { least: least?, unlimited: Unlimited::AsAsked }
            }
            RawCompletions::Bounded => {
                Completions::Shortened { least: least?, unlimited: Unlimited::Default }
            }
        },
        lease: Lease::new(Span(lease?.saturating_mul(1_000))),
        unseen_answer: match unseen? {
            RawUnseen::Reserved => UnseenAnswer::Reserved,
            RawUnseen::Prompt => UnseenAnswer::Prompt,
        },
        headers: if headers? { BudgetHeaders::Shown } else { BudgetHeaders::Absent },
    })
}

fn limits(
    list: &At<List<RawLimit>>,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<Vec<BudgetLimit>> {
    let At { place, value: list } = list;
    if list.items.len() > MOST_LIMITS {
        let message = format!("{} budgets are more than {MOST_LIMITS}", list.items.len());
        findings.report(
            place,
            Fault::new(message, "one budget with `per` serves any number of users, teams and models"),
        );
    }
    let mut names: BTreeMap<&str, &Place> = BTreeMap::new();
    for at in list.items.iter().filter_map(|limit| limit.value.name.given()) {
        if let Some(first) = names.insert(&at.value, &at.place) {
            let message = format!("{} is the budget at `{}` already", quoted(&at.value), first.path());
            findings.report(&at.place, Fault::new(message, "give each budget a name of its own"));
        }
    }
    let known: Vec<_> =
        list.items.iter().filter_map(|at| limit(&at.place, &at.value, context, findings)).collect();
    (list.complete && known.len() == list.items.len() && known.len() <= MOST_LIMITS).then_some(known)
}

fn limit(
    place: &Place,
    raw: &RawLimit,
    context: Context<'_>,
    findings: &mut Findings,
) -> Option<BudgetLimit> {
    let Context { models, prices, identity } = context;
    let name = raw.name.check(findings, |name| budget_name(name));
    let per = scopes(&raw.per, identity, findings);
    let applies = applies(&raw.models, models, findings);
    let unit = unit(raw, findings);
    let limit = kind::kind(place, raw, unit, findings);
    let mode = raw.mode.copied_or(RawBudgetMode::Enforce);
    let downgrade = match &raw.downgrade {
        Field::Missing => Some(None),
        Field::Wrong => None,
        Field::Given(at) => downgrade(at, mode, models, findings).map(Some),
    };
    let status = raw.status.check_or(429, findings, |status| match u16::try_from(*status) {
        Ok(status @ (402 | 403 | 429 | 503)) => Ok(status),
        _ => Err(Fault::new(
            format!("{status} is no status for a refusal"),
            "use 429, or 402, 403 or 503; SDKs try again after 429 and 503",
        )),
    });
    let hard_stop = raw.hard_stop.copied_or(false);
    if let (Field::Given(At { place, value: true }), Some(RawUnit::Input | RawUnit::Requests)) =
        (&raw.hard_stop, raw.unit.copied_or(RawUnit::Tokens))
    {
        let message = "this budget is not spent by what an answer says";
        findings.report(
            place,
            Fault::new(message, "leave it out, or count `tokens`, `output_tokens` or `dollars`"),
        );
    }
    let callers = whole(&raw.callers, DEFAULT_CALLERS, 1..=MOST_CALLERS, findings);
    let overflow = raw.when_full.copied_or(RawWhenFull::Share);
    if let (Some(models), Some(applies)) = (models, &applies) {
        counted(place, applies, models, findings);
        if let (Some(Unit::MicroDollars), Some(prices)) = (unit, prices) {
            priced(place, applies, models, prices, findings);
        }
    }
    Some(BudgetLimit {
        name: name?,
        per: per?,
        models: applies?,
        unit: unit?,
        limit: limit?,
        mode: match mode? {
            RawBudgetMode::Enforce => Mode::Enforce,
            RawBudgetMode::Shadow => Mode::Shadow,
        },
        downgrade: downgrade?,
        status: status?,
        hard_stop: if hard_stop? { HardStop::Yes } else { HardStop::No },
        callers: u32::try_from(callers?).ok()?,
        overflow: match overflow? {
            RawWhenFull::Share => Overflow::Share,
            RawWhenFull::Refuse => Overflow::Refuse,
        },
    })
}

/// A budget's name stands in headers, as a key of shared memory and in statistics.
fn budget_name(name: &str) -> Result<String, Fault> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let ends =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    if bytes.len() <= 64
        && bytes.iter().all(|byte| allowed(*byte))
        && ends(bytes.first())
        && ends(bytes.last())
    {
        return Ok(name.to_owned());
    }
    Err(Fault::new(
        format!("{} is no name for a budget", quoted(name)),
        "use 1 to 64 lower-case letters, digits, `-` and `_`, for example `user-day`",
    ))
}

fn scopes(
    field: &Field<List<RawScope>>,
    identity: Option<&Identity>,
    findings: &mut Findings,
) -> Option<Vec<Scope>> {
    let list = match field {
        Field::Missing => return Some(Vec::new()),
        Field::Wrong => return None,
        Field::Given(list) => &list.value,
    };
    let mut scopes = Vec::new();
    for At { place, value } in &list.items {
        let scope = Scope::from(*value);
        if let Some(fault) = identity.and_then(|identity| nobody(scope, identity)) {
            findings.report(place, fault);
        }
        if scopes.contains(&scope) {
            findings.report(place, Fault::new("given twice", "keep one of the two"));
        } else {
            scopes.push(scope);
        }
    }
    scopes.sort_unstable();
    (list.complete && scopes.len() == list.items.len()).then_some(scopes)
}

/// A scope in which everybody would be the same, or several keys, because no source of identity tells them apart.
fn nobody(scope: Scope, identity: &Identity) -> Option<Fault> {
    let sources = &identity.settings().sources;
    let known = sources.iter().any(|source| match (scope, source) {
        (Scope::User | Scope::Model, _) => true,
        (Scope::Team, SourceSettings::Header(trusted)) => trusted.team.is_some(),
        (Scope::Team, SourceSettings::Jwt(jwt)) => jwt.team.is_some(),
        (Scope::Team, SourceSettings::ApiKeys(keys)) => keys.iter().any(|key| key.caller.team.is_some()),
        (Scope::Key, SourceSettings::ApiKeys(_))
        | (Scope::Team | Scope::Key, SourceSettings::VirtualKeys(_)) => true,
        (Scope::Key, SourceSettings::Header(_) | SourceSettings::Jwt(_)) => false,
    });
    let nameless = sources.iter().any(|source| match source {
        SourceSettings::ApiKeys(keys) => keys.iter().any(|key| key.caller.key.is_none()),
        SourceSettings::Header(_) | SourceSettings::Jwt(_) | SourceSettings::VirtualKeys(_) => false,
    });
    match scope {
        Scope::Model => None,
        Scope::Key if nameless => Some(Fault::new(
            "keys without an `id` would share one account",
            "add an `id` to each of `identity.api_keys`",
        )),
        _ if known => None,
        Scope::Team => Some(Fault::new(
            "nothing in `identity` tells a caller's team",
            "add `team` to `identity.header` or to the keys, or `team_claim` to `identity.jwt`",
        )),
        Scope::Key => Some(Fault::new(
            "nothing in `identity` tells keys apart",
            "add `virtual_keys`, or `api_keys` with an `id` each",
        )),
        Scope::User => Some(Fault::new(
            "nobody is known by name without `identity`",
            "add `identity`: {\"header\": {}} believes `x-user-id`, if only Envoy or a proxy before it can set that",
        )),
    }
}

/// The models that a budget applies to, by number.
fn applies(
    field: &Field<List<String>>,
    models: Option<&Models>,
    findings: &mut Findings,
) -> Option<Vec<usize>> {
    let list = match field {
        Field::Missing => return Some((0..models?.routes().len()).collect()),
        Field::Wrong => return None,
        Field::Given(list) => list,
    };
    if list.value.items.is_empty() && list.value.complete {
        let hint = "leave `models` out for all of them, or remove the budget";
        findings.report(&list.place, Fault::new("a budget for no model", hint));
    }
    let mut applies = Vec::new();
    let mut complete = list.value.complete;
    for at in &list.value.items {
        let Some(pattern) = at.check(findings, |pattern| text::pattern(pattern)) else {
            complete = false;
            continue;
        };
        let Some(models) = models else { continue };
        let before = applies.len();
        applies.extend(
            models.routes().iter().enumerate().filter(|(_, route)| covers(&pattern, route)).map(|(n, _)| n),
        );
        if applies.len() == before {
            let names = || models.routes().iter().map(|route| route.name.as_str());
            let message = format!(
                "{} is none of the `models` (configured: {})",
                quoted(&pattern),
                quoted_list(names())
            );
            let hint = "name one as it stands in `models`, or a prefix of some followed by `*`";
            findings.report(&at.place, Fault::new(message, did_you_mean(&pattern, names(), hint)));
            complete = false;
        }
    }
    applies.sort_unstable();
    applies.dedup();
    (complete && !applies.is_empty()).then_some(applies)
}

fn covers(pattern: &str, route: &ModelRoute) -> bool {
    pattern == route.name || pattern.strip_suffix('*').is_some_and(|prefix| route.name.starts_with(prefix))
}

/// What is not counted cannot be limited.
fn counted(place: &Place, applies: &[usize], models: &Models, findings: &mut Findings) {
    let routes = applies.iter().filter_map(|number| models.routes().get(*number));
    let off: Vec<_> =
        routes.filter(|route| route.counting == CountingMode::Off).map(|route| route.name.as_str()).collect();
    if !off.is_empty() {
        let message = format!("a budget needs counting, which is `off` for {}", quoted_list(off.into_iter()));
        let hint = "set `counting` to `auto` there, or name the budget's `models` without them";
        findings.report(place, Fault::new(message, hint));
    }
}

/// What has no price is charged no money.
fn priced(place: &Place, applies: &[usize], models: &Models, prices: &Prices, findings: &mut Findings) {
    let routes = applies.iter().filter_map(|number| models.routes().get(*number));
    // Where a target has no model of its own it is sent the client's name, which is known for a route that is no pattern.
    let targets = routes.flat_map(|route| {
        let own = (!route.name.ends_with('*')).then_some(route.name.as_str());
        let targets =
            route.targets.iter().map(|target| (Some(target.provider.as_str()), target.model.as_deref()));
        // Where Envoy's routes alone decide, nobody knows the provider.
        let unplanned = route.targets.is_empty().then_some((None, None));
        targets.chain(unplanned).filter_map(move |(provider, model)| Some((provider, model.or(own)?)))
    });
    let unpriced =
        targets.filter(|(provider, model)| prices.of(provider.unwrap_or_default(), model).is_err());
    let unpriced: BTreeSet<_> = unpriced
        .map(|(provider, model)| match provider {
            Some(provider) => format!("{model} at {provider}"),
            None => model.to_owned(),
        })
        .collect();
    if !unpriced.is_empty() {
        let message = format!(
            "a budget in dollars needs the price of {}",
            quoted_list(unpriced.iter().map(String::as_str))
        );
        let hint = "add it to `prices`, with 0 for what is free, or name the budget's `models` without them";
        findings.report(place, Fault::new(message, hint));
    }
}

fn unit(raw: &RawLimit, findings: &mut Findings) -> Option<Unit> {
    let unit = raw.unit.copied_or(RawUnit::Tokens)?;
    if let (Field::Given(at), false) = (&raw.weights, unit == RawUnit::Weighted) {
        let hint = "set `unit` to `weighted_tokens`, or remove the weights";
        findings.report(&at.place, Fault::new("weights are only for `weighted_tokens`", hint));
        return None;
    }
    Some(match unit {
        RawUnit::Tokens => Unit::Tokens,
        RawUnit::Input => Unit::Input,
        RawUnit::Output => Unit::Output,
        RawUnit::Weighted => Unit::Weighted(weights(&raw.weights, findings)?),
        RawUnit::Requests => Unit::Requests,
        RawUnit::Dollars => Unit::MicroDollars,
    })
}

fn weights(field: &Field<RawWeights>, findings: &mut Findings) -> Option<Weights> {
    let raw = match field {
        Field::Missing => {
            return Some(Weights { input: 1_000, cached: 1_000, output: 1_000, reasoning: 1_000 });
        }
        Field::Wrong => return None,
        Field::Given(at) => &at.value,
    };
    let mut weight = |field| whole(field, 1_000, 0..=1_000_000, findings);
    let (input, cached) = (weight(&raw.input_permille), weight(&raw.cached_permille));
    let (output, reasoning) = (weight(&raw.output_permille), weight(&raw.reasoning_permille));
    Some(Weights { input: input?, cached: cached?, output: output?, reasoning: reasoning? })
}

fn downgrade(
    at: &At<RawDowngrade>,
    mode: Option<RawBudgetMode>,
    models: Option<&Models>,
    findings: &mut Findings,
) -> Option<Downgrade> {
    let raw = &at.value;
    if mode == Some(RawBudgetMode::Shadow) {
        let message = "a budget that is only reported sends nobody to another model";
        findings.report(&at.place, Fault::new(message, "set `mode` to `enforce`, or remove `downgrade`"));
    }
    let to = raw.to.check(findings, |model| text::model(model));
    let below_percent = whole(&raw.below_percent, 10, 0..=100, findings);
    if let (Some(to), Some(models), Field::Given(at)) = (&to, models, &raw.to)
        && models.resolve(to).is_none()
    {
        let names = || models.routes().iter().map(|route| route.name.as_str());
        let message = format!("unknown model {} (configured: {})", quoted(to), quoted_list(names()));
        findings.report(
            &at.place,
            Fault::new(message, did_you_mean(to, names(), "add it to `models`, or name one of them")),
        );
        return None;
    }
    Some(Downgrade { to: to?, below_percent: below_percent? })
}

fn whole(
    field: &Field<u64>,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
    findings: &mut Findings,
) -> Option<u64> {
    field.check_or(default, findings, |number| {
        if range.contains(number) {
            return Ok(*number);
        }
        let (least, most) = (range.start(), range.end());
        Err(Fault::new(
            format!("{number} is not from {least} to {most}"),
            format!("leave it out for {default}"),
        ))
    })
}

impl From<RawScope> for Scope {
    fn from(scope: RawScope) -> Self {
        match scope {
            RawScope::User => Self::User,
            RawScope::Team => Self::Team,
            RawScope::Key => Self::Key,
            RawScope::Model => Self::Model,
        }
    }
}
