//! What a client is told of its budgets: headers on every answer, and the refusal of a request that they have no room for.
//!
//! A client's SDK reads the headers of its own API: OpenAI's `x-ratelimit-*`, Anthropic's `anthropic-ratelimit-*`, each with the tightest
//! budget that counts tokens and the tightest that counts requests. Beside them every budget stands in the structured fields `ratelimit-policy` and
//! `ratelimit` (draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4; the quota unit `tokens` and `micro-dollars` are ours).

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use budget::{BudgetId, Millis, Opinion, Place, Refusal as Reason, Span, Status};
use config::{BudgetHeaders, Unit};
use llm_api::{ApiError, Dialect, ErrorKind};
use seam::{Effect, Output};

use crate::budgets::{Budget, Budgets};
use crate::refusal::Refusal;

/// Headers for a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Waiting longer than this is nothing that an SDK should do by itself.
const LONGEST_WAIT: Span = Span(300_000);

/// Whether there may be room before the time that is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sooner {
    Perhaps,
    Never,
}

/// A budget as its caller sees it.
#[derive(Clone, Copy)]
struct Standing<'a> {
    budget: &'a Budget,
    status: Status,
    place: Place,
}

impl Told {
    /// How the budgets stand that were asked, the tightest first. One that is only reported is not the client's concern.
    pub(crate) fn new(budgets: &Budgets, dialect: Dialect, opinions: &[Opinion], now: Millis) -> Self {
        if budgets.headers == BudgetHeaders::Absent {
            return Self::default();
        }
        let standing = |opinion: &Opinion| {
            let budget = budgets.get(opinion.budget).filter(|budget| budget.is_enforced())?;
            Some(Standing { budget, status: opinion.status?, place: opinion.place })
        };
        let mut standings: Vec<Standing<'_>> = opinions.iter().filter_map(standing).collect();
        standings.sort_by(|a, b| a.status.by_share(&b.status));

        let mut headers = Vec::new();
        let of = |counted: fn(Unit) -> bool| standings.iter().find(|standing| counted(standing.budget.unit));
        if let Some(standing) = of(counts_tokens) {
            headers.extend(standing.headers(dialect, &TOKENS, now));
        }
        if let Some(standing) = of(|unit| unit == Unit::Requests) {
            headers.extend(standing.headers(dialect, &REQUESTS, now));
        }
        if !standings.is_empty() {
            headers.push(("ratelimit-policy", list(&standings, Standing::policy)));
            headers.push(("ratelimit", list(&standings, Standing::service_limit)));
        }
        let shared: Vec<_> = standings.iter().filter(|standing| standing.place == Place::Shared).collect();
        if !shared.is_empty() {
            let names: Vec<&str> = shared.iter().map(|standing| standing.budget.name.as_str()).collect();
            headers.push(("x-ai-budget-shared", names.join(", ")));
        }
        Self { headers }
    }

    /// Sets them on an answer.
    pub(crate) fn set(&self, out: &mut dyn Output) {
        for (name, value) in &self.headers {
            out.emit(Effect::SetResponseHeader(name, value.as_bytes()));
        }
    }

    /// The refusal by that budget.
    pub(crate) fn refusal(
        mut self,
        budgets: &Budgets,
        dialect: Dialect,
        budget: BudgetId,
        reason: Reason,
        status: Option<Status>,
    ) -> Refusal {
        let Some(budget) = budgets.get(budget) else { return self.unavailable(dialect, None) };
        let (name, unit) = (&budget.name, Noun(budget.unit));
        let (error, status) = match reason {
            Reason::TooLarge { most } => {
                let message = format!(
                    "This request may cost more {unit} than the whole budget `{name}` has, which is {}. Shorten it, or ask for a shorter answer.",
                    shown(budget.unit, most.0)
                );
                let error = ApiError::new(ErrorKind::InvalidRequest, message);
                (error.with_code("request_exceeds_budget"), None)
            }
            Reason::NotYet { retry_after } => {
                // What is reserved for others now usually comes back in part, and that may be soon.
                let open = status.map_or(0, |status| status.open.0);
                self.wait(retry_after, if open > 0 { Sooner::Perhaps } else { Sooner::Never });
                let message = format!(
                    "The budget `{name}` has not enough {unit} left for this request. Try again in {}.",
                    duration(retry_after)
                );
                let code = match budget.limit {
                    budget::Limit::Rate(_) => "rate_limit_exceeded",
                    budget::Limit::Quota(_) => "insufficient_quota",
                };
                (ApiError::new(ErrorKind::RateLimit, message).with_code(code), Some(budget.status))
            }
            Reason::NoRoom { retry_after } => {
                self.wait(retry_after, Sooner::Never);
                let message = format!("The budget `{name}` has no room for another caller at the moment.");
                (ApiError::new(ErrorKind::Overloaded, message).with_code("budget_table_full"), None)
            }
        };
        self.headers.push(("x-ai-budget-refused", name.clone()));
        Refusal { status, headers: self.headers, ..Refusal::new(dialect, error) }
    }

    /// The refusal of a request whose budgets could not be asked.
    pub(crate) fn unavailable(mut self, dialect: Dialect, budget: Option<&Budget>) -> Refusal {
        self.wait(Span(1_000), Sooner::Never);
        if let Some(budget) = budget {
            self.headers.push(("x-ai-budget-refused", budget.name.clone()));
        }
        let message = "The budget of this request could not be asked. Try again in a moment.";
        let error = ApiError::new(ErrorKind::Overloaded, message).with_code("budget_unavailable");
        Refusal { headers: self.headers, ..Refusal::new(dialect, error) }
    }

    /// When to try again. SDKs wait as they are told, if it is not long; waiting for a quota's next day is not theirs to decide.
    fn wait(&mut self, after: Span, sooner: Sooner) {
        self.headers.push(("retry-after", after.whole_seconds().max(1).to_string()));
        self.headers.push(("retry-after-ms", after.0.max(1).to_string()));
        if after > LONGEST_WAIT && sooner == Sooner::Never {
            self.headers.push(("x-should-retry", "false".to_owned()));
        }
    }
}

/// What a header is called in each dialect: limit, remaining, reset.
struct Names {
    openai: [&'static str; 3],
    anthropic: [&'static str; 3],
}

/// OpenAI: "Rate limits in headers", platform.openai.com/docs/guides/rate-limits. Anthropic: docs.anthropic.com/en/api/rate-limits.
const TOKENS: Names = Names {
    openai: ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    anthropic: [
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ],
};
const REQUESTS: Names = Names {
    openai: ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    anthropic: [
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ],
};

impl Standing<'_> {
    fn headers(&self, dialect: Dialect, names: &Names, now: Millis) -> [(&'static str, String); 3] {
        let Status { limit, remaining, reset, .. } = self.status;
        let ([limit_name, remaining_name, reset_name], reset) = match dialect {
            Dialect::OpenAi => (names.openai, duration(reset)),
            Dialect::Anthropic => (names.anthropic, timestamp(now.after(reset))),
        };
        [(limit_name, limit.to_string()), (remaining_name, remaining.to_string()), (reset_name, reset)]
    }

    /// `"user-day";q=100000;qu="tokens";w=86400`.
    fn policy(&self, out: &mut String) {
        let Self { budget, status, .. } = self;
        let window = budget.window().whole_seconds();
        let _ = write!(
            out,
            "\"{}\";q={};qu=\"{}\";w={window}",
            budget.name,
            status.limit,
            quota_unit(budget.unit)
        );
    }

    /// `"user-day";r=1200;t=3600`.
    fn service_limit(&self, out: &mut String) {
        let Self { budget, status, .. } = self;
        let _ = write!(out, "\"{}\";r={};t={}", budget.name, status.remaining, status.reset.whole_seconds());
    }
}

fn list<'a>(standings: &[Standing<'a>], write: fn(&Standing<'a>, &mut String)) -> String {
    let mut out = String::new();
    for standing in standings {
        if !out.is_empty() {
            out.push_str(", ");
        }
        write(standing, &mut out);
    }
    out
}

const fn counts_tokens(unit: Unit) -> bool {
    matches!(unit, Unit::Tokens | Unit::Input | Unit::Output | Unit::Weighted(_))
}

const fn quota_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Tokens | Unit::Input | Unit::Output | Unit::Weighted(_) => "tokens",
        Unit::Requests => "requests",
        Unit::MicroDollars => "micro-dollars",
    }
}

/// What is counted, in a sentence.
struct Noun(Unit);

impl std::fmt::Display for Noun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Unit::Tokens => "tokens",
            Unit::Input => "input tokens",
            Unit::Output => "output tokens",
            Unit::Weighted(_) => "weighted tokens",
            Unit::Requests => "requests",
            Unit::MicroDollars => "dollars",
        })
    }
}

fn shown(unit: Unit, amount: u64) -> String {
    match unit {
        Unit::MicroDollars => pricing::MicroDollars(amount).to_string(),
        _ => amount.to_string(),
    }
}

/// A time as OpenAI's headers have it: `17ms`, `1s`, `6m0s`, `23h59m59s`. Rounded up.
fn duration(span: Span) -> String {
    if span.0 < 1_000 {
        return format!("{}ms", span.0);
    }
    let seconds = span.whole_seconds();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// A moment in RFC 3339, as Anthropic's headers have it.
fn timestamp(at: Millis) -> String {
    // A later one has five digits for its year, which the formatter refuses.
    const LAST: u64 = Millis::LAST.0 / 1_000;
    let seconds = Duration::from_secs(at.0.div_ceil(1_000).min(LAST));
    UNIX_EPOCH
        .checked_add(seconds)
        .map_or_else(String::new, |at| humantime::format_rfc3339_seconds(at).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_each_apis_own_form() {
        for (millis, expect) in [
            (0, "0ms"),
            (17, "17ms"),
            (1_000, "1s"),
            (1_001, "2s"),
            (360_000, "6m0s"),
            (86_399_000, "23h59m59s"),
            (2_678_400_000, "744h0m0s"),
        ] {
            assert_eq!(duration(Span(millis)), expect);
        }
        assert_eq!(timestamp(Millis(1_700_000_000_001)), "2023-11-14T22:13:21Z");
        assert_eq!(timestamp(Millis(u64::MAX)), "9999-12-31T23:59:59Z");
    }
}
