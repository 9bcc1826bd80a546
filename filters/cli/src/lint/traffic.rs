//! The way to the providers: who is tried, for how long, and what becomes of a failure.

use super::Found;
use super::tree::Spot;
use super::world::{Resource, Rule, World};

/// Envoy Gateway's own limit on what it buffers, in bytes.
const DEFAULT_BUFFER: u64 = 32 * 1024;
/// Names that are reached inside of a network of one's own.
const INSIDE: [&str; 4] = [".svc", ".svc.cluster.local", ".internal", ".local"];

pub(super) fn check(world: &World<'_>, found: &mut Found) {
    for rule in world.rules() {
        let backends = rule.backends();
        if backends.is_empty() {
            continue;
        }
        weights(&rule, &backends, found);
        let has_providers = backends.iter().any(|backend| backend.text_of("kind") == Some("Backend"));
        if has_providers {
            total(&rule, found);
            failures(&rule, found);
        }
        if backends.iter().any(|backend| rule.is_fallback(world, backend)) && backends.len() > 1 {
            fallback(world, &rule, found);
        }
    }
    for backend in world.of("Backend") {
        in_the_clear(world, backend, found);
    }
}

fn weights(rule: &Rule<'_, '_>, backends: &[Spot<'_>], found: &mut Found) {
    let weight = |backend: &Spot<'_>| backend.get("weight").and_then(|weight| weight.number()).unwrap_or(1);
    if backends.iter().all(|backend| weight(backend) == 0)
        && let Some(at) = rule.spot.get("backendRefs")
    {
        found.problem(
            &at,
            "all weights are 0: every request is answered 500",
            "give one of them a weight above 0",
        );
    }
}

fn total(rule: &Rule<'_, '_>, found: &mut Found) {
    let own = rule.spot.find(&["timeouts", "request"]);
    let limit = own.or_else(|| rule.policy(&["timeout", "http", "requestTimeout"]));
    match limit {
        Some(limit) if !is_zero(&limit) => {}
        Some(limit) => {
            let message = "switches the time limit off: a provider that never answers keeps the request, and what it reserved, for ever";
            found.problem(&limit, message, "a limit for the whole answer, such as 900s");
        }
        None => {
            let message =
                "no time limit of its own for the whole request: Envoy's default of 15 s ends long answers";
            let hint = "`timeout.http.requestTimeout` in a BackendTrafficPolicy, such as 900s";
            found.problem(&rule.spot, message, hint);
        }
    }
}

/// Whether anything notices a provider that has stopped answering: a health check, or the time limit of an attempt.
fn failures(rule: &Rule<'_, '_>, found: &mut Found) {
    let noticed = rule.policy(&["healthCheck"]).is_some()
        || rule.policy(&["retry", "perRetry", "timeout"]).is_some_and(|limit| !is_zero(&limit));
    if noticed {
        return;
    }
    let breaker = rule.policy(&["circuitBreaker"]);
    let message = match breaker {
        Some(_) => {
            "circuit breakers count what is under way, and nothing notices a provider that is silent until they are full"
        }
        None => "nothing notices a provider that is silent: no health check, and no time limit of an attempt",
    };
    let hint = "`retry.perRetry.timeout`, after which the next one is tried; or `healthCheck.passive`. An active check costs a request each time";
    found.warn(&breaker.unwrap_or_else(|| rule.spot.clone()), message, hint);
}

fn fallback(world: &World<'_>, rule: &Rule<'_, '_>, found: &mut Found) {
    let each = rule.policy(&["retry", "numAttemptsPerPriority"]).and_then(|it| it.number());
    if each.is_none_or(|count| count == 0) {
        let at = rule.policy(&["retry"]).unwrap_or_else(|| rule.spot.clone());
        let message =
            "a fallback that no retry reaches: a retry goes to the first rank again for as long as it is up";
        found.problem(
            &at,
            message,
            "`retry: {numRetries: 1, numAttemptsPerPriority: 1}` in the rule's BackendTrafficPolicy",
        );
    }
    let answers = rule.policy(&["connection", "bufferLimit"]);
    if answers.as_ref().and_then(Spot::bytes).is_none_or(|bytes| bytes <= DEFAULT_BUFFER) {
        let at = answers.unwrap_or_else(|| rule.spot.clone());
        let message = "a fallback whose answers are held in 32 KiB: a longer one that has to be translated ends in an error";
        found.problem(
            &at,
            message,
            "`connection.bufferLimit` in the rule's BackendTrafficPolicy, twice the longest body",
        );
    }
    for gateway in world.gateways(rule.route) {
        let policies = world.targeting("ClientTrafficPolicy", gateway);
        let limits =
            policies.iter().filter_map(|(policy, _)| policy.spec()?.find(&["connection", "bufferLimit"]));
        let limits: Vec<_> = limits.collect();
        let message = "requests above 32 KiB are answered 413, and their fallback is given up without a word";
        let hint = "`connection.bufferLimit` in a ClientTrafficPolicy of this Gateway, twice the longest body, such as 16Mi";
        if limits.is_empty() {
            found.problem(&gateway.spot.get("spec").unwrap_or_else(|| gateway.spot.clone()), message, hint);
        }
        for limit in limits.iter().filter(|limit| limit.bytes().is_some_and(|bytes| bytes <= DEFAULT_BUFFER))
        {
            found.problem(limit, message, hint);
        }
    }
}

/// A provider that Envoy speaks plain HTTP to, or whose certificate nobody looks at.
fn in_the_clear(world: &World<'_>, backend: &Resource<'_>, found: &mut Found) {
    let Some(spec) = backend.spec() else { return };
    if let Some(tls) = spec.get("tls").filter(|tls| tls.is_true("insecureSkipVerify")) {
        let message =
            "the provider's certificate is not verified: whoever is in between reads prompts and keys";
        found.problem(
            &tls,
            message,
            "remove `insecureSkipVerify`; `wellKnownCACertificates: System` knows public providers",
        );
    }
    if spec.get("tls").is_some() || !world.targeting("BackendTLSPolicy", backend).is_empty() {
        return;
    }
    for endpoint in spec.each("endpoints") {
        let Some(host) = endpoint.get("fqdn").and_then(|fqdn| fqdn.get("hostname")) else { continue };
        let name = host.text().unwrap_or_default();
        if name.contains('.') && !INSIDE.iter().any(|end| name.ends_with(end)) {
            let message =
                format!("Envoy speaks plain HTTP to `{name}`: no BackendTLSPolicy is for this Backend");
            let hint = "add one with `validation: {hostname: …, wellKnownCACertificates: System}`";
            found.problem(&host, message, hint);
        }
    }
}

fn is_zero(limit: &Spot<'_>) -> bool {
    limit.text().is_some_and(|text| !text.chars().any(|c| ('1'..='9').contains(&c)))
}
