//! What experience warns of: nothing of it is wrong by itself, and each has cost somebody dearly.

use std::net::{IpAddr, Ipv4Addr};

use config::route::RouteFile;

use super::{Cluster, Documents, Finding, Target, kubernetes};
use crate::render::{Auth, Fallback, LlmRouter, Scheme};

/// What there is to be warned of.
pub(super) struct Seen<'a> {
    pub(super) name: &'a str,
    pub(super) file: &'a RouteFile,
    pub(super) router: &'a LlmRouter,
    pub(super) cluster: &'a Cluster,
    pub(super) target: &'a Target,
    pub(super) documents: &'a Documents,
}

/// The warnings, in the order of the file where they have a place in it.
pub(super) fn of(seen: &Seen<'_>) -> Vec<Finding> {
    let Seen { name, file, router, cluster, target, documents } = *seen;
    let on_kubernetes = matches!(target, Target::Kubernetes { .. });
    let finding = |order: Option<u32>, path: &str, message: String, hint: &str| {
        let line = order.and_then(|order| documents.line(order));
        Finding::new(name, line, path.to_owned(), message, hint.to_owned())
    };
    let mut warnings = Vec::new();
    if let Some(budget) = &file.budget_by_default_header {
        warnings.push(finding(
            Some(budget.order),
            &budget.path,
            "users are told apart by the header `x-user-id`, which whoever can connect may write".to_owned(),
            "say in `spec.identity` who is calling: API keys, virtual keys or tokens; or let what stands in front set the header",
        ));
    }
    for backend in
        file.routes.iter().flat_map(|route| &route.models).flat_map(|model| model.attempts.iter().flatten())
    {
        let provider = router.every_provider().map(|(_, provider)| provider);
        let mut provider = provider.filter(|provider| provider.name.as_str() == backend.name.value);
        if let (Some(url), Some(provider)) = (&backend.base_url, provider.next())
            && provider.base_url.scheme() == Scheme::Http
            && matches!(provider.auth, Auth::ApiKey(_))
            && !is_loopback(provider.base_url.host())
        {
            let message = format!("the key of `{}` goes over the network in the clear", backend.name.value);
            warnings.push(finding(Some(url.order), &url.path, message, "use `https://`"));
        }
    }
    let replicas = file.replicas.as_ref().filter(|given| given.value > 1);
    if let (Some(replicas), Some(budget), None) = (replicas, &file.own_budget, &file.shared_budget) {
        let message = format!(
            "each of {count} gateways keeps this budget for itself, and all together admit up to {count} times as much",
            count = replicas.value
        );
        let hint = if on_kubernetes {
            "run one with `replicas: 1`; each gets a part of the callers' requests, which no part of the budget can follow"
        } else {
            "add `sharedBudget`, which the rate limit service keeps for all of them"
        };
        warnings.push(finding(Some(budget.order), &budget.path, message, hint));
    }
    if let Some(given) = file.outlier_detection.as_ref().map(|given| &given.place)
        && router.fallback == Fallback::PriorityGroup
    {
        let message = "has an effect on providers with several addresses alone: each is a cluster of its own here, and nobody leaves out the only one".to_owned();
        let hint = "with `--envoy-version 1.39`, and on Kubernetes, a model is one cluster: requests then go to the fallback at once";
        warnings.push(finding(Some(given.order), &given.path, message, hint));
    }
    let jwks = router.identity.get("jwt").and_then(|jwt| jwt.get("jwks_from")?.get("cluster")?.as_str());
    if let Some(cluster) = jwks
        && (on_kubernetes || !router.every_provider().any(|(_, provider)| provider.name.as_str() == cluster))
    {
        let message = format!(
            "nothing that is rendered has a cluster `{cluster}`: until somebody adds it, no token is accepted"
        );
        let hint = "write the keys themselves into `jwks`, or add the cluster to what is rendered";
        warnings.push(finding(None, "spec.identity.jwt.jwks_from.cluster", message, hint));
    }
    if on_kubernetes {
        let all = kubernetes::ignored(file);
        warnings.extend(
            all.into_iter().map(|(order, path, message, hint)| finding(Some(order), &path, message, hint)),
        );
        if cluster.place.tls_secret.is_none() {
            let message =
                "the Gateway's listener has no TLS: prompts and callers' keys can be read on the way"
                    .to_owned();
            let hint = "set `spec.listener.tls.secretName`, or say `--tls-secret`";
            let given = file.listener.address.as_ref().map(|given| given.order);
            warnings.push(finding(given, "spec.listener.tls", message, hint));
        }
    } else if router.tls.is_none() && !router.listen.ip().is_loopback() {
        let given = file.listener.address.as_ref();
        warnings.push(finding(
            given.map(|given| given.order),
            "spec.listener.address",
            format!(
                "{} is served without TLS: prompts and callers' keys can be read on the way",
                router.listen
            ),
            "set `spec.listener.tls`, or listen on 127.0.0.1 behind something that has TLS",
        ));
    }
    warnings
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback() || address == Ipv4Addr::UNSPECIFIED)
}
