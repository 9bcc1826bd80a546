//! The shared budget's way through Envoy: the filters around ai-gateway, what each is charged, and the service's cluster.
//!
//! ```text
//!  answer ◄─ budget-unchecked ◄─ ai-gateway ◄────────────────────────────────────────────────── router
//! request ─► budget-unchecked ─► ai-gateway ─► asks-minute ─► budget-minute ─► asks-day ─► budget-day ─► router
//! ```

use std::time::Duration;

use super::expressions::{self as is, CALLER, PROMPT};
use super::{Budget, CLUSTER, GlobalBudget, OnFailure, Refunds, Window};
use crate::render::{LlmRouter, clusters, typed};
use crate::yaml::{List, Map};

/// Response header: `unchecked` on the answer to a request that a budget should have been asked about, and was not.
pub(super) const UNCHECKED_HEADER: &str = "x-ai-global-budget";
/// The value of [`UNCHECKED_HEADER`].
pub(super) const UNCHECKED: &str = "unchecked";
/// The service's domain: the first part of every key in Redis.
pub(super) const DOMAIN: &str = "ai-gateway";
/// The first part of a descriptor: which budget.
pub(super) const BUDGET_KEY: &str = "budget";
/// The second part of a descriptor: whose.
pub(super) const CALLER_KEY: &str = "caller";

/// The message of the ratelimit filter, and of its configuration for routes.
const RATE_LIMIT: &str = "envoy.extensions.filters.http.ratelimit.v3.RateLimit";
const RATE_LIMIT_PER_ROUTE: &str = "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute";

/// Before ai-gateway in the chain, and so the last to see an answer.
pub(in crate::render) fn first(budget: &GlobalBudget) -> Map {
    let header =
        Map::new().with("key", UNCHECKED_HEADER).with("value", is::unchecked(&budget.budgets)).inline();
    let append = Map::new()
        .why("The service's metadata is there exactly when it has answered. An empty value adds no header.")
        .with("header", header)
        .with("append_action", "OVERWRITE_IF_EXISTS_OR_ADD");
    let mutations =
        Map::new().with("response_mutations", List::new().item(Map::new().with("append", append)));
    Map::new().with("name", "budget-unchecked").with(
        "typed_config",
        typed("envoy.extensions.filters.http.header_mutation.v3.HeaderMutation").with("mutations", mutations),
    )
}

/// The header as the access log tells it.
pub(in crate::render) fn unchecked_in_the_log() -> String {
    format!("%RESP({UNCHECKED_HEADER})%")
}

/// Behind ai-gateway: for each budget what it has to know, then the question itself.
///
/// One filter for each budget, the shortest window first: the service charges all descriptors of one question, also where one of them
/// refuses. A caller who keeps asking in a used-up minute would otherwise lose the day's tokens for nothing.
pub(in crate::render) fn behind_gateway(budget: &GlobalBudget, mut filters: List) -> List {
    for (position, one) in budget.budgets.iter().enumerate() {
        let known = if position == 0 {
            vec![(CALLER.to_owned(), is::caller()), (PROMPT.to_owned(), is::counted())]
        } else {
            Vec::new()
        };
        let marked = (is::asked(*one), "yes".to_owned());
        if position == 0 {
            filters = filters.why(
                "Who is asked for, and what the prompt was counted as: when the stream ends, ai-gateway tells what the provider reported, and \
                 headers are the last attempt's. And that this budget was reached, so that one that was not asked shows.",
            );
        }
        filters = filters.item(kept(*one, known.into_iter().chain([marked])));
        if position == 0 {
            filters = filters.why(
                "One filter for each budget, the shortest first: the service charges everything that is asked in one question, so a \
                 request that the minute refuses would also be charged to the day.",
            );
        }
        filters = filters.item(ask(budget, *one, position == 0));
    }
    filters
}

/// A filter that puts these values into filter state; one that is empty is left out.
fn kept(budget: Budget, values: impl Iterator<Item = (String, String)>) -> Map {
    let values: List = values
        .map(|(key, format)| {
            let format = Map::new()
                .with("text_format_source", Map::new().with("inline_string", format).inline())
                .with("omit_empty_values", true);
            Map::new()
                .with("object_key", key)
                .with("factory_key", "envoy.string")
                .with("skip_if_empty", true)
                .with("format_string", format)
        })
        .collect();
    Map::new().with("name", format!("asks-{}", budget.window.name())).with(
        "typed_config",
        typed("envoy.extensions.filters.http.set_filter_state.v3.Config").with("on_request_headers", values),
    )
}

fn ask(budget: &GlobalBudget, one: Budget, first: bool) -> Map {
    let service = Map::new()
        .with(
            "grpc_service",
            Map::new().with("envoy_grpc", Map::new().with("cluster_name", CLUSTER).inline()).inline(),
        )
        .with("transport_api_version", "V3");
    let deny = budget.on_failure == OnFailure::Refuse;
    let config = typed(RATE_LIMIT)
        .with("domain", DOMAIN)
        .why("In the statistics' names: cluster.PROVIDER.ratelimit.WINDOW.{ok,over_limit,error,failure_mode_allowed}.")
        .with("stat_prefix", one.window.name())
        .with("metadata_namespace", is::filter(one))
        .with("timeout", budget.timeout.duration())
        .why(if deny { "A service that does not answer stops the gateway." } else { "A service that does not answer stops nobody." })
        .with("failure_mode_deny", deny)
        .with("status_on_error", Map::new().with("code", "ServiceUnavailable").inline())
        .with("rate_limit_service", service)
        .with("enable_retry_after_header", true)
        .with("disable_x_envoy_ratelimited_header", true);
    let config = if first {
        config
            .why("Of one budget only: two would send two of each.")
            .with("enable_x_ratelimit_headers", "DRAFT_VERSION_03")
    } else {
        config
    };
    let config = if one.window == Window::Minute {
        config
    } else {
        let header = Map::new().with("key", "x-should-retry").with("value", "false").inline();
        config
            .why("SDKs retry a 429 by themselves, and would only do so in vain.")
            .with("response_headers_to_add", List::new().item(Map::new().with("header", header)))
    };
    Map::new().with("name", is::filter(one)).with("typed_config", config)
}

/// `typed_per_filter_config` of the virtual host: what each budget is charged, and when.
pub(in crate::render) fn per_route(budget: &GlobalBudget) -> Map {
    budget.budgets.iter().fold(Map::new(), |map, one| {
        map.with(&is::filter(*one), typed(RATE_LIMIT_PER_ROUTE).with("rate_limits", charges(budget, *one)))
    })
}

fn charges(budget: &GlobalBudget, one: Budget) -> List {
    let format = |format: String| Map::new().with("format", format);
    let at_request =
        Map::new().with("actions", actions(one)).with("hits_addend", format(is::at_request(budget.refunds)));
    let at_end = Map::new()
        .with("actions", actions(one))
        .with("apply_on_stream_done", true)
        .with("hits_addend", format(is::at_end(budget.refunds)));
    let charges = List::new()
        .why(match budget.refunds {
            Refunds::None => "Before the request is forwarded: the prompt. A request that does not fit is refused.",
            Refunds::NegativeHits => "Before the request is forwarded: what ai-gateway reserves, or the prompt. A request that does not fit is refused.",
        })
        .item(at_request)
        .why("When the stream is over, however it ended: what was generated. Nothing is refused then; the next request is.")
        .item(at_end);
    match budget.refunds {
        Refunds::None => charges,
        Refunds::NegativeHits => charges.why("And what was reserved but not used is given back.").item(
            Map::new()
                .with("actions", actions(one))
                .with("apply_on_stream_done", true)
                .with("hits_addend", format(is::refund()).with("is_negative_hits", true)),
        ),
    }
}

/// The descriptor: which budget, and whose.
fn actions(one: Budget) -> List {
    let which =
        Map::new().with("descriptor_key", BUDGET_KEY).with("descriptor_value", one.window.name()).inline();
    let whose = Map::new().with("name", "envoy.rate_limit_descriptors.expr").with(
        "typed_config",
        typed("envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor")
            .with("descriptor_key", CALLER_KEY)
            .with("text", is::state(CALLER)),
    );
    List::new().item(Map::new().with("generic_key", which)).item(Map::new().with("extension", whose))
}

/// The service's cluster.
pub(in crate::render) fn cluster(router: &LlmRouter, budget: &GlobalBudget) -> Map {
    const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5));
    let endpoint = Map::new()
        .with("address", crate::render::socket_address(budget.service.host(), budget.service.port()));
    let endpoints = List::new()
        .item(Map::new().with("lb_endpoints", List::new().item(Map::new().with("endpoint", endpoint))));
    let ping = Map::new().with("interval", PING.0).with("timeout", PING.1).inline();
    let options = typed("envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
        .why("gRPC is HTTP/2. A connection that died without a word would let every question run into its time limit.")
        .with(
            "explicit_http_config",
            Map::new().with("http2_protocol_options", Map::new().with("connection_keepalive", ping)),
        );
    clusters::base(router.limits, None, CLUSTER, endpoints).with(
        "typed_extension_protocol_options",
        Map::new().with("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", options),
    )
}
