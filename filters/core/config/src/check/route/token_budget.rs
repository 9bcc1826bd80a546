//! `rateLimit.tokenBudget`: the short form of two budgets, as the budgets that they are.

use serde_json::{Value, json};

use super::names_of;
use crate::json as document;
use crate::place::{Field, Place};
use crate::problem::{Fault, Findings};
use crate::raw::budgets::RawLimit;
use crate::raw::counting::MOST_TOKENS;
use crate::raw::route::RawRateLimit;
use crate::read::Read;
use crate::route::{Given, Model};

/// A budget: what it is in ai-gateway's configuration, and where the number stands.
pub(super) struct TokenLimit {
    pub(super) place: Place,
    pub(super) json: Value,
}

/// The longest part of a budget's name that a route's own name becomes.
const LONGEST_PART: usize = 48;

/// The budgets of a route. In a file with several routes they are named after theirs, unlike those that are there, and for its models alone.
pub(super) fn limits(
    field: &Field<RawRateLimit>,
    among_others: Option<(&Given<String>, &Vec<Model>)>,
    there: &[TokenLimit],
    findings: &mut Findings,
) -> Vec<TokenLimit> {
    let Some(budget) = field.given().and_then(|at| at.value.token_budget.given()) else { return Vec::new() };
    let (minute, day) = (&budget.value.per_minute, &budget.value.per_user);
    if minute.is_missing() && day.is_missing() {
        let fault = Fault::new("is empty", "add `perUser`, each user's tokens a day, or `perMinute`");
        findings.report(&budget.place, fault);
    }
    let mut limits = Vec::new();
    for (name, field) in [("user-minute", minute), ("user-day", day)] {
        let Field::Given(at) = field else { continue };
        let amount = at.value;
        if !(1..=MOST_TOKENS).contains(&amount) {
            let message = format!("{amount} is not from 1 to {MOST_TOKENS}");
            findings.report(&at.place, Fault::new(message, "leave it out where there is no limit"));
            continue;
        }
        let mut json = if name == "user-day" {
            json!({"name": name, "per": ["user"], "quota": {"amount": amount, "window": "day"}})
        } else {
            json!({"name": name, "per": ["user"], "rate": {"amount": amount, "per": "minute"}})
        };
        if let (Some((route, models)), Some(members)) = (among_others, json.as_object_mut()) {
            members.insert("name".to_owned(), Value::from(named_after(&route.value, name, there)));
            members.insert("models".to_owned(), names_of(models).map(Value::from).collect());
        }
        limits.push(TokenLimit { place: at.place.clone(), json });
    }
    limits
}

/// A budget's name: the route's, with `-` for what no budget can have in its name, and a number where that is another's.
fn named_after(route: &str, name: &str, there: &[TokenLimit]) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' }
    };
    let part: String = route.chars().take(LONGEST_PART).map(plain).collect();
    let part = part.trim_matches(['-', '_']);
    let part = if part.is_empty() { "route" } else { part };
    let numbered = (2_u32..).map(|number| format!("{part}-{number}-{name}"));
    let is_free = |name: &String| {
        there.iter().all(|limit| limit.json.get("name").and_then(Value::as_str) != Some(name))
    };
    std::iter::once(format!("{part}-{name}")).chain(numbered).find(is_free).unwrap_or_default()
}

impl TokenLimit {
    /// The same as ai-gateway's reader has it; everything about it stands where the number does.
    pub(super) fn raw(&self, findings: &mut Findings) -> Option<RawLimit> {
        let node = document::parse(self.json.to_string().as_bytes()).ok()?;
        RawLimit::read(node, &self.place, findings)
    }
}
