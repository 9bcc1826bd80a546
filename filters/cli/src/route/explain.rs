//! A request's way through a configuration, in words: who is calling, what it may spend, who is asked in which order.

use std::fmt::Write as _;

use config::GatewayConfig;
use llm_api::Dialect;

use crate::render::{Auth, Budget, LlmRouter, OnFailure, Provider, Served, attempts, gateway_config};

/// The default of a budget's `downgrade.below_percent`.
const DEFAULT_BELOW: u64 = 10;

/// The way of a request for that model by that caller. None where the gateway does not know the model.
pub fn explain(router: &LlmRouter, model: &str, caller: Option<&str>) -> Option<String> {
    let config = GatewayConfig::parse(gateway_config(router).as_bytes(), &|_| Some("set".repeat(16))).ok()?;
    let resolved = config.models.resolve(model)?;
    let served = router.served().find(|one| one.name.as_str() == resolved.route.name)?;
    let mut out = String::new();
    let mut line = |head: &str, text: &str| {
        let _ = writeln!(out, "{head:<11}{text}");
    };
    line("caller", &caller_line(router, caller));
    if model == served.name.as_str() {
        line("model", model);
    } else if served.name.is_pattern() {
        let asked =
            if model == resolved.model { String::new() } else { format!(", which is {}", resolved.model) };
        line("model", &format!("{model}{asked}, one of {}", served.name.as_str()));
    } else {
        line("model", &format!("{model}, which is {}", served.name.as_str()));
    }
    if let Some(tokens) = served.max_input_tokens {
        line("prompt", &format!("at most {tokens} tokens, else 400"));
    }
    for budget in budget_lines(router, served.name.as_str()) {
        line("budget", &budget);
    }
    for budget in shared_lines(router) {
        line("budget", &budget);
    }
    let limits = served.limits;
    let seconds = |limit: crate::render::Limit| format!("{:?}", limit.duration());
    for (index, sharing) in attempts(served.providers).into_iter().enumerate() {
        let head = format!("attempt {}", index.saturating_add(1));
        let total: u64 = sharing.iter().map(|provider| u64::from(provider.weight)).sum();
        for (position, provider) in sharing.iter().enumerate() {
            let share =
                if sharing.len() > 1 { format!(", {} of {total}", provider.weight) } else { String::new() };
            let head = if position == 0 { head.as_str() } else { "        or" };
            line(head, &format!("{}{share}", provider_line(provider, resolved.model)));
        }
    }
    if attempts(served.providers).len() > 1 {
        line(
            "next",
            "after no connection, 408, 429, any 5xx, silence, or an error before a stream's first content",
        );
    } else {
        line("next", "nobody: a failure of this attempt is the answer");
    }
    line(
        "limits",
        &format!(
            "{} to a stream's first content, {} between its pieces, {} for an answer, {} for everything",
            seconds(limits.first_byte),
            seconds(limits.idle),
            seconds(limits.answer),
            seconds(limits.total)
        ),
    );
    line("answer", &answer_line(served, model));
    Some(out)
}

fn caller_line(router: &LlmRouter, caller: Option<&str>) -> String {
    let sources: Vec<&str> =
        router.identity.keys().map(String::as_str).filter(|key| *key != "sources").collect();
    let by = match router
        .identity
        .get("header")
        .and_then(|header| header.get("user"))
        .and_then(|user| user.as_str())
    {
        Some(header) if sources == ["header"] => format!("by the header {header}"),
        _ if sources.is_empty() => "nobody asks who it is".to_owned(),
        _ => format!("by the first of {} that finds something", sources.join(", ")),
    };
    format!("{}, {by}", caller.unwrap_or("anonymous"))
}

/// Each budget that applies to the model.
fn budget_lines(router: &LlmRouter, model: &str) -> Vec<String> {
    let limits = router.budgets.get("limits").and_then(|limits| limits.as_array());
    let applies = |limit: &&serde_json::Value| match limit.get("models").and_then(|models| models.as_array())
    {
        None => true,
        Some(models) => models.iter().filter_map(|name| name.as_str()).any(|name| matches(name, model)),
    };
    let text = |limit: &serde_json::Value| {
        let name = limit.get("name").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
        let per: Vec<&str> = limit
            .get("per")
            .and_then(|per| per.as_array())
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str())
            .collect();
        let unit = limit.get("unit").and_then(|unit| unit.as_str()).unwrap_or("tokens");
        let spans = ["rate", "quota"].into_iter().filter_map(|kind| {
            let span = limit.get(kind)?;
            let every = span.get("per").or_else(|| span.get("window"))?.as_str()?;
            let amount = span.get("amount")?;
            let amount = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            Some(format!("{amount} {unit} a {every}"))
        });
        let spans: Vec<String> = spans.collect();
        let whose = if per.is_empty() {
            "all callers together".to_owned()
        } else {
            format!("each {}", per.join(" and "))
        };
        format!("{name}: {} for {whose}{}", spans.join(" and "), instead_of_refusing(limit))
    };
    limits.into_iter().flatten().filter(applies).map(text).collect()
}

/// What becomes of requests that a budget has no room for, where they are not refused; and of those before.
fn instead_of_refusing(limit: &serde_json::Value) -> String {
    let mut text = String::new();
    if limit.get("mode").and_then(|mode| mode.as_str()) == Some("shadow") {
        text.push_str(", and nothing is refused");
    }
    if let Some((downgrade, to)) = limit.get("downgrade").and_then(|it| Some((it, it.get("to")?.as_str()?))) {
        let below = downgrade.get("below_percent").and_then(|percent| percent.as_u64());
        let _ =
            write!(text, "; {to} instead where less than {}% of it is left", below.unwrap_or(DEFAULT_BELOW));
    }
    text
}

/// Each window of the budget that a fleet shares.
fn shared_lines(router: &LlmRouter) -> Vec<String> {
    let Some(budget) = &router.global_budget else { return Vec::new() };
    let otherwise = match budget.on_failure {
        OnFailure::Serve => "served unchecked",
        OnFailure::Refuse => "refused",
    };
    let line = |one: &Budget| {
        let (tokens, window) = (one.tokens, one.window.name());
        let (host, port) = (budget.service.host(), budget.service.port());
        format!(
            "shared: {tokens} tokens a {window} for each user, by the service at {host}:{port}; {otherwise} where it does not answer"
        )
    };
    budget.budgets.iter().map(line).collect()
}

/// Whether a name or a prefix followed by `*` is of that model.
fn matches(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix),
        None => pattern == model,
    }
}

fn provider_line(provider: &Provider, asked: &str) -> String {
    let Provider { name, api, base_url, model, auth, .. } = provider;
    let key = match auth {
        Auth::ApiKey(env) => format!("with the key in {}", env.as_str()),
        Auth::None => "without a key".to_owned(),
    };
    let api = match api {
        Dialect::OpenAi => "OpenAI's API",
        Dialect::Anthropic => "Anthropic's API",
    };
    let model = if model.is_pattern() { asked } else { model.as_str() };
    format!("{}: {model} at {base_url} in {api}, {key}", name.as_str())
}

fn answer_line(served: Served<'_>, asked: &str) -> String {
    let apis: std::collections::BTreeSet<&str> =
        served.providers.iter().map(|provider| provider.api.name()).collect();
    let translated = if apis.len() > 1 { ", translated where the provider speaks another" } else { "" };
    format!("in the API that was asked{translated}, under the name {asked}")
}
