//! The clusters: how a provider is reached, verified and asked.

use std::time::Duration;

use super::plans::{Plan, plans};
use super::served::Served;
use super::{
    EnvName, Fallback, Limits, LlmRouter, Outliers, Provider, Scheme, budget, filter_config, metrics,
    socket_address, typed, wasm,
};
use crate::yaml::{List, Map};

/// How long a connection may take, TLS included, where no shorter limit holds.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept. Shorter than providers keep theirs, so that a request seldom meets one that just closed.
pub(super) const IDLE_CONNECTION: Duration = Duration::from_secs(60);
/// How often an HTTP/2 connection is asked whether it still lives, and how long it may take to say so.
const HTTP2_PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Connections, requests and retries that may be under way at once in a cluster: no limit that traffic would meet first.
pub(super) const UNDER_WAY: u64 = 10_000;
/// How often Envoy looks who may come back.
pub(super) const OUTLIER_SWEEP: Duration = Duration::from_secs(1);
/// Addresses that may be left out at once, of a hundred: somebody has to be left.
pub(super) const MOST_EJECTED: u64 = 50;
/// A port where nothing listens: the lowest reserved one.
const NOWHERE: u16 = 1;
/// Host metadata whose value is the label of a transport socket.
const SOCKET: &str = "socket";
/// The label of plain HTTP. No provider's name has a `.`.
const PLAINTEXT: &str = "http.plain";

/// Why a cluster of one name has a second endpoint.
const NO_ADDRESS: &str = "Chosen only while the name has no address. Without a host Envoy answers 503 by itself and asks nobody else; a \
                          connection that is refused is retried with the next provider. Nothing listens there.";

/// The name of a provider's own cluster.
pub(super) fn name(provider: &Provider) -> &str {
    provider.name.as_str()
}

/// How long a connection may take: no longer than the first content, which it comes before.
pub(super) fn connect_timeout(limits: Limits) -> Duration {
    CONNECT.min(limits.first_byte.duration())
}

/// All clusters.
pub(super) fn clusters(router: &LlmRouter) -> List {
    let clusters = of_providers(router);
    let clusters = match &router.global_budget {
        Some(budget) => clusters
            .why("The rate limit service of the shared budget.")
            .item(budget::chain::cluster(router, budget)),
        None => clusters,
    };
    match router.metrics {
        Some(_) => clusters
            .why("Envoy's own admin interface, for its statistics.")
            .item(metrics::cluster(router.admin_port)),
        None => clusters,
    }
}

fn of_providers(router: &LlmRouter) -> List {
    match router.fallback {
        Fallback::PriorityGroup => {
            router.every_provider().map(|(served, provider)| of_provider(router, served, provider)).collect()
        }
        // The full plan first: it is the one that a reader looks for.
        Fallback::PreviousPriorities => {
            let mut plans = plans(router);
            plans.reverse();
            plans.iter().map(|plan| of_plan(router, plan)).collect()
        }
    }
}

/// A provider's own cluster, with its own TLS, limits and filter.
fn of_provider(router: &LlmRouter, served: Served<'_>, provider: &Provider) -> Map {
    let endpoints =
        List::new().item(Map::new().with("lb_endpoints", List::new().item(endpoint(provider, Map::new()))));
    let endpoints =
        if provider.base_url.is_address() { endpoints } else { endpoints.why(NO_ADDRESS).item(nowhere()) };
    let filter = router.filters.provider().then(|| wasm::Filter {
        configuration: filter_config::fixed_provider(router, served, provider),
        env: provider.key_env().into_iter().map(EnvName::as_str).collect(),
        ..provider_filter(router)
    });
    let tls = provider.base_url.scheme() == Scheme::Https;
    let cluster = base(served.limits, router.outliers, name(provider), endpoints);
    let cluster =
        if tls { cluster.with("transport_socket", tls_socket(fixed_tls(router, provider))) } else { cluster };
    cluster.with("typed_extension_protocol_options", protocol(if tls { Alpn::Yes } else { Alpn::No }, filter))
}

/// One cluster for all providers of a plan, each in a priority of its own.
fn of_plan(router: &LlmRouter, plan: &Plan<'_>) -> Map {
    let mut endpoints = List::new();
    for (priority, sharing) in (0_u64..).zip(&plan.attempts) {
        let weighted = sharing.len() > 1;
        let hosts: List = sharing.iter().map(|provider| host(provider, weighted)).collect();
        endpoints = endpoints.item(Map::new().with("priority", priority).with("lb_endpoints", hosts));
    }
    let plaintext = plan.providers().any(|provider| provider.base_url.scheme() == Scheme::Http);
    let sockets = own_sockets(router, plan);
    let cluster = base(plan.served.limits, router.outliers, &plan.name, endpoints);
    let cluster = if sockets == List::new() {
        cluster
    } else {
        cluster
            .why("Endpoints with such a label get this instead of the TLS below, which whatever has none gets.")
            .with("transport_socket_matches", sockets)
    };
    let cluster = cluster.with("transport_socket", tls_socket(per_host_tls(router)));
    // The same configuration and environment in every plan's cluster: before Envoy 1.39 they share a VM whatever it says.
    let filter = router.filters.provider().then(|| wasm::Filter {
        configuration: filter_config::selected_provider(router),
        env: keys(router),
        ..provider_filter(router)
    });
    let alpn = if plaintext { Alpn::No } else { Alpn::Yes };
    cluster.with("typed_extension_protocol_options", protocol(alpn, filter))
}

/// An endpoint that says whose it is, and how often it is chosen where others share its attempt.
fn host(provider: &Provider, weighted: bool) -> Map {
    let (namespace, key) = filter_config::PROVIDER_METADATA;
    let metadata = Map::new().with(namespace, Map::new().with(key, provider.name.as_str()).inline());
    let metadata = match own_socket(provider) {
        Some(label) => metadata.with("envoy.transport_socket_match", Map::new().with(SOCKET, label).inline()),
        None => metadata,
    };
    endpoint(provider, Map::new().with("filter_metadata", metadata))
        .with_some("load_balancing_weight", weighted.then_some(u64::from(provider.weight)))
}

pub(super) fn keys(router: &LlmRouter) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for key in router.every_provider().filter_map(|(_, provider)| provider.key_env()).map(EnvName::as_str) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

pub(super) fn provider_filter(router: &LlmRouter) -> wasm::Filter<'_> {
    wasm::Filter {
        name: "ai-provider",
        module: &router.modules.provider,
        holds_headers: true,
        env: Vec::new(),
        configuration: String::new(),
    }
}

/// What every cluster has.
pub(super) fn base(limits: Limits, outliers: Option<Outliers>, name: &str, endpoints: List) -> Map {
    let thresholds = Map::new()
        .with("max_connections", UNDER_WAY)
        .with("max_pending_requests", UNDER_WAY)
        .with("max_requests", UNDER_WAY)
        .with("max_retries", UNDER_WAY);
    let map = Map::new()
        .with("name", name)
        .with("type", "STRICT_DNS")
        .why("A machine without IPv6 must not be sent to an IPv6 address.")
        .with("dns_lookup_family", "V4_PREFERRED")
        .with("connect_timeout", connect_timeout(limits))
        .why(
            "Envoy's default is three retries at a time, so a provider that is down would take the gateway with it under any load; and a \
             request that meets one of these limits is not retried elsewhere.",
        )
        .with("circuit_breakers", Map::new().with("thresholds", List::new().item(thresholds)));
    let map = match outliers {
        Some(outliers) => map
            .why("An address that does nothing but fail is left out for a while; never more than half of them.")
            .with("outlier_detection", outlier_detection(outliers))
            .why("A connection that died without a word is noticed."),
        None => map.why(
            "A connection that died without a word is noticed. There is no outlier detection: it would judge a provider by what one \
             model or one key of it answers, and take it away from every request.",
        ),
    };
    map.with(
        "upstream_connection_options",
        Map::new().with(
            "tcp_keepalive",
            Map::new()
                .with("keepalive_time", 30)
                .with("keepalive_interval", 10)
                .with("keepalive_probes", 3)
                .inline(),
        ),
    )
    .with("load_assignment", Map::new().with("cluster_name", name).with("endpoints", endpoints))
}

/// Failures one after the other and nothing else; the sweep that lets an address back in comes often enough for any time.
fn outlier_detection(outliers: Outliers) -> Map {
    Map::new()
        .with("consecutive_5xx", u64::from(outliers.failures))
        .with("interval", OUTLIER_SWEEP)
        .with("base_ejection_time", outliers.ejection_time.duration())
        .with("max_ejection_percent", MOST_EJECTED)
        .with("enforcing_success_rate", 0)
}

fn endpoint(provider: &Provider, metadata: Map) -> Map {
    let url = &provider.base_url;
    let endpoint =
        Map::new().with("address", socket_address(url.host(), url.port())).with("hostname", url.host());
    let entry = Map::new().with("endpoint", endpoint);
    if metadata == Map::new() { entry } else { entry.with("metadata", metadata) }
}

/// An endpoint that refuses connections, behind the real one.
fn nowhere() -> Map {
    let endpoint = Map::new().with("address", socket_address("127.0.0.1", NOWHERE));
    Map::new()
        .with("priority", 1)
        .with("lb_endpoints", List::new().item(Map::new().with("endpoint", endpoint)))
}

/// TLS to one known host.
fn fixed_tls(router: &LlmRouter, provider: &Provider) -> Map {
    let host = provider.base_url.host();
    let is_address = provider.base_url.is_address();
    let name = Map::new()
        .with("san_type", if is_address { "IP_ADDRESS" } else { "DNS" })
        .with("matcher", Map::new().with("exact", host).inline())
        .inline();
    let validation = validation(router).with("match_typed_subject_alt_names", List::new().item(name));
    let context = typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext");
    // Server names are names: an address has none.
    let context = if is_address { context } else { context.with("sni", host) };
    context.with("common_tls_context", Map::new().with("validation_context", validation))
}

/// TLS to whichever host the attempt chose.
fn per_host_tls(router: &LlmRouter) -> Map {
    typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext")
        .why("Each endpoint's own hostname is asked for, and is what its certificate must be of.")
        .with("auto_host_sni", true)
        .with("auto_sni_san_validation", true)
        .with("common_tls_context", Map::new().with("validation_context", validation(router)))
}

fn validation(router: &LlmRouter) -> Map {
    Map::new()
        .why("Without it Envoy accepts every certificate.")
        .with("trusted_ca", Map::new().with("filename", router.ca_bundle.as_str()).inline())
}

fn tls_socket(context: Map) -> Map {
    Map::new().with("name", "envoy.transport_sockets.tls").with("typed_config", context)
}

/// The label of an endpoint that TLS by its own hostname does not suit: plain HTTP has none, and an address is no server name.
fn own_socket(provider: &Provider) -> Option<&str> {
    match provider.base_url.scheme() {
        Scheme::Http => Some(PLAINTEXT),
        Scheme::Https if provider.base_url.is_address() => Some(provider.name.as_str()),
        Scheme::Https => None,
    }
}

/// The transport sockets of the plan's labels, each once.
fn own_sockets(router: &LlmRouter, plan: &Plan<'_>) -> List {
    let mut done = Vec::new();
    let mut sockets = List::new();
    for provider in plan.providers() {
        let Some(label) = own_socket(provider).filter(|label| !done.contains(label)) else { continue };
        done.push(label);
        let socket = match provider.base_url.scheme() {
            Scheme::Http => Map::new()
                .with("name", "envoy.transport_sockets.raw_buffer")
                .with("typed_config", typed("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer")),
            Scheme::Https => tls_socket(fixed_tls(router, provider)),
        };
        let entry = Map::new()
            .with("name", label)
            .with("match", Map::new().with(SOCKET, label).inline())
            .with("transport_socket", socket);
        sockets = sockets.item(entry);
    }
    sockets
}

/// Whether every connection of a cluster can negotiate its protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpn {
    Yes,
    No,
}

/// How the cluster's connections speak HTTP, and the filters of each attempt.
pub(super) fn protocol(alpn: Alpn, filter: Option<wasm::Filter<'_>>) -> Map {
    let (interval, timeout) = HTTP2_PING;
    let ping = Map::new().with("interval", interval).with("timeout", timeout).inline();
    let options = typed("envoy.extensions.upstreams.http.v3.HttpProtocolOptions")
        .with("common_http_protocol_options", Map::new().with("idle_timeout", IDLE_CONNECTION).inline());
    let options = match alpn {
        Alpn::Yes => options.why("HTTP/2 where the provider has it, else HTTP/1.1.").with(
            "auto_config",
            Map::new()
                .with("http_protocol_options", Map::new())
                .with("http2_protocol_options", Map::new().with("connection_keepalive", ping)),
        ),
        Alpn::No => options
            .why("Without TLS there is nothing to negotiate a protocol with.")
            .with("explicit_http_config", Map::new().with("http_protocol_options", Map::new()).inline()),
    };
    let codec = Map::new()
        .with("name", "envoy.filters.http.upstream_codec")
        .with("typed_config", typed("envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"));
    let mut filters = List::new();
    if let Some(filter) = filter {
        filters = filters
            .why("Runs anew for every attempt: names the host, the path, the model and the key, and translates both ways.")
            .item(filter.render());
    }
    let options = options.with("http_filters", filters.item(codec));
    Map::new().with("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", options)
}
