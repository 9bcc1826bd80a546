//! Where Envoy's statistics are scraped: a listener in front of the admin interface that lets one path through.
//!
//! Whoever reaches the admin interface can stop Envoy and read its configuration, so it stays on loopback, where a Prometheus in another
//! container or on another machine cannot be.

use std::net::SocketAddr;
use std::time::Duration;

use super::{listening, socket_address, typed};
use crate::yaml::{List, Map};

/// The admin interface's cluster. No provider's name has a `.`.
const CLUSTER: &str = "envoy.admin";
/// The statistics in Prometheus' format.
const PATH: &str = "/stats/prometheus";
/// How long they may take to be written. Prometheus gives up after ten seconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The listener.
pub(super) fn listener(address: SocketAddr) -> Map {
    let method = Map::new()
        .with("name", ":method")
        .with("string_match", Map::new().with("exact", "GET").inline())
        .inline();
    let matched = Map::new().with("path", PATH).with("headers", List::new().item(method));
    let action = Map::new().with("cluster", CLUSTER).with("timeout", TIMEOUT);
    let route = Map::new().with("match", matched).with("route", action.inline());
    let host = Map::new()
        .with("name", "metrics")
        .with("domains", List::new().item("*").inline())
        .with("routes", List::new().item(route));
    let router = Map::new()
        .with("name", "envoy.filters.http.router")
        .with("typed_config", typed("envoy.extensions.filters.http.router.v3.Router"));
    let manager = typed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")
        .with("stat_prefix", "metrics")
        .with("normalize_path", true)
        .with("path_with_escaped_slashes_action", "REJECT_REQUEST")
        .with("http_filters", List::new().item(router))
        .with(
            "route_config",
            Map::new().with("name", "metrics").with("virtual_hosts", List::new().item(host)),
        );
    let filter = Map::new()
        .with("name", "envoy.filters.network.http_connection_manager")
        .with("typed_config", manager);
    Map::new()
        .with("name", "metrics")
        .with("address", listening(address))
        .why("When clients have taken every connection is when somebody wants to see it.")
        .with("ignore_global_conn_limit", true)
        .with("filter_chains", List::new().item(Map::new().with("filters", List::new().item(filter))))
}

/// The way to the admin interface.
pub(super) fn cluster(admin_port: u16) -> Map {
    let endpoint = Map::new().with("address", socket_address("127.0.0.1", admin_port));
    let endpoints = List::new()
        .item(Map::new().with("lb_endpoints", List::new().item(Map::new().with("endpoint", endpoint))));
    Map::new()
        .with("name", CLUSTER)
        .with("type", "STATIC")
        .with("connect_timeout", Duration::from_secs(1))
        .with("load_assignment", Map::new().with("cluster_name", CLUSTER).with("endpoints", endpoints))
}
