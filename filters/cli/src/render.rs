//! Rendering: typed inputs in, the text of an Envoy bootstrap out.
//!
//! [`LlmRouter`] is what may be chosen; [`bootstrap`] is a pure function of it. Nothing here reads a file, an environment variable or a
//! clock, so the same inputs give the same bytes everywhere. The text never holds a secret: a key is named by its environment variable.

mod budget;
mod clusters;
mod compose;
mod filter_config;
mod gateway_api;
mod inputs;
mod listener;
mod metrics;
mod plans;
mod problem;
mod routes;
mod served;
mod stats;
mod values;
mod wasm;

pub use budget::{Budget, GlobalBudget, OnFailure, Refunds, Window, service_config};
pub use compose::{
    ComposeFiles, compose, counts_beside, example_env, in_container, on_scripted_providers, service_taken,
};
pub(crate) use gateway_api::RANKS;
pub use gateway_api::{GatewayApi, GatewayVersion, Infrastructure, Place, Pods, manifests};
pub use inputs::token_budgets;
pub use inputs::{
    AccessLog, Alias, Auth, EnvoyVersion, Fallback, Filters, HeadersHeld, Limits, LlmRouter, Modules,
    Outliers, Provider, Tls,
};
pub use problem::{Problem, Problems};
pub use served::{Model, Turn};
pub(crate) use served::{Served, attempts};
pub use values::{
    BaseUrl, BodyLimit, EnvName, FilePath, Limit, ModelName, ProviderName, Scheme, ServiceAddress,
};

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::yaml::{self, List, Map};

/// Downstream connections that Envoy accepts at once. Without such a limit it warns at start, and with reason: sockets run out first.
const MAX_CONNECTIONS: u64 = 10_000;

/// The bootstrap for these inputs, as commented YAML that ends in a line break.
///
/// Renders whatever it is given: [`LlmRouter::check`] says whether Envoy and the filters will take it.
pub fn bootstrap(router: &LlmRouter) -> String {
    let root = Map::new()
        .why("Anyone who reaches this port can stop Envoy and read its configuration: loopback only.")
        .with("admin", Map::new().with("address", socket_address("127.0.0.1", router.admin_port)))
        .with("overload_manager", connection_limit())
        .with_some("stats_config", router.filters.gateway().then(stats::config))
        .with(
            "static_resources",
            Map::new().with("listeners", listeners(router)).with("clusters", clusters::clusters(router)),
        );
    yaml::document(&heading(router), root)
}

fn listeners(router: &LlmRouter) -> List {
    let listeners = List::new().item(listener::listener(router));
    match router.metrics {
        Some(address) => listeners
            .why("What a Prometheus may read: the statistics, and nothing else of the admin interface.")
            .item(metrics::listener(address)),
        None => listeners,
    }
}

/// The gateway filter's configuration in these inputs' bootstrap, as JSON.
pub fn gateway_config(router: &LlmRouter) -> String {
    filter_config::gateway(router)
}

/// The provider filter's configurations in these inputs' bootstrap, as JSON: one for each cluster whose configuration differs.
pub fn provider_configs(router: &LlmRouter) -> Vec<String> {
    match router.fallback {
        Fallback::PriorityGroup => router
            .every_provider()
            .map(|(served, provider)| filter_config::fixed_provider(router, served, provider))
            .collect(),
        Fallback::PreviousPriorities => vec![filter_config::selected_provider(router)],
    }
}

fn heading(router: &LlmRouter) -> String {
    let models = models_of(router);
    let shape = match router.fallback {
        Fallback::PriorityGroup => {
            "one cluster per provider; each retry takes the next group of a priority_group cluster specifier \
             (Envoy 1.40 or newer)."
        }
        Fallback::PreviousPriorities => {
            "one cluster, one priority per provider; each retry leaves out the priorities already tried \
             (Envoy 1.36 or newer)."
        }
    };
    format!(
        "Rendered by `ai-filters render {what}`; change its inputs, not this file.\n\n\
         {models}\n\
         Fallback: {shape}",
        models = models.join("\n"),
        what = match (&router.route_file, &router.global_budget) {
            (Some(name), _) => format!("route {name}"),
            (None, Some(_)) => "global-budget".to_owned(),
            (None, None) => "llm-router".to_owned(),
        },
    )
}

/// A line for each model: its name, and who serves it.
fn models_of(router: &LlmRouter) -> Vec<String> {
    let order = |providers: &[Provider]| {
        let attempts = served::attempts(providers);
        let sharing = attempts.iter().map(|sharing| {
            sharing.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(" or ")
        });
        sharing.collect::<Vec<_>>().join(", ")
    };
    router
        .served()
        .map(|served| {
            let (model, order) = (served.name.as_str(), order(served.providers));
            format!("Clients ask for {model}; providers in the order of attempts: {order}.")
        })
        .collect()
}

fn connection_limit() -> Map {
    let monitor = Map::new().with("name", "envoy.resource_monitors.global_downstream_max_connections").with(
        "typed_config",
        typed("envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig")
            .with("max_active_downstream_connections", MAX_CONNECTIONS),
    );
    Map::new().with("resource_monitors", List::new().item(monitor))
}

/// `{socket_address: …}`
fn socket_address(host: &str, port: u16) -> Map {
    Map::new()
        .with("socket_address", Map::new().with("address", host).with("port_value", u64::from(port)).inline())
}

/// Where a listener listens. `::` is every address, as everywhere else: Envoy by itself would leave out IPv4.
fn listening(address: SocketAddr) -> Map {
    let every = (address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)).then_some(true);
    let (host, port) = (address.ip().to_string(), u64::from(address.port()));
    let socket = Map::new().with("address", host).with("port_value", port).with_some("ipv4_compat", every);
    Map::new().with("socket_address", socket.inline())
}

/// The start of a `typed_config` of that message.
fn typed(message: &str) -> Map {
    Map::new().with("@type", format!("type.googleapis.com/{message}"))
}
