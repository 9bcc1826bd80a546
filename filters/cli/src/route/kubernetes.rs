//! What of a file is Kubernetes' alone: where the resources stand, which Secrets they name, and what Envoy Gateway cannot say.

use std::collections::BTreeMap;

use config::route::{Backend, Given, RouteFile};

use super::finding::Found;
use crate::render::{BaseUrl, Place, Pods, ProviderName, RANKS};

/// Backends of a rule of an HTTPRoute, at most.
const MOST_BACKENDS: usize = 16;

/// What is said of Kubernetes in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Where the resources stand.
    pub place: Place,
    /// How many pods, where it is said.
    pub replicas: Option<u32>,
    /// The Secret of each environment variable with a key, and the entry in it.
    pub secrets: BTreeMap<String, (String, String)>,
}

impl Cluster {
    /// Pods with that image of ai-provider.
    pub fn pods(&self, provider_image: String) -> Pods {
        Pods { provider_image, replicas: self.replicas, secrets: self.secrets.clone() }
    }
}

/// What the file says of it. The certificate's Secret may be named from outside, as images are.
pub(super) fn of(file: &RouteFile, tls_secret: Option<&str>) -> Cluster {
    let default = Place::default();
    let given = file.listener.tls_secret.as_ref().map(|given| given.value.as_str());
    let namespace = file.routes.iter().find_map(|route| route.namespace.as_ref());
    let secrets = backends(file)
        .filter_map(|backend| Some((backend.key.as_ref()?.value.clone(), backend.secret.clone()?)));
    Cluster {
        place: Place {
            route: file.routes.first().map_or(default.route, |route| route.name.value.clone()),
            namespace: namespace.map_or(default.namespace, |given| given.value.clone()),
            labels: file.labels.iter().cloned().collect(),
            annotations: file.annotations.iter().cloned().collect(),
            tls_secret: given.or(tls_secret).map(str::to_owned),
        },
        replicas: file.replicas.as_ref().and_then(|given| u32::try_from(given.value).ok()),
        secrets: secrets.collect(),
    }
}

/// Notes what Envoy Gateway, or Kubernetes, has no way to say.
pub(super) fn check(file: &RouteFile, cluster: &Cluster, found: &mut Found<'_>) {
    let mut refuse = |order, path: &str, message: String, hint: &str| {
        found.push(order, path.to_owned(), message, hint.to_owned());
    };
    if let Some(route) = file.routes.first()
        && !is_name(&route.name.value)
    {
        let message = format!("`{}` cannot be the name of an HTTPRoute", route.name.value);
        refuse(
            route.name.order,
            &route.name.path,
            message,
            "lower-case letters, digits and `-`, at most 63 of them",
        );
    }
    for model in file.routes.iter().flat_map(|route| &route.models) {
        for backend in model.attempts.iter().skip(RANKS).flatten() {
            let Backend { name: Given { order, path, value }, .. } = backend;
            let message = format!(
                "`{value}` would be a third rank of `{}`, and a Backend is in the first rank or in the fallback's",
                model.name.value
            );
            refuse(
                *order,
                path,
                message,
                "give it the priority of another fallback, with which it then shares that attempt",
            );
        }
        if model.attempts.iter().map(Vec::len).sum::<usize>() > MOST_BACKENDS {
            let message =
                format!("`{}` has more than the {MOST_BACKENDS} backends of a rule", model.name.value);
            refuse(model.name.order, &model.name.path, message, "part it into two models");
        }
    }
    let mut secrets: BTreeMap<&str, &(String, String)> = BTreeMap::new();
    for backend in backends(file) {
        let name = &backend.name;
        if name.value.parse::<ProviderName>().is_ok() && !is_name(&name.value) {
            let message = format!("`{}` cannot be the name of a Backend", name.value);
            refuse(name.order, &name.path, message, "lower-case letters, digits and `-`, at most 63 of them");
        }
        if let Some(given) = &backend.base_url
            && given.value.parse::<BaseUrl>().is_ok_and(|url| url.is_address())
        {
            let message = "is an address, and one cluster cannot hold names and addresses".to_owned();
            refuse(
                given.order,
                &given.path,
                message,
                "use a name, such as that of a Service: `http://NAME.NAMESPACE.svc.cluster.local/v1`",
            );
        }
        if let Some(given) = &backend.base_url
            && let Ok(url) = given.value.parse::<BaseUrl>()
            && url.host().contains('_')
        {
            let message = format!("`{}` cannot be the host of a Backend", url.host());
            refuse(
                given.order,
                &given.path,
                message,
                "letters, digits, `-` and `.`: Kubernetes' names have no `_`",
            );
        }
        let (Some(key), Some(secret)) = (&backend.key, &backend.secret) else { continue };
        if *secrets.entry(key.value.as_str()).or_insert(secret) != secret {
            let message = format!("{} is the variable of another Secret already", key.value);
            refuse(key.order, &key.path, message, "give one of the two another variable with `env`");
        }
    }
    if let Some(given) = &file.listener.tls
        && cluster.place.tls_secret.is_none()
    {
        let message = "names no Secret, and a Gateway reads its certificate from one".to_owned();
        refuse(
            given.order,
            &given.path,
            message,
            "add `secretName`, or say `--tls-secret`: a Secret of type kubernetes.io/tls",
        );
    }
    if let Some(given) = &file.listener.tls_secret
        && !is_secret_name(&given.value)
    {
        refuse(given.order, &given.path, "is no name of a Secret".to_owned(), SECRET_NAME);
    }
    if let Some(budget) = &file.shared_budget {
        let message =
            "Envoy Gateway takes what a request costs from dynamic metadata, which no Wasm filter can write"
                .to_owned();
        let hint =
            "render an Envoy bootstrap for a fleet; or leave it out, and run one gateway with `budgets`";
        refuse(budget.place.order, &budget.place.path, message, hint);
    }
}

/// What of the file Envoy Gateway decides itself: the place and what becomes of it.
pub(super) fn ignored(file: &RouteFile) -> Vec<(u32, String, String, &'static str)> {
    let listener = &file.listener;
    let mut all = Vec::new();
    if let Some(given) = &listener.admin {
        let message =
            "has no effect here: the admin interface is where Envoy Gateway has it, on the pod's loopback";
        all.push((given.order, given.path.clone(), message.to_owned(), "leave it out"));
    }
    if let Some(given) = &listener.ca_bundle {
        let message = "has no effect here: providers are verified against the CA bundle of Envoy's image";
        all.push((given.order, given.path.clone(), message.to_owned(), "leave it out"));
    }
    if let Some(given) = &listener.address
        && given.value.parse::<std::net::SocketAddr>().is_ok_and(|address| !address.ip().is_unspecified())
    {
        let message = format!(
            "of `{}` only the port has an effect here: who reaches the Gateway is the Service's affair",
            given.value
        );
        all.push((
            given.order,
            given.path.clone(),
            message,
            "write 0.0.0.0, and keep others away with a NetworkPolicy",
        ));
    }
    all
}

pub(super) fn backends(file: &RouteFile) -> impl Iterator<Item = &Backend> {
    file.routes.iter().flat_map(|route| &route.models).flat_map(|model| model.attempts.iter().flatten())
}

/// What a Secret may be called.
pub const SECRET_NAME: &str = "lower-case letters, digits, `-` and `.`, at most 253 of them";

/// Whether a Secret can have that name.
pub fn is_secret_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_name)
}

/// Whether resources can have that name, and labels too.
fn is_name(name: &str) -> bool {
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.starts_with(ends)
        && name.ends_with(ends)
        && name.chars().all(|c| ends(c) || c == '-')
}
