//! Rendering for Envoy Gateway: the same router as Gateway API resources, and Envoy Gateway's own beside them.
//!
//! ai-gateway comes as an `EnvoyExtensionPolicy`, which fetches its image. What that kind of resource cannot say (that headers are held,
//! that a VM is replaced after a trap, and the whole position of ai-provider, once per attempt) is an `EnvoyPatchPolicy` beside it. A
//! router that needs none of that is rendered without any patch.

mod extension;
mod proxy;
mod traffic;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::{HeadersHeld, LlmRouter, Problem, Problems, Provider, Scheme, filter_config};
use crate::yaml::{self, Map};

/// The Gateway, its class, and what else there is one of for it.
const GATEWAY: &str = "ai";
/// Where the pod sees the file of ai-provider's image; the lab's own namespace has it at the same place.
const PROVIDER_MODULE: &str = "/ai-provider/plugin.wasm";
/// Ranks of a `Backend`: the first, and the fallback's.
pub(crate) const RANKS: usize = 2;
/// The domain of the names that stand for addresses.
const NAMED: &str = "ai-filters.internal";

const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io/v1alpha1";

/// A router as it runs behind Envoy Gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayApi {
    /// The router. Of `listen` only the port counts; the administration port, the CA bundle, the modules' places, the shape of the
    /// fallback and the files of `tls` are Envoy Gateway's.
    pub router: LlmRouter,
    /// ai-gateway's image, as Envoy Gateway fetches it: `registry/repository:tag`.
    pub gateway_image: String,
    /// What runs Envoy.
    pub infrastructure: Infrastructure,
    /// Where the resources stand, and what they are called.
    pub place: Place,
}

/// Where resources stand, and what they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first HTTPRoute's name; those of further models begin with it.
    pub route: String,
    /// Their namespace. It is part of the names that patches select by.
    pub namespace: String,
    /// Their labels.
    pub labels: BTreeMap<String, String>,
    /// Their annotations.
    pub annotations: BTreeMap<String, String>,
    /// The Secret of the certificate that clients are shown, of type `kubernetes.io/tls`; without one they are served in plain HTTP.
    pub tls_secret: Option<String>,
}

/// What runs Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Infrastructure {
    /// A Kubernetes cluster: a Deployment that the control plane makes.
    Kubernetes(Pods),
    /// The control plane itself, on its own machine, and clients there alone reach it.
    Host {
        /// Envoy's version: `1.40.0`.
        envoy: String,
    },
}

/// Envoy's pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pods {
    /// ai-provider's image, mounted into the pod as a volume.
    pub provider_image: String,
    /// How many; as Envoy Gateway has it, where nothing is said.
    pub replicas: Option<u32>,
    /// The Secret of each environment variable with a key, and the entry in it. One that is not here is named after its variable.
    pub secrets: BTreeMap<String, (String, String)>,
}

/// A minor version of Envoy Gateway, among those that manifests are rendered for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GatewayVersion {
    /// 1.9, which the tests run.
    #[default]
    V1_9,
}

impl std::str::FromStr for GatewayVersion {
    type Err = String;

    /// `1.9`, `1.9.1`, `v1.9.1`
    fn from_str(text: &str) -> Result<Self, String> {
        let version = text.trim_start_matches('v');
        let mut parts = version.split('.').map(str::parse::<u16>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(1)), Some(Ok(9)), None | Some(Ok(_)), None) => Ok(Self::V1_9),
            (Some(Ok(_)), Some(Ok(_)), None | Some(Ok(_)), None) => Err(format!(
                "manifests are rendered for Envoy Gateway 1.9, which they are tested with, and not for {version}: names of clusters and fields differ between versions"
            )),
            _ => Err("write it as 1.9 or 1.9.1".to_owned()),
        }
    }
}

impl Default for Place {
    /// The example's.
    fn default() -> Self {
        Self {
            route: "llm-router".to_owned(),
            namespace: "default".to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            tls_secret: None,
        }
    }
}

impl Place {
    /// A resource's metadata with the labels and annotations that all have.
    fn described(&self, metadata: Map) -> Map {
        let map = |pairs: &BTreeMap<String, String>| {
            (!pairs.is_empty()).then(|| {
                pairs.iter().fold(Map::new(), |map, (key, value)| map.with(key, value.as_str())).inline()
            })
        };
        let described =
            metadata.with_some("labels", map(&self.labels)).with_some("annotations", map(&self.annotations));
        if self.labels.is_empty() && self.annotations.is_empty() { described.inline() } else { described }
    }
}

impl Pods {
    /// Pods with that image of ai-provider.
    pub fn with_image(provider_image: String) -> Self {
        Self { provider_image, replicas: None, secrets: BTreeMap::new() }
    }

    /// The Secret of that environment variable, and the entry in it.
    fn secret(&self, env: &str) -> (String, String) {
        let own = || {
            let name = env.to_ascii_lowercase().replace('_', "-");
            let name =
                name.strip_suffix("-api-key").map_or_else(|| name.clone(), |owner| format!("{owner}-key"));
            (name, "key".to_owned())
        };
        self.secrets.get(env).cloned().unwrap_or_else(own)
    }
}

impl GatewayApi {
    /// The example on Kubernetes, with the images of whoever publishes them.
    pub fn example() -> Self {
        Self {
            router: LlmRouter::default(),
            gateway_image: example_image("ai-gateway"),
            infrastructure: Infrastructure::Kubernetes(Pods::with_image(Self::example_provider_image())),
            place: Place::default(),
        }
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
        for count in self.router.served().map(|served| super::attempts(served.providers).len()) {
            if count > RANKS {
                problems.push("providers", Problem::TooManyRanks { count });
            }
        }
        for (_, provider) in self.router.every_provider() {
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
        self.router.every_provider().filter_map(|(_, provider)| address(provider)).collect()
    }

    /// The listener's name.
    fn listener(&self) -> &'static str {
        if self.place.tls_secret.is_some() { "https" } else { "http" }
    }

    /// The environment variables with secrets, in the order of the providers and each once.
    fn secrets(&self) -> Vec<&str> {
        let mut all = Vec::new();
        let keys = self.router.every_provider().filter_map(|(_, provider)| provider.key_env());
        for env in keys.map(|env| env.as_str()).chain(filter_config::gateway_env(&self.router)) {
            if !all.contains(&env) {
                all.push(env);
            }
        }
        all
    }

    /// The start of a resource.
    fn resource(&self, api_version: &str, kind: &str, name: &str) -> Map {
        let metadata = Map::new().with("name", name).with("namespace", self.place.namespace.as_str());
        Map::new()
            .with("apiVersion", api_version)
            .with("kind", kind)
            .with("metadata", self.place.described(metadata))
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
    let extensions = if gateway.held() || gateway.router.filters.provider() {
        "{enableBackend: true, enableEnvoyPatchPolicy: true}"
    } else {
        "{enableBackend: true}"
    };
    let what = match &gateway.router.route_file {
        Some(name) => format!("route {name} --to kubernetes"),
        None => "gateway-api".to_owned(),
    };
    format!(
        "Rendered by `ai-filters render {what}`; change its inputs, not this file. docs/gateway.md says how it is used.\n\n\
         For Envoy Gateway 1.9 with `extensionApis: {extensions}`.\n\
         {models}",
        models = super::models_of(&gateway.router).join("\n"),
    )
}

fn example_image(filter: &str) -> String {
    format!("ghcr.io/someone/{filter}:{}", env!("CARGO_PKG_VERSION"))
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
