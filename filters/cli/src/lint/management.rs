//! What manages a gateway, and asks nobody who they are.

use std::net::IpAddr;

use super::tree::Spot;
use super::world::{Resource, World};
use super::{Found, tree::Node};
use crate::route::Documents;

/// The port of the rate limit service, and of much else.
const LIMITS: u64 = 8081;
/// Ports of what has no authentication of its own, and what is there.
const PORTS: [(u64, &str); 6] = [
    (19000, "Envoy's admin interface"),
    (9901, "Envoy's admin interface"),
    (15000, "Envoy's admin interface"),
    (6379, "Redis"),
    (LIMITS, "the rate limit service"),
    (6070, "the rate limit service's debugging port"),
];

pub(super) fn check(world: &World<'_>, found: &mut Found) {
    for proxy in world.of("EnvoyProxy") {
        let Some(bootstrap) = proxy.spec().and_then(|spec| spec.get("bootstrap")) else { continue };
        if let Some(value) = bootstrap.get("value") {
            let open = value.text().and_then(|text| Node::read(&Documents::read(text).ok()?.json).ok());
            let open = open.map(|root| root.json());
            let address = open.as_ref().and_then(|root| {
                root.get(0)?.get("admin")?.get("address")?.get("socket_address")?.get("address")?.as_str()
            });
            if let Some(address) = address {
                admin(&value, address, found);
            }
        }
        for patch in bootstrap.each("jsonPatches") {
            let path = patch.text_of("path").unwrap_or_default();
            let Some(value) = patch.get("value").filter(|_| path.starts_with("/admin")) else { continue };
            for spot in value.all() {
                if let Some(text) = spot.text().filter(|text| text.parse::<IpAddr>().is_ok()) {
                    admin(&spot, text, found);
                }
            }
        }
    }
    for settings in world.of("EnvoyGateway") {
        if let Some(host) = settings.spot.find(&["admin", "address", "host"])
            && let Some(text) = host.text()
        {
            admin(&host, text, found);
        }
    }
    for service in world.of("Service").filter(|it| it.group.is_empty()) {
        let Some(spec) = service.spec() else { continue };
        let kind = spec.text_of("type").unwrap_or("ClusterIP");
        let way = match kind {
            "LoadBalancer" | "NodePort" => format!("a Service of type {kind}"),
            _ if !spec.each("externalIPs").is_empty() => "a Service with `externalIPs`".to_owned(),
            _ => continue,
        };
        let counts = counts_limits(service);
        for port in spec.each("ports") {
            let numbers = ["port", "targetPort"].into_iter().filter_map(|key| port.get(key)?.number());
            let mut known = numbers.filter_map(|number| PORTS.iter().find(|(known, _)| *known == number));
            // 8081 is a port like any other, except of that service.
            let known = known.find(|(number, _)| counts || *number != LIMITS);
            if let Some((number, what)) = known {
                let message = format!(
                    "port {number}, {what}, can be reached from outside by {way}, and asks nobody who they are"
                );
                found.problem(
                    &port,
                    message,
                    "`type: ClusterIP`, and a NetworkPolicy; `kubectl port-forward` for who looks after it",
                );
            }
        }
    }
}

/// Whether a Service is that of the rate limit service: its name says it, or what it selects.
fn counts_limits(service: &Resource<'_>) -> bool {
    let selector = service.spec().and_then(|spec| spec.get("selector"));
    let selected = selector.map_or_else(Vec::new, |selector| selector.members());
    let said = selected.iter().filter_map(|(_, value)| value.text()).chain([service.name]);
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "");
    said.map(plain).any(|text| text.contains("ratelimit"))
}

/// Whoever reaches it can stop Envoy.
fn admin(at: &Spot<'_>, address: &str, found: &mut Found) {
    let is_loopback =
        address == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !is_loopback {
        let message =
            format!("the admin interface is on {address}, where it can be reached without authentication");
        found.problem(at, message, "127.0.0.1, and `kubectl port-forward` for who looks after it");
    }
}
