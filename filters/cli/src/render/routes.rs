//! The routes: which plan and which time limits a request gets, how a retry reaches the next provider, and what Envoy itself answers.

use std::time::Duration;

use llm_api::{ApiError, Dialect, ErrorKind};
use seam::names;

use super::plans::{Plan, plans};
use super::{Fallback, LlmRouter, Provider, budget, clusters, typed};
use crate::yaml::{List, Map, Yaml};

/// What the next attempt waits at most. It goes to another provider, so there is nothing to wait for.
pub(super) const BACK_OFF: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(250));

/// What a provider must not see where ai-provider does not keep it.
pub(super) const INTERNAL: [&str; 5] = [
    names::MODEL_HEADER,
    names::STREAM_HEADER,
    names::PLAN_HEADER,
    names::INPUT_TOKENS_HEADER,
    "x-envoy-external-address",
];
/// What a provider must not say where ai-provider does not say it.
pub(super) const ANSWERED: [&str; 5] = [
    names::ANSWERED_BY_HEADER,
    names::ANSWERED_MODEL_HEADER,
    names::ATTEMPTS_HEADER,
    names::INPUT_TOKENS_HEADER,
    names::INPUT_TOKENS_SOURCE_HEADER,
];

/// What a route's time limits are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Requests that are marked as streaming.
    Stream,
    /// The others.
    Answer,
    /// Both, where nothing marks them.
    Either,
}

/// The route table.
pub(super) fn route_config(router: &LlmRouter) -> Map {
    let plans = plans(router);
    let kinds = Kind::of(router);
    let mut routes = List::new();
    for plan in &plans {
        for kind in kinds {
            routes = routes.why(reason(router, plan, *kind)).item(route(router, plan, *kind));
        }
    }
    if router.routes_by_headers() {
        routes = routes
            .why("Neither ai-gateway nor these routes know it: nothing reaches a provider unseen.")
            .item(no_route());
    }
    let host = Map::new()
        .with("name", "llm")
        .with("domains", List::new().item("*").inline())
        .why("What a retry needs to have kept of the request: the listener's limit, said for the retry buffer too.")
        .with("request_body_buffer_limit", u64::from(router.max_body.envoy_bytes()));
    let host = if router.filters.provider() {
        host.why("Saves ai-provider a look-up in every first attempt. It replaces all headers, so no provider sees this one.")
            .with("include_request_attempt_count", true)
    } else {
        let internal: List = INTERNAL.into_iter().collect();
        let answered: List = ANSWERED.into_iter().collect();
        host.why("Without ai-provider nothing else keeps ai-gateway's own headers, or who the client is, from a provider.")
            .with("request_headers_to_remove", internal.inline())
            .why("And nothing else tells that a provider makes up what ai-provider would say of the answer.")
            .with("response_headers_to_remove", answered.inline())
    };
    let host = match &router.global_budget {
        Some(budget) => host
            .why("What a request is charged. Here and nowhere else: in a route's own rate_limits Envoy ignores hits_addend.")
            .with("typed_per_filter_config", budget::chain::per_route(budget)),
        None => host,
    };
    let host = host.with("routes", routes);
    let specifiers = match router.fallback {
        Fallback::PriorityGroup => specifiers(&plans),
        Fallback::PreviousPriorities => None,
    };
    Map::new()
        .with("name", "llm")
        .with_some("cluster_specifier_plugins", specifiers)
        .with("virtual_hosts", List::new().item(host))
}

impl Kind {
    /// Those that this router's routes can tell apart.
    pub(super) fn of(router: &LlmRouter) -> &'static [Self] {
        if router.routes_by_headers() { &[Self::Stream, Self::Answer] } else { &[Self::Either] }
    }
}

pub(super) fn reason(router: &LlmRouter, plan: &Plan<'_>, kind: Kind) -> String {
    let whom = match &plan.header {
        Some(providers) => format!("ai-gateway found that only these can express the request: {providers}"),
        None if router.more_models.is_empty() => "Every provider".to_owned(),
        None => format!("Every provider of {}", plan.served.name.as_str()),
    };
    match kind {
        Kind::Stream => format!("{whom}. Streams."),
        Kind::Answer => format!("{whom}. Answers in one piece."),
        Kind::Either => {
            format!(
                "{whom}. Nothing tells streams from answers here, so the longest limits hold and none on the gaps of a stream."
            )
        }
    }
}

fn route(router: &LlmRouter, plan: &Plan<'_>, kind: Kind) -> Map {
    let name = match kind {
        Kind::Stream => format!("{}/stream", plan.name),
        Kind::Answer => format!("{}/answer", plan.name),
        Kind::Either => plan.name.clone(),
    };
    let mut headers = List::new();
    if kind != Kind::Either {
        headers = headers.item(exactly(names::MODEL_HEADER, plan.served.name.as_str()));
    }
    if let Some(providers) = &plan.header {
        headers = headers.item(exactly(names::PLAN_HEADER, providers));
    }
    if kind == Kind::Stream {
        headers = headers.item(exactly(names::STREAM_HEADER, "true"));
    }
    let matched = Map::new().with("prefix", "/");
    let matched = if kind == Kind::Either { matched } else { matched.with("headers", headers) };
    Map::new().with("name", name).with("match", matched).with("route", action(router, plan, kind))
}

fn exactly(header: &str, value: &str) -> Map {
    Map::new().with("name", header).with("string_match", Map::new().with("exact", value).inline()).inline()
}

fn action(router: &LlmRouter, plan: &Plan<'_>, kind: Kind) -> Map {
    let target = match (router.fallback, plan.only()) {
        (Fallback::PriorityGroup, Some(provider)) => Map::new().with("cluster", provider.name.as_str()),
        (Fallback::PriorityGroup, None) => Map::new().with("cluster_specifier_plugin", plan.name.as_str()),
        (Fallback::PreviousPriorities, _) => Map::new().with("cluster", plan.name.as_str()),
    };
    let target = if router.filters.provider() {
        target
    } else {
        target.why("Without ai-provider somebody else has to name the host.").with("auto_host_rewrite", true)
    };
    let target = target
        .why("The whole request over all attempts, to the last byte.")
        .with("timeout", plan.served.limits.total.duration());
    let target = if kind == Kind::Stream {
        target
            .why(
                "The gap between two pieces of a stream; never less than all attempts may take to begin, since that time counts too. \
                 Not per_try_idle_timeout: it stops working once per_try_timeout has passed, even where that had nothing to end.",
            )
            .with("idle_timeout", gap(plan))
    } else {
        target
    };
    target.with("retry_policy", retry_policy(router, plan, kind))
}

/// How long nothing may move on a stream. The clock also runs while attempts are made, so it outlasts all of them.
pub(super) fn gap(plan: &Plan<'_>) -> Duration {
    let limits = plan.served.limits;
    let attempts = u32::try_from(plan.attempts.len()).unwrap_or(u32::MAX);
    let first_byte = limits.first_byte.duration();
    let attempt = clusters::connect_timeout(limits).saturating_add(first_byte).saturating_add(BACK_OFF.1);
    limits.idle.duration().max(attempt.saturating_mul(attempts))
}

fn retry_policy(router: &LlmRouter, plan: &Plan<'_>, kind: Kind) -> Map {
    let limits = plan.served.limits;
    let (base, max) = BACK_OFF;
    let policy = Map::new()
        .why(
            "Failures of the connection, of the stream and by time (all of them \"reset\") and these statuses. A refusal such as 400 or \
             401 is not one: the next provider would only hide it.",
        )
        .with("retry_on", "connect-failure,refused-stream,reset,retriable-status-codes")
        .with("retriable_status_codes", names::RETRIED_STATUSES.into_iter().map(u64::from).collect::<List>().inline())
        .why("One attempt for each provider.")
        .with("num_retries", plan.retries());
    let policy = match kind {
        Kind::Stream => policy
            .why("Until the first content: ai-provider holds a stream's headers until then. A stream that has begun is not cut by it.")
            .with("per_try_timeout", limits.first_byte.duration()),
        Kind::Answer => policy
            .why("One attempt's whole answer: a provider that stays silent is given up here, and the next takes over.")
            .with("per_try_timeout", limits.answer.duration()),
        Kind::Either => policy
            .why("One attempt's whole answer, or the first content of a stream, whichever it is.")
            .with("per_try_timeout", limits.answer.max(limits.first_byte).duration()),
    };
    let policy = policy
        .why("Short: it is another provider that is asked. No rate_limited_retry_back_off: it would wait for a provider that is not.")
        .with("retry_back_off", Map::new().with("base_interval", base).with("max_interval", max).inline());
    match (router.fallback, plan.only()) {
        (_, Some(_)) => policy,
        (Fallback::PriorityGroup, None) => policy
            .why("Each attempt asks the cluster specifier anew, and so reaches the next group.")
            .with("refresh_cluster_on_retry", true),
        (Fallback::PreviousPriorities, None) => {
            policy.why("Each attempt leaves out the priorities that were tried.").with(
                "retry_priority",
                Map::new().with("name", "envoy.retry_priorities.previous_priorities").with(
                    "typed_config",
                    typed("envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig")
                        .with("update_frequency", 1),
                ),
            )
        }
    }
}

/// The cluster specifiers of the plans that need one; none where no plan does.
fn specifiers(plans: &[Plan<'_>]) -> Option<List> {
    let mut specifiers = List::new();
    for plan in plans.iter().filter(|plan| plan.only().is_none()) {
        let groups: List = plan.attempts.iter().map(|sharing| group(sharing)).collect();
        let extension = Map::new().with("name", plan.name.as_str()).with(
            "typed_config",
            typed(
                "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
            )
            .why("Attempt n goes to the n-th group.")
            .with("priority_groups", groups),
        );
        specifiers = specifiers.item(Map::new().with("extension", extension));
    }
    plans.iter().any(|plan| plan.only().is_none()).then_some(specifiers)
}

/// A group of the specifier: one attempt, and the clusters that share it by their weights.
fn group(sharing: &[&Provider]) -> Map {
    let names: Vec<&str> = sharing.iter().map(|provider| provider.name.as_str()).collect();
    let clusters: List = sharing
        .iter()
        .map(|provider| {
            Map::new()
                .with("cluster_name", clusters::name(provider))
                .with("weight", u64::from(provider.weight))
                .inline()
        })
        .collect();
    Map::new().with("name", names.join(",")).with("clusters", clusters.inline()).inline()
}

fn no_route() -> Map {
    let error = ApiError::new(ErrorKind::NotFound, "This gateway serves no such endpoint or model.")
        .with_code("not_found");
    let json = Map::new()
        .with("header", Map::new().with("key", "content-type").with("value", "application/json").inline())
        .with("append_action", "OVERWRITE_IF_EXISTS_OR_ADD");
    Map::new()
        .with("name", "none")
        .with("match", Map::new().with("prefix", "/").inline())
        .with("response_headers_to_add", List::new().item(json))
        .with(
            "direct_response",
            Map::new()
                .with("status", u64::from(error.status()))
                .with("body", Map::new().with("inline_string", error.body(Dialect::OpenAi))),
        )
}

/// Envoy's own answers in OpenAI's shape, told from the filters' own by the flag of what happened upstream. No status is matched: a 413
/// of ai-gateway's is already in the client's dialect. URX (attempts used up) is not a reason by itself: a provider's last answer has it.
/// What breaks HTTP itself is answered in plain text, before this is asked.
pub(super) fn local_replies() -> Map {
    let timeout =
        ApiError::new(ErrorKind::Timeout, "No provider answered in time.").with_code("provider_timeout");
    let overloaded = ApiError::new(ErrorKind::Overloaded, "No provider could be reached.")
        .with_code("provider_unavailable");
    let by_flag = |flags: &[&str]| {
        let flags: List = flags.iter().copied().collect();
        Map::new().with("response_flag_filter", Map::new().with("flags", flags.inline()).inline())
    };
    let mappers = List::new()
        .why("UT the total time limit or the last attempt's, SI a stream that stood still.")
        .item(mapper(by_flag(&["UT", "SI"]), &timeout))
        .why("UF connection failed, UC connection lost, UH no host, UO too many requests, UR reset, LR reset here, UPE cut short.")
        .item(mapper(by_flag(&["UF", "UC", "UH", "UO", "UR", "LR", "UPE"]), &overloaded));
    Map::new().with("mappers", mappers)
}

fn mapper(filter: Map, error: &ApiError) -> Map {
    let body = Map::new()
        .with("message", error.message.as_str())
        .with("type", error.kind.openai_type())
        .with("code", error.code.clone().unwrap_or_default());
    let format = Map::new().with("json_format", Map::new().with("error", Yaml::Map(body)));
    Map::new().with("filter", filter).with("body_format_override", format)
}
