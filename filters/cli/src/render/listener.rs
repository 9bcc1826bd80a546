//! The listener: what clients connect to, what is refused at the door, and what is logged.

use seam::names;

use super::{
    AccessLog, FilePath, HeadersHeld, LlmRouter, budget, filter_config, listening, routes, typed, wasm,
};
use crate::yaml::{List, Map};

/// What the header `server` says.
pub(super) const SERVER: &str = "envoy-ai-filters";
/// How long a client may take to send its headers, in seconds.
pub(super) const HEADERS_SECONDS: u64 = 10;
/// How long a client may take to send a whole request, in seconds.
pub(super) const REQUEST_SECONDS: u64 = 300;
/// How long a client's connection may be unused, in seconds. Longer than SDKs keep theirs, so that they close first.
pub(super) const IDLE_CONNECTION_SECONDS: u64 = 900;
/// HTTP/2 streams that one client connection may have open at once.
pub(super) const MAX_STREAMS: u64 = 100;
/// The least HTTP/2 flow control windows for what clients send, of a stream and of a connection, in bytes.
const LEAST_WINDOWS: (u64, u64) = (65_536, 1_048_576);
/// The most that HTTP/2 knows (RFC 9113, section 6.9.1).
const MOST_WINDOW: u64 = (1 << 31) - 1;

/// HTTP/2 flow control windows for what clients send, of a stream and of a connection, in bytes.
pub(super) fn windows(router: &LlmRouter) -> (u64, u64) {
    let body = u64::from(router.max_body.envoy_bytes());
    (body.clamp(LEAST_WINDOWS.0, MOST_WINDOW), body.clamp(LEAST_WINDOWS.1, MOST_WINDOW))
}

/// The one listener.
pub(super) fn listener(router: &LlmRouter) -> Map {
    Map::new()
        .with("name", "llm")
        .with("address", listening(router.listen))
        .why(
            "What Envoy buffers of one request or answer. Above it Envoy answers 413 in plain text and gives up retries without \
             a word, so it is twice the filters' max_body_bytes: theirs is always met first.",
        )
        .with("per_connection_buffer_limit_bytes", u64::from(router.max_body.envoy_bytes()))
        .with("filter_chains", List::new().item(filter_chain(router)))
}

fn filter_chain(router: &LlmRouter) -> Map {
    let chain = Map::new().with("filters", List::new().item(connection_manager(router)));
    let Some(tls) = &router.tls else { return chain };
    let file = |path: &FilePath| Map::new().with("filename", path.as_str()).inline();
    let certificate =
        Map::new().with("certificate_chain", file(&tls.certificate)).with("private_key", file(&tls.key));
    let common = Map::new()
        .with("alpn_protocols", ["h2", "http/1.1"].into_iter().collect::<List>().inline())
        .with("tls_certificates", List::new().item(certificate));
    let context = typed("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext")
        .with("common_tls_context", common);
    let socket = Map::new().with("name", "envoy.transport_sockets.tls").with("typed_config", context);
    chain.with("transport_socket", socket)
}

fn connection_manager(router: &LlmRouter) -> Map {
    let seconds = std::time::Duration::from_secs;
    let (stream_window, connection_window) = windows(router);
    let mut config = typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")
        .with("stat_prefix", "llm")
        .why("HTTP/1.1, and HTTP/2 without TLS for clients that begin with it.")
        .with("codec_type", "AUTO")
        .why("The connection's address is the client's: what it claims in x-forwarded-for and x-envoy-* does not count.")
        .with("use_remote_address", true)
        .why("No address is internal: where none is listed, Envoy trusts x-envoy-* headers from every private one.")
        .with("internal_address_config", Map::new().with("cidr_ranges", List::new().item(nobody())))
        .why("Providers' own server headers say who they are; this one does not.")
        .with("server_name", SERVER)
        .why("HTTP/2 providers are told the scheme that their own connection has, not the client's.")
        .with("scheme_header_transformation", Map::new().with("match_upstream", true).inline())
        .why("One spelling of every path, so that nothing slips past a match.")
        .with("normalize_path", true)
        .with("merge_slashes", true)
        .with("path_with_escaped_slashes_action", "REJECT_REQUEST")
        .with(
            "common_http_protocol_options",
            Map::new()
                .with("idle_timeout", seconds(IDLE_CONNECTION_SECONDS))
                .why("`x_ai_model` must not pass for `x-ai-model` anywhere behind us.")
                .with("headers_with_underscores_action", "REJECT_REQUEST"),
        )
                .with(
            "http2_protocol_options",
            Map::new()
                .with("max_concurrent_streams", MAX_STREAMS)
                .why("For an HTTP/2 stream this window, and no other setting, is also Envoy's limit on what it buffers of a body.")
                .with("initial_stream_window_size", stream_window)
                .with("initial_connection_window_size", connection_window),
        )
        .why("A client that sends slowly holds a slot no longer than this.")
        .with("request_headers_timeout", seconds(HEADERS_SECONDS))
        .with("request_timeout", seconds(REQUEST_SECONDS))
        .why("While a provider thinks, nothing moves on the client's side: only the total may end that. Routes have the rest.")
        .with("stream_idle_timeout", router.longest().duration());
    if router.access_log == AccessLog::Json {
        config = config
            .why("No body, no header that may hold a credential, no query. `-` or null is what was never known.")
            .with("access_log", List::new().item(access_log(router)));
    }
    // ai-gateway knows its client's dialect; without it there is only OpenAI's to answer in.
    if !router.filters.gateway() {
        config = config
            .why("What Envoy itself answers is plain text; clients get the shape that their SDK reads. Never a provider's details.")
            .with("local_reply_config", routes::local_replies());
    }
    if router.global_budget.is_some() {
        config = config
            .why("What the shared budget refuses, in the shape of the client's API.")
            .with("local_reply_config", budget::local_replies());
    }
    config =
        config.with("http_filters", http_filters(router)).with("route_config", routes::route_config(router));
    Map::new().with("name", "envoy.filters.network.http_connection_manager").with("typed_config", config)
}

/// An address range that no client can have.
fn nobody() -> Map {
    Map::new().with("address_prefix", "255.255.255.255").with("prefix_len", 32).inline()
}

fn http_filters(router: &LlmRouter) -> List {
    let mut filters = List::new();
    if let Some(budget) = &router.global_budget {
        filters = filters
            .why("The last to see an answer: says on it that a budget was to be asked and could not be.")
            .item(budget::chain::first(budget));
    }
    if router.filters.gateway() {
        let gateway = wasm::Filter {
            name: "ai-gateway",
            module: &router.modules.gateway,
            holds_headers: router.headers_held == HeadersHeld::Yes,
            env: filter_config::gateway_env(router),
            configuration: filter_config::gateway(router),
        };
        filters = filters
            .why("Reads the model's name, refuses what it does not know, sets the headers that the routes below match on.")
            .item(gateway.render());
    }
    if let Some(budget) = &router.global_budget {
        filters = budget::chain::behind_gateway(budget, filters);
    }
    filters.item(
        Map::new().with("name", "envoy.filters.http.router").with(
            "typed_config",
            typed("envoy.extensions.filters.http.router.v3.Router")
                .why("No x-envoy-* headers to providers, nor about them to clients.")
                .with("suppress_envoy_headers", true),
        ),
    )
}

fn access_log(router: &LlmRouter) -> Map {
    Map::new().with("name", "envoy.access_loggers.stdout").with(
        "typed_config",
        typed("envoy.extensions.access_loggers.stream.v3.StdoutAccessLog")
            .with("log_format", Map::new().with("json_format", logged(router))),
    )
}

/// What is said about each request.
pub(super) fn logged(router: &LlmRouter) -> Map {
    const FIELDS: [(&str, &str); 17] = [
        ("time", "%START_TIME%"),
        ("request_id", "%REQ(X-REQUEST-ID)%"),
        ("client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
        ("protocol", "%PROTOCOL%"),
        ("method", "%REQ(:METHOD)%"),
        ("status", "%RESPONSE_CODE%"),
        ("details", "%RESPONSE_CODE_DETAILS%"),
        ("flags", "%RESPONSE_FLAGS%"),
        ("transport_failure", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
        ("route", "%ROUTE_NAME%"),
        ("cluster", "%UPSTREAM_CLUSTER%"),
        ("upstream", "%UPSTREAM_HOST%"),
        ("attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
        ("first_byte_ms", "%RESPONSE_DURATION%"),
        ("duration_ms", "%DURATION%"),
        ("bytes_in", "%BYTES_RECEIVED%"),
        ("bytes_out", "%BYTES_SENT%"),
    ];
    const PUBLISHED: [(&str, &str); 14] = [
        ("user", names::USER_KEY),
        ("team", names::TEAM_KEY),
        ("model_requested", names::REQUESTED_MODEL_KEY),
        ("model_served", names::SERVED_MODEL_KEY),
        ("provider", names::PROVIDER_KEY),
        ("decision", names::DECISION_KEY),
        ("tokens_input", names::INPUT_TOKENS_KEY),
        ("tokens_output", names::OUTPUT_TOKENS_KEY),
        ("tokens_cached", names::CACHED_TOKENS_KEY),
        ("tokens_reasoning", names::REASONING_TOKENS_KEY),
        ("tokens_total", names::TOTAL_TOKENS_KEY),
        ("usage_source", names::USAGE_SOURCE_KEY),
        ("tokens_reserved", names::RESERVED_TOKENS_KEY),
        ("cost_micros", names::COST_KEY),
    ];
    let mut fields = FIELDS.iter().fold(Map::new(), |fields, (name, format)| fields.with(name, *format));
    fields = fields.why("Published by the filters.");
    for (name, key) in PUBLISHED {
        fields = fields.with(name, format!("%FILTER_STATE(wasm.{key}:PLAIN)%"));
    }
    if router.global_budget.is_some() {
        fields = fields
            .why("`unchecked` where a budget was to be asked and could not be.")
            .with("global_budget", budget::chain::unchecked_in_the_log());
    }
    fields
}
