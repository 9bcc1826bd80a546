//! Rendering for Envoy Gateway: the same router as Gateway API resources, and Envoy Gateway's own beside them.
//!
//! ai-gateway comes as an `EnvoyExtensionPolicy`, which fetches its image. What that kind of resource cannot say (that headers are held,
//! that a VM is replaced after a trap, and the whole position of ai-provider, once per attempt) is an `EnvoyPatchPolicy` beside it. A
//! router that needs none of that is rendered without any patch.

mod extension;
mod proxy;
mod traffic;

use std::net::IpAddr;
use std::time::Duration;

use super::{HeadersHeld, LlmRouter, Problem, Problems, Provider, Scheme};
use crate::yaml::{self, Map};

/// Where everything stands. It is part of the names that patches select by.
const NAMESPACE: &str = "default";
/// The Gateway, its class, and what else there is one of for it.
const GATEWAY: &str = "ai";
/// The Gateway's listener.
const LISTENER: &str = "http";
/// The HTTPRoute.
const ROUTE: &str = "llm-router";
/// Where the pod sees the file of ai-provider's image; the lab's own namespace has it at the same place.
const PROVIDER_MODULE: &str = "/ai-provider/plugin.wasm";
/// The domain of the names that stand for addresses.
const NAMED: &str = "ai-filters.internal";

const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io/v1alpha1";

/// A router as it runs behind Envoy Gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayApi {
    /// The router. Of `listen` only the port counts; the administration port, the CA bundle, the modules' places and the shape of the
    /// fallback are Envoy Gateway's.
    pub router: LlmRouter,
    /// ai-gateway's image, as Envoy Gateway fetches it: `registry/repository:tag`.
    pub gateway_image: String,
    /// What runs Envoy.
    pub infrastructure: Infrastructure,
}

/// What runs Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Infrastructure {
    /// A Kubernetes cluster: a Deployment that the control plane makes.
    Kubernetes {
        /// ai-provider's image, mounted into the pod as a volume.
        provider_image: String,
    },
    /// The control plane itself, on its own machine, and clients there alone reach it.
    Host {
        /// Envoy's version: `1.40.0`.
        envoy: String,
    },
}

impl GatewayApi {
    /// The example on Kubernetes, with the images of whoever publishes them.
    pub fn example() -> Self {
        let infrastructure = Infrastructure::Kubernetes { provider_image: Self::example_provider_image() };
        Self { router: LlmRouter::default(), gateway_image: example_image("ai-gateway"), infrastructure }
    }

    /// The example's image of ai-provider.
    pub fn example_provider_image() -> String {
        example_image("ai-provider")
    }

    /// Whether Envoy Gateway, Envoy and the filters will take it.
    ///
    /// # Errors
    /// With every problem that there is.
    pub fn check(&self) -> Result<(), Problems> {
        let mut problems = self.router.check().err().unwrap_or_default();
        for provider in &self.router.providers {
            let name = provider.name.as_str();
            if !is_label(name) {
                problems.push("providers", Problem::BackendName { provider: name.to_owned() });
            }
            // One cluster cannot hold names and addresses, and its fallback would go with it. A name can stand for an address on a machine
            // of our own, but no certificate is of that name.
            let named = matches!(self.infrastructure, Infrastructure::Host { .. })
                && provider.base_url.scheme() == Scheme::Http;
            if provider.base_url.is_address() && !named {
                problems.push("providers", Problem::Address { provider: name.to_owned() });
            }
        }
        problems.or(())
    }

    /// The names that stand for the addresses in base URLs: where Envoy runs they have to resolve to them.
    pub fn names(&self) -> Vec<(IpAddr, String)> {
        let address = |provider: &Provider| Some((provider.base_url.host().parse().ok()?, host(provider)));
        self.router.providers.iter().filter_map(address).collect()
    }

    /// Whether ai-gateway holds headers.
    fn held(&self) -> bool {
        self.router.filters.gateway() && self.router.headers_held == HeadersHeld::Yes
    }
}

/// The manifests, as commented YAML: one document for each resource.
pub fn manifests(gateway: &GatewayApi) -> String {
    let documents = proxy::resources(gateway)
        .into_iter()
        .chain(traffic::resources(gateway))
        .chain(extension::resources(gateway));
    yaml::documents(&heading(gateway), documents.collect())
}

fn heading(gateway: &GatewayApi) -> String {
    let order: Vec<&str> = gateway.router.providers.iter().map(|provider| provider.name.as_str()).collect();
    let extensions = if gateway.held() || gateway.router.filters.provider() {
        "{enableBackend: true, enableEnvoyPatchPolicy: true}"
    } else {
        "{enableBackend: true}"
    };
    format!(
        "Rendered by `ai-filters render gateway-api`; change its inputs, not this file. docs/gateway.md says how it is used.\n\n\
         For Envoy Gateway 1.9 with `extensionApis: {extensions}`.\n\
         Clients ask for {model}; providers in the order of attempts: {order}.",
        model = gateway.router.model.as_str(),
        order = order.join(", "),
    )
}

fn example_image(filter: &str) -> String {
    format!("ghcr.io/someone/{filter}:{}", env!("CARGO_PKG_VERSION"))
}

/// The start of a resource.
fn resource(api_version: &str, kind: &str, name: &str) -> Map {
    Map::new()
        .with("apiVersion", api_version)
        .with("kind", kind)
        .with("metadata", Map::new().with("name", name).with("namespace", NAMESPACE).inline())
}

/// A reference to a resource in the same namespace.
fn reference(group: &str, kind: &str, name: &str) -> Map {
    Map::new().with("group", group).with("kind", kind).with("name", name).inline()
}

/// The Gateway, as the target of a policy.
fn this_gateway() -> Map {
    reference("gateway.networking.k8s.io", "Gateway", GATEWAY)
}

/// The name by which Envoy reaches a provider.
fn host(provider: &Provider) -> String {
    if provider.base_url.is_address() {
        format!("{}.{NAMED}", provider.name.as_str())
    } else {
        provider.base_url.host().to_owned()
    }
}

/// A duration as the Gateway API writes it (GEP-2257): whole numbers, each with its unit.
fn duration(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) => format!("{seconds}s"),
        (0, millis) => format!("{millis}ms"),
        (seconds, millis) => format!("{seconds}s{millis}ms"),
    }
}

/// Whether a resource can have that name, and a label of a host too.
fn is_label(name: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 63
        && name.starts_with(ends)
        && name.ends_with(ends)
        && name.chars().all(|c| ends(c) || c == '-')
}

#[cfg(test)]
mod tests;
